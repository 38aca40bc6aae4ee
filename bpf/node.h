// SPDX-License-Identifier: Apache-2.0
// node.json: the node's configuration, written by its admin, the only authority for what runs. Strict; every refusal has
// file:line:column and the nearest known name.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/manifest.h"
#include "bpf/policy.h"
#include "bpf/watchrule.h"

#define NODE_FILE	    "/etc/bpfseal/node.json"
#define NODE_FILE_MAX	    (1u << 20)
#define NODE_INTERFACES_MAX 256
// Tail calls after a root program (MAX_TAIL_CALL_CNT, include/linux/bpf.h).
#define NODE_CHAIN_MAX 33

struct node_repository {
	char *name, *url;
	bool is_public; // "class": "private" (default) | "public"; public is refused in secure mode
	char *ca; // CA file for https, absolute or below the directory of node.json; NULL: the system's
};

// The name under which the probes of the file's "probes" stand among the interfaces: no interface of a kernel can have it.
#define NODE_PROBES ":node"

// One initial map value: what stands in "maps": { MAP: [ { "key": K, "value": V } ] }. K and V are borrowed JSON.
struct node_map_entry {
	const char *map;
	const struct json *key, *value;
	char where[FAULT_TEXT_MAX]; // file:line:column
};

struct node_use {
	char *use;     // "net/count"
	char *version; // "1.0.0" or a pattern
	char *channel; // what a pattern is resolved in; INDEX_RELEASED when the file does not say
	char *from;    // repository name; the only one when the file does not say
	char *program; // entry to take when the bundle has several for this hook, or NULL
	struct node_map_entry *entries;
	size_t entry_count;
	const struct json *object; // in the document: "maps", and "globals" as { NAME: VALUE }
	char where[FAULT_TEXT_MAX];
};

// on_denied: what replaces a member that is put on the deny list while it runs.
enum node_on_denied {
	NODE_DENIED_REMOVE, // nothing: the chain goes on without it
	NODE_DENIED_DROP,   // a program that drops every packet
	NODE_DENIED_KEEP,   // itself, as long as it is in the kernel
};
// "remove", "drop", "keep-and-alarm"
const char *node_on_denied_name(enum node_on_denied on_denied);

// How a TC chain is attached.
enum node_tc_attach {
	NODE_TC_AUTO, // TCX where the kernel has it, else clsact
	NODE_TC_TCX,
	NODE_TC_CLSACT,
};

struct node_interface {
	char *name; // of one interface, or a pattern (bpf/pattern.h) of the names of many
	bool is_pattern;
	enum node_on_denied on_denied;
	enum node_tc_attach tc_attach;
	struct node_use *chain[HOOK_COUNT];
	size_t chain_count[HOOK_COUNT];
	bool xdp_generic_ok; // "xdp_mode": "native" (default) | "generic" | "native-or-generic"
	bool xdp_native_ok;
	bool xdp_offload; // "offload": then neither of these
	char where[FAULT_TEXT_MAX];
};

struct node {
	struct node_repository *repositories;
	size_t repository_count;
	struct node_interface *interfaces;
	size_t interface_count;
	struct policy policy;
	struct watchrule watch;
	struct json *document; // owns what entries borrow
	struct bytes text;     // what it was parsed from
	char *file;
};

// Parses and checks one file's bytes; `file` names it in refusals. FAULT_CONFIG, nothing else. `*out` is yours.
int node_parse(const void *data, size_t len, const char *file, struct node **out, struct fault *why)
	MUST_CHECK;
// Reads <root>/etc/bpfseal/node.json (or `path`), after path_check_owner.
int node_load(const char *root, const char *path, struct node **out, struct fault *why) MUST_CHECK;
void node_free(struct node *node);
static inline void node_drop(struct node **node)
{
	node_free(*node);
	*node = NULL;
}
// Formats "file:line:column" of a member, or with key NULL of item `index`, of `parent` in the document.
void node_where(const struct node *node, const struct json *parent, const char *key, size_t index,
		char where[static FAULT_TEXT_MAX]);
const struct node_repository *node_repository(const struct node *node, const char *name);
// The entry for an interface: that of its name, else of the longest pattern that matches (node_parse refuses two patterns of the
// same length that could match the same name). NULL: none. Borrowed.
const struct node_interface *node_interface(const struct node *node, const char *iface);
// Whether an interface name of the kernel can be used in node.json, in pins and in records.
bool node_is_interface_name(const char *name);
// The JSON Schema (2020-12) of the file, for `bpfseal config schema`. Yours.
int node_schema(struct json **out, struct fault *why) MUST_CHECK;
