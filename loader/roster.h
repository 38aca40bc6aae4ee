// SPDX-License-Identifier: Apache-2.0
// Which hooks of which interfaces there is anything to say about: what node.json names, by name or by pattern, and what
// is pinned, held against the interfaces that exist now.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "bpf/node.h"
#include "loader/iface.h"

struct roster_line {
	char iface[64]; // today's name
	char was[64]; // the name under which its chains are pinned and recorded: another one after a rename, "" when
		// what is pinned under its own has gone along with another interface
	enum hook hook;
	const struct node_interface *interface; // NULL: node.json asks for nothing here
};

struct roster {
	struct roster_line *lines;
	size_t count;
};

// In the order of node.json, a pattern's interfaces by name; then what is pinned beside that. Changes nothing.
int roster_make(const struct node *node, const char *tree, struct roster *out, struct fault *why)
	MUST_CHECK;
void roster_drop(struct roster *roster);
