// SPDX-License-Identifier: Apache-2.0
// Notations for bytes whose BTF type does not tell how to write them: addresses, prefixes, byte order. The manifest gives them for
// a map ("key_format", "value_format") or a global variable ("format"), as a whole or by field.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"

enum notation {
	NOTATION_TYPE, // as the type has it
	NOTATION_IPV4,
	NOTATION_IPV6,
	NOTATION_MAC,
	NOTATION_PREFIX, // "10.0.0.0/8": 32 bits of length, then the address, as an LPM trie wants its keys
	NOTATION_BE16, // integers in network order
	NOTATION_BE32,
	NOTATION_BE64,
	NOTATION_HEX, // "hex:0a0b"
	NOTATION_COUNT
};

const char *notation_name(enum notation notation); // "ipv4", "prefix", "be16", ...
// Its description in a refusal: "an IPv4 address".
const char *notation_what(enum notation notation);
// Whether `size` bytes can be written in this notation.
bool notation_fits(enum notation notation, size_t size);
bool notation_is_number(enum notation notation);

// "10.0.0.1", "02:00:5e:10:00:ff", "10.0.0.0/8", "hex:..." into exactly `size` bytes, which fit. FAULT_CONFIG.
int notation_read(enum notation notation, const char *text, unsigned char *out, size_t size,
		  struct fault *why) MUST_CHECK;
// The text for these bytes; false where they have none in this notation (a prefix with bits behind its length). Hex has
// no such text: it may be long.
#define NOTATION_TEXT_MAX 64
bool notation_write(enum notation notation, const unsigned char *in, size_t size,
		    char out[static NOTATION_TEXT_MAX]);

// What a manifest says about one key, value or variable: a notation for each path; "" is the whole.
#define NOTATIONS_MAX	  32
#define NOTATION_PATH_MAX 128
struct notation_at {
	char path[NOTATION_PATH_MAX]; // "flow.src"; of an array, each of its items
	enum notation notation;
};
struct notations {
	struct notation_at *list;
	size_t count;
};
void notations_drop(struct notations *notations);

// From "ipv4", or {"src": "ipv4", "port": "be16"}. FAULT_FORMAT.
int notations_read(const struct json *json, struct notations *out, struct fault *why) MUST_CHECK;
// And back; `*out` is yours.
int notations_write(const struct notations *notations, struct json **out, struct fault *why)
	MUST_CHECK;
int notations_copy(const struct notations *from, struct notations *out, struct fault *why)
	MUST_CHECK;
// NOTATION_TYPE where nothing is said. `notations` may be NULL.
enum notation notations_at(const struct notations *notations, const char *path);
