// SPDX-License-Identifier: Apache-2.0
#include "fetch/folder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/owned.h"
#include "fetch/download.h"
#include "keys/local.h"
#include "keys/role.h"

#define PAPER_MAX	 (8u << 20)
#define FOLDER_ROLES_MAX 20000 // of the ceremony; the largest set of hash bins is 8192

void paper_drop(struct paper *paper)
{
	free(paper->role);
	free(paper->quoted);
	bytes_drop(&paper->data);
	json_free(paper->document);
	*paper = (struct paper){0};
}

const struct json *paper_signed(const struct paper *paper)
{
	return json_member(paper->document, "signed");
}

static int parse_paper(const char *file, struct paper *paper, struct fault *why)
{
	const struct json *inner, *signatures;

	if (json_parse(paper->data.data, paper->data.len, file, &paper->document, why) ||
	    json_need_object(paper->document, "signed", &inner, why) ||
	    json_need_array(paper->document, "signatures", &signatures, why) ||
	    json_need_int(inner, "version", 1, INT64_MAX, &paper->version, why))
		return fault_within(why, "%s is not signed metadata", file);
	paper->is_signed = json_count(signatures) > 0;
	return 0;
}

static bool has_text(const struct bytes *data, const char *text)
{
	return data->len && memmem(data->data, data->len, text, strlen(text));
}

// A role that may delegate is parsed in any case: what it delegates to is looked for here. (A name that was written in
// escapes may be anything.)
static bool may_delegate(const struct bytes *data)
{
	return has_text(data, "\"delegations\"") || has_text(data, "\\u");
}

// What the server's snapshot says of a role's file. It signs no entry without length and digest.
static bool find_listed(const struct json *published, const char *role, struct role_meta *meta)
{
	OWNED(bytes_drop) struct bytes entry = {0};
	struct fault ignored = {0};
	const struct json *listed;

	// A snapshot names roles as they are; a file and a URL name them quoted.
	if (bytes_format(&entry, &ignored, "%s.json", role))
		return false;
	listed = json_member(published, bytes_text(&entry));
	return listed && role_meta_parse(listed, meta, &ignored) == 0 && meta->has_sha256;
}

// Exactly the bytes that the server lists, and a role that delegates to nobody: nothing to look for in it.
static int compare(struct memo *memo, const char *file, const struct stat *then,
		   const struct role_meta *meta, struct paper *paper, struct fault *why)
{
	struct sha256 sha256;

	if (sha256_of(paper->data.data, paper->data.len, &sha256, why))
		return -1;
	paper->is_published = sha256_equal(&sha256, &meta->sha256);
	if (!paper->is_published || may_delegate(&paper->data))
		return 0;
	bytes_drop(&paper->data);
	return memo_note(memo, file, then, &sha256, why);
}

static bool is_remembered(struct memo *memo, const char *file, const struct stat *now,
			  const struct role_meta *meta)
{
	struct sha256 sha256;

	return memo_recall(memo, file, now, &sha256) && sha256_equal(&sha256, &meta->sha256);
}

static int read_file(const struct folder_known *known, const char *path, const char *file,
		     struct paper *paper, struct fault *why)
{
	struct role_meta meta;
	struct stat st = {0};
	bool listed = known && find_listed(known->published, paper->role, &meta);

	if (listed && stat(path, &st) == 0 && is_remembered(known->memo, file, &st, &meta)) {
		paper->is_published = true;
	} else if (file_read(path, PAPER_MAX, &paper->data, why) ||
		   (listed && compare(known->memo, file, &st, &meta, paper, why))) {
		return -1;
	}
	if (!paper->is_published || paper->data.len)
		return parse_paper(path, paper, why);
	paper->version = meta.version;
	paper->is_signed = true;
	return 0;
}

// `file` below metadata/. *out is filled only when all went well.
static int read_paper(const char *dir, const char *file, const char *role,
		      const struct folder_known *known, struct paper *out, struct fault *why)
{
	OWNED(paper_drop) struct paper paper = {0};
	OWNED(bytes_drop) struct bytes path = {0};

	if (bytes_format(&path, why, "%s/metadata/%s", dir, file) ||
	    text_copy(role, &paper.role, why) || role_quote(role, &paper.quoted, why) ||
	    read_file(known, bytes_text(&path), file, &paper, why))
		return -1;
	*out = paper;
	paper = (struct paper){0};
	return 0;
}

// ---- roles in the order of their delegation ----

static int add_role(struct folder *folder, const char *role, const struct folder_known *known,
		    struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;
	struct paper paper = {0};
	struct paper *grown;

	if (json_member(folder->known, role))
		return 0;
	if (json_put_bool(folder->known, role, true, why))
		return -1;
	if (folder->count == FOLDER_ROLES_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "more than %d roles", FOLDER_ROLES_MAX);
	if (role_file(role, 0, &file, why))
		return -1;
	if (read_paper(folder->dir, file, role, known, &paper, why)) {
		// Delegated, and not kept here: another team's.
		if (why->code != FAULT_NOT_FOUND || folder->count == 0)
			return -1;
		fault_clear(why);
		return 0;
	}
	grown = realloc(folder->roles, (folder->count + 1) * sizeof(*grown));
	if (!grown) {
		paper_drop(&paper);
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	folder->roles = grown;
	grown[folder->count++] = paper;
	return 0;
}

static int add_delegated(struct folder *folder, size_t index, const struct folder_known *known,
			 struct fault *why)
{
	// Kept: the array of roles moves while it grows, the documents do not.
	const struct json *inner = paper_signed(&folder->roles[index]);
	const struct json *roles = json_member(json_member(inner, "delegations"), "roles");

	for (size_t i = 0; i < json_count(roles); i++) {
		const char *name;

		if (json_need_text(json_item(roles, i), "name", &name, why) ||
		    add_role(folder, name, known, why))
			return -1;
	}
	return 0;
}

int folder_open(const char *dir, struct folder *out, struct fault *why)
{
	out->known = json_make_object();
	if (!out->known)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (text_copy(dir, &out->dir, why))
		return -1;
	if (read_paper(dir, "root.json", "root", NULL, &out->root, why)) {
		// The caller named it: no network is to blame.
		if (why->code == FAULT_NOT_FOUND)
			why->code = FAULT_USAGE;
		return fault_within(why, "%s is not a ceremony directory", dir);
	}
	return 0;
}

int folder_roles(struct folder *folder, const struct folder_known *known, struct fault *why)
{
	if (add_role(folder, "targets", known, why))
		return fault_within(why, "%s is not a ceremony directory", folder->dir);
	// Grows while it is walked: a parent always stands before its children.
	for (size_t i = 0; i < folder->count; i++)
		if (add_delegated(folder, i, known, why))
			return fault_within(why, "cannot read the ceremony directory %s",
					    folder->dir);
	return 0;
}

void folder_drop(struct folder *folder)
{
	for (size_t i = 0; i < folder->count; i++)
		paper_drop(&folder->roles[i]);
	free(folder->roles);
	json_free(folder->known);
	paper_drop(&folder->root);
	free(folder->dir);
	*folder = (struct folder){0};
}

int folder_root(const struct folder *folder, int64_t version, struct paper *out, struct fault *why)
{
	char name[64];

	snprintf(name, sizeof(name), "%" PRId64 ".root.json", version);
	if (read_paper(folder->dir, name, "root", NULL, out, why))
		return fault_within(why, "root version %" PRId64 " is missing", version);
	if (out->version == version)
		return 0;
	paper_drop(out);
	return fault_set(why, FAULT_FORMAT, "%s does not say version %" PRId64, name, version);
}

int folder_target(const struct folder *folder, const char *path, int64_t length,
		  const struct sha256 *digest, size_t max, struct bytes *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes file = {0};
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(bytes_drop) struct bytes quoted = {0};
	struct sha256 found;

	// Refuses what would leave the directory: "..", "/etc/shadow".
	if (download_quote(path, &quoted, why))
		return -1;
	if (bytes_format(&file, why, "%s/targets/%s", folder->dir, path) ||
	    file_read(bytes_text(&file), max, &data, why) ||
	    sha256_of(data.data, data.len, &found, why))
		return fault_within(why, "the target %s cannot be read", path);
	if ((int64_t)data.len != length || !sha256_equal(&found, digest))
		return fault_set(why, FAULT_DIGEST, "%s is not the file that was signed",
				 bytes_text(&file));
	bytes_move(out, &data);
	return 0;
}
