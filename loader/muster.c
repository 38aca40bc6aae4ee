// SPDX-License-Identifier: Apache-2.0
#include "loader/muster.h"

#include <stdlib.h>

#include "base/file.h"
#include "base/owned.h"

static void object_drop(struct muster_object *object)
{
	worker_drop(&object->worker);
	bytes_drop(&object->bytes);
	inspection_free(object->inspection);
}

void muster_drop(struct muster *muster)
{
	for (size_t i = 0; i < muster->count; i++)
		object_drop(&muster->objects[i]);
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

// ---- the workers ----

static void begin(struct muster_object *object)
{
	if (!object->recalled &&
	    inspect_begin(object->bytes.data, object->bytes.len, &object->worker, &object->refused))
		object->worker = (struct worker)WORKER_NONE;
}

static void end(struct muster_object *object)
{
	if (object->worker.pid &&
	    inspect_end(&object->worker, &object->inspection, &object->refused))
		object->inspection = NULL;
}

// In the order in which they came: so that of the bytes of those that wait nothing is held in a worker.
static void begin_more(struct muster *muster, size_t width)
{
	while (muster->begun < muster->count && muster->begun < muster->ended + width)
		begin(&muster->objects[muster->begun++]);
}

static bool is_over(const struct muster_object *object)
{
	return !object->worker.pid || worker_is_over(&object->worker);
}

// Waits for nobody.
static void press_on(struct muster *muster, size_t width)
{
	begin_more(muster, width);
	while (muster->ended < muster->begun && is_over(&muster->objects[muster->ended])) {
		end(&muster->objects[muster->ended++]);
		begin_more(muster, width);
	}
}

static void wait_for_all(struct muster *muster, size_t width)
{
	while (muster->ended < muster->count) {
		begin_more(muster, width);
		end(&muster->objects[muster->ended++]);
	}
}

// ---- who comes in ----

static int make_room(struct muster *muster, struct fault *why)
{
	size_t room = muster->room ? 2 * muster->room : 8;
	struct muster_object *grown;

	if (muster->count < muster->room)
		return 0;
	grown = reallocarray(muster->objects, room, sizeof(*grown));
	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	muster->objects = grown;
	muster->room = room;
	return 0;
}

// From the sealed memory of which the digest was taken.
static int enter(const struct recall *recall, const struct seen *seen, const struct member *member,
		 struct muster *muster, struct fault *why)
{
	struct muster_object object = {.digest = member->object, .worker = WORKER_NONE};

	if (muster_find(muster, &member->object))
		return 0;
	if (make_room(muster, why) ||
	    file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &object.bytes, why))
		return -1;
	object.inspection = seen_get(seen, &object.digest);
	if (!object.inspection)
		object.inspection = recall_get(recall, &object.digest);
	object.recalled = object.inspection != NULL;
	muster->objects[muster->count++] = object;
	return 0;
}

int muster_enter(const struct recall *recall, const struct seen *seen, const struct member *member,
		 struct muster *muster, struct fault *why)
{
	if (enter(recall, seen, member, muster, why))
		return -1;
	press_on(muster, inspect_at_a_time());
	return 0;
}

int muster_call(const struct recall *recall, struct seen *seen, const struct member *members,
		size_t count, struct muster *muster, struct fault *why)
{
	for (size_t i = 0; i < count; i++)
		if (members[i].pending && enter(recall, seen, &members[i], muster, why))
			return -1;
	wait_for_all(muster, inspect_at_a_time());
	for (size_t i = 0; i < muster->count; i++)
		if (muster->objects[i].inspection)
			seen_put(seen, &muster->objects[i].digest, muster->objects[i].inspection);
	return 0;
}
