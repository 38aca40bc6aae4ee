// SPDX-License-Identifier: Apache-2.0
// The documents of an offline signing ceremony: which keys sign which role, and how a root or a delegation is changed.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// The longest validity of a targets role. It limits how long a stolen server can withhold newer targets (A04).
#define CEREMONY_TARGETS_DAYS 90
#define CEREMONY_DAY	      INT64_C(86400)

// A public key as it stands in a document. `id` is the SHA-256 of its canonical form, in hexadecimal (TUF 4.2).
struct public_key {
	struct json *object;
	char id[65];
};
// Reads a public key file (FILE.pub). FAULT_FORMAT if it is not a key of a scheme that we verify. `out` is the caller's
// (public_key_drop).
int public_key_read(const char *path, struct public_key *out, struct fault *why) MUST_CHECK;
void public_key_drop(struct public_key *key);

// The keys that may sign one role, as a root or a delegation lists them. Borrowed from the document; edits it in place.
struct holder {
	struct json *keys; // id -> key object, shared by all roles of the document
	struct json *role; // has "keyids" and "threshold"
};
// A top-level role ("root", "targets", "snapshot", "timestamp") of a root document.
int holder_of_root(struct json *document, const char *role, struct holder *out, struct fault *why)
	MUST_CHECK;
// A delegation of a targets document. FAULT_USAGE if there is none of this name.
int holder_of_delegation(struct json *document, const char *role, struct holder *out,
			 struct fault *why) MUST_CHECK;
// Whether the role lists this key id.
bool holder_lists(const struct holder *holder, const char *id);
// Adds a key. FAULT_USAGE if it is listed already.
int holder_add(struct holder *holder, const struct public_key *key, struct fault *why) MUST_CHECK;
// Removes a key id from the role; ceremony_sweep removes its key object. FAULT_USAGE if it is not listed.
int holder_remove(struct holder *holder, const char *id, struct fault *why) MUST_CHECK;
int holder_threshold(struct holder *holder, int64_t threshold, struct fault *why) MUST_CHECK;

// A root document, version 1, with four roles that have no keys yet and threshold 1. `expires`: seconds since 1970. `class`:
// "private" or "public". `*out` is the caller's.
int ceremony_new_root(int64_t expires, const char *class, struct json **out, struct fault *why)
	MUST_CHECK;
// Opens the root draft of DIR as draft_open does, but changes a version that lacks signatures in place: the next root
// must follow one that nodes accept (TUF 5.3.5). `*in_place` is true if signatures were lost by that. `*out` is the
// caller's.
int ceremony_open_root(const char *dir, int64_t expires, struct json **out, bool *in_place,
		       struct fault *why) MUST_CHECK;

// One delegation of a targets document.
struct delegation {
	const char *name;
	const char *const *paths;
	size_t path_count;
	bool terminating;
};
// FAULT_USAGE unless the name is fit for a role's file and is not that of a top-level role.
int delegation_check(const struct delegation *delegation, struct fault *why) MUST_CHECK;
// Adds a delegation without keys and with threshold 1; replaces one of the same name. `out` is the new one's.
int delegation_put(struct json *document, const struct delegation *delegation, struct holder *out,
		   struct fault *why) MUST_CHECK;

// To be called before a changed document is saved: removes the key objects that no role uses. FAULT_USAGE if a
// threshold cannot be met, FAULT_POLICY if an online key (of snapshot or timestamp) may sign root or targets.
// Invalidates all holders of the document.
int ceremony_sweep(struct json *document, struct fault *why) MUST_CHECK;
// FAULT_POLICY if the root document lists one of the role's keys as an online key.
int ceremony_check_offline(const struct json *root_document, const struct holder *holder,
			   struct fault *why) MUST_CHECK;
// Whether one key may sign both root and targets: allowed, but worth a warning.
bool ceremony_root_is_shared(const struct json *root_document);
