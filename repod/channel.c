// SPDX-License-Identifier: Apache-2.0
#include "repod/channel.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/owned.h"

struct head {
	uint32_t kind;
	uint32_t len;
};

// ---- messages ----

static int send_all(int fd, const void *data, size_t len, struct fault *why)
{
	const unsigned char *from = data;

	while (len) {
		// No SIGPIPE: a dead signer must end as a sentence, not as a signal.
		ssize_t put = send(fd, from, len, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return fault_errno(why, FAULT_OTHER, "a process of the server has ended");
		from += put;
		len -= (size_t)put;
	}
	return 0;
}

int channel_send(int fd, uint32_t kind, const void *data, size_t len, struct fault *why)
{
	const struct head head = {kind, (uint32_t)len};

	if (len > UINT32_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "a message has %zu bytes", len);
	if (send_all(fd, &head, sizeof(head), why))
		return -1;
	return send_all(fd, data, len, why);
}

// Returns how many bytes came before the end.
static int receive_all(int fd, void *data, size_t len, size_t *have, struct fault *why)
{
	unsigned char *to = data;

	*have = 0;
	while (*have < len) {
		ssize_t got = recv(fd, to + *have, len - *have, 0);

		if (got < 0 && errno == EINTR)
			continue;
		// A process that was killed with our message still unread gives a reset instead of an end.
		if (got < 0 && errno != ECONNRESET)
			return fault_errno(why, FAULT_OTHER,
					   "cannot read from a process of the server");
		if (got <= 0)
			return 0;
		*have += (size_t)got;
	}
	return 0;
}

int channel_receive(int fd, size_t max, uint32_t *kind, struct bytes *out, bool *open,
		    struct fault *why)
{
	OWNED(bytes_drop) struct bytes message = {0};
	unsigned char piece[65536];
	struct head head;
	size_t have;

	if (receive_all(fd, &head, sizeof(head), &have, why))
		return -1;
	*open = have > 0;
	if (!have)
		return 0;
	if (have < sizeof(head))
		return fault_set(why, FAULT_OTHER, "a message is cut short");
	if (head.len > max)
		return fault_set(why, FAULT_TOO_LARGE, "a message of %u bytes is larger than %zu",
				 head.len, max);
	for (size_t left = head.len; left; left -= have) {
		size_t want = left < sizeof(piece) ? left : sizeof(piece);

		if (receive_all(fd, piece, want, &have, why))
			return -1;
		if (have < want)
			return fault_set(why, FAULT_OTHER, "a message is cut short");
		if (bytes_append(&message, piece, have, why))
			return -1;
	}
	*kind = head.kind;
	bytes_move(out, &message);
	return 0;
}

int channel_refuse(int fd, const struct fault *refusal, struct fault *why)
{
	return channel_send(fd, CHANNEL_REFUSED, refusal, sizeof(*refusal), why);
}

static int take_refusal(const struct bytes *message, struct fault *why)
{
	if (message->len != sizeof(*why))
		return fault_set(why, FAULT_OTHER, "a refusal is cut short");
	memcpy(why, message->data, sizeof(*why));
	why->text[FAULT_TEXT_MAX - 1] = why->cause[FAULT_TEXT_MAX - 1] = '\0';
	why->where[FAULT_TEXT_MAX - 1] = why->fix[FAULT_TEXT_MAX - 1] = '\0';
	if (why->code <= FAULT_NONE || why->code >= FAULT_CODES)
		why->code = FAULT_OTHER;
	return -1;
}

int channel_ask(int fd, uint32_t kind, const void *data, size_t len, size_t max, struct bytes *out,
		struct fault *why)
{
	OWNED(bytes_drop) struct bytes message = {0};
	uint32_t answer = 0;
	bool open = false;

	if (max < sizeof(struct fault))
		max = sizeof(struct fault);
	if (channel_send(fd, kind, data, len, why) ||
	    channel_receive(fd, max, &answer, &message, &open, why))
		return -1;
	if (!open)
		return fault_set(why, FAULT_OTHER, "a process of the server has ended");
	if (answer == CHANNEL_REFUSED)
		return take_refusal(&message, why);
	if (answer != kind)
		return fault_set(why, FAULT_OTHER, "a process of the server answers nonsense");
	bytes_move(out, &message);
	return 0;
}

// ---- processes ----

static void run_child(const char *name, int fd, child_run *run, void *ctx, const int *shut)
	__attribute__((noreturn));

static void run_child(const char *name, int fd, child_run *run, void *ctx, const int *shut)
{
	struct fault why = {0};
	sigset_t none;

	for (; *shut >= 0; shut++)
		close(*shut);
	// A service manager signals the whole group: the parent decides when these end.
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (run(fd, ctx, &why)) {
		fault_within(&why, "the %s process ends", name);
		fault_print(&why, stderr);
		_exit(fault_exit_status(why.code));
	}
	_exit(0);
}

int child_start(const char *name, child_run *run, void *ctx, const int *shut, struct child *out,
		struct fault *why)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fault_errno(why, FAULT_OTHER, "cannot make a channel to the %s", name);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		run_child(name, ends[1], run, ctx, shut);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return fault_errno(why, FAULT_OTHER, "cannot start the %s", name);
	}
	*out = (struct child){name, pid, ends[0]};
	return 0;
}

void child_end(struct child *child)
{
	if (child->fd >= 0)
		close(child->fd);
	child->fd = -1;
	while (child->pid > 0 && waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
}
