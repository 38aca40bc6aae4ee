// SPDX-License-Identifier: Apache-2.0
// The repository that the targets for single roles stand on, and its keys. Made once; each run starts from it anew.
#pragma once

#include "keys/trust.h"
#include "tests/sim/sim.h"

struct sim *scene(void);

// The trusted set after root 1; the clock is SIM_NOW.
struct trust *scene_trust(void);
// The signed part of a role as it was published, in version 1.
const struct json *scene_body(const char *role);

// Signs `body` as this role with its keys. Appended to `out`.
void scene_sign(const char *role, const struct json *body, struct bytes *out);
// Parses an input as the signed part of this role and signs it; what is no object stays as it is, and false.
bool scene_sign_input(const char *role, const uint8_t *data, size_t len, struct json **body,
		      struct bytes *out);
// A timestamp or snapshot, in version 2, that names `file` in this version and nothing else more.
void scene_parent(const char *role, const char *file, int64_t version, struct bytes *out);

// An accepted file says, canonically, what `body` says.
bool scene_says(const struct role *role, const struct json *body);
