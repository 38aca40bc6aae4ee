// SPDX-License-Identifier: Apache-2.0
#include "keys/sigstatus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "keys/signing.h"

#define BEFORE_MAX 64

int sigstatus_beside(const char *path, const char *name, char **out, struct fault *why)
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

static int fileset_parse(const struct fileset *fileset, const char *file, struct role **out,
			 struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *path = NULL;

	if (fileset_read(fileset, file, &data, why) != 0 ||
	    fileset_path(fileset, file, &path, why) != 0)
		return -1;
	return role_parse(path, data.data, data.len, out, why);
}

// Takes over the role.
static int root_of(struct role *role, const char *path, struct root **out, struct fault *why)
{
	OWNED(role_drop) struct role *mine = role;

	if (root_parse(mine, out, why) != 0)
		return fault_within(why, "%s is not a root file", path);
	mine = NULL; // the root has it now
	return 0;
}

static int root_read(const char *path, struct root **out, struct fault *why)
{
	struct role *role = NULL;

	if (file_parse(path, &role, why) != 0)
		return -1;
	return root_of(role, path, out, why);
}

int sigstatus_root(const char *path, struct root **out, struct fault *why)
{
	OWNED(root_drop) struct root *root = NULL;

	if (root_read(path, &root, why) != 0)
		return -1;
	if (role_check(root->role, "root", &root->roles[ROOT_ROOT], why) != 0)
		return fault_within(why, "%s is not signed by its own keys", path);
	*out = HAND_OVER(root);
	return 0;
}

int sigstatus_follows(const struct root *next, const struct root *trusted, struct fault *why)
{
	if (role_version(next->role, "root", trusted->role->version + 1, why) != 0 ||
	    role_check(next->role, "root", &trusted->roles[ROOT_ROOT], why) != 0 ||
	    role_check(next->role, "root", &next->roles[ROOT_ROOT], why) != 0)
		return fault_within(why,
				    "root version %" PRId64 " does not follow version %" PRId64,
				    next->role->version, trusted->role->version);
	return 0;
}

void sigstatus_free(struct sigstatus *sigstatus)
{
	if (!sigstatus)
		return;
	authority_drop(&sigstatus->granted);
	root_free(sigstatus->by);
	root_free(sigstatus->self);
	role_free(sigstatus->file);
	fileset_free(sigstatus->own);
	free(sigstatus->role);
	free(sigstatus);
}

static int approver_add(struct sigstatus *sigstatus, const struct authority *authority,
			const char *name, struct fault *why)
{
	struct approver *approver = &sigstatus->approvers[sigstatus->approver_count];

	approver->authority = authority;
	snprintf(approver->name, sizeof(approver->name), "%s", name);
	if (role_count(sigstatus->file, authority, &approver->met, why) != 0)
		return -1;
	sigstatus->approver_count++;
	return 0;
}

static void lacks(struct sigstatus *sigstatus, const char *name)
{
	sigstatus->known = false;
	snprintf(sigstatus->missing, sizeof(sigstatus->missing), "%s", name);
}

// Opens the root that tells who may sign. Absent: the status is unknown, which is no refusal.
static int neighbour(struct sigstatus *sigstatus, const struct fileset *fileset, const char *given,
		     const char *name, struct fault *why)
{
	struct role *role = NULL;

	if (given)
		return root_read(given, &sigstatus->by, why);
	if (fileset_parse(fileset, name, &role, why) != 0) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		lacks(sigstatus, name);
		return 0;
	}
	return root_of(role, name, &sigstatus->by, why);
}

static int approvers_of_root(struct sigstatus *sigstatus, const struct fileset *fileset,
			     const char *file, const char *root_path, struct fault *why)
{
	struct role *again = NULL;
	char name[96];
	int64_t version;

	if (fileset_parse(fileset, file, &again, why) != 0 ||
	    root_of(again, file, &sigstatus->self, why) != 0)
		return -1;
	version = sigstatus->self->role->version;
	snprintf(name, sizeof(name), "root version %" PRId64, version);
	if (approver_add(sigstatus, &sigstatus->self->roles[ROOT_ROOT], name, why) != 0)
		return -1;
	if (version == 1)
		return 0;
	snprintf(name, sizeof(name), "%" PRId64 ".root.json", version - 1);
	if (neighbour(sigstatus, fileset, root_path, name, why) != 0)
		return -1;
	if (!sigstatus->by)
		return 0;
	if (role_version(sigstatus->by->role, root_path ? root_path : name, version - 1, why) != 0)
		return -1;
	snprintf(name, sizeof(name), "root version %" PRId64 " (before it)", version - 1);
	return approver_add(sigstatus, &sigstatus->by->roles[ROOT_ROOT], name, why);
}

static int approvers_of_top(struct sigstatus *sigstatus, enum root_role which,
			    const struct fileset *fileset, const char *root_path, struct fault *why)
{
	char name[96];

	if (neighbour(sigstatus, fileset, root_path, "root.json", why) != 0)
		return -1;
	if (!sigstatus->by)
		return 0;
	snprintf(name, sizeof(name), "root version %" PRId64, sigstatus->by->role->version);
	return approver_add(sigstatus, &sigstatus->by->roles[which], name, why);
}

// "7.net" -> "net", "net" -> "net".
static const char *stem_unversioned(const char *stem)
{
	size_t digits = strspn(stem, "0123456789");

	return digits > 0 && stem[digits] == '.' && stem[digits + 1] ? stem + digits + 1 : stem;
}

static int approvers_of_delegated(struct sigstatus *sigstatus, struct fileset *fileset,
				  const char *stem, struct fault *why)
{
	const struct json *delegation = NULL;
	const struct delegator *by;
	char name[96];
	bool top;

	if (fileset_find(fileset, stem, stem_unversioned(stem), &by, &delegation, &top, why) != 0)
		return -1;
	if (!top) {
		lacks(sigstatus, "targets.json");
		return 0;
	}
	if (!by)
		return fault_set(why, FAULT_UNTRUSTED,
				 "neither targets nor a role below it delegates to a role \"%s\"",
				 stem_unversioned(stem));
	sigstatus->delegator = by;
	free(sigstatus->role);
	sigstatus->role = NULL;
	if (text_copy(json_text(json_member(delegation, "name")), &sigstatus->role, why) != 0 ||
	    authority_parse(delegation, by->ring, &sigstatus->granted, why) != 0)
		return -1;
	snprintf(name, sizeof(name), "%s version %" PRId64, by->name, by->role->version);
	return approver_add(sigstatus, &sigstatus->granted, name, why);
}

static int stem_of(const char *file, char **out, struct fault *why)
{
	size_t len = strlen(file);

	if (len <= 5 || strcmp(file + len - 5, ".json") != 0)
		return fault_set(why, FAULT_USAGE, "%s is not named like a metadata file", file);
	if (text_copy(file, out, why) != 0)
		return -1;
	(*out)[len - 5] = '\0';
	return 0;
}

// Looks at the type first, then at the name: only a targets file may be a delegated role.
static int approvers_of(struct sigstatus *sigstatus, struct fileset *fileset, const char *file,
			const char *root_path, struct fault *why)
{
	OWNED(drop_heap) char *stem = NULL;
	const char *type;

	if (json_need_text(sigstatus->file->body, "_type", &type, why) != 0 ||
	    role_header(sigstatus->file, type, why) != 0 || stem_of(file, &stem, why) != 0 ||
	    text_copy(stem_unversioned(stem), &sigstatus->role, why) != 0)
		return -1;
	if (strcmp(type, "targets") == 0 && strcmp(sigstatus->role, "targets") != 0)
		return approvers_of_delegated(sigstatus, fileset, stem, why);
	if (strcmp(type, sigstatus->role) != 0 && strcmp(type, "root") != 0)
		return fault_set(why, FAULT_FORMAT, "%s says that it is a %s file", file, type);
	if (strcmp(type, "root") == 0) {
		free(sigstatus->role);
		sigstatus->role = NULL;
		if (text_copy("root", &sigstatus->role, why) != 0)
			return -1;
		return approvers_of_root(sigstatus, fileset, file, root_path, why);
	}
	if (strcmp(type, "targets") == 0)
		return approvers_of_top(sigstatus, ROOT_TARGETS, fileset, root_path, why);
	if (strcmp(type, "snapshot") == 0)
		return approvers_of_top(sigstatus, ROOT_SNAPSHOT, fileset, root_path, why);
	if (strcmp(type, "timestamp") == 0)
		return approvers_of_top(sigstatus, ROOT_TIMESTAMP, fileset, root_path, why);
	return fault_set(why, FAULT_FORMAT, "%s is of no known type", file);
}

int sigstatus_open_in(struct fileset *fileset, const char *file, const char *root_path,
		      struct sigstatus **out, struct fault *why)
{
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = calloc(1, sizeof(*sigstatus));
	OWNED(drop_heap) char *path = NULL;

	if (!sigstatus)
		return fault_set(why, FAULT_OTHER, "out of memory");
	sigstatus->known = true;
	if (fileset_path(fileset, file, &path, why) != 0 ||
	    fileset_parse(fileset, file, &sigstatus->file, why) != 0)
		return -1;
	if (approvers_of(sigstatus, fileset, file, root_path, why) != 0)
		return fault_within(why, "cannot approver %s", path);
	*out = HAND_OVER(sigstatus);
	return 0;
}

int sigstatus_open(const char *path, const char *root_path, const char *targets_path,
		   struct sigstatus **out, struct fault *why)
{
	OWNED(fileset_drop) struct fileset *fileset = NULL;

	if (fileset_of(path, targets_path, &fileset, why) != 0 ||
	    sigstatus_open_in(fileset, fileset_file(path), root_path, out, why) != 0)
		return -1;
	(*out)->own = HAND_OVER(fileset);
	return 0;
}

bool sigstatus_lists(const struct sigstatus *sigstatus, const char *id, const unsigned char key[32])
{
	for (size_t i = 0; i < sigstatus->approver_count; i++) {
		const struct authority *authority = sigstatus->approvers[i].authority;

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

bool sigstatus_met(const struct sigstatus *sigstatus)
{
	if (!sigstatus->known || sigstatus->approver_count == 0)
		return false;
	for (size_t i = 0; i < sigstatus->approver_count; i++)
		if ((int64_t)sigstatus->approvers[i].met <
		    sigstatus->approvers[i].authority->threshold)
			return false;
	return true;
}

int sigstatus_before(const struct fileset *fileset, const char *role, int64_t version,
		     struct role **out, struct fault *why)
{
	*out = NULL;
	for (int64_t at = version - 1; at >= 1 && at >= version - BEFORE_MAX; at--) {
		OWNED(drop_heap) char *file = NULL;

		if (role_file(role, at, &file, why) != 0)
			return -1;
		if (fileset_parse(fileset, file, out, why) == 0)
			return 0;
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
	}
	return 0;
}

int sigstatus_refuse(const struct sigstatus *sigstatus, const char *path, struct fault *why)
{
	for (size_t i = 0; i < sigstatus->approver_count; i++) {
		const struct approver *approver = &sigstatus->approvers[i];

		if ((int64_t)approver->met < approver->authority->threshold)
			return fault_set(
				why, FAULT_SIGNATURE,
				"%s has %zu of the %" PRId64 " signatures that %s asks for", path,
				approver->met, approver->authority->threshold, approver->name);
	}
	return fault_set(why, FAULT_UNTRUSTED, "%s is not there, so %s cannot be verified",
			 sigstatus->missing, path);
}

// A root that must hold by its own keys.
static int above_root(const struct fileset *fileset, const char *root_path, struct fault *why)
{
	OWNED(root_drop) struct root *root = NULL;
	struct role *role = NULL;

	if (root_path)
		return sigstatus_root(root_path, &root, why);
	if (fileset_parse(fileset, "root.json", &role, why) != 0 ||
	    root_of(role, "root.json", &root, why) != 0)
		return -1;
	if (role_check(root->role, "root", &root->roles[ROOT_ROOT], why) != 0)
		return fault_within(why, "root.json is not signed by its own keys");
	return 0;
}

int sigstatus_above(struct fileset *fileset, const struct sigstatus *sigstatus,
		    const char *root_path, bool (*is_open)(const void *ctx, const char *file),
		    const void *ctx, struct fault *why)
{
	const struct delegator *by = sigstatus->delegator;

	if (!is_open || !is_open(ctx, "root.json"))
		if (above_root(fileset, root_path, why) != 0)
			return -1;
	// Ends: each step goes nearer to the top.
	while (by) {
		OWNED(sigstatus_drop) struct sigstatus *above = NULL;

		if ((by->is_given
			     ? sigstatus_open(by->file, root_path, NULL, &above, why)
			     : sigstatus_open_in(fileset, by->file, root_path, &above, why)) != 0)
			return -1;
		if (!sigstatus_met(above) && (!is_open || !is_open(ctx, by->file)))
			return sigstatus_refuse(above, by->file, why);
		by = by->is_given ? NULL : above->delegator;
	}
	return 0;
}
