// SPDX-License-Identifier: Apache-2.0
#include "loader/fetched.h"

#include <inttypes.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "loader/sys.h"

static int take(int dirfd, const char *name, uint64_t len, struct bytes *out, struct fault *why)
{
	OWNED(drop_fd) int file = -1;

	if (dirfd < 0)
		return fault_set(why, FAULT_NOT_FOUND, "the store is empty");
	if (file_open_at(dirfd, name, &file, why))
		return -1;
	if (file_read_fd(file, (size_t)len, out, why) == 0)
		return 0;
	if (why->code == FAULT_TOO_LARGE)
		why->code = FAULT_DIGEST; // longer than what was signed
	return -1;
}

static int refuse(const char *name, struct fault *why)
{
	return fault_set(why, FAULT_DIGEST, "blob %s is not what was signed", name);
}

static int read_from(int dirfd, const struct sha256 *digest, uint64_t len, struct bytes *out,
		     struct fault *why)
{
	OWNED(bytes_drop) struct bytes read = {0};
	char name[SHA256_HEX];
	struct sha256 got;

	sha256_hex(digest, name);
	if (take(dirfd, name, len, &read, why) || sha256_of(read.data, read.len, &got, why))
		return -1;
	if (read.len != len || !sha256_equal(&got, digest))
		return refuse(name, why);
	bytes_move(out, &read);
	return 0;
}

static int seal_from(int dirfd, const struct sha256 *digest, uint64_t len, int *out,
		     struct fault *why)
{
	OWNED(bytes_drop) struct bytes read = {0};
	OWNED(drop_fd) int sealed = -1;
	char name[SHA256_HEX];
	struct sha256 got;
	uint64_t got_len;

	sha256_hex(digest, name);
	if (take(dirfd, name, len, &read, why) ||
	    sys_sealed(read.data, read.len, name, &sealed, why) ||
	    sha256_of_fd(sealed, len, &got, &got_len, why))
		return -1;
	if (got_len != len || !sha256_equal(&got, digest))
		return refuse(name, why);
	*out = HAND_OVER_FD(sealed);
	return 0;
}

static int check_size(uint64_t len, struct fault *why)
{
	if (len > INSPECT_OBJECT_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "%" PRIu64 " bytes are more than the limit",
				 len);
	return 0;
}

int fetched_read(const struct fetched *fetched, const struct sha256 *digest, uint64_t len,
		 struct bytes *out, struct fault *why)
{
	struct fault ours = {0};

	if (check_size(len, why))
		return -1;
	if (read_from(fetched->store_dirfd, digest, len, out, why) == 0)
		return 0;
	if (read_from(fetched->copies_dirfd, digest, len, out, &ours))
		return -1;
	fault_clear(why);
	return 0;
}

int fetched_seal(const struct fetched *fetched, const struct sha256 *digest, uint64_t len, int *out,
		 struct fault *why)
{
	struct fault ours = {0};

	if (check_size(len, why))
		return -1;
	if (seal_from(fetched->store_dirfd, digest, len, out, why) == 0)
		return 0;
	if (seal_from(fetched->copies_dirfd, digest, len, out, &ours))
		return -1;
	fault_clear(why);
	return 0;
}
