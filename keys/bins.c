// SPDX-License-Identifier: Apache-2.0
#include "keys/bins.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/owned.h"
#include "keys/signing.h"

int bins_bits(int64_t count, unsigned *bits, struct fault *why)
{
	*bits = 0;
	if (count < BINS_MIN || count > BINS_MAX || (count & (count - 1)) != 0)
		return fault_set(why, FAULT_USAGE,
				 "the number of bins is a power of two from %d to %d", BINS_MIN,
				 BINS_MAX);
	while (count >> *bits > 1)
		(*bits)++;
	return 0;
}

static int digits_of(unsigned bits)
{
	return bits <= 4 ? 1 : bits <= 8 ? 2 : bits <= 12 ? 3 : 4;
}

void bins_name(const char *role, unsigned bits, uint32_t index, char name[static BINS_NAME_MAX])
{
	snprintf(name, BINS_NAME_MAX, "%.64s-%0*" PRIx32, role, digits_of(bits), index);
}

// ---- the delegations ----

// The keys that `like` lists, and no others.
static int keys_copy(const struct holder *like, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *keys = json_make_object();
	const struct json *ids = json_member(like->role, "keyids");

	for (size_t i = 0; i < json_count(ids); i++) {
		const char *id = json_text(json_item(ids, i));
		const struct json *key = id ? json_member(like->keys, id) : NULL;

		if (key && json_put(keys, id, json_keep(key), why) != 0)
			return -1;
	}
	if (!keys)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*out = HAND_OVER(keys);
	return 0;
}

// All digests that begin with the bin's bits: several prefixes where the bits fill no whole digit.
static int prefixes_add(struct json *prefixes, unsigned bits, uint32_t index, struct fault *why)
{
	int digits = digits_of(bits);
	uint32_t each = UINT32_C(1) << (4 * (unsigned)digits - bits);

	for (uint32_t i = 0; i < each; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%0*" PRIx32, digits, index * each + i);
		if (json_add(prefixes, json_make_text(text), why) != 0)
			return -1;
	}
	return 0;
}

static int bin_add(struct json *roles, const char *role, unsigned bits, uint32_t index,
		   const struct holder *like, struct fault *why)
{
	struct json *bin = json_make_object(), *prefixes = json_make_array();
	char name[BINS_NAME_MAX];

	bins_name(role, bits, index, name);
	if (json_add(roles, bin, why) != 0) {
		json_free(prefixes);
		return -1;
	}
	if (json_put(bin, "path_hash_prefixes", prefixes, why) != 0 ||
	    prefixes_add(prefixes, bits, index, why) != 0 ||
	    json_put_text(bin, "name", name, why) != 0 ||
	    json_put(bin, "keyids", json_keep(json_member(like->role, "keyids")), why) != 0 ||
	    json_put(bin, "threshold", json_keep(json_member(like->role, "threshold")), why) != 0)
		return -1;
	return json_put_bool(bin, "terminating", false, why);
}

int bins_put(struct json *document, const char *role, unsigned bits, const struct holder *like,
	     struct fault *why)
{
	OWNED(json_drop) struct json *delegations = json_make_object();
	struct json *roles = json_make_array(), *keys, *body;

	if (json_put(delegations, "roles", roles, why) != 0 ||
	    signing_part(document, "signed", &body, why) != 0 || keys_copy(like, &keys, why) != 0 ||
	    json_put(delegations, "keys", keys, why) != 0)
		return -1;
	for (uint32_t i = 0; i < UINT32_C(1) << bits; i++)
		if (bin_add(roles, role, bits, i, like, why) != 0)
			return -1;
	return json_put(body, "delegations", HAND_OVER(delegations), why);
}

static const struct json *roles_of(const struct json *document)
{
	return json_member(json_member(json_member(document, "signed"), "delegations"), "roles");
}

unsigned bins_of(const struct json *document, const char *role)
{
	const struct json *roles = roles_of(document);
	struct fault ignored = {0};
	unsigned bits;

	if (bins_bits((int64_t)json_count(roles), &bits, &ignored) != 0)
		return 0;
	for (size_t i = 0; i < json_count(roles); i++) {
		const char *has = json_text(json_member(json_item(roles, i), "name"));
		char name[BINS_NAME_MAX];

		bins_name(role, bits, (uint32_t)i, name);
		if (!has || strcmp(has, name) != 0 ||
		    !json_member(json_item(roles, i), "path_hash_prefixes"))
			return 0;
	}
	return bits;
}

// Exactly the prefixes that the place in the list asks for, and the keys of the first bin.
static bool is_even(const struct json *bin, const struct json *first, unsigned bits, uint32_t index)
{
	OWNED(json_drop) struct json *prefixes = json_make_array();
	struct fault ignored = {0};

	return prefixes && prefixes_add(prefixes, bits, index, &ignored) == 0 &&
	       json_same(prefixes, json_member(bin, "path_hash_prefixes")) &&
	       json_member(bin, "keyids") && json_member(bin, "threshold") &&
	       json_same(json_member(bin, "keyids"), json_member(first, "keyids")) &&
	       json_same(json_member(bin, "threshold"), json_member(first, "threshold")) &&
	       !json_bool(json_member(bin, "terminating")) && json_count(bin) == 5;
}

bool bins_even(const struct json *roles)
{
	const struct json *first = json_item(roles, 0);
	const char *name = json_text(json_member(first, "name"));
	const char *dash = name ? strrchr(name, '-') : NULL;
	struct fault ignored = {0};
	char role[BINS_NAME_MAX];
	unsigned bits;

	if (!dash || dash - name > 64 || bins_bits((int64_t)json_count(roles), &bits, &ignored))
		return false;
	snprintf(role, sizeof(role), "%.*s", (int)(dash - name), name);
	for (size_t i = 0; i < json_count(roles); i++) {
		const struct json *bin = json_item(roles, i);
		const char *has = json_text(json_member(bin, "name"));
		char wanted[BINS_NAME_MAX];

		bins_name(role, bits, (uint32_t)i, wanted);
		if (!has || strcmp(has, wanted) != 0 || !is_even(bin, first, bits, (uint32_t)i))
			return false;
	}
	return true;
}

static bool holds(const struct json *bin, const char *hex)
{
	const struct json *prefixes = json_member(bin, "path_hash_prefixes");

	for (size_t i = 0; i < json_count(prefixes); i++) {
		const char *prefix = json_text(json_item(prefixes, i));

		if (prefix && strncmp(prefix, hex, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

int bins_route(const struct json *document, const char *path, const char **role, struct fault *why)
{
	const struct json *roles = roles_of(document);
	struct sha256 digest;
	char hex[SHA256_HEX];

	*role = NULL;
	if (sha256_of(path, strlen(path), &digest, why) != 0)
		return -1;
	sha256_hex(&digest, hex);
	for (size_t i = 0; i < json_count(roles) && !*role; i++)
		if (holds(json_item(roles, i), hex))
			*role = json_text(json_member(json_item(roles, i), "name"));
	return 0;
}

// ---- the drafts ----

// The role's document, opened for a change; a new one where there is none.
static int open_or_new(const char *dir, const char *role, int64_t expires, struct json **out,
		       struct fault *why)
{
	if (draft_open(dir, role, expires, out, why) == 0)
		return 0;
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_clear(why);
	return signing_new_targets(1, expires, out, why);
}

static int draft_exists(const char *dir, const char *role, bool *out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;

	*out = draft_read(dir, role, &document, why) == 0;
	if (*out || why->code != FAULT_NOT_FOUND)
		return *out ? 0 : -1;
	fault_clear(why);
	return 0;
}

static int draft_next(const char *dir, const char *role, int64_t expires, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;

	if (open_or_new(dir, role, expires, &document, why) != 0)
		return -1;
	return draft_save(dir, role, document, why);
}

// `anew`: also those that are there already.
static int bins_drafts(const char *dir, const char *role, unsigned bits, int64_t expires, bool anew,
		       size_t *count, struct fault *why)
{
	for (uint32_t i = 0; i < UINT32_C(1) << bits; i++) {
		char name[BINS_NAME_MAX];
		bool is_there = false;

		bins_name(role, bits, i, name);
		if (!anew && draft_exists(dir, name, &is_there, why) != 0)
			return -1;
		if (is_there)
			continue;
		if (draft_next(dir, name, expires, why) != 0)
			return -1;
		(*count)++;
	}
	return 0;
}

// What one file said must not come to stand in two: targets of the role's own would hide those of its bins.
static int check_fit(const struct json *document, const char *role, unsigned bits,
		     struct fault *why)
{
	const struct json *body = json_member(document, "signed");
	unsigned has = bins_of(document, role);

	if (has == bits)
		return 0;
	if (has > 0)
		return fault_set(why, FAULT_POLICY, "%s has %u bins already, and keeps as many",
				 role, 1u << has);
	if (json_count(json_member(body, "targets")) == 0 && json_count(roles_of(document)) == 0)
		return 0;
	fault_set(why, FAULT_POLICY,
		  "%s lists targets or delegations of its own, and cannot be split into bins",
		  role);
	return fault_fix(why, "delegate to a new name, before its first bundle");
}

int bins_save(const char *dir, const char *role, unsigned bits, const struct holder *like,
	      int64_t expires, size_t *count, struct fault *why)
{
	OWNED(json_drop) struct json *before = NULL;
	OWNED(json_drop) struct json *document = NULL;
	bool changed;

	*count = 0;
	if (draft_read(dir, role, &before, why) != 0 && fault_forgive(why, FAULT_NOT_FOUND))
		return -1;
	if ((before && check_fit(before, role, bits, why) != 0) ||
	    open_or_new(dir, role, expires, &document, why) != 0 ||
	    bins_put(document, role, bits, like, why) != 0)
		return -1;
	changed =
		!before || !json_same(json_member(json_member(before, "signed"), "delegations"),
				      json_member(json_member(document, "signed"), "delegations"));
	// The bins first: broken off, the same call again completes it.
	if (bins_drafts(dir, role, bits, expires, changed, count, why) != 0)
		return -1;
	if (!changed)
		return 0;
	(*count)++;
	return draft_save(dir, role, document, why);
}

int bins_renew(const char *dir, const char *role, int64_t expires, size_t *count, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	unsigned bits;

	*count = 1;
	if (draft_open(dir, role, expires, &document, why) != 0)
		return -1;
	bits = bins_of(document, role);
	if (bits > 0 && bins_drafts(dir, role, bits, expires, true, count, why) != 0)
		return -1;
	return draft_save(dir, role, document, why);
}
