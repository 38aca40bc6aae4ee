// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_config.h"

#include <unistd.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "bpf/node.h"
#include "loader/attach.h"

int run_config_check(struct cli *cli, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	struct json *document;

	if (jail_syscalls(JAIL_OFFLINE, why) ||
	    node_load(cli_root(cli), cli_arg(cli, 0), &node, why))
		return -1;
	for (size_t i = 0; i < node->interface_count; i++)
		if (attach_check_mode(&node->interfaces[i], HOOK_XDP, why))
			return -1;
	cli_say(cli, "node.json is fine: %zu repositories, %zu interfaces", node->repository_count,
		node->interface_count);
	document = json_make_object();
	if (document &&
	    (json_put_int(document, "repositories", (int64_t)node->repository_count, why) ||
	     json_put_int(document, "interfaces", (int64_t)node->interface_count, why))) {
		json_free(document);
		return -1;
	}
	return cli_document(cli, "bpfseal.config/1", document, why);
}

int run_config_schema(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *schema = NULL;
	OWNED(bytes_drop) struct bytes text = {0};

	(void)cli;
	if (jail_syscalls(JAIL_OFFLINE, why) || node_schema(&schema, why) ||
	    json_write(schema, true, &text, why))
		return -1;
	return file_write_all(STDOUT_FILENO, text.data, text.len, why);
}
