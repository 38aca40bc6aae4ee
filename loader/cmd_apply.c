// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_apply.h"

#include <malloc.h>

#include "base/owned.h"
#include "loader/applied.h"
#include "loader/apply.h"
#include "loader/decide.h"
#include "loader/fallback.h"
#include "loader/moment.h"
#include "loader/report.h"
#include "loader/restore.h"
#include "loader/scan.h"
#include "loader/session.h"
#include "loader/sweep.h"

// A plan in the making, with everything that it borrows from.
struct planning {
	struct session session;
	struct plan_places places;
	struct admit *admit;
	struct plan *plan;
};
#define PLANNING_NONE                     \
	{                                 \
		.session = SESSION_CLOSED \
	}

static void planning_drop(struct planning *planning)
{
	plan_drop(&planning->plan);
	admit_drop(&planning->admit);
	session_drop(&planning->session);
}

static int planning_open(struct planning *planning, const struct cli *cli, unsigned needs,
			 struct fault *why)
{
	struct session *session = &planning->session;

	if (session_open(session, cli, SESSION_LOCKED | SESSION_NAMES | needs, why) ||
	    session_node(session, cli, why))
		return -1;
	planning->places = session_plan_places(session);
	planning->places.resume = cli_has(cli, "--resume");
	return session_admit(session, cli, &planning->admit, why) ||
			       scan_all(&planning->places, &planning->plan, why)
		       ? -1
		       : 0;
}

// Decides what is to be done. Who else is there is part of a refusal, where node.json lets us know it.
static int planning_decide(struct planning *planning, const struct cli *cli, struct fault *why)
{
	const struct report_who who = {.namer = &planning->session.namer, .now = moment_now()};

	if (decide_all(planning->plan, &planning->places, planning->admit, why)) {
		report_squatters(cli, planning->plan, &who);
		return -1;
	}
	report_denied(cli, planning->plan);
	report_held(cli, planning->plan);
	return 0;
}

int run_plan(struct cli *cli, struct fault *why)
{
	OWNED(planning_drop) struct planning planning = PLANNING_NONE;
	const struct plan *plan;

	if (planning_open(&planning, cli, 0, why) || planning_decide(&planning, cli, why))
		return -1;
	plan = planning.plan;
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
static int say_foreign(const struct cli *cli, const struct session *session,
		       const struct apply *apply, struct fault *why)
{
	for (size_t i = 0; i < apply->count; i++) {
		const struct plan_chain *chain = apply->chains[i].plan;
		OWNED(findings_drop) struct findings others = {0};
		struct truth truth = chain->truth;

		if (apply->chains[i].chain && apply->chains[i].done &&
		    truth_read(session->tree, chain->iface, chain->hook, &truth, why))
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
	const struct session *session;
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
	    applied_note(after->session->loader_dirfd, after->session->node, &leftover))
		cli_note(after->cli, "warning: %s", leftover.text);
	// The chains are as they shall be: what cannot be tidied is worth a word, not a failure.
	if (sweep_run(after->session->loader_dirfd, &leftover))
		cli_note(after->cli, "warning: leftovers stay: %s", leftover.text);
}

int apply_and_report(const struct cli *cli, const struct session *session, struct plan *plan,
		     bool restored, const char *event, struct fault *why)
{
	struct aftermath after = {.cli = cli, .session = session, .by_config = !restored && !event};
	const struct apply_places places = {.node = session->node,
					    .tree = session->tree,
					    .loader_dirfd = session->loader_dirfd,
					    .logs_dirfd = session->logs_dirfd,
					    .logs_path = session->logs_path,
					    .events = session->events,
					    .now = session->now,
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
	return report_apply(cli, &apply, restored, why) || say_foreign(cli, session, &apply, why)
		       ? -1
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
static int apply_copies(struct cli *cli, const struct planning *planning, struct fault *why)
{
	const struct session *session = &planning->session;
	const struct fault refused = *why;
	const struct restore_copies copies = {.objects_dirfd = session->objects_dirfd,
					      .trust_dirfd = session->trust_dirfd,
					      .admit = planning->admit};
	struct plan *plan = planning->plan;
	struct fault trouble = {0};

	fallback_plan(plan, &planning->places, &copies);
	for (size_t i = 0; i < plan->count; i++)
		say_lost(cli, &plan->chains[i]);
	if (plan_is_pending(plan)) {
		report_denied(cli, plan);
		cli_note(cli, "alarm: nothing new is admitted; what ran here before is restored, "
			      "without what is denied");
		if (apply_and_report(cli, session, plan, true, NULL, &trouble))
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
	OWNED(planning_drop) struct planning planning = PLANNING_NONE;

	keep_memory();
	if (planning_open(&planning, cli, SESSION_RECORDS, why))
		return -1;
	planning.places.beside = true;
	if (planning_decide(&planning, cli, why))
		return apply_copies(cli, &planning, why);
	return apply_and_report(cli, &planning.session, planning.plan, false, NULL, why);
}
