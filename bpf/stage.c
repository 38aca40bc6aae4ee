// SPDX-License-Identifier: Apache-2.0
#include "bpf/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/index.h"
#include "keys/bins.h"
#include "keys/signing.h"

#define INDEX_NAME "index.json"

void stage_drop(struct stage *stage)
{
	free(stage->path);
	free(stage->index_path);
	free(stage->role);
	free(stage->index_role);
	*stage = (struct stage){0};
}

// DIR/targets/<publisher>/<name>, made where it is missing.
static int open_directory(const char *dir, const struct manifest *manifest, int *out,
			  struct fault *why)
{
	OWNED(drop_fd) int top = -1;
	OWNED(drop_fd) int targets = -1;
	OWNED(drop_fd) int publisher = -1;

	if (dir_open(dir, &top, why) || dir_make_at(top, "targets", 0755, &targets, why) ||
	    dir_make_at(targets, manifest->publisher, 0755, &publisher, why))
		return -1;
	return dir_make_at(publisher, manifest->name, 0755, out, why);
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

// The index with this version in it, as bytes. What stands on disk has to be what the draft names; or the result has to
// be, which is a run that broke off between draft and file.
static int next_index(int directory, const struct json *draft, const char *name,
		      const char *version, const struct stage *stage, struct bytes *out,
		      bool *changed, struct fault *why)
{
	OWNED(bytes_drop) struct bytes old = {0};
	OWNED(index_drop) struct index *index = NULL;
	struct sha256 named, old_digest, new_digest;
	bool is_named, is_new;

	if (draft_target(draft, stage->index_path, &named, &is_named, why))
		return -1;
	is_new = file_read_at(directory, INDEX_NAME, INDEX_MAX, &old, why) != 0;
	if (is_new && why->code != FAULT_NOT_FOUND)
		return -1;
	if (is_new)
		fault_clear(why);
	if (is_new ? index_new(name, &index, why) : index_parse(old.data, old.len, &index, why))
		return -1;
	if (strcmp(index->name, name) != 0)
		return fault_set(why, FAULT_FORMAT, "targets/%s is the index of %s",
				 stage->index_path, index->name);
	if (index_add(index, version, stage->path, &stage->sha256, "released", why) ||
	    index_write(index, out, why) || sha256_of(old.data, old.len, &old_digest, why) ||
	    sha256_of(out->data, out->len, &new_digest, why))
		return -1;
	*changed = !is_named || !sha256_equal(&named, &new_digest);
	if (*changed && is_named && !sha256_equal(&named, &old_digest)) {
		fault_set(why, FAULT_DIGEST, "targets/%s is not the one that the draft names",
			  stage->index_path);
		return fault_fix(why, "put back the file that was signed");
	}
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

static int set_index(struct json *draft, const struct bytes *index, const struct stage *stage,
		     struct fault *why)
{
	struct sha256 sha256;

	if (sha256_of(index->data, index->len, &sha256, why))
		return -1;
	return signing_set_target(draft, stage->index_path, (int64_t)index->len, &sha256, NULL,
				  why);
}

// The drafts that name the two: one and the same, unless the role has bins.
struct drafts {
	struct json *bundle, *index;
	struct json *second; // owned; NULL when they are the same
};

static void drafts_drop(struct drafts *drafts)
{
	json_free(drafts->bundle);
	json_free(drafts->second);
}

// Who names each of the two paths.
static int find_roles(const char *dir, const char *role, struct stage *stage, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	const char *bundle, *index;

	if (draft_read(dir, role, &document, why) ||
	    bins_route(document, stage->path, &bundle, why) ||
	    bins_route(document, stage->index_path, &index, why) ||
	    text_copy(bundle ? bundle : role, &stage->role, why))
		return -1;
	return text_copy(index ? index : role, &stage->index_role, why);
}

static int open_drafts(const char *dir, int64_t expires, const struct stage *stage,
		       struct drafts *out, struct fault *why)
{
	if (draft_open(dir, stage->role, expires, &out->bundle, why))
		return -1;
	out->index = out->bundle;
	if (strcmp(stage->role, stage->index_role) == 0)
		return 0;
	if (draft_open(dir, stage->index_role, expires, &out->second, why))
		return -1;
	out->index = out->second;
	return 0;
}

int stage_add(const char *dir, const char *role, int64_t expires, const struct bytes *data,
	      const struct survey *survey, struct stage *out, struct fault *why)
{
	const struct manifest *manifest = survey->bundle->manifest;
	OWNED(stage_drop) struct stage stage = {0};
	OWNED(drafts_drop) struct drafts drafts = {0};
	OWNED(bytes_drop) struct bytes name = {0};
	OWNED(bytes_drop) struct bytes index = {0};
	OWNED(drop_fd) int directory = -1;
	char file[VERSION_MAX + 8];
	bool named, index_changed;

	if (bundle_target_path(manifest, &stage.path, why) ||
	    bytes_format(&name, why, "%s/%s", manifest->publisher, manifest->name) ||
	    index_path(bytes_text(&name), &stage.index_path, why) ||
	    sha256_of(data->data, data->len, &stage.sha256, why) ||
	    find_roles(dir, role, &stage, why) || open_drafts(dir, expires, &stage, &drafts, why) ||
	    check_immutable(drafts.bundle, &stage, &named, why) ||
	    open_directory(dir, manifest, &directory, why) ||
	    next_index(directory, drafts.index, bytes_text(&name), manifest->version, &stage,
		       &index, &index_changed, why))
		return -1;
	// Bundle, then drafts, then index: next_index() knows how to go on from each of them.
	snprintf(file, sizeof file, "%s.bundle", manifest->version);
	if (file_store_at(directory, file, data->data, data->len, 0644, why))
		return -1;
	stage.changed = !named || index_changed;
	if (!named && set_bundle(drafts.bundle, data, survey->bundle, &stage, why))
		return -1;
	if (index_changed && set_index(drafts.index, &index, &stage, why))
		return -1;
	if ((!named || (index_changed && !drafts.second)) &&
	    draft_save(dir, stage.role, drafts.bundle, why))
		return -1;
	if (index_changed && drafts.second && draft_save(dir, stage.index_role, drafts.second, why))
		return -1;
	if (file_store_at(directory, INDEX_NAME, index.data, index.len, 0644, why))
		return -1;
	*out = stage;
	stage = (struct stage){0};
	return 0;
}
