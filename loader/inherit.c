// SPDX-License-Identifier: Apache-2.0
#include "loader/inherit.h"

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

// Which recorded members of each chain are inherited already.
struct inheritance {
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

static int place_of(const struct inheritance *inheritance, const struct plan_chain *chain,
		    char out[static BPFFS_PATH_MAX], struct fault *why)
{
	return inheritance->followed
		       ? bpffs_place(inheritance->tree, chain->iface, chain->hook, out, why)
		       : plan_place(chain, inheritance->tree, out, why);
}

static int inherit(struct inheritance *inheritance, size_t from, size_t index,
		   struct member *member, struct fault *why)
{
	const struct plan_chain *chain = &inheritance->plan->chains[from];
	char place[BPFFS_PATH_MAX], gen[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	char key[MEMBER_LABEL_MAX];

	inheritance->taken[from][index] = true;
	member->recorded = recorded_at(chain, index);
	// The maps of a former interface of the same name are not taken over.
	if (!chain->truth.generation || chain->truth.renewed || !chain->was[0])
		return 0;
	record_key(chain->record, index, key);
	if (place_of(inheritance, chain, place, why) ||
	    bpffs_join_number(place, "gen", chain->truth.generation, gen, why) ||
	    bpffs_join(gen, "maps", maps, why) || bpffs_join(maps, key, dir, why))
		return -1;
	return text_copy(dir, &member->maps_from, why);
}

// In the chain where it stands.
static int inherit_here(struct inheritance *inheritance, size_t at, enum likeness how,
			struct fault *why)
{
	struct plan_chain *chain = &inheritance->plan->chains[at];

	for (size_t i = 0; i < chain->count; i++) {
		struct member *member = &chain->members[i];

		for (size_t k = 0; !member->recorded && k < recorded_count(chain); k++)
			if (!inheritance->taken[at][k] &&
			    is_like(recorded_at(chain, k), member, how) &&
			    inherit(inheritance, at, k, member, why))
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
static int inherit_there(struct inheritance *inheritance, size_t at, struct member *member,
			 struct fault *why)
{
	const struct plan *plan = inheritance->plan;
	size_t found = 0, chain = 0, index = 0;

	for (size_t i = 0; i < plan->count; i++) {
		if (i == at || plan->chains[i].hook != plan->chains[at].hook ||
		    !is_decided(&plan->chains[i]))
			continue;
		for (size_t k = 0; k < recorded_count(&plan->chains[i]); k++) {
			if (inheritance->taken[i][k] ||
			    !is_like(recorded_at(&plan->chains[i], k), member, LIKE_PROGRAM))
				continue;
			found++;
			chain = i;
			index = k;
		}
	}
	return found == 1 ? inherit(inheritance, chain, index, member, why) : 0;
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

static int inherit_all(struct inheritance *inheritance, struct fault *why)
{
	struct plan *plan = inheritance->plan;

	for (size_t i = 0; i < plan->count; i++)
		if (inherit_here(inheritance, i, LIKE_PROGRAM, why) ||
		    inherit_here(inheritance, i, LIKE_BUNDLE, why))
			return -1;
	for (size_t i = 0; i < plan->count; i++)
		for (size_t k = 0; k < plan->chains[i].count; k++)
			if (!plan->chains[i].members[k].recorded &&
			    inherit_there(inheritance, i, &plan->chains[i].members[k], why))
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

int inherit_maps(struct plan *plan, const char *tree, bool followed, struct fault *why)
{
	struct inheritance inheritance = {.plan = plan, .tree = tree, .followed = followed};
	int bad;

	forget(plan);

	inheritance.taken = calloc(plan->count + 1, sizeof(*inheritance.taken));
	if (!inheritance.taken)
		return fault_set(why, FAULT_OTHER, "out of memory");
	bad = inherit_all(&inheritance, why);
	free(inheritance.taken);
	return bad;
}
