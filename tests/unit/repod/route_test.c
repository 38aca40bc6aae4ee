// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/repod/world.h"

#include "keys/httpsig.h"
#include "repod/route.h"

struct desk {
	struct world *world;
	struct catalog *catalog;
	struct shelf *shelf;
	struct metrics metrics;
	struct route route;
};

static int desk_setup(void **state)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	struct fault why = {0};
	char path[128];
	void *world;

	assert_non_null(desk);
	assert_int_equal(world_setup(&world), 0);
	desk->world = world;
	world_publish_first(desk->world);
	snprintf(path, sizeof(path), "%s/" CATALOG_FILE, desk->world->state);
	assert_int_equal(catalog_open(path, false, &desk->catalog, &why), 0);
	assert_int_equal(shelf_new(1 << 20, &desk->shelf, &why), 0);
	desk->route = (struct route){desk->world->publish, desk->catalog, desk->shelf,
				     &desk->metrics, world_now};
	*state = desk;
	return 0;
}

static int desk_teardown(void **state)
{
	struct desk *desk = *state;
	void *world = desk->world;

	shelf_free(desk->shelf);
	catalog_drop(&desk->catalog);
	free(desk);
	return world_teardown(&world);
}

// The status of a request without a body.
static unsigned status_of(struct desk *desk, const char *method, const char *target)
{
	struct request request = {.method = method, .target = target};
	struct exchange *exchange = route_open(&desk->route, &request);
	unsigned status;

	assert_non_null(exchange);
	status = exchange_finish(exchange)->status;
	exchange_free(exchange);
	return status;
}

static void tricks_with_paths_are_refused(void **state)
{
	static const struct {
		const char *target;
		unsigned status;
	} cases[] = {
		{"/metadata/timestamp.json", 200},
		{"/metadata/1.root.json", 200},
		{"/metadata/1%2eroot.json", 200},
		{"/metadata/1.net.json", 200},
		{"/metadata/2.net.json", 404},
		{"/metadata/01.net.json", 404},
		{"/metadata/0.net.json", 404},
		{"/metadata/net.json", 404},
		{"/metadata/1.net.json/", 404},
		{"/metadata//1.net.json", 404},
		{"//metadata/1.net.json", 404},
		{"/metadata/..%2f1.net.json", 404},
		{"/metadata/1...%2fnet.json", 404},
		{"/metadata/../metadata/1.net.json", 400},
		{"/metadata/%2e%2e/1.net.json", 400},
		{"/metadata/%252e%252e", 404},
		{"/metadata/.", 400},
		{"/metadata/1.net.json%00", 400},
		{"/metadata/1.net.json%0a", 400},
		{"/metadata/1.net.json%", 400},
		{"/metadata/1.net.json%2", 400},
		{"/metadata/1.net.json%zz", 400},
		{"/metadata/a\\b", 400},
		{"/metadata/1.n\xc3\xa9t.json", 404},
		{"/metadata/1.n%c3%a9t.json", 404},
		{"/metadata/1.%aa.json", 400},
		{"/metadata/1.%ed%a0%80.json", 400},
		{"/metadata/1.\xff.json", 400},
		{"/metadata/1.net.json?x", 400},
		{"/metadata/1.net.json#x", 400},
		{"/Metadata/1.net.json", 404},
		{"/metadata", 404},
		{"/metadata/99999999999999999999.net.json", 404},
		{"/targets/..%2f..%2fetc%2fpasswd", 400},
		{"/targets/x", 404},
		{"/targets/net/count/1.0.0.bundle", 404},
		{"/", 404},
		{"", 400},
		{"*", 400},
		{"http://h/metadata/timestamp.json", 400},
		{"/api/v1/status", 200},
		{"/api/v1%2fstatus", 400},
		{"/api/v1/bundles?limit=5&after=x", 200},
		{"/api/v1/bundles?limit=0", 400},
		{"/api/v1/bundles?limit=1001", 400},
		{"/api/v1/bundles?limit=-1", 400},
		{"/api/v1/bundles?limit=5x", 400},
		{"/api/v1/bundles?nope=1", 400},
		{"/api/v1/bundles?after=%zz", 400},
		{"/api/v1/bundles?after='%20OR%201=1--", 200},
		{"/metrics", 200},
	};
	struct desk *desk = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (status_of(desk, "GET", cases[i].target) != cases[i].status)
			fail_msg("%s is not %u", cases[i].target, cases[i].status);
}

static void each_place_takes_its_methods_only(void **state)
{
	struct desk *desk = *state;

	assert_int_equal(status_of(desk, "DELETE", "/metadata/1.root.json"), 405);
	assert_int_equal(status_of(desk, "get", "/metadata/1.root.json"), 405);
	assert_int_equal(status_of(desk, "HEAD", "/metadata/1.root.json"), 200);
	assert_int_equal(status_of(desk, "GET", "/api/v1/metadata/net"), 405);
	assert_int_equal(status_of(desk, "POST", "/api/v1/status"), 405);
	assert_int_equal(status_of(desk, "PUT", "/api/v1/blobs/sha256/00"), 400);
	assert_int_equal(status_of(desk, "POST", "/api/v1/metadata/net"), 411);
}

static void a_known_etag_is_answered_with_304(void **state)
{
	struct desk *desk = *state;
	static const char *const targets[] = {"/metadata/timestamp.json", "/metadata/1.root.json"};

	for (size_t i = 0; i < 2; i++) {
		struct request request = {.method = "GET", .target = targets[i]};
		struct exchange *exchange = route_open(&desk->route, &request);
		char known[160];

		snprintf(known, sizeof(known), "\"x\", W/\"%s\"", exchange_finish(exchange)->etag);
		exchange_free(exchange);
		request.if_none_match = known;
		exchange = route_open(&desk->route, &request);
		assert_int_equal(exchange_finish(exchange)->status, 304);
		exchange_free(exchange);
		request.if_none_match = "\"other\"";
		exchange = route_open(&desk->route, &request);
		assert_int_equal(exchange_finish(exchange)->status, 200);
		exchange_free(exchange);
	}
}

static void a_body_that_can_be_cut_in_two_ways_ends_the_connection(void **state)
{
	struct desk *desk = *state;
	static const char *const odd[] = {
		"Content-Length5",     "Content-Length ", "X Y", "", "X:Y",
		"Transfer-Encoding\t", "content-lengthx"};
	struct request cases[] = {
		{.content_length = "5", .content_lengths = 2},
		{.content_length = "5", .content_lengths = 1, .has_transfer_encoding = true},
		{.has_transfer_encoding = true},
		{.content_length = "+5", .content_lengths = 1},
		{.content_length = "9999999999999999999999", .content_lengths = 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct exchange *exchange;

		cases[i].method = "PUT";
		cases[i].target = "/api/v1/blobs/sha256/00";
		exchange = route_open(&desk->route, &cases[i]);
		assert_true(exchange_finish(exchange)->close);
		assert_true(exchange_finish(exchange)->status == 400 ||
			    exchange_finish(exchange)->status == 411);
		assert_int_equal(exchange_expects(exchange), 0);
		exchange_free(exchange);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(*odd); i++) {
		struct request request = {.method = "GET", .target = "/metrics"};
		struct exchange *exchange;

		request_note(&request, "Host");
		request_note(&request, odd[i]);
		exchange = route_open(&desk->route, &request);
		assert_int_equal(exchange_finish(exchange)->status, 400);
		assert_true(exchange_finish(exchange)->close);
		exchange_free(exchange);
	}
}

// A signed request with a body, as a publisher sends it.
struct sent {
	const char *method, *target;
	const struct secret_key *key;
	const void *body;
	size_t len;
	const void *really; // NULL: `body` is what goes over the wire
	struct httpsig_headers headers;
	bool again; // with the headers of the last time
};

static unsigned send_signed(struct desk *desk, struct sent *sent)
{
	struct request request = {.method = sent->method, .target = sent->target};
	struct fault why = {0};
	struct exchange *exchange;
	struct sha256 digest;
	char length[24];
	unsigned status;

	assert_int_equal(sha256_of(sent->body, sent->len, &digest, &why), 0);
	if (!sent->again)
		assert_int_equal(httpsig_sign(sent->key, sent->method, sent->target, &digest,
					      world_clock, &sent->headers, &why),
				 0);
	snprintf(length, sizeof(length), "%zu", sent->len);
	request.content_length = length;
	request.content_lengths = 1;
	request.knock =
		(struct knock_headers){sent->headers.content_digest, sent->headers.signature_input,
				       sent->headers.signature};
	exchange = route_open(&desk->route, &request);
	assert_non_null(exchange);
	if (exchange_expects(exchange))
		exchange_add(exchange, sent->really ? sent->really : sent->body, sent->len);
	status = exchange_finish(exchange)->status;
	exchange_free(exchange);
	return status;
}

static void blob_target(const void *data, size_t len, char out[static 128])
{
	struct fault why = {0};
	struct sha256 digest;
	char hex[SHA256_HEX];

	assert_int_equal(sha256_of(data, len, &digest, &why), 0);
	sha256_hex(&digest, hex);
	snprintf(out, 128, "/api/v1/blobs/sha256/%s", hex);
}

static void an_upload_is_made_once_and_then_is_there(void **state)
{
	struct desk *desk = *state;
	struct sent sent = {.method = "PUT", .key = desk->world->net, .body = "data", .len = 4};
	char target[128];

	blob_target("data", 4, target);
	sent.target = target;
	assert_int_equal(status_of(desk, "HEAD", target), 404);
	assert_int_equal(send_signed(desk, &sent), 201);
	assert_int_equal(send_signed(desk, &sent), 200);
	assert_int_equal(status_of(desk, "HEAD", target), 200);
	assert_int_equal(desk->metrics.uploads, 1);
}

static void the_same_signed_request_is_not_heard_twice(void **state)
{
	struct desk *desk = *state;
	struct sent sent = {.method = "PUT", .key = desk->world->net, .body = "data", .len = 4};
	char target[128];

	blob_target("data", 4, target);
	sent.target = target;
	assert_int_equal(send_signed(desk, &sent), 201);
	sent.again = true;
	assert_int_equal(send_signed(desk, &sent), 401);
}

static void strangers_and_unsigned_requests_are_turned_away(void **state)
{
	struct desk *desk = *state;
	struct sent sent = {.method = "PUT", .key = desk->world->root, .body = "data", .len = 4};
	OWNED(secret_key_drop) struct secret_key *stranger = NULL;
	struct fault why = {0};
	char target[128];

	blob_target("data", 4, target);
	sent.target = target;
	// A root key may sign roots; it knocks for nothing.
	assert_int_equal(send_signed(desk, &sent), 403);
	assert_int_equal(secret_key_new(&stranger, &why), 0);
	sent.key = stranger;
	assert_int_equal(send_signed(desk, &sent), 403);
	sent.key = desk->world->online;
	assert_int_equal(send_signed(desk, &sent), 403);
	sent.again = true;
	memset(&sent.headers, 0, sizeof(sent.headers));
	assert_int_equal(send_signed(desk, &sent), 401);
	assert_int_equal(status_of(desk, "HEAD", target), 404);
	assert_int_equal(desk->metrics.knocks_refused, 4);
}

static void a_signature_for_another_time_method_or_path_is_refused(void **state)
{
	struct desk *desk = *state;
	struct sent sent = {.method = "PUT", .key = desk->world->net, .body = "data", .len = 4};
	char target[128], other[128];

	blob_target("data", 4, target);
	blob_target("others", 6, other);
	sent.target = target;
	world_clock = WORLD_NOW - HTTPSIG_WINDOW_S - 5;
	sent.again = false;
	{
		struct fault why = {0};
		struct sha256 digest;

		assert_int_equal(sha256_of("data", 4, &digest, &why), 0);
		assert_int_equal(httpsig_sign(sent.key, "PUT", target, &digest, world_clock,
					      &sent.headers, &why),
				 0);
	}
	world_clock = WORLD_NOW;
	sent.again = true;
	assert_int_equal(send_signed(desk, &sent), 401);
	sent.again = false;
	sent.target = other;
	assert_int_equal(send_signed(desk, &sent), 400); // the digest of another blob
}

static void bytes_that_were_not_signed_are_refused(void **state)
{
	struct desk *desk = *state;
	OWNED(bytes_drop) struct bytes net = {0}, forged = {0};
	struct sent blob = {.method = "PUT",
			    .key = desk->world->net,
			    .body = "data",
			    .len = 4,
			    .really = "dat!"};
	struct sent post = {
		.method = "POST", .target = "/api/v1/metadata/net", .key = desk->world->net};
	struct fault why = {0};
	char target[128];

	blob_target("data", 4, target);
	blob.target = target;
	assert_int_equal(send_signed(desk, &blob), 400);
	assert_int_equal(status_of(desk, "HEAD", target), 404);
	world_seal(world_net(2), desk->world->net, &net);
	assert_int_equal(bytes_append(&forged, net.data, net.len, &why), 0);
	forged.data[forged.len / 2] ^= 1;
	post.body = net.data;
	post.len = net.len;
	post.really = forged.data;
	assert_int_equal(send_signed(desk, &post), 400);
	assert_int_equal(world_role_version(desk->world, "net"), 1);
}

static void metadata_goes_through_the_statuses_it_should(void **state)
{
	struct desk *desk = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct sent post = {
		.method = "POST", .target = "/api/v1/metadata/net", .key = desk->world->net};

	world_seal(world_net(2), desk->world->net, &data);
	post.body = data.data;
	post.len = data.len;
	assert_int_equal(send_signed(desk, &post), 200);
	assert_int_equal(send_signed(desk, &post), 200);
	assert_int_equal(status_of(desk, "GET", "/metadata/2.net.json"), 200);
	world_seal(world_net(3), desk->world->targets, &data);
	post.body = data.data;
	post.len = data.len;
	assert_int_equal(send_signed(desk, &post), 422);
	world_seal(world_net(1), desk->world->targets, &data);
	post.body = data.data;
	post.len = data.len;
	assert_int_equal(send_signed(desk, &post), 409);
	post.body = "{}";
	post.len = 2;
	assert_int_equal(send_signed(desk, &post), 422);
	assert_int_equal(desk->metrics.commits, 1);
	assert_int_equal(desk->metrics.conflicts, 1);
	assert_int_equal(desk->metrics.refusals, 2);
}

static void bodies_past_the_cap_are_refused_before_they_are_read(void **state)
{
	struct desk *desk = *state;
	struct request request = {.method = "POST",
				  .target = "/api/v1/metadata/net",
				  .content_length = "5000001",
				  .content_lengths = 1};
	struct exchange *exchange = route_open(&desk->route, &request);

	assert_int_equal(exchange_finish(exchange)->status, 413);
	assert_int_equal(exchange_expects(exchange), 0);
	exchange_free(exchange);
}

static void a_target_is_served_by_its_digest_once_it_is_published(void **state)
{
	struct desk *desk = *state;
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *net = world_net(2);
	struct sha256 digest = world_blob(desk->world, "file!", 5);
	struct fault why = {0};
	char hex[SHA256_HEX], target[160];
	struct request request = {.method = "GET", .target = target};
	struct exchange *exchange;

	sha256_hex(&digest, hex);
	snprintf(target, sizeof(target), "/targets/net/a/%s.file", hex);
	assert_int_equal(status_of(desk, "GET", target), 404);
	world_list(net, "net/a/file", "file!", 5, NULL);
	world_seal(net, desk->world->net, &data);
	assert_int_equal(world_submit(desk->world, "net", &data, &why), PUBLISH_DONE);
	exchange = route_open(&desk->route, &request);
	assert_int_equal(exchange_finish(exchange)->status, 200);
	assert_string_equal(bytes_text(shelf_bytes(exchange_finish(exchange)->item)), "file!");
	exchange_free(exchange);
	snprintf(target, sizeof(target), "/targets/net/b/%s.file", hex);
	assert_int_equal(status_of(desk, "GET", target), 404);
}

#define DESK_TEST(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		DESK_TEST(tricks_with_paths_are_refused),
		DESK_TEST(each_place_takes_its_methods_only),
		DESK_TEST(a_known_etag_is_answered_with_304),
		DESK_TEST(a_body_that_can_be_cut_in_two_ways_ends_the_connection),
		DESK_TEST(an_upload_is_made_once_and_then_is_there),
		DESK_TEST(the_same_signed_request_is_not_heard_twice),
		DESK_TEST(strangers_and_unsigned_requests_are_turned_away),
		DESK_TEST(a_signature_for_another_time_method_or_path_is_refused),
		DESK_TEST(bytes_that_were_not_signed_are_refused),
		DESK_TEST(metadata_goes_through_the_statuses_it_should),
		DESK_TEST(bodies_past_the_cap_are_refused_before_they_are_read),
		DESK_TEST(a_target_is_served_by_its_digest_once_it_is_published),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
