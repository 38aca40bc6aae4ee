// SPDX-License-Identifier: Apache-2.0
#include "loader/chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/embedded.h"
#include "loader/fit.h"
#include "loader/hop.h"
#include "loader/object.h"
#include "loader/offload.h"
#include "loader/truth.h"

struct chain {
	struct chain_spec spec;
	char place[BPFFS_PATH_MAX]; // the hook's directory
	struct generation generation;
	struct hop *hops; // as many as members
	int end_fd;	  // the terminal program; -1: none is needed
	int offload_fd;	  // all hops as one program, on a card; -1: it runs in the host
	uint32_t root_number;
	bool committed, replaces;
	struct fault left; // what could not be taken away behind a switch
	char how[ATTACH_HOW];
};

uint32_t chain_generation(const struct chain *chain)
{
	return chain->generation.number;
}

const struct chain_program *chain_program(const struct chain *chain, size_t index)
{
	return &chain->hops[index].program;
}

const char *chain_how(const struct chain *chain)
{
	return chain->how;
}

bool chain_replaces(const struct chain *chain)
{
	return chain->replaces;
}

static void chain_close(struct chain *chain)
{
	for (size_t i = 0; chain->hops && i < chain->spec.count; i++)
		hop_drop(&chain->hops[i]);
	free(chain->hops);
	drop_fd(&chain->generation.fell_fd);
	drop_fd(&chain->end_fd);
	drop_fd(&chain->offload_fd);
	free(chain);
}

void chain_free(struct chain *chain)
{
	struct fault ignored = {0};

	if (!chain)
		return;
	// What cannot be removed now is removed by the next run (chain_tidy).
	if (!chain->committed && chain->generation.dir[0] &&
	    bpffs_remove(chain->generation.dir, &ignored))
		fault_clear(&ignored);
	if (!chain->committed && chain->place[0])
		bpffs_forget_empty(chain->place);
	chain_close(chain);
}

// ---- building ----

static int fell_make(struct chain *chain, struct fault *why)
{
	// Mapped by who watches: these are read every second.
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bpfseal_fell", sizeof(uint32_t),
				(uint32_t)(chain->spec.count * sizeof(uint64_t)), 1, &opts);

	if (fd < 0)
		return fault_errno(why, FAULT_KERNEL, "cannot make the fall-through counters");
	chain->generation.fell_fd = fd;
	return bpffs_put(fd, chain->generation.dir, "fell", why);
}

// fit_check has seen that all do, or none.
static bool members_have_frags(const struct chain_spec *spec)
{
	for (size_t i = 0; i < spec->count; i++)
		if (fit_has_frags(&spec->members[i]))
			return true;
	return false;
}

static int chain_reserve(const struct chain_spec *spec, struct chain **out, struct fault *why)
{
	OWNED(chain_drop) struct chain *chain = calloc(1, sizeof(*chain));

	if (!chain)
		return fault_set(why, FAULT_OTHER, "out of memory");
	chain->spec = *spec;
	chain->generation = (struct generation){
		.spec = &chain->spec,
		.fell_fd = -1,
		.fell_verdict = anchor_verdict(spec->hook, spec->policy->on_fall_through_drop),
		.frags = members_have_frags(spec)};
	chain->end_fd = chain->offload_fd = -1;
	chain->hops = calloc(spec->count, sizeof(*chain->hops));
	if (!chain->hops)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < spec->count; i++)
		hop_init(&chain->hops[i], spec->members, i);
	*out = HAND_OVER(chain);
	return 0;
}

static int clean_stem(const char *place, const char *stem, uint32_t keep, struct fault *why)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	char path[BPFFS_PATH_MAX];
	size_t count = 0;

	if (bpffs_numbers(place, stem, &numbers, &count, why))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (numbers[i] != keep && (bpffs_join_number(place, stem, numbers[i], path, why) ||
					   bpffs_remove(path, why)))
			return -1;
	return 0;
}

// Which numbers are taken, what runs, and that nobody else is in the way; then an empty directory for the new one.
static int chain_prepare(struct chain *chain, struct fault *why)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	const struct chain_spec *spec = &chain->spec;
	struct generation *generation = &chain->generation;
	struct truth truth;
	char old[BPFFS_PATH_MAX];
	size_t count = 0;

	if (truth_read(spec->tree, spec->iface, spec->hook, &truth, why) ||
	    attach_check(spec->iface, spec->hook, &spec->wish, &truth, why) ||
	    bpffs_place(spec->tree, spec->iface, spec->hook, chain->place, why) ||
	    clean_stem(chain->place, "gen", truth.generation, why) ||
	    // Of a root that packets meet and that is not whole, what pins there are keep its slot filled until the switch.
	    ((truth.root_number || !truth.attached) &&
	     clean_stem(chain->place, "root", truth.root_number, why)) ||
	    bpffs_numbers(chain->place, "gen", &numbers, &count, why))
		return -1;
	chain->root_number = truth.root_number;
	chain->replaces = spec->hook != HOOK_PROBE && (truth.generation || truth.root_number);
	generation->card = spec->wish.on_card ? truth.iface_index : 0;
	generation->number = count ? numbers[count - 1] + 1 : 1;
	// Another interface of that name starts anew: what was counted on the old one is not its own.
	if (truth.generation && !truth.renewed &&
	    (bpffs_join_number(chain->place, "gen", truth.generation, old, why) ||
	     bpffs_join(old, "maps", generation->old_maps, why)))
		return -1;
	if (bpffs_join_number(chain->place, "gen", generation->number, generation->dir, why))
		return -1;
	return bpffs_make_dir(generation->dir, why);
}

// A last member that jumps lands on a program of ours that returns "pass": so a fall-through is always an anomaly.
static int chain_build_end(struct chain *chain, struct fault *why)
{
	bool xdp = chain->spec.hook == HOOK_XDP, probe = chain->spec.hook == HOOK_PROBE;
	const unsigned char *start = xdp ? embedded_end_xdp_start : embedded_end_tc_start;
	const unsigned char *end = xdp ? embedded_end_xdp_end : embedded_end_tc_end;
	const struct object_source source = {.data = start,
					     .len = (size_t)(end - start),
					     .entry = "bpfseal_end",
					     .hook = chain->spec.hook,
					     .frags = chain->generation.frags,
					     .label = "the terminal program",
					     .logs_dirfd = -1};
	OWNED(object_drop) struct object *object = NULL;

	if (probe || !fit_jumps(&chain->spec.members[chain->spec.count - 1]))
		return 0;
	if (object_open(&source, &object, why) || object_load(object, NULL, why) ||
	    bpffs_put(object_program_fd(object), chain->generation.dir, "end", why))
		return -1;
	chain->end_fd = dup(object_program_fd(object));
	return chain->end_fd < 0 ? fault_errno(why, FAULT_OTHER, "cannot keep a descriptor") : 0;
}

// Fills one array, freezes it (A85: later writes get EPERM) and pins it. Pinned before the switch: when the last
// descriptor of an unpinned PROG_ARRAY closes, the kernel empties it under the running programs.
static int chain_link(struct chain *chain, size_t index, struct fault *why)
{
	bool last = index + 1 == chain->spec.count;
	int next = last ? chain->end_fd : object_program_fd(chain->hops[index + 1].object);
	int array = chain->hops[index].next_fd;
	struct sys_program wanted;
	uint32_t zero = 0, slot;
	char name[32];

	if (array < 0)
		return 0;
	if (bpf_map_update_elem(array, &zero, &next, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL,
				   "the kernel does not let %s go on to the next",
				   chain->spec.members[index].name);
	if (sys_freeze(array, why))
		return fault_within(why, "an array of the chain");
	// Whoever may open maps by id could write to it before: it is as we filled it, or it is not used.
	if (sys_program(next, &wanted, why) || sys_slot(array, &slot, why))
		return -1;
	if (slot != wanted.id)
		return fault_set(why, FAULT_KERNEL,
				 "somebody wrote program %u into an array of the new chain", slot);
	snprintf(name, sizeof(name), "next-%zu", index);
	return bpffs_put(array, chain->generation.dir, name, why);
}

int chain_build(const struct chain_spec *spec, struct chain **out, struct fault *why)
{
	OWNED(chain_drop) struct chain *chain = NULL;

	if (spec->count == 0 || spec->count > NODE_CHAIN_MAX)
		return fault_set(why, FAULT_CONFIG, "a chain has 1 to %d members", NODE_CHAIN_MAX);
	if (fit_check(spec->members, spec->count, why) ||
	    (spec->wish.on_card && offload_check(spec->members, spec->count, why)) ||
	    chain_reserve(spec, &chain, why) || chain_prepare(chain, why) || fell_make(chain, why))
		return -1;
	if (hops_build(&chain->generation, chain->hops, why) || chain_build_end(chain, why))
		return -1;
	if (chain->generation.card &&
	    hops_join(&chain->generation, chain->hops, &chain->offload_fd, why))
		return -1;
	for (size_t i = 0; i < spec->count; i++)
		if (chain_link(chain, i, why))
			return -1;
	// What the running generation also sees comes last: everything that can be refused has been tried by then.
	for (size_t i = 0; i < spec->count; i++)
		if (hop_fill(&chain->hops[i], why))
			return -1;
	for (size_t i = 0; i < spec->count; i++)
		if (hop_update(&chain->generation, &chain->hops[i], why))
			return -1;
	*out = HAND_OVER(chain);
	return 0;
}

// ---- the switch ----

static struct attach chain_attach(const struct chain *chain)
{
	return (struct attach){.place = chain->place,
			       .iface = chain->spec.iface,
			       .hook = chain->spec.hook,
			       .wish = chain->spec.wish};
}

static int chain_enter(struct chain *chain, const struct anchor *root, struct fault *why)
{
	int first = object_program_fd(chain->hops[0].object);
	uint32_t zero = 0;

	if (bpf_map_update_elem(root->array_fd, &zero, &first, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL,
				   "the kernel does not let the root go on to %s",
				   chain->spec.members[0].name);
	return 0;
}

// One program, and the root of its generation: it is entered by taking the place of the one before.
static int chain_place_on_card(struct chain *chain, const struct truth *truth, struct fault *why)
{
	const struct attach attach = chain_attach(chain);
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	struct fault ignored = {0};
	char dir[BPFFS_PATH_MAX];
	uint32_t number;

	if (anchor_free_number(chain->place, &number, why) ||
	    anchor_pin_card(chain->place, chain->offload_fd, chain->generation.fell_verdict, number,
			    &root, why))
		return -1;
	chain->root_number = number;
	if (!attach_root(&attach, truth, root.program_fd, root.program_id, chain->how, why))
		return 0;
	// Not left to the next run: a card has little room.
	if (!bpffs_join_number(chain->place, "root", number, dir, &ignored) &&
	    bpffs_remove(dir, &ignored))
		fault_clear(&ignored);
	return -1;
}

// Puts the chain behind a root that is already attached and sound, behind a new root in its place, or on a hook where
// nothing of ours is. A root that packets meet is entered last: until then nothing that is refused has touched them.
static int chain_place(struct chain *chain, const struct truth *truth, struct fault *why)
{
	const struct chain_spec *spec = &chain->spec;
	const struct attach attach = chain_attach(chain);
	const struct anchor_kind kind = {.hook = spec->hook,
					 .verdict = chain->generation.fell_verdict,
					 .frags = chain->generation.frags};
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	uint32_t number;
	bool sound = truth->root_number && !truth->on_card && truth->verdict == kind.verdict &&
		     truth->frags == kind.frags && !spec->renew_root;
	bool live = sound && truth->attached;

	if (!sound && (anchor_free_number(chain->place, &number, why) ||
		       anchor_build(chain->place, &kind, number, &root, why)))
		return -1;
	if (sound && anchor_find(chain->place, truth->root_id, &root, why))
		return -1;
	chain->root_number = sound ? truth->root_number : root.number;
	if (!live && chain_enter(chain, &root, why))
		return -1;
	if (attach_root(&attach, truth, root.program_fd, root.program_id, chain->how, why))
		return -1;
	return live ? chain_enter(chain, &root, why) : 0;
}

// Probes run since they were attached; what is written here is which of two generations is the one.
static int chain_commit_probes(struct chain *chain, struct fault *why)
{
	if (bpffs_point_maps(chain->place, chain->generation.number, why))
		return fault_within(why, "the old probes still run");
	snprintf(chain->how, sizeof(chain->how), "attached");
	chain->committed = true;
	return 0;
}

int chain_commit(struct chain *chain, struct fault *why)
{
	const struct chain_spec *spec = &chain->spec;
	const struct attach attach = chain_attach(chain);
	struct truth truth = {0};

	if (chain->spec.hook == HOOK_PROBE)
		return chain_commit_probes(chain, why);

	// Read again: between the build and now the hook may have been taken.
	if (truth_read(spec->tree, spec->iface, spec->hook, &truth, why) ||
	    attach_check(spec->iface, spec->hook, &spec->wish, &truth, why) ||
	    (chain->generation.card ? chain_place_on_card(chain, &truth, why)
				    : chain_place(chain, &truth, why)))
		return fault_within(why, "the chain of %s on %s cannot be put in place%s",
				    hook_name(spec->hook), spec->iface,
				    truth.attached ? ": the old one still runs" : "");
	chain->committed = true;
	// Now, not after the others are switched: until then packets meet the chain twice.
	if (attach_tidy(&attach, &truth, why)) {
		chain->left = *why;
		fault_clear(why);
	}
	return 0;
}

// A chain that is whole starts its count of accidents anew; apply has written the old one into the audit log.
static int chain_forget_falls(const struct chain *chain, struct fault *why)
{
	char dir[BPFFS_PATH_MAX];
	OWNED(drop_fd) int fd = -1;
	uint32_t zero = 0;
	uint64_t none = 0;

	if (bpffs_join_number(chain->place, "root", chain->root_number, dir, why) ||
	    bpffs_get(dir, "fell", &fd, why))
		return -1;
	if (bpf_map_update_elem(fd, &zero, &none, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL, "cannot reset the fall-through counter");
	return 0;
}

int chain_settle(struct chain *chain, struct fault *why)
{
	return chain->replaces && sys_grace(why) ? -1 : chain_release(chain, why);
}

int chain_release(struct chain *chain, struct fault *why)
{
	if (chain->left.code != FAULT_NONE) {
		*why = chain->left;
		return fault_within(why, "the new chain of %s on %s runs, the old attachment too",
				    hook_name(chain->spec.hook), chain->spec.iface);
	}
	if (chain->spec.hook != HOOK_PROBE && chain_forget_falls(chain, why))
		return -1;
	return chain_tidy(chain->place, chain->generation.number, chain->root_number, why);
}

int chain_tidy(const char *place, uint32_t generation, uint32_t root, struct fault *why)
{
	return bpffs_point_maps(place, generation, why) ||
			       clean_stem(place, "gen", generation, why) ||
			       clean_stem(place, "root", root, why)
		       ? -1
		       : 0;
}

int chain_remove(const char *place, struct fault *why)
{

	if (attach_remove(place, why) || bpffs_remove(place, why))
		return -1;
	// Names come and go: the last hook of an interface takes its directory with it. Where another is left, it stays.
	bpffs_forget_empty(place);
	return 0;
}
