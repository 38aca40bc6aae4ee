// SPDX-License-Identifier: Apache-2.0
#include "bpf/mapcodec.h"

#include <inttypes.h>

bool mapcodec_has_types(const struct mapcodec *codec)
{
	return codec->btf && codec->type_id;
}

// The names of an enum and the texts in an array of char are texts of their own, which no prefix must be mistaken for.
static bool fits(enum notation notation, const struct layout_type *type, size_t size)
{
	return notation_fits(notation, size) && (notation != NOTATION_PREFIX || !type ||
						 (type->kind != LAYOUT_ENUM && !type->is_text));
}

enum notation mapcodec_notation(const struct mapcodec *codec, const struct spot *spot,
				const struct layout_type *type)
{
	const struct notations *said = codec->said;
	char path[NOTATION_PATH_MAX];
	enum notation notation = NOTATION_TYPE;

	if (said && said->count) {
		spot_write_fields(spot, path, sizeof(path));
		notation = notations_at(said, path);
	} else if (codec->prefix && !spot->up) {
		notation = NOTATION_PREFIX; // an LPM trie says what its keys are
	}
	// Said of an array and not fitting it, it is meant of each item (mapcodec_check).
	return fits(notation, type, type ? type->size : codec->size) ? notation : NOTATION_TYPE;
}

static int check_fits(const struct notation_at *at, size_t size, struct fault *why)
{
	if (notation_fits(at->notation, size))
		return 0;
	return fault_set(why, FAULT_CONFIG, "the format \"%s\" does not fit %s%s%zu bytes",
			 notation_name(at->notation), at->path, at->path[0] ? ", which has " : "",
			 size);
}

// An array that is not of the right size as a whole may have items that are.
static int check_said(const struct mapcodec *codec, const struct notation_at *at, struct fault *why)
{
	struct layout layout = layout_begin(codec->btf);
	struct layout_type type;
	struct spot top = {0};

	if (!mapcodec_has_types(codec))
		return at->path[0]
			       ? fault_set(why, FAULT_CONFIG,
					   "there is no field %s: the map has no types", at->path)
			       : check_fits(at, codec->size, why);
	if (layout_find(&layout, codec->type_id, at->path, &type, why))
		return -1;
	while (type.kind == LAYOUT_ARRAY && !notation_fits(at->notation, type.size)) {
		top.depth++;
		if (layout_type(&layout, type.item, SIZE_MAX, &top, &type, why))
			return -1;
	}
	if (notation_fits(at->notation, type.size) && !fits(at->notation, &type, type.size))
		return fault_set(why, FAULT_CONFIG, "the format \"%s\" does not fit %s",
				 notation_name(at->notation), type.is_text ? "a text" : "an enum");
	return check_fits(at, type.size, why);
}

int mapcodec_check(const struct mapcodec *codec, struct fault *why)
{
	int64_t size = mapcodec_has_types(codec) ? layout_size(codec->btf, codec->type_id)
						 : (int64_t)codec->size;

	// The whole type fills the whole key or value, or we would write another map than the one that is there.
	if (size < 0 || (uint64_t)size != codec->size)
		return fault_set(why, FAULT_CONFIG,
				 "the object's BTF gives %" PRId64 " bytes, the map has %zu",
				 size < 0 ? 0 : size, codec->size);
	for (size_t i = 0; codec->said && i < codec->said->count; i++)
		if (check_said(codec, &codec->said->list[i], why))
			return -1;
	return 0;
}
