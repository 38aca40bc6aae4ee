// SPDX-License-Identifier: Apache-2.0
// Privileges that a process drops before it reads untrusted input: environment, user, capabilities, file access, system calls.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

// First thing in main: refuses argc 0 (CVE-2021-4034), empties the environment but for PATH (fixed), LC_ALL=C, TZ
// unset, TERM, CREDENTIALS_DIRECTORY, JOURNAL_STREAM,
// NOTIFY_SOCKET (A44); no core dumps; umask 077. Opens /dev/null for closed 0, 1, 2.
int jail_start(int argc, struct fault *why) MUST_CHECK;

#define JAIL_CAP(number) (UINT64_C(1) << (number))

// Whether this process has all of these, to keep in jail_become.
bool jail_can(uint64_t caps);
// The process becomes `user` (uid, gid, its groups) if it runs as root, keeps exactly `caps` (permitted and
// effective; 0: none) and empties the bounding and ambient sets; sets no_new_privs. Not run as root: the caps it
// has are reduced to `caps`, and one that is wanted and missing is FAULT_KERNEL. The user must exist
// (FAULT_CONFIG with the command that makes it).
int jail_become(const char *user, uint64_t caps, struct fault *why) MUST_CHECK;

// After jail_syscalls: drops the capabilities that jail_become kept.
int jail_lose_caps(struct fault *why) MUST_CHECK;

// The ids of a user and its primary group. FAULT_CONFIG when there is none.
int jail_user(const char *user, unsigned *uid, unsigned *gid, struct fault *why) MUST_CHECK;

// Landlock: after this only these paths can be reached, plus descriptors already open. `write` gives everything
// below it, else read and list only. Absent paths are skipped. Where the kernel has no Landlock: *enforced false.
struct jail_path {
	const char *path;
	bool write;
	bool execute;
};
int jail_paths(const struct jail_path *paths, size_t count, bool *enforced, struct fault *why)
	MUST_CHECK;

// seccomp allow-lists, one for each kind of process; anything else kills the process. The new socket families that
// each may open: NETWORK inet+unix+netlink(route, for getaddrinfo), KERNEL netlink, PURE none at all.
enum jail_profile {
	JAIL_NETWORK, // fetch, repod: sockets, files, threads, fork; no bpf, ptrace, mount, module, exec
	JAIL_KERNEL,  // loader: bpf(2), netlink, files, fork; no inet socket, exec, ptrace, mount
	JAIL_OFFLINE, // keys, signer: files and an inherited socket; no new socket at all, no exec
	JAIL_PURE,    // a worker: read, write, memory, exit
	JAIL_NAMER, // loader/namer: read, send, exit, and of bpf(2) the two commands that look up a program by id
};
int jail_syscalls(enum jail_profile profile, struct fault *why) MUST_CHECK;
