// SPDX-License-Identifier: Apache-2.0
// Change detection for a file: inode, change time and size at the last reading.
#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

// All zero where there is no file.
struct stamp {
	ino_t inode;
	struct timespec changed;
	off_t size;
};

struct stamp stamp_of(int dirfd, const char *path);
bool stamp_is(const struct stamp *a, const struct stamp *b);
