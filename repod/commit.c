// SPDX-License-Identifier: Apache-2.0
#include "repod/commit.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/keyfile.h"
#include "keys/local.h"
#include "keys/role.h"
#include "repod/candidate.h"
#include "repod/committed.h"
#include "repod/goods.h"

#define METADATA_MODE 0440

int commit_begin(const struct ground *ground, struct commit *out, struct fault *why)
{
	*out = (struct commit){.ground = ground};
	return signer_state(ground->signer, &out->state, why);
}

void commit_drop(struct commit *commit)
{
	signer_state_drop(&commit->state);
	changes_drop(&commit->changes);
	json_free(commit->meta);
	bytes_drop(&commit->snapshot);
	bytes_drop(&commit->timestamp);
}

bool commit_is_due(const struct commit *commit)
{
	const struct ground *ground = commit->ground;
	const struct client_versions *have = &commit->ground->release->versions;

	if (commit->changes.count)
		return true;
	if (!have->timestamp)
		return false;
	return have->timestamp_expires - ground->now < ground->timestamp_s / 2 ||
	       have->snapshot_expires - ground->now < ground->snapshot_s / 2;
}

static int put_change(struct candidate *candidate, const struct change *change, struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;

	if (role_file(change->role, change->version, &file, why))
		return -1;
	return candidate_put(candidate, file, change->data->data, change->data->len, why);
}

static int plan_meta(struct commit *commit, struct fault *why)
{
	if (release_meta(commit->ground->release, &commit->meta, why))
		return -1;
	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];
		OWNED(bytes_drop) struct bytes file = {0};
		struct json *entry = NULL;

		// In the snapshot the role's name is not quoted (TUF 4.4).
		if (bytes_format(&file, why, "%s.json", change->role) ||
		    candidate_entry(change->version, change->data->data, change->data->len, &entry,
				    why) ||
		    json_put(commit->meta, bytes_text(&file), entry, why))
			return -1;
	}
	return 0;
}

static int reached(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		   struct fault *why)
{
	struct changes *changes = ctx;

	(void)why;
	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];

		if (strcmp(change->role, role) == 0 && change->version == version &&
		    change->data->len == len && memcmp(change->data->data, data, len) == 0)
			change->version = -version; // marked; undone below
	}
	return 0;
}

// A role that no delegation leads to would be published for nobody.
static int check_reached(const struct client *client, struct changes *changes, struct fault *why)
{
	int failed = client_roles(client, reached, changes, why);

	for (size_t i = 0; i < changes->count; i++) {
		struct change *change = &changes->list[i];

		if (change->version < 0)
			change->version = -change->version;
		else if (!failed)
			failed = fault_set(why, FAULT_UNTRUSTED,
					   "no trusted role delegates to \"%s\"", change->role);
	}
	return failed;
}

static int check_goods(struct commit *commit, struct client *client, struct fault *why)
{
	const struct ground *ground = commit->ground;
	const struct goods goods = {ground->blobs, ground->broker, ground->catalog, client};

	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];
		const struct release_role *have = release_role(ground->release, change->role);
		OWNED(targets_drop) struct targets *last = NULL;

		if (have && committed_role(ground->metadata, have->name, have->version, &last, why))
			return -1;
		if (goods_check(&goods, change->targets, last, &commit->conflict, why))
			return -1;
	}
	return 0;
}

// What somebody submits must be fresh, and so must what stands above it. Without a submission we only renew our own
// part: that a publisher's role has expired is for nodes to see, and no reason to let the rest go stale.
static int64_t judging_time(const struct commit *commit)
{
	return commit->submitted ? commit->ground->now : ANY_TIME;
}

static int check_fresh(const struct commit *commit, struct fault *why)
{
	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];

		if (change->submitted &&
		    role_fresh(change->targets->role, change->role, commit->ground->now, why))
			return -1;
	}
	return 0;
}

// Judges the publication under a root that differs from the real one only in the online keys, before anything is
// written or signed.
static int rehearse(struct commit *commit, struct fault *why)
{
	const struct ground *ground = commit->ground;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(bytes_drop) struct bytes root = {0};
	OWNED(vouch_drop) struct vouch *vouch = NULL;
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;

	if (check_fresh(commit, why) || vouch_new(ground->release, &vouch, why) ||
	    secret_key_new(&key, why) ||
	    candidate_rehearsal_root(&ground->release->root, key, &root, why) ||
	    candidate_new(ground->metadata, &root, NULL, &candidate, why))
		return -1;
	candidate_hide_roots(candidate);
	candidate_vouch(candidate, vouch);
	for (size_t i = 0; i < commit->changes.count; i++)
		if (put_change(candidate, &commit->changes.list[i], why))
			return -1;
	if (candidate_rehearse(candidate, commit->meta, key, ground->now + 3600, why) ||
	    candidate_judge(candidate, judging_time(commit), &client, why) ||
	    check_reached(client, &commit->changes, why))
		return -1;
	return check_goods(commit, client, why);
}

static int write_changes(struct commit *commit, struct fault *why)
{
	commit->written = true;
	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];
		OWNED(drop_heap) char *file = NULL;

		if (role_file(change->role, change->version, &file, why) ||
		    file_store_at(commit->ground->metadata, file, change->data->data,
				  change->data->len, METADATA_MODE, why))
			return -1;
	}
	return 0;
}

// After a refusal: files that nobody vouches for go; one that the signer has signed (now or earlier) stays.
void commit_undo(struct commit *commit)
{
	struct signer_state state = {0};
	struct fault ignored = {0};
	bool known;

	if (!commit->written)
		return;
	known = signer_state(commit->ground->signer, &state, &ignored) == 0;
	for (size_t i = 0; i < commit->changes.count && known; i++) {
		const struct change *change = &commit->changes.list[i];
		OWNED(bytes_drop) struct bytes entry = {0};
		OWNED(drop_heap) char *file = NULL;

		if (bytes_format(&entry, &ignored, "%s.json", change->role) ||
		    role_file(change->role, change->version, &file, &ignored))
			continue;
		if (changes_signed(&state, bytes_text(&entry), change->version, change->data))
			commit->held = commit->held || change->submitted;
		else if (file_remove_at(commit->ground->metadata, file, &ignored))
			fault_clear(&ignored);
	}
	signer_state_drop(&state);
}

static int64_t next_version(int64_t committed, int64_t signed_before)
{
	return (committed > signed_before ? committed : signed_before) + 1;
}

// A new snapshot is due when roles change, when half of its life is over, and when the signer's last one is not ours:
// a timestamp is only to be had for that one.
static bool needs_snapshot(const struct commit *commit)
{
	const struct ground *ground = commit->ground;
	const struct client_versions *have = &ground->release->versions;

	return commit->changes.count > 0 || !have->snapshot ||
	       commit->state.snapshot_version != have->snapshot ||
	       have->snapshot_expires - ground->now < ground->snapshot_s / 2;
}

static int have_signed(struct commit *commit, struct fault *why)
{
	const struct ground *ground = commit->ground;
	const struct client_versions *have = &commit->ground->release->versions;
	int64_t timestamp = next_version(have->timestamp, commit->state.timestamp_version);

	commit->snapshot_version = have->snapshot;
	if (needs_snapshot(commit)) {
		commit->snapshot_version =
			next_version(have->snapshot, commit->state.snapshot_version);
		if (signer_snapshot(ground->signer, commit->snapshot_version,
				    ground->now + ground->snapshot_s, commit->meta,
				    &commit->snapshot, why))
			return -1;
	}
	return signer_timestamp(ground->signer, timestamp, ground->now + ground->timestamp_s,
				&commit->timestamp, why);
}

// The verdict that counts: what a node that holds the committed state says of the state to be.
static int judge(struct commit *commit, struct release **out, struct fault *why)
{
	const struct ground *ground = commit->ground;
	OWNED(vouch_drop) struct vouch *vouch = NULL;
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;
	OWNED(drop_heap) char *file = NULL;

	if (vouch_new(ground->release, &vouch, why) ||
	    candidate_new(ground->metadata, ground->root, ground->release, &candidate, why) ||
	    candidate_put(candidate, "timestamp.json", commit->timestamp.data,
			  commit->timestamp.len, why) ||
	    role_file("snapshot", commit->snapshot_version, &file, why))
		return -1;
	if (commit->snapshot.len &&
	    candidate_put(candidate, file, commit->snapshot.data, commit->snapshot.len, why))
		return -1;
	candidate_vouch(candidate, vouch);
	if (candidate_judge(candidate, judging_time(commit), &client, why))
		return -1;
	return release_new(client, vouch, out, why);
}

static int put_online(struct commit *commit, struct fault *why)
{
	const struct ground *ground = commit->ground;
	OWNED(drop_heap) char *file = NULL;

	if (role_file("snapshot", commit->snapshot_version, &file, why))
		return -1;
	if (commit->snapshot.len && file_store_at(ground->metadata, file, commit->snapshot.data,
						  commit->snapshot.len, METADATA_MODE, why))
		return -1;
	// The commit point.
	return file_replace_at(ground->metadata, "timestamp.json", commit->timestamp.data,
			       commit->timestamp.len, METADATA_MODE, why);
}

int commit_run(struct commit *commit, struct release **out, struct fault *why)
{
	OWNED(release_drop) struct release *next = NULL;

	if (plan_meta(commit, why))
		return -1;
	if (commit->changes.count && (rehearse(commit, why) || write_changes(commit, why)))
		return -1;
	if (have_signed(commit, why) || judge(commit, &next, why) || put_online(commit, why))
		return -1;
	*out = HAND_OVER(next);
	return 0;
}
