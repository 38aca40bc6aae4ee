// SPDX-License-Identifier: Apache-2.0
#include "loader/verifier.h"

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

// One line of the log, without its newline.
struct line {
	const char *at;
	size_t len;
};

static bool begins(struct line line, const char *with)
{
	return line.len >= strlen(with) && strncmp(line.at, with, strlen(with)) == 0;
}

// The line that ends before `end`, going backwards from the end of the log. False at its top.
static bool line_before(const char *log, const char **end, struct line *out)
{
	const char *last = *end, *start;

	while (last > log && last[-1] == '\n')
		last--;
	if (last == log)
		return false;
	for (start = last; start > log && start[-1] != '\n';)
		start--;
	*out = (struct line){start, (size_t)(last - start)};
	*end = start;
	return true;
}

// The statistics that the verifier ends with say nothing.
static bool is_reason(struct line line)
{
	static const char *const others[] = {"; ", "processed ", "verification time ",
					     "stack depth ", "mark_precise: "};

	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (begins(line, others[i]))
			return false;
	return true;
}

static void copy(struct line line, char *out, size_t room)
{
	snprintf(out, room, "%.*s", (int)(line.len < room ? line.len : room), line.at);
}

// "; return data[100]; @ marks.bpf.c:109": newer kernels name the file and the line.
static void read_source(struct line line, struct verifier_word *out)
{
	struct line text = {line.at + 2, line.len - 2};
	size_t at = text.len, digits = 0;

	while (at && isdigit((unsigned char)text.at[at - 1]))
		at--, digits++;
	if (digits && at && text.at[at - 1] == ':') {
		while (at && text.at[at - 1] != '@')
			at--;
		if (at >= 2 && at < text.len && text.at[at] == ' ' && text.at[at - 2] == ' ') {
			copy((struct line){text.at + at + 1, text.len - at - 1}, out->place,
			     sizeof(out->place));
			text.len = at - 2;
		}
	}
	copy(text, out->source, sizeof(out->source));
}

// The statistics are its last word. Where a full log ends with another, it ends in the middle of the work.
static bool is_cut(const char *log, size_t len, size_t room)
{
	const char *end = log + len;
	struct line last;

	return len + 1 >= room && line_before(log, &end, &last) && !begins(last, "processed ");
}

void verifier_read(const char *log, size_t room, struct verifier_word *out)
{
	size_t len = strlen(log);
	const char *end = log + len;
	bool has_reason = false;
	struct line line;

	*out = (struct verifier_word){.is_cut = is_cut(log, len, room)};
	if (out->is_cut)
		return;
	while (line_before(log, &end, &line)) {
		if (!has_reason && is_reason(line)) {
			copy(line, out->reason, sizeof(out->reason));
			has_reason = true;
		}
		if (begins(line, "; ")) {
			read_source(line, out);
			return;
		}
	}
}
