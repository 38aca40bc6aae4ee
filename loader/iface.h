// SPDX-License-Identifier: Apache-2.0
// The network interfaces of this namespace as the kernel's route netlink describes them.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

#define IFACE_NAME_MAX 16

struct iface {
	char name[IFACE_NAME_MAX];
	uint32_t index;
	// Id of the program on its XDP hook in the host, or else on the card; 0 for none.
	uint32_t xdp_program;
	uint32_t xdp_on_card; // id of one that runs on the card, before any in the host
	uint8_t xdp_mode;     // of xdp_program, XDP_ATTACHED_*
};

// FAULT_CONFIG when there is no such interface in this network namespace.
int iface_find(const char *name, struct iface *out, struct fault *why) MUST_CHECK;
// The same by index, whatever its name is; FAULT_NOT_FOUND when there is none.
int iface_at(uint32_t index, struct iface *out, struct fault *why) MUST_CHECK;

// All interfaces, sorted by name. `*out` is the caller's, to be freed.
int iface_list(struct iface **out, size_t *count, struct fault *why) MUST_CHECK;
// The interface of this name in such a list, or NULL. Borrowed.
const struct iface *iface_in(const struct iface *list, size_t count, const char *name);
