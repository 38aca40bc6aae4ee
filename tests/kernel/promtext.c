// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/promtext.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MAX   8192
#define FAMILIES_MAX 64
#define NAME_LEN     128

struct reader {
	const char *line; // that is read
	unsigned number;
	char family[NAME_LEN], done[FAMILIES_MAX][NAME_LEN];
	size_t done_count;
	bool typed;
	char *series[SERIES_MAX];
	size_t series_count;
	char *complaint;
	size_t room;
};

static bool wrong(struct reader *reader, const char *what)
{
	snprintf(reader->complaint, reader->room, "line %u: %s: %.150s", reader->number, what,
		 reader->line);
	return false;
}

static size_t name_len(const char *at)
{
	size_t len = 0;

	while (isalpha((unsigned char)at[len]) || at[len] == '_' || at[len] == ':' ||
	       (len && isdigit((unsigned char)at[len])))
		len++;
	return len;
}

static bool read_comment(struct reader *reader)
{
	char word[8], name[NAME_LEN], rest[32] = "";

	if (sscanf(reader->line, "# %7s %127s %31s", word, name, rest) != 3)
		return wrong(reader, "no HELP and no TYPE");
	if (name_len(name) != strlen(name))
		return wrong(reader, "no name of a metric");
	if (!strcmp(word, "HELP")) {
		for (size_t i = 0; i < reader->done_count; i++)
			if (!strcmp(reader->done[i], name))
				return wrong(reader, "a family in two pieces");
		snprintf(reader->family, sizeof(reader->family), "%s", name);
		snprintf(reader->done[reader->done_count++], NAME_LEN, "%s", name);
		reader->typed = false;
		return reader->done_count < FAMILIES_MAX;
	}
	if (strcmp(word, "TYPE") || strcmp(name, reader->family) || reader->typed)
		return wrong(reader, "a TYPE of nothing");
	reader->typed = true;
	if (!strcmp(rest, "counter"))
		return (strlen(name) > 6 && !strcmp(name + strlen(name) - 6, "_total")) ||
		       wrong(reader, "a counter's name ends in _total");
	return !strcmp(rest, "gauge") || wrong(reader, "an unknown type");
}

// Behind the opening quote; to behind the closing one.
static const char *read_quoted(const char *at)
{
	for (; *at && *at != '"' && *at != '\n'; at++) {
		if (*at != '\\')
			continue;
		at++;
		if (!strchr("\\\"n", *at) || !*at)
			return NULL;
	}
	return *at == '"' ? at + 1 : NULL;
}

static const char *read_labels(const char *at)
{
	while (*at != '}') {
		size_t len = name_len(at);

		if (!len || memchr(at, ':', len) || at[len] != '=' || at[len + 1] != '"')
			return NULL;
		at = read_quoted(at + len + 2);
		if (!at || (*at != ',' && *at != '}'))
			return NULL;
		at += *at == ',';
	}
	return at + 1;
}

static bool read_sample(struct reader *reader)
{
	size_t len = name_len(reader->line);
	const char *at = reader->line + len;
	char *end, *series;

	if (!reader->typed || strlen(reader->family) != len ||
	    strncmp(reader->family, reader->line, len) != 0)
		return wrong(reader, "a sample outside its family");
	if (*at == '{')
		at = read_labels(at + 1);
	if (!at || *at != ' ')
		return wrong(reader, "broken labels");
	strtod(at + 1, &end);
	if (end == at + 1 || *end)
		return wrong(reader, "no number");
	series = strndup(reader->line, (size_t)(at - reader->line));
	for (size_t i = 0; i < reader->series_count; i++) {
		if (!strcmp(reader->series[i], series)) {
			free(series);
			return wrong(reader, "a series twice");
		}
	}
	reader->series[reader->series_count++] = series;
	return reader->series_count < SERIES_MAX;
}

bool promtext_is_valid(const char *text, char *complaint, size_t room)
{
	struct reader *reader = calloc(1, sizeof(*reader));
	bool valid = *text && text[strlen(text) - 1] == '\n';
	char *copy = strdup(text), *rest = copy;

	snprintf(complaint, room, "no newline at the end");
	reader->complaint = complaint;
	reader->room = room;
	while (valid && *rest) {
		reader->line = strsep(&rest, "\n");
		reader->number++;
		valid = reader->line[0] == '#' ? read_comment(reader) : read_sample(reader);
	}
	for (size_t i = 0; i < reader->series_count; i++)
		free(reader->series[i]);
	free(reader);
	free(copy);
	return valid;
}
