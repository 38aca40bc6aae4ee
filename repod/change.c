// SPDX-License-Identifier: Apache-2.0
#include "repod/change.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "keys/role.h"
#include "repod/committed.h"

void changes_drop(struct changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		free(changes->list[i].role);
		targets_free(changes->list[i].targets);
	}
	free(changes->list);
	*changes = (struct changes){0};
}

int changes_add(struct changes *changes, const char *role, struct role **envelope, bool submitted,
		struct fault *why)
{
	struct change *change;

	change = reallocarray(changes->list, changes->count + 1, sizeof(*change));
	if (!change)
		return fault_set(why, FAULT_OTHER, "out of memory");
	changes->list = change;
	change += changes->count++;
	*change = (struct change){.submitted = submitted};
	if (text_copy(role, &change->role, why) ||
	    targets_parse(role, *envelope, &change->targets, why))
		return -1;
	(void)HAND_OVER(*envelope);
	change->version = change->targets->role->version;
	change->data = &change->targets->role->raw;
	return 0;
}

static bool changes_have(const struct changes *changes, const char *role)
{
	for (size_t i = 0; i < changes->count; i++)
		if (strcmp(changes->list[i].role, role) == 0)
			return true;
	return false;
}

// Does the signer's last snapshot list exactly these bytes as this role's file?
bool changes_signed(const struct signer_state *state, const char *file, int64_t version,
		    const struct bytes *data)
{
	struct fault ignored = {0};
	struct role_meta meta;
	const struct json *entry = json_member(state->meta, file);

	return entry && role_meta_parse(entry, &meta, &ignored) == 0 && meta.version == version &&
	       role_meta_check(&meta, file, data->data, data->len, &ignored) == 0;
}

// Roles that the signer has signed further than what is committed: a crash came between signature and rename, or the
// state is an older copy (A62). Those whose files are here join the commit; without them the signer would refuse it.
int changes_find_held(struct changes *changes, int metadata, const struct release *release,
		      const struct signer_state *state, struct fault *why)
{
	struct json_walk walk = {0};

	while (json_next(state->meta, &walk)) {
		OWNED(bytes_drop) struct bytes data = {0};
		OWNED(role_drop) struct role *envelope = NULL;
		size_t len = strlen(walk.key);
		OWNED(drop_heap) char *role = strndup(walk.key, len > 5 ? len - 5 : 0);
		OWNED(drop_heap) char *file = NULL;
		const struct release_role *have;
		struct fault ignored = {0};
		int64_t version = json_int(json_member(walk.value, "version"));

		if (!role)
			return fault_set(why, FAULT_OTHER, "out of memory");
		have = release_role(release, role);
		if ((have && have->version >= version) || changes_have(changes, role))
			continue;
		if (role_file(role, version, &file, why))
			return -1;
		if (file_read_at(metadata, file, COMMITTED_FILE_MAX, &data, &ignored) ||
		    !changes_signed(state, walk.key, version, &data))
			continue;
		if (role_take(role, &data, &envelope, why) ||
		    changes_add(changes, role, &envelope, false, why))
			return -1;
	}
	return 0;
}
