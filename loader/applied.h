// SPDX-License-Identifier: Apache-2.0
// Which node.json was applied last: what an interface that comes later may be given without asking the admin again.
#pragma once

#include <stdbool.h>

#include "base/fault.h"
#include "bpf/node.h"

#define APPLIED_FILE "applied"

// Notes that this file, all of it, was applied.
int applied_note(int loader_dirfd, const struct node *node, struct fault *why) MUST_CHECK;
// Whether it says what the one that was noted said. False where none was.
bool applied_is(int loader_dirfd, const struct node *node);
