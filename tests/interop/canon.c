// SPDX-License-Identifier: Apache-2.0
// Generated documents, and their canonical form by our writer, for canon_test.sh.
//   canon generate COUNT    documents to stdout, the same ones every time; what was met in them to stderr
//   canon write             documents from the file on stdin, their canonical forms to stdout
// Documents and forms stand in frames: their length in decimal digits, a newline, the bytes, a newline. In place of a
// form that is refused stands "refused CODE".
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "keys/canon.h"

#define INPUT_MAX ((size_t)1 << 30)
#define KEYS_MAX  300

// ---- chance, the same in every run ----

static uint64_t chance_state = 20250101;

static uint64_t chance(uint64_t below)
{
	uint64_t mixed = chance_state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (mixed ^ (mixed >> 31)) % below;
}

static bool one_in(uint64_t n)
{
	return chance(n) == 0;
}

// What the documents held: a generator that lost a kind of them would prove less than it says.
static struct {
	uint64_t members, controls, escapes, quotes, wide_keys, private_keys, deep, large;
} met;

// Memory is all that can fail here.
static void need(int rc)
{
	if (rc)
		abort();
}

static void put(struct bytes *out, const char *text)
{
	struct fault why = {0};

	need(bytes_append_text(out, text, &why));
}

// ---- texts ----

// Which characters a text is made of. The other side sorts keys by UTF-16 units, which is the order of code points but
// for U+E000..U+FFFF against what lies above; so the keys of one object have no more than one of these two.
enum alphabet { ANY, NO_WIDE, NO_UPPER_BMP };

static bool is_in(uint32_t code, enum alphabet alphabet)
{
	if (code == 0 || (code >= 0xd800 && code <= 0xdfff))
		return false;
	if (alphabet == NO_WIDE)
		return code <= 0xffff;
	return alphabet == ANY || code < 0xe000 || code > 0xffff;
}

static uint32_t any_code(void)
{
	static const uint32_t odd[] = {'"',    '\\',   '/',	0x7f,	 0x80,	   0x7ff,
				       0x800,  0x2028, 0xd7ff,	0xe000,	 0xfeff,   0xfffd,
				       0xfffe, 0xffff, 0x10000, 0x1f600, 0x10fffe, 0x10ffff};

	switch (chance(8)) {
	case 0:
		return (uint32_t)(1 + chance(0x1f));
	case 1:
		return odd[chance(sizeof(odd) / sizeof(*odd))];
	case 2:
		return (uint32_t)chance(0x800);
	case 3:
		return (uint32_t)chance(0x10000);
	case 4:
		return (uint32_t)(0x10000 + chance(0x100000));
	default:
		return (uint32_t)(0x20 + chance(0x5f));
	}
}

static uint32_t some_code(enum alphabet alphabet)
{
	uint32_t code;

	do
		code = any_code();
	while (!is_in(code, alphabet));
	return code;
}

// The code point as UTF-8, NUL-terminated.
static void to_utf8(uint32_t code, char text[5])
{
	size_t len = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = len - 1; i > 0; i--) {
		text[i] = (char)(0x80 | (code & 0x3f));
		code >>= 6;
	}
	text[0] = (char)(first[len] | code);
	text[len] = '\0';
}

static void put_hex(struct bytes *out, uint32_t unit)
{
	struct fault why = {0};

	need(bytes_format(out, &why, one_in(2) ? "\\u%04x" : "\\u%04X", unit));
}

static void put_escape(struct bytes *out, uint32_t code)
{
	met.escapes++;
	if (code > 0xffff) {
		put_hex(out, 0xd800 + ((code - 0x10000) >> 10));
		put_hex(out, 0xdc00 + ((code - 0x10000) & 0x3ff));
	} else {
		put_hex(out, code);
	}
}

// One character as JSON may write it: raw, by its short escape, or by its number.
static void put_code(struct bytes *out, uint32_t code)
{
	static const char shorts[] = "\"\\/\b\f\n\r\t", letters[] = "\"\\/bfnrt";
	const char *at = code < 0x80 ? strchr(shorts, (int)code) : NULL;
	char text[5];

	met.controls += code < 0x20;
	met.quotes += code == '"' || code == '\\';
	if (at && !one_in(3)) {
		char escape[3] = {'\\', letters[at - shorts], '\0'};

		put(out, escape);
	} else if (code < 0x20 || code == '"' || code == '\\' || one_in(4)) {
		put_escape(out, code);
	} else {
		to_utf8(code, text);
		put(out, text);
	}
}

static void put_word(struct bytes *out, const uint32_t *word, size_t len)
{
	put(out, "\"");
	for (size_t i = 0; i < len; i++)
		put_code(out, word[i]);
	put(out, "\"");
}

static void put_text(struct bytes *out)
{
	uint32_t word[400];
	size_t len = one_in(100) ? 100 + chance(300) : chance(12);

	for (size_t i = 0; i < len; i++)
		word[i] = some_code(ANY);
	put_word(out, word, len);
}

// ---- keys ----

struct key {
	uint32_t word[16];
	size_t len;
};

static bool is_taken(const struct key *keys, size_t count, const struct key *key)
{
	for (size_t i = 0; i < count; i++)
		if (keys[i].len == key->len &&
		    !memcmp(keys[i].word, key->word, key->len * sizeof(*key->word)))
			return true;
	return false;
}

// Names that another language's objects might treat as something else.
static void use_name(struct key *key)
{
	static const char *const names[] = {"__proto__", "constructor", "toString", "length",
					    "0",	 "1",		"10",	    "9",
					    "-1",	 "keyid",	"signed",   ""};
	const char *name = names[chance(sizeof(names) / sizeof(*names))];

	key->len = strlen(name);
	for (size_t i = 0; i < key->len; i++)
		key->word[i] = (uint32_t)name[i];
}

static void make_key(struct key *key, enum alphabet alphabet)
{
	if (one_in(8)) {
		use_name(key);
		return;
	}
	key->len = chance(6) + (one_in(4) ? chance(10) : 0);
	for (size_t i = 0; i < key->len; i++) {
		key->word[i] = some_code(alphabet);
		met.wide_keys += key->word[i] > 0xffff;
		met.private_keys += key->word[i] >= 0xe000 && key->word[i] <= 0xffff;
	}
}

// ---- values ----

static void put_space(struct bytes *out)
{
	static const char *const spaces[] = {" ", "\n", "\t", "\r\n", "    "};

	if (one_in(6))
		put(out, spaces[chance(5)]);
}

static void put_number(struct bytes *out)
{
	static const char *const odd[] = {"0", "-0", "-1", "9007199254740991", "-9007199254740991"};
	struct fault why = {0};
	int64_t number = (int64_t)chance(UINT64_C(1) << (1 + chance(53)));

	if (one_in(8))
		put(out, odd[chance(5)]);
	else
		need(bytes_format(out, &why, "%" PRId64, one_in(3) ? -number : number));
}

static void put_value(struct bytes *out, unsigned depth);

static void put_array(struct bytes *out, unsigned depth)
{
	size_t count = chance(5);

	put(out, "[");
	for (size_t i = 0; i < count; i++) {
		put(out, i ? "," : "");
		put_value(out, depth - 1);
	}
	put_space(out);
	put(out, "]");
}

static void put_object(struct bytes *out, unsigned depth)
{
	static struct key keys[40][KEYS_MAX]; // by depth: objects nest
	enum alphabet alphabet = one_in(2) ? NO_WIDE : NO_UPPER_BMP;
	bool large = one_in(1000);
	size_t count = large ? KEYS_MAX : chance(6);
	struct key *taken = keys[depth];

	met.large += large;
	put(out, "{");
	for (size_t i = 0; i < count; i++) {
		do
			make_key(&taken[i], alphabet);
		while (is_taken(taken, i, &taken[i]));
		met.members++;
		put(out, i ? "," : "");
		put_space(out);
		put_word(out, taken[i].word, taken[i].len);
		put_space(out);
		put(out, ":");
		put_value(out, large ? 0 : depth - 1);
	}
	put_space(out);
	put(out, "}");
}

static void put_value(struct bytes *out, unsigned depth)
{
	static const char *const words[] = {"true", "false", "null"};

	put_space(out);
	switch (chance(depth ? 8 : 4)) {
	case 0:
		put_number(out);
		break;
	case 1:
		put(out, words[chance(3)]);
		break;
	case 2:
	case 3:
		put_text(out);
		break;
	case 4:
		put_array(out, depth);
		break;
	default:
		put_object(out, depth);
	}
	put_space(out);
}

// As deep as we read.
static void put_deep(struct bytes *out)
{
	unsigned depth = (unsigned)(JSON_DEPTH_MAX - 4 + chance(5));
	bool curly[JSON_DEPTH_MAX];

	met.deep++;
	for (unsigned i = 0; i < depth; i++) {
		curly[i] = one_in(2);
		put(out, curly[i] ? "{\"b\":1,\"a\":" : "[0,");
	}
	put_text(out);
	while (depth--)
		put(out, curly[depth] ? "}" : "]");
}

static void put_document(struct bytes *out)
{
	if (one_in(500))
		put_deep(out);
	else if (one_in(20))
		put_value(out, 3);
	else
		put_object(out, 3);
}

// ---- frames ----

static void write_frame(const struct bytes *bytes)
{
	printf("%zu\n", bytes->len);
	fwrite(bytes->data, 1, bytes->len, stdout);
	putchar('\n');
}

static int generate(uint64_t count)
{
	for (uint64_t i = 0; i < count; i++) {
		OWNED(bytes_drop) struct bytes document = {0};

		put_document(&document);
		write_frame(&document);
	}
	fprintf(stderr,
		"members %" PRIu64 "\ncontrols %" PRIu64 "\nescapes %" PRIu64 "\nquotes %" PRIu64
		"\nwide_keys %" PRIu64 "\nprivate_keys %" PRIu64 "\ndeep %" PRIu64
		"\nlarge %" PRIu64 "\n",
		met.members, met.controls, met.escapes, met.quotes, met.wide_keys, met.private_keys,
		met.deep, met.large);
	return 0;
}

static int canonical_form(const void *data, size_t len, struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *json = NULL;

	if (json_parse(data, len, "document", &json, why))
		return -1;
	return canon_write(json, out, why);
}

static int write_forms(struct fault *why)
{
	OWNED(bytes_drop) struct bytes input = {0};
	const char *at, *end;

	if (file_read_fd(STDIN_FILENO, INPUT_MAX, &input, why))
		return -1;
	at = bytes_text(&input);
	for (end = at + input.len; at < end;) {
		OWNED(bytes_drop) struct bytes form = {0};
		struct fault refusal = {0};
		char *document;
		size_t len = strtoul(at, &document, 10);

		if (*document++ != '\n' || len + 1 > (size_t)(end - document))
			return fault_set(why, FAULT_FORMAT, "stdin is not in frames");
		if (canonical_form(document, len, &form, &refusal))
			printf("refused %s\n", fault_name(refusal.code));
		else
			write_frame(&form);
		at = document + len + 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (argc == 3 && !strcmp(argv[1], "generate"))
		return generate(strtoull(argv[2], NULL, 10));
	if (argc != 2 || strcmp(argv[1], "write"))
		return 2;
	if (write_forms(&why) == 0 && fflush(stdout) == 0)
		return 0;
	fault_print(&why, stderr);
	return 1;
}
