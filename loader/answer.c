// SPDX-License-Identifier: Apache-2.0
#include "loader/answer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/owned.h"
#include "loader/moment.h"

#define PATH "/metrics"

static bool wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd poll_fd = {.fd = fd, .events = events};
	int64_t left = deadline - moment_now().steady_ms;

	while (left > 0) {
		int ready = poll(&poll_fd, 1, (int)left);

		if (ready >= 0 || errno != EINTR)
			return ready > 0;
		left = deadline - moment_now().steady_ms;
	}
	return false;
}

static bool begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(text, with, strlen(with));
}

static bool is_number(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] < '0' || text[i] > '9') && text[i] != '.')
			return false;
	return len > 0;
}

// An address, or "localhost": what needs nobody's name server.
static bool is_here(const char *host, size_t len)
{
	const char *colon;

	while (len && (*host == ' ' || *host == '\t')) {
		host++;
		len--;
	}
	while (len && (host[len - 1] == ' ' || host[len - 1] == '\t'))
		len--;
	if (len && *host == '[')
		return true;
	colon = memchr(host, ':', len);
	len = colon ? (size_t)(colon - host) : len;
	return (len == 9 && !strncasecmp(host, "localhost", 9)) || is_number(host, len);
}

// None is for this machine too: no browser leaves it out.
static bool asks_here(const char *headers, size_t len)
{
	const char *end;

	while ((end = memmem(headers, len, "\r\n", 2))) {
		size_t line = (size_t)(end - headers);

		if (line >= 5 && !strncasecmp(headers, "Host:", 5) &&
		    !is_here(headers + 5, line - 5))
			return false;
		headers += line + 2;
		len -= line + 2;
	}
	return true;
}

enum answer_status answer_judge(const char *request, size_t len, bool *head)
{
	const char *end = memchr(request, '\r', len);
	size_t line = end ? (size_t)(end - request) : 0, path;
	const char *target;

	*head = begins(request, line, "HEAD ");
	target = memchr(request, ' ', line);
	if (!target || line < 10 || !begins(request + line - 9, 9, " HTTP/1.") ||
	    target + 1 > request + line - 9)
		return ANSWER_BAD;
	if (!asks_here(request + line, len - line))
		return ANSWER_ELSEWHERE;
	if (!*head && !begins(request, line, "GET "))
		return ANSWER_METHOD;
	target++;
	path = (size_t)(request + line - 9 - target);
	// A query changes nothing.
	if (memchr(target, '?', path))
		path = (size_t)((const char *)memchr(target, '?', path) - target);
	return path == strlen(PATH) && !memcmp(target, PATH, path) ? ANSWER_OK : ANSWER_NOT_FOUND;
}

int answer_read(int fd, enum answer_status *status, bool *head, struct fault *why)
{
	int64_t deadline = moment_now().steady_ms + ANSWER_SECONDS * 1000;
	char request[ANSWER_REQUEST_MAX];
	size_t len = 0;

	while (!memmem(request, len, "\r\n\r\n", 4)) {
		ssize_t got;

		if (len == sizeof(request))
			return fault_set(why, FAULT_NETWORK, "a request of more than %zu bytes",
					 sizeof(request));
		if (!wait_for(fd, POLLIN, deadline))
			return fault_set(why, FAULT_NETWORK, "no whole request within %d s",
					 ANSWER_SECONDS);
		got = read(fd, request + len, sizeof(request) - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return fault_set(why, FAULT_NETWORK, "the client closed the connection");
		len += (size_t)got;
	}
	*status = answer_judge(request, len, head);
	return 0;
}

static const char *reason_of(enum answer_status status)
{
	switch (status) {
	case ANSWER_OK:
		return "OK";
	case ANSWER_BAD:
		return "Bad Request";
	case ANSWER_NOT_FOUND:
		return "Not Found";
	case ANSWER_METHOD:
		return "Method Not Allowed";
	case ANSWER_ELSEWHERE:
		return "Misdirected Request";
	case ANSWER_FAILED:
		break;
	}
	return "Internal Server Error";
}

// What there is room for. To wait in write() for who takes nothing would be to wait past the deadline.
static ssize_t write_some(int fd, const void *data, size_t len)
{
	ssize_t put = send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	return put < 0 && errno == ENOTSOCK ? write(fd, data, len) : put;
}

static int write_all(int fd, const struct bytes *text, struct fault *why)
{
	int64_t deadline = moment_now().steady_ms + ANSWER_SECONDS * 1000;
	size_t done = 0;

	while (done < text->len) {
		ssize_t put;

		if (!wait_for(fd, POLLOUT, deadline))
			return fault_set(why, FAULT_NETWORK,
					 "the client did not read the answer within %d s",
					 ANSWER_SECONDS);
		put = write_some(fd, (const char *)text->data + done, text->len - done);
		if (put < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (put < 0)
			return fault_errno(why, FAULT_NETWORK, "the answer cannot be sent");
		done += (size_t)put;
	}
	return 0;
}

int answer_write(int fd, enum answer_status status, bool head, const struct bytes *body,
		 struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	size_t len = status == ANSWER_OK ? body->len : 0;

	if (bytes_format(
		    &text, why,
		    "HTTP/1.1 %d %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
		    "Content-Length: %zu\r\nCache-Control: no-store\r\n"
		    "X-Content-Type-Options: nosniff\r\n%sConnection: close\r\n\r\n",
		    status, reason_of(status), len,
		    status == ANSWER_METHOD ? "Allow: GET, HEAD\r\n" : ""))
		return -1;
	if (len && !head && bytes_append(&text, body->data, body->len, why))
		return -1;
	return write_all(fd, &text, why);
}
