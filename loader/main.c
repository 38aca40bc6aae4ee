// SPDX-License-Identifier: Apache-2.0
// bpfseal-loader: the only program of ours with capabilities. No network, no archive, no TLS.
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "bpf/node.h"
#include "keys/pin.h"
#include "loader/admit.h"
#include "loader/apply.h"
#include "loader/bpffs.h"
#include "loader/chain.h"
#include "loader/peek.h"
#include "loader/plan.h"
#include "loader/record.h"
#include "loader/report.h"
#include "loader/sweep.h"
#include "loader/unload.h"

#define LOADER_CAPS  (JAIL_CAP(CAP_BPF) | JAIL_CAP(CAP_NET_ADMIN) | JAIL_CAP(CAP_PERFMON))
#define LOCK_WAIT_MS 10000

// Everything that is opened before the jail shuts.
struct desk {
	int64_t now;
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd, logs_dirfd, lock_fd;
	char *config_path, *store_path, *loader_path, *bpffs_path, *logs_path, *tree;
	struct node *node;
};
#define DESK_CLOSED                                                                            \
	{                                                                                      \
		.store_dirfd = -1, .loader_dirfd = -1, .trust_dirfd = -1, .objects_dirfd = -1, \
		.logs_dirfd = -1, .lock_fd = -1                                                \
	}

static void desk_drop(struct desk *desk)
{
	int *fds[] = {&desk->store_dirfd,   &desk->loader_dirfd, &desk->trust_dirfd,
		      &desk->objects_dirfd, &desk->logs_dirfd,	 &desk->lock_fd};
	char *texts[] = {desk->config_path, desk->store_path, desk->loader_path,
			 desk->bpffs_path,  desk->logs_path,  desk->tree};

	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		drop_fd(fds[i]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	node_free(desk->node);
}

static int desk_paths(struct desk *desk, const struct cli *cli, struct fault *why)
{
	if (cli_path(cli, DIR_CONFIG, &desk->config_path, why) ||
	    cli_path(cli, DIR_STORE, &desk->store_path, why) ||
	    cli_path(cli, DIR_LOADER, &desk->loader_path, why) ||
	    cli_path(cli, DIR_LOADER "/logs", &desk->logs_path, why))
		return -1;
	return cli_path(cli, DIR_BPFFS, &desk->bpffs_path, why);
}

// What only root can do: our directories, given to our user. Then root ends.
static int desk_become(const struct desk *desk, const struct cli *cli, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	unsigned uid, gid;

	if (geteuid() == 0) {
		if (jail_user(USER_LOADER, &uid, &gid, why) ||
		    bpffs_prepare(cli_root(cli), uid, gid, why) ||
		    dir_make(desk->loader_path, 0700, &fd, why))
			return -1;
		if (fchown(fd, uid, gid))
			return fault_errno(why, FAULT_OTHER, "cannot give %s to its user",
					   desk->loader_path);
	}
	return jail_become(USER_LOADER, LOADER_CAPS, why);
}

static int desk_directories(struct desk *desk, const struct cli *cli, struct fault *why)
{
	if (dir_open(desk->loader_path, &desk->loader_dirfd, why) ||
	    dir_make_at(desk->loader_dirfd, "trust", 0700, &desk->trust_dirfd, why) ||
	    dir_make_at(desk->loader_dirfd, "objects", 0700, &desk->objects_dirfd, why) ||
	    dir_make_at(desk->loader_dirfd, "logs", 0700, &desk->logs_dirfd, why))
		return -1;
	// No store yet, or none that its owner lets us read: nothing new can be admitted, all else works.
	if (dir_open(desk->store_path, &desk->store_dirfd, why)) {
		if (why->code != FAULT_NOT_FOUND)
			cli_note(cli, "warning: %s", why->text);
		fault_clear(why);
	}
	return bpffs_open_tree(cli_root(cli), &desk->tree, why);
}

// From here on only these files can be reached, and only the calls that a loader needs.
static int desk_shut(const struct desk *desk, struct fault *why)
{
	char kernel_config[128];
	struct utsname about;
	bool enforced;

	if (uname(&about))
		return fault_errno(why, FAULT_OTHER, "cannot name this kernel");
	snprintf(kernel_config, sizeof(kernel_config), "/boot/config-%.64s", about.release);
	const struct jail_path paths[] = {
		{.path = desk->config_path},
		{.path = desk->store_path},
		{.path = desk->loader_path, .write = true},
		{.path = desk->bpffs_path, .write = true},
		{.path = "/sys/kernel/btf"},	     // CO-RE, kfunc names
		{.path = "/sys/devices/system/cpu"}, // sizes of per-CPU values
		{.path = "/proc/config.gz"},	     // kconfig externs
		{.path = kernel_config},
	};

	if (jail_paths(paths, sizeof(paths) / sizeof(*paths), &enforced, why))
		return -1;
	return jail_syscalls(JAIL_KERNEL, why);
}

static int desk_open(struct desk *desk, const struct cli *cli, bool locked, struct fault *why)
{
	desk->now = cli_now(cli);
	if (desk_paths(desk, cli, why) || desk_become(desk, cli, why) ||
	    desk_directories(desk, cli, why) || desk_shut(desk, why))
		return -1;
	if (locked && file_lock_at(desk->loader_dirfd, "lock", LOCK_WAIT_MS, &desk->lock_fd, why))
		return fault_within(why, "another loader is at work");
	return 0;
}

static struct plan_places plan_places(const struct desk *desk)
{
	return (struct plan_places){
		.node = desk->node, .tree = desk->tree, .loader_dirfd = desk->loader_dirfd};
}

static int desk_admit(const struct desk *desk, const struct cli *cli, struct admit **out,
		      struct fault *why)
{
	const struct admit_places places = {.root = cli_root(cli),
					    .store_dirfd = desk->store_dirfd,
					    .trust_dirfd = desk->trust_dirfd,
					    .objects_dirfd = desk->objects_dirfd,
					    .now = desk->now,
					    .node = desk->node};

	return admit_new(&places, out, why);
}

// A steady clock, for how long a switch took.
static int64_t ticks_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// ---- plan ----

static int run_plan(struct cli *cli, struct fault *why)
{
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct plan_places places;

	if (desk_open(&desk, cli, true, why) || node_load(cli_root(cli), NULL, &desk.node, why))
		return -1;
	places = plan_places(&desk);
	if (desk_admit(&desk, cli, &admit, why) || plan_look(&places, &plan, why) ||
	    plan_decide(plan, &places, admit, why))
		return -1;
	report_denied(cli, plan);
	if (report_plan(cli, plan, why))
		return -1;
	if (!cli_has(cli, "--check") || !plan_is_pending(plan))
		return 0;
	cli_document_done(cli);
	fault_set(why, FAULT_DRIFT, "the kernel is not as node.json says");
	return fault_fix(why, "'bpfseal apply' makes it so");
}

// ---- apply ----

static int apply_and_report(const struct cli *cli, const struct desk *desk, struct plan *plan,
			    bool restored, struct fault *why)
{
	const struct apply_places places = {.node = desk->node,
					    .tree = desk->tree,
					    .loader_dirfd = desk->loader_dirfd,
					    .logs_dirfd = desk->logs_dirfd,
					    .logs_path = desk->logs_path,
					    .now = desk->now,
					    .ticks_us = ticks_us};
	OWNED(apply_drop) struct apply apply = {0};
	struct fault leftover = {0};

	if (apply_plan(&places, plan, &apply, why))
		return -1;
	// The chains are as they shall be: what cannot be tidied is worth a word, not a failure.
	if (sweep_run(desk->loader_dirfd, &leftover))
		cli_note(cli, "warning: leftovers stay: %s", leftover.text);
	if (!plan_is_pending(plan) && !restored)
		cli_say(cli, "nothing to do: the kernel is as node.json says");
	return report_apply(cli, &apply, restored, why);
}

static void say_lost(const struct cli *cli, const struct plan_chain *chain)
{
	const struct fault *lost = &chain->lost;

	if (lost->code != FAULT_NONE)
		cli_note(cli, "alarm: %s of %s does not come back from our own copies: %s%s%s",
			 hook_name(chain->hook), chain->iface, lost->text,
			 lost->cause[0] ? ": " : "", lost->cause);
}

// Nothing new can be admitted: what runs stays, but for what is denied by now. What ran here and is gone or damaged comes
// back from our own copies, where only the store kept it from being admitted. The command still fails, with the reason.
static int apply_copies(struct cli *cli, const struct desk *desk, struct plan *plan,
			struct admit *admit, struct fault *why)
{
	const struct plan_places places = plan_places(desk);
	const struct fault refused = *why;
	const struct plan_copies copies = {.objects_dirfd = desk->objects_dirfd,
					   .trust_dirfd = desk->trust_dirfd,
					   .admit = admit};
	struct fault trouble = {0};

	plan_restore(plan, &places, &copies);
	for (size_t i = 0; i < plan->count; i++)
		say_lost(cli, &plan->chains[i]);
	if (plan_is_pending(plan)) {
		report_denied(cli, plan);
		cli_note(cli, "alarm: nothing new is admitted; what ran here before is restored, "
			      "without what is denied");
		if (apply_and_report(cli, desk, plan, true, &trouble))
			cli_note(cli, "alarm: the restore failed: %s", trouble.text);
		else
			cli_document_done(cli);
	}
	*why = refused;
	return -1;
}

static int run_apply(struct cli *cli, struct fault *why)
{
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct plan_places places;

	if (desk_open(&desk, cli, true, why) || node_load(cli_root(cli), NULL, &desk.node, why))
		return -1;
	places = plan_places(&desk);
	if (desk_admit(&desk, cli, &admit, why) || plan_look(&places, &plan, why))
		return -1;
	if (plan_decide(plan, &places, admit, why))
		return apply_copies(cli, &desk, plan, admit, why);
	report_denied(cli, plan);
	return apply_and_report(cli, &desk, plan, false, why);
}

// ---- status ----

// What the record and our own files say beside the kernel. The store is not looked at: nothing is verified anew.
static int status_findings(const struct desk *desk, const struct cli *cli, const struct plan *plan,
			   struct findings *out, struct fault *why)
{
	const struct admit_places places = {.root = cli_root(cli),
					    .store_dirfd = -1,
					    .trust_dirfd = desk->trust_dirfd,
					    .objects_dirfd = desk->objects_dirfd,
					    .now = desk->now,
					    .node = desk->node};
	OWNED(admit_drop) struct admit *admit = NULL;

	if (desk->node && admit_new(&places, &admit, why))
		return -1;
	for (size_t i = 0; i < plan->count; i++) {
		const struct plan_chain *chain = &plan->chains[i];

		if (findings_denied(out, chain->iface, chain->hook, chain->record,
				    desk->trust_dirfd, why))
			return -1;
		if (!desk->node)
			continue;
		if (findings_unsigned(out, chain->iface, chain->hook, &chain->truth, chain->record,
				      admit, why) ||
		    findings_drift(out, chain->iface, chain->hook, chain->interface, &chain->truth,
				   chain->record, why))
			return -1;
	}
	return 0;
}

static int run_status(struct cli *cli, struct fault *why)
{
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(findings_drop) struct findings drift = {0};
	OWNED(plan_drop) struct plan *plan = NULL;
	struct node nothing = {0};
	struct plan_places places;
	struct fault config = {0};
	size_t findings;

	if (desk_open(&desk, cli, false, why))
		return -1;
	// The truth is worth telling even when the file is in a bad state.
	if (node_load(cli_root(cli), NULL, &desk.node, &config))
		cli_note(cli, "warning: %s", config.text);
	places = plan_places(&desk);
	if (!desk.node)
		places.node = &nothing;
	if (plan_look(&places, &plan, why))
		return -1;
	if (status_findings(&desk, cli, plan, &drift, why))
		return -1;
	if (report_status(cli, plan, &drift, why))
		return -1;
	findings = drift.count;
	for (size_t i = 0; i < plan->count; i++)
		findings += plan->chains[i].damage.count;
	if (!cli_has(cli, "--check"))
		return 0;
	if (!desk.node) {
		*why = config;
		cli_document_done(cli);
		return -1;
	}
	if (!findings)
		return 0;
	cli_document_done(cli);
	fault_set(why, FAULT_DRIFT, "%zu finding%s", findings, findings == 1 ? "" : "s");
	return fault_fix(why, "'bpfseal plan' tells what is to be done, 'bpfseal apply' does it");
}

// ---- unload ----

static int run_unload(struct cli *cli, struct fault *why)
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

	if (desk_open(&desk, cli, true, why))
		return -1;
	places = plan_places(&desk);
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
	document = json_make_object();
	if (document && json_put_int(document, "removed", (int64_t)removed, why)) {
		json_free(document);
		return -1;
	}
	return cli_document(cli, "bpfseal.unload/1", document, why);
}

// ---- map get ----

static bool is_zero(const struct json *value)
{
	struct json_walk walk = {0};

	for (size_t i = 0; json_is(value, JSON_KIND_ARRAY) && i < json_count(value); i++)
		if (!is_zero(json_item(value, i)))
			return false;
	while (json_is(value, JSON_KIND_OBJECT) && json_next(value, &walk))
		if (!is_zero(walk.value))
			return false;
	return json_count(value) || (json_is(value, JSON_KIND_INT) && !json_int(value));
}

// Arrays have all their entries always; people want those in which something stands.
static int print_map(const struct cli *cli, struct json *document, struct fault *why)
{
	static const char *const columns[] = {"KEY", "VALUE", NULL};
	const struct json *entries = json_member(document, "entries");
	OWNED(table_drop) struct table *table = NULL;
	size_t zeros = 0;

	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < json_count(entries); i++) {
		OWNED(bytes_drop) struct bytes key = {0};
		OWNED(bytes_drop) struct bytes value = {0};

		if (is_zero(json_member(json_item(entries, i), "value"))) {
			zeros++;
			continue;
		}
		if (json_write(json_member(json_item(entries, i), "key"), false, &key, why) ||
		    json_write(json_member(json_item(entries, i), "value"), false, &value, why))
			return -1;
		key.data[key.len - 1] = value.data[value.len - 1] = '\0'; // the newlines
		if (table_row(table, (const char *[]){bytes_text(&key), bytes_text(&value)}, why))
			return -1;
	}
	table_print(table, cli);
	if (zeros)
		cli_say(cli, "%zu of %zu entries are zero", zeros, json_count(entries));
	return 0;
}

static int run_map_get(struct cli *cli, struct fault *why)
{
	OWNED(desk_drop) struct desk desk = DESK_CLOSED;
	OWNED(json_drop) struct json *record = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const char *iface, *hook_word = cli_value(cli, "--hook");
	struct peek peek;
	enum hook hook;

	if (cli_need(cli, "--interface", &iface, why) ||
	    hook_parse(hook_word ? hook_word : "xdp", &hook, why) ||
	    desk_open(&desk, cli, false, why) ||
	    record_load(desk.loader_dirfd, desk.tree, &record, why))
		return -1;
	peek = (struct peek){
		.tree = desk.tree, .record = record, .objects_dirfd = desk.objects_dirfd};
	if (peek_map(&peek, iface, hook, cli_arg(cli, 0), cli_arg(cli, 1), &document, why) ||
	    print_map(cli, document, why))
		return -1;
	return cli_document(cli, "bpfseal.map/1", HAND_OVER(document), why);
}

// ---- config ----

static int run_config_check(struct cli *cli, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	struct json *document;

	if (jail_syscalls(JAIL_OFFLINE, why) ||
	    node_load(cli_root(cli), cli_arg(cli, 0), &node, why))
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

static int run_config_schema(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *schema = NULL;
	OWNED(bytes_drop) struct bytes text = {0};

	(void)cli;
	if (jail_syscalls(JAIL_OFFLINE, why) || node_schema(&schema, why) ||
	    json_write(schema, true, &text, why))
		return -1;
	return file_write_all(STDOUT_FILENO, text.data, text.len, why);
}

static const struct cli_option plan_options[] = {
	{"--check", NULL, "exit with 8 when something is to be done", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option status_options[] = {
	{"--check", NULL, "exit with 8 when something is found", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option map_options[] = {
	{"--interface", "NAME", "the interface whose chain it is", false},
	{"--hook", "HOOK", "xdp (default), tc_ingress or tc_egress", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_command commands[] = {
	{"plan", "", "show the difference between the kernel and node.json", plan_options, 0, 0,
	 run_plan},
	{"apply", "", "make the kernel's chains as node.json says, all or nothing", NULL, 0, 0,
	 run_apply},
	{"status", "", "the chains as the kernel has them", status_options, 0, 0, run_status},
	{"unload", "[INTERFACE]", "take chains out of the kernel", NULL, 0, 1, run_unload},
	{"map get", "USE MAP", "print a map of a running program", map_options, 2, 2, run_map_get},
	{"config check", "[FILE]", "check node.json", NULL, 0, 1, run_config_check},
	{"config schema", "", "print the JSON Schema of node.json", NULL, 0, 0, run_config_schema},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct cli_program program = {"bpfseal-loader",
					   "build and watch the chains of this node", commands};

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (jail_start(argc, &why)) {
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	return cli_main(&program, argc, argv);
}
