// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A test program full of what an admin may set: constants, variables, maps of every shape. It writes what it sees into
// the packet: byte 14 says how many numbers follow, then limit, level, tuned[0]; a test reads them as the way.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/types.h>

#include <bpf/bpf_helpers.h>

#ifndef FLOWS
#define FLOWS 16
#endif
#ifndef LEVEL
#define LEVEL 5
#endif

// Settable before load: what node.json says is what the verifier sees.
const volatile __u32 limit = 100;
const volatile __u32 gateway;
const volatile enum xdp_action verdict = XDP_PASS;
const volatile __u8 uplink[6] = {2};

// Not settable: the compiler has built it into the code, or nobody outside knows its name.
const __u32 folded = 7;
static const volatile __u32 hidden = 3;
static __u64 mine;

__u32 level = LEVEL;
__u64 packets;
#ifdef MORE
__u64 bytes;
#endif

struct flow {
	__u32 src;
	__u16 port;
	__u8 mac[6];
};

struct sum {
	__u64 packets;
	__u64 bytes;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, FLOWS);
	__type(key, struct flow);
	__type(value, struct sum);
} flows SEC(".maps");

struct net {
	__u32 prefixlen;
	__u32 addr;
};

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct net);
	__type(value, __u32);
} nets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u32);
} tuned SEC(".maps");

// Written by the program as well as by the admin.
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} learned SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} hits SEC(".maps");

// One for all programs of the bundle on an interface.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, __u32);
	__type(value, __u64);
} together SEC(".maps");

static __always_inline void count(void *map, __u32 slot)
{
	__u64 *at = bpf_map_lookup_elem(map, &slot);

	if (at)
		__sync_fetch_and_add(at, 1);
}

static __always_inline void learn(__u32 key)
{
	__u32 one = 1, *times = bpf_map_lookup_elem(&learned, &key);

	if (times)
		__sync_fetch_and_add(times, 1);
	else
		bpf_map_update_elem(&learned, &key, &one, BPF_NOEXIST);
}

// What knobs.json says of this one's format is what keeps it from being a number.
static __always_inline void flow_count(__u64 len)
{
	struct flow flow = {.src = gateway, .port = 0xbb01};
	struct sum fresh = {.packets = 1, .bytes = len};
	struct sum *sum = bpf_map_lookup_elem(&flows, &flow);

	if (sum) {
		sum->packets += 1;
		sum->bytes += len;
	} else {
		bpf_map_update_elem(&flows, &flow, &fresh, BPF_ANY);
	}
}

SEC("xdp") int knob(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct net net = {.prefixlen = 32, .addr = gateway};
	__u32 zero = 0, *tuning = bpf_map_lookup_elem(&tuned, &zero);
	__u32 *known = bpf_map_lookup_elem(&nets, &net);

	__sync_fetch_and_add(&packets, 1);
	__sync_fetch_and_add(&mine, hidden + folded + uplink[0]);
#ifdef MORE
	__sync_fetch_and_add(&bytes, end - data);
#endif
	count(&hits, 0);
	count(&together, 0);
	learn(1);
	flow_count(end - data);
	if (data + 60 <= end) {
		data[14] = 4;
		data[15] = (unsigned char)limit;
		data[16] = (unsigned char)level;
		data[17] = tuning ? (unsigned char)*tuning : 255;
		data[18] = known ? (unsigned char)*known : 255;
	}
	return verdict;
}

SEC("tc") int knob_tc(struct __sk_buff *skb)
{
	count(&together, 1);
	return -1; // TC_ACT_UNSPEC
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
