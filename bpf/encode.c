// SPDX-License-Identifier: Apache-2.0
#include "bpf/encode.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/bits.h"
#include "bpf/layout.h"

struct encode {
	const struct mapcodec *codec;
	struct layout layout;
	unsigned char *out;
	struct spot_place *place;
	struct fault *why;
};

// Keeps where the document is wrong.
static void mark(struct encode *walk, const struct spot *spot)
{
	if (walk->place)
		*walk->place = spot_place(spot);
}

#define REFUSE(walk, spot, ...) (mark(walk, spot), spot_refuse(spot, (walk)->why, __VA_ARGS__))

static int type_at(struct encode *walk, uint32_t id, size_t room, const struct spot *spot,
		   struct layout_type *type)
{
	if (!layout_type(&walk->layout, id, room, spot, type, walk->why))
		return 0;
	mark(walk, spot);
	return -1;
}

static int place_of(struct encode *walk, const struct layout_type *outer,
		    const struct layout_field *field, const struct spot *spot, size_t *byte)
{
	if (!layout_place(outer, field, spot, byte, walk->why))
		return 0;
	mark(walk, spot);
	return -1;
}

static const char *name_or(const struct layout_type *type, const char *other)
{
	return type->name[0] ? type->name : other;
}

// ---- numbers ----

// A number that JSON has no room for is no mistake but of spelling.
static int refuse_number(struct encode *walk, const char *text, const char *name,
			 const struct spot *spot)
{
	bool is_decimal = text && text[0] && !text[strspn(text, "0123456789")];
	uint64_t number;

	errno = 0;
	number = is_decimal ? strtoull(text, NULL, 10) : 0;
	REFUSE(walk, spot, "expected an integer for %s", name);
	if (number <= INT64_MAX || errno)
		return -1;
	return fault_fix(walk->why, "a number of that size is written \"0x%" PRIx64 "\"", number);
}

// A JSON number or "0x..." as the bit pattern of an integer of `bits` bits.
static int number_of(struct encode *walk, const struct json *value, size_t bits, bool is_signed,
		     const char *name, const struct spot *spot, uint64_t *out)
{
	uint64_t max = bits_mask(is_signed ? bits - 1 : bits), low = is_signed ? max + 1 : 0;
	bool negative = json_is(value, JSON_KIND_INT) && json_int(value) < 0;
	const char *text = json_text(value);
	uint64_t magnitude;

	if (text && !strncmp(text, "0x", 2)) {
		size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");

		if (!digits || digits > 16 || text[2 + digits])
			return REFUSE(walk, spot, "\"%.64s\" is not 0x and 1 to 16 digits", text);
		magnitude = strtoull(text, NULL, 16);
		if (magnitude > max)
			return REFUSE(walk, spot, "%.64s does not fit %s", text, name);
	} else if (json_is(value, JSON_KIND_INT)) {
		magnitude = negative ? 0 - (uint64_t)json_int(value) : (uint64_t)json_int(value);
	} else {
		return refuse_number(walk, text, name, spot);
	}
	if (magnitude > (negative ? low : max))
		return REFUSE(walk, spot,
			      "%" PRId64 " does not fit %s (%s%" PRIu64 " to %" PRIu64 ")",
			      json_int(value), name, low ? "-" : "", low, max);
	*out = (negative ? 0 - magnitude : magnitude) & bits_mask(bits);
	return 0;
}

// Where BTF does not say whether an enum is signed both readings of a number are taken.
static int enum_of(struct encode *walk, const struct json *value, const struct layout_type *type,
		   size_t bits, const struct spot *spot, uint64_t *out)
{
	const char *text = json_text(value), *names[LAYOUT_NAMES_MAX + 1], *near;
	bool is_signed = type->is_signed || (json_is(value, JSON_KIND_INT) && json_int(value) < 0 &&
					     type->sign_unknown);
	size_t count = 0;

	if (!text || !strncmp(text, "0x", 2))
		return number_of(walk, value, bits, is_signed, type->name, spot, out);
	for (size_t i = 0; i < layout_enumerator_count(type); i++) {
		const char *name;
		uint64_t number = layout_enumerator(&walk->layout, type, i, &name);

		if (!strcmp(name, text)) {
			*out = number & bits_mask(bits);
			return 0;
		}
		if (count < LAYOUT_NAMES_MAX)
			names[count++] = name;
	}
	names[count] = NULL;
	near = json_nearest(text, names);
	REFUSE(walk, spot, "\"%.64s\" is not a name of enum %s", text, type->name);
	return near ? fault_fix(walk->why, "did you mean \"%s\"?", near) : -1;
}

// What an integer, bool or enum of `bits` bits becomes.
static int scalar_of(struct encode *walk, const struct json *value, const struct layout_type *type,
		     size_t bits, const struct spot *spot, uint64_t *out)
{
	if (type->kind == LAYOUT_ENUM)
		return enum_of(walk, value, type, bits, spot, out);
	if (type->kind == LAYOUT_INT)
		return number_of(walk, value, bits, type->is_signed, name_or(type, "an integer"),
				 spot, out);
	if (!json_is(value, JSON_KIND_BOOL))
		return REFUSE(walk, spot, "expected true or false");
	*out = json_bool(value);
	return 0;
}

// ---- texts ----

static bool is_hex(const char *text)
{
	return text && !strncmp(text, "hex:", 4);
}

static int text_into(struct encode *walk, enum notation notation, const char *text, size_t size,
		     const struct spot *spot, size_t at)
{
	struct fault said = {0};

	if (!notation_read(notation, text, walk->out + at, size, &said))
		return 0;
	REFUSE(walk, spot, "%.200s", said.text);
	return said.fix[0] ? fault_fix(walk->why, "%.200s", said.fix) : -1;
}

static int hex_into(struct encode *walk, const char *text, size_t size, const struct spot *spot,
		    size_t at)
{
	return text_into(walk, NOTATION_HEX, text, size, spot, at);
}

// A char array holds a C string: room for its NUL must be left, for the program will look for one.
static int chars_into(struct encode *walk, const char *text, size_t size, const struct spot *spot,
		      size_t at)
{
	size_t len = strlen(text);

	if (len >= size)
		return REFUSE(walk, spot, "the text has %zu bytes; at most %zu fit", len,
			      size ? size - 1 : 0);
	memcpy(walk->out + at, text, len);
	return 0;
}

// A text for an array of bytes: an address of that length, or "hex:...".
static int bytes_into(struct encode *walk, const struct layout_type *type, const char *text,
		      const struct spot *spot, size_t at)
{
	if (is_hex(text))
		return hex_into(walk, text, type->size, spot, at);
	if (type->notation == NOTATION_TYPE)
		return REFUSE(walk, spot, "expected an array of %zu bytes, or \"hex:...\"",
			      type->size);
	return text_into(walk, type->notation, text, type->size, spot, at);
}

// A value whose notation the manifest says. What it says is all that is taken, but that the parts of a prefix may be given
// one by one as their types have them (then *by_type is set).
static int encode_said(struct encode *walk, enum notation notation, size_t size, size_t at,
		       const struct json *value, const struct spot *spot, bool *by_type)
{
	const char *text = json_text(value);
	uint64_t number;

	*by_type = false;
	if (notation_is_number(notation)) {
		if (number_of(walk, value, size * 8, false, notation_name(notation), spot, &number))
			return -1;
		bits_put_bytes(walk->out + at, size, true, number);
		return 0;
	}
	*by_type = notation == NOTATION_PREFIX &&
		   (!text || is_hex(text) || strncmp(text, "0x", 2) == 0);
	if (text && !*by_type)
		return text_into(walk, notation, text, size, spot, at);
	*by_type = notation == NOTATION_PREFIX;
	return *by_type ? 0 : REFUSE(walk, spot, "expected a text: %s", notation_what(notation));
}

// ---- the walk ----

static int encode_type(struct encode *walk, uint32_t id, size_t at, size_t room,
		       const struct json *value, const struct spot *spot);

static int encode_array(struct encode *walk, const struct layout_type *type, size_t at,
			const struct json *value, const struct spot *spot)
{
	const char *text = json_text(value);
	struct layout_type item;

	if (type_at(walk, type->item, type->size, spot, &item))
		return -1;
	if (!item.size)
		return REFUSE(walk, spot, "an array of nothing has no value");
	if (text && item.is_char)
		return chars_into(walk, text, type->size, spot, at);
	if (text && item.is_byte)
		return bytes_into(walk, type, text, spot, at);
	if (!json_is(value, JSON_KIND_ARRAY))
		return REFUSE(walk, spot, "expected an array of %zu", type->item_count);
	if (json_count(value) != type->item_count)
		return REFUSE(walk, spot, "the array has %zu items, not %zu", json_count(value),
			      type->item_count);
	for (size_t i = 0; i < type->item_count; i++) {
		struct spot inner = {
			.up = spot, .parent = value, .index = i, .depth = spot->depth + 1};

		if (encode_type(walk, type->item, at + i * item.size, item.size,
				json_item(value, i), &inner))
			return -1;
	}
	return 0;
}

static int encode_members(struct encode *walk, const struct layout_type *type, size_t at,
			  const struct json *object, const struct spot *spot);

static int encode_field(struct encode *walk, const struct layout_type *outer, size_t at,
			const struct layout_field *field, const struct json *value,
			const struct spot *spot)
{
	struct layout_type type;
	uint64_t number;
	size_t byte;

	if (place_of(walk, outer, field, spot, &byte))
		return -1;
	if (!field->width)
		return encode_type(walk, field->type_id, at + byte, outer->size - byte, value,
				   spot);
	if (type_at(walk, field->type_id, SIZE_MAX, spot, &type))
		return -1;
	if (!layout_is_scalar(&type))
		return REFUSE(walk, spot, "the object's BTF has a bitfield of no integer");
	if (scalar_of(walk, value, &type, field->width, spot, &number))
		return -1;
	bits_put(walk->out + at, field->bit, field->width, number);
	return 0;
}

// A struct or union without a name inside another: its members are keys of the same object.
static int encode_inlined(struct encode *walk, const struct layout_type *outer, size_t at,
			  const struct layout_field *field, const struct json *object,
			  const struct spot *spot)
{
	struct spot inner = *spot;
	struct layout_type type;
	size_t byte;

	inner.depth++;
	if (place_of(walk, outer, field, spot, &byte) ||
	    type_at(walk, field->type_id, outer->size - byte, &inner, &type))
		return -1;
	return encode_members(walk, &type, at + byte, object, &inner);
}

static bool is_named_by(struct encode *walk, const struct layout_field *field,
			const struct json *object)
{
	struct json_walk members = {0};

	if (field->name[0])
		return json_member(object, field->name) != NULL;
	while (layout_is_inlined(&walk->layout, field) && json_next(object, &members))
		if (layout_field_has_name(&walk->layout, field, members.key))
			return true;
	return false;
}

static int encode_member(struct encode *walk, const struct layout_type *type, size_t at,
			 const struct layout_field *field, const struct json *object,
			 const struct spot *spot)
{
	struct spot inner = {
		.up = spot, .parent = object, .key = field->name, .depth = spot->depth + 1};
	const struct json *value = json_member(object, field->name);

	if (layout_is_inlined(&walk->layout, field))
		return encode_inlined(walk, type, at, field, object, spot);
	if (!field->name[0]) // unnamed bits are padding
		return 0;
	if (layout_is_kernels(&walk->layout, field))
		return value ? REFUSE(walk, &inner, "the kernel keeps this field; leave it out")
			     : 0;
	if (!value)
		return REFUSE(walk, &inner, "this field of %s is missing",
			      name_or(type, "the struct"));
	return encode_field(walk, type, at, field, value, &inner);
}

// Of a union exactly one member is named; the rest of its bytes stay zero.
static int encode_union(struct encode *walk, const struct layout_type *type, size_t at,
			const struct json *object, const struct spot *spot)
{
	struct layout_field chosen = {0};
	size_t count = 0;

	for (size_t i = 0; i < layout_field_count(type); i++) {
		struct layout_field field = layout_field(&walk->layout, type, i);

		if (!is_named_by(walk, &field, object))
			continue;
		chosen = field;
		count++;
	}
	if (count != 1)
		return REFUSE(walk, spot, "a union takes one of its members; %zu are named", count);
	return encode_member(walk, type, at, &chosen, object, spot);
}

static int encode_members(struct encode *walk, const struct layout_type *type, size_t at,
			  const struct json *object, const struct spot *spot)
{
	if (type->kind == LAYOUT_UNION)
		return encode_union(walk, type, at, object, spot);
	for (size_t i = 0; i < layout_field_count(type); i++) {
		struct layout_field field = layout_field(&walk->layout, type, i);

		if (encode_member(walk, type, at, &field, object, spot))
			return -1;
	}
	return 0;
}

static int refuse_key(struct encode *walk, const struct layout_type *type,
		      const struct json *object, const char *key, const struct spot *spot)
{
	const struct spot inner = {.up = spot, .parent = object, .key = key};
	const char *names[LAYOUT_NAMES_MAX + 1], *near;

	layout_names(&walk->layout, type, names);
	near = json_nearest(key, names);
	spot_refuse(spot, walk->why, "%s has no field \"%.64s\"", name_or(type, "the struct"), key);
	mark(walk, &inner);
	return near ? fault_fix(walk->why, "did you mean \"%s\"?", near) : -1;
}

static int encode_composite(struct encode *walk, const struct layout_type *type, size_t at,
			    const struct json *value, const struct spot *spot)
{
	const char *text = json_text(value);
	struct json_walk members = {0};

	if (text && type->notation != NOTATION_TYPE)
		return text_into(walk, type->notation, text, type->size, spot, at);
	if (!json_is(value, JSON_KIND_OBJECT))
		return REFUSE(walk, spot, "expected an object with the fields of %s",
			      name_or(type, "the struct"));
	while (json_next(value, &members)) {
		// "//" is how the files that we read hold comments; no C field has such a name.
		bool is_comment = !strcmp(members.key, "//") && json_text(members.value);

		if (!is_comment && !layout_has_name(&walk->layout, type, members.key))
			return refuse_key(walk, type, value, members.key, spot);
	}
	return encode_members(walk, type, at, value, spot);
}

static int encode_scalar(struct encode *walk, const struct layout_type *type, size_t at,
			 const struct json *value, const struct spot *spot)
{
	const char *text = json_text(value);
	uint64_t number;

	// In network order already. A text that is no number is meant as an address.
	if (type->notation == NOTATION_IPV4 && text && strncmp(text, "0x", 2) != 0)
		return is_hex(text) ? hex_into(walk, text, 4, spot, at)
				    : text_into(walk, NOTATION_IPV4, text, 4, spot, at);
	if (scalar_of(walk, value, type, type->size * 8, spot, &number))
		return -1;
	bits_put_bytes(walk->out + at, type->size, type->big_endian, number);
	return 0;
}

static int encode_by_type(struct encode *walk, const struct layout_type *type, size_t at,
			  const struct json *value, const struct spot *spot)
{
	const char *text = json_text(value);

	switch (type->kind) {
	case LAYOUT_INT:
	case LAYOUT_BOOL:
	case LAYOUT_ENUM:
		return encode_scalar(walk, type, at, value, spot);
	case LAYOUT_ARRAY:
		return encode_array(walk, type, at, value, spot);
	case LAYOUT_STRUCT:
	case LAYOUT_UNION:
		return encode_composite(walk, type, at, value, spot);
	case LAYOUT_OPAQUE:
		break;
	}
	if (is_hex(text))
		return hex_into(walk, text, type->size, spot, at);
	return REFUSE(walk, spot, "a value of this type is written \"hex:\" and %zu digits",
		      2 * type->size);
}

static int encode_type(struct encode *walk, uint32_t id, size_t at, size_t room,
		       const struct json *value, const struct spot *spot)
{
	enum notation notation;
	struct layout_type type;
	bool by_type = true;

	if (type_at(walk, id, room, spot, &type))
		return -1;
	notation = mapcodec_notation(walk->codec, spot, &type);
	if (notation != NOTATION_TYPE &&
	    encode_said(walk, notation, type.size, at, value, spot, &by_type))
		return -1;
	return by_type ? encode_by_type(walk, &type, at, value, spot) : 0;
}

// Without BTF there is a size and nothing else.
static int encode_raw(struct encode *walk, const struct json *value, const struct spot *spot)
{
	size_t size = walk->codec->size;
	enum notation notation = mapcodec_notation(walk->codec, spot, NULL);
	bool is_signed = json_is(value, JSON_KIND_INT) && json_int(value) < 0, by_type = true;
	char name[48];
	uint64_t number;

	if (notation != NOTATION_TYPE &&
	    encode_said(walk, notation, size, 0, value, spot, &by_type))
		return -1;
	if (!by_type)
		return 0;
	if (is_hex(json_text(value)))
		return hex_into(walk, json_text(value), size, spot, 0);
	if (!bits_is_word(size))
		return REFUSE(walk, spot,
			      "%zu bytes of unknown type are written \"hex:\" and %zu digits", size,
			      2 * size);
	snprintf(name, sizeof(name), "%zu bytes", size);
	if (number_of(walk, value, size * 8, is_signed, name, spot, &number))
		return -1;
	bits_put_bytes(walk->out, size, false, number);
	return 0;
}

int encode_value(const struct mapcodec *codec, const struct json *value, void *out,
		 struct spot_place *place, struct fault *why)
{
	struct encode walk = {.codec = codec,
			      .layout = layout_begin(codec->btf),
			      .out = out,
			      .place = place,
			      .why = why};
	struct spot top = {0};

	memset(out, 0, codec->size);
	if (place)
		*place = (struct spot_place){0};
	if (mapcodec_check(codec, why))
		return -1;
	if (!mapcodec_has_types(codec))
		return encode_raw(&walk, value, &top);
	return encode_type(&walk, codec->type_id, 0, codec->size, value, &top);
}
