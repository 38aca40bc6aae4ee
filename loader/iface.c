// SPDX-License-Identifier: Apache-2.0
#include "loader/iface.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>

#include "base/owned.h"
#include "loader/netlink.h"

#define DUMPS_MAX 8 // of a list that changes while it is read

// RTEXT_FILTER_SKIP_STATS: counters of the card are not for us, and cost the driver a question.
#define WITHOUT_STATS 8u

static void begin(struct netlink_request *request, uint16_t flags, uint32_t index)
{
	const struct ifinfomsg info = {.ifi_family = AF_UNSPEC, .ifi_index = (int)index};
	const uint32_t mask = WITHOUT_STATS;

	netlink_begin(request, RTM_GETLINK, flags, &info, sizeof(info));
	netlink_put(request, IFLA_EXT_MASK, &mask, sizeof(mask));
}

static int iface_read(const struct nlmsghdr *answer, struct iface *out, struct fault *why)
{
	const size_t body = sizeof(struct ifinfomsg);
	const struct ifinfomsg *info = NLMSG_DATA(answer);
	const struct rtattr *xdp, *mode;
	uint32_t one, driver, stack;

	if (answer->nlmsg_type != RTM_NEWLINK || answer->nlmsg_len < NLMSG_LENGTH(body))
		return fault_set(why, FAULT_KERNEL, "an odd answer about an interface");
	*out = (struct iface){.index = (uint32_t)info->ifi_index};
	netlink_text(netlink_find(answer, body, IFLA_IFNAME, 1), out->name, sizeof(out->name));
	xdp = netlink_find(answer, body, IFLA_XDP, 0);
	mode = netlink_find_in(xdp, IFLA_XDP_ATTACHED, 1);
	if (mode)
		memcpy(&out->xdp_mode, RTA_DATA(mode), 1);
	// With one program the kernel names it once more without its mode; with several (multi mode) each only with it.
	one = netlink_u32(netlink_find_in(xdp, IFLA_XDP_PROG_ID, 4));
	driver = netlink_u32(netlink_find_in(xdp, IFLA_XDP_DRV_PROG_ID, 4));
	stack = netlink_u32(netlink_find_in(xdp, IFLA_XDP_SKB_PROG_ID, 4));
	out->xdp_on_card = netlink_u32(netlink_find_in(xdp, IFLA_XDP_HW_PROG_ID, 4));
	if (out->xdp_mode == XDP_ATTACHED_MULTI)
		out->xdp_mode = driver	? XDP_ATTACHED_DRV
				: stack ? XDP_ATTACHED_SKB
					: XDP_ATTACHED_HW;
	out->xdp_program = driver ? driver : stack ? stack : one ? one : out->xdp_on_card;
	return 0;
}

static int take_one(const struct nlmsghdr *answer, void *ctx, struct fault *why)
{
	return iface_read(answer, ctx, why);
}

int iface_find(const char *name, struct iface *out, struct fault *why)
{
	struct netlink_request request;
	struct netlink_verdict verdict;

	if (strlen(name) >= IFACE_NAME_MAX)
		return fault_set(why, FAULT_CONFIG, "\"%s\" is too long for an interface", name);
	*out = (struct iface){0};
	begin(&request, 0, 0);
	netlink_put_text(&request, IFLA_IFNAME, name);
	if (netlink_ask(&request, take_one, out, &verdict, why))
		return -1;
	if (verdict.error == ENODEV)
		return fault_set(why, FAULT_CONFIG, "there is no interface %s here", name);
	if (verdict.error)
		return netlink_refuse(&verdict, why, "cannot find interface %s", name);
	// An alternative name finds it too, but is not the one that node.json, pins and records go by.
	if (strcmp(out->name, name) != 0)
		return fault_set(why, FAULT_CONFIG, "there is no interface %s here", name);
	return 0;
}

int iface_at(uint32_t index, struct iface *out, struct fault *why)
{
	struct netlink_request request;
	struct netlink_verdict verdict;

	*out = (struct iface){0};
	begin(&request, 0, index);
	if (netlink_ask(&request, take_one, out, &verdict, why))
		return -1;
	if (verdict.error == ENODEV)
		return fault_set(why, FAULT_NOT_FOUND, "there is no interface %u here", index);
	if (verdict.error)
		return netlink_refuse(&verdict, why, "cannot find interface %u", index);
	return 0;
}

// ---- all of them ----

struct list {
	struct iface *ifaces;
	size_t count, room;
};

static void list_drop(struct list *list)
{
	free(list->ifaces);
}

static int take_each(const struct nlmsghdr *answer, void *ctx, struct fault *why)
{
	struct list *list = ctx;

	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 64;
		struct iface *grown = reallocarray(list->ifaces, room, sizeof(*grown));

		if (!grown)
			return fault_set(why, FAULT_OTHER, "out of memory");
		list->ifaces = grown;
		list->room = room;
	}
	return iface_read(answer, &list->ifaces[list->count++], why);
}

static int by_name(const void *a, const void *b)
{
	const struct iface *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int iface_list(struct iface **out, size_t *count, struct fault *why)
{
	OWNED(list_drop) struct list list = {0};
	struct netlink_verdict verdict = {.error = EINTR};
	struct netlink_request request;

	for (int i = 0; i < DUMPS_MAX && verdict.error == EINTR; i++) {
		list.count = 0;
		begin(&request, NLM_F_DUMP, 0);
		if (netlink_ask(&request, take_each, &list, &verdict, why))
			return -1;
	}
	if (verdict.error)
		return netlink_refuse(&verdict, why, "cannot list the interfaces");
	if (list.count)
		qsort(list.ifaces, list.count, sizeof(*list.ifaces), by_name);
	*count = list.count;
	*out = HAND_OVER(list.ifaces);
	return 0;
}

const struct iface *iface_in(const struct iface *list, size_t count, const char *name)
{
	struct iface key = {0};

	if (!count || strlen(name) >= sizeof(key.name))
		return NULL;
	memcpy(key.name, name, strlen(name));
	return bsearch(&key, list, count, sizeof(*list), by_name);
}
