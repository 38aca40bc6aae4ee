// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Programs of the size that filters and load balancers have, for the time that a verifier needs: headers with VLANs and
// options, rules from the widest mask to the narrowest, a counter for each.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define RULES 48

struct flow {
	__u32 source, destination;
	__u16 source_port, destination_port;
	__u32 protocol;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, struct flow);
	__type(value, __u32);
} rules SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RULES + 1);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

static __always_inline void hit(__u32 index)
{
	__u64 *count = bpf_map_lookup_elem(&hits, &index);

	if (count)
		__sync_fetch_and_add(count, 1);
}

static __always_inline int ports(void *at, void *end, struct flow *flow)
{
	struct udphdr *udp = at;

	if (flow->protocol != IPPROTO_TCP && flow->protocol != IPPROTO_UDP)
		return 0;
	if ((void *)(udp + 1) > end)
		return -1;
	flow->source_port = udp->source;
	flow->destination_port = udp->dest;
	return 0;
}

// The length of an IPv4 header is not a constant, and its options are looked at one by one.
static __always_inline void *skip_options(struct iphdr *ip, void *end)
{
	__u8 *at = (__u8 *)(ip + 1);
	__u32 length = ip->ihl * 4u;

#pragma unroll
	for (int i = 0; i < 10; i++) {
		if (length <= sizeof(*ip) + 4u * (unsigned)i)
			break;
		if ((void *)(at + 4) > end)
			return 0;
		if (at[0] == 131 || at[0] == 137) // source routes
			return 0;
		at += 4;
	}
	return at;
}

static __always_inline int judge(struct flow *flow)
{
#pragma unroll
	for (__u32 i = 0; i < RULES; i++) {
		struct flow key = *flow;
		__u32 *verdict;

		key.source &= bpf_htonl(~0u << (i & 31));
		key.destination &= bpf_htonl(~0u << ((RULES - 1 - i) & 31));
		if (i & 1)
			key.source_port = 0;
		if (i & 2)
			key.destination_port = 0;
		verdict = bpf_map_lookup_elem(&rules, &key);
		if (verdict) {
			hit(i);
			if (*verdict)
				return XDP_DROP;
		}
	}
	hit(RULES);
	return XDP_PASS;
}

// XDP_PASS: the flow is known.
static __always_inline int parse(struct xdp_md *ctx, struct flow *flow)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end, *at;
	struct ethhdr *ether = data;
	struct iphdr *ip;
	__u16 type;

	if ((void *)(ether + 1) > end)
		return XDP_DROP;
	type = ether->h_proto;
	at = ether + 1;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		__u16 *tag = at;

		if (type != bpf_htons(ETH_P_8021Q) && type != bpf_htons(ETH_P_8021AD))
			break;
		if ((void *)(tag + 2) > end)
			return XDP_DROP;
		type = tag[1];
		at = tag + 2;
	}
	if (type != bpf_htons(ETH_P_IP))
		return XDP_TX;
	ip = at;
	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	flow->source = ip->saddr;
	flow->destination = ip->daddr;
	flow->protocol = ip->protocol;
	at = skip_options(ip, end);
	if (!at || ports(at, end, flow))
		return XDP_DROP;
	return XDP_PASS;
}

// About two thousand instructions.
SEC("xdp")
int heavy(struct xdp_md *ctx)
{
	struct flow flow = {0};
	int verdict = parse(ctx, &flow);

	return verdict == XDP_PASS ? judge(&flow) : verdict == XDP_TX ? XDP_PASS : verdict;
}

static __noinline int judge_once(struct flow *flow)
{
	return judge(flow);
}

// The same work several times over, for a flow and its relatives: to the verifier about eight thousand instructions.
SEC("xdp")
int heavier(struct xdp_md *ctx)
{
	struct flow flow = {0};
	int verdict = parse(ctx, &flow);

	if (verdict != XDP_PASS)
		return verdict == XDP_TX ? XDP_PASS : verdict;
	if (judge_once(&flow) != XDP_PASS)
		return XDP_DROP;
	flow.source = bpf_ntohl(flow.source);
	if (judge_once(&flow) != XDP_PASS)
		return XDP_DROP;
	flow.protocol = 0;
	if (judge_once(&flow) != XDP_PASS)
		return XDP_DROP;
	flow.destination_port = 0;
	return judge_once(&flow);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
