// SPDX-License-Identifier: Apache-2.0
#include "loader/apply.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/audit.h"
#include "base/batch.h"
#include "base/owned.h"
#include "loader/admit.h"
#include "loader/background.h"
#include "loader/bpffs.h"
#include "loader/follow.h"
#include "loader/hold.h"
#include "loader/iface.h"
#include "loader/inherit.h"
#include "loader/mapid.h"
#include "loader/record.h"
#include "loader/shared.h"

#define AUDIT_FILE	  "audit.log"
#define AUDIT_CHANGES_MAX 64 // values in one record

void apply_drop(struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++) {
		chain_free(apply->chains[i].chain);
		json_free(apply->chains[i].record);
	}
	free(apply->chains);
	*apply = (struct apply){0};
}

static struct chain_spec spec_of(const struct apply_places *places, const struct plan_chain *plan,
				 struct types *types)
{
	return (struct chain_spec){.iface = plan->iface,
				   .hook = plan->hook,
				   .wish = attach_wish(plan->interface, plan->hook, &plan->truth),
				   .renew_root = findings_has(&plan->damage, "root_replaced"),
				   .members = plan->members,
				   .count = plan->count,
				   .policy = &places->node->policy,
				   .tree = places->tree,
				   .logs_dirfd = places->logs_dirfd,
				   .logs_path = places->logs_path,
				   .events = places->events,
				   .types = types};
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

static int apply_audit(const struct apply_places *places, struct audit *log,
		       const struct apply_chain *at, struct fault *why)
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
	return audit_add(log, places->now, places->event ? places->event : "apply",
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
static int apply_audit_denied(const struct apply_places *places, struct audit *log,
			      const struct plan_chain *plan, struct fault *why)
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
		    audit_add(log, places->now, "denied", HAND_OVER(details), why))
			return -1;
	}
	return 0;
}

static int put_note(struct json *record, const char *key, const struct json *note, size_t count,
		    struct fault *why)
{
	if (!count) {
		json_remove(record, key);
		return 0;
	}
	return json_put(record, key, json_keep(note), why);
}

// What is to be said of a chain besides its members.
static int put_notes(struct json *record, const struct plan_chain *plan, struct fault *why)
{
	return put_note(record, "denied", plan->denied, json_count(plan->denied), why) ||
			       put_note(record, HOLD_KEY, plan->hold, plan->hold ? 1 : 0, why)
		       ? -1
		       : 0;
}

// Whether a refusal came of this that the interface has gone since the plan: then its chain waits, and nobody else's does.
static bool apply_lost(struct apply_chain *at, struct fault *why)
{
	struct fault ask = {0};
	struct iface iface;

	if (at->plan->hook == HOOK_PROBE || !iface_find(at->plan->iface, &iface, &ask) ||
	    ask.code != FAULT_CONFIG)
		return false;
	chain_drop(&at->chain);
	at->lost = true;
	fault_clear(why);
	return true;
}

// One chain beside what runs, and what its record shall say.
static int apply_build_one(const struct apply_places *places, struct apply_chain *at,
			   struct types *types, struct fault *why)
{
	const struct chain_spec spec = spec_of(places, at->plan, types);

	if (chain_build(&spec, &at->chain, why))
		return apply_lost(at, why) ? 0 : -1;
	if (record_of(&spec, at->chain, &at->record, why))
		return -1;
	return put_notes(at->record, at->plan, why);
}

// What this is done by is ours to keep before anything is done.
static int apply_kept(const struct plan *plan, struct fault *why)
{
	return plan->keeping ? admit_kept(plan->keeping, why) : 0;
}

// Builds every chain, and writes down what shall be before anything is.
static int apply_build(const struct apply_places *places, const struct apply *out,
		       const struct plan *plan, struct fault *why)
{
	OWNED(json_drop) struct json *next = NULL;
	OWNED(types_drop) struct types *types = types_new();
	struct json *chains = json_make_array();

	if (json_clone(plan->record, &next, why)) {
		json_free(chains);
		return -1;
	}
	if (json_put(next, "chains", chains, why))
		return -1;
	for (size_t i = 0; i < out->count; i++) {
		struct apply_chain *at = &out->chains[i];

		if (!plan_builds(at->plan->action))
			continue;
		if (apply_build_one(places, at, types, why) ||
		    (at->record && json_add(chains, json_keep(at->record), why)))
			return -1;
	}
	return apply_kept(plan, why) || record_stage(places->loader_dirfd, next, why) ? -1 : 0;
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

	if (at->lost)
		return 0;
	if (at->chain && chain_commit(at->chain, why))
		return apply_lost(at, why) ? 0 : -1;
	if (at->plan->action == PLAN_REMOVE && apply_remove(places, at->plan, why))
		return -1;
	if (edits_write(&at->plan->edits, why))
		return fault_within(why, "the values of %s on %s cannot be written",
				    hook_name(at->plan->hook), at->plan->iface);
	at->switch_us = places->ticks_us() - start;
	at->done = true;
	return 0;
}

// The same members with other values; of what was planned from our copies nobody asks for any. Written down only now: a crash before it leaves the old record, and the next plan sees
// what is missing.
static int record_values(const struct plan_chain *plan, struct json *entry, struct fault *why)
{
	OWNED(json_drop) struct json *members = json_make_array();
	const struct json *old = json_member(entry, "members");

	if (!plan->count)
		return 0;
	if (!members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < plan->count; i++) {
		struct json *member = NULL;

		if (json_clone(json_item(old, i), &member, why) || json_add(members, member, why) ||
		    record_put_values(member, &plan->members[i], why))
			return -1;
	}
	return json_put(entry, "members", HAND_OVER(members), why);
}

// What the record shall say of one chain; NULL: nothing. Of a chain whose last members were denied it keeps the lines, as
// only what is known there is left out again and not refused; of one that was rolled back to none, that it is held.
static int apply_entry(const struct apply_chain *at, struct json **out, struct fault *why)
{
	const struct plan_chain *plan = at->plan;
	OWNED(json_drop) struct json *entry = NULL;
	bool decided = at->done || plan->action == PLAN_KEEP;
	bool removed = at->done && plan->action == PLAN_REMOVE;

	*out = NULL;
	if ((at->done && at->record) || plan->put_off) {
		*out = json_keep(plan->put_off ? plan->put_off : at->record);
		return 0;
	}
	if (!removed && plan->record ? json_clone(plan->record, &entry, why) ||
					       json_put_text(entry, "interface", plan->iface, why)
	    : !json_count(plan->denied) && !plan->hold
		    ? 0
		    : record_of_none(plan->iface, plan->hook, &entry, why))
		return -1;
	// Of a chain that was not decided, as beside one that is restored, what was said stands: its hold, and what was denied.
	if (entry && decided && plan->denied && put_notes(entry, plan, why))
		return -1;
	if (at->done && (plan->action == PLAN_VALUES || plan->action == PLAN_MOVE) &&
	    record_values(plan, entry, why))
		return -1;
	*out = HAND_OVER(entry);
	return 0;
}

static bool plan_names(const struct plan *plan, const struct json *chain)
{
	const char *iface = json_text(json_member(chain, "interface"));
	const char *hook = json_text(json_member(chain, "hook"));

	for (size_t i = 0; i < plan->count; i++)
		if (iface && hook && !strcmp(plan->chains[i].iface, iface) &&
		    !strcmp(hook_name(plan->chains[i].hook), hook))
			return true;
	return false;
}

// Of interfaces that the plan does not know. Is it of everything, they are forgotten; but while nothing new can be
// admitted, what once ran on one that is yet to come is all that it could get.
static int apply_keep_others(const struct apply_places *places, const struct plan *plan,
			     struct json *chains, struct fault *why)
{
	OWNED(json_drop) struct json *record = NULL;
	const struct json *old;

	if (plan->is_whole && !plan->from_copies)
		return 0;
	// As it is on disk: there it has the names of today already (loader/follow.h).
	if (record_read(places->loader_dirfd, RECORD_ACTIVE, &record, why))
		return -1;
	old = json_member(record, "chains");
	for (size_t i = 0; i < json_count(old); i++)
		if (!plan_names(plan, json_item(old, i)) &&
		    json_add(chains, json_keep(json_item(old, i)), why))
			return -1;
	return 0;
}

// What it is when it has been entered: everything that is to be, but for interfaces that have gone.
static struct apply_chain when_done(const struct apply_chain *at)
{
	struct apply_chain done = *at;

	done.done = !at->lost && at->plan->action != PLAN_KEEP && at->plan->action != PLAN_WAIT;
	return done;
}

// What is entered, or `ahead` of that what is to be, in the order of the plan.
static int apply_compose(const struct apply_places *places, const struct plan *plan,
			 const struct apply *out, bool ahead, struct json **record,
			 struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;
	OWNED(json_drop) struct json *chains = json_make_array();

	if (!chains)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < out->count; i++) {
		const struct apply_chain at = ahead ? when_done(&out->chains[i]) : out->chains[i];
		struct json *entry = NULL;

		if (apply_entry(&at, &entry, why) || (entry && json_add(chains, entry, why)))
			return -1;
	}
	if (apply_keep_others(places, plan, chains, why) ||
	    json_clone(plan->record, &active, why) ||
	    json_put(active, "chains", HAND_OVER(chains), why))
		return -1;
	*record = HAND_OVER(active);
	return 0;
}

// ---- beside the switch ----

// What is in nobody's way: done while the chains are entered, where that takes the kernel long, and behind it otherwise.
struct aside {
	const struct plan *plan;
	struct audit *log;
	struct json *expected; // the record, if all goes as planned
	struct batch batch;    // of it: drafts, which say nothing yet
	struct background task;
};

static void aside_drop(struct aside *aside)
{
	audit_free(aside->log);
	json_free(aside->expected);
	batch_drop(&aside->batch);
}

static void aside_note(const struct aside *aside)
{
	if (aside->plan->keeping)
		admit_note(aside->plan->keeping);
}

static int aside_job(void *ctx, struct fault *why)
{
	struct aside *aside = ctx;
	struct fault ignored = {0};

	// What cannot be done here is done, and told, when it has to be.
	if (aside->batch.count && batch_draft(&aside->batch, &ignored))
		fault_clear(&ignored);
	aside_note(aside);
	return audit_ready(aside->log, why);
}

// XDP is attached after a grace period of the kernel's. A root that is attached already is entered at once: another thread
// would only cost its beginning.
static bool takes_long(const struct apply *out)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->chains[i].chain && out->chains[i].plan->hook == HOOK_XDP &&
		    !out->chains[i].plan->truth.attached)
			return true;
	return false;
}

static int aside_begin(const struct apply_places *places, const struct apply *out,
		       struct aside *aside, struct fault *why)
{
	struct fault ignored = {0};

	aside->batch.dirfd = places->loader_dirfd;
	if (audit_new(places->loader_dirfd, AUDIT_FILE, &aside->log, why))
		return -1;
	if (!takes_long(out))
		return 0;
	if (apply_compose(places, aside->plan, out, true, &aside->expected, &ignored) ||
	    record_prepare(&aside->batch, aside->expected, &ignored))
		batch_drop(&aside->batch);
	background_start(&aside->task, aside_job, aside);
	return 0;
}

static void aside_end(struct aside *aside)
{
	struct fault later = {0};

	if (background_wait(&aside->task, &later))
		fault_clear(&later); // who writes to the log is told
}

// The record says what was really entered. Was it as expected, the drafts are it.
static int apply_record(const struct apply_places *places, struct aside *aside,
			const struct apply *out, struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;

	if (apply_compose(places, aside->plan, out, false, &active, why))
		return -1;
	if (aside->batch.drafted && json_same(aside->expected, active))
		return record_settle(&aside->batch, why);
	batch_drop(&aside->batch);
	return record_commit(places->loader_dirfd, active, why);
}

static int apply_release(const struct apply_places *places, const struct apply_chain *at,
			 struct fault *why)
{
	return (at->chain && chain_release(at->chain, why)) ||
			       shared_sweep(places->tree, at->plan->iface, why)
		       ? -1
		       : 0;
}

static int apply_audit_one(const struct apply_places *places, struct audit *log,
			   const struct apply_chain *at, struct fault *why)
{
	if (at->done && apply_audit(places, log, at, why))
		return -1;
	if (at->done || at->plan->action == PLAN_KEEP)
		return apply_audit_denied(places, log, at->plan, why);
	return 0;
}

static int grace_job(void *ctx, struct fault *why)
{
	(void)ctx;
	return sys_grace(why);
}

// Waits until no packet is in what was replaced: once for all chains, as it is the longest step by far, and beside what is
// written meanwhile.
static void apply_begin_grace(const struct apply *out, struct background *grace)
{
	bool waits = false;

	for (size_t i = 0; i < out->count; i++)
		waits |= out->chains[i].done && out->chains[i].chain &&
			 chain_replaces(out->chains[i].chain);
	if (waits)
		background_start(grace, grace_job, NULL);
}

static void keep_first(struct fault *first, const struct fault *why)
{
	if (first->code == FAULT_NONE)
		*first = *why;
}

static int apply_audit_all(const struct apply_places *places, struct audit *log,
			   const struct apply *out, struct fault *why)
{
	struct fault first = {0};

	for (size_t i = 0; i < out->count; i++)
		if (apply_audit_one(places, log, &out->chains[i], why))
			keep_first(&first, why);
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

// What was entered is written down, and then lets go of what it replaced. The first refusal is the one that is told.
static int apply_settle(const struct apply_places *places, struct aside *aside,
			const struct apply *out, bool whole, struct fault *why)
{
	struct background grace = {0};
	struct fault first = {0}, late = {0};
	bool recorded;

	apply_begin_grace(out, &grace);
	aside_end(aside);
	recorded = !apply_record(places, aside, out, why);
	if (!recorded || apply_audit_all(places, aside->log, out, why))
		first = *why;
	else if (whole && places->meanwhile)
		places->meanwhile(places->ctx);
	aside_note(aside);
	if (background_wait(&grace, &late))
		keep_first(&first, &late);
	// Without a record the next run has to find what was replaced as it is.
	for (size_t i = 0; i < out->count && recorded && late.code == FAULT_NONE; i++)
		if (out->chains[i].done && apply_release(places, &out->chains[i], why))
			keep_first(&first, why);
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

// What is pinned of an interface that is gone for good goes too; the record stays, so that its chain can come back with it.
static int apply_forget(const char *place, const struct plan_chain *chain, struct fault *why)
{
	if (chain->truth.elsewhere || !chain->was[0] || access(place, F_OK))
		return 0;
	return chain_remove(place, why);
}

static int apply_tidy_shared(const struct apply_places *places, const struct plan *plan,
			     const char *iface, struct fault *why)
{
	if (plan_is_renewed(plan, iface) && shared_forget(places->tree, iface, why))
		return -1;
	return shared_sweep(places->tree, iface, why);
}

// What somebody else has pinned in the place of a map goes before anything is kept: nobody's data may come into a chain,
// also not through a name that several programs share.
static int apply_clear(const struct apply_places *places, const struct plan *plan,
		       struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];
		char place[BPFFS_PATH_MAX];
		const struct mapid_place at = {.place = place,
					       .generation = chain->truth.generation,
					       .record = chain->record};

		if (!findings_has(&chain->damage, "map_replaced"))
			continue;
		if (plan_place(chain, places->tree, place, why) || mapid_clear(&at, why))
			return -1;
	}
	return 0;
}

// Chains that stay: leftovers of a crash go, and the record of one that was entered is completed.
static int apply_tidy(const struct apply_places *places, const struct plan *plan, struct fault *why)
{
	if (apply_clear(places, plan, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];
		char place[BPFFS_PATH_MAX];

		if (bpffs_place(places->tree, chain->iface, chain->hook, place, why))
			return -1;
		if (chain->action == PLAN_WAIT && apply_forget(place, chain, why))
			return -1;
		if (apply_tidy_shared(places, plan, chain->iface, why))
			return -1;
		if ((chain->action != PLAN_KEEP && chain->action != PLAN_VALUES) ||
		    !chain->truth.entered)
			continue;
		if (chain_tidy(place, chain->truth.generation, chain->truth.root_number, why))
			return -1;
	}
	return record_adopt(places->loader_dirfd, plan->record, why);
}

static bool notes_differ(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan_notes_differ(&plan->chains[i]))
			return true;
	return false;
}

static int apply_enter_all(const struct apply_places *places, const struct apply *out,
			   struct fault *why)
{
	for (size_t i = 0; i < out->count; i++)
		if (out->chains[i].plan->action != PLAN_KEEP &&
		    out->chains[i].plan->action != PLAN_WAIT &&
		    apply_enter(places, &out->chains[i], why))
			return -1;
	return 0;
}

// From the first switch on: what has been entered is recorded and settled, also where a later one is refused.
static int apply_make_so(const struct apply_places *places, const struct plan *plan,
			 const struct apply *out, struct fault *why)
{
	OWNED(aside_drop) struct aside aside = {.plan = plan};
	struct fault first = {0};

	if (aside_begin(places, out, &aside, why))
		return -1;
	if (apply_enter_all(places, out, why))
		first = *why;
	fault_clear(why);
	if (apply_settle(places, &aside, out, first.code == FAULT_NONE, why))
		return -1;
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

int apply_plan(const struct apply_places *places, struct plan *plan, struct apply *out,
	       struct fault *why)
{
	out->chains = calloc(plan->count + 1, sizeof(*out->chains));
	if (!out->chains)
		return fault_set(why, FAULT_OTHER, "out of memory");
	out->count = plan->count;
	for (size_t i = 0; i < plan->count; i++)
		out->chains[i].plan = &plan->chains[i];
	if (apply_tidy(places, plan, why) || follow_pins(plan, places->tree, why) ||
	    inherit_maps(plan, places->tree, true, why))
		return -1;
	if (!plan_is_pending(plan) && !notes_differ(plan))
		return apply_kept(plan, why);
	return follow_records(plan, places->loader_dirfd, why) ||
			       apply_build(places, out, plan, why) ||
			       apply_make_so(places, plan, out, why)
		       ? -1
		       : 0;
}
