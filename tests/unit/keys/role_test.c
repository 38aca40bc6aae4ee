// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/role.h"
#include "tests/sim/sim.h"

static int parse(const char *text, struct role **out, struct fault *why)
{
	return role_parse("test", text, strlen(text), out, why);
}

#define HEADER(type, spec, version, expires)                                             \
	"{\"signatures\":[],\"signed\":{\"_type\":\"" type "\",\"spec_version\":\"" spec \
	"\",\"version\":" version ",\"expires\":\"" expires "\"}}"

static void assert_header(const char *text, enum fault_code code)
{
	OWNED(role_drop) struct role *role = NULL;
	struct fault why = {0};

	assert_int_equal(parse(text, &role, &why), 0);
	assert_int_equal(role_header(role, "root", &why), code ? -1 : 0);
	assert_int_equal(why.code, code);
}

static void a_header_needs_type_version_expiry_and_specification(void **state)
{
	(void)state;
	assert_header(HEADER("root", "1.0.31", "1", "2030-01-01T00:00:00Z"), FAULT_NONE);
	assert_header(HEADER("root", "1.0", "1", "2030-01-01T00:00:00Z"), FAULT_NONE);
	assert_header(HEADER("targets", "1.0.31", "1", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "2.0.0", "1", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "1", "1", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "1.", "1", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "1.0.", "1", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "1.0.0.0", "1", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "1.0.31", "0", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "1.0.31", "\"1\"", "2030-01-01T00:00:00Z"), FAULT_FORMAT);
	assert_header(HEADER("root", "1.0.31", "1", "2030-01-01 00:00:00"), FAULT_FORMAT);
	assert_header(HEADER("root", "1.0.31", "1", "2030-02-30T00:00:00Z"), FAULT_FORMAT);
	assert_header("{\"signatures\":[],\"signed\":{}}", FAULT_FORMAT);
}

static void the_received_bytes_are_held_as_they_came(void **state)
{
	static const char text[] = " {\"signed\" :{}, \"signatures\":[]} \n";
	OWNED(role_drop) struct role *role = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(parse(text, &role, &why), 0);
	assert_int_equal(role->raw.len, strlen(text));
	assert_string_equal(bytes_text(&role->raw), text);
}

static void taken_bytes_are_the_roles_and_refused_ones_the_callers(void **state)
{
	static const char text[] = "{ \"signed\":{}, \"signatures\":[] }\n";
	OWNED(role_drop) struct role *role = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(bytes_drop) struct bytes bad = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(bytes_append_text(&bad, "{\"signed\":{}}", &why), 0);
	assert_int_equal(role_take("test", &bad, &role, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(role);
	assert_string_equal(bytes_text(&bad), "{\"signed\":{}}");

	assert_int_equal(bytes_append_text(&data, text, &why), 0);
	assert_int_equal(role_take("test", &data, &role, &why), 0);
	assert_int_equal(data.len, 0);
	assert_null(data.data);
	assert_int_equal(role->raw.len, strlen(text));
	assert_string_equal(bytes_text(&role->raw), text);
}

static void expiry_must_lie_strictly_after_now(void **state)
{
	struct role role = {.version = 1, .expires = 100};
	struct fault why = {0};

	(void)state;
	assert_int_equal(role_fresh(&role, "test", 99, &why), 0);
	assert_int_equal(role_fresh(&role, "test", 100, &why), -1);
	assert_int_equal(why.code, FAULT_EXPIRED);
	role.expires = INT64_C(4102444800); // 2100, past what 32 bits hold
	assert_int_equal(role_fresh(&role, "test", INT64_C(4102444799), &why), 0);
}

static void a_wrong_version_is_a_rollback_or_not_vouched_for(void **state)
{
	struct role role = {.version = 5};
	struct fault why = {0};

	(void)state;
	assert_int_equal(role_version(&role, "test", 5, &why), 0);
	assert_int_equal(role_version(&role, "test", 6, &why), -1);
	assert_int_equal(why.code, FAULT_ROLLBACK);
	assert_int_equal(role_version(&role, "test", 4, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
}

// ---- counting ----

struct scene {
	struct sim sim;
	struct sim_role role;
	struct json *keys, *object;
	struct keyring *ring;
	struct authority authority;
	struct role *signed_role;
};

static void scene_make(struct scene *scene, const struct sim_key *trusted, size_t count,
		       int64_t threshold)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *ids = json_make_array();
	struct fault why = {0};

	scene->keys = json_make_object();
	scene->object = json_make_object();
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(
			json_put(scene->keys, trusted[i].id, sim_key_json(&trusted[i]), &why), 0);
		assert_int_equal(json_add(ids, json_make_text(trusted[i].id), &why), 0);
	}
	assert_int_equal(json_put(scene->object, "keyids", ids, &why), 0);
	sim_set_int(scene->object, "threshold", threshold);
	assert_int_equal(keyring_parse(scene->keys, &scene->ring, &why), 0);
	assert_int_equal(authority_parse(scene->object, scene->ring, &scene->authority, &why), 0);
	scene->role.body = json_make_object();
	sim_set_text(scene->role.body, "x", "y");
	sim_sign(&scene->role, &data);
	assert_int_equal(role_parse("test", data.data, data.len, &scene->signed_role, &why), 0);
}

static void scene_drop(struct scene *scene)
{
	role_free(scene->signed_role);
	json_free(scene->role.body);
	authority_drop(&scene->authority);
	keyring_free(scene->ring);
	json_free(scene->object);
	json_free(scene->keys);
}

static void distinct_trusted_keys_are_counted(void **state)
{
	struct scene scene = {0};
	struct fault why = {0};
	struct sim_key keys[4];
	size_t met;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		keys[i] = sim_key_new(&scene.sim);
	scene.role.keys[0] = keys[0];
	scene.role.keys[1] = keys[2];
	scene.role.keys[2] = keys[3]; // a stranger
	scene.role.key_count = 3;
	scene_make(&scene, keys, 3, 2);
	assert_int_equal(role_count(scene.signed_role, &scene.authority, &met, &why), 0);
	assert_int_equal(met, 2);
	assert_int_equal(role_check(scene.signed_role, "test", &scene.authority, &why), 0);
	scene.authority.threshold = 3;
	assert_int_equal(role_check(scene.signed_role, "test", &scene.authority, &why), -1);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	assert_true(authority_has(&scene.authority, keys[1].public));
	assert_false(authority_has(&scene.authority, keys[3].public));
	scene_drop(&scene);
}

// How many keys count for these bytes.
static size_t count_of(const struct scene *scene, const struct bytes *data)
{
	OWNED(role_drop) struct role *role = NULL;
	struct fault why = {0};
	size_t met = 99;

	assert_int_equal(role_parse("test", data->data, data->len, &role, &why), 0);
	assert_int_equal(role_count(role, &scene->authority, &met, &why), 0);
	return met;
}

static void a_signature_counts_in_whatever_form_the_file_came(void **state)
{
	struct scene scene = {0};
	struct sim_key key;
	struct fault why = {0};

	(void)state;
	key = sim_key_new(&scene.sim);
	scene.role.keys[0] = key;
	scene.role.key_count = 1;
	scene_make(&scene, &key, 1, 1);
	for (int form = 0; form < 3; form++) {
		OWNED(bytes_drop) struct bytes data = {0};
		int rc = form < 2 ? json_write(scene.signed_role->document, form, &data, &why)
				  : json_write_sorted(scene.signed_role->document, &data, &why);

		assert_int_equal(rc, 0);
		assert_int_equal(count_of(&scene, &data), 1);
	}
	scene_drop(&scene);
}

// A26: the file carries, where the signed part is looked for, other bytes that the key did sign. What counts is the
// signed part that is used.
static void signed_bytes_beside_the_signed_part_do_not_count(void **state)
{
	static const char *const parts[] = {
		"{\"x\":\"z\"}", "{\"x\":\"y\",\"z\":1}", "{\"x\":\"y\" ,\"x2\":0}", "{}",
		"{\"x\":\"y\"}",
	};
	struct scene scene = {0};
	struct sim_key key;
	struct fault why = {0};

	(void)state;
	key = sim_key_new(&scene.sim);
	scene.role.keys[0] = key;
	scene.role.key_count = 1;
	scene_make(&scene, &key, 1, 1);
	for (size_t i = 0; i < 5; i++) {
		const struct json *entry = json_item(scene.signed_role->signatures, 0);
		OWNED(bytes_drop) struct bytes data = {0};

		assert_int_equal(
			bytes_format(&data, &why,
				     "{\"a\":{\"signed\":{\"x\":\"y\"}},\"signatures\":[{\"keyid\":"
				     "\"%s\",\"sig\":\"%s\"}],\"signed\":%s}",
				     json_text(json_member(entry, "keyid")),
				     json_text(json_member(entry, "sig")), parts[i]),
			0);
		assert_int_equal(count_of(&scene, &data), i == 4);
	}
	scene_drop(&scene);
}

static void a_good_signature_counts_even_after_a_bad_one_of_the_same_key(void **state)
{
	struct scene scene = {0};
	struct fault why = {0};
	struct sim_key keys[2];
	size_t met;

	(void)state;
	keys[0] = sim_key_new(&scene.sim);
	keys[1] = keys[0];
	strcpy(keys[1].id, "same-key-again");
	// Under the first id the signature is by another key, under the second it is right.
	scene.role.keys[0] = sim_key_new(&scene.sim);
	strcpy(scene.role.keys[0].id, keys[0].id);
	scene.role.keys[1] = keys[1];
	scene.role.key_count = 2;
	scene_make(&scene, keys, 2, 1);
	assert_int_equal(role_count(scene.signed_role, &scene.authority, &met, &why), 0);
	assert_int_equal(met, 1);
	scene_drop(&scene);
}

static void a_stated_digest_that_nobody_knows_is_no_match(void **state)
{
	struct role_meta meta = {.version = 1, .has_hashes = true};
	struct fault why = {0};

	(void)state;
	assert_int_equal(role_meta_check(&meta, "test", "", 0, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	meta.has_hashes = false;
	assert_int_equal(role_meta_check(&meta, "test", "", 0, &why), 0);
}

static void every_known_digest_is_checked(void **state)
{
	struct role_meta meta = {.version = 1, .has_hashes = true};
	struct fault why = {0};

	(void)state;
	meta.has_sha256 = meta.has_sha512 = true;
	assert_int_equal(sha256_of("abc", 3, &meta.sha256, &why), 0);
	assert_int_equal(sha512_of("abc", 3, &meta.sha512, &why), 0);
	assert_int_equal(role_meta_check(&meta, "test", "abc", 3, &why), 0);
	meta.sha512.byte[63] ^= 1;
	assert_int_equal(role_meta_check(&meta, "test", "abc", 3, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	meta.sha512.byte[63] ^= 1;
	meta.sha256.byte[0] ^= 1;
	assert_int_equal(role_meta_check(&meta, "test", "abc", 3, &why), -1);
	meta.sha256.byte[0] ^= 1;
	meta.has_length = true;
	meta.length = 4;
	assert_int_equal(role_meta_check(&meta, "test", "abc", 3, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_needs_type_version_expiry_and_specification),
		cmocka_unit_test(the_received_bytes_are_held_as_they_came),
		cmocka_unit_test(taken_bytes_are_the_roles_and_refused_ones_the_callers),
		cmocka_unit_test(expiry_must_lie_strictly_after_now),
		cmocka_unit_test(a_wrong_version_is_a_rollback_or_not_vouched_for),
		cmocka_unit_test(distinct_trusted_keys_are_counted),
		cmocka_unit_test(a_signature_counts_in_whatever_form_the_file_came),
		cmocka_unit_test(signed_bytes_beside_the_signed_part_do_not_count),
		cmocka_unit_test(a_good_signature_counts_even_after_a_bad_one_of_the_same_key),
		cmocka_unit_test(a_stated_digest_that_nobody_knows_is_no_match),
		cmocka_unit_test(every_known_digest_is_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
