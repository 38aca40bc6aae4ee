// SPDX-License-Identifier: Apache-2.0
#include "keys/sharedkeys.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/pin.h"

static bool has_key(const struct authority *authority, const struct key *key)
{
	for (size_t i = 0; i < authority->count; i++) {
		const struct key *one = authority->signers[i].key;

		if (one && key_scheme(one) != KEY_UNUSABLE &&
		    sha256_equal(key_identity(one), key_identity(key)))
			return true;
	}
	return false;
}

// The same key under an id of this list that comes earlier.
static bool is_repeated(const struct authority *authority, size_t index)
{
	const struct authority before = {.signers = authority->signers, .count = index};

	return has_key(&before, authority->signers[index].key);
}

// The number of keys that may sign this role in both.
static size_t shared(const struct root *a, const struct root *b, enum root_role role)
{
	const struct authority *ours = &a->roles[role], *theirs = &b->roles[role];
	size_t count = 0;

	for (size_t i = 0; i < ours->count; i++) {
		const struct key *key = ours->signers[i].key;

		count += key && key_scheme(key) != KEY_UNUSABLE && !is_repeated(ours, i) &&
			 has_key(theirs, key);
	}
	return count;
}

static bool is_enough(const struct root *a, const struct root *b, enum root_role role)
{
	int64_t first = a->roles[role].threshold, second = b->roles[role].threshold;

	return (int64_t)shared(a, b, role) >= (first < second ? first : second);
}

static int read_pinned(const char *root_dir, const char *name, struct root **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(role_drop) struct role *role = NULL;

	if (pin_load(root_dir, name, &data, why) != 0 ||
	    role_parse("root", data.data, data.len, &role, why) != 0 ||
	    root_parse(role, out, why) != 0)
		return -1;
	(void)HAND_OVER(role);
	return 0;
}

static bool is_same_root(const struct root *a, const struct root *b)
{
	struct fault ignored = {0};
	struct sha256 first, second;

	return pin_fingerprint(a->role->raw.data, a->role->raw.len, &first, &ignored) == 0 &&
	       pin_fingerprint(b->role->raw.data, b->role->raw.len, &second, &ignored) == 0 &&
	       sha256_equal(&first, &second);
}

static int compare(const char *other, const struct root *root, const struct root *pinned,
		   int (*each)(void *ctx, const struct sharedkeys *found, struct fault *why),
		   void *ctx, struct fault *why)
{
	for (int role = 0; role < ROOT_ROLES; role++) {
		struct sharedkeys found = {.name = other, .role = (enum root_role)role};

		found.count = shared(root, pinned, found.role);
		found.enough = is_enough(root, pinned, found.role);
		if (found.count > 0 && each(ctx, &found, why) != 0)
			return -1;
	}
	return 0;
}

int sharedkeys_walk(const char *root_dir, const char *name, const struct root *root,
		    int (*each)(void *ctx, const struct sharedkeys *found, struct fault *why),
		    void *ctx, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (pin_list(root_dir, &names, why) != 0)
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		OWNED(root_drop) struct root *pinned = NULL;
		struct fault ignored = {0};

		if (strcmp(names.name[i], name) == 0 ||
		    read_pinned(root_dir, names.name[i], &pinned, &ignored) != 0 ||
		    is_same_root(root, pinned))
			continue;
		if (compare(names.name[i], root, pinned, each, ctx, why) != 0)
			return -1;
	}
	return 0;
}
