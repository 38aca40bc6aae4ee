// SPDX-License-Identifier: Apache-2.0
// A bundle together with what the inspector found in each of its objects.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "bpf/bundle.h"
#include "bpf/inspect.h"
#include "bpf/policy.h"

struct survey_object {
	const char *name; // borrowed from the bundle
	struct inspection *inspection;
};

struct survey {
	struct bundle *bundle;
	struct survey_object *objects;
	size_t object_count;
};

// Reads a bundle's bytes and inspects each object that a program is of, each in its worker.
int survey_new(const void *data, size_t len, struct survey **out, struct fault *why) MUST_CHECK;
void survey_free(struct survey *survey);
static inline void survey_drop(struct survey **survey)
{
	survey_free(*survey);
	*survey = NULL;
}

// The manifest holds for every object, and the policy allows every one.
int survey_check(const struct survey *survey, const struct policy *policy, struct fault *why)
	MUST_CHECK;
