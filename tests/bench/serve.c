// SPDX-License-Identifier: Apache-2.0
// The files below a directory over HTTP/1.1 on loopback, with connections that stay open: what a repository costs its
// clients when it is nothing but files.
//   serve DIR      prints "ADDR:PORT"; ends with its parent
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static int answer_head(int to, const char *status, long long len)
{
	return dprintf(to, "HTTP/1.1 %s\r\nContent-Length: %lld\r\n\r\n", status, len) < 0;
}

static int answer_file(int to, int dir, const char *path)
{
	int fd = strstr(path, "..") ? -1 : openat(dir, path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	off_t at = 0;
	int failed;

	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return answer_head(to, "404 Not Found", 0);
	}
	failed = answer_head(to, "200 OK", (long long)st.st_size);
	while (!failed && at < st.st_size)
		failed = sendfile(to, fd, &at, (size_t)(st.st_size - at)) <= 0;
	close(fd);
	return failed;
}

// One request after the other; nobody here sends the next before the answer.
static void serve(int connection, int dir)
{
	char request[8192], path[1025];
	size_t len = 0;

	for (;;) {
		ssize_t got = read(connection, request + len, sizeof(request) - 1 - len);

		if (got <= 0)
			return;
		len += (size_t)got;
		request[len] = '\0';
		if (!strstr(request, "\r\n\r\n"))
			continue;
		if (sscanf(request, "GET /%1024s", path) != 1 || answer_file(connection, dir, path))
			return;
		len = 0;
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
	int dir = argc == 2 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (dir < 0 || bind(listener, (struct sockaddr *)&address, len) || listen(listener, 64) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		return 1;
	printf("127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	for (;;) {
		int connection = accept(listener, NULL, NULL);

		if (connection < 0)
			continue;
		setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGTERM);
			serve(connection, dir);
			_exit(0);
		}
		close(connection);
	}
}
