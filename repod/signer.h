// SPDX-License-Identifier: Apache-2.0
// The signer: a process of its own, without network, that holds the online key. It makes snapshot and timestamp
// documents itself, and never signs one that reverts what it signed before (A62): its version floor is durable before a
// signature leaves it.
#pragma once

#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"

#define SIGNER_KEY_FILE "online.key"

// What the signer process works with. `dirfd` is its own directory; the lifetimes that the server requests are capped at
// these, counted from `clock`.
struct signer_setup {
	int dirfd;
	int64_t snapshot_max_s, timestamp_max_s;
	int64_t (*clock)(void);
};

// The signer's side: opens the key and serves one channel until it closes. The caller has entered the sandbox before.
int signer_serve(int fd, const struct signer_setup *setup, struct fault *why) MUST_CHECK;

// The server's side. The signer's key and what it signed last; versions are 0 and `meta` NULL before the first time.
struct signer_state {
	char key_id[65];
	unsigned char public_key[32];
	int64_t snapshot_version, timestamp_version;
	struct json *meta; // {"net.json": {"version", "length", "hashes"}}
};
void signer_state_drop(struct signer_state *state);
int signer_state(int fd, struct signer_state *out, struct fault *why) MUST_CHECK;

// A signed snapshot of `meta` ({"net.json": {"version", "length", "hashes": {"sha256"}}}). FAULT_ROLLBACK for a version
// not above the last one (unless it is the very same document), a role that vanished, went back, or changed under
// its version; FAULT_POLICY for an expiry beyond the signer's cap or a version that leaps.
int signer_snapshot(int fd, int64_t version, int64_t expires, const struct json *meta,
		    struct bytes *out, struct fault *why) MUST_CHECK;
// A signed timestamp of the last snapshot that the signer made, and of no other.
int signer_timestamp(int fd, int64_t version, int64_t expires, struct bytes *out, struct fault *why)
	MUST_CHECK;
