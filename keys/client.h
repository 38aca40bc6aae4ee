// SPDX-License-Identifier: Apache-2.0
// The TUF client workflow (TUF 1.0, sections 5.2 to 5.7). Callbacks fetch untrusted bytes and keep verified ones; keys/trust.h
// verifies. Fetcher, loader, repository server and tests all run this code.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/role.h"
#include "keys/targets.h"

// `fetch` reads a remote file ("2.root.json", "timestamp.json", "7.net.json", percent-quoted) of at most `max` bytes:
// FAULT_TOO_LARGE if it is longer, FAULT_NOT_FOUND if it does not exist, else FAULT_NETWORK. `load` returns what
// `keep` was given last for a role ("root", "timestamp", "net", not quoted), or FAULT_NOT_FOUND. `keep` is called
// with verified bytes only, in the order in which they were verified, and must make them durable before it returns.
struct client_io {
	void *ctx;
	int (*fetch)(void *ctx, const char *file, size_t max, struct bytes *out, struct fault *why);
	int (*load)(void *ctx, const char *role, struct bytes *out, struct fault *why);
	int (*keep)(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		    struct fault *why);
};

// Sizes in bytes, enforced before anything is parsed or verified, and counts. client_limits_default() has those of the TUF
// reference clients: root 512000, timestamp 16384, snapshot 2000000, targets 5000000, 256 root rotations, 32 roles.
struct client_limits {
	size_t root_max, timestamp_max, snapshot_max, targets_max;
	unsigned rotations_max, delegations_max;
};
struct client_limits client_limits_default(void);

struct client;

// Loads the local root (the pinned one, or the newest that was kept) and verifies that it is signed by its own keys.
// `now`, seconds since 1970, is the reference time of the whole run. Borrows `io`; `*out` is the caller's.
int client_new(const struct client_io *io, const struct client_limits *limits, int64_t now,
	       struct client **out, struct fault *why) MUST_CHECK;
void client_free(struct client *client);
static inline void client_drop(struct client **client)
{
	client_free(*client);
	*client = NULL;
}

// Updates root, timestamp, snapshot and top-level targets. On a refusal everything that was verified before it has
// been kept, as the specification says; the refused file has left no trace.
int client_refresh(struct client *client, struct fault *why) MUST_CHECK;

// Finds a target by its path: depth first through the delegations, loading roles on the way. Calls client_refresh first if
// that has not been done. `*out` is borrowed from the client. FAULT_UNTRUSTED if no trusted role lists the path.
int client_find(struct client *client, const char *path, const struct target **out,
		struct fault *why) MUST_CHECK;

// Loads and verifies every delegated role that can be reached.
int client_load_all(struct client *client, struct fault *why) MUST_CHECK;

// As client_load_all, for callers that need only the verdict: the targets of a role without delegations are freed as
// soon as the role is verified, so that a large repository takes little memory. client_find finds nothing in such a
// role afterwards.
int client_verify_all(struct client *client, struct fault *why) MUST_CHECK;

// A verified delegation: delegator and role, each with its version and digests. Besides these the verdict on a delegated role
// depends only on its expiry.
struct client_edge {
	const char *delegator, *role;
	const struct role_meta *delegator_meta, *meta;
};
// As client_load_all, for a caller that has verified most roles before: skips a role if `knows` is true of the edge
// that leads to it. `knows` may be true only of an edge that was verified exactly as it is, and of a role that
// delegates to nobody: nothing below it is visited. Skipped roles are not among client_roles.
int client_load_unknown(struct client *client,
			bool (*knows)(void *ctx, const struct client_edge *edge), void *ctx,
			struct fault *why) MUST_CHECK;

// The verified state. Versions are 0 before they are known.
struct client_versions {
	int64_t root, timestamp, snapshot, targets;
	int64_t root_expires, timestamp_expires, snapshot_expires,
		targets_expires; // seconds since 1970
};
void client_versions(const struct client *client, struct client_versions *out);

// Calls `each` for every role whose metadata was verified in this run: root, timestamp, snapshot and targets first. Stops at
// the first -1 and returns it.
int client_roles(const struct client *client,
		 int (*each)(void *ctx, const char *role, int64_t version, const void *data,
			     size_t len, struct fault *why),
		 void *ctx, struct fault *why) MUST_CHECK;

// The verified targets roles, in the order in which they were verified; NULL past the last.
const struct targets *client_targets(const struct client *client, size_t index);

// The class of the repository as its trusted root says it (member "x-bpfseal-class"): "private" or "public"; absent
// is "private".
const char *client_class(const struct client *client);

// Whether root, targets or a reachable delegation names this ed25519 public key for a targets role: then its owner may upload.
// Needs client_load_all before.
bool client_knows_publisher(const struct client *client, const unsigned char key[32]);
