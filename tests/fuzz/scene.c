// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/scene.h"

#include "base/owned.h"
#include "keys/canon.h"
#include "tests/fuzz/fuzz.h"

struct sim *scene(void)
{
	static struct sim *sim;

	if (!sim)
		sim = sim_new();
	return sim;
}

struct trust *scene_trust(void)
{
	const struct bytes *root = sim_kept_bytes(scene(), "root");
	struct trust *trust;

	MUST(trust_new(root->data, root->len, SIM_NOW, &trust, &must));
	return trust;
}

const struct json *scene_body(const char *role)
{
	return sim_role(scene(), role)->body;
}

void scene_sign(const char *role, const struct json *body, struct bytes *out)
{
	struct sim_role signing = *sim_role(scene(), role);

	signing.body = (struct json *)(uintptr_t)body;
	sim_sign(&signing, out);
}

bool scene_sign_input(const char *role, const uint8_t *data, size_t len, struct json **body,
		      struct bytes *out)
{
	struct fault why = {0};

	if (json_parse(data, len, "input", body, &why) == 0 && json_is(*body, JSON_KIND_OBJECT)) {
		scene_sign(role, *body, out);
		return true;
	}
	MUST(bytes_append(out, data, len, &must));
	return false;
}

void scene_parent(const char *role, const char *file, int64_t version, struct bytes *out)
{
	OWNED(json_drop) struct json *body = NULL;

	MUST(json_clone(scene_body(role), &body, &must));
	sim_set_int(body, "version", 2);
	sim_set_int(sim_at(body, "meta", file, NULL), "version", version);
	scene_sign(role, body, out);
}

bool scene_says(const struct role *role, const struct json *body)
{
	OWNED(bytes_drop) struct bytes said = {0};
	OWNED(bytes_drop) struct bytes wanted = {0};

	MUST(canon_write(role->body, &said, &must));
	MUST(canon_write(body, &wanted, &must));
	return said.len == wanted.len && !memcmp(said.data, wanted.data, said.len);
}
