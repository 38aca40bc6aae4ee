// SPDX-License-Identifier: Apache-2.0
#include "loader/plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/card.h"
#include "loader/chain.h"
#include "loader/denied.h"
#include "loader/fit.h"
#include "loader/foretell.h"
#include "loader/heir.h"
#include "loader/hold.h"
#include "loader/record.h"
#include "loader/restore.h"
#include "loader/roster.h"
#include "loader/standin.h"
#include "loader/tamper.h"

const char *plan_action_name(enum plan_action action)
{
	static const char *const names[] = {
		[PLAN_KEEP] = "keep",	  [PLAN_LOAD] = "load",	    [PLAN_CHANGE] = "change",
		[PLAN_REPAIR] = "repair", [PLAN_REMOVE] = "remove", [PLAN_WAIT] = "wait",
		[PLAN_MOVE] = "move",	  [PLAN_VALUES] = "values",
	};

	return names[action];
}

bool plan_builds(enum plan_action action)
{
	return action == PLAN_LOAD || action == PLAN_CHANGE || action == PLAN_REPAIR;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		foretell_forget(chain);
		members_free(chain->members, chain->count);
		json_free(chain->denied);
		json_free(chain->hold);
		json_free(chain->put_off);
		findings_drop(&chain->damage);
	}
	free(plan->chains);
	json_free(plan->record);
	free(plan);
}

bool plan_is_pending(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].put_off ||
		    (plan->chains[i].action != PLAN_KEEP && plan->chains[i].action != PLAN_WAIT))
			return true;
	return false;
}

size_t plan_waiting(const struct plan *plan)
{
	size_t count = 0;

	for (size_t i = 0; i < plan->count; i++)
		count += plan->chains[i].action == PLAN_WAIT;
	return count;
}

bool plan_is_held(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].hold)
			return true;
	return false;
}

static bool denied_differs(const struct plan_chain *chain)
{
	const struct json *recorded = json_member(chain->record, "denied");

	if (!json_count(chain->denied) && !json_count(recorded))
		return false;
	return !recorded || !json_same(recorded, chain->denied);
}

bool plan_notes_differ(const struct plan_chain *chain)
{
	// Not decided: nothing is to be said.
	return chain->denied && (denied_differs(chain) || (!chain->hold && hold_of(chain->record)));
}

// ---- what is there ----

bool plan_is_renewed(const struct plan *plan, const char *iface)
{
	bool renewed = false;

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		if (strcmp(chain->iface, iface) || !chain->truth.generation)
			continue;
		if (!chain->truth.renewed)
			return false;
		renewed = true;
	}
	return renewed;
}

int plan_place(const struct plan_chain *chain, const char *tree, char place[static BPFFS_PATH_MAX],
	       struct fault *why)
{
	size_t used;

	if (bpffs_place(tree, chain->was[0] ? chain->was : chain->iface, chain->hook, place, why))
		return -1;
	// What stands there is another interface's by now: as if nothing did.
	used = strlen(place);
	if (!chain->was[0])
		snprintf(place + used, BPFFS_PATH_MAX - used, "/none");
	return 0;
}

// ---- what shall be ----

static int refuse_denied(const struct node_use *use, const struct member *member,
			 const struct deny_entry *entry, struct fault *why)
{
	fault_set(why, FAULT_POLICY, "%s %s is on the deny list of %s: %s", member->name,
		  member->version, member->from, entry->reason);
	fault_where(why, "%s", use->where);
	return fault_fix(why, "ask for another version, or take it out of node.json");
}

// What ran here when it was denied goes the way that on_denied says, and stays gone; what was denied before the admin
// asked for it is refused. Takes over `member`.
static int plan_deny(struct plan_chain *chain, const struct node_use *use, struct member *member,
		     const struct deny_entry *entry, enum node_on_denied how, struct fault *why)
{
	OWNED(member_drop) struct member own = *member;
	struct member *next = &chain->members[chain->count];

	*member = (struct member){.object_fd = -1};
	if (!denied_is_known(chain->like, entry))
		return refuse_denied(use, &own, entry, why);
	// To keep is to keep what runs: what is gone is not loaded again.
	if (how == NODE_DENIED_KEEP && !denied_runs(chain->record, entry))
		how = NODE_DENIED_REMOVE;
	if (denied_note(chain->denied, &own, entry, how, why))
		return -1;
	if (how == NODE_DENIED_REMOVE)
		return 0;
	if (how == NODE_DENIED_DROP && standin_member(chain->hook, own.place, next, why))
		return -1;
	if (how == NODE_DENIED_KEEP) {
		*next = own;
		own = (struct member){.object_fd = -1};
	}
	chain->count++;
	return 0;
}

static int plan_admit_use(struct plan_chain *chain, size_t place, struct admit *admit,
			  struct fault *why)
{
	const struct node_use *use = &chain->interface->chain[chain->hook][place];
	enum node_on_denied how = chain->interface->on_denied;
	const struct deny_entry *denied;
	struct member member;

	if (how == NODE_DENIED_KEEP && !chain->truth.root_id)
		how = NODE_DENIED_REMOVE;
	if (admit_use(admit, use, chain->hook, how == NODE_DENIED_KEEP, &member, &denied, why))
		return -1;
	member.place = place;
	if (denied)
		return plan_deny(chain, use, &member, denied, how, why);
	chain->members[chain->count++] = member;
	return 0;
}

// Of what shall be on a card: whether a card takes each member.
static int plan_check_card(const struct plan_chain *chain, struct fault *why)
{
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);

	if (!wish.on_card || !card_check(chain->members, chain->count, why))
		return 0;
	return fault_where(why, "%s", chain->interface->where);
}

int plan_admit(struct plan_chain *chain, struct admit *admit, struct fault *why)
{
	size_t wanted = chain->interface ? chain->interface->chain_count[chain->hook] : 0;
	size_t place = 0, seen;
	struct fault first = {0};

	chain->denied = json_make_array();
	if (!chain->denied)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (!wanted)
		return 0;
	chain->members = calloc(wanted, sizeof(*chain->members));
	if (!chain->members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	// Also behind a refusal: what the metadata says of the others is to be known, and kept. The first in order is told.
	for (size_t i = 0; i < wanted; i++)
		if (plan_admit_use(chain, i, admit, why)) {
			place = first.code == FAULT_NONE ? i : place;
			fault_first(&first, why);
		}
	if (admit_members(admit, chain->interface->chain[chain->hook], chain->members, chain->count,
			  &seen, why)) {
		if (first.code == FAULT_NONE || seen < place)
			first = *why;
		fault_clear(why);
	}
	if (first.code != FAULT_NONE) {
		*why = first;
		return -1;
	}
	return fit_check(chain->members, chain->count, why) || plan_check_card(chain, why) ? -1 : 0;
}

// Whose programs may stand here at all: before anything of them is looked at.
static int plan_check_places(const struct plan_chain *chain, const struct policy *policy,
			     struct fault *why)
{
	size_t wanted = chain->interface ? chain->interface->chain_count[chain->hook] : 0;

	for (size_t i = 0; i < wanted; i++) {
		const struct node_use *use = &chain->interface->chain[chain->hook][i];

		if (policy_check_place(policy, use->use,
				       chain->hook == HOOK_PROBE ? NULL : chain->iface, why))
			return fault_where(why, "%s", use->where);
	}
	return 0;
}

static uint64_t add_bytes(uint64_t total, uint64_t more)
{
	return __builtin_add_overflow(total, more, &total) ? UINT64_MAX : total;
}

// Of a chain of which nothing was decided, what runs there goes on to take its part: a rollback is of some chains only.
static uint64_t recorded_map_bytes(const struct plan_chain *chain)
{
	const struct json *members = json_member(chain->record, "members");
	uint64_t total = 0;

	if (chain->action != PLAN_KEEP || !chain->truth.generation)
		return 0;
	for (size_t i = 0; i < json_count(members); i++)
		total = add_bytes(
			total, (uint64_t)json_int(json_member(json_item(members, i), "map_bytes")));
	return total;
}

// What the maps of all programs take.
static uint64_t plan_map_bytes(const struct plan *plan)
{
	uint64_t total = 0;

	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		for (size_t k = 0; k < chain->count; k++)
			total = add_bytes(total, chain->members[k].map_bytes);
		if (!chain->count)
			total = add_bytes(total, recorded_map_bytes(chain));
	}
	return total;
}

int plan_check_total(const struct plan *plan, const struct plan_places *places, struct fault *why)
{
	return policy_check_total(&places->node->policy, plan_map_bytes(plan), why);
}

static bool chain_is_the_same(const struct plan_chain *chain, const struct policy *policy)
{
	const struct json *members = json_member(chain->record, "members");

	if (json_count(members) != chain->count ||
	    json_int(json_member(chain->record, "generation")) != chain->truth.generation ||
	    (chain->hook != HOOK_PROBE &&
	     chain->truth.verdict != anchor_verdict(chain->hook, policy->on_fall_through_drop)))
		return false;
	for (size_t i = 0; i < chain->count; i++)
		if (!record_is_program(json_item(members, i), &chain->members[i]) ||
		    record_place(chain->record, i) != chain->members[i].place)
			return false;
	return true;
}

static bool plan_drops_denied(const struct plan_chain *chain)
{
	return json_count(chain->denied) &&
	       (!chain->interface || chain->interface->on_denied != NODE_DENIED_KEEP);
}

static enum plan_action plan_choose(const struct plan_chain *chain, const struct policy *policy)
{
	bool empty = !chain->truth.root_id && !chain->truth.linked && !chain->truth.generation;
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);

	if (!chain->count)
		return empty && json_count(chain->denied) ? PLAN_KEEP : PLAN_REMOVE;
	// Where the interface is cannot be seen from here; what is denied does not wait there.
	if (!chain->truth.iface_index)
		return chain->truth.elsewhere && plan_drops_denied(chain) ? PLAN_REMOVE : PLAN_WAIT;
	if (chain->truth.renewed || (!chain->truth.root_id && !chain->truth.linked))
		return PLAN_LOAD;
	if (!chain_is_the_same(chain, policy) || !attach_fits(chain->hook, &wish, &chain->truth))
		return PLAN_CHANGE;
	if (findings_count(&chain->damage, FINDING_BROKEN))
		return PLAN_REPAIR;
	return strcmp(chain->was, chain->iface) ? PLAN_MOVE : PLAN_KEEP;
}

int plan_settle(struct plan_chain *chain, const struct plan_places *places, struct fault *why)
{
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);

	chain->action = plan_choose(chain, &places->node->policy);
	if (!plan_builds(chain->action))
		return 0;
	if (!attach_check(chain->iface, chain->hook, &wish, &chain->truth, why))
		return 0;
	return wish.on_card && chain->interface ? fault_where(why, "%s", chain->interface->where)
						: -1;
}

// ---- what is held ----

// Of what runs and is held the restore has not asked.
static int plan_check_held(const struct plan_chain *chain, const struct policy *policy,
			   struct fault *why)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct member *member = &chain->members[i];
		bool stands_in = !*member->from;

		if (!stands_in &&
		    policy_check_place(policy, member->name,
				       chain->hook == HOOK_PROBE ? NULL : chain->iface, why))
			return -1;
	}
	return 0;
}

struct restore plan_restore_of(const struct plan_chain *chain, const struct plan_places *places,
			       const struct plan_copies *copies)
{
	return (struct restore){.objects_dirfd = copies->objects_dirfd,
				.trust_dirfd = copies->trust_dirfd,
				.admit = copies->admit,
				.node = places->node,
				.interface = chain->interface,
				.iface = chain->iface,
				.hook = chain->hook,
				.record = chain->like};
}

static int plan_hold_from(struct plan_chain *chain, const struct restore *restore,
			  const struct plan_places *places, struct fault *why)
{
	if (restore_members(restore, &chain->members, &chain->count, &chain->denied, why) ||
	    plan_check_held(chain, &places->node->policy, why) ||
	    json_clone(hold_of(chain->like), &chain->hold, why) || plan_settle(chain, places, why))
		return -1;
	// Rolled back to none, and none is there.
	if (!chain->count && !chain->truth.root_id && !chain->truth.linked)
		chain->action = PLAN_KEEP;
	return 0;
}

// What was rolled back to, from our own copies: without what is denied by now, and where it is gone or damaged only if its
// repository still vouches for it.
static int plan_hold(struct plan_chain *chain, const struct plan_places *places,
		     struct admit *admit, struct fault *why)
{
	OWNED(drop_fd) int objects = -1;
	OWNED(drop_fd) int trust = -1;
	struct restore restore;

	if (dir_open_at(places->loader_dirfd, "objects", &objects, why) ||
	    dir_open_at(places->loader_dirfd, "trust", &trust, why))
		return -1;
	restore = plan_restore_of(chain, places,
				  &(struct plan_copies){.objects_dirfd = objects,
							.trust_dirfd = trust,
							.admit = admit});
	restore.runs = chain->truth.root_id && !chain->damage.count;
	restore.unasked = true;
	return plan_hold_from(chain, &restore, places, why);
}

// A chain that is held and whose lines still say what they said. `wished`: what they mean could be admitted, and is filled
// in. Where what is held cannot be had any more, node.json holds again.
static int plan_decide_held(struct plan_chain *chain, const struct plan_places *places,
			    struct admit *admit, bool wished, struct fault *why)
{
	plan_reset(chain);
	if (!plan_hold(chain, places, admit, why))
		return 0;
	plan_reset(chain);
	if (!wished)
		return -1;
	chain->lost = *why;
	fault_clear(why);
	return plan_admit(chain, admit, why) ? -1 : plan_settle(chain, places, why);
}

static int plan_decide_chain(struct plan_chain *chain, const struct plan_places *places,
			     struct admit *admit, struct fault *why)
{
	const struct json *hold = places->resume ? NULL : hold_of(chain->like);
	bool held = hold_stands(hold, chain->interface, chain->hook);
	bool wished = !plan_check_places(chain, &places->node->policy, why) &&
		      !plan_admit(chain, admit, why);

	// What the store keeps back may come tomorrow, and the others are to hear of it.
	if (!wished && (!held || admit_is_store_fault(why->code)))
		return -1;
	if (held && (!wished || hold_is_instead_of(hold, chain->members, chain->count))) {
		fault_clear(why);
		return plan_decide_held(chain, places, admit, wished, why);
	}
	return plan_settle(chain, places, why);
}

int plan_foretell(struct plan *plan, const struct plan_places *places, struct fault *why)
{
	struct fault first = {0};

	if (foretell_shared(plan, places, why))
		fault_first(&first, why);
	if (heirs_find(plan, places->tree, false, why))
		fault_first(&first, why);
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		if (!foretell_chain(plan, chain, places, why))
			continue;
		chain->refused = *why;
		fault_first(&first, why);
	}
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

int plan_decide_some(struct plan *plan, const struct plan_places *places, struct admit *admit,
		     bool (*wanted)(const void *ctx, const struct plan_chain *chain),
		     const void *ctx, struct fault *why)
{
	struct fault first = {0};

	admit_deny(admit);
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		if (!wanted(ctx, chain) || !plan_decide_chain(chain, places, admit, why))
			continue;
		chain->refused = *why;
		fault_first(&first, why);
		plan_reset(chain);
	}
	if (plan_foretell(plan, places, why))
		fault_first(&first, why);
	if (plan_check_total(plan, places, why))
		fault_first(&first, why);
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

static bool any_chain(const void *ctx, const struct plan_chain *chain)
{
	(void)ctx, (void)chain;
	return true;
}

int plan_decide(struct plan *plan, const struct plan_places *places, struct admit *admit,
		struct fault *why)
{
	struct fault first = {0};

	if (plan_decide_some(plan, places, admit, any_chain, NULL, why))
		first = *why;
	plan->keeping = places->beside && first.code == FAULT_NONE ? admit : NULL;
	if (admit_settle(admit, plan->keeping, why))
		return -1;
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

// Forgets what was decided.
void plan_reset(struct plan_chain *chain)
{
	foretell_forget(chain);
	members_free(HAND_OVER(chain->members), chain->count);
	json_free(HAND_OVER(chain->denied));
	json_free(HAND_OVER(chain->hold));
	chain->count = 0;
	chain->action = PLAN_KEEP;
}

// What is gone, or is not as it was applied. A chain that waits for its interface is neither.
static bool plan_is_broken(const struct plan_chain *chain)
{
	return chain->interface && chain->truth.iface_index &&
	       (findings_count(&chain->damage, FINDING_BROKEN) || !chain->truth.root_id);
}

static int plan_restore_chain(struct plan_chain *chain, const struct plan_places *places,
			      const struct plan_copies *copies, struct fault *why)
{
	struct restore restore = plan_restore_of(chain, places, copies);
	const struct json *hold = places->resume ? NULL : hold_of(chain->like);
	bool denied;

	restore.runs = chain->truth.root_id;
	restore.unasked = hold_stands(hold, chain->interface, chain->hook);

	if (restore_has_denied(&restore, &denied, why))
		return -1;
	restore.runs = denied && chain->truth.root_id;
	if (!restore.runs) {
		if (!plan_is_broken(chain))
			return 0;
		if (chain->refused.code != FAULT_NONE &&
		    !admit_is_store_fault(chain->refused.code)) {
			*why = chain->refused;
			return -1;
		}
	}
	if (restore_members(&restore, &chain->members, &chain->count, &chain->denied, why))
		return -1;
	if (restore.unasked && json_clone(hold, &chain->hold, why))
		return -1;
	chain->action = chain->count && chain->truth.iface_index ? PLAN_REPAIR : PLAN_REMOVE;
	if (!chain->count && !chain->truth.root_id)
		chain->action = PLAN_KEEP;
	return 0;
}

void plan_restore(struct plan *plan, const struct plan_places *places,
		  const struct plan_copies *copies)
{
	struct fault ignored = {0};

	plan->from_copies = true;
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		plan_reset(chain);
		if (!json_count(json_member(chain->like, "members")))
			continue;
		if (plan_restore_chain(chain, places, copies, &chain->lost) ||
		    plan_check_total(plan, places, &chain->lost))
			plan_reset(chain);
		if (chain->action == PLAN_KEEP && chain->was[0] &&
		    strcmp(chain->was, chain->iface) != 0)
			chain->action = PLAN_MOVE;
	}
	// Without heirs each takes over what has its own name: nothing to refuse a restore for.
	if (heirs_find(plan, places->tree, false, &ignored))
		fault_clear(&ignored);
}
