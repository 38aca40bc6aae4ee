// SPDX-License-Identifier: Apache-2.0
// Makes a repository look as if it had been published to for years: the bins of a delegate get so many targets, signed
// and committed as our own tools would, in the ceremony directory and in the state of a server that does not run.
//   fill CEREMONY STATE ONLINE-KEY KEY BUNDLES
// The bins must have been published empty. KEY is the one key of the delegate "net". Ten versions of a name, and its
// index: their entries are as large as real ones; their bytes are not there.
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/bins.h"
#include "keys/keyfile.h"
#include "keys/local.h"
#include "keys/signing.h"

#define DELEGATE "net"
#define LIFE_S	 (INT64_C(30) * 86400)
#define VERSIONS 10
// Above what the server has committed so far, and what the bins had when they were empty.
#define ONLINE_VERSION 1000
#define BIN_VERSION    2

struct place {
	const char *ceremony;
	int drafts, metadata; // directories
	struct secret_key *key, *online;
	int64_t expires;
	struct json **bins, *snapshot;
	size_t bin_count;
	unsigned bits;
};

static void place_drop(struct place *place)
{
	for (size_t i = 0; i < place->bin_count; i++)
		json_free(place->bins[i]);
	free(place->bins);
	json_free(place->snapshot);
	secret_key_free(place->key);
	secret_key_free(place->online);
	drop_fd(&place->drafts);
	drop_fd(&place->metadata);
}

// ---- targets ----

// What `bundle add` writes for a bundle of one program and one map.
static int make_custom(const char *name, const char *version, const char *hex, struct json **out,
		       struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (bytes_format(&text, why,
			 "{\"bpfseal\":{\"name\":\"%s\",\"version\":\"%s\",\"members\":{"
			 "\"manifest.json\":{\"length\":1204,\"sha256\":\"%s\"},"
			 "\"count.bpf.o\":{\"length\":9800,\"sha256\":\"%s\"}}}}",
			 name, version, hex, hex))
		return -1;
	return json_parse(text.data, text.len, "custom", out, why);
}

static int put(struct place *place, const char *path, struct json *custom, struct fault *why)
{
	OWNED(json_drop) struct json *mine = custom;
	struct sha256 digest;
	size_t bin;

	if (sha256_of(path, strlen(path), &digest, why))
		return -1;
	bin = (((size_t)digest.byte[0] << 8) | digest.byte[1]) >> (16 - place->bits);
	return signing_set_target(place->bins[bin], path, 20000, &digest, HAND_OVER(mine), why);
}

static int put_bundle(struct place *place, const char *name, uint64_t version, struct fault *why)
{
	char path[96], number[16], hex[SHA256_HEX];
	struct json *custom = NULL;
	struct sha256 digest;

	snprintf(number, sizeof(number), "1.%" PRIu64 ".0", version);
	snprintf(path, sizeof(path), "%s/%s.bundle", name, number);
	if (sha256_of(path, strlen(path), &digest, why))
		return -1;
	sha256_hex(&digest, hex);
	if (make_custom(name, number, hex, &custom, why))
		return -1;
	return put(place, path, custom, why);
}

static int put_all(struct place *place, uint64_t count, struct fault *why)
{
	char name[64], path[96];

	for (uint64_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), DELEGATE "/p%06" PRIu64, i / VERSIONS);
		if (put_bundle(place, name, i % VERSIONS, why))
			return -1;
		if (i % VERSIONS)
			continue;
		snprintf(path, sizeof(path), "%s/index.json", name);
		if (put(place, path, NULL, why))
			return -1;
	}
	return 0;
}

// ---- files ----

// The empty bin is kept under its version, as draft_open() would; the full one is the newest here and committed there.
static int write_bin(struct place *place, size_t index, struct fault *why)
{
	OWNED(bytes_drop) struct bytes before = {0}, text = {0};
	OWNED(drop_heap) char *plain = NULL;
	OWNED(drop_heap) char *first = NULL;
	OWNED(drop_heap) char *second = NULL;
	char name[BINS_NAME_MAX];

	bins_name(DELEGATE, place->bits, (uint32_t)index, name);
	if (role_file(name, 0, &plain, why) || role_file(name, BIN_VERSION - 1, &first, why) ||
	    role_file(name, BIN_VERSION, &second, why) ||
	    file_read_at(place->drafts, plain, SIGNING_FILE_MAX, &before, why) ||
	    file_replace_at(place->drafts, first, before.data, before.len, 0644, why) ||
	    signing_sign(place->bins[index], place->key, why) ||
	    signing_write(place->bins[index], &text, why) ||
	    file_replace_at(place->drafts, plain, text.data, text.len, 0644, why) ||
	    file_replace_at(place->metadata, second, text.data, text.len, 0440, why))
		return -1;
	return signing_set_meta(place->snapshot, plain, BIN_VERSION, text.data, text.len, why);
}

static int write_online(struct place *place, struct json *document, const char *file,
			struct bytes *text, struct fault *why)
{
	if (signing_sign(document, place->online, why) || signing_write(document, text, why))
		return -1;
	return file_replace_at(place->metadata, file, text->data, text->len, 0440, why);
}

static int write_all(struct place *place, struct fault *why)
{
	OWNED(json_drop) struct json *timestamp = NULL;
	OWNED(bytes_drop) struct bytes snapshot = {0}, text = {0};
	OWNED(drop_heap) char *file = NULL;

	for (size_t i = 0; i < place->bin_count; i++)
		if (write_bin(place, i, why))
			return -1;
	if (role_file("snapshot", ONLINE_VERSION, &file, why) ||
	    write_online(place, place->snapshot, file, &snapshot, why) ||
	    signing_new_timestamp(ONLINE_VERSION, place->expires, &timestamp, why) ||
	    signing_set_meta(timestamp, "snapshot.json", ONLINE_VERSION, snapshot.data,
			     snapshot.len, why))
		return -1;
	return write_online(place, timestamp, "timestamp.json", &text, why);
}

// ---- what is there ----

// The roles above the bins stay as they are.
static int keep_role(struct place *place, const char *role, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *file = NULL;

	if (role_file(role, 0, &file, why) ||
	    file_read_at(place->drafts, file, SIGNING_FILE_MAX, &data, why))
		return -1;
	return signing_set_meta(place->snapshot, file, 1, data.data, data.len, why);
}

static int open_bins(struct place *place, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;

	if (draft_read(place->ceremony, DELEGATE, &document, why))
		return -1;
	place->bits = bins_of(document, DELEGATE);
	if (!place->bits)
		return fault_set(why, FAULT_USAGE, DELEGATE " has no bins");
	place->bins = calloc((size_t)1 << place->bits, sizeof(*place->bins));
	if (!place->bins)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (; place->bin_count < (size_t)1 << place->bits; place->bin_count++)
		if (signing_new_targets(BIN_VERSION, place->expires, &place->bins[place->bin_count],
					why))
			return -1;
	return 0;
}

static int open_below(const char *dir, const char *name, int *out, struct fault *why)
{
	OWNED(drop_fd) int top = -1;

	if (dir_open(dir, &top, why))
		return -1;
	return dir_open_at(top, name, out, why);
}

static int open_key(const char *path, struct secret_key **out, struct fault *why)
{
	const char *slash = strrchr(path, '/');
	OWNED(drop_heap) char *dir = slash ? strndup(path, (size_t)(slash - path)) : strdup(".");
	OWNED(drop_fd) int at = -1;

	if (!dir)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (dir_open(dir, &at, why))
		return -1;
	return secret_key_open_plain(at, slash ? slash + 1 : path, out, why);
}

static int run(char **argv, uint64_t count, struct fault *why)
{
	OWNED(place_drop)
	struct place place = {.ceremony = argv[1],
			      .drafts = -1,
			      .metadata = -1,
			      .expires = (int64_t)time(NULL) + LIFE_S};

	if (sodium_init() < 0 || open_below(argv[1], "metadata", &place.drafts, why) ||
	    open_below(argv[2], "metadata", &place.metadata, why) ||
	    open_key(argv[4], &place.key, why) || open_key(argv[3], &place.online, why) ||
	    signing_new_snapshot(ONLINE_VERSION, place.expires, &place.snapshot, why) ||
	    keep_role(&place, "targets", why) || keep_role(&place, DELEGATE, why) ||
	    open_bins(&place, why) || put_all(&place, count, why))
		return -1;
	return write_all(&place, why);
}

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (argc != 6)
		return 2;
	umask(022);
	if (run(argv, strtoull(argv[5], NULL, 10), &why) == 0)
		return 0;
	fault_print(&why, stderr);
	return 1;
}
