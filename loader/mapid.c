// SPDX-License-Identifier: Apache-2.0
#include "loader/mapid.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/record.h"
#include "loader/sys.h"

uint32_t mapid_recorded(const struct json *member, const char *pin)
{
	int64_t id = json_int(json_member(json_member(member, MAPID_KEY), pin));

	return id > 0 && id <= UINT32_MAX ? (uint32_t)id : 0;
}

// Without a number in the record it is enough that something of ours to open stands there.
static int look(const char *dir, struct mapid_stray *stray, bool *sound, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	char path[BPFFS_PATH_MAX];
	struct bpf_map_info info;

	if (!bpffs_get(dir, stray->pin, &fd, why)) {
		if (sys_map(fd, &info, why))
			return -1;
		stray->pinned = info.id;
		stray->there = true;
		// On a card that is gone a map has no number any more.
		*sound = !stray->recorded || !info.id || info.id == stray->recorded;
		return 0;
	}
	if (fault_forgive(why, FAULT_NOT_FOUND) || bpffs_join(dir, stray->pin, path, why))
		return -1;
	stray->there = !faccessat(AT_FDCWD, path, F_OK, 0);
	*sound = stray->there && !stray->recorded;
	return 0;
}

int mapid_strays(const struct mapid_place *at, size_t index,
		 int (*stray)(void *ctx, const struct mapid_stray *stray, struct fault *why),
		 void *ctx, struct fault *why)
{
	const struct json *recorded = json_item(json_member(at->record, "members"), index);
	const struct json *pins = json_member(recorded, "pins");
	char gen[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX], key[MEMBER_LABEL_MAX];

	record_key(at->record, index, key);
	if (bpffs_join_number(at->place, "gen", at->generation, gen, why) ||
	    bpffs_join(gen, "maps", maps, why) || bpffs_join(maps, key, dir, why))
		return -1;
	for (size_t i = 0; i < json_count(pins); i++) {
		struct mapid_stray one = {.pin = json_text(json_item(pins, i)), .dir = dir};
		bool sound;

		if (!one.pin)
			return fault_set(why, FAULT_FORMAT, "the record's pins are no names");
		one.recorded = mapid_recorded(recorded, one.pin);
		if (look(dir, &one, &sound, why) || (!sound && stray(ctx, &one, why)))
			return -1;
	}
	return 0;
}

static int clear_one(void *ctx, const struct mapid_stray *stray, struct fault *why)
{
	char path[BPFFS_PATH_MAX];

	(void)ctx;
	return bpffs_join(stray->dir, stray->pin, path, why) || bpffs_remove(path, why) ? -1 : 0;
}

static int refuse_one(void *ctx, const struct mapid_stray *stray, struct fault *why)
{
	(void)ctx;
	return fault_set(why, FAULT_DRIFT, "map %s is not behind its pin", stray->pin);
}

static int each_member(const struct mapid_place *at,
		       int (*stray)(void *ctx, const struct mapid_stray *stray, struct fault *why),
		       struct fault *why)
{
	size_t count = json_count(json_member(at->record, "members"));

	for (size_t i = 0; i < count; i++)
		if (mapid_strays(at, i, stray, NULL, why))
			return -1;
	return 0;
}

int mapid_clear(const struct mapid_place *at, struct fault *why)
{
	return each_member(at, clear_one, why);
}

int mapid_check(const struct mapid_place *at, struct fault *why)
{
	return each_member(at, refuse_one, why);
}
