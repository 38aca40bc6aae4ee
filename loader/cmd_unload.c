// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_unload.h"

#include "base/owned.h"
#include "loader/desk.h"
#include "loader/unload.h"

int run_unload(struct cli *cli, struct fault *why)
{
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(plan_drop) struct plan *plan = NULL;
	const char *iface = cli_arg(cli, 0);
	struct node nothing = {0};
	struct unload_places unload;
	struct plan_places places;
	struct json *document;
	size_t removed;
	int failed;

	if (desk_open(&desk, cli, DESK_LOCKED, why))
		return -1;
	places = desk_plan_places(&desk);
	places.node = &nothing; // a broken node.json must not keep a chain in the kernel
	if (plan_look(&places, &plan, why))
		return -1;
	unload = (struct unload_places){
		.tree = desk.tree, .loader_dirfd = desk.loader_dirfd, .now = desk.now};
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
