// SPDX-License-Identifier: Apache-2.0
// bpfseal-repod: the warehouse. `serve` forks a signer and a broker, gives up what it does not need, and serves.
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#include "base/cli.h"
#include "base/file.h"
#include "base/jail.h"
#include "base/notify.h"
#include "base/owned.h"
#include "base/program.h"
#include "repod/broker.h"
#include "repod/catalog.h"
#include "repod/channel.h"
#include "repod/committed.h"
#include "repod/config.h"
#include "repod/home.h"
#include "repod/http.h"
#include "repod/listener.h"
#include "repod/publish.h"
#include "repod/signer.h"
#include "repod/soundness.h"

#define SHELF_BYTES ((size_t)64 << 20)
#define TICK_MS	    250
// After a renewal that failed: long enough not to fill a log, far below any sensible life.
#define RENEWAL_PAUSE_S 15

static int64_t clock_now(void)
{
	return (int64_t)time(NULL);
}

// ---- check ----

static int check_document(struct cli *cli, const struct soundness *found, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();

	if (json_put_bool(document, "ok", json_count(found->damage) == 0, why) ||
	    json_put_int(document, "timestamp", found->timestamp, why) ||
	    json_put_int(document, "snapshot", found->snapshot, why) ||
	    json_put_bool(document, "expired", found->expired, why) ||
	    json_put_int(document, "files", (int64_t)found->files, why) ||
	    json_put_int(document, "blobs", (int64_t)found->blobs, why) ||
	    json_put_int(document, "targets", (int64_t)found->targets, why) ||
	    json_put_int(document, "audit_records", (int64_t)found->audit_records, why) ||
	    json_put(document, "damage", json_keep(found->damage), why) ||
	    json_put(document, "notes", json_keep(found->notes), why))
		return -1;
	return cli_document(cli, "bpfseal.repod.check/1", HAND_OVER(document), why);
}

static int run_check(struct cli *cli, struct fault *why)
{
	OWNED(drop_heap) char *state = NULL;
	OWNED(soundness_drop) struct soundness found = {0};
	size_t damages;

	if (cli_path(cli, DIR_REPOD, &state, why) || jail_become(USER_REPOD, 0, why) ||
	    soundness_check(state, cli_now(cli), &found, why))
		return -1;
	for (size_t i = 0; i < json_count(found.notes); i++)
		cli_say(cli, "note    %s", json_text(json_item(found.notes, i)));
	for (size_t i = 0; i < json_count(found.damage); i++)
		cli_say(cli, "damage  %s", json_text(json_item(found.damage, i)));
	cli_say(cli,
		"timestamp %" PRId64 "%s, snapshot %" PRId64
		": %zu metadata files, %zu targets, %zu blobs, %zu audit records",
		found.timestamp, found.expired ? " (expired: start the server)" : "",
		found.snapshot, found.files, found.targets, found.blobs, found.audit_records);
	if (check_document(cli, &found, why))
		return -1;
	damages = json_count(found.damage);
	if (!damages)
		return 0;
	cli_document_done(cli);
	return fault_set(why, FAULT_DIGEST, "the repository's state has %zu damage%s", damages,
			 damages == 1 ? "" : "s");
}

// ---- serve: the processes ----

struct signer_start {
	const char *dir;
	int64_t snapshot_s, timestamp_s;
};

static int run_signer(int fd, void *ctx, struct fault *why)
{
	const struct signer_start *start = ctx;
	const struct jail_path paths[] = {{start->dir, true, false}};
	OWNED(drop_fd) int dir = -1;
	struct signer_setup setup = {-1, start->snapshot_s, start->timestamp_s, clock_now};
	bool enforced;

	if (jail_become(USER_SIGNER, 0, why))
		return -1;
	// A change of user has undone the first one.
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (state_open(start->dir, &dir, why))
		return -1;
	if (jail_paths(paths, 1, &enforced, why) || jail_syscalls(JAIL_OFFLINE, why))
		return -1;
	setup.dirfd = dir;
	return signer_serve(fd, &setup, why);
}

static int run_broker(int fd, void *ctx, struct fault *why)
{
	bool enforced;

	(void)ctx;
	if (jail_become(USER_REPOD, 0, why))
		return -1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (jail_paths(NULL, 0, &enforced, why) || jail_syscalls(JAIL_OFFLINE, why))
		return -1;
	return broker_serve(fd, why);
}

// ---- serve ----

struct server {
	struct cli *cli;
	struct config config;
	int listener, notify_fd;
	char address[LISTENER_NAME_LEN];
	struct child signer, broker;
	struct publish *publish;
	struct catalog *catalog;
	struct shelf *shelf;
	struct metrics metrics;
	struct route route;
	struct http *http;
	int64_t pause_until;
};

static void server_drop(struct server *server)
{
	http_stop(server->http);
	shelf_free(server->shelf);
	catalog_free(server->catalog);
	publish_free(server->publish);
	child_end(&server->signer);
	child_end(&server->broker);
	drop_fd(&server->listener);
	drop_fd(&server->notify_fd);
	config_drop(&server->config);
}

static sigset_t our_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGCHLD);
	return set;
}

static int start_processes(struct server *server, struct fault *why)
{
	struct signer_start start = {server->config.signer, server->config.snapshot_s,
				     server->config.timestamp_s};
	const int of_signer[] = {server->listener, server->config.ready_fd, -1};

	if (child_start("signer", run_signer, &start, of_signer, &server->signer, why))
		return -1;
	const int of_broker[] = {server->listener, server->signer.fd, server->config.ready_fd, -1};

	return child_start("broker", run_broker, NULL, of_broker, &server->broker, why);
}

static int shut_jail(const struct server *server, struct fault *why)
{
	const struct jail_path paths[] = {{server->config.state, true, false},
					  {"/dev/urandom", false, false}};
	bool enforced;

	if (jail_become(USER_REPOD, 0, why) || jail_paths(paths, 2, &enforced, why))
		return -1;
	if (!enforced)
		cli_note(server->cli, "this kernel has no Landlock: files are not confined");
	return jail_syscalls(JAIL_NETWORK, why);
}

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

// Not more connections than there can be descriptors, with some left for files (A63).
static unsigned connections_max(const struct config *config)
{
	struct rlimit limit;
	unsigned max = config->connections_max;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < (rlim_t)max + 64)
		max = limit.rlim_cur > 80 ? (unsigned)limit.rlim_cur - 64 : 16;
	return max;
}

static void renew(struct server *server)
{
	struct fault why = {0};
	bool done = false;

	if (clock_now() < server->pause_until)
		return;
	if (publish_refresh(server->publish, &done, &why)) {
		atomic_fetch_add(&server->metrics.renewal_failures, 1);
		server->pause_until = clock_now() + RENEWAL_PAUSE_S;
		fault_within(&why, "snapshot and timestamp could not be renewed");
		fault_print(&why, stderr);
		return;
	}
	if (done)
		atomic_fetch_add(&server->metrics.renewals, 1);
}

static int open_publish(struct server *server, struct fault *why)
{
	const struct config *config = &server->config;
	const struct publish_setup setup = {
		.state = config->state,
		.signer = server->signer.fd,
		.broker = server->broker.fd,
		.snapshot_s = config->snapshot_s,
		.timestamp_s = config->timestamp_s,
		.clock = clock_now,
	};
	OWNED(bytes_drop) struct bytes path = {0};
	char mended[256];

	if (publish_new(&setup, &server->publish, mended, why))
		return -1;
	if (mended[0])
		cli_note(server->cli, "%s", mended);
	if (bytes_format(&path, why, "%s/%s", config->state, CATALOG_FILE) ||
	    catalog_open(bytes_text(&path), false, &server->catalog, why))
		return -1;
	return shelf_new(SHELF_BYTES, &server->shelf, why);
}

static int open_door(struct server *server, struct fault *why)
{
	server->route = (struct route){server->publish, server->catalog, server->shelf,
				       &server->metrics, clock_now};
	const struct http_setup setup = {
		.listener = server->listener,
		.route = &server->route,
		.metrics = &server->metrics,
		.connections_max = connections_max(&server->config),
		.per_address_max = server->config.per_address_max,
	};

	if (http_start(&setup, &server->http, why))
		return -1;
	server->listener = -1;
	return 0;
}

static int tell_ready(struct server *server, struct fault *why)
{
	OWNED(drop_fd) int fd = HAND_OVER_FD(server->config.ready_fd);
	char line[LISTENER_NAME_LEN + 1];

	cli_say(server->cli, "listening on %s", server->address);
	fflush(stdout);
	notify_say(server->notify_fd, "READY=1");
	if (fd < 0)
		return 0;
	snprintf(line, sizeof(line), "%s\n", server->address);
	return file_write_all(fd, line, strlen(line), why);
}

// Which of ours has ended? Without either there is nothing left to promise.
static int check_processes(struct server *server, struct fault *why)
{
	struct child *children[] = {&server->signer, &server->broker};

	for (size_t i = 0; i < 2; i++) {
		int status = 0;

		if (waitpid(children[i]->pid, &status, WNOHANG) != children[i]->pid)
			continue;
		children[i]->pid = 0;
		if (WIFSIGNALED(status))
			return fault_set(why, FAULT_OTHER,
					 "the %s process was killed (signal %d): the server ends",
					 children[i]->name, WTERMSIG(status));
		return fault_set(why, FAULT_OTHER,
				 "the %s process has ended (status %d): the server ends",
				 children[i]->name, WEXITSTATUS(status));
	}
	return 0;
}

static int serve(struct server *server, struct fault *why)
{
	const struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
	const sigset_t signals = our_signals();

	for (;;) {
		int got = sigtimedwait(&signals, NULL, &tick);

		if (got == SIGTERM || got == SIGINT)
			return 0;
		if (check_processes(server, why))
			return -1;
		http_tick(server->http);
		renew(server);
	}
}

static int run_serve(struct cli *cli, struct fault *why)
{
	OWNED(server_drop)
	struct server server = {
		.cli = cli, .listener = -1, .notify_fd = -1, .signer.fd = -1, .broker.fd = -1};
	const sigset_t signals = our_signals();
	OWNED(drop_fd) int state = -1;

	// Looked at before anything is forked, so that there is one sentence about it.
	if (config_read(cli, &server.config, why) || state_open(server.config.state, &state, why) ||
	    listener_open(server.config.listen, &server.listener, server.address, why))
		return -1;
	drop_fd(&state);
	raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
	// Blocked before the first thread, so that only the loop below ever gets them.
	sigprocmask(SIG_BLOCK, &signals, NULL);
	if (start_processes(&server, why))
		return -1;
	server.notify_fd = notify_open();
	if (shut_jail(&server, why))
		return -1;
	if (open_publish(&server, why)) {
		struct fault dead = {0};

		// Had a process ended, that is the reason and not the sentence about its silence.
		if (check_processes(&server, &dead))
			*why = dead;
		return -1;
	}
	renew(&server);
	if (open_door(&server, why) || tell_ready(&server, why))
		return -1;
	return serve(&server, why);
}

// ---- the table ----

static const struct cli_option pin_options[] = {
	{"--fingerprint", "F", "what the key holders say that the root's fingerprint is", false},
	{NULL, NULL, NULL, false},
};
static const struct cli_option serve_options[] = {
	CONFIG_OPTIONS,
	{NULL, NULL, NULL, false},
};
static const struct cli_command commands[] = {
	{"repod init", "", "make the server's directories, catalogue and online key", NULL, 0, 0,
	 home_init},
	{"repod pin", "ROOT.json", "pin the root that the server itself trusts first", pin_options,
	 1, 1, home_pin},
	{"repod serve", "", "serve and take publications", serve_options, 0, 0, run_serve},
	{"repod check", "", "tell whether the state is sound", NULL, 0, 0, run_check},
	{NULL, NULL, NULL, NULL, 0, 0, NULL},
};

int main(int argc, char **argv)
{
	static const struct cli_program program = {"bpfseal-repod", "the repository server",
						   commands, .asks_nobody = true};
	struct fault why = {0};

	if (jail_start(argc, &why)) {
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	return cli_main(&program, argc, argv);
}
