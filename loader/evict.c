// SPDX-License-Identifier: Apache-2.0
#include "loader/evict.h"

#include <arpa/inet.h>
#include <string.h>

#include <linux/if_link.h>
#include <linux/pkt_sched.h>

#include "base/owned.h"
#include "loader/filter.h"
#include "loader/netlink.h"
#include "loader/sys.h"

// ---- one of each kind ----

// The kernel takes off what stands there, whoever that is by now, unless it is shown the program that is meant. Two requests
// would be a gap: another's tool may put his program there between them.
static int off_xdp(const struct evict *evict, uint32_t program, struct fault *why)
{
	const struct ifinfomsg body = {.ifi_family = AF_UNSPEC,
				       .ifi_index = (int)evict->truth->iface_index};
	const uint8_t mode = evict->truth->xdp_mode;
	const uint32_t flags = XDP_FLAGS_REPLACE | (mode == XDP_ATTACHED_SKB  ? XDP_FLAGS_SKB_MODE
						    : mode == XDP_ATTACHED_HW ? XDP_FLAGS_HW_MODE
									      : XDP_FLAGS_DRV_MODE);
	const int32_t none = -1;
	struct netlink_request request;
	struct netlink_verdict verdict;
	OWNED(drop_fd) int meant = -1;
	size_t nest;

	if (!namer_hand(evict->namer, program, &meant))
		return fault_set(why, FAULT_NOT_FOUND,
				 "it is gone, or was not in watch.evict when the watch began");
	netlink_begin(&request, RTM_SETLINK, 0, &body, sizeof(body));
	nest = netlink_nest(&request, IFLA_XDP | NLA_F_NESTED);
	netlink_put(&request, IFLA_XDP_FD, &none, sizeof(none));
	netlink_put(&request, IFLA_XDP_EXPECTED_FD, &meant, sizeof(meant));
	netlink_put(&request, IFLA_XDP_FLAGS, &flags, sizeof(flags));
	netlink_end(&request, nest);
	if (netlink_ask(&request, NULL, NULL, &verdict, why))
		return -1;
	return verdict.error ? netlink_refuse(&verdict, why, "cannot take it off") : 0;
}

static int off_filter(const struct truth *truth, enum hook hook, const struct filter *filter,
		      struct fault *why)
{
	const struct tcmsg body = {
		.tcm_family = AF_UNSPEC,
		.tcm_ifindex = (int)truth->iface_index,
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, hook == HOOK_TC_EGRESS ? TC_H_MIN_EGRESS
									    : TC_H_MIN_INGRESS),
		.tcm_handle = filter->handle,
		.tcm_info = TC_H_MAKE(filter->pref << 16, htons(filter->protocol))};
	struct netlink_request request;
	struct netlink_verdict verdict;

	netlink_begin(&request, RTM_DELTFILTER, 0, &body, sizeof(body));
	netlink_put_text(&request, TCA_KIND, filter->kind);
	if (netlink_ask(&request, NULL, NULL, &verdict, why))
		return -1;
	return verdict.error ? netlink_refuse(&verdict, why, "cannot take it off") : 0;
}

// The filter that runs a program, if one does.
static int off_filter_of(const struct truth *truth, enum hook hook, uint32_t program, bool *found,
			 struct fault *why)
{
	OWNED(drop_heap) struct filter *filters = NULL;
	size_t count = 0;

	*found = false;
	if (filter_list(truth->iface_index, hook, &filters, &count, why))
		return -1;
	for (size_t i = 0; i < count && !*found; i++) {
		if (filters[i].program_id != program || filter_is_ours(&filters[i]))
			continue;
		*found = true;
		if (off_filter(truth, hook, &filters[i], why))
			return -1;
	}
	return 0;
}

// Whatever kind it is by now: asked anew, as what was read before may be another's.
static int take_off(const struct evict *evict, uint32_t program, struct fault *why)
{
	bool found;

	if (evict->hook == HOOK_XDP)
		return off_xdp(evict, program, why);
	if (sys_tcx_detach(evict->truth->iface_index, evict->hook, program, &found, why))
		return -1;
	if (found)
		return 0;
	if (off_filter_of(evict->truth, evict->hook, program, &found, why))
		return -1;
	return found ? 0 : fault_set(why, FAULT_NOT_FOUND, "it is not there any more");
}

// ---- all of them ----

static size_t evict_one(const struct evict *evict, uint32_t program)
{
	struct sys_program who;
	struct fault why = {0};
	int bad;

	if (!program || program == evict->truth->root_id ||
	    !namer_ask(evict->namer, program, &who) || !watchrule_evicts(evict->rule, who.name))
		return 0;
	bad = take_off(evict, program, &why);
	evict->told(evict->ctx, program, who.name, bad ? &why : NULL);
	return bad ? 0 : 1;
}

static size_t evict_list(const struct evict *evict, const struct truth_others *others)
{
	size_t gone = 0;

	for (size_t i = 0; i < others->count && i < TRUTH_OTHERS_MAX; i++)
		gone += evict_one(evict, others->list[i].program_id);
	return gone;
}

size_t evict_run(const struct evict *evict)
{
	const struct truth *truth = evict->truth;

	if (!evict->rule->evict_count || !truth->iface_index)
		return 0;
	// On XDP one stands instead of ours, or on the card, from where only its owner's tools take it.
	if (evict->hook == HOOK_XDP)
		return truth->attached ? 0 : evict_one(evict, truth->instead);
	return evict_list(evict, &truth->before) + evict_list(evict, &truth->after) +
	       (truth->blocked ? evict_one(evict, truth->blocker.program_id) : 0);
}

static uint64_t mix(uint64_t sum, uint32_t id)
{
	return (sum ^ id) * UINT64_C(1099511628211);
}

uint64_t evict_others(const struct truth *truth)
{
	uint64_t sum = mix(1, truth->instead);

	for (size_t i = 0; i < truth->before.count && i < TRUTH_OTHERS_MAX; i++)
		sum = mix(sum, truth->before.list[i].program_id);
	for (size_t i = 0; i < truth->after.count && i < TRUTH_OTHERS_MAX; i++)
		sum = mix(sum, truth->after.list[i].program_id);
	return mix(sum, truth->blocked ? truth->blocker.program_id : 0);
}
