// SPDX-License-Identifier: Apache-2.0
// The "watch" section of node.json: what `bpfseal watch` may do beyond looking and putting back.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/schema.h"

// The kernel keeps 15 letters of a program's name.
#define WATCHRULE_NAME_LEN  16
#define WATCHRULE_EVICT_MAX 16

struct watchrule {
	bool name_foreign; // a process of its own may ask the kernel who loaded a program
	char evict[WATCHRULE_EVICT_MAX]
		  [WATCHRULE_NAME_LEN]; // programs of others that are taken off a hook
	size_t evict_count;
};

extern const struct schema watchrule_form;

// Reads a section that has the form; absent (NULL) is nothing granted. FAULT_CONFIG with its place where one value
// contradicts another.
int watchrule_take(const struct json *section, const struct schema_source *source,
		   struct watchrule *out, struct fault *why) MUST_CHECK;
bool watchrule_evicts(const struct watchrule *rule, const char *program);
