// SPDX-License-Identifier: Apache-2.0
#include "repod/publish.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/audit.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "keys/root.h"
#include "repod/blob.h"
#include "repod/candidate.h"
#include "repod/commit.h"
#include "repod/stray.h"
#include "repod/upkeep.h"

#define METADATA_MODE 0440
// Clocks of publishers may be off by a little.
#define LIFE_SLACK_S 86400

struct publish {
	struct publish_setup setup;
	int state, metadata, blobs;
	char *catalog_path;
	struct bytes root; // pinned
	struct audit *audit;
	struct catalog *catalog;
	pthread_mutex_t writer;
	pthread_mutex_t view; // guards the pointer `release`, nothing more
	struct release *release;
	bool refreshed; // once
};

int publish_metadata_dir(const struct publish *publish)
{
	return publish->metadata;
}

int publish_blobs_dir(const struct publish *publish)
{
	return publish->blobs;
}

struct release *publish_release(struct publish *publish)
{
	struct release *release;

	pthread_mutex_lock(&publish->view);
	release = release_keep(publish->release);
	pthread_mutex_unlock(&publish->view);
	return release;
}

static void show(struct publish *publish, struct release *release)
{
	struct release *old;

	pthread_mutex_lock(&publish->view);
	old = publish->release;
	publish->release = release;
	pthread_mutex_unlock(&publish->view);
	release_free(old);
}

// ---- committing ----

static struct ground ground_of(const struct publish *publish)
{
	return (struct ground){
		.metadata = publish->metadata,
		.blobs = publish->blobs,
		.signer = publish->setup.signer,
		.broker = publish->setup.broker,
		.snapshot_s = publish->setup.snapshot_s,
		.timestamp_s = publish->setup.timestamp_s,
		.now = publish->setup.clock(),
		.root = &publish->root,
		.catalog = publish->catalog,
		.release = publish->release,
	};
}

static int index_changes(struct publish *publish, const struct commit *commit,
			 const struct release *before, struct fault *why)
{
	struct sha256 marked;
	bool known;
	int failed;

	if (catalog_marked(publish->catalog, &known, &marked, why))
		return -1;
	// Behind already (an earlier commit could not be indexed): from the start, then.
	if (before->versions.timestamp &&
	    (!known || !sha256_equal(&marked, &before->timestamp_sha256)))
		return upkeep_reindex(publish->catalog, publish->metadata, publish->release, why);
	failed = catalog_begin(publish->catalog, why);
	for (size_t i = 0; i < commit->changes.count && !failed; i++)
		failed = upkeep_index(publish->catalog, commit->changes.list[i].targets,
				      commit->changes.list[i].version, commit->ground->now, why);
	if (failed || catalog_mark(publish->catalog, &publish->release->timestamp_sha256, why) ||
	    catalog_commit(publish->catalog, why)) {
		catalog_undo(publish->catalog);
		return -1;
	}
	return 0;
}

static void record(struct publish *publish, const char *role, int64_t version, const char *who)
{
	OWNED(json_drop) struct json *details = json_make_object();
	struct fault ignored = {0};
	const struct client_versions *now = &publish->release->versions;

	if (json_put_text(details, "role", role, &ignored) ||
	    json_put_int(details, "version", version, &ignored) ||
	    json_put_text(details, "key", who, &ignored) ||
	    json_put_int(details, "snapshot", now->snapshot, &ignored) ||
	    json_put_int(details, "timestamp", now->timestamp, &ignored) ||
	    audit_add(publish->audit, publish->setup.clock(), "publish", HAND_OVER(details),
		      &ignored)) {
		fault_within(&ignored, "published, but the audit log could not be written");
		fault_print(&ignored, stderr);
	}
}

// After the commit point nothing can be refused any more: what fails here is told, and mended by the next commit or
// start. `who` signed the request; what a crash had left was signed for earlier.
static void follow(struct publish *publish, const struct commit *commit, struct release *next,
		   const char *who)
{
	OWNED(release_drop) struct release *before = release_keep(publish->release);
	struct fault why = {0};

	show(publish, next);
	if (index_changes(publish, commit, before, &why)) {
		fault_within(&why, "published, but the catalogue is behind");
		fault_print(&why, stderr);
	}
	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];

		record(publish, change->role, change->version,
		       change->submitted ? who : "completed after an interruption");
	}
}

static int run(struct publish *publish, struct commit *commit, const char *who, struct fault *why)
{
	struct release *next = NULL;

	if (commit_run(commit, &next, why) == 0) {
		follow(publish, commit, next, who);
		return 0;
	}
	commit_undo(commit);
	return -1;
}

// ---- submissions ----

// The committed file of this version with these bytes?
static int compare(struct publish *publish, const char *role, int64_t version, const void *data,
		   size_t len, bool *same, struct fault *why)
{
	OWNED(bytes_drop) struct bytes have = {0};
	OWNED(drop_heap) char *file = NULL;

	*same = false;
	if (role_file(role, version, &file, why))
		return -1;
	if (file_read_at(publish->metadata, file, COMMITTED_FILE_MAX, &have, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	*same = have.len == len && memcmp(have.data, data, len) == 0;
	return 0;
}

static enum publish_outcome outcome_of(const struct fault *why)
{
	switch (why->code) {
	case FAULT_OTHER:
	case FAULT_BUSY:
	case FAULT_KERNEL:
	case FAULT_CONFIG:
	case FAULT_NETWORK:
		return PUBLISH_FAILED;
	default:
		return PUBLISH_REFUSED;
	}
}

// A version that is committed already: the same file again, or a conflict. Returns 1 when the submission is new.
static int settle(struct publish *publish, const char *role, int64_t version, const void *data,
		  size_t len, enum publish_outcome *out, struct fault *why)
{
	bool same;

	if (!release_shows(publish->release, role, version))
		return 1;
	if (compare(publish, role, version, data, len, &same, why))
		return -1;
	*out = same ? PUBLISH_SAME : PUBLISH_CONFLICT;
	if (same)
		return 0;
	return fault_set(why, FAULT_ROLLBACK,
			 "version %" PRId64 " of \"%s\" is not new, and not what was published",
			 version, role);
}

static int check_life(const struct role *role, const char *name, int64_t now, struct fault *why)
{
	if (role->expires <= now + PUBLISH_TARGETS_LIFE_S + LIFE_SLACK_S)
		return 0;
	fault_set(why, FAULT_POLICY, "\"%s\" expires more than 90 days ahead", name);
	return fault_fix(why, "a stolen server can hold nodes back for as long as that: sign it "
			      "for at most 90 days");
}

static int add_submitted(struct commit *commit, const char *role, struct role **envelope,
			 struct fault *why)
{
	struct changes *changes = &commit->changes;

	if (changes_add(changes, role, envelope, true, why))
		return -1;
	return check_life(changes->list[changes->count - 1].targets->role, role,
			  commit->ground->now, why);
}

// Commits what was added.
static int run_submitted(struct publish *publish, struct commit *commit, const char *who,
			 enum publish_outcome *out, struct fault *why)
{
	if (changes_find_held(&commit->changes, publish->metadata, publish->release, &commit->state,
			      why))
		return -1;
	if (run(publish, commit, who, why) == 0)
		return 0;
	if (commit->conflict)
		*out = PUBLISH_CONFLICT;
	else if (commit->held)
		*out = PUBLISH_HELD;
	return -1;
}

static int submit_targets(struct publish *publish, const char *role, struct role **envelope,
			  const char *who, enum publish_outcome *out, struct fault *why)
{
	const struct ground ground = ground_of(publish);
	OWNED(commit_drop) struct commit commit = {0};

	if (commit_begin(&ground, &commit, why))
		return -1;
	commit.submitted = true;
	if (add_submitted(&commit, role, envelope, why))
		return -1;
	return run_submitted(publish, &commit, who, out, why);
}

// The online key must be the one key of both online roles: with another root every later publication would fail.
static int check_online(struct publish *publish, const struct root *root, struct fault *why)
{
	static const enum root_role online[] = {ROOT_SNAPSHOT, ROOT_TIMESTAMP};
	struct signer_state state = {0};

	if (signer_state(publish->setup.signer, &state, why))
		return -1;
	signer_state_drop(&state);
	if (!root->consistent_snapshot)
		return fault_set(why, FAULT_POLICY,
				 "the root does not ask for consistent snapshots");
	for (size_t i = 0; i < 2; i++) {
		const struct authority *authority = &root->roles[online[i]];

		if (authority->threshold == 1 && authority_has(authority, state.public_key))
			continue;
		fault_set(why, FAULT_POLICY,
			  "root %" PRId64 " does not let this server's online key %s sign alone",
			  root->role->version, state.key_id);
		return fault_fix(why, "name the key of online.pub for snapshot and timestamp");
	}
	return 0;
}

static int root_of(const void *data, size_t len, struct root **out, struct fault *why)
{
	OWNED(role_drop) struct role *envelope = NULL;

	if (role_parse("root", data, len, &envelope, why) || root_parse(envelope, out, why))
		return -1;
	(void)HAND_OVER(envelope);
	return 0;
}

// A root needs no snapshot: its own file is its commit point.
static int submit_root(struct publish *publish, int64_t version, const void *data, size_t len,
		       const char *who, struct fault *why)
{
	OWNED(vouch_drop) struct vouch *vouch = NULL;
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;
	OWNED(root_drop) struct root *root = NULL;
	OWNED(drop_heap) char *file = NULL;
	struct client_versions versions = {0};
	struct release *next = NULL;

	if (root_of(data, len, &root, why) || role_file("root", version, &file, why) ||
	    vouch_new(publish->release, &vouch, why) ||
	    candidate_new(publish->metadata, &publish->root, publish->release, &candidate, why) ||
	    candidate_put(candidate, file, data, len, why))
		return -1;
	if (role_fresh(root->role, "root", publish->setup.clock(), why))
		return -1;
	candidate_vouch(candidate, vouch);
	// Whatever else has expired is no reason against a new root: often it is the way out.
	if (candidate_judge(candidate, ANY_TIME, &client, why)) {
		if (!client || why->code != FAULT_NOT_FOUND || publish->release->versions.timestamp)
			return -1;
		fault_clear(why);
	}
	client_versions(client, &versions);
	if (versions.root != version)
		return fault_set(why, FAULT_UNTRUSTED,
				 "root %" PRId64 " does not follow root %" PRId64, version,
				 versions.root);
	if (check_online(publish, root, why) || release_new(client, vouch, &next, why))
		return -1;
	if (file_store_at(publish->metadata, file, data, len, METADATA_MODE, why)) {
		release_free(next);
		return -1;
	}
	show(publish, next);
	record(publish, "root", version, who);
	return 0;
}

// What the submission says that it is, if its type fits the role.
static int open_submitted(const char *role, const void *data, size_t len, struct role **out,
			  struct fault *why)
{
	OWNED(role_drop) struct role *envelope = NULL;
	bool is_root = strcmp(role, "root") == 0;

	if (strcmp(role, "snapshot") == 0 || strcmp(role, "timestamp") == 0)
		return fault_set(why, FAULT_POLICY, "the server makes the %s itself", role);
	if (strlen(role) > ROLE_NAME_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "a role's name has at most %d bytes",
				 ROLE_NAME_MAX);
	if (role_parse(role, data, len, &envelope, why) ||
	    role_header(envelope, is_root ? "root" : "targets", why))
		return -1;
	*out = HAND_OVER(envelope);
	return 0;
}

static int submit(struct publish *publish, const char *role, const void *data, size_t len,
		  const char *who, enum publish_outcome *out, struct fault *why)
{
	OWNED(role_drop) struct role *envelope = NULL;
	int is_new;

	if (open_submitted(role, data, len, &envelope, why))
		return -1;
	is_new = settle(publish, role, envelope->version, data, len, out, why);
	if (is_new <= 0)
		return is_new;
	if (strcmp(role, "root") == 0)
		return submit_root(publish, envelope->version, data, len, who, why);
	return submit_targets(publish, role, &envelope, who, out, why);
}

// What is new of a batch joins the commit.
static int gather(struct publish *publish, struct commit *commit, const struct batch *batch,
		  enum publish_outcome *out, struct fault *why)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct submission *one = &batch->list[i];
		OWNED(role_drop) struct role *envelope = NULL;
		int is_new;

		// A root is a commit of its own: it may change who signs the rest.
		if (strcmp(one->role, "root") == 0)
			return fault_set(why, FAULT_POLICY, "a root is not sent in a batch");
		if (open_submitted(one->role, one->data, one->len, &envelope, why))
			return fault_within(why, "role \"%s\" is refused", one->role);
		is_new = settle(publish, one->role, envelope->version, one->data, one->len, out,
				why);
		if (is_new < 0 || (is_new && add_submitted(commit, one->role, &envelope, why)))
			return -1;
	}
	return 0;
}

static int submit_all(struct publish *publish, const struct batch *batch, const char *who,
		      enum publish_outcome *out, struct fault *why)
{
	const struct ground ground = ground_of(publish);
	OWNED(commit_drop) struct commit commit = {0};

	if (commit_begin(&ground, &commit, why))
		return -1;
	commit.submitted = true;
	if (gather(publish, &commit, batch, out, why))
		return -1;
	if (!commit.changes.count)
		return 0; // all of it is there
	*out = PUBLISH_DONE;
	return run_submitted(publish, &commit, who, out, why);
}

int publish_submit(struct publish *publish, const char *role, const void *data, size_t len,
		   const char *who, enum publish_outcome *out, struct release **release,
		   struct fault *why)
{
	int failed;

	*out = PUBLISH_DONE;
	pthread_mutex_lock(&publish->writer);
	failed = submit(publish, role, data, len, who, out, why);
	if (failed && *out == PUBLISH_DONE)
		*out = outcome_of(why);
	if (!failed)
		*release = release_keep(publish->release);
	pthread_mutex_unlock(&publish->writer);
	return failed;
}

int publish_submit_all(struct publish *publish, const struct batch *batch, const char *who,
		       enum publish_outcome *out, struct release **release, struct fault *why)
{
	int failed;

	*out = PUBLISH_DONE;
	pthread_mutex_lock(&publish->writer);
	failed = submit_all(publish, batch, who, out, why);
	// One role may have been there already; that is not why the rest was refused.
	if (failed && (*out == PUBLISH_DONE || *out == PUBLISH_SAME))
		*out = outcome_of(why);
	if (!failed)
		*release = release_keep(publish->release);
	pthread_mutex_unlock(&publish->writer);
	return failed;
}

// ---- keeping it fresh ----

static int refresh(struct publish *publish, bool *done, struct fault *why)
{
	const struct ground ground = ground_of(publish);
	OWNED(commit_drop) struct commit commit = {.ground = &ground};

	// After the first call, files that the signer is ahead with wait for the next submission.
	if (publish->refreshed && !commit_is_due(&commit))
		return 0;
	if (commit_begin(&ground, &commit, why) ||
	    changes_find_held(&commit.changes, publish->metadata, publish->release, &commit.state,
			      why))
		return -1;
	publish->refreshed = true;
	*done = commit_is_due(&commit);
	return *done ? run(publish, &commit, "", why) : 0;
}

int publish_refresh(struct publish *publish, bool *done, struct fault *why)
{
	int failed;

	*done = false;
	// A publication is on its way, and renews both anyway.
	if (pthread_mutex_trylock(&publish->writer))
		return 0;
	failed = refresh(publish, done, why);
	pthread_mutex_unlock(&publish->writer);
	return failed;
}

// ---- start ----

static int tidy(struct publish *publish, char mended[static 256], struct fault *why)
{
	OWNED(signer_state_drop) struct signer_state state = {0};
	size_t removed = 0, uploads = 0;

	if (blob_tidy(publish->blobs, &uploads, why) ||
	    signer_state(publish->setup.signer, &state, why) ||
	    stray_remove(publish->metadata, publish->release, &state, &removed, why))
		return -1;
	if (removed + uploads > 0)
		snprintf(mended, 256, "removed %zu unfinished uploads and %zu uncommitted files",
			 uploads, removed);
	return 0;
}

static int open_state(struct publish *publish, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};

	if (state_open(publish->setup.state, &publish->state, why) ||
	    state_open_at(publish->state, STATE_METADATA, &publish->metadata, why) ||
	    state_open_at(publish->state, STATE_BLOBS, &publish->blobs, why) ||
	    audit_new(publish->state, STATE_AUDIT, &publish->audit, why))
		return -1;
	if (bytes_format(&path, why, "%s/%s", publish->setup.state, CATALOG_FILE) ||
	    text_copy(bytes_text(&path), &publish->catalog_path, why))
		return -1;
	return committed_root(publish->state, &publish->root, why);
}

static int check_newest_root(struct publish *publish, struct fault *why)
{
	OWNED(root_drop) struct root *root = NULL;

	if (root_of(publish->release->root.data, publish->release->root.len, &root, why))
		return -1;
	return check_online(publish, root, why);
}

int publish_new(const struct publish_setup *setup, struct publish **out, char mended[static 256],
		struct fault *why)
{
	OWNED(publish_drop) struct publish *publish = calloc(1, sizeof(*publish));

	mended[0] = '\0';
	if (!publish)
		return fault_set(why, FAULT_OTHER, "out of memory");
	publish->setup = *setup;
	publish->state = publish->metadata = publish->blobs = -1;
	pthread_mutex_init(&publish->writer, NULL);
	pthread_mutex_init(&publish->view, NULL);
	if (open_state(publish, why))
		return -1;
	if (committed_release(publish->metadata, &publish->root, &publish->release, why)) {
		fault_within(why, "the published metadata is not sound");
		return fault_fix(why,
				 "bpfseal repod check tells what is damaged; restore that from "
				 "a backup, or publish again");
	}
	if (check_newest_root(publish, why) || tidy(publish, mended, why) ||
	    upkeep_open(publish->catalog_path, publish->metadata, publish->release,
			&publish->catalog, mended, why))
		return -1;
	*out = HAND_OVER(publish);
	return 0;
}

void publish_free(struct publish *publish)
{
	if (!publish)
		return;
	audit_free(publish->audit);
	catalog_free(publish->catalog);
	if (publish->release)
		release_free(publish->release);
	bytes_drop(&publish->root);
	free(publish->catalog_path);
	drop_fd(&publish->blobs);
	drop_fd(&publish->metadata);
	drop_fd(&publish->state);
	pthread_mutex_destroy(&publish->writer);
	pthread_mutex_destroy(&publish->view);
	free(publish);
}
