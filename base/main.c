// SPDX-License-Identifier: Apache-2.0
// bpfseal, the front: maps the first word of a command to the program that does it, as git does. It decides
// nothing and holds nothing: privileges belong to the programs behind it, each a file of its own.
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/json.h"

static const struct {
	const char *word;
	const char *program;
	const char *summary;
} words[] = {
	{"key", "bpfseal-keys", "make, show and re-lock signing keys"},
	{"keys", "bpfseal-keys", "what a ceremony's keys and roles need (keys doctor)"},
	{"root", "bpfseal-keys", "the root of trust: keys, thresholds, delegations"},
	{"sign", "bpfseal-keys", "sign metadata"},
	{"verify", "bpfseal-keys", "verify metadata offline"},
	{"trust", "bpfseal-keys", "pin the root of a repository on this node"},
	{"bundle", "bpfseal-bundle", "begin, build, inspect, check and stage bundles"},
	{"promote", "bpfseal-bundle", "move a staged version to another channel"},
	{"withdraw", "bpfseal-bundle", "take a version back"},
	{"deny", "bpfseal-bundle", "the signed list of digests that may not run"},
	{"repod", "bpfseal-repod", "the repository server"},
	{"publish", "bpfseal-fetch", "upload signed bundles and metadata"},
	{"sync", "bpfseal-fetch", "pull and verify what this node uses"},
	{"config", "bpfseal-loader", "check node.json, print its schema"},
	{"plan", "bpfseal-loader", "show what apply would change"},
	{"apply", "bpfseal-loader", "make the kernel's chains as node.json says"},
	{"status", "bpfseal-loader", "the chains as the kernel has them"},
	{"watch", "bpfseal-loader", "stay, and mend what is done to the chains"},
	{"map", "bpfseal-loader", "print a map of a running program, write a value into it"},
	{"metrics", "bpfseal-loader", "the node's counters and gauges, for Prometheus"},
	{"rollback", "bpfseal-loader", "go back to what ran before the last change"},
	{"unload", "bpfseal-loader", "take chains out of the kernel"},
	{"doctor", "bpfseal-loader", "what is amiss with this node, and how to mend it"},
	{"trial", "bpfseal-loader", "try programs in this kernel, for 'bundle check'"},
};
#define WORD_COUNT (sizeof(words) / sizeof(*words))

static int help(FILE *to)
{
	fputs("bpfseal: signed eBPF programs, from a private repository into each node's chain\n\n"
	      "usage: bpfseal COMMAND [OPTION]...\n\ncommands:\n",
	      to);
	for (size_t i = 0; i < WORD_COUNT; i++)
		fprintf(to, "  %-8s  %s\n", words[i].word, words[i].summary);
	fputs("\n'bpfseal COMMAND --help' tells the options of a command.\n", to);
	return to == stdout ? 0 : fault_exit_status(FAULT_USAGE);
}

// The programs lie beside this one (a build tree), or in ../libexec/bpfseal (installed). Found from where the
// kernel says this file is, never from PATH or the environment.
static int run(const char *program, char **argv, struct fault *why)
{
	static const char *const places[] = {"%.*s/%s", "%.*s/../libexec/bpfseal/%s"};
	char self[PATH_MAX], path[PATH_MAX + 64];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	if (len < 0)
		return fault_errno(why, FAULT_OTHER, "cannot find where bpfseal is installed");
	self[len] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < 2; i++) {
		snprintf(path, sizeof(path), places[i], (int)(slash - self), self, program);
		execv(path, argv);
		if (errno != ENOENT)
			return fault_errno(why, FAULT_OTHER, "cannot run %s", path);
	}
	fault_set(why, FAULT_OTHER, "%s is not installed beside bpfseal", program);
	return fault_fix(why, "install the package that holds it, or run 'make install' again");
}

static int unknown(const char *word, struct fault *why)
{
	const char *list[WORD_COUNT + 1] = {NULL};
	const char *near;

	for (size_t i = 0; i < WORD_COUNT; i++)
		list[i] = words[i].word;
	near = json_nearest(word, list);
	fault_set(why, FAULT_USAGE, "unknown command '%.64s'", word);
	return near ? fault_fix(why, "did you mean 'bpfseal %s'?", near)
		    : fault_fix(why, "see 'bpfseal --help'");
}

// An option before the command, as other tools have them there.
static int misplaced(int argc, char **argv, struct fault *why)
{
	fault_set(why, FAULT_USAGE, "%.64s stands before the command", argv[1]);
	for (int i = 2; i < argc; i++)
		if (argv[i][0] != '-')
			return fault_fix(why, "options come behind it: bpfseal %.64s ... %.64s",
					 argv[i], argv[1]);
	return fault_fix(why, "see 'bpfseal --help'");
}

// "help WORD..." asks what "WORD... --help" does.
static void turn_help(int argc, char **argv)
{
	static char option[] = "--help";

	memmove(argv + 1, argv + 2, (size_t)(argc - 2) * sizeof(*argv));
	argv[argc - 1] = option;
}

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (argc < 2)
		return help(stderr);
	if (!strcmp(argv[1], "--help") || (argc == 2 && !strcmp(argv[1], "help")))
		return help(stdout);
	if (!strcmp(argv[1], "help"))
		turn_help(argc, argv);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "version")) {
		puts("bpfseal 0.1.0");
		return 0;
	}
	for (size_t i = 0; i < WORD_COUNT; i++)
		if (!strcmp(argv[1], words[i].word)) {
			run(words[i].program, argv, &why);
			break;
		}
	if (!why.code && argv[1][0] == '-')
		misplaced(argc, argv, &why);
	if (!why.code)
		unknown(argv[1], &why);
	fault_print(&why, stderr);
	return fault_exit_status(why.code);
}
