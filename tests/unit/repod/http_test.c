// SPDX-License-Identifier: Apache-2.0
#include "base/owned.h"
#include "tests/unit/repod/world.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "keys/httpsig.h"
#include "repod/http.h"
#include "repod/listener.h"

#define PATIENCE_MS 60000

struct house {
	struct world *world;
	struct catalog *catalog;
	struct shelf *shelf;
	struct metrics metrics;
	struct route route;
	struct http *http;
	uint16_t port;
};

static int house_setup(void **state)
{
	struct house *house = calloc(1, sizeof(*house));
	char path[128], name[LISTENER_NAME_LEN];
	struct http_setup setup = {0};
	struct fault why = {0};
	void *world;

	assert_non_null(house);
	assert_int_equal(world_setup(&world), 0);
	house->world = world;
	world_publish_first(house->world);
	snprintf(path, sizeof(path), "%s/" CATALOG_FILE, house->world->state);
	assert_int_equal(catalog_open(path, false, &house->catalog, &why), 0);
	assert_int_equal(shelf_new(1 << 20, &house->shelf, &why), 0);
	house->route = (struct route){house->world->publish, house->catalog, house->shelf,
				      &house->metrics, world_now};
	assert_int_equal(listener_open("127.0.0.1:0", &setup.listener, name, &why), 0);
	house->port = (uint16_t)atoi(strrchr(name, ':') + 1);
	setup.route = &house->route;
	setup.metrics = &house->metrics;
	setup.connections_max = 16;
	setup.per_address_max = 8;
	assert_int_equal(http_start(&setup, &house->http, &why), 0);
	*state = house;
	return 0;
}

static int house_teardown(void **state)
{
	struct house *house = *state;
	void *world = house->world;

	http_stop(house->http);
	shelf_free(house->shelf);
	catalog_drop(&house->catalog);
	free(house);
	return world_teardown(&world);
}

static int connect_to(const struct house *house)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(house->port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	return fd;
}

// Sends bytes and reads until the server closes, which is waited for as long as it may take; NUL behind.
static bool talk(const struct house *house, const void *data, size_t len, char *out, size_t room)
{
	OWNED(drop_fd) int fd = connect_to(house);
	size_t have = 0;
	bool closed = false;

	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
	while (!closed && have + 1 < room) {
		struct pollfd wait = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&wait, 1, PATIENCE_MS) <= 0)
			break;
		got = recv(fd, out + have, room - have - 1, 0);
		closed = got <= 0;
		have += got > 0 ? (size_t)got : 0;
	}
	out[have] = '\0';
	return closed;
}

static bool ask(const struct house *house, const char *text, char *out, size_t room)
{
	return talk(house, text, strlen(text), out, room);
}

static void a_file_is_served_with_its_etag_and_304_has_no_body(void **state)
{
	struct house *house = *state;
	char answer[8192], request[512], etag[80] = "";
	const char *at;

	ask(house, "GET /metadata/timestamp.json HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
	    answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 200 "));
	assert_non_null(strstr(answer, "\r\n\r\n{"));
	assert_non_null(strstr(answer, "Cache-Control: no-cache\r\n"));
	at = strstr(answer, "ETag: ");
	assert_non_null(at);
	assert_int_equal(sscanf(at, "ETag: %79s", etag), 1);
	snprintf(request, sizeof(request),
		 "GET /metadata/timestamp.json HTTP/1.1\r\nHost: h\r\nConnection: close\r\n"
		 "If-None-Match: %s\r\n\r\n",
		 etag);
	ask(house, request, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 304 "));
	assert_string_equal(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}

static void smuggled_requests_are_never_answered(void **state)
{
	static const char next[] = "GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n";
	static const char *const heads[] = {
		"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
		"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
		"Content-Length : 5\r\n\r\nhello",
		"Content-Length:\r\n 5\r\n\r\nhello",
		"X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Content-Length: +5\r\n\r\nhello",
		"Content-Length: 5, 5\r\n\r\nhello",
		"Content-Length: 0x5\r\n\r\nhello",
	};
	struct house *house = *state;

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		char request[1024], answer[8192];

		snprintf(request, sizeof(request),
			 "PUT /api/v1/blobs/sha256/00 HTTP/1.1\r\nHost: h\r\n%s%s", heads[i], next);
		if (!ask(house, request, answer, sizeof(answer)))
			fail_msg("the connection stays open after %s", heads[i]);
		assert_true(strncmp(answer, "HTTP/1.1 4", 10) == 0);
		assert_null(strstr(answer, "bpfseal_repod"));
	}
}

static void heads_that_are_too_large_are_refused(void **state)
{
	struct house *house = *state;
	OWNED(drop_heap) char *request = malloc(70000);
	char answer[4096];

	assert_non_null(request);
	memset(request, 'a', 70000);
	memcpy(request, "GET /", 5);
	talk(house, request, 60000, answer, sizeof(answer));
	assert_true(!answer[0] || strncmp(answer, "HTTP/1.1 414", 12) == 0);
	memcpy(request, "GET /metrics HTTP/1.1\r\nHost: h\r\nX: ", 35);
	talk(house, request, 60000, answer, sizeof(answer));
	assert_true(!answer[0] || strncmp(answer, "HTTP/1.1 431", 12) == 0);
}

static unsigned count_closed(const int *fds, unsigned count)
{
	unsigned closed = 0;

	for (unsigned i = 0; i < count; i++) {
		struct pollfd now = {.fd = fds[i], .events = POLLIN};

		closed += poll(&now, 1, 0) > 0;
	}
	return closed;
}

static void one_address_gets_its_share_of_connections_only(void **state)
{
	struct house *house = *state;
	int fds[12];
	unsigned closed;

	for (int i = 0; i < 12; i++) {
		fds[i] = connect_to(house);
		// The kernel hands a connection over with its first byte.
		assert_int_equal(send(fds[i], "G", 1, MSG_NOSIGNAL), 1);
	}
	// As soon as it has seen them all; and a little later it is no more.
	for (int i = 0; i < 3000 && count_closed(fds, 12) < 4; i++)
		poll(NULL, 0, 20);
	poll(NULL, 0, 200);
	closed = count_closed(fds, 12);
	assert_int_equal(closed, 4);
	for (int i = 0; i < 12; i++)
		close(fds[i]);
}

static void a_publication_goes_through_the_writer_while_others_read(void **state)
{
	struct house *house = *state;
	OWNED(bytes_drop) struct bytes data = {0}, request = {0};
	struct httpsig_headers headers;
	struct sha256 digest;
	struct fault why = {0};
	char answer[8192];

	world_seal(world_net(2), house->world->net, &data);
	assert_int_equal(sha256_of(data.data, data.len, &digest, &why), 0);
	assert_int_equal(httpsig_sign(house->world->net, "POST", "/api/v1/metadata/net", &digest,
				      world_clock, &headers, &why),
			 0);
	assert_int_equal(
		bytes_format(&request, &why,
			     "POST /api/v1/metadata/net HTTP/1.1\r\nHost: h\r\n"
			     "Connection: close\r\nContent-Length: %zu\r\nContent-Digest: %s\r\n"
			     "Signature-Input: %s\r\nSignature: %s\r\n\r\n",
			     data.len, headers.content_digest, headers.signature_input,
			     headers.signature),
		0);
	assert_int_equal(bytes_append(&request, data.data, data.len, &why), 0);
	talk(house, request.data, request.len, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 200 "));
	assert_non_null(strstr(answer, "bpfseal.commit/1"));
	assert_int_equal(world_role_version(house->world, "net"), 2);
	talk(house, request.data, request.len, answer, sizeof(answer));
	assert_non_null(strstr(answer, "HTTP/1.1 401 "));
}

static void a_client_that_leaves_half_way_leaves_no_file(void **state)
{
	struct house *house = *state;
	OWNED(bytes_drop) struct bytes request = {0};
	struct httpsig_headers headers;
	struct sha256 digest;
	struct fault why = {0};
	char hex[SHA256_HEX], target[128];
	OWNED(names_drop) struct names names = {0};
	int fd;

	assert_int_equal(sha256_of("never sent whole", 16, &digest, &why), 0);
	sha256_hex(&digest, hex);
	snprintf(target, sizeof(target), "/api/v1/blobs/sha256/%s", hex);
	assert_int_equal(httpsig_sign(house->world->net, "PUT", target, &digest, world_clock,
				      &headers, &why),
			 0);
	assert_int_equal(bytes_format(&request, &why,
				      "PUT %s HTTP/1.1\r\nHost: h\r\nContent-Length: 16\r\n"
				      "Content-Digest: %s\r\nSignature-Input: %s\r\n"
				      "Signature: %s\r\n\r\nnever",
				      target, headers.content_digest, headers.signature_input,
				      headers.signature),
			 0);
	fd = connect_to(house);
	assert_int_equal(send(fd, request.data, request.len, MSG_NOSIGNAL), (ssize_t)request.len);
	for (int i = 0; i < 3000; i++) {
		assert_int_equal(names_list(publish_blobs_dir(house->world->publish), &names, &why),
				 0);
		if (names.count)
			break;
		poll(NULL, 0, 20);
	}
	assert_int_equal(names.count, 1);
	close(fd);
	for (int i = 0; i < 3000 && names.count; i++) {
		poll(NULL, 0, 20);
		assert_int_equal(names_list(publish_blobs_dir(house->world->publish), &names, &why),
				 0);
	}
	assert_int_equal(names.count, 0);
}

#define HOUSE_TEST(name) cmocka_unit_test_setup_teardown(name, house_setup, house_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOUSE_TEST(a_file_is_served_with_its_etag_and_304_has_no_body),
		HOUSE_TEST(smuggled_requests_are_never_answered),
		HOUSE_TEST(heads_that_are_too_large_are_refused),
		HOUSE_TEST(one_address_gets_its_share_of_connections_only),
		HOUSE_TEST(a_publication_goes_through_the_writer_while_others_read),
		HOUSE_TEST(a_client_that_leaves_half_way_leaves_no_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
