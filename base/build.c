// SPDX-License-Identifier: Apache-2.0
#include "base/build.h"

#include <elf.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"

// Longer than any build id.
#define ID_MAX 64

static size_t padded(size_t len, size_t align)
{
	return (len + align - 1) / align * align;
}

static int put_id(struct bytes *ids, const unsigned char *id, size_t len, struct fault *why)
{
	const unsigned char size = (unsigned char)len;

	return bytes_append(ids, &size, 1, why) || bytes_append(ids, id, len, why) ? -1 : 0;
}

// The note among those of one segment that holds the build id.
static bool find_id(const unsigned char *at, size_t left, size_t align, struct bytes *ids,
		    struct fault *why)
{
	ElfW(Nhdr) note;

	while (left >= sizeof(note)) {
		size_t id, end;

		memcpy(&note, at, sizeof(note));
		id = padded(sizeof(note) + note.n_namesz, align);
		end = padded(id + note.n_descsz, align);
		if (end > left)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    !memcmp(at + sizeof(note), ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) &&
		    note.n_descsz && note.n_descsz <= ID_MAX)
			return put_id(ids, at + id, note.n_descsz, why) == 0;
		at += end;
		left -= end;
	}
	return false;
}

struct gathering {
	struct bytes ids;
	struct fault *why;
};

static int gather(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct gathering *all = ctx;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type == PT_NOTE &&
		    find_id((const unsigned char *)(info->dlpi_addr + part->p_vaddr), part->p_memsz,
			    part->p_align == 8 ? 8 : 4, &all->ids, all->why))
			return 0;
	}
	return fault_set(all->why, FAULT_NOT_FOUND, "%s has no build id",
			 info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "this program");
}

static void gathering_drop(struct gathering *all)
{
	bytes_drop(&all->ids);
}

int build_digest(struct sha256 *out, struct fault *why)
{
	OWNED(gathering_drop) struct gathering all = {.why = why};

	if (dl_iterate_phdr(gather, &all))
		return -1;
	return sha256_of(all.ids.data, all.ids.len, out, why);
}
