// SPDX-License-Identifier: Apache-2.0
#include "repod/shelf.h"

#include <stdint.h>
#include <string.h>

#include "base/digest.h"
#include "base/owned.h"

// A power of two. Names are chosen by whoever publishes, and the shelf is emptied before chains grow long (A32).
#define SLOTS	  1024
#define ITEMS_MAX 4096

struct shelf_item {
	char *name;
	char etag[SHA256_HEX];
	struct bytes data;
	struct shelf_item *next;
	unsigned references;
};

struct shelf {
	struct shelf_item *slots[SLOTS];
	size_t bytes, max, count;
};

int shelf_new(size_t max, struct shelf **out, struct fault *why)
{
	struct shelf *shelf = calloc(1, sizeof(*shelf));

	if (!shelf)
		return fault_set(why, FAULT_OTHER, "out of memory");
	shelf->max = max;
	*out = shelf;
	return 0;
}

void shelf_drop(struct shelf_item **item)
{
	struct shelf_item *mine = *item;

	*item = NULL;
	if (!mine || __atomic_sub_fetch(&mine->references, 1, __ATOMIC_ACQ_REL))
		return;
	bytes_drop(&mine->data);
	free(mine->name);
	free(mine);
}

static struct shelf_item *keep(struct shelf_item *item)
{
	__atomic_add_fetch(&item->references, 1, __ATOMIC_RELAXED);
	return item;
}

static void empty(struct shelf *shelf)
{
	for (size_t i = 0; i < SLOTS; i++) {
		while (shelf->slots[i]) {
			struct shelf_item *item = shelf->slots[i];

			shelf->slots[i] = item->next;
			shelf_drop(&item);
		}
	}
	shelf->bytes = shelf->count = 0;
}

void shelf_free(struct shelf *shelf)
{
	if (!shelf)
		return;
	empty(shelf);
	free(shelf);
}

static size_t slot_of(const char *name)
{
	uint32_t hash = 2166136261u;

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * 16777619u;
	return hash & (SLOTS - 1);
}

struct shelf_item *shelf_find(struct shelf *shelf, const char *name)
{
	struct shelf_item *item = shelf->slots[slot_of(name)];

	while (item && strcmp(item->name, name) != 0)
		item = item->next;
	return item ? keep(item) : NULL;
}

int shelf_put(struct shelf *shelf, const char *name, const char *etag, struct bytes *data,
	      struct shelf_item **out, struct fault *why)
{
	OWNED(shelf_drop) struct shelf_item *item = calloc(1, sizeof(*item));
	size_t slot = slot_of(name);

	if (!item)
		return fault_set(why, FAULT_OTHER, "out of memory");
	item->references = 1;
	if (text_copy(name, &item->name, why))
		return -1;
	memcpy(item->etag, etag, strnlen(etag, sizeof(item->etag) - 1));
	bytes_move(&item->data, data);
	*out = keep(item);
	// One file may take a quarter of the room at most.
	if (item->data.len > shelf->max / 4)
		return 0;
	if (shelf->bytes + item->data.len > shelf->max || shelf->count == ITEMS_MAX)
		empty(shelf);
	shelf->bytes += item->data.len;
	shelf->count++;
	item->next = shelf->slots[slot];
	shelf->slots[slot] = HAND_OVER(item);
	return 0;
}

const struct bytes *shelf_bytes(const struct shelf_item *item)
{
	return &item->data;
}

const char *shelf_etag(const struct shelf_item *item)
{
	return item->etag;
}
