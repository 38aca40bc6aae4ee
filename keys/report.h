// SPDX-License-Identifier: Apache-2.0
// What the ceremony's commands tell about a metadata file, for people and as JSON.
#pragma once

#include "base/cli.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/sigstatus.h"

// Says the file's line, and one for each who must agree: how many signatures it has and how many it still needs.
// Adds the same to `entry` ("file", "role", "version", "expires", "signatures", "complete"). `brief`: nothing is said of
// a file that has all its signatures.
int report_sigstatus(const struct cli *cli, const char *path, const struct sigstatus *sigstatus,
		     bool brief, struct json *entry, struct fault *why) MUST_CHECK;
// Says the changes against the version before, and adds them to `entry` ("changes", "before"). `brief`: nothing is said
// of a file that differs in version and expiry only. `sworn`: a version before that those who may sign today have not
// signed is not compared with, lest a forged one hide what changes.
int report_changes(const struct cli *cli, const char *path, const struct fileset *fileset,
		   const struct sigstatus *sigstatus, bool brief, bool sworn, struct json *entry,
		   struct fault *why) MUST_CHECK;
// Says a root's keys, thresholds, class, expiry and fingerprint, and adds them to `entry`.
int report_root(const struct cli *cli, const struct root *root, struct json *entry,
		struct fault *why) MUST_CHECK;
// The document {"files": [...]} or the like: prints it with --json. Takes over `document`; a refusal that follows
// prints no second one.
int report_document(struct cli *cli, const char *schema, bool ok, struct json *document,
		    struct fault *why) MUST_CHECK;
