// SPDX-License-Identifier: Apache-2.0
// Room on the disk for the records of an apply or a rollback that finds the disk full, as at boot: a file that holds nothing but
// its blocks. Without it a full /var would leave the interfaces without their chains.
#pragma once

#include <stdbool.h>

#define RESERVE_BYTES (1024 * 1024)

// Whether the file system of the loader's directory is short of room: less than RESERVE_BYTES that others than root may write.
bool reserve_is_needed(int loader_dirfd);
// Gives the room up if it is needed. To be called before anything is
// written. Returns whether there was any to give.
bool reserve_use(int loader_dirfd);
// Takes it, or what is left of it, unless it is there; where the file system cannot set blocks aside there is none. Not
// durable: what a crash loses the next call takes again.
void reserve_keep(int loader_dirfd);
