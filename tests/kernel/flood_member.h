// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The body of flood_xdp.bpf.c and flood_tc.bpf.c, which say what a context is and what a verdict.
#pragma once

#include "bpf/chain.h"
#include "tests/kernel/flood.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} own_id SEC(".maps");

// Frames that this member has marked, whatever generation it was in.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} marked SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME); // as such collections have it
} own_next SEC(".maps");

static __always_inline void mark(CONTEXT *ctx, __u32 more)
{
	struct flood_frame *frame = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 zero = 0;
	__u32 *id = bpf_map_lookup_elem(&own_id, &zero);
	__u64 *count = bpf_map_lookup_elem(&marked, &zero);

	if ((void *)(frame + 1) > end || frame->dest != bpf_htons(FLOOD_PORT) || !id || !count)
		return;
	frame->way = FLOOD_FOLD(frame->way, *id + more);
	__sync_fetch_and_add(count, 1);
}

SEC(SECTION) int wrapped(CONTEXT *ctx)
{
	mark(ctx, 0);
	return ON;
}

SEC(SECTION) int wrapped2(CONTEXT *ctx)
{
	mark(ctx, 1000);
	return ON;
}

// A fall-through would lose the packet.
SEC(SECTION) int jumping(CONTEXT *ctx)
{
	mark(ctx, 0);
	return chain_next(ctx, LOST);
}

SEC(SECTION) int jumping2(CONTEXT *ctx)
{
	mark(ctx, 1000);
	return chain_next(ctx, LOST);
}

SEC(SECTION) int owning(CONTEXT *ctx)
{
	mark(ctx, 0);
	bpf_tail_call(ctx, &own_next, 0);
	return LOST;
}

SEC(SECTION) int owning2(CONTEXT *ctx)
{
	mark(ctx, 1000);
	bpf_tail_call(ctx, &own_next, 0);
	return LOST;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
