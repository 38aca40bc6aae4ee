// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_trial.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "bpf/brief.h"
#include "loader/moment.h"
#include "loader/sys.h"
#include "loader/trial.h"

#define TRIAL_CAPS (JAIL_CAP(CAP_BPF) | JAIL_CAP(CAP_NET_ADMIN) | JAIL_CAP(CAP_PERFMON))

// Nobody has signed what is tried. Who has no privilege of his own must not borrow this program's.
static int refuse_borrowed(struct fault *why)
{
	if (!getauxval(AT_SECURE))
		return 0;
	return fault_set(
		why, FAULT_POLICY,
		"a trial runs with its caller's own privileges only, and this file adds some");
}

static int read_input(struct bytes *out, struct fault *why)
{
	unsigned char piece[65536];
	ssize_t got;

	while ((got = read(STDIN_FILENO, piece, sizeof(piece))) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot read the bundle to try");
		if (out->len + (size_t)got > BRIEF_MAX)
			return fault_set(why, FAULT_TOO_LARGE, "more than %u bytes to try",
					 BRIEF_MAX);
		if (bytes_append(out, piece, (size_t)got, why))
			return -1;
	}
	return 0;
}

// A developer's machine need not be a node and may lack our user; the user "nobody" exists everywhere.
static int become(struct fault *why)
{
	struct fault ignored = {0};
	unsigned uid, gid;

	if (geteuid() == 0 && jail_user(USER_LOADER, &uid, &gid, &ignored))
		return jail_become("nobody", TRIAL_CAPS, why);
	return jail_become(USER_LOADER, TRIAL_CAPS, why);
}

static int shut(struct fault *why)
{
	char kernel_config[SYS_CONFIG_PATH];
	bool enforced;

	if (sys_kernel_config(kernel_config, why))
		return -1;
	const struct jail_path paths[] = {
		{.path = "/sys/kernel/btf"},
		{.path = "/sys/devices/system/cpu"},
		{.path = "/proc/config.gz"},
		{.path = kernel_config},
	};

	if (jail_paths(paths, sizeof(paths) / sizeof(*paths), &enforced, why))
		return -1;
	return jail_syscalls(JAIL_KERNEL, why);
}

// Not having the privilege is no fault of the bundle, and said aloud.
static int tell_not_run(struct cli *cli, struct fault *missing, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(bytes_drop) struct bytes words = {0};

	if (cli_has(cli, "--load")) {
		*why = *missing;
		return -1;
	}
	if (bytes_format(&words, why, "%s%s%s", missing->text, missing->cause[0] ? ": " : "",
			 missing->cause) ||
	    (missing->fix[0] && bytes_format(&words, why, "; %s", missing->fix)))
		return -1;
	cli_say(cli, "not run: %s", bytes_text(&words));
	if (json_put_bool(document, "ran", false, why) ||
	    json_put_text(document, "why", bytes_text(&words), why))
		return -1;
	return cli_document(cli, "bpfseal.trial/1", HAND_OVER(document), why);
}

int run_trial(struct cli *cli, struct fault *why)
{
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	OWNED(bytes_drop) struct bytes input = {0};
	struct trial trial = {.brief = &brief, .ticks_us = moment_ticks_us};
	struct json *document = NULL;
	struct fault refused = {0};

	if (refuse_borrowed(why))
		return -1;
	trial.apart = unshare(CLONE_NEWNET) == 0;
	if (become(&refused))
		return tell_not_run(cli, &refused, why);
	if (shut(why) || read_input(&input, why))
		return -1;
	// Empty input: `bundle check` starts us before it has read the bundle, and found no program to try in it.
	if (!input.len)
		return 0;
	if (brief_read(input.data, input.len, &brief, why))
		return -1;
	if (trial_ready(&refused))
		return tell_not_run(cli, &refused, why);
	if (trial_run(&trial, &document, &refused) && !document) {
		*why = refused;
		return -1;
	}
	if (refused.code == FAULT_NONE)
		return cli_document(cli, "bpfseal.trial/1", document, why);
	if (json_put_bool(document, "ok", false, why)) {
		json_free(document);
		return -1;
	}
	if (cli_document(cli, "bpfseal.trial/1", document, why))
		return -1;
	cli_document_done(cli);
	*why = refused;
	return -1;
}
