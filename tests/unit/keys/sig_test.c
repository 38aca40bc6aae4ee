// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sodium.h>

#include "base/owned.h"
#include "keys/sig.h"
#include "tests/sim/foreign.h"
#include "tests/sim/sim.h"

static const char message[] = "the bytes that were signed";

static struct key *parse(struct json *json)
{
	OWNED(json_drop) struct json *owned = json;
	struct fault why = {0};
	struct key *key = NULL;

	assert_int_equal(key_parse(owned, &key, &why), 0);
	return key;
}

// Good as it is; not good for other bytes, with any digit changed, cut, extended or in capitals.
static void assert_verifies_only_that(const struct key *key, const char *sig)
{
	OWNED(drop_heap) char *changed = strdup(sig);
	OWNED(drop_heap) char *longer = malloc(strlen(sig) + 3);
	size_t len = strlen(sig);

	assert_true(sig_check(key, sig, message, sizeof(message)));
	assert_false(sig_check(key, sig, message, sizeof(message) - 1));
	assert_false(sig_check(key, sig, "other", 5));
	for (size_t i = 0; i < len; i += 7) {
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_false(sig_check(key, changed, message, sizeof(message)));
		changed[i] = sig[i];
	}
	changed[len - 1] = '\0';
	assert_false(sig_check(key, changed, message, sizeof(message)));
	changed[len - 2] = '\0';
	assert_false(sig_check(key, changed, message, sizeof(message)));
	strcpy(longer, sig);
	strcat(longer, "00");
	assert_false(sig_check(key, longer, message, sizeof(message)));
	assert_false(sig_check(key, "", message, sizeof(message)));
	assert_false(sig_check(key, "no hexadecimal text", message, sizeof(message)));
}

static void an_ed25519_signature_verifies(void **state)
{
	struct sim sim = {0};
	struct sim_key made = sim_key_new(&sim);
	struct key *key = parse(sim_key_json(&made));
	unsigned char raw[64];
	char sig[129];

	(void)state;
	crypto_sign_detached(raw, NULL, (const unsigned char *)message, sizeof(message),
			     made.secret);
	hex_write(raw, sizeof(raw), sig);
	assert_verifies_only_that(key, sig);
	key_free(key);
}

// A16: s and s + L are the same scalar; only the reduced one is a signature.
static void an_ed25519_scalar_that_is_not_reduced_is_no_signature(void **state)
{
	static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
						0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
						0,    0,    0,	  0,	0,    0,    0,	  0,
						0,    0,    0,	  0,	0,    0,    0,	  0x10};
	struct sim sim = {0};
	struct sim_key made = sim_key_new(&sim);
	struct key *key = parse(sim_key_json(&made));
	unsigned char raw[64];
	unsigned carry = 0;
	char sig[129];

	(void)state;
	crypto_sign_detached(raw, NULL, (const unsigned char *)message, sizeof(message),
			     made.secret);
	for (size_t i = 0; i < 32; i++) {
		carry += (unsigned)raw[32 + i] + order[i];
		raw[32 + i] = (unsigned char)carry;
		carry >>= 8;
	}
	hex_write(raw, sizeof(raw), sig);
	assert_false(sig_check(key, sig, message, sizeof(message)));
	key_free(key);
}

static void an_ecdsa_signature_verifies_whatever_the_key_is_written_as(void **state)
{
	struct foreign_key *made = foreign_new("P-256");
	OWNED(drop_heap) char *sig = foreign_sign(made, 0, message, sizeof(message));
	struct key *keys[] = {
		parse(foreign_json(made, "ecdsa", "ecdsa-sha2-nistp256")),
		parse(foreign_point_json(made)),
		parse(foreign_compressed_json(made)),
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		assert_verifies_only_that(keys[i], sig);
		key_free(keys[i]);
	}
	foreign_free(made);
}

static void an_rsa_pss_signature_verifies_with_any_salt_length(void **state)
{
	struct foreign_key *made = foreign_new("RSA-2048");
	struct key *key = parse(foreign_json(made, "rsa", "rsassa-pss-sha256"));
	static const int salts[] = {32, 0, -1};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		OWNED(drop_heap) char *sig = foreign_sign(made, salts[i], message, sizeof(message));

		assert_verifies_only_that(key, sig);
	}
	key_free(key);
	foreign_free(made);
}

static void an_unusable_key_verifies_nothing(void **state)
{
	struct foreign_key *made = foreign_new("RSA-2048");
	struct key *key = parse(foreign_json(made, "rsa", "none"));
	OWNED(drop_heap) char *sig = foreign_sign(made, 32, message, sizeof(message));

	(void)state;
	assert_false(sig_check(key, sig, message, sizeof(message)));
	assert_false(sig_check(key, "", message, sizeof(message)));
	key_free(key);
	foreign_free(made);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ed25519_signature_verifies),
		cmocka_unit_test(an_ed25519_scalar_that_is_not_reduced_is_no_signature),
		cmocka_unit_test(an_ecdsa_signature_verifies_whatever_the_key_is_written_as),
		cmocka_unit_test(an_rsa_pss_signature_verifies_with_any_salt_length),
		cmocka_unit_test(an_unusable_key_verifies_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
