// SPDX-License-Identifier: Apache-2.0
#include "loader/apply.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/audit.h"
#include "base/batch.h"
#include "base/owned.h"
#include "loader/admit.h"
#include "loader/applylog.h"
#include "loader/applyrecord.h"
#include "loader/background.h"
#include "loader/bpffs.h"
#include "loader/follow.h"
#include "loader/iface.h"
#include "loader/inherit.h"
#include "loader/mapid.h"
#include "loader/record.h"
#include "loader/shared.h"

#define AUDIT_FILE "audit.log"

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
	return applyrecord_put_notes(at->record, at->plan, why);
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

// ---- beside the switch ----

// What is in nobody's way: done while the chains are entered, where that takes the kernel long, and behind it otherwise.
struct prework {
	const struct plan *plan;
	struct audit *log;
	struct json *expected; // the record, if all goes as planned
	struct batch batch;    // of it: drafts, which say nothing yet
	struct background task;
};

static void prework_drop(struct prework *prework)
{
	audit_free(prework->log);
	json_free(prework->expected);
	batch_drop(&prework->batch);
}

static void prework_note(const struct prework *prework)
{
	if (prework->plan->keeping)
		admit_note(prework->plan->keeping);
}

static int prework_job(void *ctx, struct fault *why)
{
	struct prework *prework = ctx;
	struct fault ignored = {0};

	// What cannot be done here is done, and told, when it has to be.
	if (prework->batch.count && batch_draft(&prework->batch, &ignored))
		fault_clear(&ignored);
	prework_note(prework);
	return audit_ready(prework->log, why);
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

static int prework_begin(const struct apply_places *places, const struct apply *out,
			 struct prework *prework, struct fault *why)
{
	struct fault ignored = {0};

	prework->batch.dirfd = places->loader_dirfd;
	if (audit_new(places->loader_dirfd, AUDIT_FILE, &prework->log, why))
		return -1;
	if (!takes_long(out))
		return 0;
	if (applyrecord_compose(places, prework->plan, out, true, &prework->expected, &ignored) ||
	    record_prepare(&prework->batch, prework->expected, &ignored))
		batch_drop(&prework->batch);
	background_start(&prework->task, prework_job, prework);
	return 0;
}

static void prework_end(struct prework *prework)
{
	struct fault later = {0};

	if (background_wait(&prework->task, &later))
		fault_clear(&later); // who writes to the log is told
}

// The record says what was really entered. Was it as expected, the drafts are it.
static int apply_record(const struct apply_places *places, struct prework *prework,
			const struct apply *out, struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;

	if (applyrecord_compose(places, prework->plan, out, false, &active, why))
		return -1;
	if (prework->batch.drafted && json_same(prework->expected, active))
		return record_settle(&prework->batch, why);
	batch_drop(&prework->batch);
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

// What was entered is written down, and then lets go of what it replaced. The first refusal is the one that is told.
static int apply_settle(const struct apply_places *places, struct prework *prework,
			const struct apply *out, bool whole, struct fault *why)
{
	struct background grace = {0};
	struct fault first = {0}, late = {0};
	bool recorded, is_past;

	apply_begin_grace(out, &grace);
	prework_end(prework);
	recorded = !apply_record(places, prework, out, why);
	if (!recorded || applylog_write(places, prework->log, out, why))
		first = *why;
	else if (whole && places->meanwhile)
		places->meanwhile(places->ctx);
	prework_note(prework);
	is_past = !background_wait(&grace, &late);
	fault_first(&first, &late);
	// Without a record the next run has to find what was replaced as it is.
	for (size_t i = 0; i < out->count && recorded && is_past; i++)
		if (out->chains[i].done && apply_release(places, &out->chains[i], why))
			fault_first(&first, why);
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
	OWNED(prework_drop) struct prework prework = {.plan = plan};
	struct fault first = {0};

	if (prework_begin(places, out, &prework, why))
		return -1;
	if (apply_enter_all(places, out, why))
		first = *why;
	fault_clear(why);
	if (apply_settle(places, &prework, out, first.code == FAULT_NONE, why))
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
