// SPDX-License-Identifier: Apache-2.0
#include "bpf/notation.h"

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
#include "bpf/decode.h"
#include "bpf/encode.h"

// One value of a test: its type, and what a manifest says of it.
struct scene {
	struct btf *btf;
	struct notations said;
	struct mapcodec codec;
};

static int checked(int id)
{
	assert_true(id >= 0);
	return id;
}

static int up(void **state)
{
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	scene->btf = btf__new_empty();
	assert_non_null(scene->btf);
	checked(btf__add_int(scene->btf, "unsigned char", 1, 0));  // 1
	checked(btf__add_int(scene->btf, "unsigned short", 2, 0)); // 2
	checked(btf__add_int(scene->btf, "unsigned int", 4, 0));   // 3
	checked(btf__add_typedef(scene->btf, "__be32", 3));	   // 4
	checked(btf__add_array(scene->btf, 3, 3, 4));		   // 5: u32[4]
	checked(btf__add_array(scene->btf, 3, 1, 16));		   // 6: u8[16]
	*state = scene;
	return 0;
}

static int down(void **state)
{
	struct scene *scene = *state;

	btf__free(scene->btf);
	notations_drop(&scene->said);
	free(scene);
	return 0;
}

#define U8    1
#define U16   2
#define U32   3
#define BE32  4
#define WORDS 5
#define BYTES 6

static struct json *json_of(const char *text)
{
	struct fault why = {0};
	struct json *json;

	if (json_parse(text, strlen(text), "test", &json, &why))
		fail_msg("%s: %s", text, why.text);
	return json;
}

// From here on the value is of this type, written as `format` (JSON, or NULL) says.
static void value_is(struct scene *scene, int type, size_t size, const char *format)
{
	OWNED(json_drop) struct json *json = format ? json_of(format) : NULL;
	struct fault why = {0};

	notations_drop(&scene->said);
	if (json && notations_read(json, &scene->said, &why))
		fail_msg("%s: %s", format, why.text);
	scene->codec = (struct mapcodec){.btf = type ? scene->btf : NULL,
					 .type_id = (uint32_t)type,
					 .size = size,
					 .said = &scene->said};
}

static void encodes(const struct scene *scene, const char *value, const void *bytes)
{
	OWNED(json_drop) struct json *json = json_of(value);
	unsigned char out[64];
	struct fault why = {0};

	memset(out, 0xaa, sizeof(out));
	if (encode_value(&scene->codec, json, out, NULL, &why))
		fail_msg("%s: %s", value, why.text);
	assert_memory_equal(out, bytes, scene->codec.size);
	assert_int_equal(out[scene->codec.size], 0xaa);
}

static void decodes(const struct scene *scene, const void *bytes, const char *value)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *json = NULL;
	struct fault why = {0};

	if (decode_value(&scene->codec, bytes, &json, &why))
		fail_msg("%s: %s", value, why.text);
	assert_int_equal(json_write(json, false, &text, &why), 0);
	text.data[text.len - 1] = '\0'; // the newline
	assert_string_equal(bytes_text(&text), value);
}

static void both(const struct scene *scene, const char *value, const void *bytes)
{
	encodes(scene, value, bytes);
	decodes(scene, bytes, value);
}

static void refuses(const struct scene *scene, const char *value, const char *text, const char *fix)
{
	OWNED(json_drop) struct json *json = json_of(value);
	unsigned char out[64];
	struct fault why = {0};

	assert_int_equal(encode_value(&scene->codec, json, out, NULL, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	if (!strstr(why.text, text) || strcmp(why.fix, fix) != 0)
		fail_msg("%s: said \"%s\" (%s), not \"%s\" (%s)", value, why.text, why.fix, text,
			 fix);
}

// ---- what a manifest says ----

static void a_word_says_how_a_silent_type_is_written(void **state)
{
	struct scene *scene = *state;

	value_is(scene, U32, 4, "\"ipv4\"");
	both(scene, "\"10.0.0.1\"", "\x0a\0\0\1");
	refuses(scene, "1", "expected a text: an IPv4 address", "");
	refuses(scene, "\"10.0.0.256\"", "\"10.0.0.256\" is not an IPv4 address", "");
	value_is(scene, WORDS, 16, "\"ipv6\"");
	both(scene, "\"fe80::1\"", "\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	value_is(scene, U16, 2, "\"be16\"");
	both(scene, "443", "\x01\xbb");
	encodes(scene, "\"0x1bb\"", "\x01\xbb");
	refuses(scene, "65536", "65536 does not fit be16", "");
	refuses(scene, "-1", "-1 does not fit be16", "");
	value_is(scene, U32, 4, "\"hex\"");
	both(scene, "\"hex:0a000001\"", "\x0a\0\0\1");
	refuses(scene, "7", "expected a text", "");
}

static void a_word_takes_the_place_of_what_the_type_says(void **state)
{
	struct scene *scene = *state;

	value_is(scene, BE32, 4, NULL);
	decodes(scene, "\0\0\1\2", "\"0.0.1.2\"");
	value_is(scene, BE32, 4, "\"be32\"");
	both(scene, "258", "\0\0\1\2");
	refuses(scene, "\"10.0.0.1\"", "expected an integer for be32", "");
}

static void a_word_holds_for_each_item_of_an_array_that_it_does_not_fit(void **state)
{
	struct scene *scene = *state;

	value_is(scene, WORDS, 16, "\"ipv4\"");
	both(scene, "[\"10.0.0.1\",\"10.0.0.2\",\"0.0.0.0\",\"255.255.255.255\"]",
	     "\x0a\0\0\1\x0a\0\0\2\0\0\0\0\xff\xff\xff\xff");
	refuses(scene, "[1,2,3,4]", "[0]: expected a text: an IPv4 address", "");
}

// struct { u32 src; struct { u16 port; u8 mac[6]; } end; u32 hops[2]; }
static int flow_type(struct scene *scene)
{
	int mac = checked(btf__add_array(scene->btf, U32, U8, 6));
	int hops = checked(btf__add_array(scene->btf, U32, U32, 2));
	int end = checked(btf__add_struct(scene->btf, "end", 8)), flow;

	checked(btf__add_field(scene->btf, "port", U16, 0, 0));
	checked(btf__add_field(scene->btf, "mac", mac, 16, 0));
	flow = checked(btf__add_struct(scene->btf, "flow", 20));
	checked(btf__add_field(scene->btf, "src", U32, 0, 0));
	checked(btf__add_field(scene->btf, "end", end, 32, 0));
	checked(btf__add_field(scene->btf, "hops", hops, 96, 0));
	return flow;
}

static void fields_are_said_by_their_paths(void **state)
{
	struct scene *scene = *state;

	value_is(scene, flow_type(scene), 20,
		 "{\"src\":\"ipv4\",\"end.port\":\"be16\",\"hops\":\"ipv4\"}");
	both(scene,
	     "{\"src\":\"10.0.0.1\",\"end\":{\"port\":443,\"mac\":\"02:00:00:00:00:01\"},"
	     "\"hops\":[\"10.0.0.2\",\"10.0.0.3\"]}",
	     "\x0a\0\0\1\x01\xbb\2\0\0\0\0\1\x0a\0\0\2\x0a\0\0\3");
	refuses(scene,
		"{\"src\":7,\"end\":{\"port\":443,\"mac\":\"02:00:00:00:00:01\"},"
		"\"hops\":[\"10.0.0.2\",\"10.0.0.3\"]}",
		"src: expected a text: an IPv4 address", "");
}

static void what_is_said_of_no_field_or_of_another_size_is_refused(void **state)
{
	struct scene *scene = *state;
	int flow = flow_type(scene);

	value_is(scene, flow, 20, "{\"scr\":\"ipv4\"}");
	refuses(scene, "{}", "flow has no field \"scr\"", "did you mean \"src\"?");
	value_is(scene, flow, 20, "{\"end.prt\":\"be16\"}");
	refuses(scene, "{}", "end has no field \"prt\"", "did you mean \"port\"?");
	value_is(scene, flow, 20, "{\"src.port\":\"be16\"}");
	refuses(scene, "{}", "unsigned int has no fields", "");
	value_is(scene, flow, 20, "{\"end.port\":\"ipv4\"}");
	refuses(scene, "{}", "the format \"ipv4\" does not fit end.port, which has 2 bytes", "");
	value_is(scene, flow, 20, "\"ipv4\"");
	refuses(scene, "{}", "the format \"ipv4\" does not fit 20 bytes", "");
}

static void bits_of_an_integer_take_no_format(void **state)
{
	struct scene *scene = *state;
	int id = checked(btf__add_struct(scene->btf, "bits", 4));

	checked(btf__add_field(scene->btf, "low", U32, 0, 16));
	value_is(scene, id, 4, "{\"low\":\"be16\"}");
	refuses(scene, "{\"low\":1}", "field low is some bits of an integer", "");
}

static void without_types_a_format_still_holds_for_the_whole(void **state)
{
	struct scene *scene = *state;

	value_is(scene, 0, 4, "\"ipv4\"");
	both(scene, "\"10.0.0.1\"", "\x0a\0\0\1");
	value_is(scene, 0, 6, "\"mac\"");
	both(scene, "\"02:00:5e:10:00:ff\"", "\2\0\x5e\x10\0\xff");
	value_is(scene, 0, 4, "{\"src\":\"ipv4\"}");
	refuses(scene, "1", "there is no field src: the map has no types", "");
	value_is(scene, 0, 4, "\"ipv6\"");
	refuses(scene, "1", "does not fit 4 bytes", "");
}

static void a_format_is_one_of_the_known_words(void **state)
{
	static const struct {
		const char *format, *text, *fix;
	} cases[] = {
		{"\"ipv5\"", "there is no format \"ipv5\"", "did you mean \"ipv4\"?"},
		{"\"\"", "there is no format \"\"", "the formats are"},
		{"\"entirely-else\"", "there is no format", "the formats are"},
		{"7", "a format is a word", ""},
		{"[\"ipv4\"]", "a format is a word", ""},
		{"{}", "a format has 0 fields", ""},
		{"{\"a\":7}", "a format is a word", ""},
		{"{\"a b\":\"ipv4\"}", "\"a b\" is not the name of a field", ""},
		{"{\"\":\"ipv4\"}", "is not the name of a field", ""},
		{"{\"a.\":\"ipv4\"}", "is not the name of a field", ""},
		{"{\".a\":\"ipv4\"}", "is not the name of a field", ""},
		{"{\"a..b\":\"ipv4\"}", "is not the name of a field", ""},
		{"{\"9a\":\"ipv4\"}", "is not the name of a field", ""},
		{"{\"a[0]\":\"ipv4\"}", "is not the name of a field", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		OWNED(json_drop) struct json *json = json_of(cases[i].format);
		struct notations said = {0};
		struct fault why = {0};

		assert_int_equal(notations_read(json, &said, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		if (!strstr(why.text, cases[i].text) || !strstr(why.fix, cases[i].fix))
			fail_msg("%s: %s (%s)", cases[i].format, why.text, why.fix);
		assert_null(said.list);
	}
}

static void what_was_read_is_written_the_same(void **state)
{
	static const char *const formats[] = {"\"mac\"", "{\"a.b\":\"ipv4\",\"c_1\":\"be64\"}"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		OWNED(json_drop) struct json *json = json_of(formats[i]);
		OWNED(json_drop) struct json *back = NULL;
		OWNED(notations_drop) struct notations said = {0};
		struct fault why = {0};

		assert_int_equal(notations_read(json, &said, &why), 0);
		assert_int_equal(notations_write(&said, &back, &why), 0);
		assert_true(json_same(json, back));
	}
}

// ---- prefixes ----

static int trie_key(struct scene *scene, int address, uint32_t size)
{
	int id = checked(btf__add_struct(scene->btf, "trie_key", 4 + size));

	checked(btf__add_field(scene->btf, "prefixlen", U32, 0, 0));
	checked(btf__add_field(scene->btf, "addr", address, 32, 0));
	return id;
}

static void the_key_of_a_trie_is_an_address_and_a_length(void **state)
{
	struct scene *scene = *state;
	unsigned char net[8] = {0, 0, 0, 0, 10, 0, 0, 0}, host[8] = {0, 0, 0, 0, 10, 0, 0, 1};
	unsigned char six[20] = {0, 0, 0, 0, 0x20, 0x01, 0x0d, 0xb8};

	memcpy(net, &(uint32_t){8}, 4);
	memcpy(host, &(uint32_t){32}, 4);
	memcpy(six, &(uint32_t){32}, 4);
	value_is(scene, trie_key(scene, U32, 4), 8, NULL);
	scene->codec.prefix = true;
	both(scene, "\"10.0.0.0/8\"", net);
	both(scene, "\"10.0.0.1/32\"", host);
	encodes(scene, "\"10.0.0.1\"", host);
	both(scene, "\"0.0.0.0/0\"", "\0\0\0\0\0\0\0\0");
	value_is(scene, trie_key(scene, BYTES, 16), 20, NULL);
	scene->codec.prefix = true;
	both(scene, "\"2001:db8::/32\"", six);
	value_is(scene, 0, 8, NULL);
	scene->codec.prefix = true;
	both(scene, "\"10.0.0.0/8\"", net);
	value_is(scene, 0, 8, "\"prefix\"");
	both(scene, "\"10.0.0.0/8\"", net);
}

static void a_prefix_may_also_be_given_by_its_fields(void **state)
{
	struct scene *scene = *state;
	unsigned char net[8] = {0, 0, 0, 0, 10, 0, 0, 0};

	memcpy(net, &(uint32_t){8}, 4);
	value_is(scene, trie_key(scene, BE32, 4), 8, NULL);
	scene->codec.prefix = true;
	encodes(scene, "{\"prefixlen\":8,\"addr\":\"10.0.0.0\"}", net);
	refuses(scene, "{\"prefixlen\":8}", "addr: this field of trie_key is missing", "");
}

static void a_prefix_with_bits_behind_its_length_is_shown_by_its_fields_and_refused(void **state)
{
	struct scene *scene = *state;
	unsigned char odd[8] = {0, 0, 0, 0, 10, 0, 0, 1}, far[8] = {0};

	memcpy(odd, &(uint32_t){8}, 4);
	memcpy(far, &(uint32_t){33}, 4);
	value_is(scene, trie_key(scene, BE32, 4), 8, NULL);
	scene->codec.prefix = true;
	both(scene, "{\"prefixlen\":8,\"addr\":\"10.0.0.1\"}", odd);
	both(scene, "{\"prefixlen\":33,\"addr\":\"0.0.0.0\"}", far);
	refuses(scene, "\"10.0.0.1/8\"", "\"10.0.0.1/8\" has bits behind its length",
		"did you mean \"10.0.0.0/8\"?");
	refuses(scene, "\"10.1.2.3/0\"", "has bits behind", "did you mean \"0.0.0.0/0\"?");
}

static void what_is_no_prefix_is_refused(void **state)
{
	static const char *const values[] = {
		"\"10.0.0.0/33\"",
		"\"10.0.0.0/\"",
		"\"10.0.0.0/-1\"",
		"\"10.0.0.0/08\"",
		"\"10.0.0.0/8 \"",
		"\"10.0.0/8\"",
		"\"/8\"",
		"\"\"",
		"\"fe80::/64\"",
		"\"10.0.0.0//8\"",
		"\"10.0.0.0/8/8\"",
		"\"10.0.0.0/ 8\"",
		"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/8\"",
	};
	struct scene *scene = *state;

	value_is(scene, trie_key(scene, U32, 4), 8, NULL);
	scene->codec.prefix = true;
	for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
		refuses(scene, values[i], "is not an IPv4 address and a length", "");
	refuses(scene, "8", "expected an object", "");
}

static void a_trie_of_something_else_keeps_its_type(void **state)
{
	struct scene *scene = *state;
	unsigned char key[6] = {0, 0, 0, 0, 1, 2};
	int two = checked(btf__add_array(scene->btf, U32, U8, 2));
	int id = checked(btf__add_struct(scene->btf, "short_key", 6));

	checked(btf__add_field(scene->btf, "prefixlen", U32, 0, 0));
	checked(btf__add_field(scene->btf, "data", two, 32, 0));
	memcpy(key, &(uint32_t){16}, 4);
	value_is(scene, id, 6, NULL);
	scene->codec.prefix = true;
	both(scene, "{\"prefixlen\":16,\"data\":[1,2]}", key);
}

// ---- what the type itself says ----

static void the_structs_of_the_socket_headers_are_addresses(void **state)
{
	struct scene *scene = *state;
	int in_addr = checked(btf__add_struct(scene->btf, "in_addr", 4)), either, in6_addr;

	checked(btf__add_field(scene->btf, "s_addr", BE32, 0, 0));
	either = checked(btf__add_union(scene->btf, NULL, 16));
	checked(btf__add_field(scene->btf, "u6_addr8", BYTES, 0, 0));
	checked(btf__add_field(scene->btf, "u6_addr32", WORDS, 0, 0));
	in6_addr = checked(btf__add_struct(scene->btf, "in6_addr", 16));
	checked(btf__add_field(scene->btf, "in6_u", either, 0, 0));
	value_is(scene, in_addr, 4, NULL);
	both(scene, "\"10.0.0.1\"", "\x0a\0\0\1");
	encodes(scene, "{\"s_addr\":\"10.0.0.1\"}", "\x0a\0\0\1");
	value_is(scene, in6_addr, 16, NULL);
	both(scene, "\"::1\"", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	encodes(scene, "{\"in6_u\":{\"u6_addr8\":\"::1\"}}", "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1");
	refuses(scene, "\"10.0.0.1\"", "is not an IPv6 address", "");
}

// ---- places ----

// Where the refusal of `text` points, when it is the value of a document of its own.
static void stands_at(const struct scene *scene, const char *text, unsigned line, unsigned column)
{
	OWNED(json_drop) struct json *json = json_of(text);
	unsigned at_line = 0, at_column = 0;
	unsigned char out[64];
	struct spot_place place;
	struct fault why = {0};

	assert_int_equal(encode_value(&scene->codec, json, out, &place, &why), -1);
	assert_true(json_place(json, text, strlen(text), place.parent, place.key, place.index,
			       &at_line, &at_column));
	if (at_line != line || at_column != column)
		fail_msg("%s: at %u:%u, not %u:%u (%s)", text, at_line, at_column, line, column,
			 why.text);
}

static void a_refusal_says_where_in_the_document_it_is(void **state)
{
	struct scene *scene = *state;

	value_is(scene, flow_type(scene), 20, "{\"src\":\"ipv4\"}");
	stands_at(scene,
		  "{\n  \"src\": 7,\n  \"end\": {\"port\": 1, \"mac\": \"x\"}, \"hops\": [1, 2]}",
		  2, 3);
	stands_at(scene,
		  "{\"src\": \"10.0.0.1\",\n  \"end\": {\"port\": 65536, \"mac\": \"x\"}, "
		  "\"hops\": [1, "
		  "2]}",
		  2, 11);
	stands_at(scene,
		  "{\"src\": \"10.0.0.1\",\n  \"end\": {\"port\": 1, \"mac\": "
		  "\"02:00:00:00:00:01\"},\n\"hops\": [1,\n -2]}",
		  4, 2);
	stands_at(scene, "{\"src\": \"10.0.0.1\",\n  \"end\": {\"port\": 1, \"mca\": 1}}", 2, 22);
	// What is missing stands in what it is missing from.
	stands_at(scene, "{\"src\": \"10.0.0.1\",\n  \"end\": {\"port\": 1}}", 2, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_word_says_how_a_silent_type_is_written),
		TEST(a_word_takes_the_place_of_what_the_type_says),
		TEST(a_word_holds_for_each_item_of_an_array_that_it_does_not_fit),
		TEST(fields_are_said_by_their_paths),
		TEST(what_is_said_of_no_field_or_of_another_size_is_refused),
		TEST(bits_of_an_integer_take_no_format),
		TEST(without_types_a_format_still_holds_for_the_whole),
		TEST(a_format_is_one_of_the_known_words),
		TEST(what_was_read_is_written_the_same),
		TEST(the_key_of_a_trie_is_an_address_and_a_length),
		TEST(a_prefix_may_also_be_given_by_its_fields),
		TEST(a_prefix_with_bits_behind_its_length_is_shown_by_its_fields_and_refused),
		TEST(what_is_no_prefix_is_refused),
		TEST(a_trie_of_something_else_keeps_its_type),
		TEST(the_structs_of_the_socket_headers_are_addresses),
		TEST(a_refusal_says_where_in_the_document_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
