// SPDX-License-Identifier: Apache-2.0
#include "loader/peek.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/owned.h"
#include "bpf/bits.h"
#include "bpf/decode.h"
#include "bpf/encode.h"
#include "bpf/maptype.h"
#include "loader/mapid.h"
#include "loader/section.h"

void peek_drop(struct peek *peek)
{
	cell_drop(&peek->cell);
	drop_fd(&peek->fd);
}

// ---- opening ----

static const struct bpf_map *find_section(const struct running *running, const char *name)
{
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object_bpf(running->object))
	{
		const char *section = meaning_section(map);

		if (section && !strcmp(section, name))
			return map;
	}
	return NULL;
}

static int open_pin(const struct running *running, const char *pin, struct peek *peek,
		    struct fault *why)
{
	uint32_t recorded = mapid_recorded(running->recorded, pin);

	if (bpffs_get(running->dir, pin, &peek->fd, why)) {
		if (why->code == FAULT_NOT_FOUND)
			fault_set(why, FAULT_CONFIG, "%s of %s is not pinned", pin, running->use);
		return -1;
	}
	if (cell_make(peek->fd, &peek->cell, why))
		return -1;
	// What somebody else has pinned there tells nothing, and what is written to it reaches no program.
	if (!recorded || peek->cell.info.id == recorded)
		return 0;
	fault_set(why, FAULT_DRIFT,
		  "the pin of %s of %s holds map %u, and its program works with map %u", pin,
		  running->use, peek->cell.info.id, recorded);
	return fault_fix(
		why, "see 'bpfseal status'; 'bpfseal apply' makes a new map, or a running watch "
		     "puts the program's own back");
}

static int open_section(const struct running *running, const char *name, struct peek *peek,
			struct fault *why)
{
	const struct bpf_map *map = find_section(running, name);
	char pin[SECTION_PIN_MAX];

	peek->section = true;
	if (!map)
		return fault_set(why, FAULT_CONFIG, "%s has no section %s", running->use, name);
	return section_pin(running->object, map, pin, why) || open_pin(running, pin, peek, why) ? -1
												: 0;
}

int peek_open(const struct running *running, const char *map, struct peek *out, struct fault *why)
{
	OWNED(peek_drop) struct peek peek = {.fd = -1, .cell = {.fd = -1}};

	snprintf(peek.name, sizeof(peek.name), "%s", map);
	if (map[0] == '.' ? open_section(running, map, &peek, why)
			  : meaning_map(&running->meaning, map, &peek.map, why) ||
				    open_pin(running, map, &peek, why))
		return fault_within(why, "%s has no map %s to look at", running->use, map);
	// The sizes of the pinned map must be those of our copy of the object, by which its bytes are read.
	if (!peek.section && (peek.cell.info.key_size != peek.map.key.size ||
			      peek.cell.info.value_size != peek.map.value.size))
		return fault_set(why, FAULT_KERNEL, "map %s of %s is not as its object has it", map,
				 running->use);
	*out = peek;
	peek = (struct peek){.fd = -1, .cell = {.fd = -1}};
	return 0;
}

// "config", "counter", "gauge", "state", or "" where the manifest says nothing.
static const char *peek_purpose(const struct peek *peek)
{
	return peek->section ? "" : peek->map.purpose;
}

// ---- entries ----

// A number as the codec writes it: what does not fit JSON is a text. *out are its bits.
static bool is_number(const struct json *json, uint64_t *out)
{
	const char *text = json_text(json);

	*out = text && !strncmp(text, "0x", 2) ? strtoull(text, NULL, 16)
					       : (uint64_t)json_int(json);
	return json_is(json, JSON_KIND_INT) || (text && !strncmp(text, "0x", 2));
}

static int add_numbers(const struct json *a, const struct json *b, struct json **out,
		       struct fault *why)
{
	bool negative = (json_is(a, JSON_KIND_INT) && json_int(a) < 0) ||
			(json_is(b, JSON_KIND_INT) && json_int(b) < 0);
	uint64_t one, two, sum;
	char text[24];

	is_number(a, &one);
	is_number(b, &two);
	sum = one + two;
	snprintf(text, sizeof(text), "0x%" PRIx64, sum);
	*out = sum > INT64_MAX && !negative ? json_make_text(text) : json_make_int((int64_t)sum);
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

// Adds integers wherever they stand in two values of one type; what is not a number stays as it is.
static int add_up(const struct json *a, const struct json *b, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *sum = NULL;
	struct json_walk walk = {0};
	uint64_t bits;

	if (is_number(a, &bits) && is_number(b, &bits))
		return add_numbers(a, b, out, why);
	if (json_is(a, JSON_KIND_OBJECT)) {
		sum = json_make_object();
		while (json_next(a, &walk)) {
			struct json *part;

			if (add_up(walk.value, json_member(b, walk.key), &part, why) ||
			    json_put(sum, walk.key, part, why))
				return -1;
		}
	} else if (json_is(a, JSON_KIND_ARRAY)) {
		sum = json_make_array();
		for (size_t i = 0; i < json_count(a); i++) {
			struct json *part;

			if (add_up(json_item(a, i), json_item(b, i), &part, why) ||
			    json_add(sum, part, why))
				return -1;
		}
	} else {
		return json_clone(a, out, why);
	}
	*out = HAND_OVER(sum);
	return 0;
}

static int values_of_all(const struct peek *peek, struct json **total, struct json **each,
			 struct fault *why)
{
	OWNED(json_drop) struct json *sum = NULL;
	OWNED(json_drop) struct json *list = json_make_array();

	for (size_t cpu = 0; cpu < peek->cell.cpus; cpu++) {
		OWNED(json_drop) struct json *value = NULL;
		struct json *next;

		if (decode_value(&peek->map.value, peek->cell.data + cpu * peek->cell.step, &value,
				 why) ||
		    json_add(list, json_keep(value), why))
			return -1;
		if (sum ? add_up(sum, value, &next, why) : json_clone(value, &next, why))
			return -1;
		json_free(sum);
		sum = next;
	}
	*total = HAND_OVER(sum);
	*each = HAND_OVER(list);
	return 0;
}

// A config value was written for every CPU: it is shown once, not summed up.
static bool is_one_for_all(const struct peek *peek)
{
	return !strcmp(peek->map.purpose, "config") && cell_has(&peek->cell, peek->cell.data);
}

int peek_entry(const struct peek *peek, bool per_cpu, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	OWNED(json_drop) struct json *total = NULL;
	OWNED(json_drop) struct json *each = NULL;
	bool many = map_type_is_percpu(peek->cell.info.type), config;
	struct json *key = NULL;

	if (decode_value(&peek->map.key, peek->cell.key, &key, why) ||
	    json_put(entry, "key", key, why) || values_of_all(peek, &total, &each, why))
		return -1;
	config = many && !strcmp(peek->map.purpose, "config");
	if (!config && json_put(entry, "value", HAND_OVER(total), why))
		return -1;
	if (config && is_one_for_all(peek) &&
	    json_put(entry, "value", json_keep(json_item(each, 0)), why))
		return -1;
	if (many && (per_cpu || !json_member(entry, "value")) &&
	    json_put(entry, "per_cpu", HAND_OVER(each), why))
		return -1;
	*out = HAND_OVER(entry);
	return 0;
}

int peek_key(struct peek *peek, const struct json *key, struct fault *why)
{
	if (encode_value(&peek->map.key, key, peek->cell.key, NULL, why))
		return fault_within(why, "that is no key of map %s", peek->name);
	return 0;
}

static int add_entry(struct peek *peek, bool per_cpu, struct json *entries, struct fault *why)
{
	struct json *entry = NULL;

	return peek_entry(peek, per_cpu, &entry, why) || json_add(entries, entry, why) ? -1 : 0;
}

// Whether all bits of a shorter prefix are those of a longer one. A trie's key begins with its length.
static bool is_within(const unsigned char *key, const unsigned char *other, size_t len)
{
	size_t bits = (size_t)bits_get_bytes(other, 4, false);

	if (bits > bits_get_bytes(key, 4, false) || bits > 8 * (len - 4))
		return false;
	for (size_t bit = 0; bit < bits; bit++)
		if ((key[4 + bit / 8] ^ other[4 + bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

// A lookup in an LPM trie finds the longest prefix that matches, and the kernel does not say which that is: it is found among
// all keys of the map.
static int nearest_prefix(struct peek *peek, struct fault *why)
{
	size_t len = peek->cell.info.key_size;
	OWNED(drop_heap) unsigned char *key = malloc(len + 1);
	OWNED(cell_keys_drop) struct cell_keys keys = {0};
	const unsigned char *best = NULL;

	if (!key)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(key, peek->cell.key, len);
	if (cell_keys_read(&peek->cell, &keys, why))
		return -1;
	for (size_t i = 0; i < keys.count; i++) {
		const unsigned char *other = keys.list + i * len;

		if (is_within(key, other, len) &&
		    (!best || bits_get_bytes(other, 4, false) > bits_get_bytes(best, 4, false)))
			best = other;
	}
	cell_set_key(&peek->cell, best ? best : key);
	return 0;
}

static int one_entry(struct peek *peek, const struct json *key, bool per_cpu, struct json *entries,
		     struct fault *why)
{
	bool found;

	if (peek_key(peek, key, why) || (cell_is_trie(&peek->cell) && nearest_prefix(peek, why)) ||
	    cell_read(&peek->cell, &found, why))
		return -1;
	if (!found)
		return fault_set(why, FAULT_CONFIG, "map %s has no such key", peek->name);
	return add_entry(peek, per_cpu, entries, why);
}

static int all_entries(struct peek *peek, bool per_cpu, struct json *entries, struct fault *why)
{
	struct cell_walk walk = {0};
	bool more, found;

	for (;;) {
		if (cell_next(&peek->cell, &walk, &more, why))
			return -1;
		if (!more)
			return 0;
		if (cell_read(&peek->cell, &found, why) ||
		    (found && add_entry(peek, per_cpu, entries, why)))
			return -1;
	}
}

// ---- variables ----

static int add_variable(const struct running *running, const struct peek *peek,
			const struct manifest_global *said, struct json *entries, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	struct meaning_variable at;
	struct json *value = NULL;

	if (meaning_variable(&running->meaning, said->name, &at, why))
		return -1;
	if (at.at.offset + at.at.size > peek->cell.info.value_size)
		return fault_set(why, FAULT_KERNEL, "section %s is not as the object has it",
				 peek->name);
	if (json_put_text(entry, "key", said->name, why) ||
	    decode_value(&at.codec, peek->cell.data + at.at.offset, &value, why) ||
	    json_put(entry, "value", value, why))
		return -1;
	return json_add(entries, HAND_OVER(entry), why);
}

static int variables(const struct running *running, struct peek *peek, const char *name,
		     struct json *entries, struct fault *why)
{
	const struct manifest *manifest = running->manifest;
	bool found;

	memset(peek->cell.key, 0, peek->cell.info.key_size);
	if (cell_read(&peek->cell, &found, why))
		return -1;
	for (size_t i = 0; i < manifest->global_count; i++) {
		const struct manifest_global *said = &manifest->globals[i];

		if (strcmp(said->object, running->meaning.file) ||
		    strcmp(said->section, peek->name) || (name && strcmp(said->name, name)))
			continue;
		if (add_variable(running, peek, said, entries, why))
			return -1;
	}
	if (name && !json_count(entries))
		return fault_set(why, FAULT_CONFIG, "section %s has no variable %s to look at",
				 peek->name, name);
	return 0;
}

// A ring buffer, a queue: what is in it goes to who takes it out.
static int refuse_keyless(const struct peek *peek, struct fault *why)
{
	const char *type = map_type_name(peek->cell.info.type);

	fault_set(why, FAULT_CONFIG, "map %s is a %s, which has no entries to list", peek->name,
		  type ? type : "map without keys");
	return fault_fix(why, "who consumes it opens its pin, below maps/ of its chain in the BPF "
			      "file system");
}

int peek_entries(const struct running *running, struct peek *peek, const struct json *key,
		 bool per_cpu, struct json **entries, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();
	const char *name = json_text(key);

	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (peek->section && key && !name)
		return fault_set(why, FAULT_CONFIG, "a variable goes by its name");
	if (!peek->section && !peek->cell.info.key_size)
		return refuse_keyless(peek, why);
	if (peek->section ? variables(running, peek, name, list, why)
	    : key	  ? one_entry(peek, key, per_cpu, list, why)
			  : all_entries(peek, per_cpu, list, why))
		return -1;
	*entries = HAND_OVER(list);
	return 0;
}

int peek_about(const struct running *running, const struct peek *peek, struct json **out,
	       struct fault *why)
{
	OWNED(json_drop) struct json *about = json_make_object();
	const char *type = map_type_name(peek->cell.info.type);

	if (json_put_text(about, "interface", running->iface, why) ||
	    json_put_text(about, "hook", hook_name(running->hook), why) ||
	    json_put_int(about, "place", (int64_t)running->place, why) ||
	    json_put_text(about, "use", running->use, why) ||
	    json_put_text(about, "version", running->version, why) ||
	    json_put_text(about, "map", peek->name, why) ||
	    json_put_text(about, "type", type ? type : "unknown", why) ||
	    json_put_text(about, "purpose", peek_purpose(peek), why))
		return -1;
	*out = HAND_OVER(about);
	return 0;
}
