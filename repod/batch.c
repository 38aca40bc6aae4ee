// SPDX-License-Identifier: Apache-2.0
#include "repod/batch.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

void batch_drop(struct batch *batch)
{
	free(batch->list);
	json_free(batch->document);
	*batch = (struct batch){0};
}

static int read_one(const struct json *object, struct json *seen, struct submission *out,
		    struct fault *why)
{
	static const char *const members[] = {"role", "document", NULL};
	const char *text;

	if (json_only(object, members, why) || json_need_text(object, "role", &out->role, why) ||
	    json_need_text(object, "document", &text, why))
		return -1;
	if (json_member(seen, out->role))
		return fault_set(why, FAULT_FORMAT, "role \"%.200s\" comes twice", out->role);
	out->data = text; // no NUL in it: the parser refuses those
	out->len = strlen(text);
	return json_put_bool(seen, out->role, true, why);
}

int batch_parse(const void *data, size_t len, struct batch *out, struct fault *why)
{
	static const char *const members[] = {"roles", NULL};
	OWNED(batch_drop) struct batch batch = {0};
	OWNED(json_drop) struct json *seen = json_make_object();
	const struct json *roles;

	if (json_parse(data, len, "batch", &batch.document, why) ||
	    json_only(batch.document, members, why) ||
	    json_need_array(batch.document, "roles", &roles, why))
		return -1;
	if (!json_count(roles))
		return fault_set(why, FAULT_FORMAT, "a batch without roles");
	batch.list = calloc(json_count(roles), sizeof(*batch.list));
	if (!batch.list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < json_count(roles); i++)
		if (read_one(json_item(roles, i), seen, &batch.list[batch.count++], why))
			return fault_within(why, "role %zu of the batch is malformed", i + 1);
	*out = batch;
	batch = (struct batch){0};
	return 0;
}
