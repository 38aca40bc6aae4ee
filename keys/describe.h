// SPDX-License-Identifier: Apache-2.0
// Says in words what a metadata document changes, so that whoever signs knows what (A95). Nothing changes silently: a
// member that has no words of its own is named too.
#pragma once

#include "base/fault.h"
#include "base/json.h"

// A list of sentences: what `body` (a signed part) says that `before` does not; `before` NULL: all that it says. The
// texts hold what the file holds and have to be escaped before a terminal sees them (cli_say does).
int describe_change(const struct json *body, const struct json *before, struct json **lines,
		    struct fault *why) MUST_CHECK;
