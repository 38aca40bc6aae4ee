// SPDX-License-Identifier: Apache-2.0
// What a release vouches for while the next state is judged: leaves of the delegation that are, by version and digest,
// the files that it verified, for a delegator that is the same file too. A publication then costs what it changes and
// not what there is; everything else, and everything at start, goes through the whole verdict.
#pragma once

#include "keys/client.h"
#include "repod/release.h"

struct vouch;

// Borrows the release, or NULL: then it vouches for nothing.
int vouch_new(const struct release *release, struct vouch **out, struct fault *why) MUST_CHECK;
void vouch_free(struct vouch *vouch);
static inline void vouch_drop(struct vouch **vouch)
{
	vouch_free(*vouch);
	*vouch = NULL;
}

// As client_load_unknown asks; `ctx` is a struct vouch *.
bool vouch_knows(void *ctx, const struct client_edge *edge);
// Has it vouched for this role since?
bool vouch_used(const struct vouch *vouch, const char *role);
