// SPDX-License-Identifier: Apache-2.0
#include "fetch/memo.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"

#define MEMO_FILE   ".published"
#define MEMO_SCHEMA "bpfseal.published/1"
#define MEMO_MAX    (8u << 20)

struct memo {
	int fd;
	struct timespec opened; // by the file system's clock
	struct json *document;	// as it was
	const struct json *files;
	struct json *next; // as it will be
	bool changed;
};

// {"schema", "files": {"net-3f.json": [inode, size, modified, changed, "sha256"]}}, times in nanoseconds.
static const struct json *parse(const struct bytes *text, struct json **document)
{
	struct fault ignored = {0};
	const struct json *files = NULL;
	const char *schema;

	if (json_parse(text->data, text->len, MEMO_FILE, document, &ignored) ||
	    json_need_text(*document, "schema", &schema, &ignored) ||
	    strcmp(schema, MEMO_SCHEMA) != 0 ||
	    json_need_object(*document, "files", &files, &ignored))
		return NULL;
	return files;
}

static void load(struct memo *memo)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault ignored = {0};
	struct stat st;

	// Touched, so that its own time tells which files are older than this run.
	if (fstat(memo->fd, &st) || !S_ISREG(st.st_mode) || futimens(memo->fd, NULL) ||
	    fstat(memo->fd, &st)) {
		drop_fd(&memo->fd);
		return;
	}
	memo->opened = st.st_mtim;
	if (file_read_fd(memo->fd, MEMO_MAX, &text, &ignored) == 0)
		memo->files = parse(&text, &memo->document);
}

int memo_open(const char *dir, struct memo **out, struct fault *why)
{
	OWNED(memo_drop) struct memo *memo = calloc(1, sizeof(*memo));
	OWNED(bytes_drop) struct bytes path = {0};

	if (!memo)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memo->fd = -1;
	memo->next = json_make_object();
	if (!memo->next)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (bytes_format(&path, why, "%s/" MEMO_FILE, dir))
		return -1;
	memo->fd = open(bytes_text(&path),
			O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0644);
	if (memo->fd >= 0)
		load(memo);
	*out = HAND_OVER(memo);
	return 0;
}

void memo_free(struct memo *memo)
{
	if (!memo)
		return;
	drop_fd(&memo->fd);
	json_free(memo->document);
	json_free(memo->next);
	free(memo);
}

static int64_t nanoseconds(const struct timespec *time)
{
	return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

// What stat() says of a file: any change of its bytes changes one of these.
struct looks {
	int64_t number[4];
};

static struct looks looks_of(const struct stat *st)
{
	return (struct looks){{(int64_t)st->st_ino, (int64_t)st->st_size, nanoseconds(&st->st_mtim),
			       nanoseconds(&st->st_ctim)}};
}

bool memo_recall(struct memo *memo, const char *file, const struct stat *now, struct sha256 *out)
{
	const struct json *entry = memo ? json_member(memo->files, file) : NULL;
	const struct looks looks = looks_of(now);
	struct fault ignored = {0};
	const char *hex = json_text(json_item(entry, 4));

	if (!hex || sha256_read(hex, out))
		return false;
	for (size_t i = 0; i < 4; i++)
		if (!json_is(json_item(entry, i), JSON_KIND_INT) ||
		    json_int(json_item(entry, i)) != looks.number[i])
			return false;
	if (json_put(memo->next, file, json_keep(entry), &ignored))
		memo->changed = true;
	return true;
}

int memo_note(struct memo *memo, const char *file, const struct stat *then,
	      const struct sha256 *sha256, struct fault *why)
{
	const struct looks looks = looks_of(then);
	struct json *entry;
	char hex[SHA256_HEX];

	if (!memo || memo->fd < 0 || nanoseconds(&then->st_ctim) >= nanoseconds(&memo->opened))
		return 0;
	entry = json_make_array();
	if (json_put(memo->next, file, entry, why))
		return -1;
	for (size_t i = 0; i < 4; i++)
		if (json_add(entry, json_make_int(looks.number[i]), why))
			return -1;
	sha256_hex(sha256, hex);
	memo->changed = true;
	return json_add(entry, json_make_text(hex), why);
}

void memo_save(struct memo *memo)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault ignored = {0};

	if (!memo || memo->fd < 0 ||
	    (!memo->changed && json_count(memo->next) == json_count(memo->files)))
		return;
	if (json_put_text(document, "schema", MEMO_SCHEMA, &ignored) ||
	    json_put(document, "files", json_keep(memo->next), &ignored) ||
	    json_write(document, false, &text, &ignored))
		return;
	// Cut short by a kill it is no JSON any more, and counts as empty.
	if (ftruncate(memo->fd, 0) == 0 && lseek(memo->fd, 0, SEEK_SET) == 0 &&
	    file_write_all(memo->fd, text.data, text.len, &ignored))
		fault_clear(&ignored);
}
