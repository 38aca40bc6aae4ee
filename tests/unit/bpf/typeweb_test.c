// SPDX-License-Identifier: Apache-2.0
#include "bpf/typeweb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"
#include "bpf/shape.h"

#define BEYOND 100 // more types than a test makes

static struct btf *web(void)
{
	struct btf *btf = btf__new_empty();

	assert_non_null(btf);
	assert_int_equal(btf__add_int(btf, "int", 4, BTF_INT_SIGNED), 1);
	return btf;
}

// Takes over the web. 0, or the refusal.
static int checked(struct btf *btf, struct fault *why)
{
	uint32_t len;
	const void *raw = btf__raw_data(btf, &len);
	OWNED(drop_heap) void *copy = malloc(len);
	int got;

	assert_non_null(raw);
	assert_non_null(copy);
	memcpy(copy, raw, len); // where a sanitizer sees its end
	btf__free(btf);
	fault_clear(why);
	got = typeweb_check(copy, len, why);
	assert_true(!got == (why->code == FAULT_NONE));
	return got;
}

static void fine(struct btf *btf)
{
	struct fault why = {0};

	if (checked(btf, &why))
		fail_msg("%s", why.text);
}

static void refused(struct btf *btf, const char *reason)
{
	struct fault why = {0};

	assert_int_equal(checked(btf, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	if (!strstr(why.text, reason))
		fail_msg("\"%s\" does not say \"%s\"", why.text, reason);
}

// One type more, of each kind that refers to another; number 2 in a fresh web.
static int add_typedef(struct btf *btf, int to)
{
	return btf__add_typedef(btf, "t", to);
}
static int add_array(struct btf *btf, int to)
{
	return btf__add_array(btf, 1, to, 3);
}
static int add_index(struct btf *btf, int to)
{
	return btf__add_array(btf, to, 1, 3);
}
static int add_struct(struct btf *btf, int to)
{
	int id = btf__add_struct(btf, "s", 8);

	return btf__add_field(btf, "a", 1, 0, 0) || btf__add_field(btf, "b", to, 32, 0) ? -1 : id;
}
static int add_union(struct btf *btf, int to)
{
	int id = btf__add_union(btf, "u", 4);

	return btf__add_field(btf, "a", to, 0, 0) ? -1 : id;
}
static int add_proto(struct btf *btf, int to)
{
	return btf__add_func_proto(btf, to);
}
static int add_param(struct btf *btf, int to)
{
	int id = btf__add_func_proto(btf, 1);

	return btf__add_func_param(btf, "p", to) ? -1 : id;
}
static int add_func(struct btf *btf, int to)
{
	return btf__add_func(btf, "f", BTF_FUNC_STATIC, to);
}
static int add_var(struct btf *btf, int to)
{
	return btf__add_var(btf, "v", BTF_VAR_STATIC, to);
}
static int add_section(struct btf *btf, int to)
{
	int id = btf__add_datasec(btf, ".data", 4);

	return btf__add_datasec_var_info(btf, to, 0, 4) ? -1 : id;
}
static int add_tag(struct btf *btf, int to)
{
	return btf__add_type_tag(btf, "t", to);
}
static int add_decl_tag(struct btf *btf, int to)
{
	return btf__add_decl_tag(btf, "t", to, -1);
}

typedef int adds(struct btf *btf, int to);

// ---- tests ----

static void what_lies_within_itself_is_refused(void **state)
{
	static adds *const kinds[] = {add_typedef,	 btf__add_const, btf__add_volatile,
				      btf__add_restrict, add_array,	 add_index,
				      add_struct,	 add_union,	 add_tag};
	const size_t count = sizeof(kinds) / sizeof(*kinds);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct btf *btf = web();

		assert_int_equal(kinds[i](btf, 2), 2);
		refused(btf, "part of itself");
		// By way of each other kind, and seen from before.
		for (size_t k = 0; k < count; k++) {
			btf = web();
			assert_int_equal(add_typedef(btf, 4), 2);
			assert_int_equal(kinds[i](btf, 4), 3);
			assert_int_equal(kinds[k](btf, 3), 4);
			refused(btf, "part of itself");
		}
	}
}

static void behind_a_pointer_or_a_function_it_may_come_back(void **state)
{
	struct btf *btf = web();

	(void)state;
	assert_int_equal(btf__add_ptr(btf, 3), 2);
	assert_int_equal(add_struct(btf, 2), 3); // struct s { int a; struct s *b; }
	assert_int_equal(btf__add_ptr(btf, 4), 4);
	assert_int_equal(add_param(btf, 6), 5);
	assert_int_equal(btf__add_ptr(btf, 5), 6);
	assert_int_equal(add_func(btf, 5), 7);
	fine(btf);
}

static void what_refers_to_nothing_is_refused(void **state)
{
	static adds *const kinds[] = {
		add_typedef,  btf__add_const, btf__add_volatile, btf__add_restrict,
		add_array,    add_index,      add_struct,	 add_union,
		btf__add_ptr, add_proto,      add_param,	 add_func,
		add_var,      add_section,    add_tag,		 add_decl_tag};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct btf *btf = web();

		assert_int_equal(kinds[i](btf, BEYOND), 2);
		refused(btf, "not there");
	}
}

static void a_function_and_a_section_have_what_belongs_to_them(void **state)
{
	struct btf *btf = web();

	(void)state;
	assert_int_equal(add_func(btf, 1), 2);
	refused(btf, "not there");
	btf = web();
	assert_int_equal(add_section(btf, 1), 2);
	refused(btf, "not there");
	btf = web();
	assert_int_equal(add_var(btf, 1), 2);
	assert_int_equal(add_section(btf, 2), 3);
	fine(btf);
}

// The library that makes them here refuses such sizes itself, so they are written into what it made.
static void a_number_without_a_size_is_refused(void **state)
{
	static const struct {
		bool is_enum;
		uint32_t size;
		bool fine;
	} cases[] = {{false, 0, false},	 {false, 1, true}, {false, 3, false}, {false, 16, true},
		     {false, 32, false}, {true, 0, false}, {true, 4, true},   {true, 8, true},
		     {true, 16, false},	 {true, 5, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct btf *btf = web();
		int id = 1;

		if (cases[i].is_enum) {
			id = btf__add_enum(btf, "e", 4);
			assert_int_equal(btf__add_enum_value(btf, "one", 1), 0);
		}
		((struct btf_type *)btf__type_by_id(btf, (uint32_t)id))->size = cases[i].size;
		if (cases[i].fine)
			fine(btf);
		else
			refused(btf, "no size");
	}
	{
		struct btf *declared = web();
		int id = btf__add_enum(declared, "e", 4);

		((struct btf_type *)btf__type_by_id(declared, (uint32_t)id))->size = 0;
		fine(declared);
	}
}

static void a_bit_field_is_of_a_number(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		struct btf *btf = web();
		int of = i == 0	  ? btf__add_const(btf, add_typedef(btf, 1))
			 : i == 1 ? btf__add_enum(btf, "e", 4)
			 : i == 2 ? btf__add_ptr(btf, 0)
			 : i == 3 ? add_array(btf, 1)
			 : i == 4 ? add_struct(btf, 1)
				  : 0;

		if (i == 1)
			assert_int_equal(btf__add_enum_value(btf, "one", 1), 0);
		assert_true(btf__add_struct(btf, "bits", 16) > 0);
		assert_int_equal(btf__add_field(btf, "a", 1, 0, 3), 0);
		assert_int_equal(btf__add_field(btf, "b", of, 64, 0), 0);
		assert_int_equal(btf__add_field(btf, "c", of, 96, 5), 0);
		if (i < 2)
			fine(btf);
		else
			refused(btf, "bit field");
	}
}

// Whichever end comes first.
static void what_nests_too_deep_is_refused(void **state)
{
	(void)state;
	for (int over = 0; over < 2; over++) {
		struct btf *up = web(), *down = web();
		const int count = TYPEWEB_DEPTH_MAX - 1 + over;

		for (int i = 0; i < count; i++) {
			assert_int_equal(add_typedef(up, i + 1), i + 2);
			assert_int_equal(add_typedef(down, i + 1 < count ? i + 3 : 1), i + 2);
		}
		if (over) {
			refused(up, "too deep");
			refused(down, "too deep");
		} else {
			fine(up);
			fine(down);
		}
	}
}

// As many as fit, each with all before it: the walk must end in its time.
static void what_is_in_many_is_looked_at_once(void **state)
{
	struct btf *btf = web();

	(void)state;
	for (int i = 0; i < 250; i++) {
		assert_int_equal(btf__add_struct(btf, "s", 4), i + 2);
		for (int k = 0; k < 100; k++)
			assert_int_equal(btf__add_field(btf, "", i + 1, 0, 0), 0);
	}
	fine(btf);
}

static void a_changed_or_cut_section_is_refused_or_sound(void **state)
{
	struct btf *btf = web();
	OWNED(drop_heap) unsigned char *copy = NULL;
	const void *raw;
	uint32_t len;
	struct fault why = {0};

	(void)state;
	assert_int_equal(add_param(btf, 1), 2);
	assert_int_equal(add_func(btf, 2), 3);
	assert_int_equal(add_struct(btf, 1), 4);
	assert_int_equal(add_var(btf, 4), 5);
	assert_int_equal(add_section(btf, 5), 6);
	assert_int_equal(btf__add_enum(btf, "e", 4), 7);
	assert_int_equal(btf__add_enum_value(btf, "one", 1), 0);
	raw = btf__raw_data(btf, &len);
	for (uint32_t cut = 0; cut < len; cut++) {
		OWNED(drop_heap) void *part = malloc(cut + 1);

		assert_non_null(part);
		memcpy(part, raw, cut);
		assert_int_equal(typeweb_check(part, cut, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		fault_clear(&why);
	}
	copy = malloc(len);
	assert_non_null(copy);
	for (uint32_t at = 0; at < len; at++)
		for (unsigned value = 0; value < 256; value++) {
			memcpy(copy, raw, len);
			copy[at] = (unsigned char)value;
			if (typeweb_check(copy, len, &why))
				assert_int_equal(why.code, FAULT_FORMAT);
			fault_clear(&why);
		}
	// Every name: where one lies is the first word of a type.
	memcpy(copy, raw, len);
	memset(copy + sizeof(struct btf_header), 0xff, 4);
	assert_int_equal(typeweb_check(copy, len, &why), -1);
	assert_non_null(strstr(why.text, "name"));
	btf__free(btf);
}

// The head of .BTF, told by its length from that of .BTF.ext.
static void an_object_with_such_types_is_refused(void **state)
{
	static const unsigned char head[] = {0x9f, 0xeb, 1, 0, sizeof(struct btf_header), 0, 0, 0};
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};
	unsigned char *at;

	(void)state;
	if (file_read(TEST_BPF_DIR "/count.bpf.o", SHAPE_MAX, &data, &why))
		fail_msg("%s", why.text);
	assert_int_equal(shape_check(data.data, data.len, &why), 0);
	at = memmem(data.data, data.len, head, sizeof(head));
	assert_non_null(at);
	// Its first type, a pointer, has become a typedef of itself.
	at += sizeof(struct btf_header) + offsetof(struct btf_type, info);
	assert_int_equal(at[3], BTF_KIND_PTR);
	at[3] = BTF_KIND_TYPEDEF;
	at[4] = 1;
	assert_int_equal(shape_check(data.data, data.len, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_non_null(strstr(why.text, "part of itself"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_lies_within_itself_is_refused),
		cmocka_unit_test(behind_a_pointer_or_a_function_it_may_come_back),
		cmocka_unit_test(what_refers_to_nothing_is_refused),
		cmocka_unit_test(a_function_and_a_section_have_what_belongs_to_them),
		cmocka_unit_test(a_number_without_a_size_is_refused),
		cmocka_unit_test(a_bit_field_is_of_a_number),
		cmocka_unit_test(what_nests_too_deep_is_refused),
		cmocka_unit_test(what_is_in_many_is_looked_at_once),
		cmocka_unit_test(a_changed_or_cut_section_is_refused_or_sound),
		cmocka_unit_test(an_object_with_such_types_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
