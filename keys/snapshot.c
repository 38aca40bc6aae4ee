// SPDX-License-Identifier: Apache-2.0
#include "keys/snapshot.h"

#include <inttypes.h>
#include <string.h>

#include "base/owned.h"

#define SUFFIX ".json"

static int entry_order(const void *a, const void *b)
{
	const struct snapshot_entry *left = a, *right = b;

	return strcmp(left->file, right->file);
}

static int read_entries(const struct json *meta, struct snapshot *snapshot, struct fault *why)
{
	struct json_walk walk = {0};

	snapshot->entries = calloc(json_count(meta) + 1, sizeof(*snapshot->entries));
	if (!snapshot->entries)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(meta, &walk)) {
		struct snapshot_entry *entry = &snapshot->entries[snapshot->count++];
		size_t len = strlen(walk.key);

		if (len <= strlen(SUFFIX) || strcmp(walk.key + len - strlen(SUFFIX), SUFFIX) != 0)
			return fault_set(why, FAULT_FORMAT, "\"%.80s\" is no metadata file",
					 walk.key);
		entry->file = walk.key;
		if (role_meta_parse(walk.value, &entry->meta, why))
			return fault_within(why, "entry \"%.80s\"", walk.key);
	}
	qsort(snapshot->entries, snapshot->count, sizeof(*snapshot->entries), entry_order);
	return 0;
}

int snapshot_parse(struct role *role, struct snapshot **out, struct fault *why)
{
	OWNED(snapshot_drop) struct snapshot *snapshot = calloc(1, sizeof(*snapshot));
	const struct json *meta;

	if (!snapshot)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (role_header(role, "snapshot", why) ||
	    json_need_object(role->body, "meta", &meta, why) || read_entries(meta, snapshot, why))
		return -1;
	if (!snapshot_find(snapshot, "targets"))
		return fault_set(why, FAULT_FORMAT, "the snapshot does not list targets.json");
	snapshot->role = role;
	*out = HAND_OVER(snapshot);
	return 0;
}

void snapshot_free(struct snapshot *snapshot)
{
	if (!snapshot)
		return;
	role_free(snapshot->role);
	free(snapshot->entries);
	free(snapshot);
}

static const struct role_meta *find_file(const struct snapshot *snapshot, const char *file)
{
	struct snapshot_entry wanted = {.file = file};
	const struct snapshot_entry *found =
		bsearch(&wanted, snapshot->entries, snapshot->count, sizeof(wanted), entry_order);

	return found ? &found->meta : NULL;
}

const struct role_meta *snapshot_find(const struct snapshot *snapshot, const char *role)
{
	char file[256];
	size_t len = strlen(role);

	// No role that we would ask for has a longer name: its file could not be stored.
	if (len + sizeof(SUFFIX) > sizeof(file))
		return NULL;
	memcpy(file, role, len);
	memcpy(file + len, SUFFIX, sizeof(SUFFIX));
	return find_file(snapshot, file);
}

int snapshot_succeeds(const struct snapshot *next, const struct snapshot *trusted,
		      struct fault *why)
{
	for (size_t i = 0; i < trusted->count; i++) {
		const struct snapshot_entry *old = &trusted->entries[i];
		const struct role_meta *now = find_file(next, old->file);

		if (!now)
			return fault_set(why, FAULT_ROLLBACK,
					 "snapshot %" PRId64 " no longer lists \"%.80s\"",
					 next->role->version, old->file);
		if (now->version < old->meta.version)
			return fault_set(why, FAULT_ROLLBACK,
					 "snapshot %" PRId64 " lists \"%.80s\" in version %" PRId64
					 ", trusted is %" PRId64,
					 next->role->version, old->file, now->version,
					 old->meta.version);
	}
	return 0;
}
