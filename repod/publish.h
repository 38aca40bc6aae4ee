// SPDX-License-Identifier: Apache-2.0
// Publishing: takes signed metadata exactly when our own client would, has the signer make snapshot and timestamp, and
// commits by one rename of timestamp.json. Everything before the rename is durable; the catalogue follows it and is
// mended from the files at start.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "repod/batch.h"
#include "repod/committed.h"
#include "repod/release.h"

// Longest life of targets metadata: the bound on how long a stolen server can hold nodes back (SECURITY.md).
#define PUBLISH_TARGETS_LIFE_S (INT64_C(90) * 86400)

struct publish_setup {
	const char *state;		 // path of the state directory
	int signer, broker;		 // channels
	int64_t snapshot_s, timestamp_s; // how long each lives
	int64_t (*clock)(void);
};

struct publish;

// Opens the state, verifies what is committed, removes what never was, and mends the catalogue. FAULT_UNTRUSTED when no
// root is pinned, with the command that pins. `*mended` tells in one line what was mended ("" nothing).
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
	PUBLISH_SAME,	  // the very same bytes are published already
	PUBLISH_CONFLICT, // that version, or that bundle, is published with other bytes
	PUBLISH_REFUSED,  // the verdict
	PUBLISH_HELD,	  // kept, but the signer knows of newer roles that must be sent as well
	PUBLISH_FAILED,	  // our own trouble: disk, signer gone
};

// One submission. Thread-safe: one writer at a time. `*out` is set on every return; `*release` (yours) with PUBLISH_DONE
// and PUBLISH_SAME, for which alone 0 is returned. `who` is the key id that knocked, for the audit log.
int publish_submit(struct publish *publish, const char *role, const void *data, size_t len,
		   const char *who, enum publish_outcome *out, struct release **release,
		   struct fault *why) MUST_CHECK;
// Several targets roles in one commit: all or none. What is published already is passed over.
int publish_submit_all(struct publish *publish, const struct batch *batch, const char *who,
		       enum publish_outcome *out, struct release **release, struct fault *why)
	MUST_CHECK;

// Signs snapshot and timestamp anew when less than half of their life is left (or, at the first call, when the signer
// is ahead of the files). Thread-safe; never waits. `*done` tells whether there was anything to do.
int publish_refresh(struct publish *publish, bool *done, struct fault *why) MUST_CHECK;

// What is committed now. Yours to free. Thread-safe.
struct release *publish_release(struct publish *publish);
// The directories, borrowed; constant.
int publish_metadata_dir(const struct publish *publish);
int publish_blobs_dir(const struct publish *publish);
