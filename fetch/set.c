// SPDX-License-Identifier: Apache-2.0
#include "fetch/set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "fetch/store.h"

#define SET_TMP_DIR  STORE_TMP "set"
#define SET_TMP_LINK STORE_TMP "current"

struct set_file {
	char *name;
	struct bytes data;
};

struct set {
	struct set_file *files; // sorted by name
	size_t count;
};

int set_new(struct set **out, struct fault *why)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

void set_free(struct set *set)
{
	if (!set)
		return;
	for (size_t i = 0; i < set->count; i++) {
		free(set->files[i].name);
		bytes_drop(&set->files[i].data);
	}
	free(set->files);
	free(set);
}

int set_add(struct set *set, const char *file, const void *data, size_t len, struct fault *why)
{
	struct set_file *grown = realloc(set->files, (set->count + 1) * sizeof(*grown));
	size_t at = set->count;
	struct set_file made = {0};

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	set->files = grown;
	if (text_copy(file, &made.name, why))
		return -1;
	if (bytes_append(&made.data, data, len, why)) {
		free(made.name);
		return -1;
	}
	while (at && strcmp(grown[at - 1].name, file) > 0) {
		grown[at] = grown[at - 1];
		at--;
	}
	grown[at] = made;
	set->count++;
	return 0;
}

// ---- the current set ----

static bool number_read(const char *name, uint64_t *number)
{
	char *end;

	if (strlen(name) != SET_NAME_DIGITS || strspn(name, "0123456789") != SET_NAME_DIGITS)
		return false;
	*number = strtoull(name, &end, 10);
	return *end == '\0' && *number > 0;
}

int set_current(int repo_dirfd, uint64_t *number, struct fault *why)
{
	char text[64];
	ssize_t len = readlinkat(repo_dirfd, SET_CURRENT, text, sizeof(text) - 1);

	*number = 0;
	if (len < 0)
		return errno == ENOENT
			       ? 0
			       : fault_errno(why, FAULT_OTHER, "cannot read the link to the set");
	text[len] = '\0';
	if (strncmp(text, SET_DIRECTORY "/", sizeof(SET_DIRECTORY)) ||
	    !number_read(text + sizeof(SET_DIRECTORY), number))
		*number = 0;
	return 0;
}

static int file_same(int dirfd, const struct set_file *file, bool *same, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};

	*same = false;
	if (file_read_at(dirfd, file->name, SET_FILE_MAX, &data, why)) {
		// Damaged, vanished, of another kind: whatever it is, it is to be written anew.
		fault_clear(why);
		return 0;
	}
	*same = data.len == file->data.len &&
		(data.len == 0 || !memcmp(data.data, file->data.data, data.len));
	return 0;
}

static int is_current(const struct set *set, int sets, uint64_t number, bool *same,
		      struct fault *why)
{
	OWNED(names_drop) struct names names = {0};
	OWNED(drop_fd) int fd = -1;
	size_t count = 0;
	char name[32];

	*same = false;
	if (!number)
		return 0;
	snprintf(name, sizeof(name), "%0*" PRIu64, SET_NAME_DIGITS, number);
	if (dir_open_at(sets, name, &fd, why)) {
		fault_clear(why);
		return 0;
	}
	if (names_list(fd, &names, why))
		return -1;
	// A temporary file that could not be removed makes no other set; a third one would push out the one before.
	for (size_t i = 0; i < names.count; i++)
		count += strncmp(names.name[i], STORE_TMP, sizeof(STORE_TMP) - 1) != 0;
	if (count != set->count)
		return 0;
	*same = true;
	for (size_t i = 0; *same && i < set->count; i++)
		if (file_same(fd, &set->files[i], same, why))
			return -1;
	return 0;
}

// ---- the switch ----

static int write_files(const struct set *set, int sets, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	// What a kill in the middle of this left behind.
	if (store_remove_dir(sets, SET_TMP_DIR, why) || store_make_dir(sets, SET_TMP_DIR, &fd, why))
		return -1;
	for (size_t i = 0; i < set->count; i++)
		if (file_create_at(fd, set->files[i].name, set->files[i].data.data,
				   set->files[i].data.len, STORE_META_MODE, why))
			return -1;
	return 0;
}

static int link_current(int repo_dirfd, const char *name, struct fault *why)
{
	char text[64];

	snprintf(text, sizeof(text), SET_DIRECTORY "/%s", name);
	if (unlinkat(repo_dirfd, SET_TMP_LINK, 0) && errno != ENOENT)
		return fault_errno(why, FAULT_OTHER, "cannot remove an old link");
	if (symlinkat(text, repo_dirfd, SET_TMP_LINK) ||
	    renameat(repo_dirfd, SET_TMP_LINK, repo_dirfd, SET_CURRENT))
		return fault_errno(why, FAULT_OTHER, "cannot make the new set current");
	return dir_sync(repo_dirfd, why);
}

// Keeps the new set and the one that was current before it; all others go.
static int prune(int sets, uint64_t now_current, uint64_t was_current, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (names_list(sets, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t number;

		if (!number_read(names.name[i], &number) || number == now_current ||
		    number == was_current)
			continue;
		if (store_remove_dir(sets, names.name[i], why))
			return -1;
	}
	return 0;
}

static int highest(int sets, uint64_t *number, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	*number = 0;
	if (names_list(sets, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		uint64_t found;

		if (number_read(names.name[i], &found) && found > *number)
			*number = found;
	}
	return 0;
}

int set_switch(struct set *set, int repo_dirfd, bool *switched, struct fault *why)
{
	OWNED(drop_fd) int sets = -1;
	uint64_t current, last;
	bool same;
	char name[32];

	*switched = false;
	if (store_make_dir(repo_dirfd, SET_DIRECTORY, &sets, why) ||
	    set_current(repo_dirfd, &current, why) || is_current(set, sets, current, &same, why))
		return -1;
	if (same)
		return 0;
	if (highest(sets, &last, why) || write_files(set, sets, why))
		return -1;
	if (last < current)
		last = current;
	snprintf(name, sizeof(name), "%0*" PRIu64, SET_NAME_DIGITS, last + 1);
	if (renameat(sets, SET_TMP_DIR, sets, name))
		return fault_errno(why, FAULT_OTHER, "cannot name the set %s", name);
	if (dir_sync(sets, why) || link_current(repo_dirfd, name, why))
		return -1;
	*switched = true;
	return prune(sets, last + 1, current, why);
}
