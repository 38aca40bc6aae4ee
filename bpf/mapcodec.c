// SPDX-License-Identifier: Apache-2.0
#include "bpf/mapcodec.h"

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"

// BTF comes out of a bundle. Publishers sign it, and still no type of theirs may make us run long or deep: nesting and
// the number of single values are bounded (an array of two billion empty structs is a legal type).
#define DEPTH_MAX  16
#define CHAIN_MAX  32 // typedefs, const and the like on top of each other; libbpf has the same bound
#define VALUES_MAX (1u << 20)
#define STEPS_MAX  (1u << 24) // members looked at
#define NAMES_MAX  256	      // field names offered when one is unknown

// ---- bytes of integers ----

static bool host_is_little(void)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

static void put_bytes(unsigned char *at, size_t size, bool big, uint64_t number)
{
	bool little = host_is_little() && !big;

	for (size_t i = 0; i < size; i++)
		at[little ? i : size - 1 - i] = (unsigned char)(number >> (8 * i));
}

static uint64_t get_bytes(const unsigned char *at, size_t size, bool big)
{
	bool little = host_is_little() && !big;
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number |= (uint64_t)at[little ? i : size - 1 - i] << (8 * i);
	return number;
}

// BTF counts the bits of a bitfield as the machine lays them out: from the lowest bit of a byte where it is little
// endian, from the highest where it is big.
static size_t bit_place(size_t offset, size_t width, size_t bit, unsigned *shift)
{
	size_t place = host_is_little() ? offset + bit : offset + width - 1 - bit;

	*shift = (unsigned)(host_is_little() ? place % 8 : 7 - place % 8);
	return place / 8;
}

static void put_bits(unsigned char *bytes, size_t offset, size_t width, uint64_t number)
{
	for (size_t bit = 0; bit < width; bit++) {
		unsigned shift;
		size_t byte = bit_place(offset, width, bit, &shift);

		if (number >> bit & 1)
			bytes[byte] |= (unsigned char)(1u << shift);
	}
}

static uint64_t get_bits(const unsigned char *bytes, size_t offset, size_t width)
{
	uint64_t number = 0;

	for (size_t bit = 0; bit < width; bit++) {
		unsigned shift;
		size_t byte = bit_place(offset, width, bit, &shift);

		number |= (uint64_t)(bytes[byte] >> shift & 1) << bit;
	}
	return number;
}

static uint64_t mask_of(size_t bits)
{
	return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

static int64_t extend_sign(uint64_t number, size_t bits)
{
	if (bits < 64 && number >> (bits - 1) & 1)
		number |= ~mask_of(bits);
	return (int64_t)number;
}

// ---- where in the value we are ----

// A list on the stack from the innermost place outwards; it becomes "flow.ports[2]" only when something is refused.
struct spot {
	const struct spot *up;
	const char *field; // NULL: item `index` of an array
	size_t index;
	unsigned depth;
};

static void spot_write(const struct spot *spot, char *out, size_t room)
{
	size_t used;

	if (!spot->up) {
		out[0] = '\0';
		return;
	}
	spot_write(spot->up, out, room);
	used = strlen(out);
	if (spot->field)
		snprintf(out + used, room - used, "%s%s", used ? "." : "", spot->field);
	else
		snprintf(out + used, room - used, "[%zu]", spot->index);
}

static int refuse(struct fault *why, const struct spot *spot, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct fault *why, const struct spot *spot, const char *format, ...)
{
	char text[FAULT_TEXT_MAX / 2], path[FAULT_TEXT_MAX / 2 - 8];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	spot_write(spot, path, sizeof(path));
	return fault_set(why, FAULT_CONFIG, "%s%s%s", path, path[0] ? ": " : "", text);
}

// ---- types ----

// One encoding or decoding: either `out` or `in` is set, `size` bytes long.
struct codec {
	const struct btf *btf;
	unsigned char *out;
	const unsigned char *in;
	size_t size;
	size_t values_left, steps_left;
	struct fault *why;
};

// A type without the typedefs around it, and what they told: a __be name, a name to call it by.
struct shape {
	const struct btf_type *type;
	const char *name;
	size_t size;
	bool big_endian;
};

static const char *name_at(const struct codec *codec, uint32_t offset)
{
	const char *name = btf__name_by_offset(codec->btf, offset);

	return name ? name : "";
}

static bool is_big_name(const char *name)
{
	return !strcmp(name, "__be16") || !strcmp(name, "__be32") || !strcmp(name, "__be64");
}

static bool is_wrapper(const struct btf_type *type)
{
	return btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type);
}

// The type behind `id`. `room` is how many bytes are left for it from where it stands.
static int shape_of(struct codec *codec, uint32_t id, size_t room, const struct spot *spot,
		    struct shape *shape)
{
	const struct btf_type *type = btf__type_by_id(codec->btf, id);
	int64_t size;

	*shape = (struct shape){.name = ""};
	if (spot->depth > DEPTH_MAX)
		return refuse(codec->why, spot, "types nest deeper than %d levels", DEPTH_MAX);
	if (!codec->values_left || !codec->steps_left)
		return refuse(codec->why, spot, "more than %u single values", VALUES_MAX);
	codec->values_left--;
	for (unsigned i = 0; type && is_wrapper(type); i++) {
		const char *name = name_at(codec, type->name_off);

		if (i >= CHAIN_MAX)
			return refuse(codec->why, spot, "typedefs go on for more than %d steps",
				      CHAIN_MAX);
		if (btf_is_typedef(type)) {
			shape->big_endian |= is_big_name(name);
			shape->name = shape->name[0] ? shape->name : name;
		}
		id = type->type;
		type = btf__type_by_id(codec->btf, id);
	}
	if (!type || !id)
		return refuse(codec->why, spot, "the object's BTF names no type here");
	size = btf__resolve_size(codec->btf, id);
	if (size < 0 || (uint64_t)size > room)
		return refuse(codec->why, spot, "the object's BTF gives a type that does not fit");
	shape->type = type;
	shape->size = (size_t)size;
	if (!shape->name[0])
		shape->name = name_at(codec, type->name_off);
	return 0;
}

static bool is_byte(const struct codec *codec, const struct shape *shape)
{
	return btf_is_int(shape->type) && shape->size == 1 &&
	       !(btf_int_encoding(shape->type) & (BTF_INT_SIGNED | BTF_INT_BOOL)) &&
	       strcmp(name_at(codec, shape->type->name_off), "char") != 0;
}

// `char` proper, as in char comm[16]; a u8 is no text.
static bool is_char(const struct codec *codec, const struct shape *shape)
{
	return btf_is_int(shape->type) && shape->size == 1 &&
	       !strcmp(name_at(codec, shape->type->name_off), "char");
}

// What the kernel keeps for itself inside a value. It refuses or skips what user space writes there, so a person does
// not name it and does not see it.
static bool is_kernels(const struct codec *codec, const struct btf_type *type)
{
	static const char *const names[] = {
		"bpf_spin_lock", "bpf_res_spin_lock",
		"bpf_timer",	 "bpf_wq",
		"bpf_list_head", "bpf_list_node",
		"bpf_rb_root",	 "bpf_rb_node",
		"bpf_refcount",	 NULL,
	};

	if (!btf_is_struct(type))
		return false;
	for (size_t i = 0; names[i]; i++)
		if (!strcmp(name_at(codec, type->name_off), names[i]))
			return true;
	return false;
}

// One member of a struct or union, its place in bits.
struct field {
	const char *name;
	uint32_t type_id;
	size_t bit, width; // width 0: no bitfield
};

// Every look at a member costs a step. Who runs out of them is stopped by the next shape_of.
static struct field field_at(struct codec *codec, const struct btf_type *type, size_t index)
{
	const struct btf_member *member = btf_members(type) + index;
	struct field field = {
		.name = name_at(codec, member->name_off),
		.type_id = member->type,
		.bit = btf_member_bit_offset(type, (uint32_t)index),
		.width = btf_member_bitfield_size(type, (uint32_t)index),
	};
	const struct btf_type *inner = btf__type_by_id(codec->btf, field.type_id);

	codec->steps_left -= codec->steps_left > 0;
	// The older way to write a bitfield: an integer type of its own with fewer bits than its bytes hold.
	if (!field.width && inner && btf_is_int(inner) &&
	    (btf_int_bits(inner) < inner->size * 8 || btf_int_offset(inner))) {
		field.width = btf_int_bits(inner);
		field.bit += btf_int_offset(inner);
	}
	return field;
}

// The struct or union type of a member without a name, whose members count as members of what is around it; NULL for
// every other member.
static const struct btf_type *inlined(const struct codec *codec, const struct field *field)
{
	const struct btf_type *type;

	if (field->name[0])
		return NULL;
	type = btf__type_by_id(codec->btf, field->type_id);
	for (unsigned i = 0; type && is_wrapper(type) && i < CHAIN_MAX; i++)
		type = btf__type_by_id(codec->btf, type->type);
	return type && btf_is_composite(type) ? type : NULL;
}

// The names that an object for this type may hold, in order; true when `sought` is one of them.
static bool collect_names(struct codec *codec, const struct btf_type *type, unsigned depth,
			  const char *sought, const char **names, size_t *count)
{
	for (size_t i = 0; i < btf_vlen(type) && depth <= DEPTH_MAX && codec->steps_left; i++) {
		struct field field = field_at(codec, type, i);
		const struct btf_type *inner = inlined(codec, &field);

		if (inner && collect_names(codec, inner, depth + 1, sought, names, count))
			return true;
		if (sought && field.name[0] && !strcmp(field.name, sought))
			return true;
		if (names && field.name[0] && *count < NAMES_MAX)
			names[(*count)++] = field.name;
	}
	return false;
}

static bool has_name(struct codec *codec, const struct btf_type *type, const char *name)
{
	return collect_names(codec, type, 0, name, NULL, NULL);
}

// A member's bits lie inside its struct; hostile BTF may say otherwise.
static int field_place(struct codec *codec, const struct shape *outer, const struct field *field,
		       const struct spot *spot, size_t *byte)
{
	size_t bits = outer->size * 8;

	*byte = field->bit / 8;
	if (field->width > 64 || field->bit > bits || field->width > bits - field->bit)
		return refuse(codec->why, spot,
			      "the object's BTF places a field outside its struct");
	if (!field->width && field->bit % 8)
		return refuse(codec->why, spot, "the object's BTF places a field between bytes");
	return 0;
}

// ---- encoding: numbers ----

// A JSON number or "0x..." as the bit pattern of an integer of `bits` bits.
static int number_of(struct codec *codec, const struct json *value, size_t bits, bool is_signed,
		     const char *name, const struct spot *spot, uint64_t *out)
{
	const char *text = json_text(value);
	uint64_t max = mask_of(is_signed ? bits - 1 : bits), magnitude;
	bool negative = json_is(value, JSON_KIND_INT) && json_int(value) < 0;

	if (text && !strncmp(text, "0x", 2)) {
		size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");

		if (!digits || digits > 16 || text[2 + digits])
			return refuse(codec->why, spot, "\"%.64s\" is not 0x and 1 to 16 digits",
				      text);
		magnitude = strtoull(text, NULL, 16);
		if (magnitude > max)
			return refuse(codec->why, spot, "%.64s does not fit %s", text, name);
	} else if (!json_is(value, JSON_KIND_INT)) {
		return refuse(codec->why, spot, "expected an integer for %s", name);
	} else if (negative) {
		magnitude = (uint64_t)json_int(value);
		if (!is_signed || json_int(value) < -(int64_t)max - 1)
			return refuse(codec->why, spot, "%" PRId64 " does not fit %s",
				      json_int(value), name);
	} else {
		magnitude = (uint64_t)json_int(value);
		if (magnitude > max)
			return refuse(codec->why, spot,
				      "%" PRIu64 " does not fit %s (0 to %" PRIu64 ")", magnitude,
				      name, max);
	}
	*out = magnitude & mask_of(bits);
	return 0;
}

static uint64_t enumerator(const struct btf_type *type, size_t index)
{
	if (btf_is_enum64(type))
		return btf_enum64_value(btf_enum64(type) + index);
	return (uint64_t)(int64_t)btf_enum(type)[index].val;
}

static const char *enumerator_name(const struct codec *codec, const struct btf_type *type,
				   size_t index)
{
	return name_at(codec, btf_is_enum64(type) ? btf_enum64(type)[index].name_off
						  : btf_enum(type)[index].name_off);
}

// Before its kind_flag BTF did not say whether an enum is signed: then both readings of a number are taken.
static int enum_of(struct codec *codec, const struct json *value, const struct shape *shape,
		   size_t bits, const struct spot *spot, uint64_t *out)
{
	const char *text = json_text(value), *names[NAMES_MAX + 1], *near;
	bool is_signed =
		btf_kflag(shape->type) ||
		(json_is(value, JSON_KIND_INT) && json_int(value) < 0 && btf_is_enum(shape->type));
	size_t count = 0;

	if (!text || !strncmp(text, "0x", 2))
		return number_of(codec, value, bits, is_signed, shape->name, spot, out);
	for (size_t i = 0; i < btf_vlen(shape->type); i++) {
		const char *name = enumerator_name(codec, shape->type, i);

		if (!strcmp(name, text)) {
			*out = enumerator(shape->type, i) & mask_of(bits);
			return 0;
		}
		if (count < NAMES_MAX)
			names[count++] = name;
	}
	names[count] = NULL;
	near = json_nearest(text, names);
	refuse(codec->why, spot, "\"%.64s\" is not a name of enum %s", text, shape->name);
	return near ? fault_fix(codec->why, "did you mean \"%s\"?", near) : -1;
}

// What an integer, bool or enum of `bits` bits becomes.
static int scalar_of(struct codec *codec, const struct json *value, const struct shape *shape,
		     size_t bits, const struct spot *spot, uint64_t *out)
{
	const char *name = shape->name[0] ? shape->name : "an integer";

	if (btf_is_any_enum(shape->type))
		return enum_of(codec, value, shape, bits, spot, out);
	if (btf_int_encoding(shape->type) & BTF_INT_BOOL) {
		if (!json_is(value, JSON_KIND_BOOL))
			return refuse(codec->why, spot, "expected true or false");
		*out = json_bool(value);
		return 0;
	}
	return number_of(codec, value, bits, btf_int_encoding(shape->type) & BTF_INT_SIGNED, name,
			 spot, out);
}

static bool is_scalar(const struct shape *shape)
{
	return (btf_is_int(shape->type) || btf_is_any_enum(shape->type)) && shape->size >= 1 &&
	       shape->size <= 8;
}

// ---- encoding: texts ----

static int hex_into(struct codec *codec, const char *text, size_t size, const struct spot *spot,
		    unsigned char *at)
{
	if (strlen(text) != 4 + 2 * size || hex_read(text + 4, at, size))
		return refuse(codec->why, spot,
			      "expected \"hex:\" and %zu lower-case digits for %zu bytes", 2 * size,
			      size);
	return 0;
}

static bool mac_read(const char *text, unsigned char mac[6])
{
	if (strlen(text) != 17)
		return false;
	for (size_t i = 0; i < 6; i++) {
		const char *at = text + 3 * i;
		char digits[3] = {at[0], at[1], '\0'};

		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]) ||
		    (at[2] != ':' && at[2] != '\0'))
			return false;
		mac[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return true;
}

// A text for an array of bytes: an address of that length, or "hex:...".
static int bytes_of(struct codec *codec, const char *text, size_t size, const struct spot *spot,
		    unsigned char *at)
{
	if (!strncmp(text, "hex:", 4))
		return hex_into(codec, text, size, spot, at);
	if (size == 4 && inet_pton(AF_INET, text, at) != 1)
		return refuse(codec->why, spot, "\"%.64s\" is not an IPv4 address", text);
	if (size == 16 && inet_pton(AF_INET6, text, at) != 1)
		return refuse(codec->why, spot, "\"%.64s\" is not an IPv6 address", text);
	if (size == 6 && !mac_read(text, at))
		return refuse(codec->why, spot, "\"%.64s\" is not a MAC address", text);
	if (size != 4 && size != 16 && size != 6)
		return refuse(codec->why, spot, "expected an array of %zu bytes, or \"hex:...\"",
			      size);
	return 0;
}

// A char array holds a C string: room for its NUL must be left, for the program will look for one.
static int chars_of(struct codec *codec, const char *text, size_t size, const struct spot *spot,
		    unsigned char *at)
{
	size_t len = strlen(text);

	if (len >= size)
		return refuse(codec->why, spot, "the text has %zu bytes; at most %zu fit", len,
			      size ? size - 1 : 0);
	memcpy(at, text, len);
	return 0;
}

// ---- encoding: the walk ----

static int encode_type(struct codec *codec, uint32_t id, size_t at, size_t room,
		       const struct json *value, const struct spot *spot);

static int encode_array(struct codec *codec, const struct shape *shape, size_t at,
			const struct json *value, const struct spot *spot)
{
	const struct btf_array *array = btf_array(shape->type);
	const char *text = json_text(value);
	struct shape item;

	if (shape_of(codec, array->type, shape->size, spot, &item))
		return -1;
	if (!item.size)
		return refuse(codec->why, spot, "an array of nothing has no value");
	if (text && is_char(codec, &item))
		return chars_of(codec, text, shape->size, spot, codec->out + at);
	if (text && is_byte(codec, &item))
		return bytes_of(codec, text, shape->size, spot, codec->out + at);
	if (!json_is(value, JSON_KIND_ARRAY))
		return refuse(codec->why, spot, "expected an array of %u", array->nelems);
	if (json_count(value) != array->nelems)
		return refuse(codec->why, spot, "the array has %zu items, not %u",
			      json_count(value), array->nelems);
	for (size_t i = 0; i < array->nelems; i++) {
		struct spot inner = {.up = spot, .index = i, .depth = spot->depth + 1};

		if (encode_type(codec, array->type, at + i * item.size, item.size,
				json_item(value, i), &inner))
			return -1;
	}
	return 0;
}

static int encode_members(struct codec *codec, const struct shape *shape, size_t at,
			  const struct json *object, const struct spot *spot);

static int encode_field(struct codec *codec, const struct shape *outer, size_t at,
			const struct field *field, const struct json *value,
			const struct spot *spot)
{
	struct shape shape;
	uint64_t number;
	size_t byte;

	if (field_place(codec, outer, field, spot, &byte))
		return -1;
	if (!field->width)
		return encode_type(codec, field->type_id, at + byte, outer->size - byte, value,
				   spot);
	if (shape_of(codec, field->type_id, SIZE_MAX, spot, &shape))
		return -1;
	if (!is_scalar(&shape))
		return refuse(codec->why, spot, "the object's BTF has a bitfield of no integer");
	if (scalar_of(codec, value, &shape, field->width, spot, &number))
		return -1;
	put_bits(codec->out + at, field->bit, field->width, number);
	return 0;
}

// A struct or union without a name inside another: its members are keys of the same object.
static int encode_inlined(struct codec *codec, const struct shape *outer, size_t at,
			  const struct field *field, const struct json *object,
			  const struct spot *spot)
{
	struct spot inner = *spot;
	struct shape shape;
	size_t byte;

	inner.depth++;
	if (field_place(codec, outer, field, spot, &byte) ||
	    shape_of(codec, field->type_id, outer->size - byte, &inner, &shape))
		return -1;
	return encode_members(codec, &shape, at + byte, object, &inner);
}

static bool is_named_by(struct codec *codec, const struct field *field, const struct json *object)
{
	const struct btf_type *inner = inlined(codec, field);
	struct json_walk walk = {0};

	if (field->name[0])
		return json_member(object, field->name) != NULL;
	while (inner && json_next(object, &walk))
		if (has_name(codec, inner, walk.key))
			return true;
	return false;
}

static int encode_member(struct codec *codec, const struct shape *shape, size_t at,
			 const struct field *field, const struct json *object,
			 const struct spot *spot)
{
	struct spot inner = {.up = spot, .field = field->name, .depth = spot->depth + 1};
	const struct json *value = json_member(object, field->name);
	const struct btf_type *type = btf__type_by_id(codec->btf, field->type_id);

	if (inlined(codec, field))
		return encode_inlined(codec, shape, at, field, object, spot);
	if (!field->name[0]) // unnamed bits are padding
		return 0;
	if (type && is_kernels(codec, type))
		return value ? refuse(codec->why, &inner,
				      "the kernel keeps this field; leave it out")
			     : 0;
	if (!value)
		return refuse(codec->why, &inner, "this field of %s is missing",
			      shape->name[0] ? shape->name : "the struct");
	return encode_field(codec, shape, at, field, value, &inner);
}

// Of a union exactly one member is named; the rest of its bytes stay zero.
static int encode_union(struct codec *codec, const struct shape *shape, size_t at,
			const struct json *object, const struct spot *spot)
{
	struct field chosen = {0};
	size_t count = 0;

	for (size_t i = 0; i < btf_vlen(shape->type); i++) {
		struct field field = field_at(codec, shape->type, i);

		if (!is_named_by(codec, &field, object))
			continue;
		chosen = field;
		count++;
	}
	if (count != 1)
		return refuse(codec->why, spot, "a union takes one of its members; %zu are named",
			      count);
	return encode_member(codec, shape, at, &chosen, object, spot);
}

static int encode_members(struct codec *codec, const struct shape *shape, size_t at,
			  const struct json *object, const struct spot *spot)
{
	if (btf_is_union(shape->type))
		return encode_union(codec, shape, at, object, spot);
	for (size_t i = 0; i < btf_vlen(shape->type); i++) {
		struct field field = field_at(codec, shape->type, i);

		if (encode_member(codec, shape, at, &field, object, spot))
			return -1;
	}
	return 0;
}

static int refuse_key(struct codec *codec, const struct shape *shape, const char *key,
		      const struct spot *spot)
{
	const char *names[NAMES_MAX + 1], *near;
	size_t count = 0;

	collect_names(codec, shape->type, 0, NULL, names, &count);
	names[count] = NULL;
	near = json_nearest(key, names);
	refuse(codec->why, spot, "%s has no field \"%.64s\"",
	       shape->name[0] ? shape->name : "the struct", key);
	return near ? fault_fix(codec->why, "did you mean \"%s\"?", near) : -1;
}

static int encode_composite(struct codec *codec, const struct shape *shape, size_t at,
			    const struct json *value, const struct spot *spot)
{
	struct json_walk walk = {0};

	if (!json_is(value, JSON_KIND_OBJECT))
		return refuse(codec->why, spot, "expected an object with the fields of %s",
			      shape->name[0] ? shape->name : "the struct");
	while (json_next(value, &walk)) {
		// "//" is how the files that we read hold comments; no C field has such a name.
		bool is_comment = !strcmp(walk.key, "//") && json_text(walk.value);

		if (!is_comment && !has_name(codec, shape->type, walk.key))
			return refuse_key(codec, shape, walk.key, spot);
	}
	return encode_members(codec, shape, at, value, spot);
}

static int encode_scalar(struct codec *codec, const struct shape *shape, size_t at,
			 const struct json *value, const struct spot *spot)
{
	const char *text = json_text(value);
	uint64_t number;

	// In network order already. A text that is no number is meant as an address.
	if (shape->big_endian && shape->size == 4 && text && strncmp(text, "0x", 2) != 0)
		return bytes_of(codec, text, 4, spot, codec->out + at);
	if (scalar_of(codec, value, shape, shape->size * 8, spot, &number))
		return -1;
	put_bytes(codec->out + at, shape->size, shape->big_endian, number);
	return 0;
}

static int encode_type(struct codec *codec, uint32_t id, size_t at, size_t room,
		       const struct json *value, const struct spot *spot)
{
	const char *text = json_text(value);
	struct shape shape;

	if (shape_of(codec, id, room, spot, &shape))
		return -1;
	if (is_scalar(&shape))
		return encode_scalar(codec, &shape, at, value, spot);
	if (btf_is_array(shape.type))
		return encode_array(codec, &shape, at, value, spot);
	if (btf_is_composite(shape.type))
		return encode_composite(codec, &shape, at, value, spot);
	// A 128-bit integer, a float, a pointer: JSON has no form for them, so their bytes are given.
	if (text && !strncmp(text, "hex:", 4))
		return hex_into(codec, text, shape.size, spot, codec->out + at);
	return refuse(codec->why, spot, "a value of this type is written \"hex:\" and %zu digits",
		      2 * shape.size);
}

static bool is_word_size(size_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

// Without BTF there is a size and nothing else.
static int encode_raw(struct codec *codec, const struct json *value, const struct spot *spot)
{
	const char *text = json_text(value);
	bool is_signed = json_is(value, JSON_KIND_INT) && json_int(value) < 0;
	char name[48];
	uint64_t number;

	if (text && !strncmp(text, "hex:", 4))
		return hex_into(codec, text, codec->size, spot, codec->out);
	if (!is_word_size(codec->size))
		return refuse(codec->why, spot,
			      "%zu bytes of unknown type are written \"hex:\" and %zu digits",
			      codec->size, 2 * codec->size);
	snprintf(name, sizeof(name), "%zu bytes", codec->size);
	if (number_of(codec, value, codec->size * 8, is_signed, name, spot, &number))
		return -1;
	put_bytes(codec->out, codec->size, false, number);
	return 0;
}

// The whole type fills the whole key or value, or we would write another map than the one that is there.
static int check_whole(struct codec *codec, uint32_t id, const struct spot *spot)
{
	int64_t size = btf__resolve_size(codec->btf, id);

	if (size < 0 || (uint64_t)size != codec->size)
		return refuse(codec->why, spot,
			      "the object's BTF gives %" PRId64 " bytes, the map has %zu",
			      size < 0 ? 0 : size, codec->size);
	return 0;
}

int mapcodec_encode(const struct btf *btf, uint32_t type_id, const struct json *value, void *out,
		    size_t size, struct fault *why)
{
	struct codec codec = {.btf = btf,
			      .out = out,
			      .size = size,
			      .values_left = VALUES_MAX,
			      .steps_left = STEPS_MAX,
			      .why = why};
	struct spot top = {0};

	memset(out, 0, size);
	if (!btf || !type_id)
		return encode_raw(&codec, value, &top);
	if (check_whole(&codec, type_id, &top))
		return -1;
	return encode_type(&codec, type_id, 0, size, value, &top);
}

// ---- decoding ----

static int made(struct codec *codec, struct json *json, struct json **out)
{
	if (!json)
		return fault_set(codec->why, FAULT_OTHER, "out of memory");
	*out = json;
	return 0;
}

static int text_made(struct codec *codec, const char *text, struct json **out)
{
	return made(codec, json_make_text(text), out);
}

static int hex_made(struct codec *codec, size_t at, size_t size, struct json **out)
{
	OWNED(drop_heap) char *text = malloc(4 + 2 * size + 1);

	if (!text)
		return fault_set(codec->why, FAULT_OTHER, "out of memory");
	memcpy(text, "hex:", 4);
	hex_write(codec->in + at, size, text + 4);
	return text_made(codec, text, out);
}

// JSON integers are 64 bits with a sign here; what lies above is written as encoding reads it.
static int unsigned_made(struct codec *codec, uint64_t number, struct json **out)
{
	char text[24];

	if (number <= INT64_MAX)
		return made(codec, json_make_int((int64_t)number), out);
	snprintf(text, sizeof(text), "0x%" PRIx64, number);
	return text_made(codec, text, out);
}

static int scalar_made(struct codec *codec, const struct shape *shape, size_t bits, uint64_t number,
		       struct json **out)
{
	bool is_signed;

	if (btf_is_int(shape->type)) {
		if (btf_int_encoding(shape->type) & BTF_INT_BOOL)
			return made(codec, json_make_bool(number != 0), out);
		is_signed = btf_int_encoding(shape->type) & BTF_INT_SIGNED;
	} else {
		for (size_t i = 0; i < btf_vlen(shape->type); i++)
			if ((enumerator(shape->type, i) & mask_of(bits)) == number)
				return text_made(codec, enumerator_name(codec, shape->type, i),
						 out);
		is_signed = btf_kflag(shape->type);
	}
	if (is_signed)
		return made(codec, json_make_int(extend_sign(number, bits)), out);
	return unsigned_made(codec, number, out);
}

// Addresses print as addresses: the very texts that encoding takes.
static int address_made(struct codec *codec, size_t at, size_t size, struct json **out)
{
	const unsigned char *in = codec->in + at;
	char text[INET6_ADDRSTRLEN];

	if (size == 6) {
		snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", in[0], in[1], in[2],
			 in[3], in[4], in[5]);
		return text_made(codec, text, out);
	}
	if (!inet_ntop(size == 4 ? AF_INET : AF_INET6, in, text, sizeof(text)))
		return fault_errno(codec->why, FAULT_OTHER, "cannot write an address");
	return text_made(codec, text, out);
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

static int decode_type(struct codec *codec, uint32_t id, size_t at, size_t room,
		       const struct spot *spot, struct json **out);

static int decode_array(struct codec *codec, const struct shape *shape, size_t at,
			const struct spot *spot, struct json **out)
{
	const struct btf_array *array = btf_array(shape->type);
	OWNED(json_drop) struct json *list = NULL;
	struct shape item;

	if (shape_of(codec, array->type, shape->size, spot, &item))
		return -1;
	if (!item.size)
		return refuse(codec->why, spot, "an array of nothing has no value");
	if (is_char(codec, &item) && is_string(codec->in + at, shape->size))
		return text_made(codec, (const char *)codec->in + at, out);
	if (is_byte(codec, &item) && (shape->size == 4 || shape->size == 6 || shape->size == 16))
		return address_made(codec, at, shape->size, out);
	if (made(codec, json_make_array(), &list))
		return -1;
	for (size_t i = 0; i < array->nelems; i++) {
		struct spot inner = {.up = spot, .index = i, .depth = spot->depth + 1};
		struct json *value = NULL;

		if (decode_type(codec, array->type, at + i * item.size, item.size, &inner,
				&value) ||
		    json_add(list, value, codec->why))
			return -1;
	}
	*out = HAND_OVER(list);
	return 0;
}

static int decode_field(struct codec *codec, const struct shape *outer, size_t at,
			const struct field *field, const struct spot *spot, struct json **out)
{
	struct shape shape;
	size_t byte;

	if (field_place(codec, outer, field, spot, &byte))
		return -1;
	if (!field->width)
		return decode_type(codec, field->type_id, at + byte, outer->size - byte, spot, out);
	if (shape_of(codec, field->type_id, SIZE_MAX, spot, &shape))
		return -1;
	if (!is_scalar(&shape))
		return refuse(codec->why, spot, "the object's BTF has a bitfield of no integer");
	return scalar_made(codec, &shape, field->width,
			   get_bits(codec->in + at, field->bit, field->width), out);
}

static int decode_members(struct codec *codec, const struct shape *shape, size_t at,
			  const struct spot *spot, struct json *object);

static int decode_inlined(struct codec *codec, const struct shape *outer, size_t at,
			  const struct field *field, const struct spot *spot, struct json *object)
{
	struct spot inner = *spot;
	struct shape shape;
	size_t byte;

	inner.depth++;
	if (field_place(codec, outer, field, spot, &byte) ||
	    shape_of(codec, field->type_id, outer->size - byte, &inner, &shape))
		return -1;
	return decode_members(codec, &shape, at + byte, &inner, object);
}

static int decode_member(struct codec *codec, const struct shape *shape, size_t at,
			 const struct field *field, const struct spot *spot, struct json *object)
{
	struct spot inner = {.up = spot, .field = field->name, .depth = spot->depth + 1};
	const struct btf_type *type = btf__type_by_id(codec->btf, field->type_id);
	struct json *value = NULL;

	if (inlined(codec, field))
		return decode_inlined(codec, shape, at, field, spot, object);
	if (!field->name[0] || (type && is_kernels(codec, type)))
		return 0;
	if (decode_field(codec, shape, at, field, &inner, &value))
		return -1;
	return json_put(object, field->name, value, codec->why);
}

// Nothing in a union says which member was meant. The largest shows all its bytes; of equals the first is shown.
static int decode_union(struct codec *codec, const struct shape *shape, size_t at,
			const struct spot *spot, struct json *object)
{
	struct field chosen = {0};
	int64_t largest = -1;

	for (size_t i = 0; i < btf_vlen(shape->type); i++) {
		struct field field = field_at(codec, shape->type, i);
		int64_t size = btf__resolve_size(codec->btf, field.type_id);

		if (field.width)
			size = 0;
		if (size <= largest || (!field.name[0] && !inlined(codec, &field)))
			continue;
		largest = size;
		chosen = field;
	}
	if (largest < 0)
		return 0;
	return decode_member(codec, shape, at, &chosen, spot, object);
}

static int decode_members(struct codec *codec, const struct shape *shape, size_t at,
			  const struct spot *spot, struct json *object)
{
	if (btf_is_union(shape->type))
		return decode_union(codec, shape, at, spot, object);
	for (size_t i = 0; i < btf_vlen(shape->type); i++) {
		struct field field = field_at(codec, shape->type, i);

		if (decode_member(codec, shape, at, &field, spot, object))
			return -1;
	}
	return 0;
}

static int decode_scalar(struct codec *codec, const struct shape *shape, size_t at,
			 struct json **out)
{
	if (shape->big_endian && shape->size == 4)
		return address_made(codec, at, 4, out);
	return scalar_made(codec, shape, shape->size * 8,
			   get_bytes(codec->in + at, shape->size, shape->big_endian), out);
}

static int decode_type(struct codec *codec, uint32_t id, size_t at, size_t room,
		       const struct spot *spot, struct json **out)
{
	OWNED(json_drop) struct json *object = NULL;
	struct shape shape;

	if (shape_of(codec, id, room, spot, &shape))
		return -1;
	if (is_scalar(&shape))
		return decode_scalar(codec, &shape, at, out);
	if (btf_is_array(shape.type))
		return decode_array(codec, &shape, at, spot, out);
	if (!btf_is_composite(shape.type))
		return hex_made(codec, at, shape.size, out);
	if (made(codec, json_make_object(), &object) ||
	    decode_members(codec, &shape, at, spot, object))
		return -1;
	*out = HAND_OVER(object);
	return 0;
}

int mapcodec_decode(const struct btf *btf, uint32_t type_id, const void *data, size_t size,
		    struct json **out, struct fault *why)
{
	struct codec codec = {.btf = btf,
			      .in = data,
			      .size = size,
			      .values_left = VALUES_MAX,
			      .steps_left = STEPS_MAX,
			      .why = why};
	struct spot top = {0};

	if (!btf || !type_id) {
		if (!is_word_size(size))
			return hex_made(&codec, 0, size, out);
		return unsigned_made(&codec, get_bytes(data, size, false), out);
	}
	if (check_whole(&codec, type_id, &top))
		return -1;
	return decode_type(&codec, type_id, 0, size, &top, out);
}
