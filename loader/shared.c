// SPDX-License-Identifier: Apache-2.0
#include "loader/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"
#include "loader/sys.h"

#define PIN_MAX 96

int shared_place(const char *tree, const char *iface, const struct member *member,
		 char out[static BPFFS_PATH_MAX], struct fault *why)
{
	char above[BPFFS_PATH_MAX], all[BPFFS_PATH_MAX], key[MEMBER_LABEL_MAX];

	// Not member_key: the second of a name in a chain shares with the first.
	snprintf(key, sizeof(key), "%.64s:%.180s", member->from, member->name);
	for (char *at = key; *at; at++)
		if (*at == '/')
			*at = ':';
	if (bpffs_join(tree, iface, above, why) || bpffs_join(above, "shared", all, why))
		return -1;
	return bpffs_join(all, key, out, why);
}

static int pin_name(const char *name, const struct bpf_map_info *definition,
		    char out[static PIN_MAX], struct fault *why)
{
	struct sha256 digest;
	char text[160], hex[SHA256_HEX];
	int len = snprintf(text, sizeof(text), "%u %u %u %u %u %llu", definition->type,
			   definition->key_size, definition->value_size, definition->max_entries,
			   definition->map_flags, (unsigned long long)definition->map_extra);

	if (sha256_of(text, (size_t)len, &digest, why))
		return -1;
	sha256_hex(&digest, hex);
	snprintf(out, PIN_MAX, "%.63s:%.16s", name, hex);
	return 0;
}

// The names in a directory; none where it is not there.
static int list(const char *dir, struct names *names, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (bpffs_open_dir(dir, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	return names_list(fd, names, why);
}

static int find_other(const char *dir, const char *name, bool *other, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};
	size_t len = strlen(name);

	*other = false;
	if (list(dir, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		*other |= !strncmp(names.name[i], name, len) && names.name[i][len] == ':';
	return 0;
}

int shared_get(const char *dir, const char *name, const struct bpf_map_info *definition, int *out,
	       bool *other, struct fault *why)
{
	char pin[PIN_MAX];

	*other = false;
	if (pin_name(name, definition, pin, why))
		return -1;
	if (!bpffs_get(dir, pin, out, why))
		return 0;
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_clear(why);
	return find_other(dir, name, other, why);
}

int shared_put(const char *dir, const char *name, const struct bpf_map_info *definition, int fd,
	       struct fault *why)
{
	OWNED(drop_fd) int there = -1;
	char pin[PIN_MAX];

	if (bpffs_make_dir(dir, why) || pin_name(name, definition, pin, why))
		return -1;
	if (!bpffs_get(dir, pin, &there, why))
		return 0;
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_clear(why);
	return bpffs_put(fd, dir, pin, why);
}

// ---- ids ----

struct ids {
	uint32_t *list;
	size_t count;
};

static void ids_drop(struct ids *ids)
{
	free(ids->list);
	*ids = (struct ids){0};
}

static int ids_add(struct ids *ids, uint32_t id, struct fault *why)
{
	uint32_t *grown = reallocarray(ids->list, ids->count + 1, sizeof(*grown));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	ids->list = grown;
	ids->list[ids->count++] = id;
	return 0;
}

// Names come out of the directory as they stand there: nothing is to be escaped again.
static int map_id(const char *dir, const char *name, uint32_t *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	struct bpf_map_info info;
	char plain[PIN_MAX * 3];

	bpffs_name_read(name, plain, sizeof(plain));
	if (bpffs_get(dir, plain, &fd, why) || sys_map(fd, &info, why))
		return -1;
	*out = info.id;
	return 0;
}

static int ids_of(const char *dir, struct ids *ids, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (list(dir, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		uint32_t id = 0;

		if (map_id(dir, names.name[i], &id, why) || ids_add(ids, id, why))
			return -1;
	}
	return 0;
}

int shared_has(const char *dir, uint32_t id, bool *out, struct fault *why)
{
	OWNED(ids_drop) struct ids ids = {0};

	*out = false;
	if (ids_of(dir, &ids, why))
		return -1;
	for (size_t i = 0; i < ids.count; i++)
		*out |= ids.list[i] == id;
	return 0;
}

// ---- sweeping ----

// The maps of every member of one generation.
static int ids_of_generation(const char *place, uint32_t number, struct ids *ids, struct fault *why)
{
	char gen[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX], plain[BPFFS_PATH_MAX];
	OWNED(names_drop) struct names names = {0};

	if (bpffs_join_number(place, "gen", number, gen, why) ||
	    bpffs_join(gen, "maps", maps, why) || list(maps, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		bpffs_name_read(names.name[i], plain, sizeof(plain));
		if (bpffs_join(maps, plain, dir, why) || ids_of(dir, ids, why))
			return -1;
	}
	return 0;
}

static int ids_in_use(const char *tree, const char *iface, struct ids *ids, struct fault *why)
{
	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		OWNED(drop_heap) uint32_t *numbers = NULL;
		char place[BPFFS_PATH_MAX];
		size_t count = 0;

		if (bpffs_place(tree, iface, (enum hook)hook, place, why) ||
		    bpffs_numbers(place, "gen", &numbers, &count, why))
			return -1;
		for (size_t i = 0; i < count; i++)
			if (ids_of_generation(place, numbers[i], ids, why))
				return -1;
	}
	return 0;
}

static bool has_id(const struct ids *ids, uint32_t id)
{
	for (size_t i = 0; i < ids->count; i++)
		if (ids->list[i] == id)
			return true;
	return false;
}

static int sweep_directory(const char *dir, const struct ids *used, size_t *left, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	*left = 0;
	if (list(dir, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		char path[BPFFS_PATH_MAX], plain[PIN_MAX * 3];
		uint32_t id = 0;

		bpffs_name_read(names.name[i], plain, sizeof(plain));
		if (map_id(dir, names.name[i], &id, why))
			return -1;
		if (has_id(used, id))
			(*left)++;
		else if (bpffs_join(dir, plain, path, why) || bpffs_remove(path, why))
			return -1;
	}
	return 0;
}

int shared_sweep(const char *tree, const char *iface, struct fault *why)
{
	char above[BPFFS_PATH_MAX], all[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX], plain[BPFFS_PATH_MAX];
	OWNED(ids_drop) struct ids used = {0};
	OWNED(names_drop) struct names names = {0};
	size_t left, kept = 0;

	if (bpffs_join(tree, iface, above, why) || bpffs_join(above, "shared", all, why) ||
	    list(all, &names, why))
		return -1;
	if (names.count && ids_in_use(tree, iface, &used, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		bpffs_name_read(names.name[i], plain, sizeof(plain));
		if (bpffs_join(all, plain, dir, why) || sweep_directory(dir, &used, &left, why) ||
		    (!left && bpffs_remove(dir, why)))
			return -1;
		kept += left;
	}
	if (kept)
		return 0;
	if (bpffs_remove(all, why))
		return -1;
	bpffs_forget_empty(all);
	return 0;
}

int shared_forget(const char *tree, const char *iface, struct fault *why)
{
	char above[BPFFS_PATH_MAX], all[BPFFS_PATH_MAX];

	return bpffs_join(tree, iface, above, why) || bpffs_join(above, "shared", all, why)
		       ? -1
		       : bpffs_remove(all, why);
}
