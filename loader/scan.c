// SPDX-License-Identifier: Apache-2.0
#include "loader/scan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "loader/hold.h"
#include "loader/iface.h"
#include "loader/record.h"
#include "loader/roster.h"
#include "loader/tamper.h"
#include "loader/truth.h"

static int new_plan(const struct plan_places *places, const struct roster_line *lines, size_t count,
		    struct plan **out, struct fault *why)
{
	OWNED(plan_drop) struct plan *plan = calloc(1, sizeof(*plan));

	if (!plan)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (record_load(places->loader_dirfd, places->tree, &plan->record, why))
		return -1;
	plan->chains = calloc(count + 1, sizeof(*plan->chains));
	if (!plan->chains)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (; plan->count < count; plan->count++) {
		const struct roster_line *line = &lines[plan->count];
		struct plan_chain *chain = &plan->chains[plan->count];

		memcpy(chain->iface, line->iface, sizeof(chain->iface));
		memcpy(chain->was, line->was, sizeof(chain->was));
		chain->hook = line->hook;
		chain->interface = line->interface;
	}
	*out = HAND_OVER(plan);
	return 0;
}

static bool wants(const struct plan_chain *chain)
{
	return chain->interface && chain->interface->chain_count[chain->hook];
}

// Whether an interface that only a pattern of node.json named is gone: nothing waits for it.
static bool is_past(const struct plan_places *places, const char *iface)
{
	const struct node_interface *interface = node_interface(places->node, iface);
	struct fault ignored = {0};
	struct iface found;

	return interface && interface->is_pattern && iface_find(iface, &found, &ignored);
}

static struct plan_chain *find(const struct plan *plan, const char *iface, enum hook hook)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!strcmp(plan->chains[i].iface, iface) && plan->chains[i].hook == hook)
			return &plan->chains[i];
	return NULL;
}

static int add(struct plan *plan, const struct plan_places *places, const char *iface,
	       enum hook hook, struct fault *why)
{
	struct plan_chain *grown =
		reallocarray(plan->chains, plan->count + 1, sizeof(*plan->chains));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	plan->chains = grown;
	grown += plan->count++;
	*grown =
		(struct plan_chain){.hook = hook, .interface = node_interface(places->node, iface)};
	snprintf(grown->iface, sizeof(grown->iface), "%s", iface);
	snprintf(grown->was, sizeof(grown->was), "%s", iface);
	return 0;
}

// Adds recorded chains that are held and that the roster does not have: node.json does not name them, and after a
// reboot the kernel has no pins of them.
static int add_held(struct plan *plan, const struct plan_places *places, struct fault *why)
{
	const struct json *chains = json_member(plan->record, "chains");

	for (size_t i = 0; i < json_count(chains); i++) {
		const struct json *chain = json_item(chains, i);
		const char *iface = json_text(json_member(chain, "interface"));
		const char *hook_text = json_text(json_member(chain, "hook"));
		enum hook hook;

		if (!hold_of(chain) || !iface || !hook_text || hook_parse(hook_text, &hook, why) ||
		    find(plan, iface, hook) || is_past(places, iface))
			continue;
		if (add(plan, places, iface, hook, why))
			return -1;
	}
	return 0;
}

int scan_chain(struct plan_chain *chain, const struct plan_places *places, struct anchor_tags *tags,
	       struct fault *why)
{
	const struct truth *truth = &chain->truth;
	struct tamper tamper = {.tree = places->tree,
				.iface = chain->was,
				.hook = chain->hook,
				.truth = truth,
				.record = chain->record};
	char place[BPFFS_PATH_MAX];

	findings_drop(&chain->damage);
	if (plan_place(chain, places->tree, place, why) ||
	    truth_read_at(place, chain->iface, chain->hook, &chain->truth, why))
		return -1;
	if (!truth->root_id && !truth->linked &&
	    !json_count(json_member(chain->record, "members")) &&
	    (truth->iface_index || !wants(chain)))
		return 0;
	if (findings_damage(&chain->damage, chain->iface, chain->hook, truth, chain->record, why))
		return -1;
	if (!truth->root_id)
		return 0;
	// Probes have no root to forge.
	if (chain->hook != HOOK_PROBE && anchor_tags_get(tags, chain->hook, &tamper.root_tag, why))
		return -1;
	return tamper_findings(&tamper, &chain->damage, why);
}

int scan_add(struct plan *plan, const struct plan_places *places, const char *iface, enum hook hook,
	     struct plan_chain **out, struct fault *why)
{
	struct anchor_tags tags = {0};

	*out = find(plan, iface, hook);
	if (*out)
		return 0;
	if (add(plan, places, iface, hook, why))
		return -1;
	*out = &plan->chains[plan->count - 1];
	(*out)->record = record_chain(plan->record, iface, hook_name(hook));
	return scan_chain(*out, places, &tags, why);
}

// The record that a chain goes by: its own. An interface that has just come under a pattern has none, and goes by
// that of another interface of the same pattern: for denials that are known there, a rollback that is held there and,
// while nothing new can be admitted, what runs there.
static const struct json *like_of(const struct plan *plan, const struct plan_places *places,
				  const struct plan_chain *chain)
{
	const struct json *chains = json_member(plan->record, "chains");

	if (chain->record || !chain->interface || !chain->interface->is_pattern)
		return chain->record;
	for (size_t i = 0; i < json_count(chains); i++) {
		const struct json *other = json_item(chains, i);
		const char *iface = json_text(json_member(other, "interface"));
		const char *hook = json_text(json_member(other, "hook"));

		if (iface && hook && !strcmp(hook, hook_name(chain->hook)) &&
		    node_interface(places->node, iface) == chain->interface)
			return other;
	}
	return NULL;
}

static int scan_chains(struct plan *plan, const struct plan_places *places, struct fault *why)
{
	struct anchor_tags tags = {0};

	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		if (chain->was[0])
			chain->record =
				record_chain(plan->record, chain->was, hook_name(chain->hook));
		chain->like = like_of(plan, places, chain);
		if (scan_chain(chain, places, &tags, why))
			return -1;
	}
	return 0;
}

int scan_all(const struct plan_places *places, struct plan **out, struct fault *why)
{
	OWNED(roster_drop) struct roster roster = {0};
	OWNED(plan_drop) struct plan *plan = NULL;

	if (roster_make(places->node, places->tree, &roster, why) ||
	    new_plan(places, roster.lines, roster.count, &plan, why) ||
	    add_held(plan, places, why) || scan_chains(plan, places, why))
		return -1;
	plan->is_whole = true;
	*out = HAND_OVER(plan);
	return 0;
}

int scan_hook(const struct plan_places *places, const char *iface, enum hook hook,
	      struct plan **out, struct fault *why)
{
	struct roster_line line = {.hook = hook, .interface = node_interface(places->node, iface)};
	OWNED(roster_drop) struct roster roster = {0};
	OWNED(plan_drop) struct plan *plan = NULL;

	snprintf(line.iface, sizeof(line.iface), "%s", iface);
	snprintf(line.was, sizeof(line.was), "%s", iface);
	if (roster_make(places->node, places->tree, &roster, why))
		return -1;
	for (size_t i = 0; i < roster.count; i++)
		if (!strcmp(roster.lines[i].iface, iface) && roster.lines[i].hook == hook)
			line = roster.lines[i];
	if (new_plan(places, &line, 1, &plan, why) || scan_chains(plan, places, why))
		return -1;
	*out = HAND_OVER(plan);
	return 0;
}
