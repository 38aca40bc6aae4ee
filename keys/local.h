// SPDX-License-Identifier: Apache-2.0
// Trusted metadata in one directory: <role>.json for each role (name percent-quoted), replaced atomically. The `load`
// and `keep` doors of struct client_io for everything that keeps its state in files.
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/client.h"

// `dirfd` is the directory, borrowed. `roots_dirfd` is -1, or a directory where each kept root is also written as
// N.root.json so that somebody behind us can walk the same chain.
struct local {
	int dirfd;
	int roots_dirfd;
	mode_t mode; // of the files
};

// As client_io.load and client_io.keep; `ctx` is a struct local *.
int local_load(void *ctx, const char *role, struct bytes *out, struct fault *why);
int local_keep(void *ctx, const char *role, int64_t version, const void *data, size_t len,
	       struct fault *why);

// "net/a" -> "net%2Fa": everything but [A-Za-z0-9_.-] as %XX. The quoted text is yours.
int role_quote(const char *role, char **out, struct fault *why) MUST_CHECK;
// The file a repository serves a role's version as: "7.net.json"; version 0: unversioned ("timestamp.json").
int role_file(const char *role, int64_t version, char **out, struct fault *why) MUST_CHECK;
// The path below /targets/ of a target: dir/<sha256>.<basename> (consistent snapshots, TUF 6.2), not URL-quoted.
int target_file(const struct target *target, bool consistent, char **out, struct fault *why)
	MUST_CHECK;

// The clock floor (A22): the latest time at which something was trusted, kept in the file "clock" below dirfd.
// local_clock_check refuses with FAULT_CLOCK when `now` lies before it; local_clock_raise moves it up, never down.
// local_clock_read tells it; 0 when there is none yet.
int local_clock_read(int dirfd, int64_t *floor, struct fault *why) MUST_CHECK;
int local_clock_check(int dirfd, int64_t now, struct fault *why) MUST_CHECK;
int local_clock_raise(int dirfd, int64_t now, struct fault *why) MUST_CHECK;
