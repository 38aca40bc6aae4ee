// SPDX-License-Identifier: Apache-2.0
#include "bpf/boilerplate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/embedded.h"

// A template is text in which @word@ stands for a value, and a line that begins with "%word " is there only when the word
// is one of the chosen ones; several of them may stand before a line.
struct value {
	const char *word;
	char text[BOILERPLATE_NAME_MAX + 32];
};

struct filling {
	struct value values[8];
	size_t count;
	const char *chosen[2]; // "xdp" or "tc", "wrap" or "chain"
};

void boilerplate_files_drop(struct boilerplate_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		free(files->list[i].name);
		bytes_drop(&files->list[i].text);
	}
	files->count = 0;
}

// ---- values ----

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

static int check_name(const char *name, struct fault *why)
{
	if (name_is_plain(name, BOILERPLATE_NAME_MAX) && is_letter(name[0]))
		return 0;
	fault_set(why, FAULT_USAGE, "\"%.80s\" is no name for a program", name);
	return fault_fix(why, "1 to %d of a-z 0-9 . _ -, a letter first", BOILERPLATE_NAME_MAX);
}

static void value_add(struct filling *filling, const char *word, const char *text, const char *more)
{
	struct value *value = &filling->values[filling->count++];

	value->word = word;
	snprintf(value->text, sizeof(value->text), "%s%s", text, more);
}

// The C name: what cannot stand in one becomes '_'. Nothing is called by it alone, so it may be a word of C.
static void make_id(const char *name, char id[static BOILERPLATE_NAME_MAX + 1])
{
	size_t len = strlen(name);

	for (size_t i = 0; i <= len; i++)
		id[i] = name[i] == '-' || name[i] == '.' ? '_' : name[i];
}

static void fill(const struct boilerplate *about, struct filling *filling)
{
	bool is_xdp = about->hook == HOOK_XDP, is_chain = about->linkage == LINK_CHAIN;
	char id[BOILERPLATE_NAME_MAX + 1];

	make_id(about->name, id);
	filling->chosen[0] = is_xdp ? "xdp" : "tc";
	filling->chosen[1] = is_chain ? "chain" : "wrap";
	value_add(filling, "name", about->name, "");
	value_add(filling, "id", id, "");
	value_add(filling, "entry", id, is_xdp ? "_xdp" : "_tc");
	value_add(filling, "publisher", about->publisher, "");
	value_add(filling, "hook", hook_name(about->hook), "");
	value_add(filling, "linkage", filling->chosen[1], "");
}

// ---- templates ----

// The value of the word that stands between `at` and `end`; NULL: it is no word of ours.
static const char *value_find(const struct filling *filling, const char *at, const char *end)
{
	size_t len = (size_t)(end - at);

	for (size_t i = 0; i < filling->count; i++)
		if (strlen(filling->values[i].word) == len &&
		    !memcmp(filling->values[i].word, at, len))
			return filling->values[i].text;
	return NULL;
}

static int put_line(const struct filling *filling, const char *at, const char *end,
		    struct bytes *out, struct fault *why)
{
	while (at < end) {
		const char *mark = memchr(at, '@', (size_t)(end - at));
		const char *close = mark ? memchr(mark + 1, '@', (size_t)(end - mark - 1)) : NULL;
		const char *value = close ? value_find(filling, mark + 1, close) : NULL;
		const char *stop = !mark ? end : value ? mark : mark + 1;

		if (bytes_append(out, at, (size_t)(stop - at), why))
			return -1;
		if (value && bytes_append_text(out, value, why))
			return -1;
		at = value ? close + 1 : stop;
	}
	return bytes_append_text(out, "\n", why);
}

static bool is_chosen(const struct filling *filling, const char *word, size_t len)
{
	for (size_t i = 0; i < 2; i++)
		if (strlen(filling->chosen[i]) == len && !memcmp(filling->chosen[i], word, len))
			return true;
	return false;
}

// Steps over the conditions before a line; false when one of them does not hold.
static bool holds(const struct filling *filling, const char **at, const char *end)
{
	while (*at < end && **at == '%') {
		const char *word = *at + 1, *stop = word;

		while (stop < end && is_letter(*stop))
			stop++;
		if (!is_chosen(filling, word, (size_t)(stop - word)))
			return false;
		*at = stop < end ? stop + 1 : end;
	}
	return true;
}

static int put_template(const struct filling *filling, const unsigned char *start,
			const unsigned char *end, struct bytes *out, struct fault *why)
{
	const char *at = (const char *)start, *stop = (const char *)end;

	while (at < stop) {
		const char *line_end = memchr(at, '\n', (size_t)(stop - at));
		const char *next = line_end ? line_end + 1 : stop;

		line_end = line_end ? line_end : stop;
		if (holds(filling, &at, line_end) && put_line(filling, at, line_end, out, why))
			return -1;
		at = next;
	}
	return 0;
}

// ---- files ----

struct source {
	const char *name; // '*' is the bundle's name
	const unsigned char *start, *end;
	bool as_it_is;
};

static int put_file(const struct filling *filling, const struct source *source,
		    struct boilerplate_files *out, struct fault *why)
{
	struct boilerplate_file *file = &out->list[out->count++];
	bool is_named = source->name[0] == '*';

	if (asprintf(&file->name, "%s%s", is_named ? filling->values[0].text : "",
		     source->name + is_named) < 0) {
		file->name = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	if (source->as_it_is)
		return bytes_append(&file->text, source->start,
				    (size_t)(source->end - source->start), why);
	return put_template(filling, source->start, source->end, &file->text, why);
}

int boilerplate_write(const struct boilerplate *about, struct boilerplate_files *out,
		      struct fault *why)
{
	const struct source sources[BOILERPLATE_FILES] = {
		{"*.bpf.c", embedded_program_start, embedded_program_end, false},
		{"*.json", embedded_manifest_start, embedded_manifest_end, false},
		{"*_test.c", embedded_test_start, embedded_test_end, false},
		{"Makefile", embedded_makefile_start, embedded_makefile_end, false},
		{"bpfseal/chain.h", embedded_chain_h_start, embedded_chain_h_end, true},
		{"bpfseal/packet.h", embedded_packet_h_start, embedded_packet_h_end, true},
	};
	struct filling filling = {.count = 0};

	if (check_name(about->name, why))
		return -1;
	if (!name_is_plain(about->publisher, BOILERPLATE_NAME_MAX))
		return fault_set(why, FAULT_USAGE, "\"%.80s\" is no name of a publisher",
				 about->publisher);
	fill(about, &filling);
	for (size_t i = 0; i < BOILERPLATE_FILES; i++)
		if (put_file(&filling, &sources[i], out, why))
			return -1;
	return 0;
}
