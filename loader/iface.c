// SPDX-License-Identifier: Apache-2.0
#include "loader/iface.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "base/owned.h"

// An answer about one link is about 2 KiB; with many virtual functions the kernel cuts it at 16 KiB.
#define ANSWER_MAX 32768

struct question {
	struct nlmsghdr head;
	struct ifinfomsg info;
	struct rtattr name_head;
	char name[IF_NAMESIZE];
};

static int iface_ask(int fd, const char *name, struct fault *why)
{
	struct question question = {
		.head = {.nlmsg_len = sizeof(question),
			 .nlmsg_type = RTM_GETLINK,
			 .nlmsg_flags = NLM_F_REQUEST,
			 .nlmsg_seq = 1},
		.info = {.ifi_family = AF_UNSPEC},
		.name_head = {.rta_type = IFLA_IFNAME,
			      .rta_len = (unsigned short)RTA_LENGTH(IF_NAMESIZE)},
	};

	if (strlen(name) >= IF_NAMESIZE)
		return fault_set(why, FAULT_CONFIG, "\"%s\" is too long for an interface", name);
	memcpy(question.name, name, strlen(name));
	if (send(fd, &question, sizeof(question), 0) != (ssize_t)sizeof(question))
		return fault_errno(why, FAULT_KERNEL, "cannot ask for interface %s", name);
	return 0;
}

static void iface_read_xdp(const struct rtattr *nest, struct iface *out)
{
	const struct rtattr *at = RTA_DATA(nest);
	unsigned room = (unsigned)RTA_PAYLOAD(nest);

	for (; RTA_OK(at, room); at = RTA_NEXT(at, room)) {
		if (at->rta_type == IFLA_XDP_ATTACHED && RTA_PAYLOAD(at) >= 1)
			memcpy(&out->xdp_mode, RTA_DATA(at), 1);
		// With one program per interface the kernel names it here; with several (multi mode) each has an
		// attribute of its own, and any of them is a program that is not ours to push aside.
		if ((at->rta_type == IFLA_XDP_PROG_ID || at->rta_type == IFLA_XDP_DRV_PROG_ID ||
		     at->rta_type == IFLA_XDP_SKB_PROG_ID || at->rta_type == IFLA_XDP_HW_PROG_ID) &&
		    RTA_PAYLOAD(at) >= sizeof(uint32_t) && !out->xdp_program)
			memcpy(&out->xdp_program, RTA_DATA(at), sizeof(uint32_t));
	}
}

static int iface_read(const struct nlmsghdr *head, size_t len, const char *name, struct iface *out,
		      struct fault *why)
{
	const struct ifinfomsg *info = NLMSG_DATA(head);
	const struct rtattr *at;
	unsigned room;

	if (!NLMSG_OK(head, len))
		return fault_set(why, FAULT_KERNEL, "the kernel's answer about %s is cut short",
				 name);
	if (head->nlmsg_type == NLMSG_ERROR) {
		const struct nlmsgerr *refusal = NLMSG_DATA(head);

		errno = -refusal->error;
		if (errno == ENODEV)
			return fault_set(why, FAULT_CONFIG, "there is no interface %s here", name);
		return fault_errno(why, FAULT_KERNEL, "cannot find interface %s", name);
	}
	if (head->nlmsg_type != RTM_NEWLINK)
		return fault_set(why, FAULT_KERNEL, "an odd answer about interface %s", name);
	*out = (struct iface){.index = (uint32_t)info->ifi_index};
	room = (unsigned)(head->nlmsg_len - NLMSG_LENGTH(sizeof(*info)));
	for (at = IFLA_RTA(info); RTA_OK(at, room); at = RTA_NEXT(at, room))
		if ((at->rta_type & NLA_TYPE_MASK) == IFLA_XDP)
			iface_read_xdp(at, out);
	return 0;
}

int iface_find(const char *name, struct iface *out, struct fault *why)
{
	OWNED(drop_fd) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	OWNED(drop_heap) void *answer = malloc(ANSWER_MAX);
	const struct timeval patience = {.tv_sec = 5};
	ssize_t got;

	if (!answer)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)))
		return fault_errno(why, FAULT_KERNEL, "cannot open a netlink socket");
	if (iface_ask(fd, name, why))
		return -1;
	got = recv(fd, answer, ANSWER_MAX, 0);
	if (got < 0)
		return fault_errno(why, FAULT_KERNEL, "no answer about interface %s", name);
	return iface_read(answer, (size_t)got, name, out, why);
}
