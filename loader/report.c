// SPDX-License-Identifier: Apache-2.0
#include "loader/report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"
#include "base/table.h"
#include "loader/change.h"
#include "loader/findingreport.h"
#include "loader/hold.h"
#include "loader/news.h"

#define CHANGES_SHOWN 20

static int put_place(struct json *out, const struct plan_chain *chain, struct fault *why)
{
	return json_put_text(out, "interface", chain->iface, why) ||
			       json_put_text(out, "hook", hook_name(chain->hook), why)
		       ? -1
		       : 0;
}

static int put_denied(struct json *out, const struct plan_chain *chain, struct fault *why)
{
	return json_put(out, "denied", chain->denied ? json_keep(chain->denied) : json_make_array(),
			why);
}

void report_denied(const struct cli *cli, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		for (size_t k = 0; k < json_count(chain->denied); k++) {
			const struct json *line = json_item(chain->denied, k);

			cli_note(cli, "alarm: %s on %s: %s %s is denied (%s): %s",
				 hook_name(chain->hook), chain->iface,
				 json_member_text(line, "name"), json_member_text(line, "version"),
				 json_member_text(line, "on_denied"),
				 json_member_text(line, "reason"));
		}
	}
}

void report_squatters(const struct cli *cli, const struct plan *plan, const struct report_who *who)
{
	for (size_t i = 0; plan && i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];
		const struct truth *truth = &chain->truth;
		uint32_t id = truth->blocked ? truth->blocker.program_id : truth->instead;
		struct sys_program program;
		char name[NEWS_PROGRAM_MAX];

		if (truth->attached || !id || id == truth->root_id ||
		    !namer_ask(who->namer, id, &program))
			continue;
		news_name(&program, &who->now, name);
		cli_note(cli, "%s on %s is held by another program%s", hook_name(chain->hook),
			 chain->iface, name);
	}
}

void report_held(const struct cli *cli, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		if (chain->hold)
			cli_note(cli,
				 "note: %s on %s is held as it was rolled back at %s; 'bpfseal "
				 "apply --resume' goes on with node.json",
				 hook_name(chain->hook), chain->iface, hold_since(chain->hold));
		else if (chain->lost.code != FAULT_NONE)
			cli_note(cli,
				 "alarm: %s on %s can be held no longer as it was rolled back: "
				 "%s%s%s",
				 hook_name(chain->hook), chain->iface, chain->lost.text,
				 chain->lost.cause[0] ? ": " : "", chain->lost.cause);
	}
}

// ---- maps ----

static int maps_text(const struct maps_report *maps, struct bytes *out, struct fault *why)
{
	for (size_t i = 0; maps && i < maps->count; i++) {
		const struct map_report *map = &maps->maps[i];

		if (bytes_format(out, why, "%s%s: %s%s", i ? ", " : "", map->name,
				 map_fate_name(map->fate), map->shared ? " (shared)" : ""))
			return -1;
	}
	return 0;
}

static int maps_json(const struct maps_report *maps, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; maps && i < maps->count; i++) {
		struct json *map = json_make_object();

		if (json_add(list, map, why) ||
		    json_put_text(map, "name", maps->maps[i].name, why) ||
		    json_put_text(map, "contents", map_fate_name(maps->maps[i].fate), why) ||
		    json_put_bool(map, "shared", maps->maps[i].shared, why) ||
		    json_put_int(map, "values", (int64_t)maps->maps[i].entries, why))
			return -1;
	}
	*out = HAND_OVER(list);
	return 0;
}

// ---- plan ----

static void name_version(char *out, size_t room, const char *name, const char *version)
{
	snprintf(out, room, "%s%s%s", name, *name ? " " : "", version);
}

// Of a chain that stays as it is because nobody asked about it, as beside one that is rolled back, only the record knows.
static bool stays(const struct plan_chain *chain)
{
	return chain->action == PLAN_KEEP && !chain->denied && !chain->count;
}

static int plan_rows(struct table *table, const struct plan_chain *chain, struct fault *why)
{
	const struct json *now =
		chain->truth.root_id ? json_member(chain->record, "members") : NULL;
	bool removed = chain->action == PLAN_REMOVE;
	size_t next = removed ? 0 : chain->count, rows = json_count(now);

	rows = rows > next ? rows : next;
	for (size_t i = 0; i < rows || i == 0; i++) {
		const struct json *member = json_item(now, i);
		OWNED(bytes_drop) struct bytes maps = {0};
		char place[24], from[256], to[256] = "";

		snprintf(place, sizeof(place), "%zu", i + 1);
		name_version(from, sizeof(from), json_member_text(member, "name"),
			     json_member_text(member, "version"));
		if (i < next)
			name_version(to, sizeof(to), chain->members[i].name,
				     chain->members[i].version);
		else if (stays(chain))
			snprintf(to, sizeof(to), "%s", from);
		if (i < next && chain->maps && maps_text(&chain->maps[i], &maps, why))
			return -1;
		if (table_row(table,
			      (const char *[]){i ? "" : chain->iface,
					       i ? "" : hook_name(chain->hook),
					       i ? "" : plan_action_name(chain->action), place,
					       from, to, bytes_text(&maps)},
			      why))
			return -1;
	}
	return 0;
}

// Behind jumps of which the code does not show where they lead nothing is counted; an admin has to know.
static void say_uncounted(const struct cli *cli, const struct plan_chain *chain)
{
	for (size_t i = 0; i < chain->count && chain->action != PLAN_REMOVE; i++) {
		const struct fall_ways *falls = &chain->members[i].falls;

		if (falls->uncounted)
			cli_say(cli,
				"%s on %s: place %zu, %s: not counted: of %zu jump%s to the next "
				"program the code does not show where %zu lead%s",
				hook_name(chain->hook), chain->iface, i + 1, chain->members[i].name,
				falls->counted + falls->uncounted,
				falls->counted + falls->uncounted == 1 ? "" : "s", falls->uncounted,
				falls->uncounted == 1 ? "s" : "");
	}
}

static int members_json(const struct plan_chain *chain, const struct json *now, struct json *out,
			struct fault *why)
{
	struct json *now_list = json_make_array(), *next_list = json_make_array();

	if (json_put(out, "now", now_list, why) || json_put(out, "next", next_list, why))
		return -1;
	for (size_t i = 0; i < json_count(now); i++) {
		struct json *member = json_make_object();

		if (json_add(now_list, member, why) ||
		    json_put_text(member, "name", json_member_text(json_item(now, i), "name"),
				  why) ||
		    json_put_text(member, "version", json_member_text(json_item(now, i), "version"),
				  why) ||
		    (stays(chain) && json_add(next_list, json_keep(member), why)))
			return -1;
	}
	for (size_t i = 0; i < chain->count; i++) {
		struct json *member = json_make_object(), *maps = NULL;

		if (json_add(next_list, member, why) ||
		    json_put_text(member, "name", chain->members[i].name, why) ||
		    json_put_text(member, "version", chain->members[i].version, why) ||
		    json_put_text(member, "fell_counted", fall_ways_word(&chain->members[i].falls),
				  why) ||
		    maps_json(chain->maps ? &chain->maps[i] : NULL, &maps, why) ||
		    json_put(member, "maps", maps, why))
			return -1;
	}
	return 0;
}

static int put_changes(struct json *out, const struct plan_chain *chain, struct fault *why)
{
	return json_put(out, "changes",
			chain->changes ? json_keep(chain->changes) : json_make_array(), why);
}

// A list of thousands is an allow-list that came or went: its end says as much as its beginning.
static int say_changes(const struct cli *cli, const struct plan_chain *chain, struct fault *why)
{
	for (size_t i = 0; i < json_count(chain->changes) && i < CHANGES_SHOWN; i++) {
		OWNED(bytes_drop) struct bytes text = {0};

		if (change_text(json_item(chain->changes, i), &text, why))
			return -1;
		cli_say(cli, "%s on %s: %s", hook_name(chain->hook), chain->iface,
			bytes_text(&text));
	}
	if (json_count(chain->changes) > CHANGES_SHOWN)
		cli_say(cli, "%s on %s: and %zu more values", hook_name(chain->hook), chain->iface,
			json_count(chain->changes) - CHANGES_SHOWN);
	return 0;
}

static int plan_json(const struct plan *plan, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *chains = json_make_array();

	if (!document)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put(document, "chains", chains, why) ||
	    json_put_bool(document, "pending", plan_is_pending(plan), why) ||
	    json_put_int(document, "waiting", (int64_t)plan_waiting(plan), why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];
		struct json *made = json_make_object(), *findings = json_make_array();

		if (json_add(chains, made, why) || json_put(made, "findings", findings, why) ||
		    put_place(made, chain, why) ||
		    json_put_text(made, "action", plan_action_name(chain->action), why) ||
		    json_put_bool(made, "held", chain->hold != NULL, why) ||
		    members_json(chain, json_member(chain->record, "members"), made, why) ||
		    put_denied(made, chain, why) || put_changes(made, chain, why) ||
		    findings_json(&chain->damage, NULL, findings, why))
			return -1;
	}
	*out = HAND_OVER(document);
	return 0;
}

int report_plan(const struct cli *cli, const struct plan *plan, struct fault *why)
{
	static const char *const columns[] = {"INTERFACE", "HOOK", "ACTION", ">PLACE",
					      "NOW",	   "NEXT", "MAPS",   NULL};
	OWNED(table_drop) struct table *table = NULL;
	OWNED(json_drop) struct json *document = NULL;

	if (cli_json(cli)) {
		if (plan_json(plan, &document, why))
			return -1;
		return cli_document(cli, "bpfseal.plan/1", HAND_OVER(document), why);
	}
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++)
		if (plan_rows(table, &plan->chains[i], why))
			return -1;
	if (plan->count)
		table_print(table, cli);
	for (size_t i = 0; i < plan->count; i++)
		if (say_changes(cli, &plan->chains[i], why))
			return -1;
	for (size_t i = 0; i < plan->count; i++) {
		findings_print(cli, &plan->chains[i].damage, NULL);
		say_uncounted(cli, &plan->chains[i]);
	}
	report_idle(cli, plan);
	return 0;
}

static bool leaves_out(const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (json_count(plan->chains[i].denied))
			return true;
	return false;
}

void report_idle(const struct cli *cli, const struct plan *plan)
{
	if (plan_is_pending(plan))
		return;
	if (plan_waiting(plan))
		cli_say(cli, "nothing to do now: what is missing waits for its interface");
	else if (plan_is_held(plan))
		cli_say(cli, "nothing to do: what was rolled back is held, the rest is as "
			     "node.json says");
	else
		cli_say(cli, "nothing to do: %s node.json says",
			leaves_out(plan) ? "what is denied is left out, the rest is as"
					 : "the kernel is as");
}

// ---- apply ----

static int applied_json(const struct apply *apply, bool restored, struct json **out,
			struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *chains = json_make_array();

	if (!document)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put(document, "chains", chains, why) ||
	    json_put_bool(document, "restored", restored, why))
		return -1;
	for (size_t i = 0; i < apply->count; i++) {
		const struct apply_chain *at = &apply->chains[i];
		struct json *made = json_make_object();

		if (json_add(chains, made, why) || put_place(made, at->plan, why) ||
		    json_put_text(made, "action", plan_action_name(at->plan->action), why) ||
		    json_put_bool(made, "done", at->done, why) ||
		    json_put_bool(made, "waits", at->lost || at->plan->action == PLAN_WAIT, why) ||
		    json_put_int(made, "switch_us", at->switch_us, why) ||
		    (at->chain &&
		     (json_put_int(made, "generation", chain_generation(at->chain), why) ||
		      json_put_text(made, "how", chain_how(at->chain), why))) ||
		    members_json(at->plan, NULL, made, why) || put_denied(made, at->plan, why) ||
		    put_changes(made, at->plan, why))
			return -1;
		json_remove(made, "now");
	}
	*out = HAND_OVER(document);
	return 0;
}

static int say_applied(const struct cli *cli, const struct apply_chain *at, struct fault *why)
{
	const char *hook = hook_name(at->plan->hook);

	if (!at->done) {
		cli_say(cli, "%s on %s: %s", hook, at->plan->iface,
			at->lost || at->plan->action == PLAN_WAIT ? "waits for its interface"
			: at->plan->action != PLAN_KEEP		  ? "not done"
			: at->plan->lost.code			  ? "does not come back"
								  : "kept as it is");
		return 0;
	}
	if (at->plan->action == PLAN_MOVE) {
		cli_say(cli, "%s on %s: kept, of %s before it was renamed", hook, at->plan->iface,
			at->plan->was);
		return say_changes(cli, at->plan, why);
	}
	if (at->plan->action == PLAN_VALUES) {
		cli_say(cli,
			at->plan->edits.count ? "%s on %s: %zu values written, nothing loaded"
					      : "%s on %s: its maps held these values already",
			hook, at->plan->iface, at->plan->edits.count);
		return say_changes(cli, at->plan, why);
	}
	if (!at->chain) {
		cli_say(cli, "%s on %s: removed", hook, at->plan->iface);
		return 0;
	}
	cli_say(cli, "%s on %s: generation %u %s in %" PRId64 " us", hook, at->plan->iface,
		chain_generation(at->chain), chain_how(at->chain), at->switch_us);
	for (size_t i = 0; i < at->plan->count; i++) {
		const struct chain_program *program = chain_program(at->chain, i);
		OWNED(bytes_drop) struct bytes maps = {0};

		if (maps_text(&program->maps, &maps, why))
			return -1;
		cli_say(cli, "  %zu. %s %s, program %u, tag %s%s%s%s", i + 1,
			at->plan->members[i].name, at->plan->members[i].version,
			program->program.id, program->program.tag, maps.len ? " (" : "",
			bytes_text(&maps), maps.len ? ")" : "");
		if (program->falls.uncounted)
			cli_say(cli, "     not counted: what falls behind %zu of its %zu jumps",
				program->falls.uncounted,
				program->falls.counted + program->falls.uncounted);
	}
	return 0;
}

static void say_waiting(const struct cli *cli, const struct apply *apply)
{
	for (size_t i = 0; i < apply->count; i++) {
		const struct apply_chain *at = &apply->chains[i];

		if (at->lost || at->plan->action == PLAN_WAIT)
			cli_note(cli,
				 "warning: there is no interface %s: its chain on %s waits for it",
				 at->plan->iface, hook_name(at->plan->hook));
	}
}

int report_apply(const struct cli *cli, const struct apply *apply, bool restored, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;

	bool only_changes = cli_has(cli, "--changes");

	say_waiting(cli, apply);
	if (cli_json(cli)) {
		if (applied_json(apply, restored, &document, why))
			return -1;
		return cli_document(cli, "bpfseal.apply/1", HAND_OVER(document), why);
	}
	for (size_t i = 0; i < apply->count; i++)
		if ((apply->chains[i].done || !only_changes) &&
		    say_applied(cli, &apply->chains[i], why))
			return -1;
	return 0;
}
