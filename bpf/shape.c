// SPDX-License-Identifier: Apache-2.0
#include "bpf/shape.h"

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bpf/typeweb.h"

#ifndef EM_BPF
#define EM_BPF 247
#endif
#define SHT_LLVM_ADDRSIG 0x6fff4c03
#define LOAD_64		 0x18 // BPF_LD | BPF_DW | BPF_IMM: the one instruction of two halves

// The file and its table of sections. Everything is copied out by memcpy: nothing in a hostile file is aligned.
struct shape {
	const unsigned char *data;
	size_t len;
	Elf64_Ehdr head;
	Elf64_Shdr names; // the section that holds the names of sections
};

static int refuse(struct fault *why, const char *what)
{
	return fault_set(why, FAULT_FORMAT, "not a BPF object: %s", what);
}

static bool is_within(const struct shape *shape, uint64_t offset, uint64_t size)
{
	return offset <= shape->len && size <= shape->len - offset;
}

static Elf64_Shdr section_at(const struct shape *shape, unsigned index)
{
	Elf64_Shdr section;

	memcpy(&section, shape->data + shape->head.e_shoff + (size_t)index * sizeof section,
	       sizeof section);
	return section;
}

static int check_head(struct shape *shape, struct fault *why)
{
	const Elf64_Ehdr *head = &shape->head;

	if (shape->len < sizeof *head)
		return refuse(why, "shorter than an ELF header");
	memcpy(&shape->head, shape->data, sizeof shape->head);
	if (memcmp(head->e_ident, ELFMAG, SELFMAG) != 0)
		return refuse(why, "no ELF file");
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_ident[EI_DATA] != ELFDATA2LSB ||
	    head->e_ident[EI_VERSION] != EV_CURRENT || head->e_version != EV_CURRENT)
		return refuse(why, "not a 64-bit little-endian file");
	if (head->e_machine != EM_BPF || head->e_type != ET_REL)
		return refuse(why, "compiled for another machine, or linked");
	if (head->e_phnum || head->e_shentsize != sizeof(Elf64_Shdr))
		return refuse(why, "its headers have an odd size");
	if (!head->e_shnum || head->e_shnum > SHAPE_SECTIONS_MAX ||
	    head->e_shstrndx >= head->e_shnum || head->e_shstrndx == SHN_UNDEF)
		return refuse(why, "it has no sections, too many, or none with names");
	if (!is_within(shape, head->e_shoff, (uint64_t)head->e_shnum * sizeof(Elf64_Shdr)))
		return refuse(why, "its table of sections lies outside the file");
	return 0;
}

static bool is_known_type(uint32_t type)
{
	return type == SHT_NULL || type == SHT_PROGBITS || type == SHT_SYMTAB ||
	       type == SHT_STRTAB || type == SHT_REL || type == SHT_NOBITS ||
	       type == SHT_LLVM_ADDRSIG;
}

static int check_links(const struct shape *shape, const Elf64_Shdr *section, struct fault *why)
{
	Elf64_Shdr link;

	if (section->sh_type != SHT_SYMTAB && section->sh_type != SHT_REL)
		return 0;
	if (section->sh_link >= shape->head.e_shnum)
		return refuse(why, "a section refers to one that is not there");
	link = section_at(shape, section->sh_link);
	if (section->sh_type == SHT_SYMTAB) {
		if (link.sh_type != SHT_STRTAB || section->sh_entsize != sizeof(Elf64_Sym) ||
		    section->sh_size % sizeof(Elf64_Sym))
			return refuse(why, "its symbol table is broken");
		return 0;
	}
	// A section of no type has no checked name either.
	if (link.sh_type != SHT_SYMTAB || section->sh_info >= shape->head.e_shnum ||
	    section_at(shape, section->sh_info).sh_type == SHT_NULL ||
	    section->sh_entsize != sizeof(Elf64_Rel) || section->sh_size % sizeof(Elf64_Rel))
		return refuse(why, "its relocations are broken");
	return 0;
}

// A table of texts that does not end with a NUL lets a name run out of it.
static bool is_terminated(const struct shape *shape, const Elf64_Shdr *section)
{
	return section->sh_size && shape->data[section->sh_offset + section->sh_size - 1] == '\0';
}

static const char *name_of(const struct shape *shape, const Elf64_Shdr *section)
{
	return (const char *)shape->data + shape->names.sh_offset + section->sh_name;
}

static int check_section(const struct shape *shape, unsigned index, struct fault *why)
{
	Elf64_Shdr section = section_at(shape, index);
	const char *name;

	if (!is_known_type(section.sh_type))
		return refuse(why, "a section is of a kind that clang does not make");
	if (section.sh_type == SHT_NULL)
		return 0;
	if (section.sh_flags & SHF_COMPRESSED)
		return refuse(why, "a section is compressed");
	if (section.sh_type == SHT_NOBITS) {
		if (section.sh_size > SHAPE_BSS_MAX)
			return fault_set(why, FAULT_TOO_LARGE, "the object's .bss is too large");
	} else if (!is_within(shape, section.sh_offset, section.sh_size)) {
		return refuse(why, "a section lies outside the file");
	}
	if (section.sh_type == SHT_STRTAB && !is_terminated(shape, &section))
		return refuse(why, "a table of names is broken");
	if (section.sh_name >= shape->names.sh_size)
		return refuse(why, "a section has no name");
	name = name_of(shape, &section);
	if (strcmp(name, "maps") == 0) {
		refuse(why, "its maps are in section \"maps\", the legacy format, which libbpf no "
			    "longer reads");
		return fault_fix(why, "define them in SEC(\".maps\")");
	}
	if ((strcmp(name, ".BTF") == 0 || strcmp(name, ".BTF.ext") == 0) &&
	    section.sh_size > SHAPE_BTF_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the object's %s has more than %u bytes",
				 name, SHAPE_BTF_MAX);
	if (strcmp(name, ".BTF") == 0 && section.sh_type != SHT_NOBITS &&
	    typeweb_check(shape->data + section.sh_offset, section.sh_size, why))
		return -1;
	if ((section.sh_flags & SHF_EXECINSTR) &&
	    (section.sh_type != SHT_PROGBITS || section.sh_size % 8))
		return refuse(why, "a section of code is no row of instructions");
	return check_links(shape, &section, why);
}

// What libbpf makes a program of: it lies within its section, and does not end between the two halves of a 64-bit load.
// libbpf 1.1 checks neither (CVE-2025-29481): a value near 2^64 wraps, and code comes from where nobody scanned it; and a
// cut load is relocated past the end of the buffer. Only sections of code have been held against the file's length.
static bool is_code_whole(const struct shape *shape, const Elf64_Sym *symbol)
{
	Elf64_Shdr section = section_at(shape, symbol->st_shndx);

	if (section.sh_type != SHT_PROGBITS || !(section.sh_flags & SHF_EXECINSTR))
		return true;
	if (!symbol->st_size || symbol->st_size % 8 || symbol->st_value % 8 ||
	    symbol->st_value > section.sh_size ||
	    symbol->st_size > section.sh_size - symbol->st_value)
		return false;
	return shape->data[section.sh_offset + symbol->st_value + symbol->st_size - 8] != LOAD_64;
}

// One symbol table, and in it every name within its table and every section index within the file.
static int check_symbols(const struct shape *shape, const Elf64_Shdr *symtab, struct fault *why)
{
	Elf64_Shdr names = section_at(shape, symtab->sh_link);

	for (uint64_t at = 0; at < symtab->sh_size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;

		memcpy(&symbol, shape->data + symtab->sh_offset + at, sizeof symbol);
		if (symbol.st_name >= names.sh_size)
			return refuse(why, "a symbol has no name");
		if (symbol.st_shndx >= shape->head.e_shnum && symbol.st_shndx < SHN_LORESERVE)
			return refuse(why, "a symbol is of a section that is not there");
		if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC &&
		    symbol.st_shndx < shape->head.e_shnum && !is_code_whole(shape, &symbol))
			return refuse(why, "a function lies outside its section, or is cut");
		if (symbol.st_shndx == SHN_XINDEX)
			return refuse(why, "a symbol is of a section past the table");
	}
	return 0;
}

// A PROG_ARRAY that comes with programs in it: libbpf fills it, of one program at a time with that program itself. It could
// then jump to itself until no jump is left for what follows in its chain, and no code says so (A90).
static int check_filling(const struct shape *shape, const Elf64_Shdr *section, struct fault *why)
{
	Elf64_Shdr filled = section_at(shape, section->sh_info);
	Elf64_Shdr symbols = section_at(shape, section->sh_link);

	if (strcmp(name_of(shape, &filled), ".maps") != 0)
		return 0;
	for (uint64_t at = 0; at < section->sh_size; at += sizeof(Elf64_Rel)) {
		Elf64_Sym symbol;
		Elf64_Rel entry;

		memcpy(&entry, shape->data + section->sh_offset + at, sizeof entry);
		if (ELF64_R_SYM(entry.r_info) >= symbols.sh_size / sizeof symbol)
			return refuse(why, "a relocation is of no symbol");
		memcpy(&symbol,
		       shape->data + symbols.sh_offset + ELF64_R_SYM(entry.r_info) * sizeof symbol,
		       sizeof symbol);
		if (symbol.st_shndx >= shape->head.e_shnum ||
		    !(section_at(shape, symbol.st_shndx).sh_flags & SHF_EXECINSTR))
			continue;
		refuse(why, "an array of its programs is filled with programs beforehand");
		return fault_fix(why, "leave the array without values: here each program of an "
				      "object is loaded by itself");
	}
	return 0;
}

int shape_check(const void *data, size_t len, struct fault *why)
{
	struct shape shape = {.data = data, .len = len};
	unsigned symtabs = 0;

	if (len > SHAPE_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the object has %zu bytes, more than %u",
				 len, SHAPE_MAX);
	if (check_head(&shape, why))
		return -1;
	shape.names = section_at(&shape, shape.head.e_shstrndx);
	if (shape.names.sh_type != SHT_STRTAB ||
	    !is_within(&shape, shape.names.sh_offset, shape.names.sh_size) ||
	    !is_terminated(&shape, &shape.names))
		return refuse(why, "the names of its sections are broken");
	for (unsigned i = 0; i < shape.head.e_shnum; i++) {
		if (check_section(&shape, i, why))
			return -1;
	}
	for (unsigned i = 0; i < shape.head.e_shnum; i++) {
		Elf64_Shdr section = section_at(&shape, i);

		if (section.sh_type == SHT_REL && check_filling(&shape, &section, why))
			return -1;
		if (section.sh_type != SHT_SYMTAB)
			continue;
		if (++symtabs > 1)
			return refuse(why, "it has two symbol tables");
		if (check_symbols(&shape, &section, why))
			return -1;
	}
	return symtabs ? 0 : refuse(why, "it has no symbol table");
}
