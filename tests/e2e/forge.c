// SPDX-License-Identifier: Apache-2.0
// What somebody can do who stole the server's online key: put role files into a new snapshot and timestamp and sign both.
//   forge METADATA_DIR ONLINE_KEY ROLE=FILE...
// Copies each FILE to METADATA_DIR/<version>.<role>.json as it is, then writes the next snapshot and timestamp.
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "keys/keyfile.h"
#include "keys/signing.h"

#define FILE_MAX (5u << 20)

static int read_document(int dirfd, const char *name, struct json **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};

	return file_read_at(dirfd, name, FILE_MAX, &data, why) ||
	       json_parse(data.data, data.len, name, out, why);
}

static int64_t version_of(const struct json *document)
{
	return json_int(json_member(json_member(document, "signed"), "version"));
}

static int write_signed(int dirfd, const char *name, struct json *document,
			const struct secret_key *key, struct bytes *out, struct fault *why)
{
	if (signing_sign(document, key, why) || signing_write(document, out, why))
		return -1;
	return file_replace_at(dirfd, name, out->data, out->len, 0644, why);
}

static int add_role(int dirfd, struct json *snapshot, const char *word, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(json_drop) struct json *document = NULL;
	const char *equals = strchr(word, '=');
	char meta[128], file[160];

	if (!equals)
		return fault_set(why, FAULT_USAGE, "not ROLE=FILE: %s", word);
	if (file_read(equals + 1, FILE_MAX, &data, why) ||
	    json_parse(data.data, data.len, word, &document, why))
		return -1;
	snprintf(meta, sizeof(meta), "%.*s.json", (int)(equals - word), word);
	snprintf(file, sizeof(file), "%" PRId64 ".%s", version_of(document), meta);
	if (file_replace_at(dirfd, file, data.data, data.len, 0644, why))
		return -1;
	return signing_set_meta(snapshot, meta, version_of(document), NULL, 0, why);
}

static int copy_meta(const struct json *from, struct json *to, struct fault *why)
{
	const struct json *meta = json_member(json_member(from, "signed"), "meta");
	struct json_walk walk = {0};

	while (json_next(meta, &walk))
		if (signing_set_meta(to, walk.key, json_int(json_member(walk.value, "version")),
				     NULL, 0, why))
			return -1;
	return 0;
}

static int forge(int dirfd, const struct secret_key *key, char **roles, int64_t expires,
		 struct fault *why)
{
	OWNED(json_drop) struct json *old_timestamp = NULL;
	OWNED(json_drop) struct json *old_snapshot = NULL;
	OWNED(json_drop) struct json *snapshot = NULL;
	OWNED(json_drop) struct json *timestamp = NULL;
	OWNED(bytes_drop) struct bytes snapshot_data = {0};
	OWNED(bytes_drop) struct bytes timestamp_data = {0};
	const struct json *meta;
	int64_t version;
	char name[64];

	if (read_document(dirfd, "timestamp.json", &old_timestamp, why))
		return -1;
	meta = json_member(json_member(old_timestamp, "signed"), "meta");
	version = json_int(json_member(json_member(meta, "snapshot.json"), "version"));
	snprintf(name, sizeof(name), "%" PRId64 ".snapshot.json", version);
	if (read_document(dirfd, name, &old_snapshot, why) ||
	    signing_new_snapshot(version + 1, expires, &snapshot, why) ||
	    copy_meta(old_snapshot, snapshot, why))
		return -1;
	for (; *roles; roles++)
		if (add_role(dirfd, snapshot, *roles, why))
			return -1;
	snprintf(name, sizeof(name), "%" PRId64 ".snapshot.json", version + 1);
	if (write_signed(dirfd, name, snapshot, key, &snapshot_data, why) ||
	    signing_new_timestamp(version_of(old_timestamp) + 1, expires, &timestamp, why) ||
	    signing_set_meta(timestamp, "snapshot.json", version + 1, snapshot_data.data,
			     snapshot_data.len, why))
		return -1;
	return write_signed(dirfd, "timestamp.json", timestamp, key, &timestamp_data, why);
}

int main(int argc, char **argv)
{
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(drop_fd) int dirfd = -1;
	struct fault why = {0};

	if (argc < 3 || dir_open(argv[1], &dirfd, &why) ||
	    secret_key_open_plain(AT_FDCWD, argv[2], &key, &why) ||
	    forge(dirfd, key, argv + 3, INT64_C(2000000000), &why)) {
		fault_print(&why, stderr);
		return 1;
	}
	return 0;
}
