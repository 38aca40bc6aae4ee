// SPDX-License-Identifier: Apache-2.0
// Where a metadata file stands: whose signatures it needs, and which of them it has. What a ceremony looks at before
// and after each signature; a node never uses it (that is trust's verdict).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "keys/fileset.h"
#include "keys/role.h"
#include "keys/root.h"

// Somebody who must agree: "root version 2", "root version 1 (before it)", "targets version 4".
struct approver {
	char name[96];
	const struct authority *authority;
	size_t met; // distinct keys that signed
};

struct sigstatus {
	char *role; // "root", "targets", "net", ...
	struct role *file;
	struct root *self; // the file itself, when it is a root
	struct root *by;   // the root that lists the signers: the one before, or the one beside
	const struct delegator *delegator; // for a delegated role: who delegates to it
	struct authority granted;	   // and to whom
	struct fileset *own;		   // where these lie, unless the caller has it
	struct approver approvers[2];
	size_t approver_count;
	// False when somebody who must agree is not there to be asked (no root beside the file, no root before it).
	bool known;
	char missing[96]; // the file that would tell
};

// Reads the file at `path` and who may sign it. `root_path` and `targets_path` NULL: root.json and targets.json in the
// same directory. A role that targets does not delegate to is looked for among what its delegates delegate to, at any
// depth. The role is the file's name ("net.json", "7.net.json"). For root version N the one before is
// <N-1>.root.json in the same directory, or `root_path`.
int sigstatus_open(const char *path, const char *root_path, const char *targets_path,
		   struct sigstatus **out, struct fault *why) MUST_CHECK;
// The same for many files that lie together. The fileset must outlive the sigstatus.
int sigstatus_open_in(struct fileset *fileset, const char *file, const char *root_path,
		      struct sigstatus **out, struct fault *why) MUST_CHECK;
void sigstatus_free(struct sigstatus *sigstatus);
static inline void sigstatus_drop(struct sigstatus **sigstatus)
{
	sigstatus_free(*sigstatus);
	*sigstatus = NULL;
}

// True when one of those who must agree lists this key under this id.
bool sigstatus_lists(const struct sigstatus *sigstatus, const char *id,
		     const unsigned char key[32]);
// True when everybody who must agree is known and has enough signatures.
bool sigstatus_met(const struct sigstatus *sigstatus);

// Reads a root file and holds it against its own threshold (that it is trusted at all is the caller's to know).
int sigstatus_root(const char *path, struct root **out, struct fault *why) MUST_CHECK;
// FAULT_SIGNATURE unless the next root follows the trusted one: version N+1, signed by both (TUF 5.3.4, 5.3.5).
int sigstatus_follows(const struct root *next, const struct root *trusted, struct fault *why)
	MUST_CHECK;
// The neighbour of a file: its directory and another name. `*out` is yours.
int sigstatus_beside(const char *path, const char *name, char **out, struct fault *why) MUST_CHECK;
// The version before (the nearest that is kept, at most 64 back), for comparing; `*out` NULL when there is none.
int sigstatus_before(const struct fileset *fileset, const char *role, int64_t version,
		     struct role **out, struct fault *why) MUST_CHECK;
// FAULT_SIGNATURE or FAULT_UNTRUSTED when somebody who must agree has not.
int sigstatus_refuse(const struct sigstatus *sigstatus, const char *path, struct fault *why);
// The files that say who may sign a delegated role have to be good themselves, up to the root at `root_path` (NULL:
// root.json beside it). `is_open` (may be NULL) says of a file that it is on the table as well, and need not be yet.
int sigstatus_above(struct fileset *fileset, const struct sigstatus *sigstatus,
		    const char *root_path, bool (*is_open)(const void *ctx, const char *file),
		    const void *ctx, struct fault *why) MUST_CHECK;
