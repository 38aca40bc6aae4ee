// SPDX-License-Identifier: Apache-2.0
#include "loader/heir.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/record.h"

// What a new member must have in common with a recorded one to take over its maps.
enum likeness {
	LIKE_PROGRAM, // the same entry of the same bundle
	LIKE_BUNDLE,  // another entry: an upgrade may rename it
};

// Which recorded members of each chain have an heir already.
struct heirs {
	struct plan *plan;
	const char *tree;
	bool followed;
	bool (*taken)[NODE_CHAIN_MAX];
};

static const struct json *recorded_at(const struct plan_chain *chain, size_t index)
{
	return json_item(json_member(chain->record, "members"), index);
}

static size_t recorded_count(const struct plan_chain *chain)
{
	size_t count = json_count(json_member(chain->record, "members"));

	return count < NODE_CHAIN_MAX ? count : NODE_CHAIN_MAX;
}

static bool has_text(const struct json *recorded, const char *key, const char *text)
{
	const char *has = json_text(json_member(recorded, key));

	return has && !strcmp(has, text);
}

static bool is_like(const struct json *recorded, const struct member *member, enum likeness how)
{
	return has_text(recorded, "name", member->name) &&
	       has_text(recorded, "from", member->from) &&
	       (how == LIKE_BUNDLE || has_text(recorded, "entry", member->program->entry));
}

static int place_of(const struct heirs *heirs, const struct plan_chain *chain,
		    char out[static BPFFS_PATH_MAX], struct fault *why)
{
	return heirs->followed ? bpffs_place(heirs->tree, chain->iface, chain->hook, out, why)
			       : plan_place(chain, heirs->tree, out, why);
}

static int inherit(struct heirs *heirs, size_t from, size_t index, struct member *member,
		   struct fault *why)
{
	const struct plan_chain *chain = &heirs->plan->chains[from];
	char place[BPFFS_PATH_MAX], gen[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	char key[MEMBER_LABEL_MAX];

	heirs->taken[from][index] = true;
	member->recorded = recorded_at(chain, index);
	// The maps of a former interface of the same name are not taken over.
	if (!chain->truth.generation || chain->truth.renewed || !chain->was[0])
		return 0;
	record_key(chain->record, index, key);
	if (place_of(heirs, chain, place, why) ||
	    bpffs_join_number(place, "gen", chain->truth.generation, gen, why) ||
	    bpffs_join(gen, "maps", maps, why) || bpffs_join(maps, key, dir, why))
		return -1;
	return text_copy(dir, &member->maps_from, why);
}

// In the chain where it stands.
static int inherit_here(struct heirs *heirs, size_t at, enum likeness how, struct fault *why)
{
	struct plan_chain *chain = &heirs->plan->chains[at];

	for (size_t i = 0; i < chain->count; i++) {
		struct member *member = &chain->members[i];

		for (size_t k = 0; !member->recorded && k < recorded_count(chain); k++)
			if (!heirs->taken[at][k] && is_like(recorded_at(chain, k), member, how) &&
			    inherit(heirs, at, k, member, why))
				return -1;
	}
	return 0;
}

// Whether this plan decides about the chain, so that recorded members that it no longer has are given up.
static bool is_decided(const struct plan_chain *chain)
{
	return chain->count || chain->action == PLAN_REMOVE;
}

// From another interface, on the same hook, that it leaves in this very plan. Of several that could be meant none is.
static int inherit_there(struct heirs *heirs, size_t at, struct member *member, struct fault *why)
{
	const struct plan *plan = heirs->plan;
	size_t found = 0, chain = 0, index = 0;

	for (size_t i = 0; i < plan->count; i++) {
		if (i == at || plan->chains[i].hook != plan->chains[at].hook ||
		    !is_decided(&plan->chains[i]))
			continue;
		for (size_t k = 0; k < recorded_count(&plan->chains[i]); k++) {
			if (heirs->taken[i][k] ||
			    !is_like(recorded_at(&plan->chains[i], k), member, LIKE_PROGRAM))
				continue;
			found++;
			chain = i;
			index = k;
		}
	}
	return found == 1 ? inherit(heirs, chain, index, member, why) : 0;
}

// A new member of a chain that we have a record of takes over nothing, whatever somebody has pinned under its name.
static int inherit_none(struct plan *plan, struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++)
		for (size_t k = 0; k < plan->chains[i].count; k++)
			if (!plan->chains[i].members[k].recorded &&
			    recorded_count(&plan->chains[i]) &&
			    text_copy("", &plan->chains[i].members[k].maps_from, why))
				return -1;
	return 0;
}

static int inherit_all(struct heirs *heirs, struct fault *why)
{
	struct plan *plan = heirs->plan;

	for (size_t i = 0; i < plan->count; i++)
		if (inherit_here(heirs, i, LIKE_PROGRAM, why) ||
		    inherit_here(heirs, i, LIKE_BUNDLE, why))
			return -1;
	for (size_t i = 0; i < plan->count; i++)
		for (size_t k = 0; k < plan->chains[i].count; k++)
			if (!plan->chains[i].members[k].recorded &&
			    inherit_there(heirs, i, &plan->chains[i].members[k], why))
				return -1;
	return inherit_none(plan, why);
}

static void forget(struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		for (size_t k = 0; k < plan->chains[i].count; k++) {
			free(HAND_OVER(plan->chains[i].members[k].maps_from));
			plan->chains[i].members[k].recorded = NULL;
		}
}

int heirs_find(struct plan *plan, const char *tree, bool followed, struct fault *why)
{
	struct heirs heirs = {.plan = plan, .tree = tree, .followed = followed};
	int bad;

	forget(plan);

	heirs.taken = calloc(plan->count + 1, sizeof(*heirs.taken));
	if (!heirs.taken)
		return fault_set(why, FAULT_OTHER, "out of memory");
	bad = inherit_all(&heirs, why);
	free(heirs.taken);
	return bad;
}
