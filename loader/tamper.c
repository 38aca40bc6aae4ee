// SPDX-License-Identifier: Apache-2.0
#include "loader/tamper.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "loader/bpffs.h"
#include "loader/mapid.h"

static int check_root(const struct tamper *tamper, struct findings *findings, struct fault *why)
{
	const struct truth *truth = tamper->truth;

	// On a card it is the program of all places, which check_member holds against the record; probes have none.
	if (truth->on_card || tamper->hook == HOOK_PROBE ||
	    !strcmp(truth->root_tag, tamper->root_tag))
		return 0;
	return findings_add(findings, tamper->iface, tamper->hook, truth->root_id, why,
			    "root_replaced",
			    "program %u, tag %s, is pinned in place of our root, which has tag %s",
			    truth->root_id, truth->root_tag, tamper->root_tag);
}

static int check_member(const struct tamper *tamper, size_t index, struct findings *findings,
			struct fault *why)
{
	const struct json *recorded = json_item(json_member(tamper->record, "members"), index);
	const struct sys_program *program = &tamper->truth->members[index].program;
	int64_t applied = json_int(json_member(recorded, "program_id"));

	if (!program->id || !applied || program->id == applied)
		return 0;
	return findings_add(findings, tamper->iface, tamper->hook, program->id, why,
			    "program_replaced",
			    "place %zu holds program %u instead of %" PRId64 ", which was applied",
			    index + 1, program->id, applied);
}

bool tamper_is_decoy(const struct truth_member *member, const struct json *recorded)
{
	int64_t used = json_int(json_member(recorded, "maps_used"));

	return used && member->jumps_by > used;
}

static int check_jump(const struct tamper *tamper, size_t index, struct findings *findings,
		      struct fault *why)
{
	const struct json *recorded = json_item(json_member(tamper->record, "members"), index);
	const struct truth_member *member = &tamper->truth->members[index];

	if (!tamper_is_decoy(member, recorded))
		return 0;
	return findings_add(findings, tamper->iface, tamper->hook, member->program.id, why,
			    "slot_changed",
			    "the array that is pinned as the jump behind place %zu is not the one "
			    "that its program jumps through",
			    index + 1);
}

// One member's map on its way through the look.
struct straying {
	const struct tamper *tamper;
	struct findings *findings;
	size_t index;
};

// What the program works with is not lost yet: it holds it, but nobody else can get at it any more.
static int tell_stray(void *ctx, const struct mapid_stray *stray, struct fault *why)
{
	const struct straying *at = ctx;
	char instead[32] = "what is not ours";

	if (!stray->there)
		return findings_add(at->findings, at->tamper->iface, at->tamper->hook, 0, why,
				    "pin_missing",
				    "the pin of map %s of place %zu is gone: its contents go with "
				    "the next change",
				    stray->pin, at->index + 1);
	if (stray->pinned)
		snprintf(instead, sizeof(instead), "map %u", stray->pinned);
	return findings_add(at->findings, at->tamper->iface, at->tamper->hook, 0, why,
			    "map_replaced",
			    "the pin of map %s of place %zu holds %s; the program works with map "
			    "%u, whose contents go with the next change",
			    stray->pin, at->index + 1, instead, stray->recorded);
}

static int check_maps(const struct tamper *tamper, size_t index, struct findings *findings,
		      struct fault *why)
{
	struct straying straying = {.tamper = tamper, .findings = findings, .index = index};
	char place[BPFFS_PATH_MAX];
	const struct mapid_place at = {
		.place = place, .generation = tamper->truth->generation, .record = tamper->record};

	return bpffs_place(tamper->tree, tamper->iface, tamper->hook, place, why) ||
			       mapid_strays(&at, index, tell_stray, &straying, why)
		       ? -1
		       : 0;
}

int tamper_findings(const struct tamper *tamper, struct findings *findings, struct fault *why)
{
	const struct truth *truth = tamper->truth;
	int64_t applied = json_int(json_member(tamper->record, "generation"));

	if (!truth->root_id || !truth->generation)
		return 0; // nothing of ours is there
	if (check_root(tamper, findings, why))
		return -1;
	if (!applied)
		return 0;
	if (truth->generation != applied)
		return findings_add(findings, tamper->iface, tamper->hook,
				    truth->members[0].program.id, why, "not_as_applied",
				    "generation %u is there instead of %" PRId64
				    ", which was applied",
				    truth->generation, applied);
	for (size_t i = 0; i < truth->count; i++)
		if (check_member(tamper, i, findings, why) ||
		    check_jump(tamper, i, findings, why) || check_maps(tamper, i, findings, why))
			return -1;
	return 0;
}
