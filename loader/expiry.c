// SPDX-License-Identifier: Apache-2.0
#include "loader/expiry.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "keys/role.h"
#include "keys/targets.h"

#define EXPIRY_SCHEMA "bpfseal.expiry/1"
// A line of some eighty bytes for each of 16,384 bins, and more.
#define EXPIRY_MAX (4u << 20)

// {"schema", "roles": {"net": [expires, since]}}. What cannot be read is begun anew: it is only for being told.
static int load(int dirfd, struct json **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *document = NULL;
	const char *schema;

	if (file_read_at(dirfd, EXPIRY_FILE, EXPIRY_MAX, &text, why) ||
	    json_parse(text.data, text.len, EXPIRY_FILE, &document, why) ||
	    json_need_text(document, "schema", &schema, why))
		return -1;
	if (strcmp(schema, EXPIRY_SCHEMA))
		return fault_set(why, FAULT_FORMAT, "%s is of another kind", EXPIRY_FILE);
	*out = HAND_OVER(document);
	return 0;
}

static int64_t number_at(const struct json *entry, size_t index)
{
	const struct json *number = json_item(entry, index);

	return json_is(number, JSON_KIND_INT) ? json_int(number) : 0;
}

static int put_role(struct json *roles, const struct json *before, const char *name,
		    const int64_t times[2], struct fault *why)
{
	const struct json *known = json_member(before, name);
	struct json *entry;

	if (number_at(known, 0) == times[0])
		return json_put(roles, name, json_keep(known), why);
	entry = json_make_array();
	return json_put(roles, name, entry, why) || json_add(entry, json_make_int(times[0]), why) ||
			       json_add(entry, json_make_int(times[1]), why)
		       ? -1
		       : 0;
}

static int put_roles(struct json *roles, const struct json *before, const struct client *client,
		     int64_t now, struct fault *why)
{
	const struct targets *targets;
	struct client_versions top;

	client_versions(client, &top);
	if (put_role(roles, before, "root", (const int64_t[]){top.root_expires, now}, why) ||
	    put_role(roles, before, "timestamp", (const int64_t[]){top.timestamp_expires, now},
		     why) ||
	    put_role(roles, before, "snapshot", (const int64_t[]){top.snapshot_expires, now}, why))
		return -1;
	for (size_t i = 0; (targets = client_targets(client, i)); i++)
		if (put_role(roles, before, targets->name,
			     (const int64_t[]){targets->role->expires, now}, why))
			return -1;
	return 0;
}

int expiry_keep(int dirfd, const struct client *client, int64_t now, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(json_drop) struct json *old = NULL;
	OWNED(bytes_drop) struct bytes before = {0};
	OWNED(bytes_drop) struct bytes text = {0};
	struct json *roles = json_make_object();
	struct fault ignored = {0};

	if (load(dirfd, &old, &ignored) || json_write(old, false, &before, &ignored))
		fault_clear(&ignored);
	if (json_put(document, "roles", roles, why) ||
	    json_put_text(document, "schema", EXPIRY_SCHEMA, why) ||
	    put_roles(roles, json_member(old, "roles"), client, now, why) ||
	    json_write(document, false, &text, why))
		return -1;
	if (before.len == text.len && !memcmp(before.data, text.data, text.len))
		return 0;
	return file_replace_at(dirfd, EXPIRY_FILE, text.data, text.len, 0600, why);
}

static bool is_top(const char *role)
{
	return !strcmp(role, "root") || !strcmp(role, "timestamp") || !strcmp(role, "snapshot") ||
	       !strcmp(role, "targets");
}

int expiry_read(int dirfd, struct expiry out[static EXPIRY_COUNT], size_t *count, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct expiry delegated = {.expires = INT64_MAX};
	struct json_walk walk = {0};

	*count = 0;
	if (load(dirfd, &document, why))
		return -1;
	while (json_next(json_member(document, "roles"), &walk)) {
		bool top = is_top(walk.key);
		struct expiry *to = top ? &out[*count] : &delegated;

		if (top ? *count == EXPIRY_COUNT - 1
			: number_at(walk.value, 0) >= delegated.expires)
			continue;
		snprintf(to->role, sizeof(to->role), "%s", walk.key);
		to->expires = number_at(walk.value, 0);
		to->since = number_at(walk.value, 1);
		*count += top;
	}
	if (delegated.role[0])
		out[(*count)++] = delegated;
	return *count ? 0 : fault_set(why, FAULT_NOT_FOUND, "nothing is kept yet");
}
