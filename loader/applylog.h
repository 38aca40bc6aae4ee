// SPDX-License-Identifier: Apache-2.0
// The audit log's records of an apply: what was done with each chain, and each denial when it first takes effect.
#pragma once

#include "base/audit.h"
#include "base/fault.h"
#include "loader/apply.h"

// Appends to `log` a record for each chain that was changed and one for each new denial. A chain whose record cannot be
// written does not keep the others' from being written; the first refusal is told. The arguments are borrowed.
int applylog_write(const struct apply_places *places, struct audit *log, const struct apply *done,
		   struct fault *why) MUST_CHECK;
