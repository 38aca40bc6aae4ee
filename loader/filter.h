// SPDX-License-Identifier: Apache-2.0
// The filters of a clsact qdisc: the older way onto a TC hook, which every kernel has. No bpf_link stands there; what is
// ours is told by its place and name.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/hook.h"

// Where ours stands: before all others that take a place of their own choosing, for every protocol.
#define FILTER_NAME   "bpfseal"
#define FILTER_PREF   1
#define FILTER_HANDLE 1

struct filter {
	char kind[16];	     // "bpf", "flower", ...
	uint32_t program_id; // 0: no BPF program
	uint32_t pref;
	uint32_t
		handle; // of a BPF program; of other kinds the whole pref is one entry, and this is 0
	uint16_t protocol; // ETH_P_*
	bool direct;	   // its program's verdict is the filter's
	bool card_only;	   // packets do not meet it here (skip_sw)
	char name[64];	   // that its owner gave a BPF program
};

// In our place, under our name. (Whether it still runs our root is for the ids to say.)
bool filter_is_ours(const struct filter *filter);
// Whether packets meet its program, and its verdict counts.
bool filter_counts(const struct filter *filter);
// Somebody else's that leaves no room for ours.
bool filter_is_in_the_way(const struct filter *filter);

// The filters on one hook of an interface in the order in which packets meet them: those of chain 0, where packets begin.
// No qdisc: none. `*out` is yours.
int filter_list(uint32_t ifindex, enum hook hook, struct filter **out, size_t *count,
		struct fault *why) MUST_CHECK;

// What is in the place of a clsact qdisc.
enum filter_qdisc {
	FILTER_QDISC_NONE,
	FILTER_QDISC_CLSACT,
	FILTER_QDISC_OTHER, // the older "ingress": it would take a filter for egress and run it on what comes in
};
int filter_qdisc(uint32_t ifindex, enum filter_qdisc *out, struct fault *why) MUST_CHECK;
// Makes one; *made is false when there is one already.
int filter_qdisc_make(uint32_t ifindex, bool *made, struct fault *why) MUST_CHECK;
// Takes it away when no filter is on either hook; *ours: one of ours still is. (A filter that is added between the look
// and the removal goes with it: the kernel has no "remove if empty".)
int filter_qdisc_tidy(uint32_t ifindex, bool *ours, struct fault *why) MUST_CHECK;

// Puts a program into our place, which must be free; puts another one into our filter, under packets, none of which is
// without one; takes our filter away. FAULT_KERNEL with the kernel's words; absent is fine for the last.
int filter_add(uint32_t ifindex, enum hook hook, int program_fd, struct fault *why) MUST_CHECK;
int filter_replace(uint32_t ifindex, enum hook hook, int program_fd, struct fault *why) MUST_CHECK;
int filter_remove(uint32_t ifindex, enum hook hook, struct fault *why) MUST_CHECK;
