// SPDX-License-Identifier: Apache-2.0
#include "bpf/l3afmember.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/version.h"

// ---- what a program says and node.json has no word for ----

struct field {
	const char *key;
	enum json_kind kind;
	const char *text; // NULL: read elsewhere
};

#define USER_PROGRAM                                                                               \
	"belongs to a program in user space, and bpfseal runs none: let systemd run it, with the " \
	"maps that are pinned below /sys/fs/bpf/bpfseal"
#define LIMITS "limits a program in user space, and bpfseal runs none"

static const struct field fields[] = {
	{"id", JSON_KIND_INT, NULL},
	{"name", JSON_KIND_TEXT, NULL},
	{"seq_id", JSON_KIND_INT, NULL},
	{"artifact", JSON_KIND_TEXT, NULL},
	{"map_name", JSON_KIND_TEXT, NULL},
	{"cmd_start", JSON_KIND_TEXT, USER_PROGRAM},
	{"cmd_stop", JSON_KIND_TEXT, USER_PROGRAM},
	{"cmd_status", JSON_KIND_TEXT, USER_PROGRAM},
	{"cmd_config", JSON_KIND_TEXT, USER_PROGRAM},
	{"cmd_update", JSON_KIND_TEXT, USER_PROGRAM},
	{"version", JSON_KIND_TEXT, NULL},
	{"user_program_daemon", JSON_KIND_BOOL, USER_PROGRAM},
	{"is_plugin", JSON_KIND_BOOL, USER_PROGRAM},
	{"cpu", JSON_KIND_INT, LIMITS},
	{"memory", JSON_KIND_INT, LIMITS},
	{"admin_status", JSON_KIND_TEXT, NULL},
	{"prog_type", JSON_KIND_TEXT, NULL},
	{"rules_file", JSON_KIND_TEXT,
	 "is read by a program in user space, and bpfseal runs none: what it puts into maps can "
	 "stand in \"maps\""},
	{"rules", JSON_KIND_TEXT,
	 "is read by a program in user space, and bpfseal runs none: what it puts into maps can "
	 "stand in \"maps\""},
	{"config_file_path", JSON_KIND_TEXT, USER_PROGRAM},
	{"cfg_version", JSON_KIND_INT, NULL},
	{"start_args", JSON_KIND_OBJECT, USER_PROGRAM},
	{"stop_args", JSON_KIND_OBJECT, USER_PROGRAM},
	{"status_args", JSON_KIND_OBJECT, USER_PROGRAM},
	{"update_args", JSON_KIND_OBJECT, USER_PROGRAM},
	{"config_args", JSON_KIND_OBJECT, USER_PROGRAM},
	{"map_args", JSON_KIND_ARRAY, NULL},
	{"monitor_maps", JSON_KIND_ARRAY, NULL},
	{"ebpf_package_repo_url", JSON_KIND_TEXT,
	 "chooses a repository for this program: here \"from\" does, by the name of one whose root "
	 "keys are pinned"},
	{"object_file", JSON_KIND_TEXT, NULL},
	{"entry_function_name", JSON_KIND_TEXT, NULL},
};
#define FIELD_COUNT (sizeof(fields) / sizeof(*fields))

static bool says_something(const struct json *value)
{
	if (json_is(value, JSON_KIND_TEXT))
		return json_text(value)[0] != '\0';
	if (json_is(value, JSON_KIND_INT))
		return json_int(value) != 0;
	return json_is(value, JSON_KIND_BOOL) ? json_bool(value) : json_count(value) > 0;
}

static int note_fields(struct l3afmember *at, const struct payload_item *program)
{
	const char *known[FIELD_COUNT + 1] = {NULL};
	const struct json *value;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		known[i] = fields[i].key;
		if (payload_take(at->payload, program, fields[i].key, fields[i].kind, &value))
			return -1;
		if (fields[i].text && value && says_something(value) &&
		    payload_note(at->payload, program, fields[i].key, "%s", fields[i].text))
			return -1;
	}
	if (!at->bookkeeping_told &&
	    (says_something(json_member(program->object, "id")) ||
	     says_something(json_member(program->object, "cfg_version")))) {
		at->bookkeeping_told = true;
		if (payload_note(at->payload, program, NULL,
				 "\"id\" and \"cfg_version\", here and below, are l3afd's own "
				 "books, and "
				 "left out"))
			return -1;
	}
	return payload_note_unknown(at->payload, program, known);
}

// ---- names and versions ----

// "Connection Limit" as connection-limit: a bundle's name is lower case, and part of a path.
static int take_name(struct l3afmember *at, const struct payload_item *program, char out[static 65])
{
	const char *name;
	size_t len;

	if (payload_text(at->payload, program, "name", &name))
		return -1;
	len = strlen(name);
	if (!len || len > 64)
		return payload_refuse(at->payload, program,
				      json_member(program->object, "name") ? "name" : NULL,
				      "a program has a name of 1 to 64 letters");
	for (size_t i = 0; i <= len; i++) {
		char c = name[i];

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		out[i] = !c || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
					 (i && strchr("._-", c))
				 ? c
				 : (i ? '-' : 'x');
	}
	if (!strcmp(out, name))
		return 0;
	return payload_note(at->payload, program, "name",
			    "becomes %s: a bundle is named in a-z 0-9 . _ -", out);
}

// Up to three numbers, missing ones 0; -1 when it is anything else.
static int read_version(const char *text, char out[static VERSION_MAX + 1])
{
	long parts[3] = {0};
	size_t count = 0;
	char *end;

	for (;; text = end + 1) {
		if (count == 3 || *text < '0' || *text > '9')
			return -1;
		parts[count++] = strtol(text, &end, 10);
		if (parts[count - 1] > INT_MAX)
			return -1;
		if (*end != '.')
			break;
	}
	if (*end)
		return -1;
	snprintf(out, VERSION_MAX + 1, "%ld.%ld.%ld", parts[0], parts[1], parts[2]);
	return 0;
}

static int take_version(struct l3afmember *at, const struct payload_item *program,
			char out[static VERSION_MAX + 1])
{
	const char *text;

	if (payload_text(at->payload, program, "version", &text))
		return -1;
	if (!strcmp(text, "latest")) {
		snprintf(out, VERSION_MAX + 1, "*");
		return payload_note(
			at->payload, program, "version",
			"\"latest\" becomes \"*\": the highest version that its publisher has "
			"released in the channel \"released\"");
	}
	if (read_version(text[0] == 'v' ? text + 1 : text, out)) {
		snprintf(out, VERSION_MAX + 1, "*");
		return payload_note(at->payload, program,
				    json_member(program->object, "version") ? "version" : NULL,
				    "a version is three numbers; \"*\" stands in its place");
	}
	if (!strcmp(text, out))
		return 0;
	return payload_note(at->payload, program, "version",
			    "becomes %s: a version is three numbers", out);
}

static bool is_c_name(const char *text)
{
	size_t len =
		strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	return len && len <= 63 && !text[len] && !(*text >= '0' && *text <= '9');
}

// ---- maps ----

static int take_number(struct l3afmember *at, const struct payload_item *pair, const char *key,
		       struct json *out)
{
	const struct json *value;

	if (payload_take(at->payload, pair, key, JSON_KIND_INT, &value))
		return -1;
	if (!value)
		return payload_refuse(at->payload, pair, NULL, "there is no \"%s\"", key);
	return json_put_int(out, key, json_int(value), at->payload->why);
}

static int take_pairs(struct l3afmember *at, const struct payload_item *map,
		      const struct json *args, struct json *entries)
{
	for (size_t i = 0; i < json_count(args); i++) {
		static const char *const known[] = {"key", "value", NULL};
		struct json *entry = json_make_object();
		struct payload_item pair;

		if (json_add(entries, entry, at->payload->why) ||
		    payload_enter(at->payload, map, "args", args, i, &pair) ||
		    take_number(at, &pair, "key", entry) ||
		    take_number(at, &pair, "value", entry) ||
		    payload_note_unknown(at->payload, &pair, known))
			return -1;
	}
	return 0;
}

static int take_map(struct l3afmember *at, const struct payload_item *map, struct json *maps)
{
	static const char *const known[] = {"name", "args", NULL};
	const struct json *args;
	const char *name;

	if (payload_note_unknown(at->payload, map, known) ||
	    payload_text(at->payload, map, "name", &name) ||
	    payload_take(at->payload, map, "args", JSON_KIND_ARRAY, &args))
		return -1;
	if (!is_c_name(name))
		return payload_refuse(at->payload, map, *name ? "name" : NULL,
				      "a map is named as in C");
	if (!json_member(maps, name) && json_put(maps, name, json_make_array(), at->payload->why))
		return -1;
	return take_pairs(at, map, args, (struct json *)(uintptr_t)json_member(maps, name));
}

static int take_maps(struct l3afmember *at, const struct payload_item *program, struct json *use)
{
	OWNED(json_drop) struct json *maps = json_make_object();
	const struct json *list;

	if (!maps)
		return fault_set(at->payload->why, FAULT_OTHER, "out of memory");
	if (payload_take(at->payload, program, "map_args", JSON_KIND_ARRAY, &list))
		return -1;
	for (size_t i = 0; i < json_count(list); i++) {
		struct payload_item map;

		if (payload_enter(at->payload, program, "map_args", list, i, &map) ||
		    take_map(at, &map, maps))
			return -1;
	}
	return json_count(maps) ? json_put(use, "maps", HAND_OVER(maps), at->payload->why) : 0;
}

static int note_monitor(struct l3afmember *at, const struct payload_item *monitor)
{
	static const char *const known[] = {"name", "key", "aggregator", NULL};
	const struct json *key;
	const char *name, *aggregator;

	if (payload_note_unknown(at->payload, monitor, known) ||
	    payload_text(at->payload, monitor, "name", &name) ||
	    payload_take(at->payload, monitor, "key", JSON_KIND_INT, &key) ||
	    payload_text(at->payload, monitor, "aggregator", &aggregator))
		return -1;
	if (!strcmp(aggregator, "scalar") || !*aggregator)
		return payload_note(
			at->payload, monitor, NULL,
			"is a matter of the bundle: give map %.63s the purpose counter or "
			"gauge in its manifest",
			name);
	return payload_note(
		at->payload, monitor, "aggregator",
		"\"%.40s\" has no counterpart: give map %.63s the purpose counter in its "
		"manifest, and let who collects it make rates and averages",
		aggregator, name);
}

static int note_monitors(struct l3afmember *at, const struct payload_item *program)
{
	const struct json *list;

	if (payload_take(at->payload, program, "monitor_maps", JSON_KIND_ARRAY, &list))
		return -1;
	for (size_t i = 0; i < json_count(list); i++) {
		struct payload_item monitor;

		if (payload_enter(at->payload, program, "monitor_maps", list, i, &monitor) ||
		    note_monitor(at, &monitor))
			return -1;
	}
	return 0;
}

// ---- a program ----

// What its bundle's source manifest has to say: all that l3afd read from an archive that nobody signed.
static int note_bundle(struct l3afmember *at, const struct payload_item *program, enum hook hook,
		       const char *name)
{
	const char *object, *entry, *next, *artifact, *type;

	if (payload_text(at->payload, program, "object_file", &object) ||
	    payload_text(at->payload, program, "entry_function_name", &entry) ||
	    payload_text(at->payload, program, "map_name", &next) ||
	    payload_text(at->payload, program, "prog_type", &type) ||
	    payload_text(at->payload, program, "artifact", &artifact))
		return -1;
	if (hook == HOOK_PROBE)
		return payload_note(
			at->payload, program, NULL,
			"wants a signed bundle %.64s/%.64s whose manifest names the event "
			"(\"hook\": \"%.40s\", \"attach\"), and a policy of \"probes\" "
			"that allows it: \"object\": \"%.64s\"%s%.64s, \"entry\": \"%.63s\"",
			at->order->publisher, name, type, object, *artifact ? " of " : "", artifact,
			entry);
	return payload_note(
		at->payload, program, NULL,
		"wants a signed bundle %.64s/%.64s: \"object\": \"%.64s\"%s%.64s, \"entry\": "
		"\"%.63s\", \"hook\": \"%s\", \"linkage\": \"%s\"%s%.63s%s",
		at->order->publisher, name, object, *artifact ? " of " : "", artifact, entry,
		hook_name(hook), *next ? "own_map" : "wrap", *next ? ", \"next_map\": \"" : "",
		next, *next ? "\"" : "");
}

static int check_type(struct l3afmember *at, const struct payload_item *program, enum hook hook)
{
	const char *type, *want = hook == HOOK_XDP ? "xdp" : "tc";

	if (payload_text(at->payload, program, "prog_type", &type))
		return -1;
	if (!*type || !strcmp(type, want) || hook == HOOK_PROBE)
		return 0;
	return payload_note(at->payload, program, "prog_type",
			    "is not %s, which this list is for: %s it is", want, want);
}

int l3afmember_add(struct l3afmember *at, const struct payload_item *program, enum hook hook,
		   struct json *chain)
{
	struct json *use = json_make_object();
	char name[65], version[VERSION_MAX + 1], path[160];
	const char *entry;

	if (json_add(chain, use, at->payload->why) || take_name(at, program, name) ||
	    take_version(at, program, version) ||
	    payload_text(at->payload, program, "entry_function_name", &entry))
		return -1;
	snprintf(path, sizeof(path), "%s/%s", at->order->publisher, name);
	if (json_put_text(use, "use", path, at->payload->why) ||
	    json_put_text(use, "version", version, at->payload->why))
		return -1;
	if (*entry && !is_c_name(entry))
		return payload_refuse(at->payload, program, "entry_function_name",
				      "a function is named as in C");
	if (*entry && json_put_text(use, "program", entry, at->payload->why))
		return -1;
	if (note_bundle(at, program, hook, name) || check_type(at, program, hook) ||
	    take_maps(at, program, use) || note_fields(at, program))
		return -1;
	return note_monitors(at, program);
}
