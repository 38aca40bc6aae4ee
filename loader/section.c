// SPDX-License-Identifier: Apache-2.0
#include "loader/section.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/digest.h"
#include "base/owned.h"

bool section_is_kept(const char *section)
{
	return strncmp(section, ".rodata", strlen(".rodata")) != 0;
}

static int describe(const struct btf *btf, const char *section, struct bytes *out,
		    struct fault *why)
{
	struct layout_variable at;
	struct layout_walk walk = {0};

	while (layout_next_variable(btf, &walk, &at)) {
		char type[LAYOUT_NAME_MAX];

		if (strcmp(at.section, section) != 0)
			continue;
		layout_name_type(btf, at.type_id, type);
		if (bytes_format(out, why, "%s %zu %zu %s\n", at.name, at.offset, at.size, type))
			return -1;
	}
	return 0;
}

int section_pin(const struct object *object, const struct bpf_map *map,
		char out[static SECTION_PIN_MAX], struct fault *why)
{
	struct bpf_map *writable = (struct bpf_map *)(uintptr_t)map; // libbpf's signature
	const char *section = meaning_section(map);
	OWNED(bytes_drop) struct bytes text = {0};
	struct sha256 digest;
	char hex[SHA256_HEX];
	const void *begin;
	size_t size = 0;

	if (!section_is_kept(section)) {
		snprintf(out, SECTION_PIN_MAX, "%.79s", section);
		return 0;
	}
	if (bytes_format(&text, why, "%s %u\n", section, bpf_map__value_size(map)) ||
	    describe(bpf_object__btf(object_bpf(object)), section, &text, why))
		return -1;
	// Initial values of .data count as part of the definition: a version that changes them gets a new map.
	begin = strncmp(section, ".data", strlen(".data")) == 0
			? bpf_map__initial_value(writable, &size)
			: NULL;
	if ((begin && bytes_append(&text, begin, size, why)) ||
	    sha256_of(text.data, text.len, &digest, why))
		return -1;
	sha256_hex(&digest, hex);
	snprintf(out, SECTION_PIN_MAX, "%.63s:%.16s", section, hex);
	return 0;
}

int section_preset(const struct bpf_map *map, const struct values *values, struct fault *why)
{
	struct bpf_map *writable = (struct bpf_map *)(uintptr_t)map;
	const char *section = meaning_section(map);
	OWNED(drop_heap) unsigned char *image = NULL;
	const struct value *first;
	size_t count = values_of(values, section, &first), size = 0;
	const void *begin = bpf_map__initial_value(writable, &size);

	if (!count)
		return 0;
	image = malloc(size + 1);
	if (!image)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (!begin)
		return fault_set(why, FAULT_OTHER, "libbpf does not show section %s", section);
	memcpy(image, begin, size);
	for (size_t i = 0; i < count; i++) {
		if (first[i].offset > size || first[i].len > size - first[i].offset)
			return fault_set(why, FAULT_FORMAT, "global %s lies outside its section",
					 first[i].variable);
		memcpy(image + first[i].offset, first[i].data, first[i].len);
	}
	if (bpf_map__set_initial_value(writable, image, size))
		return fault_set(why, FAULT_OTHER, "libbpf refuses the contents of section %s",
				 section);
	return 0;
}
