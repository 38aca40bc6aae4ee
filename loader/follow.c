// SPDX-License-Identifier: Apache-2.0
#include "loader/follow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/chain.h"
#include "loader/record.h"

// Prefix of a directory's temporary name, when two interfaces swap names. No interface has a name with a colon.
#define ON_ITS_WAY "moving:"

static bool has_moved(const struct plan_chain *chain)
{
	return chain->was[0] && strcmp(chain->was, chain->iface) != 0;
}

// Once for all hooks of an interface; they stand side by side in a plan.
static bool is_first(const struct plan *plan, size_t index)
{
	return !index || strcmp(plan->chains[index - 1].iface, plan->chains[index].iface) != 0;
}

static int move(const char *from, const char *to, struct fault *why)
{
	// ENOENT: moved already, by a run that crashed later.
	if (rename(from, to) && errno != ENOENT)
		return fault_errno(why, FAULT_KERNEL, "cannot move the pins %s to %s", from, to);
	return 0;
}

static int paths(const struct plan_chain *chain, const char *tree, char middle[BPFFS_PATH_MAX],
		 char to[BPFFS_PATH_MAX], struct fault *why)
{
	char name[sizeof(ON_ITS_WAY) + sizeof(chain->iface)];

	snprintf(name, sizeof(name), ON_ITS_WAY "%s", chain->iface);
	return bpffs_join(tree, name, middle, why) || bpffs_join(tree, chain->iface, to, why) ? -1
											      : 0;
}

// Out of the way first, all of them: two interfaces may have swapped their names.
static int move_out(const struct plan_chain *chain, const char *tree, struct fault *why)
{
	char from[BPFFS_PATH_MAX], middle[BPFFS_PATH_MAX], to[BPFFS_PATH_MAX];

	if (bpffs_join(tree, chain->was, from, why) || paths(chain, tree, middle, to, why))
		return -1;
	return move(from, middle, why);
}

static int move_in(const struct plan_chain *chain, const char *tree, struct fault *why)
{
	char middle[BPFFS_PATH_MAX], to[BPFFS_PATH_MAX], place[BPFFS_PATH_MAX];

	for (int hook = 0; hook < HOOK_COUNT; hook++)
		if (bpffs_place(tree, chain->iface, (enum hook)hook, place, why) ||
		    (access(place, F_OK) == 0 && chain_remove(place, why)))
			return -1;
	if (paths(chain, tree, middle, to, why) || bpffs_remove(to, why))
		return -1;
	return move(middle, to, why);
}

int follow_pins(const struct plan *plan, const char *tree, struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++)
		if (has_moved(&plan->chains[i]) && is_first(plan, i) &&
		    move_out(&plan->chains[i], tree, why))
			return -1;
	for (size_t i = 0; i < plan->count; i++)
		if (has_moved(&plan->chains[i]) && is_first(plan, i) &&
		    move_in(&plan->chains[i], tree, why))
			return -1;
	return 0;
}

// ---- records ----

static bool is_on(const struct json *entry, const char *iface)
{
	const char *name = json_text(json_member(entry, "interface"));

	return name && !strcmp(name, iface);
}

static bool is_of(const struct json *entry, const struct plan_chain *chain)
{
	const char *hook = json_text(json_member(entry, "hook"));

	return hook && is_on(entry, chain->iface) && !strcmp(hook, hook_name(chain->hook));
}

// Was on an interface that only a pattern meant, and that is no more.
static bool has_gone(const struct plan_chain *chain)
{
	return chain->action == PLAN_REMOVE && !chain->interface && !chain->truth.iface_index &&
	       !chain->truth.elsewhere;
}

static bool has_come(const struct plan_chain *chain)
{
	return chain->like && !chain->record;
}

// Adds an entry under the name that it has now, or leaves it out.
static int take_entry(const struct plan *plan, const struct json *entry, struct json *out,
		      bool *changed, struct fault *why)
{
	OWNED(json_drop) struct json *renamed = NULL;
	const char *name = NULL;

	for (size_t i = 0; i < plan->count && !name; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		// All hooks of it, whichever the plan is about: their pins have moved too.
		if (has_moved(chain) && is_on(entry, chain->was))
			name = chain->iface;
	}
	for (size_t i = 0; i < plan->count && !name; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		// Gone, or under a name that another one has taken over.
		if ((has_gone(chain) && is_of(entry, chain)) ||
		    (has_moved(chain) && is_on(entry, chain->iface))) {
			*changed = true;
			return 0;
		}
	}
	if (!name)
		return json_add(out, json_keep(entry), why);
	*changed = true;
	if (json_clone(entry, &renamed, why) || json_put_text(renamed, "interface", name, why))
		return -1;
	return json_add(out, HAND_OVER(renamed), why);
}

// What the one that it goes by has there, under its own name.
static int take_like(const struct plan_chain *chain, const struct json *record, struct json *out,
		     bool *changed, struct fault *why)
{
	const struct json *like = record_chain(
		record, json_text(json_member(chain->like, "interface")), hook_name(chain->hook));
	OWNED(json_drop) struct json *entry = NULL;

	if (!like || record_chain(record, chain->iface, hook_name(chain->hook)))
		return 0;
	*changed = true;
	if (json_clone(like, &entry, why) || json_put_text(entry, "interface", chain->iface, why))
		return -1;
	return json_add(out, HAND_OVER(entry), why);
}

static int follow_record(const struct plan *plan, int dirfd, const char *name, struct fault *why)
{
	OWNED(json_drop) struct json *record = NULL;
	OWNED(json_drop) struct json *kept = json_make_array();
	const struct json *chains;
	bool changed = false;

	if (!kept)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (record_read(dirfd, name, &record, why))
		return -1;
	chains = json_member(record, "chains");
	for (size_t i = 0; i < json_count(chains); i++)
		if (take_entry(plan, json_item(chains, i), kept, &changed, why))
			return -1;
	for (size_t i = 0; record && i < plan->count; i++)
		if (has_come(&plan->chains[i]) &&
		    take_like(&plan->chains[i], record, kept, &changed, why))
			return -1;
	if (!changed)
		return 0;
	if (json_put(record, "chains", HAND_OVER(kept), why))
		return -1;
	return record_write(dirfd, name, record, why);
}

int follow_records(const struct plan *plan, int dirfd, struct fault *why)
{
	bool any = false;

	for (size_t i = 0; i < plan->count; i++)
		any |= has_moved(&plan->chains[i]) || has_gone(&plan->chains[i]) ||
		       has_come(&plan->chains[i]);
	if (!any)
		return 0;
	if (follow_record(plan, dirfd, RECORD_ACTIVE, why))
		return -1;
	if (!follow_record(plan, dirfd, RECORD_PREVIOUS, why))
		return 0;
	// As in previous_keep: a damaged previous.json makes a rollback impossible, and nothing else.
	if (why->code != FAULT_FORMAT)
		return -1;
	fault_clear(why);
	return 0;
}
