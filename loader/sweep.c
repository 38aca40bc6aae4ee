// SPDX-License-Identifier: Apache-2.0
#include "loader/sweep.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/index.h"
#include "keys/client.h"
#include "loader/recall.h"
#include "loader/record.h"

static int sweep_directory(int dirfd, const char *name, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (dir_open_at(dirfd, name, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	return dir_sweep_temporaries(fd, why);
}

// One directory a repository.
static int sweep_trust(int loader_dirfd, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	if (dir_open_at(loader_dirfd, "trust", &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (sweep_directory(fd, names.name[i], why))
			return -1;
	return 0;
}

// Does a member hold this text under one of these keys?
static bool member_names(const struct json *member, const char *const *keys, const char *text)
{
	for (; *keys; keys++) {
		const char *have = json_text(json_member(member, *keys));

		if (have && !strcmp(have, text))
			return true;
	}
	return false;
}

static bool record_names(const struct json *record, const char *const *keys, const char *text)
{
	const struct json *chains = json_member(record, "chains");

	for (size_t i = 0; i < json_count(chains); i++) {
		const struct json *members = json_member(json_item(chains, i), "members");

		for (size_t k = 0; k < json_count(members); k++)
			if (member_names(json_item(members, k), keys, text))
				return true;
	}
	return false;
}

// What a sweep of the copies knows, and which of them are indexes of names that run or ran.
struct copies {
	int loader_dirfd, objects_dirfd;
	struct json *active, *previous;
	struct bytes
		kept; // the metadata that we keep, once it is asked for: all of it, one after the other
	bool has_kept;
	struct index_copy {
		const char *hex; // borrowed
		char *name;	 // of the index; NULL: the copy is none
		bool recorded;	 // an object or a manifest of the records, or what was seen in one
	} * indexes;
	size_t count;
};

static void copies_drop(struct copies *copies)
{
	json_free(copies->active);
	json_free(copies->previous);
	bytes_drop(&copies->kept);
	drop_fd(&copies->objects_dirfd);
	for (size_t i = 0; i < copies->count; i++)
		free(copies->indexes[i].name);
	free(copies->indexes);
}

// The name of which this copy is an index, if that name runs or ran. NULL: no such thing.
static char *name_of_index(const struct copies *copies, const char *hex)
{
	static const char *const keys[] = {"name", NULL};
	OWNED(index_drop) struct index *index = NULL;
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault ignored = {0};

	if (file_read_at(copies->objects_dirfd, hex, INDEX_MAX, &bytes, &ignored) ||
	    index_parse(bytes.data, bytes.len, &index, &ignored) ||
	    (!record_names(copies->active, keys, index->name) &&
	     !record_names(copies->previous, keys, index->name)))
		return NULL;
	return strdup(index->name);
}

static bool is_only_index(const struct copies *copies, const struct index_copy *copy)
{
	for (size_t i = 0; i < copies->count; i++) {
		const struct index_copy *other = &copies->indexes[i];

		if (other != copy && other->name && !strcmp(other->name, copy->name))
			return false;
	}
	return true;
}

static int read_kept_of(int trust_dirfd, const char *repository, struct bytes *out,
			struct fault *why)
{
	const size_t max = client_limits_default().targets_max;
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	if (dir_open_at(trust_dirfd, repository, &fd, why) || names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		size_t len = strlen(names.name[i]);
		OWNED(bytes_drop) struct bytes one = {0};

		if (len < 6 || strcmp(names.name[i] + len - 5, ".json"))
			continue;
		if (file_read_at(fd, names.name[i], max, &one, why) ||
		    bytes_append(out, one.data, one.len, why))
			return -1;
	}
	return 0;
}

static int read_kept(struct copies *copies, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	copies->has_kept = true;
	if (dir_open_at(copies->loader_dirfd, "trust", &fd, why) || names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (read_kept_of(fd, names.name[i], &copies->kept, why))
			return -1;
	return 0;
}

// A later index than the record's may be the one that a restore asks for: the metadata that we keep names it, and a restore
// asks for no other. Each release brings a longer one, so that all together would grow with the square of the releases.
static int is_index_in_use(struct copies *copies, const struct index_copy *copy, bool *out,
			   struct fault *why)
{
	*out = false;
	if (!copy->name)
		return 0;
	*out = true;
	if (is_only_index(copies, copy))
		return 0;
	if (!copies->has_kept && read_kept(copies, why))
		return -1;
	*out = copies->kept.len &&
	       memmem(copies->kept.data, copies->kept.len, copy->hex, strlen(copy->hex)) != NULL;
	return 0;
}

// What was seen in an object goes with the object (loader/recall.h).
static bool is_of_object(const char *name, char object[static SHA256_HEX])
{
	if (strlen(name) != SHA256_HEX - 1 + strlen(RECALL_SUFFIX) ||
	    strcmp(name + SHA256_HEX - 1, RECALL_SUFFIX) != 0)
		return false;
	memcpy(object, name, SHA256_HEX - 1);
	object[SHA256_HEX - 1] = '\0';
	return true;
}

static bool is_recorded(const struct copies *copies, const char *name)
{
	static const char *const keys[] = {"object", "manifest", NULL};
	char object[SHA256_HEX];
	const char *hex = is_of_object(name, object) ? object : name;

	return record_names(copies->active, keys, hex) || record_names(copies->previous, keys, hex);
}

// What the records name is not opened to see whether it is an index.
static struct index_copy copy_of(const struct copies *copies, const char *name)
{
	struct index_copy copy = {.hex = name, .recorded = is_recorded(copies, name)};

	if (!copy.recorded)
		copy.name = name_of_index(copies, name);
	return copy;
}

static int is_in_use(struct copies *copies, const struct index_copy *copy, bool *out,
		     struct fault *why)
{
	*out = true;
	return copy->recorded ? 0 : is_index_in_use(copies, copy, out, why);
}

static int sweep_copies(int loader_dirfd, struct fault *why)
{
	OWNED(copies_drop)
	struct copies copies = {.loader_dirfd = loader_dirfd, .objects_dirfd = -1};
	OWNED(names_drop) struct names names = {0};
	bool in_use, removed = false;

	if (record_read(loader_dirfd, RECORD_ACTIVE, &copies.active, why) ||
	    record_read(loader_dirfd, RECORD_PREVIOUS, &copies.previous, why) ||
	    dir_open_at(loader_dirfd, "objects", &copies.objects_dirfd, why) ||
	    names_list(copies.objects_dirfd, &names, why))
		return -1;
	copies.indexes = calloc(names.count + 1, sizeof(*copies.indexes));
	if (!copies.indexes)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (; copies.count < names.count; copies.count++)
		copies.indexes[copies.count] = copy_of(&copies, names.name[copies.count]);
	// That they are gone is made durable once for all of them.
	for (size_t i = 0; i < copies.count; i++) {
		const char *name = copies.indexes[i].hex;

		if (is_in_use(&copies, &copies.indexes[i], &in_use, why))
			return -1;
		if (in_use)
			continue;
		if (unlinkat(copies.objects_dirfd, name, 0) && errno != ENOENT)
			return fault_errno(why, FAULT_OTHER, "cannot remove %s", name);
		removed = true;
	}
	return removed ? dir_sync(copies.objects_dirfd, why) : 0;
}

int sweep_run(int loader_dirfd, struct fault *why)
{
	if (dir_sweep_temporaries(loader_dirfd, why) ||
	    sweep_directory(loader_dirfd, "logs", why) || sweep_trust(loader_dirfd, why))
		return -1;
	return sweep_copies(loader_dirfd, why);
}
