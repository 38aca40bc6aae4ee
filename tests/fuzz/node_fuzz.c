// SPDX-License-Identifier: Apache-2.0
// bpf/node: whatever stands in node.json, what is taken keeps the promises that the loader builds on.
#include "bpf/node.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

static void check_use(const struct node *node, const struct node_use *use)
{
	HOLDS(use->use && strchr(use->use, '/') && use->version && use->from && use->where[0]);
	HOLDS(node_repository(node, use->from));
	MUST(version_pattern_check(use->version, &must));
	HOLDS(use->object &&
	      json_count(json_member(use->object, "globals")) <= MANIFEST_GLOBALS_MAX + 1);
	for (size_t i = 0; i < use->entry_count; i++)
		HOLDS(use->entries[i].map && use->entries[i].key && use->entries[i].value);
}

static void check_interface(const struct node *node, const struct node_interface *interface)
{
	HOLDS(interface->name[0] && strlen(interface->name) < 16 && !strchr(interface->name, '/'));
	HOLDS(strcmp(interface->name, ".") != 0 && strcmp(interface->name, "..") != 0);
	HOLDS(interface->xdp_generic_ok || interface->xdp_native_ok);
	for (size_t hook = 0; hook < HOOK_COUNT; hook++) {
		HOLDS(interface->chain_count[hook] <= NODE_CHAIN_MAX);
		for (size_t i = 0; i < interface->chain_count[hook]; i++)
			check_use(node, &interface->chain[hook][i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(node_drop) struct node *node = NULL;
	struct fault why = {0};

	if (node_parse(data, len, "node.json", &node, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_CONFIG && !node);
		return 0;
	}
	HOLDS(node->interface_count <= NODE_INTERFACES_MAX && node->policy.insns_max > 0);
	HOLDS(!node->policy.kfuncs_any && node->policy.kfunc_count <= 16);
	for (size_t i = 0; i < node->repository_count; i++)
		HOLDS(name_is_plain(node->repositories[i].name, 64) && node->repositories[i].url);
	for (size_t i = 0; i < node->interface_count; i++)
		check_interface(node, &node->interfaces[i]);
	return 0;
}
