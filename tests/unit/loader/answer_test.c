// SPDX-License-Identifier: Apache-2.0
// What anybody on the machine may send to the port: a line of it counts, and nothing of it is believed.
#include "loader/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static enum answer_status judged(const char *line)
{
	char request[512];
	bool head;

	snprintf(request, sizeof(request), "%s\r\nHost: x\r\n\r\n", line);
	return answer_judge(request, strlen(request), &head);
}

static void one_path_is_there(void **state)
{
	bool head;

	(void)state;
	assert_int_equal(judged("GET /metrics HTTP/1.1"), ANSWER_OK);
	assert_int_equal(judged("GET /metrics?x=1 HTTP/1.0"), ANSWER_OK);
	assert_int_equal(judged("GET /metrics/ HTTP/1.1"), ANSWER_NOT_FOUND);
	assert_int_equal(judged("GET /metric HTTP/1.1"), ANSWER_NOT_FOUND);
	assert_int_equal(judged("GET / HTTP/1.1"), ANSWER_NOT_FOUND);
	assert_int_equal(judged("GET  HTTP/1.1"), ANSWER_NOT_FOUND);
	assert_int_equal(answer_judge("HEAD /metrics HTTP/1.1\r\n\r\n", 26, &head), ANSWER_OK);
	assert_true(head);
}

static void nothing_is_done_with_it(void **state)
{
	(void)state;
	assert_int_equal(judged("POST /metrics HTTP/1.1"), ANSWER_METHOD);
	assert_int_equal(judged("get /metrics HTTP/1.1"), ANSWER_METHOD);
}

static void what_is_no_request_is_told(void **state)
{
	static const char *const odd[] = {
		"",	    " ",	 "GET",	       "GET /metrics", "GET /metrics HTTP/2.0",
		"HTTP/1.1", " HTTP/1.1", "x HTTP/1.1", "GET HTTP/1.1", "\x01\x02\xff HTTP/1."};
	bool head;

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++)
		assert_int_not_equal(judged(odd[i]), ANSWER_OK);
	assert_int_equal(judged("GET /metrics"), ANSWER_BAD);
	assert_int_equal(answer_judge("\r\n\r\n", 4, &head), ANSWER_BAD);
	assert_int_equal(answer_judge("GET\0/metrics HTTP/1.1\r\n\r\n", 25, &head), ANSWER_BAD);
}

static void too_much_and_too_little_are_refused(void **state)
{
	static char much[ANSWER_REQUEST_MAX + 1];
	enum answer_status status;
	struct fault why = {0};
	int ends[2];
	bool head;

	(void)state;
	memset(much, 'a', sizeof(much));
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[0], much, sizeof(much)), sizeof(much));
	assert_int_equal(answer_read(ends[1], &status, &head, &why), -1);
	assert_int_equal(why.code, FAULT_NETWORK);
	assert_non_null(strstr(why.text, "more than"));
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	assert_int_equal(write(ends[0], "GET /metrics HTTP/1.1\r\n", 23), 23);
	shutdown(ends[0], SHUT_WR);
	assert_int_equal(answer_read(ends[1], &status, &head, &why), -1);
	assert_non_null(strstr(why.text, "gone"));
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_path_is_there),
		cmocka_unit_test(nothing_is_done_with_it),
		cmocka_unit_test(what_is_no_request_is_told),
		cmocka_unit_test(too_much_and_too_little_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
