// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_apply.h"

#include <malloc.h>

#include "base/owned.h"
#include "loader/applied.h"
#include "loader/apply.h"
#include "loader/desk.h"
#include "loader/moment.h"
#include "loader/report.h"
#include "loader/sweep.h"

// Everything that a plan is made from, and what is in the kernel now.
struct session {
	struct desk desk;
	struct plan_places places;
	struct admit *admit;
	struct plan *plan;
};
#define SESSION_NONE                \
	{                           \
		.desk = DESK_CLOSED \
	}

static void session_drop(struct session *session)
{
	plan_drop(&session->plan);
	admit_drop(&session->admit);
	desk_drop(&session->desk);
}

static int session_open(struct session *session, const struct cli *cli, struct fault *why)
{
	struct desk *desk = &session->desk;

	if (desk_open(desk, cli, DESK_LOCKED | DESK_NAMES, why) || desk_node(desk, cli, why))
		return -1;
	session->places = desk_plan_places(desk);
	session->places.resume = cli_has(cli, "--resume");
	return desk_admit(desk, cli, &session->admit, why) ||
			       plan_look(&session->places, &session->plan, why)
		       ? -1
		       : 0;
}

// Decides what is to be done. Who else is there is part of a refusal, where node.json lets us know it.
static int session_decide(struct session *session, const struct cli *cli, struct fault *why)
{
	const struct report_who who = {.namer = &session->desk.namer, .now = moment_now()};

	if (plan_decide(session->plan, &session->places, session->admit, why)) {
		report_squatters(cli, session->plan, &who);
		return -1;
	}
	report_denied(cli, session->plan);
	report_held(cli, session->plan);
	return 0;
}

int run_plan(struct cli *cli, struct fault *why)
{
	OWNED(session_drop) struct session session = SESSION_NONE;
	const struct plan *plan;

	if (session_open(&session, cli, why) || session_decide(&session, cli, why))
		return -1;
	plan = session.plan;
	if (report_plan(cli, plan, why))
		return -1;
	if (!cli_has(cli, "--check") || (!plan_is_pending(plan) && !plan_waiting(plan)))
		return 0;
	cli_document_done(cli);
	fault_set(why, FAULT_DRIFT, "the kernel is not as node.json says");
	return plan_is_pending(plan)
		       ? fault_fix(why, "'bpfseal apply' makes it so")
		       : fault_fix(why,
				   "an interface is missing: when it is there, 'bpfseal apply'");
}

// Nobody is evicted; nobody who stands before a chain goes unsaid either.
static int say_foreign(const struct cli *cli, const struct desk *desk, const struct apply *apply,
		       struct fault *why)
{
	for (size_t i = 0; i < apply->count; i++) {
		const struct plan_chain *chain = apply->chains[i].plan;
		OWNED(findings_drop) struct findings others = {0};
		struct truth truth = chain->truth;

		if (apply->chains[i].chain && apply->chains[i].done &&
		    truth_read(desk->tree, chain->iface, chain->hook, &truth, why))
			return -1;
		if (chain->action == PLAN_REMOVE)
			continue;
		if (findings_others(&others, chain->iface, chain->hook, &truth, why))
			return -1;
		for (size_t k = 0; k < others.count; k++)
			if (others.list[k].weight != FINDING_NOTE)
				cli_note(cli, "warning: %s on %s: %s: %s", hook_name(chain->hook),
					 chain->iface, others.list[k].code, others.list[k].text);
	}
	return 0;
}

// What follows an apply and changes no chain: it need not wait until the old ones have gone.
struct aftermath {
	const struct cli *cli;
	const struct desk *desk;
	bool by_config, done;
};

static void tidy_up(void *ctx)
{
	struct aftermath *after = ctx;
	struct fault leftover = {0};

	if (after->done)
		return;
	after->done = true;
	if (after->by_config &&
	    applied_note(after->desk->loader_dirfd, after->desk->node, &leftover))
		cli_note(after->cli, "warning: %s", leftover.text);
	// The chains are as they shall be: what cannot be tidied is worth a word, not a failure.
	if (sweep_run(after->desk->loader_dirfd, &leftover))
		cli_note(after->cli, "warning: leftovers stay: %s", leftover.text);
}

int apply_and_report(const struct cli *cli, const struct desk *desk, struct plan *plan,
		     bool restored, const char *event, struct fault *why)
{
	struct aftermath after = {.cli = cli, .desk = desk, .by_config = !restored && !event};
	const struct apply_places places = {.node = desk->node,
					    .tree = desk->tree,
					    .loader_dirfd = desk->loader_dirfd,
					    .logs_dirfd = desk->logs_dirfd,
					    .logs_path = desk->logs_path,
					    .events = desk->events,
					    .now = desk->now,
					    .ticks_us = moment_ticks_us,
					    .event = event,
					    .meanwhile = tidy_up,
					    .ctx = &after};
	OWNED(apply_drop) struct apply apply = {0};

	if (apply_plan(&places, plan, &apply, why))
		return -1;
	tidy_up(&after);
	if (after.by_config && !cli_has(cli, "--changes"))
		report_idle(cli, plan);
	return report_apply(cli, &apply, restored, why) || say_foreign(cli, desk, &apply, why) ? -1
											       : 0;
}

static void say_lost(const struct cli *cli, const struct plan_chain *chain)
{
	const struct fault *lost = &chain->lost;

	if (lost->code != FAULT_NONE)
		cli_note(cli, "alarm: %s of %s does not come back from our own copies: %s%s%s",
			 hook_name(chain->hook), chain->iface, lost->text,
			 lost->cause[0] ? ": " : "", lost->cause);
}

// Nothing new can be admitted: what runs stays, but for what is denied by now. What ran here and is gone or damaged comes
// back from our own copies, where only the store kept it from being admitted. The command still fails, with the reason.
static int apply_copies(struct cli *cli, const struct session *session, struct fault *why)
{
	const struct desk *desk = &session->desk;
	const struct fault refused = *why;
	const struct plan_copies copies = {.objects_dirfd = desk->objects_dirfd,
					   .trust_dirfd = desk->trust_dirfd,
					   .admit = session->admit};
	struct plan *plan = session->plan;
	struct fault trouble = {0};

	plan_restore(plan, &session->places, &copies);
	for (size_t i = 0; i < plan->count; i++)
		say_lost(cli, &plan->chains[i]);
	if (plan_is_pending(plan)) {
		report_denied(cli, plan);
		cli_note(cli, "alarm: nothing new is admitted; what ran here before is restored, "
			      "without what is denied");
		if (apply_and_report(cli, desk, plan, true, NULL, &trouble))
			cli_note(cli, "alarm: the restore failed: %s", trouble.text);
		else
			cli_document_done(cli);
	}
	*why = refused;
	return -1;
}

// For a program that a part of the kernel's types does not serve (loader/types.h) libbpf reads all of them anew, some 12 MB
// each time. Given back to the system in between, these pages cost more than the reading: 9 ms a program instead of 3.5.
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

int run_apply(struct cli *cli, struct fault *why)
{
	OWNED(session_drop) struct session session = SESSION_NONE;

	keep_memory();
	if (session_open(&session, cli, why))
		return -1;
	session.places.beside = true;
	if (session_decide(&session, cli, why))
		return apply_copies(cli, &session, why);
	return apply_and_report(cli, &session.desk, session.plan, false, NULL, why);
}
