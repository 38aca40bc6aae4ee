// SPDX-License-Identifier: Apache-2.0
#include "bpf/inspect.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gelf.h>
#include <libelf.h>
#include <linux/bpf.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "base/worker.h"
#include "bpf/asked.h"
#include "bpf/chain.h"
#include "bpf/frame.h"
#include "bpf/jumps.h"
#include "bpf/listing.h"
#include "bpf/mapcodec.h"

#define WORKER_MEMORY_MAX  (512u << 20)
#define WORKER_SECONDS_MAX 10
#define WORKER_OUTPUT_MAX  (1u << 20)
// More would only hold more memory at once.
#define INSPECT_WORKERS_MAX 8

static void drop_elf(Elf **elf)
{
	if (*elf)
		elf_end(*elf);
	*elf = NULL;
}

static void drop_object(struct bpf_object **object)
{
	if (*object)
		bpf_object__close(*object);
	*object = NULL;
}

static int refuse(struct fault *why, const char *what)
{
	return fault_set(why, FAULT_FORMAT, "not a BPF object that can be inspected: %s", what);
}

// Names end in tables, plans and pins: the fixed room of struct inspection is the limit.
static int copy_name(const char *name, char out[64], struct fault *why)
{
	if (!name || !*name || strlen(name) >= 64)
		return refuse(why, "a name is missing or longer than 63 bytes");
	memcpy(out, name, strlen(name) + 1);
	return 0;
}

// ---- code ----

static int add_kernel_symbol(struct inspection *inspection, const char *name, struct fault *why)
{
	for (size_t i = 0; i < inspection->kfunc_count; i++) {
		if (strcmp(inspection->kfuncs[i], name) == 0)
			return 0;
	}
	if (inspection->kfunc_count == INSPECT_KFUNCS_MAX)
		return fault_set(why, FAULT_TOO_LARGE,
				 "the object uses more than %d functions of the kernel",
				 INSPECT_KFUNCS_MAX);
	if (copy_name(name, inspection->kfuncs[inspection->kfunc_count], why))
		return -1;
	inspection->kfunc_count++;
	return 0;
}

static void scan_helper(const struct bpf_insn *insn, struct inspection *inspection)
{
	if (insn->imm <= 0 || insn->imm >= INSPECT_HELPERS_MAX) {
		inspection->helper_unknown = true;
		return;
	}
	inspection->helpers[insn->imm] = true;
	if (insn->imm == BPF_FUNC_tail_call)
		inspection->tail_calls = true;
}

static int scan_call(const struct bpf_insn *insn, struct inspection *inspection, struct fault *why)
{
	char number[64];

	// Through a register, or a form that this kernel generation does not have.
	if (insn->code != (BPF_JMP | BPF_CALL)) {
		inspection->helper_unknown = true;
		return 0;
	}
	switch (insn->src_reg) {
	case 0:
		scan_helper(insn, inspection);
		return 0;
	case BPF_PSEUDO_CALL:
		return 0; // a function of the object itself, or an extern that the symbol table names
	case BPF_PSEUDO_KFUNC_CALL:
		snprintf(number, sizeof number, "#%d", insn->imm);
		return add_kernel_symbol(inspection, number, why);
	default:
		inspection->helper_unknown = true;
		return 0;
	}
}

static int scan_insn(const struct bpf_insn *insn, struct inspection *inspection, struct fault *why)
{
	unsigned class = BPF_CLASS(insn->code);

	if ((class == BPF_JMP || class == BPF_JMP32) && BPF_OP(insn->code) == BPF_CALL)
		return scan_call(insn, inspection, why);
	// clang leaves this field empty; the loader's library fills it. A number that is there already would name a map by a
	// descriptor of the process that loads, or a kernel variable, past every name that we check.
	if (insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg != 0)
		return refuse(why, "its code names a map or a variable by number");
	return 0;
}

// Every instruction of a section of code, reachable or not: .text holds the subprograms, and a program's own
// instructions do not show them.
static int scan_code(const Elf_Data *data, struct inspection *inspection, struct fault *why)
{
	size_t count = data->d_size / sizeof(struct bpf_insn);

	if (!data->d_buf)
		return 0;
	if (count > INSPECT_INSNS_MAX - inspection->insns)
		return fault_set(why, FAULT_TOO_LARGE, "the object has more than %d instructions",
				 INSPECT_INSNS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn insn;

		memcpy(&insn, (const char *)data->d_buf + i * sizeof insn, sizeof insn);
		if (scan_insn(&insn, inspection, why))
			return -1;
	}
	inspection->insns += (uint32_t)count;
	return 0;
}

// What the object wants from the kernel by name: kfuncs, and kernel variables, which count as much.
static int scan_symbols(Elf *elf, const GElf_Shdr *section, Elf_Data *data,
			struct inspection *inspection, struct fault *why)
{
	size_t count = data->d_size / section->sh_entsize;

	for (size_t i = 0; i < count; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(data, (int)i, &symbol))
			return refuse(why, "its symbols cannot be read");
		name = elf_strptr(elf, section->sh_link, symbol.st_name);
		if (!name)
			return refuse(why, "a symbol has no name");
		if (symbol.st_shndx == SHN_UNDEF && *name &&
		    add_kernel_symbol(inspection, name, why))
			return -1;
	}
	return 0;
}

static int scan_license(const Elf_Data *data, struct inspection *inspection, struct fault *why)
{
	if (!data->d_buf || !data->d_size || data->d_size > sizeof inspection->license ||
	    ((const char *)data->d_buf)[data->d_size - 1] != '\0')
		return refuse(why, "its licence is no short text");
	snprintf(inspection->license, sizeof inspection->license, "%s", (const char *)data->d_buf);
	return 0;
}

static int scan_section(Elf *elf, Elf_Scn *scn, size_t names, struct inspection *inspection,
			struct fault *why)
{
	GElf_Shdr section;
	Elf_Data *data;
	const char *name;

	if (!gelf_getshdr(scn, &section))
		return refuse(why, "a section cannot be read");
	name = elf_strptr(elf, names, section.sh_name);
	data = elf_rawdata(scn, NULL);
	if (!name || !data)
		return refuse(why, "a section cannot be read");
	if (section.sh_flags & SHF_EXECINSTR)
		return scan_code(data, inspection, why);
	if (section.sh_type == SHT_SYMTAB) {
		data = elf_getdata(scn, NULL);
		return data ? scan_symbols(elf, &section, data, inspection, why)
			    : refuse(why, "its symbols cannot be read");
	}
	if (strcmp(name, "license") == 0)
		return scan_license(data, inspection, why);
	if (strcmp(name, ".BTF.ext") == 0 && data->d_buf)
		asked_scan(data->d_buf, data->d_size, inspection);
	return 0;
}

static int scan(const void *object, size_t len, struct inspection *inspection, struct fault *why)
{
	OWNED(drop_elf) Elf *elf = NULL;
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return fault_set(why, FAULT_OTHER, "libelf is of another version");
	elf = elf_memory((char *)(uintptr_t)object, len);
	if (!elf || elf_getshdrstrndx(elf, &names))
		return refuse(why, elf_errmsg(-1));
	while ((scn = elf_nextscn(elf, scn))) {
		if (scan_section(elf, scn, names, inspection, why))
			return -1;
	}
	return 0;
}

// ---- programs and maps ----

static int read_map(const struct btf *btf, const struct bpf_map *map, struct inspection *inspection,
		    struct inspect_map **out, struct fault *why)
{
	struct inspect_map *row = &inspection->maps[inspection->map_count];

	if (inspection->map_count == INSPECT_MAPS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the object has more than %d maps",
				 INSPECT_MAPS_MAX);
	if (copy_name(bpf_map__name(map), row->name, why))
		return -1;
	row->type = bpf_map__type(map);
	row->key_size = bpf_map__key_size(map);
	row->value_size = bpf_map__value_size(map);
	row->max_entries = bpf_map__max_entries(map);
	row->flags = bpf_map__map_flags(map);
	row->internal = bpf_map__is_internal(map);
	row->pinned_by_name = bpf_map__pin_path(map) != NULL;
	layout_name_type(btf, bpf_map__btf_key_type_id(map), row->key);
	layout_name_type(btf, bpf_map__btf_value_type_id(map), row->value);
	inspection->map_count++;
	*out = row;
	return 0;
}

static int read_maps(struct bpf_object *object, struct inspection *inspection, struct fault *why)
{
	const struct btf *btf = bpf_object__btf(object);
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		struct bpf_map *inner = bpf_map__inner_map(map);
		struct inspect_map *row;

		if (inspection_map(inspection, bpf_map__name(map)))
			return refuse(why, "it has two maps of one name");
		if (read_map(btf, map, inspection, &row, why))
			return -1;
		if (!inner)
			continue;
		if (read_map(btf, inner, inspection, &row, why))
			return -1;
		row->inner = true;
		if (copy_name(bpf_map__name(map), row->name, why))
			return -1;
	}
	return 0;
}

// Those that can be set from outside. One whose name is too long for us is none of them.
static int read_globals(struct bpf_object *object, struct inspection *inspection, struct fault *why)
{
	const struct btf *btf = bpf_object__btf(object);
	struct layout_variable variable;
	struct layout_walk walk = {0};

	while (layout_next_variable(btf, &walk, &variable)) {
		struct inspect_global *row = &inspection->globals[inspection->global_count];

		if (!variable.settable || strlen(variable.name) >= sizeof row->name ||
		    strlen(variable.section) >= sizeof row->section)
			continue;
		if (inspection->global_count == INSPECT_GLOBALS_MAX)
			return fault_set(why, FAULT_TOO_LARGE,
					 "the object has more than %d global variables",
					 INSPECT_GLOBALS_MAX);
		snprintf(row->name, sizeof row->name, "%s", variable.name);
		snprintf(row->section, sizeof row->section, "%s", variable.section);
		row->size = (uint32_t)variable.size;
		layout_name_type(btf, variable.type_id, row->type);
		inspection->global_count++;
	}
	return 0;
}

static int read_programs(struct bpf_object *object, struct inspection *inspection,
			 struct fault *why)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
	{
		struct inspect_program *row = &inspection->programs[inspection->program_count];

		if (inspection->program_count == INSPECT_PROGRAMS_MAX)
			return fault_set(why, FAULT_TOO_LARGE,
					 "the object has more than %d programs",
					 INSPECT_PROGRAMS_MAX);
		if (copy_name(bpf_program__name(program), row->name, why) ||
		    copy_name(bpf_program__section_name(program), row->section, why))
			return -1;
		row->insns = (uint32_t)bpf_program__insn_cnt(program);
		inspection->program_count++;
	}
	return inspection->program_count ? 0 : refuse(why, "it has no program");
}

// ---- tail calls ----

// What a program has beyond the room of the list makes it unclear, not refused.
static void add_jumps(struct inspection *inspection, size_t index, const struct jumps *jumps)
{
	struct inspect_program *program = &inspection->programs[index];

	program->jumps_most = jumps->most;
	program->jumps_unclear = jumps->unclear;
	for (size_t i = 0; i < jumps->count; i++) {
		const struct jumps_site *site = &jumps->sites[i];

		if (inspection->jump_count == INSPECT_JUMPS_MAX) {
			program->jumps_unclear = true;
			return;
		}
		inspection->jumps[inspection->jump_count++] = (struct inspect_jump){
			.program = (uint32_t)index,
			.map = site->map < 0 ? INSPECT_MAPS_MAX : (uint32_t)site->map,
			.slot = (uint32_t)site->slot, // JUMPS_UNKNOWN is UINT32_MAX
			.in_entry = site->in_entry,
		};
	}
}

static int read_jumps(const void *data, size_t len, struct inspection *inspection,
		      struct fault *why)
{
	OWNED(listing_drop) struct listing listing = {0};

	if (!inspection->tail_calls)
		return 0;
	if (listing_make(data, len, inspection, &listing, why))
		return -1;
	for (size_t i = 0; i < inspection->program_count; i++) {
		const struct inspect_program *program = &inspection->programs[i];
		OWNED(jumps_drop) struct jumps jumps = {0};
		int64_t entry = listing_entry(&listing, program->name, program->section);

		if (jumps_find(listing.insns, listing.count, listing.maps,
			       entry < 0 ? SIZE_MAX : (size_t)entry, &jumps, why))
			return -1;
		add_jumps(inspection, i, &jumps);
	}
	return 0;
}

// Opening parses everything that loading will parse again, here where it can do no harm.
static int open_object(const void *data, size_t len, struct inspection *inspection,
		       struct fault *why)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "inspected");
	OWNED(drop_object) struct bpf_object *object = NULL;

	libbpf_set_print(NULL);
	object = bpf_object__open_mem(data, len, &opts);
	if (!object)
		return refuse(why, "its programs or maps cannot be read");
	inspection->has_btf = bpf_object__btf(object) != NULL;
	if (read_programs(object, inspection, why) || read_globals(object, inspection, why))
		return -1;
	return read_maps(object, inspection, why);
}

int inspect_job(const void *object, size_t len, struct bytes *answer, struct fault *why)
{
	OWNED(inspection_drop) struct inspection *inspection = calloc(1, sizeof *inspection);

	if (!inspection)
		return fault_set(why, FAULT_OTHER, "out of memory");
	inspection->programs = calloc(INSPECT_PROGRAMS_MAX, sizeof *inspection->programs);
	inspection->maps = calloc(INSPECT_MAPS_MAX, sizeof *inspection->maps);
	inspection->jumps = calloc(INSPECT_JUMPS_MAX, sizeof *inspection->jumps);
	inspection->globals = calloc(INSPECT_GLOBALS_MAX, sizeof *inspection->globals);
	inspection->types = calloc(INSPECT_TYPES_MAX, sizeof *inspection->types);
	if (!inspection->programs || !inspection->maps || !inspection->jumps ||
	    !inspection->globals || !inspection->types)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (shape_check(object, len, why) || scan(object, len, inspection, why) ||
	    open_object(object, len, inspection, why) || read_jumps(object, len, inspection, why))
		return -1;
	return inspection_write(inspection, answer, why);
}

int inspect_decode(const void *answer, size_t len, struct inspection **out, struct fault *why)
{
	return inspection_read(answer, len, out, why);
}

static const struct worker_limits limits = {
	.memory_max = WORKER_MEMORY_MAX,
	.seconds_max = WORKER_SECONDS_MAX,
	.output_max = WORKER_OUTPUT_MAX,
};

static int inspect_start(const struct inspect_ask *ask, struct worker *worker, struct fault *why)
{
	if (ask->len > INSPECT_OBJECT_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the object has %zu bytes, more than %u",
				 ask->len, INSPECT_OBJECT_MAX);
	return worker_start(inspect_job, ask->object, ask->len, &limits, worker, why);
}

static int inspect_finish(struct inspect_ask *ask, struct worker *worker)
{
	OWNED(bytes_drop) struct bytes answer = {0};

	if (!worker->pid) // refused already
		return -1;
	if (worker_finish(worker, &answer, &ask->refused))
		return -1;
	return inspect_decode(answer.data, answer.len, &ask->inspection, &ask->refused);
}

static size_t at_a_time(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof set, &set) || CPU_COUNT(&set) < 1)
		return 1;
	return CPU_COUNT(&set) < INSPECT_WORKERS_MAX ? (size_t)CPU_COUNT(&set)
						     : INSPECT_WORKERS_MAX;
}

void inspect_objects(struct inspect_ask *asks, size_t count)
{
	struct worker workers[INSPECT_WORKERS_MAX];
	size_t width = at_a_time(), started = 0;

	for (size_t i = 0; i < count; i++) {
		for (; started < count && started < i + width; started++) {
			struct worker *worker = &workers[started % width];

			*worker = (struct worker)WORKER_NONE;
			asks[started].inspection = NULL;
			if (inspect_start(&asks[started], worker, &asks[started].refused))
				continue;
		}
		if (inspect_finish(&asks[i], &workers[i % width]))
			continue;
	}
}

int inspect_object(const void *object, size_t len, struct inspection **out, struct fault *why)
{
	struct inspect_ask ask = {.object = object, .len = len};

	inspect_objects(&ask, 1);
	if (!ask.inspection) {
		*why = ask.refused;
		return -1;
	}
	*out = ask.inspection;
	return 0;
}

// ---- formats ----

enum format_of { FORMAT_KEY, FORMAT_VALUE, FORMAT_GLOBAL, FORMAT_KINDS };

static int put_format(const char *name, enum format_of of, const struct notations *said,
		      struct bytes *job, struct fault *why)
{
	OWNED(json_drop) struct json *json = NULL;
	OWNED(bytes_drop) struct bytes text = {0};

	if (!said->count)
		return 0;
	if (notations_write(said, &json, why) || json_write(json, false, &text, why) ||
	    frame_put_text(job, name, why) || frame_put_number(job, of, why))
		return -1;
	return frame_put_text(job, bytes_text(&text), why);
}

static int codec_of(struct bpf_object *object, enum format_of of, const char *name,
		    struct mapcodec *out, struct fault *why)
{
	struct layout_variable variable;
	struct layout_walk walk = {0};
	const struct bpf_map *map;

	out->btf = bpf_object__btf(object);
	while (of == FORMAT_GLOBAL && layout_next_variable(out->btf, &walk, &variable)) {
		if (strcmp(variable.name, name) != 0)
			continue;
		out->type_id = variable.type_id;
		out->size = variable.size;
		return 0;
	}
	map = of == FORMAT_GLOBAL ? NULL : bpf_object__find_map_by_name(object, name);
	if (!map)
		return fault_set(why, FAULT_FORMAT, "the object has no such name");
	out->type_id =
		of == FORMAT_KEY ? bpf_map__btf_key_type_id(map) : bpf_map__btf_value_type_id(map);
	out->size = of == FORMAT_KEY ? bpf_map__key_size(map) : bpf_map__value_size(map);
	return 0;
}

static int check_format(struct bpf_object *object, struct frame *frame, struct fault *why)
{
	static const char *const words[] = {"key_format", "value_format", "format"};
	OWNED(notations_drop) struct notations said = {0};
	OWNED(json_drop) struct json *json = NULL;
	struct mapcodec codec = {.said = &said};
	char name[64], text[8192];
	uint64_t of;

	if (frame_get_text(frame, name, sizeof name, why) ||
	    frame_get_number(frame, FORMAT_KINDS - 1, &of, why) ||
	    frame_get_text(frame, text, sizeof text, why) ||
	    json_parse(text, strlen(text), name, &json, why) || notations_read(json, &said, why))
		return -1;
	if (codec_of(object, (enum format_of)of, name, &codec, why) || mapcodec_check(&codec, why))
		return fault_within(why, "\"%s\" of %s cannot be", words[of], name);
	return 0;
}

static int formats_job(const void *input, size_t len, struct bytes *answer, struct fault *why)
{
	OWNED(drop_object) struct bpf_object *object = NULL;
	struct frame frame = {input, len};
	const void *data;
	size_t data_len;

	(void)answer;
	libbpf_set_print(NULL);
	if (frame_get_block(&frame, INSPECT_OBJECT_MAX, &data, &data_len, why) ||
	    shape_check(data, data_len, why))
		return -1;
	object = bpf_object__open_mem(data, data_len, NULL);
	if (!object)
		return refuse(why, "its programs or maps cannot be read");
	while (frame.left)
		if (check_format(object, &frame, why))
			return -1;
	return 0;
}

int inspect_formats(const void *object, size_t len, const struct manifest *manifest,
		    const char *name, struct fault *why)
{
	OWNED(bytes_drop) struct bytes job = {0};
	OWNED(bytes_drop) struct bytes answer = {0};
	size_t nothing;

	if (frame_put_block(&job, object, len, why))
		return -1;
	nothing = job.len;
	for (size_t i = 0; i < manifest->map_count; i++) {
		const struct manifest_map *map = &manifest->maps[i];

		if (strcmp(map->object, name) == 0 &&
		    (put_format(map->name, FORMAT_KEY, &map->key_format, &job, why) ||
		     put_format(map->name, FORMAT_VALUE, &map->value_format, &job, why)))
			return -1;
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		const struct manifest_global *global = &manifest->globals[i];

		if (strcmp(global->object, name) == 0 &&
		    put_format(global->name, FORMAT_GLOBAL, &global->format, &job, why))
			return -1;
	}
	if (job.len == nothing ||
	    worker_run(formats_job, job.data, job.len, &limits, &answer, why) == 0)
		return 0;
	why->code = why->code == FAULT_CONFIG ? FAULT_FORMAT : why->code;
	return -1;
}

// ---- against the manifest ----

static int check_next_map(const struct inspection *inspection,
			  const struct inspect_program *program, const char *name,
			  struct fault *why)
{
	const struct inspect_map *map = inspection_map(inspection, name);
	struct inspect_ways ways;

	if (!map || map->type != BPF_MAP_TYPE_PROG_ARRAY || !map->max_entries)
		return fault_set(
			why, FAULT_FORMAT,
			"program %s jumps through map %s, which is no prog_array of its object",
			program->name, name);
	// A next map that is declared and never used cuts the chain off behind the program.
	ways = inspection_ways(inspection, program, name);
	if (ways.through || ways.unknown)
		return 0;
	fault_set(why, FAULT_FORMAT,
		  "program %s is said to jump through map %s, and no path of it tail-calls slot 0 "
		  "of that map",
		  program->name, name);
	return fault_fix(why, "what stands behind it in a chain would be dead: end its paths with "
			      "the tail call, or let the manifest say \"wrap\"");
}

// An XDP program inside a devmap or a cpumap is called with what such a map hands it, not with what an interface does.
// (libbpf would say so by the attach type, but not in a process that has registered handlers of its own.)
static bool is_for_a_map(const char *section)
{
	const char *slash = strchr(section, '/');

	return slash && (strcmp(slash, "/devmap") == 0 || strcmp(slash, "/cpumap") == 0);
}

// The manifest says what a program is, and a section that nobody knows does not contradict it. One that means a probe, an
// iterator or the like does, and every loader refuses it.
static bool is_for_packets(const char *section)
{
	enum bpf_attach_type attach;
	enum bpf_prog_type type;

	if (libbpf_prog_type_by_name(section, &type, &attach))
		return true;
	return type == BPF_PROG_TYPE_XDP
		       ? !is_for_a_map(section)
		       : type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT;
}

// A section of that kind: unlike those of packets they are spelled in few ways, and libbpf knows them all.
static bool is_for_probe(const char *section, enum probe_kind kind)
{
	static const enum bpf_prog_type types[PROBE_KINDS] = {
		[PROBE_TRACEPOINT] = BPF_PROG_TYPE_TRACEPOINT,
		[PROBE_RAW_TRACEPOINT] = BPF_PROG_TYPE_RAW_TRACEPOINT,
		[PROBE_TP_BTF] = BPF_PROG_TYPE_TRACING,
		[PROBE_KPROBE] = BPF_PROG_TYPE_KPROBE,
		[PROBE_KRETPROBE] = BPF_PROG_TYPE_KPROBE,
		[PROBE_FENTRY] = BPF_PROG_TYPE_TRACING,
		[PROBE_FEXIT] = BPF_PROG_TYPE_TRACING,
	};
	enum bpf_attach_type attach;
	enum bpf_prog_type type;

	return libbpf_prog_type_by_name(section, &type, &attach) == 0 && type == types[kind];
}

static int check_probe(const struct inspect_program *found, const struct manifest_program *program,
		       struct fault *why)
{
	const char *kind = probe_kind_name(program->probe);

	if (is_for_probe(found->section, program->probe))
		return 0;
	fault_set(why, FAULT_FORMAT, "program %s is in section \"%s\", which is not for a %s",
		  program->entry, found->section, kind);
	return fault_fix(why, "build it with SEC(\"%s/%s\")", kind, program->target);
}

static int check_program(const struct inspection *inspection,
			 const struct manifest_program *program, struct fault *why)
{
	const struct inspect_program *found = inspection_program(inspection, program->entry);

	if (!found)
		return fault_set(why, FAULT_FORMAT, "%s has no program %s", program->object,
				 program->entry);
	if (program->hook == HOOK_PROBE)
		return check_probe(found, program, why);
	if (!is_for_packets(found->section)) {
		fault_set(
			why, FAULT_FORMAT,
			"program %s is in section \"%s\", which is not for packets of an interface",
			program->entry, found->section);
		return fault_fix(why, "build it with SEC(\"%s\")",
				 program->hook == HOOK_XDP ? "xdp" : "tc");
	}
	if (program->linkage == LINK_OWN_MAP)
		return check_next_map(inspection, found, program->next_map, why);
	if (program->linkage == LINK_CHAIN)
		return check_next_map(inspection, found, CHAIN_NEXT_MAP, why);
	return 0;
}

static int check_map(const struct inspection *inspection, const struct manifest_map *said,
		     struct fault *why)
{
	const struct inspect_map *map = inspection_map(inspection, said->name);
	const char *type = map ? map_type_name(map->type) : NULL;

	if (!map || map->internal)
		return fault_set(why, FAULT_FORMAT, "%s has no map %s", said->object, said->name);
	if (strcmp(said->type, type ? type : "") != 0)
		return fault_set(why, FAULT_FORMAT, "map %s is of type %s, not %s", said->name,
				 type ? type : "unknown", said->type);
	if (map->key_size != said->key_size || map->value_size != said->value_size ||
	    map->max_entries != said->max_entries)
		return fault_set(why, FAULT_FORMAT,
				 "map %s has sizes %u/%u/%u, not %u/%u/%u as the manifest says",
				 said->name, map->key_size, map->value_size, map->max_entries,
				 said->key_size, said->value_size, said->max_entries);
	if (strcmp(map->key, said->key) != 0 || strcmp(map->value, said->value) != 0)
		return fault_set(why, FAULT_FORMAT,
				 "map %s has other key or value types than the manifest says",
				 said->name);
	if (said->shared && !map_type_is_data(map->type))
		return fault_set(why, FAULT_FORMAT, "map %s is of type %s, which cannot be shared",
				 said->name, type);
	return 0;
}

// What is listed must be so. What is not listed cannot be set (bundles from before there were globals list none).
static int check_global(const struct inspection *inspection, const struct manifest_global *said,
			struct fault *why)
{
	const struct inspect_global *global = inspection_global(inspection, said->name);

	if (!global)
		return fault_set(why, FAULT_FORMAT, "%s has no global variable %s that can be set",
				 said->object, said->name);
	if (strcmp(global->section, said->section) != 0 || strcmp(global->type, said->type) != 0 ||
	    global->size != said->size)
		return fault_set(why, FAULT_FORMAT,
				 "global %s is %s of %u bytes in %s, not %s of %u in %s",
				 said->name, global->type, global->size, global->section,
				 said->type, said->size, said->section);
	return 0;
}

// Some authors leave the size to a loader of their own, which asks the machine first. (Of a perf event array libbpf does.)
static int check_room(const struct inspect_map *map, struct fault *why)
{
	if (map->max_entries || map->internal || map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		return 0;
	fault_set(why, FAULT_FORMAT, "map %s has room for nothing: its max_entries is 0",
		  map->name);
	return fault_fix(why, "give it a size: no loader of its author's will");
}

static bool is_listed(const struct manifest *manifest, const char *object, const char *map)
{
	for (size_t i = 0; i < manifest->map_count; i++) {
		if (strcmp(manifest->maps[i].object, object) == 0 &&
		    strcmp(manifest->maps[i].name, map) == 0)
			return true;
	}
	return false;
}

int inspect_check_manifest(const struct inspection *inspection, const struct manifest *manifest,
			   const char *object, struct fault *why)
{
	for (size_t i = 0; i < manifest->program_count; i++) {
		if (strcmp(manifest->programs[i].object, object) == 0 &&
		    check_program(inspection, &manifest->programs[i], why))
			return -1;
	}
	for (size_t i = 0; i < manifest->map_count; i++) {
		if (strcmp(manifest->maps[i].object, object) == 0 &&
		    check_map(inspection, &manifest->maps[i], why))
			return -1;
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		if (strcmp(manifest->globals[i].object, object) == 0 &&
		    check_global(inspection, &manifest->globals[i], why))
			return -1;
	}
	// The manifest is what people read before they trust: it may leave no map out.
	for (size_t i = 0; i < inspection->map_count; i++) {
		const struct inspect_map *map = &inspection->maps[i];

		if (check_room(map, why))
			return -1;
		if (!map->internal && !map->inner && !is_listed(manifest, object, map->name))
			return fault_set(why, FAULT_FORMAT,
					 "%s has a map %s that the manifest does not name", object,
					 map->name);
	}
	return 0;
}
