// SPDX-License-Identifier: Apache-2.0
// Who may come in: everything the fetcher left in the store is verified again, from our own pinned root, with our own
// version floor and clock floor, on bytes that nobody else can change (A70, A71, A72).
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "bpf/deny.h"
#include "bpf/node.h"
#include "loader/member.h"

// Where things are. Borrowed while the admission lives.
struct admit_places {
	const char *root;  // --root, for the pinned roots; may be NULL
	int store_dirfd;   // the fetcher's store; -1: there is none yet
	int trust_dirfd;   // ours: one directory for each repository
	int objects_dirfd; // ours: what was admitted, by digest
	int64_t now;
	const struct node *node;
};

struct admit;

int admit_new(const struct admit_places *places, struct admit **out, struct fault *why) MUST_CHECK;
void admit_free(struct admit *admit);
static inline void admit_drop(struct admit **admit)
{
	admit_free(*admit);
	*admit = NULL;
}

// Brings in the deny list of every repository that can be verified, so that it holds whatever else is refused. What
// cannot be verified is refused later, where it is used.
void admit_deny(struct admit *admit);

// Admits one use of node.json. `*denied` is NULL, or says that the bundle or its object is on the deny list: the caller
// must answer for that. Then nothing of it has been looked at and `out` only has name, version, from and digests, unless
// `denied_too`. Borrowed while the admission lives. FAULT_EXPIRED when the metadata is stale, FAULT_ROLLBACK when the store is older than
// what we have seen, FAULT_DIGEST when a blob is not what was signed, FAULT_POLICY when it may not run here.
int admit_use(struct admit *admit, const struct node_use *use, enum hook hook, bool denied_too,
	      struct member *out, const struct deny_entry **denied, struct fault *why) MUST_CHECK;

// The half that needs no metadata: bytes that were verified, held against the manifest and today's policy. Fills what
// the object itself says (member->tail_calls). For the restore of copies that were admitted before.
int admit_object(const struct policy *policy, struct member *member, struct fault *why) MUST_CHECK;
