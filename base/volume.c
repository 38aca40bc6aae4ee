// SPDX-License-Identifier: Apache-2.0
#include "base/volume.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"

#define DIGITS 12

void volume_drop(struct volumes *volumes)
{
	free(volumes->first);
	*volumes = (struct volumes){0};
}

// Exactly the names that volume_name writes: anything else beside the log is not part of it.
static bool is_volume(const char *file, const char *name, uint64_t *first)
{
	size_t len = strlen(name);

	if (strncmp(file, name, len) || file[len] != '.' || strlen(file + len + 1) != DIGITS ||
	    strspn(file + len + 1, "0123456789") != DIGITS)
		return false;
	*first = strtoull(file + len + 1, NULL, 10);
	return true;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int volume_list(int dirfd, const char *name, struct volumes *out, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	*out = (struct volumes){0};
	if (names_list(dirfd, &names, why))
		return -1;
	out->first = calloc(names.count + 1, sizeof(*out->first));
	if (!out->first)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < names.count; i++)
		if (is_volume(names.name[i], name, &out->first[out->count]))
			out->count++;
	qsort(out->first, out->count, sizeof(*out->first), compare);
	return 0;
}

int volume_name(const char *name, uint64_t first, char out[static VOLUME_NAME_MAX],
		struct fault *why)
{
	int len = snprintf(out, VOLUME_NAME_MAX, "%s.%0*" PRIu64, name, DIGITS, first);

	if (len < 0 || len >= VOLUME_NAME_MAX || (size_t)len != strlen(name) + 1 + DIGITS)
		return fault_set(why, FAULT_OTHER, "%s has no name for record %" PRIu64, name,
				 first);
	return 0;
}

int volume_make(int dirfd, const char *name, uint64_t first, struct fault *why)
{
	char to[VOLUME_NAME_MAX];

	if (volume_name(name, first, to, why))
		return -1;
	if (renameat2(dirfd, name, dirfd, to, RENAME_NOREPLACE))
		return fault_errno(why, FAULT_OTHER, "cannot rename %s to %s", name, to);
	return dir_sync(dirfd, why);
}

int volume_prune(int dirfd, const char *name, size_t keep, struct fault *why)
{
	OWNED(volume_drop) struct volumes volumes = {0};
	char file[VOLUME_NAME_MAX];

	if (volume_list(dirfd, name, &volumes, why))
		return -1;
	for (size_t i = 0; i + keep < volumes.count; i++)
		if (volume_name(name, volumes.first[i], file, why) ||
		    file_remove_at(dirfd, file, why))
			return -1;
	return 0;
}
