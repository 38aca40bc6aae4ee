// SPDX-License-Identifier: Apache-2.0
// One commit: from a list of changes to the rename of timestamp.json, which is the commit point. Everything that the new
// timestamp leads to is durable before it; until then the commit can be refused without effect.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "repod/catalog.h"
#include "repod/change.h"
#include "repod/release.h"
#include "repod/signer.h"

// The resources of a commit; all borrowed while it lasts.
struct ground {
	int metadata, blobs;		 // directories
	int signer, broker;		 // channels
	int64_t snapshot_s, timestamp_s; // lifetimes, s
	int64_t now;
	const struct bytes *root; // pinned
	struct catalog *catalog;
	struct release *release; // committed so far
};

struct commit {
	const struct ground *ground;
	struct signer_state state; // at the beginning
	struct changes changes;	   // filled by the caller
	bool submitted;		   // by a publisher now: must not be expired
	// The result.
	bool conflict; // a published name and version would have changed its content
	bool held; // commit_undo left a submitted file in place, because the signer has signed it
	bool written;	   // files of `changes` were put into metadata/
	struct json *meta; // of the snapshot to be
	struct bytes snapshot, timestamp;
	int64_t snapshot_version;
};

// Asks the signer for its state.
int commit_begin(const struct ground *ground, struct commit *out, struct fault *why) MUST_CHECK;
void commit_drop(struct commit *commit);
// Whether there is anything to do: changes, or a snapshot or timestamp with less than half of its lifetime left.
bool commit_is_due(const struct commit *commit);
// Verifies the candidate, writes its files, has snapshot and timestamp signed, verifies the result, commits. `*out` is the
// caller's. After a refusal call commit_undo.
int commit_run(struct commit *commit, struct release **out, struct fault *why) MUST_CHECK;
// Removes the files that a refused commit wrote, except those that the signer has signed.
void commit_undo(struct commit *commit);
