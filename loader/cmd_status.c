// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_status.h"

#include "base/owned.h"
#include "loader/desk.h"
#include "loader/scan.h"
#include "loader/statusreport.h"

// What the record and our own files say beside the kernel. The store is not looked at: nothing is verified anew.
static int status_findings(const struct desk *desk, const struct cli *cli, const struct plan *plan,
			   struct findings *out, struct fault *why)
{
	const struct admit_places places = {.root = cli_root(cli),
					    .store_dirfd = -1,
					    .trust_dirfd = desk->trust_dirfd,
					    .objects_dirfd = desk->objects_dirfd,
					    .now = desk->now,
					    .node = desk->node};
	OWNED(admit_drop) struct admit *admit = NULL;

	if (desk->node && admit_new(&places, &admit, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		if (findings_denied(out, chain->iface, chain->hook, chain->record,
				    desk->trust_dirfd, why))
			return -1;
		if (!desk->node)
			continue;
		if (findings_unsigned(out, chain->iface, chain->hook, &chain->truth, chain->record,
				      admit, why) ||
		    findings_drift(out, chain->iface, chain->hook, chain->interface, &chain->truth,
				   chain->record, why))
			return -1;
	}
	return 0;
}

int run_status(struct cli *cli, struct fault *why)
{
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(findings_drop) struct findings drift = {0};
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(freshness_drop) struct freshness_list freshness = {0};
	struct node nothing = {0};
	struct plan_places places;
	struct fault config = {0};
	const struct report_who who = {.namer = &desk.namer, .now = moment_now()};
	size_t findings;

	if (desk_open(&desk, cli, DESK_NAMES, why))
		return -1;
	// The truth is worth telling even when the file is in a bad state.
	if (desk_node(&desk, cli, &config))
		cli_note(cli, "warning: %s", config.text);
	places = desk_plan_places(&desk);
	if (!desk.node)
		places.node = &nothing;
	if (scan_all(&places, &plan, why))
		return -1;
	if (status_findings(&desk, cli, plan, &drift, why))
		return -1;
	if (desk.node && freshness_read(desk.node, desk.store_dirfd, desk.trust_dirfd, desk.now,
					&freshness, why))
		return -1;
	if (report_status(cli, plan, &drift, &freshness, &who, why))
		return -1;
	findings = findings_count(&drift, FINDING_BEYOND);
	for (size_t i = 0; i < plan->count; i++)
		findings += findings_count(&plan->chains[i].damage, FINDING_BEYOND);
	if (!cli_has(cli, "--check"))
		return 0;
	if (!desk.node) {
		*why = config;
		cli_document_done(cli);
		return -1;
	}
	if (!findings)
		return 0;
	cli_document_done(cli);
	fault_set(why, FAULT_DRIFT, "%zu finding%s", findings, findings == 1 ? "" : "s");
	if (findings == 1 && findings_has(&drift, "rolled_back"))
		return fault_fix(why, "'bpfseal apply --resume' goes on with node.json");
	return fault_fix(why, "'bpfseal plan' tells what is to be done, 'bpfseal apply' does it");
}
