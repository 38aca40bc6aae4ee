// SPDX-License-Identifier: Apache-2.0
#include "base/bytes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

void bytes_drop(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}

// Doubles, so appending stays linear.
int bytes_reserve(struct bytes *bytes, size_t more, struct fault *why)
{
	size_t need, room = bytes->room ? bytes->room : 64;
	unsigned char *data;

	if (__builtin_add_overflow(bytes->len, more, &need) ||
	    __builtin_add_overflow(need, 1, &need))
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (need <= bytes->room)
		return 0;
	while (room < need)
		if (__builtin_mul_overflow(room, 2, &room))
			return fault_set(why, FAULT_OTHER, "out of memory");
	data = realloc(bytes->data, room);
	if (!data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	bytes->data = data;
	bytes->room = room;
	return 0;
}

int bytes_append(struct bytes *bytes, const void *data, size_t len, struct fault *why)
{
	if (bytes_reserve(bytes, len, why))
		return -1;
	if (len)
		memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
	bytes->data[bytes->len] = '\0';
	return 0;
}

int bytes_append_text(struct bytes *bytes, const char *text, struct fault *why)
{
	return bytes_append(bytes, text, strlen(text), why);
}

int bytes_format(struct bytes *bytes, struct fault *why, const char *format, ...)
{
	OWNED(drop_heap) char *text = NULL;
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (len < 0) {
		text = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	return bytes_append(bytes, text, (size_t)len, why);
}

void bytes_move(struct bytes *to, struct bytes *from)
{
	bytes_drop(to);
	*to = *from;
	*from = (struct bytes){0};
}

const char *bytes_text(const struct bytes *bytes)
{
	return bytes->data ? (const char *)bytes->data : "";
}

void hex_write(const void *data, size_t len, char *hex)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *from = data;

	for (size_t i = 0; i < len; i++) {
		hex[2 * i] = digits[from[i] >> 4];
		hex[2 * i + 1] = digits[from[i] & 15];
	}
	hex[2 * len] = '\0';
}

// One more than what a digit is worth; 0 for all that is none. A table, as no processor foresees which range the digits
// of a digest are in, and a large role has millions of them.
static const unsigned char hex_digit[256] = {
	['0'] = 1,  ['1'] = 2,	['2'] = 3,  ['3'] = 4,	['4'] = 5,  ['5'] = 6,
	['6'] = 7,  ['7'] = 8,	['8'] = 9,  ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
};

int hex_read(const char *hex, void *data, size_t len)
{
	unsigned char *to = data;

	for (size_t i = 0; i < len; i++) {
		// The second is not looked at when the first is the end of the text.
		unsigned high = hex_digit[(unsigned char)hex[2 * i]];
		unsigned low = high ? hex_digit[(unsigned char)hex[2 * i + 1]] : 0;

		if (!low)
			return -1;
		to[i] = (unsigned char)((high - 1) << 4 | (low - 1));
	}
	return hex[2 * len] == '\0' ? 0 : -1;
}

int text_copy(const char *text, char **out, struct fault *why)
{
	char *copy = strdup(text);

	if (!copy)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*out = copy;
	return 0;
}

int rows_make(size_t count, size_t size, void *rows, struct fault *why)
{
	void *memory = NULL;

	if (count && !(memory = calloc(count, size)))
		return fault_set(why, FAULT_OTHER, "out of memory");
	// Copied, as `rows` may be the address of a pointer of any type.
	memcpy(rows, &memory, sizeof(memory));
	return 0;
}

static bool is_plain_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool name_is_plain(const char *name, size_t max)
{
	size_t len = strlen(name);

	if (!len || len > max || !is_plain_start(name[0]))
		return false;
	for (size_t i = 1; i < len; i++)
		if (!is_plain_start(name[i]) && !strchr("._-", name[i]))
			return false;
	return true;
}

bool name_is_identifier(const char *name, size_t max)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
	size_t len = strlen(name);

	return len && len <= max && strspn(name, letters) == len &&
	       !(name[0] >= '0' && name[0] <= '9');
}

// The length of the valid UTF-8 sequence at `text` and its code point; 0 when there is none. Refuses overlong
// forms, surrogates and code points past U+10FFFF (RFC 3629).
static size_t utf8_take(const unsigned char *text, uint32_t *point)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	size_t len = text[0] < 0x80		? 1
		     : (text[0] & 0xe0) == 0xc0 ? 2
		     : (text[0] & 0xf0) == 0xe0 ? 3
		     : (text[0] & 0xf8) == 0xf0 ? 4
						: 0;

	if (!len)
		return 0;
	*point = len == 1 ? text[0] : text[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (text[i] & 0x3fu);
	}
	if (*point < least[len] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
		return 0;
	return len;
}

bool text_is_utf8(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	uint32_t ignored;

	while (*at) {
		size_t len = utf8_take(at, &ignored);

		if (!len)
			return false;
		at += len;
	}
	return true;
}

// Marks that reorder or hide what a terminal shows (CVE-2021-42574).
static bool is_deceiving(uint32_t point)
{
	return point == 0x61c || (point >= 0x200b && point <= 0x200f) ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069) ||
	       point == 0xfeff;
}

char *text_safe(const char *text, char *out, size_t room)
{
	const unsigned char *from = (const unsigned char *)text;
	size_t used = 0;

	while (*from) {
		char piece[16];
		uint32_t point = 0;
		size_t len = utf8_take(from, &point);

		if (!len || point < 0x20 || (point >= 0x7f && point < 0xa0)) {
			snprintf(piece, sizeof(piece), "\\x%02x", *from);
			len = 1;
		} else if (is_deceiving(point)) {
			snprintf(piece, sizeof(piece), "\\u{%04x}", point);
		} else {
			memcpy(piece, from, len);
			piece[len] = '\0';
		}
		if (used + strlen(piece) + 1 > room)
			break;
		memcpy(out + used, piece, strlen(piece));
		used += strlen(piece);
		from += len;
	}
	if (room)
		out[used] = '\0';
	return out;
}
