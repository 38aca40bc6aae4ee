// SPDX-License-Identifier: Apache-2.0
#include "bpf/deny.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/owned.h"

#define SCHEMA "bpfseal.deny/1"

static int compare(const struct sha256 *a, const struct sha256 *b)
{
	return memcmp(a, b, sizeof(*a));
}

int deny_new(struct deny **out, struct fault *why)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

void deny_free(struct deny *deny)
{
	if (!deny)
		return;
	for (size_t i = 0; i < deny->count; i++)
		free(deny->entries[i].reason);
	free(deny->entries);
	free(deny);
}

// Where the digest is, or would be put.
static size_t seek(const struct deny *deny, const struct sha256 *sha256)
{
	size_t low = 0, high = deny->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(&deny->entries[middle].sha256, sha256) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct deny_entry *deny_find(const struct deny *deny, const struct sha256 *sha256)
{
	size_t at = seek(deny, sha256);

	if (at < deny->count && compare(&deny->entries[at].sha256, sha256) == 0)
		return &deny->entries[at];
	return NULL;
}

static int check_reason(const char *reason, struct fault *why)
{
	size_t len = strlen(reason);

	if (!len || len > DENY_REASON_MAX)
		return fault_set(why, FAULT_FORMAT, "a reason has 1 to %d bytes", DENY_REASON_MAX);
	for (size_t i = 0; i < len; i++)
		if (iscntrl((unsigned char)reason[i]))
			return fault_set(why, FAULT_FORMAT, "a reason is one line of text");
	return 0;
}

int deny_add(struct deny *deny, const struct sha256 *sha256, const char *reason, int64_t since,
	     struct fault *why)
{
	OWNED(drop_heap) char *copy = NULL;
	size_t at = seek(deny, sha256);
	struct deny_entry *entries;

	if (check_reason(reason, why) || text_copy(reason, &copy, why))
		return -1;
	if (deny_find(deny, sha256)) {
		free(deny->entries[at].reason);
		deny->entries[at].reason = HAND_OVER(copy);
		return 0;
	}
	if (deny->count == DENY_ENTRIES_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the deny list has more than %d digests",
				 DENY_ENTRIES_MAX);
	entries = reallocarray(deny->entries, deny->count + 1, sizeof(*entries));
	if (!entries)
		return fault_set(why, FAULT_OTHER, "out of memory");
	deny->entries = entries;
	memmove(entries + at + 1, entries + at, (deny->count - at) * sizeof(*entries));
	entries[at] =
		(struct deny_entry){.sha256 = *sha256, .reason = HAND_OVER(copy), .since = since};
	deny->count++;
	return 0;
}

int deny_remove(struct deny *deny, const struct sha256 *sha256, struct fault *why)
{
	size_t at = seek(deny, sha256);
	char hex[SHA256_HEX];

	if (!deny_find(deny, sha256)) {
		sha256_hex(sha256, hex);
		return fault_set(why, FAULT_NOT_FOUND, "%s is not on the deny list", hex);
	}
	free(deny->entries[at].reason);
	deny->count--;
	memmove(deny->entries + at, deny->entries + at + 1,
		(deny->count - at) * sizeof(*deny->entries));
	return 0;
}

// ---- the document ----

static int parse_entry(const struct json *object, struct deny *deny, struct fault *why)
{
	static const char *const allowed[] = {"sha256", "reason", "since", NULL};
	const char *hex, *reason, *time;
	struct sha256 sha256;
	int64_t since;

	if (!json_is(object, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "an entry of \"denied\" is not an object");
	if (json_only(object, allowed, why) || json_need_text(object, "sha256", &hex, why) ||
	    json_need_text(object, "reason", &reason, why) ||
	    json_need_text(object, "since", &time, why) || clock_parse(time, &since, why))
		return -1;
	if (sha256_read(hex, &sha256))
		return fault_set(why, FAULT_FORMAT, "'%.70s' is not a SHA-256 digest", hex);
	if (deny->count && compare(&deny->entries[deny->count - 1].sha256, &sha256) >= 0)
		return fault_set(why, FAULT_FORMAT, "%s is out of order or occurs twice", hex);
	return deny_add(deny, &sha256, reason, since, why);
}

static int parse(const struct json *root, struct deny **out, struct fault *why)
{
	static const char *const allowed[] = {"schema", "denied", NULL};
	OWNED(deny_drop) struct deny *deny = NULL;
	const struct json *denied;
	const char *schema;

	if (!json_is(root, JSON_KIND_OBJECT))
		return fault_set(why, FAULT_FORMAT, "it is not a JSON object");
	if (json_only(root, allowed, why) || json_need_text(root, "schema", &schema, why) ||
	    json_need_array(root, "denied", &denied, why) || deny_new(&deny, why))
		return -1;
	if (strcmp(schema, SCHEMA) != 0)
		return fault_set(why, FAULT_FORMAT, "it is of schema '%.40s', not %s", schema,
				 SCHEMA);
	for (size_t i = 0; i < json_count(denied); i++)
		if (parse_entry(json_item(denied, i), deny, why))
			return -1;
	*out = HAND_OVER(deny);
	return 0;
}

int deny_parse(const void *data, size_t len, struct deny **out, struct fault *why)
{
	OWNED(json_drop) struct json *root = NULL;

	if (len > DENY_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "the deny list is larger than %u bytes",
				 DENY_MAX);
	if (json_parse(data, len, DENY_PATH, &root, why))
		return -1;
	if (parse(root, out, why))
		return fault_within(why, "the deny list cannot be used");
	return 0;
}

int deny_write(const struct deny *deny, struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *root = json_make_object();
	struct json *denied;

	if (json_put_text(root, "schema", SCHEMA, why) ||
	    json_put(root, "denied", json_make_array(), why))
		return -1;
	denied = (struct json *)(uintptr_t)json_member(root, "denied");
	for (size_t i = 0; i < deny->count; i++) {
		const struct deny_entry *entry = &deny->entries[i];
		struct json *object = json_make_object();
		char hex[SHA256_HEX], time[CLOCK_TEXT_LEN];

		sha256_hex(&entry->sha256, hex);
		clock_write(entry->since, time);
		if (json_add(denied, object, why) || json_put_text(object, "sha256", hex, why) ||
		    json_put_text(object, "reason", entry->reason, why) ||
		    json_put_text(object, "since", time, why))
			return -1;
	}
	return json_write(root, true, out, why);
}
