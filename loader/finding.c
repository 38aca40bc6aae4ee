// SPDX-License-Identifier: Apache-2.0
#include "loader/finding.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/version.h"
#include "loader/denied.h"
#include "loader/hold.h"
#include "loader/record.h"
#include "loader/standin.h"

struct place {
	const char *iface;
	enum hook hook;
};

void findings_drop(struct findings *findings)
{
	free(findings->list);
	*findings = (struct findings){0};
}

static int add_text(struct findings *findings, const struct finding *finding, const char *format,
		    va_list args, struct fault *why)
{
	struct finding *grown =
		reallocarray(findings->list, findings->count + 1, sizeof(*findings->list));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	findings->list = grown;
	grown += findings->count++;
	*grown = *finding;
	vsnprintf(grown->text, sizeof(grown->text), format, args);
	return 0;
}

int findings_add(struct findings *findings, const char *iface, enum hook hook, uint32_t program,
		 struct fault *why, const char *code, const char *format, ...)
{
	const struct finding finding = {
		.code = code, .iface = iface, .hook = hook, .program = program};
	va_list args;
	int bad;

	va_start(args, format);
	bad = add_text(findings, &finding, format, args, why);
	va_end(args);
	return bad;
}

static int add(struct findings *findings, struct place place, struct fault *why, const char *code,
	       const char *format, ...) __attribute__((format(printf, 5, 6)));

static int add(struct findings *findings, struct place place, struct fault *why, const char *code,
	       const char *format, ...)
{
	const struct finding finding = {.code = code, .iface = place.iface, .hook = place.hook};
	va_list args;
	int bad;

	va_start(args, format);
	bad = add_text(findings, &finding, format, args, why);
	va_end(args);
	return bad;
}

bool findings_has(const struct findings *findings, const char *code)
{
	for (size_t i = 0; i < findings->count; i++)
		if (!strcmp(findings->list[i].code, code))
			return true;
	return false;
}

size_t findings_count(const struct findings *findings, enum finding_weight weight)
{
	size_t count = 0;

	for (size_t i = 0; i < findings->count; i++)
		count += findings->list[i].weight <= weight;
	return count;
}

// What the last one that was added weighs, when it is not damage.
static int weigh(struct findings *findings, enum finding_weight weight)
{
	findings->list[findings->count - 1].weight = weight;
	return 0;
}

// And which program it is about.
static int names(struct findings *findings, uint32_t program)
{
	findings->list[findings->count - 1].program = program;
	return 0;
}

static int damage_detached(struct findings *findings, struct place place, const struct truth *truth,
			   struct fault *why)
{
	char now[48] = "";

	if (truth->instead)
		snprintf(now, sizeof(now), "; program %u stands there now", truth->instead);
	if (add(findings, place, why, "link_detached",
		truth->linked ? "our link is not attached to this interface: no packet enters the "
				"chain%s"
			      : "our root is attached to nothing: no packet enters the chain%s",
		now))
		return -1;
	return names(findings, truth->instead);
}

static int damage_link(struct findings *findings, struct place place, const struct truth *truth,
		       struct fault *why)
{
	if (!truth->iface_index) {
		if (add(findings, place, why, "interface_missing",
			"there is no such interface now%s%s",
			!truth->elsewhere ? ""
			: truth->now[0]	  ? "; its chain stands on what is named "
					  : "; its chain stands on it in another network namespace",
			truth->now))
			return -1;
		return weigh(findings, FINDING_BEYOND);
	}
	if (!truth->attached)
		return damage_detached(findings, place, truth, why);
	if (truth->link.program_id != truth->root_id) {
		if (add(findings, place, why, "link_replaced",
			"our %s runs program %u instead of our root",
			truth->by == TRUTH_BY_CLSACT ? "filter" : "link", truth->link.program_id))
			return -1;
		return names(findings, truth->link.program_id);
	}
	if (truth->idle &&
	    add(findings, place, why, "link_replaced",
		"our filter was put there in another way: what the chain says of a packet is not "
		"heeded"))
		return -1;
	if (truth->doubled)
		return add(findings, place, why, "attached_twice",
			   "our root is attached by TCX and by a clsact filter: packets meet the "
			   "chain twice");
	return 0;
}

// "TCX program 7", or "bpf filter, pref 1, handle 0x2, program 7, \"name\"".
static void other_text(const struct truth_other *other, char *out, size_t room)
{
	char program[32] = "", name[80] = "";

	if (other->program_id)
		snprintf(program, sizeof(program), "program %u", other->program_id);
	if (other->name[0])
		snprintf(name, sizeof(name), ", \"%s\"", other->name);
	if (!other->pref)
		snprintf(out, room, "%s %s", strcmp(other->kind, "tcx") ? "XDP" : "TCX", program);
	else
		snprintf(out, room, "clsact %s filter, pref %u, handle 0x%x%s%s%s", other->kind,
			 other->pref, other->handle, program[0] ? ", " : "", program, name);
}

static int damage_others(struct findings *findings, struct place place,
			 const struct truth_others *others, bool before, struct fault *why)
{
	for (size_t i = 0; i < others->count && i < TRUTH_OTHERS_MAX; i++) {
		char text[160];

		other_text(&others->list[i], text, sizeof(text));
		if (add(findings, place, why, before ? "foreign_before" : "foreign_after",
			before ? "not ours, and runs before the chain: %s"
			       : "not ours, and runs after the chain, where that lets packets on: "
				 "%s",
			text))
			return -1;
		weigh(findings, before ? FINDING_BEYOND : FINDING_NOTE);
		names(findings, others->list[i].program_id);
	}
	return 0;
}

// Links of probes cannot be detached, only lost with their pins.
static int damage_member_probes(struct findings *findings, struct place place,
				const struct truth *truth, const struct json *record,
				struct fault *why)
{
	const struct json *members = json_member(record, "members");

	for (size_t i = 0; i < json_count(members) && i < truth->count; i++) {
		int64_t wanted = json_int(json_member(json_item(members, i), "probes"));

		if (wanted > (int64_t)truth->members[i].probes &&
		    add(findings, place, why, "probe_missing",
			"%zu of %" PRId64 " probes of place %zu are attached",
			truth->members[i].probes, wanted, i + 1))
			return -1;
	}
	return 0;
}

static int damage_probes(struct findings *findings, struct place place, const struct truth *truth,
			 const struct json *record, struct fault *why)
{
	if (!truth->generation || truth->count != json_count(json_member(record, "members")))
		return add(findings, place, why, "pin_missing",
			   "pins of the probes are gone: they are not whole");
	for (size_t i = 0; i < truth->count; i++)
		if (!truth->members[i].program.id &&
		    add(findings, place, why, "pin_missing", "the pin of place %zu is gone", i + 1))
			return -1;
	return damage_member_probes(findings, place, truth, record, why);
}

int findings_others(struct findings *findings, const char *iface, enum hook hook,
		    const struct truth *truth, struct fault *why)
{
	const struct place place = {iface, hook};

	return damage_others(findings, place, &truth->before, true, why) ||
			       damage_others(findings, place, &truth->after, false, why)
		       ? -1
		       : 0;
}

static int damage_member(struct findings *findings, struct place place, const struct truth *truth,
			 size_t index, struct fault *why)
{
	const struct truth_member *member = &truth->members[index];

	if (!member->program.id)
		return add(findings, place, why, "pin_missing",
			   "the pin of place %zu is gone: the chain ends there when its last user "
			   "does",
			   index + 1);
	if (index && member->slot != member->program.id) {
		if (add(findings, place, why, "slot_changed",
			member->slot ? "the jump to place %zu reaches program %u instead of %u"
				     : "the jump to place %zu is gone (%u instead of %u)",
			index + 1, member->slot, member->program.id))
			return -1;
		return names(findings, member->slot);
	}
	if (member->fell)
		return add(findings, place, why, "fell_through",
			   "%" PRIu64 " packets left place %zu and found nothing", member->fell,
			   index + 1);
	return 0;
}

int findings_damage(struct findings *findings, const char *iface, enum hook hook,
		    const struct truth *truth, const struct json *record, struct fault *why)
{
	const struct place place = {iface, hook};
	size_t recorded = json_count(json_member(record, "members"));

	if (hook == HOOK_PROBE)
		return damage_probes(findings, place, truth, record, why);
	if (damage_link(findings, place, truth, why) ||
	    damage_member_probes(findings, place, truth, record, why))
		return -1;
	if (!truth->iface_index)
		return 0;
	if (findings_others(findings, iface, hook, truth, why))
		return -1;
	if (!truth->root_id || !truth->generation || (recorded && truth->count != recorded))
		return add(findings, place, why, "pin_missing",
			   "pins of the chain are gone: it is not whole");
	if (!truth->entered &&
	    (add(findings, place, why, "root_slot_changed",
		 truth->slot ? "the root jumps to program %u instead of our chain"
			     : "the root's slot is empty (%u)",
		 truth->slot) ||
	     names(findings, truth->slot)))
		return -1;
	if (truth->fell && add(findings, place, why, "fell_through",
			       "%" PRIu64 " packets found nothing behind the root", truth->fell))
		return -1;
	for (size_t i = 0; i < truth->count; i++)
		if (damage_member(findings, place, truth, i, why))
			return -1;
	if (!truth->has_end || truth->end_slot == truth->end_id)
		return 0;
	if (add(findings, place, why, "slot_changed",
		"the jump behind the last place reaches program %u", truth->end_slot))
		return -1;
	return names(findings, truth->end_slot);
}

// The values of node.json for one use, held against what was written. What cannot be compared is not the same.
static bool same_values(const struct json *recorded, const struct node_use *use)
{
	struct fault ignored = {0};
	bool same;

	return !record_has_values(recorded, json_member(use->object, "maps"),
				  json_member(use->object, "globals"), &same, &ignored) &&
	       same;
}

// Another repository's program of the same name and version is another program.
static bool is_from(const struct json *recorded, const struct node_use *use)
{
	const char *from = json_text(json_member(recorded, "from"));

	return from && !strcmp(from, use->from);
}

bool record_fits_use(const struct json *recorded, const struct node_use *use)
{
	const char *name = json_text(json_member(recorded, "name"));
	const char *version = json_text(json_member(recorded, "version"));
	const char *entry = json_text(json_member(recorded, "entry"));

	return name && version && entry && !strcmp(name, use->use) && is_from(recorded, use) &&
	       version_matches(version, use->version) &&
	       (!use->program || !strcmp(use->program, entry)) && same_values(recorded, use);
}

// What was denied is not missing: its line in the record still has to be what node.json asks for.
static bool record_fits_place(const struct json *record, size_t place, const struct node_use *use)
{
	const struct json *line = denied_at(json_member(record, "denied"), place);
	const struct json *member = record_member_at(record, place);
	const char *name = json_text(json_member(line, "name"));
	const char *version = json_text(json_member(line, "version"));

	if (!line || (member && !standin_is(member)))
		return member && record_fits_use(member, use);
	return name && version && !strcmp(name, use->use) && is_from(line, use) &&
	       version_matches(version, use->version);
}

bool record_fits(const struct json *record, const struct node_interface *interface, enum hook hook)
{
	size_t wanted = interface->chain_count[hook];

	if (wanted !=
	    json_count(json_member(record, "members")) + denied_gone(json_member(record, "denied")))
		return false;
	for (size_t i = 0; i < wanted; i++)
		if (!record_fits_place(record, i, &interface->chain[hook][i]))
			return false;
	return true;
}

int findings_drift(struct findings *findings, const char *iface, enum hook hook,
		   const struct node_interface *interface, const struct truth *truth,
		   const struct json *record, struct fault *why)
{
	const struct place place = {iface, hook};
	const struct json *members = json_member(record, "members");
	size_t wanted = interface ? interface->chain_count[hook] : 0;

	if (hold_stands(hold_of(record), interface, hook))
		return add(findings, place, why, "rolled_back",
			   "held as it was rolled back at %s, until something else is asked for",
			   hold_since(hold_of(record)));
	if (!wanted && truth->root_id)
		return add(findings, place, why, "drift_from_config",
			   truth->iface_index
				   ? "node.json asks for no chain here, and one runs"
				   : "pins of a chain are left that node.json does not ask for");
	if (!truth->iface_index)
		return 0; // it waits; nothing here differs
	if (wanted && !truth->root_id && denied_gone(json_member(record, "denied")) == wanted)
		return 0; // all of it is denied
	if (wanted && !truth->root_id)
		return add(findings, place, why, "drift_from_config",
			   "node.json asks for a chain of %zu, and none runs", wanted);
	if (!wanted)
		return 0;
	if (wanted != json_count(members) + denied_gone(json_member(record, "denied")))
		return add(findings, place, why, "drift_from_config",
			   "node.json asks for a chain of %zu, and one of %zu runs", wanted,
			   json_count(members));
	for (size_t i = 0; i < wanted; i++)
		if (!record_fits_place(record, i, &interface->chain[hook][i]))
			return add(findings, place, why, "drift_from_config",
				   "place %zu is not what node.json asks for", i + 1);
	return 0;
}

// ---- denied ----

static const char *consequence(const struct json *line)
{
	const char *on_denied = json_member_text(line, "on_denied");

	if (!strcmp(on_denied, node_on_denied_name(NODE_DENIED_KEEP)))
		return "still runs, as node.json says";
	if (!strcmp(on_denied, node_on_denied_name(NODE_DENIED_DROP)))
		return "was taken out; every packet is dropped in its place";
	return "was taken out; the chain goes on without it";
}

int findings_denied(struct findings *findings, const char *iface, enum hook hook,
		    const struct json *record, int trust_dirfd, struct fault *why)
{
	const struct place place = {iface, hook};
	const struct json *denied = json_member(record, "denied");
	const struct json *members = json_member(record, "members");

	for (size_t i = 0; i < json_count(denied); i++) {
		const struct json *line = json_item(denied, i);

		if (add(findings, place, why, "denied", "%s %s is denied and %s: %s",
			json_member_text(line, "name"), json_member_text(line, "version"),
			consequence(line), json_member_text(line, "reason")))
			return -1;
	}
	for (size_t i = 0; i < json_count(members); i++) {
		const struct json *member = json_item(members, i);
		OWNED(deny_drop) struct deny *list = NULL;
		const struct deny_entry *entry;

		if (denied_at(denied, record_place(record, i)))
			continue;
		if (denied_member(trust_dirfd, member, &list, &entry, why) ||
		    (entry && add(findings, place, why, "denied",
				  "%s %s is denied and still runs until the next apply: %s",
				  json_member_text(member, "name"),
				  json_member_text(member, "version"), entry->reason)))
			return -1;
	}
	return 0;
}

// ---- no longer signed ----

int findings_unsigned(struct findings *findings, const char *iface, enum hook hook,
		      const struct truth *truth, const struct json *record, struct admit *admit,
		      struct fault *why)
{
	const struct place place = {iface, hook};
	const struct json *members = json_member(record, "members");

	for (size_t i = 0; truth->root_id && i < json_count(members); i++) {
		const struct json *member = json_item(members, i);
		struct fault verdict = {0};

		if (standin_is(member) || !admit_recorded_kept(admit, member, &verdict) ||
		    verdict.code != FAULT_UNTRUSTED)
			continue;
		if (add(findings, place, why, "no_longer_signed",
			"%.60s %.30s still runs, and %.60s no longer signs it: %s",
			json_member_text(member, "name"), json_member_text(member, "version"),
			json_member_text(member, "from"), verdict.text))
			return -1;
	}
	return 0;
}
