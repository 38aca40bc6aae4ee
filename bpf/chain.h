// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// For authors of programs that go on along a bpfseal chain by themselves. Include it in BPF C, after <linux/bpf.h>
// (or vmlinux.h) and <bpf/bpf_helpers.h>.
//
// You need it only to decide in the program itself where a packet goes on: a program that knows nothing of chains runs
// in one unchanged, and as fast (docs/chain.md). With this header a program's manifest says `"linkage": "chain"`, and
// it holds to these rules:
//
//  * Section names are those that libbpf knows: SEC("xdp") on XDP, SEC("tc") on TC ingress and egress.
//  * To let the packet go on, end with `return chain_next(ctx, VERDICT);`. A packet that ends here (dropped,
//    redirected, sent back) just gets its verdict by `return`, and no later member sees it.
//  * chain_next() jumps and does not come back. Only if there is nothing to jump to does it return VERDICT, and
//    your program with it. That never happens in a sound chain, the last place included: the loader puts a program
//    of its own behind a last member that jumps. So VERDICT is what a packet gets when something is broken: name
//    the one that is safe, XDP_PASS or TC_ACT_OK for a program that observes, XDP_DROP or TC_ACT_SHOT for one that
//    guards. The loader goes further: behind a jump in the program's own function it puts instructions that count
//    such a packet and give it the verdict that the node's policy names ("fall_through") instead of yours. Out of a
//    function that is called, a jump that finds nothing is counted, and your code goes on.
//  * What you read from the packet or kept on the stack is gone after the jump. Maps of yours stay yours; members
//    do not see each other's.
//  * Call chain_next() from the program's own function, not out of a bpf_loop() or timer callback, where the
//    kernel refuses a tail call. One jump of the kernel's 33 is spent per member; tail calls of your own spend the
//    same budget, so tell the node admin how many there are.
//  * Never write to `bpfseal_next`. The loader creates it, fills it, and freezes it before the first packet.
#pragma once

// One slot, and the index a constant: the JIT then turns the jump into a direct one. A variable index was measured
// at four times the cost, because it is an indirect branch under retpolines.
#define CHAIN_NEXT_MAP	"bpfseal_next"
#define CHAIN_NEXT_SLOT 0

#ifdef __bpf__

// The name and the sizes are what the loader looks for when it puts its own frozen array here.
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} bpfseal_next SEC(".maps");

static __always_inline int chain_next(void *ctx, int verdict)
{
	bpf_tail_call_static(ctx, &bpfseal_next, CHAIN_NEXT_SLOT);
	return verdict;
}

#endif
