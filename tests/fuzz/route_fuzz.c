// SPDX-License-Identifier: Apache-2.0
// repod/route: whatever a stranger sends is answered with a status of ours, and changes nothing; what a publisher sends is
// published only when the roles it touches were signed. One whole request:
//   1 byte: 1 signed by the publisher, 2 by a key that nobody named, 4 the body is sealed by the role's key, 8 by another's,
//   16 a Transfer-Encoding, 32 a second Content-Length, 64 the body is cut, 128 the announced length is the next line's
// Lines: method, target, Content-Length, If-None-Match, a header's name, Content-Digest, Signature-Input, Signature. Then
// the body, or (sealed) the signed part of a role.
// Where nothing has to reach a disk, if there is such a place.
#define WORLD_TEMPLATE \
	(access("/dev/shm", W_OK) ? "/tmp/route-fuzz-XXXXXX" : "/dev/shm/route-fuzz-XXXXXX")
#include <unistd.h>

#include "base/owned.h"
#include "keys/httpsig.h"
#include "repod/route.h"
#include "tests/unit/repod/world.h"

#include "tests/fuzz/fuzz.h"

// Nonces are remembered, so a warehouse gets slower; and one that took something is not the next input's.
#define RUNS_MAX 5000

enum {
	SIGNED = 1,
	STRANGER = 2,
	SEALED = 4,
	MISSEALED = 8,
	CHUNKED = 16,
	TWICE = 32,
	CUT = 64,
	LIES = 128
};
enum { METHOD, TARGET, LENGTH, KNOWN, NAME, DIGEST, INPUT, SIGNATURE, LINES };

// The warehouse that is knocked at, and its doors.
struct desk {
	struct world *world;
	struct catalog *catalog;
	struct shelf *shelf;
	struct metrics metrics;
	struct route route;
	struct secret_key *stranger;
	unsigned runs;
};

static struct desk desk;

static void desk_close(void)
{
	void *world = desk.world;

	if (!world)
		return;
	shelf_free(desk.shelf);
	catalog_drop(&desk.catalog);
	secret_key_free(desk.stranger);
	world_teardown(&world);
	desk = (struct desk){0};
}

static void desk_open(void)
{
	char path[160];
	void *world;

	if (desk.world && desk.runs++ < RUNS_MAX)
		return;
	desk_close();
	HOLDS(world_setup(&world) == 0);
	desk.world = world;
	world_publish_first(desk.world);
	snprintf(path, sizeof(path), "%s/" CATALOG_FILE, desk.world->state);
	MUST(catalog_open(path, false, &desk.catalog, &must));
	MUST(shelf_new(1 << 20, &desk.shelf, &must));
	MUST(secret_key_new(&desk.stranger, &must));
	desk.route = (struct route){desk.world->publish, desk.catalog, desk.shelf, &desk.metrics,
				    world_now};
}

// ---- one request ----

struct letter {
	uint8_t flags;
	char *lines[LINES];
	struct bytes body;
	struct httpsig_headers made;
};

// The signed part in the input becomes a whole role, by the key that may sign it or by one that may not.
static bool seal(struct letter *letter, const struct fuzz_input *input)
{
	OWNED(json_drop) struct json *part = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	const char *target = letter->lines[TARGET];
	const struct secret_key *key = desk.world->net;
	struct fault why = {0};

	if (json_parse(input->at, input->left, "input", &part, &why) ||
	    !json_is(part, JSON_KIND_OBJECT))
		return false;
	if (strstr(target, "/targets"))
		key = desk.world->targets;
	if (strstr(target, "/root"))
		key = desk.world->root;
	if (letter->flags & MISSEALED)
		key = desk.stranger;
	MUST(json_put(document, "signatures", json_make_array(), &must));
	MUST(json_put(document, "signed", json_keep(part), &must));
	MUST(signing_sign(document, key, &must));
	MUST(signing_write(document, &letter->body, &must));
	return true;
}

static void put_body(struct letter *letter, const struct fuzz_input *input)
{
	if (letter->flags & (SEALED | MISSEALED) && seal(letter, input))
		return;
	letter->flags &= (uint8_t) ~(SEALED | MISSEALED);
	MUST(bytes_append(&letter->body, input->at, input->left, &must));
}

static void sign(struct letter *letter)
{
	const struct secret_key *key = letter->flags & STRANGER ? desk.stranger : desk.world->net;
	struct sha256 digest;
	struct fault why = {0};

	letter->made = (struct httpsig_headers){0};
	MUST(sha256_of(letter->body.data, letter->body.len, &digest, &must));
	if (!(letter->flags & (SIGNED | STRANGER)) ||
	    httpsig_sign(key, letter->lines[METHOD], letter->lines[TARGET], &digest, WORLD_NOW,
			 &letter->made, &why))
		letter->flags &= (uint8_t) ~(SIGNED | STRANGER);
}

static const char *given(const char *line)
{
	return *line ? line : NULL;
}

static struct request request_of(struct letter *letter, char length[static 24])
{
	bool is_signed = letter->flags & (SIGNED | STRANGER);
	struct request request = {
		.method = letter->lines[METHOD],
		.target = letter->lines[TARGET],
		.if_none_match = given(letter->lines[KNOWN]),
		.knock = {is_signed ? letter->made.content_digest : given(letter->lines[DIGEST]),
			  is_signed ? letter->made.signature_input : given(letter->lines[INPUT]),
			  is_signed ? letter->made.signature : given(letter->lines[SIGNATURE])},
	};

	snprintf(length, 24, "%zu", letter->body.len);
	if (letter->flags & LIES)
		request.content_length = given(letter->lines[LENGTH]);
	else if (letter->body.len)
		request.content_length = length;
	if (request.content_length)
		request_note(&request, "Content-Length");
	if (letter->flags & TWICE)
		request_note(&request, "content-length");
	if (letter->flags & CHUNKED)
		request_note(&request, "Transfer-Encoding");
	if (*letter->lines[NAME])
		request_note(&request, letter->lines[NAME]);
	return request;
}

// ---- promises ----

static bool is_status(unsigned status)
{
	static const unsigned known[] = {200, 201, 304, 400, 401, 403, 404,
					 405, 409, 411, 413, 422, 503};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i] == status)
			return true;
	return false;
}

// What is served is a file that was signed: the two that this warehouse has, and their parents.
static void check_answer(const struct letter *letter, const struct request *request,
			 const struct answer *answer)
{
	bool writes = !strcmp(request->method, "PUT") || !strcmp(request->method, "POST");

	HOLDS(is_status(answer->status));
	HOLDS((answer->status == 405) == (answer->allow != NULL));
	HOLDS(answer->fd == -1 || !writes);
	// Two readers could cut it differently: nothing behind it is read as a request (A51).
	if (letter->flags & (CHUNKED | TWICE) && request->content_lengths > 1)
		HOLDS(answer->close && (answer->status == 400 || answer->status == 411));
	if (writes && answer->status < 300)
		HOLDS(letter->flags & SIGNED);
	if (letter->flags & STRANGER && writes)
		HOLDS(answer->status >= 400);
}

static size_t blob_count(void)
{
	OWNED(names_drop) struct names names = {0};

	MUST(names_list(publish_blobs_dir(desk.world->publish), &names, &must));
	return names.count;
}

static void exchange_run(struct letter *letter)
{
	OWNED(release_drop) struct release *before = publish_release(desk.world->publish);
	OWNED(release_drop) struct release *after = NULL;
	size_t blobs = blob_count();
	char length[24];
	struct request request = request_of(letter, length);
	struct exchange *exchange = route_open(&desk.route, &request);
	uint64_t expects;
	bool changed;

	HOLDS(exchange);
	expects = exchange_expects(exchange);
	if (letter->flags & CUT && letter->body.len)
		letter->body.len--;
	exchange_add(exchange, letter->body.data,
		     letter->body.len < expects ? letter->body.len : (size_t)expects);
	// Who goes away before the end is never answered.
	if (letter->body.len >= expects)
		check_answer(letter, &request, exchange_finish(exchange));
	exchange_free(exchange);
	after = publish_release(desk.world->publish);
	changed = !sha256_equal(&before->timestamp_sha256, &after->timestamp_sha256) ||
		  before->versions.root != after->versions.root;
	if (changed) {
		HOLDS(letter->flags & SIGNED && letter->flags & SEALED &&
		      !(letter->flags & (MISSEALED | CUT)));
		HOLDS(after->versions.timestamp >= before->versions.timestamp &&
		      after->versions.root >= before->versions.root);
	}
	if (!(letter->flags & SIGNED))
		HOLDS(blob_count() == blobs);
	if (changed || blob_count() != blobs)
		desk.runs = RUNS_MAX;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool begun;
	struct fuzz_input input = {data, len};
	struct letter letter = {0};

	if (!begun)
		atexit(desk_close);
	begun = true;
	desk_open();
	letter.flags = fuzz_byte(&input);
	for (size_t i = 0; i < LINES; i++)
		letter.lines[i] = fuzz_line(&input);
	put_body(&letter, &input);
	sign(&letter);
	exchange_run(&letter);
	for (size_t i = 0; i < LINES; i++)
		free(letter.lines[i]);
	bytes_drop(&letter.body);
	return 0;
}
