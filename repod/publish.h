// SPDX-License-Identifier: Apache-2.0
// Publishing: accepts signed metadata exactly when our own client would, has the signer make snapshot and timestamp, and
// commits by one rename of timestamp.json. Everything else is durable before the rename, except the catalogue, which is
// updated afterwards and repaired from the files at start.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "repod/batch.h"
#include "repod/committed.h"
#include "repod/release.h"

// Longest lifetime of targets metadata: the bound on how long a stolen server can keep nodes on old targets (SECURITY.md).
#define PUBLISH_TARGETS_LIFE_S (INT64_C(90) * 86400)

struct publish_setup {
	const char *state;		 // path of the state directory
	int signer, broker;		 // channels
	int64_t snapshot_s, timestamp_s; // lifetimes, s
	int64_t (*clock)(void);
};

struct publish;

// Opens the state, verifies what is committed, removes what was not, and repairs the catalogue. FAULT_UNTRUSTED when no root is
// pinned, with the command that pins one. `mended` says in one line what was repaired ("" nothing). `*out` is the caller's.
int publish_new(const struct publish_setup *setup, struct publish **out, char mended[static 256],
		struct fault *why) MUST_CHECK;
void publish_free(struct publish *publish);
static inline void publish_drop(struct publish **publish)
{
	publish_free(*publish);
	*publish = NULL;
}

enum publish_outcome {
	PUBLISH_DONE,
	PUBLISH_SAME,	  // the same bytes are published already
	PUBLISH_CONFLICT, // that version, or that bundle, is published with other bytes
	PUBLISH_REFUSED,  // not valid
	PUBLISH_HELD,	  // stored, but the signer has signed newer roles that must be sent as well
	PUBLISH_FAILED,	  // internal error: disk, signer gone
};

// One submission. Thread-safe: one writer at a time. `*out` is set on every return; `*release` (yours) with PUBLISH_DONE
// and PUBLISH_SAME, the only outcomes with return value 0. `who` is the id of the key that signed the request, for the audit log.
int publish_submit(struct publish *publish, const char *role, const void *data, size_t len,
		   const char *who, enum publish_outcome *out, struct release **release,
		   struct fault *why) MUST_CHECK;
// Several targets roles in one commit: all or none. Roles that are published already are skipped.
int publish_submit_all(struct publish *publish, const struct batch *batch, const char *who,
		       enum publish_outcome *out, struct release **release, struct fault *why)
	MUST_CHECK;

// Renews snapshot and timestamp when less than half of their lifetime is left (or, at the first call, when the signer is ahead
// of the files). Thread-safe; does not block on another writer. `*done`: there was something to do.
int publish_refresh(struct publish *publish, bool *done, struct fault *why) MUST_CHECK;

// The committed release; the caller frees its reference. Thread-safe.
struct release *publish_release(struct publish *publish);
// The directories, borrowed; constant.
int publish_metadata_dir(const struct publish *publish);
int publish_blobs_dir(const struct publish *publish);
