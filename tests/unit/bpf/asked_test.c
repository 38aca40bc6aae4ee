// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "bpf/asked.h"

// A section of .BTF.ext with `count` records; what a test damages it damages in these.
struct section {
	struct {
		uint16_t magic;
		uint8_t version, flags;
		uint32_t len, others[4], offset, size;
	} head;
	uint32_t record_size, code, count;
	struct bpf_core_relo records[INSPECT_TYPES_MAX + 1];
};

static struct section *section_of(size_t count)
{
	struct section *made = calloc(1, sizeof(*made));

	assert_non_null(made);
	made->head.magic = 0xeb9f;
	made->head.version = 1;
	made->head.len = sizeof(made->head);
	made->head.size = (uint32_t)(12 + count * sizeof(*made->records));
	made->record_size = sizeof(*made->records);
	made->count = (uint32_t)count;
	return made;
}

static size_t section_len(const struct section *section)
{
	return sizeof(section->head) + section->head.size;
}

// What is found in it. The section is an allocation of just its size: who reads past it is caught by the sanitizer.
static struct inspection *scanned(struct section *section, size_t len)
{
	struct inspection *out = calloc(1, sizeof(*out));
	unsigned char *copy = malloc(len + !len);

	assert_non_null(out);
	assert_non_null(copy);
	memcpy(copy, section, len);
	free(section);
	out->types = calloc(INSPECT_TYPES_MAX, sizeof(*out->types));
	assert_non_null(out->types);
	asked_scan(copy, len, out);
	free(copy);
	return out;
}

static void each_type_is_listed_once_with_all_that_is_asked_of_it(void **state)
{
	struct section *section = section_of(4);
	struct inspection *found;

	(void)state;
	section->records[0] =
		(struct bpf_core_relo){.type_id = 7, .kind = BPF_CORE_FIELD_BYTE_OFFSET};
	section->records[1] = (struct bpf_core_relo){.type_id = 9, .kind = BPF_CORE_TYPE_EXISTS};
	section->records[2] = (struct bpf_core_relo){.type_id = 7, .kind = BPF_CORE_FIELD_EXISTS};
	section->records[3] = (struct bpf_core_relo){.type_id = 8, .kind = BPF_CORE_TYPE_ID_LOCAL};
	found = scanned(section, section_len(section));
	assert_false(found->types_unclear);
	assert_int_equal(found->type_count, 2);
	assert_int_equal(found->types[0].id, 7);
	assert_int_equal(found->types[0].kinds,
			 1u << BPF_CORE_FIELD_BYTE_OFFSET | 1u << BPF_CORE_FIELD_EXISTS);
	assert_int_equal(found->types[1].id, 9);
	inspection_free(found);
}

static void more_types_than_there_is_room_for_are_unclear(void **state)
{
	struct section *section = section_of(INSPECT_TYPES_MAX + 1);
	struct inspection *found;

	(void)state;
	for (uint32_t i = 0; i <= INSPECT_TYPES_MAX; i++)
		section->records[i].type_id = i + 1;
	found = scanned(section, section_len(section));
	assert_true(found->types_unclear);
	assert_int_equal(found->type_count, INSPECT_TYPES_MAX);
	inspection_free(found);
}

static void a_question_of_an_unknown_kind_is_unclear(void **state)
{
	struct section *section = section_of(1);
	struct inspection *found;

	(void)state;
	section->records[0].kind = (enum bpf_core_relo_kind)32;
	found = scanned(section, section_len(section));
	assert_true(found->types_unclear);
	inspection_free(found);
}

static void records_that_do_not_fill_their_place_are_unclear(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} damages[] = {
		{offsetof(struct section, head.magic), 0},
		{offsetof(struct section, head.len), 4000},
		{offsetof(struct section, head.offset), 1},
		{offsetof(struct section, head.offset), UINT32_MAX},
		{offsetof(struct section, head.size), UINT32_MAX},
		{offsetof(struct section, head.size), 3},
		{offsetof(struct section, head.size), 13},
		{offsetof(struct section, record_size), 8},
		{offsetof(struct section, record_size), UINT32_MAX},
		{offsetof(struct section, count), 3},
		{offsetof(struct section, count), 1},
		{offsetof(struct section, count), UINT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(damages) / sizeof(*damages); i++) {
		struct section *section = section_of(2);
		size_t len = section_len(section);
		struct inspection *found;

		memcpy((char *)section + damages[i].at, &damages[i].value, 4);
		found = scanned(section, len);
		if (!found->types_unclear)
			fail_msg("damage %zu is not noticed", i);
		inspection_free(found);
	}
}

static void a_section_that_is_cut_anywhere_is_read_no_further(void **state)
{
	struct section *whole = section_of(3);
	size_t len = section_len(whole);

	(void)state;
	free(whole);
	for (size_t i = 0; i < len; i++) {
		struct inspection *found = scanned(section_of(3), i);

		assert_true(found->types_unclear);
		inspection_free(found);
	}
}

static void a_section_without_such_records_asks_nothing(void **state)
{
	struct section *section = section_of(0);
	struct inspection *found;

	(void)state;
	section->head.size = 0;
	found = scanned(section, sizeof(section->head));
	assert_false(found->types_unclear);
	assert_int_equal(found->type_count, 0);
	inspection_free(found);
	// As compilers wrote it before there were any.
	section = section_of(0);
	section->head.len = 24;
	found = scanned(section, 24);
	assert_false(found->types_unclear);
	assert_int_equal(found->type_count, 0);
	inspection_free(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_type_is_listed_once_with_all_that_is_asked_of_it),
		cmocka_unit_test(more_types_than_there_is_room_for_are_unclear),
		cmocka_unit_test(a_question_of_an_unknown_kind_is_unclear),
		cmocka_unit_test(records_that_do_not_fill_their_place_are_unclear),
		cmocka_unit_test(a_section_that_is_cut_anywhere_is_read_no_further),
		cmocka_unit_test(a_section_without_such_records_asks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
