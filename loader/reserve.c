// SPDX-License-Identifier: Apache-2.0
#include "loader/reserve.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/owned.h"

#define RESERVE_FILE "reserve"

// What anybody but root may still write, up to RESERVE_BYTES; as much where the file system does not tell.
static off_t room_at(int dirfd)
{
	struct statfs fs;

	if (fstatfs(dirfd, &fs) || fs.f_bsize <= 0 ||
	    (uint64_t)fs.f_bavail >= RESERVE_BYTES / (uint64_t)fs.f_bsize)
		return RESERVE_BYTES;
	return (off_t)fs.f_bavail * (off_t)fs.f_bsize;
}

bool reserve_is_needed(int loader_dirfd)
{
	return room_at(loader_dirfd) < RESERVE_BYTES;
}

bool reserve_use(int loader_dirfd)
{
	return reserve_is_needed(loader_dirfd) && unlinkat(loader_dirfd, RESERVE_FILE, 0) == 0;
}

void reserve_keep(int loader_dirfd)
{
	OWNED(drop_fd) int fd = -1;
	struct stat st;
	off_t room;

	if (fstatat(loader_dirfd, RESERVE_FILE, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return;
	room = room_at(loader_dirfd);
	if (room <= 0)
		return;
	fd = openat(loader_dirfd, RESERVE_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && fallocate(fd, 0, 0, room))
		(void)!unlinkat(loader_dirfd, RESERVE_FILE, 0);
}
