// SPDX-License-Identifier: Apache-2.0
#include "loader/previous.h"

#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/node.h"
#include "loader/denied.h"
#include "loader/hold.h"
#include "loader/record.h"

static bool same_texts(const struct json *a, const struct json *b, const char *const *keys)
{
	for (; *keys; keys++)
		if (strcmp(json_member_text(a, *keys), json_member_text(b, *keys)))
			return false;
	return true;
}

// What cannot be compared is not the same.
static bool same_values(const struct json *a, const struct json *b)
{
	struct fault ignored = {0};
	bool same;

	return !record_has_values(a, json_member(b, "maps"), json_member(b, "globals"), &same,
				  &ignored) &&
	       same;
}

// Whether two chains were asked for the same program in one place. Where a deny list has acted only its line tells which it
// was; where it has not, everything has to agree.
static bool same_place(const struct json *a, const struct json *b, size_t place)
{
	static const char *const names[] = {"name", "version", "from", NULL};
	static const char *const bytes[] = {"bundle", "object", "entry", NULL};
	const struct json *a_line = denied_at(json_member(a, "denied"), place);
	const struct json *b_line = denied_at(json_member(b, "denied"), place);
	const struct json *a_member = record_member_at(a, place);
	const struct json *b_member = record_member_at(b, place);

	if (a_line || b_line)
		return same_texts(a_line ? a_line : a_member, b_line ? b_line : b_member, names);
	if (!a_member || !b_member)
		return a_member == b_member;
	return same_texts(a_member, b_member, names) && same_texts(a_member, b_member, bytes) &&
	       same_values(a_member, b_member);
}

static bool same_chain(const struct json *a, const struct json *b)
{
	for (size_t place = 0; place < NODE_CHAIN_MAX; place++)
		if (!same_place(a, b, place))
			return false;
	return true;
}

static int64_t last_change(const struct json *previous)
{
	const struct json *chains = json_member(previous, "chains");
	int64_t last = 0;

	for (size_t i = 0; i < json_count(chains); i++) {
		int64_t change = json_int(json_member(json_item(chains, i), "change"));

		last = change > last ? change : last;
	}
	return last;
}

// One hook: what `old` has there is put aside, if `fresh` has something else.
static int put_aside(struct json *previous, const struct json *old, const struct json *fresh,
		     const struct json *at, int64_t change, bool *changed, struct fault *why)
{
	const char *iface = json_member_text(at, "interface"),
		   *hook_text = json_member_text(at, "hook");
	const struct json *was = record_chain(old, iface, hook_text);
	OWNED(json_drop) struct json *entry = NULL;
	enum hook hook;

	if (hook_parse(hook_text, &hook, why))
		return -1;
	if (same_chain(was, record_chain(fresh, iface, hook_text)))
		return 0;
	if (was ? json_clone(was, &entry, why) : record_of_none(iface, hook, &entry, why))
		return -1;
	json_remove(entry, HOLD_KEY);
	*changed = true;
	return json_put_int(entry, "change", change, why) ||
			       record_set(previous, iface, hook_text, HAND_OVER(entry), why)
		       ? -1
		       : 0;
}

int previous_keep(struct batch *batch, const struct json *record, struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;
	OWNED(json_drop) struct json *previous = NULL;
	const struct json *both[2];
	bool changed = false;
	int64_t change;

	if (record_read(batch->dirfd, RECORD_ACTIVE, &active, why))
		return -1;
	if (!active)
		return 0;
	// The switch is done: a damaged file costs the way back, and must not cost the record of what runs.
	if (record_read(batch->dirfd, RECORD_PREVIOUS, &previous, why) &&
	    fault_forgive(why, FAULT_FORMAT))
		return -1;
	if (!previous && record_new(&previous, why))
		return -1;
	both[0] = json_member(active, "chains");
	both[1] = json_member(record, "chains");
	change = last_change(previous) + 1;
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < json_count(both[k]); i++)
			if (put_aside(previous, active, record, json_item(both[k], i), change,
				      &changed, why))
				return -1;
	return changed ? record_store(batch, RECORD_PREVIOUS, previous, why) : 0;
}

// ---- going back ----

static int refuse_nothing(const struct json *previous, const char *iface, struct fault *why)
{
	const struct json *chains = json_member(previous, "chains");
	const char *known[NODE_INTERFACES_MAX + 1] = {NULL}, *near;

	for (size_t i = 0; i < json_count(chains) && i < NODE_INTERFACES_MAX; i++)
		known[i] = json_member_text(json_item(chains, i), "interface");
	near = iface ? json_nearest(iface, known) : NULL;
	if (!iface)
		fault_set(why, FAULT_OTHER, "there is no earlier plan of this node to go back to");
	else
		fault_set(why, FAULT_OTHER, "there is no earlier plan of %s to go back to%s%s",
			  iface, near ? ": did you mean " : "", near ? near : "");
	return fault_fix(why, "edit node.json and apply it, or take the chain out with 'bpfseal "
			      "unload'");
}

int previous_last(int dirfd, const struct json *active, const char *iface, struct json **out,
		  struct fault *why)
{
	OWNED(json_drop) struct json *previous = NULL;
	OWNED(json_drop) struct json *list = json_make_array();
	const struct json *chains;
	int64_t last = -1;

	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (record_read(dirfd, RECORD_PREVIOUS, &previous, why))
		return -1;
	chains = json_member(previous, "chains");
	// Twice: the number of the last change, then what it replaced.
	for (size_t i = 0; i < 2 * json_count(chains); i++) {
		const struct json *chain = json_item(chains, i % json_count(chains));
		const char *of = json_member_text(chain, "interface");
		int64_t change = json_int(json_member(chain, "change"));

		if ((iface && strcmp(of, iface)) ||
		    same_chain(chain, record_chain(active, of, json_member_text(chain, "hook"))))
			continue;
		if (i < json_count(chains))
			last = change > last ? change : last;
		else if (change == last && json_add(list, json_keep(chain), why))
			return -1;
	}
	if (!json_count(list))
		return refuse_nothing(previous, iface, why);
	*out = HAND_OVER(list);
	return 0;
}
