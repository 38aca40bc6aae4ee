// SPDX-License-Identifier: Apache-2.0
// The repositories of node.json as they are verified in one run: their metadata, their deny lists, and the other files that
// the metadata signs.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/batch.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "bpf/deny.h"
#include "bpf/index.h"
#include "keys/targets.h"
#include "loader/admit.h"
#include "loader/fetched.h"
#include "loader/source.h"

struct repo {
	const char *name; // of node.json
	bool tried;
	struct fault refused;  // why there is no source, once tried
	struct source *source; // of the store; NULL: not verified
	struct source *kept;   // of our own copies; NULL: not opened (repos_kept)
	struct deny *deny;     // NULL: none
};

struct repos {
	const struct admit_places *places;
	struct fetched fetched;
	struct repo *list;
	size_t count;
	struct batch copies; // of files that were admitted, not durable yet
};

// Reads nothing yet. `places` must outlive it. `out` is the caller's (repos_drop), also after a refusal. FAULT_OTHER.
int repos_open(const struct admit_places *places, struct repos *out, struct fault *why) MUST_CHECK;
void repos_drop(struct repos *repos);

// The entry of a repository, not verified. `*out` is borrowed. FAULT_CONFIG if node.json does not name it.
int repos_find(struct repos *repos, const char *name, struct repo **out, struct fault *why)
	MUST_CHECK;
// The same, verified from the store with its deny list; tried once in a run, with the same refusal after that. `*out`
// is set also after a refusal, unless it is that of repos_find.
int repos_verified(struct repos *repos, const char *name, struct repo **out, struct fault *why)
	MUST_CHECK;
// Verifies all of them, as far as that is possible.
void repos_verify_all(struct repos *repos);
// The metadata of a repository that was verified last (source_open_kept). `*out` is borrowed.
int repos_kept(struct repos *repos, struct repo *repo, struct source **out, struct fault *why)
	MUST_CHECK;

// Reads a file that the metadata signs, of at most `max` bytes. FAULT_TOO_LARGE; FAULT_DIGEST if it is not what was signed;
// FAULT_NOT_FOUND.
int repos_read(const struct repos *repos, const struct target *target, size_t max,
	       struct bytes *bytes, struct fault *why) MUST_CHECK;
// Adds to the refusal of a file of the store how it gets there, as after an edit of node.json. Returns -1.
int repos_lack(struct fault *why);
// Keeps verified bytes as a copy of ours, durable after repos_settle.
int repos_keep(struct repos *repos, const struct sha256 *digest, const struct bytes *bytes,
	       struct fault *why) MUST_CHECK;
// Reads the signed index of versions of a program, and keeps it: after a reboot in an outage it still tells what was withdrawn.
// `*out` is the caller's; NULL if the repository signs none.
int repos_index(struct repos *repos, struct source *source, const char *name, struct index **out,
		struct fault *why) MUST_CHECK;

// Makes the copies durable, then the metadata: it must not name what we do not have.
int repos_settle(struct repos *repos, struct fault *why) MUST_CHECK;
