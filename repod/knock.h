// SPDX-License-Identifier: Apache-2.0
// Authentication of publishing requests (RFC 9421 signatures): by a key that trusted metadata names for a targets role, and
// never the same request twice. It only admits the request; what may be published is decided by signed metadata.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "keys/httpsig.h"
#include "repod/catalog.h"
#include "repod/release.h"

enum knock {
	KNOCK_ADMITTED,
	KNOCK_UNSIGNED, // no signature, an invalid one, or a replayed one: 401
	KNOCK_STRANGER, // signed by a key that no role names: 403
	KNOCK_FAILED,	// internal error
};

struct knock_headers {
	const char *content_digest, *signature_input, *signature; // NULL: absent
};

// On KNOCK_ADMITTED `*claim` has the digest that the body must have. Otherwise *why is filled.
enum knock knock_check(const struct knock_headers *headers, const char *method, const char *path,
		       const struct release *release, struct catalog *catalog, int64_t now,
		       struct httpsig_claim *claim, struct fault *why) MUST_CHECK;
