// SPDX-License-Identifier: Apache-2.0
// What this node knows to be denied: the last deny list of each repository, and what that did to a chain.
//
// Which rule protects what: that the list is the publisher's is its role's threshold; that an older one does not come
// back is the snapshot's floor for that role's version (TUF 5.5.5), and that the role does not vanish the same rule.
// Neither helps against a newer state that no longer names the list, nor while there is no state that can be trusted
// (expired, or the store is gone). For these two the list is kept here: it holds until a newer one says otherwise.
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

// The list that was kept last; an empty one when there is none. What a repository denies, it denies of what came from it.
int denied_load(int trust_dirfd, const char *from, struct deny **out, struct fault *why) MUST_CHECK;
int denied_keep(int trust_dirfd, const char *from, const struct bytes *list, struct fault *why)
	MUST_CHECK;

// One line of a chain's "denied": {"place","name","version","from","sha256","reason","since","on_denied"}. Into `list`.
int denied_note(struct json *list, const struct member *member, const struct deny_entry *entry,
		enum node_on_denied on_denied, struct fault *why) MUST_CHECK;
// The line of a place of node.json, or NULL. Borrowed.
const struct json *denied_at(const struct json *list, size_t place);
// How many places have no program any more.
size_t denied_gone(const struct json *list);

// Whether a recorded chain runs this digest; and whether it does, or already knows it to be denied.
bool denied_runs(const struct json *chain, const struct deny_entry *entry);
bool denied_is_known(const struct json *chain, const struct deny_entry *entry);
// Why a recorded member is denied: `*entry` is NULL when it is not, else borrowed from `*list`, which is yours.
int denied_member(int trust_dirfd, const struct json *recorded, struct deny **list,
		  const struct deny_entry **entry, struct fault *why) MUST_CHECK;
