// SPDX-License-Identifier: Apache-2.0
#include "loader/tamper.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "loader/bpffs.h"
#include "loader/record.h"

static int check_root(const struct tamper *tamper, struct findings *findings, struct fault *why)
{
	const struct truth *truth = tamper->truth;

	// On a card it is the program of all places, which check_member holds against the record.
	if (truth->on_card || !strcmp(truth->root_tag, tamper->root_tag))
		return 0;
	return findings_add(findings, tamper->iface, tamper->hook, truth->root_id, why,
			    "root_replaced",
			    "program %u, tag %s, stands in our root's place, which has tag %s",
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

// Maps that are gone from our tree are lost with the next change of the chain.
static int check_maps(const struct tamper *tamper, size_t index, struct findings *findings,
		      struct fault *why)
{
	const struct json *recorded = json_item(json_member(tamper->record, "members"), index);
	const struct json *pins = json_member(recorded, "pins");
	char place[BPFFS_PATH_MAX], gen[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	char key[MEMBER_LABEL_MAX], path[BPFFS_PATH_MAX];

	record_key(tamper->record, index, key);
	if (bpffs_place(tamper->tree, tamper->iface, tamper->hook, place, why) ||
	    bpffs_join_number(place, "gen", tamper->truth->generation, gen, why) ||
	    bpffs_join(gen, "maps", maps, why) || bpffs_join(maps, key, dir, why))
		return -1;
	for (size_t i = 0; i < json_count(pins); i++) {
		const char *name = json_text(json_item(pins, i));

		if (!name || bpffs_join(dir, name, path, why))
			return fault_set(why, FAULT_FORMAT, "the record's pins are no names");
		// A link to itself, or a file in a directory's place, is as good as nothing.
		if (faccessat(AT_FDCWD, path, F_OK, 0) == 0 ||
		    (errno != ENOENT && errno != ENOTDIR && errno != ELOOP))
			continue;
		if (findings_add(findings, tamper->iface, tamper->hook, 0, why, "pin_missing",
				 "the pin of map %s of place %zu is gone: its contents go with "
				 "the next change",
				 name, index + 1))
			return -1;
	}
	return 0;
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
