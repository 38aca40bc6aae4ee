// SPDX-License-Identifier: Apache-2.0
// One commit: from planned changes to the rename of timestamp.json, which is the commit point. Everything before it can
// be refused; everything before it is durable.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "repod/catalog.h"
#include "repod/change.h"
#include "repod/release.h"
#include "repod/signer.h"

// What a commit stands on; all borrowed for as long as it lasts.
struct ground {
	int metadata, blobs;		 // directories
	int signer, broker;		 // channels
	int64_t snapshot_s, timestamp_s; // how long each lives
	int64_t now;
	const struct bytes *root; // pinned
	struct catalog *catalog;
	struct release *release; // committed so far
};

struct commit {
	const struct ground *ground;
	struct signer_state state; // at the beginning
	struct changes changes;	   // filled by the caller
	bool submitted;		   // by a publisher, just now: must be fresh
	// How it went.
	bool conflict; // a published name and version would have changed its content
	bool held;     // commit_undo left a submitted file in place, because the signer knows it
	bool written;  // files of `changes` were put into metadata/
	struct json *meta; // of the snapshot to be
	struct bytes snapshot, timestamp;
	int64_t snapshot_version;
};

// Asks the signer where it stands.
int commit_begin(const struct ground *ground, struct commit *out, struct fault *why) MUST_CHECK;
void commit_drop(struct commit *commit);
// Is there anything to do: changes, or less than half of the life of snapshot or timestamp left?
bool commit_is_due(const struct commit *commit);
// Judges, writes, has signed, judges again, commits. After a refusal: commit_undo.
int commit_run(struct commit *commit, struct release **out, struct fault *why) MUST_CHECK;
// Removes the files that a refused commit wrote, but those that the signer has signed.
void commit_undo(struct commit *commit);
