// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A test program that sends a copy of every packet out of an interface: the one thing that a test run does for real.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int send_copy(struct __sk_buff *ctx)
{
	return bpf_clone_redirect(ctx, 1, 0) ? TC_ACT_SHOT : TC_ACT_OK;
}

// The same from functions of its own: one that is the program's alone, one that any may call, one that a loop calls.
static __attribute__((noinline)) int send_apart(struct __sk_buff *ctx)
{
	volatile int bad = (int)bpf_clone_redirect(ctx, 1, 0);

	return bad ? TC_ACT_SHOT : TC_ACT_OK;
}

__attribute__((noinline)) int send_for_all(struct __sk_buff *ctx)
{
	volatile int bad = (int)bpf_clone_redirect(ctx, 1, 0);

	return bad ? TC_ACT_SHOT : TC_ACT_OK;
}

static int send_each(__u32 index, void *arg)
{
	struct __sk_buff **ctx = arg;

	return index > 1 || bpf_clone_redirect(*ctx, 1, 0);
}

SEC("tc")
int send_from_function(struct __sk_buff *ctx)
{
	return send_apart(ctx);
}

SEC("tc")
int send_from_global(struct __sk_buff *ctx)
{
	return send_for_all(ctx);
}

SEC("tc")
int send_from_loop(struct __sk_buff *ctx)
{
	bpf_loop(2, send_each, &ctx, 0);
	return TC_ACT_SHOT;
}

// Beside them, one that sends nothing.
SEC("tc")
int send_nothing(struct __sk_buff *ctx)
{
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
