// SPDX-License-Identifier: Apache-2.0
#include "bpf/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_star_takes_any_characters_and_a_question_mark_one(void **state)
{
	static const struct {
		const char *pattern, *name;
		bool matches;
	} cases[] = {
		{"eth0", "eth0", true},	    {"eth0", "eth1", false},   {"eth*", "eth", true},
		{"eth*", "eth0.100", true}, {"eth*", "veth0", false},  {"eth?", "eth0", true},
		{"eth?", "eth", false},	    {"eth?", "eth10", false},  {"*", "lo", true},
		{"*0", "eth0", true},	    {"*0", "eth01", false},    {"*0", "00", true},
		{"v*h*0", "veth10", true},  {"v*h*0", "veth1", false}, {"**", "a", true},
		{"?*?", "a", false},	    {"?*?", "ab", true},       {"a*b*c", "aXbYbc", true},
		{"a*b*c", "aXbYb", false},  {"eth[0]", "eth0", false}, {"eth[0]", "eth[0]", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (pattern_matches(cases[i].pattern, cases[i].name) != cases[i].matches)
			fail_msg("%s on %s", cases[i].pattern, cases[i].name);
	assert_true(pattern_is("eth*") && pattern_is("?"));
	assert_false(pattern_is("eth[0]"));
}

// All names of two letters up to a length: slow, and without a thought that could be the same mistake.
static bool meets_by_trying(const char *a, const char *b, size_t longest)
{
	char name[8] = "";

	for (size_t len = 1; len <= longest; len++)
		for (unsigned bits = 0; bits < 1u << len; bits++) {
			for (size_t i = 0; i < len; i++)
				name[i] = bits >> i & 1 ? 'b' : 'a';
			name[len] = '\0';
			if (pattern_matches(a, name) && pattern_matches(b, name))
				return true;
		}
	return false;
}

static void spell(unsigned number, char out[static 5])
{
	size_t len = 0;

	for (; number && len < 4; number /= 5)
		if (number % 5)
			out[len++] = "?ab*"[number % 5 - 1];
	out[len] = '\0';
}

static void two_patterns_meet_exactly_where_some_name_fits_both(void **state)
{
	char a[5], b[5];
	unsigned met = 0;

	(void)state;
	// Every pair of up to four signs; names of seven letters are long enough for all of them.
	for (unsigned i = 1; i < 625; i += 3)
		for (unsigned k = 1; k < 625; k += 2) {
			bool meets;

			spell(i, a);
			spell(k, b);
			meets = pattern_meets(a, b);
			met += meets;
			if (a[0] && b[0] && meets != meets_by_trying(a, b, 7))
				fail_msg("%s and %s: %d", a, b, meets);
		}
	assert_true(met > 1000);
}

static void a_name_that_would_be_too_long_is_none(void **state)
{
	(void)state;
	assert_true(pattern_meets("aaaaaaa*", "*bbbbbbbb"));
	assert_false(pattern_meets("aaaaaaaa*", "*bbbbbbbb"));
	assert_true(pattern_meets("aaaaaaaabbbbbbb", "a*b"));
	assert_true(pattern_meets("???????????????", "*"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_star_takes_any_characters_and_a_question_mark_one),
		cmocka_unit_test(two_patterns_meet_exactly_where_some_name_fits_both),
		cmocka_unit_test(a_name_that_would_be_too_long_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
