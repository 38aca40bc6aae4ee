// SPDX-License-Identifier: Apache-2.0
// The list of all hooks to plan for: those that node.json names, directly or by a pattern, and those that have pins, matched
// with the interfaces that exist now.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/iface.h"

struct roster_line {
	char iface[64]; // today's name
	char was[64]; // the name under which it is pinned and recorded, another one after a rename; "" if the pins under
		// its name belong to an interface that has another name now
	enum hook hook;
	const struct node_interface *interface; // NULL: node.json does not name it
};

struct roster {
	struct roster_line *lines;
	size_t count;
};

// In the order of node.json, the interfaces of a pattern by name; then what else is pinned. Changes nothing. `out` is the
// caller's (roster_drop).
int roster_make(const struct node *node, const char *tree, struct roster *out, struct fault *why)
	MUST_CHECK;
void roster_drop(struct roster *roster);
