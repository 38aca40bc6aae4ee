// SPDX-License-Identifier: Apache-2.0
#include "loader/probes.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/probelink.h"

#define PROBES_DIR "probes"

static bool is_probe_of(const struct member *member, const struct manifest_program *program)
{
	return program->hook == HOOK_PROBE && !strcmp(program->object, member->program->object);
}

size_t probes_count(const struct member *member)
{
	const struct manifest *manifest = member->manifest;
	size_t count = 0;

	for (size_t i = 0; manifest && i < manifest->program_count; i++)
		count += is_probe_of(member, &manifest->programs[i]);
	return count;
}

static int link_one(const struct probes *probes, size_t ordinal, int program_fd, struct fault *why)
{
	const struct manifest_program *program = &probes->member->manifest->programs[ordinal];
	const struct probelink_event event = {.kind = program->probe,
					      .target = program->target,
					      .tracepoint_id =
						      events_id(probes->events, program->target)};
	OWNED(drop_fd) int link = -1;
	char dir[BPFFS_PATH_MAX], name[32];

	snprintf(name, sizeof(name), "%zu-%zu", probes->index, ordinal);
	if (probelink_make(&event, program_fd, &link, why) ||
	    bpffs_join(probes->dir, PROBES_DIR, dir, why) || bpffs_make_dir(dir, why))
		return -1;
	return bpffs_put(link, dir, name, why);
}

// One program of an object is loaded at a time: a probe is the same bytes opened again, with the maps of the first.
static int share_maps(struct object *probe, const struct object *with, struct fault *why)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object_bpf(probe))
	{
		const struct bpf_map *of =
			bpf_object__find_map_by_name(object_bpf(with), bpf_map__name(map));
		int fd = of ? dup(object_map_fd(with, of)) : -1;

		if (fd < 0)
			return fault_errno(why, FAULT_OTHER, "cannot share map %s",
					   bpf_map__name(map));
		if (object_use_map(probe, map, fd, why))
			return -1;
	}
	return 0;
}

static int attach_one(const struct probes *probes, size_t ordinal, struct fault *why)
{
	const struct manifest_program *program = &probes->member->manifest->programs[ordinal];
	struct object_source source = *probes->source;
	OWNED(object_drop) struct object *object = NULL;

	if (program == probes->member->program)
		return link_one(probes, ordinal, object_program_fd(probes->object), why);
	source.entry = program->entry;
	source.hook = HOOK_PROBE;
	source.probe = program;
	if (object_open(&source, &object, why) || share_maps(object, probes->object, why) ||
	    object_load(object, NULL, why))
		return -1;
	return link_one(probes, ordinal, object_program_fd(object), why);
}

int probes_attach(const struct probes *probes, struct fault *why)
{
	const struct manifest *manifest = probes->member->manifest;

	for (size_t i = 0; manifest && i < manifest->program_count; i++)
		if (is_probe_of(probes->member, &manifest->programs[i]) &&
		    attach_one(probes, i, why))
			return fault_within(why, "%s of %s cannot ride along",
					    manifest->programs[i].entry, probes->member->name);
	return 0;
}

int probes_alive(const char *dir, size_t index, size_t *out, struct fault *why)
{
	char path[BPFFS_PATH_MAX];

	*out = 0;
	if (bpffs_join(dir, PROBES_DIR, path, why))
		return -1;
	if (access(path, F_OK))
		return 0;
	for (size_t i = 0; i < MANIFEST_PROGRAMS_MAX; i++) {
		OWNED(drop_fd) int fd = -1;
		char name[32];

		snprintf(name, sizeof(name), "%zu-%zu", index, i);
		if (bpffs_get(path, name, &fd, why) == 0)
			++*out;
		else if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
	}
	return 0;
}
