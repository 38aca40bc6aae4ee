// SPDX-License-Identifier: Apache-2.0
#include "fetch/trusted.h"

#include <stdio.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/owned.h"
#include "fetch/store.h"
#include "keys/local.h"
#include "keys/pin.h"

#define TRUSTED_DIRECTORY "trusted"
#define TRUSTED_ROOTS	  "roots"
// The fingerprint of the pin that everything here descends from. Written last: without it the directory is not whole.
#define TRUSTED_PIN "pin"

void trusted_drop(struct trusted *trusted)
{
	drop_fd(&trusted->dirfd);
	drop_fd(&trusted->roots_dirfd);
}

// What a kill in the middle of a write left behind. We hold the store's lock, so nobody is writing it now.
static int tidy(int dirfd, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (names_list(dirfd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (!strncmp(names.name[i], STORE_TMP, sizeof(STORE_TMP) - 1) &&
		    file_remove_at(dirfd, names.name[i], why))
			return -1;
	return 0;
}

static int open_both(int repo_dirfd, struct trusted *out, struct fault *why)
{
	trusted_drop(out);
	if (store_make_dir(repo_dirfd, TRUSTED_DIRECTORY, &out->dirfd, why))
		return -1;
	if (store_make_dir(repo_dirfd, TRUSTED_ROOTS, &out->roots_dirfd, why))
		return -1;
	return tidy(out->dirfd, why) || tidy(out->roots_dirfd, why) ? -1 : 0;
}

static int pin_text(const struct bytes *pinned, char text[static PIN_FINGERPRINT_LEN],
		    struct fault *why)
{
	struct sha256 fingerprint;

	if (pin_fingerprint(pinned->data, pinned->len, &fingerprint, why))
		return -1;
	pin_fingerprint_write(&fingerprint, text);
	return 0;
}

static int descends_from(const struct trusted *trusted, const char *pin, bool *out,
			 struct fault *why)
{
	OWNED(bytes_drop) struct bytes kept = {0};

	*out = false;
	if (file_read_at(trusted->dirfd, TRUSTED_PIN, PIN_FINGERPRINT_LEN, &kept, why)) {
		if (why->code != FAULT_NOT_FOUND && why->code != FAULT_TOO_LARGE)
			return -1;
		fault_clear(why);
		return 0;
	}
	*out = !strcmp(bytes_text(&kept), pin);
	return 0;
}

static int is_empty(int repo_dirfd, const char *name, bool *out, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};
	OWNED(drop_fd) int fd = -1;

	if (dir_open_at(repo_dirfd, name, &fd, why) || names_list(fd, &names, why))
		return -1;
	*out = names.count == 0;
	return 0;
}

static int move_aside(int repo_dirfd, const char *name, struct fault *why)
{
	char old[64];
	bool empty;

	if (is_empty(repo_dirfd, name, &empty, why))
		return -1;
	if (empty)
		return 0;
	snprintf(old, sizeof(old), "%s.old", name);
	if (store_remove_dir(repo_dirfd, old, why))
		return -1;
	if (renameat(repo_dirfd, name, repo_dirfd, old))
		return fault_errno(why, FAULT_OTHER, "cannot move %s aside", name);
	return dir_sync(repo_dirfd, why);
}

static int root_version(const struct bytes *root, int64_t *version, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	const struct json *inner;

	if (json_parse(root->data, root->len, "root.json", &document, why) ||
	    json_need_object(document, "signed", &inner, why))
		return -1;
	return json_need_int(inner, "version", 1, INT64_MAX, version, why);
}

static int begin(int repo_dirfd, const struct bytes *pinned, const char *pin, struct trusted *out,
		 struct fault *why)
{
	int64_t version;

	trusted_drop(out);
	if (root_version(pinned, &version, why) || move_aside(repo_dirfd, TRUSTED_DIRECTORY, why) ||
	    move_aside(repo_dirfd, TRUSTED_ROOTS, why) || open_both(repo_dirfd, out, why))
		return -1;
	struct local local = {
		.dirfd = out->dirfd, .roots_dirfd = out->roots_dirfd, .mode = STORE_META_MODE};
	if (local_keep(&local, "root", version, pinned->data, pinned->len, why))
		return -1;
	return file_replace_at(out->dirfd, TRUSTED_PIN, pin, strlen(pin), STORE_META_MODE, why);
}

int trusted_open(int repo_dirfd, const struct bytes *pinned, struct trusted *out, struct fault *why)
{
	struct trusted trusted = {.dirfd = -1, .roots_dirfd = -1};
	char pin[PIN_FINGERPRINT_LEN];
	bool whole;

	if (pin_text(pinned, pin, why))
		return -1;
	if (open_both(repo_dirfd, &trusted, why) || descends_from(&trusted, pin, &whole, why) ||
	    (!whole && begin(repo_dirfd, pinned, pin, &trusted, why))) {
		trusted_drop(&trusted);
		return fault_within(why, "cannot open the trusted metadata");
	}
	*out = trusted;
	return 0;
}

int trusted_roots(const struct trusted *trusted, struct set *set, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (names_list(trusted->roots_dirfd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		OWNED(bytes_drop) struct bytes data = {0};

		if (!strncmp(names.name[i], STORE_TMP, sizeof(STORE_TMP) - 1))
			continue;
		if (file_read_at(trusted->roots_dirfd, names.name[i], SET_FILE_MAX, &data, why) ||
		    set_add(set, names.name[i], data.data, data.len, why))
			return -1;
	}
	return 0;
}
