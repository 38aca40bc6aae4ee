// SPDX-License-Identifier: Apache-2.0
// Shared maps: one map for all programs of one bundle on an interface, whatever their hook:
//     <tree>/<interface>/shared/<repository>:<publisher>:<name>/<map>:<definition>
// Each generation that uses one pins it among its own maps as well; one that no generation uses is removed.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "loader/bpffs.h"
#include "loader/member.h"

// The path of the directory for a member's shared maps. Creates nothing.
int shared_place(const char *tree, const char *iface, const struct member *member,
		 char out[static BPFFS_PATH_MAX], struct fault *why) MUST_CHECK;

// Opens the map with this name and definition; `*out` is the caller's, -1 where there is none. `*other`: there is one of this
// name with another definition.
int shared_get(const char *dir, const char *name, const struct bpf_map_info *definition, int *out,
	       bool *other, struct fault *why) MUST_CHECK;
// Pins a map, unless one of this name and definition is pinned. `fd` is borrowed.
int shared_put(const char *dir, const char *name, const struct bpf_map_info *definition, int fd,
	       struct fault *why) MUST_CHECK;
// Whether a map with this id is pinned in `dir`.
int shared_has(const char *dir, uint32_t id, bool *out, struct fault *why) MUST_CHECK;

// Removes the shared maps of an interface that no generation of any of its hooks uses.
int shared_sweep(const char *tree, const char *iface, struct fault *why) MUST_CHECK;
// Removes all shared maps of an interface: those of an earlier interface of this name are not for the one that replaced it.
int shared_forget(const char *tree, const char *iface, struct fault *why) MUST_CHECK;
