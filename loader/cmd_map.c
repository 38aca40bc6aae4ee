// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_map.h"

#include "base/owned.h"
#include "loader/desk.h"
#include "loader/peek.h"
#include "loader/record.h"

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

// Arrays have all their entries always; people want those in which something stands.
static int print_map(const struct cli *cli, struct json *document, struct fault *why)
{
	static const char *const columns[] = {"KEY", "VALUE", NULL};
	const struct json *entries = json_member(document, "entries");
	OWNED(table_drop) struct table *table = NULL;
	size_t zeros = 0;

	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < json_count(entries); i++) {
		OWNED(bytes_drop) struct bytes key = {0};
		OWNED(bytes_drop) struct bytes value = {0};

		if (is_zero(json_member(json_item(entries, i), "value"))) {
			zeros++;
			continue;
		}
		if (json_write(json_member(json_item(entries, i), "key"), false, &key, why) ||
		    json_write(json_member(json_item(entries, i), "value"), false, &value, why))
			return -1;
		key.data[key.len - 1] = value.data[value.len - 1] = '\0'; // the newlines
		if (table_row(table, (const char *[]){bytes_text(&key), bytes_text(&value)}, why))
			return -1;
	}
	table_print(table, cli);
	if (zeros)
		cli_say(cli, "%zu of %zu entries are zero", zeros, json_count(entries));
	return 0;
}

int run_map_get(struct cli *cli, struct fault *why)
{
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(json_drop) struct json *record = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const char *iface, *hook_word = cli_value(cli, "--hook");
	struct peek peek;
	enum hook hook;

	if (cli_need(cli, "--interface", &iface, why) ||
	    hook_parse(hook_word ? hook_word : "xdp", &hook, why) ||
	    desk_open(&desk, cli, false, why) ||
	    record_load(desk.loader_dirfd, desk.tree, &record, why))
		return -1;
	peek = (struct peek){
		.tree = desk.tree, .record = record, .objects_dirfd = desk.objects_dirfd};
	if (peek_map(&peek, iface, hook, cli_arg(cli, 0), cli_arg(cli, 1), &document, why) ||
	    print_map(cli, document, why))
		return -1;
	return cli_document(cli, "bpfseal.map/1", HAND_OVER(document), why);
}
