// SPDX-License-Identifier: Apache-2.0
#include "loader/object.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/code.h"
#include "loader/deadline.h"
#include "loader/gate.h"
#include "loader/lift.h"
#include "loader/progtype.h"
#include "loader/sys.h"
#include "loader/verifier.h"

// libbpf asks for a log only when the verifier has refused without one, once, into this room. The end of a log is what
// explains a refusal (A80): since 6.4 the kernel keeps that of one that is too long, before it keeps the beginning and stops.
// So there is room for long ones, as much as any kernel takes; pages that nothing is written to cost nothing.
#define VERIFIER_LOG_ROOM ((16u << 20) - 1)
// And so much of its end is kept for people.
#define VERIFIER_LOG_MAX (256u << 10)
// What libbpf's own copy of a map that is replaced is made with: a ring buffer needs a page at least.
#define STAND_IN_ENTRIES 4096

// The verifier's log, and the way back to its object: libbpf's handlers are process-wide and carry no word of ours
// for one load, but the log buffer is ours and known to both sides.
struct log {
	struct object *object;
	char text[VERIFIER_LOG_ROOM];
};

struct use {
	struct bpf_map *map;
	int fd;
};

struct object {
	struct bpf_object *bpf;
	struct bpf_program *program;
	struct object_source source;
	const struct wrap *wrap;
	struct fall fall; // with a next_map of NULL: nothing is counted
	struct fall_ways falls;
	struct use *uses;
	size_t use_count;
	struct code
		code; // lives from the hook to the end of the load; of a part as long as the object
	struct log *log;
	bool gated, lift, sewn, lifted;
	int types_fd; // of the part of the kernel's types that it needs (types.h); -1: libbpf reads all
	struct deadline deadline;
	struct fault refusal; // what the hook says; libbpf only carries a number
};

struct bpf_object *object_bpf(const struct object *object)
{
	return object->bpf;
}

int object_program_fd(const struct object *object)
{
	return bpf_program__fd(object->program);
}

const char *object_log(const struct object *object)
{
	const char *text = object->log ? object->log->text : "";
	size_t len = strlen(text);

	return len < VERIFIER_LOG_MAX ? text : text + len + 1 - VERIFIER_LOG_MAX;
}

const struct code *object_code(const struct object *object)
{
	return &object->code;
}

bool object_is_plain(const struct object *object)
{
	return !object->sewn && !object->lifted;
}

bool object_is_late(const struct object *object)
{
	return object->deadline.struck;
}

bool object_is_lifted(const struct object *object)
{
	return object->lifted;
}

int object_map_fd(const struct object *object, const struct bpf_map *map)
{
	for (size_t i = 0; i < object->use_count; i++)
		if (object->uses[i].map == map)
			return object->uses[i].fd;
	return bpf_map__fd(map);
}

void object_free(struct object *object)
{
	if (!object)
		return;
	bpf_object__close(object->bpf);
	for (size_t i = 0; i < object->use_count; i++)
		close(object->uses[i].fd);
	free(object->uses);
	free(object->log);
	drop_fd(&object->types_fd);
	code_drop(&object->code);
	deadline_stop(&object->deadline);
	free(object);
}

void object_count_falls(struct object *object, const struct fall *fall)
{
	object->fall = *fall;
}

struct fall_ways object_falls(const struct object *object)
{
	return object->falls;
}

// Rewrites the descriptors of maps that the caller replaced.
static void object_redirect_maps(const struct object *object, struct bpf_insn *insns, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn *insn = &insns[i];

		if (insn->code != (BPF_LD | BPF_DW | BPF_IMM))
			continue;
		if (insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE)
			for (size_t k = 0; k < object->use_count; k++)
				if (insn->imm == bpf_map__fd(object->uses[k].map)) {
					insn->imm = object->uses[k].fd;
					break;
				}
		i++;
	}
}

// Every map in the finished code is one of the object's own. Any other number is a descriptor of this process, which holds
// other programs' maps; no relocation wrote it, so it came in past the inspection.
static int check_own_maps(const struct object *object, const struct bpf_insn *insns, size_t count,
			  struct fault *why)
{
	for (size_t i = 0; i < count; i++) {
		const struct bpf_map *map;
		bool own = false;

		if (insns[i].code != (BPF_LD | BPF_DW | BPF_IMM))
			continue;
		if (insns[i].src_reg != 0 && insns[i].src_reg != BPF_PSEUDO_FUNC) {
			bpf_object__for_each_map(map, object->bpf) own |=
				bpf_map__fd(map) == insns[i].imm;
			if (!own)
				return fault_set(why, FAULT_POLICY,
						 "it names a map by number, not by name");
		}
		i++;
	}
	return 0;
}

// What counts behind the jumps of a program that goes on by itself.
static int object_count(struct object *object, struct fault *why)
{
	const struct bpf_map *next =
		bpf_object__find_map_by_name(object->bpf, object->fall.next_map);

	if (!next)
		return fault_set(why, FAULT_FORMAT, "it has no map %s", object->fall.next_map);
	return fall_count(&object->fall, object_map_fd(object, next), &object->code, &object->falls,
			  why);
}

static int object_rewrite(struct object *object, struct fault *why)
{
	struct code *code = &object->code;

	if ((object->wrap && wrap_program(object->wrap, code, why)) ||
	    (!object->wrap && object->fall.next_map && object_count(object, why)) ||
	    (object->lift && lift_program(code, why)))
		return -1;
	object->sewn = code->sewn;
	object->lifted = code->lifted;
	return 0;
}

static int object_prepare(struct object *object, struct bpf_program *program,
			  struct bpf_prog_load_opts *opts, struct fault *why)
{
	struct code *code = &object->code;

	if (code_take(bpf_program__insns(program), bpf_program__insn_cnt(program), opts, code, why))
		return -1;
	if (object->source.policy &&
	    gate_check(object->source.policy, object->source.hook, code->insns, code->count, why))
		return -1;
	if (check_own_maps(object, code->insns, code->count, why))
		return -1;
	object->gated = true;
	object_redirect_maps(object, code->insns, code->count);
	if (object_rewrite(object, why))
		return -1;
	if (bpf_program__set_insns(program, code->insns, code->count))
		return fault_set(why, FAULT_OTHER, "libbpf refuses the rewritten instructions");
	opts->func_info = code->functions.data;
	opts->func_info_cnt = code->functions.count;
	opts->line_info = code->lines.data;
	opts->line_info_cnt = code->lines.count;
	return 0;
}

// The load comes next. Our own programs need no limit.
static int object_start_clock(struct object *object, struct fault *why)
{
	const struct policy *policy = object->source.policy;

	if (!policy || !policy->verifier_seconds_max)
		return 0;
	return deadline_start(&object->deadline, policy->verifier_seconds_max, object->log->text,
			      why);
}

// libbpf's prog_prepare_load_fn: the instructions are complete here, and a negative number vetoes the load.
static int object_hook(struct bpf_program *program, struct bpf_prog_load_opts *opts, long cookie)
{
	size_t size;
	const char *text = bpf_program__log_buf(program, &size);
	struct object *object;

	(void)cookie;
	if (!text || size != VERIFIER_LOG_ROOM)
		return -EPERM;
	object = ((const struct log *)(const void *)(text - offsetof(struct log, text)))->object;
	if (object_prepare(object, program, opts, &object->refusal))
		return -EPERM;
	return object_start_clock(object, &object->refusal) ? -EPERM : 0;
}

static int refuse_section(const struct object_source *source, const char *section,
			  struct fault *why)
{
	fault_set(why, FAULT_KERNEL, "%s is in section \"%s\", which bypasses the gate",
		  source->label, section);
	return fault_fix(why, "build it with SEC(\"%s\")", source->hook == HOOK_XDP ? "xdp" : "tc");
}

static void object_set_type(struct object *object)
{
	const struct manifest_program *probe = object->source.probe;
	struct progtype type;

	if (object->source.hook == HOOK_PROBE && !probe) // opened for its maps alone
		return;
	type = progtype_of(object->source.hook, probe);
	bpf_program__set_type(object->program, type.program);
	bpf_program__set_expected_attach_type(object->program, type.attach);
}

// Exactly the signed manifest's entry is loaded, as the manifest's type.
static int object_choose(struct object *object, struct fault *why)
{
	const struct object_source *source = &object->source;
	struct bpf_program *program;
	const char *section;

	bpf_object__for_each_program(program, object->bpf)
	{
		bool chosen = !strcmp(bpf_program__name(program), source->entry);

		bpf_program__set_autoload(program, chosen);
		if (chosen)
			object->program = program;
	}
	if (!object->program)
		return fault_set(why, FAULT_FORMAT, "%s has no program %s", source->label,
				 source->entry);
	section = bpf_program__section_name(object->program);
	if (!progtype_allows_section(source->hook, source->probe, section))
		return fault_set(why, FAULT_KERNEL,
				 "%s is in section \"%s\", which bypasses the gate", source->label,
				 section);
	object_set_type(object);
	return 0;
}

// What libbpf complained of in a load that never came to the verifier: a function or a setting that this kernel does not
// have, a map that it does not make. Its print function is process-wide and carries no word of ours.
static _Thread_local char complaint[FAULT_TEXT_MAX / 2];

// The first that quotes a name: before it stand words about another way that it tries, behind it that all has failed.
static int hear(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN || strchr(complaint, '\''))
		return 0;
	vsnprintf(complaint, sizeof(complaint), format, args);
	complaint[strcspn(complaint, "\n")] = '\0';
	return 0;
}

static int object_parse(struct object *object, const char *types_path, struct fault *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "bpfseal",
		    .btf_custom_path = types_path);
	const struct object_source *source = &object->source;

	object->bpf = bpf_object__open_mem(source->data, source->len, &opts);
	return object->bpf ? 0
			   : fault_errno(why, FAULT_FORMAT, "%s cannot be opened", source->label);
}

// With the part of the kernel's types that it asks for, where that is enough. libbpf reads the file when it loads.
static int object_parse_with_types(struct object *object, struct fault *why)
{
	const struct object_source *source = &object->source;
	char path[TYPES_PATH_MAX];

	if (source->types && source->asked_count)
		object->types_fd = types_reserve(path);
	if (object->types_fd < 0)
		return object_parse(object, NULL, why);
	if (object_parse(object, path, why))
		return -1;
	if (types_write(source->types, bpf_object__btf(object->bpf), source->asked,
			source->asked_count, object->types_fd, why) == 0)
		return 0;
	fault_clear(why);
	drop_fd(&object->types_fd);
	bpf_object__close(object->bpf);
	return object_parse(object, NULL, why);
}

int object_open(const struct object_source *source, struct object **out, struct fault *why)
{
	OWNED(object_drop) struct object *object = calloc(1, sizeof(*object));
	struct bpf_map *map;

	if (!object)
		return fault_set(why, FAULT_OTHER, "out of memory");
	object->source = *source;
	object->types_fd = -1;
	// libbpf would talk to stderr; what matters is in the refusal and in the log file.
	libbpf_set_print(hear);
	if (progtype_register(object_hook, why) || object_parse_with_types(object, why))
		return -1;
	bpf_object__for_each_map(map, object->bpf)
	{
		// LIBBPF_PIN_BY_NAME would reach into places that other bundles use (A83).
		if (bpf_map__set_pin_path(map, NULL))
			return fault_set(why, FAULT_OTHER, "libbpf does not unpin a map");
	}
	if (object_choose(object, why))
		return -1;
	*out = HAND_OVER(object);
	return 0;
}

int object_use_map(struct object *object, struct bpf_map *map, int fd, struct fault *why)
{
	OWNED(drop_fd) int owned = fd;
	struct use *grown =
		reallocarray(object->uses, object->use_count + 1, sizeof(*object->uses));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	object->uses = grown;
	if (bpf_map__max_entries(map) > STAND_IN_ENTRIES &&
	    bpf_map__set_max_entries(map, STAND_IN_ENTRIES))
		return fault_set(why, FAULT_OTHER, "libbpf does not resize a map");
	object->uses[object->use_count++] = (struct use){map, HAND_OVER_FD(owned)};
	return 0;
}

// A program that is called is a static function to the verifier, which then follows the context into it; a global one would
// be checked by itself, with an unknown argument, and refused.
static void object_make_static(struct object *object)
{
	struct btf *btf = bpf_object__btf(object->bpf);
	struct btf_type *type;
	int id;

	if (!btf)
		return;
	id = btf__find_by_name_kind(btf, object->source.entry, BTF_KIND_FUNC);
	if (id <= 0)
		return;
	type = (struct btf_type *)(uintptr_t)btf__type_by_id(btf, (__u32)id);
	type->info = (BTF_KIND_FUNC << 24) | BTF_FUNC_STATIC;
}

static void object_keep_log(const struct object *object, struct fault *why)
{
	const struct object_source *source = &object->source;
	const char *text = object_log(object);
	char name[FILE_NAME_LEN];
	struct fault ignored = {0};

	if (source->logs_dirfd < 0)
		return;
	snprintf(name, sizeof(name), "%.200s.log", source->label);
	if (!file_replace_at(source->logs_dirfd, name, text, strlen(text), 0600, &ignored))
		fault_fix(why, "the %slog is %s/%s",
			  strlen(text) + 1 < VERIFIER_LOG_MAX ? "whole " : "end of the ",
			  source->logs_path, name);
}

// The verifier was stopped.
static int object_explain_late(const struct object *object, struct fault *why)
{
	unsigned seconds = object->source.policy->verifier_seconds_max;

	if (object->deadline.explaining)
		fault_set(why, FAULT_KERNEL,
			  "the kernel's verifier refuses %s, and needs longer than %u s to say why",
			  object->source.label, seconds);
	else
		fault_set(why, FAULT_KERNEL, "the kernel's verifier works longer than %u s on %s",
			  seconds, object->source.label);
	return fault_fix(why, "make the program simpler: fewer branches, loops with less state; or "
			      "raise \"verifier_seconds_max\" in the policy");
}

// A kernel that keeps the beginning of a log, and a log longer than any kernel gives room for.
static int object_explain_cut(const struct object *object, struct fault *why)
{
	fault_set(why, FAULT_KERNEL,
		  "the kernel's verifier refuses %s, and has no room left to say why",
		  object->source.label);
	return fault_fix(why,
			 "kernels before 6.4 give up a log after %u MiB: 'bpfseal bundle check' on "
			 "a later one tells the reason",
			 (VERIFIER_LOG_ROOM + 1) >> 20);
}

static int object_explain(struct object *object, int error, struct fault *why)
{
	const struct object_source *source = &object->source;
	struct verifier_word word;

	if (object->deadline.struck)
		return object_explain_late(object, why);
	verifier_read(object->log->text, VERIFIER_LOG_ROOM, &word);
	if (word.is_cut)
		return object_explain_cut(object, why);
	// The verifier had nothing against it: what failed came before it, or after.
	if (!word.reason[0] && error == EPERM && source->probe)
		return fault_set(
			why, FAULT_KERNEL,
			"%s cannot be loaded: this kernel refuses to load probes of kind %s",
			source->label, probe_kind_name(source->probe->probe));
	if (!word.reason[0])
		return fault_set(why, FAULT_KERNEL, "%s cannot be loaded: %s", source->label,
				 complaint[0] ? complaint : strerror(error));
	fault_set(why, FAULT_KERNEL, "the kernel's verifier refuses %s: %s", source->label,
		  word.reason);
	if (word.source[0])
		fault_where(why, "%s%s%s", word.place, word.place[0] ? ": " : "", word.source);
	// Of a program in other than the plain form the caller tries that, and it has the last word.
	if (object_is_plain(object))
		object_keep_log(object, why);
	return -1;
}

// Whether the kernel's BTF has what a typed program watches. Asked before libbpf is: version 1.1 forgets the kernel's BTF
// when it does not find the name.
static bool kernel_has(const struct btf *kernel, const struct manifest_program *probe)
{
	char name[16 + PROBE_TARGET_MAX];

	if (probe->probe != PROBE_TP_BTF)
		return btf__find_by_name_kind(kernel, probe->target, BTF_KIND_FUNC) > 0;
	snprintf(name, sizeof(name), "btf_trace_%s", probe->target);
	return btf__find_by_name_kind(kernel, name, BTF_KIND_TYPEDEF) > 0;
}

// A typed program's event is part of the load: the verifier takes the types of its arguments from there.
static int object_aim(struct object *object, struct fault *why)
{
	const struct manifest_program *probe = object->source.probe;
	OWNED(drop_btf) struct btf *kernel = NULL;

	if (object->source.hook == HOOK_PROBE && !probe)
		return fault_set(why, FAULT_OTHER, "%s was not opened to be loaded",
				 object->source.label);
	if (!probe || bpf_program__type(object->program) != BPF_PROG_TYPE_TRACING)
		return 0;
	kernel = btf__load_vmlinux_btf();
	if (!kernel)
		return fault_errno(why, FAULT_KERNEL, "cannot read the kernel's BTF");
	if (!kernel_has(kernel, probe) ||
	    bpf_program__set_attach_target(object->program, 0, probe->target))
		return fault_set(why, FAULT_KERNEL, "this kernel has no %s %s to watch",
				 probe_kind_name(probe->probe), probe->target);
	return 0;
}

void object_lift(struct object *object)
{
	object->lift = true;
}

// Members of one PROG_ARRAY must agree on frags (kernel commit 4540aed51b12), so all of a chain do, our own included.
static int object_set_frags(struct object *object, struct fault *why)
{
	const struct object_source *source = &object->source;
	const char *section = bpf_program__section_name(object->program);

	if (source->hook != HOOK_XDP)
		return 0;
	if (!source->frags && !strncmp(section, "xdp.frags", strlen("xdp.frags"))) {
		fault_set(why, FAULT_KERNEL,
			  "%s is in section \"%s\": this chain has no multi-buffer support",
			  source->label, section);
		return fault_fix(why, "build it with SEC(\"xdp\")");
	}
	if (source->frags &&
	    bpf_program__set_flags(object->program,
				   bpf_program__flags(object->program) | BPF_F_XDP_HAS_FRAGS))
		return fault_set(why, FAULT_OTHER, "libbpf refuses the program's flags");
	return 0;
}

int object_load(struct object *object, const struct wrap *wrap, struct fault *why)
{
	int error;

	if (object_set_frags(object, why))
		return -1;
	if (object_aim(object, why))
		return -1;
	object->wrap = wrap;
	if (wrap || object->lift)
		object_make_static(object);
	// Not cleared: all but its first page is touched only when there is something to say (A80).
	object->log = malloc(sizeof(*object->log));
	if (!object->log)
		return fault_set(why, FAULT_OTHER, "out of memory");
	object->log->text[0] = '\0';
	object->log->object = object;
	bpf_program__set_log_buf(object->program, object->log->text, VERIFIER_LOG_ROOM);
	complaint[0] = '\0';
	if (object->source.card)
		bpf_program__set_ifindex(object->program, object->source.card);
	error = -bpf_object__load(object->bpf);
	if (!object->source.is_part)
		code_drop(&object->code);
	deadline_stop(&object->deadline);
	if (object->refusal.code != FAULT_NONE) {
		*why = object->refusal;
		return fault_within(why, "%s is not allowed", object->source.label);
	}
	if (error)
		return object_explain(object, error, why);
	if (!object->gated)
		return refuse_section(&object->source, bpf_program__section_name(object->program),
				      why);
	return 0;
}
