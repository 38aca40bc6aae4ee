// SPDX-License-Identifier: Apache-2.0
// The deny lists that this node has verified, and what they did to its chains.
//
// TUF protects the list itself: the threshold of its role proves who wrote it, and the snapshot's version floor (5.5.5)
// refuses an older list and a snapshot without the role. Neither helps when newer metadata no longer names the list as a
// target, nor while no metadata is usable (expired, or the store is gone). Therefore the last verified list is kept here, and
// holds until a newer one replaces it.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/deny.h"
#include "bpf/node.h"
#include "loader/member.h"

// Below a repository's directory of trusted metadata. Not *.json: no role's file has this name.
#define DENIED_FILE "denied"

// Loads the kept list of a repository (`from`), which concerns only what came from that repository; an empty list when none is
// kept. `*out` is the caller's (deny_free). denied_keep replaces it, durably.
int denied_load(int trust_dirfd, const char *from, struct deny **out, struct fault *why) MUST_CHECK;
int denied_keep(int trust_dirfd, const char *from, const struct bytes *list, struct fault *why)
	MUST_CHECK;

// Appends {"place","name","version","from","sha256","reason","since","on_denied"} to `list`, the "denied" of a chain's record.
int denied_note(struct json *list, const struct member *member, const struct deny_entry *entry,
		enum node_on_denied on_denied, struct fault *why) MUST_CHECK;
// The line for a place of node.json, or NULL. Borrowed.
const struct json *denied_at(const struct json *list, size_t place);
// How many of the lines removed the program without a stand-in.
size_t denied_gone(const struct json *list);

// Whether a recorded chain runs this digest; whether it runs it or its record already lists it as denied.
bool denied_runs(const struct json *chain, const struct deny_entry *entry);
bool denied_is_known(const struct json *chain, const struct deny_entry *entry);
// Whether a recorded member is denied: `*entry` is NULL when it is not, else borrowed from `*list`, which is the caller's in
// either case.
int denied_member(int trust_dirfd, const struct json *recorded, struct deny **list,
		  const struct deny_entry **entry, struct fault *why) MUST_CHECK;
