// SPDX-License-Identifier: Apache-2.0
#include "base/batch.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"

struct batch_file {
	char *name;
	struct bytes bytes;
	mode_t mode;
	bool durable;
	char draft[FILE_DRAFT_LEN]; // its name while it is settled; "": it has none
	int fd;
};

static void batch_forget(const struct batch *batch, struct batch_file *file)
{
	if (file->draft[0])
		unlinkat(batch->dirfd, file->draft, 0);
	drop_fd(&file->fd);
	bytes_drop(&file->bytes);
	free(file->name);
}

void batch_drop(struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++)
		batch_forget(batch, &batch->files[i]);
	free(batch->files);
	batch->files = NULL;
	batch->count = batch->drafted = 0;
}

static bool is_stored(const struct batch *batch, const char *name)
{
	for (size_t i = 0; i < batch->count; i++)
		if (!strcmp(batch->files[i].name, name))
			return true;
	return false;
}

static int batch_add(struct batch *batch, const char *name, const void *data, size_t len,
		     const struct batch_file *like, struct fault *why)
{
	struct batch_file file = *like;
	struct batch_file *grown =
		reallocarray(batch->files, batch->count + 1, sizeof(*batch->files));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	batch->files = grown;
	if (text_copy(name, &file.name, why) || bytes_append(&file.bytes, data, len, why)) {
		free(file.name);
		return -1;
	}
	batch->files[batch->count++] = file;
	return 0;
}

int batch_store(struct batch *batch, const char *name, const void *data, size_t len, mode_t mode,
		struct fault *why)
{
	const struct batch_file like = {.mode = mode, .durable = true, .fd = -1};

	// Named by their content: the same name is the same file.
	if (is_stored(batch, name) || file_holds_at(batch->dirfd, name, data, len))
		return 0;
	return batch_add(batch, name, data, len, &like, why);
}

int batch_note(struct batch *batch, const char *name, const void *data, size_t len, mode_t mode,
	       struct fault *why)
{
	const struct batch_file like = {.mode = mode, .fd = -1};

	return batch_add(batch, name, data, len, &like, why);
}

// A note that cannot be kept is lost, as it may be at any time: nothing fails for it.
static int lose_note(const struct batch_file *file, struct fault *why)
{
	if (file->durable)
		return -1;
	fault_clear(why);
	return 0;
}

static int draft(const struct batch *batch, struct batch_file *file, struct fault *why)
{
	if (!file_draft_at(batch->dirfd, file->bytes.data, file->bytes.len, file->mode, file->draft,
			   &file->fd, why))
		return 0;
	file->draft[0] = '\0'; // it has removed it
	fault_within(why, "cannot write %s", file->name);
	return lose_note(file, why);
}

static int place(const struct batch *batch, struct batch_file *file, struct fault *why)
{
	int result = file->draft[0] ? file_place_at(batch->dirfd, file->draft, file->name, why) : 0;

	file->draft[0] = '\0'; // likewise
	return result ? lose_note(file, why) : 0;
}

// Has the contents of all written out, before the first is waited for: a file system with a journal then commits once, not
// for each file. It promises nothing, so what comes of it is not asked: what fails is told by the fsync that follows.
static void hurry(const struct batch *batch)
{
	for (size_t i = batch->drafted; i < batch->count; i++)
		if (batch->files[i].durable)
			(void)!sync_file_range(batch->files[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}

static int draft_all(struct batch *batch, struct fault *why)
{
	for (size_t i = batch->drafted; i < batch->count; i++)
		if (draft(batch, &batch->files[i], why))
			return -1;
	hurry(batch);
	for (size_t i = batch->drafted; i < batch->count; i++)
		// After a failed fsync the pages may be gone: the whole transaction is dead (A66).
		if (batch->files[i].durable && fsync(batch->files[i].fd))
			return fault_errno(why, FAULT_OTHER, "cannot make %s durable",
					   batch->files[i].name);
	batch->drafted = batch->count;
	return 0;
}

int batch_draft(struct batch *batch, struct fault *why)
{
	if (draft_all(batch, why) == 0)
		return 0;
	batch_drop(batch);
	return -1;
}

static int settle(struct batch *batch, struct fault *why)
{
	if (draft_all(batch, why))
		return -1;
	for (size_t i = 0; i < batch->count; i++)
		if (place(batch, &batch->files[i], why))
			return -1;
	return batch->count ? dir_sync(batch->dirfd, why) : 0;
}

int batch_settle(struct batch *batch, struct fault *why)
{
	int result = settle(batch, why);

	batch_drop(batch);
	return result;
}
