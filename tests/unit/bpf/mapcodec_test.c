// SPDX-License-Identifier: Apache-2.0
#include "bpf/decode.h"
#include "bpf/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "base/bytes.h"
#include "base/owned.h"

// The types that a test puts together, made afresh for each.
struct types {
	struct btf *btf;
	int u8, u16, u32, u64, s8, s16, s32, s64, boolean, letter;
	int be16, be32, be64;
};

static int checked(int id)
{
	assert_true(id >= 0);
	return id;
}

static int types_setup(void **state)
{
	struct types *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->btf = btf__new_empty();
	assert_non_null(t->btf);
	t->u8 = checked(btf__add_int(t->btf, "unsigned char", 1, 0));
	t->u16 = checked(btf__add_int(t->btf, "unsigned short", 2, 0));
	t->u32 = checked(btf__add_int(t->btf, "unsigned int", 4, 0));
	t->u64 = checked(btf__add_int(t->btf, "unsigned long long", 8, 0));
	t->s8 = checked(btf__add_int(t->btf, "signed char", 1, BTF_INT_SIGNED));
	t->s16 = checked(btf__add_int(t->btf, "short", 2, BTF_INT_SIGNED));
	t->s32 = checked(btf__add_int(t->btf, "int", 4, BTF_INT_SIGNED));
	t->s64 = checked(btf__add_int(t->btf, "long long", 8, BTF_INT_SIGNED));
	t->boolean = checked(btf__add_int(t->btf, "_Bool", 1, BTF_INT_BOOL));
	t->letter = checked(btf__add_int(t->btf, "char", 1, BTF_INT_SIGNED));
	t->be16 = checked(
		btf__add_typedef(t->btf, "__be16", btf__add_typedef(t->btf, "__u16", t->u16)));
	t->be32 = checked(
		btf__add_typedef(t->btf, "__be32", btf__add_typedef(t->btf, "__u32", t->u32)));
	t->be64 = checked(
		btf__add_typedef(t->btf, "__be64", btf__add_typedef(t->btf, "__u64", t->u64)));
	*state = t;
	return 0;
}

static int types_teardown(void **state)
{
	struct types *t = *state;

	btf__free(t->btf);
	free(t);
	return 0;
}

static struct mapcodec codec_of(const struct btf *btf, int type, size_t size)
{
	return (struct mapcodec){.btf = btf, .type_id = (uint32_t)type, .size = size};
}

static int array_of(struct types *t, int type, uint32_t count)
{
	return checked(btf__add_array(t->btf, t->u32, type, count));
}

static struct json *json_of(const char *text)
{
	struct fault why = {0};
	struct json *json;

	if (json_parse(text, strlen(text), "test", &json, &why))
		fail_msg("%s: %s", text, why.text);
	return json;
}

// Encodes into bytes that were 0xAA before, so that what is not zeroed shows.
static void encodes(const struct btf *btf, int type, const char *value, const void *bytes,
		    size_t size)
{
	OWNED(json_drop) struct json *json = json_of(value);
	const struct mapcodec codec = codec_of(btf, type, size);
	unsigned char out[256];
	struct fault why = {0};

	assert_true(size < sizeof(out));
	memset(out, 0xaa, sizeof(out));
	if (encode_value(&codec, json, out, NULL, &why))
		fail_msg("%s: %s", value, why.text);
	assert_memory_equal(out, bytes, size);
	assert_int_equal(out[size], 0xaa);
}

static void decodes(const struct btf *btf, int type, const void *bytes, size_t size,
		    const char *value)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *json = NULL;
	const struct mapcodec codec = codec_of(btf, type, size);
	struct fault why = {0};

	if (decode_value(&codec, bytes, &json, &why))
		fail_msg("%s: %s", value, why.text);
	assert_int_equal(json_write(json, false, &text, &why), 0);
	text.data[text.len - 1] = '\0'; // the newline
	assert_string_equal(bytes_text(&text), value);
}

static void both(const struct btf *btf, int type, const char *value, const void *bytes, size_t size)
{
	encodes(btf, type, value, bytes, size);
	decodes(btf, type, bytes, size, value);
}

static void refuses(const struct btf *btf, int type, const char *value, size_t size,
		    const char *text)
{
	OWNED(json_drop) struct json *json = json_of(value);
	const struct mapcodec codec = codec_of(btf, type, size);
	unsigned char out[256];
	struct fault why = {0};

	assert_int_equal(encode_value(&codec, json, out, NULL, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	if (!strstr(why.text, text))
		fail_msg("%s: said \"%s\", not \"%s\"", value, why.text, text);
}

static void integers_are_written_in_the_order_of_the_machine(void **state)
{
	struct types *t = *state;
	uint16_t two = 0x1234;
	uint32_t four = 4000000000u;
	uint64_t eight = 1234567890123456789u;

	both(t->btf, t->u8, "255", "\xff", 1);
	both(t->btf, t->u16, "4660", &two, 2);
	both(t->btf, t->u32, "4000000000", &four, 4);
	both(t->btf, t->u64, "1234567890123456789", &eight, 8);
}

static void negative_integers_keep_their_sign(void **state)
{
	struct types *t = *state;
	int16_t two = INT16_MIN;
	int64_t eight = INT64_MIN;

	both(t->btf, t->s8, "-1", "\xff", 1);
	both(t->btf, t->s16, "-32768", &two, 2);
	both(t->btf, t->s64, "-9223372036854775808", &eight, 8);
}

static void integers_past_their_range_are_refused(void **state)
{
	struct types *t = *state;

	refuses(t->btf, t->u8, "256", 1, "256 does not fit unsigned char (0 to 255)");
	refuses(t->btf, t->u8, "-1", 1, "-1 does not fit");
	refuses(t->btf, t->s8, "128", 1, "128 does not fit signed char (-128 to 127)");
	refuses(t->btf, t->s8, "-129", 1, "does not fit");
	refuses(t->btf, t->u16, "65536", 2, "does not fit");
	refuses(t->btf, t->s16, "-32769", 2, "-32769 does not fit short (-32768 to 32767)");
	refuses(t->btf, t->u32, "4294967296", 4, "does not fit");
	refuses(t->btf, t->s32, "2147483648", 4, "does not fit");
	refuses(t->btf, t->u64, "-1", 8, "does not fit");
	refuses(t->btf, t->s64, "\"0x8000000000000000\"", 8, "does not fit");
	refuses(t->btf, t->u32, "\"0x100000000\"", 4, "does not fit");
}

static void integers_take_no_other_type(void **state)
{
	struct types *t = *state;

	refuses(t->btf, t->u32, "\"7\"", 4, "expected an integer");
	refuses(t->btf, t->u64, "\"18446744073709551615\"", 8, "expected an integer");
	refuses(t->btf, t->u32, "true", 4, "expected an integer");
	refuses(t->btf, t->u32, "null", 4, "expected an integer");
	refuses(t->btf, t->u32, "[1]", 4, "expected an integer");
	refuses(t->btf, t->u64, "\"0x\"", 8, "is not 0x");
	refuses(t->btf, t->u64, "\"0x12345678123456781\"", 8, "is not 0x");
	refuses(t->btf, t->u64, "\"0x12 \"", 8, "is not 0x");
}

static void what_is_above_a_json_integer_is_hexadecimal(void **state)
{
	struct types *t = *state;
	uint64_t all = UINT64_MAX, small = 0x10;

	both(t->btf, t->u64, "\"0xffffffffffffffff\"", &all, 8);
	encodes(t->btf, t->u64, "\"0x10\"", &small, 8);
}

static void a_bool_is_true_or_false_and_no_number(void **state)
{
	struct types *t = *state;

	both(t->btf, t->boolean, "true", "\1", 1);
	both(t->btf, t->boolean, "false", "\0", 1);
	refuses(t->btf, t->boolean, "1", 1, "expected true or false");
}

static void network_order_is_seen_through_typedefs_and_const(void **state)
{
	struct types *t = *state;
	int mine = checked(btf__add_typedef(t->btf, "my_port", btf__add_const(t->btf, t->be16)));

	both(t->btf, t->be16, "443", "\x01\xbb", 2);
	both(t->btf, mine, "443", "\x01\xbb", 2);
	both(t->btf, checked(btf__add_volatile(t->btf, mine)), "443", "\x01\xbb", 2);
	both(t->btf, t->be64, "1", "\0\0\0\0\0\0\0\1", 8);
}

static void an_ipv4_address_is_a_text_or_a_number(void **state)
{
	struct types *t = *state;
	int bytes = array_of(t, t->u8, 4);

	both(t->btf, t->be32, "\"10.0.0.1\"", "\x0a\0\0\1", 4);
	encodes(t->btf, t->be32, "167772161", "\x0a\0\0\1", 4);
	encodes(t->btf, t->be32, "\"0x0a000001\"", "\x0a\0\0\1", 4);
	both(t->btf, bytes, "\"192.0.2.255\"", "\xc0\0\2\xff", 4);
	encodes(t->btf, bytes, "[192,0,2,255]", "\xc0\0\2\xff", 4);
	refuses(t->btf, t->be32, "\"10.0.0\"", 4, "is not an IPv4 address");
	refuses(t->btf, t->be32, "\"10.0.0.256\"", 4, "is not an IPv4 address");
	refuses(t->btf, t->be32, "\"10.0.0.1 \"", 4, "is not an IPv4 address");
	refuses(t->btf, t->be32, "\"fe80::1\"", 4, "is not an IPv4 address");
}

static void a_plain_u32_is_no_address(void **state)
{
	struct types *t = *state;

	refuses(t->btf, t->u32, "\"10.0.0.1\"", 4, "expected an integer");
}

static void ipv6_and_mac_addresses_are_texts(void **state)
{
	struct types *t = *state;
	int six = array_of(t, t->u8, 16), mac = array_of(t, t->u8, 6);

	both(t->btf, six, "\"fe80::1\"", "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	both(t->btf, mac, "\"02:00:5e:10:00:ff\"", "\2\0\x5e\x10\0\xff", 6);
	encodes(t->btf, mac, "\"02:00:5E:10:00:FF\"", "\2\0\x5e\x10\0\xff", 6);
	refuses(t->btf, six, "\"10.0.0.1\"", 16, "is not an IPv6 address");
	refuses(t->btf, six, "\"fe80::1%eth0\"", 16, "is not an IPv6 address");
	refuses(t->btf, mac, "\"02:00:5e:10:00\"", 6, "is not a MAC address");
	refuses(t->btf, mac, "\"02-00-5e-10-00-ff\"", 6, "is not a MAC address");
	refuses(t->btf, mac, "\"02:00:5e:10:00:fg\"", 6, "is not a MAC address");
}

static void an_array_takes_exactly_its_items(void **state)
{
	struct types *t = *state;
	int list = array_of(t, t->u16, 3), table = array_of(t, array_of(t, t->u8, 2), 2);
	uint16_t numbers[3] = {1, 2, 3};

	both(t->btf, list, "[1,2,3]", numbers, sizeof(numbers));
	both(t->btf, table, "[[1,2],[3,4]]", "\1\2\3\4", 4);
	refuses(t->btf, list, "[1,2]", 6, "the array has 2 items, not 3");
	refuses(t->btf, list, "[1,2,3,4]", 6, "the array has 4 items, not 3");
	refuses(t->btf, list, "{}", 6, "expected an array of 3");
	refuses(t->btf, list, "[1,2,65536]", 6, "[2]: 65536 does not fit");
	refuses(t->btf, table, "[[1,2],[3,400]]", 4, "[1][1]: 400 does not fit");
}

static void a_char_array_is_a_text_with_room_for_its_nul(void **state)
{
	struct types *t = *state;
	int name = array_of(t, t->letter, 6);

	both(t->btf, name, "\"eth0\"", "eth0\0\0", 6);
	both(t->btf, name, "\"\"", "\0\0\0\0\0\0", 6);
	refuses(t->btf, name, "\"eth100\"", 6, "the text has 6 bytes; at most 5 fit");
	decodes(t->btf, name, "ab\0cd\0", 6, "[97,98,0,99,100,0]");
	decodes(t->btf, name, "abcdef", 6, "[97,98,99,100,101,102]");
	encodes(t->btf, name, "[97,98,-1,99,100,0]",
		"ab\xff"
		"cd\0",
		6);
}

static int color_enum(struct types *t, uint32_t size)
{
	int id = checked(btf__add_enum(t->btf, "color", size));

	checked(btf__add_enum_value(t->btf, "RED", 0));
	checked(btf__add_enum_value(t->btf, "GREEN", 7));
	return id;
}

static void an_enum_is_a_name_or_a_number(void **state)
{
	struct types *t = *state;
	int color = color_enum(t, 4), small = color_enum(t, 1);
	uint32_t seven = 7, nine = 9;

	both(t->btf, color, "\"GREEN\"", &seven, 4);
	encodes(t->btf, color, "7", &seven, 4);
	both(t->btf, color, "9", &nine, 4);
	both(t->btf, small, "\"GREEN\"", "\7", 1);
	refuses(t->btf, small, "256", 1, "does not fit color");
	refuses(t->btf, color, "\"GREN\"", 4, "\"GREN\" is not a name of enum color");
}

static void an_unknown_enum_name_offers_the_nearest(void **state)
{
	struct types *t = *state;
	OWNED(json_drop) struct json *json = json_of("\"GREN\"");
	const struct mapcodec codec = codec_of(t->btf, color_enum(t, 4), 4);
	struct fault why = {0};
	uint32_t out;

	assert_int_equal(encode_value(&codec, json, &out, NULL, &why), -1);
	assert_string_equal(why.fix, "did you mean \"GREEN\"?");
}

static void a_wide_enum_holds_wide_values(void **state)
{
	struct types *t = *state;
	int id = checked(btf__add_enum64(t->btf, "flags", 8, false));
	uint64_t high = UINT64_C(1) << 63;

	checked(btf__add_enum64_value(t->btf, "HIGH", high));
	both(t->btf, id, "\"HIGH\"", &high, 8);
	encodes(t->btf, id, "\"0x8000000000000000\"", &high, 8);
}

// struct flow { u8 kind; /* 3 bytes of padding */ __be32 from; u16 ports[2]; };
static int flow_struct(struct types *t)
{
	int ports = array_of(t, t->u16, 2);
	int id = checked(btf__add_struct(t->btf, "flow", 12));

	checked(btf__add_field(t->btf, "kind", t->u8, 0, 0));
	checked(btf__add_field(t->btf, "from", t->be32, 32, 0));
	checked(btf__add_field(t->btf, "ports", ports, 64, 0));
	return id;
}

static void a_struct_is_written_by_field_and_its_padding_is_zero(void **state)
{
	struct types *t = *state;
	uint16_t ports[2] = {1, 2};
	unsigned char bytes[12] = {9, 0, 0, 0, 10, 0, 0, 1};

	memcpy(bytes + 8, ports, 4);
	both(t->btf, flow_struct(t), "{\"kind\":9,\"from\":\"10.0.0.1\",\"ports\":[1,2]}", bytes,
	     12);
	encodes(t->btf, flow_struct(t),
		"{\"//\":\"a comment\",\"ports\":[1,2],\"from\":\"10.0.0.1\",\"kind\":9}", bytes,
		12);
}

static void a_struct_refuses_missing_and_unknown_fields_by_path(void **state)
{
	struct types *t = *state;
	int flow = flow_struct(t), outer = checked(btf__add_struct(t->btf, "outer", 12));

	checked(btf__add_field(t->btf, "flow", flow, 0, 0));
	refuses(t->btf, outer, "{\"flow\":{\"kind\":9,\"from\":\"10.0.0.1\"}}", 12,
		"flow.ports: this field of flow is missing");
	refuses(t->btf, outer, "{\"flow\":{\"kind\":9,\"from\":\"10.0.0.1\",\"ports\":[1,70000]}}",
		12, "flow.ports[1]: 70000 does not fit");
	refuses(t->btf, outer, "{\"flow\":{\"kind\":9,\"from\":1,\"ports\":[1,2],\"port\":1}}", 12,
		"flow: flow has no field \"port\"");
	refuses(t->btf, outer, "{\"flow\":[]}", 12, "flow: expected an object");
	refuses(t->btf, outer, "{\"//\":1,\"flow\":{}}", 12, "outer has no field \"//\"");
	refuses(t->btf, outer, "{}", 12, "flow: this field of outer is missing");
}

// union { u32 word; u8 bytes[4]; u16 half; }
static void a_union_takes_one_of_its_members(void **state)
{
	struct types *t = *state;
	int bytes = array_of(t, t->u8, 3), id = checked(btf__add_union(t->btf, "any", 4));
	uint32_t word = 0x01020304;
	unsigned char half[4] = {0};

	checked(btf__add_field(t->btf, "half", t->u16, 0, 0));
	checked(btf__add_field(t->btf, "word", t->u32, 0, 0));
	checked(btf__add_field(t->btf, "bytes", bytes, 0, 0));
	memcpy(half, &(uint16_t){5}, 2);
	both(t->btf, id, "{\"word\":16909060}", &word, 4);
	encodes(t->btf, id, "{\"half\":5}", half, 4);
	refuses(t->btf, id, "{}", 4, "a union takes one of its members; 0 are named");
	refuses(t->btf, id, "{\"half\":5,\"word\":5}", 4, "2 are named");
}

// struct { union { u32 a; struct { u16 b; u16 c; }; }; u32 d; }
static void members_without_a_name_belong_to_what_is_around_them(void **state)
{
	struct types *t = *state;
	int pair = checked(btf__add_struct(t->btf, NULL, 4)), either, id;
	uint32_t words[2] = {7, 8};
	uint16_t halves[4] = {0};

	checked(btf__add_field(t->btf, "b", t->u16, 0, 0));
	checked(btf__add_field(t->btf, "c", t->u16, 16, 0));
	either = checked(btf__add_union(t->btf, NULL, 4));
	checked(btf__add_field(t->btf, "a", t->u32, 0, 0));
	checked(btf__add_field(t->btf, NULL, pair, 0, 0));
	id = checked(btf__add_struct(t->btf, "outer", 8));
	checked(btf__add_field(t->btf, NULL, either, 0, 0));
	checked(btf__add_field(t->btf, "d", t->u32, 32, 0));

	both(t->btf, id, "{\"a\":7,\"d\":8}", words, 8);
	halves[0] = 1;
	halves[1] = 2;
	memcpy(&halves[2], &words[1], 4);
	encodes(t->btf, id, "{\"b\":1,\"c\":2,\"d\":8}", halves, 8);
	refuses(t->btf, id, "{\"b\":1,\"d\":8}", 8, "c: this field");
	refuses(t->btf, id, "{\"a\":1,\"c\":2,\"d\":8}", 8, "2 are named");
	refuses(t->btf, id, "{\"d\":8}", 8, "0 are named");
	refuses(t->btf, id, "{\"a\":1,\"d\":8,\"e\":1}", 8, "no field \"e\"");
}

// struct { u32 low:4, high:12; int sign:3; u32 :5; u32 end:8; }
static void bitfields_share_their_bytes(void **state)
{
	struct types *t = *state;
	int id = checked(btf__add_struct(t->btf, "bits", 4));
	struct {
		unsigned int low : 4, high : 12;
		signed int sign : 3;
		unsigned int : 5;
		unsigned int end : 8;
	} value = {.low = 5, .high = 0xabc, .sign = -3, .end = 0x7f};

	_Static_assert(sizeof(value) == 4, "one word");
	checked(btf__add_field(t->btf, "low", t->u32, 0, 4));
	checked(btf__add_field(t->btf, "high", t->u32, 4, 12));
	checked(btf__add_field(t->btf, "sign", t->s32, 16, 3));
	checked(btf__add_field(t->btf, NULL, t->u32, 19, 5));
	checked(btf__add_field(t->btf, "end", t->u32, 24, 8));
	both(t->btf, id, "{\"low\":5,\"high\":2748,\"sign\":-3,\"end\":127}", &value, 4);
	refuses(t->btf, id, "{\"low\":16,\"high\":0,\"sign\":0,\"end\":0}", 4,
		"low: 16 does not fit");
	refuses(t->btf, id, "{\"low\":0,\"high\":0,\"sign\":4,\"end\":0}", 4,
		"sign: 4 does not fit");
	refuses(t->btf, id, "{\"low\":0,\"high\":0,\"sign\":-5,\"end\":0}", 4,
		"sign: -5 does not fit");
}

static void the_kernels_own_fields_are_neither_written_nor_shown(void **state)
{
	struct types *t = *state;
	int lock = checked(btf__add_struct(t->btf, "bpf_spin_lock", 4)), id;
	uint32_t value[2] = {0, 7}, locked[2] = {1, 7};

	checked(btf__add_field(t->btf, "val", t->u32, 0, 0));
	id = checked(btf__add_struct(t->btf, "guarded", 8));
	checked(btf__add_field(t->btf, "lock", lock, 0, 0));
	checked(btf__add_field(t->btf, "n", t->u32, 32, 0));
	both(t->btf, id, "{\"n\":7}", value, 8);
	decodes(t->btf, id, locked, 8, "{\"n\":7}");
	refuses(t->btf, id, "{\"lock\":{\"val\":1},\"n\":7}", 8,
		"lock: the kernel keeps this field");
}

static void what_json_cannot_say_is_hex(void **state)
{
	struct types *t = *state;
	int real = checked(btf__add_float(t->btf, "double", 8));
	int wide = checked(btf__add_int(t->btf, "__int128", 16, 0));
	int key = array_of(t, t->u8, 3);

	both(t->btf, real, "\"hex:0102030405060708\"", "\1\2\3\4\5\6\7\10", 8);
	both(t->btf, wide, "\"hex:000102030405060708090a0b0c0d0e0f\"",
	     "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17", 16);
	encodes(t->btf, key, "\"hex:0a0b0c\"", "\12\13\14", 3);
	refuses(t->btf, real, "1", 8, "is written \"hex:\" and 16 digits");
	refuses(t->btf, key, "\"hex:0a0b\"", 3, "6 lower-case digits");
	refuses(t->btf, key, "\"hex:0A0B0C\"", 3, "6 lower-case digits");
	refuses(t->btf, key, "\"abc\"", 3, "expected an array of 3 bytes");
}

// Everything else that BTF can say: no value, or only bytes.
static void every_other_kind_of_type_is_hex_or_refused(void **state)
{
	struct types *t = *state;
	int pointer = checked(btf__add_ptr(t->btf, t->u32));
	int forward = checked(btf__add_fwd(t->btf, "later", BTF_FWD_STRUCT));
	int proto = checked(btf__add_func_proto(t->btf, t->u32));
	int function = checked(btf__add_func(t->btf, "f", BTF_FUNC_STATIC, proto));
	int variable = checked(btf__add_var(t->btf, "v", BTF_VAR_STATIC, t->u32));
	int section = checked(btf__add_datasec(t->btf, ".data", 4)), wrapped;

	checked(btf__add_datasec_var_info(t->btf, variable, 0, 4));
	wrapped = checked(btf__add_type_tag(
		t->btf, "user",
		checked(btf__add_restrict(t->btf, checked(btf__add_const(t->btf, t->u8))))));
	both(t->btf, pointer, "\"hex:0102030405060708\"", "\1\2\3\4\5\6\7\10", 8);
	both(t->btf, wrapped, "7", "\7", 1);
	both(t->btf, section, "\"hex:01020304\"", "\1\2\3\4", 4);
	refuses(t->btf, forward, "1", 4, "the object's BTF gives 0 bytes");
	refuses(t->btf, proto, "1", 4, "the object's BTF gives 0 bytes");
	refuses(t->btf, function, "1", 4, "the object's BTF gives 0 bytes");
}

static void without_btf_there_are_integers_and_hex(void **state)
{
	uint64_t all = UINT64_MAX;
	uint16_t two = 513;
	int16_t minus = -2;

	(void)state;
	both(NULL, 0, "513", &two, 2);
	encodes(NULL, 0, "-2", &minus, 2);
	both(NULL, 0, "\"0xffffffffffffffff\"", &all, 8);
	both(NULL, 0, "\"hex:010203\"", "\1\2\3", 3);
	encodes(NULL, 0, "\"hex:0102\"", "\1\2", 2);
	refuses(NULL, 0, "65536", 2, "65536 does not fit 2 bytes");
	refuses(NULL, 0, "-32769", 2, "-32769 does not fit 2 bytes");
	refuses(NULL, 0, "1", 3, "3 bytes of unknown type are written \"hex:\" and 6 digits");
	refuses(NULL, 0, "\"hex:01\"", 3, "6 lower-case digits");
	refuses(NULL, 0, "true", 4, "expected an integer");
}

static void a_type_of_another_size_than_the_map_is_refused(void **state)
{
	struct types *t = *state;
	struct json *json = NULL;
	struct fault why = {0};

	refuses(t->btf, t->u32, "1", 8, "the object's BTF gives 4 bytes, the map has 8");
	assert_int_equal(decode_value(&(struct mapcodec){t->btf, (uint32_t)t->u32, 2, NULL, false},
				      "\0\0", &json, &why),
			 -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_null(json);
	refuses(t->btf, 9999, "1", 4, "the object's BTF gives 0 bytes");
}

// A struct that says it is 4 bytes long and holds a field behind its end, one that holds itself, and an array of
// two billion nothings: each would run or reach too far.
static void hostile_btf_is_refused_in_bounded_time(void **state)
{
	struct types *t = *state;
	int empty = checked(btf__add_struct(t->btf, "empty", 0));
	int many = array_of(t, empty, UINT32_MAX);
	int self, twins, far;
	struct fault why = {0};
	struct json *json = NULL;

	refuses(t->btf, many, "[]", 0, "an array of nothing");
	assert_int_equal(decode_value(&(struct mapcodec){t->btf, (uint32_t)many, 0, NULL, false},
				      "", &json, &why),
			 -1);

	self = checked(btf__add_struct(t->btf, "self", 4));
	checked(btf__add_field(t->btf, "me", self, 0, 0));
	assert_int_equal(decode_value(&(struct mapcodec){t->btf, (uint32_t)self, 4, NULL, false},
				      "\0\0\0\0", &json, &why),
			 -1);
	assert_non_null(strstr(why.text, "deeper"));

	// Twenty nameless copies of itself: 20^16 ways down.
	twins = checked(btf__add_struct(t->btf, "twins", 4));
	for (int i = 0; i < 20; i++)
		checked(btf__add_field(t->btf, NULL, twins, 0, 0));
	refuses(t->btf, twins, "{\"a\":1}", 4, "no field");
	refuses(t->btf, twins, "{}", 4, "");
	assert_int_equal(decode_value(&(struct mapcodec){t->btf, (uint32_t)twins, 4, NULL, false},
				      "\0\0\0\0", &json, &why),
			 -1);

	far = checked(btf__add_struct(t->btf, "far", 4));
	checked(btf__add_field(t->btf, "out", t->u32, 8000, 0));
	refuses(t->btf, far, "{\"out\":1}", 4, "out: the object's BTF places a field outside");
	far = checked(btf__add_struct(t->btf, "far2", 4));
	checked(btf__add_field(t->btf, "out", t->u64, 0, 0));
	refuses(t->btf, far, "{\"out\":1}", 4,
		"out: the object's BTF gives a type that does not fit");
	assert_null(json);
}

// ---- many types: bytes -> JSON -> bytes ----

// A small generator of its own, so that a failure comes back with its seed.
static uint32_t dice(uint32_t *seed, uint32_t sides)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % sides;
}

static void fill(uint32_t *seed, unsigned char *at, size_t size)
{
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)dice(seed, 256);
}

// Picks a type, and writes a value of it to `at`: any bytes but for bool, which has two.
static int some_leaf(struct types *t, uint32_t *seed, unsigned char *at, size_t *size)
{
	const int ids[] = {t->u8,  t->u16,     t->u32,	  t->u64,  t->s8,   t->s16,  t->s32,
			   t->s64, t->boolean, t->letter, t->be16, t->be32, t->be64, 0};
	int id = ids[dice(seed, 14)];

	if (!id)
		id = color_enum(t, 1u << dice(seed, 3));
	*size = (size_t)btf__resolve_size(t->btf, (uint32_t)id);
	fill(seed, at, *size);
	if (id == t->boolean)
		*at &= 1;
	return id;
}

static int some_array(struct types *t, uint32_t *seed, unsigned char *at, size_t *size)
{
	uint32_t count = 1 + dice(seed, 16);
	int item = dice(seed, 2) ? t->u8 : dice(seed, 2) ? t->be16 : t->letter;

	*size = count * (size_t)btf__resolve_size(t->btf, (uint32_t)item);
	fill(seed, at, *size);
	return array_of(t, item, count);
}

static int some_type(struct types *t, uint32_t *seed, unsigned char *at, size_t *size,
		     unsigned depth);

// Aligned to 8, so there is padding, and it stays zero. BTF wants the fields of a struct after the struct and all
// their types before it.
static int some_struct(struct types *t, uint32_t *seed, unsigned char *at, size_t *size,
		       unsigned depth)
{
	uint32_t count = 1 + dice(seed, 4);
	size_t used = 0, sizes[5], places[5];
	int ids[5], id;
	char name[16];

	for (uint32_t i = 0; i < count; i++) {
		ids[i] = some_type(t, seed, at + used, &sizes[i], depth + 1);
		places[i] = used;
		used = (used + sizes[i] + 7) / 8 * 8;
	}
	*size = used;
	id = checked(btf__add_struct(t->btf, "some", (uint32_t)used));
	for (uint32_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "f%u", i);
		checked(btf__add_field(t->btf, name, ids[i], (uint32_t)places[i] * 8, 0));
	}
	return id;
}

static int some_type(struct types *t, uint32_t *seed, unsigned char *at, size_t *size,
		     unsigned depth)
{
	uint32_t kind = dice(seed, 6);

	if (kind == 0 && depth < 4)
		return some_struct(t, seed, at, size, depth);
	if (kind == 1)
		return some_array(t, seed, at, size);
	if (kind == 2 && depth < 4)
		return checked(
			btf__add_typedef(t->btf, "alias", some_type(t, seed, at, size, depth + 1)));
	return some_leaf(t, seed, at, size);
}

static void any_bytes_of_any_type_come_back_as_they_were(void **state)
{
	struct types *t = *state;

	for (uint32_t round = 0; round < 3000; round++) {
		static unsigned char bytes[65536], back[65536];
		OWNED(json_drop) struct json *json = NULL;
		OWNED(json_drop) struct json *again = NULL;
		struct fault why = {0};
		uint32_t seed = round;
		struct mapcodec codec;
		size_t size;
		int id;

		memset(bytes, 0, sizeof(bytes));
		memset(back, 0xaa, sizeof(back));
		id = some_struct(t, &seed, bytes, &size, 0);
		codec = codec_of(t->btf, id, size);
		if (decode_value(&codec, bytes, &json, &why) ||
		    encode_value(&codec, json, back, NULL, &why) ||
		    decode_value(&codec, back, &again, &why))
			fail_msg("round %u: %s", round, why.text);
		if (memcmp(bytes, back, size) != 0 || !json_same(json, again))
			fail_msg("round %u: other bytes came back", round);
		assert_int_equal(back[size], 0xaa);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, types_setup, types_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(integers_are_written_in_the_order_of_the_machine),
		TEST(negative_integers_keep_their_sign),
		TEST(integers_past_their_range_are_refused),
		TEST(integers_take_no_other_type),
		TEST(what_is_above_a_json_integer_is_hexadecimal),
		TEST(a_bool_is_true_or_false_and_no_number),
		TEST(network_order_is_seen_through_typedefs_and_const),
		TEST(an_ipv4_address_is_a_text_or_a_number),
		TEST(a_plain_u32_is_no_address),
		TEST(ipv6_and_mac_addresses_are_texts),
		TEST(an_array_takes_exactly_its_items),
		TEST(a_char_array_is_a_text_with_room_for_its_nul),
		TEST(an_enum_is_a_name_or_a_number),
		TEST(an_unknown_enum_name_offers_the_nearest),
		TEST(a_wide_enum_holds_wide_values),
		TEST(a_struct_is_written_by_field_and_its_padding_is_zero),
		TEST(a_struct_refuses_missing_and_unknown_fields_by_path),
		TEST(a_union_takes_one_of_its_members),
		TEST(members_without_a_name_belong_to_what_is_around_them),
		TEST(bitfields_share_their_bytes),
		TEST(the_kernels_own_fields_are_neither_written_nor_shown),
		TEST(what_json_cannot_say_is_hex),
		TEST(every_other_kind_of_type_is_hex_or_refused),
		TEST(without_btf_there_are_integers_and_hex),
		TEST(a_type_of_another_size_than_the_map_is_refused),
		TEST(hostile_btf_is_refused_in_bounded_time),
		TEST(any_bytes_of_any_type_come_back_as_they_were),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
