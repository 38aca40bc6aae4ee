// SPDX-License-Identifier: Apache-2.0
#include "loader/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/iface.h"
#include "loader/sys.h"

#define DEPTH_MAX 4 // gen-1/maps/<member>/<map>
// What bpffs_replace has under way.
#define UNFINISHED "-new"

// Programs, maps and links all answer with a type and an id first, and with structs of their own sizes.
struct identity {
	uint32_t type, id, size;
};

struct kept {
	char *name; // below the place, as it stands in the file system
	int fd;
	struct identity identity;
};

struct keeper {
	char place[BPFFS_PATH_MAX];
	uint32_t root, generation;
	struct kept *list;
	size_t count;
};

void keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return;
	for (size_t i = 0; i < keeper->count; i++) {
		free(keeper->list[i].name);
		drop_fd(&keeper->list[i].fd);
	}
	free(keeper->list);
	free(keeper);
}

uint32_t keeper_root(const struct keeper *keeper)
{
	return keeper->root;
}

uint32_t keeper_generation(const struct keeper *keeper)
{
	return keeper->generation;
}

uint32_t keeper_program(const struct keeper *keeper)
{
	char name[64];

	snprintf(name, sizeof(name), "gen-%u/prog-0", keeper->generation);
	for (size_t i = 0; i < keeper->count; i++)
		if (!strcmp(keeper->list[i].name, name))
			return keeper->list[i].identity.id;
	return 0;
}

size_t keeper_count(const struct keeper *keeper)
{
	return keeper->count;
}

int keeper_fd(const struct keeper *keeper, const char *pin)
{
	for (size_t i = 0; keeper && i < keeper->count; i++)
		if (!strcmp(keeper->list[i].name, pin))
			return keeper->list[i].fd;
	return -1;
}

static int identify(int fd, struct identity *out, struct fault *why)
{
	uint32_t info[128] = {0};
	uint32_t len = sizeof(info);

	*out = (struct identity){0};
	// What was on a card that is gone is nothing any more, but its pin is there.
	if (bpf_obj_get_info_by_fd(fd, info, &len) && errno != ENODEV)
		return fault_errno(why, FAULT_KERNEL, "cannot ask the kernel about a pin");
	*out = (struct identity){.type = info[0], .id = info[1], .size = len};
	return 0;
}

static int path_of(const struct keeper *keeper, const char *name, char out[static BPFFS_PATH_MAX],
		   struct fault *why)
{
	if (snprintf(out, BPFFS_PATH_MAX, "%s/%s", keeper->place, name) >= BPFFS_PATH_MAX)
		return fault_set(why, FAULT_OTHER, "the name of a pin is too long");
	return 0;
}

// ---- opening ----

static int add(struct keeper *keeper, const char *name, int fd, struct fault *why)
{
	OWNED(drop_fd) int mine = fd;
	struct kept *grown = reallocarray(keeper->list, keeper->count + 1, sizeof(*keeper->list));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	keeper->list = grown;
	grown += keeper->count;
	*grown = (struct kept){.fd = -1};
	if (identify(mine, &grown->identity, why) || text_copy(name, &grown->name, why))
		return -1;
	grown->fd = HAND_OVER_FD(mine);
	keeper->count++;
	return 0;
}

// One pin, unless it is held already, gone, or there is no room left.
static int keep(struct keeper *keeper, const char *name, size_t *room, struct fault *why)
{
	char path[BPFFS_PATH_MAX];
	int fd;

	if (!*room || keeper_fd(keeper, name) >= 0)
		return 0;
	if (path_of(keeper, name, path, why))
		return -1;
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES ||
				       errno == EMFILE || errno == ENFILE
			       ? 0
			       : fault_errno(why, FAULT_KERNEL, "cannot open %s", path);
	--*room;
	return add(keeper, name, fd, why);
}

static bool is_unfinished(const char *name)
{
	size_t len = strlen(name), tail = strlen(UNFINISHED);

	return len >= tail && !strcmp(name + len - tail, UNFINISHED);
}

static int keep_below(struct keeper *keeper, const char *name, unsigned depth, size_t *room,
		      struct fault *why);

static int keep_entry(struct keeper *keeper, int dirfd, const char *dir, const char *entry,
		      unsigned depth, size_t *room, struct fault *why)
{
	char name[BPFFS_PATH_MAX];
	struct stat about;

	if (is_unfinished(entry) || fstatat(dirfd, entry, &about, AT_SYMLINK_NOFOLLOW))
		return 0;
	if (snprintf(name, sizeof(name), "%s/%s", dir, entry) >= (int)sizeof(name))
		return fault_set(why, FAULT_OTHER, "the name of a pin is too long");
	if (S_ISDIR(about.st_mode))
		return depth ? keep_below(keeper, name, depth - 1, room, why) : 0;
	return S_ISREG(about.st_mode) ? keep(keeper, name, room, why) : 0;
}

static int keep_below(struct keeper *keeper, const char *name, unsigned depth, size_t *room,
		      struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	char path[BPFFS_PATH_MAX];
	OWNED(names_drop) struct names names = {0};

	if (path_of(keeper, name, path, why))
		return -1;
	if (bpffs_open_dir(path, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (keep_entry(keeper, fd, name, names.name[i], depth, room, why))
			return -1;
	return 0;
}

// An array of programs is emptied with its last descriptor and pin; everything else some program holds.
static int keep_arrays(struct keeper *keeper, size_t *room, struct fault *why)
{
	char name[64];

	snprintf(name, sizeof(name), "root-%u/array", keeper->root);
	if (keep(keeper, "link", room, why) || keep(keeper, name, room, why))
		return -1;
	snprintf(name, sizeof(name), "root-%u/fell", keeper->root);
	if (keep(keeper, name, room, why))
		return -1;
	snprintf(name, sizeof(name), "gen-%u/fell", keeper->generation);
	if (keep(keeper, name, room, why))
		return -1;
	// As many as there are in a row: each member but perhaps the last has one.
	for (unsigned i = 0;; i++) {
		size_t before = keeper->count;

		snprintf(name, sizeof(name), "gen-%u/next-%u", keeper->generation, i);
		if (keep(keeper, name, room, why))
			return -1;
		if (keeper->count == before)
			return 0;
	}
}

int keeper_open(const char *place, uint32_t root, uint32_t generation, size_t *room,
		struct keeper **out, struct fault *why)
{
	OWNED(keeper_drop) struct keeper *keeper = calloc(1, sizeof(*keeper));
	char name[64];

	if (!keeper)
		return fault_set(why, FAULT_OTHER, "out of memory");
	snprintf(keeper->place, sizeof(keeper->place), "%s", place);
	keeper->root = root;
	keeper->generation = generation;
	if (keep_arrays(keeper, room, why))
		return -1;
	snprintf(name, sizeof(name), "root-%u", root);
	if (keep_below(keeper, name, DEPTH_MAX, room, why))
		return -1;
	snprintf(name, sizeof(name), "gen-%u", generation);
	if (keep_below(keeper, name, DEPTH_MAX, room, why))
		return -1;
	*out = HAND_OVER(keeper);
	return 0;
}

// ---- looking, and putting back ----

static int is_there(const struct keeper *keeper, const struct kept *kept, bool *there,
		    struct fault *why)
{
	char path[BPFFS_PATH_MAX];
	struct identity identity;
	OWNED(drop_fd) int fd = -1;

	*there = false;
	if (path_of(keeper, kept->name, path, why))
		return -1;
	fd = bpf_obj_get(path);
	if (fd < 0) // gone, or something that is no pin of ours stands there
		return 0;
	if (identify(fd, &identity, why))
		return -1;
	*there = identity.type == kept->identity.type && identity.id == kept->identity.id &&
		 identity.size == kept->identity.size;
	return 0;
}

// A link that was detached is nothing to put back, least of all over the one that somebody of ours has made instead.
static bool is_dead(const struct kept *kept)
{
	struct fault ignored = {0};
	struct sys_link link;

	return !strcmp(kept->name, "link") && !sys_link(kept->fd, &link, &ignored) && !link.ifindex;
}

int keeper_check(const struct keeper *keeper, size_t *lost, char *first, size_t room,
		 struct fault *why)
{
	*lost = 0;
	for (size_t i = 0; i < keeper->count; i++) {
		bool there;

		if (is_there(keeper, &keeper->list[i], &there, why))
			return -1;
		if (!there && !is_dead(&keeper->list[i]) && !(*lost)++)
			bpffs_name_read(keeper->list[i].name, first, room);
	}
	return 0;
}

static int pin_again(const struct keeper *keeper, const struct kept *kept, struct fault *why)
{
	char path[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];

	if (path_of(keeper, kept->name, path, why))
		return -1;
	snprintf(dir, sizeof(dir), "%s", path);
	*strrchr(dir, '/') = '\0';
	// Whatever has taken its name goes: below our own directory nobody else has a name.
	if (bpffs_make_dir(dir, why) || bpffs_remove(path, why))
		return -1;
	if (bpf_obj_pin(kept->fd, path))
		return fault_errno(why, FAULT_KERNEL, "cannot pin %s", path);
	return 0;
}

int keeper_put_back(const struct keeper *keeper, size_t *count, struct fault *why)
{
	*count = 0;
	for (size_t i = 0; i < keeper->count; i++) {
		bool there;

		if (is_there(keeper, &keeper->list[i], &there, why))
			return -1;
		if (there || is_dead(&keeper->list[i]))
			continue;
		if (pin_again(keeper, &keeper->list[i], why))
			return -1;
		++*count;
	}
	return 0;
}

// Of an interface that has got another name an apply takes the pins along, and does not detach: a pin under the old name
// would be a second one of the same link, and whoever clears it away takes the chain off.
static bool has_its_name(const struct keeper *keeper, uint32_t ifindex)
{
	char dir[BPFFS_PATH_MAX], name[BPFFS_PATH_MAX];
	struct fault ignored = {0};
	struct iface now;

	snprintf(dir, sizeof(dir), "%s", keeper->place);
	*strrchr(dir, '/') = '\0';
	bpffs_name_read(strrchr(dir, '/') + 1, name, sizeof(name));
	return !iface_at(ifindex, &now, &ignored) && !strcmp(name, now.name);
}

int keeper_rescue_link(const struct keeper *keeper, struct fault *why)
{
	char path[BPFFS_PATH_MAX];
	struct sys_link link;

	for (size_t i = 0; i < keeper->count; i++) {
		const struct kept *kept = &keeper->list[i];

		if (strcmp(kept->name, "link") != 0)
			continue;
		if (sys_link(kept->fd, &link, why))
			return -1;
		if (!link.ifindex || !has_its_name(keeper, link.ifindex))
			return 0;
		if (path_of(keeper, kept->name, path, why))
			return -1;
		// What has taken its place is judged under the lock first: it may be another chain's, moved here.
		return faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0
			       ? 0
			       : pin_again(keeper, kept, why);
	}
	return 0;
}
