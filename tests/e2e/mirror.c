// SPDX-License-Identifier: Apache-2.0
// A mirror that an attacker runs: serves the files below a directory over HTTP on loopback, whatever they hold.
//   mirror DIR [MODE]     prints "ADDR:PORT"; ends after two minutes or with its parent
// /metadata/F is DIR/metadata/F; /targets/D/<sha256>.N is DIR/blobs/<sha256>. MODE "redirect" answers every
// request with a redirect to file:///etc/passwd, "endless" with a body that never ends, "drip" with one byte a second.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void answer_head(int to, const char *status, long long len)
{
	dprintf(to, "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %lld\r\n\r\n", status,
		len);
}

static void answer_file(int to, const char *dir, const char *path)
{
	char file[1024];
	const char *base = strrchr(path, '/') + 1;
	struct stat st;
	off_t at = 0;
	int fd;

	if (!strncmp(path, "/targets/", 9))
		snprintf(file, sizeof(file), "%s/blobs/%.64s", dir, base);
	else
		snprintf(file, sizeof(file), "%s%s", dir, path);
	fd = strstr(path, "..") ? -1 : open(file, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		answer_head(to, "404 Not Found", 0);
		return;
	}
	answer_head(to, "200 OK", (long long)st.st_size);
	while (at < st.st_size && sendfile(to, fd, &at, (size_t)(st.st_size - at)) > 0)
		;
	close(fd);
}

static void answer_flood(int to, unsigned pause_us, size_t len)
{
	static const char zeros[65536];

	dprintf(to, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
	while (write(to, zeros, len) > 0)
		usleep(pause_us);
}

static void serve(int connection, const char *dir, const char *mode)
{
	char request[4096], path[1024];
	ssize_t len = read(connection, request, sizeof(request) - 1);

	if (len <= 0)
		return;
	request[len] = '\0';
	if (sscanf(request, "%*7s %1000s", path) != 1 || path[0] != '/')
		return;
	if (!strcmp(mode, "redirect"))
		dprintf(connection, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
				    "Content-Length: 0\r\n\r\n");
	else if (!strcmp(mode, "endless"))
		answer_flood(connection, 0, 65536);
	else if (!strcmp(mode, "drip"))
		answer_flood(connection, 1000000, 1);
	else
		answer_file(connection, dir, path);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);

	if (argc < 2 || bind(listener, (struct sockaddr *)&address, len) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &len))
		return 1;
	printf("127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	// Its end comes with its parent; this is for one that got another parent, on the slowest machine.
	alarm(3600);
	for (;;) {
		int connection = accept(listener, NULL, NULL);

		if (connection >= 0 && fork() == 0) {
			close(listener);
			alarm(600);
			serve(connection, argv[1], argc > 2 ? argv[2] : "");
			shutdown(connection, SHUT_WR);
			_exit(0);
		}
		close(connection);
	}
}
