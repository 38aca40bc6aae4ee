// SPDX-License-Identifier: Apache-2.0
// bpfseal-bundle: begins, builds, inspects, checks and stages bundles. Runs as whoever calls it, without a network; objects and
// archives, which may be anybody's, are parsed in workers that have nothing.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/cli.h"
#include "base/jail.h"
#include "bpf/cmd_build.h"
#include "bpf/cmd_check.h"
#include "bpf/cmd_deny.h"
#include "bpf/cmd_inspect.h"
#include "bpf/cmd_new.h"
#include "bpf/cmd_stage.h"

static const struct cli_option new_options[] = {
	{"--publisher", "NAME", "who will publish it; default: net", false},
	{"--dir", "DIR", "the directory to write into; default: one of the program's name", false},
	{"--linkage", "HOW", "wrap (default: knows nothing of chains) or chain (jumps by itself)",
	 false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option build_options[] = {
	{"--manifest", "FILE", "the source manifest (JSON): names, programs, purposes of maps",
	 false},
	{"--output", "FILE", "where the bundle goes", false},
	{"--object-dir", "DIR",
	 "take compiled objects from here; default: from beside the manifest, "
	 "compiling what has a source",
	 false},
	{"--clang", "PROGRAM", "the compiler; default: clang", false},
	{"--include", "DIR", "look for headers here too", true},
	{"--test", NULL, "load it in this kernel first, and say so in its manifest", false},
	{"--policy", "FILE", "the node.json whose policy is asked at that", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option check_options[] = {
	{"--policy", "FILE",
	 "the node.json whose policy to ask, and whose values go into the maps; default: that of "
	 "an empty one",
	 false},
	{"--packet", "FILE",
	 "run on these packets (pcap, or a hex line each; hex:DIGITS is one) instead of ours",
	 true},
	{"--load", NULL, "fail where the programs cannot be loaded for lack of privilege", false},
	{"--no-load", NULL, "load nothing into the kernel", false},
	{"--log", "FILE", "where to keep what the verifier says of a program that it refuses",
	 false},
	{NULL, NULL, NULL, false},
};

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

static const struct cli_command commands[] = {
	{"bundle new", "xdp|tc NAME", "write a program that builds, with its manifest and its test",
	 new_options, 2, 2, cmd_new},
	{"bundle build", "", "compile sources and pack them with their manifest into a bundle",
	 build_options, 0, 0, cmd_build},
	{"bundle inspect", "FILE", "show what is in a bundle", NULL, 1, 1, cmd_inspect},
	{"bundle check", "FILE",
	 "say rule by rule what a node would say, and try it in this kernel", check_options, 1, 1,
	 cmd_check},
	{"bundle add", "FILE", "put a bundle into a ceremony directory, to be signed",
	 stage_options, 1, 1, cmd_add},
	{"promote", "NAME VERSION", "move a version to another channel, to be signed",
	 stage_options, 2, 2, cmd_promote},
	{"withdraw", "NAME VERSION", "take a version back, to be signed", withdraw_options, 2, 2,
	 cmd_withdraw},
	{"deny add", "SHA256|FILE", "put a digest on the deny list, to be signed", deny_options, 1,
	 1, cmd_deny_add},
	{"deny remove", "SHA256|FILE", "take a digest off the deny list, to be signed",
	 lift_options, 1, 1, cmd_deny_remove},
	{"deny show", "", "print the deny list of a ceremony directory", show_options, 0, 0,
	 cmd_deny_show},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

// Two commands start another program, the compiler and the loader: these shut the jail as soon as they have.
static bool is_starting(int argc, char **argv)
{
	return argc > 2 && !strcmp(argv[1], "bundle") &&
	       (!strcmp(argv[2], "build") || !strcmp(argv[2], "check"));
}

// No new socket, no bpf(2), no exec from here on; what is hostile goes to workers, which have less still.
static int start(int argc, char **argv, struct fault *why)
{
	if (jail_start(argc, why))
		return -1;
	return is_starting(argc, argv) ? 0 : jail_syscalls(JAIL_OFFLINE, why);
}

int main(int argc, char **argv)
{
	static const struct cli_program program = {
		"bpfseal-bundle", "begin, build, inspect, check and stage bundles of BPF programs",
		commands, .asks_nobody = true};
	struct fault why = {0};

	if (start(argc, argv, &why)) {
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	return cli_main(&program, argc, argv);
}
