// SPDX-License-Identifier: Apache-2.0
#include "keys/fileset.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "keys/signing.h"

#define TOP_FILE "targets.json"
// More than the largest set of hash bins that we make.
#define DELEGATORS_MAX 32768

struct fileset {
	char *prefix; // "D/metadata/", or the label of a request
	char *top;    // given, or NULL
	const struct json *files;
	struct delegator **list;
	size_t count;
	struct json *seen; // roles that were looked at
	bool begun;
	size_t parent, child; // the next delegation to look at
};

const char *fileset_file(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

bool fileset_holds(const struct fileset *fileset, const char *path)
{
	size_t len = (size_t)(fileset_file(path) - path);

	return !fileset->files && strlen(fileset->prefix) == len &&
	       strncmp(fileset->prefix, path, len) == 0;
}

static int fileset_new(const char *prefix, size_t len, const char *top, const struct json *files,
		       struct fileset **out, struct fault *why)
{
	OWNED(fileset_drop) struct fileset *fileset = calloc(1, sizeof(*fileset));

	if (!fileset)
		return fault_set(why, FAULT_OTHER, "out of memory");
	fileset->files = files;
	fileset->seen = json_make_object();
	fileset->prefix = strndup(prefix, len);
	if (!fileset->seen || !fileset->prefix)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (top && text_copy(top, &fileset->top, why) != 0)
		return -1;
	*out = HAND_OVER(fileset);
	return 0;
}

int fileset_of(const char *path, const char *top, struct fileset **out, struct fault *why)
{
	return fileset_new(path, (size_t)(fileset_file(path) - path), top, NULL, out, why);
}

int fileset_of_files(const struct json *files, const char *label, struct fileset **out,
		     struct fault *why)
{
	return fileset_new(label, strlen(label), NULL, files, out, why);
}

static void delegator_free(struct delegator *delegator)
{
	if (!delegator)
		return;
	json_free(delegator->index);
	keyring_free(delegator->ring);
	role_free(delegator->role);
	free(delegator->file);
	free(delegator->name);
	free(delegator);
}

static void delegator_drop(struct delegator **delegator)
{
	delegator_free(*delegator);
	*delegator = NULL;
}

void fileset_free(struct fileset *fileset)
{
	if (!fileset)
		return;
	for (size_t i = 0; i < fileset->count; i++)
		delegator_free(fileset->list[i]);
	free(fileset->list);
	json_free(fileset->seen);
	free(fileset->top);
	free(fileset->prefix);
	free(fileset);
}

int fileset_path(const struct fileset *fileset, const char *file, char **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};

	if (bytes_format(&path, why, "%s%s", fileset->prefix, file) != 0)
		return -1;
	return text_copy(bytes_text(&path), out, why);
}

int fileset_read(const struct fileset *fileset, const char *file, struct bytes *out,
		 struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	const struct json *document;

	if (fileset_path(fileset, file, &path, why) != 0)
		return -1;
	if (!fileset->files)
		return file_read(path, SIGNING_FILE_MAX, out, why);
	document = json_member(fileset->files, file);
	if (!document)
		return fault_set(why, FAULT_NOT_FOUND, "there is no %s", path);
	return json_write(document, false, out, why);
}

// ---- who delegates ----

static int index_roles(struct delegator *delegator, struct fault *why)
{
	for (size_t i = 0; i < json_count(delegator->roles); i++) {
		OWNED(drop_heap) char *quoted = NULL;
		const char *name;

		if (json_need_text(json_item(delegator->roles, i), "name", &name, why) != 0 ||
		    role_quote(name, &quoted, why) != 0 ||
		    json_put_int(delegator->index, quoted, (int64_t)i, why) != 0)
			return -1;
	}
	return 0;
}

// A role without delegations is read as well and given back: `*out` NULL.
static int delegator_parse(const char *name, const char *file, const struct bytes *data,
			   struct delegator **out, struct fault *why)
{
	OWNED(delegator_drop) struct delegator *delegator = calloc(1, sizeof(*delegator));
	const struct json *delegations, *keys;

	*out = NULL;
	if (!delegator)
		return fault_set(why, FAULT_OTHER, "out of memory");
	delegator->index = json_make_object();
	if (text_copy(name, &delegator->name, why) != 0 ||
	    text_copy(file, &delegator->file, why) != 0 ||
	    role_parse(file, data->data, data->len, &delegator->role, why) != 0 ||
	    role_header(delegator->role, "targets", why) != 0)
		return -1;
	delegations = json_member(delegator->role->body, "delegations");
	delegator->roles = json_member(delegations, "roles");
	if (json_count(delegator->roles) == 0 && strcmp(name, "targets") != 0)
		return 0;
	if (delegations && (json_need_object(delegations, "keys", &keys, why) != 0 ||
			    keyring_parse(keys, &delegator->ring, why) != 0))
		return -1;
	if (index_roles(delegator, why) != 0)
		return -1;
	*out = HAND_OVER(delegator);
	return 0;
}

// Not there: nothing is added, which is no refusal.
static int fileset_add(struct fileset *fileset, const char *name, const char *file,
		       struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(delegator_drop) struct delegator *delegator = NULL;
	bool is_given = fileset->top && fileset->count == 0;
	struct delegator **more;

	if ((is_given ? file_read(file, SIGNING_FILE_MAX, &data, why)
		      : fileset_read(fileset, file, &data, why)) != 0) {
		if (why->code != FAULT_NOT_FOUND || is_given)
			return -1;
		fault_clear(why);
		return 0;
	}
	if (delegator_parse(name, file, &data, &delegator, why) != 0)
		return fault_within(why, "%s cannot tell to whom it delegates", file);
	if (!delegator)
		return 0;
	if (fileset->count == DELEGATORS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "more than %d roles delegate",
				 DELEGATORS_MAX);
	more = reallocarray(fileset->list, fileset->count + 1, sizeof(struct delegator *));
	if (!more)
		return fault_set(why, FAULT_OTHER, "out of memory");
	fileset->list = more;
	delegator->is_given = is_given;
	more[fileset->count++] = HAND_OVER(delegator);
	return 0;
}

static int fileset_begin(struct fileset *fileset, struct fault *why)
{
	if (fileset->begun)
		return 0;
	fileset->begun = true;
	return fileset_add(fileset, "targets", fileset->top ? fileset->top : TOP_FILE, why);
}

// Looks at one more delegated role, breadth first. `*more` is false when there is none.
static int fileset_step(struct fileset *fileset, bool *more, struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;
	const char *name;

	while (fileset->parent < fileset->count &&
	       fileset->child == json_count(fileset->list[fileset->parent]->roles)) {
		fileset->parent++;
		fileset->child = 0;
	}
	*more = fileset->parent < fileset->count;
	if (!*more)
		return 0;
	name = json_text(json_member(
		json_item(fileset->list[fileset->parent]->roles, fileset->child++), "name"));
	// A cycle of delegations is walked once.
	if (!name || json_member(fileset->seen, name))
		return 0;
	if (json_put_bool(fileset->seen, name, true, why) != 0 ||
	    role_file(name, 0, &file, why) != 0)
		return -1;
	return fileset_add(fileset, name, file, why);
}

static const struct json *delegation_in(const struct delegator *by, const char *stem)
{
	const struct json *place = json_member(by->index, stem);

	return place ? json_item(by->roles, (size_t)json_int(place)) : NULL;
}

int fileset_find(struct fileset *fileset, const char *stem, const char *other,
		 const struct delegator **by, const struct json **delegation, bool *top,
		 struct fault *why)
{
	bool more = true;

	*by = NULL;
	if (fileset_begin(fileset, why) != 0)
		return -1;
	*top = fileset->count > 0;
	for (size_t i = 0; more;) {
		for (; i < fileset->count; i++) {
			*by = fileset->list[i];
			*delegation = delegation_in(*by, stem);
			if (!*delegation)
				*delegation = delegation_in(*by, other);
			if (*delegation)
				return 0;
		}
		if (fileset_step(fileset, &more, why) != 0)
			return -1;
	}
	*by = NULL;
	return 0;
}

int fileset_walk(struct fileset *fileset, struct fault *why)
{
	bool more = true;

	if (fileset_begin(fileset, why) != 0)
		return -1;
	while (more)
		if (fileset_step(fileset, &more, why) != 0)
			return -1;
	return 0;
}

const struct delegator *fileset_delegator(const struct fileset *fileset, size_t index)
{
	return index < fileset->count ? fileset->list[index] : NULL;
}
