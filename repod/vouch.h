// SPDX-License-Identifier: Apache-2.0
// What need not be verified again while a submission is checked: leaf roles whose file has the version and digest that the
// last release verified, under a delegator that is unchanged too. So a publication costs in proportion to what it changes.
// Everything else, and everything at start, is verified in full.
#pragma once

#include "keys/client.h"
#include "repod/release.h"

struct vouch;

// Borrows the release; NULL: nothing is skipped. `*out` is the caller's.
int vouch_new(const struct release *release, struct vouch **out, struct fault *why) MUST_CHECK;
void vouch_free(struct vouch *vouch);
static inline void vouch_drop(struct vouch **vouch)
{
	vouch_free(*vouch);
	*vouch = NULL;
}

// The callback for client_load_unknown; `ctx` is a struct vouch *.
bool vouch_knows(void *ctx, const struct client_edge *edge);
// Whether it has let the client skip this role.
bool vouch_used(const struct vouch *vouch, const char *role);
