// SPDX-License-Identifier: Apache-2.0
// Requests that write to a repository. Each is signed with the publisher's key; a refusal has the server's message.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "fetch/download.h"
#include "keys/keyfile.h"

struct upload {
	struct download *download;
	const struct secret_key *key;
	// The clock, read for each request: a long upload would outlive the validity of one signature (HTTPSIG_WINDOW_S).
	int64_t (*clock)(void);
};

// Does the repository have this blob?
int upload_has_blob(const struct upload *upload, const struct sha256 *digest, bool *out,
		    struct fault *why) MUST_CHECK;
int upload_blob(const struct upload *upload, const struct sha256 *digest, const struct bytes *data,
		struct fault *why) MUST_CHECK;
// Submits signed metadata. `answer` gets what the repository committed, or NULL where it says nothing. Yours.
int upload_metadata(const struct upload *upload, const char *quoted_role, const struct bytes *data,
		    struct json **answer, struct fault *why) MUST_CHECK;
// Submits several roles at once, as the server's API wants them: all or none.
int upload_batch(const struct upload *upload, const struct json *roles, struct fault *why)
	MUST_CHECK;
