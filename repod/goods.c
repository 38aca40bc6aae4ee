// SPDX-License-Identifier: Apache-2.0
#include "repod/goods.h"

#include <string.h>

#include "base/owned.h"
#include "bpf/bundle.h"
#include "bpf/claims.h"
#include "bpf/deny.h"
#include "bpf/index.h"
#include "bpf/policy.h"
#include "keys/local.h"
#include "repod/blob.h"
#include "repod/broker.h"

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len > end_len && strcmp(text + len - end_len, end) == 0;
}

// ---- bundles ----

static const struct bundle_member *member(const struct bundle *bundle, const char *name)
{
	for (size_t i = 0; i < bundle->member_count; i++)
		if (strcmp(bundle->members[i].name, name) == 0)
			return &bundle->members[i];
	return NULL;
}

static int check_object(const struct goods *goods, const struct bundle *bundle, const char *object,
			struct fault *why)
{
	const struct bundle_member *file = member(bundle, object);
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	// Everything that an admin could grant is granted: what is refused here no node would ever run.
	const struct policy policy = policy_widest();

	if (!file)
		return fault_set(why, FAULT_FORMAT, "the bundle has no member %s", object);
	if (broker_inspect(goods->broker, file->data.data, file->data.len, &inspection, why) ||
	    claims_check(inspection, bundle->manifest, object, why))
		return fault_within(why, "object %s is refused", object);
	if (policy_check(&policy, inspection, bundle->manifest, why))
		return fault_within(why, "object %s could run on no node", object);
	return 0;
}

static int check_objects(const struct goods *goods, const struct bundle *bundle, struct fault *why)
{
	const struct manifest *manifest = bundle->manifest;

	for (size_t i = 0; i < manifest->program_count; i++) {
		bool seen = false;

		for (size_t j = 0; j < i && !seen; j++)
			seen = strcmp(manifest->programs[i].object, manifest->programs[j].object) ==
			       0;
		if (!seen && check_object(goods, bundle, manifest->programs[i].object, why))
			return -1;
	}
	return 0;
}

static int check_unchanged(const struct goods *goods, const struct target *target, bool *conflict,
			   struct fault *why)
{
	struct sha256 published;
	bool known;

	if (catalog_bundle_digest(goods->catalog, target->path, &known, &published, why))
		return -1;
	*conflict = known && !sha256_equal(&published, &target->sha256);
	if (!*conflict)
		return 0;
	fault_set(why, FAULT_POLICY, "%s was published before with other bytes", target->path);
	return fault_fix(why,
			 "a name and version never changes its content: give it a new version");
}

static int check_bundle(const struct goods *goods, const struct target *target, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(bundle_drop) struct bundle *bundle = NULL;

	// The digest is verified before the archive is opened (A40).
	if (blob_read(goods->blobs, &target->sha256, BUNDLE_MAX, &data, why) ||
	    target_check(target, data.data, data.len, why) ||
	    broker_bundle(goods->broker, data.data, data.len, &bundle, why) ||
	    bundle_check_custom(bundle, target->path, target->custom, why))
		return -1;
	return check_objects(goods, bundle, why);
}

// ---- indexes ----

// An index that sends nodes to another file than the metadata does would only be found out there.
static int check_version(const struct goods *goods, const struct index_version *version,
			 struct fault *why)
{
	const struct target *target;

	if (client_find(goods->client, version->path, &target, why)) {
		// What was withdrawn may stay listed; it cannot be had any more.
		if (why->code != FAULT_UNTRUSTED || strcmp(version->channel, "withdrawn") != 0)
			return -1;
		fault_clear(why);
		return 0;
	}
	if (!target->has_sha256 || !sha256_equal(&target->sha256, &version->sha256))
		return fault_set(why, FAULT_DIGEST, "%s has another digest in its index",
				 version->path);
	return 0;
}

static int check_index(const struct goods *goods, const struct target *target, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(index_drop) struct index *index = NULL;
	OWNED(drop_heap) char *path = NULL;

	if (blob_read(goods->blobs, &target->sha256, INDEX_MAX, &data, why) ||
	    target_check(target, data.data, data.len, why) ||
	    index_parse(data.data, data.len, &index, why) || index_path(index->name, &path, why))
		return -1;
	if (strcmp(path, target->path) != 0)
		return fault_set(why, FAULT_UNTRUSTED, "it is the index of %s", index->name);
	for (size_t i = 0; i < index->count; i++)
		if (check_version(goods, &index->versions[i], why))
			return -1;
	return 0;
}

// ---- the deny list ----

// A list that does not parse would make every node refuse the whole repository.
static int check_deny(const struct goods *goods, const struct target *target, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(deny_drop) struct deny *deny = NULL;

	if (blob_read(goods->blobs, &target->sha256, DENY_MAX, &data, why) ||
	    target_check(target, data.data, data.len, why))
		return -1;
	return deny_parse(data.data, data.len, &deny, why);
}

// ---- any target ----

// Nodes look a path up through the delegations; a file that this search does not lead to here is never served.
static int check_reach(const struct goods *goods, const struct target *target, struct fault *why)
{
	const struct target *found;

	if (client_find(goods->client, target->path, &found, why))
		return -1;
	if (strcmp(found->role, target->role) != 0)
		return fault_set(why, FAULT_UNTRUSTED, "role \"%s\" stands before \"%s\" for it",
				 found->role, target->role);
	return 0;
}

static int check_there(const struct goods *goods, const struct target *target, struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;
	OWNED(drop_fd) int fd = -1;
	uint64_t len;

	if (!target->has_sha256)
		return fault_set(why, FAULT_DIGEST, "it has no sha256");
	if (target_file(target, true, &file, why))
		return -1;
	if (blob_open(goods->blobs, &target->sha256, &fd, &len, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_set(why, FAULT_NOT_FOUND, "its bytes were not uploaded");
		return fault_fix(why, "PUT /api/v1/blobs/sha256/... first");
	}
	if (target->length < 0 || len != (uint64_t)target->length)
		return fault_set(why, FAULT_DIGEST, "its length is %llu, not as signed",
				 (unsigned long long)len);
	return 0;
}

static int check_target(const struct goods *goods, const struct target *target, bool *conflict,
			struct fault *why)
{
	bool is_bundle = ends_with(target->path, ".bundle");

	if (check_there(goods, target, why) || check_reach(goods, target, why))
		return -1;
	if (is_bundle) {
		if (check_unchanged(goods, target, conflict, why))
			return -1;
		return check_bundle(goods, target, why);
	}
	if (!strcmp(target->path, DENY_PATH))
		return check_deny(goods, target, why);
	return ends_with(target->path, "/index.json") ? check_index(goods, target, why) : 0;
}

static bool is_listed(const struct targets *last, const struct target *target)
{
	struct target before;

	return last && targets_find(last, target->path, &before) && before.has_sha256 &&
	       target->has_sha256 && before.length == target->length &&
	       sha256_equal(&before.sha256, &target->sha256) &&
	       (before.custom == target->custom ||
		(before.custom && target->custom && json_same(before.custom, target->custom)));
}

int goods_check(const struct goods *goods, const struct targets *next, const struct targets *last,
		bool *conflict, struct fault *why)
{
	struct targets_walk walk = {0};
	struct target target;

	*conflict = false;
	while (targets_next(next, &walk, &target)) {
		if (is_listed(last, &target))
			continue;
		if (check_target(goods, &target, conflict, why))
			return *conflict ? -1
					 : fault_within(why, "target %s is refused", target.path);
	}
	return 0;
}
