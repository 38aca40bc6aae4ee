// SPDX-License-Identifier: Apache-2.0
#include "loader/sweep.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/index.h"
#include "loader/recall.h"
#include "loader/record.h"

static int sweep_directory(int dirfd, const char *name, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (dir_open_at(dirfd, name, &fd, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
	return dir_sweep_temporaries(fd, why);
}

// One directory a repository.
static int sweep_trust(int loader_dirfd, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	if (dir_open_at(loader_dirfd, "trust", &fd, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
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

// The index of a name that ran here. A later one than the record's may be the one that a restore asks for, so every
// one of the name stays.
static bool is_index_in_use(int dirfd, const char *hex, const struct json *active,
			    const struct json *previous)
{
	static const char *const keys[] = {"name", NULL};
	OWNED(index_drop) struct index *index = NULL;
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault ignored = {0};

	if (file_read_at(dirfd, hex, INDEX_MAX, &bytes, &ignored) ||
	    index_parse(bytes.data, bytes.len, &index, &ignored))
		return false;
	return record_names(active, keys, index->name) || record_names(previous, keys, index->name);
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

static bool is_in_use(int dirfd, const char *hex, const struct json *active,
		      const struct json *previous)
{
	static const char *const keys[] = {"object", "manifest", NULL};
	char object[SHA256_HEX];

	if (is_of_object(hex, object))
		hex = object;
	return record_names(active, keys, hex) || record_names(previous, keys, hex) ||
	       is_index_in_use(dirfd, hex, active, previous);
}

static int sweep_copies(int loader_dirfd, struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;
	OWNED(json_drop) struct json *previous = NULL;
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};
	bool removed = false;

	if (record_read(loader_dirfd, RECORD_ACTIVE, &active, why) ||
	    record_read(loader_dirfd, RECORD_PREVIOUS, &previous, why) ||
	    dir_open_at(loader_dirfd, "objects", &fd, why) || names_list(fd, &names, why))
		return -1;
	// That they are gone is made durable once for all of them.
	for (size_t i = 0; i < names.count; i++) {
		if (is_in_use(fd, names.name[i], active, previous))
			continue;
		if (unlinkat(fd, names.name[i], 0) && errno != ENOENT)
			return fault_errno(why, FAULT_OTHER, "cannot remove %s", names.name[i]);
		removed = true;
	}
	return removed ? dir_sync(fd, why) : 0;
}

int sweep_run(int loader_dirfd, struct fault *why)
{
	if (dir_sweep_temporaries(loader_dirfd, why) ||
	    sweep_directory(loader_dirfd, "logs", why) || sweep_trust(loader_dirfd, why))
		return -1;
	return sweep_copies(loader_dirfd, why);
}
