// SPDX-License-Identifier: Apache-2.0
#include "repod/committed.h"

#include <fcntl.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "keys/role.h"
#include "keys/targets.h"
#include "repod/candidate.h"

#define ROOT_MAX 512000

static int need_init(const char *path, struct fault *why)
{
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_set(why, FAULT_CONFIG, "there is no repository: %s is missing", path);
	return fault_fix(why, "bpfseal repod init");
}

int state_open(const char *path, int *out, struct fault *why)
{
	return dir_open(path, out, why) ? need_init(path, why) : 0;
}

int state_open_at(int state, const char *name, int *out, struct fault *why)
{
	return dir_open_at(state, name, out, why) ? need_init(name, why) : 0;
}

int committed_root(int state, struct bytes *root, struct fault *why)
{
	OWNED(drop_fd) int trust = -1;

	if (dir_open_at(state, STATE_TRUST, &trust, why) ||
	    file_read_at(trust, STATE_ROOT, ROOT_MAX, root, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_set(why, FAULT_UNTRUSTED, "no root is pinned for this repository");
		return fault_fix(why, "bpfseal repod pin ROOT.json --fingerprint F");
	}
	return 0;
}

int committed_release(int metadata, const struct bytes *root, struct release **out,
		      struct fault *why)
{
	OWNED(candidate_drop) struct candidate *candidate = NULL;
	OWNED(client_drop) struct client *client = NULL;
	struct client_versions versions;

	if (candidate_new(metadata, root, NULL, &candidate, why))
		return -1;
	if (candidate_judge(candidate, ANY_TIME, &client, why)) {
		// Before the first publication there is no timestamp, and that is all that is missing.
		if (!client || why->code != FAULT_NOT_FOUND)
			return -1;
		client_versions(client, &versions);
		if (versions.timestamp || faccessat(metadata, "timestamp.json", F_OK, 0) == 0)
			return -1;
		fault_clear(why);
	}
	return release_new(client, NULL, out, why);
}

int committed_role(int metadata, const char *role, int64_t version, struct targets **out,
		   struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(role_drop) struct role *envelope = NULL;
	OWNED(drop_heap) char *file = NULL;

	*out = NULL;
	if (role_file(role, version, &file, why))
		return -1;
	if (file_read_at(metadata, file, COMMITTED_FILE_MAX, &data, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (role_parse(role, data.data, data.len, &envelope, why) ||
	    targets_parse(role, envelope, out, why))
		return -1;
	(void)HAND_OVER(envelope);
	return 0;
}
