// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_check.h"

#include "base/jail.h"
#include "base/owned.h"
#include "bpf/intake.h"
#include "bpf/node.h"
#include "bpf/show.h"

// The policy borrows from `*node`.
static int read_policy(const struct cli *cli, struct node **node, struct policy *policy,
		       struct fault *why)
{
	const char *path = cli_value(cli, "--policy");
	OWNED(bytes_drop) struct bytes text = {0};

	*policy = policy_default();
	if (!path)
		return 0;
	if (intake_file(path, NODE_FILE_MAX, &text, why) ||
	    node_parse(text.data, text.len, path, node, why))
		return -1;
	*policy = (*node)->policy;
	return 0;
}

int cmd_check(struct cli *cli, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *verdicts = NULL;
	struct fault refused = {0};
	struct policy policy;
	struct sha256 sha256;
	char hex[SHA256_HEX];

	if (jail_syscalls(JAIL_OFFLINE, why) || read_policy(cli, &node, &policy, why) ||
	    intake_bundle(cli_arg(cli, 0), &data, &sha256, &survey, why))
		return -1;
	if (show_verdicts(cli, survey, &policy, &verdicts, &refused) && !verdicts) {
		*why = refused;
		return -1;
	}
	sha256_hex(&sha256, hex);
	if (json_put(document, "rules", verdicts, why) ||
	    json_put_text(document, "sha256", hex, why) ||
	    json_put_bool(document, "ok", refused.code == FAULT_NONE, why) ||
	    cli_document(cli, "bpfseal.check/1", HAND_OVER(document), why))
		return -1;
	if (refused.code == FAULT_NONE)
		return 0;
	cli_document_done(cli);
	*why = refused;
	return -1;
}
