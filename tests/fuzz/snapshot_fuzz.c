// SPDX-License-Identifier: Apache-2.0
// keys/snapshot in a trusted set. First byte: bit 0 the rest is signed here, and named by a timestamp with the version
// that it says (else it is the whole file), bit 1 an earlier run has kept version 1.
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scene.h"

static void check_accepted(const struct trust *trust, const struct json *body, int64_t version,
			   bool kept)
{
	const struct snapshot *now = trust_snapshot_now(trust);
	const struct role_meta *targets, *net;

	HOLDS(now && now->role->version == version && now->role->expires > SIM_NOW);
	HOLDS(scene_says(now->role, body));
	for (size_t i = 0; i < now->count; i++) {
		HOLDS(now->entries[i].meta.version >= 1);
		HOLDS(!i || strcmp(now->entries[i - 1].file, now->entries[i].file) < 0);
		HOLDS(json_member(json_member(body, "meta"), now->entries[i].file));
	}
	// None of what was listed may be gone.
	targets = snapshot_find(now, "targets");
	net = snapshot_find(now, "net");
	HOLDS(!kept || (targets && net && targets->version >= 1 && net->version >= 1));
}

static void name_it(struct trust *trust, int64_t version)
{
	OWNED(bytes_drop) struct bytes timestamp = {0};
	bool changed;

	scene_parent("timestamp", "snapshot.json", version, &timestamp);
	MUST(trust_root_end(trust, &must));
	MUST(trust_timestamp(trust, timestamp.data, timestamp.len, &changed, &must));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	uint8_t mode = fuzz_byte(&input);
	OWNED(trust_drop) struct trust *trust = scene_trust();
	OWNED(bytes_drop) struct bytes file = {0};
	OWNED(json_drop) struct json *body = NULL;
	struct bytes *own = sim_served(scene(), "1.snapshot.json");
	struct fault why = {0};
	bool current = false, is_signed = false;
	int64_t version = 1;

	if (mode & 1)
		is_signed = scene_sign_input("snapshot", input.at, input.left, &body, &file);
	else
		MUST(bytes_append(&file, input.at, input.left, &must));
	if (is_signed)
		version = json_int(json_member(body, "version"));
	if (version < 1 || version > ROLE_INT_MAX)
		version = 1;
	name_it(trust, version);
	if (mode & 2)
		MUST(trust_recall_snapshot(trust, own->data, own->len, &current, &must));
	if (current)
		return 0;
	if (trust_snapshot(trust, file.data, file.len, &why)) {
		fuzz_refused(&why);
		HOLDS(!trust_snapshot_now(trust));
		return 0;
	}
	check_accepted(trust, is_signed ? body : scene_body("snapshot"), version, mode & 2);
	return 0;
}
