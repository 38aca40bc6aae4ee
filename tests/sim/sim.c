// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "keys/local.h"

// The simulator itself must not fail.
static void must(int result, const struct fault *why)
{
	if (result == 0)
		return;
	fault_print(why, stderr);
	abort();
}

#define MUST(call)                      \
	do {                            \
		struct fault why = {0}; \
		must((call), &why);     \
	} while (0)

// ---- files ----

static struct sim_file *find_file(struct sim_file *list, const char *name)
{
	for (; list; list = list->next)
		if (strcmp(list->name, name) == 0)
			return list;
	return NULL;
}

static void put_file(struct sim_file **list, const char *name, const void *data, size_t len)
{
	struct sim_file *file = find_file(*list, name);
	struct bytes copy = {0};

	MUST(bytes_append(&copy, data, len, &why));
	if (!file) {
		file = calloc(1, sizeof(*file));
		file->name = strdup(name);
		// Kept in order of arrival.
		while (*list)
			list = &(*list)->next;
		*list = file;
	}
	bytes_move(&file->data, &copy);
}

static void remove_file(struct sim_file **list, const char *name)
{
	for (; *list; list = &(*list)->next) {
		struct sim_file *file = *list;

		if (strcmp(file->name, name) != 0)
			continue;
		*list = file->next;
		bytes_drop(&file->data);
		free(file->name);
		free(file);
		return;
	}
}

void sim_serve_raw(struct sim *sim, const char *file, const void *data, size_t len)
{
	put_file(&sim->served, file, data, len);
}

void sim_withdraw(struct sim *sim, const char *file)
{
	remove_file(&sim->served, file);
}

struct bytes *sim_served(struct sim *sim, const char *file)
{
	struct sim_file *found = find_file(sim->served, file);

	return found ? &found->data : NULL;
}

struct bytes *sim_kept_bytes(struct sim *sim, const char *role)
{
	struct sim_file *found = find_file(sim->kept, role);

	return found ? &found->data : NULL;
}

void sim_forget(struct sim *sim, const char *role)
{
	remove_file(&sim->kept, role);
}

// ---- editing ----

struct json *sim_at(struct json *root, ...)
{
	const struct json *at = root;
	const char *key;
	va_list keys;

	va_start(keys, root);
	while ((key = va_arg(keys, const char *)))
		at = json_member(at, key);
	va_end(keys);
	return (struct json *)(uintptr_t)at;
}

void sim_set_int(struct json *object, const char *key, int64_t number)
{
	MUST(json_put(object, key, json_make_int(number), &why));
}

void sim_set_text(struct json *object, const char *key, const char *text)
{
	MUST(json_put(object, key, json_make_text(text), &why));
}

void sim_set_time(struct sim_role *role, int64_t expires)
{
	char text[CLOCK_TEXT_LEN];

	clock_write(expires, text);
	sim_set_text(role->body, "expires", text);
}

int64_t sim_version(const struct sim_role *role)
{
	return json_int(json_member(role->body, "version"));
}

void sim_bump(struct sim_role *role)
{
	sim_set_int(role->body, "version", sim_version(role) + 1);
}

// ---- keys ----

struct sim_key sim_key_new(struct sim *sim)
{
	unsigned char seed[crypto_sign_SEEDBYTES] = {'t', 'e', 's', 't', ' ', 'k', 'e', 'y'};
	struct sim_key key;
	struct sha256 digest;

	seed[sizeof(seed) - 1] = ++sim->counter;
	crypto_sign_seed_keypair(key.public, key.secret, seed);
	MUST(sha256_of(key.public, sizeof(key.public), &digest, &why));
	sha256_hex(&digest, key.id);
	return key;
}

struct json *sim_key_json(const struct sim_key *key)
{
	struct json *json = json_make_object(), *value = json_make_object();
	char hex[65];

	hex_write(key->public, sizeof(key->public), hex);
	sim_set_text(json, "keytype", "ed25519");
	sim_set_text(json, "scheme", "ed25519");
	sim_set_text(value, "public", hex);
	MUST(json_put(json, "keyval", value, &why));
	return json;
}

// ---- roles ----

struct sim_role *sim_role(struct sim *sim, const char *name)
{
	for (struct sim_role *role = sim->roles; role; role = role->next)
		if (strcmp(role->name, name) == 0)
			return role;
	return NULL;
}

static struct sim_role *add_role(struct sim *sim, const char *name, const char *type)
{
	struct sim_role *role = calloc(1, sizeof(*role)), **end = &sim->roles;

	strncpy(role->name, name, sizeof(role->name) - 1);
	role->body = json_make_object();
	sim_set_text(role->body, "_type", type);
	sim_set_text(role->body, "spec_version", "1.0.31");
	sim_set_int(role->body, "version", 1);
	sim_set_time(role, SIM_NOW + SIM_LIFE);
	while (*end)
		end = &(*end)->next;
	*end = role;
	return role;
}

static struct json *authority_json(const struct sim_role *role, int64_t threshold)
{
	struct json *json = json_make_object(), *ids = json_make_array();

	for (size_t i = 0; i < role->key_count; i++)
		MUST(json_add(ids, json_make_text(role->keys[i].id), &why));
	MUST(json_put(json, "keyids", ids, &why));
	sim_set_int(json, "threshold", threshold);
	return json;
}

void sim_rotate(struct sim *sim, const char *name, size_t count, int64_t threshold)
{
	struct json *root = sim_role(sim, "root")->body;
	struct sim_role *role = sim_role(sim, name);

	role->key_count = count;
	for (size_t i = 0; i < count; i++) {
		role->keys[i] = sim_key_new(sim);
		MUST(json_put(sim_at(root, "keys", NULL), role->keys[i].id,
			      sim_key_json(&role->keys[i]), &why));
	}
	MUST(json_put(sim_at(root, "roles", NULL), name, authority_json(role, threshold), &why));
}

static struct json *delegations_of(struct sim_role *role)
{
	if (!json_member(role->body, "delegations")) {
		struct json *made = json_make_object();

		MUST(json_put(made, "keys", json_make_object(), &why));
		MUST(json_put(made, "roles", json_make_array(), &why));
		MUST(json_put(role->body, "delegations", made, &why));
	}
	return sim_at(role->body, "delegations", NULL);
}

struct sim_role *sim_delegate(struct sim *sim, const char *delegator, const char *name,
			      const char *pattern, bool terminating)
{
	struct json *delegations = delegations_of(sim_role(sim, delegator));
	struct sim_role *role = sim_role(sim, name);
	struct json *entry, *paths = json_make_array();

	if (!role) {
		role = add_role(sim, name, "targets");
		MUST(json_put(role->body, "targets", json_make_object(), &why));
		role->keys[role->key_count++] = sim_key_new(sim);
	}
	MUST(json_put(sim_at(delegations, "keys", NULL), role->keys[0].id,
		      sim_key_json(&role->keys[0]), &why));
	entry = authority_json(role, 1);
	sim_set_text(entry, "name", name);
	MUST(json_put(entry, "terminating", json_make_bool(terminating), &why));
	MUST(json_add(paths, json_make_text(pattern), &why));
	MUST(json_put(entry, "paths", paths, &why));
	MUST(json_add(sim_at(delegations, "roles", NULL), entry, &why));
	return role;
}

static struct json *hashes_json(const void *data, size_t len)
{
	struct json *hashes = json_make_object();
	struct sha256 digest;
	char hex[SHA256_HEX];

	MUST(sha256_of(data, len, &digest, &why));
	sha256_hex(&digest, hex);
	sim_set_text(hashes, "sha256", hex);
	return hashes;
}

void sim_target(struct sim *sim, const char *name, const char *path, const char *content)
{
	struct json *target = json_make_object();
	struct target described = {.path = path, .has_sha256 = true};
	OWNED(drop_heap) char *file = NULL;

	sim_set_int(target, "length", (int64_t)strlen(content));
	MUST(json_put(target, "hashes", hashes_json(content, strlen(content)), &why));
	MUST(json_put(sim_at(sim_role(sim, name)->body, "targets", NULL), path, target, &why));
	MUST(sha256_of(content, strlen(content), &described.sha256, &why));
	MUST(target_file(&described, true, &file, &why));
	sim_serve_raw(sim, file, content, strlen(content));
}

// ---- signing and serving ----

static void add_signature(struct json *signatures, const struct sim_key *key,
			  const struct bytes *canonical)
{
	struct json *entry = json_make_object();
	unsigned char raw[crypto_sign_BYTES];
	char hex[2 * sizeof(raw) + 1];

	crypto_sign_detached(raw, NULL, canonical->data, canonical->len, key->secret);
	hex_write(raw, sizeof(raw), hex);
	sim_set_text(entry, "keyid", key->id);
	sim_set_text(entry, "sig", hex);
	MUST(json_add(signatures, entry, &why));
}

static bool has_key(const struct sim_role *role, const struct sim_key *key)
{
	for (size_t i = 0; i < role->key_count; i++)
		if (strcmp(role->keys[i].id, key->id) == 0)
			return true;
	return false;
}

static void sign_with(const struct sim_role *role, const struct sim_role *also, struct bytes *out)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(bytes_drop) struct bytes canonical = {0};
	struct json *signatures = json_make_array();

	MUST(canon_write(role->body, &canonical, &why));
	for (size_t i = 0; i < role->key_count; i++)
		add_signature(signatures, &role->keys[i], &canonical);
	for (size_t i = 0; also && i < also->key_count; i++)
		if (!has_key(role, &also->keys[i]))
			add_signature(signatures, &also->keys[i], &canonical);
	MUST(json_put(document, "signatures", signatures, &why));
	MUST(json_put(document, "signed", json_keep(role->body), &why));
	MUST(json_write(document, false, out, &why));
}

void sim_sign(const struct sim_role *role, struct bytes *out)
{
	sign_with(role, NULL, out);
}

static void serve_signed(struct sim *sim, const struct sim_role *role, const struct sim_role *also)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *file = NULL;
	bool numbered = strcmp(role->name, "timestamp") != 0 &&
			(sim->consistent || strcmp(role->name, "root") == 0);

	sign_with(role, also, &data);
	MUST(role_file(role->name, numbered ? sim_version(role) : 0, &file, &why));
	sim_serve_raw(sim, file, data.data, data.len);
}

void sim_serve(struct sim *sim, const char *role)
{
	serve_signed(sim, sim_role(sim, role), NULL);
}

static struct json *meta_of(struct sim *sim, const struct sim_role *role)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *meta = json_make_object();

	sim_set_int(meta, "version", sim_version(role));
	if (!sim->hashes)
		return meta;
	sim_sign(role, &data);
	sim_set_int(meta, "length", (int64_t)data.len);
	MUST(json_put(meta, "hashes", hashes_json(data.data, data.len), &why));
	return meta;
}

void sim_publish(struct sim *sim)
{
	struct sim_role *snapshot = sim_role(sim, "snapshot");
	struct sim_role *timestamp = sim_role(sim, "timestamp");
	bool first = !json_member(snapshot->body, "meta");
	struct json *listed = json_make_object(), *named = json_make_object();

	for (struct sim_role *role = sim_role(sim, "targets"); role; role = role->next) {
		char file[80];

		snprintf(file, sizeof(file), "%s.json", role->name);
		MUST(json_put(listed, file, meta_of(sim, role), &why));
		serve_signed(sim, role, NULL);
	}
	MUST(json_put(snapshot->body, "meta", listed, &why));
	if (!first)
		sim_bump(snapshot);
	MUST(json_put(named, "snapshot.json", meta_of(sim, snapshot), &why));
	MUST(json_put(timestamp->body, "meta", named, &why));
	if (!first)
		sim_bump(timestamp);
	serve_signed(sim, snapshot, NULL);
	serve_signed(sim, timestamp, NULL);
}

void sim_publish_root(struct sim *sim, const struct sim_role *old)
{
	struct sim_role *root = sim_role(sim, "root");

	sim_bump(root);
	serve_signed(sim, root, old);
}

// ---- the whole thing ----

struct sim *sim_new(void)
{
	static const char *const names[] = {"root", "timestamp", "snapshot", "targets"};
	struct sim *sim = calloc(1, sizeof(*sim));
	OWNED(bytes_drop) struct bytes root = {0};

	if (sodium_init() < 0)
		abort();
	sim->now = SIM_NOW;
	sim->consistent = true;
	sim->limits = client_limits_default();
	for (size_t i = 0; i < 4; i++)
		add_role(sim, names[i], names[i]);
	MUST(json_put(sim->roles->body, "keys", json_make_object(), &why));
	MUST(json_put(sim->roles->body, "roles", json_make_object(), &why));
	MUST(json_put(sim->roles->body, "consistent_snapshot", json_make_bool(true), &why));
	for (size_t i = 0; i < 4; i++)
		sim_rotate(sim, names[i], 1, 1);
	MUST(json_put(sim_role(sim, "targets")->body, "targets", json_make_object(), &why));
	sim_delegate(sim, "targets", "net", "net/*/*", false);
	sim_target(sim, "net", SIM_TARGET, SIM_CONTENT);
	sim_publish(sim);
	sim_sign(sim->roles, &root);
	put_file(&sim->kept, "root", root.data, root.len);
	return sim;
}

void sim_free(struct sim *sim)
{
	while (sim->roles) {
		struct sim_role *role = sim->roles;

		sim->roles = role->next;
		json_free(role->body);
		free(role);
	}
	while (sim->served)
		remove_file(&sim->served, sim->served->name);
	while (sim->kept)
		remove_file(&sim->kept, sim->kept->name);
	bytes_drop(&sim->log);
	free(sim);
}

// ---- the doors ----

static int door_fetch(void *ctx, const char *file, size_t max, struct bytes *out, struct fault *why)
{
	struct sim *sim = ctx;
	struct sim_file *found = find_file(sim->served, file);

	if (bytes_format(&sim->log, why, "%s ", file))
		return -1;
	if (sim->outage)
		return fault_set(why, sim->outage, "the repository is out of order");
	if (!found)
		return fault_set(why, FAULT_NOT_FOUND, "%s is not there", file);
	// As a download does: takes no byte beyond the cap.
	if (found->data.len > max)
		return fault_set(why, FAULT_TOO_LARGE, "%s has more than %zu bytes", file, max);
	if (found->data.len > sim->largest_answer)
		sim->largest_answer = found->data.len;
	return bytes_append(out, found->data.data, found->data.len, why);
}

static int door_load(void *ctx, const char *role, struct bytes *out, struct fault *why)
{
	struct sim *sim = ctx;
	struct sim_file *found = find_file(sim->kept, role);

	if (!found)
		return fault_set(why, FAULT_NOT_FOUND, "%s was never kept", role);
	return bytes_append(out, found->data.data, found->data.len, why);
}

static int door_keep(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		     struct fault *why)
{
	struct sim *sim = ctx;

	(void)version;
	(void)why;
	put_file(&sim->kept, role, data, len);
	return 0;
}

struct client_io sim_io(struct sim *sim)
{
	return (struct client_io){sim, door_fetch, door_load, door_keep};
}

int sim_refresh(struct sim *sim, struct fault *why)
{
	OWNED(client_drop) struct client *client = NULL;
	struct client_io io = sim_io(sim);

	if (client_new(&io, &sim->limits, sim->now, &client, why))
		return -1;
	return client_refresh(client, why);
}

int sim_install(struct sim *sim, const char *path, struct fault *why)
{
	OWNED(client_drop) struct client *client = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *file = NULL;
	struct client_io io = sim_io(sim);
	const struct target *target;

	if (client_new(&io, &sim->limits, sim->now, &client, why) || client_refresh(client, why) ||
	    client_load_all(client, why) || client_find(client, path, &target, why) ||
	    target_file(target, true, &file, why) ||
	    door_fetch(sim, file, (size_t)target->length, &data, why))
		return -1;
	return target_check(target, data.data, data.len, why);
}

int64_t sim_kept(struct sim *sim, const char *role)
{
	struct sim_file *found = find_file(sim->kept, role);
	OWNED(json_drop) struct json *document = NULL;
	struct fault why = {0};

	if (!found || json_parse(found->data.data, found->data.len, role, &document, &why))
		return 0;
	return json_int(json_member(json_member(document, "signed"), "version"));
}

static int file_order(const void *a, const void *b)
{
	const struct sim_file *left = *(const struct sim_file *const *)a;
	const struct sim_file *right = *(const struct sim_file *const *)b;

	return strcmp(left->name, right->name);
}

struct sha256 sim_state(const struct sim *sim)
{
	const struct sim_file *files[64];
	OWNED(bytes_drop) struct bytes all = {0};
	struct sha256 digest;
	size_t count = 0;

	for (const struct sim_file *file = sim->kept; file && count < 64; file = file->next)
		files[count++] = file;
	qsort(files, count, sizeof(*files), file_order);
	for (size_t i = 0; i < count; i++) {
		MUST(bytes_format(&all, &why, "%s %zu ", files[i]->name, files[i]->data.len));
		MUST(bytes_append(&all, files[i]->data.data, files[i]->data.len, &why));
	}
	MUST(sha256_of(all.data, all.len, &digest, &why));
	return digest;
}

const char *sim_requests(struct sim *sim)
{
	return bytes_text(&sim->log);
}

void sim_requests_clear(struct sim *sim)
{
	bytes_drop(&sim->log);
}
