// SPDX-License-Identifier: Apache-2.0
#include "loader/gauge.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/exposition.h"
#include "loader/finding.h"
#include "loader/peek.h"
#include "loader/truth.h"

#define ENTRIES_MAX 65536 // of one map that are looked at
#define FIELD_MAX   128

// One collection. `seen`: ids of shared maps, which are told once.
struct collection {
	const struct running_places *places;
	struct exposition text;
	uint32_t *seen;
	size_t seen_count;
	uint64_t unreadable;
	struct fault *why;
};

static void collection_drop(struct collection *collection)
{
	exposition_drop(&collection->text);
	free(collection->seen);
}

// ---- chains ----

#define SAYS(collection, name, type, help, number, ...)                                          \
	exposition_add_int(&(collection)->text, name, type, help,                                \
			   (const struct exposition_label[]){__VA_ARGS__, {NULL, NULL}}, number, \
			   (collection)->why)

static int say_falls(struct collection *collection, const struct truth *truth, const char *iface,
		     const char *hook)
{
	static const char help[] = "Packets that left a place and found nothing to go on to.";
	char place[24];

	if (SAYS(collection, "bpfseal_chain_fell_through_total", EXPOSITION_COUNTER, help,
		 truth->fell, {"interface", iface}, {"hook", hook}, {"place", "root"}))
		return -1;
	for (size_t i = 0; i < truth->count; i++) {
		snprintf(place, sizeof(place), "%zu", i + 1);
		if (SAYS(collection, "bpfseal_chain_fell_through_total", EXPOSITION_COUNTER, help,
			 truth->members[i].fell, {"interface", iface}, {"hook", hook},
			 {"place", place}))
			return -1;
	}
	return 0;
}

static int say_chain(struct collection *collection, const struct json *chain,
		     const struct truth *truth, enum hook hook)
{
	const char *iface = json_text(json_member(chain, "interface"));
	OWNED(findings_drop) struct findings findings = {0};

	if (findings_damage(&findings, iface, hook, truth, chain, collection->why))
		return -1;
	if (SAYS(collection, "bpfseal_chain_programs", EXPOSITION_GAUGE,
		 "Programs in the chain that runs.", truth->count, {"interface", iface},
		 {"hook", hook_name(hook)}) ||
	    SAYS(collection, "bpfseal_chain_generation", EXPOSITION_GAUGE,
		 "The generation that runs.", truth->generation, {"interface", iface},
		 {"hook", hook_name(hook)}) ||
	    SAYS(collection, "bpfseal_chain_findings", EXPOSITION_GAUGE,
		 "What is wrong with the chain, as status lists it; 0 is whole.", findings.count,
		 {"interface", iface}, {"hook", hook_name(hook)}))
		return -1;
	return say_falls(collection, truth, iface, hook_name(hook));
}

// ---- programs ----

// What the kernel counts of a program when kernel.bpf_stats_enabled is on.
static int say_runs(struct collection *collection, const struct running *running,
		    const struct sys_program *program)
{
	char place[24], seconds[32];

	if (!program->run_count)
		return 0;
	snprintf(place, sizeof(place), "%zu", running->place);
	snprintf(seconds, sizeof(seconds), "%" PRIu64 ".%09" PRIu64,
		 program->run_ns / UINT64_C(1000000000), program->run_ns % UINT64_C(1000000000));
	if (SAYS(collection, "bpfseal_program_runs_total", EXPOSITION_COUNTER,
		 "How often the program ran since it was loaded (kernel.bpf_stats_enabled).",
		 program->run_count, {"interface", running->iface},
		 {"hook", hook_name(running->hook)}, {"place", place}, {"use", running->use}))
		return -1;
	return exposition_add(&collection->text, "bpfseal_program_run_seconds_total",
			      EXPOSITION_COUNTER,
			      "How long it ran, with everything behind it in the chain.",
			      (const struct exposition_label[]){
				      {"interface", running->iface},
				      {"hook", hook_name(running->hook)},
				      {"place", place},
				      {"use", running->use},
				      {NULL, NULL},
			      },
			      seconds, collection->why);
}

static int say_program(struct collection *collection, const struct running *running,
		       const struct sys_program *program)
{
	const struct json *recorded = running->recorded;
	char place[24], id[16];

	snprintf(place, sizeof(place), "%zu", running->place);
	snprintf(id, sizeof(id), "%u", program->id);
	if (SAYS(collection, "bpfseal_program_info", EXPOSITION_GAUGE,
		 "A program of a chain; always 1.", 1, {"interface", running->iface},
		 {"hook", hook_name(running->hook)}, {"place", place}, {"use", running->use},
		 {"version", running->version}, {"from", json_text(json_member(recorded, "from"))},
		 {"entry", json_text(json_member(recorded, "entry"))},
		 {"program_id", program->id ? id : ""}, {"tag", program->tag}))
		return -1;
	return say_runs(collection, running, program);
}

// ---- values ----

// The series of one map or section: whose they are, and how many may still come.
struct series {
	struct collection *collection;
	const struct running *running;
	const char *map, *unit;
	const char *member; // only where two of a name stand in one chain
	bool shared, counter;
	size_t left, cut;
};

static int say_number(struct series *series, const char *key, const char *field, const char *number)
{
	const struct running *running = series->running;
	const struct exposition_label labels[] = {
		{"interface", running->iface},
		{"hook", series->shared ? "" : hook_name(running->hook)},
		{"use", running->use},
		{"member", series->member},
		{"map", series->map},
		{"key", key},
		{"field", field},
		{"unit", series->unit},
		{NULL, NULL},
	};

	if (!series->left) {
		series->cut++;
		return 0;
	}
	series->left--;
	if (series->counter)
		return exposition_add(&series->collection->text, "bpfseal_map_count_total",
				      EXPOSITION_COUNTER,
				      "A counter in a map, as its bundle's specification has it.",
				      labels, number, series->collection->why);
	return exposition_add(&series->collection->text, "bpfseal_map_value", EXPOSITION_GAUGE,
			      "A gauge in a map, as its bundle's specification has it.", labels,
			      number, series->collection->why);
}

// Whether a value is a number, and which: what does not fit JSON is written in hexadecimal.
static bool is_number(const struct json *value, char out[static 24])
{
	const char *text = json_text(value);

	if (json_is(value, JSON_KIND_INT))
		snprintf(out, 24, "%" PRId64, json_int(value));
	else if (json_is(value, JSON_KIND_BOOL))
		snprintf(out, 24, "%d", json_bool(value));
	else if (text && !strncmp(text, "0x", 2))
		snprintf(out, 24, "%" PRIu64, (uint64_t)strtoull(text, NULL, 16));
	else
		return false;
	return true;
}

static int say_value(struct series *series, const char *key, const char *field,
		     const struct json *value)
{
	struct json_walk walk = {0};
	char inner[FIELD_MAX], number[24];

	if (is_number(value, number))
		return say_number(series, key, field, number);
	while (json_is(value, JSON_KIND_OBJECT) && json_next(value, &walk)) {
		snprintf(inner, sizeof(inner), "%s%s%s", field, *field ? "." : "", walk.key);
		if (say_value(series, key, inner, walk.value))
			return -1;
	}
	for (size_t i = 0; json_is(value, JSON_KIND_ARRAY) && i < json_count(value); i++) {
		snprintf(inner, sizeof(inner), "%s[%zu]", field, i);
		if (say_value(series, key, inner, json_item(value, i)))
			return -1;
	}
	return 0;
}

static int say_entry(struct series *series, const struct json *entry)
{
	const struct json *key = json_member(entry, "key");
	OWNED(bytes_drop) struct bytes text = {0};

	if (json_text(key) ? bytes_append_text(&text, json_text(key), series->collection->why)
			   : json_write(key, false, &text, series->collection->why))
		return -1;
	if (!json_text(key))
		text.data[--text.len] = '\0'; // the newline
	return say_value(series, bytes_text(&text), "", json_member(entry, "value"));
}

static int say_cut(struct series *series)
{
	const struct running *running = series->running;

	if (!series->cut)
		return 0;
	return SAYS(series->collection, "bpfseal_map_series_left_out", EXPOSITION_GAUGE,
		    "Series of a map that are not shown, because it has more than 256.",
		    series->cut, {"interface", running->iface},
		    {"hook", series->shared ? "" : hook_name(running->hook)}, {"use", running->use},
		    {"member", series->member}, {"map", series->map});
}

// An array has all its entries always: those that were never used say nothing.
static int say_entries(struct series *series, struct peek *peek)
{
	bool skip_zeros = cell_is_array(&peek->cell) && peek->cell.info.max_entries > 1;
	struct fault *why = series->collection->why;
	struct cell_walk walk = {0};
	bool more, found;

	while (walk.steps < ENTRIES_MAX) {
		OWNED(json_drop) struct json *entry = NULL;

		if (cell_next(&peek->cell, &walk, &more, why))
			return -1;
		if (!more)
			break;
		if (cell_read(&peek->cell, &found, why))
			return -1;
		if (!found || (skip_zeros && cell_is_zero(&peek->cell)))
			continue;
		if (peek_entry(peek, false, &entry, why) || say_entry(series, entry))
			return -1;
	}
	return say_cut(series);
}

// ---- maps ----

static bool is_metric(const char *purpose)
{
	return !strcmp(purpose, "counter") || !strcmp(purpose, "gauge");
}

static int is_seen(struct collection *collection, uint32_t id, bool *out)
{
	uint32_t *grown;

	*out = false;
	for (size_t i = 0; i < collection->seen_count; i++)
		*out |= collection->seen[i] == id;
	if (*out)
		return 0;
	grown = reallocarray(collection->seen, collection->seen_count + 1, sizeof(*grown));
	if (!grown)
		return fault_set(collection->why, FAULT_OTHER, "out of memory");
	collection->seen = grown;
	collection->seen[collection->seen_count++] = id;
	return 0;
}

static int say_map(struct series *series, const struct manifest_map *said)
{
	OWNED(peek_drop) struct peek peek = {.fd = -1};
	struct collection *collection = series->collection;
	bool seen = false;

	if (peek_open(series->running, said->name, &peek, collection->why) ||
	    (said->shared && is_seen(collection, peek.cell.info.id, &seen)))
		return -1;
	if (seen || !peek.cell.info.key_size)
		return 0;
	series->map = said->name;
	series->unit = said->unit;
	series->shared = said->shared;
	series->counter = !strcmp(said->purpose, "counter");
	return say_entries(series, &peek);
}

static int say_variable(struct series *series, const struct manifest_global *said)
{
	OWNED(peek_drop) struct peek peek = {.fd = -1};
	OWNED(json_drop) struct json *entries = NULL;
	OWNED(json_drop) struct json *name = json_make_text(said->name);
	struct fault *why = series->collection->why;

	if (!name)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (peek_open(series->running, said->section, &peek, why) ||
	    peek_entries(series->running, &peek, name, false, &entries, why))
		return -1;
	series->map = said->section;
	series->unit = said->unit;
	series->shared = false;
	series->counter = !strcmp(said->purpose, "counter");
	return say_entry(series, json_item(entries, 0)) || say_cut(series) ? -1 : 0;
}

// Whether a chain has two members of this name, so that their samples need one more label.
static bool is_twin(const struct json *chain, const char *use)
{
	const struct json *members = json_member(chain, "members");
	size_t count = 0;

	for (size_t i = 0; i < json_count(members); i++) {
		const char *name = json_text(json_member(json_item(members, i), "name"));

		count += name && !strcmp(name, use);
	}
	return count > 1;
}

static int say_maps(struct collection *collection, const struct running *running,
		    const struct json *chain)
{
	const struct manifest *manifest = running->manifest;
	const char *member = is_twin(chain, running->use)
				     ? json_text(json_member(running->recorded, "key"))
				     : NULL;

	for (size_t i = 0; i < manifest->map_count; i++) {
		struct series series = {.collection = collection,
					.running = running,
					.member = member,
					.left = GAUGE_SERIES_MAX};
		const struct manifest_map *said = &manifest->maps[i];

		if (is_metric(said->purpose) && !strcmp(said->object, running->meaning.file) &&
		    say_map(&series, said))
			return -1;
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		struct series series = {.collection = collection,
					.running = running,
					.member = member,
					.left = GAUGE_SERIES_MAX};
		const struct manifest_global *said = &manifest->globals[i];

		if (is_metric(said->purpose) && !strcmp(said->object, running->meaning.file) &&
		    say_variable(&series, said))
			return -1;
	}
	return 0;
}

// ---- all of it ----

static int collect_member(struct collection *collection, const struct json *chain, size_t index,
			  const struct truth *truth)
{
	OWNED(running_drop) struct running running = {0};
	static const struct sys_program none;
	struct fault *why = collection->why;

	if (running_at(collection->places, chain, index, &running, why) ||
	    say_program(collection, &running,
			index < truth->count ? &truth->members[index].program : &none))
		return -1;
	// A stand-in has no object and no metrics; a damaged copy of one member must not hide the metrics of all others.
	if (running_open(collection->places, &running, why) ||
	    say_maps(collection, &running, chain)) {
		if (why->code == FAULT_OTHER)
			return -1;
		fault_clear(why);
		collection->unreadable++;
	}
	return 0;
}

static int collect_chain(struct collection *collection, const struct json *chain)
{
	const char *iface = json_text(json_member(chain, "interface"));
	const char *word = json_text(json_member(chain, "hook"));
	struct truth truth;
	enum hook hook;

	if (!iface || !word || hook_parse(word, &hook, collection->why))
		return fault_set(collection->why, FAULT_FORMAT, "the record is damaged");
	if (truth_read(collection->places->tree, iface, hook, &truth, collection->why) ||
	    say_chain(collection, chain, &truth, hook))
		return -1;
	for (size_t i = 0; i < json_count(json_member(chain, "members")); i++)
		if (collect_member(collection, chain, i, &truth))
			return -1;
	return 0;
}

int gauge_text(const struct running_places *places, const struct freshness_list *freshness,
	       struct bytes *out, struct fault *why)
{
	OWNED(collection_drop) struct collection collection = {.places = places, .why = why};
	const struct json *chains = json_member(places->record, "chains");

	for (size_t i = 0; i < json_count(chains); i++)
		if (collect_chain(&collection, json_item(chains, i)))
			return -1;
	if (SAYS(&collection, "bpfseal_unreadable_members", EXPOSITION_GAUGE,
		 "Programs whose counters cannot be read, or that have no specification.",
		 collection.unreadable, {NULL, NULL}))
		return -1;
	if (freshness && freshness_gauges(freshness, &collection.text, why))
		return -1;
	return exposition_write(&collection.text, out, why);
}

int gauge_store(const struct running_places *places, const struct freshness_list *freshness,
		const char *path, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (gauge_text(places, freshness, &text, why))
		return -1;
	return file_replace(path, text.data, text.len, 0644, why);
}
