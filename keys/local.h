// SPDX-License-Identifier: Apache-2.0
// Verified metadata in a directory: <role>.json for each role (name percent-quoted), replaced atomically. Implements `load`
// and `keep` of struct client_io.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/client.h"

struct local {
	int dirfd; // borrowed
	// Borrowed; -1: none. Each root is also written there as N.root.json, so that the loader can verify the same
	// chain of roots.
	int roots_dirfd;
	mode_t mode; // of the files
};

// As client_io.load and client_io.keep; `ctx` is a struct local *.
int local_load(void *ctx, const char *role, struct bytes *out, struct fault *why);
int local_keep(void *ctx, const char *role, int64_t version, const void *data, size_t len,
	       struct fault *why);

// The percent-quoted name: "net/a" -> "net%2Fa", everything but [A-Za-z0-9_.-] as %XX. `*out` is the caller's.
int role_quote(const char *role, char **out, struct fault *why) MUST_CHECK;
// The file name of a role's version in a repository: "7.net.json"; version 0: "timestamp.json". `*out` is the caller's.
int role_file(const char *role, int64_t version, char **out, struct fault *why) MUST_CHECK;
// The path of a target below /targets/, not URL-quoted: with consistent snapshots <dir>/<sha256>.<file> (TUF 6.2).
// `*out` is the caller's.
int target_file(const struct target *target, bool consistent, char **out, struct fault *why)
	MUST_CHECK;

// The clock floor (A22): the latest time at which metadata was trusted, in the file "clock" of the directory. Seconds
// since 1970. Reads it; 0 if there is none yet.
int local_clock_read(int dirfd, int64_t *floor, struct fault *why) MUST_CHECK;
// FAULT_CLOCK if `now` is earlier.
int local_clock_check(int dirfd, int64_t now, struct fault *why) MUST_CHECK;
// Raises it to `now`; never lowers it.
int local_clock_raise(int dirfd, int64_t now, struct fault *why) MUST_CHECK;
