// SPDX-License-Identifier: Apache-2.0
// One network interface as the kernel's route netlink describes it. (Neither libbpf's query nor if_nametoindex: both
// open sockets that the loader's jail does not allow.)
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

struct iface {
	uint32_t index;
	uint32_t xdp_program; // id of the program on its XDP hook, 0 for none
	uint8_t xdp_mode;     // XDP_ATTACHED_*
};

// FAULT_CONFIG when there is no such interface here.
int iface_find(const char *name, struct iface *out, struct fault *why) MUST_CHECK;
