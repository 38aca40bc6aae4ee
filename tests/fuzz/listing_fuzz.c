// SPDX-License-Identifier: Apache-2.0
// bpf/listing, and bpf/jumps behind it: an object that has a sane shape, whatever its symbols and relocations say.
#include "bpf/listing.h"

#include "base/owned.h"
#include "bpf/jumps.h"
#include "bpf/shape.h"
#include "tests/fuzz/fuzz.h"

#define FUNCTIONS_MAX 8 // of which the jumps are followed

static void check_function(const struct listing *listing, const struct listing_function *function)
{
	OWNED(jumps_drop) struct jumps jumps = {0};
	int64_t at = listing_entry(listing, function->name, function->section);

	HOLDS(at >= 0 && (size_t)at < listing->count);
	HOLDS(function->at < listing->count);
	MUST(jumps_find(listing->insns, listing->count, listing->maps, function->at, &jumps,
			&must));
	for (size_t i = 0; i < jumps.count; i++)
		HOLDS(jumps.sites[i].insn < listing->count && jumps.sites[i].map < 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct inspect_map maps[] = {
		{.name = "own_next"}, {.name = "parts"}, {.name = "bpfseal_next"}};
	const struct inspection inspection = {.maps = maps, .map_count = 3};
	OWNED(listing_drop) struct listing listing = {0};
	struct fault why = {0};

	if (shape_check(data, len, &why))
		return 0;
	if (listing_make(data, len, &inspection, &listing, &why)) {
		fuzz_refused(&why);
		HOLDS(!listing.insns && !listing.functions);
		return 0;
	}
	for (size_t i = 0; i < listing.count; i++)
		HOLDS(listing.maps[i] >= -1 && listing.maps[i] < 3);
	for (size_t i = 0; i < listing.function_count && i < FUNCTIONS_MAX; i++)
		check_function(&listing, &listing.functions[i]);
	return 0;
}
