// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Members of every kind for the matrix: the body of kinds_xdp.bpf.c and kinds_tc.bpf.c, which say what a context is. What a
// member's id is, and what it says of a packet, it learns from the admin's values.
#pragma once

#include "bpf/chain.h"
#include "tests/kernel/flood.h"

#define KINDS_GO_ON 1000 // as a verdict: jumps, where it can

// Slot 0: its id. Slot 1: its verdict.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __s32);
} told SEC(".maps");

// Slot 0: frames seen. Slot 1: the way that the last of them had come, this member included.
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} noted SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
	__uint(pinning, LIBBPF_PIN_BY_NAME);
} own_next SEC(".maps");

static __always_inline int mark(CONTEXT *ctx)
{
	struct flood_frame *frame = (void *)(long)ctx->data;
	void *end = (void *)(long)ctx->data_end;
	__u32 zero = 0, one = 1;
	__s32 *id = bpf_map_lookup_elem(&told, &zero), *verdict = bpf_map_lookup_elem(&told, &one);
	__u64 *count = bpf_map_lookup_elem(&noted, &zero), *way = bpf_map_lookup_elem(&noted, &one);

	if (!id || !verdict || !count || !way)
		return LOST;
	// What is not of the test goes on as if nobody were here.
	if ((void *)(frame + 1) > end || frame->dest != bpf_htons(FLOOD_PORT))
		return ON;
	frame->way = FLOOD_FOLD(frame->way, (__u32)*id);
	*way = frame->way;
	__sync_fetch_and_add(count, 1);
	return *verdict;
}

SEC(SECTION) int plain(CONTEXT *ctx)
{
	return mark(ctx);
}

SEC(SECTION) int jumping(CONTEXT *ctx)
{
	int verdict = mark(ctx);

	return verdict == KINDS_GO_ON || verdict == ON ? chain_next(ctx, LOST) : verdict;
}

SEC(SECTION) int owning(CONTEXT *ctx)
{
	int verdict = mark(ctx);

	if (verdict != KINDS_GO_ON && verdict != ON)
		return verdict;
	bpf_tail_call(ctx, &own_next, 0);
	return LOST;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
