// SPDX-License-Identifier: Apache-2.0
#include "repod/publish.h"

#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/audit.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/keyfile.h"
#include "keys/local.h"
#include "keys/root.h"
#include "repod/blob.h"
#include "repod/candidate.h"
#include "repod/catalog.h"
#include "repod/goods.h"
#include "repod/signer.h"

#define METADATA_MODE 0440
#define ROOT_MAX      512000
// A reference time at which nothing has expired: for judging what was committed earlier.
#define ANY_TIME      0
// Clocks of publishers may be off by a little.
#define LIFE_SLACK_S  86400

struct publish {
	struct publish_setup setup;
	int state, metadata, blobs;
	char *catalog_path;
	struct bytes root; // pinned
	struct catalog *catalog;
	pthread_mutex_t writer;
	pthread_mutex_t view; // guards the pointer `release`, nothing more
	struct release *release;
	bool refreshed; // once
};

// ---- what is committed ----

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

int publish_pinned(int state, struct bytes *root, struct fault *why)
{
	OWNED(drop_fd) int trust = -1;

	if (dir_open_at(state, STATE_TRUST, &trust, why) ||
	    file_read_at(trust, STATE_ROOT, ROOT_MAX, root, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_set(why, FAULT_UNTRUSTED, "no root is pinned for this repository");
		return fault_fix(why, "bpfseal repod pin ROOT.json --fingerprint F");
	}
	return 0;
}

int publish_committed(int metadata, const struct bytes *root, struct release **out,
		      struct fault *why)
{
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;
	struct client_versions versions;

	if (candidate_new(metadata, root, NULL, &candidate, why))
		return -1;
	if (candidate_judge(candidate, ANY_TIME, &client, why)) {
		// Before the first publication there is no timestamp, and that is all that is missing.
		if (!client || why->code != FAULT_NOT_FOUND)
			return -1;
		client_versions(client, &versions);
		if (versions.timestamp || faccessat(metadata, "timestamp.json", F_OK, 0) == 0)
			return -1;
		fault_clear(why);
	}
	return release_new(client, out, why);
}

int publish_role(int metadata, const char *role, int64_t version, struct targets **out,
		 struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(role_drop) struct role *envelope = NULL;
	OWNED(drop_heap) char *file = NULL;

	*out = NULL;
	if (role_file(role, version, &file, why))
		return -1;
	if (file_read_at(metadata, file, PUBLISH_BODY_MAX, &data, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
	if (role_parse(role, data.data, data.len, &envelope, why) ||
	    targets_parse(role, envelope, out, why))
		return -1;
	(void)HAND_OVER(envelope);
	return 0;
}

// ---- the catalogue follows ----

static int index_role(struct publish *publish, const struct targets *targets, int64_t version,
		      int64_t now, struct fault *why)
{
	struct targets_walk walk = {0};
	struct target target;

	while (targets_next(targets, &walk, &target)) {
		const struct catalog_target row = {
			.path = target.path,
			.sha256 = target.sha256,
			.length = target.length,
			.role = targets->name,
			.role_version = version,
		};

		if (!target.has_sha256)
			continue;
		if (catalog_add(publish->catalog, &row, now, why) == 0)
			continue;
		// Only when told anew from the files: the first one stands.
		if (why->code != FAULT_UNTRUSTED)
			return -1;
		fault_clear(why);
	}
	return 0;
}

// When a file was written is when its bundles were committed, as nearly as files can tell.
static int64_t file_time(int metadata, const char *role, int64_t version)
{
	OWNED(drop_heap) char *file = NULL;
	struct fault ignored = {0};
	struct stat st;

	if (role_file(role, version, &file, &ignored) || fstatat(metadata, file, &st, 0))
		return 0;
	return (int64_t)st.st_mtime;
}

// A committed file of a targets role.
struct listed {
	const char *role; // borrowed from the release
	int64_t version;
};

static int by_age(const void *a, const void *b)
{
	const struct listed *left = a, *right = b;
	int order = strcmp(left->role, right->role);

	if (order)
		return order;
	return left->version < right->version ? -1 : left->version > right->version;
}

// The committed files of targets roles, oldest first. From the directory: versions may leap.
static int list_roles(struct publish *publish, struct listed **out, size_t *out_count,
		      struct fault *why)
{
	OWNED(drop_heap) struct listed *list = NULL;
	char **names = NULL;
	size_t count = 0, found = 0;

	if (dir_list(publish->metadata, &names, &count, why))
		return -1;
	list = calloc(count + 1, sizeof(*list));
	for (size_t i = 0; i < count && list; i++) {
		char plain[RELEASE_ROLE_MAX], role[RELEASE_ROLE_MAX];
		const struct release_role *known;
		int64_t version;

		if (!release_unquote(names[i], plain, sizeof(plain)) ||
		    !release_file_split(plain, &version, role))
			continue;
		known = release_role(publish->release, role);
		if (known && version <= known->version)
			list[found++] = (struct listed){known->name, version};
	}
	names_free(names, count);
	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	qsort(list, found, sizeof(*list), by_age);
	*out = HAND_OVER(list);
	*out_count = found;
	return 0;
}

static int reindex_file(struct publish *publish, const struct listed *file, struct fault *why)
{
	OWNED(targets_drop) struct targets *targets = NULL;

	if (publish_role(publish->metadata, file->role, file->version, &targets, why))
		return -1;
	if (!targets)
		return 0;
	return index_role(publish, targets, file->version,
			  file_time(publish->metadata, file->role, file->version), why);
}

static int reindex(struct publish *publish, struct fault *why)
{
	OWNED(drop_heap) struct listed *files = NULL;
	size_t count;
	int failed;

	if (list_roles(publish, &files, &count, why) || catalog_begin(publish->catalog, why))
		return -1;
	failed = catalog_clear(publish->catalog, why);
	for (size_t i = 0; i < count && !failed; i++)
		failed = reindex_file(publish, &files[i], why);
	if (failed ||
	    catalog_mark(publish->catalog, &publish->release->timestamp_sha256, why) ||
	    catalog_commit(publish->catalog, why)) {
		catalog_undo(publish->catalog);
		return fault_within(why, "the catalogue cannot be made anew");
	}
	return 0;
}

// A database that SQLite itself calls damaged is put aside, for whoever wants to know, and made anew (A57).
static int open_catalog(struct publish *publish, bool *anew, struct fault *why)
{
	OWNED(bytes_drop) struct bytes aside = {0}, extra = {0};
	static const char *const tails[] = {"-wal", "-shm"};

	*anew = false;
	if (catalog_open(publish->catalog_path, true, &publish->catalog, why) == 0 &&
	    catalog_check(publish->catalog, why) == 0)
		return 0;
	if (why->code != FAULT_FORMAT && why->code != FAULT_DIGEST)
		return -1;
	fault_clear(why);
	catalog_drop(&publish->catalog);
	*anew = true;
	if (bytes_format(&aside, why, "%s.damaged", publish->catalog_path))
		return -1;
	if (rename(publish->catalog_path, bytes_text(&aside)))
		return fault_errno(why, FAULT_OTHER, "cannot put the damaged catalogue aside");
	for (size_t i = 0; i < 2; i++) {
		extra.len = 0;
		if (bytes_format(&extra, why, "%s%s", publish->catalog_path, tails[i]))
			return -1;
		unlink(bytes_text(&extra));
	}
	return catalog_open(publish->catalog_path, true, &publish->catalog, why);
}

static int mend_catalog(struct publish *publish, char mended[static 256], struct fault *why)
{
	struct sha256 marked;
	bool anew, known;

	if (open_catalog(publish, &anew, why) ||
	    catalog_marked(publish->catalog, &known, &marked, why))
		return -1;
	if (!publish->release->versions.timestamp)
		return 0;
	if (!anew && known && sha256_equal(&marked, &publish->release->timestamp_sha256))
		return 0;
	snprintf(mended, 256, "the catalogue was %s and has been made anew from the signed files",
		 anew ? "damaged" : "behind");
	return reindex(publish, why);
}

// ---- roles on their way ----

// One file that a commit adds. `data` is what will be, or is already, in metadata/.
struct change {
	char *role;
	int64_t version;
	struct bytes data;
	struct targets *targets;
	bool submitted; // or found on disk, as the signer knows it
};

struct changes {
	struct change *list;
	size_t count;
};

static void changes_drop(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		free(changes->list[i].role);
		bytes_drop(&changes->list[i].data);
		targets_free(changes->list[i].targets);
	}
	free(changes->list);
	*changes = (struct changes){0};
}

static int changes_add(struct changes *changes, const char *role, int64_t version, const void *data,
		       size_t len, bool submitted, struct fault *why)
{
	OWNED(role_drop) struct role *envelope = NULL;
	struct change *change;

	change = reallocarray(changes->list, changes->count + 1, sizeof(*change));
	if (!change)
		return fault_set(why, FAULT_OTHER, "out of memory");
	changes->list = change;
	change += changes->count++;
	*change = (struct change){.version = version, .submitted = submitted};
	if (text_copy(role, &change->role, why) || bytes_append(&change->data, data, len, why) ||
	    role_parse(role, data, len, &envelope, why) ||
	    targets_parse(role, envelope, &change->targets, why))
		return -1;
	(void)HAND_OVER(envelope);
	return 0;
}

static bool changes_have(const struct changes *changes, const char *role)
{
	for (size_t i = 0; i < changes->count; i++)
		if (strcmp(changes->list[i].role, role) == 0)
			return true;
	return false;
}

// Does the signer's last snapshot list exactly these bytes as this role's file?
static bool is_signed(const struct signer_state *state, const char *file, int64_t version,
		      const struct bytes *data)
{
	struct fault ignored = {0};
	struct role_meta meta;
	const struct json *entry = json_member(state->meta, file);

	return entry && role_meta_parse(entry, &meta, &ignored) == 0 && meta.version == version &&
	       role_meta_check(&meta, file, data->data, data->len, &ignored) == 0;
}

// Roles that the signer has signed further than what is committed: a crash came between signature and rename, or the
// state is an older copy (A62). Those whose files are here join the commit; without them the signer would refuse it.
static int find_held(struct publish *publish, const struct signer_state *state,
		     struct changes *changes, struct fault *why)
{
	struct json_walk walk = {0};

	while (json_next(state->meta, &walk)) {
		OWNED(bytes_drop) struct bytes data = {0};
		size_t len = strlen(walk.key);
		OWNED(drop_heap) char *role = strndup(walk.key, len > 5 ? len - 5 : 0);
		OWNED(drop_heap) char *file = NULL;
		const struct release_role *have;
		struct fault ignored = {0};
		int64_t version = json_int(json_member(walk.value, "version"));

		if (!role)
			return fault_set(why, FAULT_OTHER, "out of memory");
		have = release_role(publish->release, role);
		if ((have && have->version >= version) || changes_have(changes, role))
			continue;
		if (role_file(role, version, &file, why))
			return -1;
		if (file_read_at(publish->metadata, file, PUBLISH_BODY_MAX, &data, &ignored) ||
		    !is_signed(state, walk.key, version, &data))
			continue;
		if (changes_add(changes, role, version, data.data, data.len, false, why))
			return -1;
	}
	return 0;
}

// ---- the commit ----

struct commit {
	struct publish *publish;
	struct signer_state state;
	struct changes changes;
	struct json *meta; // of the snapshot to be
	struct bytes snapshot, timestamp;
	int64_t snapshot_version;
	int64_t now;
	bool conflict, held, written;
	bool submitted;	       // by a publisher, just now
	struct sha256 before; // digest of the timestamp.json that this one replaces
	bool before_known;
};

static void commit_drop(struct commit *commit)
{
	signer_state_drop(&commit->state);
	changes_drop(&commit->changes);
	json_free(commit->meta);
	bytes_drop(&commit->snapshot);
	bytes_drop(&commit->timestamp);
}

static int put_change(struct candidate *candidate, const struct change *change, struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;

	if (role_file(change->role, change->version, &file, why))
		return -1;
	return candidate_put(candidate, file, change->data.data, change->data.len, why);
}

static int plan_meta(struct commit *commit, struct fault *why)
{
	if (release_meta(commit->publish->release, &commit->meta, why))
		return -1;
	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];
		OWNED(bytes_drop) struct bytes file = {0};
		struct json *entry = NULL;

		// In the snapshot the role's name is not quoted (TUF 4.4).
		if (bytes_format(&file, why, "%s.json", change->role) ||
		    candidate_entry(change->version, change->data.data, change->data.len, &entry,
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
		    change->data.len == len && memcmp(change->data.data, data, len) == 0)
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
	struct publish *publish = commit->publish;
	const struct goods goods = {publish->blobs, publish->setup.broker, publish->catalog,
				    client};

	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];
		const struct release_role *have = release_role(publish->release, change->role);
		OWNED(targets_drop) struct targets *last = NULL;

		if (have &&
		    publish_role(publish->metadata, have->name, have->version, &last, why))
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
	return commit->submitted ? commit->now : ANY_TIME;
}

static int check_fresh(const struct commit *commit, struct fault *why)
{
	for (size_t i = 0; i < commit->changes.count; i++) {
		const struct change *change = &commit->changes.list[i];

		if (change->submitted &&
		    role_fresh(change->targets->role, change->role, commit->now, why))
			return -1;
	}
	return 0;
}

// Judges the publication under a root that differs from the real one only in the online keys, before anything is
// written or signed.
static int rehearse(struct commit *commit, struct fault *why)
{
	struct publish *publish = commit->publish;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(bytes_drop) struct bytes root = {0};
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;

	if (check_fresh(commit, why) || secret_key_new(&key, why) ||
	    candidate_rehearsal_root(&publish->release->root, key, &root, why) ||
	    candidate_new(publish->metadata, &root, NULL, &candidate, why))
		return -1;
	candidate_hide_roots(candidate);
	for (size_t i = 0; i < commit->changes.count; i++)
		if (put_change(candidate, &commit->changes.list[i], why))
			return -1;
	if (candidate_rehearse(candidate, commit->meta, key, commit->now + 3600, why) ||
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
		    file_store_at(commit->publish->metadata, file, change->data.data,
				  change->data.len, METADATA_MODE, why))
			return -1;
	}
	return 0;
}

// After a refusal: files that nobody vouches for go; one that the signer has signed (now or earlier) stays.
static void unwrite_changes(struct commit *commit)
{
	struct signer_state state = {0};
	struct fault ignored = {0};
	bool known = signer_state(commit->publish->setup.signer, &state, &ignored) == 0;

	for (size_t i = 0; i < commit->changes.count && known; i++) {
		const struct change *change = &commit->changes.list[i];
		OWNED(bytes_drop) struct bytes entry = {0};
		OWNED(drop_heap) char *file = NULL;

		if (bytes_format(&entry, &ignored, "%s.json", change->role) ||
		    role_file(change->role, change->version, &file, &ignored))
			continue;
		if (is_signed(&state, bytes_text(&entry), change->version, &change->data))
			commit->held = commit->held || change->submitted;
		else if (file_remove_at(commit->publish->metadata, file, &ignored))
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
	const struct publish *publish = commit->publish;
	const struct client_versions *have = &publish->release->versions;

	return commit->changes.count > 0 || !have->snapshot ||
	       commit->state.snapshot_version != have->snapshot ||
	       have->snapshot_expires - commit->now < publish->setup.snapshot_s / 2;
}

static int have_signed(struct commit *commit, struct fault *why)
{
	const struct publish_setup *setup = &commit->publish->setup;
	const struct client_versions *have = &commit->publish->release->versions;
	int64_t timestamp = next_version(have->timestamp, commit->state.timestamp_version);

	commit->snapshot_version = have->snapshot;
	if (needs_snapshot(commit)) {
		commit->snapshot_version =
			next_version(have->snapshot, commit->state.snapshot_version);
		if (signer_snapshot(setup->signer, commit->snapshot_version,
				    commit->now + setup->snapshot_s, commit->meta,
				    &commit->snapshot, why))
			return -1;
	}
	return signer_timestamp(setup->signer, timestamp, commit->now + setup->timestamp_s,
				&commit->timestamp, why);
}

// The verdict that counts: what a node that holds the committed state says of the state to be.
static int judge(struct commit *commit, struct release **out, struct fault *why)
{
	struct publish *publish = commit->publish;
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;
	OWNED(drop_heap) char *file = NULL;

	if (candidate_new(publish->metadata, &publish->root, publish->release, &candidate, why) ||
	    candidate_put(candidate, "timestamp.json", commit->timestamp.data,
			  commit->timestamp.len, why) ||
	    role_file("snapshot", commit->snapshot_version, &file, why))
		return -1;
	if (commit->snapshot.len && candidate_put(candidate, file, commit->snapshot.data,
						  commit->snapshot.len, why))
		return -1;
	if (candidate_judge(candidate, judging_time(commit), &client, why))
		return -1;
	return release_new(client, out, why);
}

static int put_online(struct commit *commit, struct fault *why)
{
	struct publish *publish = commit->publish;
	OWNED(drop_heap) char *file = NULL;

	if (role_file("snapshot", commit->snapshot_version, &file, why))
		return -1;
	if (commit->snapshot.len &&
	    file_store_at(publish->metadata, file, commit->snapshot.data, commit->snapshot.len,
			  METADATA_MODE, why))
		return -1;
	// The commit point.
	return file_replace_at(publish->metadata, "timestamp.json", commit->timestamp.data,
			       commit->timestamp.len, METADATA_MODE, why);
}

static int index_changes(struct commit *commit, struct fault *why)
{
	struct publish *publish = commit->publish;
	struct sha256 marked;
	bool known;
	int failed;

	// Behind already (an earlier commit could not be indexed): from the start, then.
	if (catalog_marked(publish->catalog, &known, &marked, why))
		return -1;
	if (commit->before_known && (!known || !sha256_equal(&marked, &commit->before)))
		return reindex(publish, why);
	failed = catalog_begin(publish->catalog, why);
	for (size_t i = 0; i < commit->changes.count && !failed; i++)
		failed = index_role(publish, commit->changes.list[i].targets,
				    commit->changes.list[i].version, commit->now, why);
	if (failed ||
	    catalog_mark(publish->catalog, &publish->release->timestamp_sha256, why) ||
	    catalog_commit(publish->catalog, why)) {
		catalog_undo(publish->catalog);
		return -1;
	}
	return 0;
}

// After the commit point nothing can be refused any more: what fails here is mended by the next commit or start.
static void follow(struct commit *commit)
{
	struct fault why = {0};

	if (index_changes(commit, &why)) {
		fault_within(&why, "published, but the catalogue is behind");
		fault_print(&why, stderr);
	}
}

// Runs from the planned changes to the commit point. The writer's lock is held.
static int run(struct commit *commit, struct fault *why)
{
	struct release *next = NULL;

	if (plan_meta(commit, why))
		return -1;
	if (commit->changes.count && (rehearse(commit, why) || write_changes(commit, why)))
		return -1;
	if (have_signed(commit, why) || judge(commit, &next, why))
		return -1;
	if (put_online(commit, why)) {
		release_free(next);
		return -1;
	}
	commit->before = commit->publish->release->timestamp_sha256;
	commit->before_known = commit->publish->release->versions.timestamp > 0;
	show(commit->publish, next);
	follow(commit);
	return 0;
}

static int begin(struct publish *publish, struct commit *commit, struct fault *why)
{
	*commit = (struct commit){.publish = publish, .now = publish->setup.clock()};
	return signer_state(publish->setup.signer, &commit->state, why);
}

// ---- submissions ----

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
	    audit_append(publish->state, STATE_AUDIT, publish->setup.clock(), "publish",
			 HAND_OVER(details), &ignored)) {
		fault_within(&ignored, "published, but the audit log could not be written");
		fault_print(&ignored, stderr);
	}
}

// The committed file of this version with these bytes?
static int compare(struct publish *publish, const char *role, int64_t version, const void *data,
		   size_t len, bool *same, struct fault *why)
{
	OWNED(bytes_drop) struct bytes have = {0};
	OWNED(drop_heap) char *file = NULL;

	*same = false;
	if (role_file(role, version, &file, why))
		return -1;
	if (file_read_at(publish->metadata, file, PUBLISH_BODY_MAX, &have, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
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

static int check_life(const struct commit *commit, const struct change *change, struct fault *why)
{
	if (change->targets->role->expires <=
	    commit->now + PUBLISH_TARGETS_LIFE_S + LIFE_SLACK_S)
		return 0;
	fault_set(why, FAULT_POLICY, "\"%s\" expires more than 90 days ahead", change->role);
	return fault_fix(why, "a stolen server can hold nodes back for as long as that: sign it "
			      "for at most 90 days");
}

static int add_submitted(struct commit *commit, const char *role, int64_t version, const void *data,
			 size_t len, struct fault *why)
{
	if (changes_add(&commit->changes, role, version, data, len, true, why))
		return -1;
	return check_life(commit, &commit->changes.list[commit->changes.count - 1], why);
}

// Commits what was added.
static int run_submitted(struct commit *commit, enum publish_outcome *out, struct fault *why)
{
	if (find_held(commit->publish, &commit->state, &commit->changes, why))
		return -1;
	if (run(commit, why) == 0)
		return 0;
	if (commit->written)
		unwrite_changes(commit);
	if (commit->conflict)
		*out = PUBLISH_CONFLICT;
	else if (commit->held)
		*out = PUBLISH_HELD;
	return -1;
}

static int submit_targets(struct publish *publish, const char *role, int64_t version,
			  const void *data, size_t len, enum publish_outcome *out,
			  struct fault *why)
{
	OWNED(commit_drop) struct commit commit = {0};

	if (begin(publish, &commit, why))
		return -1;
	commit.submitted = true;
	if (add_submitted(&commit, role, version, data, len, why))
		return -1;
	return run_submitted(&commit, out, why);
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
		return fault_set(why, FAULT_POLICY, "the root does not ask for consistent snapshots");
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
		       struct fault *why)
{
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;
	OWNED(root_drop) struct root *root = NULL;
	OWNED(drop_heap) char *file = NULL;
	struct client_versions versions = {0};
	struct release *next = NULL;

	if (root_of(data, len, &root, why) || role_file("root", version, &file, why) ||
	    candidate_new(publish->metadata, &publish->root, publish->release, &candidate, why) ||
	    candidate_put(candidate, file, data, len, why))
		return -1;
	if (role_fresh(root->role, "root", publish->setup.clock(), why))
		return -1;
	// Whatever else has expired is no reason against a new root: often it is the way out.
	if (candidate_judge(candidate, ANY_TIME, &client, why)) {
		if (!client || why->code != FAULT_NOT_FOUND ||
		    publish->release->versions.timestamp)
			return -1;
		fault_clear(why);
	}
	client_versions(client, &versions);
	if (versions.root != version)
		return fault_set(why, FAULT_UNTRUSTED,
				 "root %" PRId64 " does not follow root %" PRId64, version,
				 versions.root);
	if (check_online(publish, root, why) || release_new(client, &next, why))
		return -1;
	if (file_store_at(publish->metadata, file, data, len, METADATA_MODE, why)) {
		release_free(next);
		return -1;
	}
	show(publish, next);
	return 0;
}

// What the submission says that it is: its version, if its type fits the role.
static int read_version(const char *role, const void *data, size_t len, int64_t *version,
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
	*version = envelope->version;
	return 0;
}

static int submit(struct publish *publish, const char *role, const void *data, size_t len,
		  const char *who, enum publish_outcome *out, struct fault *why)
{
	int64_t version;
	int is_new;

	if (read_version(role, data, len, &version, why))
		return -1;
	is_new = settle(publish, role, version, data, len, out, why);
	if (is_new <= 0)
		return is_new;
	if (strcmp(role, "root") == 0 ? submit_root(publish, version, data, len, why)
				      : submit_targets(publish, role, version, data, len, out, why))
		return -1;
	*out = PUBLISH_DONE;
	record(publish, role, version, who);
	return 0;
}

// What is new of a batch joins the commit.
static int gather(struct commit *commit, const struct batch *batch, enum publish_outcome *out,
		  struct fault *why)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct submission *one = &batch->list[i];
		int64_t version;
		int is_new;

		// A root is a commit of its own: it may change who signs the rest.
		if (strcmp(one->role, "root") == 0)
			return fault_set(why, FAULT_POLICY, "a root is not sent in a batch");
		if (read_version(one->role, one->data, one->len, &version, why))
			return fault_within(why, "role \"%s\" is refused", one->role);
		is_new = settle(commit->publish, one->role, version, one->data, one->len, out, why);
		if (is_new < 0 || (is_new && add_submitted(commit, one->role, version, one->data,
							   one->len, why)))
			return -1;
	}
	return 0;
}

static int submit_all(struct publish *publish, const struct batch *batch, const char *who,
		      enum publish_outcome *out, struct fault *why)
{
	OWNED(commit_drop) struct commit commit = {0};

	if (begin(publish, &commit, why))
		return -1;
	commit.submitted = true;
	if (gather(&commit, batch, out, why))
		return -1;
	if (!commit.changes.count)
		return 0; // all of it is there
	*out = PUBLISH_DONE;
	if (run_submitted(&commit, out, why))
		return -1;
	for (size_t i = 0; i < commit.changes.count; i++)
		if (commit.changes.list[i].submitted)
			record(publish, commit.changes.list[i].role,
			       commit.changes.list[i].version, who);
	return 0;
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

static bool is_due(const struct commit *commit)
{
	const struct publish_setup *setup = &commit->publish->setup;
	const struct client_versions *have = &commit->publish->release->versions;

	if (commit->changes.count)
		return true;
	if (!have->timestamp)
		return false;
	return have->timestamp_expires - commit->now < setup->timestamp_s / 2 ||
	       have->snapshot_expires - commit->now < setup->snapshot_s / 2;
}

static int refresh(struct publish *publish, bool *done, struct fault *why)
{
	OWNED(commit_drop) struct commit commit = {.publish = publish,
						   .now = publish->setup.clock()};

	// After the first call, files that the signer is ahead with wait for the next submission.
	*done = false;
	if (publish->refreshed && !is_due(&commit))
		return 0;
	if (begin(publish, &commit, why) ||
	    find_held(publish, &commit.state, &commit.changes, why))
		return -1;
	publish->refreshed = true;
	*done = is_due(&commit);
	if (!*done || run(&commit, why) == 0)
		return 0;
	if (commit.written)
		unwrite_changes(&commit);
	return -1;
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

// Files newer than anything committed or signed: a crash left them. One that the signer signed is wanted again.
static int is_stray(struct publish *publish, const struct signer_state *state, const char *name,
		    bool *stray, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0}, entry = {0};
	char plain[RELEASE_ROLE_MAX], role[RELEASE_ROLE_MAX];
	int64_t version;

	*stray = false;
	if (strncmp(name, ".tmp-", 5) == 0) {
		*stray = true;
		return 0;
	}
	// What we never wrote is not ours to remove.
	if (!release_unquote(name, plain, sizeof(plain)) ||
	    !release_file_split(plain, &version, role) || !version ||
	    release_shows(publish->release, role, version))
		return 0;
	if (strcmp(role, "snapshot") == 0) {
		*stray = version > state->snapshot_version;
		return 0;
	}
	if (file_read_at(publish->metadata, name, PUBLISH_BODY_MAX, &data, why) ||
	    bytes_format(&entry, why, "%s.json", role))
		return -1;
	*stray = version >= json_int(json_member(json_member(state->meta, bytes_text(&entry)),
						 "version")) &&
		 !is_signed(state, bytes_text(&entry), version, &data);
	return 0;
}

static int tidy(struct publish *publish, char mended[static 256], struct fault *why)
{
	struct signer_state state = {0};
	size_t count = 0, removed = 0, uploads = 0;
	char **names = NULL;
	int failed;

	if (blob_tidy(publish->blobs, &uploads, why) ||
	    signer_state(publish->setup.signer, &state, why))
		return -1;
	failed = dir_list(publish->metadata, &names, &count, why);
	for (size_t i = 0; i < count && !failed; i++) {
		bool stray = false;

		failed = is_stray(publish, &state, names[i], &stray, why);
		if (!failed && stray)
			failed = file_remove_at(publish->metadata, names[i], why);
		removed += !failed && stray;
	}
	names_free(names, count);
	signer_state_drop(&state);
	if (!failed && removed + uploads > 0)
		snprintf(mended, 256, "removed %zu unfinished uploads and %zu uncommitted files",
			 uploads, removed);
	return failed;
}

static int open_state(struct publish *publish, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};

	if (dir_open(publish->setup.state, &publish->state, why) ||
	    dir_open_at(publish->state, STATE_METADATA, &publish->metadata, why) ||
	    dir_open_at(publish->state, STATE_BLOBS, &publish->blobs, why)) {
		if (why->code == FAULT_NOT_FOUND)
			fault_fix(why, "bpfseal repod init");
		return -1;
	}
	if (bytes_format(&path, why, "%s/%s", publish->setup.state, CATALOG_FILE) ||
	    text_copy(bytes_text(&path), &publish->catalog_path, why))
		return -1;
	return publish_pinned(publish->state, &publish->root, why);
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
	if (publish_committed(publish->metadata, &publish->root, &publish->release, why)) {
		fault_within(why, "the published metadata is not sound");
		return fault_fix(why, "bpfseal repod check tells what is damaged; restore that from "
				      "a backup, or publish again");
	}
	if (check_newest_root(publish, why) || tidy(publish, mended, why) ||
	    mend_catalog(publish, mended, why))
		return -1;
	*out = HAND_OVER(publish);
	return 0;
}

void publish_free(struct publish *publish)
{
	if (!publish)
		return;
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
