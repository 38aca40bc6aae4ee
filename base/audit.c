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
#include "base/volume.h"

// Ours have some hundred bytes; a longer one is none of ours, as none is written.
#define RECORD_MAX (1u << 20)
// With the end of the record before it, and its own.
#define TAIL_MAX (RECORD_MAX + 2)

static const char genesis[] = "0000000000000000000000000000000000000000000000000000000000000000";

// Where the chain stands after some records: the next number and the digest of the last line.
struct tip {
	uint64_t seq;
	char digest[SHA256_HEX];
	size_t whole; // bytes of this file up to and with the last newline
	// Where this file began. `open`: its first record shall say so.
	uint64_t first_seq;
	char first_digest[SHA256_HEX];
	bool open;
};

static struct tip tip_begin(void)
{
	struct tip tip = {.seq = 0};

	memcpy(tip.digest, genesis, sizeof(genesis));
	memcpy(tip.first_digest, genesis, sizeof(genesis));
	return tip;
}

// The same chain, in a new file.
static void tip_turn(struct tip *tip)
{
	tip->whole = 0;
	tip->first_seq = tip->seq;
	memcpy(tip->first_digest, tip->digest, sizeof(tip->digest));
}

// What a file says of its beginning, before anything else is held against it.
static int tip_take(struct tip *tip, int64_t seq, const char *previous)
{
	struct sha256 digest;

	if (sha256_read(previous, &digest))
		return -1;
	tip->seq = (uint64_t)seq;
	memcpy(tip->digest, previous, SHA256_HEX - 1);
	tip_turn(tip);
	tip->open = false;
	return 0;
}

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
	if (tip->open && tip_take(tip, seq, previous))
		return fault_set(why, FAULT_DIGEST, "audit record %" PRId64 " is damaged", seq);
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

// One file, from its first record to the last whole one; what stands behind it is torn: a crash during an append. The tip is
// where the file before it ended, or open.
static int walk(int fd, struct tip *tip, struct fault *why)
{
	OWNED(bytes_drop) struct bytes window = {0};
	char piece[65536];
	off_t at = 0;

	tip_turn(tip);
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

// The last bytes of a file, however long it is: a log of before there were volumes is a long one.
static int read_tail(int fd, struct bytes *out, struct fault *why)
{
	char piece[65536];
	struct stat st;
	off_t at;

	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot look at it");
	at = st.st_size > (off_t)TAIL_MAX ? st.st_size - (off_t)TAIL_MAX : 0;
	while (at < st.st_size) {
		off_t left = st.st_size - at;
		ssize_t got = pread(fd, piece,
				    left < (off_t)sizeof(piece) ? (size_t)left : sizeof(piece), at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot read");
		if (got == 0)
			return 0;
		at += got;
		if (bytes_append(out, piece, (size_t)got, why))
			return -1;
	}
	return 0;
}

// Where the newest full file ends: its last line is all that is read of it. Without one, where every chain begins.
static int end_of_volumes(int dirfd, const char *name, struct tip *tip, struct fault *why)
{
	OWNED(volume_drop) struct volumes volumes = {0};
	OWNED(bytes_drop) struct bytes tail = {0};
	OWNED(drop_fd) int fd = -1;
	char file[VOLUME_NAME_MAX];
	const char *text, *line;

	*tip = tip_begin();
	if (volume_list(dirfd, name, &volumes, why))
		return -1;
	if (!volumes.count)
		return 0;
	if (volume_name(name, volumes.first[volumes.count - 1], file, why) ||
	    file_open_at(dirfd, file, &fd, why))
		return -1;
	if (read_tail(fd, &tail, why))
		return fault_within(why, "cannot read %s", file);
	text = bytes_text(&tail);
	if (tail.len < 2 || text[tail.len - 1] != '\n')
		return fault_set(why, FAULT_DIGEST, "%s does not end with a record", file);
	line = memrchr(text, '\n', tail.len - 1);
	line = line ? line + 1 : text;
	tip->open = true;
	if (step(tip, line, tail.len - 1 - (size_t)(line - text), why))
		return fault_within(why, "the end of %s", file);
	tip_turn(tip);
	return 0;
}

static int write_line(const struct tip *tip, int64_t now, const char *event, struct json *details,
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

// What stands for details that are too long to be kept: how long the record was, and its digest.
static int shorten(const struct bytes *line, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *details = json_make_object();
	struct sha256 digest;
	char hex[SHA256_HEX];

	if (!details)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (sha256_of(line->data, line->len, &digest, why))
		return -1;
	sha256_hex(&digest, hex);
	if (json_put_int(details, "too_long", (int64_t)line->len, why) ||
	    json_put_text(details, "sha256", hex, why))
		return -1;
	*out = HAND_OVER(details);
	return 0;
}

// Never one that the next writer takes for damage: nothing is applied, and nothing taken back, without a record.
static int make_record(const struct tip *tip, int64_t now, const char *event, struct json *details,
		       struct bytes *line, struct fault *why)
{
	struct json *instead;

	if (write_line(tip, now, event, details, line, why))
		return -1;
	if (line->len <= RECORD_MAX)
		return 0;
	if (shorten(line, &instead, why))
		return -1;
	bytes_drop(line);
	return write_line(tip, now, event, instead, line, why);
}

// ---- the writer ----

struct audit {
	int dirfd;
	char *name;
	struct tip tip;
	// The file as our last record left it, and with it the tip: its end is known as long as nothing of this changes.
	bool known;
	ino_t inode;
	struct timespec changed;
};

int audit_new(int dirfd, const char *name, struct audit **out, struct fault *why)
{
	OWNED(audit_drop) struct audit *audit = calloc(1, sizeof(*audit));

	if (!audit)
		return fault_set(why, FAULT_OTHER, "out of memory");
	audit->dirfd = dirfd;
	if (text_copy(name, &audit->name, why))
		return -1;
	*out = HAND_OVER(audit);
	return 0;
}

void audit_free(struct audit *audit)
{
	if (audit)
		free(audit->name);
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

static bool is_as_left(const struct audit *audit, const struct stat *st)
{
	return audit->known && st->st_ino == audit->inode &&
	       st->st_size == (off_t)audit->tip.whole &&
	       st->st_ctim.tv_sec == audit->changed.tv_sec &&
	       st->st_ctim.tv_nsec == audit->changed.tv_nsec;
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

// The end of the chain: of the newest file if it has a record, which then has to go on from the file before; else of that.
static int find_end(struct audit *audit, int fd, struct fault *why)
{
	struct tip before, tip = {.open = true};

	if (end_of_volumes(audit->dirfd, audit->name, &before, why) || walk(fd, &tip, why))
		return -1;
	if (tip.open)
		tip = before;
	else if (tip.first_seq != before.seq || strcmp(tip.first_digest, before.digest))
		return fault_set(why, FAULT_DIGEST,
				 "audit record %" PRIu64 " does not follow the one before it",
				 tip.first_seq);
	audit->tip = tip;
	return 0;
}

// `st` is of the moment before the end was looked for: what is written meanwhile changes it.
static void remember(struct audit *audit, const struct stat *st)
{
	audit->known = true;
	audit->inode = st->st_ino;
	audit->changed = st->st_ctim;
}

int audit_ready(struct audit *audit, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	struct stat st;

	audit->known = false;
	if (file_open_at(audit->dirfd, audit->name, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot look at the audit log");
	if (find_end(audit, fd, why))
		return -1;
	remember(audit, &st);
	return 0;
}

// A full file becomes a volume, and a new one takes the record. What is torn off its end is cut first: behind a volume
// nothing is ever mended.
static int turn_over(struct audit *audit, size_t len, int *fd, struct stat *st, struct fault *why)
{
	if (!audit->tip.whole || audit->tip.whole + len <= AUDIT_FILE_MAX)
		return 0;
	if (ftruncate(*fd, (off_t)audit->tip.whole) || fsync(*fd))
		return fault_errno(why, FAULT_OTHER, "cannot mend the audit log");
	if (volume_make(audit->dirfd, audit->name, audit->tip.first_seq, why) ||
	    volume_prune(audit->dirfd, audit->name, AUDIT_VOLUMES, why))
		return -1;
	tip_turn(&audit->tip);
	drop_fd(fd);
	return open_log(audit, fd, st, why);
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
	as_left = is_as_left(audit, &st);
	audit->known = false;
	if (!as_left && find_end(audit, fd, why)) {
		fault_within(why, "the audit log is damaged, nothing is added to it");
		return fault_fix(why, "keep its files for an investigation, and move them away: "
				      "the next record begins a new log");
	}
	if (make_record(&audit->tip, now, event, HAND_OVER(mine), &line, why) ||
	    turn_over(audit, line.len, &fd, &st, why) ||
	    write_record(fd, &audit->tip, &line, why) ||
	    (!st.st_size && dir_sync(audit->dirfd, why)) ||
	    step(&audit->tip, bytes_text(&line), line.len - 1, why))
		return -1;
	if (fstat(fd, &st) == 0)
		remember(audit, &st);
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

// One full file: it is named after its first record, and nothing of it is torn.
static int check_volume(int dirfd, const char *name, uint64_t first, struct tip *tip,
			struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	char file[VOLUME_NAME_MAX];
	struct stat st;

	if (volume_name(name, first, file, why) || file_open_at(dirfd, file, &fd, why))
		return -1;
	if (walk(fd, tip, why))
		return fault_within(why, "%s", file);
	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot look at %s", file);
	if (tip->open || tip->first_seq != first || (off_t)tip->whole != st.st_size)
		return fault_set(why, FAULT_DIGEST, "audit record %" PRIu64 " is damaged",
				 tip->open ? first : tip->seq);
	return 0;
}

static int check_volumes(int dirfd, const char *name, struct tip *tip, uint64_t *begin,
			 struct fault *why)
{
	OWNED(volume_drop) struct volumes volumes = {0};

	if (volume_list(dirfd, name, &volumes, why))
		return -1;
	// What was before was removed by us; otherwise whoever removes the first files would go unseen.
	tip->open = volumes.count >= AUDIT_VOLUMES;
	*begin = tip->open ? volumes.first[0] : 0;
	for (size_t i = 0; i < volumes.count; i++)
		if (check_volume(dirfd, name, volumes.first[i], tip, why))
			return -1;
	return 0;
}

int audit_check(int dirfd, const char *name, uint64_t *records, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	struct tip tip = tip_begin();
	uint64_t begin;

	*records = 0;
	if (check_volumes(dirfd, name, &tip, &begin, why))
		return -1;
	if (file_open_at(dirfd, name, &fd, why)) {
		if (fault_forgive(why, FAULT_NOT_FOUND))
			return -1;
	} else if (walk(fd, &tip, why)) {
		return -1;
	}
	*records = tip.seq - begin;
	return 0;
}
