// SPDX-License-Identifier: Apache-2.0
#include "bpf/policyfile.h"

#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/helper.h"
#include "bpf/maptype.h"
#include "bpf/probe.h"

#define NAME_LEN_MAX	     64 // of a publisher, of a bundle
#define KFUNCS_MAX	     16 // struct policy holds so many
#define NAMED_HELPERS_MAX    64
#define LICENSES_MAX	     16
#define LICENSE_LEN_MAX	     63 // struct inspection holds so many
#define PUBLISHERS_MAX	     64
#define INTERFACES_MAX	     64
#define MAP_BYTES_MAX	     (INT64_C(1) << 40)
#define VERIFIER_SECONDS_MAX 600

// ---- what a text may be ----

static int check_helper(const char *text, struct fault *why)
{
	enum helper_group group;
	struct fault ignored = {0};
	uint32_t id;

	if (strncmp(text, "bpf_", 4) == 0)
		return helper_parse(text, &id, why);
	if (helper_group_parse(text, &group, why) == 0)
		return 0;
	// A helper without its prefix: a group and a helper may have one name ("redirect").
	if (helper_parse(text, &id, &ignored) == 0)
		return fault_set(why, FAULT_CONFIG,
				 "there is no helper group '%.40s': did you mean bpf_%.40s", text,
				 text);
	return -1;
}

static int check_kfunc(const char *text, struct fault *why)
{
	if (schema_identifier.check(text, why))
		return -1;
	if (policy_kfunc_is_never(text))
		return fault_set(why, FAULT_CONFIG, "%.63s can never be allowed", text);
	return 0;
}

static int check_map_type(const char *text, struct fault *why)
{
	uint32_t type;

	return policy_map_type_parse(text, &type, why);
}

static int check_license(const char *text, struct fault *why)
{
	size_t len = strlen(text);
	bool is_fine = len >= 1 && len <= LICENSE_LEN_MAX;

	for (size_t i = 0; i < len; i++)
		is_fine = is_fine && isprint((unsigned char)text[i]);
	if (!is_fine)
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" is not a licence of 1 to %d printed letters", text,
				 LICENSE_LEN_MAX);
	return 0;
}

// A name in which '*' may stand for any run of letters.
static bool is_pattern(const char *text, size_t len)
{
	char plain[NAME_LEN_MAX + 1];

	if (!len || len > NAME_LEN_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		plain[i] = text[i] == '*' ? 'a' : text[i];
	plain[len] = '\0';
	return name_is_plain(plain, NAME_LEN_MAX);
}

static int check_use_pattern(const char *text, struct fault *why)
{
	const char *slash = strchr(text, '/');
	size_t len = slash ? (size_t)(slash - text) : strlen(text);

	if (!is_pattern(text, len) || (slash && !is_pattern(slash + 1, strlen(slash + 1))))
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" is not PUBLISHER or PUBLISHER/NAME, as in net/*", text);
	return 0;
}

// "KIND/EVENT": the kind is plain, '*' and '?' may stand in the event.
static int check_probe(const char *text, struct fault *why)
{
	const char *slash = strchr(text, '/');
	char kind[32], event[PROBE_TARGET_MAX * 2];
	enum probe_kind parsed;

	if (!slash || (size_t)(slash - text) >= sizeof(kind) || strlen(slash) > sizeof(event))
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" is not KIND/EVENT, as in "
				 "tracepoint/sched/sched_process_exec",
				 text);
	snprintf(kind, sizeof(kind), "%.*s", (int)(slash - text), text);
	snprintf(event, sizeof(event), "%s", slash + 1);
	for (char *at = event; *at; at++)
		*at = *at == '*' || *at == '?' ? 'x' : *at;
	if (probe_kind_parse(kind, &parsed, why) || probe_check_target(parsed, event, why)) {
		why->code = FAULT_CONFIG;
		return -1;
	}
	return 0;
}

static int check_interface_pattern(const char *text, struct fault *why)
{
	size_t len = strlen(text);
	bool is_fine = len >= 1 && len < IFNAMSIZ;

	for (size_t i = 0; i < len; i++)
		is_fine = is_fine && isgraph((unsigned char)text[i]) && !strchr("/:?", text[i]);
	if (!is_fine)
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" cannot be a network interface or a pattern of some, "
				 "as in eth*",
				 text);
	return 0;
}

// ---- the form ----

static const char *const program_words[] = {"xdp", "tc", NULL};
static const char *const fall_words[] = {"pass", "drop", NULL};

static const struct schema program_form = {.kind = SCHEMA_WORD, .words = program_words};
static const struct schema programs_form = {
	.kind = SCHEMA_LIST,
	.item = &program_form,
	.count_max = 2,
	.distinct = true,
};
static const struct schema helper_form = {
	.kind = SCHEMA_TEXT,
	.check = check_helper,
	.pattern = "^(base|redirect|output|time|socket|tracing|bpf_[a-z0-9_]+)$",
};
static const struct schema helpers_form = {
	.kind = SCHEMA_LIST,
	.item = &helper_form,
	.count_max = HELPER_GROUPS + NAMED_HELPERS_MAX,
	.distinct = true,
};
static const struct schema kfunc_form = {
	.kind = SCHEMA_TEXT,
	.check = check_kfunc,
	.pattern = "^[A-Za-z_][A-Za-z0-9_]{0,62}$",
};
static const struct schema kfuncs_form = {
	.kind = SCHEMA_LIST,
	.item = &kfunc_form,
	.count_max = KFUNCS_MAX,
	.distinct = true,
};
static const struct schema map_type_form = {
	.kind = SCHEMA_TEXT,
	.check = check_map_type,
	.pattern = "^[a-z_]+$",
};
static const struct schema map_types_form = {
	.kind = SCHEMA_LIST,
	.item = &map_type_form,
	.count_max = POLICY_MAP_TYPES,
	.distinct = true,
};
static const struct schema map_bytes_form = {.kind = SCHEMA_INT, .min = 1, .max = MAP_BYTES_MAX};
static const struct schema insns_form = {.kind = SCHEMA_INT, .min = 1, .max = INSPECT_INSNS_MAX};
static const struct schema seconds_form = {
	.kind = SCHEMA_INT,
	.min = 1,
	.max = VERIFIER_SECONDS_MAX,
};
static const struct schema license_form = {
	.kind = SCHEMA_TEXT,
	.check = check_license,
	.pattern = "^[ -~]{1,63}$",
};
static const struct schema licenses_form = {
	.kind = SCHEMA_LIST,
	.item = &license_form,
	.count_max = LICENSES_MAX,
	.distinct = true,
};
static const struct schema use_pattern_form = {
	.kind = SCHEMA_TEXT,
	.check = check_use_pattern,
	.pattern = "^[a-z0-9*][a-z0-9._*-]{0,63}(/[a-z0-9*][a-z0-9._*-]{0,63})?$",
};
static const struct schema publishers_form = {
	.kind = SCHEMA_LIST,
	.item = &use_pattern_form,
	.count_max = PUBLISHERS_MAX,
	.distinct = true,
};
static const struct schema interface_pattern_form = {
	.kind = SCHEMA_TEXT,
	.check = check_interface_pattern,
	.pattern = "^[!-.0-9;->@-~]{1,15}$",
};
static const struct schema interfaces_form = {
	.kind = SCHEMA_TABLE,
	.item = &publishers_form,
	.count_max = INTERFACES_MAX,
	.key = &interface_pattern_form,
};
static const struct schema probe_form = {
	.kind = SCHEMA_TEXT,
	.check = check_probe,
	.pattern = "^[a-z_]+/[A-Za-z0-9_*?]+(/[A-Za-z0-9_*?]+)?$",
};
static const struct schema probes_form = {
	.kind = SCHEMA_LIST,
	.item = &probe_form,
	.count_max = POLICY_PROBES_MAX,
	.distinct = true,
};
static const struct schema fall_form = {.kind = SCHEMA_WORD, .words = fall_words};

static const struct schema_key keys[] = {
	{"programs", &programs_form, false, "the program types allowed here (default: both)"},
	{"helpers", &helpers_form, false,
	 "the groups of helpers, and single helpers by name, allowed (default: base)"},
	{"probes", &probes_form, false,
	 "the events that probes may watch, by patterns of KIND/EVENT (default: none)"},
	{"kfuncs", &kfuncs_form, false, "the kernel functions allowed by name (default: none)"},
	{"map_types", &map_types_form, false,
	 "the types of maps allowed (default: every type that can be allowed)"},
	{"map_bytes_max", &map_bytes_form, false,
	 "memory for the maps of one program, in bytes (default: 67108864)"},
	{"map_bytes_total", &map_bytes_form, false,
	 "memory for the maps of all programs of this node, in bytes (default: 1073741824)"},
	{"insns_max", &insns_form, false, "instructions of one program (default: 65536)"},
	{"verifier_seconds_max", &seconds_form, false,
	 "how long the kernel's verifier may work on one program (default: 5)"},
	{"licenses", &licenses_form, false,
	 "the licences, as an object names its own to the kernel, allowed (default: any)"},
	{"publishers", &publishers_form, false,
	 "the publishers, or patterns of their bundles, allowed (default: any)"},
	{"interfaces", &interfaces_form, false,
	 "which bundles may stand on which interfaces, by patterns of both (default: any on any)"},
	{"fall_through", &fall_form, false,
	 "what a packet gets where a chain is broken (default: pass)"},
	{0},
};
const struct schema policyfile_form = {.kind = SCHEMA_OBJECT, .keys = keys};

// ---- reading what has that form ----

static bool has_word(const struct json *list, const char *word)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (!strcmp(json_text(json_item(list, i)), word))
			return true;
	return false;
}

static int helpers_take(const struct json *list, struct policy *policy, struct fault *why)
{
	memset(policy->groups, 0, sizeof(policy->groups));
	for (size_t i = 0; i < json_count(list); i++) {
		const char *word = json_text(json_item(list, i));
		enum helper_group group;
		uint32_t id;

		if (strncmp(word, "bpf_", 4) == 0) {
			if (helper_parse(word, &id, why))
				return -1;
			policy->helpers[id] = true;
			continue;
		}
		if (helper_group_parse(word, &group, why))
			return -1;
		policy->groups[group] = true;
	}
	return 0;
}

static int map_types_take(const struct json *list, struct policy *policy, struct fault *why)
{
	policy->map_types_only = true;
	for (size_t i = 0; i < json_count(list); i++) {
		uint32_t type;

		if (policy_map_type_parse(json_text(json_item(list, i)), &type, why))
			return -1;
		policy->map_types[type] = true;
	}
	return 0;
}

static void numbers_take(const struct json *object, struct policy *policy)
{
	const struct json *one = json_member(object, "map_bytes_max"),
			  *all = json_member(object, "map_bytes_total"),
			  *insns = json_member(object, "insns_max"),
			  *seconds = json_member(object, "verifier_seconds_max");

	if (one)
		policy->map_bytes_max = (uint64_t)json_int(one);
	if (all)
		policy->map_bytes_total = (uint64_t)json_int(all);
	if (insns)
		policy->insns_max = (uint32_t)json_int(insns);
	if (seconds)
		policy->verifier_seconds_max = (uint32_t)json_int(seconds);
}

int policyfile_take(const struct json *object, struct policy *policy, struct fault *why)
{
	const struct json *programs = json_member(object, "programs");
	const struct json *helpers = json_member(object, "helpers");
	const struct json *kfuncs = json_member(object, "kfuncs");
	const struct json *types = json_member(object, "map_types");
	const char *fall = json_text(json_member(object, "fall_through"));

	if (programs) {
		policy->xdp = has_word(programs, "xdp");
		policy->tc = has_word(programs, "tc");
	}
	if ((helpers && helpers_take(helpers, policy, why)) ||
	    (types && map_types_take(types, policy, why)))
		return -1;
	numbers_take(object, policy);
	for (size_t i = 0; i < json_count(kfuncs); i++)
		snprintf(policy->kfuncs[policy->kfunc_count++], sizeof(policy->kfuncs[0]), "%s",
			 json_text(json_item(kfuncs, i)));
	policy->probes = json_member(object, "probes");
	policy->licenses = json_member(object, "licenses");
	policy->publishers = json_member(object, "publishers");
	policy->interfaces = json_member(object, "interfaces");
	policy->on_fall_through_drop = fall && !strcmp(fall, "drop");
	return 0;
}

// ---- telling it ----

static int programs_value(const struct policy *policy, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	if ((policy->xdp && json_add(list, json_make_text("xdp"), why)) ||
	    (policy->tc && json_add(list, json_make_text("tc"), why)))
		return -1;
	*out = HAND_OVER(list);
	return 0;
}

static int helpers_value(const struct policy *policy, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	for (int group = 0; group < HELPER_GROUPS; group++)
		if (policy->groups[group] &&
		    json_add(list, json_make_text(helper_group_name((enum helper_group)group)),
			     why))
			return -1;
	for (uint32_t id = 0; id < INSPECT_HELPERS_MAX; id++) {
		const char *name = policy->helpers[id] ? helper_name(id) : NULL;
		char text[80];

		snprintf(text, sizeof(text), "bpf_%s", name ? name : "");
		if (name && json_add(list, json_make_text(text), why))
			return -1;
	}
	*out = HAND_OVER(list);
	return 0;
}

static int probes_value(const struct policy *policy, struct json **out, struct fault *why)
{
	*out = policy->probes ? json_keep(policy->probes) : json_make_array();
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

static int kfuncs_value(const struct policy *policy, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	for (size_t i = 0; i < policy->kfunc_count; i++)
		if (json_add(list, json_make_text(policy->kfuncs[i]), why))
			return -1;
	*out = HAND_OVER(list);
	return 0;
}

static int map_types_value(const struct policy *policy, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	for (uint32_t type = 0; type < POLICY_MAP_TYPES; type++)
		if (policy_allows_map_type(policy, type) &&
		    json_add(list, json_make_text(map_type_name(type)), why))
			return -1;
	*out = HAND_OVER(list);
	return 0;
}

// A number, or null for no limit.
static int number_value(uint64_t number, struct json **out, struct fault *why)
{
	*out = number && number <= INT64_MAX ? json_make_int((int64_t)number) : json_make_null();
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

static int map_bytes_max_value(const struct policy *policy, struct json **out, struct fault *why)
{
	return number_value(policy->map_bytes_max, out, why);
}

static int map_bytes_total_value(const struct policy *policy, struct json **out, struct fault *why)
{
	return number_value(policy->map_bytes_total, out, why);
}

static int insns_value(const struct policy *policy, struct json **out, struct fault *why)
{
	return number_value(policy->insns_max, out, why);
}

static int seconds_value(const struct policy *policy, struct json **out, struct fault *why)
{
	return number_value(policy->verifier_seconds_max, out, why);
}

static int kept_value(const struct json *said, struct json **out, struct fault *why)
{
	*out = said ? json_keep(said) : json_make_null();
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

static int licenses_value(const struct policy *policy, struct json **out, struct fault *why)
{
	return kept_value(policy->licenses, out, why);
}

static int publishers_value(const struct policy *policy, struct json **out, struct fault *why)
{
	return kept_value(policy->publishers, out, why);
}

static int interfaces_value(const struct policy *policy, struct json **out, struct fault *why)
{
	return kept_value(policy->interfaces, out, why);
}

static int fall_value(const struct policy *policy, struct json **out, struct fault *why)
{
	*out = json_make_text(fall_words[policy->on_fall_through_drop]);
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

typedef int rule_value(const struct policy *policy, struct json **out, struct fault *why);

// In the order of `keys`.
static rule_value *const values[] = {
	programs_value,	     helpers_value,	    probes_value, kfuncs_value,	 map_types_value,
	map_bytes_max_value, map_bytes_total_value, insns_value,  seconds_value, licenses_value,
	publishers_value,    interfaces_value,	    fall_value,
};
_Static_assert(sizeof(values) / sizeof(*values) + 1 == sizeof(keys) / sizeof(*keys),
	       "each rule tells its value");

size_t policyfile_rule_count(void)
{
	return sizeof(values) / sizeof(*values);
}

const char *policyfile_rule_name(size_t rule)
{
	return keys[rule].key;
}

const char *policyfile_rule_help(size_t rule)
{
	return keys[rule].help;
}

int policyfile_rule_value(size_t rule, const struct policy *policy, struct json **out,
			  struct fault *why)
{
	return values[rule](policy, out, why);
}

static int list_text(const struct json *list, struct bytes *out, struct fault *why)
{
	for (size_t i = 0; i < json_count(list); i++)
		if (bytes_format(out, why, "%s%s", i ? ", " : "", json_text(json_item(list, i))))
			return -1;
	return json_count(list) ? 0 : bytes_format(out, why, "none");
}

static int table_text(const struct json *table, struct bytes *out, struct fault *why)
{
	struct json_walk walk = {0};
	bool is_first = true;

	while (json_next(table, &walk)) {
		if (!strcmp(walk.key, "//"))
			continue;
		if (bytes_format(out, why, "%s%s: ", is_first ? "" : "; ", walk.key) ||
		    list_text(walk.value, out, why))
			return -1;
		is_first = false;
	}
	return is_first ? bytes_format(out, why, "none") : 0;
}

int policyfile_rule_text(size_t rule, const struct policy *policy, struct bytes *out,
			 struct fault *why)
{
	OWNED(json_drop) struct json *value = NULL;

	if (policyfile_rule_value(rule, policy, &value, why))
		return -1;
	if (json_is(value, JSON_KIND_ARRAY))
		return list_text(value, out, why);
	if (json_is(value, JSON_KIND_OBJECT))
		return table_text(value, out, why);
	if (json_is(value, JSON_KIND_INT))
		return bytes_format(out, why, "%" PRId64, json_int(value));
	return bytes_format(out, why, "%s", json_text(value) ? json_text(value) : "any");
}
