// SPDX-License-Identifier: Apache-2.0
#include "keys/targets.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/owned.h"
#include "keys/role.h"

#define BIN_BITS_MAX 32

// A role that another one delegates to (TUF 4.5), as it stands in the document.
struct delegation {
	const char *name;
	struct authority authority;
	bool terminating;
	const struct json *paths;    // patterns, or NULL
	const struct json *prefixes; // of the hexadecimal SHA-256 of the path, or NULL
};

// ---- target files ----

int target_check(const struct target *target, const void *data, size_t len, struct fault *why)
{
	struct role_meta meta = {
		.has_length = true,
		.length = target->length,
		.has_hashes = true,
		.has_sha256 = target->has_sha256,
		.has_sha512 = target->has_sha512,
		.sha256 = target->sha256,
		.sha512 = target->sha512,
	};

	return role_meta_check(&meta, target->path, data, len, why);
}

static int read_target(const char *role, const char *path, const struct json *object,
		       struct target *out, struct fault *why)
{
	struct target target = {.path = path, .role = role};
	const struct json *hashes;

	if (!*path)
		return fault_set(why, FAULT_FORMAT, "a target has an empty path");
	if (json_need_int(object, "length", 0, ROLE_INT_MAX, &target.length, why) ||
	    json_need_object(object, "hashes", &hashes, why) ||
	    hashes_parse(hashes, &target.has_sha256, &target.sha256, &target.has_sha512,
			 &target.sha512, why))
		return fault_within(why, "target \"%.160s\"", path);
	target.custom = json_member(object, "custom");
	if (target.custom && !json_is(target.custom, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "\"custom\" of target \"%.160s\" is no object",
				 path);
	*out = target;
	return 0;
}

// Every entry is checked here, so that later look-ups cannot fail.
static int check_files(const struct targets *targets, struct fault *why)
{
	struct json_walk walk = {0};
	struct target target;

	while (json_next(targets->files, &walk))
		if (read_target(targets->name, walk.key, walk.value, &target, why))
			return -1;
	return 0;
}

bool targets_find(const struct targets *targets, const char *path, struct target *out)
{
	struct json_walk walk = {0};
	const struct json *found = json_member(targets->files, path);
	struct fault ignored = {0};

	if (!found || read_target(targets->name, path, found, out, &ignored))
		return false;
	// The caller's text may go; the document's stays. Its key is found again only for a hit.
	while (json_next(targets->files, &walk))
		if (walk.value == found)
			out->path = walk.key;
	return true;
}

bool targets_next(const struct targets *targets, struct targets_walk *walk, struct target *out)
{
	struct fault ignored = {0};

	return json_next(targets->files, &walk->at) &&
	       read_target(targets->name, walk->at.key, walk->at.value, out, &ignored) == 0;
}

// ---- delegations ----

static bool is_top_level(const char *name)
{
	return strcmp(name, "root") == 0 || strcmp(name, "timestamp") == 0 ||
	       strcmp(name, "snapshot") == 0 || strcmp(name, "targets") == 0;
}

static int check_texts(const struct json *list, const char *key, struct fault *why)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (!json_text(json_item(list, i)))
			return fault_set(why, FAULT_FORMAT, "\"%s\" holds what is not a text", key);
	return 0;
}

static int read_patterns(const struct json *object, struct delegation *out, struct fault *why)
{
	bool has_paths = json_member(object, "paths") != NULL;
	bool has_prefixes = json_member(object, "path_hash_prefixes") != NULL;

	if (has_paths && has_prefixes)
		return fault_set(why, FAULT_FORMAT,
				 "both \"paths\" and \"path_hash_prefixes\" are set");
	if (has_paths && (json_need_array(object, "paths", &out->paths, why) ||
			  check_texts(out->paths, "paths", why)))
		return -1;
	if (has_prefixes && (json_need_array(object, "path_hash_prefixes", &out->prefixes, why) ||
			     check_texts(out->prefixes, "path_hash_prefixes", why)))
		return -1;
	return 0; // neither: matches nothing
}

static int read_delegation(const struct json *object, const struct keyring *keys,
			   struct delegation *out, struct fault *why)
{
	if (json_need_text(object, "name", &out->name, why))
		return -1;
	if (!*out->name || strlen(out->name) > ROLE_NAME_MAX)
		return fault_set(why, FAULT_FORMAT, "a delegated role's name has %zu bytes",
				 strlen(out->name));
	// A delegated "root" would be kept where the trusted root is kept.
	if (is_top_level(out->name))
		return fault_set(why, FAULT_FORMAT, "a delegated role is called \"%s\"", out->name);
	if (json_need_bool(object, "terminating", &out->terminating, why) ||
	    read_patterns(object, out, why) || authority_parse(object, keys, &out->authority, why))
		return fault_within(why, "delegation \"%s\"", out->name);
	return 0;
}

static int delegation_order(const void *a, const void *b)
{
	const struct delegation *left = *(const struct delegation *const *)a;
	const struct delegation *right = *(const struct delegation *const *)b;

	return strcmp(left->name, right->name);
}

// A name that came twice would have two authorities: which one counts must not be a matter of order.
static int index_delegations(struct targets *targets, struct fault *why)
{
	size_t count = targets->delegation_count;

	targets->by_name = calloc(count + 1, sizeof(*targets->by_name));
	if (!targets->by_name)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++)
		targets->by_name[i] = &targets->delegations[i];
	qsort(targets->by_name, count, sizeof(*targets->by_name), delegation_order);
	for (size_t i = 1; i < count; i++)
		if (strcmp(targets->by_name[i - 1]->name, targets->by_name[i]->name) == 0)
			return fault_set(why, FAULT_FORMAT, "role \"%s\" is delegated to twice",
					 targets->by_name[i]->name);
	return 0;
}

static int read_roles(const struct json *delegations, struct targets *targets, struct fault *why)
{
	const struct json *roles;

	if (json_need_array(delegations, "roles", &roles, why))
		return -1;
	targets->delegations = calloc(json_count(roles) + 1, sizeof(*targets->delegations));
	if (!targets->delegations)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < json_count(roles); i++)
		if (read_delegation(json_item(roles, i), targets->keys,
				    &targets->delegations[targets->delegation_count++], why))
			return -1;
	return index_delegations(targets, why);
}

static int read_bins(const struct json *delegations, struct targets *targets, struct fault *why)
{
	const struct json *bins;
	int64_t bits;

	if (json_need_object(delegations, "succinct_roles", &bins, why) ||
	    json_need_int(bins, "bit_length", 1, BIN_BITS_MAX, &bits, why) ||
	    json_need_text(bins, "name_prefix", &targets->bin_prefix, why))
		return -1;
	targets->bin_bits = (unsigned)bits;
	if (!*targets->bin_prefix || strlen(targets->bin_prefix) > ROLE_NAME_MAX - 9)
		return fault_set(why, FAULT_FORMAT, "\"name_prefix\" has %zu bytes",
				 strlen(targets->bin_prefix));
	targets->bins = calloc(1, sizeof(*targets->bins));
	if (!targets->bins)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return authority_parse(bins, targets->keys, targets->bins, why);
}

static int read_delegations(const struct json *delegations, struct targets *targets,
			    struct fault *why)
{
	bool has_roles = json_member(delegations, "roles") != NULL;
	bool has_bins = json_member(delegations, "succinct_roles") != NULL;
	const struct json *keys;

	if (json_need_object(delegations, "keys", &keys, why) ||
	    keyring_parse(keys, &targets->keys, why))
		return -1;
	if (has_roles == has_bins)
		return fault_set(
			why, FAULT_FORMAT,
			"\"delegations\" must hold either \"roles\" or \"succinct_roles\"");
	return has_bins ? read_bins(delegations, targets, why)
			: read_roles(delegations, targets, why);
}

int targets_parse(const char *name, struct role *role, struct targets **out, struct fault *why)
{
	OWNED(targets_drop) struct targets *targets = calloc(1, sizeof(*targets));
	const struct json *delegations = json_member(role->body, "delegations");

	if (!targets)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (text_copy(name, &targets->name, why) || role_header(role, "targets", why) ||
	    json_need_object(role->body, "targets", &targets->files, why) ||
	    check_files(targets, why))
		return -1;
	if (delegations && read_delegations(delegations, targets, why))
		return -1;
	targets->role = role;
	*out = HAND_OVER(targets);
	return 0;
}

void targets_forget(struct targets *targets)
{
	struct role *role = targets->role;

	json_drop(&role->document);
	bytes_drop(&role->raw);
	role->body = role->signatures = NULL;
	targets->files = NULL;
}

void targets_free(struct targets *targets)
{
	if (!targets)
		return;
	for (size_t i = 0; i < targets->delegation_count; i++)
		authority_drop(&targets->delegations[i].authority);
	if (targets->bins)
		authority_drop(targets->bins);
	free(targets->bins);
	free(targets->by_name);
	free(targets->delegations);
	keyring_free(targets->keys);
	role_free(targets->role);
	free(targets->name);
	free(targets);
}

// ---- which role for which path ----

// One segment against one pattern, both ending at '/' or NUL. Goes back only to the last star: linear in practice
// and never exponential, which fnmatch() does not promise.
static bool segment_matches(const char *pattern, const char *text)
{
	const char *star = NULL, *resume = NULL;

	while (*text && *text != '/') {
		if (*pattern == '*') {
			star = ++pattern;
			resume = text;
		} else if (*pattern == '?') {
			pattern++;
			// One character, not one byte of it.
			do
				text++;
			while (((unsigned char)*text & 0xc0) == 0x80);
		} else if (*pattern && *pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++resume;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern || *pattern == '/';
}

bool path_matches(const char *pattern, const char *path)
{
	for (;;) {
		if (!segment_matches(pattern, path))
			return false;
		pattern = strchr(pattern, '/');
		path = strchr(path, '/');
		if (!pattern || !path)
			return !pattern && !path;
		pattern++;
		path++;
	}
}

static bool matches(const struct delegation *delegation, const char *path, const char *hex)
{
	for (size_t i = 0; i < json_count(delegation->paths); i++)
		if (path_matches(json_text(json_item(delegation->paths, i)), path))
			return true;
	for (size_t i = 0; i < json_count(delegation->prefixes); i++) {
		const char *prefix = json_text(json_item(delegation->prefixes, i));

		if (strncmp(prefix, hex, strlen(prefix)) == 0)
			return true;
	}
	return false;
}

// TAP 15: the first bits of the digest of the path, as a number, name the bin.
static void name_bin(const struct targets *targets, const struct sha256 *digest,
		     char name[static ROLE_NAME_MAX + 1])
{
	uint32_t first = (uint32_t)digest->byte[0] << 24 | (uint32_t)digest->byte[1] << 16 |
			 (uint32_t)digest->byte[2] << 8 | digest->byte[3];
	int width = (int)(targets->bin_bits + 3) / 4;

	snprintf(name, ROLE_NAME_MAX + 1, "%s-%0*" PRIx32, targets->bin_prefix, width,
		 first >> (32 - targets->bin_bits));
}

bool targets_delegate(const struct targets *targets, const char *path, size_t *at,
		      struct delegate *out)
{
	struct fault ignored = {0};
	struct sha256 digest;
	char hex[SHA256_HEX];

	if (!targets->bins && *at >= targets->delegation_count)
		return false;
	// A path without a digest is delegated to nobody: nothing is found, nothing is let in.
	if (sha256_of(path, strlen(path), &digest, &ignored))
		return false;
	if (targets->bins) {
		name_bin(targets, &digest, out->name);
		out->terminating = true; // TAP 15: no other bin could have it
		return (*at)++ == 0;
	}
	sha256_hex(&digest, hex);
	while (*at < targets->delegation_count) {
		const struct delegation *delegation = &targets->delegations[(*at)++];

		if (!matches(delegation, path, hex))
			continue;
		snprintf(out->name, sizeof(out->name), "%s", delegation->name);
		out->terminating = delegation->terminating;
		return true;
	}
	return false;
}

static bool is_bin(const struct targets *targets, const char *role)
{
	size_t prefix = strlen(targets->bin_prefix), width = (targets->bin_bits + 3) / 4;
	const char *digits = role + prefix + 1;

	if (strncmp(role, targets->bin_prefix, prefix) != 0 || role[prefix] != '-' ||
	    strlen(digits) != width || strspn(digits, "0123456789abcdef") != width)
		return false;
	return strtoull(digits, NULL, 16) >> targets->bin_bits == 0;
}

const struct authority *targets_authority(const struct targets *targets, const char *role)
{
	struct delegation wanted = {.name = role};
	const struct delegation *key = &wanted, **found;

	if (targets->bins)
		return is_bin(targets, role) ? targets->bins : NULL;
	if (!targets->delegation_count)
		return NULL;
	found = bsearch(&key, targets->by_name, targets->delegation_count, sizeof(key),
			delegation_order);
	return found ? &(*found)->authority : NULL;
}

bool targets_knows_key(const struct targets *targets, const unsigned char key[32])
{
	if (targets->bins && authority_has(targets->bins, key))
		return true;
	for (size_t i = 0; i < targets->delegation_count; i++)
		if (authority_has(&targets->delegations[i].authority, key))
			return true;
	return false;
}
