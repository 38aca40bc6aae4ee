// SPDX-License-Identifier: Apache-2.0
#include "base/worker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"

// What comes back through the pipe: this head, then `len` bytes. A refusal carries the fault in the head.
struct answer_head {
	uint64_t len;
	int32_t result;
	struct fault why;
};

// ---- in the child ----

static int limit(int resource, rlim_t value)
{
	const struct rlimit both = {value, value};

	return setrlimit((__rlimit_resource_t)resource, &both);
}

// Nothing but memory and the pipe is left after this.
static int shut(int pipe_fd, const struct worker_limits *limits, struct fault *why)
{
	if (pipe_fd > 3 && close_range(3, (unsigned)pipe_fd - 1, 0))
		return fault_errno(why, FAULT_OTHER, "cannot close descriptors");
	if (close_range((unsigned)pipe_fd + 1, ~0U, 0))
		return fault_errno(why, FAULT_OTHER, "cannot close descriptors");
	close(0);
	close(1);
	if (limit(RLIMIT_CPU, limits->seconds_max) || limit(RLIMIT_FSIZE, 0) ||
	    limit(RLIMIT_NPROC, 0))
		return fault_errno(why, FAULT_OTHER, "cannot limit a worker");
#ifndef __SANITIZE_ADDRESS__
	// The address sanitizer reserves terabytes of address space.
	if (limit(RLIMIT_AS, limits->memory_max))
		return fault_errno(why, FAULT_OTHER, "cannot limit a worker's memory");
#endif
	return jail_syscalls(JAIL_PURE, why);
}

static void run_child(int pipe_fd, worker_job *job, const void *input, size_t input_len,
		      const struct worker_limits *limits)
{
	struct answer_head head = {0};
	struct bytes output = {0};
	struct fault ignored = {0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	// The parent's handlers are code that expects the parent's state.
	for (int number = 1; number < NSIG; number++)
		signal(number, SIG_DFL);
	head.result = shut(pipe_fd, limits, &head.why);
	if (head.result == 0)
		head.result = job(input, input_len, &output, &head.why);
	head.len = head.result == 0 ? output.len : 0;
	if (file_write_all(pipe_fd, &head, sizeof(head), &ignored) ||
	    file_write_all(pipe_fd, output.data, head.len, &ignored))
		_exit(1);
	_exit(0);
}

// ---- in the parent ----

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// Reads until the end of the pipe, the cap, or the deadline; behind that still what is there: an answer that came in time is
// one, however late it is asked for.
static int collect(int fd, size_t cap, int64_t deadline_ms, struct bytes *all, struct fault *why)
{
	unsigned char piece[65536];

	for (;;) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		int64_t left = deadline_ms - monotonic_ms();
		ssize_t got;

		if (poll(&wait, 1, left > 0 ? (int)left : 0) < 0 && errno != EINTR)
			return fault_errno(why, FAULT_OTHER, "cannot wait for a worker");
		if (!wait.revents && left <= 0)
			return fault_set(why, FAULT_FORMAT, "reading it took too long");
		if (!wait.revents)
			continue;
		got = read(fd, piece, sizeof(piece));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot read from a worker");
		if (got == 0)
			return 0;
		if (all->len + (size_t)got > cap)
			return fault_set(why, FAULT_FORMAT, "it unpacks to more than is allowed");
		if (bytes_append(all, piece, (size_t)got, why))
			return -1;
	}
}

static int decode(struct bytes *all, int status, struct bytes *output, struct fault *why)
{
	struct answer_head head;

	if (!WIFEXITED(status) || WEXITSTATUS(status) || all->len < sizeof(head))
		return fault_set(why, FAULT_FORMAT,
				 "reading it killed the confined process (%s %d)",
				 WIFSIGNALED(status) ? "signal" : "status",
				 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	memcpy(&head, all->data, sizeof(head));
	if (head.result) {
		*why = head.why;
		// The child is not trusted to end its texts or to know its codes.
		why->text[FAULT_TEXT_MAX - 1] = why->cause[FAULT_TEXT_MAX - 1] = '\0';
		why->where[FAULT_TEXT_MAX - 1] = why->fix[FAULT_TEXT_MAX - 1] = '\0';
		if (why->code <= FAULT_NONE || why->code >= FAULT_CODES)
			why->code = FAULT_FORMAT;
		return -1;
	}
	if (head.len != all->len - sizeof(head))
		return fault_set(why, FAULT_FORMAT, "a worker's answer is cut short");
	return bytes_append(output, all->data + sizeof(head), (size_t)head.len, why);
}

int worker_reap(pid_t child)
{
	int status = -1;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return status;
}

int worker_start(worker_job *job, const void *input, size_t input_len,
		 const struct worker_limits *limits, struct worker *out, struct fault *why)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC))
		return fault_errno(why, FAULT_OTHER, "cannot make a pipe");
	child = fork();
	if (child == 0)
		run_child(ends[1], job, input, input_len, limits);
	close(ends[1]);
	if (child < 0) {
		close(ends[0]);
		return fault_errno(why, FAULT_OTHER, "cannot start a worker");
	}
	*out = (struct worker){.pid = child,
			       .fd = ends[0],
			       .deadline_ms = monotonic_ms() + (int64_t)limits->seconds_max * 1000,
			       .output_max = limits->output_max};
	return 0;
}

bool worker_is_over(const struct worker *worker)
{
	struct pollfd ask = {.fd = worker->fd, .events = POLLIN};

	return poll(&ask, 1, 0) > 0 && (ask.revents & (POLLHUP | POLLERR | POLLNVAL));
}

void worker_drop(struct worker *worker)
{
	if (worker->pid) {
		kill(worker->pid, SIGKILL);
		(void)worker_reap(worker->pid);
	}
	drop_fd(&worker->fd);
	worker->pid = 0;
}

int worker_finish(struct worker *worker, struct bytes *output, struct fault *why)
{
	OWNED(bytes_drop) struct bytes all = {0};
	int status;

	if (collect(worker->fd, worker->output_max + sizeof(struct answer_head),
		    worker->deadline_ms, &all, why)) {
		worker_drop(worker);
		return -1;
	}
	status = worker_reap(worker->pid);
	worker->pid = 0;
	drop_fd(&worker->fd);
	return decode(&all, status, output, why);
}

int worker_run(worker_job *job, const void *input, size_t input_len,
	       const struct worker_limits *limits, struct bytes *output, struct fault *why)
{
	struct worker worker = WORKER_NONE;

	if (worker_start(job, input, input_len, limits, &worker, why))
		return -1;
	return worker_finish(&worker, output, why);
}
