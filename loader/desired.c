// SPDX-License-Identifier: Apache-2.0
#include "loader/desired.h"

#include <stdlib.h>

#include "base/owned.h"
#include "loader/attach.h"
#include "loader/denied.h"
#include "loader/fit.h"
#include "loader/offload.h"
#include "loader/standin.h"

int desired_check_places(const struct plan_chain *chain, const struct policy *policy,
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

static int refuse_denied(const struct node_use *use, const struct member *member,
			 const struct deny_entry *entry, struct fault *why)
{
	fault_set(why, FAULT_POLICY, "%s %s is on the deny list of %s: %s", member->name,
		  member->version, member->from, entry->reason);
	fault_where(why, "%s", use->where);
	return fault_fix(why, "ask for another version, or take it out of node.json");
}

// A program that ran here when it was denied is treated as on_denied says, and does not come back; one that was
// denied before the admin asked for it is refused. Takes over `member`.
static int deny(struct plan_chain *chain, const struct node_use *use, struct member *member,
		const struct deny_entry *entry, enum node_on_denied how, struct fault *why)
{
	OWNED(member_drop) struct member own = *member;
	struct member *next = &chain->members[chain->count];

	*member = (struct member){.object_fd = -1};
	if (!denied_is_known(chain->like, entry))
		return refuse_denied(use, &own, entry, why);
	// "keep" keeps a program that runs; one that is gone is not loaded again.
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

static int admit_one(struct plan_chain *chain, size_t place, struct admit *admit, struct fault *why)
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
		return deny(chain, use, &member, denied, how, why);
	chain->members[chain->count++] = member;
	return 0;
}

// Whether every member can be offloaded, if node.json asks for that.
static int check_card(const struct plan_chain *chain, struct fault *why)
{
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);

	if (!wish.on_card || !offload_check(chain->members, chain->count, why))
		return 0;
	return fault_where(why, "%s", chain->interface->where);
}

int desired_admit(struct plan_chain *chain, struct admit *admit, struct fault *why)
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
	// Continues after a refusal, so that the metadata of the others is verified and kept.
	for (size_t i = 0; i < wanted; i++)
		if (admit_one(chain, i, admit, why)) {
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
	return fit_check(chain->members, chain->count, why) || check_card(chain, why) ? -1 : 0;
}
