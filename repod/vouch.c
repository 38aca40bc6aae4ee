// SPDX-License-Identifier: Apache-2.0
#include "repod/vouch.h"

#include "base/owned.h"

struct vouch {
	const struct release *release;
	bool *used; // beside release->roles
};

int vouch_new(const struct release *release, struct vouch **out, struct fault *why)
{
	OWNED(vouch_drop) struct vouch *vouch = calloc(1, sizeof(*vouch));

	if (vouch)
		vouch->used = calloc((release ? release->role_count : 0) + 1, sizeof(bool));
	if (!vouch || !vouch->used)
		return fault_set(why, FAULT_OTHER, "out of memory");
	vouch->release = release;
	*out = HAND_OVER(vouch);
	return 0;
}

void vouch_free(struct vouch *vouch)
{
	if (vouch)
		free(vouch->used);
	free(vouch);
}

// The very bytes that the release verified under this name. Without a digest nothing is known of them (A18).
static const struct release_role *find_same(const struct vouch *vouch, const char *name,
					    const struct role_meta *meta)
{
	const struct release_role *role = release_role(vouch->release, name);

	if (!role || !role->verified || !meta || !meta->has_sha256 || !role->meta.has_sha256 ||
	    meta->version != role->meta.version || !sha256_equal(&meta->sha256, &role->meta.sha256))
		return NULL;
	return role;
}

bool vouch_knows(void *ctx, const struct client_edge *edge)
{
	struct vouch *vouch = ctx;
	const struct release_role *role;

	// The same delegator let the same role speak: each such pair was verified when the release was made.
	if (!vouch->release || !find_same(vouch, edge->delegator, edge->delegator_meta))
		return false;
	role = find_same(vouch, edge->role, edge->meta);
	if (!role || !role->leaf)
		return false;
	vouch->used[role - vouch->release->roles] = true;
	return true;
}

bool vouch_used(const struct vouch *vouch, const char *role)
{
	const struct release_role *found =
		vouch->release ? release_role(vouch->release, role) : NULL;

	return found && vouch->used[found - vouch->release->roles];
}
