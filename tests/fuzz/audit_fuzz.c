// SPDX-License-Identifier: Apache-2.0
// base/audit: a log that passes is the beginning of the one that was written, but for its last record, which nothing
// holds yet; and one that passes can be written on. The first byte: how many records there are (0: the rest is the
// file). Then edits of three bytes (where, what) in the log as it was written; an edit at its very end cuts it there.
#include "base/audit.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

#define LOG "log"

static char dir_path[64];
static int dir = -1;

static void leave(void)
{
	unlinkat(dir, LOG, 0);
	rmdir(dir_path);
}

static void enter(void)
{
	if (dir >= 0)
		return;
	// Where nothing has to reach a disk, if there is such a place.
	strcpy(dir_path,
	       access("/dev/shm", W_OK) ? "/tmp/audit-fuzz-XXXXXX" : "/dev/shm/audit-fuzz-XXXXXX");
	HOLDS(mkdtemp(dir_path));
	MUST(dir_open(dir_path, &dir, &must));
	atexit(leave);
}

static void put(const void *data, size_t len)
{
	OWNED(drop_fd) int fd = openat(dir, LOG, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	HOLDS(fd >= 0);
	MUST(file_write_all(fd, data, len, &must));
}

static void get(struct bytes *out)
{
	MUST(file_read_at(dir, LOG, 1 << 24, out, &must));
}

// Where the last whole line begins, and where it ends.
static size_t last_line(const struct bytes *log, size_t *end)
{
	const unsigned char *newline = log->len ? memrchr(log->data, '\n', log->len) : NULL;
	const unsigned char *before;

	*end = newline ? (size_t)(newline - log->data) + 1 : 0;
	if (!*end)
		return 0;
	before = memrchr(log->data, '\n', *end - 1);
	return before ? (size_t)(before - log->data) + 1 : 0;
}

static size_t lines_of(const struct bytes *log)
{
	size_t count = 0;

	for (size_t i = 0; i < log->len; i++)
		count += log->data[i] == '\n';
	return count;
}

// The log passed with so many records: it can be written on, and what was there stays.
static void write_on(const struct bytes *log, uint64_t records)
{
	OWNED(bytes_drop) struct bytes after = {0};
	uint64_t now;
	size_t end;

	last_line(log, &end);
	HOLDS(records == lines_of(log));
	MUST(audit_append(dir, LOG, 2000, "another", NULL, &must));
	get(&after);
	HOLDS(after.len > end &&
	      memcmp(after.data, log->len ? (const void *)log->data : "", end) == 0);
	MUST(audit_check(dir, LOG, &now, &must));
	HOLDS(now == records + 1);
}

static void take(const struct bytes *written)
{
	OWNED(bytes_drop) struct bytes log = {0};
	struct fault why = {0};
	uint64_t records;
	size_t begin, end;

	get(&log);
	if (audit_check(dir, LOG, &records, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_DIGEST);
		fault_clear(&why);
		HOLDS(audit_append(dir, LOG, 2000, "another", NULL, &why));
		return;
	}
	begin = last_line(&log, &end);
	HOLDS(!written || (begin <= written->len && memcmp(log.len ? (const void *)log.data : "",
							   written->data, begin) == 0));
	write_on(&log, records);
}

static void edit(struct bytes *log, struct fuzz_input *input)
{
	while (input->left >= 3) {
		size_t at = (size_t)fuzz_number(input, 2) % (log->len + 1);
		uint8_t what = fuzz_byte(input);

		if (at == log->len)
			log->len -= log->len ? what % log->len : 0;
		else
			log->data[at] = what;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	OWNED(bytes_drop) struct bytes written = {0}, edited = {0};
	unsigned records = fuzz_byte(&input) % 8;

	enter();
	unlinkat(dir, LOG, 0);
	if (!records) {
		put(input.at, input.left);
		take(NULL);
		return 0;
	}
	for (unsigned i = 0; i < records; i++)
		MUST(audit_append(dir, LOG, 1000 + i, i % 2 ? "publish" : "apply", NULL, &must));
	get(&written);
	MUST(bytes_append(&edited, written.data, written.len, &must));
	edit(&edited, &input);
	put(edited.data, edited.len);
	take(&written);
	return 0;
}
