// SPDX-License-Identifier: Apache-2.0
// The digest of the node.json that was applied last. An interface that appears later gets its chain from the same file
// without another apply, and only then.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "bpf/node.h"

#define APPLIED_FILE "applied"

// Notes that this file, all of it, was applied.
int applied_note(int loader_dirfd, const struct node *node, struct fault *why) MUST_CHECK;
// Whether it says what the one that was noted said. False where none was.
bool applied_is(int loader_dirfd, const struct node *node);
