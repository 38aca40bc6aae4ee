// SPDX-License-Identifier: Apache-2.0
#include "repod/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/owned.h"

#define BACKLOG 4096
// The kernel hands a connection over when its first bytes are there: a third of the work of short connections, and a
// silent one costs us nothing for so long.
#define DEFER_S 5

static void drop_list(struct addrinfo **list)
{
	if (*list)
		freeaddrinfo(*list);
}

// "[::1]:8080" or "127.0.0.1:8080" in two parts.
static bool split(const char *address, char host[static 64], char port[static 8])
{
	const char *colon = strrchr(address, ':');
	size_t len = colon ? (size_t)(colon - address) : 0;

	if (len >= 2 && address[0] == '[' && address[len - 1] == ']') {
		address++;
		len -= 2;
	} else if (memchr(address, ':', len)) {
		return false;
	}
	if (!len || len >= 64 || !colon[1] || strlen(colon + 1) > 5 ||
	    colon[1 + strspn(colon + 1, "0123456789")])
		return false;
	memcpy(host, address, len);
	host[len] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return true;
}

static int open_socket(const struct addrinfo *at, const char *address, int *out, struct fault *why)
{
	OWNED(drop_fd)
	int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1, defer = DEFER_S;

	if (fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot make a socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &defer, sizeof(defer)))
		return fault_errno(why, FAULT_OTHER, "cannot set up a socket");
	if (bind(fd, at->ai_addr, at->ai_addrlen) || listen(fd, BACKLOG))
		return fault_errno(why, FAULT_CONFIG, "cannot listen on %s", address);
	*out = HAND_OVER_FD(fd);
	return 0;
}

static int tell_name(int fd, char name[static LISTENER_NAME_LEN], struct fault *why)
{
	struct sockaddr_storage address = {0};
	socklen_t len = sizeof(address);
	char host[64], port[8];

	if (getsockname(fd, (struct sockaddr *)&address, &len) ||
	    getnameinfo((struct sockaddr *)&address, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return fault_set(why, FAULT_OTHER, "cannot tell where we listen");
	snprintf(name, LISTENER_NAME_LEN, address.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host,
		 port);
	return 0;
}

int listener_open(const char *address, int *out, char name[static LISTENER_NAME_LEN],
		  struct fault *why)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
				       .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
	OWNED(drop_list) struct addrinfo *list = NULL;
	OWNED(drop_fd) int fd = -1;
	char host[64], port[8];

	if (!split(address, host, port) || strtoul(port, NULL, 10) > 65535 ||
	    getaddrinfo(host, port, &hints, &list)) {
		fault_set(why, FAULT_USAGE, "\"%.64s\" is no address and port", address);
		return fault_fix(why, "write 127.0.0.1:8080 or [::1]:8080");
	}
	if (open_socket(list, address, &fd, why) || tell_name(fd, name, why))
		return -1;
	*out = HAND_OVER_FD(fd);
	return 0;
}
