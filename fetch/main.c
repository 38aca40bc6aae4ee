// SPDX-License-Identifier: Apache-2.0
// bpfseal-fetch: everything that talks to a repository. `sync` on the node, `publish` for the team.
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/cli.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "base/table.h"
#include "fetch/download.h"
#include "fetch/outcome.h"
#include "fetch/publish.h"
#include "fetch/sync.h"
#include "keys/keyfile.h"

#define LOCK_WAIT_MS 10000

// Set by a signal, looked at between steps and while waiting.
static volatile sig_atomic_t told_to_stop;
// What the command began with, so that a long one can tell the time later.
static int64_t started_at, started_tick;

static void on_signal(int number)
{
	(void)number;
	told_to_stop = 1;
}

static bool is_stopped(void)
{
	return told_to_stop;
}

static int64_t tick_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (int64_t)now.tv_sec;
}

static int64_t clock_now(void)
{
	return (int64_t)time(NULL);
}

static int64_t time_now(void)
{
	return started_at + (tick_s() - started_tick);
}

static void start_clock(const struct cli *cli)
{
	started_at = cli_now(cli);
	started_tick = tick_s();
}

static void progress(void *ctx, const char *line)
{
	const struct cli *cli = ctx;

	if (isatty(STDERR_FILENO))
		cli_note(cli, "%s", line);
}

// ---- the jail ----

// What a resolver and TLS read of the machine. Directories and not only files where something replaces a file by
// rename: a rule holds for what stood there when it was made.
static const char *const machine_paths[] = {
	"/etc/ssl",
	"/etc/resolv.conf",
	"/etc/hosts",
	"/etc/host.conf",
	"/etc/gai.conf",
	"/etc/nsswitch.conf",
	"/etc/ld.so.cache",
	"/etc/localtime",
	"/run/systemd/resolve",
	"/usr/lib",
	"/usr/share/ca-certificates",
	"/usr/local/share/ca-certificates",
	"/usr/share/zoneinfo",
	"/dev/null",
	"/dev/urandom",
	"/proc/self",
	NULL,
};

#define PATHS_MAX 24

static int shut_in(const struct jail_path *own, size_t own_count, struct fault *why)
{
	struct jail_path paths[PATHS_MAX] = {{0}};
	size_t count = 0;
	bool enforced;

	for (; count < own_count; count++)
		paths[count] = own[count];
	for (size_t i = 0; machine_paths[i]; i++)
		paths[count++] = (struct jail_path){.path = machine_paths[i]};
	if (jail_paths(paths, count, &enforced, why))
		return -1;
	return jail_syscalls(JAIL_NETWORK, why);
}

// ---- sync ----

// The store belongs to the fetcher. setup.sh makes it; where that did not run, it is made here.
static int prepare_store(const char *path, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	const struct group *group;
	unsigned uid, gid;
	struct stat st;

	if (dir_make(path, 0755, &fd, why))
		return -1;
	if (geteuid() != 0)
		return 0;
	if (fstat(fd, &st))
		return fault_errno(why, FAULT_OTHER, "cannot stat %s", path);
	if (jail_user(USER_FETCH, &uid, &gid, why))
		return -1;
	if (st.st_uid == uid)
		return 0;
	group = getgrnam(GROUP_STORE);
	if (fchown(fd, uid, group ? group->gr_gid : gid) || fchmod(fd, 02750))
		return fault_errno(why, FAULT_OTHER, "cannot hand %s to %s", path, USER_FETCH);
	return 0;
}

// Gives up everything that a pass does not need: root, capabilities, other files, other system calls.
static int enter_sync_jail(const struct cli *cli, const char *config, struct fault *why)
{
	OWNED(drop_heap) char *store = NULL;
	OWNED(drop_heap) char *settings = NULL;
	OWNED(drop_heap) char *beside = NULL;

	if (cli_path(cli, DIR_STORE, &store, why) || cli_path(cli, DIR_CONFIG, &settings, why) ||
	    (config && path_parent(config, &beside, why)) || prepare_store(store, why) ||
	    jail_become(USER_FETCH, 0, why))
		return -1;
	const struct jail_path own[] = {
		{.path = store, .write = true},
		{.path = settings},
		{.path = beside ? beside : settings},
	};
	return shut_in(own, sizeof(own) / sizeof(*own), why);
}

// Prints what a pass found. The first refusal becomes the refusal of the command.
static int tell(struct cli *cli, const struct outcome *outcome, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;

	if (cli_has(cli, "--changes"))
		outcome_print_changes(outcome, cli);
	else if (outcome_print(outcome, cli, why))
		return -1;
	if (outcome_document(outcome, &document, why) ||
	    cli_document(cli, "bpfseal.sync/1", HAND_OVER(document), why))
		return -1;
	if (outcome->first.code == FAULT_NONE)
		return 0;
	cli_document_done(cli);
	*why = outcome->first;
	return -1;
}

static int sync_once(struct cli *cli, const struct sync_options *options, bool only_news,
		     struct fault *why)
{
	OWNED(outcome_drop) struct outcome *outcome = NULL;

	if (sync_run(options, &outcome, why))
		return -1;
	// A poll a minute that found nothing new would fill the journal with one table.
	if (only_news && !cli_json(cli) && !outcome_is_news(outcome))
		return 0;
	return tell(cli, outcome, why);
}

// A number that differs between hosts and stays the same on each.
static uint64_t host_number(void)
{
	struct utsname name = {0};
	struct sha256 digest = {{0}};
	struct fault ignored = {0};
	uint64_t number;

	uname(&name);
	if (sha256_of(name.nodename, strlen(name.nodename), &digest, &ignored))
		return 0;
	memcpy(&number, digest.byte, sizeof(number));
	return number;
}

static void wait_ms(uint64_t left)
{
	// In short naps, so that a signal between two looks at the flag costs no whole interval.
	while (left && !told_to_stop) {
		uint64_t nap = left < 500 ? left : 500;
		struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)(nap * 1000000)};

		nanosleep(&ts, NULL);
		left -= nap;
	}
}

static int sync_for_ever(struct cli *cli, const struct sync_options *options, int64_t every_s)
{
	uint64_t host = host_number();

	for (uint64_t pass = 0; !told_to_stop; pass++) {
		struct fault why = {0};
		uint64_t random = 0;

		if (getrandom(&random, sizeof(random), 0) < 0)
			random = pass;
		wait_ms(sync_wait_ms(every_s, pass, host, random));
		if (told_to_stop)
			break;
		if (sync_once(cli, options, pass > 0, &why))
			fault_print(&why, stderr);
		fflush(stdout);
	}
	return 0;
}

static int run_sync(struct cli *cli, struct fault *why)
{
	const struct sigaction stop = {.sa_handler = on_signal};
	int64_t every_s;

	if (cli_duration(cli, "--every", 0, &every_s, why))
		return -1;
	struct sync_options options = {
		.root = cli_root(cli),
		.config = cli_value(cli, "--config"),
		.now = cli_now(cli),
		.clock = clock_now,
		.limits = download_limits_default(),
		.lock_wait_ms = LOCK_WAIT_MS,
		.say = progress,
		.ctx = cli,
	};
	options.limits.stopped = is_stopped;
	if (enter_sync_jail(cli, options.config, why))
		return -1;
	if (!every_s)
		return sync_once(cli, &options, false, why);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	return sync_for_ever(cli, &options, every_s);
}

// ---- publish ----

// A server inspects what it gets before it answers, and a team's uplink may be thin.
static struct download_limits publish_limits(void)
{
	struct download_limits limits = download_limits_default();

	limits.base_ms = 120 * 1000;
	limits.rate_window_s = 90;
	limits.rate_min = 16;
	limits.budget_ms = 60 * 60 * 1000;
	return limits;
}

// What was there before is told in one line: a repository may have thousands of roles.
static void print_rest(const struct cli *cli, size_t count)
{
	if (count)
		cli_say(cli, "%zu role%s there already", count, count == 1 ? " was" : "s were");
}

static bool is_old_role(const struct json *step)
{
	return !strcmp(json_text(json_member(step, "kind")), "role") &&
	       !strcmp(json_text(json_member(step, "state")), "present");
}

static int print_steps(const struct cli *cli, const struct json *document, struct fault *why)
{
	static const char *const columns[] = {"KIND", "NAME", ">VERSION", "STATE", NULL};
	const struct json *steps = json_member(document, "steps");
	OWNED(table_drop) struct table *table = NULL;
	size_t old = 0;

	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < json_count(steps); i++) {
		const struct json *step = json_item(steps, i);
		char version[24] = "";
		const char *cells[] = {json_text(json_member(step, "kind")),
				       json_text(json_member(step, "name")), version,
				       json_text(json_member(step, "state"))};

		if (is_old_role(step)) {
			old++;
			continue;
		}
		if (json_member(step, "version"))
			snprintf(version, sizeof(version), "%lld",
				 (long long)json_int(json_member(step, "version")));
		if (table_row(table, cells, why))
			return -1;
	}
	if (json_count(steps))
		table_print(table, cli);
	print_rest(cli, old);
	return 0;
}

static int put_error(struct json *document, const struct fault *refusal, struct fault *why)
{
	if (json_put_text(document, "code", fault_name(refusal->code), why))
		return -1;
	return json_put_text(document, "error", refusal->text, why);
}

static int tell_steps(struct cli *cli, struct json *document, const struct fault *refusal)
{
	OWNED(json_drop) struct json *mine = document;
	struct fault own = {0};

	if (!mine || print_steps(cli, mine, &own))
		return -1;
	if (refusal && put_error(mine, refusal, &own))
		return -1;
	if (cli_document(cli, "bpfseal.publish/1", HAND_OVER(mine), &own))
		return -1;
	cli_document_done(cli);
	return 0;
}

// The key is open by now; what is left is to read the ceremony directory and to talk to one server.
static int enter_publish_jail(const char *dir, const char *ca, struct fault *why)
{
	const struct jail_path own[] = {{.path = dir}, {.path = ca ? ca : dir}};

	return shut_in(own, sizeof(own) / sizeof(*own), why);
}

static int run_publish(struct cli *cli, struct fault *why)
{
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(download_drop) struct download *download = NULL;
	OWNED(memo_drop) struct memo *memo = NULL;
	const struct download_limits limits = publish_limits();
	const char *dir = cli_value(cli, "--dir"), *ca = cli_value(cli, "--ca");
	const char *url, *key_path;
	struct json *document = NULL;

	start_clock(cli);
	if (!dir)
		dir = ".";
	if (cli_need(cli, "--url", &url, why) || cli_need(cli, "--key", &key_path, why) ||
	    secret_key_open(cli, key_path, &key, why) || memo_open(dir, &memo, why) ||
	    enter_publish_jail(dir, ca, why) || download_new(url, ca, &limits, &download, why))
		return -1;
	struct publish_options options = {
		.dir = dir,
		.upload = {.download = download, .key = key, .clock = time_now},
		.memo = memo,
		.say = progress,
		.ctx = cli,
	};
	if (publish_run(&options, &document, why)) {
		// What was done before the refusal stays done: say so, then refuse.
		if (tell_steps(cli, document, why))
			cli_note(cli, "what was done before the refusal cannot be shown");
		return -1;
	}
	return tell_steps(cli, document, NULL) ? fault_set(why, FAULT_OTHER, "out of memory") : 0;
}

// ---- the program ----

static const struct cli_option sync_options[] = {
	{"--every", "TIME", "stay, and sync again every TIME (60s, 15m)", false},
	{"--changes", NULL, "print a line for what came or was refused, not all there is", false},
	{"--config", "FILE", "the node's file (default: " DIR_CONFIG "/node.json)", false},
	{NULL, NULL, NULL, false},
};

static const struct cli_option publish_options[] = {
	{"--dir", "DIR", "the ceremony directory (default: .)", false},
	{"--url", "URL", "the repository", false},
	{"--key", "FILE", "the key that shows who is publishing", false},
	{"--ca", "FILE", "trust this CA for https instead of the system's", false},
	KEYFILE_OPTIONS,
	{NULL, NULL, NULL, false},
};

static const struct cli_command commands[] = {
	{"sync", "", "fetch and verify what node.json uses", sync_options, 0, 0, run_sync},
	{"publish", "", "upload a ceremony directory's files and signed metadata", publish_options,
	 0, 0, run_publish},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

static const struct cli_program program = {
	"bpfseal-fetch", "everything that talks to a repository over the network", commands, false};

int main(int argc, char **argv)
{
	struct fault why = {0};

	if (jail_start(argc, &why)) {
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	signal(SIGPIPE, SIG_IGN);
	return cli_main(&program, argc, argv);
}
