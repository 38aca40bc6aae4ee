// SPDX-License-Identifier: Apache-2.0
// Checks a node's preconditions: kernel features, file systems, users, directories, configuration, pinned roots, metadata.
// Changes nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// A repository's root or targets with less left than this wants somebody to see to it.
#define DOCTOR_SOON_DAYS 7

enum doctor_grade {
	DOCTOR_OK,
	DOCTOR_WARNING, // works now, but should be changed
	DOCTOR_FAILED,	// something cannot work
	DOCTOR_UNKNOWN, // could not be checked
};

struct doctor {
	const char *root; // --root; NULL: none
	int64_t now;
	bool as_root;	       // was started by root; by now it may be another user
	struct json *findings; // [{"grade", "check", "text", "fix"?}]
	bool failed;
};

int doctor_new(const char *root, int64_t now, struct doctor *out, struct fault *why) MUST_CHECK;
void doctor_drop(struct doctor *doctor);
// Adds a finding; the text is formatted. `fix` is what to do about it, or NULL.
int doctor_add(struct doctor *doctor, enum doctor_grade grade, const char *check, const char *fix,
	       struct fault *why, const char *format, ...) __attribute__((format(printf, 6, 7)))
MUST_CHECK;

// Each of these adds findings; a refusal means that memory is out.
// Users, directories, bpffs, sysctls and the fetch timer, from stat and /proc. Call it as root if possible: what cannot be
// read becomes DOCTOR_UNKNOWN.
int doctor_machine(struct doctor *doctor, struct fault *why) MUST_CHECK;
// What the kernel lets this process load and attach. Call it as the loader's user, with its capabilities.
int doctor_kernel(struct doctor *doctor, struct fault *why) MUST_CHECK;
// node.json, and for each of its repositories the pinned root and the fetched metadata. Call it as the loader's user.
int doctor_node(struct doctor *doctor, struct fault *why) MUST_CHECK;
