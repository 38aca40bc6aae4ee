// SPDX-License-Identifier: Apache-2.0
#include "loader/stamp.h"

#include <fcntl.h>
#include <sys/stat.h>

struct stamp stamp_of(int dirfd, const char *path)
{
	struct stat about;

	if (fstatat(dirfd, path, &about, AT_SYMLINK_NOFOLLOW))
		return (struct stamp){0};
	return (struct stamp){
		.inode = about.st_ino, .changed = about.st_mtim, .size = about.st_size};
}

bool stamp_is(const struct stamp *a, const struct stamp *b)
{
	return a->inode == b->inode && a->size == b->size &&
	       a->changed.tv_sec == b->changed.tv_sec && a->changed.tv_nsec == b->changed.tv_nsec;
}
