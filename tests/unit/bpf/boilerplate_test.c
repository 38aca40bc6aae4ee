// SPDX-License-Identifier: Apache-2.0
// What `bundle new` writes is whole: it compiles, packs, and a node with the default policy takes it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/boilerplate.h"
#include "bpf/pack.h"
#include "tests/unit/bpf/yard.h"

static void write_all(const struct yard *yard, const struct boilerplate *about)
{
	OWNED(boilerplate_files_drop) struct boilerplate_files files = {.count = 0};
	struct fault why = {0};

	if (boilerplate_write(about, &files, &why))
		fail_msg("%s", why.text);
	assert_int_equal(files.count, BOILERPLATE_FILES);
	for (size_t i = 0; i < files.count; i++) {
		const char *text = bytes_text(&files.list[i].text);

		// Nothing of the template is left over: no condition before a line, no word between @ and @.
		assert_true(text[0] != '%' && !strstr(text, "\n%"));
		assert_null(strstr(text, "@name@"));
		assert_null(strstr(text, "@id@"));
		assert_null(strstr(text, "@entry@"));
		yard_write(yard, files.list[i].name, text);
	}
}

static void builds(const char *name, enum hook hook, enum linkage linkage, const char *entry)
{
	const struct boilerplate about = {
		.name = name, .publisher = "net", .hook = hook, .linkage = linkage};
	OWNED(yard_end) struct yard yard = {0};
	OWNED(bytes_drop) struct bytes out = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	const struct manifest_program *program;
	struct policy policy = policy_default();
	struct fault why = {0};
	char path[160];

	yard_begin(&yard);
	write_all(&yard, &about);
	snprintf(path, sizeof(path), "%s/%s.json", yard.dir, name);
	if (pack_build(path, NULL, &out, &survey, &why) || survey_check(survey, &policy, &why))
		fail_msg("%s: %s (%s)", name, why.text, why.cause);
	program = &survey->bundle->manifest->programs[0];
	assert_string_equal(survey->bundle->manifest->name, name);
	assert_string_equal(program->entry, entry);
	assert_int_equal(program->hook, hook);
	assert_int_equal(program->linkage, linkage);
	for (size_t i = 0; i < survey->bundle->manifest->map_count; i++) {
		const struct manifest_map *map = &survey->bundle->manifest->maps[i];

		if (strcmp(map->name, "bpfseal_next") != 0)
			assert_string_not_equal(map->purpose, "state");
	}
}

static void each_kind_of_program_builds_and_is_taken(void **state)
{
	(void)state;
	builds("drop-udp", HOOK_XDP, LINK_WRAP, "drop_udp_xdp");
	builds("drop-udp", HOOK_XDP, LINK_CHAIN, "drop_udp_xdp");
	builds("drop.udp", HOOK_TC_INGRESS, LINK_WRAP, "drop_udp_tc");
	builds("drop_udp", HOOK_TC_INGRESS, LINK_CHAIN, "drop_udp_tc");
}

static void a_name_may_be_a_word_of_c_or_as_long_as_it_gets(void **state)
{
	(void)state;
	builds("int", HOOK_XDP, LINK_WRAP, "int_xdp");
	builds("main", HOOK_XDP, LINK_WRAP, "main_xdp");
	builds("packet", HOOK_TC_INGRESS, LINK_CHAIN, "packet_tc");
	builds("a234567890123456789012345678901234567890", HOOK_XDP, LINK_CHAIN,
	       "a234567890123456789012345678901234567890_xdp");
}

static void a_name_that_files_cannot_have_is_refused(void **state)
{
	static const char *const names[] = {
		"",	 "1st", "-o",	    ".hidden",
		"Upper", "a/b", "a b",	    "a\"",
		"@",	 "%x",	"\xc3\xa4", "a2345678901234567890123456789012345678901"};
	struct boilerplate about = {.publisher = "net", .hook = HOOK_XDP, .linkage = LINK_WRAP};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		OWNED(boilerplate_files_drop) struct boilerplate_files files = {.count = 0};
		struct fault why = {0};

		about.name = names[i];
		assert_int_equal(boilerplate_write(&about, &files, &why), -1);
		assert_int_equal(why.code, FAULT_USAGE);
		assert_int_equal(files.count, 0);
	}
}

static void a_publisher_that_is_no_name_is_refused(void **state)
{
	const struct boilerplate about = {
		.name = "a", .publisher = "net\",\"", .hook = HOOK_XDP, .linkage = LINK_WRAP};
	OWNED(boilerplate_files_drop) struct boilerplate_files files = {.count = 0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(boilerplate_write(&about, &files, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_program_builds_and_is_taken),
		cmocka_unit_test(a_name_may_be_a_word_of_c_or_as_long_as_it_gets),
		cmocka_unit_test(a_name_that_files_cannot_have_is_refused),
		cmocka_unit_test(a_publisher_that_is_no_name_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
