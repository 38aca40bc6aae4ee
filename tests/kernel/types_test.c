// SPDX-License-Identifier: Apache-2.0
// An object that gets a part of the kernel's types becomes the very same program as one that gets all of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "loader/object.h"
#include "loader/sys.h"
#include "loader/types.h"
#include "tests/kernel/ground.h"

static bool ready;

static void needs_kernel(void)
{
	if (!ready)
		skip();
}

// An object of the tests, and what it asks.
struct case_ {
	struct bytes bytes;
	struct inspection *inspection;
	struct types *types;
};

static void case_open(const char *name, struct case_ *out)
{
	struct fault why = {0};
	char path[512];

	*out = (struct case_){.types = types_new()};
	snprintf(path, sizeof(path), TEST_BPF_DIR "/%s", name);
	assert_non_null(out->types);
	if (file_read(path, INSPECT_OBJECT_MAX, &out->bytes, &why) ||
	    inspect_object(out->bytes.data, out->bytes.len, &out->inspection, &why))
		fail_msg("%s: %s", name, why.text);
}

static void case_drop(struct case_ *at)
{
	bytes_drop(&at->bytes);
	inspection_free(at->inspection);
	types_free(at->types);
}

// Loaded with the first `asked` of what it asks answered from a part; 0: libbpf reads all.
static struct object *loaded(const struct case_ *at, const char *entry, size_t asked)
{
	const struct object_source source = {.data = at->bytes.data,
					     .len = at->bytes.len,
					     .entry = entry,
					     .hook = HOOK_XDP,
					     .asked = at->inspection->types,
					     .asked_count = asked,
					     .types = at->types,
					     .label = entry,
					     .logs_dirfd = -1};
	struct object *object = NULL;
	struct fault why = {0};

	if (object_open(&source, &object, &why) || object_load(object, NULL, &why))
		fail_msg("%s: %s", entry, why.text);
	return object;
}

static void tag(const struct case_ *at, const char *entry, size_t asked, char out[SYS_TAG_HEX])
{
	OWNED(object_drop) struct object *object = loaded(at, entry, asked);
	struct sys_program program;
	struct fault why = {0};

	assert_int_equal(sys_program(object_program_fd(object), &program, &why), 0);
	memcpy(out, program.tag, SYS_TAG_HEX);
}

// The kernel's digest of the finished instructions.
static bool same(const struct case_ *at, const char *entry, size_t asked)
{
	char all[SYS_TAG_HEX], part[SYS_TAG_HEX];

	tag(at, entry, 0, all);
	tag(at, entry, asked, part);
	return !strcmp(all, part);
}

// How much of the kernel's types is written for it; -1: it has to see all.
static long part_size(const struct case_ *at)
{
	OWNED(object_drop) struct object *object = loaded(at, at->inspection->programs[0].name, 0);
	char path[TYPES_PATH_MAX];
	OWNED(drop_fd) int fd = types_reserve(path);
	struct fault why = {0};

	assert_true(fd >= 0);
	if (types_write(at->types, bpf_object__btf(object_bpf(object)), at->inspection->types,
			at->inspection->type_count, fd, &why)) {
		assert_int_equal(why.code, FAULT_NOT_FOUND);
		return -1;
	}
	return (long)lseek(fd, 0, SEEK_END);
}

static void every_question_gets_the_same_answer(void **state)
{
	static const char *const entries[] = {"fields", "bits", "enums", "types", "absent"};
	OWNED(case_drop) struct case_ asks;

	(void)state;
	needs_kernel();
	case_open("asks.bpf.o", &asks);
	assert_true(types_fit(asks.inspection));
	for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
		if (!same(&asks, entries[i], asks.inspection->type_count))
			fail_msg("%s becomes another program", entries[i]);
}

// That a difference would be seen: with the first of its types alone the others are as if they were not there.
static void a_part_that_lacks_something_makes_another_program(void **state)
{
	OWNED(case_drop) struct case_ asks;

	(void)state;
	needs_kernel();
	case_open("asks.bpf.o", &asks);
	assert_true(asks.inspection->type_count > 5);
	assert_false(same(&asks, "types", 1));
}

static void the_part_is_small(void **state)
{
	OWNED(case_drop) struct case_ asks;
	long size;

	(void)state;
	needs_kernel();
	case_open("asks.bpf.o", &asks);
	size = part_size(&asks);
	assert_true(size > 1000);
	assert_true(size < 200000);
}

// Two objects, one reading: what the first asked is not in the way of the second.
static void one_reading_serves_several_objects(void **state)
{
	OWNED(case_drop) struct case_ asks;
	OWNED(case_drop) struct case_ number;
	struct types *own;

	(void)state;
	needs_kernel();
	case_open("asks.bpf.o", &asks);
	case_open("asks_number.bpf.o", &number);
	own = number.types;
	number.types = asks.types;
	assert_true(part_size(&asks) > part_size(&number));
	assert_true(same(&asks, "fields", asks.inspection->type_count));
	assert_true(part_size(&number) > 0);
	number.types = own;
}

// A part numbers its types anew.
static void who_asks_for_a_number_sees_all(void **state)
{
	OWNED(case_drop) struct case_ number;

	(void)state;
	case_open("asks_number.bpf.o", &number);
	assert_int_equal(number.inspection->type_count, 1);
	assert_false(types_fit(number.inspection));
	needs_kernel();
	assert_false(same(&number, "asks", number.inspection->type_count));
}

// Nor may an answer be missing because the list of questions is not whole.
static void who_asks_for_more_than_is_listed_sees_all(void **state)
{
	OWNED(case_drop) struct case_ asks;

	(void)state;
	case_open("asks.bpf.o", &asks);
	assert_true(types_fit(asks.inspection));
	asks.inspection->types_unclear = true;
	assert_false(types_fit(asks.inspection));
	asks.inspection->types_unclear = false;
	asks.inspection->types[0].kinds |= 1u << 12; // BPF_CORE_TYPE_MATCHES: through every pointer
	assert_false(types_fit(asks.inspection));
	asks.inspection->type_count = 0;
	assert_false(types_fit(asks.inspection));
}

// Where no module can have a type that the kernel has not, that it is missing is the answer; elsewhere libbpf looks.
static void what_only_a_module_could_have_is_left_to_libbpf(void **state)
{
	OWNED(case_drop) struct case_ absent;
	struct names modules = {0};
	struct fault why = {0};
	int dir = -1;

	(void)state;
	needs_kernel();
	case_open("asks_absent.bpf.o", &absent);
	assert_true(types_fit(absent.inspection));
	assert_int_equal(dir_open("/sys/kernel/btf", &dir, &why), 0);
	assert_int_equal(names_list(dir, &modules, &why), 0);
	assert_int_equal(part_size(&absent) < 0, modules.count > 1);
	assert_true(same(&absent, "asks", absent.inspection->type_count));
	names_drop(&modules);
	close(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_question_gets_the_same_answer),
		cmocka_unit_test(a_part_that_lacks_something_makes_another_program),
		cmocka_unit_test(the_part_is_small),
		cmocka_unit_test(one_reading_serves_several_objects),
		cmocka_unit_test(who_asks_for_a_number_sees_all),
		cmocka_unit_test(who_asks_for_more_than_is_listed_sees_all),
		cmocka_unit_test(what_only_a_module_could_have_is_left_to_libbpf),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
