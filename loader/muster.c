// SPDX-License-Identifier: Apache-2.0
#include "loader/muster.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/owned.h"

void muster_drop(struct muster *muster)
{
	for (size_t i = 0; i < muster->count; i++) {
		bytes_drop(&muster->objects[i].bytes);
		inspection_free(muster->objects[i].inspection);
	}
	free(muster->objects);
	*muster = (struct muster){0};
}

struct muster_object *muster_find(const struct muster *muster, const struct sha256 *digest)
{
	for (size_t i = 0; i < muster->count; i++)
		if (sha256_equal(&muster->objects[i].digest, digest))
			return &muster->objects[i];
	return NULL;
}

// From the sealed memory of which the digest was taken.
static int enter(const struct recall *recall, const struct seen *seen, const struct member *member,
		 struct muster *muster, struct fault *why)
{
	struct muster_object *object = &muster->objects[muster->count];

	object->digest = member->object;
	muster->count++;
	if (file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &object->bytes, why))
		return -1;
	object->inspection = seen_get(seen, &object->digest);
	if (!object->inspection)
		object->inspection = recall_get(recall, &object->digest);
	object->recalled = object->inspection != NULL;
	return 0;
}

static int inspect_rest(struct muster *muster, struct fault *why)
{
	struct inspect_ask *asks = calloc(muster->count + 1, sizeof(*asks));
	size_t count = 0;

	if (!asks)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < muster->count; i++)
		if (!muster->objects[i].recalled)
			asks[count++] =
				(struct inspect_ask){.object = muster->objects[i].bytes.data,
						     .len = muster->objects[i].bytes.len};
	inspect_objects(asks, count);
	for (size_t i = muster->count; i-- > 0;)
		if (!muster->objects[i].recalled) {
			count--;
			muster->objects[i].inspection = asks[count].inspection;
			muster->objects[i].refused = asks[count].refused;
		}
	free(asks);
	return 0;
}

int muster_call(const struct recall *recall, struct seen *seen, const struct member *members,
		size_t count, struct muster *out, struct fault *why)
{
	OWNED(muster_drop) struct muster muster = {0};

	muster.objects = calloc(count + 1, sizeof(*muster.objects));
	if (!muster.objects)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (members[i].pending && !muster_find(&muster, &members[i].object) &&
		    enter(recall, seen, &members[i], &muster, why))
			return -1;
	if (inspect_rest(&muster, why))
		return -1;
	for (size_t i = 0; i < muster.count; i++)
		if (muster.objects[i].inspection)
			seen_put(seen, &muster.objects[i].digest, muster.objects[i].inspection);
	*out = muster;
	muster = (struct muster){0};
	return 0;
}
