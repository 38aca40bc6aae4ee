// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Members for the flood on XDP, of three kinds and in two versions each. Which one it is a member learns from the admin's
// value in `own_id`, so a value is part of the way like a place is.
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define CONTEXT struct xdp_md
#define SECTION "xdp"
#define ON	XDP_PASS
#define LOST	XDP_ABORTED
#include "tests/kernel/flood_member.h"
