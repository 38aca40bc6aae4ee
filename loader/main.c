// SPDX-License-Identifier: Apache-2.0
// bpfseal-loader: the only program of ours with capabilities. No network, no archive, no TLS.
#include <stdio.h>

#include "base/cli.h"
#include "base/jail.h"
#include "loader/cmd_apply.h"
#include "loader/cmd_config.h"
#include "loader/cmd_map.h"
#include "loader/cmd_metrics.h"
#include "loader/cmd_status.h"
#include "loader/cmd_unload.h"

static const struct cli_option plan_options[] = {
	{"--check", NULL, "exit with 8 when something is to be done", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option status_options[] = {
	{"--check", NULL, "exit with 8 when something is found", false},
	{NULL, NULL, NULL, false},
};

#define MAP_PLACE                                                                            \
	{"--interface", "NAME", "the interface, where the program runs on several", false},  \
		{"--hook", "HOOK", "xdp, tc_ingress or tc_egress, likewise", false},         \
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
	{NULL, NULL, NULL, false},
};

static const struct cli_command commands[] = {
	{"plan", "", "show the difference between the kernel and node.json", plan_options, 0, 0,
	 run_plan},
	{"apply", "", "make the kernel's chains as node.json says, all or nothing", NULL, 0, 0,
	 run_apply},
	{"status", "", "the chains as the kernel has them", status_options, 0, 0, run_status},
	{"unload", "[INTERFACE]", "take chains out of the kernel", NULL, 0, 1, run_unload},
	{"map get", "USE MAP [KEY]", "print a map of a running program", map_get_options, 2, 3,
	 run_map_get},
	{"map set", "USE MAP KEY VALUE", "write one value of a running program's map",
	 map_set_options, 4, 4, run_map_set},
	{"map delete", "USE MAP KEY", "take one entry out of a running program's map",
	 map_delete_options, 3, 3, run_map_delete},
	{"metrics", "", "the node's counters and gauges, for Prometheus", metrics_options, 0, 0,
	 run_metrics},
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
