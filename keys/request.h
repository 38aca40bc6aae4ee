// SPDX-License-Identifier: Apache-2.0
// A signing request: one file that is carried to a machine without a network and back. It has the drafts, the files
// that say who may sign them, and the previous version of each draft, so that the changes can be shown there.
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

// An empty request; `*document` is the caller's. Then adds a file to be signed, and the files that are needed to verify it.
int request_begin(struct json **document, struct fault *why) MUST_CHECK;
int request_add(struct json *document, struct fileset *fileset, const char *file, struct fault *why)
	MUST_CHECK;

// Whether these bytes are a request and not a metadata file.
bool request_is(const void *data, size_t len);
// Reads a request; `out` is the caller's (request_drop). `label` stands before the names of its files in messages.
// FAULT_FORMAT; FAULT_SIGNATURE or FAULT_UNTRUSTED if its parts are inconsistent: a root that its own keys have not
// signed, a draft that no file delegates to, a delegating file that is not signed (unless it is to be signed as
// well).
int request_open(const void *data, size_t len, const char *label, struct request *out,
		 struct fault *why) MUST_CHECK;

// Copies the signatures of a file of a signed request to the draft in the directory, whose status is `sigstatus`. `*out` is the
// draft with them, the caller's; `*added` the number of new ones. FAULT_DIGEST if the signed parts differ in canonical form;
// FAULT_SIGNATURE if a signature is invalid or its key may not sign.
int request_merge(const struct request *request, const char *file,
		  const struct sigstatus *sigstatus, struct json **out, size_t *added,
		  struct fault *why) MUST_CHECK;
