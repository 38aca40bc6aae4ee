// SPDX-License-Identifier: Apache-2.0
// base/bytes, text_safe: what a terminal gets is valid UTF-8 without control characters or marks that turn text around,
// whatever came in and however little room there is.
#include "base/bytes.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

// Reads the code point at `text`, valid UTF-8 by the table of RFC 3629 section 4; returns its length.
static size_t point_at(const unsigned char *text, uint32_t *point)
{
	static const struct {
		unsigned char first_low, first_high, second_low, second_high;
		size_t len;
	} rows[] = {
		{0x00, 0x7f, 0, 0, 1},	     {0xc2, 0xdf, 0x80, 0xbf, 2},
		{0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
		{0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
		{0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4},
		{0xf4, 0xf4, 0x80, 0x8f, 4},
	};
	size_t row = 0, len;

	while (row < 9 && (text[0] < rows[row].first_low || text[0] > rows[row].first_high))
		row++;
	HOLDS(row < 9);
	len = rows[row].len;
	HOLDS(len == 1 || (text[1] >= rows[row].second_low && text[1] <= rows[row].second_high));
	*point = len == 1 ? text[0] : text[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		HOLDS((text[i] & 0xc0) == 0x80);
		*point = *point << 6 | (text[i] & 0x3fu);
	}
	return len;
}

static void check_harmless(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t point;

	while (*at) {
		at += point_at(at, &point);
		HOLDS(point >= 0x20 && (point < 0x7f || point >= 0xa0));
		HOLDS(point < 0x202a || point > 0x202e);
		HOLDS(point < 0x2066 || point > 0x2069);
		HOLDS(point != 0x200e && point != 0x200f && point != 0x61c && point != 0xfeff);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	size_t room = fuzz_byte(&input);
	OWNED(drop_heap) char *text = strndup(input.left ? (const char *)input.at : "", input.left);
	OWNED(drop_heap) char *small = malloc(room + 1);
	OWNED(drop_heap) char *whole = malloc(16 * len + 1);
	OWNED(drop_heap) char *again = malloc(16 * len + 1);

	HOLDS(text && small && whole && again);
	HOLDS(text_safe(text, whole, 16 * len + 1) == whole);
	check_harmless(whole);
	HOLDS(strcmp(text_safe(whole, again, 16 * len + 1), whole) == 0);
	small[room] = 'x';
	text_safe(text, small, room);
	HOLDS(small[room] == 'x');
	if (room)
		HOLDS(strlen(small) < room && !strncmp(small, whole, strlen(small)));
	if (name_is_plain(text, 64))
		HOLDS(strcmp(text, whole) == 0 && !strchr(text, '/') && text[0] != '.');
	return 0;
}
