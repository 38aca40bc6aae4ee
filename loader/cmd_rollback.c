// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_rollback.h"

#include "base/owned.h"
#include "loader/cmd_apply.h"
#include "loader/report.h"
#include "loader/restore.h"
#include "loader/rollback.h"
#include "loader/scan.h"
#include "loader/session.h"

// An outage is when people roll back: what the store lacks is told, and is no reason to leave a bad program where it is.
static void say_stale(const struct cli *cli, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct fault *lacks = &plan->chains[i].refused;

		if (lacks->code == FAULT_NONE || !admit_is_store_fault(lacks->code))
			continue;
		cli_note(cli,
			 "alarm: %s on %s goes back by the metadata that was verified last: %s%s%s",
			 hook_name(plan->chains[i].hook), plan->chains[i].iface, lacks->text,
			 lacks->cause[0] ? ": " : "", lacks->cause);
	}
}

int run_rollback(struct cli *cli, struct fault *why)
{
	OWNED(session_drop) struct session session = SESSION_CLOSED;
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct restore_copies copies;
	struct plan_places places;

	// Its policy holds here too; without it, 'unload' is what is left.
	if (session_open(&session, cli, SESSION_LOCKED | SESSION_RECORDS, why) ||
	    session_node(&session, cli, why))
		return -1;
	places = session_plan_places(&session);
	if (session_admit(&session, cli, &admit, why) || scan_all(&places, &plan, why))
		return -1;
	copies = (struct restore_copies){.objects_dirfd = session.objects_dirfd,
					 .trust_dirfd = session.trust_dirfd,
					 .admit = admit};
	if (rollback_plan(plan, &places, &copies, cli_arg(cli, 0), session.now, why))
		return -1;
	say_stale(cli, plan);
	report_denied(cli, plan);
	if (cli_has(cli, "--dry-run"))
		return report_plan(cli, plan, why);
	report_held(cli, plan);
	return apply_and_report(cli, &session, plan, false, "rollback", why);
}
