// SPDX-License-Identifier: Apache-2.0
// Who may knock at the publishing door: a request signed by a key that trusted metadata names for a targets role, and
// never the same request twice. It admits a request; only signed metadata grants anything.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "keys/httpsig.h"
#include "repod/catalog.h"
#include "repod/release.h"

enum knock {
	KNOCK_ADMITTED,
	KNOCK_UNSIGNED, // no signature, a bad one, or one that was used before: 401
	KNOCK_STRANGER, // signed by a key that nobody named: 403
	KNOCK_FAILED,	// our own trouble
};

struct knock_headers {
	const char *content_digest, *signature_input, *signature; // NULL: absent
};

// On KNOCK_ADMITTED `*claim` holds the digest that the body must have. Otherwise *why is filled.
enum knock knock_check(const struct knock_headers *headers, const char *method, const char *path,
		       const struct release *release, struct catalog *catalog, int64_t now,
		       struct httpsig_claim *claim, struct fault *why) MUST_CHECK;
