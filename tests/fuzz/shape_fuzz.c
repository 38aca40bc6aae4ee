// SPDX-License-Identifier: Apache-2.0
// bpf/shape: in an object that is let through to the libraries, every section, name and symbol can be read without
// leaving the file.
#include "bpf/shape.h"

#include <elf.h>

#include "tests/fuzz/fuzz.h"

static volatile unsigned seen; // so that reading is not optimised away

static Elf64_Shdr section_at(const uint8_t *data, const Elf64_Ehdr *head, unsigned index)
{
	Elf64_Shdr section;

	memcpy(&section, data + head->e_shoff + (size_t)index * sizeof(section), sizeof(section));
	return section;
}

static void read_text(const uint8_t *data, const Elf64_Shdr *table, uint32_t at)
{
	const char *text = (const char *)data + table->sh_offset + at;

	HOLDS(at + strlen(text) < table->sh_size);
}

static void read_symbols(const uint8_t *data, const Elf64_Ehdr *head, const Elf64_Shdr *symtab)
{
	Elf64_Shdr names = section_at(data, head, symtab->sh_link);

	for (uint64_t at = 0; at < symtab->sh_size; at += sizeof(Elf64_Sym)) {
		Elf64_Sym symbol;

		memcpy(&symbol, data + symtab->sh_offset + at, sizeof(symbol));
		read_text(data, &names, symbol.st_name);
		HOLDS(symbol.st_shndx < head->e_shnum || symbol.st_shndx >= SHN_LORESERVE);
	}
}

static void read_section(const uint8_t *data, const Elf64_Ehdr *head, unsigned index)
{
	Elf64_Shdr names = section_at(data, head, head->e_shstrndx);
	Elf64_Shdr section = section_at(data, head, index);

	if (section.sh_type == SHT_NULL)
		return;
	read_text(data, &names, section.sh_name);
	for (uint64_t i = 0; section.sh_type != SHT_NOBITS && i < section.sh_size; i++)
		seen += data[section.sh_offset + i];
	if (section.sh_type == SHT_SYMTAB)
		read_symbols(data, head, &section);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fault why = {0};
	Elf64_Ehdr head;

	if (shape_check(data, len, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_FORMAT || why.code == FAULT_TOO_LARGE);
		return 0;
	}
	memcpy(&head, data, sizeof(head));
	for (unsigned i = 0; i < head.e_shnum; i++)
		read_section(data, &head, i);
	return 0;
}
