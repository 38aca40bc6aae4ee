// SPDX-License-Identifier: Apache-2.0
#include "loader/hop.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/chain.h"
#include "bpf/inspect.h"
#include "loader/fit.h"
#include "loader/fuse.h"
#include "loader/lift.h"
#include "loader/offload.h"
#include "loader/parallel.h"
#include "loader/probes.h"
#include "loader/shared.h"

void hop_init(struct hop *hop, const struct member *members, size_t index)
{
	*hop = (struct hop){.member = &members[index], .index = index, .next_fd = -1};
}

static struct meaning hop_meaning(const struct hop *hop)
{
	return (struct meaning){.object = hop->object,
				.manifest = hop->member->manifest,
				.file = hop->member->program->object};
}

// Whether something follows that it jumps to: the next member, or the terminal program.
static bool hop_goes_on(const struct generation *generation, const struct hop *hop)
{
	const struct chain_spec *spec = generation->spec;

	return spec->hook != HOOK_PROBE && !generation->card &&
	       (hop->index + 1 < spec->count || fit_jumps(hop->member));
}

// ---- open: nothing is in the kernel yet but maps ----

static int array_make(const char *name, int *out, struct fault *why)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, name, sizeof(uint32_t), sizeof(uint32_t),
				1, NULL);

	if (fd < 0)
		return fault_errno(why, FAULT_KERNEL, "cannot make an array of the chain");
	*out = fd;
	return 0;
}

// Where the maps that it may take over are pinned.
static int hop_places(const struct generation *generation, struct hop *hop, struct fault *why)
{
	const struct chain_spec *spec = generation->spec;
	const struct member *member = hop->member;
	const char *old = NULL;
	char key[MEMBER_LABEL_MAX];

	if (shared_place(spec->tree, spec->iface, member, hop->shared_maps, why))
		return -1;
	if (generation->old_maps[0]) {
		member_key(spec->members, hop->index, key);
		if (bpffs_join(generation->old_maps, key, hop->old_maps, why))
			return -1;
		old = hop->old_maps;
	}
	if (member->maps_from)
		old = *member->maps_from ? member->maps_from : NULL;
	hop->places = (struct maps_places){.old_dir = old,
					   .shared_dir = hop->shared_maps,
					   .recorded = member->recorded,
					   .apart = member_stands_apart(member),
					   .named = member->maps,
					   .card = generation->card};
	return 0;
}

// Before the load: what the admin says fits, the maps that stay are found, constants are set.
static int hop_settle(struct hop *hop, struct fault *why)
{
	const struct meaning meaning = hop_meaning(hop);

	if (values_make(&meaning, hop->member, NULL, &hop->values, why) ||
	    maps_settle(hop->object, &meaning, &hop->values, &hop->places, false,
			&hop->program.maps, why))
		return -1;
	return maps_preset(&meaning, &hop->values, why);
}

static int hop_open(const struct generation *generation, struct hop *hop, struct fault *why)
{
	if (object_open(&hop->source, &hop->object, why) || hop_settle(hop, why))
		return -1;
	if (generation->card && offload_make_maps(hop->object, generation->card, why))
		return -1;
	if (hop->member->program->linkage == LINK_WRAP && hop_goes_on(generation, hop))
		return array_make("bpfseal_next", &hop->next_fd, why);
	return 0;
}

static void hop_close(struct hop *hop)
{
	object_drop(&hop->object);
	values_drop(&hop->values);
	maps_report_drop(&hop->program.maps);
	drop_fd(&hop->next_fd);
}

// Reads the member's bytes, which were verified in the same sealed memfd, and opens them.
static int hop_begin(const struct generation *generation, struct hop *hop, struct fault *why)
{
	const struct chain_spec *spec = generation->spec;
	const struct member *member = hop->member;

	member_label(member, hop->label);
	if (member->pending)
		return fault_set(why, FAULT_OTHER, "%s has not been inspected", hop->label);
	if (file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &hop->bytes, why))
		return fault_within(why, "cannot read %s", hop->label);
	hop->source =
		(struct object_source){.data = hop->bytes.data,
				       .len = hop->bytes.len,
				       .entry = member->program->entry,
				       .hook = spec->hook,
				       .frags = generation->frags,
				       .is_part = generation->card != 0,
				       .card = generation->card,
				       .probe = spec->hook == HOOK_PROBE ? member->program : NULL,
				       .policy = spec->policy,
				       .label = hop->label,
				       .asked = member->asked,
				       .asked_count = member->asked_count,
				       .types = spec->types,
				       .logs_dirfd = spec->logs_dirfd,
				       .logs_path = spec->logs_path};
	return hop_places(generation, hop, why) || hop_open(generation, hop, why) ? -1 : 0;
}

// ---- load: what the verifier takes its time for ----

// What is made of a program before the verifier sees it.
enum form {
	FORM_SEWN,   // one function with the code that goes on to the next (seam.h)
	FORM_LIFTED, // that too, and the whole one call deeper (lift.h)
	FORM_PLAIN, // called by the code that goes on: what is left to try where the verifier refused the others
};

static const char *member_next_map(const struct member *member)
{
	return member->program->linkage == LINK_OWN_MAP ? member->program->next_map
							: CHAIN_NEXT_MAP;
}

static int hop_load_jumping(const struct generation *generation, const struct hop *hop,
			    struct fault *why)
{
	const struct fall fall = {.next_map = member_next_map(hop->member),
				  .fell_fd = generation->fell_fd,
				  .fell_offset = (uint32_t)(hop->index * sizeof(uint64_t)),
				  .verdict = generation->fell_verdict};

	object_count_falls(hop->object, &fall);
	return object_load(hop->object, NULL, why);
}

// Hops are loaded side by side: this changes nothing but the hop's own object.
static int hop_load(const struct generation *generation, const struct hop *hop, enum form form,
		    struct fault *why)
{
	const struct chain_spec *spec = generation->spec;
	const struct manifest_program *program = hop->member->program;
	const struct wrap wrap = {
		.continue_on = program->continue_on,
		.continue_count = program->continue_count,
		.next_fd = hop->next_fd,
		.end_verdict = TC_ACT_UNSPEC,
		.fell_fd = generation->fell_fd,
		.fell_offset = (uint32_t)(hop->index * sizeof(uint64_t)),
		.fell_verdict = generation->fell_verdict,
		.by_call = form == FORM_PLAIN,
	};
	// On TC others may stand behind us, and what is a word for "go on" in a chain (TC_ACT_OK) would there skip them.
	// So also the last member is wrapped, unless it is one whose verdict is to be the last word.
	bool tc = spec->hook == HOOK_TC_INGRESS || spec->hook == HOOK_TC_EGRESS;
	bool wrapped = hop->next_fd >= 0 || (tc && program->linkage == LINK_WRAP);

	if (form == FORM_LIFTED)
		object_lift(hop->object);
	if (fit_jumps(hop->member))
		return hop_load_jumping(generation, hop, why);
	return object_load(hop->object, wrapped ? &wrap : NULL, why);
}

// ---- finish: what depends on the loaded program ----

// The array that a self-jumping program uses is the one its object declares; a wrapped program got one of ours.
static int hop_find_next(struct hop *hop, struct fault *why)
{
	const char *name = member_next_map(hop->member);
	const struct bpf_map *map = bpf_object__find_map_by_name(object_bpf(hop->object), name);

	if (!map || bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY)
		return fault_set(why, FAULT_FORMAT, "%s has no prog_array %s to jump through",
				 hop->member->name, name);
	hop->next_fd = dup(object_map_fd(hop->object, map));
	if (hop->next_fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot keep a descriptor");
	return 0;
}

// Any further array of programs that a member brings comes empty, and nothing of ours fills it: whoever did would have code
// run that nobody signed.
static int hop_freeze(const struct hop *hop, struct fault *why)
{
	const char *next = fit_jumps(hop->member) ? member_next_map(hop->member) : "";
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object_bpf(hop->object))
	{
		int fd = object_map_fd(hop->object, map);

		if (fd < 0 || bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY ||
		    !strcmp(bpf_map__name(map), next))
			continue;
		if (sys_freeze(fd, why))
			return fault_within(why, "an array of %s", hop->member->name);
	}
	return 0;
}

// Where its maps are pinned below the new generation.
static int hop_maps_dir(const struct generation *generation, const struct hop *hop,
			char out[static BPFFS_PATH_MAX], struct fault *why)
{
	char key[MEMBER_LABEL_MAX], all[BPFFS_PATH_MAX];

	member_key(generation->spec->members, hop->index, key);
	return bpffs_join(generation->dir, "maps", all, why) || bpffs_join(all, key, out, why) ? -1
											       : 0;
}

static int hop_pin_program(const struct generation *generation, struct hop *hop, int fd,
			   struct fault *why)
{
	char name[32];

	snprintf(name, sizeof(name), "prog-%zu", hop->index);
	return bpffs_put(fd, generation->dir, name, why) ||
			       sys_program(fd, &hop->program.program, why)
		       ? -1
		       : 0;
}

static int hop_pin(const struct generation *generation, struct hop *hop, struct fault *why)
{
	const struct meaning meaning = hop_meaning(hop);
	int fd = object_program_fd(hop->object);
	char maps[BPFFS_PATH_MAX];

	if (hop_maps_dir(generation, hop, maps, why) ||
	    maps_number(&meaning, &hop->program.maps, why) ||
	    maps_pin(&meaning, &hop->places, maps, why))
		return -1;
	return generation->card ? 0 : hop_pin_program(generation, hop, fd, why);
}

// Probes are attached while the chain is built, as an event that this kernel lacks has to be known before anything is
// entered: for a moment the old generation's probes and these both run.
static int hop_ride(const struct generation *generation, struct hop *hop, struct fault *why)
{
	const struct probes probes = {.member = hop->member,
				      .index = hop->index,
				      .source = &hop->source,
				      .object = hop->object,
				      .events = generation->spec->events,
				      .dir = generation->dir};

	hop->program.probes = probes_count(probes.member);
	return probes_attach(&probes, why);
}

// Whether the verifier refused what was made of a program, so that it may still take the plain form.
static bool hop_deserves_retry(const struct hop *hop)
{
	return hop->refused.code == FAULT_KERNEL && hop->object && !object_is_plain(hop->object) &&
	       !object_is_late(hop->object);
}

static int hop_finish(const struct generation *generation, struct hop *hop, struct fault *why)
{
	if (hop->refused.code != FAULT_NONE) {
		if (!hop_deserves_retry(hop)) {
			*why = hop->refused;
			return -1;
		}
		hop_close(hop);
		if (hop_open(generation, hop, why) || hop_load(generation, hop, FORM_PLAIN, why))
			return -1;
	}
	if (fit_jumps(hop->member)) {
		hop->program.falls = object_falls(hop->object);
		if (hop_find_next(hop, why))
			return -1;
	}
	if (hop_freeze(hop, why) || hop_pin(generation, hop, why) || hop_ride(generation, hop, why))
		return -1;
	bytes_drop(&hop->bytes);
	return 0;
}

// ---- all hops ----

struct batch {
	const struct generation *generation;
	struct hop *hops;
	bool lifts; // one of them is to be lifted: the first that can be
};

static void batch_load(void *ctx, size_t index)
{
	const struct batch *batch = ctx;
	struct hop *hop = &batch->hops[index];
	struct fault *why = &hop->refused;

	if (hop_load(batch->generation, hop, batch->lifts && !index ? FORM_LIFTED : FORM_SEWN,
		     why) &&
	    why->code == FAULT_NONE)
		fault_set(why, FAULT_OTHER, "it cannot be loaded");
}

// Once more, lifted: what came before it could not be.
static int batch_load_again(struct batch *batch, struct hop *hop, struct fault *why)
{
	hop_close(hop);
	hop->refused = (struct fault){0};
	if (hop_open(batch->generation, hop, why))
		return -1;
	if (hop_load(batch->generation, hop, FORM_LIFTED, &hop->refused) &&
	    hop->refused.code == FAULT_NONE)
		fault_set(&hop->refused, FAULT_OTHER, "it cannot be loaded");
	return 0;
}

static bool hop_shares(const struct hop *hop)
{
	const struct manifest *manifest = hop->member->manifest;

	for (size_t i = 0; i < manifest->map_count; i++)
		if (manifest->maps[i].shared)
			return true;
	return false;
}

// How many tail calls a packet meets: the root's, and one behind each member but the last. A chain of few is faster as it
// is; of a longer one the first member that can be is lifted, and nothing else has to be.
static bool hops_want_lift(const struct generation *generation, const struct hop *hops)
{
	size_t count = generation->spec->count;

	return generation->spec->hook != HOOK_PROBE && !generation->card &&
	       count + hop_goes_on(generation, &hops[count - 1]) > LIFT_JUMPS;
}

// How many of `count` hops can be loaded side by side: maps that are shared are found by the next when they are pinned.
static size_t batch_size(const struct hop *hops, size_t count)
{
	size_t size = 1;

	if (hop_shares(&hops[0]))
		return 1;
	while (size < count && !hop_shares(&hops[size]))
		size++;
	return size;
}

static int refuse_hop(const struct generation *generation, const struct hop *hop, struct fault *why)
{
	return fault_within(why, "place %zu of %s on %s cannot be built", hop->index + 1,
			    hook_name(generation->spec->hook), generation->spec->iface);
}

// Nearly always the first can be lifted, so the others are loaded beside it as if it were. Each of which that turns out
// wrong is loaded once more.
static int batch_finish(struct batch *batch, struct hop *hop, struct fault *why)
{
	if (batch->lifts && hop != batch->hops && batch_load_again(batch, hop, why))
		return -1;
	if (hop_finish(batch->generation, hop, why))
		return -1;
	if (object_is_lifted(hop->object))
		batch->lifts = false;
	return 0;
}

static int batch_build(struct batch *batch, size_t size, struct fault *why)
{
	for (size_t i = 0; i < size; i++)
		if (hop_begin(batch->generation, &batch->hops[i], why))
			return refuse_hop(batch->generation, &batch->hops[i], why);
	parallel_run(batch_load, batch, size);
	for (size_t i = 0; i < size; i++)
		if (batch_finish(batch, &batch->hops[i], why))
			return refuse_hop(batch->generation, &batch->hops[i], why);
	return 0;
}

int hops_build(const struct generation *generation, struct hop *hops, struct fault *why)
{
	const struct chain_spec *spec = generation->spec;
	struct batch batch = {.generation = generation, .lifts = hops_want_lift(generation, hops)};
	size_t size;

	for (size_t first = 0; first < spec->count; first += size) {
		batch.hops = &hops[first];
		size = batch_size(batch.hops, spec->count - first);
		if (batch_build(&batch, size, why))
			return -1;
	}
	return 0;
}

// ---- parts of one program ----

static struct fuse_part part_of(const struct hop *hop)
{
	return (struct fuse_part){.code = object_code(hop->object),
				  .continue_on = hop->member->program->continue_on,
				  .continue_count = hop->member->program->continue_count};
}

static bool hop_is_gpl(const struct hop *hop)
{
	struct bpf_prog_info info = {0};
	__u32 len = sizeof(info);

	return !bpf_obj_get_info_by_fd(object_program_fd(hop->object), &info, &len) &&
	       info.gpl_compatible;
}

int hops_join(const struct generation *generation, struct hop *hops, int *out, struct fault *why)
{
	const struct chain_spec *spec = generation->spec;
	struct fuse_part parts[NODE_CHAIN_MAX];
	OWNED(code_drop) struct code code = {0};
	OWNED(drop_fd) int fd = -1;
	char label[MEMBER_LABEL_MAX], log[MEMBER_LABEL_MAX];
	struct offload_source source = {.code = &code,
					.ifindex = generation->card,
					.gpl = true,
					.seconds_max = spec->policy->verifier_seconds_max,
					.label = label,
					.log = log,
					.logs_dirfd = spec->logs_dirfd,
					.logs_path = spec->logs_path};

	snprintf(label, sizeof(label), "the chain on %s of %s as one program",
		 hook_name(spec->hook), spec->iface);
	snprintf(log, sizeof(log), "%s.%s.log", spec->iface, hook_name(spec->hook));
	for (size_t i = 0; i < spec->count; i++) {
		parts[i] = part_of(&hops[i]);
		source.gpl &= hop_is_gpl(&hops[i]);
	}
	if (fuse_parts(parts, spec->count, &code, why) || offload_load(&source, &fd, why))
		return -1;
	for (size_t i = 0; i < spec->count; i++)
		if (hop_pin_program(generation, &hops[i], fd, why))
			return -1;
	*out = HAND_OVER_FD(fd);
	return 0;
}

void hop_drop(struct hop *hop)
{
	hop_close(hop);
	bytes_drop(&hop->bytes);
}

// ---- values ----

static int refuse_values(const struct hop *hop, struct fault *why)
{
	return fault_within(why, "the values of %s cannot be written", hop->member->name);
}

int hop_fill(const struct hop *hop, struct fault *why)
{
	const struct meaning meaning = hop_meaning(hop);

	if (maps_fill(&meaning, &hop->values, &hop->program.maps, why))
		return refuse_values(hop, why);
	return 0;
}

int hop_update(const struct generation *generation, const struct hop *hop, struct fault *why)
{
	const struct meaning meaning = hop_meaning(hop);
	char maps[BPFFS_PATH_MAX];

	if (hop_maps_dir(generation, hop, maps, why) ||
	    maps_update(&meaning, &hop->values, &hop->program.maps, hop->member, maps, why))
		return refuse_values(hop, why);
	return 0;
}
