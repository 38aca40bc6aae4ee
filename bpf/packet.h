// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Reads a frame as far as most programs need it: Ethernet, up to two VLAN tags, and the IP header behind them.
#pragma once

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

// The stack takes a frame tagged with VLAN 0 as if it had no tag, so a filter that stops at the first tag is a
// filter that four extra bytes walk around. Two tags are 802.1ad; more than that is not honest traffic.
#define PACKET_VLANS_MAX 2

enum packet_kind {
	PACKET_BROKEN, // cut short, too many tags, or no IP header where the EtherType promises one
	PACKET_OTHER,  // whole, and neither IPv4 nor IPv6
	PACKET_IPV4,
	PACKET_IPV6,
};

struct packet {
	enum packet_kind kind;
	__u8 protocol; // of the IPv4 header, or the first next header of IPv6
	__be32 source; // only of IPv4
};

struct packet_vlan {
	__be16 tci;
	__be16 proto;
};

static __always_inline void packet_read_ipv4(struct packet *packet, const void *at, const void *end)
{
	const struct iphdr *ip = at;

	if ((const void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5)
		return;
	packet->kind = PACKET_IPV4;
	packet->protocol = ip->protocol;
	packet->source = ip->saddr;
}

static __always_inline void packet_read_ipv6(struct packet *packet, const void *at, const void *end)
{
	const struct ipv6hdr *ip = at;

	if ((const void *)(ip + 1) > end || ip->version != 6)
		return;
	packet->kind = PACKET_IPV6;
	packet->protocol = ip->nexthdr;
}

static __always_inline bool packet_is_vlan(__be16 proto)
{
	return proto == bpf_htons(ETH_P_8021Q) || proto == bpf_htons(ETH_P_8021AD);
}

static __always_inline struct packet packet_parse(const void *at, const void *end)
{
	struct packet packet = {.kind = PACKET_BROKEN};
	const struct ethhdr *eth = at;
	__be16 proto;

	if ((const void *)(eth + 1) > end)
		return packet;
	proto = eth->h_proto;
	at = eth + 1;

#pragma unroll
	for (int tag = 0; tag < PACKET_VLANS_MAX; tag++) {
		const struct packet_vlan *vlan = at;

		if (!packet_is_vlan(proto))
			break;
		if ((const void *)(vlan + 1) > end)
			return packet;
		proto = vlan->proto;
		at = vlan + 1;
	}

	if (packet_is_vlan(proto))
		return packet;
	if (proto == bpf_htons(ETH_P_IP))
		packet_read_ipv4(&packet, at, end);
	else if (proto == bpf_htons(ETH_P_IPV6))
		packet_read_ipv6(&packet, at, end);
	else
		packet.kind = PACKET_OTHER;
	return packet;
}

// Of an XDP program.
static __always_inline struct packet packet_read(const struct xdp_md *ctx)
{
	return packet_parse((const void *)(long)ctx->data, (const void *)(long)ctx->data_end);
}

// Of a TC program. There only the front of a long packet lies in one piece: bpf_skb_pull_data() before this brings the
// headers there where they are not.
static __always_inline struct packet packet_read_skb(const struct __sk_buff *ctx)
{
	return packet_parse((const void *)(long)ctx->data, (const void *)(long)ctx->data_end);
}
