// SPDX-License-Identifier: Apache-2.0
// The one who stands behind a chain and checks each frame of a flood (flood_see.bpf.c), and what is legal now.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "bpf/manifest.h"
#include "tests/kernel/flood.h"

struct object;

struct flood_watch {
	struct object *object;
	int link_fd, legal_fd, tally_fd;
};

// Makes sure that clsact is on an interface.
void flood_qdisc(const char *iface);
// Behind the chain of this hook: for XDP on TC ingress, where a frame comes next; for TC as the hook's last. Where the kernel
// has no TCX both the chain and this are filters.
void flood_watch_up(struct flood_watch *watch, const char *iface, enum hook hook);
// Behind a chain that is attached by clsact: its last filter.
void flood_watch_up_clsact(struct flood_watch *watch, const char *iface, enum hook hook);
void flood_watch_down(struct flood_watch *watch);

// Before a switch: `way` is legal too. After its grace period: nothing else is.
void flood_watch_allow(const struct flood_watch *watch, uint64_t way);
void flood_watch_only(const struct flood_watch *watch, uint64_t way);
struct flood_tally flood_watch_tally(const struct flood_watch *watch);
// Waits until so many have been seen, or for some seconds none came, and returns the tally then.
struct flood_tally flood_watch_drain(const struct flood_watch *watch, uint64_t sent);
