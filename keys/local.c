// SPDX-License-Identifier: Apache-2.0
#include "keys/local.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"

// Larger than any cap a caller sets for a role (100,000 targets in one role are 13 MB).
#define LOCAL_FILE_MAX ((size_t)64 << 20)
// A version has at most 16 digits; with two dots and "json" a name stays below the 255 of file systems.
#define ROLE_QUOTED_MAX 220
#define CLOCK_FILE	"clock"

static bool is_unreserved(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.' || c == '-';
}

int role_quote(const char *role, char **out, struct fault *why)
{
	static const char digits[] = "0123456789ABCDEF";
	OWNED(drop_heap) char *quoted = NULL;
	size_t len = strlen(role), at = 0;

	if (!len)
		return fault_set(why, FAULT_FORMAT, "a role has an empty name");
	if (len > ROLE_QUOTED_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "a role name has %zu bytes", len);
	quoted = malloc(3 * len + 1);
	if (!quoted)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)role[i];

		if (is_unreserved(role[i])) {
			quoted[at++] = role[i];
			continue;
		}
		quoted[at++] = '%';
		quoted[at++] = digits[byte >> 4];
		quoted[at++] = digits[byte & 15];
	}
	quoted[at] = '\0';
	if (at > ROLE_QUOTED_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "a quoted role name has %zu bytes", at);
	*out = HAND_OVER(quoted);
	return 0;
}

int role_file(const char *role, int64_t version, char **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes name = {0};
	OWNED(drop_heap) char *quoted = NULL;

	if (role_quote(role, &quoted, why))
		return -1;
	if (version && bytes_format(&name, why, "%" PRId64 ".", version))
		return -1;
	if (bytes_format(&name, why, "%s.json", quoted))
		return -1;
	return text_copy(bytes_text(&name), out, why);
}

// A target path becomes part of a URL and, on a server, of a file name: no way up, no way out.
static int check_target_path(const char *path, struct fault *why)
{
	const char *part = path;

	for (;;) {
		size_t len = strcspn(part, "/");

		if (!len || (len == 1 && part[0] == '.') ||
		    (len == 2 && part[0] == '.' && part[1] == '.'))
			return fault_set(why, FAULT_FORMAT,
					 "target path \"%s\" is not a plain path", path);
		if (!part[len])
			return 0;
		part += len + 1;
	}
}

int target_file(const struct target *target, bool consistent, char **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes file = {0};
	char hex[2 * SHA512_SIZE + 1];
	const char *slash = strrchr(target->path, '/');
	size_t dir_len = slash ? (size_t)(slash - target->path) + 1 : 0;

	if (check_target_path(target->path, why))
		return -1;
	if (!consistent)
		return text_copy(target->path, out, why);
	if (target->has_sha256)
		hex_write(target->sha256.byte, SHA256_SIZE, hex);
	else if (target->has_sha512)
		hex_write(target->sha512.byte, SHA512_SIZE, hex);
	else
		return fault_set(why, FAULT_DIGEST, "target \"%s\" has no digest that we know",
				 target->path);
	// TUF 6.2: the digest goes before the last component, not before the path.
	if (bytes_append(&file, target->path, dir_len, why) ||
	    bytes_format(&file, why, "%s.%s", hex, target->path + dir_len))
		return -1;
	return text_copy(bytes_text(&file), out, why);
}

int local_load(void *ctx, const char *role, struct bytes *out, struct fault *why)
{
	const struct local *local = ctx;
	OWNED(drop_heap) char *name = NULL;

	if (role_file(role, 0, &name, why))
		return -1;
	return file_read_at(local->dirfd, name, LOCAL_FILE_MAX, out, why);
}

int local_keep(void *ctx, const char *role, int64_t version, const void *data, size_t len,
	       struct fault *why)
{
	const struct local *local = ctx;
	OWNED(drop_heap) char *name = NULL;

	// The numbered root goes first: whoever sees root.json N can walk the chain up to N.
	if (local->roots_dirfd >= 0 && strcmp(role, "root") == 0) {
		OWNED(drop_heap) char *numbered = NULL;

		if (role_file(role, version, &numbered, why) ||
		    file_store_at(local->roots_dirfd, numbered, data, len, local->mode, why))
			return -1;
	}
	if (role_file(role, 0, &name, why))
		return -1;
	return file_replace_at(local->dirfd, name, data, len, local->mode, why);
}

int local_clock_read(int dirfd, int64_t *floor, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	*floor = 0;
	if (file_read_at(dirfd, CLOCK_FILE, CLOCK_TEXT_LEN, &text, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (text.len && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	if (clock_parse(bytes_text(&text), floor, why))
		return fault_within(why, "the file \"%s\" with the latest trusted time is damaged",
				    CLOCK_FILE);
	return 0;
}

int local_clock_check(int dirfd, int64_t now, struct fault *why)
{
	char have[CLOCK_TEXT_LEN], want[CLOCK_TEXT_LEN];
	int64_t floor;

	if (local_clock_read(dirfd, &floor, why))
		return -1;
	if (now >= floor)
		return 0;
	clock_write(now, have);
	clock_write(floor, want);
	// A22: with a clock set back, expired metadata would be fresh again.
	fault_set(why, FAULT_CLOCK, "the clock says %s, but %s was already trusted", have, want);
	return fault_fix(why,
			 "set the clock; if the trusted time itself was wrong, remove the file "
			 "\"" CLOCK_FILE "\" beside the trusted metadata");
}

int local_clock_raise(int dirfd, int64_t now, struct fault *why)
{
	char text[CLOCK_TEXT_LEN + 1];
	int64_t floor;

	if (local_clock_read(dirfd, &floor, why))
		return -1;
	if (now <= floor)
		return 0;
	clock_write(now, text);
	text[CLOCK_TEXT_LEN - 1] = '\n';
	return file_replace_at(dirfd, CLOCK_FILE, text, CLOCK_TEXT_LEN, 0644, why);
}
