// SPDX-License-Identifier: Apache-2.0
// A request to sign, carried to a machine without a network and back in one file: the drafts, the files that say who may
// sign them, and the version before each, so that the difference can be told there.
//
//     {"schema": "bpfseal.request/1", "sign": ["net.json"],
//      "files": {"root.json": {...}, "targets.json": {...}, "3.net.json": {...}, "net.json": {...}}}
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/fileset.h"
#include "keys/sigstatus.h"

#define REQUEST_SCHEMA "bpfseal.request/1"
#define REQUEST_MAX    ((size_t)64 << 20)

struct request {
	struct json *document;
	const struct json *sign;  // names of the drafts
	const struct json *files; // name -> document
	struct fileset *fileset;  // over `files`
};
void request_drop(struct request *request);

// Adds a file of a directory to be signed, and what is needed to judge it. `document` is NULL at first; yours.
int request_begin(struct json **document, struct fault *why) MUST_CHECK;
int request_add(struct json *document, struct fileset *fileset, const char *file, struct fault *why)
	MUST_CHECK;

// True when these bytes are a request at all, and not a metadata file.
bool request_is(const void *data, size_t len);
// Reads one. `label` stands before the names of its files. FAULT_FORMAT; FAULT_SIGNATURE or FAULT_UNTRUSTED when its parts
// disagree: a root that its own keys have not signed, a draft that its delegator does not name, a delegator that those
// above it have not signed (unless it is to be signed as well).
int request_open(const void *data, size_t len, const char *label, struct request *out,
		 struct fault *why) MUST_CHECK;

// Takes the signatures of a signed request's file over into a draft: `draft` is the file as it lies in the directory,
// `sigstatus` how it stands there. FAULT_DIGEST when the signed parts differ in canonical form; FAULT_SIGNATURE when one
// is not by a key that may sign, or is not good. `*out` is yours, `*added` how many were new.
int request_merge(const struct request *request, const char *file,
		  const struct sigstatus *sigstatus, struct json **out, size_t *added,
		  struct fault *why) MUST_CHECK;
