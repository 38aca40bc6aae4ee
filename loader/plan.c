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
#include "loader/chain.h"
#include "loader/denied.h"
#include "loader/foretell.h"
#include "loader/heir.h"
#include "loader/record.h"
#include "loader/restore.h"
#include "loader/standin.h"

const char *plan_action_name(enum plan_action action)
{
	static const char *const names[] = {
		[PLAN_KEEP] = "keep",	  [PLAN_LOAD] = "load",	    [PLAN_CHANGE] = "change",
		[PLAN_REPAIR] = "repair", [PLAN_REMOVE] = "remove", [PLAN_VALUES] = "values",
	};

	return names[action];
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
		findings_drop(&chain->damage);
	}
	free(plan->chains);
	json_free(plan->record);
	free(plan);
}

bool plan_is_pending(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].action != PLAN_KEEP)
			return true;
	return false;
}

bool plan_denied_differs(const struct plan_chain *chain)
{
	const struct json *recorded = json_member(chain->record, "denied");

	if (!chain->denied || (!json_count(chain->denied) && !json_count(recorded)))
		return false;
	return !recorded || !json_same(recorded, chain->denied);
}

// ---- what is there ----

static int plan_add(struct plan *plan, const char *iface, enum hook hook,
		    const struct node_interface *interface, struct fault *why)
{
	struct plan_chain *grown =
		reallocarray(plan->chains, plan->count + 1, sizeof(*plan->chains));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	plan->chains = grown;
	grown += plan->count++;
	memset(grown, 0, sizeof(*grown));
	snprintf(grown->iface, sizeof(grown->iface), "%s", iface);
	grown->hook = hook;
	grown->interface = interface;
	return 0;
}

static const struct node_interface *node_find(const struct node *node, const char *iface)
{
	for (size_t i = 0; i < node->interface_count; i++)
		if (!strcmp(node->interfaces[i].name, iface))
			return &node->interfaces[i];
	return NULL;
}

// Hooks of one interface that node.json fills, or that have pins of ours.
static int plan_add_interface(struct plan *plan, const struct plan_places *places,
			      const char *iface, const struct node_interface *interface,
			      struct fault *why)
{
	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		char place[BPFFS_PATH_MAX];

		if (bpffs_place(places->tree, iface, (enum hook)hook, place, why))
			return -1;
		if ((interface && interface->chain_count[hook]) || access(place, F_OK) == 0)
			if (plan_add(plan, iface, (enum hook)hook, interface, why))
				return -1;
	}
	return 0;
}

static int plan_add_pinned(struct plan *plan, const struct plan_places *places, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	char **names = NULL;
	size_t count = 0;
	int bad = 0;

	if (dir_open(places->tree, &fd, why) || dir_list(fd, &names, &count, why))
		return -1;
	for (size_t i = 0; i < count && !bad; i++) {
		char iface[64];

		bpffs_name_read(names[i], iface, sizeof(iface));
		if (!node_find(places->node, iface))
			bad = plan_add_interface(plan, places, iface, NULL, why);
	}
	names_free(names, count);
	return bad;
}

int plan_look(const struct plan_places *places, struct plan **out, struct fault *why)
{
	OWNED(plan_drop) struct plan *plan = calloc(1, sizeof(*plan));
	const struct node *node = places->node;

	if (!plan)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (record_load(places->loader_dirfd, places->tree, &plan->record, why))
		return -1;
	for (size_t i = 0; i < node->interface_count; i++)
		if (plan_add_interface(plan, places, node->interfaces[i].name, &node->interfaces[i],
				       why))
			return -1;
	if (plan_add_pinned(plan, places, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		chain->record = record_chain(plan->record, chain->iface, hook_name(chain->hook));
		if (truth_read(places->tree, chain->iface, chain->hook, &chain->truth, why))
			return -1;
		if ((chain->truth.root_id || chain->truth.linked ||
		     json_count(json_member(chain->record, "members"))) &&
		    findings_damage(&chain->damage, chain->iface, chain->hook, &chain->truth,
				    chain->record, why))
			return -1;
	}
	*out = HAND_OVER(plan);
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
	if (!denied_is_known(chain->record, entry))
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

static void fault_first(struct fault *first, struct fault *why)
{
	if (first->code == FAULT_NONE)
		*first = *why;
	fault_clear(why);
}

static int plan_admit(struct plan_chain *chain, struct admit *admit, struct fault *why)
{
	size_t wanted = chain->interface ? chain->interface->chain_count[chain->hook] : 0;
	struct fault first = {0};

	chain->denied = json_make_array();
	if (!chain->denied)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (!wanted)
		return 0;
	chain->members = calloc(wanted, sizeof(*chain->members));
	if (!chain->members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	// Also behind a refusal: what the metadata says of the others is to be known, and kept.
	for (size_t i = 0; i < wanted; i++)
		if (plan_admit_use(chain, i, admit, why))
			fault_first(&first, why);
	if (first.code != FAULT_NONE) {
		*why = first;
		return -1;
	}
	return chain_check_length(chain->members, chain->count, why);
}

static bool chain_is_the_same(const struct plan_chain *chain, const struct policy *policy)
{
	const struct json *members = json_member(chain->record, "members");

	if (json_count(members) != chain->count ||
	    json_int(json_member(chain->record, "generation")) != chain->truth.generation ||
	    chain->truth.verdict != anchor_verdict(chain->hook, policy->on_fall_through_drop))
		return false;
	for (size_t i = 0; i < chain->count; i++)
		if (!record_is_member(json_item(members, i), &chain->members[i]) ||
		    record_place(chain->record, i) != chain->members[i].place)
			return false;
	return true;
}

static enum plan_action plan_choose(const struct plan_chain *chain, const struct policy *policy)
{
	bool empty = !chain->truth.root_id && !chain->truth.linked && !chain->truth.generation;

	if (!chain->count)
		return empty && json_count(chain->denied) ? PLAN_KEEP : PLAN_REMOVE;
	if (!chain->truth.root_id && !chain->truth.linked)
		return PLAN_LOAD;
	if (!chain_is_the_same(chain, policy))
		return PLAN_CHANGE;
	return chain->damage.count ? PLAN_REPAIR : PLAN_KEEP;
}

static int plan_decide_chain(struct plan_chain *chain, const struct plan_places *places,
			     struct admit *admit, struct fault *why)
{
	if (plan_admit(chain, admit, why))
		return -1;
	chain->action = plan_choose(chain, &places->node->policy);
	return 0;
}

int plan_decide(struct plan *plan, const struct plan_places *places, struct admit *admit,
		struct fault *why)
{
	struct fault first = {0};

	admit_deny(admit);
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		if (!plan_decide_chain(chain, places, admit, why))
			continue;
		chain->refused = *why;
		fault_first(&first, why);
	}
	if (foretell_shared(plan, places, why))
		fault_first(&first, why);
	if (heirs_find(plan, places->tree, why))
		fault_first(&first, why);
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		if (chain->refused.code != FAULT_NONE || !foretell_chain(chain, places, why))
			continue;
		chain->refused = *why;
		fault_first(&first, why);
	}
	if (admit_settle(admit, why))
		return -1;
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}

// Forgets what was decided.
static void plan_reset(struct plan_chain *chain)
{
	foretell_forget(chain);
	members_free(HAND_OVER(chain->members), chain->count);
	json_free(HAND_OVER(chain->denied));
	chain->count = 0;
	chain->action = PLAN_KEEP;
}

// What is gone, or is not as it was applied. A chain that waits for its interface is neither.
static bool plan_is_broken(const struct plan_chain *chain)
{
	return chain->interface && chain->truth.iface_index &&
	       (chain->damage.count || !chain->truth.root_id);
}

static int plan_restore_chain(struct plan_chain *chain, const struct plan_places *places,
			      const struct plan_copies *copies, struct fault *why)
{
	struct restore restore = {.objects_dirfd = copies->objects_dirfd,
				  .trust_dirfd = copies->trust_dirfd,
				  .admit = copies->admit,
				  .node = places->node,
				  .interface = chain->interface,
				  .hook = chain->hook,
				  .record = chain->record,
				  .runs = chain->truth.root_id};
	bool denied;

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
	chain->action = chain->count ? PLAN_REPAIR : PLAN_REMOVE;
	if (!chain->count && !chain->truth.root_id)
		chain->action = PLAN_KEEP;
	return 0;
}

void plan_restore(struct plan *plan, const struct plan_places *places,
		  const struct plan_copies *copies)
{
	struct fault ignored = {0};

	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		plan_reset(chain);
		if (!json_count(json_member(chain->record, "members")))
			continue;
		if (plan_restore_chain(chain, places, copies, &chain->lost))
			plan_reset(chain);
	}
	// Without heirs each takes over what has its own name: nothing to refuse a restore for.
	if (heirs_find(plan, places->tree, &ignored))
		fault_clear(&ignored);
}
