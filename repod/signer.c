// SPDX-License-Identifier: Apache-2.0
#include "repod/signer.h"

#include <inttypes.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/keyfile.h"
#include "keys/role.h"
#include "keys/signing.h"
#include "repod/channel.h"

enum request { REQUEST_STATE = 1, REQUEST_SNAPSHOT = 2, REQUEST_TIMESTAMP = 3 };

#define MARK_FILE   "high-water.json"
#define MARK_SCHEMA "bpfseal.high-water/1"
// A snapshot that clients of the field still take (2,000,000 bytes), and room for the framing.
#define MESSAGE_MAX ((size_t)4 << 20)
// A stolen server could otherwise drive the version to its end, after which no node takes a document before the root
// changes its keys. In steps of this size it needs 9 * 10^9 durable writes.
#define LEAP_MAX 1000000
// The server's clock is read a moment before ours.
#define SLACK_S 60

// The last documents signed. `snapshot` and `timestamp` are the requests as they were granted, or NULL.
struct mark {
	struct json *document;
	const struct json *snapshot, *timestamp;
};

struct box {
	const struct signer_setup *setup;
	struct secret_key *key;
	struct mark mark;
};

static void drop_box(struct box *box)
{
	secret_key_free(box->key);
	json_free(box->mark.document);
}

// ---- the high-water mark ----

static int mark_parse(struct json *document, struct mark *mark, struct fault *why)
{
	const char *schema;

	if (json_need_text(document, "schema", &schema, why))
		return -1;
	if (strcmp(schema, MARK_SCHEMA) != 0)
		return fault_set(why, FAULT_FORMAT, "%s is of another kind", MARK_FILE);
	json_free(mark->document);
	mark->document = document;
	mark->snapshot = json_member(document, "snapshot");
	mark->timestamp = json_member(document, "timestamp");
	return 0;
}

static int mark_load(int dirfd, struct mark *mark, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *document = NULL;

	if (file_read_at(dirfd, MARK_FILE, MESSAGE_MAX, &text, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (json_parse(text.data, text.len, MARK_FILE, &document, why) ||
	    mark_parse(document, mark, why))
		return fault_within(why, "the signer's record of what it signed is damaged");
	(void)HAND_OVER(document);
	return 0;
}

// Durable on return; after a refusal the old mark stands, on disk and here.
static int mark_raise(struct box *box, const char *which, struct json *entry, struct fault *why)
{
	OWNED(json_drop) struct json *mine = entry;
	OWNED(json_drop) struct json *next = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};
	bool is_snapshot = strcmp(which, "snapshot") == 0;
	const struct json *other = is_snapshot ? box->mark.timestamp : box->mark.snapshot;

	if (json_put_text(next, "schema", MARK_SCHEMA, why) ||
	    json_put(next, which, HAND_OVER(mine), why))
		return -1;
	if (other && json_put(next, is_snapshot ? "timestamp" : "snapshot", json_keep(other), why))
		return -1;
	if (json_write(next, false, &text, why) ||
	    file_replace_at(box->setup->dirfd, MARK_FILE, text.data, text.len, 0600, why) ||
	    mark_parse(next, &box->mark, why))
		return -1;
	(void)HAND_OVER(next);
	return 0;
}

static int64_t marked_version(const struct json *entry)
{
	return json_int(json_member(entry, "version"));
}

// ---- what may be signed ----

static int check_terms(const struct box *box, const char *what, const struct json *request,
		       const struct json *last, int64_t life_max_s, struct fault *why)
{
	int64_t version, expires, before = marked_version(last), now = box->setup->clock();

	if (json_need_int(request, "version", 1, ROLE_INT_MAX, &version, why) ||
	    json_need_int(request, "expires", 0, ROLE_INT_MAX, &expires, why))
		return -1;
	if (expires <= now || expires > now + life_max_s + SLACK_S)
		return fault_set(why, FAULT_POLICY,
				 "a %s that lives %" PRId64 " s is not signed (at most %" PRId64
				 " s)",
				 what, expires - now, life_max_s);
	if (version > before + LEAP_MAX)
		return fault_set(why, FAULT_POLICY,
				 "%s %" PRId64 " leaps from %" PRId64 ", which was the last", what,
				 version, before);
	if (version < before)
		return fault_set(why, FAULT_ROLLBACK, "%s %" PRId64 " is older than %" PRId64, what,
				 version, before);
	if (version == before && !json_same(request, last))
		return fault_set(why, FAULT_ROLLBACK,
				 "%s %" PRId64 " was signed already, with other content", what,
				 version);
	return 0;
}

static int check_entry(const char *file, const struct json *now, const struct json *before,
		       struct fault *why)
{
	struct role_meta next, last;

	if (!now)
		return fault_set(why, FAULT_ROLLBACK, "%s has vanished from the snapshot", file);
	if (role_meta_parse(now, &next, why) || role_meta_parse(before, &last, why))
		return -1;
	if (next.version < last.version)
		return fault_set(why, FAULT_ROLLBACK,
				 "%s %" PRId64 " is older than %" PRId64
				 ", which was signed before",
				 file, next.version, last.version);
	if (next.version == last.version && !sha256_equal(&next.sha256, &last.sha256))
		return fault_set(why, FAULT_ROLLBACK,
				 "%s %" PRId64 " was signed before with other content", file,
				 next.version);
	return 0;
}

// Every entry is whole, none of the last snapshot has vanished or gone back.
static int check_meta(const struct json *meta, const struct json *last, struct fault *why)
{
	struct json_walk walk = {0};

	while (json_next(meta, &walk)) {
		struct role_meta entry;

		if (role_meta_parse(walk.value, &entry, why))
			return fault_within(why, "%s in the snapshot is malformed", walk.key);
		if (!entry.has_sha256 || !entry.has_length)
			return fault_set(why, FAULT_FORMAT, "%s has no length or no sha256",
					 walk.key);
	}
	walk = (struct json_walk){0};
	while (json_next(last, &walk))
		if (check_entry(walk.key, json_member(meta, walk.key), walk.value, why))
			return -1;
	return 0;
}

// ---- signing ----

static int put_meta(struct json *document, const char *file, const struct json *entry,
		    struct fault *why)
{
	struct json *part, *meta;

	if (signing_part(document, "signed", &part, why) || signing_part(part, "meta", &meta, why))
		return -1;
	return json_put(meta, file, json_keep(entry), why);
}

static int make_snapshot(const struct box *box, const struct json *request, struct bytes *out,
			 struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct json_walk walk = {0};

	if (signing_new_snapshot(marked_version(request), json_int(json_member(request, "expires")),
				 &document, why))
		return -1;
	while (json_next(json_member(request, "meta"), &walk))
		if (put_meta(document, walk.key, walk.value, why))
			return -1;
	if (signing_sign(document, box->key, why))
		return -1;
	return signing_write(document, out, why);
}

// What the timestamp will say of the snapshot: the bytes as they are served.
static int describe(const struct bytes *data, int64_t version, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	struct json *hashes = json_make_object();
	struct sha256 sha256;
	char hex[SHA256_HEX];

	if (json_put(entry, "hashes", hashes, why) ||
	    sha256_of(data->data, data->len, &sha256, why))
		return -1;
	sha256_hex(&sha256, hex);
	if (json_put_text(hashes, "sha256", hex, why) ||
	    json_put_int(entry, "length", (int64_t)data->len, why) ||
	    json_put_int(entry, "version", version, why))
		return -1;
	*out = HAND_OVER(entry);
	return 0;
}

// The granted request as it is remembered: "version", "expires", "meta", and for a snapshot "file".
static int answer_snapshot(struct box *box, const struct json *request, struct bytes *out,
			   struct fault *why)
{
	static const char *const allowed[] = {"version", "expires", "meta", NULL};
	const struct json *last = box->mark.snapshot, *granted = json_member(last, "granted");
	OWNED(json_drop) struct json *entry = json_make_object();
	OWNED(bytes_drop) struct bytes document = {0};
	const struct json *meta;
	struct json *file = NULL;

	if (json_only(request, allowed, why) || json_need_object(request, "meta", &meta, why) ||
	    check_terms(box, "snapshot", request, granted, box->setup->snapshot_max_s, why) ||
	    check_meta(meta, json_member(granted, "meta"), why) ||
	    make_snapshot(box, request, &document, why) ||
	    describe(&document, marked_version(request), &file, why) ||
	    json_put(entry, "file", file, why) ||
	    json_put(entry, "granted", json_keep(request), why))
		return -1;
	if (mark_raise(box, "snapshot", HAND_OVER(entry), why))
		return -1;
	bytes_move(out, &document);
	return 0;
}

static int answer_timestamp(struct box *box, const struct json *request, struct bytes *out,
			    struct fault *why)
{
	static const char *const allowed[] = {"version", "expires", NULL};
	OWNED(json_drop) struct json *document = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	const struct json *file = json_member(box->mark.snapshot, "file");
	const struct json *last = box->mark.timestamp;

	if (!file)
		return fault_set(why, FAULT_ROLLBACK, "there is no snapshot to put a time on");
	if (json_only(request, allowed, why) ||
	    check_terms(box, "timestamp", request, json_member(last, "granted"),
			box->setup->timestamp_max_s, why))
		return -1;
	// The same version again is the same document only if it would name the same snapshot.
	if (marked_version(request) == marked_version(json_member(last, "granted")) &&
	    !json_same(json_member(last, "file"), file))
		return fault_set(why, FAULT_ROLLBACK,
				 "timestamp %" PRId64 " names another snapshot",
				 marked_version(request));
	OWNED(json_drop) struct json *entry = json_make_object();

	if (signing_new_timestamp(marked_version(request),
				  json_int(json_member(request, "expires")), &document, why) ||
	    put_meta(document, "snapshot.json", file, why) ||
	    signing_sign(document, box->key, why) || signing_write(document, &text, why) ||
	    json_put(entry, "granted", json_keep(request), why) ||
	    json_put(entry, "file", json_keep(file), why) ||
	    mark_raise(box, "timestamp", HAND_OVER(entry), why))
		return -1;
	bytes_move(out, &text);
	return 0;
}

static int answer_state(const struct box *box, struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *state = json_make_object();
	const struct json *granted = json_member(box->mark.snapshot, "granted");
	const struct json *stamped = json_member(box->mark.timestamp, "granted");
	char hex[65];

	hex_write(secret_key_public(box->key), 32, hex);
	if (json_put_text(state, "key_id", secret_key_id(box->key), why) ||
	    json_put_text(state, "public", hex, why) ||
	    json_put_int(state, "snapshot", marked_version(granted), why) ||
	    json_put_int(state, "timestamp", marked_version(stamped), why))
		return -1;
	if (granted && json_put(state, "meta", json_keep(json_member(granted, "meta")), why))
		return -1;
	return json_write(state, false, out, why);
}

static int answer(struct box *box, uint32_t kind, const struct bytes *question, struct bytes *out,
		  struct fault *why)
{
	OWNED(json_drop) struct json *request = NULL;

	if (kind == REQUEST_STATE)
		return answer_state(box, out, why);
	if (json_parse(question->data, question->len, "request", &request, why))
		return -1;
	if (kind == REQUEST_SNAPSHOT)
		return answer_snapshot(box, request, out, why);
	if (kind == REQUEST_TIMESTAMP)
		return answer_timestamp(box, request, out, why);
	return fault_set(why, FAULT_OTHER, "the signer knows no request %u", kind);
}

int signer_serve(int fd, const struct signer_setup *setup, struct fault *why)
{
	OWNED(drop_box) struct box box = {.setup = setup};

	if (secret_key_open_plain(setup->dirfd, SIGNER_KEY_FILE, &box.key, why))
		return fault_within(why, "the online key cannot be used");
	if (mark_load(setup->dirfd, &box.mark, why))
		return -1;
	for (;;) {
		OWNED(bytes_drop) struct bytes question = {0}, text = {0};
		struct fault refusal = {0};
		uint32_t kind = 0;
		bool open = false;

		if (channel_receive(fd, MESSAGE_MAX, &kind, &question, &open, why))
			return -1;
		if (!open)
			return 0;
		if (answer(&box, kind, &question, &text, &refusal)) {
			if (channel_refuse(fd, &refusal, why))
				return -1;
		} else if (channel_send(fd, kind, text.data, text.len, why)) {
			return -1;
		}
	}
}

// ---- the server's side ----

void signer_state_drop(struct signer_state *state)
{
	json_free(state->meta);
	state->meta = NULL;
}

int signer_state(int fd, struct signer_state *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *state = NULL;
	const char *id, *public;

	if (channel_ask(fd, REQUEST_STATE, NULL, 0, MESSAGE_MAX, &text, why) ||
	    json_parse(text.data, text.len, "signer state", &state, why) ||
	    json_need_text(state, "key_id", &id, why) ||
	    json_need_text(state, "public", &public, why) ||
	    json_need_int(state, "snapshot", 0, ROLE_INT_MAX, &out->snapshot_version, why) ||
	    json_need_int(state, "timestamp", 0, ROLE_INT_MAX, &out->timestamp_version, why))
		return fault_within(why, "the signer does not say what it is");
	if (strlen(id) >= sizeof(out->key_id) || hex_read(public, out->public_key, 32))
		return fault_set(why, FAULT_OTHER, "the signer does not say what it is");
	memcpy(out->key_id, id, strlen(id) + 1);
	out->meta = NULL;
	if (json_member(state, "meta"))
		return json_clone(json_member(state, "meta"), &out->meta, why);
	return 0;
}

static int ask(int fd, enum request kind, int64_t version, int64_t expires, const struct json *meta,
	       struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *request = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};

	if (json_put_int(request, "version", version, why) ||
	    json_put_int(request, "expires", expires, why))
		return -1;
	if (meta && json_put(request, "meta", json_keep(meta), why))
		return -1;
	if (json_write(request, false, &text, why))
		return -1;
	return channel_ask(fd, kind, text.data, text.len, MESSAGE_MAX, out, why);
}

int signer_snapshot(int fd, int64_t version, int64_t expires, const struct json *meta,
		    struct bytes *out, struct fault *why)
{
	if (ask(fd, REQUEST_SNAPSHOT, version, expires, meta, out, why))
		return fault_within(why, "the signer does not sign snapshot %" PRId64, version);
	return 0;
}

int signer_timestamp(int fd, int64_t version, int64_t expires, struct bytes *out, struct fault *why)
{
	if (ask(fd, REQUEST_TIMESTAMP, version, expires, NULL, out, why))
		return fault_within(why, "the signer does not sign timestamp %" PRId64, version);
	return 0;
}
