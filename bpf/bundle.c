// SPDX-License-Identifier: Apache-2.0
#include "bpf/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "base/worker.h"
#include "bpf/frame.h"
#include "bpf/manifestreader.h"

#define TAR_BLOCK 512
// Header and padding of each member and the two empty blocks at the end: what the tar is larger than its members.
#define TAR_EXTRA_MAX ((BUNDLE_MEMBERS_MAX * 2 + 2) * TAR_BLOCK)

// A35: an object compresses to about a tenth; zstd makes 64 MiB of zeros from 6 KiB. Below the floor any ratio is harmless.
#define RATIO_MAX   100
#define RATIO_FLOOR (1u << 20)

// Fixed, for the same input has to give the same bytes. Bundles are packed once and fetched by a whole fleet.
#define ZSTD_LEVEL "19"

// Room for the bundle, its tar, its members and the answer, each with the slack of a doubling run.
#define WORKER_MEMORY_MAX  (1024u << 20)
#define WORKER_SECONDS_MAX 20

static void drop_reader(struct archive **archive)
{
	if (*archive)
		archive_read_free(*archive);
	*archive = NULL;
}

static void drop_writer(struct archive **archive)
{
	if (*archive)
		archive_write_free(*archive);
	*archive = NULL;
}

static void drop_entry(struct archive_entry **entry)
{
	if (*entry)
		archive_entry_free(*entry);
	*entry = NULL;
}

static int archive_fault(struct archive *archive, struct fault *why, const char *what)
{
	const char *text = archive ? archive_error_string(archive) : NULL;

	return fault_set(why, FAULT_FORMAT, "the bundle %s: %s", what,
			 text ? text : "out of memory");
}

static size_t unpacked_max(size_t packed_len)
{
	size_t by_ratio = packed_len * RATIO_MAX;

	if (by_ratio < RATIO_FLOOR)
		by_ratio = RATIO_FLOOR;
	if (by_ratio > BUNDLE_UNPACKED_MAX + TAR_EXTRA_MAX)
		by_ratio = BUNDLE_UNPACKED_MAX + TAR_EXTRA_MAX;
	return by_ratio;
}

// ---- packing ----

// One file as it stands in the archive. Borrowed.
struct packed {
	const char *name;
	const void *data;
	size_t len;
};

// Where the archive's bytes go: into a run, or (with `expected`) against bytes that they have to be.
struct sink {
	struct bytes *out;
	const unsigned char *expected;
	size_t expected_len;
	size_t at;
	bool failed;
	struct fault *why;
};

// A failure is remembered, not returned: libarchive 3.6 loses memory when a write fails under it.
static la_ssize_t sink_write(struct archive *archive, void *ctx, const void *data, size_t len)
{
	struct sink *sink = ctx;

	(void)archive;
	if (sink->failed)
		return (la_ssize_t)len;
	if (sink->out)
		sink->failed = bytes_append(sink->out, data, len, sink->why) != 0;
	else
		sink->failed = len > sink->expected_len - sink->at ||
			       memcmp(sink->expected + sink->at, data, len) != 0;
	if (!sink->failed)
		sink->at += len;
	return (la_ssize_t)len;
}

static int entry_write(struct archive *archive, const struct packed *file, struct fault *why)
{
	OWNED(drop_entry) struct archive_entry *entry = archive_entry_new();

	if (!entry)
		return fault_set(why, FAULT_OTHER, "out of memory");
	// Nothing but name, size and bytes: no time, no owner, no mode that an unpacker could act on (A39).
	archive_entry_set_pathname(entry, file->name);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0444);
	archive_entry_set_size(entry, (la_int64_t)file->len);
	archive_entry_set_mtime(entry, 0, 0);
	archive_entry_set_uid(entry, 0);
	archive_entry_set_gid(entry, 0);
	if (archive_write_header(archive, entry) != ARCHIVE_OK)
		return archive_fault(archive, why, "cannot be written");
	if (file->len &&
	    archive_write_data(archive, file->data, file->len) != (la_ssize_t)file->len)
		return archive_fault(archive, why, "cannot be written");
	return 0;
}

// The one way in which a bundle's tar is written. The order is the caller's.
static int tar_write(const struct packed *files, size_t count, bool compress, struct sink *sink,
		     struct fault *why)
{
	OWNED(drop_writer) struct archive *archive = archive_write_new();

	if (!archive || archive_write_set_format_ustar(archive) != ARCHIVE_OK)
		return archive_fault(archive, why, "cannot be written");
	if (compress && (archive_write_add_filter_zstd(archive) != ARCHIVE_OK ||
			 archive_write_set_filter_option(archive, "zstd", "compression-level",
							 ZSTD_LEVEL) != ARCHIVE_OK))
		return archive_fault(archive, why, "cannot be compressed");
	archive_write_set_bytes_per_block(archive, 0);
	archive_write_set_bytes_in_last_block(archive, 1);
	if (archive_write_open2(archive, sink, NULL, sink_write, NULL, NULL) != ARCHIVE_OK)
		return archive_fault(archive, why, "cannot be written");
	for (size_t i = 0; i < count; i++) {
		if (entry_write(archive, &files[i], why))
			return -1;
	}
	if (archive_write_close(archive) != ARCHIVE_OK)
		return archive_fault(archive, why, "cannot be written");
	return 0;
}

static int by_name(const void *left, const void *right)
{
	const struct packed *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int check_members(const struct packed *files, size_t count, struct fault *why)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++) {
		if (!name_is_plain(files[i].name, BUNDLE_NAME_MAX) ||
		    strcmp(files[i].name, MANIFEST_NAME) == 0)
			return fault_set(why, FAULT_FORMAT, "'%.80s' cannot be a bundle's member",
					 files[i].name);
		if (i && strcmp(files[i - 1].name, files[i].name) == 0)
			return fault_set(why, FAULT_FORMAT, "member '%s' occurs twice",
					 files[i].name);
		if (__builtin_add_overflow(total, files[i].len, &total) ||
		    total > BUNDLE_UNPACKED_MAX - MANIFEST_MAX)
			return fault_set(why, FAULT_TOO_LARGE,
					 "the members have more than %u bytes together",
					 BUNDLE_UNPACKED_MAX - MANIFEST_MAX);
	}
	return 0;
}

// Replaces the manifest's list of files by what is about to be packed.
static int fill_files(struct manifest *manifest, const struct packed *files, size_t count,
		      struct fault *why)
{
	struct manifest_file *rows = calloc(count, sizeof *rows);

	if (!rows)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < manifest->file_count; i++)
		free(manifest->files[i].name);
	free(manifest->files);
	manifest->files = rows;
	manifest->file_count = count;
	for (size_t i = 0; i < count; i++) {
		rows[i].size = files[i].len;
		if (text_copy(files[i].name, &rows[i].name, why) ||
		    sha256_of(files[i].data, files[i].len, &rows[i].sha256, why))
			return -1;
	}
	return 0;
}

int bundle_write(struct manifest *manifest, const struct bundle_member *members, size_t count,
		 struct bytes *out, struct fault *why)
{
	struct packed files[BUNDLE_MEMBERS_MAX];
	OWNED(manifest_drop) struct manifest *parsed = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes packed = {0};
	struct sink sink = {.out = &packed, .why = why};
	size_t total;

	if (!count || count >= BUNDLE_MEMBERS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "a bundle has 1 to %d members, not %zu",
				 BUNDLE_MEMBERS_MAX - 1, count);
	for (size_t i = 0; i < count; i++)
		files[i + 1] = (struct packed){members[i].name, bytes_text(&members[i].data),
					       members[i].data.len};
	qsort(files + 1, count, sizeof *files, by_name);
	if (check_members(files + 1, count, why) || fill_files(manifest, files + 1, count, why) ||
	    manifest_write(manifest, &text, why))
		return -1;
	// Nothing is packed that a reader would refuse.
	if (manifest_parse(text.data, text.len, MANIFEST_NAME, &parsed, why))
		return -1;
	files[0] = (struct packed){MANIFEST_NAME, text.data, text.len};
	if (tar_write(files, count + 1, true, &sink, why) || sink.failed)
		return -1;
	total = TAR_EXTRA_MAX + text.len;
	for (size_t i = 1; i <= count; i++)
		total += files[i].len;
	if (packed.len > BUNDLE_MAX || total > unpacked_max(packed.len))
		return fault_set(
			why, FAULT_TOO_LARGE,
			"the bundle has %zu bytes (at most %u), unpacked %zu (at most %zu)",
			packed.len, BUNDLE_MAX, total, unpacked_max(packed.len));
	return bytes_append(out, packed.data, packed.len, why);
}

// ---- unpacking, in the worker ----

// Undoes the compression alone, under the cap, so that the tar reader sees a plain run of bytes.
static int decompress(const void *data, size_t len, struct bytes *tar, struct fault *why)
{
	OWNED(drop_reader) struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	unsigned char piece[16384];
	la_ssize_t got;
	size_t max = unpacked_max(len);

	// Exactly one filter and one format; the ones that "all" would add have been the holes (A36).
	if (!archive || archive_read_support_filter_zstd(archive) != ARCHIVE_OK ||
	    archive_read_support_format_raw(archive) != ARCHIVE_OK ||
	    archive_read_open_memory(archive, data, len) != ARCHIVE_OK ||
	    archive_read_next_header(archive, &entry) != ARCHIVE_OK)
		return archive_fault(archive, why, "is not zstd");
	if (archive_filter_count(archive) != 2 ||
	    archive_filter_code(archive, 0) != ARCHIVE_FILTER_ZSTD)
		return fault_set(why, FAULT_FORMAT, "the bundle is not zstd");
	while ((got = archive_read_data(archive, piece, sizeof piece)) > 0) {
		if ((size_t)got > max - tar->len)
			return fault_set(why, FAULT_TOO_LARGE,
					 "the bundle unpacks to more than %zu bytes", max);
		if (bytes_append(tar, piece, (size_t)got, why))
			return -1;
	}
	return got < 0 ? archive_fault(archive, why, "is damaged") : 0;
}

struct unpacked {
	char name[BUNDLE_NAME_MAX + 1];
	struct bytes data;
};

struct unpacking {
	struct unpacked members[BUNDLE_MEMBERS_MAX];
	size_t count;
};

static void drop_unpacking(struct unpacking *unpacking)
{
	for (size_t i = 0; i < unpacking->count; i++)
		bytes_drop(&unpacking->members[i].data);
}

static int check_entry(const struct unpacking *unpacking, struct archive_entry *entry,
		       struct fault *why)
{
	const char *name = archive_entry_pathname(entry);

	// A33: a name is never a path.
	if (!name || !name_is_plain(name, BUNDLE_NAME_MAX))
		return fault_set(why, FAULT_FORMAT, "the bundle has a member '%.80s'",
				 name ? name : "");
	// A34: nothing but plain files.
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry) ||
	    archive_entry_symlink(entry))
		return fault_set(why, FAULT_FORMAT, "member '%s' is not a regular file", name);
	// A37: of two members of one name, one reader sees the first and another the last.
	for (size_t i = 0; i < unpacking->count; i++) {
		if (strcmp(unpacking->members[i].name, name) == 0)
			return fault_set(why, FAULT_FORMAT, "member '%s' occurs twice", name);
	}
	if (unpacking->count == BUNDLE_MEMBERS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the bundle has more than %d members",
				 BUNDLE_MEMBERS_MAX);
	if (!unpacking->count && strcmp(name, MANIFEST_NAME) != 0)
		return fault_set(why, FAULT_FORMAT, "the bundle starts with '%s', not with %s",
				 name, MANIFEST_NAME);
	return 0;
}

static int unpack_member(struct archive *archive, struct archive_entry *entry, size_t tar_len,
			 struct unpacked *member, struct fault *why)
{
	la_int64_t size = archive_entry_size(entry);
	unsigned char piece[16384];
	la_ssize_t got;

	// The tar is in memory: no member can be larger than it (A38).
	if (!archive_entry_size_is_set(entry) || size < 0 || (uint64_t)size > tar_len)
		return fault_set(why, FAULT_FORMAT, "member '%s' has another size than it declares",
				 member->name);
	while ((got = archive_read_data(archive, piece, sizeof piece)) > 0) {
		if ((size_t)got > (size_t)size - member->data.len)
			return fault_set(why, FAULT_FORMAT,
					 "member '%s' has another size than it declares",
					 member->name);
		if (bytes_append(&member->data, piece, (size_t)got, why))
			return -1;
	}
	if (got < 0)
		return archive_fault(archive, why, "is damaged");
	if (member->data.len != (size_t)size)
		return fault_set(why, FAULT_FORMAT, "member '%s' is cut short", member->name);
	return 0;
}

static int untar(const struct bytes *tar, struct unpacking *unpacking, struct fault *why)
{
	OWNED(drop_reader) struct archive *archive = archive_read_new();
	struct archive_entry *entry;
	int got;

	if (!archive || archive_read_support_format_tar(archive) != ARCHIVE_OK ||
	    archive_read_open_memory(archive, tar->data, tar->len) != ARCHIVE_OK)
		return archive_fault(archive, why, "is not a tar");
	while ((got = archive_read_next_header(archive, &entry)) == ARCHIVE_OK) {
		struct unpacked *member = &unpacking->members[unpacking->count];

		if (archive_format(archive) != ARCHIVE_FORMAT_TAR_USTAR)
			return fault_set(why, FAULT_FORMAT, "the bundle is not a plain ustar");
		if (check_entry(unpacking, entry, why))
			return -1;
		snprintf(member->name, sizeof member->name, "%s", archive_entry_pathname(entry));
		unpacking->count++;
		if (unpack_member(archive, entry, tar->len, member, why))
			return -1;
	}
	return got == ARCHIVE_EOF ? 0 : archive_fault(archive, why, "is not a tar");
}

// Packs what was read again and holds it against the tar that was read: a bundle has one spelling, so there is no room
// for other modes, owners, times, headers, padding, order or bytes behind the end (A37, A38, A39).
static int check_canonical(const struct unpacking *unpacking, const struct bytes *tar,
			   struct fault *why)
{
	struct packed files[BUNDLE_MEMBERS_MAX];
	struct sink sink = {.expected = tar->data, .expected_len = tar->len, .why = why};

	for (size_t i = 0; i < unpacking->count; i++) {
		const struct unpacked *member = &unpacking->members[i];

		if (i > 1 && strcmp(files[i - 1].name, member->name) >= 0)
			return fault_set(why, FAULT_FORMAT, "member '%s' is out of order",
					 member->name);
		files[i] =
			(struct packed){member->name, bytes_text(&member->data), member->data.len};
	}
	if (tar_write(files, unpacking->count, false, &sink, why) || sink.failed ||
	    sink.at != tar->len)
		return fault_set(why, FAULT_FORMAT,
				 "the bundle is not packed as `bundle build` packs");
	return 0;
}

int bundle_job(const void *data, size_t len, struct bytes *answer, struct fault *why)
{
	OWNED(drop_unpacking) struct unpacking unpacking = {0};
	OWNED(bytes_drop) struct bytes tar = {0};

	if (len > BUNDLE_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the bundle has %zu bytes, more than %u",
				 len, BUNDLE_MAX);
	if (decompress(data, len, &tar, why) || untar(&tar, &unpacking, why))
		return -1;
	if (!unpacking.count)
		return fault_set(why, FAULT_FORMAT, "the bundle is empty");
	if (check_canonical(&unpacking, &tar, why))
		return -1;
	bytes_drop(&tar);
	if (frame_put_number(answer, unpacking.count, why))
		return -1;
	for (size_t i = 0; i < unpacking.count; i++) {
		struct unpacked *member = &unpacking.members[i];

		if (frame_put_text(answer, member->name, why) ||
		    frame_put_block(answer, member->data.data, member->data.len, why))
			return -1;
		bytes_drop(&member->data);
	}
	return 0;
}

// ---- the answer, in the parent ----

static int decode_member(struct frame *frame, struct bundle *bundle, struct fault *why)
{
	struct bundle_member *member = &bundle->members[bundle->member_count];
	char name[BUNDLE_NAME_MAX + 1];
	const void *data;
	size_t len;

	if (frame_get_text(frame, name, sizeof name, why) ||
	    frame_get_block(frame, BUNDLE_UNPACKED_MAX, &data, &len, why))
		return -1;
	if (!name_is_plain(name, BUNDLE_NAME_MAX))
		return fault_set(why, FAULT_FORMAT, "the bundle has a member '%.80s'", name);
	bundle->member_count++;
	if (text_copy(name, &member->name, why) || bytes_append(&member->data, data, len, why))
		return -1;
	return sha256_of(data, len, &member->sha256, why);
}

// Exactly the manifest's files, in its order, which is sorted and without duplicates.
static int check_files(const struct bundle *bundle, struct fault *why)
{
	const struct manifest *manifest = bundle->manifest;

	if (bundle->member_count != manifest->file_count + 1)
		return fault_set(why, FAULT_FORMAT,
				 "the bundle has %zu members beside its manifest, which names %zu",
				 bundle->member_count - 1, manifest->file_count);
	for (size_t i = 0; i < manifest->file_count; i++) {
		const struct manifest_file *file = &manifest->files[i];
		const struct bundle_member *member = &bundle->members[i + 1];

		if (strcmp(file->name, member->name) != 0)
			return fault_set(why, FAULT_FORMAT,
					 "member '%s' is not the file that the manifest names",
					 member->name);
		if (file->size != member->data.len || !sha256_equal(&file->sha256, &member->sha256))
			return fault_set(why, FAULT_DIGEST,
					 "member '%s' is not what the manifest says it is",
					 member->name);
	}
	return 0;
}

int bundle_decode(const void *answer, size_t len, struct bundle **out, struct fault *why)
{
	OWNED(bundle_drop) struct bundle *bundle = calloc(1, sizeof *bundle);
	struct frame frame = {answer, len};
	uint64_t count;

	if (!bundle)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (frame_get_number(&frame, BUNDLE_MEMBERS_MAX, &count, why))
		return -1;
	if (!count)
		return fault_set(why, FAULT_FORMAT, "the bundle is empty");
	bundle->members = calloc(count, sizeof *bundle->members);
	if (!bundle->members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (uint64_t i = 0; i < count; i++) {
		if (decode_member(&frame, bundle, why))
			return -1;
	}
	if (frame_end(&frame, why))
		return -1;
	if (strcmp(bundle->members[0].name, MANIFEST_NAME) != 0)
		return fault_set(why, FAULT_FORMAT, "the bundle does not start with its manifest");
	if (manifest_parse(bundle->members[0].data.data, bundle->members[0].data.len, MANIFEST_NAME,
			   &bundle->manifest, why) ||
	    check_files(bundle, why))
		return -1;
	*out = HAND_OVER(bundle);
	return 0;
}

int bundle_read(const void *data, size_t len, struct bundle **out, struct fault *why)
{
	static const struct worker_limits limits = {
		.memory_max = WORKER_MEMORY_MAX,
		.seconds_max = WORKER_SECONDS_MAX,
		.output_max = BUNDLE_UNPACKED_MAX + 65536,
	};
	OWNED(bytes_drop) struct bytes answer = {0};

	if (len > BUNDLE_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the bundle has %zu bytes, more than %u",
				 len, BUNDLE_MAX);
	if (worker_run(bundle_job, data, len, &limits, &answer, why))
		return -1;
	return bundle_decode(answer.data, answer.len, out, why);
}

void bundle_free(struct bundle *bundle)
{
	if (!bundle)
		return;
	for (size_t i = 0; i < bundle->member_count; i++) {
		free(bundle->members[i].name);
		bytes_drop(&bundle->members[i].data);
	}
	free(bundle->members);
	manifest_free(bundle->manifest);
	free(bundle);
}
