// SPDX-License-Identifier: Apache-2.0
// bpfseal-bundle: builds, inspects, checks and stages bundles. Runs as whoever calls it, without a network; objects and
// archives, which may be anybody's, are parsed in workers that have nothing.
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "bpf/node.h"
#include "bpf/pack.h"
#include "bpf/show.h"
#include "bpf/stage.h"
#include "bpf/survey.h"

#define DAY_S		  INT64_C(86400)
#define TARGETS_EXPIRES_S (90 * DAY_S) // DESIGN section 3: targets expire within 90 days at most

// A file that the person named: when it is not there, the call is wrong, not the repository.
static int read_input(const char *path, size_t max, struct bytes *out, struct fault *why)
{
	if (!file_read(path, max, out, why))
		return 0;
	if (why->code == FAULT_NOT_FOUND)
		why->code = FAULT_USAGE;
	return -1;
}

static int survey_input(const char *path, struct bytes *data, struct sha256 *sha256,
			struct survey **out, struct fault *why)
{
	if (read_input(path, BUNDLE_MAX, data, why) ||
	    sha256_of(data->data, data->len, sha256, why))
		return -1;
	if (survey_new(data->data, data->len, out, why))
		return fault_within(why, "%s is refused", path);
	return 0;
}

// ---- build ----

static const struct cli_option build_options[] = {
	{"--manifest", "FILE", "the source manifest (JSON): names, programs, purposes of maps",
	 false},
	{"--output", "FILE", "where the bundle goes", false},
	{"--object-dir", "DIR", "where the compiled objects are; default: beside the manifest",
	 false},
	{NULL, NULL, NULL, false},
};

static int run_build(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const char *manifest, *output;
	struct sha256 sha256;

	if (cli_need(cli, "--manifest", &manifest, why) ||
	    cli_need(cli, "--output", &output, why) ||
	    pack_build(manifest, cli_value(cli, "--object-dir"), &data, &survey, why) ||
	    sha256_of(data.data, data.len, &sha256, why) ||
	    file_replace(output, data.data, data.len, 0644, why) ||
	    show_survey(cli, survey, data.len, &sha256, why) ||
	    show_document(survey, data.len, &sha256, &document, why) ||
	    json_put_text(document, "file", output, why))
		return -1;
	cli_say(cli, "wrote %s", output);
	cli_say(cli, "next: bpfseal bundle add %s --dir DIR --role ROLE", output);
	return cli_document(cli, "bpfseal.build/1", HAND_OVER(document), why);
}

// ---- inspect ----

static int run_inspect(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = NULL;
	struct sha256 sha256;

	if (survey_input(cli_arg(cli, 0), &data, &sha256, &survey, why) ||
	    show_survey(cli, survey, data.len, &sha256, why) ||
	    show_document(survey, data.len, &sha256, &document, why))
		return -1;
	return cli_document(cli, "bpfseal.inspection/1", HAND_OVER(document), why);
}

// ---- check ----

static const struct cli_option check_options[] = {
	{"--policy", "FILE", "the node.json whose policy to ask; default: that of an empty one",
	 false},
	{NULL, NULL, NULL, false},
};

static int read_policy(const struct cli *cli, struct policy *policy, struct fault *why)
{
	const char *path = cli_value(cli, "--policy");
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(node_drop) struct node *node = NULL;

	*policy = policy_default();
	if (!path)
		return 0;
	if (read_input(path, NODE_FILE_MAX, &text, why) ||
	    node_parse(text.data, text.len, path, &node, why))
		return -1;
	*policy = node->policy;
	return 0;
}

static int run_check(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *verdicts = NULL;
	struct fault refused = {0};
	struct policy policy;
	struct sha256 sha256;
	char hex[SHA256_HEX];

	if (read_policy(cli, &policy, why) ||
	    survey_input(cli_arg(cli, 0), &data, &sha256, &survey, why))
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

// ---- add ----

static const struct cli_option add_options[] = {
	{"--dir", "DIR", "the ceremony directory; default: the current one", false},
	{"--role", "ROLE", "the role that will sign it: targets, or a delegation", false},
	{"--expires", "TIME", "how long the role's next version is good for; default 90d", false},
	{NULL, NULL, NULL, false},
};

static int add_document(struct cli *cli, const struct stage *stage, const char *role,
			struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *roles = json_make_array();
	char hex[SHA256_HEX];

	sha256_hex(&stage->sha256, hex);
	if (json_put(document, "roles", roles, why) ||
	    json_add(roles, json_make_text(stage->role), why) ||
	    (strcmp(stage->role, stage->index_role) != 0 &&
	     json_add(roles, json_make_text(stage->index_role), why)))
		return -1;
	if (json_put_text(document, "target", stage->path, why) ||
	    json_put_text(document, "index", stage->index_path, why) ||
	    json_put_text(document, "sha256", hex, why) ||
	    json_put_text(document, "role", role, why) ||
	    json_put_bool(document, "changed", stage->changed, why))
		return -1;
	return cli_document(cli, "bpfseal.add/1", HAND_OVER(document), why);
}

static void say_added(const struct cli *cli, const char *dir, const struct stage *stage)
{
	const char *how = stage->changed ? "added" : "already there:";

	if (strcmp(stage->role, stage->index_role) == 0) {
		cli_say(cli, "%s %s and %s, in the draft of %s", how, stage->path,
			stage->index_path, stage->role);
		cli_say(cli, "next: bpfseal sign %s/metadata/%s.json --key KEY", dir, stage->role);
		return;
	}
	cli_say(cli, "%s %s, in the draft of %s", how, stage->path, stage->role);
	cli_say(cli, "%s %s, in the draft of %s", how, stage->index_path, stage->index_role);
	cli_say(cli, "next: bpfseal sign %s/metadata/%s.json %s/metadata/%s.json --key KEY", dir,
		stage->role, dir, stage->index_role);
}

static int run_add(struct cli *cli, struct fault *why)
{
	const char *dir = cli_value(cli, "--dir") ? cli_value(cli, "--dir") : ".";
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(stage_drop) struct stage stage = {0};
	struct policy widest = policy_widest();
	struct sha256 sha256;
	const char *role;
	int64_t expires_s;

	if (cli_need(cli, "--role", &role, why) ||
	    cli_duration(cli, "--expires", TARGETS_EXPIRES_S, &expires_s, why))
		return -1;
	if (expires_s > TARGETS_EXPIRES_S)
		return fault_set(why, FAULT_USAGE, "--expires is at most 90d");
	// What no node would take is not worth a signature.
	if (survey_input(cli_arg(cli, 0), &data, &sha256, &survey, why) ||
	    survey_check(survey, &widest, why))
		return -1;
	if (stage_add(dir, role, cli_now(cli) + expires_s, &data, survey, &stage, why)) {
		if (why->code == FAULT_NOT_FOUND)
			why->code = FAULT_USAGE;
		return -1;
	}
	say_added(cli, dir, &stage);
	return add_document(cli, &stage, role, why);
}

static const struct cli_command commands[] = {
	{"bundle build", "", "pack compiled objects and a manifest into a bundle", build_options, 0,
	 0, run_build},
	{"bundle inspect", "FILE", "show what is in a bundle", NULL, 1, 1, run_inspect},
	{"bundle check", "FILE", "say rule by rule what a node would say", check_options, 1, 1,
	 run_check},
	{"bundle add", "FILE", "put a bundle into a ceremony directory, to be signed", add_options,
	 1, 1, run_add},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		"bpfseal-bundle", "build, inspect, check and stage bundles of BPF programs",
		commands};
	struct fault why = {0};

	// No new socket, no bpf(2), no exec from here on; what is hostile goes to workers, which have less still.
	if (jail_start(argc, &why) || jail_syscalls(JAIL_OFFLINE, &why)) {
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	return cli_main(&program, argc, argv);
}
