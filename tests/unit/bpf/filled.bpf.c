// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// A sample to be refused: its array holds itself from the start, so that it can spend every jump of its chain.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

int filled(struct xdp_md *ctx);

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__array(values, int(struct xdp_md *));
} self SEC(".maps") = {.values = {[0] = (void *)&filled}};

SEC("xdp")
int filled(struct xdp_md *ctx)
{
	bpf_tail_call_static(ctx, &self, 0);
	return XDP_PASS;
}

char _license[] SEC("license") = "GPL";
