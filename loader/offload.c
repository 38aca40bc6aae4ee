// SPDX-License-Identifier: Apache-2.0
#include "loader/offload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/maptype.h"
#include "loader/deadline.h"
#include "loader/verifier.h"

#define LOG_MAX (256u << 10)

// ---- what a card takes ----

// The kernel makes maps of two types on a card (bpf_map_offload_map_alloc). Global variables live in a map too, one whose
// values programs reach without a lookup; no card has that.
static bool bar_of_map(const struct inspect_map *map, char out[static MEMBER_WHY_NOT_MAX])
{
	const char *type = map_type_name(map->type);

	if (map->internal)
		snprintf(out, MEMBER_WHY_NOT_MAX, "it has global variables or constants (%s)",
			 map->name);
	else if (map->type != BPF_MAP_TYPE_ARRAY && map->type != BPF_MAP_TYPE_HASH)
		snprintf(out, MEMBER_WHY_NOT_MAX, "its map %s is of type %s", map->name,
			 type ? type : "that nobody knows");
	return out[0];
}

// What is shared also belongs to programs of the same bundle that run in the host, as on TC.
static bool bar_of_manifest(const struct manifest *manifest, const struct manifest_program *program,
			    char out[static MEMBER_WHY_NOT_MAX])
{
	for (size_t i = 0; i < manifest->map_count; i++)
		if (manifest->maps[i].shared && !strcmp(manifest->maps[i].object, program->object))
			snprintf(out, MEMBER_WHY_NOT_MAX, "its map %s is shared",
				 manifest->maps[i].name);
	for (size_t i = 0; i < manifest->program_count; i++)
		if (manifest->programs[i].hook == HOOK_PROBE &&
		    !strcmp(manifest->programs[i].object, program->object))
			snprintf(out, MEMBER_WHY_NOT_MAX, "its object has a probe, %s",
				 manifest->programs[i].entry);
	return out[0];
}

void offload_why_not(const struct inspection *inspection, const struct manifest *manifest,
		     const struct manifest_program *program, char out[static MEMBER_WHY_NOT_MAX])
{
	const struct inspect_program *found = inspection_program(inspection, program->entry);

	out[0] = '\0';
	if (program->linkage == LINK_CHAIN || program->linkage == LINK_OWN_MAP) {
		snprintf(out, MEMBER_WHY_NOT_MAX, "it jumps to the next program by itself");
		return;
	}
	if (found && (found->jumps_most || found->jumps_unclear)) {
		snprintf(out, MEMBER_WHY_NOT_MAX, "it makes tail calls");
		return;
	}
	if (found && !strncmp(found->section, "xdp.frags", strlen("xdp.frags"))) {
		snprintf(out, MEMBER_WHY_NOT_MAX, "it takes packets in several buffers (\"%s\")",
			 found->section);
		return;
	}
	if (bar_of_manifest(manifest, program, out))
		return;
	for (size_t i = 0; i < inspection->map_count; i++)
		if (bar_of_map(&inspection->maps[i], out))
			return;
}

int offload_check(const struct member *members, size_t count, struct fault *why)
{
	for (size_t i = 0; i < count; i++) {
		if (!members[i].no_offload[0])
			continue;
		fault_set(why, FAULT_CONFIG, "no card takes %s: %s", members[i].name,
			  members[i].no_offload);
		return fault_fix(why,
				 "\"xdp_mode\": \"native\" runs the chain in the driver; on a card "
				 "only ordinary programs with ARRAY and HASH maps run");
	}
	return 0;
}

static int program_load(const struct bpf_insn *insns, size_t count, const char *license,
			struct bpf_prog_load_opts *opts)
{
	// As all XDP programs of ours: a link takes only programs that agree on it.
	opts->expected_attach_type = BPF_XDP;
	return bpf_prog_load(BPF_PROG_TYPE_XDP, "bpfseal_card", license, insns, count, opts);
}

int offload_probe(const char *iface, uint32_t ifindex, struct fault *why)
{
	static const struct bpf_insn pass[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = XDP_PASS},
		{.code = BPF_JMP | BPF_EXIT}};
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_ifindex = ifindex);
	OWNED(drop_fd)
	int fd = program_load(pass, sizeof(pass) / sizeof(*pass), "GPL", &opts);

	if (fd >= 0)
		return 0;
	if (errno == EINVAL || errno == EOPNOTSUPP)
		fault_set(why, FAULT_KERNEL, "%s has no card that runs programs: %s", iface,
			  strerror(errno));
	else
		fault_errno(why, FAULT_KERNEL, "the card of %s takes no program", iface);
	return fault_fix(why, "\"xdp_mode\": \"native\" in node.json runs the chain in the driver");
}

// ---- maps ----

static int make_map(struct object *object, struct bpf_map *map, uint32_t ifindex, struct fault *why)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = bpf_map__map_flags(map),
		    .map_ifindex = ifindex);
	// Without its types: the kernel takes none for a map on a card. Ours are read from the object.
	int fd = bpf_map_create(bpf_map__type(map), bpf_map__name(map), bpf_map__key_size(map),
				bpf_map__value_size(map), bpf_map__max_entries(map), &opts);

	if (fd >= 0)
		return object_use_map(object, map, fd, why);
	fault_errno(why, FAULT_KERNEL, "the card does not make map %s", bpf_map__name(map));
	if (errno != EPERM)
		return fault_fix(why, "what a card has room for its driver decides: a smaller map, "
				      "or one without flags, may fit");
	return fault_fix(why, "the kernel makes maps on a card only for CAP_SYS_ADMIN: start the "
			      "command as root, with it in the bounding set");
}

int offload_make_maps(struct object *object, uint32_t ifindex, struct fault *why)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object_bpf(object))
	{
		if (object_map_fd(object, map) < 0 && make_map(object, map, ifindex, why))
			return -1;
	}
	return 0;
}

// ---- the joined program ----

static void keep_log(const struct offload_source *source, const char *log, struct fault *why)
{
	struct fault ignored = {0};

	if (source->logs_dirfd >= 0 &&
	    !file_replace_at(source->logs_dirfd, source->log, log, strlen(log), 0600, &ignored))
		fault_fix(why, "each member alone was taken; the log is %s/%s", source->logs_path,
			  source->log);
}

static int explain(const struct offload_source *source, const struct deadline *deadline, int error,
		   const char *log, struct fault *why)
{
	struct verifier_word word;

	if (deadline->struck)
		return fault_set(why, FAULT_KERNEL,
				 "the kernel's verifier works longer than %u s on %s",
				 source->seconds_max, source->label);
	if (!log[0])
		return fault_set(why, FAULT_KERNEL, "%s cannot be loaded: %s", source->label,
				 strerror(error));
	verifier_read(log, LOG_MAX, &word);
	fault_set(why, FAULT_KERNEL, "the kernel's verifier refuses %s: %s", source->label,
		  word.is_cut ? "it does not come to the reason in the log" : word.reason);
	keep_log(source, log, why);
	return -1;
}

int offload_load(const struct offload_source *source, int *out, struct fault *why)
{
	OWNED(drop_heap) char *log = malloc(LOG_MAX);
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .prog_ifindex = source->ifindex, .log_buf = log,
		    .log_size = LOG_MAX);
	struct deadline deadline = {0};
	int fd, error;

	if (!log)
		return fault_set(why, FAULT_OTHER, "out of memory");
	log[0] = '\0';
	if (source->seconds_max && deadline_start(&deadline, source->seconds_max, log, why))
		return -1;
	fd = program_load(source->code->insns, source->code->count,
			  source->gpl ? "GPL" : "Proprietary", &opts);
	error = errno;
	deadline_stop(&deadline);
	if (fd < 0)
		return explain(source, &deadline, error, log, why);
	*out = fd;
	return 0;
}
