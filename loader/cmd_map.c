// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_map.h"

#include <stdio.h>
#include <string.h>

#include "base/audit.h"
#include "base/owned.h"
#include "base/table.h"
#include "loader/peek.h"
#include "loader/poke.h"
#include "loader/record.h"
#include "loader/running.h"
#include "loader/session.h"

#define AUDIT_FILE "audit.log"
#define CPU_MAX	   4095

// Everything open that a command about one map works with.
struct map_session {
	struct session session;
	struct json *record;
	struct running running;
	struct peek peek;
};
#define MAP_CLOSED                                             \
	{                                                      \
		.session = SESSION_CLOSED, .peek = {.fd = -1 } \
	}

static void map_drop(struct map_session *map)
{
	peek_drop(&map->peek);
	running_drop(&map->running);
	json_free(map->record);
	session_drop(&map->session);
}

static int map_open(struct cli *cli, bool locked, struct map_session *map, struct fault *why)
{
	struct running_query query = {.use = cli_arg(cli, 0),
				      .iface = cli_value(cli, "--interface"),
				      .hook = cli_value(cli, "--hook")};
	struct running_places places;
	enum hook hook;
	int64_t place;

	if ((query.hook && hook_parse(query.hook, &hook, why)) ||
	    cli_number(cli, "--place", 1, NODE_CHAIN_MAX, 0, &place, why) ||
	    session_open(&map->session, cli, locked ? SESSION_LOCKED : 0, why) ||
	    record_load(map->session.loader_dirfd, map->session.tree, &map->record, why))
		return -1;
	query.place = (size_t)place;
	places = (struct running_places){.tree = map->session.tree,
					 .record = map->record,
					 .objects_dirfd = map->session.objects_dirfd};
	if (running_find(&places, &query, &map->running, why) ||
	    running_open(&places, &map->running, why))
		return -1;
	return peek_open(&map->running, cli_arg(cli, 1), &map->peek, why);
}

// As in node.json; a text that is no JSON is meant as a text, so that an address needs no quotes.
static int read_word(const char *word, struct json **out, struct fault *why)
{
	struct fault said = {0};

	if (!json_parse(word, strlen(word), "the text", out, &said))
		return 0;
	if (word[0] == '{' || word[0] == '[') {
		*why = said;
		why->code = FAULT_USAGE;
		return fault_within(why, "\"%.64s\" is neither JSON nor a plain text", word);
	}
	*out = json_make_text(word);
	return *out ? 0 : fault_set(why, FAULT_USAGE, "\"%s\" is not UTF-8", word);
}

// ---- get ----

static bool is_zero(const struct json *value)
{
	struct json_walk walk = {0};

	for (size_t i = 0; json_is(value, JSON_KIND_ARRAY) && i < json_count(value); i++)
		if (!is_zero(json_item(value, i)))
			return false;
	while (json_is(value, JSON_KIND_OBJECT) && json_next(value, &walk))
		if (!is_zero(walk.value))
			return false;
	return json_count(value) || (json_is(value, JSON_KIND_INT) && !json_int(value));
}

static int write_cell(const struct json *json, struct bytes *out, struct fault *why)
{
	if (!json)
		return 0;
	if (json_write(json, false, out, why))
		return -1;
	out->data[--out->len] = '\0'; // the newline
	return 0;
}

static int print_entry(struct table *table, const struct json *entry, bool cpus, struct fault *why)
{
	const struct json *each = json_member(entry, "per_cpu");
	OWNED(bytes_drop) struct bytes key = {0};
	OWNED(bytes_drop) struct bytes value = {0};

	if (write_cell(json_member(entry, "key"), &key, why) ||
	    write_cell(json_member(entry, "value"), &value, why) ||
	    table_row(table,
		      cpus ? (const char *[]){bytes_text(&key), "all", bytes_text(&value)}
			   : (const char *[]){bytes_text(&key), bytes_text(&value)},
		      why))
		return -1;
	for (size_t i = 0; i < json_count(each); i++) {
		OWNED(bytes_drop) struct bytes one = {0};
		char cpu[24];

		snprintf(cpu, sizeof(cpu), "%zu", i);
		if (write_cell(json_item(each, i), &one, why) ||
		    table_row(table, (const char *[]){"", cpu, bytes_text(&one)}, why))
			return -1;
	}
	return 0;
}

static bool has_cpus(const struct json *entries)
{
	for (size_t i = 0; i < json_count(entries); i++)
		if (json_member(json_item(entries, i), "per_cpu"))
			return true;
	return false;
}

// Arrays have all their entries always; people want those in which something stands.
static int print_map(const struct cli *cli, const struct json *entries, bool all, struct fault *why)
{
	static const char *const columns[] = {"KEY", "VALUE", NULL};
	static const char *const cpu_columns[] = {"KEY", ">CPU", "VALUE", NULL};
	bool cpus = has_cpus(entries);
	OWNED(table_drop) struct table *table = NULL;
	size_t zeros = 0;

	if (table_new(cpus ? cpu_columns : columns, &table, why))
		return -1;
	for (size_t i = 0; i < json_count(entries); i++) {
		const struct json *entry = json_item(entries, i);

		if (!all && is_zero(json_member(entry, "value")))
			zeros++;
		else if (print_entry(table, entry, cpus, why))
			return -1;
	}
	table_print(table, cli);
	if (zeros)
		cli_say(cli, "%zu of %zu entries are zero", zeros, json_count(entries));
	return 0;
}

int run_map_get(struct cli *cli, struct fault *why)
{
	OWNED(map_drop) struct map_session map = MAP_CLOSED;
	OWNED(json_drop) struct json *document = NULL;
	OWNED(json_drop) struct json *entries = NULL;
	OWNED(json_drop) struct json *key = NULL;
	const char *word = cli_arg(cli, 2);

	if ((word && read_word(word, &key, why)) || map_open(cli, false, &map, why) ||
	    peek_entries(&map.running, &map.peek, key, cli_has(cli, "--per-cpu"), &entries, why) ||
	    peek_about(&map.running, &map.peek, &document, why) ||
	    print_map(cli, entries, key || map.peek.section, why) ||
	    json_put(document, "entries", HAND_OVER(entries), why))
		return -1;
	return cli_document(cli, "bpfseal.map/1", HAND_OVER(document), why);
}

// ---- set, delete ----

// "all", or the number of one.
static int read_cpu(const struct cli *cli, int *out, struct fault *why)
{
	const char *word = cli_value(cli, "--cpu");
	int64_t cpu = 0;

	*out = cli_has(cli, "--per-cpu") ? POKE_EACH_CPU : POKE_ALL_CPUS;
	if (word && *out == POKE_EACH_CPU)
		return fault_set(why, FAULT_USAGE, "--cpu and --per-cpu exclude each other");
	if (!word || !strcmp(word, "all"))
		return 0;
	if (cli_number(cli, "--cpu", 0, CPU_MAX, 0, &cpu, why))
		return fault_fix(why, "--cpu takes the number of one, or \"all\"");
	*out = (int)cpu;
	return 0;
}

// Tells whether a value set by hand survives the next apply.
static void say_lasts(const struct cli *cli, const struct poked *poked, const struct poke *poke)
{
	if (poked->said && poke->value && json_same(poked->said, poke->value))
		return;
	if (poked->puts_back)
		cli_note(cli, "note: node.json says otherwise of this key: the next 'bpfseal "
			      "apply' puts back what it says");
	else if (poked->said)
		cli_note(cli, "note: node.json says otherwise of this key: 'bpfseal apply' writes "
			      "that again only when it is changed there");
	else if (poked->config)
		cli_note(cli, "note: node.json does not name this key: write it there too, or the "
			      "next 'bpfseal apply' takes it back");
	else
		cli_note(cli, "note: node.json does not name this key: what stands there now "
			      "stays until the map is made anew");
}

static int poke_document(const struct map_session *map, const struct poke *poke,
			 const struct poked *poked, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;

	if (peek_about(&map->running, &map->peek, &document, why) ||
	    json_put(document, "key", json_keep(poke->key), why) ||
	    (poked->was && json_put(document, "was", json_keep(poked->was), why)) ||
	    (poke->value && json_put(document, "value", json_keep(poke->value), why)) ||
	    (poked->said && json_put(document, "node_json", json_keep(poked->said), why)) ||
	    (poke->cpu >= 0 && json_put_int(document, "cpu", poke->cpu, why)))
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

static int run_poke(struct cli *cli, const char *event, const char *schema, bool sets,
		    struct fault *why)
{
	OWNED(map_drop) struct map_session map = MAP_CLOSED;
	OWNED(poked_drop) struct poked poked = {0};
	OWNED(json_drop) struct json *key = NULL;
	OWNED(json_drop) struct json *value = NULL;
	OWNED(json_drop) struct json *document = NULL;
	OWNED(json_drop) struct json *details = NULL;
	struct poke todo = {.force = cli_has(cli, "--force"), .cpu = POKE_ALL_CPUS};

	if (read_word(cli_arg(cli, 2), &key, why) ||
	    (sets && (read_word(cli_arg(cli, 3), &value, why) || read_cpu(cli, &todo.cpu, why))))
		return -1;
	todo.key = key;
	todo.value = value;
	if (map_open(cli, true, &map, why) || poke(&map.running, &map.peek, &todo, &poked, why) ||
	    poke_document(&map, &todo, &poked, &document, why) ||
	    json_clone(document, &details, why) ||
	    audit_append(map.session.loader_dirfd, AUDIT_FILE, map.session.now, event,
			 HAND_OVER(details), why))
		return -1;
	say_lasts(cli, &poked, &todo);
	return cli_document(cli, schema, HAND_OVER(document), why);
}

int run_map_set(struct cli *cli, struct fault *why)
{
	return run_poke(cli, "map set", "bpfseal.map-set/1", true, why);
}

int run_map_delete(struct cli *cli, struct fault *why)
{
	return run_poke(cli, "map delete", "bpfseal.map-delete/1", false, why);
}
