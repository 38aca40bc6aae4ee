// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_import.h"

#include <limits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "bpf/l3af.h"

static int read_names(const struct cli *cli, struct l3af_order *order, struct fault *why)
{
	const char *publisher = cli_value(cli, "--publisher");
	const char *repository = cli_value(cli, "--repository");

	*order = (struct l3af_order){.file = cli_arg(cli, 0),
				     .publisher = publisher ? publisher : "net",
				     .repository = repository ? repository : "corp",
				     .url = cli_value(cli, "--url"),
				     .only_host = cli_value(cli, "--host")};
	if (!name_is_plain(order->publisher, 64))
		return fault_set(why, FAULT_USAGE, "--publisher is 1 to 64 of a-z 0-9 . _ -");
	if (!name_is_plain(order->repository, 64))
		return fault_set(why, FAULT_USAGE, "--repository is 1 to 64 of a-z 0-9 . _ -");
	return 0;
}

static void say_notes(const struct cli *cli, const struct l3af_result *result)
{
	for (size_t i = 0; i < json_count(result->notes); i++) {
		const struct json *one = json_item(result->notes, i);
		const char *path = json_text(json_member(one, "path"));

		cli_note(cli, "warning: %s: %s%s%s", json_text(json_member(one, "where")), path,
			 *path ? " " : "", json_text(json_member(one, "text")));
	}
	if (result->left_out)
		cli_note(cli, "warning: and %zu more like these", result->left_out);
}

static int put_document(struct cli *cli, struct l3af_result *result, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(json_drop) struct json *node = NULL;

	if (json_parse(result->node.data, result->node.len, "node.json", &node, why) ||
	    json_put(document, "node", HAND_OVER(node), why) ||
	    json_put(document, "warnings", HAND_OVER(result->notes), why) ||
	    json_put_int(document, "left_out", (int64_t)result->left_out, why))
		return -1;
	return cli_document(cli, "bpfseal.import/1", HAND_OVER(document), why);
}

int run_config_import_l3af(struct cli *cli, struct fault *why)
{
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	OWNED(bytes_drop) struct bytes payload = {0};
	const char *output = cli_value(cli, "--output");
	char host[HOST_NAME_MAX + 1] = "";
	struct l3af_order order;

	if (jail_syscalls(JAIL_OFFLINE, why) || read_names(cli, &order, why))
		return -1;
	if (gethostname(host, sizeof(host) - 1) == 0)
		order.host = host;
	if (file_read(order.file, L3AF_FILE_MAX, &payload, why)) {
		if (why->code == FAULT_NOT_FOUND)
			why->code = FAULT_USAGE;
		return -1;
	}
	if (l3af_import(payload.data, payload.len, &order, &result, why))
		return -1;
	say_notes(cli, &result);
	// Never over a node.json that is there: it may be the one that runs.
	if (output && file_create(output, result.node.data, result.node.len, 0644, why))
		return -1;
	if (!output && !cli_json(cli) &&
	    file_write_all(STDOUT_FILENO, result.node.data, result.node.len, why))
		return -1;
	if (output)
		cli_say(cli, "wrote %s; next: bpfseal config check %s", output, output);
	return put_document(cli, &result, why);
}
