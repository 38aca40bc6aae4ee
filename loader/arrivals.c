// SPDX-License-Identifier: Apache-2.0
#include "loader/arrivals.h"

#include <string.h>

// Interfaces that are loaded together, and their hooks: indices of chains.
struct arrivals {
	struct mend_arrivals ifaces;
	size_t hooks[MEND_ARRIVALS_MAX * HOOK_COUNT], count;
};

// Whether the interface did not exist when the node.json that has a chain for it was applied.
static bool has_come(const struct plan_chain *chain)
{
	return chain->truth.iface_index && chain->interface &&
	       chain->interface->chain_count[chain->hook] && !chain->record &&
	       !chain->truth.root_id && !chain->truth.linked;
}

// Whether anything but new interfaces differs from node.json. Then somebody is in the middle of a change, and the next apply
// loads the new ones with it.
static bool drifts(const struct watchstate *state)
{
	for (size_t i = 0; i < state->count; i++)
		if (state->monitors[i]->drift.count && state->plan->chains[i].truth.iface_index &&
		    !has_come(&state->plan->chains[i]))
			return true;
	return false;
}

static bool may_load(const struct remedy *remedy, size_t index)
{
	const struct watchstate *state = remedy->state;

	return remedy_may_try(remedy, state->monitors[index]) && state->applied &&
	       has_come(&state->plan->chains[index]);
}

// Adds a hook and, if it is the first of its interface, the interface. False if no more fit.
static bool arrivals_add(struct arrivals *arrivals, const struct monitor *monitor, size_t index)
{
	struct mend_arrivals *ifaces = &arrivals->ifaces;
	const char *last = ifaces->count ? ifaces->ifaces[ifaces->count - 1] : "";

	// The hooks of one interface stand side by side.
	if (strcmp(monitor->iface, last) != 0) {
		if (ifaces->count == MEND_ARRIVALS_MAX || (ifaces->count && monitor->apart))
			return false;
		ifaces->ifaces[ifaces->count++] = monitor->iface;
	}
	arrivals->hooks[arrivals->count++] = index;
	return true;
}

static void load(const struct remedy *remedy, const struct arrivals *arrivals)
{
	const struct mend_places places = remedy_places(remedy);
	char how[ATTACH_HOW], text[FAULT_TEXT_MAX];
	struct fault why = {0};
	bool failed = mend_load_arrivals(&places, &arrivals->ifaces, how, &why) != 0;

	watchlog_sentence(&why, text, sizeof(text));
	for (size_t i = 0; i < arrivals->count; i++) {
		struct monitor *monitor = remedy->state->monitors[arrivals->hooks[i]];

		monitor->suspect = true;
		if (!failed) {
			monitor->broken_since = watchlog_now_ms(remedy->log);
			memcpy(monitor->how, how, sizeof(monitor->how));
		} else if (arrivals->ifaces.count > 1) {
			// One of them may be refused and keep the others waiting.
			monitor->apart = true;
		} else {
			monitor->tried = true;
			watchlog_tell(remedy->log, monitor, NEWS_FAILED, 0, text);
		}
	}
}

bool arrivals_load(const struct remedy *remedy)
{
	struct monitor **monitors = remedy->state->monitors;
	struct arrivals arrivals = {.count = 0};
	bool apart = false;

	if (drifts(remedy->state))
		return false;
	for (size_t i = 0; i < remedy->state->count; i++) {
		if (!may_load(remedy, i))
			continue;
		if (!apart && arrivals_add(&arrivals, monitors[i], i))
			apart = monitors[i]->apart;
		else
			monitors[i]->suspect = true; // loaded in one of the next turns
	}
	if (arrivals.count)
		load(remedy, &arrivals);
	return arrivals.count;
}
