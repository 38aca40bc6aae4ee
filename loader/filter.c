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

bool filter_counts(const struct filter *filter)
{
	return filter->direct && !filter->offload_only;
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
	const struct rtattr *generic = netlink_find_in(options, TCA_BPF_FLAGS_GEN, 4);

	out->program_id = netlink_u32(netlink_find_in(options, TCA_BPF_ID, 4));
	out->direct = (netlink_u32(flags) & TCA_BPF_FLAG_ACT_DIRECT) != 0;
	out->offload_only = (netlink_u32(generic) & TCA_CLS_FLAGS_SKIP_SW) != 0;
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

// ---- the qdisc ----

static struct tcmsg qdisc_at(uint32_t ifindex)
{
	return (struct tcmsg){.tcm_family = AF_UNSPEC,
			      .tcm_ifindex = (int)ifindex,
			      .tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0),
			      .tcm_parent = TC_H_CLSACT};
}

static int take_qdisc(const struct nlmsghdr *answer, void *ctx, struct fault *why)
{
	const size_t body = sizeof(struct tcmsg);
	enum filter_qdisc *out = ctx;
	char kind[16];

	if (answer->nlmsg_type != RTM_NEWQDISC || answer->nlmsg_len < NLMSG_LENGTH(body))
		return fault_set(why, FAULT_KERNEL, "an odd answer about a qdisc");
	netlink_text(netlink_find(answer, body, TCA_KIND, 1), kind, sizeof(kind));
	*out = strcmp(kind, "clsact") ? FILTER_QDISC_OTHER : FILTER_QDISC_CLSACT;
	return 0;
}

int filter_qdisc(uint32_t ifindex, enum filter_qdisc *out, struct fault *why)
{
	struct tcmsg about = qdisc_at(ifindex);
	struct netlink_verdict verdict;
	struct netlink_request request;

	*out = FILTER_QDISC_NONE;
	about.tcm_handle = 0;
	// Older kernels answer this question only where an echo is asked for.
	netlink_begin(&request, RTM_GETQDISC, NLM_F_ECHO, &about, sizeof(about));
	if (netlink_ask(&request, take_qdisc, out, &verdict, why))
		return -1;
	if (verdict.error && verdict.error != ENOENT)
		return netlink_refuse(&verdict, why, "cannot look at the qdisc of interface %u",
				      ifindex);
	return 0;
}

int filter_qdisc_make(uint32_t ifindex, bool *made, struct fault *why)
{
	const struct tcmsg about = qdisc_at(ifindex);
	struct netlink_verdict verdict;
	struct netlink_request request;

	netlink_begin(&request, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, &about, sizeof(about));
	netlink_put_text(&request, TCA_KIND, "clsact");
	if (netlink_ask(&request, NULL, NULL, &verdict, why))
		return -1;
	*made = !verdict.error;
	if (verdict.error && verdict.error != EEXIST)
		return netlink_refuse(&verdict, why, "cannot make a clsact qdisc");
	return 0;
}

struct census {
	bool any, ours;
};

// Of every chain and kind, also what filter_list leaves out.
static int take_census(const struct nlmsghdr *answer, void *ctx, struct fault *why)
{
	OWNED(list_drop) struct list list = {0};
	struct census *census = ctx;

	census->any = true;
	if (take_filter(answer, &list, why))
		return -1;
	census->ours |= list.count && filter_is_ours(&list.filters[0]);
	return 0;
}

static int census_of(uint32_t ifindex, enum hook hook, struct census *census, struct fault *why)
{
	const struct tcmsg about = {.tcm_family = AF_UNSPEC,
				    .tcm_ifindex = (int)ifindex,
				    .tcm_parent = parent_of(hook)};
	struct netlink_verdict verdict;
	struct netlink_request request;

	netlink_begin(&request, RTM_GETTFILTER, NLM_F_DUMP, &about, sizeof(about));
	if (netlink_ask(&request, take_census, census, &verdict, why))
		return -1;
	census->any |= verdict.error != 0; // who changes them uses them
	return 0;
}

int filter_qdisc_tidy(uint32_t ifindex, bool *ours, struct fault *why)
{
	const struct tcmsg about = qdisc_at(ifindex);
	struct netlink_verdict verdict;
	struct netlink_request request;
	struct census census = {0};

	if (census_of(ifindex, HOOK_TC_INGRESS, &census, why) ||
	    census_of(ifindex, HOOK_TC_EGRESS, &census, why))
		return -1;
	*ours = census.ours;
	if (census.any)
		return 0;
	netlink_begin(&request, RTM_DELQDISC, 0, &about, sizeof(about));
	netlink_put_text(&request, TCA_KIND, "clsact");
	if (netlink_ask(&request, NULL, NULL, &verdict, why))
		return -1;
	// What is gone, with its interface or by other hands, is as it shall be.
	if (verdict.error && verdict.error != ENOENT && verdict.error != EINVAL &&
	    verdict.error != ENODEV)
		return netlink_refuse(&verdict, why, "cannot remove our clsact qdisc");
	return 0;
}

// ---- our filter ----

static int filter_ask(uint16_t type, uint16_t flags, uint32_t ifindex, enum hook hook,
		      int program_fd, struct netlink_verdict *verdict, struct fault *why)
{
	const struct tcmsg about = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)ifindex,
		.tcm_handle = FILTER_HANDLE,
		.tcm_parent = parent_of(hook),
		.tcm_info = TC_H_MAKE((uint32_t)FILTER_PREF << 16, htons(ETH_P_ALL))};
	const uint32_t direct = TCA_BPF_FLAG_ACT_DIRECT;
	struct netlink_request request;
	size_t options;

	netlink_begin(&request, type, flags, &about, sizeof(about));
	netlink_put_text(&request, TCA_KIND, "bpf");
	if (program_fd >= 0) {
		options = netlink_nest(&request, TCA_OPTIONS);
		netlink_put(&request, TCA_BPF_FD, &program_fd, sizeof(program_fd));
		netlink_put_text(&request, TCA_BPF_NAME, FILTER_NAME);
		netlink_put(&request, TCA_BPF_FLAGS, &direct, sizeof(direct));
		netlink_end(&request, options);
	}
	return netlink_ask(&request, NULL, NULL, verdict, why);
}

int filter_add(uint32_t ifindex, enum hook hook, int program_fd, struct fault *why)
{
	struct netlink_verdict verdict;

	// Exclusive: what has come into our place since we looked is not pushed out.
	if (filter_ask(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL, ifindex, hook, program_fd,
		       &verdict, why))
		return -1;
	return verdict.error ? netlink_refuse(&verdict, why, "cannot add our filter on %s",
					      hook_name(hook))
			     : 0;
}

int filter_replace(uint32_t ifindex, enum hook hook, int program_fd, struct fault *why)
{
	struct netlink_verdict verdict;

	if (filter_ask(RTM_NEWTFILTER, NLM_F_REPLACE, ifindex, hook, program_fd, &verdict, why))
		return -1;
	return verdict.error ? netlink_refuse(&verdict, why, "cannot replace our filter on %s",
					      hook_name(hook))
			     : 0;
}

int filter_remove(uint32_t ifindex, enum hook hook, struct fault *why)
{
	OWNED(drop_heap) struct filter *filters = NULL;
	struct netlink_verdict verdict = {0};
	size_t count = 0;
	bool there = false;

	if (filter_list(ifindex, hook, &filters, &count, why))
		return -1;
	for (size_t i = 0; i < count; i++)
		there |= filter_is_ours(&filters[i]);
	if (there && filter_ask(RTM_DELTFILTER, 0, ifindex, hook, -1, &verdict, why))
		return -1;
	if (verdict.error && verdict.error != ENOENT && verdict.error != ENODEV)
		return netlink_refuse(&verdict, why, "cannot remove our filter on %s",
				      hook_name(hook));
	return 0;
}
