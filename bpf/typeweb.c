// SPDX-License-Identifier: Apache-2.0
#include "bpf/typeweb.h"

#include <linux/btf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

#define KIND_DECL_TAG 17 // of kernels after the headers of this machine, it may be
#define KIND_TYPE_TAG 18
#define KIND_ENUM64   19

struct web {
	const unsigned char *types;
	size_t types_len, names_len;
	uint32_t count; // types have the numbers 1 to count; 0 is void
	uint32_t *at;	// where each begins
	// The walk: how deep each is, once known; those that are being looked at, and at which part of each.
	uint32_t *depth, *open, *part;
};

static void web_drop(struct web *web)
{
	free(web->at);
	free(web->depth);
	free(web->open);
	free(web->part);
}

static int refuse(struct fault *why, const char *what)
{
	return fault_set(why, FAULT_FORMAT, "not a BPF object: its types (.BTF) are broken: %s",
			 what);
}

static uint32_t word(const unsigned char *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof value);
	return value;
}

static struct btf_type type_at(const struct web *web, uint32_t id)
{
	struct btf_type type;

	memcpy(&type, web->types + web->at[id], sizeof type);
	return type;
}

// ---- one type ----

// What follows the head of each kind: so many entries, each of this many words, with a name in the first where it has one, and
// a type in one of them; -1: none.
struct form {
	bool refers; // the head itself, to another type
	bool one;    // one entry, not as many as the head says
	int words, name, type;
};

static bool form_of(unsigned kind, struct form *out)
{
	static const struct form forms[] = {
		[BTF_KIND_INT] = {.one = true, .words = 1, .name = -1, .type = -1},
		[BTF_KIND_PTR] = {.refers = true},
		[BTF_KIND_ARRAY] = {.one = true, .words = 3, .name = -1, .type = 0},
		[BTF_KIND_STRUCT] = {.words = 3, .name = 0, .type = 1},
		[BTF_KIND_UNION] = {.words = 3, .name = 0, .type = 1},
		[BTF_KIND_ENUM] = {.words = 2, .name = 0, .type = -1},
		[BTF_KIND_FWD] = {.words = 0},
		[BTF_KIND_TYPEDEF] = {.refers = true},
		[BTF_KIND_VOLATILE] = {.refers = true},
		[BTF_KIND_CONST] = {.refers = true},
		[BTF_KIND_RESTRICT] = {.refers = true},
		[BTF_KIND_FUNC] = {.refers = true},
		[BTF_KIND_FUNC_PROTO] = {.refers = true, .words = 2, .name = 0, .type = 1},
		[BTF_KIND_VAR] = {.refers = true, .one = true, .words = 1, .name = -1, .type = -1},
		[BTF_KIND_DATASEC] = {.words = 3, .name = -1, .type = 0},
		[BTF_KIND_FLOAT] = {.words = 0},
		[KIND_DECL_TAG] = {.refers = true, .one = true, .words = 1, .name = -1, .type = -1},
		[KIND_TYPE_TAG] = {.refers = true},
		[KIND_ENUM64] = {.words = 3, .name = 0, .type = -1},
	};

	if (!kind || kind >= sizeof forms / sizeof *forms)
		return false;
	*out = forms[kind];
	return true;
}

static uint32_t entries_of(const struct btf_type *type, const struct form *form)
{
	return !form->words ? 0 : form->one ? 1 : BTF_INFO_VLEN(type->info);
}

static size_t size_of(const struct btf_type *type, const struct form *form)
{
	return sizeof *type + (size_t)entries_of(type, form) * (size_t)form->words * 4;
}

static unsigned kind_of(const struct web *web, uint32_t id)
{
	return id ? BTF_INFO_KIND(type_at(web, id).info) : BTF_KIND_UNKN;
}

// What libbpf takes for granted of a function and of a section's variables.
static bool is_such(const struct web *web, unsigned of, uint32_t id)
{
	unsigned kind = kind_of(web, id);

	if (of == BTF_KIND_FUNC)
		return kind == BTF_KIND_FUNC_PROTO;
	if (of == BTF_KIND_DATASEC)
		return kind == BTF_KIND_VAR || kind == BTF_KIND_FUNC;
	return true;
}

// libbpf divides by them. An enum that is only declared has none.
static bool has_size(const struct btf_type *type)
{
	const uint32_t size = type->size;
	const bool is_power = size && size <= 16 && !(size & (size - 1));

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
		return is_power;
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
		return (is_power && size <= 8) || (!size && !BTF_INFO_VLEN(type->info));
	default:
		return true;
	}
}

static int check_type(const struct web *web, uint32_t id, struct fault *why)
{
	struct btf_type type = type_at(web, id);
	unsigned kind = BTF_INFO_KIND(type.info);
	const unsigned char *entry = web->types + web->at[id] + sizeof type;
	struct form form;

	if (!form_of(kind, &form))
		return refuse(why, "one is of an unknown kind");
	if (type.name_off >= web->names_len)
		return refuse(why, "one has no name");
	if (!has_size(&type))
		return refuse(why, "a number has no size");
	if (form.refers && (type.type > web->count || !is_such(web, kind, type.type)))
		return refuse(why, "one refers to what is not there");
	for (uint32_t i = entries_of(&type, &form); i; i--, entry += form.words * 4) {
		if (form.name >= 0 && word(entry + form.name * 4) >= web->names_len)
			return refuse(why, "a part of one has no name");
		if (form.type >= 0 && (word(entry + form.type * 4) > web->count ||
				       !is_such(web, kind, word(entry + form.type * 4))))
			return refuse(why, "one refers to what is not there");
		if (kind == BTF_KIND_ARRAY && word(entry + 4) > web->count)
			return refuse(why, "one refers to what is not there");
	}
	return 0;
}

// ---- the web ----

// The part of a type that is a type itself and makes up its size or meaning, if it has that many. What a pointer or a function
// refers to is none: only so can types refer to each other in circles.
static bool part_of(const struct web *web, uint32_t id, uint32_t part, uint32_t *out)
{
	struct btf_type type = type_at(web, id);
	const unsigned char *entries = web->types + web->at[id] + sizeof type;

	switch (BTF_INFO_KIND(type.info)) {
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_VAR:
	case KIND_TYPE_TAG:
	case KIND_DECL_TAG:
		*out = type.type;
		return part == 0;
	case BTF_KIND_ARRAY:
		*out = word(entries + (part ? 4 : 0));
		return part < 2;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		if (part >= BTF_INFO_VLEN(type.info))
			return false;
		*out = word(entries + (size_t)part * 12 + 4);
		return true;
	default:
		return false;
	}
}

static bool is_other_name(unsigned kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_RESTRICT || kind == KIND_TYPE_TAG;
}

// Behind all its other names. Ends only where nothing is a part of itself.
static bool is_number(const struct web *web, uint32_t id)
{
	unsigned kind;

	while (is_other_name(kind_of(web, id)))
		id = type_at(web, id).type;
	kind = kind_of(web, id);
	return (kind == BTF_KIND_INT || kind == BTF_KIND_ENUM || kind == KIND_ENUM64) &&
	       type_at(web, id).size;
}

// libbpf takes the size of whatever a bit field is said to be of, and divides by it: a pointer has a type in its place.
static int check_bits(const struct web *web, uint32_t id, struct fault *why)
{
	struct btf_type type = type_at(web, id);
	const unsigned kind = BTF_INFO_KIND(type.info);
	const unsigned char *member = web->types + web->at[id] + sizeof type;

	if ((kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION) || !BTF_INFO_KFLAG(type.info))
		return 0;
	for (uint32_t i = BTF_INFO_VLEN(type.info); i; i--, member += sizeof(struct btf_member))
		if (BTF_MEMBER_BITFIELD_SIZE(word(member + 8)) && !is_number(web, word(member + 4)))
			return refuse(why, "a bit field is of no number");
	return 0;
}

#define BEING_LOOKED_AT UINT32_MAX

// From one type down, without recursion: hostile chains are as long as the section.
static int walk(struct web *web, uint32_t from, struct fault *why)
{
	uint32_t top = 1, part, deepest;

	web->open[0] = from;
	web->part[0] = 0;
	web->depth[from] = BEING_LOOKED_AT;
	while (top) {
		uint32_t id = web->open[top - 1];

		if (part_of(web, id, web->part[top - 1]++, &part)) {
			if (web->depth[part] == BEING_LOOKED_AT)
				return refuse(why, "one is a part of itself");
			if (web->depth[part] || !part)
				continue;
			web->open[top] = part;
			web->part[top++] = 0;
			web->depth[part] = BEING_LOOKED_AT;
			continue;
		}
		deepest = 0;
		for (uint32_t i = 0; part_of(web, id, i, &part); i++)
			deepest = web->depth[part] > deepest ? web->depth[part] : deepest;
		if (deepest >= TYPEWEB_DEPTH_MAX)
			return refuse(why, "they nest too deep");
		web->depth[id] = deepest + 1;
		top--;
	}
	return 0;
}

static int take_types(struct web *web, struct fault *why)
{
	struct btf_type type;
	struct form form;
	size_t room = web->types_len / sizeof type + 1, at = 0;

	web->at = calloc(room, sizeof *web->at);
	web->depth = calloc(room, sizeof *web->depth);
	web->open = calloc(room, sizeof *web->open);
	web->part = calloc(room, sizeof *web->part);
	if (!web->at || !web->depth || !web->open || !web->part)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (at < web->types_len) {
		if (web->types_len - at < sizeof type)
			return refuse(why, "one is cut");
		memcpy(&type, web->types + at, sizeof type);
		if (!form_of(BTF_INFO_KIND(type.info), &form))
			return refuse(why, "one is of an unknown kind");
		if (size_of(&type, &form) > web->types_len - at)
			return refuse(why, "one is cut");
		web->at[++web->count] = (uint32_t)at;
		at += size_of(&type, &form);
	}
	return 0;
}

int typeweb_check(const void *section, size_t len, struct fault *why)
{
	OWNED(web_drop) struct web web = {0};
	const unsigned char *body = section;
	struct btf_header head;

	if (len < sizeof head)
		return refuse(why, "shorter than their head");
	memcpy(&head, section, sizeof head);
	if (head.magic != BTF_MAGIC || head.version != BTF_VERSION || head.hdr_len < sizeof head ||
	    head.hdr_len > len)
		return refuse(why, "they have an odd head");
	body += head.hdr_len;
	len -= head.hdr_len;
	if (head.type_off > len || head.type_len > len - head.type_off || head.str_off > len ||
	    head.str_len > len - head.str_off || head.type_off % 4)
		return refuse(why, "they lie outside their section");
	if (!head.str_len || body[head.str_off] || body[head.str_off + head.str_len - 1])
		return refuse(why, "their names do not end");
	web.types = body + head.type_off;
	web.types_len = head.type_len;
	web.names_len = head.str_len;
	if (take_types(&web, why))
		return -1;
	for (uint32_t id = 1; id <= web.count; id++)
		if (check_type(&web, id, why))
			return -1;
	for (uint32_t id = 1; id <= web.count; id++)
		if (!web.depth[id] && walk(&web, id, why))
			return -1;
	for (uint32_t id = 1; id <= web.count; id++)
		if (check_bits(&web, id, why))
			return -1;
	return 0;
}
