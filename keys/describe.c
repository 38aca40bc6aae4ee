// SPDX-License-Identifier: Apache-2.0
#include "keys/describe.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"
#include "keys/bins.h"

static int line_add(struct json *lines, struct fault *why, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int line_add(struct json *lines, struct fault *why, const char *format, ...)
{
	OWNED(drop_heap) char *line = NULL;
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vasprintf(&line, format, arguments);
	va_end(arguments);
	if (len < 0) {
		line = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	return json_add(lines, json_make_text(line), why);
}

// A text that may be absent: what is described was only parsed, not judged.
static const char *text_of(const struct json *object, const char *key)
{
	const char *text = json_text(json_member(object, key));

	return text ? text : "?";
}

static bool list_holds(const struct json *list, const char *text)
{
	for (size_t i = 0; i < json_count(list); i++) {
		const char *item = json_text(json_item(list, i));

		if (item && strcmp(item, text) == 0)
			return true;
	}
	return false;
}

// ---- targets ----

static const char *target_sha256(const struct json *target)
{
	return text_of(json_member(target, "hashes"), "sha256");
}

static int target_line(const char *path, const struct json *now, const struct json *was,
		       struct json *lines, struct fault *why)
{
	int64_t length = json_int(json_member(now, "length"));

	if (!was)
		return line_add(lines, why, "+ target %s: %" PRId64 " bytes, sha256 %s", path,
				length, target_sha256(now));
	if (strcmp(target_sha256(was), target_sha256(now)) != 0)
		return line_add(lines, why, "~ target %s: %" PRId64 " bytes, sha256 %s, was %s",
				path, length, target_sha256(now), target_sha256(was));
	return line_add(lines, why, "~ target %s: same sha256 %s, other length, digest or details",
			path, target_sha256(now));
}

static int targets_lines(const struct json *now, const struct json *was, struct json *lines,
			 struct fault *why)
{
	struct json_walk walk = {0}, gone = {0};

	while (json_next(now, &walk)) {
		const struct json *old = json_member(was, walk.key);

		if (old && json_same(old, walk.value))
			continue;
		if (target_line(walk.key, walk.value, old, lines, why) != 0)
			return -1;
	}
	while (json_next(was, &gone))
		if (!json_member(now, gone.key) &&
		    line_add(lines, why, "- target %s", gone.key) != 0)
			return -1;
	return 0;
}

// ---- keys and who they speak for ----

static int keys_lines(const struct json *now, const struct json *was, struct json *lines,
		      struct fault *why)
{
	struct json_walk walk = {0}, gone = {0};

	while (json_next(now, &walk)) {
		const struct json *old = json_member(was, walk.key);

		if (!old && line_add(lines, why, "+ key %s (%s)", walk.key,
				     text_of(walk.value, "keytype")) != 0)
			return -1;
		if (old && !json_same(old, walk.value) &&
		    line_add(lines, why, "~ key %s now stands for another public key or scheme",
			     walk.key) != 0)
			return -1;
	}
	while (json_next(was, &gone))
		if (!json_member(now, gone.key) && line_add(lines, why, "- key %s", gone.key) != 0)
			return -1;
	return 0;
}

// The signers and the threshold of one role or delegation.
static int signers_lines(const char *role, const struct json *now, const struct json *was,
			 struct json *lines, struct fault *why)
{
	const struct json *ids = json_member(now, "keyids"), *old = json_member(was, "keyids");
	int64_t threshold = json_int(json_member(now, "threshold"));
	int64_t before = json_int(json_member(was, "threshold"));

	for (size_t i = 0; i < json_count(ids); i++) {
		const char *id = json_text(json_item(ids, i));

		if (id && !list_holds(old, id) &&
		    line_add(lines, why, "+ %s may be signed by key %s", role, id) != 0)
			return -1;
	}
	for (size_t i = 0; i < json_count(old); i++) {
		const char *id = json_text(json_item(old, i));

		if (id && !list_holds(ids, id) &&
		    line_add(lines, why, "- %s may no longer be signed by key %s", role, id) != 0)
			return -1;
	}
	if (!was)
		return line_add(lines, why, "+ %s needs %" PRId64 " of %zu keys", role, threshold,
				json_count(ids));
	if (threshold != before || json_count(ids) != json_count(old))
		return line_add(lines, why,
				"~ %s needs %" PRId64 " of %zu keys, before %" PRId64 " of %zu",
				role, threshold, json_count(ids), before, json_count(old));
	return 0;
}

static int roles_lines(const struct json *now, const struct json *was, struct json *lines,
		       struct fault *why)
{
	struct json_walk walk = {0}, gone = {0};

	while (json_next(now, &walk))
		if (signers_lines(walk.key, walk.value, json_member(was, walk.key), lines, why) !=
		    0)
			return -1;
	while (json_next(was, &gone))
		if (!json_member(now, gone.key) && line_add(lines, why, "- role %s", gone.key) != 0)
			return -1;
	return 0;
}

// ---- delegations ----

static const struct json *delegation_of(const struct json *roles, const char *name)
{
	for (size_t i = 0; i < json_count(roles); i++)
		if (strcmp(text_of(json_item(roles, i), "name"), name) == 0)
			return json_item(roles, i);
	return NULL;
}

// The name is all that one line says of a list ("paths", "path_hash_prefixes"): each item has a line of its own.
static int list_lines(const char *role, const char *what, const struct json *now,
		      const struct json *was, struct json *lines, struct fault *why)
{
	for (size_t i = 0; i < json_count(now); i++) {
		const char *item = json_text(json_item(now, i));

		if (item && !list_holds(was, item) &&
		    line_add(lines, why, "+ delegation %s: %s %s", role, what, item) != 0)
			return -1;
	}
	for (size_t i = 0; i < json_count(was); i++) {
		const char *item = json_text(json_item(was, i));

		if (item && !list_holds(now, item) &&
		    line_add(lines, why, "- delegation %s: %s %s", role, what, item) != 0)
			return -1;
	}
	return 0;
}

static int delegation_lines(const struct json *now, const struct json *was, struct json *lines,
			    struct fault *why)
{
	const char *name = text_of(now, "name");
	bool ends = json_bool(json_member(now, "terminating"));
	char role[300];

	snprintf(role, sizeof(role), "delegation %s", name);
	if (signers_lines(role, now, was, lines, why) != 0 ||
	    list_lines(name, "paths", json_member(now, "paths"), json_member(was, "paths"), lines,
		       why) != 0 ||
	    list_lines(name, "hash prefix", json_member(now, "path_hash_prefixes"),
		       json_member(was, "path_hash_prefixes"), lines, why) != 0)
		return -1;
	if (ends != json_bool(json_member(was, "terminating")))
		return line_add(lines, why, "%c delegation %s %s", was ? '~' : '+', name,
				ends ? "ends the search for its paths"
				     : "no longer ends the search");
	return 0;
}

// Their order is the order of the search (TUF 4.5): a moved delegation is a change of its own.
static bool order_same(const struct json *now, const struct json *was)
{
	size_t at = 0;

	// Those that are in both, in the one order, must be met in the other.
	for (size_t i = 0; i < json_count(now); i++) {
		const char *name = text_of(json_item(now, i), "name");

		if (!delegation_of(was, name))
			continue;
		while (at < json_count(was) && strcmp(text_of(json_item(was, at), "name"), name))
			at++;
		if (at == json_count(was))
			return false;
	}
	return true;
}

// A set of hash bins is one thing, however many roles it is.
static int bins_lines(const struct json *roles, const struct json *old, struct json *lines,
		      struct fault *why)
{
	const struct json *first = json_item(roles, 0), *before = NULL;
	char each[300];

	if (bins_even(old) && json_count(old) == json_count(roles) &&
	    strcmp(text_of(json_item(old, 0), "name"), text_of(first, "name")) == 0)
		before = json_item(old, 0);
	if (!before &&
	    line_add(lines, why, "+ %zu hash bins, %s to %s, each for an equal share of the paths",
		     json_count(roles), text_of(first, "name"),
		     text_of(json_item(roles, json_count(roles) - 1), "name")) != 0)
		return -1;
	snprintf(each, sizeof(each), "each bin from %s on", text_of(first, "name"));
	return signers_lines(each, first, before, lines, why);
}

static int delegations_lines(const struct json *now, const struct json *was, struct json *lines,
			     struct fault *why)
{
	const struct json *roles = json_member(now, "roles"), *old = json_member(was, "roles");
	bool even = bins_even(roles);

	if (keys_lines(json_member(now, "keys"), json_member(was, "keys"), lines, why) != 0)
		return -1;
	if (even && bins_lines(roles, old, lines, why) != 0)
		return -1;
	for (size_t i = 0; i < json_count(roles) && !even; i++) {
		const struct json *one = json_item(roles, i);

		if (delegation_lines(one, delegation_of(old, text_of(one, "name")), lines, why) !=
		    0)
			return -1;
	}
	for (size_t i = 0; i < json_count(old); i++) {
		const char *name = text_of(json_item(old, i), "name");

		if (!delegation_of(roles, name) &&
		    line_add(lines, why, "- delegation %s", name) != 0)
			return -1;
	}
	if (was && !order_same(roles, old))
		return line_add(lines, why, "~ the delegations are searched in another order");
	if (!json_same(json_member(now, "succinct_roles"), json_member(was, "succinct_roles")) &&
	    (json_member(now, "succinct_roles") || json_member(was, "succinct_roles")))
		return line_add(lines, why, "~ the hash bins (succinct_roles) changed");
	return 0;
}

// ---- all of it ----

static int meta_lines(const struct json *now, const struct json *was, struct json *lines,
		      struct fault *why)
{
	struct json_walk walk = {0}, gone = {0};

	while (json_next(now, &walk)) {
		int64_t version = json_int(json_member(walk.value, "version"));
		const struct json *old = json_member(was, walk.key);

		if (old && json_same(old, walk.value))
			continue;
		if (line_add(lines, why, "%c file %s version %" PRId64, old ? '~' : '+', walk.key,
			     version) != 0)
			return -1;
	}
	while (json_next(was, &gone))
		if (!json_member(now, gone.key) && line_add(lines, why, "- file %s", gone.key) != 0)
			return -1;
	return 0;
}

typedef int lines_of(const struct json *now, const struct json *was, struct json *lines,
		     struct fault *why);

// A member without words of its own: its value, when it is short, else only that it changed.
static int other_line(const char *name, const struct json *now, const struct json *was,
		      struct json *lines, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (now && was && json_same(now, was))
		return 0;
	if (!now)
		return line_add(lines, why, "- %s", name);
	if (json_write(now, false, &text, why) != 0)
		return -1;
	while (text.len > 0 && text.data[text.len - 1] == '\n')
		text.data[--text.len] = '\0';
	return line_add(lines, why, "%c %s %s", was ? '~' : '+', name,
			text.len <= 200 ? bytes_text(&text) : "(long)");
}

static int member_lines(const char *name, const struct json *now, const struct json *was,
			struct json *lines, struct fault *why)
{
	static const struct {
		const char *name;
		lines_of *lines;
	} words[] = {{"targets", targets_lines}, {"keys", keys_lines},
		     {"roles", roles_lines},	 {"delegations", delegations_lines},
		     {"meta", meta_lines},	 {NULL, NULL}};
	static const char *const header[] = {"_type", "spec_version", "version", "expires", NULL};

	for (size_t i = 0; header[i]; i++)
		if (strcmp(name, header[i]) == 0)
			return 0; // said in the line before the changes
	for (size_t i = 0; words[i].name; i++)
		if (strcmp(name, words[i].name) == 0)
			return words[i].lines(now, was, lines, why);
	return other_line(name, now, was, lines, why);
}

int describe_change(const struct json *body, const struct json *before, struct json **lines,
		    struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();
	struct json_walk walk = {0}, gone = {0};

	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(body, &walk))
		if (member_lines(walk.key, walk.value, json_member(before, walk.key), list, why) !=
		    0)
			return -1;
	while (json_next(before, &gone))
		if (!json_member(body, gone.key) &&
		    member_lines(gone.key, NULL, gone.value, list, why) != 0)
			return -1;
	*lines = HAND_OVER(list);
	return 0;
}
