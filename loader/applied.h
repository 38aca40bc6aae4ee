// SPDX-License-Identifier: Apache-2.0
// The digest of the node.json that was applied last. `watch` loads the chain of an interface that appears later only if
// node.json is still that file: what the admin has edited since needs an apply.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "bpf/node.h"

#define APPLIED_FILE "applied"

// Stores the digest of this node.json, of which every chain was applied. Durable on return.
int applied_note(int loader_dirfd, const struct node *node, struct fault *why) MUST_CHECK;
// Whether this node.json has the stored digest. False where none is stored or it cannot be read.
bool applied_is(int loader_dirfd, const struct node *node);
