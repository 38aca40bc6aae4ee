// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Members of every kind for XDP.
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define CONTEXT struct xdp_md
#define SECTION "xdp"
#define ON	XDP_PASS
#define LOST	XDP_ABORTED
#include "tests/kernel/kinds.h"
