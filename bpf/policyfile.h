// SPDX-License-Identifier: Apache-2.0
// The policy as node.json says it: its form, reading it, and telling each of its rules.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/policy.h"
#include "bpf/schema.h"

// The form of "policy", for the file's own form.
extern const struct schema policyfile_form;

// Reads an object of that form (NULL: absent) over what `policy` has; what the file does not say stays. The policy borrows
// from the object.
int policyfile_take(const struct json *object, struct policy *policy, struct fault *why) MUST_CHECK;

// The rules in the order of the form: "programs", "helpers", ...
size_t policyfile_rule_count(void);
const char *policyfile_rule_name(size_t rule);
const char *policyfile_rule_help(size_t rule);
// What stands: a list, a number, a word, an object; null where anything goes. Yours.
int policyfile_rule_value(size_t rule, const struct policy *policy, struct json **out,
			  struct fault *why) MUST_CHECK;
// The same on one line: "base, redirect", "67108864", "any". Appended to `out`.
int policyfile_rule_text(size_t rule, const struct policy *policy, struct bytes *out,
			 struct fault *why) MUST_CHECK;
