// SPDX-License-Identifier: Apache-2.0
// Whether a recorded member is still signed: by exactly the digests of the record, in a version that is not withdrawn.
#pragma once

#include "base/fault.h"
#include "base/json.h"
#include "loader/repos.h"

// By the metadata of the store or, if only the store is at fault (admit_is_store_fault), by the metadata that was
// verified last. FAULT_UNTRUSTED if it is not signed any more.
int recorded_check(struct repos *repos, const struct json *recorded, struct fault *why) MUST_CHECK;
// By the metadata that was verified last. Does not read the store and changes nothing.
int recorded_check_kept(struct repos *repos, const struct json *recorded, struct fault *why)
	MUST_CHECK;
