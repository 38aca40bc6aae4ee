// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void bytes_grow_and_stay_text(void **state)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault why = {0};

	(void)state;
	assert_string_equal(bytes_text(&bytes), "");
	for (int i = 0; i < 1000; i++)
		assert_int_equal(bytes_format(&bytes, &why, "%d,", i), 0);
	assert_int_equal(bytes.len, 10 * 2 + 90 * 3 + 900 * 4);
	assert_int_equal(strlen(bytes_text(&bytes)), bytes.len);
}

static void hex_takes_exactly_its_digits(void **state)
{
	static const char *const bad[] = {"", "0", "001", "00 ", "0G", "AB", " 00", "0x"};
	unsigned char byte[2] = {0};

	(void)state;
	assert_int_equal(hex_read("0aff", byte, 2), 0);
	assert_int_equal(byte[0], 0x0a);
	assert_int_equal(byte[1], 0xff);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(hex_read(bad[i], byte, 1), -1);
}

static void every_byte_but_sixteen_is_no_digit(void **state)
{
	static const char digits[] = "0123456789abcdef";
	unsigned char byte;

	(void)state;
	for (int c = 0; c < 256; c++) {
		const char *found = c ? strchr(digits, c) : NULL;
		char first[] = {(char)c, '0', '\0'}, second[] = {'0', (char)c, '\0'};

		assert_int_equal(hex_read(first, &byte, 1), found ? 0 : -1);
		if (found)
			assert_int_equal(byte, (found - digits) << 4);
		assert_int_equal(hex_read(second, &byte, 1), found ? 0 : -1);
		if (found)
			assert_int_equal(byte, found - digits);
	}
}

static void plain_names_are_a_strict_alphabet(void **state)
{
	static const char *const bad[] = {"",	 ".",	"..", "-a",  "_a",
					  "a/b", "a b", "A",  "a\n", "\xc3\xa4"};

	(void)state;
	assert_true(name_is_plain("count.bpf.o", 64));
	assert_true(name_is_plain("0a-b_c.d", 64));
	assert_false(name_is_plain("abcd", 3));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(name_is_plain(bad[i], 64));
}

static void terminals_never_see_control_bytes(void **state)
{
	char out[128];

	(void)state;
	assert_string_equal(text_safe("a\x1b[31mb\r\n", out, sizeof(out)), "a\\x1b[31mb\\x0d\\x0a");
	assert_string_equal(text_safe("gr\xc3\xbc\xc3\x9f", out, sizeof(out)),
			    "gr\xc3\xbc\xc3\x9f");
	// Overlong '/', a lone continuation byte, a surrogate.
	assert_string_equal(text_safe("\xc0\xaf\x80\xed\xa0\x80", out, sizeof(out)),
			    "\\xc0\\xaf\\x80\\xed\\xa0\\x80");
	// RIGHT-TO-LEFT OVERRIDE.
	assert_string_equal(text_safe("a\xe2\x80\xaeg", out, sizeof(out)), "a\\u{202e}g");
	assert_string_equal(text_safe("abcdef", out, 4), "abc");
}

static void only_strict_utf8_is_a_text(void **state)
{
	static const char *const good[] = {"", "plain", "\xc3\xa9", "\xe2\x82\xac",
					   "\xf0\x9f\x98\x80"};
	static const char *const bad[] = {"\xaa",  "\xc0\xaf", "\xed\xa0\x80",
					  "a\xff", "\xe2\x82", "\xf4\x90\x80\x80"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(text_is_utf8(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(text_is_utf8(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_grow_and_stay_text),
		cmocka_unit_test(hex_takes_exactly_its_digits),
		cmocka_unit_test(every_byte_but_sixteen_is_no_digit),
		cmocka_unit_test(plain_names_are_a_strict_alphabet),
		cmocka_unit_test(terminals_never_see_control_bytes),
		cmocka_unit_test(only_strict_utf8_is_a_text),
	};

	return cmocka_run_group_tests_name("base/bytes", tests, NULL, NULL);
}
