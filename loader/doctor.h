// SPDX-License-Identifier: Apache-2.0
// What is amiss with a node before anything goes wrong: kernel, file system, users, directories, configuration, pins,
// metadata. Looks and changes nothing.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/json.h"

// A repository's root or targets with less left than this wants somebody to see to it.
#define DOCTOR_SOON_DAYS 7

enum doctor_grade {
	DOCTOR_OK,
	DOCTOR_WARNING, // it works, and should not stay so
	DOCTOR_FAILED,	// something cannot work
	DOCTOR_UNKNOWN, // it could not be looked at
};

struct doctor {
	const char *root; // --root; NULL: none
	int64_t now;
	bool as_root;	       // begun by root, whatever the process is by now
	struct json *findings; // [{"grade", "check", "text", "fix"?}]
	bool failed;
};

int doctor_new(const char *root, int64_t now, struct doctor *out, struct fault *why) MUST_CHECK;
void doctor_drop(struct doctor *doctor);
// `fix` may be NULL.
int doctor_add(struct doctor *doctor, enum doctor_grade grade, const char *check, const char *fix,
	       struct fault *why, const char *format, ...) __attribute__((format(printf, 6, 7)))
MUST_CHECK;

// What stat and a few files of the kernel tell: users, directories, bpffs, switches, who fetches. As root where there is
// root; what cannot be read is unknown.
int doctor_machine(struct doctor *doctor, struct fault *why) MUST_CHECK;
// What the kernel lets this process do. As the loader's user, with its capabilities.
int doctor_kernel(struct doctor *doctor, struct fault *why) MUST_CHECK;
// node.json, and of each of its repositories the pin and the metadata that was fetched. As the loader's user.
int doctor_node(struct doctor *doctor, struct fault *why) MUST_CHECK;
