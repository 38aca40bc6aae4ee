// SPDX-License-Identifier: Apache-2.0
#include "bpf/manifestform.h"

#include <string.h>

#include "base/digest.h"
#include "bpf/manifest.h"

#define TYPE_MAX	63   // as BTF names them
#define DESCRIPTION_MAX 1024 // 64 of them and the rest stay below MANIFEST_MAX
#define LINE_LEN_MAX	200  // licence expression, compiler line, unit
#define FILES_MAX	31   // BUNDLE_MEMBERS_MAX less the manifest

// ---- what a text may be ----

static int check_schema(const char *text, struct fault *why)
{
	if (strcmp(text, MANIFEST_SCHEMA) != 0)
		return fault_set(why, FAULT_FORMAT, "the manifest is of schema '%.40s', not %s",
				 text, MANIFEST_SCHEMA);
	return 0;
}

static int check_line(const char *text, struct fault *why)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			return fault_set(why, FAULT_FORMAT, "it holds a control character");
	return 0;
}

static int check_digest(const char *text, struct fault *why)
{
	struct sha256 digest;

	if (sha256_read(text, &digest))
		return fault_set(why, FAULT_FORMAT, "it is not 64 lower-case hexadecimal digits");
	return 0;
}

static int check_digest_or_none(const char *text, struct fault *why)
{
	return *text ? check_digest(text, why) : 0;
}

static int check_name_or_none(const char *text, struct fault *why)
{
	return *text ? schema_name.check(text, why) : 0;
}

static int check_source(const char *text, struct fault *why)
{
	size_t len = strlen(text);

	if (schema_name.check(text, why))
		return -1;
	if (len < 3 || strcmp(text + len - 2, ".c") != 0)
		return fault_set(why, FAULT_FORMAT, "'%s' does not end in .c", text);
	return 0;
}

// One word says both: a hook of packets, or a kind of probe.
static int check_hook(const char *text, struct fault *why)
{
	struct fault no_probe = {0};
	enum probe_kind probe;
	enum hook hook;

	if (!probe_kind_parse(text, &probe, &no_probe))
		return 0;
	if (!strcmp(text, hook_name(HOOK_PROBE))) {
		*why = no_probe;
		return -1;
	}
	if (!hook_parse(text, &hook, why))
		return 0;
	return fault_fix(why, "the hooks are xdp, tc_ingress and tc_egress; a probe names its "
			      "kind, as in \"tracepoint\"");
}

const char *const manifest_linkages[] = {
	[LINK_WRAP] = "wrap",
	[LINK_CHAIN] = "chain",
	[LINK_OWN_MAP] = "own_map",
	[LINK_TERMINAL] = "terminal",
	NULL,
};
static const char *const purposes[] = {"config", "counter", "gauge", "state", NULL};

static int check_purpose(const char *text, struct fault *why)
{
	for (size_t i = 0; purposes[i]; i++)
		if (!strcmp(purposes[i], text))
			return 0;
	fault_set(why, FAULT_FORMAT, "there is no map purpose '%.40s'", text);
	return fault_fix(why, "the purposes are config, counter, gauge and state");
}

// ---- the form ----

static const struct schema schema_form = {.kind = SCHEMA_TEXT, .check = check_schema};
static const struct schema version_form = {.kind = SCHEMA_TEXT, .check = version_check};
static const struct schema digest_form = {.kind = SCHEMA_TEXT, .check = check_digest};
static const struct schema digest_or_none_form = {.kind = SCHEMA_TEXT,
						  .check = check_digest_or_none};
static const struct schema name_or_none_form = {.kind = SCHEMA_TEXT, .check = check_name_or_none};
static const struct schema source_form = {.kind = SCHEMA_TEXT, .check = check_source};
static const struct schema type_form = {.kind = SCHEMA_TEXT, .check = check_line, .max = TYPE_MAX};
static const struct schema line_form = {
	.kind = SCHEMA_TEXT, .check = check_line, .max = LINE_LEN_MAX};
static const struct schema description_form = {
	.kind = SCHEMA_TEXT, .check = check_line, .max = DESCRIPTION_MAX};
static const struct schema hook_form = {.kind = SCHEMA_TEXT, .check = check_hook};
static const struct schema linkage_form = {.kind = SCHEMA_WORD, .words = manifest_linkages};
static const struct schema purpose_form = {.kind = SCHEMA_TEXT, .check = check_purpose};
static const struct schema verdicts_form = {
	.kind = SCHEMA_LIST, .item = &schema_any, .count_max = VERDICTS_CONTINUE_MAX};
static const struct schema u32_form = {.kind = SCHEMA_INT, .max = UINT32_MAX};
static const struct schema size_form = {.kind = SCHEMA_INT, .max = INT32_MAX};
static const struct schema flag_form = {.kind = SCHEMA_BOOL};

// "false" also of what a bundle needs but `bundle build` completes: manifest.c looks for that.
static const struct schema_key program_keys[] = {
	{"object", &schema_name, false, "the object it is in"},
	{"source", &source_form, false, "what `bundle build` compiles that object from"},
	{"entry", &schema_identifier, true, "its function"},
	{"hook", &hook_form, true, "xdp, tc_ingress, tc_egress, or a kind of probe"},
	{"linkage", &linkage_form, false, "how it goes on to the next program of a chain"},
	{"next_map", &schema_identifier, false, "with linkage own_map: through which map"},
	{"continue_on", &verdicts_form, false, "the verdicts that go on to the next program"},
	{"attach", &line_form, false, "of a probe: the event"},
	{0},
};
static const struct schema_key map_keys[] = {
	{"name", &schema_identifier, true, "its name in the object"},
	{"object", &name_or_none_form, false, "the object it is in"},
	{"type", &name_or_none_form, false, "the kernel's type"},
	{"key_size", &u32_form, false, "bytes of a key"},
	{"value_size", &u32_form, false, "bytes of a value"},
	{"max_entries", &u32_form, false, "how many fit"},
	{"key", &type_form, false, "the type of a key, from BTF"},
	{"value", &type_form, false, "the type of a value, from BTF"},
	{"purpose", &purpose_form, false, "config, counter, gauge or state"},
	{"unit", &line_form, false, "of a value"},
	{"description", &description_form, false, "what it holds"},
	{"key_format", &schema_any, false, "how keys are written where BTF is silent"},
	{"value_format", &schema_any, false, "how values are written where BTF is silent"},
	{"shared", &flag_form, false, "one map for all programs of the bundle on an interface"},
	{0},
};
static const struct schema_key global_keys[] = {
	{"name", &schema_identifier, true, "its name in the object"},
	{"object", &name_or_none_form, false, "the object it is in"},
	{"section", &type_form, false, ".rodata, .data or .bss"},
	{"type", &type_form, false, "from BTF"},
	{"size", &u32_form, false, "bytes"},
	{"purpose", &purpose_form, false, "config, counter, gauge or state"},
	{"unit", &line_form, false, "of the value"},
	{"description", &description_form, false, "what it says"},
	{"format", &schema_any, false, "how it is written where BTF is silent"},
	{0},
};
static const struct schema_key file_keys[] = {
	{"name", &schema_name, true, "a member of the archive"},
	{"size", &size_form, true, "its bytes"},
	{"sha256", &digest_form, true, "its digest"},
	{0},
};

static const struct schema program_form = {.kind = SCHEMA_OBJECT, .keys = program_keys};
static const struct schema map_form = {.kind = SCHEMA_OBJECT, .keys = map_keys};
static const struct schema global_form = {.kind = SCHEMA_OBJECT, .keys = global_keys};
static const struct schema file_form = {.kind = SCHEMA_OBJECT, .keys = file_keys};
static const struct schema programs_form = {
	.kind = SCHEMA_LIST, .item = &program_form, .count_max = MANIFEST_PROGRAMS_MAX};
static const struct schema maps_form = {
	.kind = SCHEMA_LIST, .item = &map_form, .count_max = MANIFEST_MAPS_MAX};
static const struct schema globals_form = {
	.kind = SCHEMA_LIST, .item = &global_form, .count_max = MANIFEST_GLOBALS_MAX};
static const struct schema files_form = {
	.kind = SCHEMA_LIST, .item = &file_form, .count_max = FILES_MAX};

static const struct schema_key manifest_keys[] = {
	{"schema", &schema_form, false, MANIFEST_SCHEMA},
	{"publisher", &schema_name, true, "who publishes it"},
	{"name", &schema_name, true, "what it is called there"},
	{"version", &version_form, true, "MAJOR.MINOR.PATCH"},
	{"description", &description_form, false, "what it is for"},
	{"license", &line_form, true, "an SPDX expression"},
	{"programs", &programs_form, true, "what can be attached"},
	{"maps", &maps_form, false, "what the programs keep and are told"},
	{"globals", &globals_form, false, "variables that an admin may set"},
	{"files", &files_form, false, "every member of the archive but this one"},
	{"compiler", &line_form, false, "what compiled the objects"},
	{"source_sha256", &digest_or_none_form, false, "of what they were compiled from"},
	{"tested", &schema_any, false, "the kernels that loaded them"},
	{0},
};
const struct schema manifest_form = {.kind = SCHEMA_OBJECT, .keys = manifest_keys};
