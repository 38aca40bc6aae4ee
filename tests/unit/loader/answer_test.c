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

#include "base/owned.h"

static enum answer_status judged(const char *line)
{
	char request[512];
	bool head;

	snprintf(request, sizeof(request), "%s\r\nHost: localhost\r\n\r\n", line);
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

static enum answer_status asked_of(const char *header)
{
	char request[512];
	bool head;

	snprintf(request, sizeof(request), "GET /metrics HTTP/1.1\r\nAccept: */*\r\n%s\r\n\r\n",
		 header);
	return answer_judge(request, strlen(request), &head);
}

// A page in a browser of this machine whose name points here asks for its own name, and would be given the answer to read.
static void who_asks_for_another_machine_gets_nothing(void **state)
{
	static const char *const here[] = {"Host: 127.0.0.1:9469", "Host: localhost:9469",
					   "host:LocalHost",	   "Host: [::1]:9469",
					   "Host:\t10.1.2.3 ",	   "X-Host: evil.example",
					   "Accept-Language: en"};
	static const char *const elsewhere[] = {"Host: evil.example:9469",
						"HOST:evil.example",
						"Host: localhost.evil.example",
						"Host: 127.0.0.1.example",
						"Host: localhos",
						"Host:",
						"Host: :9469",
						"Host: a\r\nHost: localhost",
						"Host: localhost\r\nhost: a"};

	(void)state;
	for (size_t i = 0; i < sizeof(here) / sizeof(*here); i++)
		if (asked_of(here[i]) != ANSWER_OK)
			fail_msg("%s is refused", here[i]);
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(*elsewhere); i++)
		if (asked_of(elsewhere[i]) != ANSWER_ELSEWHERE)
			fail_msg("%s is answered", elsewhere[i]);
}

// More than any socket holds, to somebody who takes nothing. A writer who waits for him is ended by the alarm.
static void who_takes_no_answer_is_not_waited_for(void **state)
{
	OWNED(bytes_drop) struct bytes body = {0};
	static char much[1 << 20];
	struct fault why = {0};
	int ends[2];

	(void)state;
	for (int i = 0; i < 8; i++)
		assert_int_equal(bytes_append(&body, much, sizeof(much), &why), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	alarm(120);
	assert_int_equal(answer_write(ends[1], ANSWER_OK, false, &body, &why), -1);
	alarm(0);
	assert_int_equal(why.code, FAULT_NETWORK);
	assert_non_null(strstr(why.text, "the client did not read the answer"));
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
		cmocka_unit_test(who_asks_for_another_machine_gets_nothing),
		cmocka_unit_test(who_takes_no_answer_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
