// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The counterpart of kinds_xdp.bpf.c for TC.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define CONTEXT struct __sk_buff
#define SECTION "tc"
#define ON	TC_ACT_UNSPEC
#define LOST	TC_ACT_SHOT
#include "tests/kernel/kinds.h"
