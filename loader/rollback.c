// SPDX-License-Identifier: Apache-2.0
#include "loader/rollback.h"

#include <string.h>

#include "base/owned.h"
#include "loader/decide.h"
#include "loader/desired.h"
#include "loader/foretell.h"
#include "loader/hold.h"
#include "loader/previous.h"
#include "loader/record.h"
#include "loader/scan.h"

// Whether node.json asks for just what we go back to.
static bool is_wished(const struct json *wish, const struct member *members, size_t count)
{
	if (json_count(json_member(wish, "members")) != count)
		return false;
	for (size_t i = 0; i < count; i++) {
		const struct json *wished = record_member_at(wish, members[i].place);

		if (!wished || !record_is_member(wished, &members[i]))
			return false;
	}
	return true;
}

// The hold that keeps the next apply from undoing the rollback. It records what node.json asks for now, so that it
// ends when that changes; where that cannot be resolved to versions, the lines of node.json alone are recorded.
static int rollback_hold(struct plan_chain *chain, struct admit *admit, int64_t now,
			 struct json **out, struct fault *why)
{
	int bad = desired_admit(chain, admit, why), failed;

	chain->refused = *why;
	fault_clear(why);
	failed = hold_make(chain->interface, chain->hook, bad ? NULL : chain->members, chain->count,
			   now, out, why);
	plan_reset(chain);
	return failed;
}

// Its interface is away: when it comes, it gets what was rolled back to.
static int rollback_put_off(struct plan_chain *chain, const struct json *earlier, struct fault *why)
{
	OWNED(json_drop) struct json *record = NULL;

	if (json_clone(earlier, &record, why) ||
	    (chain->hold && json_put(record, HOLD_KEY, json_keep(chain->hold), why)))
		return -1;
	json_remove(record, "change");
	chain->put_off = HAND_OVER(record);
	return 0;
}

static int rollback_chain(struct plan_chain *chain, const struct plan_places *places,
			  const struct restore_copies *copies, const struct json *earlier,
			  int64_t now, struct fault *why)
{
	OWNED(json_drop) struct json *hold = NULL;
	struct restore restore = restore_of(chain, places, copies);

	restore.record = earlier;
	restore.unasked = true;
	if (rollback_hold(chain, copies->admit, now, &hold, why) ||
	    restore_members(&restore, &chain->members, &chain->count, &chain->denied, why))
		return -1;
	if (!is_wished(json_member(hold, "instead_of"), chain->members, chain->count))
		chain->hold = HAND_OVER(hold);
	if (decide_action(chain, places, why))
		return -1;
	return chain->action == PLAN_WAIT ? rollback_put_off(chain, earlier, why) : 0;
}

static int rollback_one(struct plan *plan, const struct plan_places *places,
			const struct restore_copies *copies, const struct json *earlier,
			int64_t now, struct fault *why)
{
	const char *iface, *hook_text;
	struct plan_chain *chain;
	enum hook hook;

	if (json_need_text(earlier, "interface", &iface, why) ||
	    json_need_text(earlier, "hook", &hook_text, why) || hook_parse(hook_text, &hook, why) ||
	    scan_add(plan, places, iface, hook, &chain, why) ||
	    rollback_chain(chain, places, copies, earlier, now, why))
		return fault_within(why, "the earlier plan cannot be had back");
	return 0;
}

// Refuses while an interface has another name than at the last apply: what is pinned and recorded under the former
// name could not be told from the chain of another interface that has that name now.
static int rollback_check_names(const struct plan *plan, struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		if (!strcmp(chain->was, chain->iface))
			continue;
		fault_set(why, FAULT_DRIFT, "an interface has got another name: %s%s%s",
			  chain->iface, chain->was[0] ? ", before " : "", chain->was);
		return fault_fix(why, "'bpfseal apply' takes its chain along; then roll back");
	}
	return 0;
}

int rollback_plan(struct plan *plan, const struct plan_places *places,
		  const struct restore_copies *copies, const char *iface, int64_t now,
		  struct fault *why)
{
	OWNED(json_drop) struct json *earlier = NULL;
	struct fault first = {0};

	if (rollback_check_names(plan, why) ||
	    previous_last(places->loader_dirfd, plan->record, iface, &earlier, why))
		return -1;
	admit_deny(copies->admit);
	for (size_t i = 0; i < json_count(earlier) && first.code == FAULT_NONE; i++)
		if (rollback_one(plan, places, copies, json_item(earlier, i), now, why))
			first = *why;
	if (first.code == FAULT_NONE &&
	    (foretell_plan(plan, places, why) || plan_check_total(plan, places, why)))
		first = *why;
	fault_clear(why);
	// What the metadata says is kept also behind a refusal: that something was taken back, most of all.
	if (admit_settle(copies->admit, false, why))
		return -1;
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}
