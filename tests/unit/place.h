// SPDX-License-Identifier: Apache-2.0
// A directory of its own for each test, removed with all that is in it.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

struct place {
	char path[64];
	int fd;
};

static inline int place_set_up(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};

	if (!place)
		return -1;
	strcpy(place->path, "/tmp/bpfseal-place-XXXXXX");
	if (!mkdtemp(place->path) || dir_open(place->path, &place->fd, &why))
		return -1;
	*state = place;
	return 0;
}

static inline int place_tear_down(void **state)
{
	struct place *place = *state;
	char command[128];

	close(place->fd);
	snprintf(command, sizeof(command), "rm -r %s", place->path);
	if (system(command))
		return -1;
	free(place);
	return 0;
}
