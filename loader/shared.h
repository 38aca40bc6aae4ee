// SPDX-License-Identifier: Apache-2.0
// Maps that all programs of one bundle on an interface use together, whatever their hook:
//     <tree>/<interface>/shared/<repository>:<publisher>:<name>/<map>:<definition>
// Each generation pins them among its own maps too; what no generation has any more is swept away.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>

#include "base/fault.h"
#include "loader/bpffs.h"
#include "loader/member.h"

// The directory of a member's; nothing is made.
int shared_place(const char *tree, const char *iface, const struct member *member,
		 char out[static BPFFS_PATH_MAX], struct fault *why) MUST_CHECK;

// The map of a name and definition; *out stays -1 where there is none. *other: there is one of another definition.
int shared_get(const char *dir, const char *name, const struct bpf_map_info *definition, int *out,
	       bool *other, struct fault *why) MUST_CHECK;
// Pins one, if it is not there.
int shared_put(const char *dir, const char *name, const struct bpf_map_info *definition, int fd,
	       struct fault *why) MUST_CHECK;
// Whether a map with this id is one.
int shared_has(const char *dir, uint32_t id, bool *out, struct fault *why) MUST_CHECK;

// Removes those of an interface that no generation of any hook has.
int shared_sweep(const char *tree, const char *iface, struct fault *why) MUST_CHECK;
// Removes all of them: the generations that have them are not this interface's.
int shared_forget(const char *tree, const char *iface, struct fault *why) MUST_CHECK;
