// SPDX-License-Identifier: Apache-2.0
// bpf/l3af: whatever a payload says, what comes out is a node.json that is taken, from the repository and the publisher
// that the call named, and no pattern of interfaces.
#include "bpf/l3af.h"

#include "base/owned.h"
#include "bpf/node.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const struct l3af_order order = {
		.file = "p.json", .publisher = "net", .repository = "corp", .host = "here"};
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	OWNED(node_drop) struct node *node = NULL;
	struct fault why = {0};

	if (l3af_import(data, len, &order, &result, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_CONFIG);
		return 0;
	}
	MUST(node_parse(result.node.data, result.node.len, "out", &node, &must));
	HOLDS(node->repository_count == 1 && !strcmp(node->repositories[0].name, "corp"));
	for (size_t i = 0; i < node->interface_count; i++) {
		HOLDS(!strpbrk(node->interfaces[i].name, "*?[/"));
		for (size_t hook = 0; hook < HOOK_COUNT; hook++)
			for (size_t k = 0; k < node->interfaces[i].chain_count[hook]; k++)
				HOLDS(!strncmp(node->interfaces[i].chain[hook][k].use, "net/", 4));
	}
	return 0;
}
