// SPDX-License-Identifier: Apache-2.0
// bpf/encode and bpf/decode: JSON into the bytes of a type and back, for types of any publisher. First byte, bit 0: 0 the
// types are raw BTF (two bytes of length in front), made to lie; 1 they are made here and sound, and then what was decoded
// encodes to bytes that decode as the same. Bits 1 to 3: how many fields have a notation; bit 4: it is the key of a trie.
// Then: type id, size, the notations, the bytes of a value, and a JSON text.
#include "bpf/decode.h"
#include "bpf/encode.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

#define TYPES_MAX 24
#define SIZE_LIMIT \
	256 // of a key or value; a real one may be larger, but has no other code to go through

static void drop_btf(struct btf **btf)
{
	btf__free(*btf);
}

static int be_silent(enum libbpf_print_level level, const char *format, va_list arguments)
{
	(void)level;
	(void)format;
	(void)arguments;
	return 0;
}

// ---- types ----

// The header that libbpf checks, around sections of any content: half of the bytes are types, half are names.
static struct btf *raw_btf(struct fuzz_input *input)
{
	size_t len = fuzz_number(input, 2), types_len;
	struct btf_header head = {.magic = BTF_MAGIC, .version = BTF_VERSION};
	uint8_t data[sizeof(head) + 1024] = {0};
	struct btf *btf;

	if (len > input->left)
		len = input->left;
	if (len > 1022)
		len = 1022;
	types_len = len / 2 / 4 * 4;
	head.hdr_len = sizeof(head);
	head.type_len = (uint32_t)types_len;
	head.str_off = (uint32_t)types_len;
	head.str_len = (uint32_t)(len - types_len + 2); // a NUL on each side
	memcpy(data, &head, sizeof(head));
	memcpy(data + sizeof(head), input->at, types_len);
	memcpy(data + sizeof(head) + types_len + 1, input->at + types_len, len - types_len);
	input->at += len;
	input->left -= len;
	btf = btf__new(data, (uint32_t)(sizeof(head) + len + 2));
	return libbpf_get_error(btf) ? NULL : btf;
}

static const char *name_of(unsigned number, char name[static 16])
{
	static const char *const known[] = {"__be16", "__be32", "__be64", "char",    "bpf_timer",
					    "u8",     "",	"int",	  "in_addr", "in6_addr"};

	if (number % 4 == 0 && number / 4 % 16 < 10)
		return known[number / 4 % 16];
	snprintf(name, 16, "n%u", number);
	return name;
}

static bool is_kernels(const struct btf *btf, const struct btf_type *type)
{
	return btf_is_composite(type) &&
	       !strncmp(btf__name_by_offset(btf, type->name_off), "bpf_", 4);
}

// A struct or union whose members may stand in for it: only the one made last, so that no name comes twice, and only
// when it has a value to show.
static bool may_be_nameless(const struct btf *btf, int id)
{
	const struct btf_type *type = btf__type_by_id(btf, (uint32_t)id);
	const struct btf_type *first;

	if (id != (int)btf__type_cnt(btf) - 2 || !btf_is_composite(type) || !btf_vlen(type))
		return false;
	first = btf__type_by_id(btf, btf_members(type)->type);
	return btf_members(type)->name_off && !is_kernels(btf, first) && !is_kernels(btf, type);
}

// Members in their places one behind the other, so that the type is sound; names are all different. A union has one
// member at least, and none that only the kernel may look into: else it would have no value.
static void add_members(struct btf *btf, struct fuzz_input *input, bool is_union)
{
	int self = (int)btf__type_cnt(btf) - 1;
	unsigned count = fuzz_byte(input) % 5;
	uint32_t bit = 0;
	char name[24];

	snprintf(name, sizeof(name), "m%d", self);
	if (is_union)
		(void)btf__add_field(btf, name, 1, 0, 0);
	for (unsigned i = 0; i < count && self > 1; i++) {
		int type = fuzz_byte(input) % (self - 1) + 1;
		unsigned flags = fuzz_byte(input), bits = flags & 1 ? flags / 2 % 65 : 0;
		int64_t size = btf__resolve_size(btf, (uint32_t)type);
		bool nameless = flags & 2 && !i && (bits || may_be_nameless(btf, type));

		if (size < 0 || size > 64 ||
		    (is_union && is_kernels(btf, btf__type_by_id(btf, (uint32_t)type))))
			continue;
		if (!bits)
			bit = (bit + 7) / 8 * 8;
		snprintf(name, sizeof(name), "m%d_%u", self, i);
		(void)btf__add_field(btf, nameless ? NULL : name, type, is_union ? 0 : bit, bits);
		bit += bits ? bits : (uint32_t)size * 8;
	}
}

static struct btf *sound_btf(struct fuzz_input *input)
{
	static const char *const values[] = {"ONE", "TWO", "THREE"};
	struct btf *btf = btf__new_empty();
	unsigned count = fuzz_byte(input) % TYPES_MAX + 1;

	HOLDS(!libbpf_get_error(btf));
	(void)btf__add_int(btf, "u32", 4, 0);
	for (unsigned i = 0; i < count; i++) {
		int known = (int)btf__type_cnt(btf) - 1, other = fuzz_byte(input) % known + 1;
		unsigned kind = fuzz_byte(input), value = fuzz_byte(input);
		char own[16];
		const char *name = name_of(value, own);

		switch (kind % 9) {
		case 0:
			(void)btf__add_int(btf, *name ? name : "int", 1u << value % 5,
					   (int)(value >> 5) % 5);
			break;
		case 1:
			(void)btf__add_array(btf, 1, other, value % 20);
			break;
		case 2:
			(void)btf__add_typedef(btf, *name ? name : "t", other);
			break;
		case 3:
			(void)btf__add_const(btf, other);
			break;
		case 4:
			(void)btf__add_enum(btf, name, 1u << value % 4);
			for (unsigned j = 0; j < value % 4; j++)
				(void)btf__add_enum_value(btf, values[j],
							  (int8_t)fuzz_byte(input) * 100);
			break;
		case 5:
			(void)btf__add_struct(btf, name, value);
			add_members(btf, input, false);
			break;
		case 6:
			(void)btf__add_union(btf, name, value);
			add_members(btf, input, true);
			break;
		case 7:
			(void)btf__add_ptr(btf, other);
			break;
		default:
			(void)btf__add_float(btf, "f", 8);
		}
	}
	return btf;
}

// ---- values ----

// Paths as the members above are named, one or two deep, or the whole.
static void say(struct fuzz_input *input, unsigned count, struct notations *said)
{
	said->list = calloc(count + 1, sizeof(*said->list));
	HOLDS(said->list);
	for (unsigned i = 0; i < count; i++) {
		struct notation_at *at = &said->list[said->count++];
		unsigned type = fuzz_byte(input), member = fuzz_byte(input),
			 inner = fuzz_byte(input);

		at->notation = (enum notation)(1 + fuzz_byte(input) % (NOTATION_COUNT - 1));
		if (member & 128)
			snprintf(at->path, sizeof(at->path), "m%u", type);
		else if (inner & 128)
			snprintf(at->path, sizeof(at->path), "m%u_%u", type, member % 5);
		else if (inner & 64)
			snprintf(at->path, sizeof(at->path), "m%u_%u.m%u_%u", type, member % 5,
				 inner % 32, member / 5 % 5);
	}
}

static void encode_any(const struct mapcodec *codec, const struct fuzz_input *text)
{
	OWNED(json_drop) struct json *value = NULL;
	OWNED(drop_heap) void *out = malloc(codec->size + 1);
	struct spot_place place;
	struct fault why = {0};
	unsigned line, column;

	HOLDS(out);
	if (json_parse(text->at, text->left, "value", &value, &why))
		return;
	if (encode_value(codec, value, out, &place, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_CONFIG);
		// Where it is wrong is a place of the document.
		HOLDS(!place.parent ||
		      json_place(value, (const char *)text->at, text->left, place.parent, place.key,
				 place.index, &line, &column));
	}
}

static bool says_prefix(const struct mapcodec *codec)
{
	for (size_t i = 0; i < codec->said->count; i++)
		if (codec->said->list[i].notation == NOTATION_PREFIX)
			return true;
	return codec->prefix;
}

static void decode_any(const struct mapcodec *codec, const uint8_t *in, bool sound)
{
	OWNED(json_drop) struct json *value = NULL;
	OWNED(json_drop) struct json *again = NULL;
	OWNED(drop_heap) uint8_t *out = malloc(codec->size + 1);
	OWNED(drop_heap) uint8_t *third = NULL;
	struct fault why = {0};

	HOLDS(out);
	if (decode_value(codec, in, &value, &why)) {
		fuzz_refused(&why);
		return;
	}
	if (encode_value(codec, value, out, NULL, &why)) {
		if (sound)
			fault_print(&why, stderr);
		HOLDS(!sound);
		return;
	}
	if (!sound)
		return;
	MUST(decode_value(codec, out, &again, &must));
	if (json_same(value, again))
		return;
	// Bits in padding kept a prefix from being written as one; without them it is. The bytes are the same ever after.
	HOLDS(says_prefix(codec));
	HOLDS((third = malloc(codec->size + 1)));
	MUST(encode_value(codec, again, third, NULL, &must));
	HOLDS(!memcmp(out, third, codec->size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	unsigned first = fuzz_byte(&input);
	bool sound = first & 1;
	OWNED(notations_drop) struct notations said = {0};
	OWNED(drop_btf) struct btf *btf = NULL;
	OWNED(drop_heap) uint8_t *value = NULL;
	struct mapcodec codec = {.said = &said, .prefix = first & 16};
	int64_t whole;

	libbpf_set_print(be_silent);
	btf = sound ? sound_btf(&input) : raw_btf(&input);
	codec.btf = btf;
	codec.type_id = fuzz_byte(&input);
	codec.size = fuzz_byte(&input);
	// Mostly the size that the type has, or nothing else would be looked at.
	whole = btf ? btf__resolve_size(btf, codec.type_id) : -1;
	if (whole >= 0 && whole <= SIZE_LIMIT && codec.size % 8)
		codec.size = (size_t)whole;
	say(&input, first / 2 % 8, &said);
	value = calloc(1, codec.size + 1);
	HOLDS(value);
	for (size_t i = 0; i < codec.size; i++)
		value[i] = fuzz_byte(&input);
	decode_any(&codec, value, sound || !btf || !codec.type_id);
	encode_any(&codec, &input);
	return 0;
}
