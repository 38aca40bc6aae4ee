// SPDX-License-Identifier: Apache-2.0
// bpfseal-bundle: builds, inspects, checks and stages bundles. Runs as whoever calls it, without a network; objects and
// archives, which may be anybody's, are parsed in workers that have nothing.
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "bpf/deny.h"
#include "bpf/index.h"
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

// The policy borrows from `*node`.
static int read_policy(const struct cli *cli, struct node **node, struct policy *policy,
		       struct fault *why)
{
	const char *path = cli_value(cli, "--policy");
	OWNED(bytes_drop) struct bytes text = {0};

	*policy = policy_default();
	if (!path)
		return 0;
	if (read_input(path, NODE_FILE_MAX, &text, why) ||
	    node_parse(text.data, text.len, path, node, why))
		return -1;
	*policy = (*node)->policy;
	return 0;
}

static int run_check(struct cli *cli, struct fault *why)
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

	if (read_policy(cli, &node, &policy, why) ||
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

// ---- what changes a ceremony directory ----

static const struct cli_option stage_options[] = {
	{"--dir", "DIR", "the ceremony directory; default: the current one", false},
	{"--role", "ROLE", "the role that will sign it: targets, or a delegation", false},
	{"--channel", "CHANNEL", "the channel it goes to; default for a new version: released",
	 false},
	{"--expires", "TIME", "how long the role's next version is good for; default 90d", false},
	{NULL, NULL, NULL, false},
};
static const struct cli_option withdraw_options[] = {
	{"--dir", "DIR", "the ceremony directory; default: the current one", false},
	{"--role", "ROLE", "the role that will sign it: targets, or a delegation", false},
	{"--expires", "TIME", "how long the role's next version is good for; default 90d", false},
	{NULL, NULL, NULL, false},
};
static const struct cli_option deny_options[] = {
	{"--dir", "DIR", "the ceremony directory; default: the current one", false},
	{"--role", "ROLE", "the role that will sign it: a delegation of deny/*", false},
	{"--reason", "TEXT", "one line, which the alarm on every node repeats", false},
	{"--expires", "TIME", "how long the role's next version is good for; default 90d", false},
	{NULL, NULL, NULL, false},
};
static const struct cli_option lift_options[] = {
	{"--dir", "DIR", "the ceremony directory; default: the current one", false},
	{"--role", "ROLE", "the role that will sign it: a delegation of deny/*", false},
	{"--expires", "TIME", "how long the role's next version is good for; default 90d", false},
	{NULL, NULL, NULL, false},
};
static const struct cli_option show_options[] = {
	{"--dir", "DIR", "the ceremony directory; default: the current one", false},
	{NULL, NULL, NULL, false},
};

static const char *ceremony_dir(const struct cli *cli)
{
	return cli_value(cli, "--dir") ? cli_value(cli, "--dir") : ".";
}

static int read_place(const struct cli *cli, struct stage_place *place, struct fault *why)
{
	int64_t expires_s;

	place->dir = ceremony_dir(cli);
	if (cli_need(cli, "--role", &place->role, why) ||
	    cli_duration(cli, "--expires", TARGETS_EXPIRES_S, &expires_s, why))
		return -1;
	if (expires_s > TARGETS_EXPIRES_S)
		return fault_set(why, FAULT_USAGE, "--expires is at most 90d");
	place->expires = cli_now(cli) + expires_s;
	return 0;
}

// No such draft, version or digest: the call is wrong.
static int refuse_stage(struct fault *why)
{
	if (why->code == FAULT_NOT_FOUND)
		why->code = FAULT_USAGE;
	return -1;
}

static void say_next(const struct cli *cli, const struct stage_place *place)
{
	cli_say(cli, "next: bpfseal sign %s/metadata/%s.json --key KEY", place->dir, place->role);
}

static void say_next_of(const struct cli *cli, const struct stage_place *place,
			const struct stage *stage)
{
	struct stage_place at = *place;

	at.role = stage->role;
	if (strcmp(stage->role, stage->index_role) == 0) {
		say_next(cli, &at);
		return;
	}
	// Hash bins: the two paths belong to two of them.
	cli_say(cli, "next: bpfseal sign %s/metadata/%s.json %s/metadata/%s.json --key KEY",
		place->dir, stage->role, place->dir, stage->index_role);
}

static int read_channel(const struct cli *cli, const char **channel, struct fault *why)
{
	*channel = cli_value(cli, "--channel");
	return *channel ? index_channel_check(*channel, FAULT_USAGE, why) : 0;
}

static int stage_document(struct cli *cli, const char *schema, const struct stage *stage,
			  const char *role, struct fault *why)
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
	return cli_document(cli, schema, HAND_OVER(document), why);
}

// ---- add ----

static int run_add(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(stage_drop) struct stage stage = {0};
	struct policy widest = policy_widest();
	struct stage_place place;
	struct sha256 sha256;
	const char *channel;

	if (read_place(cli, &place, why) || read_channel(cli, &channel, why))
		return -1;
	// What no node would take is not worth a signature.
	if (survey_input(cli_arg(cli, 0), &data, &sha256, &survey, why) ||
	    survey_check(survey, &widest, why))
		return -1;
	if (stage_add(&place, channel, &data, survey, &stage, why))
		return refuse_stage(why);
	cli_say(cli,
		stage.changed ? "added %s and %s to the draft of %s"
			      : "%s and %s are in the draft of %s already",
		stage.path, stage.index_path, place.role);
	say_next_of(cli, &place, &stage);
	return stage_document(cli, "bpfseal.add/1", &stage, place.role, why);
}

// ---- promote, withdraw ----

static int run_promote(struct cli *cli, struct fault *why)
{
	OWNED(stage_drop) struct stage stage = {0};
	struct stage_place place;
	const char *channel;

	if (cli_need(cli, "--channel", &channel, why) || read_place(cli, &place, why) ||
	    read_channel(cli, &channel, why))
		return -1;
	if (stage_promote(&place, cli_arg(cli, 0), cli_arg(cli, 1), channel, &stage, why))
		return refuse_stage(why);
	cli_say(cli,
		stage.changed ? "%s %s goes to %s in the draft of %s"
			      : "%s %s is in %s already in the draft of %s",
		cli_arg(cli, 0), cli_arg(cli, 1), channel, place.role);
	say_next_of(cli, &place, &stage);
	return stage_document(cli, "bpfseal.promote/1", &stage, place.role, why);
}

static int run_withdraw(struct cli *cli, struct fault *why)
{
	OWNED(stage_drop) struct stage stage = {0};
	struct stage_place place;

	if (read_place(cli, &place, why))
		return -1;
	if (stage_withdraw(&place, cli_arg(cli, 0), cli_arg(cli, 1), &stage, why))
		return refuse_stage(why);
	cli_say(cli, "took %s out of %s and of the draft of %s", stage.path, stage.index_path,
		place.role);
	cli_say(cli, "a node that runs it keeps it until its own file asks for another; "
		     "'bpfseal deny add' takes it out of the kernel");
	say_next_of(cli, &place, &stage);
	return stage_document(cli, "bpfseal.withdraw/1", &stage, place.role, why);
}

// ---- deny ----

struct deny_edit {
	struct sha256 sha256;
	const char *reason; // NULL: off the list
	int64_t now;
};

static int edit_deny(void *ctx, struct deny *deny, struct fault *why)
{
	const struct deny_edit *edit = ctx;

	if (!edit->reason)
		return deny_remove(deny, &edit->sha256, why);
	if (!deny_add(deny, &edit->sha256, edit->reason, edit->now, why))
		return 0;
	if (why->code == FAULT_FORMAT)
		why->code = FAULT_USAGE;
	return -1;
}

// A digest, or a file (a bundle, an object) whose digest is meant.
static int read_digest(const char *word, struct sha256 *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};

	if (!sha256_read(word, out))
		return 0;
	return read_input(word, BUNDLE_MAX, &data, why) || sha256_of(data.data, data.len, out, why)
		       ? -1
		       : 0;
}

static int change_deny(struct cli *cli, struct deny_edit *edit, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct stage_place place;
	char hex[SHA256_HEX];
	bool changed = false;

	if (read_place(cli, &place, why) || read_digest(cli_arg(cli, 0), &edit->sha256, why))
		return -1;
	if (stage_deny(&place, edit_deny, edit, &changed, why)) {
		bool no_draft = why->code == FAULT_NOT_FOUND && edit->reason;

		refuse_stage(why);
		return no_draft ? fault_fix(why,
					    "bpfseal root delegate %s --dir %s --paths 'deny/*' "
					    "--key PUB",
					    place.role, place.dir)
				: -1;
	}
	sha256_hex(&edit->sha256, hex);
	cli_say(cli,
		edit->reason ? "%s: denied in the draft of %s"
			     : "%s: no longer denied in the draft of %s",
		hex, place.role);
	say_next(cli, &place);
	if (json_put_text(document, "target", DENY_PATH, why) ||
	    json_put_text(document, "sha256", hex, why) ||
	    json_put_text(document, "role", place.role, why) ||
	    json_put_bool(document, "changed", changed, why))
		return -1;
	return cli_document(cli, "bpfseal.deny-change/1", HAND_OVER(document), why);
}

static int run_deny_add(struct cli *cli, struct fault *why)
{
	struct deny_edit edit = {.now = cli_now(cli)};

	return cli_need(cli, "--reason", &edit.reason, why) ? -1 : change_deny(cli, &edit, why);
}

static int run_deny_remove(struct cli *cli, struct fault *why)
{
	struct deny_edit edit = {.now = cli_now(cli)};

	return change_deny(cli, &edit, why);
}

static int run_deny_show(struct cli *cli, struct fault *why)
{
	static const char *const columns[] = {"SHA256", "SINCE", "REASON", NULL};
	OWNED(deny_drop) struct deny *deny = NULL;
	OWNED(table_drop) struct table *table = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *document = NULL;

	if (stage_deny_read(ceremony_dir(cli), &deny, why) || table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < deny->count; i++) {
		const struct deny_entry *entry = &deny->entries[i];
		char hex[SHA256_HEX], time[CLOCK_TEXT_LEN];

		sha256_hex(&entry->sha256, hex);
		clock_write(entry->since, time);
		if (table_row(table, (const char *[]){hex, time, entry->reason}, why))
			return -1;
	}
	if (deny->count)
		table_print(table, cli);
	else
		cli_say(cli, "nothing is denied");
	if (deny_write(deny, &text, why) ||
	    json_parse(text.data, text.len, DENY_PATH, &document, why))
		return -1;
	return cli_document(cli, "bpfseal.deny/1", HAND_OVER(document), why);
}

static const struct cli_command commands[] = {
	{"bundle build", "", "pack compiled objects and a manifest into a bundle", build_options, 0,
	 0, run_build},
	{"bundle inspect", "FILE", "show what is in a bundle", NULL, 1, 1, run_inspect},
	{"bundle check", "FILE", "say rule by rule what a node would say", check_options, 1, 1,
	 run_check},
	{"bundle add", "FILE", "put a bundle into a ceremony directory, to be signed",
	 stage_options, 1, 1, run_add},
	{"promote", "NAME VERSION", "move a version to another channel, to be signed",
	 stage_options, 2, 2, run_promote},
	{"withdraw", "NAME VERSION", "take a version back, to be signed", withdraw_options, 2, 2,
	 run_withdraw},
	{"deny add", "SHA256|FILE", "put a digest on the deny list, to be signed", deny_options, 1,
	 1, run_deny_add},
	{"deny remove", "SHA256|FILE", "take a digest off the deny list, to be signed",
	 lift_options, 1, 1, run_deny_remove},
	{"deny show", "", "print the deny list of a ceremony directory", show_options, 0, 0,
	 run_deny_show},
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
