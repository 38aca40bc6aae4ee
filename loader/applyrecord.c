// SPDX-License-Identifier: Apache-2.0
#include "loader/applyrecord.h"

#include <stdbool.h>
#include <string.h>

#include "base/owned.h"
#include "loader/hold.h"
#include "loader/record.h"

static int put_note(struct json *record, const char *key, const struct json *note, size_t count,
		    struct fault *why)
{
	if (!count) {
		json_remove(record, key);
		return 0;
	}
	return json_put(record, key, json_keep(note), why);
}

int applyrecord_put_notes(struct json *record, const struct plan_chain *plan, struct fault *why)
{
	return put_note(record, "denied", plan->denied, json_count(plan->denied), why) ||
			       put_note(record, HOLD_KEY, plan->hold, plan->hold ? 1 : 0, why)
		       ? -1
		       : 0;
}

// The same members with other values; of what was planned from our copies nobody asks for any. Written down only now: a crash
// before it leaves the old record, and the next plan sees what is missing.
static int put_values(const struct plan_chain *plan, struct json *entry, struct fault *why)
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
static int entry_of(const struct apply_chain *at, struct json **out, struct fault *why)
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
	if (entry && decided && plan->denied && applyrecord_put_notes(entry, plan, why))
		return -1;
	if (at->done && (plan->action == PLAN_VALUES || plan->action == PLAN_MOVE) &&
	    put_values(plan, entry, why))
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
static int keep_others(const struct apply_places *places, const struct plan *plan,
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

int applyrecord_compose(const struct apply_places *places, const struct plan *plan,
			const struct apply *done, bool ahead, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;
	OWNED(json_drop) struct json *chains = json_make_array();

	if (!chains)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < done->count; i++) {
		const struct apply_chain at = ahead ? when_done(&done->chains[i]) : done->chains[i];
		struct json *entry = NULL;

		if (entry_of(&at, &entry, why) || (entry && json_add(chains, entry, why)))
			return -1;
	}
	if (keep_others(places, plan, chains, why) || json_clone(plan->record, &active, why) ||
	    json_put(active, "chains", HAND_OVER(chains), why))
		return -1;
	*out = HAND_OVER(active);
	return 0;
}
