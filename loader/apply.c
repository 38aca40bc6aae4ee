// SPDX-License-Identifier: Apache-2.0
#include "loader/apply.h"

#include <stdlib.h>
#include <string.h>

#include "base/audit.h"
#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/record.h"
#include "loader/shared.h"

#define AUDIT_FILE	  "audit.log"
#define AUDIT_CHANGES_MAX 64 // values in one record

void apply_drop(struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++)
		chain_free(apply->chains[i].chain);
	free(apply->chains);
	*apply = (struct apply){0};
}

static struct chain_spec spec_of(const struct apply_places *places, const struct plan_chain *plan)
{
	return (struct chain_spec){.iface = plan->iface,
				   .hook = plan->hook,
				   .native_ok = !plan->interface || plan->interface->xdp_native_ok,
				   .generic_ok = plan->interface && plan->interface->xdp_generic_ok,
				   .members = plan->members,
				   .count = plan->count,
				   .policy = &places->node->policy,
				   .tree = places->tree,
				   .logs_dirfd = places->logs_dirfd,
				   .logs_path = places->logs_path};
}

static bool builds(const struct plan_chain *plan)
{
	return plan->action != PLAN_KEEP && plan->action != PLAN_REMOVE &&
	       plan->action != PLAN_VALUES;
}

// A list of thousands is cut: the count stays true.
static int put_changes(struct json *details, const struct json *changes, struct fault *why)
{
	struct json *list = json_make_array();

	if (json_put_int(details, "values", (int64_t)json_count(changes), why)) {
		json_free(list);
		return -1;
	}
	if (json_put(details, "changes", list, why))
		return -1;
	for (size_t i = 0; i < json_count(changes) && i < AUDIT_CHANGES_MAX; i++)
		if (json_add(list, json_keep(json_item(changes, i)), why))
			return -1;
	return 0;
}

static int apply_audit(const struct apply_places *places, const struct apply_chain *at,
		       struct fault *why)
{
	OWNED(json_drop) struct json *details = json_make_object();
	OWNED(json_drop) struct json *members = json_make_array();

	if (!details || !members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < at->plan->count; i++) {
		char hex[SHA256_HEX];
		struct json *member = json_make_object();

		sha256_hex(&at->plan->members[i].object, hex);
		if (json_add(members, member, why) ||
		    json_put_text(member, "name", at->plan->members[i].name, why) ||
		    json_put_text(member, "version", at->plan->members[i].version, why) ||
		    json_put_text(member, "object", hex, why))
			return -1;
	}
	if (json_put_text(details, "interface", at->plan->iface, why) ||
	    json_put_text(details, "hook", hook_name(at->plan->hook), why) ||
	    json_put_text(details, "action", plan_action_name(at->plan->action), why) ||
	    json_put_int(details, "fell_through", (int64_t)at->plan->truth.fell, why) ||
	    json_put(details, "members", HAND_OVER(members), why) ||
	    (json_count(at->plan->changes) && put_changes(details, at->plan->changes, why)))
		return -1;
	return audit_append(places->loader_dirfd, AUDIT_FILE, places->now, "apply",
			    HAND_OVER(details), why);
}

static bool has_line(const struct json *lines, const struct json *line)
{
	for (size_t i = 0; i < json_count(lines); i++)
		if (json_same(json_item(lines, i), line))
			return true;
	return false;
}

// Each denial once: when it first takes effect here.
static int apply_audit_denied(const struct apply_places *places, const struct plan_chain *plan,
			      struct fault *why)
{
	const struct json *old = json_member(plan->record, "denied");

	for (size_t i = 0; i < json_count(plan->denied); i++) {
		const struct json *line = json_item(plan->denied, i);
		OWNED(json_drop) struct json *details = NULL;

		if (has_line(old, line))
			continue;
		if (json_clone(line, &details, why) ||
		    json_put_text(details, "interface", plan->iface, why) ||
		    json_put_text(details, "hook", hook_name(plan->hook), why) ||
		    audit_append(places->loader_dirfd, AUDIT_FILE, places->now, "denied",
				 HAND_OVER(details), why))
			return -1;
	}
	return 0;
}

static int put_denied(struct json *record, const struct plan_chain *plan, struct fault *why)
{
	if (!json_count(plan->denied)) {
		json_remove(record, "denied");
		return 0;
	}
	return json_put(record, "denied", json_keep(plan->denied), why);
}

// Builds every chain beside what runs, and writes down what shall be before anything is.
static int apply_build(const struct apply_places *places, struct plan *plan, struct apply *out,
		       struct json *next, struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];
		struct chain_spec spec;
		struct json *record = NULL;

		if (!builds(chain))
			continue;
		spec = spec_of(places, chain);
		if (chain_build(&spec, &out->chains[i].chain, why) ||
		    record_of(&spec, out->chains[i].chain, &record, why))
			return -1;
		if (put_denied(record, chain, why)) {
			json_free(record);
			return -1;
		}
		if (record_set(next, chain->iface, hook_name(chain->hook), record, why))
			return -1;
	}
	return record_stage(places->loader_dirfd, next, why);
}

static int apply_remove(const struct apply_places *places, const struct plan_chain *chain,
			struct fault *why)
{
	char place[BPFFS_PATH_MAX];

	if (bpffs_place(places->tree, chain->iface, chain->hook, place, why))
		return -1;
	return chain_remove(place, why);
}

static int apply_enter(const struct apply_places *places, struct apply_chain *at, struct fault *why)
{
	int64_t start = places->ticks_us();

	if (at->chain			      ? chain_commit(at->chain, why)
	    : at->plan->action == PLAN_VALUES ? edits_write(&at->plan->edits, why)
					      : apply_remove(places, at->plan, why))
		return -1;
	at->switch_us = places->ticks_us() - start;
	at->done = true;
	return 0;
}

// The same members with other values. Written down only now: a crash before it leaves the old record, and the next plan sees
// what is missing.
static int record_values(const struct plan_chain *plan, struct json *entry, struct fault *why)
{
	const struct json *members = json_member(entry, "members");

	for (size_t i = 0; i < plan->count; i++)
		if (record_put_values((struct json *)(uintptr_t)json_item(members, i),
				      &plan->members[i], why))
			return -1;
	return 0;
}

// What the record shall say of one chain; NULL: nothing. Of a chain whose last members were denied it keeps the lines, as
// only what is known there is left out again and not refused.
static int apply_entry(const struct apply_chain *at, const struct json *next, struct json **out,
		       struct fault *why)
{
	const struct plan_chain *plan = at->plan;
	const struct json *built = record_chain(next, plan->iface, hook_name(plan->hook));
	OWNED(json_drop) struct json *entry = NULL;

	*out = NULL;
	if (at->chain) {
		*out = json_keep(built);
		return 0;
	}
	if (plan->action != PLAN_REMOVE && plan->record ? json_clone(plan->record, &entry, why)
	    : !json_count(plan->denied)			? 0
					: record_of_none(plan->iface, plan->hook, &entry, why))
		return -1;
	if (plan->action == PLAN_VALUES && record_values(plan, entry, why))
		return -1;
	if (entry && put_denied(entry, plan, why))
		return -1;
	*out = HAND_OVER(entry);
	return 0;
}

// The record says what was really entered, in `plan->record`.
static int apply_record(const struct apply_places *places, struct plan *plan,
			const struct apply *out, const struct json *next, struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;

	if (json_clone(plan->record, &active, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];
		struct json *entered = NULL;

		if (!out->chains[i].done &&
		    !(chain->action == PLAN_KEEP && plan_denied_differs(chain)))
			continue;
		if (apply_entry(&out->chains[i], next, &entered, why) ||
		    record_set(active, chain->iface, hook_name(chain->hook), entered, why))
			return -1;
	}
	return record_commit(places->loader_dirfd, active, why);
}

static int apply_settle(const struct apply_places *places, const struct apply *out,
			struct fault *why)
{
	for (size_t i = 0; i < out->count; i++) {
		const struct apply_chain *at = &out->chains[i];

		if (at->done &&
		    ((at->chain && chain_settle(at->chain, why)) || apply_audit(places, at, why)))
			return -1;
		if ((at->done || at->plan->action == PLAN_KEEP) &&
		    apply_audit_denied(places, at->plan, why))
			return -1;
		if (at->done && shared_sweep(places->tree, at->plan->iface, why))
			return -1;
	}
	return 0;
}

// Chains that stay: leftovers of a crash go, and the record of one that was entered is completed.
static int apply_tidy(const struct apply_places *places, const struct plan *plan, struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];
		char place[BPFFS_PATH_MAX];

		if (shared_sweep(places->tree, chain->iface, why))
			return -1;
		if (builds(chain) || chain->action == PLAN_REMOVE || !chain->truth.entered)
			continue;
		if (bpffs_place(places->tree, chain->iface, chain->hook, place, why) ||
		    chain_tidy(place, chain->truth.generation, chain->truth.root_number, why))
			return -1;
	}
	return record_adopt(places->loader_dirfd, plan->record, why);
}

static bool denied_differ(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan_denied_differs(&plan->chains[i]))
			return true;
	return false;
}

int apply_plan(const struct apply_places *places, struct plan *plan, struct apply *out,
	       struct fault *why)
{
	OWNED(json_drop) struct json *next = NULL;
	struct fault first = {0};

	out->chains = calloc(plan->count + 1, sizeof(*out->chains));
	if (!out->chains)
		return fault_set(why, FAULT_OTHER, "out of memory");
	out->count = plan->count;
	for (size_t i = 0; i < plan->count; i++)
		out->chains[i].plan = &plan->chains[i];
	if (apply_tidy(places, plan, why))
		return -1;
	if (!plan_is_pending(plan) && !denied_differ(plan))
		return 0;
	if (json_clone(plan->record, &next, why) || apply_build(places, plan, out, next, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		if (plan->chains[i].action == PLAN_KEEP)
			continue;
		if (apply_enter(places, &out->chains[i], why)) {
			first = *why; // what has been entered is still recorded and settled
			break;
		}
	}
	fault_clear(why);
	if (apply_record(places, plan, out, next, why) || apply_settle(places, out, why))
		return -1;
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}
