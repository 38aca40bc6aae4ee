// SPDX-License-Identifier: Apache-2.0
#include "bpf/listing.h"

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

#define INSN_SIZE sizeof(struct bpf_insn)
#define LOAD_64	  (BPF_LD | BPF_DW | BPF_IMM)
#define NOWHERE	  INT32_MAX // a call or an address that leads out of the row
#define NO_PLACE  UINT64_MAX

// A section of the file: where its code begins in the row, or -1.
struct part {
	const char *name;
	int64_t base;
	size_t count;
};

struct reader {
	Elf *elf;
	struct part *parts;
	size_t part_count, maps_section;
	Elf_Data *symbols;
	size_t symbol_count, symbol_names;
	const struct inspection *inspection;
	uint64_t map_places
		[INSPECT_MAPS_MAX]; // in ".maps", of each map of the inspection; NO_PLACE: none
	struct listing *listing;
};

static void reader_drop(struct reader *reader)
{
	if (reader->elf)
		elf_end(reader->elf);
	free(reader->parts);
}

void listing_drop(struct listing *listing)
{
	free(listing->insns);
	free(listing->maps);
	free(listing->functions);
	free(listing->names);
	*listing = (struct listing){0};
}

int64_t listing_entry(const struct listing *listing, const char *name, const char *section)
{
	for (size_t i = 0; i < listing->function_count; i++)
		if (!strcmp(listing->functions[i].name, name) &&
		    !strcmp(listing->functions[i].section, section))
			return listing->functions[i].at;
	return -1;
}

static int refuse(struct fault *why)
{
	return fault_set(why, FAULT_FORMAT, "not a BPF object that can be inspected: %s",
			 elf_errmsg(-1));
}

// ---- the sections ----

static int open_elf(struct reader *reader, const void *object, size_t len, struct fault *why)
{
	size_t count;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return fault_set(why, FAULT_OTHER, "libelf is of another version");
	reader->elf = elf_memory((char *)(uintptr_t)object, len);
	if (!reader->elf || elf_getshdrnum(reader->elf, &count))
		return refuse(why);
	reader->parts = calloc(count + 1, sizeof(*reader->parts));
	if (!reader->parts)
		return fault_set(why, FAULT_OTHER, "out of memory");
	reader->part_count = count;
	return 0;
}

static int read_section(struct reader *reader, Elf_Scn *scn, size_t names, struct fault *why)
{
	struct part *part = &reader->parts[elf_ndxscn(scn)];
	GElf_Shdr section;
	Elf_Data *data = elf_rawdata(scn, NULL);

	part->base = -1;
	if (!data || !gelf_getshdr(scn, &section))
		return refuse(why);
	part->name = elf_strptr(reader->elf, names, section.sh_name);
	if (!part->name)
		return refuse(why);
	if (strcmp(part->name, ".maps") == 0)
		reader->maps_section = elf_ndxscn(scn);
	if (section.sh_type == SHT_SYMTAB) {
		reader->symbols = elf_getdata(scn, NULL);
		reader->symbol_count = section.sh_size / sizeof(Elf64_Sym);
		reader->symbol_names = section.sh_link;
	}
	if (!(section.sh_flags & SHF_EXECINSTR) || !data->d_buf)
		return 0;
	part->base = (int64_t)reader->listing->count;
	part->count = data->d_size / INSN_SIZE;
	reader->listing->count += part->count;
	return 0;
}

static int read_sections(struct reader *reader, struct fault *why)
{
	Elf_Scn *scn = NULL;
	size_t names;

	if (elf_getshdrstrndx(reader->elf, &names))
		return refuse(why);
	while ((scn = elf_nextscn(reader->elf, scn)))
		if (read_section(reader, scn, names, why))
			return -1;
	return reader->symbols ? 0 : refuse(why);
}

static int copy_code(struct reader *reader, struct fault *why)
{
	struct listing *listing = reader->listing;

	listing->insns = calloc(listing->count + 1, INSN_SIZE);
	listing->maps = calloc(listing->count + 1, sizeof(*listing->maps));
	if (!listing->insns || !listing->maps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < listing->count; i++)
		listing->maps[i] = -1;
	for (size_t i = 1; i < reader->part_count; i++) {
		const struct part *part = &reader->parts[i];
		Elf_Data *data;

		if (part->base < 0 || !part->count)
			continue;
		data = elf_rawdata(elf_getscn(reader->elf, i), NULL);
		if (!data || !data->d_buf)
			return refuse(why);
		memcpy(listing->insns + part->base, data->d_buf, part->count * INSN_SIZE);
	}
	return 0;
}

// ---- relocations ----

static void place_map(struct reader *reader, const char *name, uint64_t value)
{
	for (size_t k = 0; k < reader->inspection->map_count; k++)
		if (!reader->inspection->maps[k].inner &&
		    !strcmp(reader->inspection->maps[k].name, name))
			reader->map_places[k] = value;
}

// Where each map is defined: by that place, not by its name, a relocation refers to it.
static void read_maps(struct reader *reader)
{
	for (size_t k = 0; k < INSPECT_MAPS_MAX; k++)
		reader->map_places[k] = NO_PLACE;
	for (size_t i = 0; i < reader->symbol_count && reader->maps_section; i++) {
		GElf_Sym symbol;
		const char *name;

		if (!gelf_getsym(reader->symbols, (int)i, &symbol) ||
		    symbol.st_shndx != reader->maps_section ||
		    GELF_ST_TYPE(symbol.st_info) == STT_SECTION)
			continue;
		name = elf_strptr(reader->elf, reader->symbol_names, symbol.st_name);
		if (name)
			place_map(reader, name, symbol.st_value);
	}
}

static int32_t map_at(const struct reader *reader, uint64_t value)
{
	for (size_t k = 0; k < reader->inspection->map_count; k++)
		if (reader->map_places[k] == value && value != NO_PLACE)
			return (int32_t)k;
	return -1;
}

// The distance from instruction `at` to a place in a section of code.
static int32_t distance(const struct reader *reader, size_t at, const GElf_Sym *symbol,
			int64_t more)
{
	const struct part *part;
	int64_t to;

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= reader->part_count)
		return NOWHERE;
	part = &reader->parts[symbol->st_shndx];
	if (part->base < 0 || symbol->st_value > INT32_MAX)
		return NOWHERE;
	to = (int64_t)(symbol->st_value / INSN_SIZE) + more;
	if (to < 0 || (uint64_t)to >= part->count)
		return NOWHERE;
	return (int32_t)(part->base + to - (int64_t)at - 1);
}

static bool is_code(const struct reader *reader, const GElf_Sym *symbol)
{
	return symbol->st_shndx < reader->part_count && symbol->st_shndx != SHN_UNDEF &&
	       reader->parts[symbol->st_shndx].base >= 0;
}

static void relocate(const struct reader *reader, size_t at, const GElf_Sym *symbol)
{
	struct bpf_insn *insn = &reader->listing->insns[at];

	if (insn->code == (BPF_JMP | BPF_CALL)) {
		// A function of the kernel: it comes back, and clobbers what any call does.
		if (symbol->st_shndx == SHN_UNDEF)
			insn->src_reg = BPF_PSEUDO_KFUNC_CALL;
		else
			insn->imm = distance(reader, at, symbol, (int64_t)insn->imm + 1);
		return;
	}
	if (insn->code != LOAD_64)
		return;
	if (is_code(reader, symbol)) {
		insn->src_reg = BPF_PSEUDO_FUNC;
		insn->imm = distance(reader, at, symbol, insn->imm / (int32_t)INSN_SIZE);
		return;
	}
	insn->src_reg = BPF_PSEUDO_MAP_VALUE;
	if (!reader->maps_section || symbol->st_shndx != reader->maps_section)
		return;
	insn->src_reg = BPF_PSEUDO_MAP_FD;
	reader->listing->maps[at] = map_at(reader, symbol->st_value);
}

static int follow_section(const struct reader *reader, Elf_Scn *scn, const GElf_Shdr *section,
			  struct fault *why)
{
	const struct part *part = &reader->parts[section->sh_info];
	Elf_Data *data = elf_getdata(scn, NULL);

	if (!data)
		return refuse(why);
	for (size_t i = 0; i < section->sh_size / sizeof(Elf64_Rel); i++) {
		GElf_Rel rel;
		GElf_Sym symbol;

		if (!gelf_getrel(data, (int)i, &rel) ||
		    !gelf_getsym(reader->symbols, (int)GELF_R_SYM(rel.r_info), &symbol))
			return refuse(why);
		if (rel.r_offset / INSN_SIZE < part->count)
			relocate(reader, (size_t)part->base + rel.r_offset / INSN_SIZE, &symbol);
	}
	return 0;
}

static int follow(const struct reader *reader, struct fault *why)
{
	Elf_Scn *scn = NULL;

	while ((scn = elf_nextscn(reader->elf, scn))) {
		GElf_Shdr section;

		if (!gelf_getshdr(scn, &section))
			return refuse(why);
		if (section.sh_type != SHT_REL || section.sh_info >= reader->part_count ||
		    reader->parts[section.sh_info].base < 0)
			continue;
		if (follow_section(reader, scn, &section, why))
			return -1;
	}
	return 0;
}

// ---- functions ----

// Names live in the file, which goes: one run of them, NUL behind each.
static int name_keep(struct reader *reader, const char *name, size_t *used, size_t room,
		     const char **out, struct fault *why)
{
	size_t len = strlen(name) + 1;

	if (len > room - *used)
		return refuse(why);
	*out = memcpy(reader->listing->names + *used, name, len);
	*used += len;
	return 0;
}

// Each function's name and its section's, and whether the row shows it.
static const char *function_name(const struct reader *reader, size_t index, GElf_Sym *symbol)
{
	const char *name;

	if (!gelf_getsym(reader->symbols, (int)index, symbol) ||
	    GELF_ST_TYPE(symbol->st_info) != STT_FUNC || !is_code(reader, symbol) ||
	    symbol->st_value / INSN_SIZE >= reader->parts[symbol->st_shndx].count)
		return NULL;
	name = elf_strptr(reader->elf, reader->symbol_names, symbol->st_name);
	// inspection's names are no longer: what is, is no program's.
	return name && strlen(name) < 64 && strlen(reader->parts[symbol->st_shndx].name) < 64
		       ? name
		       : NULL;
}

static int read_functions(struct reader *reader, struct fault *why)
{
	struct listing *listing = reader->listing;
	size_t used = 0, room = reader->symbol_count * 128 + 1;

	listing->functions = calloc(reader->symbol_count + 1, sizeof(*listing->functions));
	listing->names = malloc(room);
	if (!listing->functions || !listing->names)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < reader->symbol_count; i++) {
		struct listing_function *function = &listing->functions[listing->function_count];
		GElf_Sym symbol;
		const char *name = function_name(reader, i, &symbol);
		const struct part *part;

		if (!name)
			continue;
		part = &reader->parts[symbol.st_shndx];
		function->at = (uint32_t)part->base + (uint32_t)(symbol.st_value / INSN_SIZE);
		if (name_keep(reader, name, &used, room, &function->name, why) ||
		    name_keep(reader, part->name, &used, room, &function->section, why))
			return -1;
		listing->function_count++;
	}
	return 0;
}

int listing_make(const void *object, size_t len, const struct inspection *inspection,
		 struct listing *out, struct fault *why)
{
	OWNED(listing_drop) struct listing made = {0};
	OWNED(reader_drop) struct reader reader = {.inspection = inspection, .listing = &made};

	if (open_elf(&reader, object, len, why) || read_sections(&reader, why) ||
	    copy_code(&reader, why))
		return -1;
	read_maps(&reader);
	if (follow(&reader, why) || read_functions(&reader, why))
		return -1;
	*out = made;
	made = (struct listing){0};
	return 0;
}
