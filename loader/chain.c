// SPDX-License-Identifier: Apache-2.0
#include "loader/chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/chain.h"
#include "bpf/inspect.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/crew.h"
#include "loader/embedded.h"
#include "loader/fit.h"
#include "loader/lift.h"
#include "loader/object.h"
#include "loader/rider.h"
#include "loader/shared.h"
#include "loader/truth.h"
#include "loader/wrap.h"

// What a member is loaded from, until it is loaded and its probes ride.
struct berth {
	struct object_source source;
	struct bytes bytes;
	char label[MEMBER_LABEL_MAX];
	char old[BPFFS_PATH_MAX], shared[BPFFS_PATH_MAX];
	struct maps_places places; // borrows both
	struct fault refused;
};

struct chain {
	struct chain_spec spec;
	char place[BPFFS_PATH_MAX]; // the hook's directory
	char dir[BPFFS_PATH_MAX];   // the new generation's
	char old_maps[BPFFS_PATH_MAX];
	uint32_t generation, old_generation, root_number;
	struct chain_program *programs;
	struct berth *berths;
	struct object **objects; // open until the map values are written: they know the types
	struct values *values;	 // of each member
	int *next_fds;
	int fell_fd, end_fd;
	bool committed, lifted, replaces;
	struct fault left; // what could not be taken away behind a switch
	char how[ATTACH_HOW];
};

uint32_t chain_generation(const struct chain *chain)
{
	return chain->generation;
}

const struct chain_program *chain_program(const struct chain *chain, size_t index)
{
	return &chain->programs[index];
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
	for (size_t i = 0; i < chain->spec.count; i++) {
		if (chain->objects)
			object_free(chain->objects[i]);
		if (chain->berths)
			bytes_drop(&chain->berths[i].bytes);
		if (chain->programs)
			maps_report_drop(&chain->programs[i].maps);
		if (chain->values)
			values_drop(&chain->values[i]);
		if (chain->next_fds)
			drop_fd(&chain->next_fds[i]);
	}
	free(chain->berths);
	free(chain->objects);
	free(chain->values);
	free(chain->programs);
	free(chain->next_fds);
	drop_fd(&chain->fell_fd);
	drop_fd(&chain->end_fd);
	free(chain);
}

void chain_free(struct chain *chain)
{
	struct fault ignored = {0};

	if (!chain)
		return;
	// What cannot be removed now is removed by the next run (chain_clean).
	if (!chain->committed && chain->dir[0] && bpffs_remove(chain->dir, &ignored))
		fault_clear(&ignored);
	if (!chain->committed && chain->place[0])
		bpffs_forget_empty(chain->place);
	chain_close(chain);
}

// ---- rules before anything is loaded ----

int chain_check_length(const struct member *members, size_t count, struct fault *why)
{
	return fit_check(members, count, why);
}

// ---- building ----

static int array_make(const char *name, int *out, struct fault *why)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, name, sizeof(uint32_t), sizeof(uint32_t),
				1, NULL);

	if (fd < 0)
		return fault_errno(why, FAULT_KERNEL, "cannot make an array of the chain");
	*out = fd;
	return 0;
}

static int fell_make(struct chain *chain, struct fault *why)
{
	// Mapped by who watches: these are read every second.
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bpfseal_fell", sizeof(uint32_t),
				(uint32_t)(chain->spec.count * sizeof(uint64_t)), 1, &opts);

	if (fd < 0)
		return fault_errno(why, FAULT_KERNEL, "cannot make the fall-through counters");
	chain->fell_fd = fd;
	return bpffs_put(fd, chain->dir, "fell", why);
}

// fit_check has seen that all do, or none.
static bool chain_has_frags(const struct chain *chain)
{
	for (size_t i = 0; i < chain->spec.count; i++)
		if (fit_has_frags(&chain->spec.members[i]))
			return true;
	return false;
}

// Whether the member at `index` is followed by something it jumps to.
static bool chain_goes_on(const struct chain *chain, size_t index)
{
	if (chain->spec.hook == HOOK_PROBE)
		return false;
	return index + 1 < chain->spec.count || fit_jumps(&chain->spec.members[index]);
}

// How many tail calls a packet meets: the root's, and one behind each member but the last. A chain of few is faster as it
// is; of a longer one the first member that can be is lifted, and nothing else has to be.
static bool chain_wants_lift(const struct chain *chain)
{
	size_t count = chain->spec.count;

	return chain->spec.hook != HOOK_PROBE && !chain->lifted &&
	       count + chain_goes_on(chain, count - 1) > LIFT_JUMPS;
}

static int chain_reserve(const struct chain_spec *spec, struct chain **out, struct fault *why)
{
	OWNED(chain_drop) struct chain *chain = calloc(1, sizeof(*chain));

	if (!chain)
		return fault_set(why, FAULT_OTHER, "out of memory");
	chain->spec = *spec;
	chain->fell_fd = chain->end_fd = -1;
	chain->programs = calloc(spec->count, sizeof(*chain->programs));
	chain->berths = calloc(spec->count, sizeof(*chain->berths));
	chain->objects = calloc(spec->count, sizeof(struct object *));
	chain->values = calloc(spec->count, sizeof(*chain->values));
	chain->next_fds = calloc(spec->count, sizeof(int));
	if (!chain->programs || !chain->berths || !chain->objects || !chain->values ||
	    !chain->next_fds)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < spec->count; i++)
		chain->next_fds[i] = -1;
	*out = HAND_OVER(chain);
	return 0;
}

// Which numbers are taken, what runs, and that nobody else is in the way; then an empty directory for the new one.
static int clean_stem(const char *place, const char *stem, uint32_t keep, struct fault *why);

static int chain_prepare(struct chain *chain, struct fault *why)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	const struct chain_spec *spec = &chain->spec;
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
	chain->old_generation = truth.generation;
	chain->root_number = truth.root_number;
	chain->replaces = spec->hook != HOOK_PROBE && (truth.generation || truth.root_number);
	chain->generation = count ? numbers[count - 1] + 1 : 1;
	// Another interface of that name starts anew: what was counted on the old one is not its own.
	if (truth.generation && !truth.renewed &&
	    (bpffs_join_number(chain->place, "gen", truth.generation, old, why) ||
	     bpffs_join(old, "maps", chain->old_maps, why)))
		return -1;
	if (bpffs_join_number(chain->place, "gen", chain->generation, chain->dir, why))
		return -1;
	return bpffs_make_dir(chain->dir, why);
}

static const char *member_next_map(const struct member *member)
{
	return member->program->linkage == LINK_OWN_MAP ? member->program->next_map
							: CHAIN_NEXT_MAP;
}

// The array that a self-jumping program uses is the one its object declares; a wrapped program gets one of ours.
static int member_next(struct chain *chain, size_t index, struct fault *why)
{
	const struct member *member = &chain->spec.members[index];
	const char *name = member_next_map(member);
	const struct bpf_map *map =
		bpf_object__find_map_by_name(object_bpf(chain->objects[index]), name);

	if (!map || bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY)
		return fault_set(why, FAULT_FORMAT, "%s has no prog_array %s to jump through",
				 member->name, name);
	chain->next_fds[index] = dup(object_map_fd(chain->objects[index], map));
	if (chain->next_fds[index] < 0)
		return fault_errno(why, FAULT_OTHER, "cannot keep a descriptor");
	return 0;
}

// Any further array of programs that a member brings comes empty, and nothing of ours fills it: whoever did would have code
// run that nobody signed.
static int member_freeze(const struct chain *chain, size_t index, struct fault *why)
{
	const struct bpf_object *object = object_bpf(chain->objects[index]);
	const char *next = member_next_map(&chain->spec.members[index]);
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		int fd = object_map_fd(chain->objects[index], map);

		if (fd < 0 || bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY ||
		    (chain->next_fds[index] >= 0 && !strcmp(bpf_map__name(map), next)))
			continue;
		if (bpf_map_freeze(fd) && errno != EBUSY)
			return fault_errno(why, FAULT_KERNEL, "cannot freeze an array of %s",
					   chain->spec.members[index].name);
	}
	return 0;
}

static int32_t chain_fall_verdict(const struct chain *chain)
{
	return anchor_verdict(chain->spec.hook, chain->spec.policy->on_fall_through_drop);
}

static int member_load_jumping(const struct chain *chain, size_t index, struct fault *why)
{
	const struct fall fall = {.next_map = member_next_map(&chain->spec.members[index]),
				  .fell_fd = chain->fell_fd,
				  .fell_offset = (uint32_t)(index * sizeof(uint64_t)),
				  .verdict = chain_fall_verdict(chain)};

	object_count_falls(chain->objects[index], &fall);
	return object_load(chain->objects[index], NULL, why);
}

// The long step. Members are loaded side by side, so this changes nothing but the member's own object.
static int member_load(const struct chain *chain, size_t index, bool plain, struct fault *why)
{
	const struct member *member = &chain->spec.members[index];
	const struct wrap wrap = {
		.continue_on = member->program->continue_on,
		.continue_count = member->program->continue_count,
		.next_fd = chain->next_fds[index],
		.end_verdict = TC_ACT_UNSPEC,
		.fell_fd = chain->fell_fd,
		.fell_offset = (uint32_t)(index * sizeof(uint64_t)),
		.fell_verdict = chain_fall_verdict(chain),
		.by_call = plain,
	};
	// On TC others may stand behind us, and what is a word for "go on" in a chain (TC_ACT_OK) would there skip them.
	// So also the last member is wrapped, unless it is one whose verdict is to be the last word.
	bool tc = chain->spec.hook == HOOK_TC_INGRESS || chain->spec.hook == HOOK_TC_EGRESS;
	bool wrapped = chain->next_fds[index] >= 0 || (tc && member->program->linkage == LINK_WRAP);

	if (!plain && chain_wants_lift(chain))
		object_lift(chain->objects[index]);
	if (fit_jumps(member))
		return member_load_jumping(chain, index, why);
	return object_load(chain->objects[index], wrapped ? &wrap : NULL, why);
}

static struct meaning member_meaning(const struct chain *chain, size_t index)
{
	const struct member *member = &chain->spec.members[index];

	return (struct meaning){.object = chain->objects[index],
				.manifest = member->manifest,
				.file = member->program->object};
}

// Where its maps are pinned below the new generation.
static int member_maps(const struct chain *chain, size_t index, char out[static BPFFS_PATH_MAX],
		       struct fault *why)
{
	char key[MEMBER_LABEL_MAX], all[BPFFS_PATH_MAX];

	member_key(chain->spec.members, index, key);
	return bpffs_join(chain->dir, "maps", all, why) || bpffs_join(all, key, out, why) ? -1 : 0;
}

static int member_pin(struct chain *chain, size_t index, const struct maps_places *places,
		      struct fault *why)
{
	const struct meaning meaning = member_meaning(chain, index);
	char maps[BPFFS_PATH_MAX], name[32];

	snprintf(name, sizeof(name), "prog-%zu", index);
	if (bpffs_put(object_program_fd(chain->objects[index]), chain->dir, name, why) ||
	    member_maps(chain, index, maps, why) || maps_pin(&meaning, places, maps, why))
		return -1;
	return sys_program(object_program_fd(chain->objects[index]),
			   &chain->programs[index].program, why);
}

// Attached while the chain is built, as an event that this kernel lacks has to be known before anything is entered: for
// a moment the old generation's probes and these both run.
static int member_ride(struct chain *chain, size_t index, const struct object_source *source,
		       struct fault *why)
{
	const struct riders riders = {.member = &chain->spec.members[index],
				      .index = index,
				      .source = source,
				      .object = chain->objects[index],
				      .events = chain->spec.events,
				      .dir = chain->dir};

	chain->programs[index].probes = riders_count(riders.member);
	return riders_attach(&riders, why);
}

// What was there before for a member, and what is shared with it.
static int member_places(const struct chain *chain, size_t index, char old[static BPFFS_PATH_MAX],
			 char shared[static BPFFS_PATH_MAX], struct maps_places *out,
			 struct fault *why)
{
	const struct member *member = &chain->spec.members[index];
	char key[MEMBER_LABEL_MAX];

	*out = (struct maps_places){.shared_dir = shared, .named = member->maps};
	if (shared_place(chain->spec.tree, chain->spec.iface, member, shared, why))
		return -1;
	member_key(chain->spec.members, index, key);
	if (chain->old_maps[0] && bpffs_join(chain->old_maps, key, old, why))
		return -1;
	out->old_dir = member->maps_from ? member->maps_from : chain->old_maps[0] ? old : NULL;
	return 0;
}

// Before the load: what the admin says fits, the maps that stay are found, constants are set.
static int member_settle(struct chain *chain, size_t index, struct fault *why)
{
	const struct meaning meaning = member_meaning(chain, index);
	struct values *values = &chain->values[index];

	if (values_make(&meaning, &chain->spec.members[index], NULL, values, why) ||
	    maps_settle(chain->objects[index], &meaning, values, &chain->berths[index].places,
			false, &chain->programs[index].maps, why))
		return -1;
	return maps_preset(&meaning, values, why);
}

// Opens its object from the bytes that were verified, settles its maps.
static int member_open(struct chain *chain, size_t index, struct fault *why)
{
	const struct member *member = &chain->spec.members[index];
	struct berth *berth = &chain->berths[index];

	if (member_places(chain, index, berth->old, berth->shared, &berth->places, why) ||
	    object_open(&berth->source, &chain->objects[index], why) ||
	    member_settle(chain, index, why))
		return -1;
	if (member->program->linkage == LINK_WRAP && chain_goes_on(chain, index))
		return array_make("bpfseal_next", &chain->next_fds[index], why);
	return 0;
}

static bool member_shares(const struct chain *chain, size_t index)
{
	const struct manifest *manifest = chain->spec.members[index].manifest;

	for (size_t i = 0; i < manifest->map_count; i++)
		if (manifest->maps[i].shared)
			return true;
	return false;
}

// Whether the verifier refused what was made of a member, so that it may still take the member as it is.
static bool member_refused(const struct chain *chain, size_t index, const struct fault *why)
{
	return why->code == FAULT_KERNEL && chain->objects[index] &&
	       !object_is_plain(chain->objects[index]) && !object_is_late(chain->objects[index]);
}

static void member_close(struct chain *chain, size_t index)
{
	object_drop(&chain->objects[index]);
	values_drop(&chain->values[index]);
	maps_report_drop(&chain->programs[index].maps);
	drop_fd(&chain->next_fds[index]);
	chain->next_fds[index] = -1;
}

static int member_berth(struct chain *chain, size_t index, struct fault *why)
{
	const struct member *member = &chain->spec.members[index];
	struct berth *berth = &chain->berths[index];

	member_label(member, berth->label);
	if (file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &berth->bytes, why))
		return fault_within(why, "cannot read %s", berth->label);
	berth->source = (struct object_source){
		.data = berth->bytes.data,
		.len = berth->bytes.len,
		.entry = member->program->entry,
		.hook = chain->spec.hook,
		.frags = chain_has_frags(chain),
		.probe = chain->spec.hook == HOOK_PROBE ? member->program : NULL,
		.policy = chain->spec.policy,
		.label = berth->label,
		.logs_dirfd = chain->spec.logs_dirfd,
		.logs_path = chain->spec.logs_path};
	return member_open(chain, index, why);
}

// After the first load of a member: once more where that makes sense, then what depends on it.
static int member_finish(struct chain *chain, size_t index, struct fault *why)
{
	const struct berth *berth = &chain->berths[index];

	*why = berth->refused;
	if (why->code != FAULT_NONE) {
		if (!member_refused(chain, index, why))
			return -1;
		member_close(chain, index);
		fault_clear(why);
		if (member_open(chain, index, why) || member_load(chain, index, true, why))
			return -1;
	}
	chain->lifted |= object_is_lifted(chain->objects[index]);
	if (fit_jumps(&chain->spec.members[index])) {
		chain->programs[index].falls = object_falls(chain->objects[index]);
		if (member_next(chain, index, why))
			return -1;
	}
	if (member_freeze(chain, index, why) || member_pin(chain, index, &berth->places, why) ||
	    member_ride(chain, index, &berth->source, why))
		return -1;
	bytes_drop(&chain->berths[index].bytes);
	return 0;
}

// ---- all members ----

struct batch {
	struct chain *chain;
	size_t first;
};

static void batch_load(void *ctx, size_t index)
{
	const struct batch *batch = ctx;
	struct fault *why = &batch->chain->berths[batch->first + index].refused;

	if (member_load(batch->chain, batch->first + index, false, why) && why->code == FAULT_NONE)
		fault_set(why, FAULT_OTHER, "it cannot be loaded");
}

// How many members from this one on can be loaded side by side: as long as one is to be lifted, it is only known of each
// when it is loaded whether it was; and maps that are shared are found by the next when they are pinned.
static size_t batch_size(const struct chain *chain, size_t first)
{
	size_t size = 1;

	if (chain_wants_lift(chain) || member_shares(chain, first))
		return 1;
	while (first + size < chain->spec.count && !member_shares(chain, first + size))
		size++;
	return size;
}

static int refuse_place(const struct chain *chain, size_t index, struct fault *why)
{
	return fault_within(why, "place %zu of %s on %s cannot be built", index + 1,
			    hook_name(chain->spec.hook), chain->spec.iface);
}

static int chain_build_members(struct chain *chain, struct fault *why)
{
	size_t count = chain->spec.count, size;

	for (size_t first = 0; first < count; first += size) {
		struct batch batch = {.chain = chain, .first = first};

		size = batch_size(chain, first);
		for (size_t i = first; i < first + size; i++)
			if (member_berth(chain, i, why))
				return refuse_place(chain, i, why);
		crew_run(batch_load, &batch, size);
		for (size_t i = first; i < first + size; i++)
			if (member_finish(chain, i, why))
				return refuse_place(chain, i, why);
	}
	return 0;
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
					     .frags = chain_has_frags(chain),
					     .label = "the terminal program",
					     .logs_dirfd = -1};
	OWNED(object_drop) struct object *object = NULL;

	if (probe || !fit_jumps(&chain->spec.members[chain->spec.count - 1]))
		return 0;
	if (object_open(&source, &object, why) || object_load(object, NULL, why) ||
	    bpffs_put(object_program_fd(object), chain->dir, "end", why))
		return -1;
	chain->end_fd = dup(object_program_fd(object));
	return chain->end_fd < 0 ? fault_errno(why, FAULT_OTHER, "cannot keep a descriptor") : 0;
}

// Fills one array, freezes it (A85: later writes get EPERM) and pins it. Pinned before the switch: when the last
// descriptor of an unpinned PROG_ARRAY closes, the kernel empties it under the running programs.
static int chain_link(struct chain *chain, size_t index, struct fault *why)
{
	bool last = index + 1 == chain->spec.count;
	int next = last ? chain->end_fd : object_program_fd(chain->objects[index + 1]);
	int array = chain->next_fds[index];
	struct sys_program wanted;
	uint32_t zero = 0, slot;
	char name[32];

	if (array < 0)
		return 0;
	if (bpf_map_update_elem(array, &zero, &next, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL,
				   "the kernel does not let %s go on to the next",
				   chain->spec.members[index].name);
	if (bpf_map_freeze(array))
		return fault_errno(why, FAULT_KERNEL, "cannot freeze an array of the chain");
	// Whoever may open maps by id could write to it before: it is as we filled it, or it is not used.
	if (sys_program(next, &wanted, why) || sys_slot(array, &slot, why))
		return -1;
	if (slot != wanted.id)
		return fault_set(why, FAULT_KERNEL,
				 "somebody wrote program %u into an array of the new chain", slot);
	snprintf(name, sizeof(name), "next-%zu", index);
	return bpffs_put(array, chain->dir, name, why);
}

static int chain_fill(const struct chain *chain, struct fault *why)
{
	for (size_t i = 0; i < chain->spec.count; i++) {
		const struct meaning meaning = member_meaning(chain, i);

		if (maps_fill(&meaning, &chain->values[i], &chain->programs[i].maps, why))
			return fault_within(why, "the values of %s cannot be written",
					    chain->spec.members[i].name);
	}
	return 0;
}

static int chain_update(const struct chain *chain, struct fault *why)
{
	for (size_t i = 0; i < chain->spec.count; i++) {
		const struct meaning meaning = member_meaning(chain, i);
		char maps[BPFFS_PATH_MAX];

		if (member_maps(chain, i, maps, why) ||
		    maps_update(&meaning, &chain->values[i], &chain->programs[i].maps,
				&chain->spec.members[i], maps, why))
			return fault_within(why, "the values of %s cannot be written",
					    chain->spec.members[i].name);
	}
	return 0;
}

int chain_build(const struct chain_spec *spec, struct chain **out, struct fault *why)
{
	OWNED(chain_drop) struct chain *chain = NULL;

	if (spec->count == 0 || spec->count > NODE_CHAIN_MAX)
		return fault_set(why, FAULT_CONFIG, "a chain has 1 to %d members", NODE_CHAIN_MAX);
	if (chain_check_length(spec->members, spec->count, why) ||
	    chain_reserve(spec, &chain, why) || chain_prepare(chain, why) || fell_make(chain, why))
		return -1;
	if (chain_build_members(chain, why) || chain_build_end(chain, why))
		return -1;
	for (size_t i = 0; i < spec->count; i++)
		if (chain_link(chain, i, why))
			return -1;
	// What the running generation also sees comes last: everything that can be refused has been tried by then.
	if (chain_fill(chain, why) || chain_update(chain, why))
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
	int first = object_program_fd(chain->objects[0]);
	uint32_t zero = 0;

	if (bpf_map_update_elem(root->array_fd, &zero, &first, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL,
				   "the kernel does not let the root go on to %s",
				   chain->spec.members[0].name);
	return 0;
}

// Puts the chain behind a root that is already attached and sound, behind a new root in its place, or on a hook where
// nothing of ours is. A root that packets meet is entered last: until then nothing that is refused has touched them.
static int chain_place(struct chain *chain, const struct truth *truth, struct fault *why)
{
	const struct chain_spec *spec = &chain->spec;
	const struct attach attach = chain_attach(chain);
	const struct anchor_kind kind = {.hook = spec->hook,
					 .verdict = chain_fall_verdict(chain),
					 .frags = chain_has_frags(chain)};
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	uint32_t number;
	bool sound = truth->root_number && truth->verdict == kind.verdict &&
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
	if (bpffs_point_maps(chain->place, chain->generation, why))
		return fault_within(why, "the old probes still run");
	snprintf(chain->how, sizeof(chain->how), "attached");
	chain->committed = true;
	return 0;
}

int chain_commit(struct chain *chain, struct fault *why)
{
	const struct chain_spec *spec = &chain->spec;
	const struct attach attach = chain_attach(chain);
	struct truth truth;

	if (chain->spec.hook == HOOK_PROBE)
		return chain_commit_probes(chain, why);

	// Read again: between the build and now the hook may have been taken.
	if (truth_read(spec->tree, spec->iface, spec->hook, &truth, why) ||
	    attach_check(spec->iface, spec->hook, &spec->wish, &truth, why) ||
	    chain_place(chain, &truth, why))
		return fault_within(why, "the old chain of %s on %s still runs",
				    hook_name(spec->hook), spec->iface);
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
	return chain_tidy(chain->place, chain->generation, chain->root_number, why);
}

int chain_tidy(const char *place, uint32_t generation, uint32_t root, struct fault *why)
{
	if (bpffs_point_maps(place, generation, why))
		return -1;
	return chain_clean(place, generation, root, why);
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

int chain_clean(const char *place, uint32_t keep_generation, uint32_t keep_root, struct fault *why)
{
	if (clean_stem(place, "gen", keep_generation, why))
		return -1;
	return clean_stem(place, "root", keep_root, why);
}

int chain_remove(const char *place, struct fault *why)
{

	if (attach_remove(place, why) || bpffs_remove(place, why))
		return -1;
	// Names come and go: the last hook of an interface takes its directory with it. Where another is left, it stays.
	bpffs_forget_empty(place);
	return 0;
}
