// SPDX-License-Identifier: Apache-2.0
// The TUF client workflow (TUF 1.0, sections 5.2 to 5.7). Where untrusted bytes come from and where trusted ones are kept
// are callbacks; the verdicts are keys/trust.h's. Fetcher, loader, repository server and tests all run this code.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "keys/role.h"
#include "keys/targets.h"

// `fetch` gets a remote file name ("2.root.json", "timestamp.json", "7.net.json", quoted) and a cap: more
// bytes are FAULT_TOO_LARGE, a missing file FAULT_NOT_FOUND, all else FAULT_NETWORK. `load` gets a role name
// ("root", "timestamp", "net", not quoted) and answers with what `keep` kept, or FAULT_NOT_FOUND. `keep` must be
// durable when it returns; it is called only with verified bytes, in the order in which they were verified.
struct client_io {
	void *ctx;
	int (*fetch)(void *ctx, const char *file, size_t max, struct bytes *out, struct fault *why);
	int (*load)(void *ctx, const char *role, struct bytes *out, struct fault *why);
	int (*keep)(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		    struct fault *why);
};

// Size caps in bytes, applied before a signature is looked at, and counts. client_limits_default() has those of the TUF
// reference clients: root 512000, timestamp 16384, snapshot 2000000, targets 5000000, 256 root rotations, 32 roles.
struct client_limits {
	size_t root_max, timestamp_max, snapshot_max, targets_max;
	unsigned rotations_max, delegations_max;
};
struct client_limits client_limits_default(void);

struct client;

// Loads the local root (the pinned one, or the newest kept) and checks it with itself. `now` is the one reference time.
int client_new(const struct client_io *io, const struct client_limits *limits, int64_t now,
	       struct client **out, struct fault *why) MUST_CHECK;
void client_free(struct client *client);
static inline void client_drop(struct client **client)
{
	client_free(*client);
	*client = NULL;
}

// Root chain, timestamp, snapshot, top-level targets. What was verified before a refusal has been kept, as the
// specification says; the refused file has left no trace.
int client_refresh(struct client *client, struct fault *why) MUST_CHECK;

// Looks a target path up: depth first through the delegations, loading roles as it goes. FAULT_UNTRUSTED when no
// trusted role names it. The target lives as long as the client. Refreshes first if that has not been done.
int client_find(struct client *client, const char *path, const struct target **out,
		struct fault *why) MUST_CHECK;

// Loads and verifies every delegated role that can be reached (repod's check, and `status`).
int client_load_all(struct client *client, struct fault *why) MUST_CHECK;

// The same for callers that only need the verdict: the target list of a role without delegations is freed as soon as the
// role is verified, so that a large repository takes little memory. client_find finds nothing in it afterwards.
int client_verify_all(struct client *client, struct fault *why) MUST_CHECK;

// A delegation as it was verified: which delegator, in which version and bytes, delegates to which role in which version
// and bytes. The verdict on a delegated role depends on nothing else but its expiry.
struct client_edge {
	const char *delegator, *role;
	const struct role_meta *delegator_meta, *meta;
};
// The same for a caller that has verified most of it before: a role is passed over where `knows` says so of the edge
// that leads to it. Only for an edge that was verified as it is, and a role that delegates to nobody: nothing below it
// would be looked at. Roles passed over are not among client_roles.
int client_load_unknown(struct client *client,
			bool (*knows)(void *ctx, const struct client_edge *edge), void *ctx,
			struct fault *why) MUST_CHECK;

// The verified state, for status and for the repository's own bookkeeping. Versions are 0 before they are known.
struct client_versions {
	int64_t root, timestamp, snapshot, targets;
	int64_t root_expires, timestamp_expires, snapshot_expires,
		targets_expires; // seconds since 1970
};
void client_versions(const struct client *client, struct client_versions *out);

// Calls `each` for every (role, version) whose metadata was verified in this run; root, timestamp, snapshot, targets
// first. Stops at the first -1.
int client_roles(const struct client *client,
		 int (*each)(void *ctx, const char *role, int64_t version, const void *data,
			     size_t len, struct fault *why),
		 void *ctx, struct fault *why) MUST_CHECK;

// The targets roles among them, in the order in which they were verified; NULL past the last.
const struct targets *client_targets(const struct client *client, size_t index);

// The class field ("private" | "public") of the trusted root: signed.custom "x-bpfseal-class"; absent is "private".
const char *client_class(const struct client *client);

// True when a public key (ed25519, 32 bytes) is one that root, targets or a reachable delegation names for a targets role:
// whoever may upload. Needs client_load_all before.
bool client_knows_publisher(const struct client *client, const unsigned char key[32]);
