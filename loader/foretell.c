// SPDX-License-Identifier: Apache-2.0
#include "loader/foretell.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "loader/attach.h"
#include "loader/bpffs.h"
#include "loader/change.h"
#include "loader/inherit.h"
#include "loader/object.h"
#include "loader/record.h"
#include "loader/shared.h"

// What is foretold of one chain.
struct foretelling {
	const struct plan *plan;
	struct plan_chain *chain;
	const struct plan_places *places;
	bool rebuild; // a value can only be set by loading anew
	bool written; // the record says other values than node.json
	struct fault *why;
};

// What is shared on an interface that has come anew, or under a name that has gone to another, is not this one's.
static int foretell_shared_place(const struct foretelling *at, const struct member *member,
				 char out[static BPFFS_PATH_MAX])
{
	const struct plan_chain *chain = at->chain;
	const char *iface = chain->was[0] ? chain->was : chain->iface;
	char dir[BPFFS_PATH_MAX];

	if (chain->was[0] && !plan_is_renewed(at->plan, chain->iface))
		return shared_place(at->places->tree, iface, member, out, at->why);
	return shared_place(at->places->tree, iface, member, dir, at->why) ||
			       bpffs_join(dir, "none", out, at->why)
		       ? -1
		       : 0;
}

// Where a member's maps were, and what is shared with it.
static int foretell_places(const struct foretelling *at, size_t index,
			   char old[static BPFFS_PATH_MAX], char shared[static BPFFS_PATH_MAX],
			   struct maps_places *out)
{
	const struct plan_chain *chain = at->chain;
	const struct member *member = &chain->members[index];
	char place[BPFFS_PATH_MAX], gen[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX];
	char key[MEMBER_LABEL_MAX];
	bool own = chain->truth.generation && !chain->truth.renewed;
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);

	member_key(chain->members, index, key);
	if (foretell_shared_place(at, member, shared) ||
	    plan_place(chain, at->places->tree, place, at->why) ||
	    bpffs_join_number(place, "gen", chain->truth.generation, gen, at->why) ||
	    bpffs_join(gen, "maps", maps, at->why) || bpffs_join(maps, key, old, at->why))
		return -1;
	*out = (struct maps_places){
		.old_dir = member->maps_from ? *member->maps_from ? member->maps_from : NULL
			   : own	     ? old
					     : NULL,
		.shared_dir = shared,
		.recorded = member->recorded,
		.apart = member_stands_apart(member),
		.named = member->maps,
		.card = wish.on_card ? chain->truth.iface_index : 0};
	return 0;
}

// A chain that runs on as it is, but perhaps for its values.
static bool stays(const struct plan_chain *chain)
{
	return chain->action == PLAN_KEEP || chain->action == PLAN_MOVE;
}

static int foretell_edits(struct foretelling *at, size_t index, const struct meaning *meaning,
			  const struct values *values, const char *dir)
{
	const struct member *member = &at->chain->members[index];
	const struct edits_source source = {.meaning = meaning,
					    .values = values,
					    .recorded = member->recorded,
					    .lent = member->lent,
					    .dir = dir};
	OWNED(edits_drop) struct edits edits = {0};
	bool rebuild, same;

	if (edits_find(&source, &edits, &rebuild, at->why) ||
	    record_has_values(member->recorded, member->maps, member->globals, &same, at->why))
		return -1;
	at->rebuild |= rebuild;
	at->written |= !same;
	return edits_join(&at->chain->edits, &edits, index, at->why);
}

// Every value is encoded here, so that one that does not fit is told before anything is made in the kernel.
static int foretell_member(struct foretelling *at, size_t index)
{
	struct plan_chain *chain = at->chain;
	const struct member *member = &chain->members[index];
	struct values_origin origin = {.node = at->places->node};
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(object_drop) struct object *object = NULL;
	OWNED(values_drop) struct values values = {0};
	char old[BPFFS_PATH_MAX], shared[BPFFS_PATH_MAX];
	struct object_source source = {.entry = member->program->entry,
				       .hook = chain->hook,
				       .probe = chain->hook == HOOK_PROBE ? member->program : NULL,
				       .label = member->name,
				       .logs_dirfd = -1};
	struct maps_places places;
	struct meaning meaning;

	// What is held does not stand in node.json.
	if (!chain->hold && chain->interface &&
	    member->place < chain->interface->chain_count[chain->hook])
		origin.use = &chain->interface->chain[chain->hook][member->place];
	if (foretell_places(at, index, old, shared, &places) ||
	    file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &bytes, at->why))
		return -1;
	source.data = bytes.data;
	source.len = bytes.len;
	if (object_open(&source, &object, at->why))
		return -1;
	meaning = (struct meaning){object, member->manifest, member->program->object};
	if (values_make(&meaning, member, &origin, &values, at->why) ||
	    maps_settle(object, &meaning, &values, &places, true, &chain->maps[index], at->why))
		return -1;
	if (!stays(chain))
		return 0;
	return foretell_edits(at, index, &meaning, &values, places.old_dir);
}

static void maps_forget(struct plan_chain *chain)
{
	for (size_t k = 0; chain->maps && k < chain->count; k++)
		maps_report_drop(&chain->maps[k]);
	free(HAND_OVER(chain->maps));
}

void foretell_forget(struct plan_chain *chain)
{
	maps_forget(chain);
	edits_drop(&chain->edits);
	json_free(HAND_OVER(chain->changes));
}

// A chain that stays may still want other values; some of them want it built anew. Where the kernel has them already,
// as after `map set`, the record has yet to say so: a restore goes by it.
static void foretell_action(const struct foretelling *at)
{
	struct plan_chain *chain = at->chain;

	if (!stays(chain))
		return;
	if (at->rebuild)
		chain->action = PLAN_CHANGE;
	else if (chain->action == PLAN_KEEP && (chain->edits.count || at->written))
		chain->action = PLAN_VALUES;
	if (at->rebuild)
		edits_drop(&chain->edits);
	else
		maps_forget(chain);
}

static int foretell_changes(struct plan_chain *chain, struct fault *why)
{
	chain->changes = json_make_array();
	if (!chain->changes)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (chain->action == PLAN_VALUES || chain->action == PLAN_MOVE)
		return change_of_edits(&chain->edits, chain->members, chain->changes, why);
	for (size_t i = 0; chain->action != PLAN_KEEP && i < chain->count; i++)
		if (change_of_record(&chain->members[i], i, chain->changes, why))
			return -1;
	return 0;
}

static int foretell_chain(const struct plan *plan, struct plan_chain *chain,
			  const struct plan_places *places, struct fault *why)
{
	const struct attach_wish wish = attach_wish(chain->interface, chain->hook, &chain->truth);
	struct foretelling at = {.plan = plan, .chain = chain, .places = places, .why = why};
	bool stayed = stays(chain);

	if (chain->action == PLAN_REMOVE || chain->action == PLAN_WAIT || !chain->count)
		return 0;
	chain->maps = calloc(chain->count, sizeof(*chain->maps));
	if (!chain->maps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < chain->count; i++)
		if (foretell_member(&at, i))
			return -1;
	foretell_action(&at);
	if (foretell_changes(chain, why))
		return -1;
	// Others have been looked at for this already.
	if (!stayed || !plan_builds(chain->action))
		return 0;
	return attach_check(chain->iface, chain->hook, &wish, &chain->truth, why);
}

// ---- shared maps ----

static const struct node_use *use_of(const struct plan_chain *chain, const struct member *member)
{
	if (chain->hold || !chain->interface ||
	    member->place >= chain->interface->chain_count[chain->hook])
		return NULL;
	return &chain->interface->chain[chain->hook][member->place];
}

static bool shares(const struct member *member, const char *name)
{
	const struct manifest_map *map =
		manifest_map(member->manifest, member->program->object, name);

	return map && map->shared;
}

static int check_pair(const struct plan_chain *chain, const struct member *member,
		      const struct member *other, const struct plan_places *places,
		      struct fault *why)
{
	const struct node_use *use = use_of(chain, member);
	struct json_walk walk = {0};
	char where[FAULT_TEXT_MAX];

	while (json_next(member->maps, &walk)) {
		if (!json_member(other->maps, walk.key) || !shares(member, walk.key) ||
		    !shares(other, walk.key))
			continue;
		fault_set(why, FAULT_CONFIG,
			  "the programs of %s on %s share map %s: its values stand at one of them",
			  member->name, chain->iface, walk.key);
		if (!use)
			return -1;
		node_where(places->node, json_member(use->object, "maps"), walk.key, 0, where);
		return fault_where(why, "%s", where);
	}
	return 0;
}

// What one says of a map that both have, the other one has to know: it is not left over.
static int lend(const struct member *from, struct member *to, struct fault *why)
{
	struct json_walk walk = {0};

	if (!to->lent)
		to->lent = json_make_object();
	if (!to->lent)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(from->maps, &walk))
		if (json_count(walk.value) && shares(from, walk.key) && shares(to, walk.key) &&
		    json_put(to->lent, walk.key, json_keep(walk.value), why))
			return -1;
	return 0;
}

static int share_pair(const struct plan_chain *chain, struct member *member, struct member *other,
		      const struct plan_places *places, struct fault *why)
{
	if (strcmp(member->name, other->name) || strcmp(member->from, other->from))
		return 0;
	return check_pair(chain, member, other, places, why) || lend(member, other, why) ||
			       lend(other, member, why)
		       ? -1
		       : 0;
}

// Each two members once: within one chain those before it.
static int share_chains(const struct plan_chain *chain, const struct plan_chain *other,
			const struct plan_places *places, struct fault *why)
{
	for (size_t i = 0; i < chain->count; i++) {
		size_t end = chain == other ? i : other->count;

		for (size_t k = 0; k < end; k++)
			if (share_pair(chain, &chain->members[i], &other->members[k], places, why))
				return -1;
	}
	return 0;
}

static int share_maps(struct plan *plan, const struct plan_places *places, struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++)
		for (size_t k = 0; k <= i; k++)
			if (!strcmp(plan->chains[i].iface, plan->chains[k].iface) &&
			    share_chains(&plan->chains[i], &plan->chains[k], places, why))
				return -1;
	return 0;
}

int foretell_plan(struct plan *plan, const struct plan_places *places, struct fault *why)
{
	struct fault first = {0};

	if (share_maps(plan, places, why))
		fault_first(&first, why);
	if (inherit_maps(plan, places->tree, false, why))
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
