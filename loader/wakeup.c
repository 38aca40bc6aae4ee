// SPDX-License-Identifier: Apache-2.0
#include "loader/wakeup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/owned.h"
#include "loader/bpffs.h"

#define DEPTH_MAX   4 // gen-1/maps/<member>
#define PINS_MASK   (IN_CREATE | IN_DELETE | IN_MOVE | IN_DELETE_SELF | IN_UNMOUNT | IN_ONLYDIR)
#define ABOVE_MASK  (IN_MOVE | IN_UNMOUNT | IN_ONLYDIR)
#define ABOVE_MAX   2	       // the interface's directory, and the tree's
#define EVERYBODY   UINT32_MAX // the tag of these
#define MESSAGE_MAX 32768      // the kernel's own limit for one of route netlink is below
#define ROUTE_ROOM  (1u << 20) // for what is told while we look at something else

struct wakeup_dir {
	int wd;
	uint32_t tag;
};

struct wakeup {
	int signals, pins, route;
	struct wakeup_dir *list;
	size_t count;
};

void wakeup_free(struct wakeup *wakeup)
{
	if (!wakeup)
		return;
	drop_fd(&wakeup->signals);
	drop_fd(&wakeup->pins);
	drop_fd(&wakeup->route);
	free(wakeup->list);
	free(wakeup);
}

static int open_signals(int *out, struct fault *why)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) ||
	    (*out = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) < 0)
		return fault_errno(why, FAULT_OTHER, "cannot wait for signals");
	return 0;
}

static int open_route(int *out, struct fault *why)
{
	const struct sockaddr_nl where = {.nl_family = AF_NETLINK,
					  .nl_groups = RTMGRP_LINK | RTMGRP_TC};
	const int room = ROUTE_ROOM;

	*out = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (*out < 0 || setsockopt(*out, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(*out, (const struct sockaddr *)&where, sizeof(where)))
		return fault_errno(why, FAULT_KERNEL, "cannot listen for changes of interfaces");
	return 0;
}

int wakeup_new(struct wakeup **out, struct fault *why)
{
	OWNED(wakeup_drop) struct wakeup *wakeup = calloc(1, sizeof(*wakeup));

	if (!wakeup)
		return fault_set(why, FAULT_OTHER, "out of memory");
	wakeup->signals = wakeup->route = -1;
	wakeup->pins = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (wakeup->pins < 0)
		return fault_errno(why, FAULT_OTHER, "cannot listen for changes of pins");
	if (open_signals(&wakeup->signals, why) || open_route(&wakeup->route, why))
		return -1;
	*out = HAND_OVER(wakeup);
	return 0;
}

// ---- pins ----

static int remember(struct wakeup *wakeup, int wd, uint32_t tag, struct fault *why)
{
	struct wakeup_dir *grown;

	for (size_t i = 0; i < wakeup->count; i++)
		if (wakeup->list[i].wd == wd) {
			wakeup->list[i].tag = tag;
			return 0;
		}
	grown = reallocarray(wakeup->list, wakeup->count + 1, sizeof(*wakeup->list));
	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	wakeup->list = grown;
	wakeup->list[wakeup->count++] = (struct wakeup_dir){wd, tag};
	return 0;
}

static void forget_at(struct wakeup *wakeup, size_t index)
{
	wakeup->list[index] = wakeup->list[--wakeup->count];
}

static int watch_below(struct wakeup *wakeup, const char *dir, unsigned depth, uint32_t tag,
		       struct fault *why);

static int watch_entry(struct wakeup *wakeup, int dirfd, const char *dir, const char *entry,
		       unsigned depth, uint32_t tag, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	struct stat about;

	if (fstatat(dirfd, entry, &about, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(about.st_mode))
		return 0;
	if (asprintf(&path, "%s/%s", dir, entry) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return watch_below(wakeup, path, depth - 1, tag, why);
}

static int watch_below(struct wakeup *wakeup, const char *dir, unsigned depth, uint32_t tag,
		       struct fault *why)
{
	int wd = inotify_add_watch(wakeup->pins, dir, PINS_MASK);
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	if (wd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES))
		return 0;
	if (wd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot listen for changes of %s", dir);
	if (remember(wakeup, wd, tag, why))
		return -1;
	if (!depth)
		return 0;
	if (bpffs_open_dir(dir, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (watch_entry(wakeup, fd, dir, names.name[i], depth, tag, why))
			return -1;
	return 0;
}

// A rename of a directory above `dir` is reported by inotify to watchers of that directory's parent only, so the parents are
// watched too.
static int watch_above(struct wakeup *wakeup, const char *dir, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;

	if (text_copy(dir, &path, why))
		return -1;
	for (int i = 0; i < ABOVE_MAX; i++) {
		char *slash = strrchr(path, '/');
		int wd;

		if (!slash || slash == path)
			return 0;
		*slash = '\0';
		wd = inotify_add_watch(wakeup->pins, path, ABOVE_MASK);
		if (wd < 0 && errno != ENOENT && errno != ENOTDIR)
			return fault_errno(why, FAULT_OTHER, "cannot listen for changes of %s",
					   path);
		if (wd >= 0 && remember(wakeup, wd, EVERYBODY, why))
			return -1;
	}
	return 0;
}

int wakeup_watch(struct wakeup *wakeup, const char *dir, uint32_t tag, struct fault *why)
{
	return watch_above(wakeup, dir, why) || watch_below(wakeup, dir, DEPTH_MAX, tag, why) ? -1
											      : 0;
}

void wakeup_forget(struct wakeup *wakeup, uint32_t tag)
{
	for (size_t i = wakeup->count; i-- > 0;)
		if (wakeup->list[i].tag == tag) {
			inotify_rm_watch(wakeup->pins, wakeup->list[i].wd);
			forget_at(wakeup, i);
		}
}

static void tell_pin(struct wakeup *wakeup, const struct inotify_event *event,
		     wakeup_handler handler, void *ctx)
{
	if (event->mask & IN_Q_OVERFLOW) {
		handler(ctx, WAKEUP_LOST, 0);
		return;
	}
	for (size_t i = 0; i < wakeup->count; i++) {
		if (wakeup->list[i].wd != event->wd)
			continue;
		if (wakeup->list[i].tag == EVERYBODY)
			handler(ctx, WAKEUP_LOST, 0);
		else
			handler(ctx, WAKEUP_PINS, wakeup->list[i].tag);
		if (event->mask & IN_IGNORED)
			forget_at(wakeup, i);
		return;
	}
}

static void tell_pins(struct wakeup *wakeup, wakeup_handler handler, void *ctx)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t got;

	while ((got = read(wakeup->pins, events, sizeof(events))) > 0)
		for (char *at = events; at < events + got;) {
			const struct inotify_event *event = (const void *)at;

			tell_pin(wakeup, event, handler, ctx);
			at += sizeof(*event) + event->len;
		}
}

// ---- interfaces and filters ----

static void tell_message(const struct nlmsghdr *message, wakeup_handler handler, void *ctx)
{
	// Every message of these groups begins with the family and has the index in the same place.
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const struct tcmsg *filter = NLMSG_DATA(message);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)))
			handler(ctx, WAKEUP_LINK, (uint32_t)link->ifi_index);
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(*filter)))
			handler(ctx, WAKEUP_FILTERS,
				(uint32_t)filter->tcm_ifindex == TCM_IFINDEX_MAGIC_BLOCK
					? 0
					: (uint32_t)filter->tcm_ifindex);
		break;
	default:
		break;
	}
}

static void tell_route(struct wakeup *wakeup, wakeup_handler handler, void *ctx)
{
	_Alignas(struct nlmsghdr) char data[MESSAGE_MAX];
	const struct nlmsghdr *message;
	size_t left;
	ssize_t got;

	while ((got = recv(wakeup->route, data, sizeof(data), 0)) > 0 ||
	       (got < 0 && errno == ENOBUFS)) {
		if (got < 0) {
			handler(ctx, WAKEUP_LOST, 0);
			continue;
		}
		left = (size_t)got;
		for (message = (const void *)data; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left))
			tell_message(message, handler, ctx);
	}
}

// ---- waiting ----

int wakeup_wait(struct wakeup *wakeup, int64_t timeout_ms, wakeup_handler handler, void *ctx,
		struct fault *why)
{
	struct pollfd fds[] = {{.fd = wakeup->signals, .events = POLLIN},
			       {.fd = wakeup->pins, .events = POLLIN},
			       {.fd = wakeup->route, .events = POLLIN}};
	struct signalfd_siginfo signal;

	if (poll(fds, 3, timeout_ms < 0 ? 0 : (int)timeout_ms) < 0)
		return errno == EINTR ? 0 : fault_errno(why, FAULT_OTHER, "cannot wait");
	if (fds[0].revents && read(wakeup->signals, &signal, sizeof(signal)) > 0)
		handler(ctx, WAKEUP_END, 0);
	if (fds[1].revents)
		tell_pins(wakeup, handler, ctx);
	if (fds[2].revents)
		tell_route(wakeup, handler, ctx);
	return 0;
}
