// SPDX-License-Identifier: Apache-2.0
// bpfseal-keys: keys, the offline ceremony, and what a node's admin trusts.
#include <stdint.h>
#include <stdio.h>
#include <sys/prctl.h>

#include "base/cli.h"
#include "base/jail.h"
#include "keys/cmd_doctor.h"
#include "keys/cmd_key.h"
#include "keys/cmd_root.h"
#include "keys/cmd_sign.h"
#include "keys/cmd_trust.h"
#include "keys/cmd_verify.h"
#include "keys/keyfile.h"

// clang-format off
#define NO_PASSPHRASE {"--no-passphrase", NULL, "store the key unlocked (a server's online key)", false}
#define KDF {"--kdf", "COST", "what a guess costs: interactive, moderate (default), sensitive", false}
#define DIR {"--dir", "DIR", "the ceremony's directory (default: here)", false}
#define ROLE {"--role", "ROLE", "root, targets, snapshot, timestamp or a delegation", false}
#define EXPIRES {"--expires", "TIME", "how long the root is valid (default 365d)", false}
#define TARGETS_EXPIRES {"--targets-expires", "TIME", "how long targets are valid (90d, at most 90d)", false}
#define END {NULL, NULL, NULL, false}
// clang-format on

static const struct cli_option key_options[] = {NO_PASSPHRASE, KDF, KEYFILE_OPTIONS, END};

static const struct cli_option init_options[] = {
	DIR,
	{"--root-key", "PUB", "a key of the root role", true},
	{"--root-threshold", "N", "how many of them must sign", false},
	{"--targets-key", "PUB", "a key of the targets role", true},
	{"--targets-threshold", "N", "how many of them must sign", false},
	{"--snapshot-key", "PUB", "the server's key for snapshot", true},
	{"--timestamp-key", "PUB", "the server's key for timestamp", true},
	{"--class", "CLASS", "private (the default) or public", false},
	EXPIRES,
	TARGETS_EXPIRES,
	END,
};

static const struct cli_option change_key_options[] = {
	DIR,
	ROLE,
	{"--key", "PUB", "the public key (rm-key also takes its id)", true},
	EXPIRES,
	TARGETS_EXPIRES,
	END,
};

static const struct cli_option threshold_options[] = {DIR, ROLE, EXPIRES, TARGETS_EXPIRES, END};
static const struct cli_option rotate_options[] = {DIR, EXPIRES, END};

static const struct cli_option delegate_options[] = {
	DIR,
	{"--paths", "PATTERN", "target paths it may sign; '*' stays within one part", true},
	{"--key", "PUB", "a key of the delegation", true},
	{"--threshold", "N", "how many of them must sign", false},
	{"--bins", "N", "spread its targets over N roles, 2 to 8192", false},
	{"--terminating", NULL, "nobody after it is asked for these paths", false},
	{"--expires", "TIME", "how long its first draft is valid (90d, at most 90d)", false},
	TARGETS_EXPIRES,
	END,
};

static const struct cli_option renew_options[] = {
	DIR,
	{"--expires", "TIME", "how long the next version is valid (90d, at most 90d)", false},
	END,
};

static const struct cli_option show_options[] = {DIR, END};

static const struct cli_option sign_options[] = {
	{"--key", "FILE", "a secret key", true},
	{"--request", NULL, "write a request to sign these on another machine", false},
	{"--merge", NULL, "take the signatures of a request back into DIR", false},
	{"--output", "FILE", "where the request is written", false},
	DIR,
	KEYFILE_OPTIONS,
	END,
};

static const struct cli_option verify_options[] = {
	{"--root", "FILE", "the trusted root (default: root.json beside the file)", false},
	{"--targets", "FILE", "who delegates (default: targets.json beside the file)", false},
	END,
};

static const struct cli_option add_options[] = {
	{"--url", "URL", "where the repository is: https, or http to this machine", false},
	{"--root-json", "FILE", "its root file, from its security team", false},
	{"--fingerprint", "F", "the root's fingerprint, learned by another way", false},
	{"--class", "CLASS", "private or public; only stricter than the root says", false},
	END,
};

static const struct cli_option remove_options[] = {
	{"--yes", NULL, "yes, nothing more is taken from it", false},
	END,
};

static const struct cli_command commands[] = {
	{"key new", "FILE", "make a signing key: FILE (secret) and FILE.pub", key_options, 1, 1,
	 cmd_key_new},
	{"key show", "FILE", "what a key file or a .pub file holds", NULL, 1, 1, cmd_key_show},
	{"key passwd", "FILE", "give a secret key another passphrase", key_options, 1, 1,
	 cmd_key_passwd},
	{"key doctor", "", "the same as keys doctor", show_options, 0, 0, cmd_doctor},
	{"keys doctor", "", "what expires, cannot be signed, has no spare or is misplaced",
	 show_options, 0, 0, cmd_doctor},
	{"root init", "", "begin a ceremony: drafts of root and targets", init_options, 0, 0,
	 cmd_root_init},
	{"root add-key", "", "let a key sign for a role", change_key_options, 0, 0,
	 cmd_root_add_key},
	{"root rm-key", "", "let a key no longer sign for a role", change_key_options, 0, 0,
	 cmd_root_rm_key},
	{"root threshold", "N", "how many keys of a role must sign", threshold_options, 1, 1,
	 cmd_root_threshold},
	{"root rotate", "", "open the next version of the root", rotate_options, 0, 0,
	 cmd_root_rotate},
	{"root delegate", "NAME", "let other keys sign some target paths", delegate_options, 1, 1,
	 cmd_root_delegate},
	{"root renew", "ROLE", "open the next version of a targets role (and of its bins)",
	 renew_options, 1, 1, cmd_root_renew},
	{"root show", "", "keys, thresholds, expiry, fingerprint, missing signatures", show_options,
	 0, 0, cmd_root_show},
	{"root sign", "FILE.json...", "the same as sign", sign_options, 1, SIZE_MAX, cmd_sign},
	{"sign", "FILE.json...", "say what metadata files change, and sign them", sign_options, 1,
	 SIZE_MAX, cmd_sign},
	{"verify", "FILE.json...", "hold metadata files against a root, offline", verify_options, 1,
	 SIZE_MAX, cmd_verify},
	{"trust add", "NAME", "pin the root of a repository", add_options, 1, 1, cmd_trust_add},
	{"trust show", "[NAME]", "what is pinned, when and by whom", NULL, 0, 1, cmd_trust_show},
	{"trust test", "NAME FILE", "is this root file the pinned one?", NULL, 2, 2,
	 cmd_trust_test},
	{"trust remove", "NAME", "take nothing more from a repository", remove_options, 1, 1,
	 cmd_trust_remove},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct cli_program program = {
	"bpfseal-keys",
	"keys, the offline ceremony, and what a node trusts",
	commands,
	.asks_nobody = true,
};

// Nobody reads a key out of this process or its core (A95), and nothing in it can reach the network.
static int start(int argc, struct fault *why)
{
	if (jail_start(argc, why) != 0)
		return -1;
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return fault_errno(why, FAULT_OTHER, "cannot forbid reading this process");
	return jail_syscalls(JAIL_OFFLINE, why);
}

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (start(argc, &why) != 0) {
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	return cli_main(&program, argc, argv);
}
