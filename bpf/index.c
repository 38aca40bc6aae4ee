// SPDX-License-Identifier: Apache-2.0
#include "bpf/index.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/json.h"
#include "base/owned.h"
#include "bpf/version.h"

#define SCHEMA "bpfseal.index/1"

#define PART_MAX     64	  // as in the manifest
#define VERSIONS_MAX 4096 // INDEX_MAX holds about as many

// Older indexes may name it; nobody takes from it.
#define WITHDRAWN "withdrawn"

#define LISTED_MAX 5 // told of a bundle whose version is not found

static int check_name(const char *name, struct fault *why)
{
	char part[2 * PART_MAX + 2];
	char *slash;

	if (strlen(name) < sizeof part) {
		memcpy(part, name, strlen(name) + 1);
		slash = strchr(part, '/');
		if (slash) {
			*slash = '\0';
			if (name_is_plain(part, PART_MAX) && name_is_plain(slash + 1, PART_MAX))
				return 0;
		}
	}
	return fault_set(why, FAULT_FORMAT, "'%.140s' is not a bundle's name, like net/count",
			 name);
}

// One path for one version: an index must not send a node to the bundle of another name (A13).
static int check_version(const struct index *index, const char *version, const char *path,
			 const char *channel, struct fault *why)
{
	OWNED(bytes_drop) struct bytes own = {0};

	if (version_check(version, why) ||
	    bytes_format(&own, why, "%s/%s.bundle", index->name, version))
		return -1;
	if (strcmp(bytes_text(&own), path) != 0)
		return fault_set(why, FAULT_FORMAT, "version %s of %s lies at '%.200s', not %s",
				 version, index->name, path, bytes_text(&own));
	if (!name_is_plain(channel, INDEX_CHANNEL_MAX))
		return fault_set(why, FAULT_FORMAT, "'%.40s' is not a channel", channel);
	return 0;
}

static struct index_version *find(const struct index *index, const char *version)
{
	for (size_t i = 0; i < index->count; i++) {
		if (strcmp(index->versions[i].version, version) == 0)
			return &index->versions[i];
	}
	return NULL;
}

static void drop_version(struct index_version *version)
{
	free(version->version);
	free(version->path);
	free(version->channel);
	*version = (struct index_version){0};
}

int index_new(const char *name, struct index **out, struct fault *why)
{
	OWNED(index_drop) struct index *index = NULL;

	if (check_name(name, why))
		return -1;
	index = calloc(1, sizeof *index);
	if (!index)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (text_copy(name, &index->name, why))
		return -1;
	*out = HAND_OVER(index);
	return 0;
}

static int by_version(const void *left, const void *right)
{
	const struct index_version *a = left, *b = right;

	return version_compare(a->version, b->version);
}

// A zeroed row at the end.
static int make_row(struct index *index, struct index_version **out, struct fault *why)
{
	struct index_version *versions;

	if (index->count == VERSIONS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the index of %s has more than %d versions",
				 index->name, VERSIONS_MAX);
	versions = realloc(index->versions, (index->count + 1) * sizeof *versions);
	if (!versions)
		return fault_set(why, FAULT_OTHER, "out of memory");
	index->versions = versions;
	versions[index->count] = (struct index_version){0};
	*out = &versions[index->count++];
	return 0;
}

int index_add(struct index *index, const char *version, const char *path,
	      const struct sha256 *sha256, const char *channel, struct fault *why)
{
	struct index_version fresh = {.sha256 = *sha256};
	struct index_version *row = find(index, version);

	if (check_version(index, version, path, channel, why))
		return -1;
	if (text_copy(version, &fresh.version, why) || text_copy(path, &fresh.path, why) ||
	    text_copy(channel, &fresh.channel, why) || (!row && make_row(index, &row, why))) {
		drop_version(&fresh);
		return -1;
	}
	drop_version(row);
	*row = fresh;
	// Reading an index adds in order: sorting then at each step would take a minute for the longest one.
	if (row != &index->versions[index->count - 1] ||
	    (index->count > 1 && by_version(row - 1, row) > 0))
		qsort(index->versions, index->count, sizeof *index->versions, by_version);
	return 0;
}

// ---- the document ----

static int parse_version(const struct json *object, struct index *index, struct fault *why)
{
	static const char *const allowed[] = {"version", "path", "sha256", "channel", NULL};
	const char *version, *path, *hex, *channel;
	struct sha256 sha256;

	if (!json_is(object, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "an entry of \"versions\" is not an object");
	if (json_only(object, allowed, why) || json_need_text(object, "version", &version, why) ||
	    json_need_text(object, "path", &path, why) ||
	    json_need_text(object, "sha256", &hex, why) ||
	    json_need_text(object, "channel", &channel, why))
		return -1;
	if (sha256_read(hex, &sha256))
		return fault_set(why, FAULT_FORMAT, "version %.40s has no SHA-256 digest", version);
	// Of two entries for one version, one reader would see the first and another the last (A37).
	if (index->count &&
	    version_compare(index->versions[index->count - 1].version, version) >= 0)
		return fault_set(why, FAULT_FORMAT, "version %.40s is out of order or occurs twice",
				 version);
	return index_add(index, version, path, &sha256, channel, why);
}

static int parse_index(const struct json *root, struct index **out, struct fault *why)
{
	static const char *const allowed[] = {"schema", "name", "versions", NULL};
	OWNED(index_drop) struct index *index = NULL;
	const struct json *versions;
	const char *schema, *name;

	if (!json_is(root, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "it is not a JSON object");
	if (json_only(root, allowed, why) || json_need_text(root, "schema", &schema, why) ||
	    json_need_text(root, "name", &name, why) ||
	    json_need_array(root, "versions", &versions, why))
		return -1;
	if (strcmp(schema, SCHEMA) != 0)
		return fault_set(why, FAULT_FORMAT, "it is of schema '%.40s', not %s", schema,
				 SCHEMA);
	if (json_count(versions) > VERSIONS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "it has more than %d versions",
				 VERSIONS_MAX);
	if (index_new(name, &index, why))
		return -1;
	for (size_t i = 0; i < json_count(versions); i++) {
		if (parse_version(json_item(versions, i), index, why))
			return -1;
	}
	*out = HAND_OVER(index);
	return 0;
}

int index_parse(const void *data, size_t len, struct index **out, struct fault *why)
{
	OWNED(json_drop) struct json *root = NULL;

	if (len > INDEX_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "index.json has %zu bytes, more than %u",
				 len, INDEX_MAX);
	if (json_parse(data, len, "index.json", &root, why))
		return -1;
	if (parse_index(root, out, why))
		return fault_within(why, "index.json cannot be used");
	return 0;
}

void index_free(struct index *index)
{
	if (!index)
		return;
	for (size_t i = 0; i < index->count; i++)
		drop_version(&index->versions[i]);
	free(index->versions);
	free(index->name);
	free(index);
}

int index_write(const struct index *index, struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *root = json_make_object();
	OWNED(json_drop) struct json *versions = json_make_array();

	for (size_t i = 0; i < index->count; i++) {
		const struct index_version *version = &index->versions[i];
		OWNED(json_drop) struct json *object = json_make_object();
		char hex[SHA256_HEX];

		sha256_hex(&version->sha256, hex);
		if (json_put_text(object, "version", version->version, why) ||
		    json_put_text(object, "path", version->path, why) ||
		    json_put_text(object, "sha256", hex, why) ||
		    json_put_text(object, "channel", version->channel, why) ||
		    json_add(versions, HAND_OVER(object), why))
			return -1;
	}
	if (json_put_text(root, "schema", SCHEMA, why) ||
	    json_put_text(root, "name", index->name, why) ||
	    json_put(root, "versions", HAND_OVER(versions), why))
		return -1;
	return json_write(root, true, out, why);
}

const struct index_version *index_find(const struct index *index, const char *version)
{
	return find(index, version);
}

int index_remove(struct index *index, const char *version, struct fault *why)
{
	struct index_version *row = find(index, version);

	if (!row)
		return fault_set(why, FAULT_NOT_FOUND, "the index of %s has no version %.60s",
				 index->name, version);
	drop_version(row);
	index->count--;
	memmove(row, row + 1,
		(size_t)(index->versions + index->count - row) * sizeof(*index->versions));
	return 0;
}

int index_channel_check(const char *channel, enum fault_code code, struct fault *why)
{
	if (!name_is_plain(channel, INDEX_CHANNEL_MAX))
		return fault_set(why, code, "\"%.40s\" is not a channel: 1 to %d of a-z 0-9 . _ -",
				 channel, INDEX_CHANNEL_MAX);
	if (!strcmp(channel, WITHDRAWN))
		return fault_set(why, code, "\"%s\" is not a channel that anybody takes from",
				 channel);
	return 0;
}

static bool is_in(const struct index_version *version, const char *channel)
{
	return !strcmp(version->channel, INDEX_RELEASED) ||
	       (!strcmp(version->channel, channel) && strcmp(channel, WITHDRAWN) != 0);
}

// What could be asked for instead: the highest that are there, the channel where it is another one.
static int say_listed(const struct index *index, struct fault *why)
{
	OWNED(bytes_drop) struct bytes list = {0};
	struct fault ignored = {0};
	size_t said = 0;

	for (size_t i = index->count; i-- > 0 && said < LISTED_MAX;) {
		const struct index_version *row = &index->versions[i];
		bool elsewhere = strcmp(row->channel, INDEX_RELEASED) != 0;

		if (!strcmp(row->channel, WITHDRAWN))
			continue;
		if (bytes_format(&list, &ignored, "%s%s%s%s%s", said ? ", " : "", row->version,
				 elsewhere ? " (channel " : "", elsewhere ? row->channel : "",
				 elsewhere ? ")" : ""))
			return -1;
		said++;
	}
	return said ? fault_fix(why, "its index lists %s", bytes_text(&list)) : -1;
}

int index_resolve(const struct index *index, const char *pattern, const char *channel,
		  const struct index_version **out, struct fault *why)
{
	const struct index_version *best = NULL;
	bool held = false;

	if (version_pattern_check(pattern, why))
		return -1;
	// Sorted, so the last that matches is the highest.
	for (size_t i = 0; i < index->count; i++) {
		if (!version_matches(index->versions[i].version, pattern))
			continue;
		if (is_in(&index->versions[i], channel))
			best = &index->versions[i];
		else
			held = true;
	}
	if (!best) {
		fault_set(why, FAULT_UNTRUSTED, "no %s version of %s matches '%s'",
			  held ? channel : "signed", index->name, pattern);
		return say_listed(index, why);
	}
	*out = best;
	return 0;
}

int index_pick(const struct index *index, const char *wanted, const char *channel,
	       const struct index_version **out, struct fault *why)
{
	const struct index_version *row;
	struct fault not_exact = {0};

	if (version_check(wanted, &not_exact))
		return index_resolve(index, wanted, channel, out, why);
	row = find(index, wanted);
	if (!row || !strcmp(row->channel, WITHDRAWN)) {
		fault_set(why, FAULT_UNTRUSTED, "the signed index of %s %s %.60s", index->name,
			  row ? "has withdrawn" : "does not list", wanted);
		return say_listed(index, why);
	}
	*out = row;
	return 0;
}

int index_missing(const char *name, struct fault *why)
{
	fault_set(why, FAULT_UNTRUSTED, "no trusted role names an index of %s", name);
	return fault_fix(why,
			 "look at the name; if it is right, nothing of that name is published");
}

int index_path(const char *name, char **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};

	if (check_name(name, why) || bytes_format(&path, why, "%s/index.json", name))
		return -1;
	return text_copy(bytes_text(&path), out, why);
}
