// SPDX-License-Identifier: Apache-2.0
// The form of a JSON file as a table: what checks the file also prints its JSON Schema.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

enum schema_kind {
	SCHEMA_OBJECT, // keys that we know
	SCHEMA_TABLE,  // keys that the admin chooses, all of one form
	SCHEMA_LIST,
	SCHEMA_TEXT,
	SCHEMA_WORD, // one of a few texts
	SCHEMA_INT,
	SCHEMA_BOOL,
	SCHEMA_ANY,
};

struct schema;

struct schema_key {
	const char *key;
	const struct schema *form;
	bool needed;
	const char *help;
};

// In what a person writes, every object may also hold "//", a comment, which must be a text.
struct schema {
	enum schema_kind kind;
	const struct schema_key *keys; // OBJECT: ends with a NULL key
	const struct schema *item;     // TABLE and LIST
	size_t count_max;	       // TABLE and LIST
	bool distinct;		       // LIST of words: none twice
	const char *const *words;      // WORD: ends with NULL
	int64_t min, max;	  // INT; of TEXT the most bytes, 0: as many as `check` lets pass
	const struct schema *key; // TABLE: the TEXT that each of its keys is
	// TEXT: says what is wrong with it. `pattern` says the same, as far as a pattern can; NULL where no JSON Schema is printed.
	int (*check)(const char *text, struct fault *why);
	const char *pattern;
};

// A parsed document beside the text it was parsed from, so that refusals can name line and column.
struct schema_source {
	const char *file;
	const char *text;
	size_t len;
	const struct json *root;
	// Written by a program of ours, not by an admin: no comments, and refusals are FAULT_FORMAT.
	bool machine;
};

// Forms that several files have in common.
extern const struct schema schema_name; // of a publisher, a bundle, a repository: fit for a path
extern const struct schema schema_identifier; // a C name of 1 to 63 letters
extern const struct schema schema_any;

// Holds the document against its form. FAULT_CONFIG with the path, file:line:column, and the nearest known word.
int schema_check(const struct schema *schema, const struct schema_source *source, struct fault *why)
	MUST_CHECK;

// Where a word that was checked stands in its list; 0 for one that is absent.
size_t schema_word(const struct json *value, const char *const *words);

// "file:line:column" of a member, or with key NULL of an item.
void schema_where(const struct schema_source *source, const struct json *parent, const char *key,
		  size_t index, char where[static FAULT_TEXT_MAX]);

// The same for all items of one array, in order: schema_items_begin before the first, then schema_items_where and
// schema_items_next for each. An allow-list has thousands of items, and each search from the top of the file would
// make reading it quadratic.
struct schema_items {
	const struct schema_source *source;
	size_t at;
	unsigned line, column;
};
void schema_items_begin(struct schema_items *items, const struct schema_source *source,
			const struct json *array);
void schema_items_where(const struct schema_items *items, char where[static FAULT_TEXT_MAX]);
void schema_items_next(struct schema_items *items);

// The form as a JSON Schema (2020-12) without "$schema". Yours.
int schema_write(const struct schema *schema, struct json **out, struct fault *why) MUST_CHECK;
