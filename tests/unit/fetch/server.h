// SPDX-License-Identifier: Apache-2.0
// A server in a child of the test, on a raw loopback socket: it can say what no decent server would.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct server {
	pid_t pid;
	int listener;
	char url[64];
};

// Talks on one connection until it is done with it.
typedef void server_talk(int connection, void *ctx);

static inline void server_say(int connection, const char *text)
{
	size_t len = strlen(text), done = 0;

	while (done < len) {
		ssize_t sent = send(connection, text + done, len - done, MSG_NOSIGNAL);

		if (sent <= 0)
			return;
		done += (size_t)sent;
	}
}

// Reads one request head (and what came with it). Returns its length, 0 at the end of the connection.
static inline size_t server_hear(int connection, char *head, size_t room)
{
	size_t len = 0;

	head[0] = '\0';
	while (len + 1 < room && !strstr(head, "\r\n\r\n")) {
		ssize_t got = recv(connection, head + len, room - 1 - len, 0);

		if (got <= 0)
			return 0;
		len += (size_t)got;
		head[len] = '\0';
	}
	return len;
}

static inline void server_start(struct server *server, server_talk *talk, void *ctx)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);

	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(server->listener >= 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, len), 0);
	assert_int_equal(listen(server->listener, 16), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
	snprintf(server->url, sizeof(server->url), "http://127.0.0.1:%u", ntohs(address.sin_port));
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL); // also when the test dies on the way
	for (;;) {
		int connection = accept(server->listener, NULL, NULL);

		if (connection < 0)
			_exit(0);
		talk(connection, ctx);
		close(connection);
	}
}

static inline void server_stop(struct server *server)
{
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	close(server->listener);
}
