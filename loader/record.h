// SPDX-License-Identifier: Apache-2.0
// What was applied, as JSON in our own directory: active.json, previous.json, and next.json while a switch is under way.
// Names for people and digests for a restore; the kernel, not this file, says what runs.
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
// The longest chain on a thousand interfaces; it is a file of our own, so the bound is against damage.
#define RECORD_FILE_MAX (64u << 20)

// One of these files as it is; NULL when it is not there. FAULT_FORMAT on a damaged one.
int record_read(int dirfd, const char *name, struct json **out, struct fault *why) MUST_CHECK;

int record_write(int dirfd, const char *name, const struct json *record, struct fault *why)
	MUST_CHECK;
// The same, to be made durable with others.
int record_store(struct batch *batch, const char *name, const struct json *record,
		 struct fault *why) MUST_CHECK;
// A record of no chains.
int record_new(struct json **out, struct fault *why) MUST_CHECK;

// The record of all chains; an empty one when there is none. A crash between the switch and its record is mended here:
// each chain of next.json that the kernel has entered replaces its predecessor. FAULT_FORMAT on a damaged file.
int record_load(int dirfd, const char *tree, struct json **out, struct fault *why) MUST_CHECK;

// The chain of one hook: {"interface","hook","generation","members":[...],"denied":[...],"held":{...}}; "denied" as in
// loader/denied.h and "held" as in loader/hold.h, each absent where nothing is. A chain of which nothing is left but that
// has generation 0. NULL when there is none. Borrowed.
const struct json *record_chain(const struct json *record, const char *iface, const char *hook);

// The recorded member of a place of node.json, or NULL; and the place of a recorded member.
const struct json *record_member_at(const struct json *chain, size_t place);
size_t record_place(const struct json *chain, size_t index);
// member_key() of a recorded member: the directory of its maps.
void record_key(const struct json *chain, size_t index, char key[static MEMBER_LABEL_MAX]);

// One member of a chain, but for what the kernel made of it.
int record_of_member(const struct member *member, struct json **out, struct fault *why) MUST_CHECK;
// A chain's record from what was built.
int record_of(const struct chain_spec *spec, const struct chain *chain, struct json **out,
	      struct fault *why) MUST_CHECK;
// The record of a chain of which there is nothing but what else is to be said of it.
int record_of_none(const char *iface, enum hook hook, struct json **out, struct fault *why)
	MUST_CHECK;
// Puts a chain in the place of that hook's earlier one (NULL: takes it out). Takes over `chain`.
int record_set(struct json *record, const char *iface, const char *hook, struct json *chain,
	       struct fault *why) MUST_CHECK;

// Makes what record_load mended after a crash the record on disk; nothing to do without a crash.
int record_adopt(int dirfd, const struct json *record, struct fault *why) MUST_CHECK;

// Before the first switch: next.json. After it: what active has and shall have no more is put aside (loader/previous.h), then
// active is replaced; next is gone. Once there is an active.json there always is one, the old or the new.
// FAULT_TOO_LARGE, before anything is written, for one that could not be read again.
int record_stage(int dirfd, const struct json *record, struct fault *why) MUST_CHECK;
int record_commit(int dirfd, const struct json *record, struct fault *why) MUST_CHECK;

// Whether a recorded member is this one: same bundle, object, entry, values and repository. (Not the place: record_place.)
bool record_is_member(const struct json *recorded, const struct member *member);
// The same but for the values.
bool record_is_program(const struct json *recorded, const struct member *member);
// Whether it was given these values, in whatever order; as a member or as node.json has them.
int record_has_values(const struct json *recorded, const struct json *maps,
		      const struct json *globals, bool *out, struct fault *why) MUST_CHECK;
// Puts other values into the record of a member.
int record_put_values(struct json *recorded, const struct member *member, struct fault *why)
	MUST_CHECK;
