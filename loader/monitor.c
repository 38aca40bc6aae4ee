// SPDX-License-Identifier: Apache-2.0
#include "loader/monitor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/owned.h"

#define FALLS_EVERY_MS 10000

bool monitor_is_of(const struct monitor *monitor, const struct plan_chain *chain)
{
	return monitor->hook == chain->hook && !strcmp(monitor->was, chain->was) &&
	       (chain->was[0] || !strcmp(monitor->iface, chain->iface));
}

struct monitor *monitor_new(const char *tree, const struct plan_chain *chain, uint32_t tag,
			    struct fault *why)
{
	const char *was = chain->was[0] ? chain->was : chain->iface;

	struct monitor *monitor = calloc(1, sizeof(*monitor));

	if (!monitor) {
		fault_set(why, FAULT_OTHER, "out of memory");
		return NULL;
	}
	memcpy(monitor->iface, chain->iface, sizeof(monitor->iface));
	memcpy(monitor->was, chain->was, sizeof(monitor->was));
	monitor->hook = chain->hook;
	monitor->tag = tag;
	monitor->fell_told = INT64_MIN / 2;
	if (bpffs_place(tree, was, chain->hook, monitor->place, why)) {
		free(monitor);
		return NULL;
	}
	return monitor;
}

void monitor_let_go(struct monitor *monitor, size_t *room)
{
	if (monitor->keeper)
		*room += keeper_count(monitor->keeper);
	sight_drop(&monitor->sight);
	keeper_drop(&monitor->keeper);
	monitor->has_sight = false;
	monitor->stands_at = 0;
}

void monitor_free(struct monitor *monitor, struct wakeup *wakeup, size_t *room)
{
	if (!monitor)
		return;
	monitor_let_go(monitor, room);
	if (wakeup)
		wakeup_forget(wakeup, monitor->tag);
	findings_drop(&monitor->known);
	findings_drop(&monitor->drift);
	free(monitor);
}

// Something mounted over the pins changes none of their directories, so no event tells of it.
static bool stands_elsewhere(const struct monitor *monitor)
{
	struct stat now;

	return monitor->stands_at &&
	       (stat(monitor->place, &now) || now.st_dev != monitor->stands_on ||
		now.st_ino != monitor->stands_at);
}

void monitor_glance(struct monitor *monitor, int64_t now_ms)
{
	size_t place = 0;
	uint64_t more;

	// Who cannot hear has to look: pins that are gone, or all of it.
	if (monitor->deaf || stands_elsewhere(monitor))
		monitor_suspect(monitor, now_ms);
	if (!monitor->has_sight)
		return;
	more = sight_fell(&monitor->sight, &place);
	if (more && !monitor->fell)
		monitor->fell_place = place;
	monitor->fell += more;
	monitor->fell_counted += more;
	// Without a descriptor (there are too many chains for this process) there is no cheap look.
	if (!sight_differs(&monitor->sight) && !more && monitor->sight.whole)
		return;
	monitor_suspect(monitor, now_ms);
}

void monitor_suspect(struct monitor *monitor, int64_t now_ms)
{
	monitor->suspect = true;
	if (!monitor->suspect_since)
		monitor->suspect_since = now_ms;
}

// ---- what is new ----

// Counters are told as they grow; that they are not zero is not new at each look.
static bool is_counted(const struct finding *finding)
{
	return !strcmp(finding->code, "fell_through");
}

static bool has_finding(const struct findings *findings, const struct finding *finding)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *other = &findings->list[i];

		if (other->program == finding->program && !strcmp(other->code, finding->code) &&
		    !strcmp(other->text, finding->text))
			return true;
	}
	return false;
}

static void tell_finding(const struct monitor *monitor, const struct finding *finding,
			 enum news_kind kind, const struct monitor_listener *listener)
{
	const struct news news = {.kind = kind,
				  .iface = monitor->iface,
				  .hook = monitor->hook,
				  .code = finding->code,
				  .weight = finding->weight,
				  .program = finding->program,
				  .text = finding->text};

	listener->tell(listener->ctx, &news);
}

static int copy_findings(struct monitor *monitor, const struct findings *from, struct findings *to,
			 struct fault *why)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct finding *finding = &from->list[i];

		if (is_counted(finding))
			continue;
		if (findings_add(to, monitor->iface, monitor->hook, finding->program, why,
				 finding->code, "%s", finding->text))
			return -1;
		to->list[to->count - 1].weight = finding->weight;
	}
	return 0;
}

const struct keeper *monitor_keeper(const struct monitor *monitor, const struct plan_chain *chain)
{
	const struct json *first = json_item(json_member(chain->record, "members"), 0);
	int64_t applied = json_int(json_member(chain->record, "generation"));

	if (!monitor->keeper || keeper_generation(monitor->keeper) != applied ||
	    monitor->kept_index != chain->truth.iface_index)
		return NULL;
	// Two interfaces may have exchanged their names, and an apply or an attacker their places in the tree: what is held
	// is the other's then, with the same numbers.
	return keeper_program(monitor->keeper) == json_int(json_member(first, "program_id"))
		       ? monitor->keeper
		       : NULL;
}

// Pins that only who held them can miss: maps that no record names, files that hold something else now.
static int check_kept(const struct keeper *keeper, const struct monitor *monitor,
		      struct findings *now, struct fault *why)
{
	char first[128] = "", more[32] = "";
	size_t lost;

	if (!keeper || findings_has(now, "pin_missing") || findings_has(now, "map_replaced"))
		return 0;
	if (keeper_check(keeper, &lost, first, sizeof(first), why))
		return -1;
	if (!lost)
		return 0;
	if (lost > 1)
		snprintf(more, sizeof(more), " and %zu more", lost - 1);
	return findings_add(now, monitor->iface, monitor->hook, 0, why, "pin_missing",
			    "the pin %s%s is gone, or holds something else", first, more);
}

// Another program before ours on a TCX hook: ours goes back to the head, the other one stays.
static bool is_overtaken(const struct plan_chain *chain)
{
	return chain->truth.attached && chain->truth.by == TRUTH_BY_TCX &&
	       chain->truth.before.count && json_count(json_member(chain->record, "members"));
}

static bool is_to_mend(const struct finding *finding)
{
	return finding->weight == FINDING_BROKEN && !is_counted(finding);
}

static bool has_to_mend(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++)
		if (is_to_mend(&findings->list[i]))
			return true;
	return false;
}

static void tell_mended(struct monitor *monitor, const struct monitor_listener *listener)
{
	const struct news news = {.kind = NEWS_MENDED,
				  .iface = monitor->iface,
				  .hook = monitor->hook,
				  .text = monitor->how,
				  .after_ms = listener->now_ms - monitor->broken_since};

	listener->tell(listener->ctx, &news);
}

// What had fallen before anybody watched, or while nobody could.
static void count_falls(struct monitor *monitor, const struct truth *truth)
{
	bool same = monitor->counted_root == truth->root_number &&
		    monitor->counted_generation == truth->generation;
	uint64_t all = truth->fell;
	size_t place = 0;

	for (size_t i = truth->count; i-- > 0;) {
		all += truth->members[i].fell;
		place = truth->members[i].fell ? i + 1 : place;
	}
	if (!same)
		monitor->fell_counted = 0;
	if (all > monitor->fell_counted) {
		if (!monitor->fell)
			monitor->fell_place = truth->fell ? 0 : place;
		monitor->fell += all - monitor->fell_counted;
	}
	monitor->fell_counted = all;
	monitor->counted_root = truth->root_number;
	monitor->counted_generation = truth->generation;
}

int monitor_judge(struct monitor *monitor, const struct plan_chain *chain,
		  const struct monitor_listener *listener, struct fault *why)
{
	OWNED(findings_drop) struct findings now = {0};
	bool missing = findings_has(&monitor->known, "interface_missing");
	bool broken;

	memcpy(monitor->iface, chain->iface, sizeof(monitor->iface));
	if (copy_findings(monitor, &chain->damage, &now, why) ||
	    copy_findings(monitor, &monitor->drift, &now, why) ||
	    (chain->truth.iface_index &&
	     check_kept(monitor_keeper(monitor, chain), monitor, &now, why)))
		return -1;
	broken = has_to_mend(&now) || is_overtaken(chain);
	if (broken && !monitor->broken)
		monitor->broken_since =
			monitor->suspect_since ? monitor->suspect_since : listener->now_ms;
	for (size_t i = 0; i < now.count; i++)
		if (!has_finding(&monitor->known, &now.list[i]))
			tell_finding(monitor, &now.list[i], NEWS_FOUND, listener);
	for (size_t i = 0; i < monitor->known.count; i++)
		if (!has_finding(&now, &monitor->known.list[i]))
			tell_finding(monitor, &monitor->known.list[i], NEWS_GONE, listener);
	if (!broken && monitor->how[0])
		tell_mended(monitor, listener);
	if (!broken)
		monitor->how[0] = '\0';
	monitor->returned = broken && (monitor->returned || missing || chain->truth.renewed);
	monitor->broken = broken;
	monitor->suspect = false;
	monitor->suspect_since = 0;
	monitor->judged = true;
	if (chain->truth.root_id && chain->truth.generation)
		count_falls(monitor, &chain->truth);
	// Until it is back there is nothing to see.
	if (!chain->truth.iface_index)
		monitor->has_sight = false;
	findings_drop(&monitor->known);
	monitor->known = now;
	now = (struct findings){0};
	return 0;
}

void monitor_tell_falls(struct monitor *monitor, const struct monitor_listener *listener)
{
	char text[128];
	const struct news news = {.kind = NEWS_FOUND,
				  .iface = monitor->iface,
				  .hook = monitor->hook,
				  .code = "fell_through",
				  .text = text};

	if (!monitor->fell || listener->now_ms - monitor->fell_told < FALLS_EVERY_MS)
		return;
	if (monitor->fell_place)
		snprintf(text, sizeof(text), "%" PRIu64 " packets left place %zu and found nothing",
			 monitor->fell, monitor->fell_place);
	else
		snprintf(text, sizeof(text), "%" PRIu64 " packets found nothing behind the root",
			 monitor->fell);
	listener->tell(listener->ctx, &news);
	monitor->fell = 0;
	monitor->fell_told = listener->now_ms;
}

// Holds everything that is pinned for it, and asks for events of its directories.
static int hold(struct monitor *monitor, const struct truth *truth, struct wakeup *wakeup,
		size_t *room, struct fault *why)
{
	if (monitor->keeper && (monitor->kept_index != truth->iface_index ||
				keeper_root(monitor->keeper) != truth->root_number ||
				keeper_generation(monitor->keeper) != truth->generation ||
				keeper_program(monitor->keeper) != truth->members[0].program.id))
		monitor_let_go(monitor, room);
	// The events first: what changes after the pins have been opened must not be missed.
	if (!monitor->keeper || monitor->deaf || stands_elsewhere(monitor))
		monitor->deaf = wakeup && wakeup_watch(wakeup, monitor->place, monitor->tag, why);
	if (monitor->keeper)
		return 0;
	monitor->kept_index = truth->iface_index;
	return keeper_open(monitor->place, truth->root_number, truth->generation, room,
			   &monitor->keeper, why);
}

static bool is_applied(const struct plan_chain *chain)
{
	return json_int(json_member(chain->record, "generation")) &&
	       json_count(json_member(chain->record, "members"));
}

int monitor_settle(struct monitor *monitor, const struct plan_chain *chain, struct wakeup *wakeup,
		   size_t *room, struct fault *why)
{
	const struct truth *truth = &chain->truth;
	struct stat now = {0};

	// What we took away ourselves is held no more: timers of a denied program would run on in its maps.
	if (!is_applied(chain))
		monitor_let_go(monitor, room);
	// Without a place of its own what is pinned there is another interface's.
	if (!truth->root_id || !truth->generation || !truth->attached || !chain->was[0])
		return 0;
	// Until all of this has worked there is no cheap look.
	sight_drop(&monitor->sight);
	monitor->has_sight = false;
	if (stat(monitor->place, &now))
		now.st_ino = 0;
	if (hold(monitor, truth, wakeup, room, why)) {
		monitor->deaf = true;
		return -1;
	}
	monitor->stands_on = now.st_dev;
	monitor->stands_at = now.st_ino;
	if (monitor->hook == HOOK_PROBE) // only pins can be taken from them, and that is an event
		return monitor->deaf ? -1 : 0;
	if (sight_take(monitor->hook, truth, monitor->keeper, &monitor->sight, why)) {
		monitor->deaf = true;
		return -1;
	}
	monitor->has_sight = true;
	return monitor->deaf ? -1 : 0;
}
