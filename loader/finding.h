// SPDX-License-Identifier: Apache-2.0
// What is wrong with a chain: the kernel's truth held against how we left it and what node.json asks for.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/truth.h"

enum finding_weight {
	FINDING_BROKEN, // the next apply mends it, or tells why not
	FINDING_BEYOND, // for somebody else to mend: whoever took the interface away, or put a program there
	FINDING_NOTE, // good to know, no more
};

// The codes: "not_as_applied", "program_replaced", "root_replaced", "link_detached", "link_replaced", "attached_twice",
// "root_slot_changed", "pin_missing", "map_replaced", "slot_changed", "fell_through", "interface_missing", "foreign_before",
// "foreign_after", "drift_from_config", "rolled_back", "denied", "no_longer_signed".
struct finding {
	const char *code;
	enum finding_weight weight;
	const char *iface; // borrowed
	enum hook hook;
	uint32_t program; // what stands there now, and is not ours; 0: nothing, or no BPF program
	char text[256];
};

struct findings {
	struct finding *list;
	size_t count;
};
void findings_drop(struct findings *findings);
bool findings_has(const struct findings *findings, const char *code);
// One more, of FINDING_BROKEN. `code` and `iface` are borrowed.
int findings_add(struct findings *findings, const char *iface, enum hook hook, uint32_t program,
		 struct fault *why, const char *code, const char *format, ...)
	__attribute__((format(printf, 7, 8))) MUST_CHECK;
// How many weigh at least so much: of FINDING_BEYOND all but notes.
size_t findings_count(const struct findings *findings, enum finding_weight weight);

// Damage: everything that the kernel alone shows. `record` (NULL: none) names what was there.
int findings_damage(struct findings *findings, const char *iface, enum hook hook,
		    const struct truth *truth, const struct json *record, struct fault *why)
	MUST_CHECK;
// Of these only who else stands on the hook: "foreign_before" and "foreign_after".
int findings_others(struct findings *findings, const char *iface, enum hook hook,
		    const struct truth *truth, struct fault *why) MUST_CHECK;
// Drift: the running chain is not the one that node.json describes, as far as names, version patterns and values tell.
// One that was rolled back and is held is told as just that.
// `interface` is NULL when node.json does not name it.
int findings_drift(struct findings *findings, const char *iface, enum hook hook,
		   const struct node_interface *interface, const struct truth *truth,
		   const struct json *record, struct fault *why) MUST_CHECK;

// Denied: what a deny list has taken out of the chain, put a stand-in for, or left running as the admin said; and what
// runs and is denied since (`trust_dirfd`: our kept lists).
int findings_denied(struct findings *findings, const char *iface, enum hook hook,
		    const struct json *record, int trust_dirfd, struct fault *why) MUST_CHECK;

// No longer signed: what runs although its repository's metadata, as we verified it last, does not name it any more. That
// takes nothing out of a chain (the deny list does); it must not go unseen. What that metadata cannot tell is no finding.
int findings_unsigned(struct findings *findings, const char *iface, enum hook hook,
		      const struct truth *truth, const struct json *record, struct admit *admit,
		      struct fault *why) MUST_CHECK;

// Whether a recorded member still is what one line of node.json asks for.
bool record_fits_use(const struct json *recorded, const struct node_use *use);
// And a whole recorded chain, with what is denied in it.
bool record_fits(const struct json *record, const struct node_interface *interface, enum hook hook);
