// SPDX-License-Identifier: Apache-2.0
// Makes a repository of any size to measure clients with.
//   repository DIR TARGETS [BINS]
// DIR/metadata and DIR/targets are what a server serves; DIR/metadata/1.root.json is what a client begins with. One
// ed25519 key a role, files as our tools write them, version 1 of everything. One target, net/real/1.0.0.bundle, is
// there and has 1 MiB; the others are only named. With BINS (a power of 16) they stand in as many roles, by
// path_hash_prefixes.
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/keyfile.h"
#include "keys/local.h"
#include "keys/signing.h"

#define LIFE_S	  (INT64_C(30) * 86400)
#define REAL_PATH "net/real/1.0.0.bundle"
#define REAL_SIZE ((size_t)1 << 20)
#define BINS_MAX  65536

enum { ROOT, TIMESTAMP, SNAPSHOT, TARGETS, BINS, KEYS };
static const char *const role_names[] = {"root", "timestamp", "snapshot", "targets"};

struct place {
	int metadata, targets;
	int64_t expires;
	struct secret_key *keys[KEYS];
	struct json *snapshot, *timestamp;
};

static void place_drop(struct place *place)
{
	json_free(place->snapshot);
	json_free(place->timestamp);
	for (size_t i = 0; i < KEYS; i++)
		secret_key_free(place->keys[i]);
}

// ---- keys and who may sign ----

static int put_key(struct json *keys, const struct secret_key *key, struct fault *why)
{
	struct json *object;

	if (secret_key_public_json(key, &object, why))
		return -1;
	return json_put(keys, secret_key_id(key), object, why);
}

static int put_authority(struct json *role, const struct secret_key *key, struct fault *why)
{
	struct json *ids = json_make_array();

	if (json_add(ids, json_make_text(secret_key_id(key)), why)) {
		json_free(ids);
		return -1;
	}
	if (json_put(role, "keyids", ids, why))
		return -1;
	return json_put_int(role, "threshold", 1, why);
}

// ---- documents ----

static int sign_and_write(struct place *place, struct json *document, size_t key, const char *name,
			  struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(drop_heap) char *file = NULL;

	if (signing_sign(document, place->keys[key], why) || signing_write(document, &text, why) ||
	    role_file(name, key == TIMESTAMP ? 0 : 1, &file, why) ||
	    file_replace_at(place->metadata, file, text.data, text.len, 0644, why))
		return -1;
	if (key != TARGETS && key != BINS)
		return 0;
	free(HAND_OVER(file));
	if (role_file(name, 0, &file, why))
		return -1;
	return signing_set_meta(place->snapshot, file, 1, NULL, 0, why);
}

static int make_root(struct place *place, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct json *body, *keys = json_make_object(), *roles = json_make_object();

	if (signing_new("root", 1, place->expires, &document, why) ||
	    signing_part(document, "signed", &body, why) || json_put(body, "keys", keys, why) ||
	    json_put(body, "roles", roles, why) ||
	    json_put_bool(body, "consistent_snapshot", true, why))
		return -1;
	for (size_t i = ROOT; i <= TARGETS; i++) {
		struct json *role = json_make_object();

		if (json_put(roles, role_names[i], role, why) ||
		    put_key(keys, place->keys[i], why) || put_authority(role, place->keys[i], why))
			return -1;
	}
	return sign_and_write(place, document, ROOT, "root", why);
}

// ---- targets ----

static int make_real(struct place *place, struct sha256 *sha256, struct fault *why)
{
	OWNED(drop_heap) unsigned char *data = malloc(REAL_SIZE);
	static const unsigned char seed[randombytes_SEEDBYTES] = "the one target that is there";
	OWNED(drop_fd) int net = -1;
	OWNED(drop_fd) int dir = -1;
	char hex[SHA256_HEX], name[SHA256_HEX + 16];

	if (!data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	randombytes_buf_deterministic(data, REAL_SIZE, seed);
	if (sha256_of(data, REAL_SIZE, sha256, why) ||
	    dir_make_at(place->targets, "net", 0755, &net, why) ||
	    dir_make_at(net, "real", 0755, &dir, why))
		return -1;
	sha256_hex(sha256, hex);
	snprintf(name, sizeof(name), "%s.1.0.0.bundle", hex);
	return file_replace_at(dir, name, data, REAL_SIZE, 0644, why);
}

// The bin of a path: as many bits of its digest as there are bins.
static int bin_of(const char *path, size_t bins, size_t *out, struct fault *why)
{
	struct sha256 digest;

	if (sha256_of(path, strlen(path), &digest, why))
		return -1;
	*out = (((size_t)digest.byte[0] << 8) | digest.byte[1]) * bins / BINS_MAX;
	return 0;
}

static int put_targets(struct json **roles, size_t bins, uint64_t count, const struct sha256 *real,
		       struct fault *why)
{
	size_t bin;

	for (uint64_t i = 1; i < count; i++) {
		struct sha256 digest;
		char path[64];

		snprintf(path, sizeof(path), "net/p%06" PRIu64 "/1.0.0.bundle", i);
		if (sha256_of(path, strlen(path), &digest, why) || bin_of(path, bins, &bin, why) ||
		    signing_set_target(roles[bin], path, 20000, &digest, NULL, why))
			return -1;
	}
	if (bin_of(REAL_PATH, bins, &bin, why))
		return -1;
	return signing_set_target(roles[bin], REAL_PATH, (int64_t)REAL_SIZE, real, NULL, why);
}

static void bin_name(size_t bin, size_t bins, char name[32], char prefix[8])
{
	int digits = 0;

	for (size_t reach = 1; reach < bins; reach *= 16)
		digits++;
	snprintf(prefix, 8, "%0*zx", digits, bin);
	snprintf(name, 32, "bin-%s", prefix);
}

static int put_delegation(struct place *place, struct json *roles, const char *name,
			  const char *prefix, struct fault *why)
{
	struct json *role = json_make_object(), *prefixes = json_make_array();

	if (json_add(roles, role, why) || json_put(role, "path_hash_prefixes", prefixes, why) ||
	    json_add(prefixes, json_make_text(prefix), why) ||
	    json_put_text(role, "name", name, why) ||
	    json_put_bool(role, "terminating", false, why))
		return -1;
	return put_authority(role, place->keys[BINS], why);
}

// The top-level role when the targets stand in bins below it.
static int make_parent(struct place *place, struct json *document, size_t bins, struct fault *why)
{
	struct json *body, *part = json_make_object(), *keys = json_make_object(),
			   *roles = json_make_array();

	if (signing_part(document, "signed", &body, why) ||
	    json_put(body, "delegations", part, why) || json_put(part, "keys", keys, why) ||
	    json_put(part, "roles", roles, why) || put_key(keys, place->keys[BINS], why))
		return -1;
	for (size_t i = 0; i < bins; i++) {
		char name[32], prefix[8];

		bin_name(i, bins, name, prefix);
		if (put_delegation(place, roles, name, prefix, why))
			return -1;
	}
	return 0;
}

static void drop_roles(struct json ***roles)
{
	for (struct json **role = *roles; role && *role; role++)
		json_free(*role);
	free(*roles);
}

static int make_targets(struct place *place, uint64_t count, size_t bins, struct fault *why)
{
	OWNED(json_drop) struct json *top = NULL;
	OWNED(drop_roles) struct json **roles = calloc(bins + 2, sizeof(struct json *));
	struct sha256 real;

	if (!roles)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (make_real(place, &real, why) || signing_new_targets(1, place->expires, &top, why))
		return -1;
	if (!bins) {
		if (put_targets(&top, 1, count, &real, why))
			return -1;
		return sign_and_write(place, top, TARGETS, "targets", why);
	}
	for (size_t i = 0; i < bins; i++)
		if (signing_new_targets(1, place->expires, &roles[i], why))
			return -1;
	if (put_targets(roles, bins, count, &real, why) || make_parent(place, top, bins, why) ||
	    sign_and_write(place, top, TARGETS, "targets", why))
		return -1;
	for (size_t i = 0; i < bins; i++) {
		char name[32], prefix[8];

		bin_name(i, bins, name, prefix);
		if (sign_and_write(place, roles[i], BINS, name, why))
			return -1;
	}
	return 0;
}

static int make_all(struct place *place, uint64_t count, size_t bins, struct fault *why)
{
	for (size_t i = 0; i < KEYS; i++)
		if (secret_key_new(&place->keys[i], why))
			return -1;
	if (signing_new_snapshot(1, place->expires, &place->snapshot, why) ||
	    signing_new_timestamp(1, place->expires, &place->timestamp, why) ||
	    make_root(place, why) || make_targets(place, count, bins, why) ||
	    sign_and_write(place, place->snapshot, SNAPSHOT, "snapshot", why) ||
	    signing_set_meta(place->timestamp, "snapshot.json", 1, NULL, 0, why))
		return -1;
	return sign_and_write(place, place->timestamp, TIMESTAMP, "timestamp", why);
}

static int run(const char *path, uint64_t count, size_t bins, struct fault *why)
{
	OWNED(place_drop) struct place place = {.expires = (int64_t)time(NULL) + LIFE_S};
	OWNED(drop_fd) int dir = -1;
	OWNED(drop_fd) int metadata = -1;
	OWNED(drop_fd) int targets = -1;

	if (!count || bins > BINS_MAX)
		return fault_set(why, FAULT_USAGE, "from 1 target, in up to %d bins", BINS_MAX);
	if (sodium_init() < 0 || dir_make(path, 0755, &dir, why) ||
	    dir_make_at(dir, "metadata", 0755, &metadata, why) ||
	    dir_make_at(dir, "targets", 0755, &targets, why))
		return -1;
	place.metadata = metadata;
	place.targets = targets;
	return make_all(&place, count, bins, why);
}

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (argc < 3)
		return 2;
	umask(022);
	if (run(argv[1], strtoull(argv[2], NULL, 10), argc > 3 ? strtoul(argv[3], NULL, 10) : 0,
		&why) == 0)
		return 0;
	fault_print(&why, stderr);
	return 1;
}
