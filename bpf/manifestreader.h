// SPDX-License-Identifier: Apache-2.0
// Reads manifest.json into a struct manifest. Strict: an unknown key, a wrong type, a duplicate or an invalid name is refused
// with FAULT_FORMAT and its place in the file; more than MANIFEST_MAX bytes with FAULT_TOO_LARGE. Nothing is guessed.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "bpf/manifest.h"

// The manifest of a finished bundle: complete, or refused. `data` need not end with NUL; `file` names it in refusals. `*out`
// is the caller's, to be freed with manifest_free(); on a refusal it is not touched.
int manifest_parse(const void *data, size_t len, const char *file, struct manifest **out,
		   struct fault *why) MUST_CHECK;
// The draft that a person writes for `bundle build`, which completes it from the compiled object: it has no `files` and
// needs no `schema`; maps and globals need only a name (everything else is "" and 0 until then); a program may name its
// `source` instead of its `object`. Ownership and refusals are those of manifest_parse.
int manifest_parse_source(const void *data, size_t len, const char *file, struct manifest **out,
			  struct fault *why) MUST_CHECK;
