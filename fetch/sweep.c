// SPDX-License-Identifier: Apache-2.0
#include "fetch/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/bundle.h"
#include "fetch/set.h"

// The blobs there are, by sorted name, and which of them are still named.
struct marks {
	struct names blobs;
	bool *kept;
};

static void marks_drop(struct marks *marks)
{
	names_drop(&marks->blobs);
	free(marks->kept);
}

static int compare_name(const void *key, const void *element)
{
	return strcmp(key, *(char *const *)element);
}

static void mark(struct marks *marks, const char *hex)
{
	char **found;

	if (!marks->blobs.count)
		return; // bsearch() may not be given the NULL of an empty list
	found = bsearch(hex, marks->blobs.name, marks->blobs.count, sizeof(char *), compare_name);
	if (found)
		marks->kept[found - marks->blobs.name] = true;
}

static int mark_member(void *ctx, const char *name, const struct sha256 *sha256, uint64_t length,
		       struct fault *why)
{
	char hex[SHA256_HEX];

	(void)name;
	(void)length;
	(void)why;
	sha256_hex(sha256, hex);
	mark(ctx, hex);
	return 0;
}

static int mark_target(struct marks *marks, const struct json *target, struct fault *why)
{
	const char *hex = json_text(json_member(json_member(target, "hashes"), "sha256"));
	const struct json *custom = json_member(target, "custom");

	if (!hex)
		return 0; // was never stored: blobs are named by this digest
	mark(marks, hex);
	if (custom && custom_members(custom, mark_member, marks, why)) {
		// Not a bundle that any node takes, so none of its members was stored.
		fault_clear(why);
	}
	return 0;
}

static int mark_file(struct marks *marks, int set_fd, const char *name, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(json_drop) struct json *document = NULL;
	const struct json *targets;
	struct json_walk walk = {0};

	if (file_read_at(set_fd, name, SET_FILE_MAX, &data, why) ||
	    json_parse(data.data, data.len, name, &document, why))
		return -1;
	targets = json_member(json_member(document, "signed"), "targets");
	while (json_next(targets, &walk))
		if (mark_target(marks, walk.value, why))
			return -1;
	return 0;
}

static int mark_set(struct marks *marks, int sets, const char *set, struct fault *why)
{
	OWNED(names_drop) struct names files = {0};
	OWNED(drop_fd) int fd = -1;

	if (dir_open_at(sets, set, &fd, why) || names_list(fd, &files, why))
		return -1;
	for (size_t i = 0; i < files.count; i++)
		if (mark_file(marks, fd, files.name[i], why))
			return fault_within(why, "the set %s cannot be read whole", set);
	return 0;
}

static int mark_repository(struct marks *marks, int repositories, const char *name,
			   struct fault *why)
{
	OWNED(names_drop) struct names sets = {0};
	OWNED(drop_fd) int repo = -1;
	OWNED(drop_fd) int fd = -1;

	if (dir_open_at(repositories, name, &repo, why))
		return -1;
	if (dir_open_at(repo, SET_DIRECTORY, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(fd, &sets, why))
		return -1;
	for (size_t i = 0; i < sets.count; i++)
		if (strncmp(sets.name[i], STORE_TMP, sizeof(STORE_TMP) - 1) &&
		    mark_set(marks, fd, sets.name[i], why))
			return fault_within(why, "nothing was swept: repository %s", name);
	return 0;
}

static int remove_unmarked(const struct marks *marks, int blobs, size_t *removed, struct fault *why)
{
	for (size_t i = 0; i < marks->blobs.count; i++) {
		if (marks->kept[i])
			continue;
		if (file_remove_at(blobs, marks->blobs.name[i], why))
			return -1;
		(*removed)++;
	}
	return 0;
}

int sweep_run(const struct store *store, size_t *removed, struct fault *why)
{
	OWNED(marks_drop) struct marks marks = {0};
	OWNED(names_drop) struct names repositories = {0};

	*removed = 0;
	if (names_list(store_blobs_fd(store), &marks.blobs, why) ||
	    names_list(store_repositories_fd(store), &repositories, why))
		return -1;
	marks.kept = calloc(marks.blobs.count + 1, sizeof(*marks.kept));
	if (!marks.kept)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < repositories.count; i++)
		if (mark_repository(&marks, store_repositories_fd(store), repositories.name[i],
				    why))
			return -1;
	return remove_unmarked(&marks, store_blobs_fd(store), removed, why);
}
