// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_unload.h"

#include "base/owned.h"
#include "loader/scan.h"
#include "loader/session.h"
#include "loader/unload.h"

int run_unload(struct cli *cli, struct fault *why)
{
	OWNED(session_drop) struct session session = SESSION_CLOSED;
	OWNED(plan_drop) struct plan *plan = NULL;
	const char *iface = cli_arg(cli, 0);
	struct node nothing = {0};
	struct unload_places unload;
	struct plan_places places;
	struct json *document;
	size_t removed;
	int failed;

	if (session_open(&session, cli, SESSION_LOCKED | SESSION_RECORDS, why))
		return -1;
	places = session_plan_places(&session);
	places.node = &nothing; // a broken node.json must not keep a chain in the kernel
	if (scan_all(&places, &plan, why))
		return -1;
	unload = (struct unload_places){
		.tree = session.tree, .loader_dirfd = session.loader_dirfd, .now = session.now};
	failed = unload_chains(&unload, plan, iface, &removed, why);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->chains[i].action == PLAN_REMOVE)
			cli_say(cli, "%s on %s: removed", hook_name(plan->chains[i].hook),
				plan->chains[i].iface);
	if (failed)
		return -1;
	if (!removed)
		cli_say(cli, "nothing to unload");
	else
		cli_note(cli, "note: where node.json asks for it, a running watch or the next "
			      "'bpfseal apply' puts it back: take it out there");
	document = json_make_object();
	if (document && json_put_int(document, "removed", (int64_t)removed, why)) {
		json_free(document);
		return -1;
	}
	return cli_document(cli, "bpfseal.unload/1", document, why);
}
