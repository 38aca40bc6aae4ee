// SPDX-License-Identifier: Apache-2.0
#include "bpf/watchrule.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

// The kernel's own rule (bpf_obj_name_cpy). A longer name would never match: the kernel has cut it.
static int check_program(const char *text, struct fault *why)
{
	size_t len = strlen(text);
	bool is_fine = len >= 1 && len < WATCHRULE_NAME_LEN;

	for (size_t i = 0; i < len; i++)
		is_fine = is_fine && (isalnum((unsigned char)text[i]) || strchr("_.", text[i]));
	if (is_fine)
		return 0;
	fault_set(why, FAULT_CONFIG,
		  "\"%.80s\" is not a program's name as the kernel keeps it: 1 to %d of "
		  "a-z A-Z 0-9 _ .",
		  text, WATCHRULE_NAME_LEN - 1);
	return fault_fix(why, "'bpftool prog' shows the name as the kernel has it");
}

static const struct schema program_form = {
	.kind = SCHEMA_TEXT,
	.check = check_program,
	.pattern = "^[A-Za-z0-9_.]{1,15}$",
};
static const struct schema evict_form = {
	.kind = SCHEMA_LIST,
	.item = &program_form,
	.count_max = WATCHRULE_EVICT_MAX,
	.distinct = true,
};
static const struct schema flag_form = {.kind = SCHEMA_BOOL};

static const struct schema_key keys[] = {
	{"name_foreign", &flag_form, false,
	 "a process with CAP_SYS_ADMIN and nothing else names programs of others (default: false)"},
	{"evict", &evict_form, false,
	 "programs of others, by the kernel's name, that watch takes off a hook of ours"},
	{0},
};
const struct schema watchrule_form = {.kind = SCHEMA_OBJECT, .keys = keys};

int watchrule_take(const struct json *section, const struct schema_source *source,
		   struct watchrule *out, struct fault *why)
{
	const struct json *evict = json_member(section, "evict");
	char where[FAULT_TEXT_MAX];

	*out = (struct watchrule){.name_foreign = json_bool(json_member(section, "name_foreign"))};
	for (size_t i = 0; i < json_count(evict) && i < WATCHRULE_EVICT_MAX; i++)
		snprintf(out->evict[out->evict_count++], WATCHRULE_NAME_LEN, "%s",
			 json_text(json_item(evict, i)));
	if (!out->evict_count || out->name_foreign)
		return 0;
	// Only that process learns names; without it the list would promise what cannot be done.
	fault_set(why, FAULT_CONFIG,
		  "watch.evict: names are known only where name_foreign is true");
	schema_where(source, section, "evict", 0, where);
	fault_where(why, "%s", where);
	return fault_fix(why, "add \"name_foreign\": true, or take the list out");
}

bool watchrule_evicts(const struct watchrule *rule, const char *program)
{
	for (size_t i = 0; i < rule->evict_count; i++)
		if (!strcmp(rule->evict[i], program))
			return true;
	return false;
}
