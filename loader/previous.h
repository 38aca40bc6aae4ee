// SPDX-License-Identifier: Apache-2.0
// previous.json: for each hook the chain before the current one, as in record.h, with the number of the change that replaced
// it ("change"). What `bpfseal rollback` returns to.
#pragma once

#include "base/batch.h"
#include "base/fault.h"
#include "base/json.h"

// Before `record` becomes the active record: for each chain that differs from the active record on disk, stores the old one in
// previous.json. A rebuild of the same programs is no difference, nor is the removal of a denied program: rolling back to them
// would be pointless or refused. A hook that had no chain is stored as such; before the first record nothing is stored.
// Written through `batch`, which must be of the directory of the records.
int previous_keep(struct batch *batch, const struct json *record, struct fault *why) MUST_CHECK;

// The chains that the last change replaced, on this interface or (NULL) on the whole node. `*out` is an array of at least one,
// the caller's. FAULT_OTHER when there is nothing to roll back to.
int previous_last(int dirfd, const struct json *active, const char *iface, struct json **out,
		  struct fault *why) MUST_CHECK;
