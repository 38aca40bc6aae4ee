// SPDX-License-Identifier: Apache-2.0
#include "loader/statusreport.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <linux/if_link.h>

#include "base/owned.h"
#include "base/table.h"

// A place is reached only through all the places before it: the first break hides the rest.
static const char *member_state(const struct truth *truth, size_t index)
{
	if (!truth->attached)
		return "MISSING";
	if (truth->link.program_id != truth->root_id)
		return "FOREIGN";
	for (size_t i = 0; i <= index; i++) {
		const struct truth_member *member = &truth->members[i];

		if (!member->slot || (i < index && member->slot != member->program.id))
			return "MISSING";
		if (member->slot != member->program.id)
			return member->program.id ? "FOREIGN" : "MISSING";
	}
	return "running";
}

// "all" but of a program whose own jumps cannot all be told. Records from before say nothing.
static const char *fell_counted(const struct json *recorded)
{
	const char *word = json_member_text(recorded, "fell_counted");

	return *word ? word : "unknown";
}

static void fell_cell(const struct json *recorded, uint64_t fell, char *out, size_t room)
{
	const char *counted = fell_counted(recorded);

	if (!strcmp(counted, "none"))
		snprintf(out, room, "not counted");
	else
		snprintf(out, room, "%" PRIu64 "%s", fell,
			 strcmp(counted, "some") ? "" : " (not all)");
}

static int status_rows(struct table *table, const struct plan_chain *chain, struct fault *why)
{
	const struct json *members = json_member(chain->record, "members");
	const struct truth *truth = &chain->truth;
	size_t rows = truth->count > json_count(members) ? truth->count : json_count(members);

	for (size_t i = 0; i < rows && i < NODE_CHAIN_MAX; i++) {
		const struct json *member = json_item(members, i);
		char place[24], id[16] = "", fell[40];

		snprintf(place, sizeof(place), "%zu", i + 1);
		// None has the number 0, and is shown as none.
		if (truth->members[i].program.id)
			snprintf(id, sizeof(id), "%u", truth->members[i].program.id);
		fell_cell(member, truth->members[i].fell, fell, sizeof(fell));
		if (table_row(table,
			      (const char *[]){
				      i ? "" : chain->iface, i ? "" : hook_name(chain->hook), place,
				      json_member_text(member, "name"),
				      json_member_text(member, "version"), id,
				      truth->members[i].program.tag, member_state(truth, i), fell},
			      why))
			return -1;
	}
	return 0;
}

static int members_truth(const struct plan_chain *chain, struct json *list, struct fault *why)
{
	const struct json *records = json_member(chain->record, "members");
	const struct truth *truth = &chain->truth;
	size_t rows = truth->count > json_count(records) ? truth->count : json_count(records);

	for (size_t i = 0; i < rows && i < NODE_CHAIN_MAX; i++) {
		const struct truth_member *member = &truth->members[i];
		struct json *made = json_make_object();

		if (json_add(list, made, why) ||
		    json_put_int(made, "position", (int64_t)i + 1, why) ||
		    json_put_text(made, "name", json_member_text(json_item(records, i), "name"),
				  why) ||
		    json_put_text(made, "version",
				  json_member_text(json_item(records, i), "version"), why) ||
		    json_put_int(made, "program_id", member->program.id, why) ||
		    json_put_text(made, "tag", member->program.tag, why) ||
		    json_put_text(made, "state", member_state(truth, i), why) ||
		    json_put_int(made, "slot", member->slot, why) ||
		    json_put_int(made, "fell_through", (int64_t)member->fell, why) ||
		    json_put_text(made, "fell_counted", fell_counted(json_item(records, i)), why))
			return -1;
	}
	return 0;
}

static int put_others(struct json *out, const char *key, const struct truth_others *others,
		      struct fault *why)
{
	struct json *list = json_make_array();

	if (json_put(out, key, list, why))
		return -1;
	for (size_t i = 0; i < others->count && i < TRUTH_OTHERS_MAX; i++) {
		const struct truth_other *other = &others->list[i];
		struct json *made = json_make_object();

		if (json_add(list, made, why) || json_put_text(made, "kind", other->kind, why) ||
		    json_put_int(made, "program_id", other->program_id, why) ||
		    json_put_int(made, "pref", other->pref, why) ||
		    json_put_int(made, "handle", other->handle, why) ||
		    json_put_text(made, "name", other->name, why))
			return -1;
	}
	return 0;
}

static const char *mode_of(const struct plan_chain *chain)
{
	if (chain->hook != HOOK_XDP || !chain->truth.attached)
		return "";
	if (chain->truth.xdp_mode == XDP_ATTACHED_HW)
		return "offload";
	return chain->truth.xdp_mode == XDP_ATTACHED_SKB ? "generic" : "native";
}

static int chain_truth(const struct plan_chain *chain, struct json *out, struct fault *why)
{
	const struct truth *truth = &chain->truth;
	struct json *members = json_make_array(), *link = json_make_object(),
		    *root = json_make_object();

	if (json_put(out, "members", members, why) || json_put(out, "link", link, why) ||
	    json_put(out, "root", root, why) ||
	    json_put_text(out, "interface", chain->iface, why) ||
	    json_put_text(out, "hook", hook_name(chain->hook), why) ||
	    json_put_int(out, "generation", truth->generation, why) ||
	    json_put_bool(link, "attached", truth->attached, why) ||
	    json_put_text(link, "by", truth_by_name(truth->by), why) ||
	    json_put_text(link, "mode", mode_of(chain), why) ||
	    put_others(out, "before", &truth->before, why) ||
	    put_others(out, "after", &truth->after, why) ||
	    json_put_int(link, "id", truth->link.id, why) ||
	    json_put_int(link, "program_id", truth->link.program_id, why) ||
	    json_put_int(root, "program_id", truth->root_id, why) ||
	    json_put_int(root, "slot", truth->slot, why) ||
	    json_put_int(root, "fell_through", (int64_t)truth->fell, why))
		return -1;
	return members_truth(chain, members, why);
}

static int status_json(const struct plan *plan, const struct findings *drift,
		       const struct freshness_list *freshness, const struct report_who *who,
		       struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *chains = json_make_array(), *findings = json_make_array(), *repositories;
	bool ok = true;

	if (!document)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put(document, "chains", chains, why) ||
	    json_put(document, "findings", findings, why) ||
	    freshness_json(freshness, &repositories, why) ||
	    json_put(document, "repositories", repositories, why) ||
	    findings_json(drift, who, findings, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		struct json *made = json_make_object();

		if (json_add(chains, made, why) || chain_truth(&plan->chains[i], made, why) ||
		    findings_json(&plan->chains[i].damage, who, findings, why))
			return -1;
	}
	for (size_t i = 0; i < json_count(findings); i++)
		ok = ok && json_bool(json_member(json_item(findings, i), "note"));
	if (json_put_bool(document, "ok", ok, why))
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

int report_status(const struct cli *cli, const struct plan *plan, const struct findings *drift,
		  const struct freshness_list *freshness, const struct report_who *who,
		  struct fault *why)
{
	static const char *const columns[] = {"INTERFACE", "HOOK", ">PLACE", "PROGRAM", "VERSION",
					      ">ID",	   "TAG",  "STATE",  ">FELL",	NULL};
	OWNED(table_drop) struct table *table = NULL;
	OWNED(json_drop) struct json *document = NULL;

	if (cli_json(cli)) {
		if (status_json(plan, drift, freshness, who, &document, why))
			return -1;
		return cli_document(cli, "bpfseal.status/1", HAND_OVER(document), why);
	}
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++)
		if (status_rows(table, &plan->chains[i], why))
			return -1;
	if (plan->count)
		table_print(table, cli);
	else
		cli_say(cli, "no chains");
	for (size_t i = 0; i < plan->count; i++)
		findings_print(cli, &plan->chains[i].damage, who);
	findings_print(cli, drift, who);
	if (freshness->count)
		cli_say(cli, "%s", "");
	return freshness_print(freshness, cli, why);
}
