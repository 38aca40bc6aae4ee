// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Test programs on which the verifier works long: branches that each leave another number in one place of the stack, so
// that no two ways through the program are alike. It gives up after a million instructions; until then it compares, and
// the first program's stack is as dear to compare as can be: pointers of which each has an identity of its own.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} bomb_map SEC(".maps");

// clang-format off
#define KEEP_POINTER(place) \
	"r2 = r10\n r2 += -%[key]\n r1 = %[map] ll\n call 1\n *(u64 *)(r10 - " #place ") = r0\n"
#define KEEP_NUMBER(place) "r1 = 7\n *(u64 *)(r10 - " #place ") = r1\n"
#define READ(place) "r1 = *(u64 *)(r10 - " #place ")\n"
#define EITHER(limit, more)                                                    \
	"call 7\n if r0 > " #limit " goto +3\n r1 = *(u64 *)(r10 - %[number])\n" \
	"r1 += " #more "\n *(u64 *)(r10 - %[number]) = r1\n"
#define MOST(what) \
	what(8) what(16) what(24) what(32) what(40) what(48) what(56) \
	what(64) what(72) what(80) what(88) what(96) what(104) what(112) \
	what(120) what(128) what(136) what(144) what(152) what(160) what(168) \
	what(176) what(184) what(192) what(200) what(208) what(216) what(224) \
	what(232) what(240) what(248) what(256) what(264) what(272) what(280) \
	what(288) what(296) what(304) what(312) what(320) what(328) what(336) \
	what(344) what(352) what(360) what(368) what(376) what(384) what(392) \
	what(400) what(408) what(416) what(424) what(432) what(440)
#define ALL(what) \
	MOST(what) \
	what(448) what(456) what(464) what(472) what(480) what(488) what(496)
#define BRANCHES \
	EITHER(1, 1) EITHER(1001, 2) EITHER(2001, 4) EITHER(3001, 8) EITHER(4001, 16) \
	EITHER(5001, 32) EITHER(6001, 64) EITHER(7001, 128) EITHER(8001, 256) EITHER(9001, 512) \
	EITHER(10001, 1024) EITHER(11001, 2048) EITHER(12001, 4096) EITHER(13001, 8192) EITHER(14001, 16384) \
	EITHER(15001, 32768) EITHER(16001, 65536) EITHER(17001, 131072) EITHER(18001, 262144) EITHER(19001, 524288) \
	EITHER(20001, 1048576) EITHER(21001, 2097152) EITHER(22001, 4194304) EITHER(23001, 8388608) EITHER(24001, 16777216)

// In the end the number matters: it is an offset into the packet. `size` is all of the stack that is used.
#define BOMB(places, keep, size)                                                                \
	asm volatile("r6 = %[ctx]\n r1 = 0\n"                                                   \
		     "*(u64 *)(r10 - %[key]) = r1\n *(u64 *)(r10 - %[number]) = r1\n"           \
		     places(keep) BRANCHES places(READ)                                          \
		     "r2 = *(u64 *)(r10 - %[number])\n r1 = *(u32 *)(r6 + 0)\n"                  \
		     "r3 = *(u32 *)(r6 + 4)\n r4 = r1\n r4 += 4000\n if r4 > r3 goto +3\n"       \
		     "if r2 > 3999 goto +2\n r1 += r2\n r0 = *(u8 *)(r1 + 0)\n"                  \
		     ::[ctx] "r"(ctx), [map] "i"(&bomb_map), [key] "i"(size - 8),                \
		     [number] "i"(size)                                                          \
		     : "memory", "r0", "r1", "r2", "r3", "r4", "r5", "r6")
// clang-format on

SEC("xdp")
int bomb_dear(struct xdp_md *ctx)
{
	BOMB(ALL, KEEP_POINTER, 512);
	return XDP_PASS;
}

// With room left on the stack, so that the loader has more than one form of it to try.
SEC("xdp")
int bomb_small(struct xdp_md *ctx)
{
	BOMB(MOST, KEEP_POINTER, 456);
	return XDP_PASS;
}

SEC("xdp")
int bomb_cheap(struct xdp_md *ctx)
{
	BOMB(ALL, KEEP_NUMBER, 512);
	return XDP_PASS;
}

// Refused in the end, after a way that is longer in the log than anybody keeps.
SEC("xdp")
int bomb_long(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data;

	asm volatile("r1 = 0\n .rept 9000\n r1 += 1\n .endr\n" ::: "r1");
	return data[100] ? XDP_PASS : XDP_DROP;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
