// SPDX-License-Identifier: Apache-2.0
#include "keys/signing.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "keys/local.h"

#define SPEC_VERSION "1.0.31"
#define METADATA_DIR "metadata"
// Nobody reads a longer file by eye, and every node fetches it: a list of bins is half as long without the spaces. Its
// members are sorted, so that what a node receives is already the canonical form that was signed, control characters in
// texts apart, which JSON must escape: it is then verified where it lies.
#define READABLE_MAX 32768

int signing_new(const char *type, int64_t version, int64_t expires, struct json **out,
		struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *part = json_make_object();
	char text[CLOCK_TEXT_LEN];

	clock_write(expires, text);
	if (json_put(document, "signed", part, why) != 0 ||
	    json_put(document, "signatures", json_make_array(), why) != 0 ||
	    json_put_text(part, "_type", type, why) != 0 ||
	    json_put_text(part, "spec_version", SPEC_VERSION, why) != 0 ||
	    json_put_int(part, "version", version, why) != 0 ||
	    json_put_text(part, "expires", text, why) != 0)
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

// A new document whose signed part has one more, empty object.
static int new_with(const char *type, const char *member, int64_t version, int64_t expires,
		    struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct json *part;

	if (signing_new(type, version, expires, &document, why) != 0 ||
	    signing_part(document, "signed", &part, why) != 0 ||
	    json_put(part, member, json_make_object(), why) != 0)
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

int signing_new_snapshot(int64_t version, int64_t expires, struct json **out, struct fault *why)
{
	return new_with("snapshot", "meta", version, expires, out, why);
}

int signing_new_timestamp(int64_t version, int64_t expires, struct json **out, struct fault *why)
{
	return new_with("timestamp", "meta", version, expires, out, why);
}

int signing_new_targets(int64_t version, int64_t expires, struct json **out, struct fault *why)
{
	return new_with("targets", "targets", version, expires, out, why);
}

int signing_part(struct json *object, const char *key, struct json **out, struct fault *why)
{
	const struct json *part;

	if (json_need_object(object, key, &part, why) != 0)
		return -1;
	// The whole document is the caller's to change, so what it holds is too.
	*out = (struct json *)part;
	return 0;
}

int signing_clear(struct json *document, struct fault *why)
{
	return json_put(document, "signatures", json_make_array(), why);
}

static int put_hashes(struct json *entry, const struct sha256 *sha256, struct fault *why)
{
	struct json *hashes = json_make_object();
	char hex[SHA256_HEX];

	sha256_hex(sha256, hex);
	if (json_put(entry, "hashes", hashes, why) != 0)
		return -1;
	return json_put_text(hashes, "sha256", hex, why);
}

int signing_set_meta(struct json *document, const char *file, int64_t version, const void *data,
		     size_t len, struct fault *why)
{
	struct json *part, *meta, *entry;
	struct sha256 sha256;

	if (signing_part(document, "signed", &part, why) != 0 ||
	    signing_part(part, "meta", &meta, why) != 0)
		return -1;
	entry = json_make_object();
	if (json_put(meta, file, entry, why) != 0 ||
	    json_put_int(entry, "version", version, why) != 0)
		return -1;
	if (len > 0 && (sha256_of(data, len, &sha256, why) != 0 ||
			json_put_int(entry, "length", (int64_t)len, why) != 0 ||
			put_hashes(entry, &sha256, why) != 0))
		return -1;
	return signing_clear(document, why);
}

int signing_set_target(struct json *document, const char *path, int64_t length,
		       const struct sha256 *sha256, struct json *custom, struct fault *why)
{
	OWNED(json_drop) struct json *mine = custom;
	struct json *part, *targets, *entry;

	if (signing_part(document, "signed", &part, why) != 0 ||
	    signing_part(part, "targets", &targets, why) != 0)
		return -1;
	entry = json_make_object();
	// Only sha256 is listed: a client asks for the first hash it finds, and each would need a copy (TUF 6.2).
	if (json_put(targets, path, entry, why) != 0 ||
	    json_put_int(entry, "length", length, why) != 0 || put_hashes(entry, sha256, why) != 0)
		return -1;
	if (mine && json_put(entry, "custom", HAND_OVER(mine), why) != 0)
		return -1;
	return signing_clear(document, why);
}

int signing_drop_target(struct json *document, const char *path, struct fault *why)
{
	struct json *part, *targets;

	if (signing_part(document, "signed", &part, why) != 0 ||
	    signing_part(part, "targets", &targets, why) != 0)
		return -1;
	if (json_remove(targets, path) != 0)
		return fault_set(why, FAULT_NOT_FOUND, "the document has no target %.200s", path);
	return signing_clear(document, why);
}

// The signatures that other keys made, in their order.
static int others_signatures(const struct json *document, const char *id, struct json **out,
			     struct fault *why)
{
	OWNED(json_drop) struct json *kept = json_make_array();
	const struct json *all;

	if (json_need_array(document, "signatures", &all, why) != 0)
		return -1;
	for (size_t i = 0; i < json_count(all); i++) {
		const struct json *one = json_item(all, i);
		const char *name;

		if (json_need_text(one, "keyid", &name, why) != 0)
			return -1;
		if (strcmp(name, id) != 0 && json_add(kept, json_keep(one), why) != 0)
			return -1;
	}
	if (!kept)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*out = HAND_OVER(kept);
	return 0;
}

int signing_sign(struct json *document, const struct secret_key *key, struct fault *why)
{
	OWNED(bytes_drop) struct bytes canon = {0};
	OWNED(json_drop) struct json *signatures = NULL;
	const struct json *part;
	unsigned char signature[64];
	char hex[129];
	struct json *one;

	if (json_need_object(document, "signed", &part, why) != 0 ||
	    canon_write(part, &canon, why) != 0 ||
	    secret_key_sign(key, canon.data, canon.len, signature, why) != 0 ||
	    others_signatures(document, secret_key_id(key), &signatures, why) != 0)
		return -1;
	hex_write(signature, sizeof(signature), hex);
	one = json_make_object();
	if (json_add(signatures, one, why) != 0 ||
	    json_put_text(one, "keyid", secret_key_id(key), why) != 0 ||
	    json_put_text(one, "sig", hex, why) != 0)
		return -1;
	return json_put(document, "signatures", HAND_OVER(signatures), why);
}

int signing_write(const struct json *document, struct bytes *out, struct fault *why)
{
	size_t before = out->len;

	if (json_write(document, true, out, why) != 0)
		return -1;
	if (out->len - before <= READABLE_MAX)
		return 0;
	out->len = before;
	return json_write_sorted(document, out, why);
}

static int metadata_open(const char *dir, int *out, struct fault *why)
{
	OWNED(drop_fd) int top = -1;

	if (dir_open(dir, &top, why) != 0)
		return -1;
	return dir_open_at(top, METADATA_DIR, out, why);
}

static int metadata_read(int metadata, const char *role, struct bytes *data, struct json **out,
			 struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;

	if (role_file(role, 0, &file, why) != 0 ||
	    file_read_at(metadata, file, SIGNING_FILE_MAX, data, why) != 0)
		return -1;
	return json_parse(data->data, data->len, file, out, why);
}

int draft_read(const char *dir, const char *role, struct json **out, struct fault *why)
{
	OWNED(drop_fd) int metadata = -1;
	OWNED(bytes_drop) struct bytes data = {0};

	if (metadata_open(dir, &metadata, why) != 0)
		return -1;
	return metadata_read(metadata, role, &data, out, why);
}

// Keeps the signed bytes under their version and makes the document the next one, unsigned.
static int draft_advance(int metadata, const char *role, const struct bytes *data,
			 struct json *document, struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;
	struct json *part;
	int64_t version;

	if (signing_part(document, "signed", &part, why) != 0 ||
	    json_need_int(part, "version", 1, INT64_MAX - 1, &version, why) != 0 ||
	    role_file(role, version, &file, why) != 0 ||
	    file_replace_at(metadata, file, data->data, data->len, 0644, why) != 0 ||
	    json_put_int(part, "version", version + 1, why) != 0)
		return -1;
	return signing_clear(document, why);
}

int draft_open(const char *dir, const char *role, int64_t expires, struct json **out,
	       struct fault *why)
{
	OWNED(drop_fd) int metadata = -1;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(json_drop) struct json *document = NULL;
	const struct json *signatures;
	char text[CLOCK_TEXT_LEN];
	struct json *part;

	if (metadata_open(dir, &metadata, why) != 0 ||
	    metadata_read(metadata, role, &data, &document, why) != 0)
		return -1;
	if (json_need_array(document, "signatures", &signatures, why) != 0 ||
	    signing_part(document, "signed", &part, why) != 0)
		return fault_within(why, "%s is not a metadata file", role);
	if (json_count(signatures) > 0 && draft_advance(metadata, role, &data, document, why) != 0)
		return -1;
	clock_write(expires, text);
	if (json_put_text(part, "expires", text, why) != 0)
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

int draft_save(const char *dir, const char *role, const struct json *document, struct fault *why)
{
	OWNED(drop_fd) int metadata = -1;
	OWNED(drop_heap) char *file = NULL;
	OWNED(bytes_drop) struct bytes text = {0};

	if (metadata_open(dir, &metadata, why) != 0 || role_file(role, 0, &file, why) != 0 ||
	    signing_write(document, &text, why) != 0)
		return -1;
	if (text.len > SIGNING_FILE_MAX)
		return fault_set(why, FAULT_TOO_LARGE,
				 "%s would have %zu bytes: clients stop at %d", file, text.len,
				 SIGNING_FILE_MAX);
	return file_replace_at(metadata, file, text.data, text.len, 0644, why);
}
