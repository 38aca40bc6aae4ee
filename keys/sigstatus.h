// SPDX-License-Identifier: Apache-2.0
// Which signatures a metadata file needs and which it has, as a ceremony shows them before and after each signature.
// Never used by a node, whose verdict is keys/trust.h.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "keys/fileset.h"
#include "keys/role.h"
#include "keys/root.h"

// An authority whose threshold must be met. `name`: "root version 2", "root version 1 (before it)", "targets version 4".
struct approver {
	char name[96];
	const struct authority *authority;
	size_t met; // distinct keys that signed
};

struct sigstatus {
	char *role; // "root", "targets", "net", ...
	struct role *file;
	struct root *self; // the file itself, if it is a root
	// The root that lists the signers: the previous one, or that of the directory.
	struct root *by;
	const struct delegator *delegator; // of a delegated role
	struct authority granted;	   // by the delegator
	struct fileset *own;		   // NULL: the caller's is used
	struct approver approvers[2];
	size_t approver_count;
	// False if a file that names an approver does not exist (no root in the directory, no previous root).
	bool known;
	char missing[96]; // the name of that file
};

// Reads the file at `path` and who may sign it. The role is the file's name ("net.json", "7.net.json"). `root_path`
// and `targets_path` NULL: root.json and targets.json of the same directory. A delegated role is searched for through
// all levels of delegation. The previous root of version N is <N-1>.root.json of the same directory, or `root_path`.
// `*out` is the caller's.
int sigstatus_open(const char *path, const char *root_path, const char *targets_path,
		   struct sigstatus **out, struct fault *why) MUST_CHECK;
// As sigstatus_open, for several files of one fileset, which must outlive the result.
int sigstatus_open_in(struct fileset *fileset, const char *file, const char *root_path,
		      struct sigstatus **out, struct fault *why) MUST_CHECK;
void sigstatus_free(struct sigstatus *sigstatus);
static inline void sigstatus_drop(struct sigstatus **sigstatus)
{
	sigstatus_free(*sigstatus);
	*sigstatus = NULL;
}

// Whether an approver lists this key under this id.
bool sigstatus_lists(const struct sigstatus *sigstatus, const char *id,
		     const unsigned char key[32]);
// Whether all approvers are known and the threshold of each is met.
bool sigstatus_met(const struct sigstatus *sigstatus);

// Reads a root file and verifies that it is signed by its own keys; whether it is trusted is for the caller to know.
// `*out` is the caller's.
int sigstatus_root(const char *path, struct root **out, struct fault *why) MUST_CHECK;
// FAULT_SIGNATURE unless `next` is a valid successor of `trusted`: version N+1, signed by the keys of both (TUF 5.3.4, 5.3.5).
int sigstatus_follows(const struct root *next, const struct root *trusted, struct fault *why)
	MUST_CHECK;
// The path of another file in the directory of `path`. `*out` is the caller's.
int sigstatus_beside(const char *path, const char *name, char **out, struct fault *why) MUST_CHECK;
// The nearest earlier version that is kept, at most 64 back, for comparison. `*out` is the caller's; NULL if there is none.
int sigstatus_before(const struct fileset *fileset, const char *role, int64_t version,
		     struct role **out, struct fault *why) MUST_CHECK;
// Returns -1 with the reason why sigstatus_met is false: FAULT_SIGNATURE, or FAULT_UNTRUSTED if an approver is unknown.
int sigstatus_refuse(const struct sigstatus *sigstatus, const char *path, struct fault *why);
// Verifies the chain of files that names the signers of a delegated role, up to the root at `root_path` (NULL: root.json of the
// directory). A file for which `is_open` (may be NULL) is true is to be signed as well, and need not be valid yet.
int sigstatus_above(struct fileset *fileset, const struct sigstatus *sigstatus,
		    const char *root_path, bool (*is_open)(const void *ctx, const char *file),
		    const void *ctx, struct fault *why) MUST_CHECK;
