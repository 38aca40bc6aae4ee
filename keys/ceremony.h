// SPDX-License-Identifier: Apache-2.0
// The documents of an offline ceremony: who may speak for what, and how a root or a delegation changes.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// The longest that a targets role may be valid: a stolen server can keep a node on signed targets that have not
// expired, so this is how long it can.
#define CEREMONY_TARGETS_DAYS 90
#define CEREMONY_DAY	      INT64_C(86400)

// A public key as it goes into a document. `id` is the digest of its canonical form (TUF 4.2).
struct public_key {
	struct json *object;
	char id[65];
};
// Reads FILE.pub. FAULT_FORMAT when it is no key that we verify with.
int public_key_read(const char *path, struct public_key *out, struct fault *why) MUST_CHECK;
void public_key_drop(struct public_key *key);

// The keys that speak for one role of a document (a root's role, or a delegation): edited in place.
struct holder {
	struct json *keys; // id -> key object, shared by all roles of the document
	struct json *role; // has "keyids" and "threshold"
};
// A top-level role ("root", "targets", "snapshot", "timestamp") of a root document.
int holder_of_root(struct json *document, const char *role, struct holder *out, struct fault *why)
	MUST_CHECK;
// A delegation of a targets document. FAULT_USAGE when there is none of this name.
int holder_of_delegation(struct json *document, const char *role, struct holder *out,
			 struct fault *why) MUST_CHECK;
bool holder_lists(const struct holder *holder, const char *id);
// Adds a key. FAULT_USAGE when it is listed already.
int holder_add(struct holder *holder, const struct public_key *key, struct fault *why) MUST_CHECK;
// Takes a key away; the key object stays until ceremony_sweep. FAULT_USAGE when it is not listed.
int holder_remove(struct holder *holder, const char *id, struct fault *why) MUST_CHECK;
int holder_threshold(struct holder *holder, int64_t threshold, struct fault *why) MUST_CHECK;

// A root document, version 1, with four empty roles of threshold 1.
int ceremony_new_root(int64_t expires, const char *class, struct json **out, struct fault *why)
	MUST_CHECK;
// The root draft of DIR, as draft_open; but a version that has not enough signatures yet is changed in place: the
// next root has to follow one that nodes can accept (TUF 5.3.5). `*in_place` is true when signatures were lost by that.
int ceremony_open_root(const char *dir, int64_t expires, struct json **out, bool *in_place,
		       struct fault *why) MUST_CHECK;

// One delegation of a targets document.
struct delegation {
	const char *name;
	const char *const *paths;
	size_t path_count;
	bool terminating;
};
// A name that may become a role's file and is none of the four.
int delegation_check(const struct delegation *delegation, struct fault *why) MUST_CHECK;
// Puts the delegation there with no key and threshold 1, in the place of one of the same name if there is one.
int delegation_put(struct json *document, const struct delegation *delegation, struct holder *out,
		   struct fault *why) MUST_CHECK;

// The last step before a changed document is saved: key objects that no role uses any more go, every threshold must
// be within reach, and no key that lies on a server (snapshot, timestamp) may speak for root or targets. Holders of the
// document are stale after it.
int ceremony_sweep(struct json *document, struct fault *why) MUST_CHECK;
// FAULT_POLICY when the root document beside it lists one of the role's keys as an online key.
int ceremony_check_offline(const struct json *root_document, const struct holder *holder,
			   struct fault *why) MUST_CHECK;
// True when one key speaks for both root and targets: allowed, and worth a warning.
bool ceremony_root_is_shared(const struct json *root_document);
