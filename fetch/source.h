// SPDX-License-Identifier: Apache-2.0
// Input and output for the TUF client (keys/client.h): untrusted files from a repository, trusted files in a directory.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "fetch/download.h"
#include "keys/client.h"
#include "keys/local.h"
#include "keys/targets.h"

struct source {
	struct download *download; // borrowed; NULL: there is no network, every fetch is refused
	const char *prefix;	   // of metadata, below the base: "metadata/" or ""
	struct local local;
};

// The source must stay where it is as long as the client lives.
struct client_io source_io(struct source *source);

// Fetches a target below `prefix` and checks it against its signed length and digests. At most the signed length is read; one
// of more than `max` is FAULT_TOO_LARGE without a request.
int source_target(struct download *download, const char *prefix, const struct target *target,
		  bool consistent, size_t max, struct bytes *out, struct fault *why) MUST_CHECK;

// Does the trusted root say that targets are served under their digests (TUF 6.2)?
int source_is_consistent(struct source *source, bool *out, struct fault *why) MUST_CHECK;
