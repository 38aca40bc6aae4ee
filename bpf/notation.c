// SPDX-License-Identifier: Apache-2.0
#include "bpf/notation.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"
#include "bpf/bits.h"

#define IPV4_SIZE   4
#define IPV6_SIZE   16
#define MAC_SIZE    6
#define LENGTH_SIZE 4 // of the number before a prefix (struct bpf_lpm_trie_key)
#define HEX	    "hex:"

static const struct {
	const char *name, *what;
	size_t size, other; // sizes that fit; 0: any
} notations[NOTATION_COUNT] = {
	[NOTATION_TYPE] = {"", "a value", 0, 0},
	[NOTATION_IPV4] = {"ipv4", "an IPv4 address", IPV4_SIZE, IPV4_SIZE},
	[NOTATION_IPV6] = {"ipv6", "an IPv6 address", IPV6_SIZE, IPV6_SIZE},
	[NOTATION_MAC] = {"mac", "a MAC address", MAC_SIZE, MAC_SIZE},
	[NOTATION_PREFIX] = {"prefix", "an address and a length, as in 10.0.0.0/8",
			     LENGTH_SIZE + IPV4_SIZE, LENGTH_SIZE + IPV6_SIZE},
	[NOTATION_BE16] = {"be16", "an integer of 16 bits", 2, 2},
	[NOTATION_BE32] = {"be32", "an integer of 32 bits", 4, 4},
	[NOTATION_BE64] = {"be64", "an integer of 64 bits", 8, 8},
	[NOTATION_HEX] = {"hex", "\"hex:\" and digits", 0, 0},
};

const char *notation_name(enum notation notation)
{
	return notations[notation].name;
}

const char *notation_what(enum notation notation)
{
	return notations[notation].what;
}

bool notation_fits(enum notation notation, size_t size)
{
	return !notations[notation].size || notations[notation].size == size ||
	       notations[notation].other == size;
}

bool notation_is_number(enum notation notation)
{
	return notation == NOTATION_BE16 || notation == NOTATION_BE32 || notation == NOTATION_BE64;
}

// ---- texts into bytes ----

static int refuse(enum notation notation, const char *text, struct fault *why)
{
	return fault_set(why, FAULT_CONFIG, "\"%.64s\" is not %s", text, notation_what(notation));
}

static bool mac_read(const char *text, unsigned char mac[MAC_SIZE])
{
	if (strlen(text) != 3 * MAC_SIZE - 1)
		return false;
	for (size_t i = 0; i < MAC_SIZE; i++) {
		const char *at = text + 3 * i;
		char digits[3] = {at[0], at[1], '\0'};

		if (!isxdigit((unsigned char)at[0]) || !isxdigit((unsigned char)at[1]) ||
		    (at[2] != ':' && at[2] != '\0'))
			return false;
		mac[i] = (unsigned char)strtoul(digits, NULL, 16);
	}
	return true;
}

static int hex_into(const char *text, unsigned char *out, size_t size, struct fault *why)
{
	if (strncmp(text, HEX, strlen(HEX)) != 0 || strlen(text) != strlen(HEX) + 2 * size ||
	    hex_read(text + strlen(HEX), out, size))
		return fault_set(why, FAULT_CONFIG,
				 "expected \"hex:\" and %zu lower-case digits for %zu bytes",
				 2 * size, size);
	return 0;
}

// Whether anything is set behind the first `length` bits.
static bool has_bits_behind(const unsigned char *address, size_t size, size_t length)
{
	for (size_t bit = length; bit < 8 * size; bit++)
		if (address[bit / 8] >> (7 - bit % 8) & 1)
			return true;
	return false;
}

static void clear_bits_behind(unsigned char *address, size_t size, size_t length)
{
	for (size_t bit = length; bit < 8 * size; bit++)
		address[bit / 8] &= (unsigned char)~(1u << (7 - bit % 8));
}

static bool length_read(const char *text, size_t max, size_t *out)
{
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 3 || text[digits] || (digits > 1 && text[0] == '0'))
		return false;
	*out = strtoul(text, NULL, 10);
	return *out <= max;
}

// An address alone is a prefix of its whole length. One with bits behind its length is refused: the kernel would match it
// without them, and what is meant is not what is written.
static int prefix_read(const char *text, unsigned char *out, size_t size, struct fault *why)
{
	size_t room = size - LENGTH_SIZE, length = 8 * room;
	int family = room == IPV4_SIZE ? AF_INET : AF_INET6;
	const char *slash = strchr(text, '/');
	unsigned char address[IPV6_SIZE];
	char host[INET6_ADDRSTRLEN + 1];

	snprintf(host, sizeof(host), "%.*s", slash ? (int)(slash - text) : (int)sizeof(host) - 1,
		 text);
	if ((slash && (size_t)(slash - text) >= sizeof(host)) ||
	    inet_pton(family, host, address) != 1 ||
	    (slash && !length_read(slash + 1, 8 * room, &length)))
		return fault_set(why, FAULT_CONFIG, "\"%.64s\" is not an %s address and a length",
				 text, room == IPV4_SIZE ? "IPv4" : "IPv6");
	if (has_bits_behind(address, room, length)) {
		clear_bits_behind(address, room, length);
		inet_ntop(family, address, host, sizeof(host));
		fault_set(why, FAULT_CONFIG, "\"%.64s\" has bits behind its length", text);
		return fault_fix(why, "did you mean \"%s/%zu\"?", host, length);
	}
	bits_put_bytes(out, LENGTH_SIZE, false, length);
	memcpy(out + LENGTH_SIZE, address, room);
	return 0;
}

int notation_read(enum notation notation, const char *text, unsigned char *out, size_t size,
		  struct fault *why)
{
	switch (notation) {
	case NOTATION_IPV4:
		return inet_pton(AF_INET, text, out) == 1 ? 0 : refuse(notation, text, why);
	case NOTATION_IPV6:
		return inet_pton(AF_INET6, text, out) == 1 ? 0 : refuse(notation, text, why);
	case NOTATION_MAC:
		return mac_read(text, out) ? 0 : refuse(notation, text, why);
	case NOTATION_PREFIX:
		return prefix_read(text, out, size, why);
	case NOTATION_HEX:
		return hex_into(text, out, size, why);
	default:
		return refuse(notation, text, why);
	}
}

// ---- bytes into texts ----

static bool prefix_write(const unsigned char *in, size_t size, char out[static NOTATION_TEXT_MAX])
{
	size_t room = size - LENGTH_SIZE;
	uint64_t length = bits_get_bytes(in, LENGTH_SIZE, false);
	char host[INET6_ADDRSTRLEN];

	if (length > 8 * room || has_bits_behind(in + LENGTH_SIZE, room, (size_t)length) ||
	    !inet_ntop(room == IPV4_SIZE ? AF_INET : AF_INET6, in + LENGTH_SIZE, host,
		       sizeof(host)))
		return false;
	snprintf(out, NOTATION_TEXT_MAX, "%s/%u", host, (unsigned)length);
	return true;
}

bool notation_write(enum notation notation, const unsigned char *in, size_t size,
		    char out[static NOTATION_TEXT_MAX])
{
	switch (notation) {
	case NOTATION_IPV4:
		return inet_ntop(AF_INET, in, out, NOTATION_TEXT_MAX) != NULL;
	case NOTATION_IPV6:
		return inet_ntop(AF_INET6, in, out, NOTATION_TEXT_MAX) != NULL;
	case NOTATION_MAC:
		snprintf(out, NOTATION_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", in[0], in[1],
			 in[2], in[3], in[4], in[5]);
		return true;
	case NOTATION_PREFIX:
		return prefix_write(in, size, out);
	default:
		return false;
	}
}

// ---- what a manifest says ----

void notations_drop(struct notations *said)
{
	free(said->list);
	*said = (struct notations){0};
}

static int word_read(const struct json *json, enum notation *out, struct fault *why)
{
	const char *word = json_text(json), *near;
	const char *names[NOTATION_COUNT] = {NULL};

	if (!word)
		return fault_set(why, FAULT_FORMAT, "a format is a word, like \"ipv4\"");
	for (int i = NOTATION_TYPE + 1; i < NOTATION_COUNT; i++) {
		if (strcmp(notations[i].name, word) == 0) {
			*out = (enum notation)i;
			return 0;
		}
		names[i - 1] = notations[i].name;
	}
	near = json_nearest(word, names);
	fault_set(why, FAULT_FORMAT, "there is no format \"%.40s\"", word);
	return near ? fault_fix(why, "did you mean \"%s\"?", near)
		    : fault_fix(why, "the formats are ipv4, ipv6, mac, prefix, be16, be32, be64 "
				     "and hex");
}

// C names with dots between them.
static bool is_path(const char *path)
{
	bool begins = true;

	for (; *path; path++) {
		bool letter = isalpha((unsigned char)*path) || *path == '_';

		if (*path == '.' ? begins : !letter && (begins || !isdigit((unsigned char)*path)))
			return false;
		begins = *path == '.';
	}
	return !begins;
}

static int path_read(const char *path, struct notation_at *out, struct fault *why)
{
	if (strlen(path) >= sizeof(out->path) || !is_path(path))
		return fault_set(why, FAULT_FORMAT, "\"%.64s\" is not the name of a field", path);
	snprintf(out->path, sizeof(out->path), "%s", path);
	return 0;
}

int notations_read(const struct json *json, struct notations *out, struct fault *why)
{
	OWNED(notations_drop) struct notations said = {0};
	bool whole = !json_is(json, JSON_KIND_OBJECT);
	struct json_walk walk = {0};

	if (!whole && (json_count(json) < 1 || json_count(json) > NOTATIONS_MAX))
		return fault_set(why, FAULT_FORMAT, "a format has %zu fields, not 1 to %d",
				 json_count(json), NOTATIONS_MAX);
	said.list = calloc(whole ? 1 : json_count(json), sizeof(*said.list));
	if (!said.list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (whole) {
		said.count = 1;
		if (word_read(json, &said.list[0].notation, why))
			return -1;
	}
	while (!whole && json_next(json, &walk)) {
		struct notation_at *at = &said.list[said.count++];

		if (path_read(walk.key, at, why) || word_read(walk.value, &at->notation, why))
			return -1;
	}
	*out = said;
	said = (struct notations){0};
	return 0;
}

int notations_write(const struct notations *said, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *made = NULL;

	if (said->count == 1 && !said->list[0].path[0])
		made = json_make_text(notation_name(said->list[0].notation));
	else
		made = json_make_object();
	if (!made)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; json_is(made, JSON_KIND_OBJECT) && i < said->count; i++)
		if (json_put_text(made, said->list[i].path, notation_name(said->list[i].notation),
				  why))
			return -1;
	*out = HAND_OVER(made);
	return 0;
}

int notations_copy(const struct notations *from, struct notations *out, struct fault *why)
{
	*out = (struct notations){0};
	if (!from->count)
		return 0;
	out->list = calloc(from->count, sizeof(*out->list));
	if (!out->list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(out->list, from->list, from->count * sizeof(*out->list));
	out->count = from->count;
	return 0;
}

enum notation notations_at(const struct notations *said, const char *path)
{
	for (size_t i = 0; said && i < said->count; i++)
		if (strcmp(said->list[i].path, path) == 0)
			return said->list[i].notation;
	return NOTATION_TYPE;
}
