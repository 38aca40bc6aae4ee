// SPDX-License-Identifier: Apache-2.0
#include "loader/recall.h"

#include <stdio.h>
#include <string.h>

#include "base/build.h"
#include "base/file.h"
#include "base/owned.h"

// An answer is never longer (bpf/inspect.c).
#define SEEN_MAX     ((1u << 20) + sizeof(struct head))
#define NAME_MAX_LEN (SHA256_HEX + sizeof(RECALL_SUFFIX))

// Before the answer. The digest is of the head itself, but for this, and of the answer: a file that a crash cut short, that
// was damaged, or that has another's name is none.
struct head {
	char magic[16];
	struct sha256 digest, build, object;
};

static const char magic[16] = "bpfseal.seen/1\n";

void recall_init(struct recall *recall, int objects_dirfd)
{
	struct fault ignored = {0};

	*recall = (struct recall){.dirfd = objects_dirfd};
	recall->works = objects_dirfd >= 0 && build_digest(&recall->build, &ignored) == 0;
}

static void name_of(const struct sha256 *object, char name[static NAME_MAX_LEN])
{
	char hex[SHA256_HEX];

	sha256_hex(object, hex);
	snprintf(name, NAME_MAX_LEN, "%s" RECALL_SUFFIX, hex);
}

// With room for the digest, which is zero in what it is taken of.
static int seal(struct bytes *file, struct sha256 *out, struct fault *why)
{
	memset(file->data + offsetof(struct head, digest), 0, sizeof(struct sha256));
	return sha256_of(file->data, file->len, out, why);
}

static bool is_sound(const struct recall *recall, const struct sha256 *object, struct bytes *file)
{
	struct fault ignored = {0};
	struct sha256 got;
	struct head head;

	if (file->len < sizeof(head))
		return false;
	memcpy(&head, file->data, sizeof(head));
	return !memcmp(head.magic, magic, sizeof(magic)) &&
	       sha256_equal(&head.build, &recall->build) && sha256_equal(&head.object, object) &&
	       seal(file, &got, &ignored) == 0 && sha256_equal(&head.digest, &got);
}

struct inspection *recall_get(const struct recall *recall, const struct sha256 *object)
{
	OWNED(bytes_drop) struct bytes file = {0};
	struct inspection *found = NULL;
	struct fault ignored = {0};
	char name[NAME_MAX_LEN];

	if (!recall->works)
		return NULL;
	name_of(object, name);
	if (file_read_at(recall->dirfd, name, SEEN_MAX, &file, &ignored) ||
	    !is_sound(recall, object, &file) ||
	    inspection_read(file.data + sizeof(struct head), file.len - sizeof(struct head), &found,
			    &ignored))
		return NULL;
	return found;
}

void recall_put(const struct recall *recall, const struct sha256 *object,
		const struct inspection *inspection, struct batch *batch)
{
	struct head head = {.build = recall->build, .object = *object};
	OWNED(bytes_drop) struct bytes file = {0};
	struct fault ignored = {0};
	char name[NAME_MAX_LEN];

	if (!recall->works)
		return;
	memcpy(head.magic, magic, sizeof(magic));
	name_of(object, name);
	if (bytes_append(&file, &head, sizeof(head), &ignored) ||
	    inspection_write(inspection, &file, &ignored) || seal(&file, &head.digest, &ignored))
		return;
	memcpy(file.data, &head, sizeof(head));
	if (batch_note(batch, name, file.data, file.len, 0600, &ignored))
		fault_clear(&ignored);
}
