// SPDX-License-Identifier: Apache-2.0
// A temporary directory of a test, and short words for what stands in it.
#pragma once

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"

struct place {
	char path[PATH_MAX / 2];
	int fd;
};

static inline void place_make(struct place *place)
{
	const char *base = getenv("TMPDIR");
	struct fault why = {0};

	snprintf(place->path, sizeof(place->path), "%s/bpfseal-fetch-XXXXXX", base ? base : "/tmp");
	assert_non_null(mkdtemp(place->path));
	assert_int_equal(dir_open(place->path, &place->fd, &why), 0);
}

static inline void place_clear(int dirfd)
{
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};

	assert_int_equal(names_list(dirfd, &names, &why), 0);
	for (size_t i = 0; i < names.count; i++) {
		int below = openat(dirfd, names.name[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW);

		if (below >= 0) {
			place_clear(below);
			close(below);
			unlinkat(dirfd, names.name[i], AT_REMOVEDIR);
		} else {
			unlinkat(dirfd, names.name[i], 0);
		}
	}
}

static inline void place_remove(struct place *place)
{
	place_clear(place->fd);
	close(place->fd);
	rmdir(place->path);
}

// For cmocka: a place of its own for each test.
static inline int place_set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	assert_non_null(place);
	place_make(place);
	*state = place;
	return 0;
}

static inline int place_tear_down(void **state)
{
	place_remove(*state);
	free(*state);
	return 0;
}

// "path/below" as an absolute path, in one of a few turning buffers.
static inline const char *place_path(const struct place *place, const char *below)
{
	static char paths[8][PATH_MAX];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", place->path, below);
	return path;
}

static inline void place_write(const struct place *place, const char *below, const char *text)
{
	FILE *file = fopen(place_path(place, below), "we");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	assert_int_equal(fclose(file), 0);
}

static inline int place_has(const struct place *place, const char *below)
{
	struct stat st;

	return lstat(place_path(place, below), &st) == 0;
}

static inline size_t place_count(const struct place *place, const char *below)
{
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};
	int fd = -1;

	assert_int_equal(dir_open(place_path(place, below), &fd, &why), 0);
	assert_int_equal(names_list(fd, &names, &why), 0);
	close(fd);
	return names.count;
}

static inline void place_expect(const struct place *place, const char *below, const char *text)
{
	struct fault why = {0};
	struct bytes data = {0};

	assert_int_equal(file_read(place_path(place, below), 1 << 20, &data, &why), 0);
	assert_string_equal(bytes_text(&data), text);
	bytes_drop(&data);
}
