// SPDX-License-Identifier: Apache-2.0
#include "loader/unload.h"

#include <string.h>

#include "base/audit.h"
#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/chain.h"
#include "loader/record.h"
#include "loader/shared.h"

#define AUDIT_FILE "audit.log"

static int unload_one(const struct unload_places *places, struct plan *plan,
		      const struct plan_chain *chain, struct fault *why)
{
	char place[BPFFS_PATH_MAX];

	if (bpffs_place(places->tree, chain->iface, chain->hook, place, why) ||
	    chain_remove(place, why) || shared_sweep(places->tree, chain->iface, why))
		return -1;
	return record_set(plan->record, chain->iface, hook_name(chain->hook), NULL, why);
}

static int unload_audit(const struct unload_places *places, const struct plan_chain *chain,
			struct fault *why)
{
	OWNED(json_drop) struct json *details = json_make_object();

	if (!details)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_text(details, "interface", chain->iface, why) ||
	    json_put_text(details, "hook", hook_name(chain->hook), why))
		return -1;
	return audit_append(places->loader_dirfd, AUDIT_FILE, places->now, "unload",
			    HAND_OVER(details), why);
}

int unload_chains(const struct unload_places *places, struct plan *plan, const char *iface,
		  size_t *removed, struct fault *why)
{
	struct fault first = {0}, fault = {0};

	*removed = 0;
	for (size_t i = 0; i < plan->count; i++) {
		struct plan_chain *chain = &plan->chains[i];

		chain->action = PLAN_KEEP;
		// Also by the name that the interface has got since.
		if (iface && strcmp(chain->iface, iface) && strcmp(chain->truth.now, iface))
			continue;
		if (unload_one(places, plan, chain, &fault)) {
			fault_first(&first, &fault);
			continue;
		}
		chain->action = PLAN_REMOVE;
		(*removed)++;
	}
	if (*removed && record_commit(places->loader_dirfd, plan->record, &fault))
		fault_first(&first, &fault);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].action == PLAN_REMOVE &&
		    unload_audit(places, &plan->chains[i], &fault))
			fault_first(&first, &fault);
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}
