// SPDX-License-Identifier: Apache-2.0
// How the ceremony's commands show a metadata file, to people and as JSON.
#pragma once

#include "base/cli.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/sigstatus.h"

// Prints a line for the file and one for each approver, with the signatures that it has and still needs. Adds the
// same to `entry` ("file", "role", "version", "expires", "signatures", "complete"). With `brief` a file that has all
// its signatures is not printed.
int report_sigstatus(const struct cli *cli, const char *path, const struct sigstatus *sigstatus,
		     bool brief, struct json *entry, struct fault *why) MUST_CHECK;
// Prints the changes since the version before, and adds them to `entry` ("changes", "before"). With `brief` a file
// that differs only in version and expiry is not printed. With `sworn` a version before that today's signers have not
// signed is not used, since a forged one could hide changes.
int report_changes(const struct cli *cli, const char *path, const struct fileset *fileset,
		   const struct sigstatus *sigstatus, bool brief, bool sworn, struct json *entry,
		   struct fault *why) MUST_CHECK;
// Prints a root's keys, thresholds, class, expiry and fingerprint, and adds them to `entry`.
int report_root(const struct cli *cli, const struct root *root, struct json *entry,
		struct fault *why) MUST_CHECK;
// With --json prints `document` with its schema and "ok"; a refusal after it prints no second document. Takes over `document`.
int report_document(struct cli *cli, const char *schema, bool ok, struct json *document,
		    struct fault *why) MUST_CHECK;
