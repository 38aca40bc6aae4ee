// SPDX-License-Identifier: Apache-2.0
#include "loader/session.h"

#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "loader/bpffs.h"
#include "loader/moment.h"
#include "loader/reserve.h"
#include "loader/sys.h"

#define LOADER_CAPS  (JAIL_CAP(CAP_BPF) | JAIL_CAP(CAP_NET_ADMIN) | JAIL_CAP(CAP_PERFMON))
#define TRACEFS	     "/sys/kernel/tracing"
#define LOCK_WAIT_MS 10000

void session_drop(struct session *session)
{
	int *fds[] = {&session->store_dirfd,   &session->loader_dirfd, &session->trust_dirfd,
		      &session->objects_dirfd, &session->logs_dirfd,   &session->lock_fd};
	char *texts[] = {session->config_path, session->store_path, session->loader_path,
			 session->bpffs_path,  session->logs_path,  session->tree,
			 session->output_path};

	if (session->keeps_reserve)
		reserve_keep(session->loader_dirfd);
	for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++)
		drop_fd(fds[i]);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		free(texts[i]);
	node_free(session->node);
	events_free(session->events);
	namer_drop(&session->namer);
}

static int session_paths(struct session *session, const struct cli *cli, struct fault *why)
{
	if (cli_path(cli, DIR_CONFIG, &session->config_path, why) ||
	    cli_path(cli, DIR_STORE, &session->store_path, why) ||
	    cli_path(cli, DIR_LOADER, &session->loader_path, why) ||
	    cli_path(cli, DIR_LOADER "/logs", &session->logs_path, why))
		return -1;
	return cli_path(cli, DIR_BPFFS, &session->bpffs_path, why);
}

// The numbers of the tracepoints that the policy names: files that only root may read.
static int session_events(struct session *session, const struct node *node, struct fault *why)
{
	static const char prefix[] = "tracepoint/";
	const char *patterns[POLICY_PROBES_MAX], *text;
	size_t count = 0;

	for (size_t i = 0; i < json_count(node->policy.probes); i++) {
		text = json_text(json_item(node->policy.probes, i));
		if (!strncmp(text, prefix, strlen(prefix)))
			patterns[count++] = text + strlen(prefix);
	}
	return count ? events_read(TRACEFS, patterns, count, &session->events, why) : 0;
}

// The kernel makes maps on a card for CAP_SYS_ADMIN alone: kept where node.json asks for a chain on one, and nowhere else.
// Who has it not can do all the rest; what comes of it is told where such a map is made.
static uint64_t caps_for(const struct node *node)
{
	if (!jail_can(JAIL_CAP(CAP_SYS_ADMIN)))
		return LOADER_CAPS;
	for (size_t i = 0; i < node->interface_count; i++)
		if (node->interfaces[i].xdp_offload && node->interfaces[i].chain_count[HOOK_XDP])
			return LOADER_CAPS | JAIL_CAP(CAP_SYS_ADMIN);
	return LOADER_CAPS;
}

// What only root can do: our directories, given to our user. Then root ends.
static int session_become(struct session *session, const struct cli *cli, const struct node *node,
			  struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	unsigned uid, gid;

	if (geteuid() == 0) {
		if (jail_user(USER_LOADER, &uid, &gid, why) ||
		    bpffs_prepare(cli_root(cli), uid, gid, why) ||
		    dir_make(session->loader_path, 0700, &fd, why) ||
		    (node && session_events(session, node, why)))
			return -1;
		if (fchown(fd, uid, gid))
			return fault_errno(why, FAULT_OTHER, "cannot give %s to its user",
					   session->loader_path);
	}
	return jail_become(USER_LOADER, node ? caps_for(node) : LOADER_CAPS, why);
}

static int session_directories(struct session *session, const struct cli *cli, struct fault *why)
{
	if (dir_open(session->loader_path, &session->loader_dirfd, why) ||
	    dir_make_at(session->loader_dirfd, "trust", 0700, &session->trust_dirfd, why) ||
	    dir_make_at(session->loader_dirfd, "objects", 0700, &session->objects_dirfd, why) ||
	    dir_make_at(session->loader_dirfd, "logs", 0700, &session->logs_dirfd, why))
		return -1;
	// No store yet, or none that its owner lets us read: nothing new can be admitted, all else works.
	if (dir_open(session->store_path, &session->store_dirfd, why)) {
		if (why->code != FAULT_NOT_FOUND)
			cli_note(cli, "warning: %s", why->text);
		fault_clear(why);
	}
	return bpffs_open_tree(cli_root(cli), &session->tree, why);
}

// From here on only these files can be reached, and only the calls that a loader needs.
static int session_shut(const struct session *session, struct fault *why)
{
	char kernel_config[SYS_CONFIG_PATH];
	bool enforced;

	if (sys_kernel_config(kernel_config, why))
		return -1;
	const struct jail_path paths[] = {
		{.path = session->config_path},
		{.path = session->store_path},
		{.path = session->loader_path, .write = true},
		{.path = session->bpffs_path, .write = true},
		{.path = "/sys/kernel/btf"},	     // CO-RE, kfunc names
		{.path = "/sys/devices/system/cpu"}, // sizes of per-CPU values
		{.path = "/proc/config.gz"},	     // kconfig externs
		{.path = kernel_config},
		{.path = "/sys/bus/event_source/devices/kprobe"}, // how kprobes are asked for
		{.path = session->output_path, .write = true},	  // last: there may be none
	};

	if (jail_paths(paths, sizeof(paths) / sizeof(*paths) - !session->output_path, &enforced,
		       why))
		return -1;
	return jail_syscalls(JAIL_KERNEL, why);
}

// Until all chains are built each holds its programs and maps open: some ten descriptors a program.
static void session_stretch(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		// Where that is refused, what was enough is enough still.
		(void)!setrlimit(RLIMIT_NOFILE, &files);
	}
}

// What node.json grants and only root can give: names of foreign programs, numbers of tracepoints. What is wrong with the
// file is told by session_node; until then nothing is granted.
static int session_give_up_root(struct session *session, const struct cli *cli, unsigned needs,
				struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	struct fault ignored = {0};

	if (node_load(cli_root(cli), NULL, &node, &ignored))
		fault_clear(&ignored);
	// A namer that does not start costs the names; the ids have to do. A timer's service need not hear it each time.
	if ((needs & SESSION_NAMES) && node &&
	    namer_start(&node->watch, needs & SESSION_EVICTS, &session->namer, &ignored) &&
	    !cli_has(cli, "--changes"))
		cli_note(cli, "warning: %s", ignored.text);
	return session_become(session, cli, node, why);
}

// Before anything is written.
static void session_make_room(struct session *session, const struct cli *cli)
{
	session->keeps_reserve = true;
	if (reserve_use(session->loader_dirfd))
		cli_note(cli,
			 "warning: the disk of %s is full: this writes in the room that was "
			 "kept for it; make more",
			 session->loader_path);
}

int session_open(struct session *session, const struct cli *cli, unsigned needs, struct fault *why)
{
	session->now = cli_now(cli);
	if (session_paths(session, cli, why) || session_give_up_root(session, cli, needs, why))
		return -1;
	session_stretch();
	if (session_directories(session, cli, why) || session_shut(session, why))
		return -1;
	if (!(needs & SESSION_LOCKED))
		return 0;
	if (file_lock_at(session->loader_dirfd, "lock", LOCK_WAIT_MS, &session->lock_fd, why))
		return fault_within(why, "another loader is at work");
	// Whom we waited for may have trusted a later time than the one that we began at.
	session->now = moment_now().wall_ms / 1000;
	if (needs & SESSION_RECORDS)
		session_make_room(session, cli);
	return 0;
}

int session_node(struct session *session, const struct cli *cli, struct fault *why)
{
	return node_load(cli_root(cli), NULL, &session->node, why);
}

struct plan_places session_plan_places(const struct session *session)
{
	return (struct plan_places){.node = session->node,
				    .tree = session->tree,
				    .loader_dirfd = session->loader_dirfd};
}

int session_admit(const struct session *session, const struct cli *cli, struct admit **out,
		  struct fault *why)
{
	const struct admit_places places = {.root = cli_root(cli),
					    .store_dirfd = session->store_dirfd,
					    .trust_dirfd = session->trust_dirfd,
					    .objects_dirfd = session->objects_dirfd,
					    .now = session->now,
					    .node = session->node};

	return admit_new(&places, out, why);
}
