// SPDX-License-Identifier: Apache-2.0
// Describes in words what a metadata document changes, for the person who is to sign it (A95). Complete: a changed
// member without a sentence of its own is named too.
#pragma once

#include "base/fault.h"
#include "base/json.h"

// `*lines` is an array of sentences, the caller's: the differences between the signed part `body` and `before`; with
// `before` NULL everything that `body` says. The texts quote the file and must be escaped for a terminal (cli_say
// does).
int describe_change(const struct json *body, const struct json *before, struct json **lines,
		    struct fault *why) MUST_CHECK;
