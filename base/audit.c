// SPDX-License-Identifier: Apache-2.0
#include "base/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"

// 64 MiB hold about 200,000 records; rotation comes before that.
#define AUDIT_MAX (64u << 20)

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

static int walk(const struct bytes *log, struct tip *tip, struct fault *why)
{
	const char *text = bytes_text(log);

	*tip = (struct tip){0};
	memcpy(tip->digest, genesis, sizeof(genesis));
	while (tip->whole < log->len) {
		const char *line = text + tip->whole;
		const char *end = memchr(line, '\n', log->len - tip->whole);

		if (!end) // a torn last line: a crash during an append
			return 0;
		if (step(tip, line, (size_t)(end - line), why))
			return -1;
	}
	return 0;
}

static int load(int dirfd, const char *name, struct bytes *log, struct tip *tip, struct fault *why)
{
	struct fault absent = {0};

	if (file_read_at(dirfd, name, AUDIT_MAX, log, &absent)) {
		if (absent.code != FAULT_NOT_FOUND) {
			*why = absent;
			return -1;
		}
	}
	return walk(log, tip, why);
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

int audit_append(int dirfd, const char *name, int64_t now, const char *event, struct json *details,
		 struct fault *why)
{
	OWNED(bytes_drop) struct bytes log = {0};
	OWNED(bytes_drop) struct bytes line = {0};
	OWNED(drop_fd) int fd = -1;
	struct tip tip;

	if (load(dirfd, name, &log, &tip, why)) {
		json_free(details);
		return fault_within(why, "the audit log is damaged, nothing is added to it");
	}
	if (make_record(&tip, now, event, details, &line, why))
		return -1;
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot open the audit log");
	if (tip.whole < log.len && ftruncate(fd, (off_t)tip.whole))
		return fault_errno(why, FAULT_OTHER, "cannot mend the audit log");
	if (lseek(fd, (off_t)tip.whole, SEEK_SET) < 0)
		return fault_errno(why, FAULT_OTHER, "cannot write the audit log");
	if (file_write_all(fd, line.data, line.len, why))
		return fault_within(why, "cannot write the audit log");
	if (fsync(fd))
		return fault_errno(why, FAULT_OTHER, "cannot make the audit log durable");
	return log.len ? 0 : dir_sync(dirfd, why);
}

int audit_check(int dirfd, const char *name, uint64_t *records, struct fault *why)
{
	OWNED(bytes_drop) struct bytes log = {0};
	struct tip tip;

	if (load(dirfd, name, &log, &tip, why))
		return -1;
	*records = tip.seq;
	return 0;
}
