// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "loader/verifier.h"

static void reads(const char *log, const char *reason, const char *source, const char *place)
{
	struct verifier_word word;

	verifier_read(log, 1 << 20, &word);
	assert_false(word.is_cut);
	assert_string_equal(word.reason, reason);
	assert_string_equal(word.source, source);
	assert_string_equal(word.place, place);
}

#define STATISTICS                                                                     \
	"verification time 45 usec\nstack depth 0\nprocessed 2 insns (limit 1000000) " \
	"max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0\n"

static void the_last_sentence_and_the_line_before_it_are_found(void **state)
{
	(void)state;
	reads("0: R1=ctx() R10=fp0\n"
	      "; unsigned char *data = (void *)(long)ctx->data; @ marks.bpf.c:107\n"
	      "0: (61) r1 = *(u32 *)(r1 +0)          ; R1_w=pkt(r=0)\n"
	      "; return data[100] ? XDP_PASS : XDP_DROP; @ marks.bpf.c:109\n"
	      "1: (71) r1 = *(u8 *)(r1 +100)\n"
	      "invalid access to packet, off=100 size=1, R1(id=0,off=100,r=0)\n"
	      "R1 offset is outside of the packet\n" STATISTICS,
	      "R1 offset is outside of the packet", "return data[100] ? XDP_PASS : XDP_DROP;",
	      "marks.bpf.c:109");
}

static void a_kernel_that_names_no_file_still_shows_the_line(void **state)
{
	(void)state;
	reads("; return data[100];\n1: (71) r1 = *(u8 *)(r1 +100)\nR1 invalid mem access 'scalar'\n"
	      "processed 2 insns (limit 1000000)\n",
	      "R1 invalid mem access 'scalar'", "return data[100];", "");
}

static void without_types_there_is_only_a_reason(void **state)
{
	(void)state;
	reads("0: (85) call unknown#0\ninvalid func unknown#0\n" STATISTICS,
	      "invalid func unknown#0", "", "");
	reads("last insn is not an exit or jmp", "last insn is not an exit or jmp", "", "");
}

static void an_empty_log_gives_no_reason(void **state)
{
	(void)state;
	reads("", "", "", "");
	reads("\n\n", "", "", "");
	reads(STATISTICS, "", "", "");
}

// The text of a line is whatever its author wrote.
static void a_line_that_imitates_a_place_deceives_nobody(void **state)
{
	(void)state;
	reads("; x = \"a @ b.c:7\"; @ real.c:3\nR0 !read_ok\n", "R0 !read_ok", "x = \"a @ b.c:7\";",
	      "real.c:3");
	reads("; @ :7\nR0 !read_ok\n", "R0 !read_ok", "@ :7", "");
	reads("; :7\nR0 !read_ok\n", "R0 !read_ok", ":7", "");
	reads("; 12345\nR0 !read_ok\n", "R0 !read_ok", "12345", "");
	reads("; \nR0 !read_ok\n", "R0 !read_ok", "", "");
}

static void long_lines_are_cut(void **state)
{
	char log[4096];
	struct verifier_word word;

	(void)state;
	memset(log, 'x', sizeof(log));
	memcpy(log, "; ", 2);
	log[2000] = '\n';
	log[sizeof(log) - 1] = '\0';
	verifier_read(log, 1 << 20, &word);
	assert_int_equal(strlen(word.reason), sizeof(word.reason) - 1);
	assert_int_equal(strlen(word.source), sizeof(word.source) - 1);
}

static void cut(const char *log, bool expected)
{
	struct verifier_word word;

	verifier_read(log, strlen(log) + 1, &word);
	assert_int_equal(word.is_cut, expected);
	if (expected) {
		assert_string_equal(word.reason, "");
		assert_string_equal(word.source, "");
	} else {
		assert_string_equal(word.reason, "R0 !read_ok");
	}
}

// Kernels before 6.4 keep the beginning of a log that is too long, later ones the end.
static void a_full_log_that_ends_in_the_middle_has_no_reason(void **state)
{
	(void)state;
	cut("; return data[100];\n1: (07) r1 += 1   ; R1_w=1\n2: (07) r1 +=", true);
	cut("; return data[100];\n1: (07) r1 += 1   ; R1_w=1\n", true);
	cut("+= 1\n; return data[100];\n8: (95) exit\nR0 !read_ok\n" STATISTICS, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_sentence_and_the_line_before_it_are_found),
		cmocka_unit_test(a_kernel_that_names_no_file_still_shows_the_line),
		cmocka_unit_test(without_types_there_is_only_a_reason),
		cmocka_unit_test(an_empty_log_gives_no_reason),
		cmocka_unit_test(a_line_that_imitates_a_place_deceives_nobody),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(a_full_log_that_ends_in_the_middle_has_no_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
