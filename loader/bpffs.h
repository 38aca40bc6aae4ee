// SPDX-License-Identifier: Apache-2.0
// Our tree in the BPF file system: what keeps a chain alive when no process of ours runs.
//     <bpffs>/bpfseal/<interface>/qdisc -> <index>     a clsact qdisc that we made
//     <bpffs>/bpfseal/<interface>/<hook>/link          (none where a clsact filter stands)
//                                        ifindex -> <index> of the interface that it was attached to
//                                        root-<n>/{prog,array,fell,verdict}
//                                        gen-<n>/{prog-<i>,next-<i>,end,fell,maps/<repository>:<publisher>:<name>/<map>}
//                                        maps -> gen-<n>/maps of the running generation
// That file system has no names with a dot: a dot is written %2e.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/manifest.h"

#define BPFFS_PATH_MAX 512

// As root, before privileges go: checks that the file system is there and makes our directory for `uid`.
int bpffs_prepare(const char *root, unsigned uid, unsigned gid, struct fault *why) MUST_CHECK;
// The tree's path below --root: there, a BPF file system, ours, and closed to everybody else (A84). Yours.
int bpffs_open_tree(const char *root, char **tree, struct fault *why) MUST_CHECK;

// The directory of one hook; nothing is made.
int bpffs_place(const char *tree, const char *iface, enum hook hook,
		char out[static BPFFS_PATH_MAX], struct fault *why) MUST_CHECK;
// dir + "/" + name, dots written as %2e. FAULT_OTHER when it is too long.
int bpffs_join(const char *dir, const char *name, char out[static BPFFS_PATH_MAX],
	       struct fault *why) MUST_CHECK;
int bpffs_join_number(const char *dir, const char *stem, uint32_t number,
		      char out[static BPFFS_PATH_MAX], struct fault *why) MUST_CHECK;
// A name in the tree, turned back ("%2e" is a dot again). Writes at most `room`.
void bpffs_name_read(const char *name, char *out, size_t room);

// Opens a directory of ours; FAULT_NOT_FOUND when there is none, or something else has its name.
int bpffs_open_dir(const char *path, int *out, struct fault *why) MUST_CHECK;
// Makes a directory and those above it, below the tree (which must exist). What has their names and is none goes.
int bpffs_make_dir(const char *path, struct fault *why) MUST_CHECK;
int bpffs_put(int fd, const char *dir, const char *name, struct fault *why) MUST_CHECK;
// The same over whatever has that name: the old reference goes after the new one stands.
int bpffs_replace(int fd, const char *dir, const char *name, struct fault *why) MUST_CHECK;
// FAULT_NOT_FOUND when there is nothing of that name, or something that somebody else has put there.
int bpffs_get(const char *dir, const char *name, int *out, struct fault *why) MUST_CHECK;
// Removes a file or a whole directory; absent is fine.
int bpffs_remove(const char *path, struct fault *why) MUST_CHECK;
// A hook's directory of which nothing is left goes, and its interface's; what is not empty stays.
void bpffs_forget_empty(const char *place);
// Points <place>/maps at a generation.
int bpffs_point_maps(const char *place, uint32_t generation, struct fault *why) MUST_CHECK;
// Which one it points at; 0: none.
int bpffs_pointed(const char *place, uint32_t *generation, struct fault *why) MUST_CHECK;

// A number under a name: a symbolic link of which only the text counts. 0 when there is none.
int bpffs_note(const char *dir, const char *name, uint32_t number, struct fault *why) MUST_CHECK;
uint32_t bpffs_noted(const char *dir, const char *name);

// Numbers of the directories <stem>-<n> in a place, ascending. Absent place: none. `*out` is yours.
int bpffs_numbers(const char *place, const char *stem, uint32_t **out, size_t *count,
		  struct fault *why) MUST_CHECK;
