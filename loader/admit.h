// SPDX-License-Identifier: Apache-2.0
// Admission: everything in the fetcher's store is verified again, from our own pinned root, against our own version and
// clock floors, on sealed copies that nobody else can change (A70, A71, A72).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/deny.h"
#include "bpf/node.h"
#include "loader/member.h"

// Directories and parameters. Borrowed while the admission lives.
struct admit_places {
	const char *root;  // --root, for the pinned roots; may be NULL
	int store_dirfd;   // the fetcher's store; -1: there is none yet
	int trust_dirfd;   // ours: verified metadata, one directory for each repository
	int objects_dirfd; // ours: copies of what was admitted, named by digest
	int64_t now;	   // Unix time, seconds
	const struct node *node;
};

struct admit;

// Reads nothing yet: a repository is verified when it is first used. `*out` is the caller's. FAULT_OTHER.
int admit_new(const struct admit_places *places, struct admit **out, struct fault *why) MUST_CHECK;
// Waits for what admit_settle began. NULL is fine.
void admit_free(struct admit *admit);
static inline void admit_drop(struct admit **admit)
{
	admit_free(*admit);
	*admit = NULL;
}

// Verifies every repository of node.json and loads its deny list, so that the lists hold even if something else is refused
// later. A repository that cannot be verified is passed over here, and refused where it is used.
void admit_deny(struct admit *admit);

// Makes the copies of what was admitted durable, then the metadata that was verified: our floor for the next run, and what
// a restore relies on. Must precede every change of the kernel. Nothing is kept of a repository whose store lacks a part of
// its metadata (loader/source.h). With `beside` it only starts that in another thread: then nothing more may be admitted, and
// admit_kept() must be called before anything else that has to be durable.
int admit_settle(struct admit *admit, bool beside, struct fault *why) MUST_CHECK;
// Waits for it and returns its result; 0 where nothing was started.
int admit_kept(struct admit *admit, struct fault *why) MUST_CHECK;
// Writes down what was seen in the objects, for the next run (loader/recall.h), once that has been waited for: a cache, which
// nothing relies on, so it may be done beside what the kernel takes its time for. Otherwise admit_free does it.
void admit_note(struct admit *admit);

// Admits one use of node.json: picks the version, verifies bundle, manifest and object. The object is read and sealed, not
// parsed: the member is pending until admit_members(). `out` is the caller's (member_drop).
// `*denied` is NULL, or the entry of the deny list that names the bundle or its object, borrowed while the admission lives;
// the caller must apply on_denied. Unless `denied_too`, a denied bundle is not opened and `out` has only name, version, from
// and digests. FAULT_EXPIRED: the metadata is stale. FAULT_ROLLBACK: the store is older than our floor. FAULT_DIGEST: a blob
// differs from what was signed.
int admit_use(struct admit *admit, const struct node_use *use, enum hook hook, bool denied_too,
	      struct member *out, const struct deny_entry **denied, struct fault *why) MUST_CHECK;

// Second step, for all members at once: inspects the objects of the pending ones, in parallel, and checks each against its
// manifest and the policy. `uses` are the lines of node.json that member->place counts in. FAULT_POLICY when one may not run
// here; `*place` is then the place of the first one.
int admit_members(struct admit *admit, const struct node_use *uses, struct member *members,
		  size_t count, size_t *place, struct fault *why) MUST_CHECK;

// For the restore of copies that were admitted before, whose bytes the caller has verified: checks the object against its
// manifest and today's policy without any metadata, and fills in what the object tells (section, tail calls). `admit`
// (may be NULL) remembers what was found in an object, so that the same one is inspected once.
int admit_object(struct admit *admit, const struct policy *policy, struct member *member,
		 struct fault *why) MUST_CHECK;

// Whether a recorded member (loader/record.h) may be restored from our copies: the verified metadata of its repository names
// exactly these digests, and the index, where there is one, lists the version. Where the store's metadata cannot be verified,
// the metadata that we verified last decides, if the pinned root is still the same. FAULT_UNTRUSTED when the member is no
// longer signed. Deny lists are not asked: that is the caller's.
int admit_recorded(struct admit *admit, const struct json *recorded, struct fault *why) MUST_CHECK;
// The same by the metadata that we verified last. Does not read the store and changes nothing.
int admit_recorded_kept(struct admit *admit, const struct json *recorded, struct fault *why)
	MUST_CHECK;
// Whether a refusal can have come from the state of the store or from time: missing, damaged, older, expired. False for
// FAULT_UNTRUSTED and for refusals by the admin's configuration or policy: those allow no fallback to older metadata.
bool admit_is_store_fault(enum fault_code code);
