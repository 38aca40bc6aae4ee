// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A timer in a map, started by the first packet, that starts itself again for ever. (TICKS 2: the next version, whose map
// looks alike and has none.)
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#ifndef TICKS
#define TICKS 1
#endif

struct tick {
#if TICKS == 1
	struct bpf_timer timer;
#else
	__u64 unused[2];
#endif
	__u64 count;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct tick);
} ticks SEC(".maps");

#if TICKS == 1
#define MILLISECOND 1000000
#define MONOTONIC   1

static int again(void *map, int *key, struct tick *tick)
{
	(void)map;
	(void)key;
	tick->count++;
	bpf_timer_start(&tick->timer, MILLISECOND, 0);
	return 0;
}

static void begin(struct tick *tick)
{
	if (bpf_timer_init(&tick->timer, &ticks, MONOTONIC) ||
	    bpf_timer_set_callback(&tick->timer, again))
		return;
	bpf_timer_start(&tick->timer, MILLISECOND, 0);
}
#else
static void begin(struct tick *tick)
{
	(void)tick;
}
#endif

SEC("xdp")
int tick(struct xdp_md *ctx)
{
	__u32 slot = 0;
	struct tick *tick = bpf_map_lookup_elem(&ticks, &slot);

	(void)ctx;
	if (tick)
		begin(tick);
	return XDP_PASS;
}

char _license[] SEC("license") = "Dual BSD/GPL";
