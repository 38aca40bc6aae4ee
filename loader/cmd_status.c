// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_status.h"

#include "base/owned.h"
#include "loader/scan.h"
#include "loader/session.h"
#include "loader/statusreport.h"

// What the record and our own files say beside the kernel. The store is not looked at: nothing is verified anew.
static int status_findings(const struct session *session, const struct cli *cli,
			   const struct plan *plan, struct findings *out, struct fault *why)
{
	const struct admit_places places = {.root = cli_root(cli),
					    .store_dirfd = -1,
					    .trust_dirfd = session->trust_dirfd,
					    .objects_dirfd = session->objects_dirfd,
					    .now = session->now,
					    .node = session->node};
	OWNED(admit_drop) struct admit *admit = NULL;

	if (session->node && admit_new(&places, &admit, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		if (findings_denied(out, chain->iface, chain->hook, chain->record,
				    session->trust_dirfd, why))
			return -1;
		if (!session->node)
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
	OWNED(session_drop) struct session session = SESSION_CLOSED;
	OWNED(findings_drop) struct findings drift = {0};
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(freshness_drop) struct freshness_list freshness = {0};
	struct node nothing = {0};
	struct plan_places places;
	struct fault config = {0};
	const struct report_who who = {.namer = &session.namer, .now = moment_now()};
	size_t findings;

	if (session_open(&session, cli, SESSION_NAMES, why))
		return -1;
	// The truth is worth telling even when the file is in a bad state.
	if (session_node(&session, cli, &config))
		cli_note(cli, "warning: %s", config.text);
	places = session_plan_places(&session);
	if (!session.node)
		places.node = &nothing;
	if (scan_all(&places, &plan, why))
		return -1;
	if (status_findings(&session, cli, plan, &drift, why))
		return -1;
	if (session.node && freshness_read(session.node, session.store_dirfd, session.trust_dirfd,
					   session.now, &freshness, why))
		return -1;
	if (report_status(cli, plan, &drift, &freshness, &who, why))
		return -1;
	findings = findings_count(&drift, FINDING_BEYOND);
	for (size_t i = 0; i < plan->count; i++)
		findings += findings_count(&plan->chains[i].damage, FINDING_BEYOND);
	if (!cli_has(cli, "--check"))
		return 0;
	if (!session.node) {
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
