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
#include "bpf/jumps.h"
#include "bpf/layout.h"
#include "bpf/listing.h"

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
	if (!object) {
		refuse(why, "its programs or maps cannot be read");
		return fault_fix(why,
				 "compile it with clang -O2 -g -target bpf: without -g there is no "
				 "BTF, which describes its maps");
	}
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

const struct worker_limits inspect_limits = {
	.memory_max = WORKER_MEMORY_MAX,
	.seconds_max = WORKER_SECONDS_MAX,
	.output_max = WORKER_OUTPUT_MAX,
};

int inspect_begin(const void *object, size_t len, struct worker *out, struct fault *why)
{
	if (len > INSPECT_OBJECT_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the object has %zu bytes, more than %u",
				 len, INSPECT_OBJECT_MAX);
	return worker_start(inspect_job, object, len, &inspect_limits, out, why);
}

int inspect_end(struct worker *worker, struct inspection **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes answer = {0};

	return worker_finish(worker, &answer, why) ||
			       inspect_decode(answer.data, answer.len, out, why)
		       ? -1
		       : 0;
}

size_t inspect_at_a_time(void)
{
	cpu_set_t set;
	size_t most = 2;

	if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 1)
		most = 2 * (size_t)CPU_COUNT(&set);
	return most < INSPECT_WORKERS_MAX ? most : INSPECT_WORKERS_MAX;
}

int inspect_object(const void *object, size_t len, struct inspection **out, struct fault *why)
{
	struct worker worker = WORKER_NONE;

	return inspect_begin(object, len, &worker, why) || inspect_end(&worker, out, why) ? -1 : 0;
}
