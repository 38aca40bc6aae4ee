// SPDX-License-Identifier: Apache-2.0
// What `bundle new` writes: a program that does something small, its source manifest, a test that runs it in the kernel, and
// a Makefile. Made in memory; who writes it to disk is somebody else.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "bpf/manifest.h"

#define BOILERPLATE_FILES 6
// Behind it stand "_config" and the like, and a C name has 63.
#define BOILERPLATE_NAME_MAX 40

struct boilerplate {
	const char *name;      // of the bundle, "drop-udp"
	const char *publisher; // "net"
	enum hook hook;
	enum linkage linkage; // LINK_WRAP or LINK_CHAIN
};

struct boilerplate_file {
	char *name; // "drop-udp.bpf.c"; "bpfseal/chain.h" in a directory below
	struct bytes text;
};

struct boilerplate_files {
	struct boilerplate_file list[BOILERPLATE_FILES];
	size_t count;
};
void boilerplate_files_drop(struct boilerplate_files *files);

// FAULT_USAGE when the name is none that files, maps and functions can be named after.
int boilerplate_write(const struct boilerplate *about, struct boilerplate_files *out,
		      struct fault *why) MUST_CHECK;
