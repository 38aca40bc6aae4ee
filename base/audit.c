// SPDX-License-Identifier: Apache-2.0
#include "base/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"

// Ours have some hundred bytes; a longer one is none of ours.
#define RECORD_MAX (1u << 20)

static const char genesis[] = "0000000000000000000000000000000000000000000000000000000000000000";

// Where the chain stands after some records: the next number and the digest of the last line.
struct tip {
	uint64_t seq;
	char digest[SHA256_HEX];
	size_t whole; // bytes up to and with the last newline
};

// Takes one line into the chain. A record holds the digest of the line before it, newline not counted.
static int step(struct tip *tip, const char *line, size_t len, struct fault *why)
{
	OWNED(json_drop) struct json *record = NULL;
	struct sha256 digest;
	const char *previous;
	int64_t seq;

	if (json_parse(line, len, "audit record", &record, why) ||
	    json_need_int(record, "seq", 0, INT64_MAX, &seq, why) ||
	    json_need_text(record, "previous", &previous, why))
		return fault_set(why, FAULT_DIGEST, "audit record %" PRIu64 " is damaged",
				 tip->seq);
	if ((uint64_t)seq != tip->seq)
		return fault_set(why, FAULT_DIGEST, "audit record %" PRIu64 " is missing",
				 tip->seq);
	if (strcmp(previous, tip->digest))
		return fault_set(why, FAULT_DIGEST,
				 "audit record %" PRIu64 " does not follow the one before it",
				 tip->seq);
	if (sha256_of(line, len, &digest, why))
		return -1;
	sha256_hex(&digest, tip->digest);
	tip->seq++;
	tip->whole += len + 1;
	return 0;
}

// Takes the whole lines of the window into the chain; what is left of it is the beginning of the next one.
static int take_lines(struct bytes *window, struct tip *tip, struct fault *why)
{
	const char *text = bytes_text(window), *end;
	size_t at = 0;

	while ((end = memchr(text + at, '\n', window->len - at))) {
		if (step(tip, text + at, (size_t)(end - text) - at, why))
			return -1;
		at = (size_t)(end - text) + 1;
	}
	if (window->len - at > RECORD_MAX)
		return fault_set(why, FAULT_DIGEST, "audit record %" PRIu64 " is damaged",
				 tip->seq);
	if (at) {
		memmove(window->data, window->data + at, window->len - at);
		window->len -= at;
	}
	return 0;
}

// From the first record to the last whole one; what stands behind it is torn: a crash during an append.
static int walk(int fd, struct tip *tip, struct fault *why)
{
	OWNED(bytes_drop) struct bytes window = {0};
	char piece[65536];
	off_t at = 0;

	*tip = (struct tip){0};
	memcpy(tip->digest, genesis, sizeof(genesis));
	for (;;) {
		ssize_t got = pread(fd, piece, sizeof(piece), at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot read the audit log");
		if (got == 0)
			return 0;
		at += got;
		if (bytes_append(&window, piece, (size_t)got, why) || take_lines(&window, tip, why))
			return -1;
	}
}

static int make_record(const struct tip *tip, int64_t now, const char *event, struct json *details,
		       struct bytes *line, struct fault *why)
{
	OWNED(json_drop) struct json *record = json_make_object();
	char when[CLOCK_TEXT_LEN];

	clock_write(now, when);
	if (!record) {
		json_free(details);
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	if (json_put(record, "details", details ? details : json_make_object(), why) ||
	    json_put_int(record, "seq", (int64_t)tip->seq, why) ||
	    json_put_text(record, "time", when, why) ||
	    json_put_text(record, "event", event, why) ||
	    json_put_text(record, "previous", tip->digest, why))
		return -1;
	return json_write(record, false, line, why);
}

// ---- the writer ----

// The file as the last record left it, and with it the tip: its end is known as long as nothing of this changes.
struct mark {
	struct tip tip;
	uint64_t device, inode;
	int64_t changed_s, changed_ns;
};

struct audit {
	int dirfd;
	char *name;
	char *mark_name; // of the file in which the mark is kept for the next process
	struct mark mark;
	bool known, asked; // the mark is one of ours; the kept one has been looked at
};

int audit_new(int dirfd, const char *name, struct audit **out, struct fault *why)
{
	OWNED(audit_drop) struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return fault_set(why, FAULT_OTHER, "out of memory");
	audit->dirfd = dirfd;
	if (text_copy(name, &audit->name, why))
		return -1;
	if (asprintf(&audit->mark_name, "%s.mark", name) < 0) {
		audit->mark_name = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	*out = HAND_OVER(audit);
	return 0;
}

void audit_free(struct audit *audit)
{
	if (!audit)
		return;
	free(audit->name);
	free(audit->mark_name);
	free(audit);
}

static int open_log(const struct audit *audit, int *out, struct stat *st, struct fault *why)
{
	OWNED(drop_fd)
	int fd = openat(audit->dirfd, audit->name,
			O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);

	if (fd < 0 || fstat(fd, st))
		return fault_errno(why, FAULT_OTHER, "cannot open the audit log");
	if (!S_ISREG(st->st_mode))
		return fault_set(why, FAULT_OTHER, "the audit log is not a regular file");
	*out = HAND_OVER_FD(fd);
	return 0;
}

static bool is_as_left(const struct mark *mark, const struct stat *st)
{
	return st->st_dev == mark->device && st->st_ino == mark->inode &&
	       st->st_size == (off_t)mark->tip.whole && st->st_ctim.tv_sec == mark->changed_s &&
	       st->st_ctim.tv_nsec == mark->changed_ns;
}

// ---- the mark, from one process to the next ----

// What is kept: the mark and its digest. Not durable: one that was lost or cut costs a walk through the log, and no crash
// makes an old one fit a log that has grown.
struct kept {
	struct mark mark;
	struct sha256 digest;
};

static void mark_keep(const struct audit *audit)
{
	struct kept kept;
	struct fault ignored = {0};

	memset(&kept, 0, sizeof(kept));
	kept.mark = audit->mark;
	if (sha256_of(&kept.mark, sizeof(kept.mark), &kept.digest, &ignored) ||
	    file_note_at(audit->dirfd, audit->mark_name, &kept, sizeof(kept), 0600, &ignored))
		fault_clear(&ignored);
}

static void mark_recall(struct audit *audit)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	struct fault ignored = {0};
	struct sha256 digest;
	struct kept kept;

	audit->asked = true;
	if (file_read_at(audit->dirfd, audit->mark_name, sizeof(kept), &bytes, &ignored) ||
	    bytes.len != sizeof(kept))
		return;
	memcpy(&kept, bytes.data, sizeof(kept));
	if (sha256_of(&kept.mark, sizeof(kept.mark), &digest, &ignored) ||
	    !sha256_equal(&digest, &kept.digest) || kept.mark.tip.digest[SHA256_HEX - 1])
		return;
	audit->mark = kept.mark;
	audit->known = true;
}

static void mark_set(struct audit *audit, const struct stat *st)
{
	audit->mark.device = st->st_dev;
	audit->mark.inode = st->st_ino;
	audit->mark.changed_s = st->st_ctim.tv_sec;
	audit->mark.changed_ns = st->st_ctim.tv_nsec;
	audit->known = true;
	mark_keep(audit);
}

static int write_record(int fd, const struct tip *tip, const struct bytes *line, struct fault *why)
{
	if (ftruncate(fd, (off_t)tip->whole))
		return fault_errno(why, FAULT_OTHER, "cannot mend the audit log");
	if (lseek(fd, (off_t)tip->whole, SEEK_SET) < 0)
		return fault_errno(why, FAULT_OTHER, "cannot write the audit log");
	if (file_write_all(fd, line->data, line->len, why))
		return fault_within(why, "cannot write the audit log");
	if (fsync(fd))
		return fault_errno(why, FAULT_OTHER, "cannot make the audit log durable");
	return 0;
}

int audit_add(struct audit *audit, int64_t now, const char *event, struct json *details,
	      struct fault *why)
{
	OWNED(json_drop) struct json *mine = details;
	OWNED(bytes_drop) struct bytes line = {0};
	OWNED(drop_fd) int fd = -1;
	struct stat st;
	bool as_left;

	if (open_log(audit, &fd, &st, why))
		return -1;
	if (!audit->known && !audit->asked)
		mark_recall(audit);
	as_left = audit->known && is_as_left(&audit->mark, &st);
	audit->known = false;
	if (!as_left && walk(fd, &audit->mark.tip, why))
		return fault_within(why, "the audit log is damaged, nothing is added to it");
	if (make_record(&audit->mark.tip, now, event, HAND_OVER(mine), &line, why) ||
	    write_record(fd, &audit->mark.tip, &line, why) ||
	    (!st.st_size && dir_sync(audit->dirfd, why)) ||
	    step(&audit->mark.tip, bytes_text(&line), line.len - 1, why))
		return -1;
	if (fstat(fd, &st) == 0)
		mark_set(audit, &st);
	return 0;
}

// ---- in one go ----

int audit_append(int dirfd, const char *name, int64_t now, const char *event, struct json *details,
		 struct fault *why)
{
	OWNED(audit_drop) struct audit *audit = NULL;

	if (audit_new(dirfd, name, &audit, why)) {
		json_free(details);
		return -1;
	}
	return audit_add(audit, now, event, details, why);
}

int audit_check(int dirfd, const char *name, uint64_t *records, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	struct tip tip;

	*records = 0;
	if (file_open_at(dirfd, name, &fd, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
	if (walk(fd, &tip, why))
		return -1;
	*records = tip.seq;
	return 0;
}
