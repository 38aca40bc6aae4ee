// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/key.h"
#include "tests/sim/foreign.h"
#include "tests/sim/sim.h"

static struct key *parse(struct json *json)
{
	OWNED(json_drop) struct json *owned = json;
	struct fault why = {0};
	struct key *key = NULL;

	assert_int_equal(key_parse(owned, &key, &why), 0);
	return key;
}

static struct key *parse_text(const char *type, const char *scheme, const char *public)
{
	struct json *json = json_make_object(), *value = json_make_object();

	sim_set_text(json, "keytype", type);
	sim_set_text(json, "scheme", scheme);
	sim_set_text(value, "public", public);
	struct fault why = {0};
	assert_int_equal(json_put(json, "keyval", value, &why), 0);
	return parse(json);
}

static void assert_scheme(struct key *key, enum key_scheme scheme)
{
	assert_int_equal(key_scheme(key), scheme);
	key_free(key);
}

static void an_ed25519_key_is_read(void **state)
{
	struct sim sim = {0};
	struct sim_key made = sim_key_new(&sim);
	struct key *key = parse(sim_key_json(&made));

	(void)state;
	assert_int_equal(key_scheme(key), KEY_ED25519);
	assert_memory_equal(key_ed25519(key), made.public, 32);
	assert_null(key_openssl(key));
	key_free(key);
}

static void a_damaged_ed25519_key_is_unusable_and_no_refusal(void **state)
{
	static const char *const texts[] = {
		"",
		"00",
		"zz",
		"D75A980182B10AB7D54BFED3C964073A0EE172F3DAA62325AF021A68F707511A",
		" d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a00",
		// Points of small order, and one that is not reduced.
		"0000000000000000000000000000000000000000000000000000000000000000",
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_scheme(parse_text("ed25519", "ed25519", texts[i]), KEY_UNUSABLE);
	assert_scheme(
		parse_text("ed25519", "ed25519",
			   "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"),
		KEY_ED25519);
}

static void the_encodings_of_one_p256_key_have_one_identity(void **state)
{
	struct foreign_key *made = foreign_new("P-256"), *other = foreign_new("P-256");
	struct key *pem = parse(foreign_json(made, "ecdsa", "ecdsa-sha2-nistp256"));
	struct key *old = parse(foreign_json(made, "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256"));
	struct key *point = parse(foreign_point_json(made));
	struct key *compressed = parse(foreign_compressed_json(made));
	struct key *stranger = parse(foreign_point_json(other));

	(void)state;
	assert_int_equal(key_scheme(pem), KEY_ECDSA_P256_SHA256);
	assert_int_equal(key_scheme(old), KEY_ECDSA_P256_SHA256);
	assert_int_equal(key_scheme(point), KEY_ECDSA_P256_SHA256);
	assert_int_equal(key_scheme(compressed), KEY_ECDSA_P256_SHA256);
	assert_true(sha256_equal(key_identity(pem), key_identity(old)));
	assert_true(sha256_equal(key_identity(pem), key_identity(point)));
	assert_true(sha256_equal(key_identity(pem), key_identity(compressed)));
	assert_false(sha256_equal(key_identity(pem), key_identity(stranger)));
	key_free(pem);
	key_free(old);
	key_free(point);
	key_free(compressed);
	key_free(stranger);
	foreign_free(made);
	foreign_free(other);
}

static void other_curves_and_points_off_the_curve_are_unusable(void **state)
{
	struct foreign_key *p384 = foreign_new("P-384"), *k256 = foreign_new("secp256k1");
	char point[131];

	(void)state;
	assert_scheme(parse(foreign_json(p384, "ecdsa", "ecdsa-sha2-nistp256")), KEY_UNUSABLE);
	assert_scheme(parse(foreign_json(k256, "ecdsa", "ecdsa-sha2-nistp256")), KEY_UNUSABLE);
	memset(point, '1', 130);
	memcpy(point, "04", 2);
	point[130] = '\0';
	assert_scheme(parse_text("ecdsa", "ecdsa-sha2-nistp256", point), KEY_UNUSABLE);
	assert_scheme(parse_text("ecdsa", "ecdsa-sha2-nistp256", "no PEM"), KEY_UNUSABLE);
	foreign_free(p384);
	foreign_free(k256);
}

static void an_rsa_key_needs_2048_bits(void **state)
{
	struct foreign_key *good = foreign_new("RSA-2048"), *weak = foreign_new("RSA-1024");

	(void)state;
	assert_scheme(parse(foreign_json(good, "rsa", "rsassa-pss-sha256")), KEY_RSA_PSS_SHA256);
	assert_scheme(parse(foreign_json(weak, "rsa", "rsassa-pss-sha256")), KEY_UNUSABLE);
	foreign_free(good);
	foreign_free(weak);
}

static void a_key_under_another_type_or_scheme_is_unusable(void **state)
{
	static const char good[] =
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
	struct foreign_key *rsa = foreign_new("RSA-2048"), *ec = foreign_new("P-256");

	(void)state;
	assert_scheme(parse_text("ed25519", "none", good), KEY_UNUSABLE);
	assert_scheme(parse_text("none", "ed25519", good), KEY_UNUSABLE);
	assert_scheme(parse_text("", "", good), KEY_UNUSABLE);
	assert_scheme(parse_text("ED25519", "ED25519", good), KEY_UNUSABLE);
	assert_scheme(parse(foreign_json(rsa, "rsa", "rsa-pkcs1v15-sha256")), KEY_UNUSABLE);
	assert_scheme(parse(foreign_json(rsa, "ecdsa", "ecdsa-sha2-nistp256")), KEY_UNUSABLE);
	assert_scheme(parse(foreign_json(ec, "rsa", "rsassa-pss-sha256")), KEY_UNUSABLE);
	foreign_free(rsa);
	foreign_free(ec);
}

static void what_is_not_a_key_object_is_refused(void **state)
{
	static const char *const texts[] = {
		"7",
		"{}",
		"{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\"}",
		"{\"keytype\":\"ed25519\",\"scheme\":\"ed25519\",\"keyval\":\"00\"}",
		"{\"keytype\":7,\"scheme\":\"ed25519\",\"keyval\":{}}",
		"{\"keytype\":\"ed25519\",\"keyval\":{\"public\":\"00\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		OWNED(json_drop) struct json *json = NULL;
		struct fault why = {0};
		struct key *key = NULL;

		assert_int_equal(json_parse(texts[i], strlen(texts[i]), "key", &json, &why), 0);
		assert_int_equal(key_parse(json, &key, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_null(key);
	}
}

static void a_ring_finds_keys_by_their_opaque_ids(void **state)
{
	OWNED(keyring_drop) struct keyring *ring = NULL;
	OWNED(json_drop) struct json *keys = json_make_object();
	struct sim sim = {0};
	struct sim_key first = sim_key_new(&sim), second = sim_key_new(&sim);
	struct fault why = {0};

	(void)state;
	assert_int_equal(json_put(keys, "zebra", sim_key_json(&first), &why), 0);
	assert_int_equal(json_put(keys, "ape", sim_key_json(&second), &why), 0);
	assert_int_equal(keyring_parse(keys, &ring, &why), 0);
	assert_memory_equal(key_ed25519(keyring_find(ring, "zebra")), first.public, 32);
	assert_memory_equal(key_ed25519(keyring_find(ring, "ape")), second.public, 32);
	assert_null(keyring_find(ring, "zeb"));
	assert_null(keyring_find(ring, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ed25519_key_is_read),
		cmocka_unit_test(a_damaged_ed25519_key_is_unusable_and_no_refusal),
		cmocka_unit_test(the_encodings_of_one_p256_key_have_one_identity),
		cmocka_unit_test(other_curves_and_points_off_the_curve_are_unusable),
		cmocka_unit_test(an_rsa_key_needs_2048_bits),
		cmocka_unit_test(a_key_under_another_type_or_scheme_is_unusable),
		cmocka_unit_test(what_is_not_a_key_object_is_refused),
		cmocka_unit_test(a_ring_finds_keys_by_their_opaque_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
