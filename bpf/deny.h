// SPDX-License-Identifier: Apache-2.0
// deny/list.json, a signed target under a delegation of its own: digests of bundles and objects that may not run, whoever
// signed them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"

#define DENY_PATH	 "deny/list.json"
#define DENY_MAX	 (2u << 20) // bytes; DENY_ENTRIES_MAX of the longest are less
#define DENY_ENTRIES_MAX 2048	    // what is gone for good can be withdrawn and left out of here
#define DENY_REASON_MAX	 200	    // bytes; it stands in one line of an alarm

struct deny_entry {
	struct sha256 sha256;
	char *reason;
	int64_t since; // seconds since 1970
};

struct deny {
	struct deny_entry *entries; // by digest, ascending
	size_t count;
};

// {"schema":"bpfseal.deny/1","denied":[{"sha256","reason","since"}]}. Strict: digests ascend, so none occurs twice.
int deny_parse(const void *data, size_t len, struct deny **out, struct fault *why) MUST_CHECK;
int deny_new(struct deny **out, struct fault *why) MUST_CHECK; // empty
void deny_free(struct deny *deny);
static inline void deny_drop(struct deny **deny)
{
	deny_free(*deny);
	*deny = NULL;
}
int deny_write(const struct deny *deny, struct bytes *out, struct fault *why) MUST_CHECK;

// A digest that is there already keeps its place and `since`, and gets the new reason.
int deny_add(struct deny *deny, const struct sha256 *sha256, const char *reason, int64_t since,
	     struct fault *why) MUST_CHECK;
// FAULT_NOT_FOUND when it is not there.
int deny_remove(struct deny *deny, const struct sha256 *sha256, struct fault *why) MUST_CHECK;
// NULL when it is not denied. Borrowed.
const struct deny_entry *deny_find(const struct deny *deny, const struct sha256 *sha256);
