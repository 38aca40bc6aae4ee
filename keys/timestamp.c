// SPDX-License-Identifier: Apache-2.0
#include "keys/timestamp.h"

#include "base/owned.h"

int timestamp_parse(struct role *role, struct timestamp **out, struct fault *why)
{
	OWNED(timestamp_drop) struct timestamp *timestamp = calloc(1, sizeof(*timestamp));
	const struct json *meta, *snapshot;

	if (!timestamp)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (role_header(role, "timestamp", why) ||
	    json_need_object(role->body, "meta", &meta, why) ||
	    json_need_object(meta, "snapshot.json", &snapshot, why) ||
	    role_meta_parse(snapshot, &timestamp->snapshot, why))
		return -1;
	timestamp->role = role;
	*out = HAND_OVER(timestamp);
	return 0;
}

void timestamp_free(struct timestamp *timestamp)
{
	if (!timestamp)
		return;
	role_free(timestamp->role);
	free(timestamp);
}
