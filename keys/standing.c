// SPDX-License-Identifier: Apache-2.0
#include "keys/standing.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "keys/signing.h"

#define BEFORE_MAX 64

int standing_beside(const char *path, const char *name, char **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes beside = {0};
	const char *slash = strrchr(path, '/');

	if (slash && bytes_append(&beside, path, (size_t)(slash - path) + 1, why) != 0)
		return -1;
	if (bytes_append_text(&beside, name, why) != 0)
		return -1;
	return text_copy(bytes_text(&beside), out, why);
}

static int file_parse(const char *path, struct role **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};

	if (file_read(path, SIGNING_FILE_MAX, &data, why) != 0)
		return -1;
	return role_parse(path, data.data, data.len, out, why);
}

static int root_read(const char *path, struct root **out, struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;

	if (file_parse(path, &role, why) != 0)
		return -1;
	if (root_parse(role, out, why) != 0)
		return fault_within(why, "%s is not a root file", path);
	role = NULL; // the root has it now
	return 0;
}

int standing_root(const char *path, struct root **out, struct fault *why)
{
	OWNED(root_drop) struct root *root = NULL;

	if (root_read(path, &root, why) != 0)
		return -1;
	if (role_check(root->role, "root", &root->roles[ROOT_ROOT], why) != 0)
		return fault_within(why, "%s is not signed by its own keys", path);
	*out = HAND_OVER(root);
	return 0;
}

int standing_follows(const struct root *next, const struct root *trusted, struct fault *why)
{
	if (role_version(next->role, "root", trusted->role->version + 1, why) != 0 ||
	    role_check(next->role, "root", &trusted->roles[ROOT_ROOT], why) != 0 ||
	    role_check(next->role, "root", &next->roles[ROOT_ROOT], why) != 0)
		return fault_within(why,
				    "root version %" PRId64 " does not follow version %" PRId64,
				    next->role->version, trusted->role->version);
	return 0;
}

void standing_free(struct standing *standing)
{
	if (!standing)
		return;
	authority_drop(&standing->granted);
	keyring_free(standing->ring);
	role_free(standing->delegator);
	root_free(standing->by);
	root_free(standing->self);
	role_free(standing->file);
	free(standing->role);
	free(standing);
}

static int judge_add(struct standing *standing, const struct authority *authority, const char *name,
		     struct fault *why)
{
	struct judge *judge = &standing->judges[standing->judge_count];

	judge->authority = authority;
	snprintf(judge->name, sizeof(judge->name), "%s", name);
	if (role_count(standing->file, authority, &judge->met, why) != 0)
		return -1;
	standing->judge_count++;
	return 0;
}

// Opens the neighbour that tells who may sign. Absent: the standing is unknown, which is no refusal.
static int neighbour(struct standing *standing, const char *path, const char *given,
		     const char *name, char **out, struct fault *why)
{
	OWNED(drop_heap) char *beside = NULL;
	OWNED(drop_fd) int fd = -1;

	if (given)
		return text_copy(given, out, why);
	if (standing_beside(path, name, &beside, why) != 0)
		return -1;
	if (file_open_at(AT_FDCWD, beside, &fd, why) != 0) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		standing->known = false;
		snprintf(standing->missing, sizeof(standing->missing), "%s", name);
		return 0;
	}
	*out = HAND_OVER(beside);
	return 0;
}

static int judge_root(struct standing *standing, const char *path, const char *root_path,
		      struct fault *why)
{
	OWNED(drop_heap) char *before = NULL;
	char name[96];
	int64_t version;

	if (root_read(path, &standing->self, why) != 0)
		return -1;
	version = standing->self->role->version;
	snprintf(name, sizeof(name), "root version %" PRId64, version);
	if (judge_add(standing, &standing->self->roles[ROOT_ROOT], name, why) != 0)
		return -1;
	if (version == 1)
		return 0;
	snprintf(name, sizeof(name), "%" PRId64 ".root.json", version - 1);
	if (neighbour(standing, path, root_path, name, &before, why) != 0 || !before)
		return why->code == FAULT_NONE ? 0 : -1;
	if (root_read(before, &standing->by, why) != 0 ||
	    role_version(standing->by->role, before, version - 1, why) != 0)
		return -1;
	snprintf(name, sizeof(name), "root version %" PRId64 " (before it)", version - 1);
	return judge_add(standing, &standing->by->roles[ROOT_ROOT], name, why);
}

static int judge_top(struct standing *standing, enum root_role which, const char *path,
		     const char *root_path, struct fault *why)
{
	OWNED(drop_heap) char *root = NULL;
	char name[96];

	if (neighbour(standing, path, root_path, "root.json", &root, why) != 0 || !root)
		return why->code == FAULT_NONE ? 0 : -1;
	if (root_read(root, &standing->by, why) != 0)
		return -1;
	snprintf(name, sizeof(name), "root version %" PRId64, standing->by->role->version);
	return judge_add(standing, &standing->by->roles[which], name, why);
}

// The delegation whose quoted name is `stem`, or NULL.
static int delegation_find(const struct json *delegations, const char *stem,
			   const struct json **out, struct fault *why)
{
	const struct json *roles = json_member(delegations, "roles");

	*out = NULL;
	for (size_t i = 0; i < json_count(roles); i++) {
		OWNED(drop_heap) char *quoted = NULL;
		const char *name;

		if (json_need_text(json_item(roles, i), "name", &name, why) != 0 ||
		    role_quote(name, &quoted, why) != 0)
			return -1;
		if (strcmp(quoted, stem) == 0)
			*out = json_item(roles, i);
	}
	return 0;
}

// "7.net" -> "net", "net" -> "net".
static const char *stem_unversioned(const char *stem)
{
	size_t digits = strspn(stem, "0123456789");

	return digits > 0 && stem[digits] == '.' && stem[digits + 1] ? stem + digits + 1 : stem;
}

static int judge_delegated(struct standing *standing, const char *stem, const char *path,
			   const char *targets_path, struct fault *why)
{
	OWNED(drop_heap) char *targets = NULL;
	const struct json *delegations, *delegation = NULL, *keys;
	char name[96];

	if (neighbour(standing, path, targets_path, "targets.json", &targets, why) != 0 || !targets)
		return why->code == FAULT_NONE ? 0 : -1;
	if (file_parse(targets, &standing->delegator, why) != 0 ||
	    role_header(standing->delegator, "targets", why) != 0)
		return -1;
	delegations = json_member(standing->delegator->body, "delegations");
	if (delegation_find(delegations, stem, &delegation, why) != 0)
		return -1;
	if (!delegation && delegation_find(delegations, stem_unversioned(stem), &delegation, why))
		return -1;
	if (!delegation)
		return fault_set(why, FAULT_UNTRUSTED, "%s delegates to no role \"%s\"", targets,
				 stem_unversioned(stem));
	free(standing->role);
	standing->role = NULL;
	if (text_copy(json_text(json_member(delegation, "name")), &standing->role, why) != 0 ||
	    json_need_object(delegations, "keys", &keys, why) != 0 ||
	    keyring_parse(keys, &standing->ring, why) != 0 ||
	    authority_parse(delegation, standing->ring, &standing->granted, why) != 0)
		return -1;
	snprintf(name, sizeof(name), "targets version %" PRId64, standing->delegator->version);
	return judge_add(standing, &standing->granted, name, why);
}

static int stem_of(const char *path, char **out, struct fault *why)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t len = strlen(name);

	if (len <= 5 || strcmp(name + len - 5, ".json") != 0)
		return fault_set(why, FAULT_USAGE, "%s is not named like a metadata file", path);
	if (text_copy(name, out, why) != 0)
		return -1;
	(*out)[len - 5] = '\0';
	return 0;
}

// Looks at the type first, then at the name: only a targets file may be a delegated role.
static int judge_file(struct standing *standing, const char *path, const char *root_path,
		      const char *targets_path, struct fault *why)
{
	OWNED(drop_heap) char *stem = NULL;
	const char *type;

	if (json_need_text(standing->file->body, "_type", &type, why) != 0 ||
	    role_header(standing->file, type, why) != 0 || stem_of(path, &stem, why) != 0 ||
	    text_copy(stem_unversioned(stem), &standing->role, why) != 0)
		return -1;
	if (strcmp(type, "targets") == 0 && strcmp(standing->role, "targets") != 0)
		return judge_delegated(standing, stem, path, targets_path, why);
	if (strcmp(type, standing->role) != 0 && strcmp(type, "root") != 0)
		return fault_set(why, FAULT_FORMAT, "%s says that it is a %s file", path, type);
	if (strcmp(type, "root") == 0) {
		free(standing->role);
		standing->role = NULL;
		if (text_copy("root", &standing->role, why) != 0)
			return -1;
		return judge_root(standing, path, root_path, why);
	}
	if (strcmp(type, "targets") == 0)
		return judge_top(standing, ROOT_TARGETS, path, root_path, why);
	if (strcmp(type, "snapshot") == 0)
		return judge_top(standing, ROOT_SNAPSHOT, path, root_path, why);
	if (strcmp(type, "timestamp") == 0)
		return judge_top(standing, ROOT_TIMESTAMP, path, root_path, why);
	return fault_set(why, FAULT_FORMAT, "%s is of no known type", path);
}

int standing_open(const char *path, const char *root_path, const char *targets_path,
		  struct standing **out, struct fault *why)
{
	OWNED(standing_drop) struct standing *standing = calloc(1, sizeof(*standing));

	if (!standing)
		return fault_set(why, FAULT_OTHER, "out of memory");
	standing->known = true;
	if (file_parse(path, &standing->file, why) != 0)
		return -1;
	if (judge_file(standing, path, root_path, targets_path, why) != 0)
		return fault_within(why, "cannot judge %s", path);
	*out = HAND_OVER(standing);
	return 0;
}

bool standing_lists(const struct standing *standing, const char *id, const unsigned char key[32])
{
	for (size_t i = 0; i < standing->judge_count; i++) {
		const struct authority *authority = standing->judges[i].authority;

		for (size_t j = 0; j < authority->count; j++) {
			const struct signer *signer = &authority->signers[j];
			const unsigned char *listed = signer->key ? key_ed25519(signer->key) : NULL;

			if (listed && strcmp(signer->id, id) == 0 &&
			    memcmp(listed, key, ED25519_PUBLIC_SIZE) == 0)
				return true;
		}
	}
	return false;
}

bool standing_met(const struct standing *standing)
{
	if (!standing->known || standing->judge_count == 0)
		return false;
	for (size_t i = 0; i < standing->judge_count; i++)
		if ((int64_t)standing->judges[i].met < standing->judges[i].authority->threshold)
			return false;
	return true;
}

int standing_before(const char *path, const char *role, int64_t version, struct role **out,
		    struct fault *why)
{
	*out = NULL;
	for (int64_t at = version - 1; at >= 1 && at >= version - BEFORE_MAX; at--) {
		OWNED(drop_heap) char *file = NULL;
		OWNED(drop_heap) char *beside = NULL;

		if (role_file(role, at, &file, why) != 0 ||
		    standing_beside(path, file, &beside, why) != 0)
			return -1;
		if (file_parse(beside, out, why) == 0)
			return 0;
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
	}
	return 0;
}
