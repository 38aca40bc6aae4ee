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

// As root, before privileges are dropped: checks that the BPF file system is mounted and makes our directory for `uid`.
int bpffs_prepare(const char *root, unsigned uid, unsigned gid, struct fault *why) MUST_CHECK;
// The tree's path below --root, after checking that it is on a BPF file system, ours, and closed to everybody else (A84).
// `*tree` is the caller's, to be freed.
int bpffs_open_tree(const char *root, char **tree, struct fault *why) MUST_CHECK;

// The path of one hook's directory ("place" in other headers). Creates nothing.
int bpffs_place(const char *tree, const char *iface, enum hook hook,
		char out[static BPFFS_PATH_MAX], struct fault *why) MUST_CHECK;
// dir + "/" + name, dots written as %2e. FAULT_OTHER when it is too long.
int bpffs_join(const char *dir, const char *name, char out[static BPFFS_PATH_MAX],
	       struct fault *why) MUST_CHECK;
int bpffs_join_number(const char *dir, const char *stem, uint32_t number,
		      char out[static BPFFS_PATH_MAX], struct fault *why) MUST_CHECK;
// Decodes a name of the tree ("%2e" is a dot). Writes at most `room` bytes, NUL included.
void bpffs_name_read(const char *name, char *out, size_t room);

// Opens a directory of the tree; `*out` is the caller's. FAULT_NOT_FOUND when there is none or the name is no directory.
int bpffs_open_dir(const char *path, int *out, struct fault *why) MUST_CHECK;
// Makes a directory and its parents, below the tree (which must exist). Anything else that has one of these names is removed.
int bpffs_make_dir(const char *path, struct fault *why) MUST_CHECK;
// Pins a program, map or link as dir/name, which must not exist.
int bpffs_put(int fd, const char *dir, const char *name, struct fault *why) MUST_CHECK;
// The same in place of an existing pin, by a rename: the old reference is dropped after the new one is there.
int bpffs_replace(int fd, const char *dir, const char *name, struct fault *why) MUST_CHECK;
// Opens a pin; `*out` is the caller's. FAULT_NOT_FOUND when there is none of that name, or one that we may not open.
int bpffs_get(const char *dir, const char *name, int *out, struct fault *why) MUST_CHECK;
// Removes a file or a whole directory; absent is fine.
int bpffs_remove(const char *path, struct fault *why) MUST_CHECK;
// Removes a hook's directory and its interface's directory where they are empty.
void bpffs_forget_empty(const char *place);
// Makes the symbolic link <place>/maps point at the maps of a generation.
int bpffs_point_maps(const char *place, uint32_t generation, struct fault *why) MUST_CHECK;
// The generation that it points at; 0: none.
int bpffs_pointed(const char *place, uint32_t *generation, struct fault *why) MUST_CHECK;

// Stores a number as the target of a symbolic link, since a BPF file system has no regular files. bpffs_noted() reads it; 0
// when there is none.
int bpffs_note(const char *dir, const char *name, uint32_t number, struct fault *why) MUST_CHECK;
uint32_t bpffs_noted(const char *dir, const char *name);

// The numbers of the directories <stem>-<n> in a place, ascending; none where the place is absent. `*out` is the caller's, to
// be freed.
int bpffs_numbers(const char *place, const char *stem, uint32_t **out, size_t *count,
		  struct fault *why) MUST_CHECK;
