// SPDX-License-Identifier: Apache-2.0
#include "fetch/download.h"

#include "tests/unit/fetch/server.h"

#include <sys/stat.h>
#include <time.h>

#include "base/owned.h"

static void talk_text(int connection, void *ctx)
{
	char head[8192];

	if (server_hear(connection, head, sizeof(head)))
		server_say(connection, ctx);
}

struct world {
	struct server server;
	struct download *download;
	struct bytes out;
	struct fault why;
};

static void world_start(struct world *world, server_talk *talk, const char *text,
			const struct download_limits *limits)
{
	const struct download_limits usual = download_limits_default();

	*world = (struct world){0};
	server_start(&world->server, talk, (void *)(uintptr_t)text);
	assert_int_equal(download_new(world->server.url, NULL, limits ? limits : &usual,
				      &world->download, &world->why),
			 0);
}

static void world_end(struct world *world)
{
	download_free(world->download);
	bytes_drop(&world->out);
	server_stop(&world->server);
}

static void expect_get(const char *answer, size_t max, enum fault_code code, const char *body)
{
	struct world world;
	int rc;

	world_start(&world, talk_text, answer, NULL);
	rc = download_get(world.download, "file", max, &world.out, &world.why);
	assert_int_equal(rc, code == FAULT_NONE ? 0 : -1);
	assert_int_equal(world.why.code, code);
	assert_string_equal(bytes_text(&world.out), body);
	world_end(&world);
}

static void a_body_of_exactly_the_cap_comes_whole(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello", 5,
		   FAULT_NONE, "hello");
}

static void an_announced_length_past_the_cap_is_refused(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello!", 5,
		   FAULT_TOO_LARGE, "");
}

static void a_body_of_unknown_length_stops_at_the_cap(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello!", 5, FAULT_TOO_LARGE, "");
	expect_get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
		   "6\r\nhello!\r\n0\r\n\r\n",
		   5, FAULT_TOO_LARGE, "");
}

static void talk_for_ever(int connection, void *ctx)
{
	char head[8192], block[4096];
	bool headers = !strcmp(ctx, "headers");

	if (!server_hear(connection, head, sizeof(head)))
		return;
	memset(block, 'x', sizeof(block));
	memcpy(block, "X-Y: ", 5);
	memcpy(block + 1000, "\r\n", 3);
	server_say(connection, headers ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 200 OK\r\n\r\n");
	while (send(connection, block, headers ? 1002 : sizeof(block), MSG_NOSIGNAL) > 0)
		;
}

static void an_endless_body_ends_at_the_cap(void **state)
{
	struct world world;

	(void)state;
	world_start(&world, talk_for_ever, "body", NULL);
	assert_int_equal(download_get(world.download, "f", 100000, &world.out, &world.why), -1);
	assert_int_equal(world.why.code, FAULT_TOO_LARGE);
	assert_int_equal(world.out.len, 0);
	world_end(&world);
}

static void endless_headers_end_at_their_cap(void **state)
{
	struct world world;

	(void)state;
	world_start(&world, talk_for_ever, "headers", NULL);
	assert_int_equal(download_get(world.download, "f", 100000, &world.out, &world.why), -1);
	assert_int_equal(world.why.code, FAULT_NETWORK);
	assert_non_null(strstr(world.why.text, "headers"));
	world_end(&world);
}

static void a_redirect_is_not_followed(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n"
		   "Connection: close\r\n\r\n",
		   100000, FAULT_NETWORK, "");
	expect_get("HTTP/1.1 301 Moved\r\nLocation: /file\r\nContent-Length: 0\r\n"
		   "Connection: close\r\n\r\n",
		   100000, FAULT_NETWORK, "");
}

static void only_status_200_is_a_file(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 404 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", 100,
		   FAULT_NOT_FOUND, "");
	expect_get("HTTP/1.1 403 No\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno", 100,
		   FAULT_NOT_FOUND, "");
	expect_get("HTTP/1.1 500 Oh\r\nContent-Length: 2\r\nConnection: close\r\n\r\noh", 100,
		   FAULT_NETWORK, "");
	expect_get("HTTP/1.1 206 Part\r\nContent-Length: 2\r\nConnection: close\r\n\r\npa", 100,
		   FAULT_NETWORK, "");
	expect_get("HTTP/1.1 304 Same\r\nConnection: close\r\n\r\n", 100, FAULT_NETWORK, "");
}

static void an_error_page_past_the_cap_is_still_that_error(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 404 No\r\nContent-Length: 6\r\nConnection: close\r\n\r\nabsent", 5,
		   FAULT_NOT_FOUND, "");
}

static void a_truncated_body_is_refused(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhello", 9,
		   FAULT_NETWORK, "");
}

static void an_answer_without_a_head_is_refused(void **state)
{
	(void)state;
	expect_get("hello", 9, FAULT_NETWORK, "");
}

static void an_encoded_body_is_left_as_it_is(void **state)
{
	(void)state;
	expect_get("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n"
		   "Connection: close\r\n\r\nhello",
		   9, FAULT_NONE, "hello");
}

static void talk_slowly(int connection, void *ctx)
{
	char head[8192];

	(void)ctx;
	if (!server_hear(connection, head, sizeof(head)))
		return;
	server_say(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
	for (int i = 0; i < 1000; i++) {
		struct timespec nap = {.tv_nsec = 50000000};

		if (send(connection, "x", 1, MSG_NOSIGNAL) < 1)
			return;
		nanosleep(&nap, NULL);
	}
}

static void a_drip_ends_at_the_deadline(void **state)
{
	struct download_limits limits = download_limits_default();
	struct world world;

	(void)state;
	limits.base_ms = 300;
	world_start(&world, talk_slowly, "", &limits);
	assert_int_equal(download_get(world.download, "f", 1000, &world.out, &world.why), -1);
	assert_int_equal(world.why.code, FAULT_NETWORK);
	assert_int_equal(world.out.len, 0);
	world_end(&world);
}

static void a_drip_ends_at_the_least_rate(void **state)
{
	struct download_limits limits = download_limits_default();
	struct world world;

	(void)state;
	limits.rate_window_s = 1;
	world_start(&world, talk_slowly, "", &limits);
	assert_int_equal(download_get(world.download, "f", 1000, &world.out, &world.why), -1);
	assert_int_equal(world.why.code, FAULT_NETWORK);
	assert_non_null(strstr(world.why.text, "slow"));
	world_end(&world);
}

static void all_requests_together_have_a_budget(void **state)
{
	struct download_limits limits = download_limits_default();
	struct world world;

	(void)state;
	limits.budget_ms = 300;
	world_start(&world, talk_slowly, "", &limits);
	assert_int_equal(download_get(world.download, "f", 1000, &world.out, &world.why), -1);
	assert_int_equal(world.why.code, FAULT_NETWORK);
	// A timer may ring a moment early and leave a millisecond or two for another try.
	for (int i = 0; i < 5 && !strstr(world.why.text, "used up"); i++) {
		fault_clear(&world.why);
		assert_int_equal(download_get(world.download, "f", 1000, &world.out, &world.why),
				 -1);
		assert_int_equal(world.why.code, FAULT_NETWORK);
	}
	assert_non_null(strstr(world.why.text, "used up"));
	world_end(&world);
}

static bool always(void)
{
	return true;
}

static void a_stop_ends_a_transfer(void **state)
{
	struct download_limits limits = download_limits_default();
	struct world world;

	(void)state;
	limits.stopped = always;
	world_start(&world, talk_slowly, "", &limits);
	assert_int_equal(download_get(world.download, "f", 1000, &world.out, &world.why), -1);
	assert_int_equal(world.why.code, FAULT_NETWORK);
	assert_non_null(strstr(world.why.text, "stop"));
	world_end(&world);
}

// Answers each request with how many were heard on this connection.
static void talk_and_count(int connection, void *ctx)
{
	char head[8192], answer[128];

	(void)ctx;
	for (int i = 1; server_hear(connection, head, sizeof(head)); i++) {
		snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d",
			 i);
		server_say(connection, answer);
	}
}

static void one_connection_serves_many_requests(void **state)
{
	struct world world;

	(void)state;
	world_start(&world, talk_and_count, "", NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(download_get(world.download, "f", 10, &world.out, &world.why), 0);
	assert_string_equal(bytes_text(&world.out), "123");
	world_end(&world);
}

static void talk_echo(int connection, void *ctx)
{
	char head[8192], answer[16384];
	size_t len = server_hear(connection, head, sizeof(head));

	(void)ctx;
	if (!len)
		return;
	snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n%s", head);
	server_say(connection, answer);
}

static void the_environment_names_no_proxy(void **state)
{
	struct world world;

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
	world_start(&world, talk_echo, "", NULL);
	assert_int_equal(download_get(world.download, "a/b", 8000, &world.out, &world.why), 0);
	assert_non_null(strstr(bytes_text(&world.out), "GET /a/b HTTP/1.1\r\n"));
	assert_null(strcasestr(bytes_text(&world.out), "accept-encoding"));
	assert_null(strcasestr(bytes_text(&world.out), "cookie"));
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	world_end(&world);
}

static void a_request_carries_its_body_and_headers(void **state)
{
	static const char *const headers[] = {"X-One: 1", NULL};
	struct download_request request = {.method = "PUT",
					   .path = "up",
					   .headers = headers,
					   .body = "body",
					   .body_len = 4,
					   .max = 8000};
	OWNED(download_answer_drop) struct download_answer answer = {0};
	struct world world;

	(void)state;
	world_start(&world, talk_echo, "", NULL);
	assert_int_equal(download_ask(world.download, &request, &answer, &world.why), 0);
	assert_int_equal(answer.status, 200);
	assert_non_null(strstr(bytes_text(&answer.body), "PUT /up HTTP/1.1\r\n"));
	assert_non_null(strstr(bytes_text(&answer.body), "X-One: 1\r\n"));
	assert_non_null(strstr(bytes_text(&answer.body), "Content-Length: 4\r\n"));
	world_end(&world);
}

static void a_head_may_announce_any_length(void **state)
{
	struct download_request request = {.method = "HEAD", .path = "blob", .max = 10};
	OWNED(download_answer_drop) struct download_answer answer = {0};
	struct world world;

	(void)state;
	world_start(&world, talk_text,
		    "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\nConnection: close\r\n\r\n",
		    NULL);
	assert_int_equal(download_ask(world.download, &request, &answer, &world.why), 0);
	assert_int_equal(answer.status, 200);
	assert_int_equal(answer.body.len, 0);
	world_end(&world);
}

static void plain_http_leaves_this_machine_for_nobody(void **state)
{
	const struct download_limits limits = download_limits_default();
	struct download *download = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(download_new("http://repo.example", NULL, &limits, &download, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_int_equal(download_new("file:///etc", NULL, &limits, &download, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_null(download);
}

static void a_base_is_taken_with_and_without_a_slash(void **state)
{
	const struct download_limits limits = download_limits_default();
	OWNED(download_drop) struct download *with = NULL;
	OWNED(download_drop) struct download *without = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(download_new("https://repo.example/a/", NULL, &limits, &with, &why), 0);
	assert_int_equal(download_new("https://repo.example", NULL, &limits, &without, &why), 0);
	assert_string_equal(download_base(with), "https://repo.example/a/");
	assert_string_equal(download_base_path(with), "/a");
	assert_string_equal(download_base(without), "https://repo.example/");
	assert_string_equal(download_base_path(without), "");
}

static void a_dead_port_is_a_network_fault(void **state)
{
	struct world world;

	(void)state;
	world_start(&world, talk_text, "", NULL);
	server_stop(&world.server);
	assert_int_equal(download_get(world.download, "f", 10, &world.out, &world.why), -1);
	assert_int_equal(world.why.code, FAULT_NETWORK);
	download_free(world.download);
}

static void a_directory_is_hashed_when_a_hash_names_a_certificate(void **state)
{
	static const char *const others[] = {"ca-certificates.crt", "0123456.0",  "012345678.0",
					     "0123456g.0",	    "01234567.1", "01234567.0.pem"};
	char dir[] = "/tmp/download_test.XXXXXX", path[64];

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_false(download_is_hashed(dir));
	for (size_t i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, others[i]);
		assert_int_equal(mkdir(path, 0755), 0);
	}
	assert_false(download_is_hashed(dir));
	snprintf(path, sizeof(path), "%s/0a1b2c3d.0", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	assert_true(download_is_hashed(dir));
	rmdir(path);
	for (size_t i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, others[i]);
		rmdir(path);
	}
	assert_int_equal(rmdir(dir), 0);
	assert_false(download_is_hashed(dir));
}

static void a_path_is_quoted_segment_by_segment(void **state)
{
	OWNED(bytes_drop) struct bytes out = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(download_quote("net/a b/%#?.\xc3\xa9~", &out, &why), 0);
	assert_string_equal(bytes_text(&out), "net/a%20b/%25%23%3F.%C3%A9~");
}

static void a_path_that_climbs_is_refused(void **state)
{
	static const char *const odd[] = {"../x", "a/../b", "/etc", "a//b", "a/.", "", "a/"};

	(void)state;
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		OWNED(bytes_drop) struct bytes out = {0};
		struct fault why = {0};

		assert_int_equal(download_quote(odd[i], &out, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_body_of_exactly_the_cap_comes_whole),
		cmocka_unit_test(an_announced_length_past_the_cap_is_refused),
		cmocka_unit_test(a_body_of_unknown_length_stops_at_the_cap),
		cmocka_unit_test(an_endless_body_ends_at_the_cap),
		cmocka_unit_test(endless_headers_end_at_their_cap),
		cmocka_unit_test(a_redirect_is_not_followed),
		cmocka_unit_test(only_status_200_is_a_file),
		cmocka_unit_test(an_error_page_past_the_cap_is_still_that_error),
		cmocka_unit_test(a_truncated_body_is_refused),
		cmocka_unit_test(an_answer_without_a_head_is_refused),
		cmocka_unit_test(an_encoded_body_is_left_as_it_is),
		cmocka_unit_test(a_drip_ends_at_the_deadline),
		cmocka_unit_test(a_drip_ends_at_the_least_rate),
		cmocka_unit_test(all_requests_together_have_a_budget),
		cmocka_unit_test(a_stop_ends_a_transfer),
		cmocka_unit_test(one_connection_serves_many_requests),
		cmocka_unit_test(the_environment_names_no_proxy),
		cmocka_unit_test(a_request_carries_its_body_and_headers),
		cmocka_unit_test(a_head_may_announce_any_length),
		cmocka_unit_test(plain_http_leaves_this_machine_for_nobody),
		cmocka_unit_test(a_base_is_taken_with_and_without_a_slash),
		cmocka_unit_test(a_dead_port_is_a_network_fault),
		cmocka_unit_test(a_directory_is_hashed_when_a_hash_names_a_certificate),
		cmocka_unit_test(a_path_is_quoted_segment_by_segment),
		cmocka_unit_test(a_path_that_climbs_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
