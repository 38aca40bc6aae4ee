// SPDX-License-Identifier: Apache-2.0
#include "bpf/layout.h"

#include <bpf/btf.h>
#include <stdio.h>
#include <string.h>

// Nesting and the number of single values are bounded (an array of two billion empty structs is a legal type).
#define CHAIN_MAX  32 // typedefs, const and the like on top of each other; libbpf has the same bound
#define VALUES_MAX (1u << 20)
#define STEPS_MAX  (1u << 24) // members looked at

struct layout layout_begin(const struct btf *btf)
{
	return (struct layout){.btf = btf, .values_left = VALUES_MAX, .steps_left = STEPS_MAX};
}

int64_t layout_size(const struct btf *btf, uint32_t id)
{
	return btf__resolve_size(btf, id);
}

static const char *name_at(const struct btf *btf, uint32_t offset)
{
	const char *name = btf__name_by_offset(btf, offset);

	return name ? name : "";
}

// ---- types ----

static bool is_big_name(const char *name)
{
	return !strcmp(name, "__be16") || !strcmp(name, "__be32") || !strcmp(name, "__be64");
}

static bool is_wrapper(const struct btf_type *type)
{
	return btf_is_mod(type) || btf_is_typedef(type) || btf_is_type_tag(type);
}

static void describe_int(const struct btf *btf, struct layout_type *out)
{
	const char *base = name_at(btf, out->type->name_off);
	unsigned encoding = btf_int_encoding(out->type);

	out->kind = encoding & BTF_INT_BOOL ? LAYOUT_BOOL : LAYOUT_INT;
	out->is_signed = encoding & BTF_INT_SIGNED;
	out->is_char = out->size == 1 && !strcmp(base, "char");
	out->is_byte =
		out->size == 1 && !(encoding & (BTF_INT_SIGNED | BTF_INT_BOOL)) && !out->is_char;
}

static const struct btf_type *behind(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (unsigned i = 0; type && is_wrapper(type) && i < CHAIN_MAX; i++)
		type = btf__type_by_id(btf, type->type);
	return type;
}

static enum notation notation_of_bytes(size_t size)
{
	return size == 4    ? NOTATION_IPV4
	       : size == 6  ? NOTATION_MAC
	       : size == 16 ? NOTATION_IPV6
			    : NOTATION_TYPE;
}

// Addresses that their type alone tells.
static enum notation notation_of(const struct btf *btf, const struct layout_type *type)
{
	const char *name = name_at(btf, type->type->name_off);

	if (type->kind == LAYOUT_INT && type->big_endian && type->size == 4)
		return NOTATION_IPV4;
	if (type->kind == LAYOUT_STRUCT && type->size == 4 && !strcmp(name, "in_addr"))
		return NOTATION_IPV4;
	if (type->kind == LAYOUT_STRUCT && type->size == 16 && !strcmp(name, "in6_addr"))
		return NOTATION_IPV6;
	return NOTATION_TYPE;
}

// Arrays of bytes may be addresses, arrays of char are texts.
static void describe_array(const struct btf *btf, struct layout_type *out)
{
	struct layout_type item = {0};

	out->kind = LAYOUT_ARRAY;
	out->item = btf_array(out->type)->type;
	out->item_count = btf_array(out->type)->nelems;
	item.type = behind(btf, out->item);
	if (!item.type || !btf_is_int(item.type))
		return;
	item.size = item.type->size;
	describe_int(btf, &item);
	out->is_text = item.is_char;
	out->notation = item.is_byte ? notation_of_bytes(out->size) : NOTATION_TYPE;
}

static void describe(const struct btf *btf, struct layout_type *out)
{
	const struct btf_type *type = out->type;
	bool is_word = out->size >= 1 && out->size <= 8;

	out->kind = LAYOUT_OPAQUE;
	if (btf_is_int(type) && is_word) {
		describe_int(btf, out);
	} else if (btf_is_any_enum(type) && is_word) {
		out->kind = LAYOUT_ENUM;
		out->is_signed = btf_kflag(type);
		out->sign_unknown = btf_is_enum(type);
	} else if (btf_is_array(type)) {
		describe_array(btf, out);
		return;
	} else if (btf_is_composite(type)) {
		out->kind = btf_is_union(type) ? LAYOUT_UNION : LAYOUT_STRUCT;
	}
	out->notation = notation_of(btf, out);
}

int layout_type(struct layout *layout, uint32_t id, size_t room, const struct spot *spot,
		struct layout_type *out, struct fault *why)
{
	const struct btf_type *type = btf__type_by_id(layout->btf, id);
	int64_t size;

	*out = (struct layout_type){.name = ""};
	if (spot->depth > LAYOUT_DEPTH_MAX)
		return spot_refuse(spot, why, "types nest deeper than %d levels", LAYOUT_DEPTH_MAX);
	if (!layout->values_left || !layout->steps_left)
		return spot_refuse(spot, why, "more than %u single values", VALUES_MAX);
	layout->values_left--;
	for (unsigned i = 0; type && is_wrapper(type); i++) {
		const char *name = name_at(layout->btf, type->name_off);

		if (i >= CHAIN_MAX)
			return spot_refuse(spot, why, "typedefs go on for more than %d steps",
					   CHAIN_MAX);
		if (btf_is_typedef(type)) {
			out->big_endian |= is_big_name(name);
			out->name = out->name[0] ? out->name : name;
		}
		id = type->type;
		type = btf__type_by_id(layout->btf, id);
	}
	if (!type || !id)
		return spot_refuse(spot, why, "the object's BTF names no type here");
	size = layout_size(layout->btf, id);
	if (size < 0 || (uint64_t)size > room)
		return spot_refuse(spot, why, "the object's BTF gives a type that does not fit");
	out->type = type;
	out->size = (size_t)size;
	if (!out->name[0])
		out->name = name_at(layout->btf, type->name_off);
	describe(layout->btf, out);
	return 0;
}

bool layout_is_scalar(const struct layout_type *type)
{
	return type->kind == LAYOUT_INT || type->kind == LAYOUT_BOOL || type->kind == LAYOUT_ENUM;
}

static const struct btf_type *behind_modifiers(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf && id ? btf__type_by_id(btf, id) : NULL;

	for (unsigned i = 0; type && i < CHAIN_MAX; i++) {
		if (!btf_is_mod(type) || btf_is_typedef(type))
			return type;
		type = btf__type_by_id(btf, type->type);
	}
	return NULL;
}

static void name_plain_type(const struct btf *btf, const struct btf_type *type, char *out,
			    size_t room)
{
	const char *name = name_at(btf, type->name_off);
	const char *kind = "";

	if (btf_is_struct(type))
		kind = "struct ";
	else if (btf_is_union(type))
		kind = "union ";
	else if (btf_is_any_enum(type))
		kind = "enum ";
	snprintf(out, room, "%s%s", kind, *name ? name : "(anonymous)");
}

void layout_name_type(const struct btf *btf, uint32_t id, char out[static LAYOUT_NAME_MAX])
{
	const struct btf_type *type = behind_modifiers(btf, id);
	const struct btf_type *element;
	char name[LAYOUT_NAME_MAX - 15];

	out[0] = '\0';
	if (!type)
		return;
	if (!btf_is_array(type)) {
		name_plain_type(btf, type, out, LAYOUT_NAME_MAX);
		return;
	}
	element = behind_modifiers(btf, btf_array(type)->type);
	if (!element || btf_is_array(element))
		return;
	name_plain_type(btf, element, name, sizeof name);
	snprintf(out, LAYOUT_NAME_MAX, "%s[%u]", name, btf_array(type)->nelems);
}

// ---- fields ----

size_t layout_field_count(const struct layout_type *type)
{
	return btf_vlen(type->type);
}

// Every look at a member costs a step. Who runs out of them is stopped by the next layout_type.
static struct layout_field field_at(struct layout *layout, const struct btf_type *type,
				    size_t index)
{
	const struct btf_member *member = btf_members(type) + index;
	struct layout_field field = {
		.name = name_at(layout->btf, member->name_off),
		.type_id = member->type,
		.bit = btf_member_bit_offset(type, (uint32_t)index),
		.width = btf_member_bitfield_size(type, (uint32_t)index),
	};
	const struct btf_type *inner = btf__type_by_id(layout->btf, field.type_id);

	layout->steps_left -= layout->steps_left > 0;
	// The older way to write a bitfield: an integer type of its own with fewer bits than its bytes hold.
	if (!field.width && inner && btf_is_int(inner) &&
	    (btf_int_bits(inner) < inner->size * 8 || btf_int_offset(inner))) {
		field.width = btf_int_bits(inner);
		field.bit += btf_int_offset(inner);
	}
	return field;
}

struct layout_field layout_field(struct layout *layout, const struct layout_type *type,
				 size_t index)
{
	return field_at(layout, type->type, index);
}

int layout_place(const struct layout_type *outer, const struct layout_field *field,
		 const struct spot *spot, size_t *byte, struct fault *why)
{
	size_t bits = outer->size * 8;

	*byte = field->bit / 8;
	if (field->width > 64 || field->bit > bits || field->width > bits - field->bit)
		return spot_refuse(spot, why, "the object's BTF places a field outside its struct");
	if (!field->width && field->bit % 8)
		return spot_refuse(spot, why, "the object's BTF places a field between bytes");
	return 0;
}

static const struct btf_type *inlined(const struct layout *layout, const struct layout_field *field)
{
	const struct btf_type *type;

	if (field->name[0])
		return NULL;
	type = behind(layout->btf, field->type_id);
	return type && btf_is_composite(type) ? type : NULL;
}

bool layout_is_inlined(const struct layout *layout, const struct layout_field *field)
{
	return inlined(layout, field) != NULL;
}

bool layout_is_kernels(const struct layout *layout, const struct layout_field *field)
{
	static const char *const names[] = {
		"bpf_spin_lock", "bpf_res_spin_lock",
		"bpf_timer",	 "bpf_wq",
		"bpf_list_head", "bpf_list_node",
		"bpf_rb_root",	 "bpf_rb_node",
		"bpf_refcount",	 NULL,
	};
	const struct btf_type *type = btf__type_by_id(layout->btf, field->type_id);

	if (!type || !btf_is_struct(type))
		return false;
	for (size_t i = 0; names[i]; i++)
		if (!strcmp(name_at(layout->btf, type->name_off), names[i]))
			return true;
	return false;
}

// The names that an object for this type may hold, in order; true when `sought` is one of them.
static bool collect_names(struct layout *layout, const struct btf_type *type, unsigned depth,
			  const char *sought, const char **names, size_t *count)
{
	for (size_t i = 0; i < btf_vlen(type) && depth <= LAYOUT_DEPTH_MAX && layout->steps_left;
	     i++) {
		struct layout_field field = field_at(layout, type, i);
		const struct btf_type *inner = inlined(layout, &field);

		if (inner && collect_names(layout, inner, depth + 1, sought, names, count))
			return true;
		if (sought && field.name[0] && !strcmp(field.name, sought))
			return true;
		if (names && field.name[0] && *count < LAYOUT_NAMES_MAX)
			names[(*count)++] = field.name;
	}
	return false;
}

bool layout_has_name(struct layout *layout, const struct layout_type *type, const char *name)
{
	return collect_names(layout, type->type, 0, name, NULL, NULL);
}

bool layout_field_has_name(struct layout *layout, const struct layout_field *field,
			   const char *name)
{
	const struct btf_type *inner = inlined(layout, field);

	if (field->name[0])
		return !strcmp(field->name, name);
	return inner && collect_names(layout, inner, 0, name, NULL, NULL);
}

void layout_names(struct layout *layout, const struct layout_type *type,
		  const char *names[static LAYOUT_NAMES_MAX + 1])
{
	size_t count = 0;

	collect_names(layout, type->type, 0, NULL, names, &count);
	names[count] = NULL;
}

// ---- enumerators ----

size_t layout_enumerator_count(const struct layout_type *type)
{
	return btf_vlen(type->type);
}

uint64_t layout_enumerator(const struct layout *layout, const struct layout_type *type,
			   size_t index, const char **name)
{
	if (btf_is_enum64(type->type)) {
		*name = name_at(layout->btf, btf_enum64(type->type)[index].name_off);
		return btf_enum64_value(btf_enum64(type->type) + index);
	}
	*name = name_at(layout->btf, btf_enum(type->type)[index].name_off);
	return (uint64_t)(int64_t)btf_enum(type->type)[index].val;
}

// ---- paths ----

// The field of one name, also where it stands in a struct without one. A bitfield has no type of its own to write in.
static bool seek_field(struct layout *layout, const struct btf_type *type, const char *name,
		       size_t len, unsigned depth, struct layout_field *out)
{
	for (size_t i = 0; i < btf_vlen(type) && depth <= LAYOUT_DEPTH_MAX && layout->steps_left;
	     i++) {
		struct layout_field field = field_at(layout, type, i);
		const struct btf_type *inner = inlined(layout, &field);

		if (inner && seek_field(layout, inner, name, len, depth + 1, out))
			return true;
		if (strlen(field.name) == len && len && !strncmp(field.name, name, len)) {
			*out = field;
			return true;
		}
	}
	return false;
}

static int refuse_path(struct layout *layout, const struct layout_type *type, const char *name,
		       size_t len, struct fault *why)
{
	const char *names[LAYOUT_NAMES_MAX + 1], *near;
	char word[NOTATION_PATH_MAX];

	snprintf(word, sizeof(word), "%.*s", (int)len, name);
	layout_names(layout, type, names);
	near = json_nearest(word, names);
	fault_set(why, FAULT_CONFIG, "%s has no field \"%s\"",
		  type->name[0] ? type->name : "the struct", word);
	return near ? fault_fix(why, "did you mean \"%s\"?", near) : -1;
}

int layout_find(struct layout *layout, uint32_t id, const char *path, struct layout_type *out,
		struct fault *why)
{
	struct spot top = {0};

	if (layout_type(layout, id, SIZE_MAX, &top, out, why))
		return -1;
	while (*path) {
		size_t len = strcspn(path, ".");
		struct layout_field field;

		top.depth++;
		if (out->kind == LAYOUT_ARRAY) {
			if (layout_type(layout, out->item, SIZE_MAX, &top, out, why))
				return -1;
			continue;
		}
		if (out->kind != LAYOUT_STRUCT && out->kind != LAYOUT_UNION)
			return fault_set(why, FAULT_CONFIG, "%s has no fields",
					 out->name[0] ? out->name : "the type");
		if (!seek_field(layout, out->type, path, len, 0, &field))
			return refuse_path(layout, out, path, len, why);
		if (field.width)
			return fault_set(why, FAULT_CONFIG,
					 "field %s is some bits of an integer: no format fits it",
					 field.name);
		if (layout_type(layout, field.type_id, SIZE_MAX, &top, out, why))
			return -1;
		path += len + (path[len] == '.');
	}
	return 0;
}

// ---- global variables ----

static bool is_section(const char *name, const char *stem)
{
	size_t len = strlen(stem);

	return !strncmp(name, stem, len) && (name[len] == '\0' || name[len] == '.');
}

bool layout_is_section(const char *name)
{
	return is_section(name, ".rodata") || is_section(name, ".data") || is_section(name, ".bss");
}

// Of an array the qualifiers stand at its items.
static bool is_volatile(const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	for (unsigned i = 0; type && i < CHAIN_MAX; i++) {
		if (btf_is_volatile(type))
			return true;
		if (!is_wrapper(type) && !btf_is_array(type))
			return false;
		id = btf_is_array(type) ? btf_array(type)->type : type->type;
		type = btf__type_by_id(btf, id);
	}
	return false;
}

static bool variable_at(const struct btf *btf, const struct btf_type *section, size_t index,
			struct layout_variable *out)
{
	const struct btf_var_secinfo *info = btf_var_secinfos(section) + index;
	const struct btf_type *type = btf__type_by_id(btf, info->type);

	if (!type || !btf_is_var(type))
		return false;
	*out = (struct layout_variable){
		.name = name_at(btf, type->name_off),
		.section = name_at(btf, section->name_off),
		.type_id = type->type,
		.offset = info->offset,
		.size = info->size,
	};
	out->constant = is_section(out->section, ".rodata");
	out->settable = btf_var(type)->linkage == BTF_VAR_GLOBAL_ALLOCATED &&
			(!out->constant || is_volatile(btf, type->type));
	return true;
}

bool layout_next_variable(const struct btf *btf, struct layout_walk *walk,
			  struct layout_variable *out)
{
	uint32_t count = btf ? btf__type_cnt(btf) : 0;

	for (; walk->section < count; walk->section++, walk->index = 0) {
		const struct btf_type *section = btf__type_by_id(btf, walk->section);

		if (!section || !btf_is_datasec(section) ||
		    !layout_is_section(name_at(btf, section->name_off)))
			continue;
		while (walk->index < btf_vlen(section))
			if (variable_at(btf, section, walk->index++, out))
				return true;
	}
	return false;
}
