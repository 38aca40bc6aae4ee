// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/claims.h"
#include "bpf/inspect.h"
#include "bpf/jumps.h"

#define LOAD(reg, source)                                                           \
	{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = (reg), .src_reg = (source)}, \
	{                                                                           \
		.code = 0                                                           \
	}
#define MOVE(to, from)                                                                  \
	{                                                                               \
		.code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) \
	}
#define MOVE_32(to, from)                                                             \
	{                                                                             \
		.code = BPF_ALU | BPF_MOV | BPF_X, .dst_reg = (to), .src_reg = (from) \
	}
#define NUMBER(to, number)                                                            \
	{                                                                             \
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = (to), .imm = (number) \
	}
#define ADD(to, number)                                                               \
	{                                                                             \
		.code = BPF_ALU64 | BPF_ADD | BPF_K, .dst_reg = (to), .imm = (number) \
	}
#define FETCH(to)                                                                             \
	{                                                                                     \
		.code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = (to), .src_reg = 10, .off = -8 \
	}
#define IF(distance)                                                               \
	{                                                                          \
		.code = BPF_JMP | BPF_JEQ | BPF_K, .dst_reg = 6, .off = (distance) \
	}
#define GOTO(distance)                                      \
	{                                                   \
		.code = BPF_JMP | BPF_JA, .off = (distance) \
	}
#define GOTO_FAR(distance)                                    \
	{                                                     \
		.code = BPF_JMP32 | BPF_JA, .imm = (distance) \
	}
#define CALL(number)                                        \
	{                                                   \
		.code = BPF_JMP | BPF_CALL, .imm = (number) \
	}
#define CALL_OWN(distance)                                                                \
	{                                                                                 \
		.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = (distance) \
	}
#define ADDRESS(to, distance)               \
	{.code = BPF_LD | BPF_DW | BPF_IMM, \
	 .dst_reg = (to),                   \
	 .src_reg = BPF_PSEUDO_FUNC,        \
	 .imm = (distance)},                \
	{                                   \
		.code = 0                   \
	}
#define TAIL CALL(BPF_FUNC_tail_call)
#define EXIT                               \
	{                                  \
		.code = BPF_JMP | BPF_EXIT \
	}
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

// Loads of map `source - 8`: a test says LOAD(2, 8) for map 0.
static struct jumps found(const struct bpf_insn *code, size_t count)
{
	struct bpf_insn insns[64];
	int32_t maps[64];
	struct jumps jumps;
	struct fault why = {0};

	assert_true(count <= COUNT(insns));
	for (size_t i = 0; i < count; i++) {
		insns[i] = code[i];
		maps[i] = JUMPS_UNKNOWN;
		if (code[i].code != (BPF_LD | BPF_DW | BPF_IMM) || code[i].src_reg < 8)
			continue;
		maps[i] = code[i].src_reg - 8;
		insns[i].src_reg = BPF_PSEUDO_MAP_FD;
	}
	assert_int_equal(jumps_find(insns, count, maps, 0, &jumps, &why), 0);
	return jumps;
}

#define FOUND(...)                                                       \
	struct bpf_insn code[] = {__VA_ARGS__};                          \
	OWNED(jumps_drop) struct jumps jumps = found(code, COUNT(code)); \
	(void)state

static void a_map_in_the_register_is_the_one_that_is_jumped_through(void **state)
{
	FOUND(LOAD(2, 9), NUMBER(3, 0), TAIL, NUMBER(0, 2), EXIT);

	assert_false(jumps.unclear);
	assert_int_equal(jumps.count, 1);
	assert_int_equal(jumps.sites[0].insn, 3);
	assert_int_equal(jumps.sites[0].map, 1);
	assert_int_equal(jumps.sites[0].slot, 0);
	assert_true(jumps.sites[0].in_entry);
	assert_int_equal(jumps.most, 1);
}

static void a_map_is_followed_from_register_to_register(void **state)
{
	FOUND(LOAD(7, 8), MOVE(8, 7), CALL(BPF_FUNC_ktime_get_ns), MOVE(2, 8), NUMBER(3, 4), TAIL,
	      EXIT);

	assert_int_equal(jumps.sites[0].map, 0);
	assert_int_equal(jumps.sites[0].slot, 4);
}

static void a_call_clobbers_what_it_may(void **state)
{
	FOUND(LOAD(2, 8), NUMBER(3, 0), CALL(BPF_FUNC_ktime_get_ns), TAIL, EXIT);

	assert_int_equal(jumps.sites[0].map, JUMPS_UNKNOWN);
	assert_int_equal(jumps.sites[0].slot, JUMPS_UNKNOWN);
}

static void what_is_computed_cut_or_fetched_is_unknown(void **state)
{
	FOUND(LOAD(2, 8), ADD(2, 0), TAIL, LOAD(4, 8), MOVE_32(2, 4), TAIL, FETCH(2), TAIL, EXIT);

	assert_int_equal(jumps.count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(jumps.sites[i].map, JUMPS_UNKNOWN);
}

static void two_ways_that_agree_are_known_and_two_that_differ_are_not(void **state)
{
	FOUND(LOAD(2, 8), IF(2), LOAD(2, 8), TAIL, // the same map on both ways
	      LOAD(2, 8), IF(2), LOAD(2, 9), TAIL, EXIT);

	assert_int_equal(jumps.count, 2);
	assert_int_equal(jumps.sites[0].map, 0);
	assert_int_equal(jumps.sites[1].map, JUMPS_UNKNOWN);
}

static void a_loop_that_changes_the_register_is_seen_to_the_end(void **state)
{
	// The second turn arrives with the other map.
	FOUND(LOAD(2, 8), TAIL, LOAD(2, 9), IF(-4), EXIT);

	assert_int_equal(jumps.sites[0].map, JUMPS_UNKNOWN);
	assert_int_equal(jumps.most, JUMPS_ENDLESS);
}

static void what_no_path_reaches_does_not_count(void **state)
{
	FOUND(GOTO(3), LOAD(2, 8), TAIL, NUMBER(0, 2), EXIT);

	assert_int_equal(jumps.count, 0);
	assert_int_equal(jumps.most, 0);
	assert_false(jumps.unclear);
}

static void arguments_of_own_functions_are_followed(void **state)
{
	FOUND(LOAD(2, 8), NUMBER(3, 0), CALL_OWN(4), LOAD(2, 8), CALL_OWN(1), EXIT,
	      /* 7: */ TAIL, EXIT);

	assert_int_equal(jumps.count, 1);
	assert_int_equal(jumps.sites[0].map, 0);
	assert_false(jumps.sites[0].in_entry);
	// From the second call r3 is what the first one left.
	assert_int_equal(jumps.sites[0].slot, JUMPS_UNKNOWN);
	assert_int_equal(jumps.most, 2);
}

static void the_longest_way_counts(void **state)
{
	FOUND(IF(4), LOAD(2, 8), TAIL, EXIT, // one
	      LOAD(2, 8), TAIL, TAIL, IF(1), TAIL, EXIT /* three, at most */);

	assert_int_equal(jumps.most, 3);
}

static void a_loop_around_a_function_that_jumps_has_no_limit(void **state)
{
	FOUND(CALL_OWN(2), IF(-2), EXIT, /* 3: */ TAIL, EXIT);

	assert_int_equal(jumps.most, JUMPS_ENDLESS);
}

static void a_loop_beside_the_jump_costs_nothing(void **state)
{
	FOUND(ADD(0, 1), IF(-2), TAIL, ADD(0, 1), IF(-2), EXIT);

	assert_int_equal(jumps.most, 1);
}

static void a_function_whose_address_is_given_away_may_run_any_number_of_times(void **state)
{
	FOUND(ADDRESS(2, 3), CALL(BPF_FUNC_loop), EXIT, /* 4: */ TAIL, EXIT);

	assert_int_equal(jumps.count, 1);
	assert_int_equal(jumps.most, JUMPS_ENDLESS);
}

static void a_function_that_calls_itself_has_no_limit(void **state)
{
	FOUND(CALL_OWN(1), EXIT, /* 2: */ TAIL, IF(1), CALL_OWN(-3), EXIT);

	assert_int_equal(jumps.most, JUMPS_ENDLESS);
}

static void a_far_jump_goes_where_it_says(void **state)
{
	FOUND(GOTO_FAR(3), LOAD(2, 8), TAIL, LOAD(2, 9), TAIL, EXIT);

	assert_int_equal(jumps.count, 1);
	assert_int_equal(jumps.sites[0].map, 1);
}

static void code_of_a_form_that_nobody_makes_is_unclear(void **state)
{
	static const struct bpf_insn out[] = {LOAD(2, 8), NUMBER(3, 0), TAIL, GOTO(7), EXIT},
				     end[] = {TAIL}, half[] = {LOAD(2, 8), GOTO(-2), EXIT},
				     computed[] = {{.code = BPF_JMP | BPF_JA | BPF_X}, EXIT},
				     shared[] = {CALL_OWN(1), NUMBER(0, 0), EXIT},
				     call[] = {CALL_OWN(-9), EXIT};
	static const struct {
		const struct bpf_insn *code;
		size_t count;
	} odd[] = {
		{out, COUNT(out)},
		{end, COUNT(end)},
		{half, COUNT(half)},
		{computed, COUNT(computed)},
		{shared, COUNT(shared)},
		{call, COUNT(call)},
		{end, 0},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(odd); i++) {
		OWNED(jumps_drop) struct jumps jumps = found(odd[i].code, odd[i].count);

		assert_true(jumps.unclear);
		assert_int_equal(jumps.most, JUMPS_ENDLESS);
		for (size_t k = 0; k < jumps.count; k++)
			assert_int_equal(jumps.sites[k].map, JUMPS_UNKNOWN);
	}
}

// As many branches as a program can have, each of which joins and goes back: the walk still ends.
static void the_largest_program_is_walked_in_a_moment(void **state)
{
	OWNED(drop_heap) struct bpf_insn *insns = calloc(INSPECT_INSNS_MAX, sizeof(*insns));
	OWNED(drop_heap) int32_t *maps = calloc(INSPECT_INSNS_MAX, sizeof(*maps));
	OWNED(jumps_drop) struct jumps jumps = {0};
	const struct bpf_insn turn[] = {MOVE(2, 7), MOVE(7, 8), MOVE(8, 9), TAIL, IF(-5)};
	struct fault why = {0};

	(void)state;
	for (size_t i = 0; i + 1 < INSPECT_INSNS_MAX; i++) {
		insns[i] = turn[i % COUNT(turn)];
		if (i % COUNT(turn) == 4 && i % 3)
			insns[i].off = (int16_t)(i > 30000 ? -30000 : 100);
		maps[i] = JUMPS_UNKNOWN;
	}
	insns[INSPECT_INSNS_MAX - 1] = (struct bpf_insn)EXIT;
	assert_int_equal(jumps_find(insns, INSPECT_INSNS_MAX, maps, 0, &jumps, &why), 0);
	assert_true(jumps.count > 10000);
	assert_int_equal(jumps.most, JUMPS_ENDLESS);
}

// ---- of compiled objects ----

static struct inspection *inspected(void)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct inspection *inspection = NULL;
	struct fault why = {0};

	if (file_read(TEST_BPF_DIR "/ways.bpf.o", INSPECT_OBJECT_MAX, &data, &why) ||
	    inspect_object(data.data, data.len, &inspection, &why))
		fail_msg("%s", why.text);
	return inspection;
}

static void the_inspector_tells_where_compiled_programs_go(void **state)
{
	static const struct {
		const char *name;
		size_t through, unknown;
		uint32_t most;
	} known[] = {
		{"dead_next", 0, 0, 1},
		{"plain", 1, 0, 1},
		{"other_slot", 0, 0, 1},
		{"any_slot", 0, 1, 1},
		{"with_parts", 1, 0, 4},
		{"either_way", 1, 0, 2},
		{"by_function", 1, 0, 1},
		{"by_argument", 1, 0, 1},
		{"by_choice", 0, 1, 1},
		{"by_stack", 0, 1, 1},
		{"twice", 1, 0, 3},
		{"none", 0, 0, 0},
		{"in_a_loop", 1, 0, JUMPS_ENDLESS},
		{"by_header", 0, 0, 1},
	};
	OWNED(inspection_drop) struct inspection *inspection = inspected();

	(void)state;
	for (size_t i = 0; i < COUNT(known); i++) {
		const struct inspect_program *program =
			inspection_program(inspection, known[i].name);
		struct inspect_ways ways = inspection_ways(inspection, program, "own_next");

		if (ways.through != known[i].through || ways.unknown != known[i].unknown ||
		    program->jumps_most != known[i].most)
			fail_msg("%s: %zu through, %zu unknown, %u at most", known[i].name,
				 ways.through, ways.unknown, program->jumps_most);
		assert_false(program->jumps_unclear);
	}
	assert_int_equal(inspection_ways(inspection, inspection_program(inspection, "by_header"),
					 "bpfseal_next")
				 .through,
			 1);
}

static int claimed(const struct inspection *inspection, const char *entry, enum linkage linkage,
		   const char *next, struct fault *why)
{
	struct manifest_map maps[3] = {0};
	struct manifest_program program = {.object = (char *)"ways.bpf.o",
					   .entry = (char *)(uintptr_t)entry,
					   .hook = HOOK_XDP,
					   .linkage = linkage,
					   .next_map = (char *)(uintptr_t)next};
	struct manifest manifest = {
		.programs = &program, .program_count = 1, .maps = maps, .map_count = 3};

	for (size_t i = 0; i < 3; i++) {
		const struct inspect_map *map = &inspection->maps[i];

		maps[i] = (struct manifest_map){.name = (char *)(uintptr_t)map->name,
						.object = program.object,
						.type = (char *)"prog_array",
						.key_size = 4,
						.value_size = 4,
						.max_entries = map->max_entries,
						.key = (char *)(uintptr_t)map->key,
						.value = (char *)(uintptr_t)map->value};
	}
	return claims_check(inspection, &manifest, "ways.bpf.o", why);
}

static void a_next_map_that_no_path_goes_through_is_refused(void **state)
{
	static const char *const dead[] = {"dead_next", "other_slot", "none"};
	static const char *const fine[] = {"plain",	  "any_slot",  "with_parts", "by_function",
					   "by_argument", "by_choice", "by_stack",   "in_a_loop"};
	OWNED(inspection_drop) struct inspection *inspection = inspected();

	(void)state;
	for (size_t i = 0; i < COUNT(dead); i++) {
		struct fault why = {0};

		assert_int_equal(claimed(inspection, dead[i], LINK_OWN_MAP, "own_next", &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_non_null(strstr(why.text, "no path of it tail-calls slot 0"));
		assert_non_null(strstr(why.fix, "would be dead"));
	}
	for (size_t i = 0; i < COUNT(fine); i++) {
		struct fault why = {0};

		if (claimed(inspection, fine[i], LINK_OWN_MAP, "own_next", &why))
			fail_msg("%s: %s", fine[i], why.text);
		// With the header it would have to be the header's map.
		assert_int_equal(
			claimed(inspection, fine[i], LINK_CHAIN, NULL, &why),
			strncmp(fine[i], "by_choice", 9) && strcmp(fine[i], "by_stack") ? -1 : 0);
	}
	assert_int_equal(claimed(inspection, "by_header", LINK_CHAIN, NULL, &(struct fault){0}), 0);
	assert_int_equal(claimed(inspection, "dead_next", LINK_WRAP, NULL, &(struct fault){0}), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_map_in_the_register_is_the_one_that_is_jumped_through),
		cmocka_unit_test(a_map_is_followed_from_register_to_register),
		cmocka_unit_test(a_call_clobbers_what_it_may),
		cmocka_unit_test(what_is_computed_cut_or_fetched_is_unknown),
		cmocka_unit_test(two_ways_that_agree_are_known_and_two_that_differ_are_not),
		cmocka_unit_test(a_loop_that_changes_the_register_is_seen_to_the_end),
		cmocka_unit_test(what_no_path_reaches_does_not_count),
		cmocka_unit_test(arguments_of_own_functions_are_followed),
		cmocka_unit_test(the_longest_way_counts),
		cmocka_unit_test(a_loop_around_a_function_that_jumps_has_no_limit),
		cmocka_unit_test(a_loop_beside_the_jump_costs_nothing),
		cmocka_unit_test(
			a_function_whose_address_is_given_away_may_run_any_number_of_times),
		cmocka_unit_test(a_function_that_calls_itself_has_no_limit),
		cmocka_unit_test(a_far_jump_goes_where_it_says),
		cmocka_unit_test(code_of_a_form_that_nobody_makes_is_unclear),
		cmocka_unit_test(the_largest_program_is_walked_in_a_moment),
		cmocka_unit_test(the_inspector_tells_where_compiled_programs_go),
		cmocka_unit_test(a_next_map_that_no_path_goes_through_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
