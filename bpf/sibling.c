// SPDX-License-Identifier: Apache-2.0
#include "bpf/sibling.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/owned.h"

// Beside this file, as the kernel knows it: never from PATH or the environment.
static int find(const char *name, char *path, size_t room)
{
	ssize_t len = readlink("/proc/self/exe", path, room - 1);
	char *slash;

	if (len < 0)
		return -1;
	path[len] = '\0';
	slash = strrchr(path, '/');
	if (!slash || (size_t)(slash + 1 - path) + strlen(name) >= room)
		return -1;
	snprintf(slash + 1, room - (size_t)(slash + 1 - path), "%s", name);
	return 0;
}

// What it has to say is in its answer, also why it refuses.
static void run_child(const char *const *args, int fd)
{
	int silence = open("/dev/null", O_WRONLY);
	char path[PATH_MAX];

	if (find(args[0], path, sizeof(path)) || dup2(fd, STDIN_FILENO) < 0 ||
	    dup2(fd, STDOUT_FILENO) < 0 || dup2(silence, STDERR_FILENO) < 0)
		_exit(126);
	execv(path, (char *const *)(uintptr_t)args);
	_exit(errno == ENOENT ? 127 : 126);
}

int sibling_start(const char *const *args, struct sibling *out, struct fault *why)
{
	OWNED(drop_fd) int ours = -1;
	OWNED(drop_fd) int theirs = -1;
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return fault_errno(why, FAULT_OTHER, "cannot make a pair of sockets");
	ours = ends[0];
	theirs = ends[1];
	child = fork();
	if (child == 0)
		run_child(args, theirs);
	if (child < 0)
		return fault_errno(why, FAULT_OTHER, "cannot start %s", args[0]);
	*out = (struct sibling){.pid = child, .fd = HAND_OVER_FD(ours)};
	return 0;
}

// One that ended before it read everything is told by its status, not by a signal to us.
static int send_all(int fd, const struct bytes *input, struct fault *why)
{
	size_t sent = 0;

	while (sent < input->len) {
		ssize_t now = send(fd, input->data + sent, input->len - sent, MSG_NOSIGNAL);

		if (now < 0 && errno == EINTR)
			continue;
		if (now < 0 && (errno == EPIPE || errno == ECONNRESET))
			return 0;
		if (now < 0)
			return fault_errno(why, FAULT_OTHER, "cannot hand over a bundle");
		sent += (size_t)now;
	}
	return 0;
}

static int receive_all(int fd, size_t max, struct bytes *answer, struct fault *why)
{
	unsigned char piece[65536];
	ssize_t got;

	while ((got = read(fd, piece, sizeof(piece))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno == ECONNRESET)
			return 0;
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot take an answer");
		if (answer->len + (size_t)got > max)
			return fault_set(why, FAULT_TOO_LARGE, "an answer of more than %zu bytes",
					 max);
		if (bytes_append(answer, piece, (size_t)got, why))
			return -1;
	}
	return 0;
}

static int wait_for(pid_t child)
{
	int status = -1;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int sibling_ask(struct sibling *sibling, const struct bytes *input, size_t max,
		struct bytes *answer, int *status, struct fault *why)
{
	int failed = send_all(sibling->fd, input, why);

	shutdown(sibling->fd, SHUT_WR);
	failed = failed || receive_all(sibling->fd, max, answer, why);
	drop_fd(&sibling->fd);
	*status = wait_for(sibling->pid);
	sibling->pid = 0;
	return failed ? -1 : 0;
}

void sibling_drop(struct sibling *sibling)
{
	drop_fd(&sibling->fd);
	if (sibling->pid > 0)
		wait_for(sibling->pid);
	sibling->pid = 0;
}
