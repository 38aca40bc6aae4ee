// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_watch.h"

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/notify.h"
#include "base/owned.h"
#include "loader/session.h"
#include "loader/watch.h"

// What this process opens besides what it holds for the chains.
#define DESCRIPTORS_OURS 256
// More than 256 interfaces with three chains of 33 and their maps would need.
#define DESCRIPTORS_MAX 200000

struct listener {
	const struct cli *cli;
	struct namer *namer;
	int notify_fd;	 // systemd, or -1
	uint64_t unread; // lines that nobody was ready to read
};

// A reader that has stopped must not stop the watch: what it does not take is counted, not waited for. An alarm is for both
// streams.
static bool is_read(void)
{
	struct pollfd out[] = {{.fd = 1, .events = POLLOUT}, {.fd = 2, .events = POLLOUT}};

	if (poll(out, 2, 0) < 0)
		return false;
	// One that is closed, or whose reader is gone, keeps nobody.
	return (out[0].revents & POLLOUT) && out[1].revents;
}

static void tell(void *ctx, const struct news *news)
{
	struct listener *listener = ctx;
	const struct moment now = moment_now();
	struct fault ignored = {0};
	char text[64];
	const struct news missed = {.kind = NEWS_TROUBLE, .text = text};

	if (!is_read()) {
		listener->unread++;
		return;
	}
	if (listener->unread) {
		snprintf(text, sizeof(text), "%" PRIu64 " lines before this one were not read",
			 listener->unread);
		listener->unread = 0;
		if (news_tell(&missed, listener->cli, listener->namer, &now, &ignored))
			fault_clear(&ignored);
	}
	if (news_tell(news, listener->cli, listener->namer, &now, &ignored))
		fault_clear(&ignored);
}

// As many descriptors as may be had; how many of them may be held.
static size_t raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	if (limit.rlim_cur < limit.rlim_max) {
		const rlim_t want =
			limit.rlim_max > DESCRIPTORS_MAX ? DESCRIPTORS_MAX : limit.rlim_max;
		const struct rlimit more = {.rlim_cur =
						    want > limit.rlim_cur ? want : limit.rlim_cur,
					    .rlim_max = limit.rlim_max};

		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			limit = more;
	}
	return limit.rlim_cur > DESCRIPTORS_OURS ? (size_t)(limit.rlim_cur - DESCRIPTORS_OURS) : 0;
}

static struct watch_places places_of(const struct session *session, const struct cli *cli,
				     struct wakeup *wakeup, struct listener *listener)
{
	return (struct watch_places){.root = cli_root(cli),
				     .tree = session->tree,
				     .config_path = session->config_path,
				     .logs_path = session->logs_path,
				     .events = session->events,
				     .store_dirfd = session->store_dirfd,
				     .loader_dirfd = session->loader_dirfd,
				     .trust_dirfd = session->trust_dirfd,
				     .objects_dirfd = session->objects_dirfd,
				     .logs_dirfd = session->logs_dirfd,
				     .room = raise_limit(),
				     .wakeup = wakeup,
				     .namer = listener->namer,
				     .moment = moment_now,
				     .ticks_us = moment_ticks_us,
				     .tell = tell,
				     .ctx = listener,
				     .mends = wakeup != NULL};
}

#define WATCH_LOCK "watch.lock"
#define BLIND_MAX  3 // an interface that comes can spoil a look; more of it is a refusal

static int watch_once(struct cli *cli, struct watch *watch, struct fault *why)
{
	size_t findings, blind = 0;

	// The first turn may find somebody at work, and waits for him a little.
	do {
		if (poll(NULL, 0, (int)watch_wait_ms(watch)) < 0 || watch_turn(watch, why))
			return -1;
		if (watch_blind(watch) && ++blind == BLIND_MAX) {
			*why = *watch_blind(watch);
			return -1;
		}
	} while (!watch_has_looked(watch));
	findings = watch_findings(watch);
	cli_say(cli, "%zu chain%s, %zu finding%s", watch_chains(watch),
		watch_chains(watch) == 1 ? "" : "s", findings, findings == 1 ? "" : "s");
	cli_document_done(cli);
	if (!findings)
		return 0;
	fault_set(why, FAULT_DRIFT, "%zu finding%s", findings, findings == 1 ? "" : "s");
	return fault_fix(why, "'bpfseal watch' mends what it may, 'bpfseal apply' does the rest");
}

// The directory of our pins. Whoever removes it whole leaves us nowhere to put a chain back, and one that is made anew is
// another one, which our jail does not know: only root makes it, so it takes a new start. What was held goes with us, and
// the new start brings it back.
struct foothold {
	const char *tree;
	struct stat was;
};

static int foothold_check(const struct foothold *foothold, struct fault *why)
{
	struct stat now;
	bool is_there = stat(foothold->tree, &now) == 0;

	if (is_there && now.st_dev == foothold->was.st_dev && now.st_ino == foothold->was.st_ino)
		return 0;
	if (is_there && now.st_dev != foothold->was.st_dev) {
		fault_set(why, FAULT_KERNEL, "another file system is mounted over %s",
			  foothold->tree);
		return fault_fix(why, "unmount it, and start the watch again");
	}
	fault_set(why, FAULT_KERNEL, "%s was removed, with all that is pinned there",
		  foothold->tree);
	return fault_fix(why, "start the watch again as root, which makes it and puts the chains "
			      "back; bpfseal-watch.service does so by itself");
}

static int watch_for_ever(struct listener *listener, struct watch *watch, struct wakeup *wakeup,
			  const struct foothold *foothold, struct fault *why)
{
	char text[128];
	struct news news = {.kind = NEWS_WATCHING, .text = text};
	bool begun = false;

	while (!watch_is_over(watch)) {
		if (watch_turn(watch, why))
			return -1;
		if (!begun && watch_has_looked(watch)) {
			begun = true;
			snprintf(text, sizeof(text), "watching %zu chain%s", watch_chains(watch),
				 watch_chains(watch) == 1 ? "" : "s");
			tell(listener, &news);
			notify_say(listener->notify_fd, "READY=1");
		}
		if (begun)
			notify_say(listener->notify_fd, "WATCHDOG=1");
		// Also before it could look: an order to end it comes this way.
		if (foothold_check(foothold, why) ||
		    wakeup_wait(wakeup, watch_wait_ms(watch), watch_wake, watch, why))
			return -1;
	}
	snprintf(text, sizeof(text), "watching ends");
	news.kind = NEWS_ENDED;
	tell(listener, &news);
	return 0;
}

// Two that mend would each take the other's work for an attack. It is given back with the process, however that ends.
static int be_the_only_one(const struct session *session, int *lock, struct fault *why)
{
	if (!file_lock_at(session->loader_dirfd, WATCH_LOCK, 0, lock, why))
		return 0;
	if (why->code != FAULT_BUSY)
		return -1;
	fault_set(why, FAULT_BUSY, "another 'bpfseal watch' mends the chains of this node already");
	return fault_fix(why, "'bpfseal watch --once' only looks, and may run beside it");
}

int run_watch(struct cli *cli, struct fault *why)
{
	OWNED(drop_fd) int lock = -1;
	OWNED(session_drop) struct session session = SESSION_CLOSED;
	OWNED(wakeup_drop) struct wakeup *wakeup = NULL;
	OWNED(watch_drop) struct watch *watch = NULL;
	OWNED(drop_fd) int notify_fd = notify_open();
	struct listener listener = {.cli = cli, .namer = &session.namer, .notify_fd = notify_fd};
	bool once = cli_has(cli, "--once");
	struct watch_places places;
	struct foothold foothold;

	if (session_open(&session, cli, once ? SESSION_NAMES : SESSION_NAMES | SESSION_EVICTS,
			 why) ||
	    (!once && (be_the_only_one(&session, &lock, why) || wakeup_new(&wakeup, why))))
		return -1;
	foothold.tree = session.tree;
	if (stat(session.tree, &foothold.was))
		return fault_errno(why, FAULT_KERNEL, "cannot look at %s", session.tree);
	signal(SIGPIPE, SIG_IGN);
	places = places_of(&session, cli, wakeup, &listener);
	if (watch_new(&places, &watch, why))
		return -1;
	return once ? watch_once(cli, watch, why)
		    : watch_for_ever(&listener, watch, wakeup, &foothold, why);
}
