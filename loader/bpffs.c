// SPDX-License-Identifier: Apache-2.0
#include "loader/bpffs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/magic.h>

#include "base/file.h"
#include "base/owned.h"
#include "base/program.h"

static int bpffs_refuse_fs(const char *path, struct fault *why)
{
	fault_set(why, FAULT_KERNEL, "%s is not on a BPF file system", path);
	return fault_fix(why, "mount -t bpf bpf /sys/fs/bpf");
}

static int bpffs_check_fs(int fd, const char *path, struct fault *why)
{
	struct statfs about;

	if (fstatfs(fd, &about))
		return fault_errno(why, FAULT_KERNEL, "cannot look at %s", path);
	// Pins on anything else do not exist; a directory that merely has the name would swallow the chain.
	return about.f_type == (__typeof__(about.f_type))BPF_FS_MAGIC ? 0
								      : bpffs_refuse_fs(path, why);
}

// systemd and others mount bpffs with mode 0700, so that our user cannot reach our directory in it. Its group becomes ours
// with the x bit alone: no listing and no writing. Other users get nothing.
static int bpffs_let_through(int fd, const char *path, unsigned uid, unsigned gid,
			     struct fault *why)
{
	struct stat about;

	if (fstat(fd, &about))
		return fault_errno(why, FAULT_KERNEL, "cannot look at %s", path);
	if ((about.st_mode & S_IXOTH) || (about.st_uid == uid && (about.st_mode & S_IXUSR)) ||
	    (about.st_gid == gid && (about.st_mode & S_IXGRP)))
		return 0;
	if (about.st_gid != 0 && about.st_gid != gid) {
		fault_set(why, FAULT_KERNEL, "%s does not let user " USER_LOADER " through", path);
		return fault_fix(why, "chmod o+x %s, or make " USER_LOADER " its group", path);
	}
	// The bits of the former group are taken away first: they were meant for root's group.
	if (fchown(fd, (uid_t)-1, gid) ||
	    fchmod(fd, (about.st_mode & 07777 & ~(mode_t)S_IRWXG) | S_IXGRP))
		return fault_errno(why, FAULT_KERNEL, "cannot let user " USER_LOADER " through %s",
				   path);
	return 0;
}

int bpffs_prepare(const char *root, unsigned uid, unsigned gid, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	OWNED(drop_fd) int above = -1, fd = -1;
	char *slash;

	if (path_under(root, DIR_BPFFS, &path, why))
		return -1;
	slash = strrchr(path, '/');
	*slash = '\0';
	if (dir_open(path, &above, why))
		return bpffs_refuse_fs(path, why);
	if (bpffs_check_fs(above, path, why) || bpffs_let_through(above, path, uid, gid, why) ||
	    dir_make_at(above, slash + 1, 0700, &fd, why))
		return -1;
	if (fchown(fd, uid, gid) || fchmod(fd, 0700))
		return fault_errno(why, FAULT_KERNEL, "cannot give %s/%s to its user", path,
				   slash + 1);
	return 0;
}

int bpffs_open_tree(const char *root, char **tree, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	OWNED(drop_fd) int fd = -1;
	struct stat about;

	if (path_under(root, DIR_BPFFS, &path, why))
		return -1;
	if (dir_open(path, &fd, why)) {
		fault_set(why, FAULT_KERNEL, "there is no directory %s", path);
		return fault_fix(why, "start this command as root once: it makes the directory");
	}
	if (bpffs_check_fs(fd, path, why))
		return -1;
	if (fstat(fd, &about))
		return fault_errno(why, FAULT_KERNEL, "cannot look at %s", path);
	if (about.st_uid != geteuid() || (about.st_mode & 077)) {
		fault_set(why, FAULT_KERNEL, "%s is open to others or belongs to another user",
			  path);
		return fault_fix(why, "chown " USER_LOADER ": %s && chmod 0700 %s", path, path);
	}
	*tree = HAND_OVER(path);
	return 0;
}

int bpffs_join(const char *dir, const char *name, char out[static BPFFS_PATH_MAX],
	       struct fault *why)
{
	size_t used = (size_t)snprintf(out, BPFFS_PATH_MAX, "%s/", dir);

	for (const char *at = name; *at && used + 4 < BPFFS_PATH_MAX; at++) {
		// A slash would leave the directory; a percent sign must stay readable.
		if (*at == '.' || *at == '%' || *at == '/')
			used += (size_t)snprintf(out + used, BPFFS_PATH_MAX - used, "%%%02x",
						 (unsigned char)*at);
		else
			out[used++] = *at;
	}
	if (used + 4 >= BPFFS_PATH_MAX || !*name)
		return fault_set(why, FAULT_OTHER, "no place for a pin named \"%s\"", name);
	out[used] = '\0';
	return 0;
}

int bpffs_join_number(const char *dir, const char *stem, uint32_t number,
		      char out[static BPFFS_PATH_MAX], struct fault *why)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%u", stem, number);
	return bpffs_join(dir, name, out, why);
}

void bpffs_name_read(const char *name, char *out, size_t room)
{
	size_t used = 0;
	unsigned value;

	while (*name && used + 1 < room) {
		if (*name == '%' && sscanf(name + 1, "%2x", &value) == 1) {
			out[used++] = (char)value;
			name += 3;
		} else {
			out[used++] = *name++;
		}
	}
	out[used] = '\0';
}

int bpffs_place(const char *tree, const char *iface, enum hook hook,
		char out[static BPFFS_PATH_MAX], struct fault *why)
{
	char dir[BPFFS_PATH_MAX];

	if (bpffs_join(tree, iface, dir, why))
		return -1;
	return bpffs_join(dir, hook_name(hook), out, why);
}

// What stands where something of ours belongs and is no such thing: nobody else has a name below our own directory. A loop
// of links or a pin in a directory's place must not keep us from seeing, or mending, everything else.
static bool is_not_ours(int error)
{
	return error == ENOENT || error == EACCES || error == ENOTDIR || error == ELOOP;
}

static int make_one(const char *path)
{
	struct stat about;

	if (mkdir(path, 0700) == 0)
		return 0;
	if (errno != EEXIST || lstat(path, &about))
		return -1;
	if (S_ISDIR(about.st_mode))
		return 0;
	return unlink(path) || mkdir(path, 0700) ? -1 : 0;
}

int bpffs_make_dir(const char *path, struct fault *why)
{
	char above[BPFFS_PATH_MAX];
	char *slash;

	if (make_one(path) == 0)
		return 0;
	if (!is_not_ours(errno))
		return fault_errno(why, FAULT_KERNEL, "cannot make %s", path);
	snprintf(above, sizeof(above), "%s", path);
	slash = strrchr(above, '/');
	if (!slash || slash == above)
		return fault_set(why, FAULT_KERNEL, "cannot make %s", path);
	*slash = '\0';
	if (bpffs_make_dir(above, why))
		return -1;
	if (make_one(path))
		return fault_errno(why, FAULT_KERNEL, "cannot make %s", path);
	return 0;
}

int bpffs_open_dir(const char *path, int *out, struct fault *why)
{
	*out = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (*out < 0)
		return fault_errno(why, is_not_ours(errno) ? FAULT_NOT_FOUND : FAULT_KERNEL,
				   "cannot open %s", path);
	return 0;
}

int bpffs_put(int fd, const char *dir, const char *name, struct fault *why)
{
	char path[BPFFS_PATH_MAX];

	if (bpffs_join(dir, name, path, why))
		return -1;
	if (bpf_obj_pin(fd, path))
		return fault_errno(why, FAULT_KERNEL, "cannot pin %s", path);
	return 0;
}

int bpffs_get(const char *dir, const char *name, int *out, struct fault *why)
{
	char path[BPFFS_PATH_MAX];
	int fd;

	if (bpffs_join(dir, name, path, why))
		return -1;
	fd = bpf_obj_get(path);
	if (fd < 0)
		// What we may not open is not what we have pinned.
		return fault_errno(why, is_not_ours(errno) ? FAULT_NOT_FOUND : FAULT_KERNEL,
				   "cannot open %s", path);
	*out = fd;
	return 0;
}

static int bpffs_remove_at(int above, const char *name, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	if (unlinkat(above, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return fault_errno(why, FAULT_KERNEL, "cannot remove the pin %s", name);
	if (dir_open_at(above, name, &fd, why) || names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (bpffs_remove_at(fd, names.name[i], why))
			return -1;
	if (unlinkat(above, name, AT_REMOVEDIR) && errno != ENOENT)
		return fault_errno(why, FAULT_KERNEL, "cannot remove the directory %s", name);
	return 0;
}

int bpffs_remove(const char *path, struct fault *why)
{
	OWNED(drop_fd) int above = -1;
	char dir[BPFFS_PATH_MAX];
	char *slash;

	snprintf(dir, sizeof(dir), "%s", path);
	slash = strrchr(dir, '/');
	if (!slash)
		return fault_set(why, FAULT_OTHER, "%s is no path of a pin", path);
	*slash = '\0';
	above = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (above < 0 && errno == ENOENT)
		return 0;
	if (above < 0)
		return fault_errno(why, FAULT_KERNEL, "cannot open %s", dir);
	return bpffs_remove_at(above, slash + 1, why);
}

// Puts what was made under the name `fresh` in the place of whatever stands there, a directory too.
static int put_in_place(const char *fresh, const char *path, struct fault *why)
{
	if (rename(fresh, path) == 0)
		return 0;
	if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
		return -1;
	return bpffs_remove(path, why) || rename(fresh, path) ? -1 : 0;
}

int bpffs_replace(int fd, const char *dir, const char *name, struct fault *why)
{
	char path[BPFFS_PATH_MAX], fresh[BPFFS_PATH_MAX + 8];

	if (bpffs_join(dir, name, path, why))
		return -1;
	snprintf(fresh, sizeof(fresh), "%s-new", path);
	if (bpffs_remove(fresh, why))
		return -1;
	if (bpf_obj_pin(fd, fresh))
		return fault_errno(why, FAULT_KERNEL, "cannot pin %s", fresh);
	if (put_in_place(fresh, path, why))
		return fault_errno(why, FAULT_KERNEL, "cannot pin %s", path);
	return 0;
}

void bpffs_forget_empty(const char *place)
{
	char above[BPFFS_PATH_MAX];
	char *slash;

	snprintf(above, sizeof(above), "%s", place);
	slash = strrchr(above, '/');
	if (!slash || (rmdir(place) && errno != ENOENT))
		return;
	*slash = '\0';
	rmdir(above);
}

// Under its name stands the old text or the new one, never none.
static int bpffs_symlink(const char *dir, const char *name, const char *target, struct fault *why)
{
	char path[BPFFS_PATH_MAX], fresh[BPFFS_PATH_MAX + 8];

	if (bpffs_join(dir, name, path, why))
		return -1;
	snprintf(fresh, sizeof(fresh), "%s-new", path);
	if (bpffs_remove(fresh, why))
		return -1;
	if (symlink(target, fresh) || put_in_place(fresh, path, why))
		return fault_errno(why, FAULT_KERNEL, "cannot point %s at %s", path, target);
	return 0;
}

int bpffs_pointed(const char *place, uint32_t *generation, struct fault *why)
{
	char path[BPFFS_PATH_MAX], target[64];
	unsigned number;
	ssize_t len;
	int end = 0;

	*generation = 0;
	if (bpffs_join(place, "maps", path, why))
		return -1;
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return 0;
	target[len] = '\0';
	if (sscanf(target, "gen-%u/maps%n", &number, &end) == 1 && end == len)
		*generation = number;
	return 0;
}

int bpffs_point_maps(const char *place, uint32_t generation, struct fault *why)
{
	char target[64];

	snprintf(target, sizeof(target), "gen-%u/maps", generation);
	return bpffs_symlink(place, "maps", target, why);
}

int bpffs_note(const char *dir, const char *name, uint32_t number, struct fault *why)
{
	char target[16];

	snprintf(target, sizeof(target), "%u", number);
	return bpffs_symlink(dir, name, target, why);
}

uint32_t bpffs_noted(const char *dir, const char *name)
{
	char path[BPFFS_PATH_MAX], text[16], tail;
	struct fault ignored = {0};
	unsigned number;
	ssize_t len;

	if (bpffs_join(dir, name, path, &ignored))
		return 0;
	len = readlink(path, text, sizeof(text) - 1);
	if (len < 0)
		return 0;
	text[len] = '\0';
	return sscanf(text, "%9u%c", &number, &tail) == 1 ? number : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int bpffs_numbers(const char *place, const char *stem, uint32_t **out, size_t *count,
		  struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	uint32_t *numbers;
	OWNED(names_drop) struct names names = {0};
	size_t found = 0, len = strlen(stem);

	*out = NULL;
	*count = 0;
	if (bpffs_open_dir(place, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(fd, &names, why))
		return -1;
	numbers = calloc(names.count ? names.count : 1, sizeof(*numbers));
	for (size_t i = 0; numbers && i < names.count; i++) {
		unsigned number;
		char tail;

		if (!strncmp(names.name[i], stem, len) &&
		    sscanf(names.name[i] + len, "-%9u%c", &number, &tail) == 1)
			numbers[found++] = number;
	}
	if (!numbers)
		return fault_set(why, FAULT_OTHER, "out of memory");
	qsort(numbers, found, sizeof(*numbers), compare_numbers);
	*out = numbers;
	*count = found;
	return 0;
}
