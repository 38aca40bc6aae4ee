// SPDX-License-Identifier: Apache-2.0
#include "bpf/show.h"

#include <stdio.h>
#include <string.h>

#include "base/owned.h"
#include "base/table.h"
#include "bpf/claims.h"

static const char *linkage_word(enum linkage linkage)
{
	switch (linkage) {
	case LINK_WRAP:
		return "wrap";
	case LINK_CHAIN:
		return "chain";
	case LINK_OWN_MAP:
		return "own_map";
	case LINK_TERMINAL:
		return "terminal";
	}
	return "?";
}

// ---- for people ----

static int show_programs(const struct cli *cli, const struct manifest *manifest, struct fault *why)
{
	static const char *const columns[] = {"PROGRAM", "HOOK", "LINKAGE", "OBJECT", NULL};
	OWNED(table_drop) struct table *table = NULL;

	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < manifest->program_count; i++) {
		const struct manifest_program *program = &manifest->programs[i];
		bool probe = program->hook == HOOK_PROBE;
		const char *const cells[] = {
			program->entry,
			probe ? probe_kind_name(program->probe) : hook_name(program->hook),
			probe ? program->target : linkage_word(program->linkage), program->object};

		if (table_row(table, cells, why))
			return -1;
	}
	table_print(table, cli);
	return 0;
}

// "struct flow (src ipv4, port be16)", or "__u32 (ipv4)": a type, and how it is written.
static int type_cell(const char *type, uint32_t size, const struct notations *said,
		     struct bytes *out, struct fault *why)
{
	if (*type ? bytes_append_text(out, type, why) : bytes_format(out, why, "%u bytes", size))
		return -1;
	for (size_t i = 0; i < said->count; i++) {
		const struct notation_at *at = &said->list[i];

		if (bytes_format(out, why, "%s%s%s%s", i ? ", " : " (", at->path,
				 at->path[0] ? " " : "", notation_name(at->notation)))
			return -1;
	}
	return said->count ? bytes_append_text(out, ")", why) : 0;
}

static int show_maps(const struct cli *cli, const struct manifest *manifest, struct fault *why)
{
	static const char *const columns[] = {"MAP",	  "TYPE",    "KEY",  "VALUE",
					      ">ENTRIES", "PURPOSE", "UNIT", NULL};
	OWNED(table_drop) struct table *table = NULL;

	if (!manifest->map_count)
		return 0;
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < manifest->map_count; i++) {
		const struct manifest_map *map = &manifest->maps[i];
		OWNED(bytes_drop) struct bytes key = {0};
		OWNED(bytes_drop) struct bytes value = {0};
		char entries[16], purpose[32];

		snprintf(entries, sizeof entries, "%u", map->max_entries);
		snprintf(purpose, sizeof purpose, "%s%s", map->purpose,
			 map->shared ? ", shared" : "");
		if (type_cell(map->key, map->key_size, &map->key_format, &key, why) ||
		    type_cell(map->value, map->value_size, &map->value_format, &value, why))
			return -1;

		const char *const cells[] = {map->name,		 map->type, bytes_text(&key),
					     bytes_text(&value), entries,   purpose,
					     map->unit};

		if (table_row(table, cells, why))
			return -1;
	}
	table_print(table, cli);
	return 0;
}

static int show_globals(const struct cli *cli, const struct manifest *manifest, struct fault *why)
{
	static const char *const columns[] = {"GLOBAL", "SECTION", "TYPE", "PURPOSE", "UNIT", NULL};
	OWNED(table_drop) struct table *table = NULL;

	if (!manifest->global_count)
		return 0;
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < manifest->global_count; i++) {
		const struct manifest_global *global = &manifest->globals[i];
		OWNED(bytes_drop) struct bytes type = {0};

		if (type_cell(global->type, global->size, &global->format, &type, why) ||
		    table_row(table,
			      (const char *[]){global->name, global->section, bytes_text(&type),
					       global->purpose, global->unit},
			      why))
			return -1;
	}
	table_print(table, cli);
	cli_say(cli, "%s", "");
	return 0;
}

static int helper_list(const struct inspection *inspection, struct bytes *out, struct fault *why)
{
	for (uint32_t id = 0; id < INSPECT_HELPERS_MAX; id++) {
		const char *name = helper_name(id);
		const char *space = out->len ? " " : "";

		if (!inspection->helpers[id])
			continue;
		if (name ? bytes_format(out, why, "%s%s", space, name)
			 : bytes_format(out, why, "%s#%u", space, id))
			return -1;
	}
	if (inspection->helper_unknown)
		return bytes_format(out, why, "%s(unknown)", out->len ? " " : "");
	return 0;
}

static void show_jumps(const struct cli *cli, const struct inspect_program *program)
{
	if (program->jumps_most == JUMPS_ENDLESS)
		cli_say(cli, "  tail calls    %s: their number in one run cannot be determined",
			program->name);
	else if (program->jumps_most)
		cli_say(cli, "  tail calls    %s: at most %u a run", program->name,
			program->jumps_most);
}

static int show_object(const struct cli *cli, const struct survey_object *object, struct fault *why)
{
	const struct inspection *inspection = object->inspection;
	OWNED(bytes_drop) struct bytes helpers = {0};

	if (helper_list(inspection, &helpers, why))
		return -1;
	cli_say(cli, "%s", object->name);
	cli_say(cli, "  instructions  %u%s", inspection->insns,
		inspection->has_btf ? "" : ", without BTF");
	cli_say(cli, "  license       %s", *inspection->license ? inspection->license : "-");
	cli_say(cli, "  helpers       %s", helpers.len ? bytes_text(&helpers) : "-");
	for (size_t i = 0; i < inspection->kfunc_count; i++)
		cli_say(cli, "  kernel        %s", inspection->kfuncs[i]);
	for (size_t i = 0; i < inspection->program_count; i++)
		show_jumps(cli, &inspection->programs[i]);
	return 0;
}

int show_survey(const struct cli *cli, const struct survey *survey, size_t bundle_len,
		const struct sha256 *sha256, struct fault *why)
{
	const struct manifest *manifest = survey->bundle->manifest;
	OWNED(drop_heap) char *path = NULL;
	char hex[SHA256_HEX];

	sha256_hex(sha256, hex);
	if (bundle_target_path(manifest, &path, why))
		return -1;
	cli_say(cli, "%s/%s %s   %zu members, %zu bytes", manifest->publisher, manifest->name,
		manifest->version, survey->bundle->member_count, bundle_len);
	if (*manifest->description)
		cli_say(cli, "  %s", manifest->description);
	cli_say(cli, "  target   %s", path);
	cli_say(cli, "  sha256   %s", hex);
	cli_say(cli, "  license  %s", manifest->license);
	for (size_t i = 0; i < manifest->tested.count; i++)
		cli_say(cli, "  %s %s, %s", i ? "        " : "loads on",
			manifest->tested.list[i].kernel, manifest->tested.list[i].machine);
	cli_say(cli, "%s", "");
	if (show_programs(cli, manifest, why))
		return -1;
	cli_say(cli, "%s", "");
	if (show_maps(cli, manifest, why))
		return -1;
	if (manifest->map_count)
		cli_say(cli, "%s", "");
	if (show_globals(cli, manifest, why))
		return -1;
	for (size_t i = 0; i < survey->object_count; i++) {
		if (show_object(cli, &survey->objects[i], why))
			return -1;
	}
	return 0;
}

// ---- for programs ----

static int document_helpers(const struct inspection *inspection, struct json *object,
			    struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	for (uint32_t id = 0; id < INSPECT_HELPERS_MAX; id++) {
		const char *name = helper_name(id);

		if (inspection->helpers[id] &&
		    json_add(list, name ? json_make_text(name) : json_make_int(id), why))
			return -1;
	}
	return json_put(object, "helpers", HAND_OVER(list), why);
}

static int document_kernel(const struct inspection *inspection, struct json *object,
			   struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	for (size_t i = 0; i < inspection->kfunc_count; i++) {
		if (json_add(list, json_make_text(inspection->kfuncs[i]), why))
			return -1;
	}
	return json_put(object, "kernel", HAND_OVER(list), why);
}

// Of each program that makes any; null: nobody can tell.
static int document_jumps(const struct inspection *inspection, struct json *object,
			  struct fault *why)
{
	struct json *list = json_make_object();

	if (json_put(object, "tail_calls_most", list, why))
		return -1;
	for (size_t i = 0; i < inspection->program_count; i++) {
		const struct inspect_program *program = &inspection->programs[i];

		if (program->jumps_most && json_put(list, program->name,
						    program->jumps_most == JUMPS_ENDLESS
							    ? json_make_null()
							    : json_make_int(program->jumps_most),
						    why))
			return -1;
	}
	return 0;
}

static int document_object(const struct survey_object *survey_object, struct json *list,
			   struct fault *why)
{
	const struct inspection *inspection = survey_object->inspection;
	OWNED(json_drop) struct json *object = json_make_object();

	if (json_put_text(object, "name", survey_object->name, why) ||
	    json_put_int(object, "instructions", inspection->insns, why) ||
	    json_put_text(object, "license", inspection->license, why) ||
	    json_put_bool(object, "btf", inspection->has_btf, why) ||
	    json_put_bool(object, "tail_calls", inspection->tail_calls, why) ||
	    document_jumps(inspection, object, why) ||
	    json_put_bool(object, "unknown_helper", inspection->helper_unknown, why) ||
	    document_helpers(inspection, object, why) || document_kernel(inspection, object, why))
		return -1;
	return json_add(list, HAND_OVER(object), why);
}

int show_document(const struct survey *survey, size_t bundle_len, const struct sha256 *sha256,
		  struct json **out, struct fault *why)
{
	const struct bundle *bundle = survey->bundle;
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(json_drop) struct json *manifest = NULL;
	OWNED(json_drop) struct json *objects = json_make_array();
	OWNED(drop_heap) char *path = NULL;
	char hex[SHA256_HEX];

	sha256_hex(sha256, hex);
	for (size_t i = 0; i < survey->object_count; i++) {
		if (document_object(&survey->objects[i], objects, why))
			return -1;
	}
	if (bundle_target_path(bundle->manifest, &path, why) ||
	    json_parse(bundle->members[0].data.data, bundle->members[0].data.len, MANIFEST_NAME,
		       &manifest, why) ||
	    json_put_text(document, "target", path, why) ||
	    json_put_text(document, "sha256", hex, why) ||
	    json_put_int(document, "length", (int64_t)bundle_len, why) ||
	    json_put(document, "manifest", HAND_OVER(manifest), why) ||
	    json_put(document, "objects", HAND_OVER(objects), why))
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

// ---- verdicts ----

// What has been said so far, and the first refusal.
struct saying {
	const struct cli *cli;
	struct json *list;
	struct fault first;
};

static int say_verdict(struct saying *saying, const char *object, const char *rule, bool allowed,
		       const struct fault *reason, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();

	if (!allowed && saying->first.code == FAULT_NONE)
		saying->first = *reason;
	cli_say(saying->cli, "%-9s %-14s %s%s%s", allowed ? "allowed" : "REFUSED", rule, object,
		allowed ? "" : ": ", allowed ? "" : reason->text);
	if (json_put_text(entry, "object", object, why) ||
	    json_put_text(entry, "rule", rule, why) ||
	    json_put_bool(entry, "allowed", allowed, why) ||
	    (!allowed && json_put_text(entry, "reason", reason->text, why)))
		return -1;
	return json_add(saying->list, HAND_OVER(entry), why);
}

static int say_object(struct saying *saying, const struct survey *survey,
		      const struct survey_object *object, const struct policy *policy,
		      struct fault *why)
{
	const struct manifest *manifest = survey->bundle->manifest;
	struct fault reason = {0};
	int failed = claims_check(object->inspection, manifest, object->name, &reason);

	if (say_verdict(saying, object->name, "manifest", !failed, &reason, why))
		return -1;
	for (size_t i = 0; i < policy_rule_count(); i++) {
		fault_clear(&reason);
		failed = policy_check_rule(i, policy, object->inspection, manifest, &reason);
		if (say_verdict(saying, object->name, policy_rule_name(i), !failed, &reason, why))
			return -1;
	}
	return 0;
}

int show_verdicts(const struct cli *cli, const struct survey *survey, const struct policy *policy,
		  struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();
	struct saying saying = {.cli = cli, .list = list};

	for (size_t i = 0; i < survey->object_count; i++) {
		if (say_object(&saying, survey, &survey->objects[i], policy, why))
			return -1;
	}
	if (policy->verifier_seconds_max)
		cli_say(cli, "at load   %-14s the kernel's verifier, in %u s a program", "verifier",
			policy->verifier_seconds_max);
	*out = HAND_OVER(list);
	if (saying.first.code == FAULT_NONE)
		return 0;
	*why = saying.first;
	return -1;
}
