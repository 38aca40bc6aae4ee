// SPDX-License-Identifier: Apache-2.0
#include "loader/ward.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

#define FALLS_EVERY_MS 10000

bool ward_is_of(const struct ward *ward, const struct plan_chain *chain)
{
	return ward->hook == chain->hook && !strcmp(ward->was, chain->was) &&
	       (chain->was[0] || !strcmp(ward->iface, chain->iface));
}

struct ward *ward_new(const char *tree, const struct plan_chain *chain, uint32_t tag,
		      struct fault *why)
{
	const char *was = chain->was[0] ? chain->was : chain->iface;

	struct ward *ward = calloc(1, sizeof(*ward));

	if (!ward) {
		fault_set(why, FAULT_OTHER, "out of memory");
		return NULL;
	}
	memcpy(ward->iface, chain->iface, sizeof(ward->iface));
	memcpy(ward->was, chain->was, sizeof(ward->was));
	ward->hook = chain->hook;
	ward->tag = tag;
	ward->fell_told = INT64_MIN / 2;
	if (bpffs_place(tree, was, chain->hook, ward->place, why)) {
		free(ward);
		return NULL;
	}
	return ward;
}

void ward_let_go(struct ward *ward, size_t *room)
{
	if (ward->keeper)
		*room += keeper_count(ward->keeper);
	sight_drop(&ward->sight);
	keeper_drop(&ward->keeper);
	ward->has_sight = false;
}

void ward_free(struct ward *ward, struct wakeup *wakeup, size_t *room)
{
	if (!ward)
		return;
	ward_let_go(ward, room);
	if (wakeup)
		wakeup_forget(wakeup, ward->tag);
	findings_drop(&ward->known);
	findings_drop(&ward->drift);
	free(ward);
}

void ward_glance(struct ward *ward, int64_t now_ms)
{
	size_t place = 0;
	uint64_t more;

	// Who cannot hear has to look: pins that are gone, or all of it.
	if (ward->deaf)
		ward_suspect(ward, now_ms);
	if (!ward->has_sight)
		return;
	more = sight_fell(&ward->sight, &place);
	if (more && !ward->fell)
		ward->fell_place = place;
	ward->fell += more;
	ward->fell_counted += more;
	// Without a descriptor (there are too many chains for this process) there is no cheap look.
	if (!sight_differs(&ward->sight) && !more && ward->sight.whole)
		return;
	ward_suspect(ward, now_ms);
}

void ward_suspect(struct ward *ward, int64_t now_ms)
{
	ward->suspect = true;
	if (!ward->suspect_since)
		ward->suspect_since = now_ms;
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

static void tell_finding(const struct ward *ward, const struct finding *finding,
			 enum news_kind kind, const struct ward_ear *ear)
{
	const struct news news = {.kind = kind,
				  .iface = ward->iface,
				  .hook = ward->hook,
				  .code = finding->code,
				  .weight = finding->weight,
				  .program = finding->program,
				  .text = finding->text};

	ear->tell(ear->ctx, &news);
}

static int copy_findings(struct ward *ward, const struct findings *from, struct findings *to,
			 struct fault *why)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct finding *finding = &from->list[i];

		if (is_counted(finding))
			continue;
		if (findings_add(to, ward->iface, ward->hook, finding->program, why, finding->code,
				 "%s", finding->text))
			return -1;
		to->list[to->count - 1].weight = finding->weight;
	}
	return 0;
}

const struct keeper *ward_keeper(const struct ward *ward, const struct plan_chain *chain)
{
	const struct json *first = json_item(json_member(chain->record, "members"), 0);
	int64_t applied = json_int(json_member(chain->record, "generation"));

	if (!ward->keeper || keeper_generation(ward->keeper) != applied ||
	    ward->kept_index != chain->truth.iface_index)
		return NULL;
	// Two interfaces may have exchanged their names, and an apply or an attacker their places in the tree: what is held
	// is the other's then, with the same numbers.
	return keeper_program(ward->keeper) == json_int(json_member(first, "program_id"))
		       ? ward->keeper
		       : NULL;
}

// Pins that only who held them can miss: maps that no record names, files that hold something else now.
static int check_kept(const struct keeper *keeper, const struct ward *ward, struct findings *now,
		      struct fault *why)
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
	return findings_add(now, ward->iface, ward->hook, 0, why, "pin_missing",
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

bool ward_is_broken(const struct plan_chain *chain)
{
	return has_to_mend(&chain->damage) || is_overtaken(chain);
}

static void tell_mended(struct ward *ward, const struct ward_ear *ear)
{
	const struct news news = {.kind = NEWS_MENDED,
				  .iface = ward->iface,
				  .hook = ward->hook,
				  .text = ward->how,
				  .after_ms = ear->now_ms - ward->broken_since};

	ear->tell(ear->ctx, &news);
}

// What had fallen before anybody watched, or while nobody could.
static void count_falls(struct ward *ward, const struct truth *truth)
{
	bool same = ward->counted_root == truth->root_number &&
		    ward->counted_generation == truth->generation;
	uint64_t all = truth->fell;
	size_t place = 0;

	for (size_t i = truth->count; i-- > 0;) {
		all += truth->members[i].fell;
		place = truth->members[i].fell ? i + 1 : place;
	}
	if (!same)
		ward->fell_counted = 0;
	if (all > ward->fell_counted) {
		if (!ward->fell)
			ward->fell_place = truth->fell ? 0 : place;
		ward->fell += all - ward->fell_counted;
	}
	ward->fell_counted = all;
	ward->counted_root = truth->root_number;
	ward->counted_generation = truth->generation;
}

int ward_judge(struct ward *ward, const struct plan_chain *chain, const struct ward_ear *ear,
	       struct fault *why)
{
	OWNED(findings_drop) struct findings now = {0};
	bool missing = findings_has(&ward->known, "interface_missing");
	bool broken;

	memcpy(ward->iface, chain->iface, sizeof(ward->iface));
	if (copy_findings(ward, &chain->damage, &now, why) ||
	    copy_findings(ward, &ward->drift, &now, why) ||
	    (chain->truth.iface_index && check_kept(ward_keeper(ward, chain), ward, &now, why)))
		return -1;
	broken = has_to_mend(&now) || is_overtaken(chain);
	if (broken && !ward->broken)
		ward->broken_since = ward->suspect_since ? ward->suspect_since : ear->now_ms;
	for (size_t i = 0; i < now.count; i++)
		if (!has_finding(&ward->known, &now.list[i]))
			tell_finding(ward, &now.list[i], NEWS_FOUND, ear);
	for (size_t i = 0; i < ward->known.count; i++)
		if (!has_finding(&now, &ward->known.list[i]))
			tell_finding(ward, &ward->known.list[i], NEWS_GONE, ear);
	if (!broken && ward->how[0])
		tell_mended(ward, ear);
	if (!broken)
		ward->how[0] = '\0';
	ward->returned = broken && (ward->returned || missing || chain->truth.renewed);
	ward->broken = broken;
	ward->suspect = false;
	ward->suspect_since = 0;
	ward->judged = true;
	if (chain->truth.root_id && chain->truth.generation)
		count_falls(ward, &chain->truth);
	// Until it is back there is nothing to see.
	if (!chain->truth.iface_index)
		ward->has_sight = false;
	findings_drop(&ward->known);
	ward->known = now;
	now = (struct findings){0};
	return 0;
}

void ward_tell_falls(struct ward *ward, const struct ward_ear *ear)
{
	char text[128];
	const struct news news = {.kind = NEWS_FOUND,
				  .iface = ward->iface,
				  .hook = ward->hook,
				  .code = "fell_through",
				  .text = text};

	if (!ward->fell || ear->now_ms - ward->fell_told < FALLS_EVERY_MS)
		return;
	if (ward->fell_place)
		snprintf(text, sizeof(text), "%" PRIu64 " packets left place %zu and found nothing",
			 ward->fell, ward->fell_place);
	else
		snprintf(text, sizeof(text), "%" PRIu64 " packets found nothing behind the root",
			 ward->fell);
	ear->tell(ear->ctx, &news);
	ward->fell = 0;
	ward->fell_told = ear->now_ms;
}

// Holds everything that is pinned for it, and asks for events of its directories.
static int hold(struct ward *ward, const struct truth *truth, struct wakeup *wakeup, size_t *room,
		struct fault *why)
{
	if (ward->keeper && (ward->kept_index != truth->iface_index ||
			     keeper_root(ward->keeper) != truth->root_number ||
			     keeper_generation(ward->keeper) != truth->generation ||
			     keeper_program(ward->keeper) != truth->members[0].program.id))
		ward_let_go(ward, room);
	// The events first: what changes after the pins have been opened must not be missed.
	if (!ward->keeper || ward->deaf)
		ward->deaf = wakeup && wakeup_watch(wakeup, ward->place, ward->tag, why);
	if (ward->keeper)
		return 0;
	ward->kept_index = truth->iface_index;
	return keeper_open(ward->place, truth->root_number, truth->generation, room, &ward->keeper,
			   why);
}

static bool is_applied(const struct plan_chain *chain)
{
	return json_int(json_member(chain->record, "generation")) &&
	       json_count(json_member(chain->record, "members"));
}

int ward_settle(struct ward *ward, const struct plan_chain *chain, struct wakeup *wakeup,
		size_t *room, struct fault *why)
{
	const struct truth *truth = &chain->truth;

	// What we took away ourselves is held no more: timers of a denied program would run on in its maps.
	if (!is_applied(chain))
		ward_let_go(ward, room);
	// Without a place of its own what is pinned there is another interface's.
	if (!truth->root_id || !truth->generation || !truth->attached || !chain->was[0])
		return 0;
	// Until all of this has worked there is no cheap look.
	sight_drop(&ward->sight);
	ward->has_sight = false;
	if (hold(ward, truth, wakeup, room, why)) {
		ward->deaf = true;
		return -1;
	}
	if (ward->hook == HOOK_PROBE) // only pins can be taken from them, and that is an event
		return ward->deaf ? -1 : 0;
	if (sight_take(ward->hook, truth, ward->keeper, &ward->sight, why)) {
		ward->deaf = true;
		return -1;
	}
	ward->has_sight = true;
	return ward->deaf ? -1 : 0;
}
