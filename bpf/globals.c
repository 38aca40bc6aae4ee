// SPDX-License-Identifier: Apache-2.0
#include "bpf/globals.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/owned.h"

struct rows {
	struct manifest_global *list;
	size_t count;
};

static void rows_drop(struct rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		manifest_global_drop(&rows->list[i]);
	free(rows->list);
	*rows = (struct rows){0};
}

// What the author wrote about a variable: under its object, or without one.
static const struct manifest_global *find_said(const struct manifest *manifest, const char *object,
					       const char *name)
{
	const struct manifest_global *said = manifest_global(manifest, object, name);

	return said ? said : manifest_global(manifest, "", name);
}

static bool is_constant(const char *section)
{
	return strncmp(section, ".rodata", strlen(".rodata")) == 0;
}

static bool differs(const struct manifest_global *said, const struct inspect_global *global)
{
	return (*said->section && strcmp(said->section, global->section) != 0) ||
	       (*said->type && strcmp(said->type, global->type) != 0) ||
	       (said->size && said->size != global->size);
}

static int fill(const struct manifest_global *said, const char *object,
		const struct inspect_global *global, struct manifest_global *out, struct fault *why)
{
	const char *purpose = said ? said->purpose : "";

	if (said && differs(said, global))
		return fault_set(why, FAULT_FORMAT,
				 "global %s of %s is not as the source manifest describes it",
				 global->name, object);
	// Nobody but the admin changes a constant; all else may be the program's own.
	if (!*purpose)
		purpose = is_constant(global->section) ? "config" : "state";
	out->size = global->size;
	if (text_copy(global->name, &out->name, why) || text_copy(object, &out->object, why) ||
	    text_copy(global->section, &out->section, why) ||
	    text_copy(global->type, &out->type, why) || text_copy(purpose, &out->purpose, why) ||
	    text_copy(said ? said->unit : "", &out->unit, why) ||
	    text_copy(said ? said->description : "", &out->description, why))
		return -1;
	return said ? notations_copy(&said->format, &out->format, why) : 0;
}

static int refuse_said(const struct manifest_global *said, const struct globals_object *objects,
		       size_t count, struct fault *why)
{
	const char *names[INSPECT_GLOBALS_MAX + 1], *near;
	size_t known = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < objects[i].inspection->global_count; j++)
			if (known < INSPECT_GLOBALS_MAX)
				names[known++] = objects[i].inspection->globals[j].name;
	names[known] = NULL;
	near = json_nearest(said->name, names);
	fault_set(why, FAULT_FORMAT,
		  "the source manifest names a global %s that no object lets be set", said->name);
	return near ? fault_fix(why, "did you mean \"%s\"?", near)
		    : fault_fix(why, "a variable is not static, and a constant is const volatile");
}

static int check_said(const struct manifest *manifest, const struct globals_object *objects,
		      size_t count, struct fault *why)
{
	for (size_t i = 0; i < manifest->global_count; i++) {
		const struct manifest_global *said = &manifest->globals[i];
		bool found = false;

		for (size_t j = 0; j < count; j++)
			found |= inspection_global(objects[j].inspection, said->name) &&
				 (!*said->object || strcmp(said->object, objects[j].name) == 0);
		if (!found)
			return refuse_said(said, objects, count, why);
	}
	return 0;
}

int globals_fill(struct manifest *manifest, const struct globals_object *objects, size_t count,
		 struct fault *why)
{
	OWNED(rows_drop) struct rows rows = {0};

	if (check_said(manifest, objects, count, why))
		return -1;
	rows.list = calloc(MANIFEST_GLOBALS_MAX, sizeof *rows.list);
	if (!rows.list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const struct inspection *inspection = objects[i].inspection;

		for (size_t j = 0; j < inspection->global_count; j++) {
			const struct inspect_global *global = &inspection->globals[j];

			if (rows.count == MANIFEST_GLOBALS_MAX) {
				fault_set(why, FAULT_TOO_LARGE,
					  "a bundle has at most %d global variables",
					  MANIFEST_GLOBALS_MAX);
				return fault_fix(why, "make those static that no admin sets");
			}
			if (fill(find_said(manifest, objects[i].name, global->name),
				 objects[i].name, global, &rows.list[rows.count++], why))
				return -1;
		}
	}
	for (size_t i = 0; i < manifest->global_count; i++)
		manifest_global_drop(&manifest->globals[i]);
	free(manifest->globals);
	manifest->globals = rows.list;
	manifest->global_count = rows.count;
	rows = (struct rows){0};
	return 0;
}
