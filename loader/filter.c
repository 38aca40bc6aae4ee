// SPDX-License-Identifier: Apache-2.0
#include "loader/filter.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>

#include "base/owned.h"
#include "loader/netlink.h"

#define FILTERS_MAX 4096 // of one hook; more are not read
#define DUMPS_MAX   8	 // of a list that changes while it is read

bool filter_is_ours(const struct filter *filter)
{
	return filter->pref == FILTER_PREF && filter->handle == FILTER_HANDLE &&
	       filter->protocol == ETH_P_ALL && !strcmp(filter->kind, "bpf") &&
	       !strcmp(filter->name, FILTER_NAME);
}

bool filter_is_in_the_way(const struct filter *filter)
{
	// One pref holds filters of one kind and one protocol only.
	return filter->pref == FILTER_PREF && !filter_is_ours(filter) &&
	       (filter->handle == FILTER_HANDLE || filter->protocol != ETH_P_ALL ||
		strcmp(filter->kind, "bpf") != 0);
}

static uint32_t parent_of(enum hook hook)
{
	return TC_H_MAKE(TC_H_CLSACT, hook == HOOK_TC_EGRESS ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

// ---- reading ----

struct list {
	struct filter *filters;
	size_t count, room;
};

static void list_drop(struct list *list)
{
	free(list->filters);
}

static int list_add(struct list *list, const struct filter *filter, struct fault *why)
{
	if (list->count == list->room) {
		size_t room = list->room ? 2 * list->room : 8;
		struct filter *grown = reallocarray(list->filters, room, sizeof(*grown));

		if (!grown)
			return fault_set(why, FAULT_OTHER, "out of memory");
		list->filters = grown;
		list->room = room;
	}
	list->filters[list->count++] = *filter;
	return 0;
}

// Any process with the capability can name its filter as it likes; terminals and JSON shall bear it.
static void read_text(const struct rtattr *attribute, char *out, size_t room)
{
	netlink_text(attribute, out, room);
	for (; *out; out++)
		if (*out < ' ' || *out > '~')
			*out = '?';
}

static void read_bpf(const struct rtattr *options, struct filter *out)
{
	const struct rtattr *flags = netlink_find_in(options, TCA_BPF_FLAGS, 4);

	out->program_id = netlink_u32(netlink_find_in(options, TCA_BPF_ID, 4));
	out->direct = (netlink_u32(flags) & TCA_BPF_FLAG_ACT_DIRECT) != 0;
	read_text(netlink_find_in(options, TCA_BPF_NAME, 1), out->name, sizeof(out->name));
}

// The kernel tells of each pref once without a handle, then of each filter in it. BPF programs are told one by one, of
// every other kind its pref.
static int take_filter(const struct nlmsghdr *answer, void *ctx, struct fault *why)
{
	const size_t body = sizeof(struct tcmsg);
	const struct tcmsg *about = NLMSG_DATA(answer);
	struct filter filter = {0};
	struct list *list = ctx;
	bool is_bpf;

	if (answer->nlmsg_type != RTM_NEWTFILTER || answer->nlmsg_len < NLMSG_LENGTH(body))
		return fault_set(why, FAULT_KERNEL, "an odd answer about a filter");
	filter.pref = TC_H_MAJ(about->tcm_info) >> 16;
	filter.protocol = ntohs((uint16_t)TC_H_MIN(about->tcm_info));
	read_text(netlink_find(answer, body, TCA_KIND, 1), filter.kind, sizeof(filter.kind));
	is_bpf = !strcmp(filter.kind, "bpf");
	if (is_bpf != (about->tcm_handle != 0) || list->count == FILTERS_MAX ||
	    netlink_u32(netlink_find(answer, body, TCA_CHAIN, 4)))
		return 0;
	if (is_bpf) {
		filter.handle = about->tcm_handle;
		read_bpf(netlink_find(answer, body, TCA_OPTIONS, 0), &filter);
	}
	return list_add(list, &filter, why);
}

int filter_list(uint32_t ifindex, enum hook hook, struct filter **out, size_t *count,
		struct fault *why)
{
	const struct tcmsg about = {.tcm_family = AF_UNSPEC,
				    .tcm_ifindex = (int)ifindex,
				    .tcm_parent = parent_of(hook)};
	OWNED(list_drop) struct list list = {0};
	struct netlink_verdict verdict = {.error = EINTR};
	struct netlink_request request;

	for (int i = 0; i < DUMPS_MAX && verdict.error == EINTR; i++) {
		list.count = 0;
		netlink_begin(&request, RTM_GETTFILTER, NLM_F_DUMP, &about, sizeof(about));
		if (netlink_ask(&request, take_filter, &list, &verdict, why))
			return -1;
	}
	if (verdict.error)
		return netlink_refuse(&verdict, why, "cannot list the filters on %s",
				      hook_name(hook));
	*count = list.count;
	*out = HAND_OVER(list.filters);
	return 0;
}
