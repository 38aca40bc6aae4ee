// SPDX-License-Identifier: Apache-2.0
// Who may come in: everything the fetcher left in the store is verified again, from our own pinned root, with our own
// version floor and clock floor, on bytes that nobody else can change (A70, A71, A72).
#pragma once

#include <stdbool.h>
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

// Keeps what was admitted, then the metadata that was verified, before anything is done by it: our floor, and what a restore
// asks. Of a repository whose store lacks a part of it, nothing (loader/source.h). `beside`: begun only; then nothing more is
// admitted, and admit_kept says, before anything is done that has to be durable, what came of it.
int admit_settle(struct admit *admit, bool beside, struct fault *why) MUST_CHECK;
int admit_kept(struct admit *admit, struct fault *why) MUST_CHECK;

// Admits one use of node.json. `*denied` is NULL, or says that the bundle or its object is on the deny list: the caller
// must answer for that. Then nothing of it has been looked at and `out` only has name, version, from and digests, unless
// `denied_too`. Borrowed while the admission lives. FAULT_EXPIRED when the metadata is stale, FAULT_ROLLBACK when the store is older than
// what we have seen, FAULT_DIGEST when a blob is not what was signed. Its object has only been read: it is pending.
int admit_use(struct admit *admit, const struct node_use *use, enum hook hook, bool denied_too,
	      struct member *out, const struct deny_entry **denied, struct fault *why) MUST_CHECK;

// The other half, for members of these uses (member->place): looks at the objects of those that are pending, side by side,
// and holds what is found against manifest and policy. FAULT_POLICY when one may not run here; `*place` is the first such.
int admit_members(struct admit *admit, const struct node_use *uses, struct member *members,
		  size_t count, size_t *place, struct fault *why) MUST_CHECK;

// The half that needs no metadata: bytes that were verified, held against the manifest and today's policy. Fills what
// the object itself says (its section, its tail calls). For the restore of copies that were admitted before.
// `admit` (NULL: nobody) remembers what was found in an object.
int admit_object(struct admit *admit, const struct policy *policy, struct member *member,
		 struct fault *why) MUST_CHECK;

// The admin's values for the maps of a use, as a member has them.
int admit_values(const struct node_use *use, struct member *member, struct fault *why) MUST_CHECK;

// Whether a recorded member (loader/record.h) may come back from our copies: its repository's verified metadata names
// it to the byte, and its index, where there is one, lists it. Where the store has no metadata that can be verified
// the last that could be decides; never a newer file, nothing without a pin or under another one. FAULT_UNTRUSTED when nobody
// vouches for it any more. The deny lists are the caller's.
int admit_recorded(struct admit *admit, const struct json *recorded, struct fault *why) MUST_CHECK;
// The same by the last metadata that was verified alone. Looks at no store, changes nothing.
int admit_recorded_kept(struct admit *admit, const struct json *recorded, struct fault *why)
	MUST_CHECK;
// Whether a refusal may be the store's doing, or time's: something missing, damaged, older, expired. Never that nobody
// vouches, and never a word of the admin.
bool admit_is_store_fault(enum fault_code code);
