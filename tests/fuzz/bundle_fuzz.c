// SPDX-License-Identifier: Apache-2.0
// bpf/bundle, bundle_job: what is unpacked is exactly what a second, simple reader of tar finds in the same bytes.
// First byte: 0 the rest is a bundle; 1 the rest is its tar, compressed here.
#include "bpf/bundle.h"

#include <archive.h>
#include <archive_entry.h>

#include "base/owned.h"
#include "bpf/frame.h"
#include "tests/fuzz/fuzz.h"

#define BLOCK 512

static la_ssize_t pour(struct archive *archive, void *ctx, const void *data, size_t len)
{
	(void)archive;
	MUST(bytes_append(ctx, data, len, &must));
	return (la_ssize_t)len;
}

static void compress(const uint8_t *tar, size_t len, struct bytes *out)
{
	struct archive *archive = archive_write_new();
	struct archive_entry *entry = archive_entry_new();

	HOLDS(archive_write_set_format_raw(archive) == ARCHIVE_OK);
	HOLDS(archive_write_add_filter_zstd(archive) == ARCHIVE_OK);
	HOLDS(archive_write_set_filter_option(archive, "zstd", "compression-level", "1") ==
	      ARCHIVE_OK);
	archive_write_set_bytes_in_last_block(archive, 1);
	HOLDS(archive_write_open2(archive, out, NULL, pour, NULL, NULL) == ARCHIVE_OK);
	archive_entry_set_filetype(entry, AE_IFREG);
	HOLDS(archive_write_header(archive, entry) == ARCHIVE_OK);
	HOLDS(archive_write_data(archive, tar, len) == (la_ssize_t)len);
	HOLDS(archive_write_close(archive) == ARCHIVE_OK);
	archive_entry_free(entry);
	archive_write_free(archive);
}

// The tar read by hand: headers of 512 bytes, the name in front, the size in octal at 124, data padded to blocks, two
// empty blocks, the end.
static void compare(const uint8_t *tar, size_t len, const struct bytes *answer)
{
	struct frame frame = {answer->data, answer->len};
	uint64_t count, size;
	const void *data;
	char name[101];
	size_t at = 0, data_len;

	MUST(frame_get_number(&frame, BUNDLE_MEMBERS_MAX, &count, &must));
	for (uint64_t i = 0; i < count; i++) {
		MUST(frame_get_text(&frame, name, sizeof(name), &must));
		MUST(frame_get_block(&frame, len, &data, &data_len, &must));
		HOLDS(at + BLOCK <= len && !strncmp((const char *)tar + at, name, 100));
		HOLDS(sscanf((const char *)tar + at + 124, "%11lo", &size) == 1);
		HOLDS(size == data_len && tar[at + 156] == '0');
		at += BLOCK;
		HOLDS(at + size <= len && !memcmp(tar + at, data, data_len));
		at += (size + BLOCK - 1) / BLOCK * BLOCK;
	}
	HOLDS(at + 2 * BLOCK == len);
	for (; at < len; at++)
		HOLDS(tar[at] == 0);
	MUST(frame_end(&frame, &must));
}

static void unpack(const void *bundle, size_t bundle_len, const uint8_t *tar, size_t tar_len)
{
	OWNED(bytes_drop) struct bytes answer = {0};
	OWNED(bundle_drop) struct bundle *decoded = NULL;
	struct fault why = {0};

	if (bundle_job(bundle, bundle_len, &answer, &why)) {
		fuzz_refused(&why);
		return;
	}
	if (tar)
		compare(tar, tar_len, &answer);
	if (bundle_decode(answer.data, answer.len, &decoded, &why))
		fuzz_refused(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	OWNED(bytes_drop) struct bytes bundle = {0};

	if (!(fuzz_byte(&input) & 1)) {
		unpack(input.at, input.left, NULL, 0);
		return 0;
	}
	compress(input.at, input.left, &bundle);
	unpack(bundle.data, bundle.len, input.at, input.left);
	return 0;
}
