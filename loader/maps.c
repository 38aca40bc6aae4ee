// SPDX-License-Identifier: Apache-2.0
#include "loader/maps.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "base/owned.h"
#include "bpf/encode.h"
#include "loader/bpffs.h"
#include "loader/sys.h"

const char *map_fate_name(enum map_fate fate)
{
	static const char *const names[] = {
		[MAP_FRESH] = "new",
		[MAP_KEPT] = "kept",
		[MAP_REFILLED] = "from node.json",
		[MAP_LOST] = "data lost",
	};

	return names[fate];
}

void maps_report_drop(struct maps_report *report)
{
	free(report->maps);
	*report = (struct maps_report){0};
}

// Arrays of programs, maps and sockets belong to one generation: shared, they would let one reach into the other.
static bool map_is_data(enum bpf_map_type type)
{
	switch (type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
	case BPF_MAP_TYPE_LPM_TRIE:
	case BPF_MAP_TYPE_QUEUE:
	case BPF_MAP_TYPE_STACK:
	case BPF_MAP_TYPE_RINGBUF:
	case BPF_MAP_TYPE_DEVMAP:
	case BPF_MAP_TYPE_DEVMAP_HASH:
	case BPF_MAP_TYPE_CPUMAP:
		return true;
	default:
		return false;
	}
}

static bool map_is_per_cpu(enum bpf_map_type type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

// .rodata, .data, .bss: part of the program's own image.
static bool map_is_internal(const struct bpf_map *map)
{
	return bpf_map__name(map)[0] == '.' || strchr(bpf_map__name(map), '.');
}

static const char *map_purpose(const struct member *member, const char *name)
{
	for (size_t i = 0; i < member->manifest->map_count; i++)
		if (!strcmp(member->manifest->maps[i].name, name))
			return member->manifest->maps[i].purpose;
	return "";
}

static bool map_same(const struct bpf_map *map, const struct bpf_map_info *pinned)
{
	// The kernel sets this one by itself on maps of devices.
	const uint32_t ignored = BPF_F_RDONLY_PROG;

	return !strncmp(bpf_map__name(map), pinned->name, sizeof(pinned->name) - 1) &&
	       (uint32_t)bpf_map__type(map) == pinned->type &&
	       bpf_map__key_size(map) == pinned->key_size &&
	       bpf_map__value_size(map) == pinned->value_size &&
	       bpf_map__max_entries(map) == pinned->max_entries &&
	       (bpf_map__map_flags(map) & ~ignored) == (pinned->map_flags & ~ignored);
}

// Whether the admin's file is the only source of this map's contents.
static bool map_is_admins(const struct member *member, const char *name)
{
	const char *purpose = map_purpose(member, name);

	if (purpose && *purpose)
		return !strcmp(purpose, "config");
	return json_member(member->maps, name) != NULL;
}

static int map_decide(const struct bpf_map *map, const struct member *member, const char *old_dir,
		      enum map_fate *fate, int *kept, struct fault *why)
{
	const char *name = bpf_map__name(map);
	OWNED(drop_fd) int fd = -1;
	struct bpf_map_info pinned;

	*fate = MAP_FRESH;
	if (!map_is_data(bpf_map__type(map)))
		return 0;
	if (map_is_admins(member, name)) {
		*fate = MAP_REFILLED;
		return 0;
	}
	if (!old_dir)
		return 0;
	if (bpffs_get(old_dir, name, &fd, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
	if (sys_map(fd, &pinned, why))
		return -1;
	*fate = MAP_LOST;
	if (!map_same(map, &pinned))
		return 0;
	*fate = MAP_KEPT;
	*kept = HAND_OVER_FD(fd);
	return 0;
}

static int report_add(struct maps_report *report, const char *name, enum map_fate fate,
		      size_t entries, struct fault *why)
{
	struct map_report *grown =
		reallocarray(report->maps, report->count + 1, sizeof(*report->maps));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	report->maps = grown;
	grown += report->count++;
	*grown = (struct map_report){.fate = fate, .entries = entries};
	strncpy(grown->name, name, sizeof(grown->name) - 1);
	return 0;
}

int maps_settle(struct object *object, const struct member *member, const char *old_dir, bool dry,
		struct maps_report *report, struct fault *why)
{
	struct json_walk walk = {0};
	struct bpf_map *map;

	while (json_next(member->maps, &walk))
		if (!bpf_object__find_map_by_name(object_bpf(object), walk.key))
			return fault_set(why, FAULT_CONFIG, "%s %s has no map %s", member->name,
					 member->version, walk.key);
	bpf_object__for_each_map(map, object_bpf(object))
	{
		const char *name = bpf_map__name(map);
		OWNED(drop_fd) int kept = -1;
		enum map_fate fate;

		if (map_is_internal(map))
			continue;
		if (map_decide(map, member, old_dir, &fate, &kept, why))
			return -1;
		// Arrays of programs are the chain's own plumbing: always new, and nobody's data.
		if (!map_is_data(bpf_map__type(map)) && !json_member(member->maps, name))
			continue;
		if (report_add(report, name, fate, json_count(json_member(member->maps, name)),
			       why))
			return -1;
		if (kept >= 0 && !dry && object_use_map(object, map, HAND_OVER_FD(kept), why))
			return -1;
	}
	return 0;
}

int maps_pin(const struct object *object, const char *dir, struct fault *why)
{
	const struct bpf_map *map;

	if (bpffs_make_dir(dir, why))
		return -1;
	bpf_object__for_each_map(map, object_bpf(object))
	{
		if (!map_is_internal(map) &&
		    bpffs_put(object_map_fd(object, map), dir, bpf_map__name(map), why))
			return -1;
	}
	return 0;
}

// Room for one value as the kernel takes it: a per-CPU map wants one for each possible CPU, at 8-byte strides.
struct image {
	unsigned char *key, *value;
	size_t value_size, copies;
};

static void image_drop(struct image *image)
{
	free(image->key);
	free(image->value);
}

static int image_make(const struct bpf_map *map, struct image *image, struct fault *why)
{
	int cpus = 1;

	image->value_size = bpf_map__value_size(map);
	image->copies = 1;
	if (map_is_per_cpu(bpf_map__type(map))) {
		cpus = libbpf_num_possible_cpus();
		if (cpus < 1)
			return fault_set(why, FAULT_KERNEL, "cannot count the processors");
		image->copies = (size_t)cpus;
		image->value_size = (image->value_size + 7) & ~(size_t)7;
	}
	image->key = calloc(1, bpf_map__key_size(map) + 1);
	image->value = calloc(image->copies, image->value_size + 1);
	if (!image->key || !image->value)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return 0;
}

static int map_write(const struct object *object, const struct bpf_map *map,
		     const struct json *entry, struct fault *why)
{
	const struct btf *btf = bpf_object__btf(object_bpf(object));
	const struct mapcodec key = {.btf = btf,
				     .type_id = bpf_map__btf_key_type_id(map),
				     .size = bpf_map__key_size(map),
				     .prefix = bpf_map__type(map) == BPF_MAP_TYPE_LPM_TRIE};
	const struct mapcodec value = {.btf = btf,
				       .type_id = bpf_map__btf_value_type_id(map),
				       .size = bpf_map__value_size(map)};
	OWNED(image_drop) struct image image = {0};

	if (image_make(map, &image, why))
		return -1;
	if (encode_value(&key, json_member(entry, "key"), image.key, NULL, why))
		return fault_within(why, "the key does not fit");
	if (encode_value(&value, json_member(entry, "value"), image.value, NULL, why))
		return fault_within(why, "the value does not fit");
	for (size_t i = 1; i < image.copies; i++)
		memcpy(image.value + i * image.value_size, image.value, image.value_size);
	if (!bpf_map_update_elem(object_map_fd(object, map), image.key, image.value, BPF_ANY))
		return 0;
	if (errno == E2BIG || errno == ENOSPC)
		return fault_set(why, FAULT_CONFIG, "the map is full: it takes %u entries",
				 bpf_map__max_entries(map));
	return fault_errno(why, FAULT_KERNEL, "the kernel refuses the value");
}

static int map_fill(const struct object *object, const struct member *member,
		    const struct map_report *report, struct fault *why)
{
	const struct json *entries = json_member(member->maps, report->name);
	const struct bpf_map *map = bpf_object__find_map_by_name(object_bpf(object), report->name);

	if (!map)
		return fault_set(why, FAULT_CONFIG, "%s has no map %s", member->name, report->name);
	if (json_count(entries) && !map_is_data(bpf_map__type(map)))
		return fault_set(why, FAULT_CONFIG, "map %s of %s takes no values", report->name,
				 member->name);
	for (size_t i = 0; i < json_count(entries); i++)
		if (map_write(object, map, json_item(entries, i), why))
			return fault_within(why, "entry %zu of map %s of %s cannot be written", i,
					    report->name, member->name);
	return 0;
}

int maps_fill(const struct object *object, const struct member *member,
	      const struct maps_report *report, bool kept_only, struct fault *why)
{
	for (size_t i = 0; i < report->count; i++) {
		const struct map_report *map = &report->maps[i];

		if ((map->fate == MAP_KEPT) == kept_only && map->entries &&
		    map_fill(object, member, map, why))
			return -1;
	}
	return 0;
}
