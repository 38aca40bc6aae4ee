// SPDX-License-Identifier: Apache-2.0
#include "bpf/survey.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/claims.h"

static bool is_program_object(const struct manifest *manifest, const char *name)
{
	for (size_t i = 0; i < manifest->program_count; i++) {
		if (strcmp(manifest->programs[i].object, name) == 0)
			return true;
	}
	return false;
}

int survey_new(const void *data, size_t len, struct survey **out, struct fault *why)
{
	OWNED(survey_drop) struct survey *survey = calloc(1, sizeof *survey);
	const struct bundle *bundle;

	if (!survey)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (bundle_read(data, len, &survey->bundle, why))
		return -1;
	bundle = survey->bundle;
	survey->objects = calloc(bundle->member_count, sizeof *survey->objects);
	if (!survey->objects)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < bundle->member_count; i++) {
		const struct bundle_member *member = &bundle->members[i];
		struct survey_object *object = &survey->objects[survey->object_count];

		if (!is_program_object(bundle->manifest, member->name))
			continue;
		object->name = member->name;
		if (inspect_object(member->data.data, member->data.len, &object->inspection, why))
			return fault_within(why, "object %s is refused", member->name);
		survey->object_count++;
	}
	*out = HAND_OVER(survey);
	return 0;
}

void survey_free(struct survey *survey)
{
	if (!survey)
		return;
	for (size_t i = 0; i < survey->object_count; i++)
		inspection_free(survey->objects[i].inspection);
	free(survey->objects);
	bundle_free(survey->bundle);
	free(survey);
}

int survey_check(const struct survey *survey, const struct policy *policy, struct fault *why)
{
	const struct manifest *manifest = survey->bundle->manifest;

	for (size_t i = 0; i < survey->object_count; i++) {
		const struct survey_object *object = &survey->objects[i];

		if (claims_check(object->inspection, manifest, object->name, why) ||
		    policy_check(policy, object->inspection, manifest, why))
			return fault_within(why, "object %s is refused", object->name);
	}
	return 0;
}
