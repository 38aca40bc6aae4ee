// SPDX-License-Identifier: Apache-2.0
// A warehouse on the spot: a state directory, real keys, a signer and a broker of its own.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/keyfile.h"
#include "keys/local.h"
#include "keys/signing.h"
#include "repod/blob.h"
#include "repod/broker.h"
#include "repod/channel.h"
#include "repod/publish.h"
#include "repod/signer.h"

#ifndef WORLD_TEMPLATE
#define WORLD_TEMPLATE "/tmp/repod-test-XXXXXX"
#endif
#define WORLD_NOW  INT64_C(1800000000)
#define WORLD_DAY  INT64_C(86400)
#define WORLD_LIFE (30 * WORLD_DAY)

struct world {
	char dir[64], state[96], signer_dir[96];
	struct secret_key *root, *targets, *net, *online;
	struct child signer, broker;
	struct publish *publish;
	char mended[256];
	struct bytes pinned;
};

// The clock is shared with the forked signer: tests that move it start the processes again.
static int64_t world_clock = WORLD_NOW;

static inline int64_t world_now(void)
{
	return world_clock;
}

static inline void world_remove(const char *dir)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}

// ---- metadata ----

static inline void put_key(struct json *keys, const struct secret_key *key)
{
	struct fault why = {0};
	struct json *pub = NULL;

	assert_int_equal(secret_key_public_json(key, &pub, &why), 0);
	assert_int_equal(json_put(keys, secret_key_id(key), pub, &why), 0);
}

static inline void put_role(struct json *roles, const char *role, const struct secret_key *key)
{
	struct fault why = {0};
	struct json *entry = json_make_object(), *ids = json_make_array();

	assert_int_equal(json_put(roles, role, entry, &why), 0);
	assert_int_equal(json_put(entry, "keyids", ids, &why), 0);
	assert_int_equal(json_add(ids, json_make_text(secret_key_id(key)), &why), 0);
	assert_int_equal(json_put_int(entry, "threshold", 1, &why), 0);
}

static inline struct json *part(struct json *object, const char *key)
{
	struct fault why = {0};
	struct json *out = NULL;

	assert_int_equal(signing_part(object, key, &out, &why), 0);
	return out;
}

static inline struct json *world_root(const struct world *world, int64_t version)
{
	struct fault why = {0};
	struct json *document = NULL;
	struct json *body, *keys = json_make_object(), *roles = json_make_object();

	assert_int_equal(signing_new("root", version, WORLD_NOW + WORLD_LIFE, &document, &why), 0);
	body = part(document, "signed");
	assert_int_equal(json_put_bool(body, "consistent_snapshot", true, &why), 0);
	assert_int_equal(json_put(body, "keys", keys, &why), 0);
	assert_int_equal(json_put(body, "roles", roles, &why), 0);
	put_key(keys, world->root);
	put_key(keys, world->targets);
	put_key(keys, world->online);
	put_role(roles, "root", world->root);
	put_role(roles, "targets", world->targets);
	put_role(roles, "snapshot", world->online);
	put_role(roles, "timestamp", world->online);
	return document;
}

// Top-level targets that delegates net/*/* to role "net".
static inline struct json *world_targets(const struct world *world, int64_t version)
{
	struct fault why = {0};
	struct json *document = NULL;
	struct json *delegations = json_make_object(), *keys = json_make_object();
	struct json *list = json_make_array(), *role = json_make_object();
	struct json *paths = json_make_array(), *ids = json_make_array();

	assert_int_equal(signing_new_targets(version, WORLD_NOW + WORLD_LIFE, &document, &why), 0);
	assert_int_equal(json_put(part(document, "signed"), "delegations", delegations, &why), 0);
	assert_int_equal(json_put(delegations, "keys", keys, &why), 0);
	assert_int_equal(json_put(delegations, "roles", list, &why), 0);
	put_key(keys, world->net);
	assert_int_equal(json_add(list, role, &why), 0);
	assert_int_equal(json_put_text(role, "name", "net", &why), 0);
	assert_int_equal(json_put(role, "keyids", ids, &why), 0);
	assert_int_equal(json_add(ids, json_make_text(secret_key_id(world->net)), &why), 0);
	assert_int_equal(json_put_int(role, "threshold", 1, &why), 0);
	assert_int_equal(json_put_bool(role, "terminating", false, &why), 0);
	assert_int_equal(json_put(role, "paths", paths, &why), 0);
	assert_int_equal(json_add(paths, json_make_text("net/*/*"), &why), 0);
	return document;
}

static inline struct json *world_net(int64_t version)
{
	struct fault why = {0};
	struct json *document = NULL;

	assert_int_equal(signing_new_targets(version, WORLD_NOW + WORLD_LIFE, &document, &why), 0);
	return document;
}

static inline void world_seal(struct json *document, const struct secret_key *key,
			      struct bytes *out)
{
	struct fault why = {0};

	bytes_drop(out);
	assert_int_equal(signing_sign(document, key, &why), 0);
	assert_int_equal(signing_write(document, out, &why), 0);
	json_free(document);
}

// ---- processes ----

static inline int world_signer(int fd, void *ctx, struct fault *why)
{
	const struct world *world = ctx;
	struct signer_setup setup = {-1, 7 * WORLD_DAY, WORLD_DAY, world_now};

	if (dir_open(world->signer_dir, &setup.dirfd, why))
		return -1;
	return signer_serve(fd, &setup, why);
}

static inline int world_broker(int fd, void *ctx, struct fault *why)
{
	(void)ctx;
	return broker_serve(fd, why);
}

static inline int world_start(struct world *world, struct fault *why)
{
	static const int none[] = {-1};
	struct publish_setup setup = {.state = world->state,
				      .snapshot_s = 7 * WORLD_DAY,
				      .timestamp_s = WORLD_DAY,
				      .clock = world_now};

	assert_int_equal(child_start("signer", world_signer, world, none, &world->signer, why), 0);
	assert_int_equal(child_start("broker", world_broker, world, none, &world->broker, why), 0);
	setup.signer = world->signer.fd;
	setup.broker = world->broker.fd;
	return publish_new(&setup, &world->publish, world->mended, why);
}

static inline void world_stop(struct world *world)
{
	publish_drop(&world->publish);
	child_end(&world->broker);
	child_end(&world->signer);
}

static inline void world_restart(struct world *world)
{
	struct fault why = {0};

	world_stop(world);
	assert_int_equal(world_start(world, &why), 0);
}

static inline void world_dirs(struct world *world)
{
	static const char *const names[] = {STATE_METADATA, STATE_BLOBS, STATE_TRUST};
	struct fault why = {0};

	strcpy(world->dir, WORLD_TEMPLATE);
	assert_non_null(mkdtemp(world->dir));
	snprintf(world->state, sizeof(world->state), "%s/state", world->dir);
	snprintf(world->signer_dir, sizeof(world->signer_dir), "%s/signer", world->dir);
	for (size_t i = 0; i < 3; i++) {
		OWNED(drop_fd) int fd = -1;
		char path[128];

		snprintf(path, sizeof(path), "%s/%s", world->state, names[i]);
		assert_int_equal(dir_make(path, 0700, &fd, &why), 0);
	}
	assert_int_equal(mkdir(world->signer_dir, 0700), 0);
}

static inline int world_setup(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	struct fault why = {0};
	char path[160];

	assert_non_null(world);
	world->signer.fd = world->broker.fd = -1;
	world_clock = WORLD_NOW;
	world_dirs(world);
	assert_int_equal(secret_key_new(&world->root, &why), 0);
	assert_int_equal(secret_key_new(&world->targets, &why), 0);
	assert_int_equal(secret_key_new(&world->net, &why), 0);
	assert_int_equal(secret_key_new(&world->online, &why), 0);
	snprintf(path, sizeof(path), "%s/%s", world->signer_dir, SIGNER_KEY_FILE);
	assert_int_equal(secret_key_write(world->online, path, NULL, 0, &why), 0);
	world_seal(world_root(world, 1), world->root, &world->pinned);
	snprintf(path, sizeof(path), "%s/trust/root.json", world->state);
	assert_int_equal(file_replace(path, world->pinned.data, world->pinned.len, 0600, &why), 0);
	snprintf(path, sizeof(path), "%s/metadata/1.root.json", world->state);
	assert_int_equal(file_replace(path, world->pinned.data, world->pinned.len, 0600, &why), 0);
	assert_int_equal(world_start(world, &why), 0);
	*state = world;
	return 0;
}

static inline int world_teardown(void **state)
{
	struct world *world = *state;

	world_stop(world);
	secret_key_free(world->root);
	secret_key_free(world->targets);
	secret_key_free(world->net);
	secret_key_free(world->online);
	bytes_drop(&world->pinned);
	world_remove(world->dir);
	free(world);
	return 0;
}

// ---- what a publisher does ----

static inline enum publish_outcome world_submit(struct world *world, const char *role,
						const struct bytes *data, struct fault *why)
{
	OWNED(release_drop) struct release *release = NULL;
	enum publish_outcome outcome;

	fault_clear(why);
	if (publish_submit(world->publish, role, data->data, data->len, "test", &outcome, &release,
			   why) == 0)
		assert_non_null(release);
	else
		assert_int_not_equal(why->code, FAULT_NONE);
	return outcome;
}

// Puts bytes among the blobs and lists them in a targets document.
static inline struct sha256 world_blob(const struct world *world, const void *data, size_t len)
{
	OWNED(upload_drop) struct upload *upload = NULL;
	struct fault why = {0};
	struct sha256 digest;
	bool made;

	assert_int_equal(sha256_of(data, len, &digest, &why), 0);
	assert_int_equal(upload_begin(publish_blobs_dir(world->publish), 1 << 20, &upload, &why),
			 0);
	assert_int_equal(upload_add(upload, data, len, &why), 0);
	assert_int_equal(upload_keep(upload, &digest, &made, &why), 0);
	return digest;
}

static inline void world_list(struct json *document, const char *path, const void *data, size_t len,
			      struct json *custom)
{
	struct fault why = {0};
	struct sha256 digest;

	assert_int_equal(sha256_of(data, len, &digest, &why), 0);
	assert_int_equal(signing_set_target(document, path, (int64_t)len, &digest, custom, &why),
			 0);
}

// Publishes targets 1 and net 1 (empty): the usual start.
static inline void world_publish_first(struct world *world)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	world_seal(world_targets(world, 1), world->targets, &data);
	assert_int_equal(world_submit(world, "targets", &data, &why), PUBLISH_DONE);
	world_seal(world_net(1), world->net, &data);
	assert_int_equal(world_submit(world, "net", &data, &why), PUBLISH_DONE);
}

static inline struct client_versions world_versions(struct world *world)
{
	OWNED(release_drop) struct release *release = publish_release(world->publish);

	return release->versions;
}

static inline int64_t world_role_version(struct world *world, const char *role)
{
	OWNED(release_drop) struct release *release = publish_release(world->publish);
	const struct release_role *found = release_role(release, role);

	return found ? found->version : 0;
}
