// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <linux/bpf.h>

#include "loader/offload.h"

#define TEXT(text) ((char *)(uintptr_t)(text))

// One object with one program and one map, as an inspection and a manifest tell of it.
struct subject {
	struct inspect_program found;
	struct inspect_map map;
	struct inspection inspection;
	struct manifest_program programs[2];
	struct manifest_map said;
	struct manifest manifest;
};

static struct subject *subject_up(struct subject *it)
{
	*it = (struct subject){
		.found = {.name = "run", .section = "xdp"},
		.map = {.name = "counts", .type = BPF_MAP_TYPE_ARRAY},
		.programs =
			{{.object = TEXT("a.bpf.o"), .entry = TEXT("run"), .linkage = LINK_WRAP},
			 {.object = TEXT("b.bpf.o"), .entry = TEXT("probe"), .hook = HOOK_PROBE}},
		.said = {.name = TEXT("counts"), .object = TEXT("a.bpf.o")}};
	it->inspection = (struct inspection){
		.programs = &it->found, .program_count = 1, .maps = &it->map, .map_count = 1};
	it->manifest = (struct manifest){
		.programs = it->programs, .program_count = 2, .maps = &it->said, .map_count = 1};
	return it;
}

static void told(const struct subject *it, const char *text)
{
	char bar[MEMBER_WHY_NOT_MAX] = "not written";

	offload_why_not(&it->inspection, &it->manifest, &it->programs[0], bar);
	assert_string_equal(bar, text);
}

static void an_ordinary_program_with_arrays_and_hashes_fits(void **state)
{
	struct subject it;

	(void)state;
	told(subject_up(&it), "");
	it.map.type = BPF_MAP_TYPE_HASH;
	told(&it, "");
	it.programs[0].linkage = LINK_TERMINAL;
	told(&it, "");
	it.inspection.map_count = 0;
	told(&it, "");
}

static void what_no_card_takes_is_told_with_its_name(void **state)
{
	struct subject it;

	(void)state;
	subject_up(&it)->map.type = BPF_MAP_TYPE_LRU_HASH;
	told(&it, "its map counts is of type lru_hash");
	subject_up(&it)->map = (struct inspect_map){
		.name = ".rodata", .type = BPF_MAP_TYPE_ARRAY, .internal = true};
	told(&it, "it has global variables or constants (.rodata)");
	subject_up(&it)->said.shared = true;
	told(&it, "its map counts is shared");
	it.said.object = TEXT("b.bpf.o");
	told(&it, "");
	subject_up(&it)->programs[1].object = TEXT("a.bpf.o");
	told(&it, "its object has a probe, probe");
	subject_up(&it)->programs[0].linkage = LINK_CHAIN;
	told(&it, "it jumps to the next program by itself");
	subject_up(&it)->programs[0].linkage = LINK_OWN_MAP;
	told(&it, "it jumps to the next program by itself");
	subject_up(&it)->found.jumps_most = 1;
	told(&it, "it makes tail calls");
	subject_up(&it)->found.jumps_unclear = true;
	told(&it, "it makes tail calls");
	strcpy(subject_up(&it)->found.section, "xdp.frags");
	told(&it, "it takes packets in several buffers (\"xdp.frags\")");
}

static void the_first_member_that_does_not_fit_is_named(void **state)
{
	struct member members[] = {{.name = TEXT("net/a")},
				   {.name = TEXT("net/b"), .no_offload = "it makes tail calls"},
				   {.name = TEXT("net/c"), .no_offload = "it is late"}};
	struct fault why = {0};

	(void)state;
	assert_int_equal(offload_check(members, 1, &why), 0);
	assert_int_equal(offload_check(members, 3, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_string_equal(why.text, "no card takes net/b: it makes tail calls");
	assert_non_null(strstr(why.fix, "\"xdp_mode\": \"native\""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_program_with_arrays_and_hashes_fits),
		cmocka_unit_test(what_no_card_takes_is_told_with_its_name),
		cmocka_unit_test(the_first_member_that_does_not_fit_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
