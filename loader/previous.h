// SPDX-License-Identifier: Apache-2.0
// What stood on each hook before what stands there now: previous.json, the chains as record.h has them, each with the number
// of the change that replaced it ("change"). What `bpfseal rollback` goes back to.
#pragma once

#include "base/batch.h"
#include "base/fault.h"
#include "base/json.h"

// Before `record` becomes the active record: puts aside what the active record on disk has in the place of each chain that
// `record` has another of. The same programs built again are no other chain, nor are they without those that a deny list
// took out: neither is anything to go back to. Where there was none, "none" is put aside; before the first record, nothing.
// Stored in `batch`, which is of the directory of the records.
int previous_keep(struct batch *batch, const struct json *record, struct fault *why) MUST_CHECK;

// What the last change replaced, on this interface or (NULL) on the whole node: an array of chains, at least one, yours.
// FAULT_OTHER when there is nothing to go back to.
int previous_last(int dirfd, const struct json *active, const char *iface, struct json **out,
		  struct fault *why) MUST_CHECK;
