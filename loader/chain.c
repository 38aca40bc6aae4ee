// SPDX-License-Identifier: Apache-2.0
#include "loader/chain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "loader/embedded.h"
#include "loader/iface.h"
#include "loader/object.h"
#include "loader/shared.h"
#include "loader/truth.h"
#include "loader/wrap.h"

// The map through which programs with bpf/chain.h jump.
#define CHAIN_NEXT_MAP "bpfseal_next"

struct chain {
	struct chain_spec spec;
	char place[BPFFS_PATH_MAX]; // the hook's directory
	char dir[BPFFS_PATH_MAX];   // the new generation's
	char old_maps[BPFFS_PATH_MAX];
	uint32_t generation, old_generation, root_number;
	struct chain_program *programs;
	struct object **objects; // open until the map values are written: they know the types
	struct values *values;	 // of each member
	int *next_fds;
	int fell_fd, end_fd;
	bool committed;
	char how[64];
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

static void chain_close(struct chain *chain)
{
	for (size_t i = 0; i < chain->spec.count; i++) {
		if (chain->objects)
			object_free(chain->objects[i]);
		if (chain->programs)
			maps_report_drop(&chain->programs[i].maps);
		if (chain->values)
			values_drop(&chain->values[i]);
		if (chain->next_fds)
			drop_fd(&chain->next_fds[i]);
	}
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
	chain_close(chain);
}

// ---- rules before anything is loaded ----

static bool member_jumps(const struct member *member)
{
	return member->program->linkage == LINK_CHAIN || member->program->linkage == LINK_OWN_MAP;
}

int chain_check_length(const struct member *members, size_t count, struct fault *why)
{
	size_t jumps = count;

	for (size_t i = 0; i < count; i++) {
		if (members[i].program->linkage == LINK_TERMINAL && i + 1 < count)
			return fault_set(why, FAULT_CONFIG,
					 "%s never goes on: it can only stand last",
					 members[i].name);
		// A program with tail calls of its own spends the same budget; one each is set aside.
		jumps += members[i].tail_calls ? 1 : 0;
	}
	if (count && member_jumps(&members[count - 1]))
		jumps++;
	if (jumps <= NODE_CHAIN_MAX)
		return 0;
	fault_set(why, FAULT_CONFIG,
		  "a chain of %zu programs needs %zu jumps; the kernel follows %d", count, jumps,
		  NODE_CHAIN_MAX);
	return fault_fix(why, "take programs out, or join some into one");
}

static int refuse_foreign(const char *iface, enum hook hook, uint32_t id, struct fault *why)
{
	struct sys_program program;

	sys_program_by_id(id, &program);
	if (program.name[0] || program.tag[0])
		fault_set(why, FAULT_KERNEL,
			  "a program that is not ours is on %s of %s: id %u, name \"%s\", tag %s, "
			  "loaded by uid %u",
			  hook_name(hook), iface, id, program.name, program.tag, program.uid);
	else
		fault_set(why, FAULT_KERNEL, "a program that is not ours is on %s of %s: id %u",
			  hook_name(hook), iface, id);
	return fault_fix(why,
			 "see 'bpftool prog show id %u'; remove it with the tool that put it there",
			 id);
}

static int truth_check_foreign(const struct truth *truth, const char *iface, enum hook hook,
			       struct fault *why)
{
	if (!truth->iface_index)
		return fault_set(why, FAULT_CONFIG, "there is no interface %s here", iface);
	// Ours is what our own pinned link runs, on this interface. (TCX hooks hold several programs; none is in
	// our way there.)
	if (!truth->iface_program || (truth->linked && truth->link.ifindex == truth->iface_index &&
				      truth->link.program_id == truth->iface_program))
		return 0;
	return refuse_foreign(iface, hook, truth->iface_program, why);
}

int chain_check_foreign(const char *tree, const char *iface, enum hook hook, struct fault *why)
{
	struct truth truth;

	if (truth_read(tree, iface, hook, &truth, why))
		return -1;
	return truth_check_foreign(&truth, iface, hook, why);
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
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bpfseal_fell", sizeof(uint32_t),
				(uint32_t)(chain->spec.count * sizeof(uint64_t)), 1, NULL);

	if (fd < 0)
		return fault_errno(why, FAULT_KERNEL, "cannot make the fall-through counters");
	chain->fell_fd = fd;
	return bpffs_put(fd, chain->dir, "fell", why);
}

// Whether the member at `index` is followed by something it jumps to.
static bool chain_goes_on(const struct chain *chain, size_t index)
{
	return index + 1 < chain->spec.count || member_jumps(&chain->spec.members[index]);
}

static int chain_reserve(const struct chain_spec *spec, struct chain **out, struct fault *why)
{
	OWNED(chain_drop) struct chain *chain = calloc(1, sizeof(*chain));

	if (!chain)
		return fault_set(why, FAULT_OTHER, "out of memory");
	chain->spec = *spec;
	chain->fell_fd = chain->end_fd = -1;
	chain->programs = calloc(spec->count, sizeof(*chain->programs));
	chain->objects = calloc(spec->count, sizeof(struct object *));
	chain->values = calloc(spec->count, sizeof(*chain->values));
	chain->next_fds = calloc(spec->count, sizeof(int));
	if (!chain->programs || !chain->objects || !chain->values || !chain->next_fds)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < spec->count; i++)
		chain->next_fds[i] = -1;
	*out = HAND_OVER(chain);
	return 0;
}

// Which numbers are taken, what runs, and that nobody else is in the way; then an empty directory for the new one.
static int chain_prepare(struct chain *chain, struct fault *why)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	struct truth truth;
	char old[BPFFS_PATH_MAX];
	size_t count = 0;

	if (truth_read(chain->spec.tree, chain->spec.iface, chain->spec.hook, &truth, why) ||
	    truth_check_foreign(&truth, chain->spec.iface, chain->spec.hook, why) ||
	    bpffs_place(chain->spec.tree, chain->spec.iface, chain->spec.hook, chain->place, why) ||
	    chain_clean(chain->place, truth.generation, truth.root_number, why) ||
	    bpffs_numbers(chain->place, "gen", &numbers, &count, why))
		return -1;
	chain->old_generation = truth.generation;
	chain->root_number = truth.root_number;
	chain->generation = count ? numbers[count - 1] + 1 : 1;
	if (truth.generation &&
	    (bpffs_join_number(chain->place, "gen", truth.generation, old, why) ||
	     bpffs_join(old, "maps", chain->old_maps, why)))
		return -1;
	if (bpffs_join_number(chain->place, "gen", chain->generation, chain->dir, why))
		return -1;
	return bpffs_make_dir(chain->dir, why);
}

// The array that a self-jumping program uses is the one its object declares; a wrapped program gets one of ours.
static int member_next(struct chain *chain, size_t index, struct fault *why)
{
	const struct manifest_program *program = chain->spec.members[index].program;
	const char *name = program->linkage == LINK_OWN_MAP ? program->next_map : CHAIN_NEXT_MAP;
	const struct bpf_map *map =
		bpf_object__find_map_by_name(object_bpf(chain->objects[index]), name);

	if (!map || bpf_map__type(map) != BPF_MAP_TYPE_PROG_ARRAY)
		return fault_set(why, FAULT_FORMAT, "%s has no prog_array %s to jump through",
				 chain->spec.members[index].name, name);
	chain->next_fds[index] = dup(object_map_fd(chain->objects[index], map));
	if (chain->next_fds[index] < 0)
		return fault_errno(why, FAULT_OTHER, "cannot keep a descriptor");
	return 0;
}

static int member_load(struct chain *chain, size_t index, struct fault *why)
{
	const struct member *member = &chain->spec.members[index];
	const struct wrap wrap = {
		.continue_on = member->program->continue_on,
		.continue_count = member->program->continue_count,
		.next_fd = chain->next_fds[index],
		.fell_fd = chain->fell_fd,
		.fell_offset = (uint32_t)(index * sizeof(uint64_t)),
		.fell_verdict =
			anchor_verdict(chain->spec.hook, chain->spec.policy->on_fall_through_drop),
	};
	bool wrapped = chain->next_fds[index] >= 0;

	if (object_load(chain->objects[index], wrapped ? &wrap : NULL, why))
		return -1;
	return wrapped || !member_jumps(member) ? 0 : member_next(chain, index, why);
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
static int member_settle(struct chain *chain, size_t index, const struct maps_places *places,
			 struct fault *why)
{
	const struct meaning meaning = member_meaning(chain, index);
	struct values *values = &chain->values[index];

	if (values_make(&meaning, &chain->spec.members[index], NULL, values, why) ||
	    maps_settle(chain->objects[index], &meaning, values, places, false,
			&chain->programs[index].maps, why))
		return -1;
	return maps_preset(&meaning, values, why);
}

// Opens one member's object from the bytes that were verified, settles its maps, loads it, pins it.
static int member_build(struct chain *chain, size_t index, struct fault *why)
{
	const struct member *member = &chain->spec.members[index];
	char label[MEMBER_LABEL_MAX], old[BPFFS_PATH_MAX], shared[BPFFS_PATH_MAX];
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct maps_places places;
	struct object_source source = {.entry = member->program->entry,
				       .hook = chain->spec.hook,
				       .policy = chain->spec.policy,
				       .label = label,
				       .logs_dirfd = chain->spec.logs_dirfd,
				       .logs_path = chain->spec.logs_path};

	member_label(member, label);
	if (member_places(chain, index, old, shared, &places, why))
		return -1;
	if (file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &bytes, why))
		return fault_within(why, "cannot read %s", label);
	source.data = bytes.data;
	source.len = bytes.len;
	if (object_open(&source, &chain->objects[index], why) ||
	    member_settle(chain, index, &places, why))
		return -1;
	if (member->program->linkage == LINK_WRAP && chain_goes_on(chain, index) &&
	    array_make("bpfseal_next", &chain->next_fds[index], why))
		return -1;
	if (member_load(chain, index, why))
		return -1;
	return member_pin(chain, index, &places, why);
}

// A last member that jumps lands on a program of ours that returns "pass": so a fall-through is always an anomaly.
static int chain_build_end(struct chain *chain, struct fault *why)
{
	bool xdp = chain->spec.hook == HOOK_XDP;
	const unsigned char *start = xdp ? embedded_end_xdp_start : embedded_end_tc_start;
	const unsigned char *end = xdp ? embedded_end_xdp_end : embedded_end_tc_end;
	const struct object_source source = {.data = start,
					     .len = (size_t)(end - start),
					     .entry = "bpfseal_end",
					     .hook = chain->spec.hook,
					     .label = "the terminal program",
					     .logs_dirfd = -1};
	OWNED(object_drop) struct object *object = NULL;

	if (!member_jumps(&chain->spec.members[chain->spec.count - 1]))
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
	uint32_t zero = 0;
	char name[32];

	if (array < 0)
		return 0;
	if (bpf_map_update_elem(array, &zero, &next, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL,
				   "the kernel does not let %s go on to the next",
				   chain->spec.members[index].name);
	if (bpf_map_freeze(array))
		return fault_errno(why, FAULT_KERNEL, "cannot freeze an array of the chain");
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
	for (size_t i = 0; i < spec->count; i++)
		if (member_build(chain, i, why))
			return fault_within(why, "place %zu of %s on %s cannot be built", i + 1,
					    hook_name(spec->hook), spec->iface);
	if (chain_build_end(chain, why))
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

static int chain_attach(struct chain *chain, const struct anchor *root, uint32_t ifindex,
			struct fault *why)
{
	const struct chain_spec *spec = &chain->spec;
	bool xdp = spec->hook == HOOK_XDP, generic = xdp && !spec->native_ok;
	OWNED(drop_fd) int fd = sys_attach(root->program_fd, ifindex, spec->hook, generic);

	if (fd == -EOPNOTSUPP && xdp && !generic && spec->generic_ok) {
		generic = true;
		fd = sys_attach(root->program_fd, ifindex, spec->hook, true);
	}
	if (fd == -EBUSY || fd == -EEXIST) {
		fault_set(why, FAULT_KERNEL, "another program holds %s of %s",
			  hook_name(spec->hook), spec->iface);
		return fault_fix(why,
				 "see 'bpftool net'; remove it with the tool that put it there");
	}
	if (fd == -EOPNOTSUPP && xdp) {
		fault_set(why, FAULT_KERNEL, "the driver of %s has no native XDP", spec->iface);
		return fault_fix(
			why,
			"\"xdp_mode\": \"native-or-generic\" in node.json allows the slow way");
	}
	if (fd < 0) {
		errno = -fd;
		return fault_errno(why, FAULT_KERNEL, "cannot attach to %s of %s",
				   hook_name(spec->hook), spec->iface);
	}
	snprintf(chain->how, sizeof(chain->how), "attached%s",
		 !xdp	   ? ""
		 : generic ? " (generic)"
			   : " (native)");
	return bpffs_replace(fd, chain->place, "link", why);
}

// Puts the chain behind a root that is already attached and sound, behind a new root over the same link, or on a hook
// where nothing of ours is.
static int chain_place(struct chain *chain, const struct truth *truth, struct fault *why)
{
	const struct chain_spec *spec = &chain->spec;
	int32_t verdict = anchor_verdict(spec->hook, spec->policy->on_fall_through_drop);
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	OWNED(drop_fd) int link = -1;
	bool alive = truth->linked && truth->link.ifindex == truth->iface_index;
	bool sound = truth->root_number && truth->verdict == verdict;

	if (!sound &&
	    anchor_build(chain->place, spec->hook, truth->root_number + 1, verdict, &root, why))
		return -1;
	if (sound && anchor_find(chain->place, truth->root_id, &root, why))
		return -1;
	chain->root_number = sound ? truth->root_number : root.number;
	if (chain_enter(chain, &root, why))
		return -1;
	if (!alive)
		return chain_attach(chain, &root, truth->iface_index, why);
	snprintf(chain->how, sizeof(chain->how), "switched");
	if (truth->link.program_id == root.program_id)
		return 0;
	// Another program under our own link: a new root of ours, or somebody replaced it (A87).
	snprintf(chain->how, sizeof(chain->how), "root replaced");
	if (bpffs_get(chain->place, "link", &link, why))
		return -1;
	if (bpf_link_update(link, root.program_fd, NULL))
		return fault_errno(why, FAULT_KERNEL, "cannot put our root back under the link");
	return 0;
}

int chain_commit(struct chain *chain, struct fault *why)
{
	struct truth truth;

	// Read again: between the build and now the hook may have been taken.
	if (truth_read(chain->spec.tree, chain->spec.iface, chain->spec.hook, &truth, why) ||
	    truth_check_foreign(&truth, chain->spec.iface, chain->spec.hook, why) ||
	    chain_place(chain, &truth, why))
		return fault_within(why, "the old chain of %s on %s still runs",
				    hook_name(chain->spec.hook), chain->spec.iface);
	chain->committed = true;
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
	if (chain_forget_falls(chain, why) || sys_grace(why))
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
	OWNED(drop_fd) int link = -1;
	char path[BPFFS_PATH_MAX];

	if (bpffs_get(place, "link", &link, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
	} else if (bpf_link_detach(link) && errno != EOPNOTSUPP && errno != ENOLINK) {
		return fault_errno(why, FAULT_KERNEL, "cannot detach %s", place);
	}
	// The link first: while it stands, what it runs must stand.
	if (bpffs_join(place, "link", path, why) || bpffs_remove(path, why))
		return -1;
	return bpffs_remove(place, why);
}
