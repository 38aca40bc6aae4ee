// SPDX-License-Identifier: Apache-2.0
#include "bpf/manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/owned.h"
#include "bpf/layout.h"

#define SCHEMA "bpfseal.bundle/1"

#define NAME_MAX_LEN	    64	 // publisher, name, member: part of a path and of a line in a table
#define IDENTIFIER_MAX_LEN  63	 // a C name; what struct inspection holds
#define DESCRIPTION_MAX_LEN 1024 // 64 of them and the rest stay below MANIFEST_MAX
#define LINE_MAX_LEN	    200	 // licence expression, compiler line, unit
#define FILES_MAX	    31	 // BUNDLE_MEMBERS_MAX less the manifest

static const char *const linkages[] = {"wrap", "chain", "own_map", "terminal", NULL};
static const char *const purposes[] = {"config", "counter", "gauge", "state", NULL};

// The document under the reader's eye, so that a refusal can say where.
struct reader {
	const struct json *root;
	const char *text;
	size_t len;
	const char *file;
	bool source; // written by a person, not by `bundle build`
};

// Adds the place of a member (or of an array's item) to a refusal. Returns -1.
static int at(const struct reader *reader, const struct json *parent, const char *key, size_t index,
	      struct fault *why)
{
	unsigned line, column;

	if (json_place(reader->root, reader->text, reader->len, parent, key, index, &line, &column))
		return fault_where(why, "%s:%u:%u", reader->file, line, column);
	return fault_where(why, "%s", reader->file);
}

static int read_only(const struct reader *reader, const struct json *object,
		     const char *const *allowed, struct fault *why)
{
	struct json_walk walk = {0};

	if (!json_only(object, allowed, why))
		return 0;
	while (json_next(object, &walk)) {
		const char *const *known = allowed;

		while (*known && strcmp(*known, walk.key) != 0)
			known++;
		if (!*known)
			return at(reader, object, walk.key, 0, why);
	}
	return -1;
}

// ---- texts ----

enum text_kind { TEXT_PLAIN, TEXT_IDENTIFIER, TEXT_LINE, TEXT_DIGEST, TEXT_VERSION };

struct text_rule {
	const char *key;
	enum text_kind kind;
	size_t max;
	bool optional; // absent and "" are the same
};

// C names only: map names become names on bpffs, where a dot is not allowed, and entries are looked up as symbols.
static bool is_identifier(const char *text)
{
	if (!*text || (*text >= '0' && *text <= '9'))
		return false;
	for (; *text; text++) {
		if (!(*text >= 'a' && *text <= 'z') && !(*text >= 'A' && *text <= 'Z') &&
		    !(*text >= '0' && *text <= '9') && *text != '_')
			return false;
	}
	return true;
}

static bool is_line(const char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return false;
	}
	return true;
}

static int text_check(const struct text_rule *rule, const char *text, struct fault *why)
{
	struct sha256 digest;

	if (!*text && rule->optional)
		return 0;
	if (strlen(text) > rule->max)
		return fault_set(why, FAULT_FORMAT, "\"%s\" is longer than %zu bytes", rule->key,
				 rule->max);
	switch (rule->kind) {
	case TEXT_PLAIN:
		if (!name_is_plain(text, rule->max))
			return fault_set(why, FAULT_FORMAT,
					 "\"%s\" is '%s': only a-z 0-9 . _ - may stand in it",
					 rule->key, text);
		return 0;
	case TEXT_IDENTIFIER:
		if (!is_identifier(text))
			return fault_set(why, FAULT_FORMAT, "\"%s\" is '%s', which is no C name",
					 rule->key, text);
		return 0;
	case TEXT_LINE:
		if (!is_line(text))
			return fault_set(why, FAULT_FORMAT, "\"%s\" holds a control character",
					 rule->key);
		return 0;
	case TEXT_DIGEST:
		if (sha256_read(text, &digest))
			return fault_set(why, FAULT_FORMAT,
					 "\"%s\" is not 64 lower-case hexadecimal digits",
					 rule->key);
		return 0;
	case TEXT_VERSION:
		return version_check(text, why);
	}
	return -1;
}

static int read_text(const struct reader *reader, const struct json *object,
		     const struct text_rule *rule, char **out, struct fault *why)
{
	const char *text = "";

	if (!rule->optional || json_member(object, rule->key)) {
		if (json_need_text(object, rule->key, &text, why))
			return at(reader, object, rule->key, 0, why);
	}
	if (text_check(rule, text, why))
		return at(reader, object, rule->key, 0, why);
	return text_copy(text, out, why);
}

static int read_number(const struct reader *reader, const struct json *object, const char *key,
		       int64_t max, int64_t *out, struct fault *why)
{
	*out = 0;
	if (reader->source && !json_member(object, key))
		return 0;
	if (json_need_int(object, key, 0, max, out, why))
		return at(reader, object, key, 0, why);
	return 0;
}

// An array of objects with between `min` and `max` items. In a source it may be absent where `min` is 0.
static int read_list(const struct reader *reader, const struct json *object, const char *key,
		     size_t min, size_t max, const struct json **out, size_t *count,
		     struct fault *why)
{
	*out = NULL;
	*count = 0;
	if (reader->source && !min && !json_member(object, key))
		return 0;
	if (json_need_array(object, key, out, why))
		return at(reader, object, key, 0, why);
	*count = json_count(*out);
	if (*count < min || *count > max) {
		fault_set(why, *count > max ? FAULT_TOO_LARGE : FAULT_FORMAT,
			  "\"%s\" has %zu entries, not %zu to %zu", key, *count, min, max);
		return at(reader, object, key, 0, why);
	}
	for (size_t i = 0; i < *count; i++) {
		if (!json_is(json_item(*out, i), JSON_KIND_OBJECT)) {
			fault_set(why, FAULT_FORMAT, "entry %zu of \"%s\" is not an object", i + 1,
				  key);
			return at(reader, *out, NULL, i, why);
		}
	}
	return 0;
}

// A row for each item: `*rows` stays NULL when there is none.
static int make_rows(size_t count, size_t size, void *rows, struct fault *why)
{
	void *memory = NULL;

	if (count && !(memory = calloc(count, size)))
		return fault_set(why, FAULT_OTHER, "out of memory");
	*(void **)rows = memory;
	return 0;
}

// ---- programs ----

static int read_verdict(const struct json *item, enum hook hook, int32_t *out, struct fault *why)
{
	if (json_is(item, JSON_KIND_TEXT))
		return verdict_parse(hook, json_text(item), out, why);
	if (!json_is(item, JSON_KIND_INT))
		return fault_set(why, FAULT_FORMAT, "a verdict is a name or a number");
	if (json_int(item) < -1 || json_int(item) > 32 ||
	    !verdict_name(hook, (int32_t)json_int(item)))
		return fault_set(why, FAULT_FORMAT, "%lld is not a verdict of hook %s",
				 (long long)json_int(item), hook_name(hook));
	*out = (int32_t)json_int(item);
	return 0;
}

static int read_continue(const struct reader *reader, const struct json *object,
			 struct manifest_program *program, struct fault *why)
{
	const struct json *list;

	if (program->linkage == LINK_TERMINAL && !json_member(object, "continue_on"))
		return 0;
	if (!json_member(object, "continue_on")) {
		program->continue_count = verdicts_default(program->hook, program->continue_on);
		return 0;
	}
	if (program->linkage == LINK_TERMINAL) {
		fault_set(why, FAULT_FORMAT, "a terminal program continues on no verdict");
		return at(reader, object, "continue_on", 0, why);
	}
	if (json_need_array(object, "continue_on", &list, why))
		return at(reader, object, "continue_on", 0, why);
	if (!json_count(list) || json_count(list) > VERDICTS_CONTINUE_MAX) {
		fault_set(why, FAULT_FORMAT, "\"continue_on\" has %zu verdicts, not 1 to %d",
			  json_count(list), VERDICTS_CONTINUE_MAX);
		return at(reader, object, "continue_on", 0, why);
	}
	for (size_t i = 0; i < json_count(list); i++) {
		int32_t *verdict = &program->continue_on[i];

		if (read_verdict(json_item(list, i), program->hook, verdict, why))
			return at(reader, list, NULL, i, why);
		for (size_t j = 0; j < i; j++) {
			if (program->continue_on[j] == *verdict) {
				fault_set(why, FAULT_FORMAT, "a verdict stands twice");
				return at(reader, list, NULL, i, why);
			}
		}
	}
	program->continue_count = json_count(list);
	return 0;
}

static int read_linkage(const struct reader *reader, const struct json *object,
			struct manifest_program *program, struct fault *why)
{
	static const struct text_rule next_map = {"next_map", TEXT_IDENTIFIER, IDENTIFIER_MAX_LEN,
						  false};
	const char *word = "wrap";
	int linkage = 0;

	if (!reader->source || json_member(object, "linkage")) {
		if (json_need_text(object, "linkage", &word, why))
			return at(reader, object, "linkage", 0, why);
	}
	while (linkages[linkage] && strcmp(linkages[linkage], word) != 0)
		linkage++;
	if (!linkages[linkage]) {
		fault_set(why, FAULT_FORMAT, "there is no linkage '%.40s'", word);
		at(reader, object, "linkage", 0, why);
		return fault_fix(why, "the linkages are wrap, chain, own_map and terminal");
	}
	program->linkage = (enum linkage)linkage;
	if (program->linkage == LINK_OWN_MAP)
		return read_text(reader, object, &next_map, &program->next_map, why);
	if (json_member(object, "next_map")) {
		fault_set(why, FAULT_FORMAT, "\"next_map\" goes with linkage own_map only");
		return at(reader, object, "next_map", 0, why);
	}
	return 0;
}

// A probe watches an event and judges nothing: it has a target, and neither verdicts nor a successor.
static int read_probe(const struct reader *reader, const struct json *object,
		      struct manifest_program *program, struct fault *why)
{
	static const char *const of_chains[] = {"linkage", "next_map", "continue_on", NULL};
	const char *target;

	program->hook = HOOK_PROBE;
	for (size_t i = 0; of_chains[i]; i++) {
		if (json_member(object, of_chains[i])) {
			fault_set(why, FAULT_FORMAT, "a %s has no \"%s\"",
				  probe_kind_name(program->probe), of_chains[i]);
			return at(reader, object, of_chains[i], 0, why);
		}
	}
	if (json_need_text(object, "attach", &target, why) ||
	    probe_check_target(program->probe, target, why))
		return at(reader, object, "attach", 0, why);
	return text_copy(target, &program->target, why);
}

// One word says both: a hook of packets, or a kind of probe.
static int read_hook(const struct reader *reader, const struct json *object,
		     struct manifest_program *program, struct fault *why)
{
	struct fault no_probe = {0};
	const char *word;

	if (json_need_text(object, "hook", &word, why))
		return at(reader, object, "hook", 0, why);
	if (probe_kind_parse(word, &program->probe, &no_probe) == 0)
		return read_probe(reader, object, program, why);
	if (strcmp(word, hook_name(HOOK_PROBE)) == 0) {
		*why = no_probe;
		return at(reader, object, "hook", 0, why);
	}
	if (hook_parse(word, &program->hook, why)) {
		fault_fix(why, "the hooks are xdp, tc_ingress and tc_egress; a probe names its "
			       "kind, as in \"tracepoint\"");
		return at(reader, object, "hook", 0, why);
	}
	if (json_member(object, "attach")) {
		fault_set(why, FAULT_FORMAT, "\"attach\" goes with probes only");
		return at(reader, object, "attach", 0, why);
	}
	if (read_linkage(reader, object, program, why))
		return -1;
	return read_continue(reader, object, program, why);
}

// The object's name is its source's, unless both are said: count.bpf.c makes count.bpf.o.
static int read_object(const struct reader *reader, const struct json *object,
		       struct manifest_program *program, struct fault *why)
{
	static const struct text_rule file = {"object", TEXT_PLAIN, NAME_MAX_LEN, false};
	static const struct text_rule source = {"source", TEXT_PLAIN, NAME_MAX_LEN, false};
	size_t len;

	if (!reader->source || !json_member(object, "source")) {
		if (text_copy("", &program->source, why))
			return -1;
		return read_text(reader, object, &file, &program->object, why);
	}
	if (read_text(reader, object, &source, &program->source, why))
		return -1;
	len = strlen(program->source);
	if (len < 3 || strcmp(program->source + len - 2, ".c") != 0) {
		fault_set(why, FAULT_FORMAT, "\"source\" is '%s', which does not end in .c",
			  program->source);
		return at(reader, object, "source", 0, why);
	}
	if (json_member(object, "object"))
		return read_text(reader, object, &file, &program->object, why);
	if (text_copy(program->source, &program->object, why))
		return -1;
	program->object[len - 1] = 'o';
	return 0;
}

static int read_program(const struct reader *reader, const struct json *object,
			struct manifest_program *program, struct fault *why)
{
	static const char *const allowed[] = {"object",	  "entry",	 "hook",   "linkage",
					      "next_map", "continue_on", "attach", NULL};
	static const char *const source_allowed[] = {"object",	    "source",  "entry",
						     "hook",	    "linkage", "next_map",
						     "continue_on", "attach",  NULL};
	static const struct text_rule entry = {"entry", TEXT_IDENTIFIER, IDENTIFIER_MAX_LEN, false};

	if (read_only(reader, object, reader->source ? source_allowed : allowed, why) ||
	    read_object(reader, object, program, why) ||
	    read_text(reader, object, &entry, &program->entry, why))
		return -1;
	return read_hook(reader, object, program, why);
}

static int read_programs(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *list;
	size_t count;

	if (read_list(reader, reader->root, "programs", 1, MANIFEST_PROGRAMS_MAX, &list, &count,
		      why) ||
	    make_rows(count, sizeof *manifest->programs, &manifest->programs, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct manifest_program *program = &manifest->programs[i];

		manifest->program_count = i + 1;
		if (read_program(reader, json_item(list, i), program, why))
			return -1;
		for (size_t j = 0; j < i; j++) {
			// node.json picks a program by hook and entry: two of one name could not be told apart.
			if (manifest->programs[j].hook == program->hook &&
			    strcmp(manifest->programs[j].entry, program->entry) == 0) {
				fault_set(why, FAULT_FORMAT,
					  "program '%s' stands twice for hook %s", program->entry,
					  hook_name(program->hook));
				return at(reader, list, NULL, i, why);
			}
		}
	}
	return 0;
}

// ---- maps ----

// In a source it may be left out: "state", or of a constant "config", which only an admin can change. "" says that it was.
static int read_purpose(const struct reader *reader, const struct json *object, const char *word,
			char **out, struct fault *why)
{
	const char *const *known = purposes;

	if (!reader->source || json_member(object, "purpose")) {
		if (json_need_text(object, "purpose", &word, why))
			return at(reader, object, "purpose", 0, why);
	}
	while (*known && strcmp(*known, word) != 0)
		known++;
	if (!*known) {
		fault_set(why, FAULT_FORMAT, "there is no map purpose '%.40s'", word);
		at(reader, object, "purpose", 0, why);
		return fault_fix(why, "the purposes are config, counter, gauge and state");
	}
	return text_copy(word, out, why);
}

static int read_format(const struct reader *reader, const struct json *object, const char *key,
		       struct notations *out, struct fault *why)
{
	const struct json *format = json_member(object, key);

	if (format && notations_read(format, out, why))
		return at(reader, object, key, 0, why);
	return 0;
}

static int read_shared(const struct reader *reader, const struct json *object, bool *out,
		       struct fault *why)
{
	if (json_member(object, "shared") && json_need_bool(object, "shared", out, why))
		return at(reader, object, "shared", 0, why);
	return 0;
}

static int read_map(const struct reader *reader, const struct json *object,
		    struct manifest_map *map, struct fault *why)
{
	static const char *const allowed[] = {
		"name",	       "object",     "type",	     "key_size", "value_size",
		"key",	       "value",	     "max_entries",  "purpose",	 "unit",
		"description", "key_format", "value_format", "shared",	 NULL};
	const struct text_rule name = {"name", TEXT_IDENTIFIER, IDENTIFIER_MAX_LEN, false};
	const struct text_rule file = {"object", TEXT_PLAIN, NAME_MAX_LEN, reader->source};
	const struct text_rule type = {"type", TEXT_PLAIN, IDENTIFIER_MAX_LEN, reader->source};
	const struct text_rule key = {"key", TEXT_LINE, IDENTIFIER_MAX_LEN, true};
	const struct text_rule value = {"value", TEXT_LINE, IDENTIFIER_MAX_LEN, true};
	const struct text_rule unit = {"unit", TEXT_LINE, LINE_MAX_LEN, true};
	const struct text_rule description = {"description", TEXT_LINE, DESCRIPTION_MAX_LEN, true};
	int64_t key_size, value_size, max_entries;

	if (read_only(reader, object, allowed, why) ||
	    read_text(reader, object, &name, &map->name, why) ||
	    read_text(reader, object, &file, &map->object, why) ||
	    read_text(reader, object, &type, &map->type, why) ||
	    read_text(reader, object, &key, &map->key, why) ||
	    read_text(reader, object, &value, &map->value, why) ||
	    read_text(reader, object, &unit, &map->unit, why) ||
	    read_text(reader, object, &description, &map->description, why) ||
	    read_number(reader, object, "key_size", UINT32_MAX, &key_size, why) ||
	    read_number(reader, object, "value_size", UINT32_MAX, &value_size, why) ||
	    read_number(reader, object, "max_entries", UINT32_MAX, &max_entries, why))
		return -1;
	map->key_size = (uint32_t)key_size;
	map->value_size = (uint32_t)value_size;
	map->max_entries = (uint32_t)max_entries;
	if (read_format(reader, object, "key_format", &map->key_format, why) ||
	    read_format(reader, object, "value_format", &map->value_format, why) ||
	    read_shared(reader, object, &map->shared, why))
		return -1;
	return read_purpose(reader, object, "state", &map->purpose, why);
}

static int read_maps(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *list;
	size_t count;

	if (read_list(reader, reader->root, "maps", 0, MANIFEST_MAPS_MAX, &list, &count, why) ||
	    make_rows(count, sizeof *manifest->maps, &manifest->maps, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct manifest_map *map = &manifest->maps[i];

		manifest->map_count = i + 1;
		if (read_map(reader, json_item(list, i), map, why))
			return -1;
		for (size_t j = 0; j < i; j++) {
			if (strcmp(manifest->maps[j].name, map->name) == 0 &&
			    strcmp(manifest->maps[j].object, map->object) == 0) {
				fault_set(why, FAULT_FORMAT, "map '%s' stands twice", map->name);
				return at(reader, list, NULL, i, why);
			}
		}
	}
	return 0;
}

// ---- globals ----

static int read_section(const struct reader *reader, const struct json *object,
			struct manifest_global *global, struct fault *why)
{
	static const struct text_rule section = {"section", TEXT_LINE, IDENTIFIER_MAX_LEN, true};

	if (read_text(reader, object, &section, &global->section, why))
		return -1;
	if (reader->source && !*global->section)
		return 0;
	if (layout_is_section(global->section))
		return 0;
	fault_set(why, FAULT_FORMAT, "'%s' is no section of variables", global->section);
	return at(reader, object, "section", 0, why);
}

static int read_global(const struct reader *reader, const struct json *object,
		       struct manifest_global *global, struct fault *why)
{
	static const char *const allowed[] = {"name",	 "object", "section",	  "type",   "size",
					      "purpose", "unit",   "description", "format", NULL};
	const struct text_rule name = {"name", TEXT_IDENTIFIER, IDENTIFIER_MAX_LEN, false};
	const struct text_rule file = {"object", TEXT_PLAIN, NAME_MAX_LEN, reader->source};
	const struct text_rule type = {"type", TEXT_LINE, IDENTIFIER_MAX_LEN, true};
	const struct text_rule unit = {"unit", TEXT_LINE, LINE_MAX_LEN, true};
	const struct text_rule description = {"description", TEXT_LINE, DESCRIPTION_MAX_LEN, true};
	int64_t size;

	if (read_only(reader, object, allowed, why) ||
	    read_text(reader, object, &name, &global->name, why) ||
	    read_text(reader, object, &file, &global->object, why) ||
	    read_section(reader, object, global, why) ||
	    read_text(reader, object, &type, &global->type, why) ||
	    read_text(reader, object, &unit, &global->unit, why) ||
	    read_text(reader, object, &description, &global->description, why) ||
	    read_number(reader, object, "size", UINT32_MAX, &size, why) ||
	    read_format(reader, object, "format", &global->format, why))
		return -1;
	global->size = (uint32_t)size;
	if (reader->source && !json_member(object, "purpose"))
		return text_copy("", &global->purpose, why);
	return read_purpose(reader, object, "", &global->purpose, why);
}

static int read_globals(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *list;
	size_t count;

	if (!json_member(reader->root, "globals"))
		return 0;
	if (read_list(reader, reader->root, "globals", 0, MANIFEST_GLOBALS_MAX, &list, &count,
		      why) ||
	    make_rows(count, sizeof *manifest->globals, &manifest->globals, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct manifest_global *global = &manifest->globals[i];

		if (read_global(reader, json_item(list, i), global, why)) {
			manifest_global_drop(global);
			return -1;
		}
		if (manifest_global(manifest, global->object, global->name)) {
			fault_set(why, FAULT_FORMAT, "global '%s' stands twice", global->name);
			manifest_global_drop(global);
			return at(reader, list, NULL, i, why);
		}
		manifest->global_count++;
	}
	return 0;
}

// ---- files ----

static int read_file(const struct reader *reader, const struct json *object,
		     struct manifest_file *file, struct fault *why)
{
	static const char *const allowed[] = {"name", "size", "sha256", NULL};
	static const struct text_rule name = {"name", TEXT_PLAIN, NAME_MAX_LEN, false};
	static const struct text_rule sha256 = {"sha256", TEXT_DIGEST, 64, false};
	OWNED(drop_heap) char *hex = NULL;
	int64_t size;

	if (read_only(reader, object, allowed, why) ||
	    read_text(reader, object, &name, &file->name, why) ||
	    read_text(reader, object, &sha256, &hex, why) ||
	    read_number(reader, object, "size", INT32_MAX, &size, why))
		return -1;
	file->size = (uint64_t)size;
	return sha256_read(hex, &file->sha256);
}

static int read_files(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *list;
	size_t count;

	if (read_list(reader, reader->root, "files", reader->source ? 0 : 1, FILES_MAX, &list,
		      &count, why) ||
	    make_rows(count, sizeof *manifest->files, &manifest->files, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		manifest->file_count = i + 1;
		if (read_file(reader, json_item(list, i), &manifest->files[i], why))
			return -1;
		// Sorted, as the archive is: so a name cannot stand twice, and there is one spelling of a list.
		if ((i && strcmp(manifest->files[i - 1].name, manifest->files[i].name) >= 0) ||
		    strcmp(manifest->files[i].name, MANIFEST_NAME) == 0) {
			fault_set(why, FAULT_FORMAT, "file '%s' is out of order or stands twice",
				  manifest->files[i].name);
			return at(reader, list, NULL, i, why);
		}
	}
	return 0;
}

// ---- the whole ----

static bool has_object(const struct manifest *manifest, const char *object)
{
	for (size_t i = 0; i < manifest->program_count; i++) {
		if (strcmp(manifest->programs[i].object, object) == 0)
			return true;
	}
	return false;
}

// What the parts say about each other: every program's object is a file, every map is of such an object.
static int check_references(const struct reader *reader, const struct manifest *manifest,
			    struct fault *why)
{
	for (size_t i = 0; i < manifest->program_count && !reader->source; i++) {
		if (manifest_file(manifest, manifest->programs[i].object))
			continue;
		fault_set(why, FAULT_FORMAT, "object '%s' is not among the files",
			  manifest->programs[i].object);
		return at(reader, json_member(reader->root, "programs"), NULL, i, why);
	}
	for (size_t i = 0; i < manifest->map_count; i++) {
		const char *object = manifest->maps[i].object;

		if (has_object(manifest, object) || (reader->source && !*object))
			continue;
		fault_set(why, FAULT_FORMAT, "map '%s' is of '%s', which no program is of",
			  manifest->maps[i].name, object);
		return at(reader, json_member(reader->root, "maps"), NULL, i, why);
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		const char *object = manifest->globals[i].object;

		if (has_object(manifest, object) || (reader->source && !*object))
			continue;
		fault_set(why, FAULT_FORMAT, "global '%s' is of '%s', which no program is of",
			  manifest->globals[i].name, object);
		return at(reader, json_member(reader->root, "globals"), NULL, i, why);
	}
	return 0;
}

static int read_tested(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	const struct json *list = json_member(reader->root, "tested");

	if (!list || !tested_read(list, !reader->source, &manifest->tested, why))
		return 0;
	return at(reader, reader->root, "tested", 0, why);
}

static int read_manifest(const struct reader *reader, struct manifest *manifest, struct fault *why)
{
	static const char *const allowed[] = {
		"schema", "publisher", "name",	"version",  "description",   "license", "programs",
		"maps",	  "globals",   "files", "compiler", "source_sha256", "tested",	NULL};
	static const char *const source_allowed[] = {
		"schema",	 "publisher", "name", "version", "description",
		"license",	 "programs",  "maps", "globals", "compiler",
		"source_sha256", "tested",    NULL};
	const struct text_rule publisher = {"publisher", TEXT_PLAIN, NAME_MAX_LEN, false};
	const struct text_rule name = {"name", TEXT_PLAIN, NAME_MAX_LEN, false};
	const struct text_rule version = {"version", TEXT_VERSION, VERSION_MAX, false};
	const struct text_rule description = {"description", TEXT_LINE, DESCRIPTION_MAX_LEN,
					      reader->source};
	const struct text_rule license = {"license", TEXT_LINE, LINE_MAX_LEN, false};
	const struct text_rule compiler = {"compiler", TEXT_LINE, LINE_MAX_LEN, true};
	const struct text_rule source = {"source_sha256", TEXT_DIGEST, 64, true};
	const struct json *root = reader->root;
	const char *schema = SCHEMA;

	if (!json_is(root, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "%s is not a manifest: no JSON object",
				 reader->file);
	if (read_only(reader, root, reader->source ? source_allowed : allowed, why))
		return -1;
	if ((!reader->source || json_member(root, "schema")) &&
	    json_need_text(root, "schema", &schema, why))
		return at(reader, root, "schema", 0, why);
	if (strcmp(schema, SCHEMA) != 0) {
		fault_set(why, FAULT_FORMAT, "the manifest is of schema '%.40s', not %s", schema,
			  SCHEMA);
		return at(reader, root, "schema", 0, why);
	}
	if (read_text(reader, root, &publisher, &manifest->publisher, why) ||
	    read_text(reader, root, &name, &manifest->name, why) ||
	    read_text(reader, root, &version, &manifest->version, why) ||
	    read_text(reader, root, &description, &manifest->description, why) ||
	    read_text(reader, root, &license, &manifest->license, why) ||
	    read_text(reader, root, &compiler, &manifest->compiler, why) ||
	    read_text(reader, root, &source, &manifest->source_sha256, why) ||
	    read_programs(reader, manifest, why) || read_maps(reader, manifest, why) ||
	    read_globals(reader, manifest, why) || read_tested(reader, manifest, why) ||
	    (!reader->source && read_files(reader, manifest, why)))
		return -1;
	return check_references(reader, manifest, why);
}

static int parse(const void *data, size_t len, const char *file, bool source, struct manifest **out,
		 struct fault *why)
{
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(json_drop) struct json *root = NULL;

	if (len > MANIFEST_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "%s has %zu bytes, more than %d", file, len,
				 MANIFEST_MAX);
	if (json_parse(data, len, file, &root, why) ||
	    make_rows(1, sizeof *manifest, &manifest, why))
		return -1;

	struct reader reader = {root, data, len, file, source};

	if (read_manifest(&reader, manifest, why))
		return -1;
	*out = HAND_OVER(manifest);
	return 0;
}

int manifest_parse(const void *data, size_t len, const char *file, struct manifest **out,
		   struct fault *why)
{
	return parse(data, len, file, false, out, why);
}

int manifest_parse_source(const void *data, size_t len, const char *file, struct manifest **out,
			  struct fault *why)
{
	return parse(data, len, file, true, out, why);
}

// ---- writing ----

static const char *text_or_empty(const char *text)
{
	return text ? text : "";
}

static int write_probe(const struct manifest_program *program, struct json *list, struct fault *why)
{
	OWNED(json_drop) struct json *object = json_make_object();

	if (json_put_text(object, "object", text_or_empty(program->object), why) ||
	    json_put_text(object, "entry", text_or_empty(program->entry), why) ||
	    json_put_text(object, "hook", probe_kind_name(program->probe), why) ||
	    json_put_text(object, "attach", text_or_empty(program->target), why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_program(const struct manifest_program *program, struct json *list,
			 struct fault *why)
{
	OWNED(json_drop) struct json *object = json_make_object();
	OWNED(json_drop) struct json *verdicts = json_make_array();

	if (program->hook == HOOK_PROBE)
		return write_probe(program, list, why);

	for (size_t i = 0; i < program->continue_count; i++) {
		int32_t verdict = program->continue_on[i];
		const char *name = verdict_name(program->hook, verdict);

		if (json_add(verdicts, name ? json_make_text(name) : json_make_int(verdict), why))
			return -1;
	}
	if (json_put_text(object, "object", text_or_empty(program->object), why) ||
	    json_put_text(object, "entry", text_or_empty(program->entry), why) ||
	    json_put_text(object, "hook", hook_name(program->hook), why) ||
	    json_put_text(object, "linkage", linkages[program->linkage], why))
		return -1;
	if (program->next_map && json_put_text(object, "next_map", program->next_map, why))
		return -1;
	if (program->continue_count && json_put(object, "continue_on", HAND_OVER(verdicts), why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_format(const struct notations *format, const char *key, struct json *object,
			struct fault *why)
{
	struct json *written = NULL;

	if (!format->count)
		return 0;
	return notations_write(format, &written, why) || json_put(object, key, written, why) ? -1
											     : 0;
}

static int write_map(const struct manifest_map *map, struct json *list, struct fault *why)
{
	OWNED(json_drop) struct json *object = json_make_object();

	if (json_put_text(object, "name", text_or_empty(map->name), why) ||
	    json_put_text(object, "object", text_or_empty(map->object), why) ||
	    json_put_text(object, "type", text_or_empty(map->type), why) ||
	    json_put_int(object, "key_size", map->key_size, why) ||
	    json_put_int(object, "value_size", map->value_size, why) ||
	    json_put_int(object, "max_entries", map->max_entries, why) ||
	    json_put_text(object, "key", text_or_empty(map->key), why) ||
	    json_put_text(object, "value", text_or_empty(map->value), why) ||
	    json_put_text(object, "purpose", map->purpose ? map->purpose : "state", why) ||
	    json_put_text(object, "unit", text_or_empty(map->unit), why) ||
	    json_put_text(object, "description", text_or_empty(map->description), why) ||
	    write_format(&map->key_format, "key_format", object, why) ||
	    write_format(&map->value_format, "value_format", object, why) ||
	    (map->shared && json_put_bool(object, "shared", true, why)))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_global(const struct manifest_global *global, struct json *list, struct fault *why)
{
	OWNED(json_drop) struct json *object = json_make_object();

	if (json_put_text(object, "name", text_or_empty(global->name), why) ||
	    json_put_text(object, "object", text_or_empty(global->object), why) ||
	    json_put_text(object, "section", text_or_empty(global->section), why) ||
	    json_put_text(object, "type", text_or_empty(global->type), why) ||
	    json_put_int(object, "size", global->size, why) ||
	    json_put_text(object, "purpose", text_or_empty(global->purpose), why) ||
	    json_put_text(object, "unit", text_or_empty(global->unit), why) ||
	    json_put_text(object, "description", text_or_empty(global->description), why) ||
	    write_format(&global->format, "format", object, why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_file(const struct manifest_file *file, struct json *list, struct fault *why)
{
	OWNED(json_drop) struct json *object = json_make_object();
	char hex[SHA256_HEX];

	sha256_hex(&file->sha256, hex);
	if (json_put_text(object, "name", text_or_empty(file->name), why) ||
	    json_put_int(object, "size", (int64_t)file->size, why) ||
	    json_put_text(object, "sha256", hex, why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

static int write_lists(const struct manifest *manifest, struct json *root, struct fault *why)
{
	OWNED(json_drop) struct json *programs = json_make_array();
	OWNED(json_drop) struct json *maps = json_make_array();
	OWNED(json_drop) struct json *globals = json_make_array();
	OWNED(json_drop) struct json *files = json_make_array();

	for (size_t i = 0; i < manifest->program_count; i++) {
		if (write_program(&manifest->programs[i], programs, why))
			return -1;
	}
	for (size_t i = 0; i < manifest->map_count; i++) {
		if (write_map(&manifest->maps[i], maps, why))
			return -1;
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		if (write_global(&manifest->globals[i], globals, why))
			return -1;
	}
	for (size_t i = 0; i < manifest->file_count; i++) {
		if (write_file(&manifest->files[i], files, why))
			return -1;
	}
	if (json_put(root, "programs", HAND_OVER(programs), why) ||
	    json_put(root, "maps", HAND_OVER(maps), why) ||
	    (manifest->global_count && json_put(root, "globals", HAND_OVER(globals), why)))
		return -1;
	return json_put(root, "files", HAND_OVER(files), why);
}

int manifest_write(const struct manifest *manifest, struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *root = json_make_object();

	if (json_put_text(root, "schema", SCHEMA, why) ||
	    json_put_text(root, "publisher", text_or_empty(manifest->publisher), why) ||
	    json_put_text(root, "name", text_or_empty(manifest->name), why) ||
	    json_put_text(root, "version", text_or_empty(manifest->version), why) ||
	    json_put_text(root, "description", text_or_empty(manifest->description), why) ||
	    json_put_text(root, "license", text_or_empty(manifest->license), why) ||
	    write_lists(manifest, root, why) ||
	    json_put_text(root, "compiler", text_or_empty(manifest->compiler), why) ||
	    json_put_text(root, "source_sha256", text_or_empty(manifest->source_sha256), why) ||
	    tested_put(&manifest->tested, root, why))
		return -1;
	return json_write(root, true, out, why);
}

// ---- owning ----

void manifest_map_drop(struct manifest_map *map)
{
	free(map->name);
	free(map->object);
	free(map->type);
	free(map->key);
	free(map->value);
	free(map->purpose);
	free(map->unit);
	free(map->description);
	notations_drop(&map->key_format);
	notations_drop(&map->value_format);
	*map = (struct manifest_map){0};
}

void manifest_global_drop(struct manifest_global *global)
{
	free(global->name);
	free(global->object);
	free(global->section);
	free(global->type);
	free(global->purpose);
	free(global->unit);
	free(global->description);
	notations_drop(&global->format);
	*global = (struct manifest_global){0};
}

void manifest_free(struct manifest *manifest)
{
	if (!manifest)
		return;
	for (size_t i = 0; i < manifest->program_count; i++) {
		free(manifest->programs[i].object);
		free(manifest->programs[i].source);
		free(manifest->programs[i].entry);
		free(manifest->programs[i].next_map);
		free(manifest->programs[i].target);
	}
	for (size_t i = 0; i < manifest->map_count; i++)
		manifest_map_drop(&manifest->maps[i]);
	for (size_t i = 0; i < manifest->global_count; i++)
		manifest_global_drop(&manifest->globals[i]);
	for (size_t i = 0; i < manifest->file_count; i++)
		free(manifest->files[i].name);
	free(manifest->programs);
	free(manifest->maps);
	free(manifest->globals);
	free(manifest->files);
	free(manifest->publisher);
	free(manifest->name);
	free(manifest->version);
	free(manifest->description);
	free(manifest->license);
	free(manifest->compiler);
	free(manifest->source_sha256);
	free(manifest);
}

const struct manifest_file *manifest_file(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->file_count; i++) {
		if (strcmp(manifest->files[i].name, name) == 0)
			return &manifest->files[i];
	}
	return NULL;
}

const struct manifest_map *manifest_map(const struct manifest *manifest, const char *object,
					const char *name)
{
	for (size_t i = 0; i < manifest->map_count; i++) {
		if (strcmp(manifest->maps[i].name, name) == 0 &&
		    strcmp(manifest->maps[i].object, object) == 0)
			return &manifest->maps[i];
	}
	return NULL;
}

const struct manifest_global *manifest_global(const struct manifest *manifest, const char *object,
					      const char *name)
{
	for (size_t i = 0; i < manifest->global_count; i++) {
		if (strcmp(manifest->globals[i].name, name) == 0 &&
		    strcmp(manifest->globals[i].object, object) == 0)
			return &manifest->globals[i];
	}
	return NULL;
}
