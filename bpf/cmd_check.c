// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_check.h"

#include <string.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "bpf/intake.h"
#include "bpf/node.h"
#include "bpf/show.h"
#include "bpf/traffic.h"
#include "bpf/tryout.h"

// What a check is told besides the bundle.
struct terms {
	const char *policy_name; // NULL: the default policy
	struct bytes policy_text;
	struct node *node; // the policy borrows from it
	struct policy policy;
	struct traffic traffic;
};

static void terms_drop(struct terms *terms)
{
	bytes_drop(&terms->policy_text);
	node_free(terms->node);
	traffic_drop(&terms->traffic);
}

static int read_policy(const struct cli *cli, struct terms *terms, struct fault *why)
{
	terms->policy = policy_default();
	terms->policy_name = cli_value(cli, "--policy");
	if (!terms->policy_name)
		return 0;
	if (intake_file(terms->policy_name, NODE_FILE_MAX, &terms->policy_text, why) ||
	    node_parse(terms->policy_text.data, terms->policy_text.len, terms->policy_name,
		       &terms->node, why))
		return -1;
	terms->policy = terms->node->policy;
	return 0;
}

// Packets of the author's own take the place of ours.
static int read_packets(const struct cli *cli, struct terms *terms, struct fault *why)
{
	size_t count = cli_value_count(cli, "--packet");

	if (!count)
		return traffic_add_ours(&terms->traffic, why);
	for (size_t i = 0; i < count; i++) {
		const char *path = cli_value_at(cli, "--packet", i);
		OWNED(bytes_drop) struct bytes data = {0};

		if (!strncmp(path, "hex:", 4)) {
			if (traffic_add_file(&terms->traffic, "hex", path + 4, strlen(path + 4),
					     why))
				return -1;
			continue;
		}
		if (intake_file(path, TRAFFIC_FILE_MAX, &data, why) ||
		    traffic_add_file(&terms->traffic, path, data.data, data.len, why))
			return -1;
	}
	if (terms->traffic.left_out)
		cli_note(cli, "warning: the first %d packets are used, %zu are left out",
			 TRAFFIC_MAX, terms->traffic.left_out);
	return 0;
}

// What the verifier said, where the person asked for it.
static int keep_log(const struct cli *cli, const struct json *trial, struct fault *why)
{
	const char *path = cli_value(cli, "--log"), *log = json_text(json_member(trial, "log"));
	struct fault own = {0};

	if (!log)
		return -1;
	if (!path)
		return why->fix[0] ? -1
				   : fault_fix(why, "--log FILE keeps all that the verifier said");
	if (file_replace(path, log, strlen(log), 0644, &own))
		return fault_fix(why, "the whole log cannot be written: %s", own.text);
	return fault_fix(why, "the whole log is %s", path);
}

// The static rules first; only what they let through is loaded. All of it goes into the document.
static int judge(struct cli *cli, const struct terms *terms, struct tryout *tryout,
		 const struct survey *survey, struct json *document, struct fault *refused,
		 struct fault *why)
{
	struct json *verdicts = NULL, *trial = NULL;
	int failed;

	if (show_verdicts(cli, survey, &terms->policy, &verdicts, refused) && !verdicts) {
		*why = *refused;
		return -1;
	}
	if (json_put(document, "rules", verdicts, why))
		return -1;
	if (refused->code != FAULT_NONE) {
		if (tryout_skip(cli, "the policy refuses it", &trial, why))
			return -1;
		return json_put(document, "trial", trial, why);
	}
	failed = tryout_run(cli, tryout, survey->bundle, terms->policy_name, &terms->policy_text,
			    &terms->traffic, &trial, refused);
	if (failed && !trial) {
		*why = *refused;
		return -1;
	}
	if (failed)
		failed = keep_log(cli, trial, refused);
	return json_put(document, "trial", trial, why);
}

int cmd_check(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(tryout_drop) struct tryout tryout = TRYOUT_NONE;
	OWNED(terms_drop) struct terms terms = {0};
	struct fault refused = {0};
	struct sha256 sha256;
	char hex[SHA256_HEX];

	if (tryout_start(cli, &tryout, why) || jail_syscalls(JAIL_OFFLINE, why) ||
	    read_policy(cli, &terms, why) || read_packets(cli, &terms, why) ||
	    intake_bundle(cli_arg(cli, 0), &data, &sha256, &survey, why) ||
	    judge(cli, &terms, &tryout, survey, document, &refused, why))
		return -1;
	sha256_hex(&sha256, hex);
	if (json_put_text(document, "sha256", hex, why) ||
	    json_put_int(document, "verifier_seconds_max", terms.policy.verifier_seconds_max,
			 why) ||
	    json_put_bool(document, "ok", refused.code == FAULT_NONE, why) ||
	    cli_document(cli, "bpfseal.check/1", HAND_OVER(document), why))
		return -1;
	if (refused.code == FAULT_NONE)
		return 0;
	cli_document_done(cli);
	*why = refused;
	return -1;
}
