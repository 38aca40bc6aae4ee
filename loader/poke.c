// SPDX-License-Identifier: Apache-2.0
#include "loader/poke.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/decode.h"
#include "bpf/encode.h"
#include "bpf/maptype.h"
#include "loader/section.h"
#include "loader/values.h"

void poked_drop(struct poked *poked)
{
	json_free(poked->was);
	json_free(poked->said);
	*poked = (struct poked){0};
}

// ---- whose it is ----

static int check_purpose(const char *what, const char *name, const char *purpose, bool force,
			 struct fault *why)
{
	if (force || !*purpose || !strcmp(purpose, "config"))
		return 0;
	fault_set(why, FAULT_POLICY, "%s %s is the program's own: its purpose is %s", what, name,
		  purpose);
	return fault_fix(why, "--force writes it all the same");
}

// What node.json said of a key or variable when it was applied: the next apply knows the same.
static int find_said(const struct running *running, const struct peek *peek, const char *variable,
		     struct poked *out, struct fault *why)
{
	const struct json *recorded = running->recorded;
	const struct member member = {
		.name = (char *)(uintptr_t)running->use,
		.version = (char *)(uintptr_t)running->version,
		.maps = (struct json *)(uintptr_t)json_member(recorded, "maps"),
		.globals = (struct json *)(uintptr_t)json_member(recorded, "globals"),
		.object_fd = -1};
	OWNED(values_drop) struct values values = {0};
	const struct value *first, *found = NULL;
	struct fault ignored = {0};
	size_t count;

	// Applied values have fitted the types; if the record no longer does, the hint is left out.
	if (values_make(&running->meaning, &member, NULL, &values, &ignored))
		return 0;
	count = values_of(&values, peek->name, &first);
	if (!variable && peek->cell.info.key_size)
		found = values_find(first, count, peek->cell.key);
	for (size_t i = 0; variable && i < count; i++)
		if (!strcmp(first[i].variable, variable))
			found = &first[i];
	return found ? json_clone(found->json_value, &out->said, why) : 0;
}

// ---- an entry ----

static int check_cpu(const struct peek *peek, int cpu, struct fault *why)
{
	if (cpu == POKE_ALL_CPUS)
		return 0;
	if (!map_type_is_percpu(peek->cell.info.type))
		return fault_set(why, FAULT_CONFIG, "map %s has one value for all CPUs",
				 peek->name);
	if (cpu != POKE_EACH_CPU && (cpu < 0 || (size_t)cpu >= peek->cell.cpus))
		return fault_set(why, FAULT_CONFIG, "there is no CPU %d: 0 to %zu", cpu,
				 peek->cell.cpus - 1);
	return 0;
}

// Reads the current value, as bytes in the cell and as JSON. In an LPM trie only this very prefix counts, not a shorter one
// that a lookup would find.
static int read_was(struct peek *peek, bool *found, struct json **was, struct fault *why)
{
	OWNED(cell_keys_drop) struct cell_keys keys = {0};
	OWNED(drop_heap) unsigned char *key = malloc(peek->cell.info.key_size + 1);
	OWNED(json_drop) struct json *entry = NULL;

	if (!key)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(key, peek->cell.key, peek->cell.info.key_size);
	if (cell_is_trie(&peek->cell) && cell_keys_read(&peek->cell, &keys, why))
		return -1;
	cell_set_key(&peek->cell, key);
	if (cell_read(&peek->cell, found, why))
		return -1;
	*found &= !cell_is_trie(&peek->cell) || cell_keys_has(&keys, key);
	if (!*found)
		return 0;
	if (peek_entry(peek, true, &entry, why))
		return -1;
	*was = json_keep(json_member(entry, "value") ? json_member(entry, "value")
						     : json_member(entry, "per_cpu"));
	return 0;
}

static int encode_for(const struct peek *peek, const struct json *json, unsigned char *value,
		      struct fault *why)
{
	return encode_value(&peek->map.value, json, value, NULL, why)
		       ? fault_within(why, "that is no value of map %s", peek->name)
		       : 0;
}

// Nothing is written before all of them fit.
static int encode_each(struct peek *peek, const struct json *list, unsigned char *value,
		       struct fault *why)
{
	struct cell *cell = &peek->cell;

	if (!json_is(list, JSON_KIND_ARRAY) || json_count(list) != cell->cpus)
		return fault_set(why, FAULT_CONFIG,
				 "the values of each CPU are a list of %zu, as this machine has",
				 cell->cpus);
	memset(cell->data, 0, cell_len(cell));
	for (size_t i = 0; i < cell->cpus; i++) {
		if (encode_for(peek, json_item(list, i), value, why))
			return fault_within(why, "the list does not fit at CPU %zu", i);
		memcpy(cell->data + i * cell->step, value, cell->info.value_size);
	}
	return 0;
}

static int write_entry(struct peek *peek, const struct poke *poke, bool found, struct fault *why)
{
	OWNED(drop_heap) unsigned char *value = malloc(peek->map.value.size + 1);
	struct cell *cell = &peek->cell;

	if (!value)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (poke->cpu == POKE_EACH_CPU)
		return encode_each(peek, poke->value, value, why) ? -1 : cell_write(cell, why);
	if (encode_for(peek, poke->value, value, why))
		return -1;
	if (!found)
		memset(cell->data, 0, cell_len(cell));
	if (poke->cpu == POKE_ALL_CPUS)
		cell_set_value(cell, value);
	else
		memcpy(cell->data + (size_t)poke->cpu * cell->step, value, cell->info.value_size);
	return cell_write(cell, why);
}

static int remove_entry(struct peek *peek, bool found, struct fault *why)
{
	if (cell_is_array(&peek->cell)) {
		fault_set(why, FAULT_CONFIG, "map %s is an array: it keeps all of its entries",
			  peek->name);
		return fault_fix(why, "'bpfseal map set' makes one zero");
	}
	if (!found)
		return fault_set(why, FAULT_CONFIG, "map %s has no such key", peek->name);
	return cell_clear(&peek->cell, why);
}

static int poke_entry(const struct running *running, struct peek *peek, const struct poke *poke,
		      struct poked *out, struct fault *why)
{
	bool found;

	if (check_purpose("map", peek->name, peek->map.purpose, poke->force, why))
		return -1;
	if (!map_type_is_data(peek->cell.info.type) || !peek->cell.info.key_size)
		return fault_set(why, FAULT_CONFIG, "map %s takes no values by key", peek->name);
	if (check_cpu(peek, poke->cpu, why) || peek_key(peek, poke->key, why) ||
	    find_said(running, peek, NULL, out, why) || read_was(peek, &found, &out->was, why))
		return -1;
	out->config = !strcmp(peek->map.purpose, "config") && !peek->map.shared;
	out->puts_back = out->said && meaning_is_admins(&peek->map, true);
	return poke->value ? write_entry(peek, poke, found, why) : remove_entry(peek, found, why);
}

// ---- a variable ----

static int poke_variable(const struct running *running, struct peek *peek, const struct poke *poke,
			 struct poked *out, struct fault *why)
{
	const char *name = json_text(poke->key);
	OWNED(drop_heap) unsigned char *value = NULL;
	struct meaning_variable at;
	bool found;

	if (!section_is_kept(peek->name)) {
		fault_set(why, FAULT_CONFIG, "section %s holds constants", peek->name);
		return fault_fix(why, "\"globals\" in node.json sets them when the program is "
				      "loaded");
	}
	if (!name || !poke->value)
		return fault_set(why, FAULT_CONFIG,
				 name ? "a variable cannot be taken away"
				      : "a variable goes by its name");
	if (check_cpu(peek, poke->cpu, why) || meaning_variable(&running->meaning, name, &at, why))
		return -1;
	if (strcmp(at.said->section, peek->name) ||
	    at.at.offset + at.at.size > peek->cell.info.value_size)
		return fault_set(why, FAULT_CONFIG, "section %s has no variable %s", peek->name,
				 name);
	if (check_purpose("global", name, at.said->purpose, poke->force, why))
		return -1;
	value = malloc(at.at.size + 1);
	if (!value)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (encode_value(&at.codec, poke->value, value, NULL, why))
		return fault_within(why, "that is no value of global %s", name);
	memset(peek->cell.key, 0, peek->cell.info.key_size);
	if (find_said(running, peek, name, out, why) || cell_read(&peek->cell, &found, why) ||
	    decode_value(&at.codec, peek->cell.data + at.at.offset, &out->was, why))
		return -1;
	out->puts_back = out->said && !strcmp(at.said->purpose, "config");
	return cell_poke(peek->fd, at.at.offset, value, at.at.size, why);
}

int poke(const struct running *running, struct peek *peek, const struct poke *poke,
	 struct poked *out, struct fault *why)
{
	return peek->section ? poke_variable(running, peek, poke, out, why)
			     : poke_entry(running, peek, poke, out, why);
}
