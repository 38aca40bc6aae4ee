// SPDX-License-Identifier: Apache-2.0
#include "bpf/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/index.h"
#include "bpf/version.h"
#include "keys/bins.h"
#include "keys/signing.h"

void stage_drop(struct stage *stage)
{
	free(stage->path);
	free(stage->index_path);
	free(stage->role);
	free(stage->index_role);
	*stage = (struct stage){0};
}

// The directory of a target path below DIR/targets, made where it is missing; `file` is the name in it.
static int open_directory(const char *dir, const char *path, int *out, const char **file,
			  struct fault *why)
{
	OWNED(drop_heap) char *parts = NULL;
	OWNED(drop_fd) int at = -1;
	const char *last = strrchr(path, '/');
	char *rest = NULL;

	if (dir_open(dir, &at, why))
		return -1;
	if (asprintf(&parts, "targets/%.*s", (int)(last - path), path) < 0) {
		parts = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	for (char *part = strtok_r(parts, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
		int next;

		if (dir_make_at(at, part, 0755, &next, why))
			return -1;
		close(at);
		at = next;
	}
	*file = last + 1;
	*out = HAND_OVER_FD(at);
	return 0;
}

// The digest under which the draft names a target. *found is false when it does not name it.
static int draft_target(const struct json *draft, const char *path, struct sha256 *sha256,
			bool *found, struct fault *why)
{
	const struct json *targets, *target, *hashes, *part;
	const char *hex;

	*found = false;
	if (json_need_object(draft, "signed", &part, why) ||
	    json_need_object(part, "targets", &targets, why))
		return fault_within(why, "the role is not one that names targets");
	target = json_member(targets, path);
	if (!target)
		return 0;
	if (json_need_object(target, "hashes", &hashes, why) ||
	    json_need_text(hashes, "sha256", &hex, why))
		return fault_within(why, "target %s of the draft", path);
	if (sha256_read(hex, sha256))
		return fault_set(why, FAULT_FORMAT, "target %s of the draft has no SHA-256 digest",
				 path);
	*found = true;
	return 0;
}

static int check_immutable(const struct json *draft, const struct stage *stage, bool *named,
			   struct fault *why)
{
	struct sha256 sha256;

	if (draft_target(draft, stage->path, &sha256, named, why))
		return -1;
	if (!*named || sha256_equal(&sha256, &stage->sha256))
		return 0;
	fault_set(why, FAULT_POLICY, "%s is there already with other bytes", stage->path);
	return fault_fix(why, "give the new bundle a new version");
}

// The file of a version that was withdrawn still says which bytes its name means.
static int check_file(int directory, const char *file, const struct stage *stage, struct fault *why)
{
	OWNED(bytes_drop) struct bytes there = {0};
	struct sha256 sha256;

	if (file_read_at(directory, file, BUNDLE_MAX, &there, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (sha256_of(there.data, there.len, &sha256, why))
		return -1;
	if (sha256_equal(&sha256, &stage->sha256))
		return 0;
	fault_set(why, FAULT_POLICY, "%s is there already with other bytes", stage->path);
	return fault_fix(why, "give the new bundle a new version");
}

// ---- one file of ours that changes, and the draft that names it ----

struct revision {
	const struct stage_place *place;
	const char *path, *file; // of the target; its name in the directory
	int directory;
	char *role;	    // that names it: the one asked for, or the bin of the path
	struct json *draft; // of that role
	// The draft that names the bundle: the same, or that of another bin, which is owned as well.
	struct json *bundle, *other;
	char *other_role;
	struct bytes old, next; // `old` is empty when there is none
};

static void revision_drop(struct revision *revision)
{
	drop_fd(&revision->directory);
	json_free(revision->draft);
	json_free(revision->other);
	free(revision->role);
	free(revision->other_role);
	bytes_drop(&revision->old);
	bytes_drop(&revision->next);
}

static int role_of(const struct stage_place *place, const char *path, char **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	const char *bin;

	if (draft_read(place->dir, place->role, &document, why) ||
	    bins_route(document, path, &bin, why))
		return -1;
	return text_copy(bin ? bin : place->role, out, why);
}

static int revision_open(struct revision *revision, const struct stage_place *place,
			 const char *path, size_t max, struct fault *why)
{
	revision->place = place;
	revision->path = path;
	if (role_of(place, path, &revision->role, why) ||
	    draft_open(place->dir, revision->role, place->expires, &revision->draft, why) ||
	    open_directory(place->dir, path, &revision->directory, &revision->file, why))
		return -1;
	if (file_read_at(revision->directory, revision->file, max, &revision->old, why) &&
	    fault_forgive(why, FAULT_NOT_FOUND))
		return -1;
	return 0;
}

// What stands on disk has to be what the draft names; or the result has to be, which is a run that broke off between
// draft and file.
static int revision_compare(const struct revision *revision, struct sha256 *next, bool *changed,
			    struct fault *why)
{
	const struct bytes *old = &revision->old;
	struct sha256 named, old_digest;
	bool is_named;

	if (draft_target(revision->draft, revision->path, &named, &is_named, why) ||
	    sha256_of(old->data, old->len, &old_digest, why) ||
	    sha256_of(revision->next.data, revision->next.len, next, why))
		return -1;
	*changed = !is_named || !sha256_equal(&named, next);
	if (*changed && is_named && !sha256_equal(&named, &old_digest)) {
		fault_set(why, FAULT_DIGEST, "targets/%s is not the one that the draft names",
			  revision->path);
		return fault_fix(why, "put back the file that was signed");
	}
	return 0;
}

// The draft first, then the file: revision_compare() knows how to go on from between. `changed` may be true already,
// when the caller has changed the draft.
static int revision_close(struct revision *revision, bool *changed, struct fault *why)
{
	const struct bytes *next = &revision->next;
	struct sha256 digest;
	bool is_new;

	if (revision_compare(revision, &digest, &is_new, why))
		return -1;
	if (is_new && signing_set_target(revision->draft, revision->path, (int64_t)next->len,
					 &digest, NULL, why))
		return -1;
	if (*changed && revision->other &&
	    draft_save(revision->place->dir, revision->other_role, revision->other, why))
		return -1;
	if ((is_new || (*changed && !revision->other)) &&
	    draft_save(revision->place->dir, revision->role, revision->draft, why))
		return -1;
	*changed = *changed || is_new;
	return file_store_at(revision->directory, revision->file, next->data, next->len, 0644, why);
}

// ---- indexes ----

static int read_index(const struct revision *revision, const char *name, struct index **out,
		      struct fault *why)
{
	OWNED(index_drop) struct index *index = NULL;

	if (!revision->old.len)
		return index_new(name, out, why);
	if (index_parse(revision->old.data, revision->old.len, &index, why))
		return -1;
	if (strcmp(index->name, name) != 0)
		return fault_set(why, FAULT_FORMAT, "targets/%s is the index of %s", revision->path,
				 index->name);
	*out = HAND_OVER(index);
	return 0;
}

static int stage_paths(const char *name, const char *version, struct stage *stage,
		       struct fault *why)
{
	if (version_check(version, why) || index_path(name, &stage->index_path, why))
		return -1;
	if (asprintf(&stage->path, "%s/%s.bundle", name, version) < 0) {
		stage->path = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	return 0;
}

// ---- add ----

// The draft that names the bundle, beside that of its index.
static int revision_bundle(struct revision *revision, struct stage *stage, struct fault *why)
{
	const struct stage_place *place = revision->place;

	if (role_of(place, stage->path, &stage->role, why) ||
	    text_copy(revision->role, &stage->index_role, why))
		return -1;
	revision->bundle = revision->draft;
	if (strcmp(stage->role, revision->role) == 0)
		return 0;
	if (text_copy(stage->role, &revision->other_role, why) ||
	    draft_open(place->dir, stage->role, place->expires, &revision->other, why))
		return -1;
	revision->bundle = revision->other;
	return 0;
}

static int set_bundle(struct json *draft, const struct bytes *data, const struct bundle *bundle,
		      const struct stage *stage, struct fault *why)
{
	OWNED(json_drop) struct json *custom = json_make_object();
	struct json *ours = NULL;

	if (bundle_custom(bundle, &ours, why) || json_put(custom, "bpfseal", ours, why))
		return -1;
	return signing_set_target(draft, stage->path, (int64_t)data->len, &stage->sha256,
				  HAND_OVER(custom), why);
}

static int add_version(struct revision *revision, const char *name, const char *version,
		       const char *channel, const struct stage *stage, struct fault *why)
{
	OWNED(index_drop) struct index *index = NULL;
	OWNED(drop_heap) char *kept = NULL;
	const struct index_version *there;

	if (read_index(revision, name, &index, why))
		return -1;
	// Adding a bundle again must not release what is still being tested.
	there = index_find(index, version);
	if (text_copy(channel ? channel
		      : there ? there->channel
			      : INDEX_RELEASED,
		      &kept, why) ||
	    index_add(index, version, stage->path, &stage->sha256, kept, why))
		return -1;
	return index_write(index, &revision->next, why);
}

int stage_add(const struct stage_place *place, const char *channel, const struct bytes *data,
	      const struct survey *survey, struct stage *out, struct fault *why)
{
	const struct manifest *manifest = survey->bundle->manifest;
	OWNED(revision_drop) struct revision revision = {.directory = -1};
	OWNED(stage_drop) struct stage stage = {0};
	OWNED(bytes_drop) struct bytes name = {0};
	char file[VERSION_MAX + 8];
	bool named;

	if (bytes_format(&name, why, "%s/%s", manifest->publisher, manifest->name) ||
	    stage_paths(bytes_text(&name), manifest->version, &stage, why) ||
	    sha256_of(data->data, data->len, &stage.sha256, why) ||
	    revision_open(&revision, place, stage.index_path, INDEX_MAX, why) ||
	    revision_bundle(&revision, &stage, why) ||
	    check_immutable(revision.bundle, &stage, &named, why) ||
	    add_version(&revision, bytes_text(&name), manifest->version, channel, &stage, why))
		return -1;
	// Bundle, then draft, then index: revision_close() knows how to go on from each of the three.
	snprintf(file, sizeof file, "%s.bundle", manifest->version);
	if (check_file(revision.directory, file, &stage, why) ||
	    file_store_at(revision.directory, file, data->data, data->len, 0644, why))
		return -1;
	stage.changed = !named;
	if ((!named && set_bundle(revision.bundle, data, survey->bundle, &stage, why)) ||
	    revision_close(&revision, &stage.changed, why))
		return -1;
	*out = stage;
	stage = (struct stage){0};
	return 0;
}

// ---- promote and withdraw ----

int stage_promote(const struct stage_place *place, const char *name, const char *version,
		  const char *channel, struct stage *out, struct fault *why)
{
	OWNED(revision_drop) struct revision revision = {.directory = -1};
	OWNED(stage_drop) struct stage stage = {0};
	OWNED(index_drop) struct index *index = NULL;
	const struct index_version *there;

	if (stage_paths(name, version, &stage, why) ||
	    revision_open(&revision, place, stage.index_path, INDEX_MAX, why) ||
	    read_index(&revision, name, &index, why) ||
	    text_copy(revision.role, &stage.role, why) ||
	    text_copy(revision.role, &stage.index_role, why))
		return -1;
	there = index_find(index, version);
	if (!there)
		return fault_set(why, FAULT_NOT_FOUND, "the index of %s has no version %s", name,
				 version);
	stage.sha256 = there->sha256;
	if (index_add(index, version, stage.path, &stage.sha256, channel, why) ||
	    index_write(index, &revision.next, why) ||
	    revision_close(&revision, &stage.changed, why))
		return -1;
	*out = stage;
	stage = (struct stage){0};
	return 0;
}

int stage_withdraw(const struct stage_place *place, const char *name, const char *version,
		   struct stage *out, struct fault *why)
{
	OWNED(revision_drop) struct revision revision = {.directory = -1};
	OWNED(stage_drop) struct stage stage = {0};
	OWNED(index_drop) struct index *index = NULL;
	const struct index_version *there;
	bool listed;

	if (stage_paths(name, version, &stage, why) ||
	    revision_open(&revision, place, stage.index_path, INDEX_MAX, why) ||
	    read_index(&revision, name, &index, why) || revision_bundle(&revision, &stage, why) ||
	    draft_target(revision.bundle, stage.path, &stage.sha256, &stage.changed, why))
		return -1;
	there = index_find(index, version);
	listed = there != NULL;
	if (listed)
		stage.sha256 = there->sha256;
	// Neither: it was never here, or has been withdrawn. One of both: a run that broke off.
	if (!listed && !stage.changed)
		return fault_set(why, FAULT_NOT_FOUND, "%s has no version %s here", name, version);
	if ((listed && index_remove(index, version, why)) ||
	    (stage.changed && signing_drop_target(revision.bundle, stage.path, why)) ||
	    index_write(index, &revision.next, why) ||
	    revision_close(&revision, &stage.changed, why))
		return -1;
	*out = stage;
	stage = (struct stage){0};
	return 0;
}

// ---- the deny list ----

static int read_deny(const struct bytes *text, struct deny **out, struct fault *why)
{
	return text->len ? deny_parse(text->data, text->len, out, why) : deny_new(out, why);
}

int stage_deny_read(const char *dir, struct deny **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(drop_heap) char *path = NULL;

	if (asprintf(&path, "%s/targets/" DENY_PATH, dir) < 0) {
		path = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	if (file_read(path, DENY_MAX, &text, why) && fault_forgive(why, FAULT_NOT_FOUND))
		return -1;
	return read_deny(&text, out, why);
}

int stage_deny(const struct stage_place *place,
	       int (*edit)(void *ctx, struct deny *deny, struct fault *why), void *ctx,
	       bool *changed, struct fault *why)
{
	OWNED(revision_drop) struct revision revision = {.directory = -1};
	OWNED(deny_drop) struct deny *deny = NULL;

	*changed = false;
	if (revision_open(&revision, place, DENY_PATH, DENY_MAX, why) ||
	    read_deny(&revision.old, &deny, why) || edit(ctx, deny, why) ||
	    deny_write(deny, &revision.next, why))
		return -1;
	return revision_close(&revision, changed, why);
}
