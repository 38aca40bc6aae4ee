// SPDX-License-Identifier: Apache-2.0
#include "loader/denied.h"

#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "loader/standin.h"

int denied_load(int trust_dirfd, const char *from, struct deny **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(drop_fd) int dirfd = -1;

	if (dir_open_at(trust_dirfd, from, &dirfd, why) ||
	    file_read_at(dirfd, DENIED_FILE, DENY_MAX, &bytes, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return deny_new(out, why);
	}
	if (deny_parse(bytes.data, bytes.len, out, why)) {
		fault_within(why, "the deny list that we keep of %s is damaged", from);
		return fault_fix(why, "find out what changed it; after its removal the next "
				      "'bpfseal apply' writes it anew");
	}
	return 0;
}

int denied_keep(int trust_dirfd, const char *from, const struct bytes *list, struct fault *why)
{
	OWNED(bytes_drop) struct bytes kept = {0};
	OWNED(drop_fd) int dirfd = -1;

	if (dir_open_at(trust_dirfd, from, &dirfd, why))
		return -1;
	if (!file_read_at(dirfd, DENIED_FILE, DENY_MAX, &kept, why) && kept.len == list->len &&
	    !memcmp(kept.data, list->data, kept.len))
		return 0;
	fault_clear(why);
	return file_replace_at(dirfd, DENIED_FILE, list->data, list->len, 0600, why);
}

int denied_note(struct json *list, const struct member *member, const struct deny_entry *entry,
		enum node_on_denied on_denied, struct fault *why)
{
	struct json *line = json_make_object();
	char hex[SHA256_HEX], since[CLOCK_TEXT_LEN];

	sha256_hex(&entry->sha256, hex);
	clock_write(entry->since, since);
	if (json_add(list, line, why) || json_put_int(line, "place", (int64_t)member->place, why) ||
	    json_put_text(line, "name", member->name, why) ||
	    json_put_text(line, "version", member->version, why) ||
	    json_put_text(line, "from", member->from, why) ||
	    json_put_text(line, "sha256", hex, why) ||
	    json_put_text(line, "reason", entry->reason, why) ||
	    json_put_text(line, "since", since, why))
		return -1;
	return json_put_text(line, "on_denied", node_on_denied_name(on_denied), why);
}

const struct json *denied_at(const struct json *list, size_t place)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *line = json_item(list, i);

		if (json_int(json_member(line, "place")) == (int64_t)place)
			return line;
	}
	return NULL;
}

static bool same_text(const struct json *object, const char *key, const char *text)
{
	const char *has = json_text(json_member(object, key));

	return has && !strcmp(has, text);
}

size_t denied_gone(const struct json *list)
{
	size_t gone = 0;

	for (size_t i = 0; i < json_count(list); i++)
		gone += same_text(json_item(list, i), "on_denied",
				  node_on_denied_name(NODE_DENIED_REMOVE));
	return gone;
}

bool denied_runs(const struct json *chain, const struct deny_entry *entry)
{
	const struct json *members = json_member(chain, "members");
	char hex[SHA256_HEX];

	sha256_hex(&entry->sha256, hex);
	for (size_t i = 0; i < json_count(members); i++)
		if (same_text(json_item(members, i), "bundle", hex) ||
		    same_text(json_item(members, i), "object", hex))
			return true;
	return false;
}

bool denied_is_known(const struct json *chain, const struct deny_entry *entry)
{
	const struct json *denied = json_member(chain, "denied");
	char hex[SHA256_HEX];

	sha256_hex(&entry->sha256, hex);
	for (size_t i = 0; i < json_count(denied); i++)
		if (same_text(json_item(denied, i), "sha256", hex))
			return true;
	return denied_runs(chain, entry);
}

int denied_member(int trust_dirfd, const struct json *recorded, struct deny **list,
		  const struct deny_entry **entry, struct fault *why)
{
	const char *const keys[] = {"bundle", "object"};
	const char *from = json_text(json_member(recorded, "from"));
	OWNED(deny_drop) struct deny *deny = NULL;

	*entry = NULL;
	if (!from || standin_is(recorded))
		return 0;
	if (denied_load(trust_dirfd, from, &deny, why))
		return -1;
	for (size_t i = 0; i < 2 && !*entry; i++) {
		const char *hex = json_text(json_member(recorded, keys[i]));
		struct sha256 digest;

		if (hex && !sha256_read(hex, &digest))
			*entry = deny_find(deny, &digest);
	}
	*list = HAND_OVER(deny);
	return 0;
}
