// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/compile.h"
#include "tests/unit/bpf/yard.h"

struct made {
	struct bytes object;
	struct compile_inputs inputs;
	struct fault why;
};

static void made_drop(struct made *made)
{
	bytes_drop(&made->object);
	compile_inputs_drop(&made->inputs);
}

static int compile(const struct yard *yard, const char *source, const char *include,
		   struct made *made)
{
	const struct compile_place place = {
		.dir = yard->dir, .includes = &include, .include_count = include ? 1 : 0};

	return compile_source(&place, source, &made->object, &made->inputs, &made->why);
}

static void one_source_makes_one_object_wherever_it_lies(void **state)
{
	OWNED(yard_end) struct yard here = {0};
	OWNED(yard_end) struct yard there = {0};
	OWNED(made_drop) struct made one = {0};
	OWNED(made_drop) struct made two = {0};

	(void)state;
	yard_begin(&here);
	yard_begin(&there);
	yard_write(&here, "p.bpf.c", YARD_SOURCE);
	yard_write(&here, "verdict.h", YARD_HEADER);
	yard_write(&there, "p.bpf.c", YARD_SOURCE);
	yard_write(&there, "verdict.h", YARD_HEADER);
	assert_int_equal(compile(&here, "p.bpf.c", NULL, &one), 0);
	assert_int_equal(compile(&there, "p.bpf.c", NULL, &two), 0);
	assert_true(one.object.len > 0);
	assert_int_equal(one.object.len, two.object.len);
	assert_memory_equal(one.object.data, two.object.data, one.object.len);
	assert_null(memmem(one.object.data, one.object.len, here.dir, strlen(here.dir)));
}

static void the_digest_is_that_of_a_listing_anybody_can_make(void **state)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(made_drop) struct made made = {0};
	struct sha256 sha256;
	char hex[SHA256_HEX], command[256], line[80] = "";
	struct fault why = {0};
	FILE *pipe;

	(void)state;
	yard_begin(&yard);
	yard_write(&yard, "p.bpf.c", YARD_SOURCE);
	yard_write(&yard, "verdict.h", YARD_HEADER);
	assert_int_equal(compile(&yard, "p.bpf.c", NULL, &made), 0);
	assert_int_equal(made.inputs.count, 2);
	assert_int_equal(compile_inputs_digest(&made.inputs, &sha256, &why), 0);
	sha256_hex(&sha256, hex);
	snprintf(command, sizeof(command), "cd %s && sha256sum p.bpf.c verdict.h | sha256sum",
		 yard.dir);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(line, sizeof(line), pipe));
	pclose(pipe);
	assert_memory_equal(line, hex, 64);
}

static void a_header_of_another_directory_is_listed_without_its_place(void **state)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(yard_end) struct yard headers = {0};
	OWNED(yard_end) struct yard others = {0};
	OWNED(made_drop) struct made one = {0};
	OWNED(made_drop) struct made two = {0};

	(void)state;
	yard_begin(&yard);
	yard_begin(&headers);
	yard_begin(&others);
	yard_write(&yard, "p.bpf.c", YARD_SOURCE);
	yard_write(&headers, "verdict.h", YARD_HEADER);
	yard_write(&others, "verdict.h", YARD_HEADER);
	assert_int_equal(compile(&yard, "p.bpf.c", headers.dir, &one), 0);
	assert_int_equal(compile(&yard, "p.bpf.c", others.dir, &two), 0);
	assert_string_equal(one.inputs.names[0], "include-1/verdict.h");
	assert_string_equal(one.inputs.names[1], "p.bpf.c");
	assert_int_equal(one.object.len, two.object.len);
	assert_memory_equal(one.object.data, two.object.data, one.object.len);
}

static void a_header_with_a_blank_in_its_name_is_found(void **state)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(made_drop) struct made made = {0};

	(void)state;
	yard_begin(&yard);
	yard_write(&yard, "p.bpf.c", "#include \"sub dir/a $ # b.h\"\nint x = VERDICT;\n");
	yard_write(&yard, "sub dir/a $ # b.h", YARD_HEADER);
	assert_int_equal(compile(&yard, "p.bpf.c", NULL, &made), 0);
	assert_int_equal(made.inputs.count, 2);
	assert_string_equal(made.inputs.names[1], "sub dir/a $ # b.h");
}

static void what_does_not_compile_is_refused(void **state)
{
	OWNED(yard_end) struct yard yard = {0};
	OWNED(made_drop) struct made made = {0};

	(void)state;
	yard_begin(&yard);
	yard_write(&yard, "p.bpf.c", "int x = ;\n");
	assert_int_equal(compile(&yard, "p.bpf.c", NULL, &made), -1);
	assert_int_equal(made.why.code, FAULT_OTHER);
	assert_non_null(strstr(made.why.text, "p.bpf.c does not compile"));
	assert_int_equal(made.object.len, 0);
	// The time of the build would be in the object.
	yard_write(&yard, "p.bpf.c", "char when[] = __DATE__ __TIME__;\n");
	assert_int_equal(compile(&yard, "p.bpf.c", NULL, &made), -1);
}

static void no_compiler_is_told_with_what_to_do(void **state)
{
	const struct compile_place place = {.clang = "clang-that-is-not-there", .dir = "."};
	OWNED(made_drop) struct made made = {0};
	char *version = NULL;

	(void)state;
	assert_int_equal(compile_source(&place, "p.bpf.c", &made.object, &made.inputs, &made.why),
			 -1);
	assert_non_null(strstr(made.why.fix, "--clang"));
	assert_int_equal(compile_version(&place, &version, &made.why), -1);
	assert_null(version);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_source_makes_one_object_wherever_it_lies),
		cmocka_unit_test(the_digest_is_that_of_a_listing_anybody_can_make),
		cmocka_unit_test(a_header_of_another_directory_is_listed_without_its_place),
		cmocka_unit_test(a_header_with_a_blank_in_its_name_is_found),
		cmocka_unit_test(what_does_not_compile_is_refused),
		cmocka_unit_test(no_compiler_is_told_with_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
