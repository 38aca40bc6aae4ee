// SPDX-License-Identifier: Apache-2.0
#include "keys/root.h"

#include <string.h>

#include "base/owned.h"

static const char *const role_names[ROOT_ROLES] = {
	[ROOT_ROOT] = "root",
	[ROOT_TIMESTAMP] = "timestamp",
	[ROOT_SNAPSHOT] = "snapshot",
	[ROOT_TARGETS] = "targets",
};

static int read_roles(const struct json *body, struct root *root, struct fault *why)
{
	const struct json *keys, *roles, *role;

	if (json_need_object(body, "keys", &keys, why) ||
	    json_need_object(body, "roles", &roles, why) || keyring_parse(keys, &root->keys, why))
		return -1;
	for (size_t i = 0; i < ROOT_ROLES; i++)
		if (json_need_object(roles, role_names[i], &role, why) ||
		    authority_parse(role, root->keys, &root->roles[i], why))
			return fault_within(why, "role \"%s\"", role_names[i]);
	return 0;
}

// Our own field: whether a node in secure mode may read this repository at all. A word we do not know must not
// turn into the laxer or the stricter of the two by chance.
static int read_class(const struct json *body, struct root *root, struct fault *why)
{
	root->class = "private";
	if (!json_member(body, "x-bpfseal-class"))
		return 0;
	if (json_need_text(body, "x-bpfseal-class", &root->class, why))
		return -1;
	if (strcmp(root->class, "private") != 0 && strcmp(root->class, "public") != 0)
		return fault_set(why, FAULT_FORMAT, "\"x-bpfseal-class\" is \"%.40s\"",
				 root->class);
	return 0;
}

const char *root_role_name(enum root_role role)
{
	return role_names[role];
}

int root_parse(struct role *role, struct root **out, struct fault *why)
{
	OWNED(root_drop) struct root *root = calloc(1, sizeof(*root));

	if (!root)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (role_header(role, "root", why) || read_roles(role->body, root, why) ||
	    read_class(role->body, root, why))
		return -1;
	if (json_member(role->body, "consistent_snapshot") &&
	    json_need_bool(role->body, "consistent_snapshot", &root->consistent_snapshot, why))
		return -1;
	root->role = role;
	*out = HAND_OVER(root);
	return 0;
}

void root_free(struct root *root)
{
	if (!root)
		return;
	for (size_t i = 0; i < ROOT_ROLES; i++)
		authority_drop(&root->roles[i]);
	keyring_free(root->keys);
	role_free(root->role);
	free(root);
}
