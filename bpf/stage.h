// SPDX-License-Identifier: Apache-2.0
// `bundle add`, `promote`, `withdraw` and `deny`: bundles, indexes and the deny list in a ceremony directory, for the keys
// of a role to sign.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "bpf/deny.h"
#include "bpf/survey.h"

struct stage {
	char *path;	  // target path of the bundle
	char *index_path; // and of the index
	char *role;	  // who names the bundle: the role asked for, or the bin of the path
	char *index_role; // and the index
	struct sha256 sha256;
	bool changed; // false: everything was there already
};

void stage_drop(struct stage *stage);

// Where, and whose draft. `expires` is set in the draft anew.
struct stage_place {
	const char *dir, *role;
	int64_t expires;
};

// Each of these changes a file below DIR/targets and names it in the draft of the role. A file there that is not the one
// the draft names is FAULT_DIGEST: somebody else's change would be signed along. Broken off anywhere, the same call again
// completes it. A role without a draft is FAULT_NOT_FOUND.

// Copies `data` (surveyed as `survey`) to DIR/targets/<path>, adds its version to DIR/targets/<name>/index.json. In the
// channel given, or with NULL in the one it has, which for a new one is INDEX_RELEASED. A version that the draft already
// has with other bytes is refused (FAULT_POLICY): name and version mean one bundle for ever.
int stage_add(const struct stage_place *place, const char *channel, const struct bytes *data,
	      const struct survey *survey, struct stage *out, struct fault *why) MUST_CHECK;

// Moves a version of `name` ("net/count") to another channel of the index. FAULT_NOT_FOUND when the index has none such.
int stage_promote(const struct stage_place *place, const char *name, const char *version,
		  const char *channel, struct stage *out, struct fault *why) MUST_CHECK;

// Takes a version out of the index and its bundle out of the role's targets: once that is signed and published no node
// can admit it. The file stays here, so that other bytes never get its name.
int stage_withdraw(const struct stage_place *place, const char *name, const char *version,
		   struct stage *out, struct fault *why) MUST_CHECK;

// The deny list of a ceremony directory; an empty one when there is none yet.
int stage_deny_read(const char *dir, struct deny **out, struct fault *why) MUST_CHECK;
// What `edit` makes of it goes into the draft.
int stage_deny(const struct stage_place *place,
	       int (*edit)(void *ctx, struct deny *deny, struct fault *why), void *ctx,
	       bool *changed, struct fault *why) MUST_CHECK;
