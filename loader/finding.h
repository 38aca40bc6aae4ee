// SPDX-License-Identifier: Apache-2.0
// What is wrong with a chain: the differences between the kernel, the record of what was applied, and node.json.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/admit.h"
#include "loader/truth.h"

enum finding_weight {
	FINDING_BROKEN, // the next apply repairs it, or says why it cannot
	FINDING_BEYOND, // not ours to repair: the interface is gone, or a foreign program is on the hook
	FINDING_NOTE, // for information
};

// The codes: "not_as_applied", "program_replaced", "root_replaced", "link_detached", "link_replaced", "attached_twice",
// "root_slot_changed", "pin_missing", "map_replaced", "slot_changed", "fell_through", "interface_missing", "foreign_before",
// "foreign_after", "drift_from_config", "rolled_back", "denied", "no_longer_signed".
struct finding {
	const char *code;
	enum finding_weight weight;
	const char *iface; // borrowed
	enum hook hook;
	uint32_t program; // id of the foreign program that is there now; 0: none
	char text[256];
};

struct findings {
	struct finding *list;
	size_t count;
};
void findings_drop(struct findings *findings);
bool findings_has(const struct findings *findings, const char *code);
// Adds a finding of FINDING_BROKEN. `code` and `iface` are borrowed.
int findings_add(struct findings *findings, const char *iface, enum hook hook, uint32_t program,
		 struct fault *why, const char *code, const char *format, ...)
	__attribute__((format(printf, 7, 8))) MUST_CHECK;
// The number of findings that weigh at least `weight`: with FINDING_BEYOND all but notes.
size_t findings_count(const struct findings *findings, enum finding_weight weight);

// The functions below append to `findings`. `record` is that of the chain; NULL: there is none.
// Damage: what can be seen in the kernel alone. `record` supplies names.
int findings_damage(struct findings *findings, const char *iface, enum hook hook,
		    const struct truth *truth, const struct json *record, struct fault *why)
	MUST_CHECK;
// Of the damage only foreign programs on the hook: "foreign_before" and "foreign_after".
int findings_others(struct findings *findings, const char *iface, enum hook hook,
		    const struct truth *truth, struct fault *why) MUST_CHECK;
// Drift: the running chain differs from node.json in names, versions or values. A chain that was rolled back and is
// held is reported as "rolled_back". `interface` is NULL if node.json does not name it.
int findings_drift(struct findings *findings, const char *iface, enum hook hook,
		   const struct node_interface *interface, const struct truth *truth,
		   const struct json *record, struct fault *why) MUST_CHECK;

// Denied: programs that were removed, replaced by a stand-in or left running because a deny list names them; and
// running programs that a list names since. `trust_dirfd` has our verified copies of the lists.
int findings_denied(struct findings *findings, const char *iface, enum hook hook,
		    const struct json *record, int trust_dirfd, struct fault *why) MUST_CHECK;

// No longer signed: programs that run, but are not listed any more in the metadata of their repository that was
// verified last. They go on running (only a deny list removes them), but the admin has to know. Metadata that cannot
// answer is no finding.
int findings_unsigned(struct findings *findings, const char *iface, enum hook hook,
		      const struct truth *truth, const struct json *record, struct admit *admit,
		      struct fault *why) MUST_CHECK;

// Whether a recorded member is what this entry of node.json asks for.
bool record_fits_use(const struct json *recorded, const struct node_use *use);
// Whether a recorded chain, with its denied programs, is what node.json asks for on the hook.
bool record_fits(const struct json *record, const struct node_interface *interface, enum hook hook);
