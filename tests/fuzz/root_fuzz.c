// SPDX-License-Identifier: Apache-2.0
// keys/root and keys/key in a trusted set: the next root. First byte: bit 0 the rest is signed here by the keys of root 1
// (else it is the whole file).
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scene.h"

// Does this root, in so many words, name that role's key of root 1 and ask for no more than one?
static bool names_key(const struct json *body, const char *role)
{
	const struct sim_key *key = &sim_role(scene(), role)->keys[0];
	const struct json *authority = json_member(json_member(body, "roles"), role);
	const struct json *ids = json_member(authority, "keyids");
	bool named = false;

	for (size_t i = 0; i < json_count(ids); i++)
		named |= strcmp(json_text(json_item(ids, i)), key->id) == 0;
	// The same key under another id is the same key; then its id alone does not tell.
	return named && json_int(json_member(authority, "threshold")) == 1;
}

// Root 1's timestamp under the next root: taken only where that root names its key.
static void offer_timestamp(struct trust *trust, const struct json *body)
{
	const struct bytes *timestamp = sim_served(scene(), "timestamp.json");
	struct fault why = {0};
	bool changed;

	if (trust_root_end(trust, &why)) {
		HOLDS(why.code == FAULT_EXPIRED && trust_root_now(trust)->role->expires <= SIM_NOW);
		return;
	}
	HOLDS(trust_root_now(trust)->role->expires > SIM_NOW);
	if (trust_timestamp(trust, timestamp->data, timestamp->len, &changed, &why))
		fuzz_refused(&why);
	else
		HOLDS(names_key(body, "timestamp"));
}

static void check_accepted(const struct trust *trust, const struct json *body)
{
	const struct root *root = trust_root_now(trust);

	HOLDS(root->role->version == 2 && scene_says(root->role, body));
	HOLDS(names_key(body, "root"));
	HOLDS(!strcmp(root->class, "private") || !strcmp(root->class, "public"));
	for (size_t i = 0; i < ROOT_ROLES; i++)
		HOLDS(root->roles[i].threshold >= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	bool sign = fuzz_byte(&input) & 1;
	OWNED(trust_drop) struct trust *trust = scene_trust();
	OWNED(bytes_drop) struct bytes file = {0};
	OWNED(json_drop) struct json *body = NULL;
	struct fault why = {0};
	bool is_signed = false;

	if (sign)
		is_signed = scene_sign_input("root", input.at, input.left, &body, &file);
	else
		MUST(bytes_append(&file, input.at, input.left, &must));
	if (trust_root(trust, file.data, file.len, &why)) {
		fuzz_refused(&why);
		HOLDS(trust_root_now(trust)->role->version == 1);
		HOLDS(scene_says(trust_root_now(trust)->role, scene_body("root")));
		return 0;
	}
	// Nothing of version 2 was ever signed outside this target.
	HOLDS(is_signed);
	check_accepted(trust, body);
	offer_timestamp(trust, body);
	return 0;
}
