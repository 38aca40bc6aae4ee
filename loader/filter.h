// SPDX-License-Identifier: Apache-2.0
// Filters of a clsact qdisc: the way onto a TC hook for kernels without TCX. There is no bpf_link; our filter is recognized
// by its priority, handle and name.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "bpf/hook.h"

// Our filter's identity: the highest priority, for every protocol.
#define FILTER_NAME   "bpfseal"
#define FILTER_PREF   1
#define FILTER_HANDLE 1

struct filter {
	char kind[16];	     // "bpf", "flower", ...
	uint32_t program_id; // 0: no BPF program
	uint32_t pref;
	// Of a BPF program; of other kinds the whole pref is one entry, and this is 0.
	uint32_t handle;
	uint16_t protocol; // ETH_P_*
	bool direct;	   // direct-action: its program's verdict is the filter's
	bool offload_only; // skip_sw: it runs on the card only
	char name[64];	   // given by its owner, of a BPF filter
};

// Has our priority, handle and name. (Whether its program is our root, only the program id tells.)
bool filter_is_ours(const struct filter *filter);
// Whether it runs in the host and its verdict takes effect.
bool filter_counts(const struct filter *filter);
// Whether it is a foreign filter that has our priority.
bool filter_is_in_the_way(const struct filter *filter);

// The filters on one hook of an interface, in the order in which packets meet them; only those of chain 0, where packets
// enter. None without a qdisc. `*out` is the caller's, to be freed.
int filter_list(uint32_t ifindex, enum hook hook, struct filter **out, size_t *count,
		struct fault *why) MUST_CHECK;

// The qdisc where clsact would be.
enum filter_qdisc {
	FILTER_QDISC_NONE,
	FILTER_QDISC_CLSACT,
	FILTER_QDISC_OTHER, // the older "ingress", which would run an egress filter on incoming packets
};
int filter_qdisc(uint32_t ifindex, enum filter_qdisc *out, struct fault *why) MUST_CHECK;
// Creates a clsact qdisc; `*made` is false when there is one already.
int filter_qdisc_make(uint32_t ifindex, bool *made, struct fault *why) MUST_CHECK;
// Deletes it if neither hook has a filter; `*ours`: one of ours is still there. (A filter that somebody adds between check
// and deletion is deleted with it: the kernel has no "delete if empty".)
int filter_qdisc_tidy(uint32_t ifindex, bool *ours, struct fault *why) MUST_CHECK;

// Adds our filter, where there must be none; replaces its program atomically; deletes it (absent is fine). FAULT_KERNEL with
// the kernel's message.
int filter_add(uint32_t ifindex, enum hook hook, int program_fd, struct fault *why) MUST_CHECK;
int filter_replace(uint32_t ifindex, enum hook hook, int program_fd, struct fault *why) MUST_CHECK;
int filter_remove(uint32_t ifindex, enum hook hook, struct fault *why) MUST_CHECK;
