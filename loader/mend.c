// SPDX-License-Identifier: Apache-2.0
#include "loader/mend.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/apply.h"
#include "loader/bpffs.h"
#include "loader/chain.h"
#include "loader/decide.h"
#include "loader/fallback.h"
#include "loader/mapid.h"
#include "loader/restore.h"
#include "loader/scan.h"
#include "loader/sys.h"
#include "loader/tamper.h"

// What is put back, where.
struct mend {
	const struct mend_places *places;
	const struct plan_chain *chain;
	char place[BPFFS_PATH_MAX];
	uint32_t generation; // the recorded one
	int first_fd;	     // its first program
	struct anchor root;
};

static void mend_drop(struct mend *mend)
{
	drop_fd(&mend->first_fd);
	anchor_drop(&mend->root);
}

// ---- what may be put back ----

// What is denied does not come back; the restore leaves it out.
static int check_denied(const struct mend *mend, struct fault *why)
{
	const struct restore restore = {.objects_dirfd = mend->places->objects_dirfd,
					.trust_dirfd = mend->places->trust_dirfd,
					.interface = mend->chain->interface,
					.hook = mend->chain->hook,
					.record = mend->chain->record,
					.runs = true};
	bool denied;

	if (restore_has_denied(&restore, &denied, why))
		return -1;
	return denied ? fault_set(why, FAULT_DRIFT, "a program of the chain is denied by now") : 0;
}

// The recorded generation, every program and jump of it, is in the kernel and in our tree.
static int check_generation(const struct mend *mend, struct fault *why)
{
	const struct json *members = json_member(mend->chain->record, "members");
	bool jumps = mend->chain->hook != HOOK_PROBE;
	struct truth truth;

	if (truth_of_generation(mend->place, mend->generation, &truth, why))
		return -1;
	if (truth.count != json_count(members))
		return fault_set(why, FAULT_DRIFT, "generation %u is not whole", mend->generation);
	for (size_t i = 0; i < truth.count; i++) {
		const struct truth_member *member = &truth.members[i];

		if (!member->program.id || (jumps && i && member->slot != member->program.id) ||
		    member->program.id !=
			    json_int(json_member(json_item(members, i), "program_id")) ||
		    tamper_is_decoy(member, json_item(members, i)) ||
		    (int64_t)member->probes <
			    json_int(json_member(json_item(members, i), "probes")))
			return fault_set(why, FAULT_DRIFT, "place %zu of generation %u is damaged",
					 i + 1, mend->generation);
	}
	if (truth.has_end && truth.end_slot != truth.end_id)
		return fault_set(why, FAULT_DRIFT, "the end of generation %u is damaged",
				 mend->generation);
	return 0;
}

// A root on a card is the program of its members, each of which was recorded with it.
static bool is_recorded(const struct mend *mend)
{
	const struct json *members = json_member(mend->chain->record, "members");

	return mend->root.program_id == json_int(json_member(json_item(members, 0), "program_id"));
}

// Our root: the one that was kept, else the one that the truth found. By its tag, whoever pinned it.
static int find_root(struct mend *mend, const struct keeper *keeper, struct fault *why)
{
	const struct truth *truth = &mend->chain->truth;
	uint32_t number = keeper ? keeper_root(keeper) : truth->root_number;
	const char *tag;

	if (anchor_tags_get(mend->places->tags, mend->chain->hook, &tag, why))
		return -1;
	if (!number || anchor_at(mend->place, number, &mend->root, why) ||
	    !(mend->root.on_card ? is_recorded(mend) : !strcmp(mend->root.tag, tag)))
		return fault_set(why, FAULT_DRIFT, "no root of ours is whole");
	return 0;
}

// Once more by its id: whoever pins another program under this name after the look before shall not have it put into the
// root's slot by us.
static int open_first(struct mend *mend, const char *dir, struct fault *why)
{
	const struct json *members = json_member(mend->chain->record, "members");
	struct sys_program first;

	if (bpffs_get(dir, "prog-0", &mend->first_fd, why) ||
	    sys_program(mend->first_fd, &first, why))
		return -1;
	return first.id == json_int(json_member(json_item(members, 0), "program_id"))
		       ? 0
		       : fault_set(why, FAULT_DRIFT, "place 1 of generation %u is damaged",
				   mend->generation);
}

static int mend_open(struct mend *mend, const struct keeper *keeper, struct fault *why)
{
	char dir[BPFFS_PATH_MAX];

	mend->generation = (uint32_t)json_int(json_member(mend->chain->record, "generation"));
	if (!mend->generation || !mend->chain->was[0] || mend->chain->truth.renewed)
		return fault_set(why, FAULT_DRIFT, "what was applied here has to be built");
	if (check_denied(mend, why) ||
	    bpffs_place(mend->places->tree, mend->chain->was, mend->chain->hook, mend->place, why))
		return -1;
	if (keeper) {
		size_t pinned;

		if (keeper_put_back(keeper, &pinned, why))
			return -1;
	}
	if (check_generation(mend, why))
		return -1;
	if (mend->chain->hook == HOOK_PROBE)
		return 0;
	if (find_root(mend, keeper, why) ||
	    bpffs_join_number(mend->place, "gen", mend->generation, dir, why))
		return -1;
	return open_first(mend, dir, why);
}

// ---- putting it back ----

static int fill_slot(const struct mend *mend, const struct anchor *root, struct fault *why)
{
	struct sys_program first;
	uint32_t zero = 0, now;

	if (root->on_card)
		return 0; // it is all of them itself
	if (sys_program(mend->first_fd, &first, why) || sys_slot(root->array_fd, &now, why))
		return -1;
	if (now != first.id && bpf_map_update_elem(root->array_fd, &zero, &mend->first_fd, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL, "cannot write the slot of our root");
	return 0;
}

static int attach_again(const struct mend *mend, const struct truth *truth,
			char how[static ATTACH_HOW], struct fault *why)
{
	const struct plan_chain *chain = mend->chain;
	// What stands there stays in the way it stands there: how node.json wants it now is for apply.
	const struct attach attach = {
		.place = mend->place,
		.iface = chain->iface,
		.hook = chain->hook,
		.wish = attach_wish(truth->attached ? NULL : chain->interface, chain->hook, truth)};

	if (attach_check(chain->iface, chain->hook, &attach.wish, truth, why) ||
	    attach_root(&attach, truth, mend->root.program_fd, mend->root.program_id, how, why))
		return -1;
	return attach_tidy(&attach, truth, why);
}

static bool is_overtaken(const struct truth *truth)
{
	return truth->attached && truth->by == TRUTH_BY_TCX && truth->before.count;
}

// Back to the head. A program stands once on a hook, so a second root goes there first; in between packets meet the chain
// twice, and never not at all.
static int take_lead(struct mend *mend, const struct truth *truth, char how[static ATTACH_HOW],
		     struct fault *why)
{
	const struct anchor_kind kind = {.hook = mend->chain->hook,
					 .verdict = mend->root.verdict,
					 .frags = mend->root.frags};
	OWNED(anchor_drop) struct anchor fresh = ANCHOR_NONE;
	OWNED(drop_fd) int old = -1, link = -1;
	uint32_t number;

	if (bpffs_get(mend->place, "link", &old, why) ||
	    anchor_free_number(mend->place, &number, why) ||
	    anchor_build(mend->place, &kind, number, &fresh, why) || fill_slot(mend, &fresh, why))
		return -1;
	link = sys_attach(fresh.program_fd, truth->iface_index, mend->chain->hook, SYS_NATIVE);
	if (link < 0)
		return fault_set(why, FAULT_KERNEL, "cannot attach before program %u: %s",
				 truth->before.list[0].program_id, strerror(-link));
	if (bpffs_replace(link, mend->place, "link", why))
		return -1;
	if (bpf_link_detach(old))
		return fault_errno(why, FAULT_KERNEL, "cannot detach our former link");
	anchor_drop(&mend->root);
	mend->root = fresh;
	fresh = (struct anchor)ANCHOR_NONE;
	snprintf(how, ATTACH_HOW, "attached before the others again");
	return 0;
}

// Whether there is nothing beside it that a packet may still be in: no former root, nothing of somebody else's.
static int is_alone(const struct mend *mend, bool *out, struct fault *why)
{
	OWNED(drop_heap) uint32_t *gens = NULL, *roots = NULL;
	size_t gen_count = 0, root_count = 0;

	if (bpffs_numbers(mend->place, "gen", &gens, &gen_count, why) ||
	    bpffs_numbers(mend->place, "root", &roots, &root_count, why))
		return -1;
	*out = gen_count == 1 && root_count == 1;
	return 0;
}

static int point_maps(const struct mend *mend, struct fault *why)
{
	uint32_t pointed;

	if (bpffs_pointed(mend->place, &pointed, why))
		return -1;
	return pointed == mend->generation ? 0
					   : bpffs_point_maps(mend->place, mend->generation, why);
}

// It is whole again: its accidents are counted anew, and what somebody else has pinned beside it goes.
static int finish(const struct mend *mend, struct fault *why)
{
	uint32_t zero = 0;
	uint64_t none = 0;
	bool alone;

	if (bpf_map_update_elem(mend->root.fell_fd, &zero, &none, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL, "cannot reset the fall-through counter");
	if (is_alone(mend, &alone, why))
		return -1;
	if (alone)
		return point_maps(mend, why);
	return sys_grace(why) || chain_tidy(mend->place, mend->generation, mend->root.number, why)
		       ? -1
		       : 0;
}

// Which interface this is: one that is made anew under its name later shall not be taken for it.
static int note_interface(const struct mend *mend, const struct truth *truth, struct fault *why)
{
	if (!truth->attached || !truth->iface_index || bpffs_noted(mend->place, "ifindex"))
		return 0;
	return bpffs_note(mend->place, "ifindex", truth->iface_index, why);
}

int mend_put_back(const struct mend_places *places, const struct plan_chain *chain,
		  const struct keeper *keeper, char how[static ATTACH_HOW], struct fault *why)
{
	OWNED(mend_drop)
	struct mend mend = {.places = places, .chain = chain, .first_fd = -1, .root = ANCHOR_NONE};
	struct truth truth;

	how[0] = '\0';
	if (mend_open(&mend, keeper, why))
		return -1;
	if (chain->hook == HOOK_PROBE) {
		// They run as long as somebody holds them; their pins are all that can be put back.
		snprintf(how, ATTACH_HOW, "pinned again");
		return point_maps(&mend, why);
	}
	// The slot first: no packet shall enter an empty root.
	if (fill_slot(&mend, &mend.root, why) ||
	    truth_read_at(mend.place, chain->iface, chain->hook, &truth, why) ||
	    attach_again(&mend, &truth, how, why) || note_interface(&mend, &truth, why))
		return -1;
	if (is_overtaken(&truth) && take_lead(&mend, &truth, how, why))
		return -1;
	return finish(&mend, why);
}

int mend_check_maps(const struct mend_places *places, const struct plan_chain *chain,
		    struct fault *why)
{
	const struct json *generation = json_member(chain->record, "generation");
	char place[BPFFS_PATH_MAX], what[128];
	const struct mapid_place at = {.place = place,
				       .generation = (uint32_t)json_int(generation),
				       .record = chain->record};

	if (!at.generation)
		return 0;
	if (plan_place(chain, places->tree, place, why))
		return -1;
	if (!mapid_check(&at, why))
		return 0;
	snprintf(what, sizeof(what), "%.120s", why->text);
	return fault_set(
		why, why->code,
		"%s: the chain runs on with it, and 'bpfseal apply' would make an empty one "
		"in its place",
		what);
}

// ---- from our copies ----

static int apply_mended(const struct mend_places *places, struct plan *plan, struct apply *out,
			struct fault *why)
{
	const struct apply_places apply_places = {.node = places->node,
						  .tree = places->tree,
						  .loader_dirfd = places->loader_dirfd,
						  .logs_dirfd = places->logs_dirfd,
						  .logs_path = places->logs_path,
						  .events = places->events,
						  .now = places->now,
						  .ticks_us = places->ticks_us};

	if (apply_plan(&apply_places, plan, out, why))
		return -1;
	for (size_t i = 0; i < out->count; i++)
		if (out->chains[i].lost)
			return fault_set(why, FAULT_NOT_FOUND, "its interface vanished again");
	return 0;
}

static struct admit_places admit_places(const struct mend_places *places)
{
	return (struct admit_places){.root = places->root,
				     .store_dirfd = places->store_dirfd,
				     .trust_dirfd = places->trust_dirfd,
				     .objects_dirfd = places->objects_dirfd,
				     .now = places->now,
				     .node = places->node};
}

static bool is_one(const struct plan_chain *chain, const char *iface, enum hook hook)
{
	return !strcmp(chain->iface, iface) && chain->hook == hook;
}

// Where its pins are to follow a name, those of all others are too: two may have exchanged theirs, and what one of them
// leaves to the other is not to be cleared away.
static int look_for(const struct plan_places *at, const char *iface, enum hook hook,
		    struct plan **out, struct fault *why)
{
	OWNED(plan_drop) struct plan *plan = NULL;

	if (scan_hook(at, iface, hook, &plan, why))
		return -1;
	if (strcmp(plan->chains[0].was, plan->chains[0].iface) != 0) {
		plan_drop(&plan);
		if (scan_all(at, &plan, why))
			return -1;
	}
	*out = HAND_OVER(plan);
	return 0;
}

// Its place in the plan, of which nothing else is done.
static int restore_one(struct plan *plan, const struct plan_places *at,
		       const struct restore_copies *copies, const char *iface, enum hook hook,
		       size_t *index, struct fault *why)
{
	*index = plan->count;
	fallback_plan(plan, at, copies);
	for (size_t i = 0; i < plan->count; i++)
		if (is_one(&plan->chains[i], iface, hook))
			*index = i;
		else
			plan_reset(&plan->chains[i]);
	if (*index == plan->count)
		return fault_set(why, FAULT_NOT_FOUND, "its interface vanished again");
	if (plan->chains[*index].lost.code == FAULT_NONE)
		return 0;
	*why = plan->chains[*index].lost;
	return -1;
}

int mend_restore(const struct mend_places *places, const char *iface, enum hook hook,
		 char how[static ATTACH_HOW], struct fault *why)
{
	const struct plan_places at = {
		.node = places->node, .tree = places->tree, .loader_dirfd = places->loader_dirfd};
	const struct admit_places admits = admit_places(places);
	struct restore_copies copies = {.objects_dirfd = places->objects_dirfd,
					.trust_dirfd = places->trust_dirfd};
	OWNED(apply_drop) struct apply apply = {0};
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	size_t index;

	how[0] = '\0';
	if (!places->node)
		return fault_set(why, FAULT_CONFIG,
				 "node.json says nothing that could be held "
				 "against it");
	if (admit_new(&admits, &admit, why) || look_for(&at, iface, hook, &plan, why))
		return -1;
	// As in apply a denial that can be verified holds from now on. The rest of the metadata is not kept: to keep it takes
	// the indexes of all that node.json names (admit_settle), and is the next apply's.
	admit_deny(admit);
	copies.admit = admit;
	if (restore_one(plan, &at, &copies, iface, hook, &index, why))
		return -1;
	if (plan->chains[index].action == PLAN_KEEP)
		return fault_set(why, FAULT_DRIFT, "there is nothing that could be restored");
	if (apply_mended(places, plan, &apply, why))
		return -1;
	if (apply.chains[index].chain)
		snprintf(how, ATTACH_HOW, "restored from our own copies, generation %u",
			 chain_generation(apply.chains[index].chain));
	else
		snprintf(how, ATTACH_HOW, "removed: all of it is denied");
	return 0;
}

// What has nothing yet: a newer version for what runs is for an apply to bring.
static bool has_come(const void *ctx, const struct plan_chain *chain)
{
	const struct mend_arrivals *arrivals = ctx;

	if (chain->truth.root_id || chain->truth.linked)
		return false;
	for (size_t i = 0; i < arrivals->count; i++)
		if (!strcmp(chain->iface, arrivals->ifaces[i]))
			return true;
	return false;
}

int mend_load_arrivals(const struct mend_places *places, const struct mend_arrivals *arrivals,
		       char how[static ATTACH_HOW], struct fault *why)
{
	const struct plan_places at = {
		.node = places->node, .tree = places->tree, .loader_dirfd = places->loader_dirfd};
	const struct admit_places admits = admit_places(places);
	OWNED(apply_drop) struct apply apply = {0};
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;

	how[0] = '\0';
	if (admit_new(&admits, &admit, why) || scan_all(&at, &plan, why) ||
	    decide_some(plan, &at, admit, has_come, arrivals, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].action != PLAN_LOAD)
			plan->chains[i].action = PLAN_KEEP;
	if (apply_mended(places, plan, &apply, why))
		return -1;
	snprintf(how, ATTACH_HOW, "loaded, as its interface has come");
	return 0;
}
