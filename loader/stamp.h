// SPDX-License-Identifier: Apache-2.0
// A file as it was when it was read last, told by its inode: whether it has to be read again.
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

// Of no file: all zero.
struct stamp {
	ino_t inode;
	struct timespec changed;
	off_t size;
};

struct stamp stamp_of(int dirfd, const char *path);
bool stamp_is(const struct stamp *a, const struct stamp *b);
