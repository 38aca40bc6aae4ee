// SPDX-License-Identifier: Apache-2.0
#include "loader/member.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/owned.h"

void member_drop(struct member *member)
{
	free(member->name);
	free(member->version);
	free(member->from);
	json_free(member->maps);
	json_free(member->globals);
	json_free(member->lent);
	free(member->maps_from);
	free(member->asked);
	manifest_free(member->manifest);
	if (member->object_fd >= 0)
		close(member->object_fd);
	memset(member, 0, sizeof(*member));
	member->object_fd = -1;
}

bool member_stands_apart(const struct member *member)
{
	const char *was = json_text(json_member(member->recorded, "object"));
	char hex[SHA256_HEX];

	if (!json_bool(json_member(member->recorded, "starts_timers")))
		return false;
	sha256_hex(&member->object, hex);
	return !was || strcmp(was, hex) != 0;
}

// Probes of one object ride together, whichever of them is named: only a second object makes a choice of it.
static bool is_another(const struct manifest_program *found, const struct manifest_program *program)
{
	return found && (found->hook != HOOK_PROBE || strcmp(found->object, program->object));
}

int member_choose(struct member *member, enum hook hook, const char *entry, struct fault *why)
{
	const struct manifest *manifest = member->manifest;
	const struct manifest_program *found = NULL;

	for (size_t i = 0; i < manifest->program_count; i++) {
		const struct manifest_program *program = &manifest->programs[i];

		if (program->hook != hook || (entry && strcmp(program->entry, entry)))
			continue;
		if (is_another(found, program)) {
			fault_set(why, FAULT_CONFIG, "%s %s has several programs for %s",
				  member->name, member->version, hook_name(hook));
			return fault_fix(why, "say which with \"program\", for example \"%s\"",
					 found->entry);
		}
		found = found ? found : program;
	}
	if (!found && entry)
		return fault_set(why, FAULT_CONFIG, "%s %s has no program %s for %s", member->name,
				 member->version, entry, hook_name(hook));
	if (!found)
		return fault_set(why, FAULT_CONFIG, "%s %s has no program for %s", member->name,
				 member->version, hook_name(hook));
	member->program = found;
	return 0;
}

void member_label(const struct member *member, char label[static MEMBER_LABEL_MAX])
{
	snprintf(label, MEMBER_LABEL_MAX, "%.120s.%.60s", member->name, member->version);
	for (char *at = label; *at; at++)
		if (*at == '/')
			*at = '.';
}

// Whether only the entry tells which program of its bundle it is.
static bool has_siblings(const struct member *member)
{
	const struct manifest *manifest = member->manifest;

	for (size_t i = 0; manifest && member->program && i < manifest->program_count; i++) {
		const struct manifest_program *program = &manifest->programs[i];

		if (program != member->program && program->hook == member->program->hook &&
		    is_another(member->program, program))
			return true;
	}
	return false;
}

static bool is_same_name(const struct member *one, const struct member *other)
{
	return !strcmp(one->name, other->name) && !strcmp(one->from, other->from) &&
	       (!has_siblings(one) || !has_siblings(other) ||
		!strcmp(one->program->entry, other->program->entry));
}

void member_key(const struct member *members, size_t index, char key[static MEMBER_LABEL_MAX])
{
	const struct member *member = &members[index];
	unsigned ordinal = 1;

	for (size_t i = 0; i < index; i++)
		ordinal += is_same_name(&members[i], member);
	snprintf(key, MEMBER_LABEL_MAX, "%.64s:%.100s", member->from, member->name);
	for (char *at = key; *at; at++)
		if (*at == '/')
			*at = ':';
	if (has_siblings(member))
		snprintf(key + strlen(key), MEMBER_LABEL_MAX - strlen(key), ":%.63s",
			 member->program->entry);
	if (ordinal > 1)
		snprintf(key + strlen(key), MEMBER_LABEL_MAX - strlen(key), ":%u", ordinal);
}

static int take_globals(struct member *member, const struct node_use *use, struct fault *why)
{
	const struct json *globals = json_member(use->object, "globals");
	struct json_walk walk = {0};

	if (!globals)
		return 0;
	member->globals = json_make_object();
	while (json_next(globals, &walk))
		if (strcmp(walk.key, "//") &&
		    json_put(member->globals, walk.key, json_keep(walk.value), why))
			return -1;
	return 0;
}

// A map that is named with no values is named all the same: it has to be there, and to be empty.
static int take_maps(struct member *member, const struct node_use *use, struct fault *why)
{
	struct json_walk walk = {0};

	member->maps = json_make_object();
	if (!member->maps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(json_member(use->object, "maps"), &walk))
		if (json_is(walk.value, JSON_KIND_ARRAY) &&
		    json_put(member->maps, walk.key, json_make_array(), why))
			return -1;
	return 0;
}

int member_take_values(struct member *member, const struct node_use *use, struct fault *why)
{
	if (take_globals(member, use, why) || take_maps(member, use, why))
		return -1;
	for (size_t i = 0; i < use->entry_count; i++) {
		const struct node_map_entry *entry = &use->entries[i];
		OWNED(json_drop) struct json *pair = json_make_object();
		struct json *list = (struct json *)(uintptr_t)json_member(member->maps, entry->map);

		if (!pair)
			return fault_set(why, FAULT_OTHER, "out of memory");
		if (json_put(pair, "key", json_keep(entry->key), why) ||
		    json_put(pair, "value", json_keep(entry->value), why) ||
		    json_add(list, HAND_OVER(pair), why))
			return -1;
	}
	return 0;
}
