// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_apply.h"

#include <malloc.h>
#include <time.h>

#include "base/owned.h"
#include "loader/applied.h"
#include "loader/apply.h"
#include "loader/desk.h"
#include "loader/report.h"
#include "loader/sweep.h"

// A steady clock, for how long a switch took.
static int64_t ticks_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// Before root's rights are given up: who else is there is part of a refusal, where node.json lets us know it.
static struct report_who who_starts(const struct cli *cli, struct namer *namer)
{
	struct fault ignored = {0};

	// A unit that runs once a minute would say it as often; names are a watch's matter.
	if (namer_start(cli_root(cli), namer, &ignored) && !cli_has(cli, "--changes"))
		cli_note(cli, "warning: %s", ignored.text);
	return (struct report_who){.namer = namer, .now = moment_now()};
}

int run_plan(struct cli *cli, struct fault *why)
{
	OWNED(namer_drop) struct namer namer = NAMER_NONE;
	const struct report_who who = who_starts(cli, &namer);
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct plan_places places;

	if (desk_open(&desk, cli, true, why) || node_load(cli_root(cli), NULL, &desk.node, why))
		return -1;
	places = desk_plan_places(&desk);
	places.resume = cli_has(cli, "--resume");
	if (desk_admit(&desk, cli, &admit, why) || plan_look(&places, &plan, why) ||
	    plan_decide(plan, &places, admit, why)) {
		report_squatters(cli, plan, &who);
		return -1;
	}
	report_denied(cli, plan);
	report_held(cli, plan);
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

int apply_and_report(const struct cli *cli, const struct desk *desk, struct plan *plan,
		     bool restored, const char *event, struct fault *why)
{
	const struct apply_places places = {.node = desk->node,
					    .tree = desk->tree,
					    .loader_dirfd = desk->loader_dirfd,
					    .logs_dirfd = desk->logs_dirfd,
					    .logs_path = desk->logs_path,
					    .events = desk->events,
					    .now = desk->now,
					    .ticks_us = ticks_us,
					    .event = event};
	OWNED(apply_drop) struct apply apply = {0};
	struct fault leftover = {0};

	if (apply_plan(&places, plan, &apply, why))
		return -1;
	if (!restored && !event && applied_note(desk->loader_dirfd, desk->node, &leftover))
		cli_note(cli, "warning: %s", leftover.text);
	// The chains are as they shall be: what cannot be tidied is worth a word, not a failure.
	if (sweep_run(desk->loader_dirfd, &leftover))
		cli_note(cli, "warning: leftovers stay: %s", leftover.text);
	if (!plan_is_pending(plan) && !plan_waiting(plan) && !restored && !event &&
	    !cli_has(cli, "--changes"))
		cli_say(cli, "nothing to do: the kernel is as node.json says");
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
static int apply_copies(struct cli *cli, const struct desk *desk, struct plan *plan,
			struct admit *admit, struct fault *why)
{
	struct plan_places places = desk_plan_places(desk);
	const struct fault refused = *why;
	const struct plan_copies copies = {.objects_dirfd = desk->objects_dirfd,
					   .trust_dirfd = desk->trust_dirfd,
					   .admit = admit};
	struct fault trouble = {0};

	places.resume = cli_has(cli, "--resume");
	plan_restore(plan, &places, &copies);
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

// libbpf reads all types of the kernel anew for each program that asks about one, some 12 MB each time. Given back to the
// system in between, these pages cost more than the reading: 9 ms a program instead of 3.5.
static void keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

int run_apply(struct cli *cli, struct fault *why)
{
	OWNED(namer_drop) struct namer namer = NAMER_NONE;
	const struct report_who who = who_starts(cli, &namer);
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct plan_places places;

	keep_memory();
	if (desk_open(&desk, cli, true, why) || node_load(cli_root(cli), NULL, &desk.node, why))
		return -1;
	places = desk_plan_places(&desk);
	places.resume = cli_has(cli, "--resume");
	places.beside = true;
	if (desk_admit(&desk, cli, &admit, why) || plan_look(&places, &plan, why))
		return -1;
	if (plan_decide(plan, &places, admit, why)) {
		report_squatters(cli, plan, &who);
		return apply_copies(cli, &desk, plan, admit, why);
	}
	report_denied(cli, plan);
	report_held(cli, plan);
	return apply_and_report(cli, &desk, plan, false, NULL, why);
}
