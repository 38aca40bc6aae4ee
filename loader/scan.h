// SPDX-License-Identifier: Apache-2.0
// Starts a plan: reads what the kernel runs on each hook, compares it with the record, and notes the damage. Decides
// nothing.
#pragma once

#include "base/fault.h"
#include "bpf/hook.h"
#include "loader/anchor.h"
#include "loader/plan.h"

// All hooks: those that node.json names, those that have pins of ours, and recorded ones that are held. Admits
// nothing and changes nothing: it is what `status` shows. `*out` is the caller's (plan_free); it borrows from
// `places`. FAULT_KERNEL and FAULT_OTHER when the state cannot be read, FAULT_FORMAT for a damaged record.
int scan_all(const struct plan_places *places, struct plan **out, struct fault *why) MUST_CHECK;
// The same for one hook.
int scan_hook(const struct plan_places *places, const char *iface, enum hook hook,
	      struct plan **out, struct fault *why) MUST_CHECK;

// The chain of a hook in a plan; added and read where the plan has none yet. `*out` is borrowed until the next call.
int scan_add(struct plan *plan, const struct plan_places *places, const char *iface, enum hook hook,
	     struct plan_chain **out, struct fault *why) MUST_CHECK;
// Reads a chain again, whose name and record are known: its `truth` and `damage`.
int scan_chain(struct plan_chain *chain, const struct plan_places *places, struct anchor_tags *tags,
	       struct fault *why) MUST_CHECK;
