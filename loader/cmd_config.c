// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "base/table.h"
#include "bpf/node.h"
#include "bpf/policyfile.h"
#include "loader/judge.h"
#include "loader/record.h"

// What no file can allow, for those who read the rules. All other helpers outside the groups as well.
static const char never[] = "bpf_probe_write_user, bpf_override_return, bpf_send_signal, "
			    "bpf_send_signal_thread, bpf_sys_bpf, and every helper that is in no "
			    "group of bpfseal-node.json(5)";

// ---- the rules ----

static bool is_set(const struct node *node, size_t rule)
{
	return json_member(json_member(node->document, "policy"), policyfile_rule_name(rule));
}

static int say_rules(const struct cli *cli, const struct node *node, struct fault *why)
{
	static const char *const columns[] = {"RULE", "FROM", "VALUE", NULL};
	OWNED(table_drop) struct table *table = NULL;

	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < policyfile_rule_count(); i++) {
		OWNED(bytes_drop) struct bytes text = {0};

		if (policyfile_rule_text(i, &node->policy, &text, why) ||
		    table_row(table,
			      (const char *[]){policyfile_rule_name(i),
					       is_set(node, i) ? "node.json" : "default",
					       bytes_text(&text)},
			      why))
			return -1;
	}
	if (table_row(table, (const char *[]){"never", "always", never}, why))
		return -1;
	table_print(table, cli);
	return 0;
}

static int put_rules(const struct node *node, struct json *document, struct fault *why)
{
	struct json *list = json_make_array();

	if (json_put(document, "rules", list, why))
		return -1;
	for (size_t i = 0; i < policyfile_rule_count(); i++) {
		struct json *entry = json_make_object(), *value = NULL;

		if (json_add(list, entry, why) ||
		    json_put_text(entry, "rule", policyfile_rule_name(i), why) ||
		    json_put_text(entry, "help", policyfile_rule_help(i), why) ||
		    json_put_bool(entry, "set", is_set(node, i), why) ||
		    policyfile_rule_value(i, &node->policy, &value, why) ||
		    json_put(entry, "value", value, why))
			return -1;
	}
	return 0;
}

// ---- the uses ----

// Of a copy that is here the publisher is asked twice, by the name in the file and by the manifest.
static bool is_said_before(const struct json *rules, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (!strcmp(json_member_text(json_item(rules, i), "reason"),
			    json_member_text(json_item(rules, index), "reason")))
			return true;
	return false;
}

// The rules that refuse a use, or what was looked at.
static int reason_of(const struct json *use, struct bytes *out, struct fault *why)
{
	const struct json *rules = json_member(use, "rules");

	for (size_t i = 0; i < json_count(rules); i++) {
		const struct json *rule = json_item(rules, i);

		if (!json_bool(json_member(rule, "allowed")) && !is_said_before(rules, i) &&
		    bytes_format(out, why, "%s%s", out->len ? "; " : "",
				 json_member_text(rule, "reason")))
			return -1;
	}
	if (out->len)
		return 0;
	return *json_member_text(use, "known")
		       ? bytes_format(out, why, "by our copy of %s", json_member_text(use, "known"))
		       : bytes_format(out, why, "no copy of it here: 'bpfseal plan' tells");
}

static int say_uses(const struct cli *cli, const struct json *uses, struct fault *why)
{
	static const char *const columns[] = {"INTERFACE", "HOOK",    ">PLACE", "USE",
					      "VERSION",   "VERDICT", "WHY",	NULL};
	OWNED(table_drop) struct table *table = NULL;

	if (!json_count(uses))
		return 0;
	cli_say(cli, "%s", "");
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < json_count(uses); i++) {
		const struct json *use = json_item(uses, i);
		OWNED(bytes_drop) struct bytes reason = {0};
		char place[24];

		snprintf(place, sizeof(place), "%d", (int)json_int(json_member(use, "place")));
		if (reason_of(use, &reason, why) ||
		    table_row(table,
			      (const char *[]){json_member_text(use, "interface"),
					       json_member_text(use, "hook"), place,
					       json_member_text(use, "use"),
					       json_member_text(use, "version"),
					       json_member_text(use, "verdict"),
					       bytes_text(&reason)},
			      why))
			return -1;
	}
	table_print(table, cli);
	return 0;
}

// Our own record and copies, where this user may read them; without them the file is still worth checking.
static int judge(struct cli *cli, const struct node *node, struct json **uses,
		 struct fault *refused, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	OWNED(drop_fd) int dirfd = -1;
	OWNED(drop_fd) int objects = -1;
	OWNED(json_drop) struct json *record = NULL;
	struct judge_places places = {.node = node, .objects_dirfd = -1};
	struct fault ignored = {0};

	if (cli_path(cli, DIR_LOADER, &path, why))
		return -1;
	if (!dir_open(path, &dirfd, &ignored) &&
	    !record_read(dirfd, RECORD_ACTIVE, &record, &ignored) &&
	    !dir_open_at(dirfd, "objects", &objects, &ignored)) {
		places.record = record;
		places.objects_dirfd = objects;
	}
	return judge_uses(&places, uses, refused, why);
}

int run_config_check(struct cli *cli, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *uses = NULL;
	struct fault refused = {0};

	if (jail_syscalls(JAIL_OFFLINE, why) ||
	    node_load(cli_root(cli), cli_arg(cli, 0), &node, why))
		return -1;
	cli_say(cli, "node.json is fine: %zu repositories, %zu interfaces", node->repository_count,
		node->interface_count);
	if (judge(cli, node, &uses, &refused, why) || json_put(document, "uses", uses, why) ||
	    say_rules(cli, node, why) || say_uses(cli, uses, why) ||
	    json_put_int(document, "repositories", (int64_t)node->repository_count, why) ||
	    json_put_int(document, "interfaces", (int64_t)node->interface_count, why) ||
	    put_rules(node, document, why) || json_put_text(document, "never", never, why) ||
	    json_put_bool(document, "ok", refused.code == FAULT_NONE, why) ||
	    cli_document(cli, "bpfseal.config/1", HAND_OVER(document), why))
		return -1;
	if (refused.code == FAULT_NONE)
		return 0;
	cli_document_done(cli);
	*why = refused;
	return -1;
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
