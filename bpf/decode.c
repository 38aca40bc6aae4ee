// SPDX-License-Identifier: Apache-2.0
#include "bpf/decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"
#include "bpf/bits.h"
#include "bpf/layout.h"

struct decode {
	const struct mapcodec *codec;
	struct layout layout;
	const unsigned char *in;
	struct fault *why;
};

static int made(struct decode *walk, struct json *json, struct json **out)
{
	if (!json)
		return fault_set(walk->why, FAULT_OTHER, "out of memory");
	*out = json;
	return 0;
}

static int text_made(struct decode *walk, const char *text, struct json **out)
{
	return made(walk, json_make_text(text), out);
}

static int hex_made(struct decode *walk, size_t at, size_t size, struct json **out)
{
	OWNED(drop_heap) char *text = malloc(4 + 2 * size + 1);

	if (!text)
		return fault_set(walk->why, FAULT_OTHER, "out of memory");
	memcpy(text, "hex:", 4);
	hex_write(walk->in + at, size, text + 4);
	return text_made(walk, text, out);
}

// JSON integers are 64 bits with a sign here; what lies above is written as encoding reads it.
static int unsigned_made(struct decode *walk, uint64_t number, struct json **out)
{
	char text[24];

	if (number <= INT64_MAX)
		return made(walk, json_make_int((int64_t)number), out);
	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	return text_made(walk, text, out);
}

static int scalar_made(struct decode *walk, const struct layout_type *type, size_t bits,
		       uint64_t number, struct json **out)
{
	if (type->kind == LAYOUT_BOOL)
		return made(walk, json_make_bool(number != 0), out);
	for (size_t i = 0; type->kind == LAYOUT_ENUM && i < layout_enumerator_count(type); i++) {
		const char *name;

		if ((layout_enumerator(&walk->layout, type, i, &name) & bits_mask(bits)) == number)
			return text_made(walk, name, out);
	}
	if (type->is_signed)
		return made(walk, json_make_int(bits_extend_sign(number, bits)), out);
	return unsigned_made(walk, number, out);
}

// True when the bytes are a C string of printable ASCII with nothing but NULs behind it.
static bool is_string(const unsigned char *in, size_t size)
{
	size_t len = 0;

	while (len < size && in[len] >= 0x20 && in[len] < 0x7f)
		len++;
	if (len == size)
		return false;
	while (len < size && !in[len])
		len++;
	return len == size;
}

// Addresses print as addresses: the very texts that encoding takes. *out stays NULL where these bytes have no such text.
static int notation_made(struct decode *walk, enum notation notation, size_t at, size_t size,
			 struct json **out)
{
	char text[NOTATION_TEXT_MAX];

	*out = NULL;
	if (notation_is_number(notation))
		return unsigned_made(walk, bits_get_bytes(walk->in + at, size, true), out);
	if (notation == NOTATION_HEX)
		return hex_made(walk, at, size, out);
	return notation_write(notation, walk->in + at, size, text) ? text_made(walk, text, out) : 0;
}

static int decode_type(struct decode *walk, uint32_t id, size_t at, size_t room,
		       const struct spot *spot, struct json **out);

static int decode_array(struct decode *walk, const struct layout_type *type, size_t at,
			const struct spot *spot, struct json **out)
{
	OWNED(json_drop) struct json *list = NULL;
	struct layout_type item;

	if (layout_type(&walk->layout, type->item, type->size, spot, &item, walk->why))
		return -1;
	if (!item.size)
		return spot_refuse(spot, walk->why, "an array of nothing has no value");
	if (item.is_char && is_string(walk->in + at, type->size))
		return text_made(walk, (const char *)walk->in + at, out);
	if (made(walk, json_make_array(), &list))
		return -1;
	for (size_t i = 0; i < type->item_count; i++) {
		struct spot inner = {.up = spot, .index = i, .depth = spot->depth + 1};
		struct json *value = NULL;

		if (decode_type(walk, type->item, at + i * item.size, item.size, &inner, &value) ||
		    json_add(list, value, walk->why))
			return -1;
	}
	*out = HAND_OVER(list);
	return 0;
}

static int decode_field(struct decode *walk, const struct layout_type *outer, size_t at,
			const struct layout_field *field, const struct spot *spot,
			struct json **out)
{
	struct layout_type type;
	size_t byte;

	if (layout_place(outer, field, spot, &byte, walk->why))
		return -1;
	if (!field->width)
		return decode_type(walk, field->type_id, at + byte, outer->size - byte, spot, out);
	if (layout_type(&walk->layout, field->type_id, SIZE_MAX, spot, &type, walk->why))
		return -1;
	if (!layout_is_scalar(&type))
		return spot_refuse(spot, walk->why,
				   "the object's BTF has a bitfield of no integer");
	return scalar_made(walk, &type, field->width,
			   bits_get(walk->in + at, field->bit, field->width), out);
}

static int decode_members(struct decode *walk, const struct layout_type *type, size_t at,
			  const struct spot *spot, struct json *object);

static int decode_inlined(struct decode *walk, const struct layout_type *outer, size_t at,
			  const struct layout_field *field, const struct spot *spot,
			  struct json *object)
{
	struct spot inner = *spot;
	struct layout_type type;
	size_t byte;

	inner.depth++;
	if (layout_place(outer, field, spot, &byte, walk->why) ||
	    layout_type(&walk->layout, field->type_id, outer->size - byte, &inner, &type,
			walk->why))
		return -1;
	return decode_members(walk, &type, at + byte, &inner, object);
}

static int decode_member(struct decode *walk, const struct layout_type *type, size_t at,
			 const struct layout_field *field, const struct spot *spot,
			 struct json *object)
{
	struct spot inner = {.up = spot, .key = field->name, .depth = spot->depth + 1};
	struct json *value = NULL;

	if (layout_is_inlined(&walk->layout, field))
		return decode_inlined(walk, type, at, field, spot, object);
	if (!field->name[0] || layout_is_kernels(&walk->layout, field))
		return 0;
	if (decode_field(walk, type, at, field, &inner, &value))
		return -1;
	return json_put(object, field->name, value, walk->why);
}

// Nothing in a union says which member was meant. The largest shows all its bytes; of equals the first is shown.
static int decode_union(struct decode *walk, const struct layout_type *type, size_t at,
			const struct spot *spot, struct json *object)
{
	struct layout_field chosen = {0};
	int64_t largest = -1;

	for (size_t i = 0; i < layout_field_count(type); i++) {
		struct layout_field field = layout_field(&walk->layout, type, i);
		int64_t size = field.width ? 0 : layout_size(walk->layout.btf, field.type_id);

		if (size <= largest ||
		    (!field.name[0] && !layout_is_inlined(&walk->layout, &field)))
			continue;
		largest = size;
		chosen = field;
	}
	if (largest < 0)
		return 0;
	return decode_member(walk, type, at, &chosen, spot, object);
}

static int decode_members(struct decode *walk, const struct layout_type *type, size_t at,
			  const struct spot *spot, struct json *object)
{
	if (type->kind == LAYOUT_UNION)
		return decode_union(walk, type, at, spot, object);
	for (size_t i = 0; i < layout_field_count(type); i++) {
		struct layout_field field = layout_field(&walk->layout, type, i);

		if (decode_member(walk, type, at, &field, spot, object))
			return -1;
	}
	return 0;
}

static int decode_type(struct decode *walk, uint32_t id, size_t at, size_t room,
		       const struct spot *spot, struct json **out)
{
	OWNED(json_drop) struct json *object = NULL;
	enum notation notation;
	struct layout_type type;

	*out = NULL;
	if (layout_type(&walk->layout, id, room, spot, &type, walk->why))
		return -1;
	notation = mapcodec_notation(walk->codec, spot, &type);
	if (notation == NOTATION_TYPE)
		notation = type.notation;
	if (notation != NOTATION_TYPE &&
	    (notation_made(walk, notation, at, type.size, out) || *out))
		return *out ? 0 : -1;
	if (layout_is_scalar(&type))
		return scalar_made(walk, &type, type.size * 8,
				   bits_get_bytes(walk->in + at, type.size, type.big_endian), out);
	if (type.kind == LAYOUT_ARRAY)
		return decode_array(walk, &type, at, spot, out);
	if (type.kind == LAYOUT_OPAQUE)
		return hex_made(walk, at, type.size, out);
	if (made(walk, json_make_object(), &object) ||
	    decode_members(walk, &type, at, spot, object))
		return -1;
	*out = HAND_OVER(object);
	return 0;
}

static int decode_raw(struct decode *walk, const struct spot *spot, struct json **out)
{
	size_t size = walk->codec->size;
	enum notation notation = mapcodec_notation(walk->codec, spot, NULL);

	if (notation != NOTATION_TYPE && (notation_made(walk, notation, 0, size, out) || *out))
		return *out ? 0 : -1;
	if (!bits_is_word(size))
		return hex_made(walk, 0, size, out);
	return unsigned_made(walk, bits_get_bytes(walk->in, size, false), out);
}

int decode_value(const struct mapcodec *codec, const void *data, struct json **out,
		 struct fault *why)
{
	struct decode walk = {
		.codec = codec, .layout = layout_begin(codec->btf), .in = data, .why = why};
	struct spot top = {0};

	if (mapcodec_check(codec, why))
		return -1;
	if (!mapcodec_has_types(codec))
		return decode_raw(&walk, &top, out);
	return decode_type(&walk, codec->type_id, 0, codec->size, &top, out);
}
