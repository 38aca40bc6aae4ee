// SPDX-License-Identifier: Apache-2.0
#include "repod/blob.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/owned.h"

#define TEMPORARY     ".tmp-"
#define TEMPORARY_LEN 32
#define BLOB_MODE     0440

int blob_open(int dirfd, const struct sha256 *digest, int *out, uint64_t *len, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	char name[SHA256_HEX];
	struct stat st;

	sha256_hex(digest, name);
	if (file_open_at(dirfd, name, &fd, why))
		return -1;
	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot stat blob %s", name);
	*len = (uint64_t)st.st_size;
	*out = HAND_OVER_FD(fd);
	return 0;
}

int blob_read(int dirfd, const struct sha256 *digest, size_t max, struct bytes *out,
	      struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct sha256 have;
	char name[SHA256_HEX];

	sha256_hex(digest, name);
	if (file_read_at(dirfd, name, max, &data, why) ||
	    sha256_of(data.data, data.len, &have, why))
		return -1;
	if (!sha256_equal(&have, digest))
		return fault_set(why, FAULT_DIGEST, "blob %s is damaged", name);
	bytes_move(out, &data);
	return 0;
}

// ---- uploads ----

struct upload {
	int dirfd; // borrowed
	int fd;
	char name[TEMPORARY_LEN]; // "" once it has its own name
	struct digest *digest;
	uint64_t len, max;
};

void upload_drop(struct upload **upload)
{
	struct upload *mine = *upload;

	*upload = NULL;
	if (!mine)
		return;
	if (mine->name[0])
		unlinkat(mine->dirfd, mine->name, 0);
	drop_fd(&mine->fd);
	digest_drop(&mine->digest);
	free(mine);
}

int upload_begin(int dirfd, uint64_t max, struct upload **out, struct fault *why)
{
	OWNED(upload_drop) struct upload *upload = calloc(1, sizeof(*upload));
	unsigned char random[8];
	char hex[2 * sizeof(random) + 1];

	if (!upload)
		return fault_set(why, FAULT_OTHER, "out of memory");
	upload->dirfd = dirfd;
	upload->fd = -1;
	upload->max = max;
	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return fault_errno(why, FAULT_OTHER, "no random bytes");
	hex_write(random, sizeof(random), hex);
	if (digest_begin(&upload->digest, why))
		return -1;
	snprintf(upload->name, sizeof(upload->name), TEMPORARY "%s", hex);
	upload->fd = openat(dirfd, upload->name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
	if (upload->fd < 0) {
		upload->name[0] = '\0';
		return fault_errno(why, FAULT_OTHER, "cannot make a file for an upload");
	}
	*out = HAND_OVER(upload);
	return 0;
}

int upload_add(struct upload *upload, const void *data, size_t len, struct fault *why)
{
	if (len > upload->max - upload->len)
		return fault_set(why, FAULT_TOO_LARGE, "an upload has at most %llu bytes",
				 (unsigned long long)upload->max);
	if (digest_add(upload->digest, data, len, why) ||
	    file_write_all(upload->fd, data, len, why))
		return -1;
	upload->len += len;
	return 0;
}

// A blob of that name that really has those bytes. A damaged one counts as none, and so is mended by its owner.
static bool is_sound(int dirfd, const char *name, const struct sha256 *wanted, uint64_t len)
{
	OWNED(drop_fd) int fd = -1;
	struct fault ignored = {0};
	struct sha256 have;
	uint64_t have_len = 0;

	return file_open_at(dirfd, name, &fd, &ignored) == 0 &&
	       sha256_of_fd(fd, len, &have, &have_len, &ignored) == 0 && have_len == len &&
	       sha256_equal(&have, wanted);
}

int upload_keep(struct upload *upload, const struct sha256 *wanted, bool *made, struct fault *why)
{
	struct sha256 have;
	char name[SHA256_HEX];

	if (digest_end(HAND_OVER(upload->digest), &have, why))
		return -1;
	sha256_hex(wanted, name);
	if (!sha256_equal(&have, wanted))
		return fault_set(why, FAULT_DIGEST, "the bytes received are not those of %s", name);
	*made = !is_sound(upload->dirfd, name, wanted, upload->len);
	// Where it stands already it was made durable by whoever put it there, or its directory entry still is on
	// its way: the sync costs little and the promise of 200 is the same.
	if (!*made)
		return dir_sync(upload->dirfd, why);
	if (fchmod(upload->fd, BLOB_MODE) || fsync(upload->fd))
		return fault_errno(why, FAULT_OTHER, "cannot make an upload durable");
	if (renameat(upload->dirfd, upload->name, upload->dirfd, name))
		return fault_errno(why, FAULT_OTHER, "cannot put blob %s in place", name);
	upload->name[0] = '\0';
	return dir_sync(upload->dirfd, why);
}

int blob_tidy(int dirfd, size_t *removed, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	*removed = 0;
	if (names_list(dirfd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		if (strncmp(names.name[i], TEMPORARY, strlen(TEMPORARY)) != 0)
			continue;
		if (file_remove_at(dirfd, names.name[i], why))
			return -1;
		(*removed)++;
	}
	return 0;
}
