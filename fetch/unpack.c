// SPDX-License-Identifier: Apache-2.0
#include "fetch/unpack.h"

#include "base/owned.h"
#include "bpf/bundle.h"

int unpack_bundle(const struct store *store, const struct target *target, const struct bytes *data,
		  struct fault *why)
{
	OWNED(bundle_drop) struct bundle *bundle = NULL;

	// First the digest, then the parser: no archive code sees a byte that nobody signed (A40).
	if (target_check(target, data->data, data->len, why))
		return fault_within(why, "%s is not what was signed", target->path);
	if (bundle_read(data->data, data->len, &bundle, why) ||
	    bundle_check_custom(bundle, target->path, target->custom, why))
		return fault_within(why, "the bundle %s is refused", target->path);
	for (size_t i = 0; i < bundle->member_count; i++) {
		const struct bundle_member *member = &bundle->members[i];

		if (store_keep(store, &member->sha256, member->data.data, member->data.len, why))
			return fault_within(why, "cannot store %s of %s", member->name,
					    target->path);
	}
	return 0;
}

struct presence {
	const struct store *store;
	bool all;
	size_t seen;
};

static int look(void *ctx, const char *name, const struct sha256 *sha256, uint64_t length,
		struct fault *why)
{
	struct presence *presence = ctx;
	bool has;

	(void)name;
	presence->seen++;
	if (store_has(presence->store, sha256, length, &has, why))
		return -1;
	presence->all = presence->all && has;
	return 0;
}

int unpack_is_done(const struct store *store, const struct target *target, bool *done,
		   struct fault *why)
{
	struct presence presence = {.store = store, .all = true};

	if (custom_members(target->custom, look, &presence, why))
		return fault_within(why, "%s does not list its members", target->path);
	*done = presence.all && presence.seen > 0;
	return 0;
}
