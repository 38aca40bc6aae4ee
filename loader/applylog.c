// SPDX-License-Identifier: Apache-2.0
#include "loader/applylog.h"

#include "base/digest.h"
#include "base/json.h"
#include "base/owned.h"

#define AUDIT_CHANGES_MAX 64 // values in one record

// A list of thousands is cut: the count stays true.
static int put_changes(struct json *details, const struct json *changes, struct fault *why)
{
	struct json *list = json_make_array();

	if (json_put_int(details, "values", (int64_t)json_count(changes), why)) {
		json_free(list);
		return -1;
	}
	if (json_put(details, "changes", list, why))
		return -1;
	for (size_t i = 0; i < json_count(changes) && i < AUDIT_CHANGES_MAX; i++)
		if (json_add(list, json_keep(json_item(changes, i)), why))
			return -1;
	return 0;
}

static int put_chain(const struct apply_places *places, struct audit *log,
		     const struct apply_chain *at, struct fault *why)
{
	OWNED(json_drop) struct json *details = json_make_object();
	OWNED(json_drop) struct json *members = json_make_array();

	if (!details || !members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < at->plan->count; i++) {
		char hex[SHA256_HEX];
		struct json *member = json_make_object();

		sha256_hex(&at->plan->members[i].object, hex);
		if (json_add(members, member, why) ||
		    json_put_text(member, "name", at->plan->members[i].name, why) ||
		    json_put_text(member, "version", at->plan->members[i].version, why) ||
		    json_put_text(member, "object", hex, why))
			return -1;
	}
	if (json_put_text(details, "interface", at->plan->iface, why) ||
	    json_put_text(details, "hook", hook_name(at->plan->hook), why) ||
	    json_put_text(details, "action", plan_action_name(at->plan->action), why) ||
	    json_put_int(details, "fell_through", (int64_t)at->plan->truth.fell, why) ||
	    json_put(details, "members", HAND_OVER(members), why) ||
	    (json_count(at->plan->changes) && put_changes(details, at->plan->changes, why)))
		return -1;
	return audit_add(log, places->now, places->event ? places->event : "apply",
			 HAND_OVER(details), why);
}

static bool has_line(const struct json *lines, const struct json *line)
{
	for (size_t i = 0; i < json_count(lines); i++)
		if (json_same(json_item(lines, i), line))
			return true;
	return false;
}

// Each denial once: when it first takes effect here.
static int put_denied(const struct apply_places *places, struct audit *log,
		      const struct plan_chain *plan, struct fault *why)
{
	const struct json *old = json_member(plan->record, "denied");

	for (size_t i = 0; i < json_count(plan->denied); i++) {
		const struct json *line = json_item(plan->denied, i);
		OWNED(json_drop) struct json *details = NULL;

		if (has_line(old, line))
			continue;
		if (json_clone(line, &details, why) ||
		    json_put_text(details, "interface", plan->iface, why) ||
		    json_put_text(details, "hook", hook_name(plan->hook), why) ||
		    audit_add(log, places->now, "denied", HAND_OVER(details), why))
			return -1;
	}
	return 0;
}

static int put_one(const struct apply_places *places, struct audit *log,
		   const struct apply_chain *at, struct fault *why)
{
	if (at->done && put_chain(places, log, at, why))
		return -1;
	if (at->done || at->plan->action == PLAN_KEEP)
		return put_denied(places, log, at->plan, why);
	return 0;
}

int applylog_write(const struct apply_places *places, struct audit *log, const struct apply *done,
		   struct fault *why)
{
	struct fault first = {0};

	for (size_t i = 0; i < done->count; i++)
		if (put_one(places, log, &done->chains[i], why))
			fault_first(&first, why);
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}
