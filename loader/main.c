// SPDX-License-Identifier: Apache-2.0
// bpfseal-loader: the only program of ours with capabilities. No network, no archive, no TLS.
#include <stdio.h>

#include "base/cli.h"
#include "base/digest.h"
#include "base/jail.h"
#include "loader/cmd_apply.h"
#include "loader/cmd_config.h"
#include "loader/cmd_doctor.h"
#include "loader/cmd_import.h"
#include "loader/cmd_map.h"
#include "loader/cmd_metrics.h"
#include "loader/cmd_rollback.h"
#include "loader/cmd_status.h"
#include "loader/cmd_trial.h"
#include "loader/cmd_unload.h"
#include "loader/cmd_watch.h"

static const struct cli_option plan_options[] = {
	{"--check", NULL, "exit with 8 when something is to be done", false},
	{"--resume", NULL, "as if no chain were held after a rollback", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option apply_options[] = {
	{"--changes", NULL, "say nothing of what stays as it is", false},
	{"--resume", NULL, "go on with node.json where a rollback is held", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option rollback_options[] = {
	{"--dry-run", NULL, "only show what would be done", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option status_options[] = {
	{"--check", NULL, "exit with 8 when something is found", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option watch_options[] = {
	{"--once", NULL, "look once, mend nothing, exit with 8 when something is found", false},
	{NULL, NULL, NULL, false},
};

#define MAP_PLACE                                                                            \
	{"--interface", "NAME", "the interface, where the program runs on several", false},  \
		{"--hook", "HOOK", "xdp, tc_ingress, tc_egress or probe, likewise", false},  \
	{                                                                                    \
		"--place", "N", "its place in the chain, where it stands there twice", false \
	}

static const struct cli_option map_get_options[] = {
	MAP_PLACE,
	{"--per-cpu", NULL, "list what each CPU has, too", false},
	{NULL, NULL, NULL, false},
};
static const struct cli_option map_set_options[] = {
	MAP_PLACE,
	{"--cpu", "N", "the one CPU of a per-CPU map, or \"all\" (default)", false},
	{"--per-cpu", NULL, "VALUE is a list, one value for each CPU", false},
	{"--force", NULL, "also a counter, a gauge or a state", false},
	{NULL, NULL, NULL, false},
};
static const struct cli_option map_delete_options[] = {
	MAP_PLACE,
	{"--force", NULL, "also from a map of counters, gauges or states", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option metrics_options[] = {
	{"--output", "FILE", "write this file, whole or not at all, instead of stdout", false},
	{"--http", NULL, "answer one HTTP request on stdin, for a socket of systemd", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option import_options[] = {
	{"--publisher", "NAME", "who publishes the bundles; default: net", false},
	{"--repository", "NAME", "where they come from; default: corp", false},
	{"--url", "URL", "where that is", false},
	{"--host", "NAME", "take what is for this host, where the payload is for several", false},
	{"--output", "FILE", "write there, not to stdout; never over a file that exists", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option trial_options[] = {
	{"--load", NULL, "fail when this process may not load programs", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_command commands[] = {
	{"plan", "", "show the difference between the kernel and node.json", plan_options, 0, 0,
	 run_plan},
	{"apply", "", "make the kernel's chains as node.json says, all or nothing", apply_options,
	 0, 0, run_apply},
	{"rollback", "[INTERFACE]", "go back to what ran before the last change, and stay there",
	 rollback_options, 0, 1, run_rollback},
	{"status", "", "the chains as the kernel has them", status_options, 0, 0, run_status},
	{"watch", "", "look at the chains every second, tell and mend what is wrong", watch_options,
	 0, 0, run_watch},
	{"unload", "[INTERFACE]", "take chains out of the kernel", NULL, 0, 1, run_unload},
	{"map get", "USE MAP [KEY]", "print a map of a running program", map_get_options, 2, 3,
	 run_map_get},
	{"map set", "USE MAP KEY VALUE", "write one value of a running program's map",
	 map_set_options, 4, 4, run_map_set},
	{"map delete", "USE MAP KEY", "take one entry out of a running program's map",
	 map_delete_options, 3, 3, run_map_delete},
	{"metrics", "", "the node's counters and gauges, for Prometheus", metrics_options, 0, 0,
	 run_metrics},
	{"doctor", "", "what is amiss with this node, and how to mend it", NULL, 0, 0, run_doctor},
	{"trial", "", "try a bundle's programs in this kernel, for 'bundle check'", trial_options,
	 0, 0, run_trial},
	{"config check", "[FILE]", "check node.json", NULL, 0, 1, run_config_check},
	{"config import-l3af", "FILE", "turn a payload of l3afd into a node.json", import_options,
	 1, 1, run_config_import_l3af},
	{"config schema", "", "print the JSON Schema of node.json", NULL, 0, 0, run_config_schema},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct cli_program program = {
	"bpfseal-loader", "build and watch the chains of this node", commands, false};

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (jail_start(argc, &why)) {
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	digest_leave();
	return cli_main(&program, argc, argv);
}
