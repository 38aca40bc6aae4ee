// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/ledger.h"

#include "base/clock.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "tests/fuzz/fuzz.h"

#define ENTRIES_MAX 1024
#define KEPT_MAX    32

// One body and one key that signed it. A key is its material: its ids are the business of whoever lists it.
struct entry {
	struct sha256 body;
	char key[65]; // hexadecimal
};

// Under which keys a role was kept last: a lower version may follow only where these have changed (TUF 5.3.11).
struct kept {
	char role[64];
	int64_t version;
	struct sha256 authority;
};

struct ledger {
	struct sim *sim;
	struct entry entries[ENTRIES_MAX];
	size_t entry_count;
	struct kept kept[KEPT_MAX];
	size_t kept_count;
};

struct ledger *ledger_new(struct sim *sim)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	HOLDS(ledger);
	ledger->sim = sim;
	ledger_signed_all(ledger);
	return ledger;
}

void ledger_free(struct ledger *ledger)
{
	free(ledger);
}

static struct sha256 digest_of(const struct json *json)
{
	OWNED(bytes_drop) struct bytes canonical = {0};
	struct sha256 digest;

	MUST(canon_write(json, &canonical, &must));
	MUST(sha256_of(canonical.data, canonical.len, &digest, &must));
	return digest;
}

// ---- who signed ----

static bool has_signed(const struct ledger *ledger, const struct sha256 *body, const char *key)
{
	for (size_t i = 0; i < ledger->entry_count; i++)
		if (sha256_equal(&ledger->entries[i].body, body) &&
		    !strcmp(ledger->entries[i].key, key))
			return true;
	return false;
}

void ledger_signed(struct ledger *ledger, const struct sim_role *role)
{
	struct sha256 body = digest_of(role->body);

	for (size_t i = 0; i < role->key_count; i++) {
		struct entry *entry = &ledger->entries[ledger->entry_count];
		char key[65];

		hex_write(role->keys[i].public, sizeof(role->keys[i].public), key);
		if (has_signed(ledger, &body, key))
			continue;
		HOLDS(ledger->entry_count < ENTRIES_MAX);
		entry->body = body;
		memcpy(entry->key, key, sizeof(key));
		ledger->entry_count++;
	}
}

void ledger_signed_all(struct ledger *ledger)
{
	for (struct sim_role *role = ledger->sim->roles; role; role = role->next)
		ledger_signed(ledger, role);
}

static const char *key_of(const struct json *keys, const char *id)
{
	return json_text(json_member(json_member(json_member(keys, id), "keyval"), "public"));
}

// Enough of the distinct keys that `authority` lists, by ids that mean what `keys` says, signed this body.
static bool is_signed(const struct ledger *ledger, const struct json *body,
		      const struct json *authority, const struct json *keys)
{
	const struct json *ids = json_member(authority, "keyids");
	int64_t threshold = json_int(json_member(authority, "threshold")), count = 0;
	struct sha256 digest = digest_of(body);

	for (size_t i = 0; i < json_count(ids); i++) {
		const char *key = key_of(keys, json_text(json_item(ids, i)));
		bool is_repeated = false;

		for (size_t j = 0; key && j < i; j++) {
			const char *earlier = key_of(keys, json_text(json_item(ids, j)));

			is_repeated |= earlier && !strcmp(earlier, key);
		}
		count += key && !is_repeated && has_signed(ledger, &digest, key);
	}
	return threshold >= 1 && count >= threshold;
}

// ---- what is kept ----

static struct json *kept_document(const struct ledger *ledger, const char *role)
{
	const struct bytes *bytes = sim_kept_bytes(ledger->sim, role);
	struct json *document = NULL;

	if (bytes)
		MUST(json_parse(bytes->data, bytes->len, role, &document, &must));
	return document;
}

static const struct json *part(const struct json *document, const char *key)
{
	return json_member(json_member(document, "signed"), key);
}

static int64_t version_of(const struct json *document)
{
	return json_int(part(document, "version"));
}

static bool is_top_level(const char *role)
{
	return !strcmp(role, "root") || !strcmp(role, "timestamp") || !strcmp(role, "snapshot") ||
	       !strcmp(role, "targets");
}

// ---- the rules ----

// The old root's keys and its own; one version on.
static void check_root(const struct ledger *ledger, const struct json *document)
{
	OWNED(json_drop) struct json *old = kept_document(ledger, "root");

	HOLDS(version_of(document) == version_of(old) + 1);
	HOLDS(is_signed(ledger, json_member(document, "signed"),
			json_member(part(old, "roles"), "root"), part(old, "keys")));
	HOLDS(is_signed(ledger, json_member(document, "signed"),
			json_member(part(document, "roles"), "root"), part(document, "keys")));
}

// One of those whom the kept roles delegate to.
static bool is_delegated(const struct ledger *ledger, const char *role, const struct json *body)
{
	for (const struct sim_file *file = ledger->sim->kept; file; file = file->next) {
		OWNED(json_drop) struct json *from = kept_document(ledger, file->name);
		const struct json *roles = json_member(part(from, "delegations"), "roles");

		for (size_t i = 0; i < json_count(roles); i++) {
			const struct json *each = json_item(roles, i);

			if (!strcmp(json_text(json_member(each, "name")), role) &&
			    is_signed(ledger, body, each,
				      json_member(part(from, "delegations"), "keys")))
				return true;
		}
	}
	return false;
}

static void check_signers(const struct ledger *ledger, const char *role,
			  const struct json *document)
{
	OWNED(json_drop) struct json *root = kept_document(ledger, "root");
	const struct json *body = json_member(document, "signed");

	if (is_top_level(role))
		HOLDS(is_signed(ledger, body, json_member(part(root, "roles"), role),
				part(root, "keys")));
	else
		HOLDS(is_delegated(ledger, role, body));
}

// What the parent says of the file: its version, and its length and digest where it states them.
static void check_named(const struct ledger *ledger, const char *parent_role, const char *role,
			const struct json *document, const void *data, size_t len)
{
	OWNED(json_drop) struct json *parent = kept_document(ledger, parent_role);
	const struct json *meta, *hash;
	char file[80], hex[SHA256_HEX];
	struct sha256 digest;

	snprintf(file, sizeof(file), "%s.json", role);
	meta = json_member(part(parent, "meta"), file);
	HOLDS(meta && json_int(json_member(meta, "version")) == version_of(document));
	if (json_member(meta, "length"))
		HOLDS(json_int(json_member(meta, "length")) == (int64_t)len);
	hash = json_member(json_member(meta, "hashes"), "sha256");
	MUST(sha256_of(data, len, &digest, &must));
	sha256_hex(&digest, hex);
	HOLDS(!hash || !strcmp(json_text(hash), hex));
}

static void check_parent(const struct ledger *ledger, const char *role, const struct json *document,
			 const void *data, size_t len)
{
	if (!strcmp(role, "snapshot"))
		check_named(ledger, "timestamp", role, document, data, len);
	else if (strcmp(role, "timestamp") != 0)
		check_named(ledger, "snapshot", role, document, data, len);
}

// A digest of whom today's root lets guard this role's version: with other keys what was kept guards no longer.
static struct sha256 guard_of(const struct ledger *ledger, const char *role)
{
	OWNED(json_drop) struct json *root = kept_document(ledger, "root");
	OWNED(json_drop) struct json *guard = json_make_array();
	const struct json *roles = part(root, "roles");
	bool is_low = strcmp(role, "timestamp") != 0;

	if (!is_low || !strcmp(role, "snapshot"))
		MUST(json_add(guard, json_keep(json_member(roles, "timestamp")), &must));
	if (is_low)
		MUST(json_add(guard, json_keep(json_member(roles, "snapshot")), &must));
	return digest_of(guard);
}

static struct kept *find_kept(struct ledger *ledger, const char *role)
{
	struct kept *kept = ledger->kept;

	while (kept < ledger->kept + ledger->kept_count && strcmp(kept->role, role) != 0)
		kept++;
	if (kept == ledger->kept + ledger->kept_count) {
		HOLDS(ledger->kept_count++ < KEPT_MAX);
		snprintf(kept->role, sizeof(kept->role), "%s", role);
	}
	return kept;
}

static void check_forward(struct ledger *ledger, const char *role, int64_t version)
{
	struct kept *kept = find_kept(ledger, role);
	struct sha256 guard = guard_of(ledger, role);

	HOLDS(version >= kept->version || !sha256_equal(&guard, &kept->authority));
	kept->version = version;
	kept->authority = guard;
}

void ledger_keep(struct ledger *ledger, const char *role, int64_t version, const void *data,
		 size_t len)
{
	OWNED(json_drop) struct json *document = NULL;
	const char *type;
	int64_t expires;

	MUST(json_parse(data, len, role, &document, &must));
	HOLDS(version == version_of(document));
	type = json_text(part(document, "_type"));
	HOLDS(!strcmp(type, is_top_level(role) ? role : "targets"));
	if (!strcmp(role, "root")) {
		check_root(ledger, document);
		return;
	}
	MUST(clock_parse(json_text(part(document, "expires")), &expires, &must));
	HOLDS(expires > ledger->sim->now);
	check_signers(ledger, role, document);
	check_parent(ledger, role, document, data, len);
	check_forward(ledger, role, version);
}
