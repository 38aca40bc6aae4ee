// SPDX-License-Identifier: Apache-2.0
#include "loader/remedy.h"

#include <inttypes.h>
#include <stdio.h>

#include "loader/evict.h"

struct mend_places remedy_places(const struct remedy *remedy)
{
	struct mend_places places = remedy->mends;

	places.node = remedy->state->node_fits ? remedy->state->node : NULL;
	places.tags = &remedy->state->tags;
	places.now = remedy->log->moment().wall_ms / 1000;
	return places;
}

bool remedy_may_try(const struct remedy *remedy, const struct monitor *monitor)
{
	return remedy->allowed && monitor->judged &&
	       backoff_allows(&monitor->backoff, watchlog_now_ms(remedy->log));
}

struct eviction {
	struct watchlog *log;
	struct monitor *monitor;
};

static void told_evicted(void *ctx, uint32_t program, const char *name, const struct fault *why)
{
	const struct eviction *eviction = ctx;
	char text[FAULT_TEXT_MAX];

	snprintf(text, sizeof(text), "program %u \"%s\" %s%.200s", program, name,
		 why ? "could not be taken off: " : "was taken off, as node.json says",
		 why ? why->text : "");
	watchlog_note(eviction->log, eviction->monitor, DIARY_EVICTED, text);
	watchlog_tell(eviction->log, eviction->monitor, why ? NEWS_FAILED : NEWS_EVICTED, program,
		      text);
}

bool remedy_evict(const struct remedy *remedy, size_t index)
{
	const struct watchstate *state = remedy->state;
	struct monitor *monitor = state->monitors[index];
	const struct truth *truth = &state->plan->chains[index].truth;
	struct eviction eviction = {remedy->log, monitor};
	uint64_t others;

	if (!remedy_may_try(remedy, monitor) || !state->node_fits ||
	    !state->node->watch.evict_count)
		return false;
	others = evict_others(truth);
	if (monitor->others == others)
		return false;
	monitor->others = others;
	if (!evict_run(&(struct evict){.rule = &state->node->watch,
				       .namer = remedy->namer,
				       .hook = monitor->hook,
				       .truth = truth,
				       .told = told_evicted,
				       .ctx = &eviction}))
		return false;
	monitor->tried = true;
	monitor->suspect = true;
	return true;
}

// From what is in the kernel; where that does not help, from our copies. `how` says what was done.
static int mend(const struct remedy *remedy, const struct monitor *monitor,
		const struct plan_chain *chain, char how[static ATTACH_HOW], struct fault *why)
{
	const struct mend_places places = remedy_places(remedy);
	struct fault ignored = {0};

	if (mend_put_back(&places, chain, monitor_keeper(monitor, chain), how, &ignored))
		return mend_restore(&places, chain->iface, chain->hook, how, why);
	return mend_check_maps(&places, chain, why);
}

bool remedy_mend(const struct remedy *remedy, size_t index)
{
	const struct plan_chain *chain = &remedy->state->plan->chains[index];
	struct monitor *monitor = remedy->state->monitors[index];
	struct fault why = {0};
	char text[FAULT_TEXT_MAX];
	bool failed;

	if (!remedy_may_try(remedy, monitor) || !monitor->broken || !chain->truth.iface_index ||
	    !json_count(json_member(chain->record, "members")))
		return false;
	failed = mend(remedy, monitor, chain, monitor->how, &why) != 0;
	// What was held is of what was there before: another link, perhaps another generation.
	monitor_let_go(monitor, &remedy->state->room);
	watchlog_note(remedy->log, monitor, DIARY_MENDED, failed ? "not mended" : monitor->how);
	if (failed) {
		monitor->how[0] = '\0';
		watchlog_sentence(&why, text, sizeof(text));
		watchlog_tell(remedy->log, monitor, NEWS_FAILED, 0, text);
	}
	// Attaching a chain again whose interface had only been away is no repair: nobody attacked it.
	monitor->tried |= failed || !monitor->returned;
	monitor->suspect = true;
	return true;
}

static void count_one(const struct remedy *remedy, struct monitor *monitor)
{
	int64_t now = watchlog_now_ms(remedy->log);
	char text[128];

	if (!backoff_note(&monitor->backoff, now))
		return;
	snprintf(text, sizeof(text),
		 "it is taken apart again and again: the next time it is mended after %" PRId64
		 " s at the earliest",
		 backoff_wait_ms(&monitor->backoff, now) / 1000);
	watchlog_note(remedy->log, monitor, DIARY_ALARM, text);
	watchlog_tell(remedy->log, monitor, NEWS_ALARM, 0, text);
}

void remedy_count(const struct remedy *remedy)
{
	for (size_t i = 0; i < remedy->state->count; i++) {
		struct monitor *monitor = remedy->state->monitors[i];

		if (monitor->tried)
			count_one(remedy, monitor);
		monitor->tried = false;
	}
}
