// SPDX-License-Identifier: Apache-2.0
#include "repod/stray.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "repod/change.h"
#include "repod/committed.h"

static int is_stray(int metadata, const struct release *release, const struct signer_state *state,
		    const char *name, bool *stray, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0}, entry = {0};
	char plain[RELEASE_ROLE_MAX], role[RELEASE_ROLE_MAX];
	int64_t version;

	*stray = false;
	if (strncmp(name, ".tmp-", 5) == 0) {
		*stray = true;
		return 0;
	}
	// What we never wrote is not ours to remove.
	if (!release_unquote(name, plain, sizeof(plain)) ||
	    !release_file_split(plain, &version, role) || !version ||
	    release_shows(release, role, version))
		return 0;
	if (strcmp(role, "snapshot") == 0) {
		*stray = version > state->snapshot_version;
		return 0;
	}
	if (file_read_at(metadata, name, COMMITTED_FILE_MAX, &data, why) ||
	    bytes_format(&entry, why, "%s.json", role))
		return -1;
	*stray = version >= json_int(json_member(json_member(state->meta, bytes_text(&entry)),
						 "version")) &&
		 !changes_signed(state, bytes_text(&entry), version, &data);
	return 0;
}

int stray_remove(int metadata, const struct release *release, const struct signer_state *state,
		 size_t *removed, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	*removed = 0;
	if (names_list(metadata, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		bool stray = false;

		if (is_stray(metadata, release, state, names.name[i], &stray, why))
			return -1;
		if (!stray)
			continue;
		if (file_remove_at(metadata, names.name[i], why))
			return -1;
		(*removed)++;
	}
	return 0;
}
