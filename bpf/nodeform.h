// SPDX-License-Identifier: Apache-2.0
// The schema of node.json: its keys with types and a line of help each. Whether values agree with each other is checked in
// node.c.
#pragma once

#include "bpf/schema.h"

#define NODE_REPOSITORIES_MAX 16

extern const struct schema node_form;

// Words of the file, each list by its enum; they end with NULL.
enum node_xdp_mode {
	NODE_XDP_NATIVE, // also when the file does not say
	NODE_XDP_GENERIC,
	NODE_XDP_EITHER,
	NODE_XDP_OFFLOAD,
};
extern const char *const node_xdp_mode_words[];
extern const char *const node_tc_attach_words[]; // enum node_tc_attach
extern const char *const node_denied_words[];	 // enum node_on_denied
