// SPDX-License-Identifier: Apache-2.0
#include "repod/upkeep.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "repod/committed.h"

int upkeep_index(struct catalog *catalog, const struct targets *targets, int64_t version,
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
		if (catalog_add(catalog, &row, now, why) == 0)
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
static int list_roles(int metadata, const struct release *release, struct listed **out,
		      size_t *out_count, struct fault *why)
{
	OWNED(drop_heap) struct listed *list = NULL;
	OWNED(names_drop) struct names names = {0};
	size_t found = 0;

	if (names_list(metadata, &names, why))
		return -1;
	list = calloc(names.count + 1, sizeof(*list));
	for (size_t i = 0; i < names.count && list; i++) {
		char plain[RELEASE_ROLE_MAX], role[RELEASE_ROLE_MAX];
		const struct release_role *known;
		int64_t version;

		if (!release_unquote(names.name[i], plain, sizeof(plain)) ||
		    !release_file_split(plain, &version, role))
			continue;
		known = release_role(release, role);
		if (known && version <= known->version)
			list[found++] = (struct listed){known->name, version};
	}
	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	qsort(list, found, sizeof(*list), by_age);
	*out = HAND_OVER(list);
	*out_count = found;
	return 0;
}

static int reindex_file(struct catalog *catalog, int metadata, const struct listed *file,
			struct fault *why)
{
	OWNED(targets_drop) struct targets *targets = NULL;

	if (committed_role(metadata, file->role, file->version, &targets, why))
		return -1;
	if (!targets)
		return 0;
	return upkeep_index(catalog, targets, file->version,
			    file_time(metadata, file->role, file->version), why);
}

int upkeep_reindex(struct catalog *catalog, int metadata, const struct release *release,
		   struct fault *why)
{
	OWNED(drop_heap) struct listed *files = NULL;
	size_t count;
	int failed;

	if (list_roles(metadata, release, &files, &count, why) || catalog_begin(catalog, why))
		return -1;
	failed = catalog_clear(catalog, why);
	for (size_t i = 0; i < count && !failed; i++)
		failed = reindex_file(catalog, metadata, &files[i], why);
	if (failed || catalog_mark(catalog, &release->timestamp_sha256, why) ||
	    catalog_commit(catalog, why)) {
		catalog_undo(catalog);
		return fault_within(why, "the catalogue cannot be made anew");
	}
	return 0;
}

// A database that SQLite itself calls damaged is put aside, for whoever wants to know, and made anew (A57).
static int open_catalog(const char *path, struct catalog **out, bool *anew, struct fault *why)
{
	OWNED(bytes_drop) struct bytes aside = {0}, extra = {0};
	static const char *const tails[] = {"-wal", "-shm"};

	*anew = false;
	if (catalog_open(path, true, out, why) == 0 && catalog_check(*out, why) == 0)
		return 0;
	if (why->code != FAULT_FORMAT && why->code != FAULT_DIGEST)
		return -1;
	fault_clear(why);
	catalog_drop(out);
	*anew = true;
	if (bytes_format(&aside, why, "%s.damaged", path))
		return -1;
	if (rename(path, bytes_text(&aside)))
		return fault_errno(why, FAULT_OTHER, "cannot put the damaged catalogue aside");
	for (size_t i = 0; i < 2; i++) {
		extra.len = 0;
		if (bytes_format(&extra, why, "%s%s", path, tails[i]))
			return -1;
		unlink(bytes_text(&extra));
	}
	return catalog_open(path, true, out, why);
}

int upkeep_open(const char *path, int metadata, const struct release *release, struct catalog **out,
		char mended[static 256], struct fault *why)
{
	struct sha256 marked;
	bool anew, known;

	if (open_catalog(path, out, &anew, why) || catalog_marked(*out, &known, &marked, why))
		return -1;
	if (!release->versions.timestamp)
		return 0;
	if (!anew && known && sha256_equal(&marked, &release->timestamp_sha256))
		return 0;
	snprintf(mended, 256, "the catalogue was %s and has been made anew from the signed files",
		 anew ? "damaged" : "behind");
	return upkeep_reindex(*out, metadata, release, why);
}
