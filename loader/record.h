// SPDX-License-Identifier: Apache-2.0
// The record of what was applied, as JSON in our own directory: active.json, previous.json, and next.json during a
// switch. It has the names of programs, and the digests for a restore. What runs is read from the kernel, never from
// here.
#pragma once

#include <stdint.h>

#include "base/batch.h"
#include "base/fault.h"
#include "base/json.h"
#include "loader/chain.h"
#include "loader/member.h"

#define RECORD_ACTIVE	"active.json"
#define RECORD_PREVIOUS "previous.json"
#define RECORD_NEXT	"next.json"
// In bytes: the longest chain on a thousand interfaces. The file is our own, so the limit is against damage only.
#define RECORD_FILE_MAX (64u << 20)

// Reads one of these files as it is. `*out` is the caller's; NULL if there is no such file. FAULT_FORMAT if it is damaged.
int record_read(int dirfd, const char *name, struct json **out, struct fault *why) MUST_CHECK;

// Replaces one of these files atomically and durably.
int record_write(int dirfd, const char *name, const struct json *record, struct fault *why)
	MUST_CHECK;
// As record_write, durable with the other files of the batch.
int record_store(struct batch *batch, const char *name, const struct json *record,
		 struct fault *why) MUST_CHECK;
// A record without chains, the caller's.
int record_new(struct json **out, struct fault *why) MUST_CHECK;

// The record of all chains, the caller's; an empty one if there is none. Completes it after a crash between a switch
// and its record: each chain of next.json whose generation the kernel runs replaces its predecessor. FAULT_FORMAT if
// a file is damaged.
int record_load(int dirfd, const char *tree, struct json **out, struct fault *why) MUST_CHECK;

// The record of one hook's chain, borrowed; NULL if there is none:
// {"interface","hook","generation","members":[...],"denied":[...],"held":{...}}, "denied" as in loader/denied.h and "held" as in
// loader/hold.h, each absent if empty. Generation 0 is a chain of which only denials or a hold are left.
const struct json *record_chain(const struct json *record, const char *iface, const char *hook);

// The recorded member that stands at a place of node.json's list, borrowed, or NULL.
const struct json *record_member_at(const struct json *chain, size_t place);
// The place in node.json's list of the recorded member at `index`.
size_t record_place(const struct json *chain, size_t index);
// member_key() of the recorded member at `index`: the name of the directory of its maps.
void record_key(const struct json *chain, size_t index, char key[static MEMBER_LABEL_MAX]);

// The record of a member without the kernel's numbers (program and map ids). `*out` is the caller's.
int record_of_member(const struct member *member, struct json **out, struct fault *why) MUST_CHECK;
// The record of a chain that was built. `*out` is the caller's.
int record_of(const struct chain_spec *spec, const struct chain *chain, struct json **out,
	      struct fault *why) MUST_CHECK;
// The record of a hook without a chain (generation 0), to which the caller adds denials or a hold. `*out` is the caller's.
int record_of_none(const char *iface, enum hook hook, struct json **out, struct fault *why)
	MUST_CHECK;
// Replaces the chain of a hook; NULL removes it. Takes over `chain`.
int record_set(struct json *record, const char *iface, const char *hook, struct json *chain,
	       struct fault *why) MUST_CHECK;

// Writes what record_load has completed after a crash. Does nothing if there was no crash.
int record_adopt(int dirfd, const struct json *record, struct fault *why) MUST_CHECK;

// Before the first switch: writes next.json. FAULT_TOO_LARGE, before anything is written, if it would exceed RECORD_FILE_MAX.
int record_stage(int dirfd, const struct json *record, struct fault *why) MUST_CHECK;
// After the switch: keeps what active.json loses (loader/previous.h), replaces active.json, and removes next.json. At
// every instant there is an active.json, the old one or the new one.
int record_commit(int dirfd, const struct json *record, struct fault *why) MUST_CHECK;
// The same in two steps: what there is to write, which may be drafted ahead (base/batch.h), and the rest.
int record_prepare(struct batch *batch, const struct json *record, struct fault *why) MUST_CHECK;
int record_settle(struct batch *batch, struct fault *why) MUST_CHECK;

// Whether a recorded member equals this one in bundle, object, entry, values and repository. The place is not
// compared (record_place).
bool record_is_member(const struct json *recorded, const struct member *member);
// As record_is_member, without the values.
bool record_is_program(const struct json *recorded, const struct member *member);
// Whether a member was recorded with these values, in any order. `maps` and `globals` as in node.json or in struct member.
int record_has_values(const struct json *recorded, const struct json *maps,
		      const struct json *globals, bool *out, struct fault *why) MUST_CHECK;
// Replaces the values in the record of a member by those of `member`.
int record_put_values(struct json *recorded, const struct member *member, struct fault *why)
	MUST_CHECK;
