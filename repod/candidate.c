// SPDX-License-Identifier: Apache-2.0
#include "repod/candidate.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/signing.h"

struct laid {
	char *file;
	struct bytes data;
};

struct candidate {
	int metadata;
	const struct bytes *root;
	const struct release *trusted;
	struct laid *files;
	size_t file_count;
	bool hide_roots;
	struct vouch *vouch;
};

int candidate_new(int metadata, const struct bytes *root, const struct release *trusted,
		  struct candidate **out, struct fault *why)
{
	struct candidate *candidate = calloc(1, sizeof(*candidate));

	if (!candidate)
		return fault_set(why, FAULT_OTHER, "out of memory");
	candidate->metadata = metadata;
	candidate->root = root;
	candidate->trusted = trusted;
	*out = candidate;
	return 0;
}

void candidate_free(struct candidate *candidate)
{
	if (!candidate)
		return;
	for (size_t i = 0; i < candidate->file_count; i++) {
		free(candidate->files[i].file);
		bytes_drop(&candidate->files[i].data);
	}
	free(candidate->files);
	free(candidate);
}

int candidate_put(struct candidate *candidate, const char *file, const void *data, size_t len,
		  struct fault *why)
{
	struct laid laid = {0};
	struct laid *more;

	more = reallocarray(candidate->files, candidate->file_count + 1, sizeof(*more));
	if (!more)
		return fault_set(why, FAULT_OTHER, "out of memory");
	candidate->files = more;
	if (text_copy(file, &laid.file, why))
		return -1;
	if (bytes_append(&laid.data, data, len, why)) {
		free(laid.file);
		return -1;
	}
	candidate->files[candidate->file_count++] = laid;
	return 0;
}

void candidate_hide_roots(struct candidate *candidate)
{
	candidate->hide_roots = true;
}

void candidate_vouch(struct candidate *candidate, struct vouch *vouch)
{
	candidate->vouch = vouch;
}

// ---- the client's doors ----

static const struct laid *find(const struct candidate *candidate, const char *file)
{
	for (size_t i = candidate->file_count; i-- > 0;)
		if (strcmp(candidate->files[i].file, file) == 0)
			return &candidate->files[i];
	return NULL;
}

static bool is_root(const char *file)
{
	const char *dot = strchr(file, '.');

	return dot && strcmp(dot, ".root.json") == 0;
}

static int fetch(void *ctx, const char *file, size_t max, struct bytes *out, struct fault *why)
{
	const struct candidate *candidate = ctx;
	const struct laid *laid = find(candidate, file);

	if (candidate->hide_roots && is_root(file))
		return fault_set(why, FAULT_NOT_FOUND, "there is no %s", file);
	if (!laid)
		return file_read_at(candidate->metadata, file, max, out, why);
	if (laid->data.len > max)
		return fault_set(why, FAULT_TOO_LARGE, "%s has more than %zu bytes", file, max);
	return bytes_append(out, laid->data.data, laid->data.len, why);
}

static int load(void *ctx, const char *role, struct bytes *out, struct fault *why)
{
	const struct candidate *candidate = ctx;
	const struct bytes *kept = NULL;

	if (strcmp(role, "root") == 0)
		kept = candidate->root;
	else if (candidate->trusted && strcmp(role, "timestamp") == 0)
		kept = &candidate->trusted->timestamp;
	else if (candidate->trusted && strcmp(role, "snapshot") == 0)
		kept = &candidate->trusted->snapshot;
	if (!kept || !kept->len)
		return fault_set(why, FAULT_NOT_FOUND, "nothing kept of %s", role);
	return bytes_append(out, kept->data, kept->len, why);
}

static int keep(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		struct fault *why)
{
	(void)ctx, (void)role, (void)version, (void)data, (void)len, (void)why;
	return 0;
}

static int run_client(struct candidate *candidate, int64_t now, struct client **out,
		      struct fault *why)
{
	const struct client_io io = {candidate, fetch, load, keep};
	const struct client_limits limits = client_limits_default();

	client_drop(out);
	return client_new(&io, &limits, now, out, why);
}

int candidate_judge(struct candidate *candidate, int64_t now, struct client **out,
		    struct fault *why)
{
	// What every node sees first must be fresh now.
	if (now && (run_client(candidate, now, out, why) || client_refresh(*out, why)))
		return -1;
	// All the rest must be sound. One publisher whose role has expired does not stop the others.
	if (run_client(candidate, 0, out, why))
		return -1;
	if (candidate->vouch)
		return client_load_unknown(*out, vouch_knows, candidate->vouch, why);
	return client_verify_all(*out, why);
}

// ---- the rehearsal ----

static int only_key(struct json *roles, const char *role, const char *id, struct fault *why)
{
	struct json *entry = json_make_object(), *ids = json_make_array();

	if (json_put(roles, role, entry, why)) {
		json_free(ids);
		return -1;
	}
	if (json_put(entry, "keyids", ids, why) || json_add(ids, json_make_text(id), why))
		return -1;
	return json_put_int(entry, "threshold", 1, why);
}

int candidate_rehearsal_root(const struct bytes *root, const struct secret_key *key,
			     struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct json *body, *keys, *roles, *pub = NULL;
	const char *id = secret_key_id(key);

	if (json_parse(root->data, root->len, "root", &document, why) ||
	    signing_part(document, "signed", &body, why) ||
	    signing_part(body, "keys", &keys, why) || signing_part(body, "roles", &roles, why) ||
	    secret_key_public_json(key, &pub, why) || json_put(keys, id, pub, why) ||
	    only_key(roles, "root", id, why) || only_key(roles, "snapshot", id, why) ||
	    only_key(roles, "timestamp", id, why) || signing_clear(document, why) ||
	    signing_sign(document, key, why))
		return -1;
	return signing_write(document, out, why);
}

int candidate_entry(int64_t version, const void *data, size_t len, struct json **out,
		    struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	struct json *hashes = json_make_object();
	struct sha256 sha256;
	char hex[SHA256_HEX];

	if (json_put(entry, "hashes", hashes, why) || sha256_of(data, len, &sha256, why))
		return -1;
	sha256_hex(&sha256, hex);
	if (json_put_text(hashes, "sha256", hex, why) ||
	    json_put_int(entry, "length", (int64_t)len, why) ||
	    json_put_int(entry, "version", version, why))
		return -1;
	*out = HAND_OVER(entry);
	return 0;
}

static int put_meta(struct json *document, const char *file, struct json *entry, struct fault *why)
{
	OWNED(json_drop) struct json *mine = entry;
	struct json *body, *meta;

	if (signing_part(document, "signed", &body, why) || signing_part(body, "meta", &meta, why))
		return -1;
	return json_put(meta, file, HAND_OVER(mine), why);
}

static int seal(struct candidate *candidate, const char *file, struct json *document,
		const struct secret_key *key, struct bytes *out, struct fault *why)
{
	if (signing_sign(document, key, why) || signing_write(document, out, why))
		return -1;
	return candidate_put(candidate, file, out->data, out->len, why);
}

int candidate_rehearse(struct candidate *candidate, const struct json *meta,
		       const struct secret_key *key, int64_t expires, struct fault *why)
{
	OWNED(json_drop) struct json *snapshot = NULL;
	OWNED(json_drop) struct json *timestamp = NULL;
	OWNED(bytes_drop) struct bytes snapshot_text = {0}, timestamp_text = {0};
	struct json_walk walk = {0};
	struct json *entry = NULL;

	if (signing_new_snapshot(1, expires, &snapshot, why) ||
	    signing_new_timestamp(1, expires, &timestamp, why))
		return -1;
	while (json_next(meta, &walk))
		if (put_meta(snapshot, walk.key, json_keep(walk.value), why))
			return -1;
	if (seal(candidate, "1.snapshot.json", snapshot, key, &snapshot_text, why) ||
	    candidate_entry(1, snapshot_text.data, snapshot_text.len, &entry, why) ||
	    put_meta(timestamp, "snapshot.json", entry, why))
		return -1;
	return seal(candidate, "timestamp.json", timestamp, key, &timestamp_text, why);
}
