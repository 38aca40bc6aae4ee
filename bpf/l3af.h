// SPDX-License-Identifier: Apache-2.0
// Turns a configuration payload of l3afd into a node.json, and names each thing that has no counterpart. Pure: bytes in,
// bytes and notes out; the payload may be anybody's.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"

#define L3AF_FILE_MAX (1u << 20)
// The place of each is searched for in the payload's text: without a bound a large payload would take for ever.
#define L3AF_NOTES_MAX 1000

struct l3af_order {
	const char *file;	// the payload's name, for refusals and notes
	const char *publisher;	// of all its programs
	const char *repository; // and where they come from
	const char *url;	// of that; NULL: one that leads nowhere, and a note
	const char *host;	// the name of this machine; NULL: nobody asks
	// Take what is for this one and leave out the others; NULL: there must be one only.
	const char *only_host;
};

struct l3af_result {
	struct bytes node;  // node.json
	struct json *notes; // [{"where", "path", "text"}], in the payload's order
	size_t left_out;    // notes past the limit
};
void l3af_result_drop(struct l3af_result *result);

// FAULT_CONFIG with file:line:column when it is no payload, or one that no node.json can say. What comes out passes
// node_parse.
int l3af_import(const void *data, size_t len, const struct l3af_order *order,
		struct l3af_result *out, struct fault *why) MUST_CHECK;
