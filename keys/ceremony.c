// SPDX-License-Identifier: Apache-2.0
#include "keys/ceremony.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "keys/key.h"
#include "keys/keyfile.h"
#include "keys/signing.h"
#include "keys/sigstatus.h"

// An RSA key of 16384 bits in PEM needs less.
#define PUBLIC_KEY_MAX 16384
#define ROLE_NAME_MAX  64
#define PATTERN_MAX    512

static const char *const top_roles[] = {"root", "targets", "snapshot", "timestamp", NULL};

// ---- public keys ----

void public_key_drop(struct public_key *key)
{
	json_drop(&key->object);
}

static int public_key_parse(const char *path, const struct bytes *text, struct public_key *out,
			    struct fault *why)
{
	OWNED(json_drop) struct json *object = NULL;
	OWNED(key_drop) struct key *key = NULL;
	OWNED(bytes_drop) struct bytes canon = {0};
	struct sha256 id;

	if (json_parse(text->data, text->len, path, &object, why) != 0 ||
	    key_parse(object, &key, why) != 0 || canon_write(object, &canon, why) != 0 ||
	    sha256_of(canon.data, canon.len, &id, why) != 0)
		return -1;
	if (key_scheme(key) == KEY_UNUSABLE)
		return fault_set(why, FAULT_FORMAT, "the key is of a kind that no node verifies");
	sha256_hex(&id, out->id);
	out->object = HAND_OVER(object);
	return 0;
}

int public_key_read(const char *path, struct public_key *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (keyfile_is_at(path)) {
		fault_set(why, FAULT_USAGE, "%s is a secret key", path);
		return fault_fix(why, "give its public half: %s.pub", path);
	}
	if (file_read(path, PUBLIC_KEY_MAX, &text, why) != 0)
		return -1;
	if (public_key_parse(path, &text, out, why) != 0)
		return fault_within(why, "%s is not a public key file", path);
	return 0;
}

// ---- who speaks for a role ----

static bool role_is_top(const char *role)
{
	for (size_t i = 0; top_roles[i]; i++)
		if (strcmp(top_roles[i], role) == 0)
			return true;
	return false;
}

int holder_of_root(struct json *document, const char *role, struct holder *out, struct fault *why)
{
	struct json *body, *roles;

	if (signing_part(document, "signed", &body, why) != 0 ||
	    signing_part(body, "keys", &out->keys, why) != 0 ||
	    signing_part(body, "roles", &roles, why) != 0)
		return -1;
	return signing_part(roles, role, &out->role, why);
}

static const struct json *delegation_named(const struct json *roles, const char *name)
{
	for (size_t i = 0; i < json_count(roles); i++) {
		const char *has = json_text(json_member(json_item(roles, i), "name"));

		if (has && strcmp(has, name) == 0)
			return json_item(roles, i);
	}
	return NULL;
}

int holder_of_delegation(struct json *document, const char *role, struct holder *out,
			 struct fault *why)
{
	struct json *body, *delegations;
	const struct json *found;

	if (signing_part(document, "signed", &body, why) != 0)
		return -1;
	found = delegation_named(json_member(json_member(body, "delegations"), "roles"), role);
	if (!found)
		return fault_set(why, FAULT_USAGE, "there is no role and no delegation \"%.80s\"",
				 role);
	if (signing_part(body, "delegations", &delegations, why) != 0 ||
	    signing_part(delegations, "keys", &out->keys, why) != 0)
		return -1;
	out->role = (struct json *)found; // part of the caller's document
	return 0;
}

static bool lists_id(const struct json *role, const char *id)
{
	const struct json *ids = json_member(role, "keyids");

	for (size_t i = 0; i < json_count(ids); i++) {
		const char *has = json_text(json_item(ids, i));

		if (has && strcmp(has, id) == 0)
			return true;
	}
	return false;
}

bool holder_lists(const struct holder *holder, const char *id)
{
	return lists_id(holder->role, id);
}

// A new list of the role's key ids but `without`, and `with` at the end; each may be NULL.
static int ids_change(struct holder *holder, const char *without, const char *with,
		      struct fault *why)
{
	OWNED(json_drop) struct json *kept = json_make_array();
	const struct json *ids;

	if (json_need_array(holder->role, "keyids", &ids, why) != 0)
		return -1;
	for (size_t i = 0; i < json_count(ids); i++) {
		const char *id = json_text(json_item(ids, i));

		if (without && id && strcmp(id, without) == 0)
			continue;
		if (json_add(kept, json_keep(json_item(ids, i)), why) != 0)
			return -1;
	}
	if (with && json_add(kept, json_make_text(with), why) != 0)
		return -1;
	return json_put(holder->role, "keyids", HAND_OVER(kept), why);
}

int holder_add(struct holder *holder, const struct public_key *key, struct fault *why)
{
	const struct json *known = json_member(holder->keys, key->id);

	if (holder_lists(holder, key->id))
		return fault_set(why, FAULT_USAGE, "key %s is listed there already", key->id);
	if (known && !json_same(known, key->object))
		return fault_set(why, FAULT_FORMAT, "another key goes by the id %s there", key->id);
	if (json_put(holder->keys, key->id, json_keep(key->object), why) != 0)
		return -1;
	return ids_change(holder, NULL, key->id, why);
}

int holder_remove(struct holder *holder, const char *id, struct fault *why)
{
	if (!holder_lists(holder, id))
		return fault_set(why, FAULT_USAGE, "key %.80s is not listed there", id);
	return ids_change(holder, id, NULL, why);
}

int holder_threshold(struct holder *holder, int64_t threshold, struct fault *why)
{
	return json_put_int(holder->role, "threshold", threshold, why);
}

// ---- documents ----

static int role_put_empty(struct json *role, struct fault *why)
{
	if (json_put(role, "keyids", json_make_array(), why) != 0)
		return -1;
	return json_put_int(role, "threshold", 1, why);
}

int ceremony_new_root(int64_t expires, const char *class, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct json *body, *roles = json_make_object();

	if (signing_new("root", 1, expires, &document, why) != 0 ||
	    signing_part(document, "signed", &body, why) != 0) {
		json_free(roles);
		return -1;
	}
	if (json_put(body, "roles", roles, why) != 0 ||
	    json_put(body, "keys", json_make_object(), why) != 0 ||
	    json_put_bool(body, "consistent_snapshot", true, why) != 0 ||
	    json_put_text(body, "x-bpfseal-class", class, why) != 0)
		return -1;
	for (size_t i = 0; top_roles[i]; i++) {
		struct json *role = json_make_object();

		if (json_put(roles, top_roles[i], role, why) != 0 || role_put_empty(role, why) != 0)
			return -1;
	}
	*out = HAND_OVER(document);
	return 0;
}

// The draft as it lies there, its signatures taken away and its expiry new. Nothing is written yet: a change that is
// refused later costs nobody a signature.
static int root_reopen(const char *dir, int64_t expires, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	char text[CLOCK_TEXT_LEN];
	struct json *body;

	clock_write(expires, text);
	if (draft_read(dir, "root", &document, why) != 0 || signing_clear(document, why) != 0 ||
	    signing_part(document, "signed", &body, why) != 0 ||
	    json_put_text(body, "expires", text, why) != 0)
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

int ceremony_open_root(const char *dir, int64_t expires, struct json **out, bool *in_place,
		       struct fault *why)
{
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	OWNED(bytes_drop) struct bytes path = {0};

	if (bytes_format(&path, why, "%s/metadata/root.json", dir) != 0 ||
	    sigstatus_open(bytes_text(&path), NULL, NULL, &sigstatus, why) != 0)
		return -1;
	*in_place = false;
	if (!sigstatus_met(sigstatus)) {
		*in_place = json_count(sigstatus->file->signatures) > 0;
		return root_reopen(dir, expires, out, why);
	}
	return draft_open(dir, "root", expires, out, why);
}

// ---- delegations ----

// TUF 4.5 patterns as every client reads them alike: '*' and '?' within a part, no '[' and no '\'.
static int pattern_check(const char *pattern, struct fault *why)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+~@/*?";
	size_t len = strlen(pattern);

	if (len == 0 || len > PATTERN_MAX || pattern[strspn(pattern, allowed)] != '\0')
		return fault_set(why, FAULT_USAGE, "the pattern \"%.80s\" is not plain", pattern);
	for (const char *part = pattern;;) {
		size_t part_len = strcspn(part, "/");

		if (part_len == 0 || strncmp(part, "..", part_len) == 0)
			return fault_set(why, FAULT_USAGE,
					 "the pattern \"%.80s\" has an empty, '.' or '..' part",
					 pattern);
		if (part[part_len] == '\0')
			return 0;
		part += part_len + 1;
	}
}

int delegation_check(const struct delegation *delegation, struct fault *why)
{
	size_t digits = strspn(delegation->name, "0123456789");

	// "7.net" as a role would be the file name of version 7 of "net".
	if (!name_is_plain(delegation->name, ROLE_NAME_MAX) || role_is_top(delegation->name) ||
	    (digits > 0 && delegation->name[digits] == '.'))
		return fault_set(why, FAULT_USAGE, "\"%.80s\" cannot be the name of a delegation",
				 delegation->name);
	if (delegation->path_count == 0)
		return fault_set(why, FAULT_USAGE,
				 "a delegation needs at least one --paths PATTERN");
	for (size_t i = 0; i < delegation->path_count; i++)
		if (pattern_check(delegation->paths[i], why) != 0)
			return -1;
	return 0;
}

static int delegations_of(struct json *body, struct json **out, struct fault *why)
{
	if (!json_member(body, "delegations")) {
		struct json *delegations = json_make_object();

		if (json_put(body, "delegations", delegations, why) != 0 ||
		    json_put(delegations, "keys", json_make_object(), why) != 0 ||
		    json_put(delegations, "roles", json_make_array(), why) != 0)
			return -1;
	}
	return signing_part(body, "delegations", out, why);
}

static int delegation_fill(struct json *role, const struct delegation *delegation,
			   struct fault *why)
{
	OWNED(json_drop) struct json *paths = json_make_array();

	for (size_t i = 0; i < delegation->path_count; i++)
		if (json_add(paths, json_make_text(delegation->paths[i]), why) != 0)
			return -1;
	if (json_put_text(role, "name", delegation->name, why) != 0 ||
	    role_put_empty(role, why) != 0 ||
	    json_put_bool(role, "terminating", delegation->terminating, why) != 0)
		return -1;
	json_remove(role, "path_hash_prefixes"); // paths or prefixes, never both (TUF 4.5)
	return json_put(role, "paths", HAND_OVER(paths), why);
}

int delegation_put(struct json *document, const struct delegation *delegation, struct holder *out,
		   struct fault *why)
{
	struct json *body, *delegations, *role;
	const struct json *roles;

	if (delegation_check(delegation, why) != 0 ||
	    signing_part(document, "signed", &body, why) != 0 ||
	    delegations_of(body, &delegations, why) != 0 ||
	    json_need_array(delegations, "roles", &roles, why) != 0 ||
	    signing_part(delegations, "keys", &out->keys, why) != 0)
		return -1;
	role = (struct json *)delegation_named(roles, delegation->name);
	if (!role) {
		role = json_make_object();
		if (json_add((struct json *)roles, role, why) != 0)
			return -1;
	}
	out->role = role;
	return delegation_fill(role, delegation, why);
}

// ---- the last look ----

// Asks the question for every role of a root, or every delegation of a targets document.
struct role_walk {
	const struct json *roles;
	struct json_walk at;
	size_t index;
};

static const struct json *role_walk_next(struct role_walk *walk)
{
	if (json_is(walk->roles, JSON_KIND_ARRAY))
		return json_item(walk->roles, walk->index++);
	return json_next(walk->roles, &walk->at) ? walk->at.value : NULL;
}

static bool id_is_used(const struct json *roles, const char *id)
{
	struct role_walk walk = {.roles = roles};
	const struct json *role;

	while ((role = role_walk_next(&walk)))
		if (lists_id(role, id))
			return true;
	return false;
}

static int keys_sweep(struct json *owner, const struct json *roles, struct fault *why)
{
	OWNED(json_drop) struct json *kept = json_make_object();
	struct json_walk walk = {0};
	const struct json *keys;

	if (json_need_object(owner, "keys", &keys, why) != 0)
		return -1;
	while (json_next(keys, &walk))
		if (id_is_used(roles, walk.key) &&
		    json_put(kept, walk.key, json_keep(walk.value), why) != 0)
			return -1;
	return json_put(owner, "keys", HAND_OVER(kept), why);
}

static int thresholds_check(const struct json *roles, struct fault *why)
{
	struct role_walk walk = {.roles = roles};
	const struct json *role;

	while ((role = role_walk_next(&walk))) {
		int64_t threshold = json_int(json_member(role, "threshold"));
		size_t count = json_count(json_member(role, "keyids"));

		if (threshold >= 1 && threshold <= (int64_t)count)
			continue;
		fault_set(why, FAULT_USAGE,
			  "a threshold of %" PRId64 " cannot be met with %zu key%s: nothing would "
			  "ever be trusted again",
			  threshold, count, count == 1 ? "" : "s");
		return fault_fix(why, "add a key first with 'bpfseal root add-key', or lower it "
				      "with 'bpfseal root threshold'");
	}
	return 0;
}

static int refuse_online(const char *id, struct fault *why)
{
	fault_set(why, FAULT_POLICY, "key %s is an online key and would speak for an offline role",
		  id);
	return fault_fix(why,
			 "make another key: who steals the server must not be able to publish");
}

int ceremony_check_offline(const struct json *root_document, const struct holder *holder,
			   struct fault *why)
{
	const struct json *roles = json_member(json_member(root_document, "signed"), "roles");
	const struct json *ids = json_member(holder->role, "keyids");

	for (size_t i = 0; i < json_count(ids); i++) {
		const char *id = json_text(json_item(ids, i));

		if (id && (lists_id(json_member(roles, "snapshot"), id) ||
			   lists_id(json_member(roles, "timestamp"), id)))
			return refuse_online(id, why);
	}
	return 0;
}

static int root_check_roles(struct json *document, const struct json *roles, struct fault *why)
{
	static const char *const offline[] = {"root", "targets", NULL};

	for (size_t i = 0; offline[i]; i++) {
		struct holder holder = {0};

		if (signing_part((struct json *)roles, offline[i], &holder.role, why) != 0 ||
		    ceremony_check_offline(document, &holder, why) != 0)
			return -1;
	}
	return 0;
}

bool ceremony_root_is_shared(const struct json *root_document)
{
	const struct json *roles = json_member(json_member(root_document, "signed"), "roles");
	const struct json *ids = json_member(json_member(roles, "root"), "keyids");

	for (size_t i = 0; i < json_count(ids); i++) {
		const char *id = json_text(json_item(ids, i));

		if (id && lists_id(json_member(roles, "targets"), id))
			return true;
	}
	return false;
}

int ceremony_sweep(struct json *document, struct fault *why)
{
	struct json *body, *owner;
	const struct json *roles;

	if (signing_part(document, "signed", &body, why) != 0)
		return -1;
	owner = (struct json *)json_member(body, "delegations");
	if (!owner)
		owner = body;
	roles = json_member(owner, "roles");
	if (thresholds_check(roles, why) != 0 || keys_sweep(owner, roles, why) != 0)
		return -1;
	return owner == body ? root_check_roles(document, roles, why) : 0;
}
