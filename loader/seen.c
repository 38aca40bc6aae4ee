// SPDX-License-Identifier: Apache-2.0
#include "loader/seen.h"

#include <stdlib.h>

#include "base/owned.h"

// As it came from the worker: whoever asks gets one of his own.
struct seen_object {
	struct sha256 digest;
	struct bytes answer;
};

void seen_drop(struct seen *seen)
{
	for (size_t i = 0; i < seen->count; i++)
		bytes_drop(&seen->list[i].answer);
	free(seen->list);
	*seen = (struct seen){0};
}

static const struct seen_object *find(const struct seen *seen, const struct sha256 *object)
{
	for (size_t i = 0; i < seen->count; i++)
		if (sha256_equal(&seen->list[i].digest, object))
			return &seen->list[i];
	return NULL;
}

struct inspection *seen_get(const struct seen *seen, const struct sha256 *object)
{
	const struct seen_object *found = find(seen, object);
	struct inspection *inspection = NULL;
	struct fault ignored = {0};

	if (!found || inspection_read(found->answer.data, found->answer.len, &inspection, &ignored))
		return NULL;
	return inspection;
}

void seen_put(struct seen *seen, const struct sha256 *object, const struct inspection *inspection)
{
	OWNED(bytes_drop) struct bytes answer = {0};
	struct fault ignored = {0};
	struct seen_object *grown;

	if (find(seen, object) || inspection_write(inspection, &answer, &ignored))
		return;
	grown = reallocarray(seen->list, seen->count + 1, sizeof(*grown));
	if (!grown)
		return;
	seen->list = grown;
	grown[seen->count++] = (struct seen_object){.digest = *object, .answer = answer};
	answer = (struct bytes){0};
}
