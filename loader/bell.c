// SPDX-License-Identifier: Apache-2.0
#include "loader/bell.h"

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

struct watched {
	int wd;
	uint32_t tag;
};

struct bell {
	int signals, pins, route;
	struct watched *list;
	size_t count;
};

void bell_free(struct bell *bell)
{
	if (!bell)
		return;
	drop_fd(&bell->signals);
	drop_fd(&bell->pins);
	drop_fd(&bell->route);
	free(bell->list);
	free(bell);
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

int bell_new(struct bell **out, struct fault *why)
{
	OWNED(bell_drop) struct bell *bell = calloc(1, sizeof(*bell));

	if (!bell)
		return fault_set(why, FAULT_OTHER, "out of memory");
	bell->signals = bell->route = -1;
	bell->pins = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (bell->pins < 0)
		return fault_errno(why, FAULT_OTHER, "cannot listen for changes of pins");
	if (open_signals(&bell->signals, why) || open_route(&bell->route, why))
		return -1;
	*out = HAND_OVER(bell);
	return 0;
}

// ---- pins ----

static int remember(struct bell *bell, int wd, uint32_t tag, struct fault *why)
{
	struct watched *grown;

	for (size_t i = 0; i < bell->count; i++)
		if (bell->list[i].wd == wd) {
			bell->list[i].tag = tag;
			return 0;
		}
	grown = reallocarray(bell->list, bell->count + 1, sizeof(*bell->list));
	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	bell->list = grown;
	bell->list[bell->count++] = (struct watched){wd, tag};
	return 0;
}

static void forget_at(struct bell *bell, size_t index)
{
	bell->list[index] = bell->list[--bell->count];
}

static int watch_below(struct bell *bell, const char *dir, unsigned depth, uint32_t tag,
		       struct fault *why);

static int watch_entry(struct bell *bell, int dirfd, const char *dir, const char *entry,
		       unsigned depth, uint32_t tag, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	struct stat about;

	if (fstatat(dirfd, entry, &about, AT_SYMLINK_NOFOLLOW) || !S_ISDIR(about.st_mode))
		return 0;
	if (asprintf(&path, "%s/%s", dir, entry) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return watch_below(bell, path, depth - 1, tag, why);
}

static int watch_below(struct bell *bell, const char *dir, unsigned depth, uint32_t tag,
		       struct fault *why)
{
	int wd = inotify_add_watch(bell->pins, dir, PINS_MASK);
	OWNED(drop_fd) int fd = -1;
	OWNED(names_drop) struct names names = {0};

	if (wd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EACCES))
		return 0;
	if (wd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot listen for changes of %s", dir);
	if (remember(bell, wd, tag, why))
		return -1;
	if (!depth)
		return 0;
	if (bpffs_open_dir(dir, &fd, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(fd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (watch_entry(bell, fd, dir, names.name[i], depth, tag, why))
			return -1;
	return 0;
}

// A rename of a directory above `dir` is reported by inotify to watchers of that directory's parent only, so the parents are
// watched too.
static int watch_above(struct bell *bell, const char *dir, struct fault *why)
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
		wd = inotify_add_watch(bell->pins, path, ABOVE_MASK);
		if (wd < 0 && errno != ENOENT && errno != ENOTDIR)
			return fault_errno(why, FAULT_OTHER, "cannot listen for changes of %s",
					   path);
		if (wd >= 0 && remember(bell, wd, EVERYBODY, why))
			return -1;
	}
	return 0;
}

int bell_watch(struct bell *bell, const char *dir, uint32_t tag, struct fault *why)
{
	return watch_above(bell, dir, why) || watch_below(bell, dir, DEPTH_MAX, tag, why) ? -1 : 0;
}

void bell_forget(struct bell *bell, uint32_t tag)
{
	for (size_t i = bell->count; i-- > 0;)
		if (bell->list[i].tag == tag) {
			inotify_rm_watch(bell->pins, bell->list[i].wd);
			forget_at(bell, i);
		}
}

static void ring_pin(struct bell *bell, const struct inotify_event *event, bell_ring ring,
		     void *ctx)
{
	if (event->mask & IN_Q_OVERFLOW) {
		ring(ctx, BELL_LOST, 0);
		return;
	}
	for (size_t i = 0; i < bell->count; i++) {
		if (bell->list[i].wd != event->wd)
			continue;
		if (bell->list[i].tag == EVERYBODY)
			ring(ctx, BELL_LOST, 0);
		else
			ring(ctx, BELL_PINS, bell->list[i].tag);
		if (event->mask & IN_IGNORED)
			forget_at(bell, i);
		return;
	}
}

static void ring_pins(struct bell *bell, bell_ring ring, void *ctx)
{
	_Alignas(struct inotify_event) char events[4096];
	ssize_t got;

	while ((got = read(bell->pins, events, sizeof(events))) > 0)
		for (char *at = events; at < events + got;) {
			const struct inotify_event *event = (const void *)at;

			ring_pin(bell, event, ring, ctx);
			at += sizeof(*event) + event->len;
		}
}

// ---- interfaces and filters ----

static void ring_message(const struct nlmsghdr *message, bell_ring ring, void *ctx)
{
	// Every message of these groups begins with the family and has the index in the same place.
	const struct ifinfomsg *link = NLMSG_DATA(message);
	const struct tcmsg *filter = NLMSG_DATA(message);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(*link)))
			ring(ctx, BELL_LINK, (uint32_t)link->ifi_index);
		break;
	case RTM_NEWQDISC:
	case RTM_DELQDISC:
	case RTM_NEWTFILTER:
	case RTM_DELTFILTER:
		if (message->nlmsg_len >= NLMSG_LENGTH(sizeof(*filter)))
			ring(ctx, BELL_FILTERS,
			     (uint32_t)filter->tcm_ifindex == TCM_IFINDEX_MAGIC_BLOCK
				     ? 0
				     : (uint32_t)filter->tcm_ifindex);
		break;
	default:
		break;
	}
}

static void ring_route(struct bell *bell, bell_ring ring, void *ctx)
{
	_Alignas(struct nlmsghdr) char data[MESSAGE_MAX];
	const struct nlmsghdr *message;
	size_t left;
	ssize_t got;

	while ((got = recv(bell->route, data, sizeof(data), 0)) > 0 ||
	       (got < 0 && errno == ENOBUFS)) {
		if (got < 0) {
			ring(ctx, BELL_LOST, 0);
			continue;
		}
		left = (size_t)got;
		for (message = (const void *)data; NLMSG_OK(message, left);
		     message = NLMSG_NEXT(message, left))
			ring_message(message, ring, ctx);
	}
}

// ---- waiting ----

int bell_wait(struct bell *bell, int64_t timeout_ms, bell_ring ring, void *ctx, struct fault *why)
{
	struct pollfd fds[] = {{.fd = bell->signals, .events = POLLIN},
			       {.fd = bell->pins, .events = POLLIN},
			       {.fd = bell->route, .events = POLLIN}};
	struct signalfd_siginfo signal;

	if (poll(fds, 3, timeout_ms < 0 ? 0 : (int)timeout_ms) < 0)
		return errno == EINTR ? 0 : fault_errno(why, FAULT_OTHER, "cannot wait");
	if (fds[0].revents && read(bell->signals, &signal, sizeof(signal)) > 0)
		ring(ctx, BELL_END, 0);
	if (fds[1].revents)
		ring_pins(bell, ring, ctx);
	if (fds[2].revents)
		ring_route(bell, ring, ctx);
	return 0;
}
