// SPDX-License-Identifier: Apache-2.0
#include "loader/events.h"

#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"
#include "bpf/probe.h"

struct event {
	char name[2 * PROBE_TARGET_MAX];
	uint32_t id;
};

struct events {
	struct event *list;
	size_t count;
};

void events_free(struct events *events)
{
	if (!events)
		return;
	free(events->list);
	free(events);
}

static uint32_t read_id(const char *path)
{
	OWNED(drop_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault ignored = {0};
	unsigned long id;

	if (fd < 0 || file_read_fd(fd, 32, &text, &ignored))
		return 0;
	id = strtoul(bytes_text(&text), NULL, 10);
	return id <= UINT32_MAX ? (uint32_t)id : 0;
}

// `path` is <tracefs>/events/<category>/<event>/id.
static int add(struct events *events, const char *path, size_t skip, struct fault *why)
{
	struct event *grown = reallocarray(events->list, events->count + 1, sizeof(*grown));
	const char *name = path + skip;
	size_t len = strlen(name) - strlen("/id");

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	events->list = grown;
	if (len >= sizeof(grown->name))
		return 0;
	memcpy(grown[events->count].name, name, len);
	grown[events->count].name[len] = '\0';
	grown[events->count].id = read_id(path);
	events->count += grown[events->count].id != 0;
	return 0;
}

static int add_pattern(struct events *events, const char *tracefs, const char *pattern,
		       struct fault *why)
{
	OWNED(globfree) glob_t found = {0};
	OWNED(drop_heap) char *path = NULL;

	if (asprintf(&path, "%s/events/%s/id", tracefs, pattern) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (glob(path, GLOB_NOSORT, NULL, &found))
		return 0;
	for (size_t i = 0; i < found.gl_pathc && events->count < EVENTS_MAX; i++)
		if (add(events, found.gl_pathv[i], strlen(tracefs) + strlen("/events/"), why))
			return -1;
	return 0;
}

int events_read(const char *tracefs, const char *const *patterns, size_t count, struct events **out,
		struct fault *why)
{
	OWNED(events_drop) struct events *events = calloc(1, sizeof(*events));

	if (!events)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (add_pattern(events, tracefs, patterns[i], why))
			return -1;
	*out = HAND_OVER(events);
	return 0;
}

uint32_t events_id(const struct events *events, const char *name)
{
	for (size_t i = 0; events && i < events->count; i++)
		if (strcmp(events->list[i].name, name) == 0)
			return events->list[i].id;
	return 0;
}
