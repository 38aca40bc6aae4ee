// SPDX-License-Identifier: Apache-2.0
#include "keys/client.h"

#include <string.h>

#include "base/owned.h"
#include "keys/local.h"
#include "keys/search.h"
#include "keys/trust.h"

// Pairs of delegator and role that client_load_all verifies at most: four times the largest number of bins that any
// repository plans with. Publishers that delegate all to all must not keep a server busy for hours (A14).
#define LOAD_ALL_MAX 65536

enum state {
	STATE_NEW,
	STATE_REFRESHED,
	STATE_REFUSED,
};

// A target that was handed out; stays until the client goes.
struct found {
	struct target target;
	struct found *next;
};

struct client {
	struct client_io io;
	struct client_limits limits;
	struct trust *trust;
	enum state state;
	struct fault refused; // why the refresh failed
	bool forgets;	      // client_verify_all
	struct found *found;
};

struct client_limits client_limits_default(void)
{
	return (struct client_limits){
		.root_max = 512000,
		.timestamp_max = 16384,
		.snapshot_max = 2000000,
		.targets_max = 5000000,
		.rotations_max = 256,
		.delegations_max = 32,
	};
}

int client_new(const struct client_io *io, const struct client_limits *limits, int64_t now,
	       struct client **out, struct fault *why)
{
	OWNED(client_drop) struct client *client = calloc(1, sizeof(*client));
	OWNED(bytes_drop) struct bytes root = {0};

	if (!client)
		return fault_set(why, FAULT_OTHER, "out of memory");
	client->io = *io;
	client->limits = *limits;
	if (io->load(io->ctx, "root", &root, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		return fault_set(why, FAULT_UNTRUSTED, "there is no trusted root to start from");
	}
	if (trust_new(root.data, root.len, now, &client->trust, why)) {
		fault_within(why, "the trusted root cannot be used");
		return fault_fix(
			why, "if it is damaged, move the directory trust/NAME (of bpfseal-loader) "
			     "or trusted (of the store) away: it begins anew from the pin, and "
			     "forgets which versions it had seen");
	}
	*out = HAND_OVER(client);
	return 0;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	while (client->found) {
		struct found *next = client->found->next;

		free(client->found);
		client->found = next;
	}
	trust_free(client->trust);
	free(client);
}

// ---- the doors ----

static int fetch(const struct client *client, const char *file, size_t max, struct bytes *out,
		 struct fault *why)
{
	if (client->io.fetch(client->io.ctx, file, max, out, why))
		return -1;
	// The door should have stopped there; the cap holds even if it did not (A06).
	if (out->len > max)
		return fault_set(why, FAULT_TOO_LARGE, "%s has more than %zu bytes", file, max);
	return 0;
}

// What was kept, or empty bytes when nothing was. A file that cannot be read is a refusal: to go on as if it were not
// there would be to forget what must not be rolled back.
static int load(const struct client *client, const char *role, struct bytes *out, struct fault *why)
{
	if (client->io.load(client->io.ctx, role, out, why) == 0)
		return 0;
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	bytes_drop(out);
	fault_clear(why);
	return 0;
}

static int keep(const struct client *client, const char *role, const struct role *what,
		struct fault *why)
{
	return client->io.keep(client->io.ctx, role, what->version, what->raw.data, what->raw.len,
			       why);
}

// The cap for a file that another role vouches for: its signed length, but never more than the limit.
static size_t cap(const struct role_meta *meta, size_t max)
{
	return meta->has_length && (uint64_t)meta->length < max ? (size_t)meta->length : max;
}

static int fetch_versioned(const struct client *client, const char *role,
			   const struct role_meta *meta, size_t max, struct bytes *out,
			   struct fault *why)
{
	bool consistent = trust_root_now(client->trust)->consistent_snapshot;
	OWNED(drop_heap) char *file = NULL;

	if (role_file(role, consistent ? meta->version : 0, &file, why))
		return -1;
	return fetch(client, file, cap(meta, max), out, why);
}

// ---- root ----

// TUF 5.3.2-5.3.8. One step; `*more` is false when there is no next root. Only a clear "no such file" ends the
// chain: an attacker who answers with errors must not be able to freeze us at an old root (A04).
static int update_root(struct client *client, bool *more, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *file = NULL;
	int64_t next = trust_root_now(client->trust)->role->version + 1;

	*more = false;
	// Roots are numbered whether or not snapshots are consistent.
	if (role_file("root", next, &file, why))
		return -1;
	if (fetch(client, file, client->limits.root_max, &data, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (trust_root(client->trust, data.data, data.len, why))
		return fault_within(why, "%s is refused", file);
	*more = true;
	// Each one at once, before the next is asked for: what follows may fail.
	return keep(client, "root", trust_root_now(client->trust)->role, why);
}

static int refresh_root(struct client *client, struct fault *why)
{
	bool more = true;

	for (unsigned i = 0; more && i < client->limits.rotations_max; i++)
		if (update_root(client, &more, why))
			return -1;
	return trust_root_end(client->trust, why);
}

// ---- timestamp and snapshot ----

static int refresh_timestamp(struct client *client, struct fault *why)
{
	OWNED(bytes_drop) struct bytes kept = {0};
	OWNED(bytes_drop) struct bytes data = {0};
	bool changed;

	if (load(client, "timestamp", &kept, why))
		return -1;
	// Not signed by today's keys, or damaged: as if there were none (TUF 5.3.11).
	if (kept.len && trust_recall_timestamp(client->trust, kept.data, kept.len, why))
		fault_clear(why);
	if (fetch(client, "timestamp.json", client->limits.timestamp_max, &data, why))
		return -1;
	if (trust_timestamp(client->trust, data.data, data.len, &changed, why))
		return fault_within(why, "timestamp.json is refused");
	if (!changed)
		return 0;
	return keep(client, "timestamp", trust_timestamp_now(client->trust)->role, why);
}

static int refresh_snapshot(struct client *client, struct fault *why)
{
	const struct role_meta *meta = &trust_timestamp_now(client->trust)->snapshot;
	OWNED(bytes_drop) struct bytes kept = {0};
	OWNED(bytes_drop) struct bytes data = {0};
	bool current = false;

	if (load(client, "snapshot", &kept, why))
		return -1;
	if (kept.len && trust_recall_snapshot(client->trust, kept.data, kept.len, &current, why)) {
		current = false;
		fault_clear(why);
	}
	if (current)
		return 0;
	if (fetch_versioned(client, "snapshot", meta, client->limits.snapshot_max, &data, why))
		return -1;
	if (trust_snapshot(client->trust, data.data, data.len, why))
		return fault_within(why, "the snapshot is refused");
	return keep(client, "snapshot", trust_snapshot_now(client->trust)->role, why);
}

// ---- targets roles ----

// The role as held for another delegator: the same file, but this delegator's keys have to have signed it too. A refusal
// only means that it is of no use here.
static const struct targets *try_held(struct client *client, const struct targets *delegator,
				      const char *role)
{
	for (size_t i = 0; i < trust_targets_count(client->trust); i++) {
		const struct targets *held = trust_targets_at(client->trust, i);
		const struct bytes *raw = &held->role->raw;
		const struct targets *targets;
		struct fault ignored = {0};

		if (strcmp(held->name, role) == 0 &&
		    trust_targets(client->trust, delegator, role, raw->data, raw->len, &targets,
				  &ignored) == 0)
			return targets;
	}
	return NULL;
}

// The role as it was kept; `*out` stays NULL when that is not what is wanted today.
static int try_kept(struct client *client, const struct targets *delegator, const char *role,
		    const struct targets **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes kept = {0};
	struct fault ignored = {0};

	if (load(client, role, &kept, why))
		return -1;
	if (kept.len && trust_take_targets(client->trust, delegator, role, &kept, out, &ignored))
		*out = NULL;
	return 0;
}

static int fetch_targets(struct client *client, const struct targets *delegator, const char *role,
			 const struct role_meta *meta, const struct targets **out,
			 struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};

	if (fetch_versioned(client, role, meta, client->limits.targets_max, &data, why))
		return -1;
	if (trust_take_targets(client->trust, delegator, role, &data, out, why))
		return fault_within(why, "role \"%s\" is refused", role);
	return keep(client, role, (*out)->role, why);
}

// A targets role as this delegator vouches for it: from memory, from what was kept, from the repository.
static int load_targets(struct client *client, const struct targets *delegator, const char *role,
			const struct targets **out, struct fault *why)
{
	const struct role_meta *meta = snapshot_find(trust_snapshot_now(client->trust), role);

	*out = trust_held(client->trust, delegator, role);
	if (*out)
		return 0;
	// Nothing is asked of the repository for a role that the snapshot does not know.
	if (!meta)
		return fault_set(why, FAULT_UNTRUSTED, "the snapshot does not list role \"%s\"",
				 role);
	*out = try_held(client, delegator, role);
	if (*out)
		return 0;
	if (try_kept(client, delegator, role, out, why))
		return -1;
	if (*out)
		return 0;
	return fetch_targets(client, delegator, role, meta, out, why);
}

static int refresh(struct client *client, struct fault *why)
{
	const struct targets *targets;

	if (refresh_root(client, why) || refresh_timestamp(client, why) ||
	    refresh_snapshot(client, why))
		return -1;
	return load_targets(client, NULL, "targets", &targets, why);
}

int client_refresh(struct client *client, struct fault *why)
{
	if (client->state == STATE_REFRESHED)
		return 0;
	if (client->state == STATE_NEW && refresh(client, why) == 0) {
		client->state = STATE_REFRESHED;
		return 0;
	}
	// One reference time, one attempt: asked again, it gives the same answer.
	if (client->state == STATE_REFUSED)
		*why = client->refused;
	client->refused = *why;
	client->state = STATE_REFUSED;
	return -1;
}

// ---- a target ----

static int load_for_search(void *ctx, const struct targets *delegator, const char *role,
			   const struct targets **out, struct fault *why)
{
	return load_targets(ctx, delegator, role, out, why);
}

int client_find(struct client *client, const char *path, const struct target **out,
		struct fault *why)
{
	OWNED(drop_heap) struct found *found = calloc(1, sizeof(*found));

	if (!found)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (client_refresh(client, why) || search_run(path, client->limits.delegations_max,
						      load_for_search, client, &found->target, why))
		return -1;
	found->next = client->found;
	client->found = HAND_OVER(found);
	*out = &client->found->target;
	return 0;
}

// ---- everything ----

typedef bool edge_known(void *ctx, const struct client_edge *edge);

static bool knows_none(void *ctx, const struct client_edge *edge)
{
	(void)ctx, (void)edge;
	return false;
}

static int load_delegate(struct client *client, const struct targets *targets,
			 const struct client_edge *edge, edge_known *knows, void *ctx,
			 struct fault *why)
{
	const struct targets *ignored;

	if (knows(ctx, edge))
		return 0;
	if (load_targets(client, targets, edge->role, &ignored, why))
		return -1;
	if (client->forgets)
		trust_forget_last(client->trust);
	return 0;
}

// Verifies what one role delegates to. A role that the snapshot does not list yet cannot be reached, and is none of
// ours; one that vanishes from it was refused with the snapshot.
static int load_delegates(struct client *client, const struct targets *targets, size_t *loaded,
			  edge_known *knows, void *ctx, struct fault *why)
{
	const struct snapshot *snapshot = trust_snapshot_now(client->trust);
	char role[ROLE_NAME_MAX + 1];
	struct client_edge edge = {.delegator = targets->name, .role = role};

	if (!targets->bins && !targets->delegation_count)
		return 0;
	// What is held was found there.
	edge.delegator_meta = snapshot_find(snapshot, targets->name);
	for (size_t i = 0; i < snapshot->count; i++) {
		size_t len = strlen(snapshot->entries[i].file) - strlen(".json");

		if (len > ROLE_NAME_MAX)
			continue;
		memcpy(role, snapshot->entries[i].file, len);
		role[len] = '\0';
		if (!targets_authority(targets, role))
			continue;
		if (++*loaded > LOAD_ALL_MAX)
			return fault_set(why, FAULT_TOO_LARGE, "more than %d delegations",
					 LOAD_ALL_MAX);
		edge.meta = &snapshot->entries[i].meta;
		if (load_delegate(client, targets, &edge, knows, ctx, why))
			return -1;
	}
	return 0;
}

int client_load_unknown(struct client *client,
			bool (*knows)(void *ctx, const struct client_edge *edge), void *ctx,
			struct fault *why)
{
	size_t loaded = 0;

	if (client_refresh(client, why))
		return -1;
	// The list grows behind us until everything that can be reached has been.
	for (size_t i = 0; i < trust_targets_count(client->trust); i++)
		if (load_delegates(client, trust_targets_at(client->trust, i), &loaded, knows, ctx,
				   why))
			return -1;
	return 0;
}

int client_load_all(struct client *client, struct fault *why)
{
	return client_load_unknown(client, knows_none, NULL, why);
}

int client_verify_all(struct client *client, struct fault *why)
{
	client->forgets = true;
	return client_load_all(client, why);
}

// ---- what is trusted ----

void client_versions(const struct client *client, struct client_versions *out)
{
	const struct root *root = trust_root_now(client->trust);
	const struct timestamp *timestamp = trust_timestamp_now(client->trust);
	const struct snapshot *snapshot = trust_snapshot_now(client->trust);
	const struct targets *targets = trust_held(client->trust, NULL, "targets");

	*out = (struct client_versions){
		.root = root->role->version,
		.root_expires = root->role->expires,
	};
	if (timestamp) {
		out->timestamp = timestamp->role->version;
		out->timestamp_expires = timestamp->role->expires;
	}
	if (snapshot) {
		out->snapshot = snapshot->role->version;
		out->snapshot_expires = snapshot->role->expires;
	}
	if (targets) {
		out->targets = targets->role->version;
		out->targets_expires = targets->role->expires;
	}
}

// The same role can be held in two contents, each signed for another delegator; the first one is the one told.
static bool is_told(const struct client *client, size_t index)
{
	const char *name = trust_targets_at(client->trust, index)->name;

	for (size_t i = 0; i < index; i++)
		if (strcmp(trust_targets_at(client->trust, i)->name, name) == 0)
			return true;
	return false;
}

int client_roles(const struct client *client,
		 int (*each)(void *ctx, const char *role, int64_t version, const void *data,
			     size_t len, struct fault *why),
		 void *ctx, struct fault *why)
{
	const struct timestamp *timestamp = trust_timestamp_now(client->trust);
	const struct snapshot *snapshot = trust_snapshot_now(client->trust);
	const struct role *top[] = {
		trust_root_now(client->trust)->role,
		timestamp ? timestamp->role : NULL,
		snapshot ? snapshot->role : NULL,
	};
	static const char *const names[] = {"root", "timestamp", "snapshot"};

	for (size_t i = 0; i < 3; i++)
		if (top[i] &&
		    each(ctx, names[i], top[i]->version, top[i]->raw.data, top[i]->raw.len, why))
			return -1;
	for (size_t i = 0; i < trust_targets_count(client->trust); i++) {
		const struct targets *targets = trust_targets_at(client->trust, i);
		const struct role *role = targets->role;

		if (!is_told(client, i) &&
		    each(ctx, targets->name, role->version, role->raw.data, role->raw.len, why))
			return -1;
	}
	return 0;
}

const struct targets *client_targets(const struct client *client, size_t index)
{
	return trust_targets_at(client->trust, index);
}

const char *client_class(const struct client *client)
{
	return trust_root_now(client->trust)->class;
}

bool client_knows_publisher(const struct client *client, const unsigned char key[32])
{
	if (authority_has(&trust_root_now(client->trust)->roles[ROOT_TARGETS], key))
		return true;
	for (size_t i = 0; i < trust_targets_count(client->trust); i++)
		if (targets_knows_key(trust_targets_at(client->trust, i), key))
			return true;
	return false;
}
