// SPDX-License-Identifier: Apache-2.0
#include "fetch/publish.h"

#include "tests/unit/fetch/place.h"
#include "tests/unit/fetch/server.h"

#include <time.h>

#include "base/owned.h"
#include "keys/httpsig.h"
#include "keys/local.h"
#include "keys/signing.h"

#define NOW	   INT64_C(1800000000)
#define MUST(call) assert_int_equal((call), 0)

// A ceremony directory, and a server that answers from <place>/answers/<METHOD path with / as _> ("STATUS BODY"), else
// with 404, 201 or 200, and logs what it was asked.
struct world {
	struct place place;
	struct server server;
	struct secret_key *key;
	struct download *download;
	struct fault why;
};

static void log_line(const struct place *place, const char *file, const char *text)
{
	FILE *log = fopen(place_path(place, file), "ae");

	if (!log)
		return;
	fprintf(log, "%s\n", text);
	fclose(log);
}

// The value of one header of a request, or "".
static void header_of(const char *head, const char *name, char *out, size_t room)
{
	const char *at = strcasestr(head, name);
	size_t len = at ? strcspn(at + strlen(name), "\r\n") : 0;

	snprintf(out, room, "%.*s", (int)len, at ? at + strlen(name) : "");
}

// "OK" when the request carries a signature of this world's key over exactly this method, path and body.
static const char *judge(const struct world *world, const char *head, const char *method,
			 const char *path)
{
	char digest[512], input[512], signature[512];
	const char *body = strstr(head, "\r\n\r\n") + 4;
	struct httpsig_claim claim;
	struct sha256 found;
	struct fault why = {0};

	header_of(head, "\nContent-Digest: ", digest, sizeof(digest));
	header_of(head, "\nSignature-Input: ", input, sizeof(input));
	header_of(head, "\nSignature: ", signature, sizeof(signature));
	if (httpsig_parse(digest, input, signature, &claim, &why) ||
	    httpsig_check(&claim, method, path, secret_key_public(world->key), NOW, &why) ||
	    sha256_of(body, strlen(body), &found, &why) || !sha256_equal(&found, &claim.body))
		return "BAD";
	return "OK";
}

static void answer(const struct world *world, int connection, const char *method, const char *path)
{
	struct bytes canned = {0};
	struct fault why = {0};
	char name[512], text[2048];
	int status = !strcmp(method, "PUT") ? 201 : !strcmp(method, "POST") ? 200 : 404;
	const char *body = "{}";

	snprintf(name, sizeof(name), "answers/%s%.400s", method, path);
	for (char *at = name + 8; (at = strchr(at, '/'));)
		*at = '_';
	if (!file_read(place_path(&world->place, name), 1 << 20, &canned, &why)) {
		status = atoi(bytes_text(&canned));
		body = bytes_text(&canned) + 4;
	}
	snprintf(text, sizeof(text), "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%.1800s", status,
		 strlen(body), strcmp(method, "HEAD") ? body : "");
	server_say(connection, text);
	bytes_drop(&canned);
}

static void talk(int connection, void *ctx)
{
	const struct world *world = ctx;
	static char head[65536];
	char method[8], path[512], line[1024], length[32];

	for (;;) {
		size_t len = server_hear(connection, head, sizeof(head)), head_len;

		if (!len || sscanf(head, "%7s %511s", method, path) != 2)
			return;
		header_of(head, "\nContent-Length: ", length, sizeof(length));
		head_len = (size_t)(strstr(head, "\r\n\r\n") + 4 - head);
		while (len < head_len + (size_t)atoi(length)) {
			ssize_t got = recv(connection, head + len, sizeof(head) - 1 - len, 0);

			if (got <= 0)
				return;
			len += (size_t)got;
			head[len] = '\0';
		}
		if (strcmp(method, "PUT") && strcmp(method, "POST"))
			snprintf(line, sizeof(line), "%s %s", method, path);
		else
			snprintf(line, sizeof(line), "%s %s %s", method, path,
				 judge(world, head, method, path));
		log_line(&world->place, "log", line);
		if (strcmp(method, "POST") == 0)
			place_write(&world->place, "body", head + head_len);
		answer(world, connection, method, path);
	}
}

// ---- the ceremony directory ----

static void save(struct world *world, const char *file, struct json *document, bool is_signed)
{
	struct bytes text = {0};
	char below[256];

	if (is_signed)
		MUST(signing_sign(document, world->key, &world->why));
	MUST(signing_write(document, &text, &world->why));
	snprintf(below, sizeof(below), "dir/metadata/%s", file);
	MUST(file_replace(place_path(&world->place, below), text.data, text.len, 0644,
			  &world->why));
	bytes_drop(&text);
	json_free(document);
}

static struct json *parse(struct world *world, const char *text)
{
	struct json *document = NULL;

	MUST(json_parse(text, strlen(text), "document", &document, &world->why));
	return document;
}

static struct json *root(struct world *world, int version)
{
	char text[256];

	snprintf(text, sizeof(text),
		 "{\"signatures\":[],\"signed\":{\"_type\":\"root\",\"version\":%d}}", version);
	return parse(world, text);
}

// targets delegates to net/a, which delegates to net/b; net/b lists a file "hello".
static void ceremony(struct world *world)
{
	struct sha256 digest;
	struct json *net;

	save(world, "root.json", root(world, 1), true);
	save(world, "targets.json",
	     parse(world, "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"version\":1,"
			  "\"targets\":{},\"delegations\":{\"keys\":{},\"roles\":["
			  "{\"name\":\"net/a\"},{\"name\":\"others\"}]}}}"),
	     true);
	save(world, "net%2Fa.json",
	     parse(world, "{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"version\":1,"
			  "\"targets\":{},\"delegations\":{\"keys\":{},\"roles\":["
			  "{\"name\":\"net/b\"}]}}}"),
	     true);
	MUST(signing_new_targets(1, NOW, &net, &world->why));
	MUST(sha256_of("hello", 5, &digest, &world->why));
	MUST(signing_set_target(net, "net/b/file", 5, &digest, NULL, &world->why));
	save(world, "net%2Fb.json", net, true);
	place_write(&world->place, "dir/targets/net/b/file", "hello");
}

#define HELLO "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static int start(void **state)
{
	static const char *const directories[] = {"dir/metadata", "dir/targets/net/b", "answers"};
	const struct download_limits limits = download_limits_default();
	struct world *world = calloc(1, sizeof(*world));

	place_make(&world->place);
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++) {
		int fd;

		MUST(dir_make(place_path(&world->place, directories[i]), 0755, &fd, &world->why));
		close(fd);
	}
	MUST(secret_key_new(&world->key, &world->why));
	server_start(&world->server, talk, world);
	MUST(download_new(world->server.url, NULL, &limits, &world->download, &world->why));
	ceremony(world);
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	download_free(world->download);
	server_stop(&world->server);
	secret_key_free(world->key);
	place_remove(&world->place);
	free(world);
	return 0;
}

static int64_t clock_of_test(void)
{
	return NOW;
}

static int publish_with(struct world *world, struct memo *memo, struct json **document)
{
	struct publish_options options = {
		.dir = place_path(&world->place, "dir"),
		.upload = {.download = world->download, .key = world->key, .clock = clock_of_test},
		.memo = memo,
	};

	fault_clear(&world->why);
	return publish_run(&options, document, &world->why);
}

static int publish(struct world *world, struct json **document)
{
	return publish_with(world, NULL, document);
}

static void expect_refusal(struct world *world, enum fault_code code)
{
	OWNED(json_drop) struct json *document = NULL;

	assert_int_equal(publish(world, &document), -1);
	assert_int_equal(world->why.code, code);
}

// Only what changed the server: PUT and POST.
static void expect_writes(struct world *world, const char *expected)
{
	OWNED(bytes_drop) struct bytes log = {0};
	OWNED(bytes_drop) struct bytes writes = {0};
	struct fault why = {0};
	char *at, *line;

	if (file_read(place_path(&world->place, "log"), 1 << 20, &log, &why))
		assert_int_equal(why.code, FAULT_NOT_FOUND);
	at = (char *)log.data;
	while (at && (line = strsep(&at, "\n")))
		if (line[0] == 'P')
			MUST(bytes_format(&writes, &world->why, "%s\n", line));
	assert_string_equal(bytes_text(&writes), expected);
	unlink(place_path(&world->place, "log"));
}

// The roles of the one submission that there was, in their order, each with its file byte for byte.
static void expect_batch(struct world *world, const char *expected)
{
	OWNED(bytes_drop) struct bytes body = {0};
	OWNED(bytes_drop) struct bytes names = {0};
	OWNED(json_drop) struct json *document = NULL;
	const struct json *roles;

	MUST(file_read(place_path(&world->place, "body"), 1 << 20, &body, &world->why));
	MUST(json_parse(body.data, body.len, "body", &document, &world->why));
	roles = json_member(document, "roles");
	for (size_t i = 0; i < json_count(roles); i++) {
		const char *role = json_text(json_member(json_item(roles, i), "role"));
		OWNED(bytes_drop) struct bytes file = {0};
		OWNED(drop_heap) char *name = NULL;
		char path[128];

		MUST(bytes_format(&names, &world->why, "%s ", role));
		MUST(role_file(role, 0, &name, &world->why));
		snprintf(path, sizeof(path), "dir/metadata/%.80s", name);
		MUST(file_read(place_path(&world->place, path), 1 << 20, &file, &world->why));
		assert_string_equal(json_text(json_member(json_item(roles, i), "document")),
				    bytes_text(&file));
	}
	assert_string_equal(bytes_text(&names), expected);
}

static void an_empty_server_gets_files_first_and_roles_parents_first(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *document = NULL;

	MUST(publish(world, &document));
	expect_writes(world, "POST /api/v1/metadata/root OK\n"
			     "PUT /api/v1/blobs/sha256/" HELLO " OK\n"
			     "POST /api/v1/metadata OK\n");
	expect_batch(world, "targets net/a net/b ");
	assert_int_equal(json_count(json_member(document, "steps")), 5);
	assert_true(json_bool(json_member(document, "ok")));
}

static void all_missing_roots_are_sent_the_oldest_first(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *document = NULL;

	save(world, "1.root.json", root(world, 1), true);
	save(world, "2.root.json", root(world, 2), true);
	save(world, "root.json", root(world, 3), true);
	place_write(&world->place, "answers/GET_metadata_1.root.json", "200 {}");
	MUST(publish(world, &document));
	const struct json *steps = json_member(document, "steps");
	assert_int_equal(json_int(json_member(json_item(steps, 0), "version")), 2);
	assert_int_equal(json_int(json_member(json_item(steps, 1), "version")), 3);
	assert_string_equal(json_text(json_member(json_item(steps, 2), "kind")), "blob");
}

static void an_open_root_draft_stops_nobody(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *document = NULL;

	save(world, "1.root.json", root(world, 1), true);
	save(world, "root.json", root(world, 2), false);
	place_write(&world->place, "answers/GET_metadata_1.root.json", "200 {}");
	MUST(publish(world, &document));
	assert_string_equal(
		json_text(json_member(json_item(json_member(document, "steps"), 0), "state")),
		"draft");
}

static void serve_state(struct world *world, int version, const char *net_b)
{
	char text[1024], name[128];

	place_write(&world->place, "answers/GET_metadata_1.root.json", "200 {}");
	place_write(&world->place, "answers/GET_metadata_timestamp.json",
		    "200 {\"signed\":{\"meta\":{\"snapshot.json\":{\"version\":7}}}}");
	snprintf(text, sizeof(text),
		 "200 {\"signed\":{\"meta\":{\"targets.json\":{\"version\":1},\"net/a.json\":"
		 "{\"version\":1},\"net/b.json\":{\"version\":%d}}}}",
		 version);
	place_write(&world->place, "answers/GET_metadata_7.snapshot.json", text);
	snprintf(name, sizeof(name), "answers/GET_metadata_%d.net%%2Fb.json", version);
	place_write(&world->place, name, net_b);
}

static void a_delegates_draft_does_not_stop_the_delegation(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *document = NULL;
	struct json *net;

	MUST(signing_new_targets(1, NOW, &net, &world->why));
	save(world, "net%2Fb.json", net, false);
	MUST(publish(world, &document));
	expect_writes(world, "POST /api/v1/metadata/root OK\n"
			     "POST /api/v1/metadata OK\n");
	expect_batch(world, "targets net/a ");
	assert_string_equal(
		json_text(json_member(json_item(json_member(document, "steps"), 3), "state")),
		"draft");
}

static void nothing_to_send_but_a_draft_is_refused_with_the_command_that_signs(void **state)
{
	struct world *world = *state;
	struct json *net;

	serve_state(world, 1, "200 {}");
	MUST(signing_new_targets(2, NOW, &net, &world->why));
	save(world, "net%2Fb.json", net, false);
	expect_refusal(world, FAULT_USAGE);
	assert_non_null(strstr(world->why.fix, "bpfseal sign"));
	expect_writes(world, "");
}

static void what_the_server_has_is_not_sent_again(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *document = NULL;
	OWNED(bytes_drop) struct bytes net = {0};
	OWNED(bytes_drop) struct bytes canned = {0};

	MUST(file_read(place_path(&world->place, "dir/metadata/net%2Fb.json"), 1 << 20, &net,
		       &world->why));
	MUST(bytes_format(&canned, &world->why, "200 %s", bytes_text(&net)));
	serve_state(world, 1, bytes_text(&canned));
	MUST(publish(world, &document));
	expect_writes(world, "");
}

// A server whose snapshot lists our three roles as they are, by their digests.
static void serve_digests(struct world *world)
{
	static const char *const roles[][2] = {
		{"targets", "targets"}, {"net/a", "net%2Fa"}, {"net/b", "net%2Fb"}};
	OWNED(bytes_drop) struct bytes text = {0};

	serve_state(world, 1, "500 {}");
	MUST(bytes_append_text(&text, "200 {\"signed\":{\"meta\":{", &world->why));
	for (size_t i = 0; i < 3; i++) {
		OWNED(bytes_drop) struct bytes data = {0};
		char path[64], hex[SHA256_HEX];
		struct sha256 digest;

		snprintf(path, sizeof(path), "dir/metadata/%s.json", roles[i][1]);
		MUST(file_read(place_path(&world->place, path), 1 << 20, &data, &world->why));
		MUST(sha256_of(data.data, data.len, &digest, &world->why));
		sha256_hex(&digest, hex);
		MUST(bytes_format(&text, &world->why,
				  "%s\"%s.json\":{\"version\":1,\"length\":%zu,\"hashes\":{"
				  "\"sha256\":\"%s\"}}",
				  i ? "," : "", roles[i][0], data.len, hex));
	}
	MUST(bytes_append_text(&text, "}}}", &world->why));
	place_write(&world->place, "answers/GET_metadata_7.snapshot.json", bytes_text(&text));
}

static void what_the_server_lists_by_digest_is_not_even_asked_for(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *document = NULL;

	serve_digests(world);
	MUST(publish(world, &document));
	place_expect(&world->place, "log",
		     "GET /metadata/timestamp.json\nGET /metadata/7.snapshot.json\n"
		     "GET /metadata/1.root.json\n");
	assert_int_equal(json_count(json_member(document, "steps")), 4);
}

// The memory of an earlier run saves the reading, and hides nothing: this one has the same version and length.
static void another_file_of_the_same_version_and_length_is_found(void **state)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
	struct world *world = *state;
	OWNED(bytes_drop) struct bytes file = {0}, canned = {0};
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/dir/metadata/net%%2Fb.json", world->place.path);
	serve_digests(world);
	MUST(file_read(path, 1 << 20, &file, &world->why));
	MUST(bytes_format(&canned, &world->why, "200 %s", bytes_text(&file)));
	place_write(&world->place, "answers/GET_metadata_1.net%2Fb.json", bytes_text(&canned));
	for (int i = 0; i < 3; i++) {
		OWNED(json_drop) struct json *document = NULL;
		OWNED(memo_drop) struct memo *memo = NULL;

		nanosleep(&pause, NULL);
		MUST(memo_open(place_path(&world->place, "dir"), &memo, &world->why));
		if (i < 2) {
			MUST(publish_with(world, memo, &document));
			continue;
		}
		*strchr(strstr((char *)file.data, "\"length\""), '5') = '6';
		MUST(file_replace(path, file.data, file.len, 0644, &world->why));
		assert_int_equal(publish_with(world, memo, &document), -1);
		assert_int_equal(world->why.code, FAULT_POLICY);
	}
}

static void the_same_version_with_other_contents_is_refused_before_anything_is_sent(void **state)
{
	struct world *world = *state;

	serve_state(world, 1, "200 {\"signed\":{\"version\":1}}");
	expect_refusal(world, FAULT_POLICY);
	expect_writes(world, "");
}

static void an_older_directory_is_refused(void **state)
{
	struct world *world = *state;

	serve_state(world, 9, "200 {\"signed\":{\"version\":9}}");
	expect_refusal(world, FAULT_ROLLBACK);
	expect_writes(world, "");
}

static void a_blob_that_is_there_needs_no_file_here(void **state)
{
	struct world *world = *state;
	OWNED(json_drop) struct json *document = NULL;

	place_write(&world->place, "answers/HEAD_api_v1_blobs_sha256_" HELLO, "200 ");
	MUST(unlink(place_path(&world->place, "dir/targets/net/b/file")));
	MUST(publish(world, &document));
	expect_writes(world, "POST /api/v1/metadata/root OK\n"
			     "POST /api/v1/metadata OK\n");
	expect_batch(world, "targets net/a net/b ");
}

static void a_file_that_changed_after_signing_is_not_uploaded(void **state)
{
	struct world *world = *state;

	place_write(&world->place, "dir/targets/net/b/file", "hellO");
	expect_refusal(world, FAULT_DIGEST);
	expect_writes(world, "POST /api/v1/metadata/root OK\n");
}

static void a_refusal_of_the_server_is_told_in_its_words_and_escaped(void **state)
{
	struct world *world = *state;

	place_write(&world->place, "answers/POST_api_v1_metadata",
		    "422 {\"title\":\"refused\",\"detail\":\"one \\u001b[31mkey\",\"code\":"
		    "\"signature\"}");
	expect_refusal(world, FAULT_SIGNATURE);
	assert_non_null(strstr(world->why.cause, "one \\x1b[31mkey"));
}

static void a_key_that_nobody_knows_is_not_trusted(void **state)
{
	struct world *world = *state;

	place_write(&world->place, "answers/POST_api_v1_metadata_root", "403 <html>no</html>");
	expect_refusal(world, FAULT_UNTRUSTED);
}

static void a_target_that_climbs_out_of_the_directory_is_refused(void **state)
{
	struct world *world = *state;
	struct sha256 digest;
	struct json *net;

	place_write(&world->place, "dir/secret", "hello");
	MUST(sha256_of("hello", 5, &digest, &world->why));
	MUST(signing_new_targets(1, NOW, &net, &world->why));
	MUST(signing_set_target(net, "../secret", 5, &digest, NULL, &world->why));
	save(world, "net%2Fb.json", net, true);
	expect_refusal(world, FAULT_FORMAT);
	expect_writes(world, "POST /api/v1/metadata/root OK\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_empty_server_gets_files_first_and_roles_parents_first, start, end),
		cmocka_unit_test_setup_teardown(all_missing_roots_are_sent_the_oldest_first, start,
						end),
		cmocka_unit_test_setup_teardown(an_open_root_draft_stops_nobody, start, end),
		cmocka_unit_test_setup_teardown(
			nothing_to_send_but_a_draft_is_refused_with_the_command_that_signs, start,
			end),
		cmocka_unit_test_setup_teardown(a_delegates_draft_does_not_stop_the_delegation,
						start, end),
		cmocka_unit_test_setup_teardown(what_the_server_has_is_not_sent_again, start, end),
		cmocka_unit_test_setup_teardown(
			what_the_server_lists_by_digest_is_not_even_asked_for, start, end),
		cmocka_unit_test_setup_teardown(
			another_file_of_the_same_version_and_length_is_found, start, end),
		cmocka_unit_test_setup_teardown(
			the_same_version_with_other_contents_is_refused_before_anything_is_sent,
			start, end),
		cmocka_unit_test_setup_teardown(an_older_directory_is_refused, start, end),
		cmocka_unit_test_setup_teardown(a_blob_that_is_there_needs_no_file_here, start,
						end),
		cmocka_unit_test_setup_teardown(a_file_that_changed_after_signing_is_not_uploaded,
						start, end),
		cmocka_unit_test_setup_teardown(
			a_refusal_of_the_server_is_told_in_its_words_and_escaped, start, end),
		cmocka_unit_test_setup_teardown(a_key_that_nobody_knows_is_not_trusted, start, end),
		cmocka_unit_test_setup_teardown(
			a_target_that_climbs_out_of_the_directory_is_refused, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
