// SPDX-License-Identifier: Apache-2.0
// keys/timestamp in a trusted set. First byte: bit 0 the rest is signed here (else it is the whole file), bit 1 an
// earlier run has kept version 1.
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scene.h"

static void check_accepted(const struct trust *trust, const struct json *body, bool kept,
			   bool changed)
{
	const struct timestamp *now = trust_timestamp_now(trust);

	HOLDS(now && now->role->version >= 1 && now->role->expires > SIM_NOW);
	HOLDS(changed || kept);
	HOLDS(!kept || changed == (now->role->version > 1));
	HOLDS(scene_says(now->role, changed ? body : scene_body("timestamp")));
	HOLDS(now->snapshot.version >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	uint8_t mode = fuzz_byte(&input);
	OWNED(trust_drop) struct trust *trust = scene_trust();
	OWNED(bytes_drop) struct bytes file = {0};
	OWNED(json_drop) struct json *body = NULL;
	struct bytes *own = sim_served(scene(), "timestamp.json");
	struct fault why = {0};
	bool changed = false, is_signed = false;

	if (mode & 1)
		is_signed = scene_sign_input("timestamp", input.at, input.left, &body, &file);
	else
		MUST(bytes_append(&file, input.at, input.left, &must));
	MUST(trust_root_end(trust, &must));
	if (mode & 2)
		MUST(trust_recall_timestamp(trust, own->data, own->len, &must));
	if (trust_timestamp(trust, file.data, file.len, &changed, &why)) {
		fuzz_refused(&why);
		HOLDS(!trust_timestamp_now(trust));
		return 0;
	}
	check_accepted(trust, is_signed ? body : scene_body("timestamp"), mode & 2, changed);
	return 0;
}
