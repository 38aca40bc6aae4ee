// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

// ---- points and scalars that verifiers of the field disagree about (A16) ----

// A point of order 8, and the neutral one in the form that is not reduced.
static const unsigned char order_8[32] = {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f,
					  0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
					  0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6,
					  0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a};
static const unsigned char neutral[32] = {1};
static const unsigned char neutral_unreduced[32] = {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
						    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};

// A signature as it is put together by somebody who knows the secret scalars, and what stands where.
struct forgery {
	unsigned char a[32], r[32];	      // the secret scalars, 0 for a point of small order
	unsigned char A[32], R[32];	      // the points as they are sent
	unsigned char hash_A[32], hash_R[32]; // and as they are hashed
	int residue;			      // of the hash by 8 that is wanted; -1: any
	unsigned char S[32];
	char message[32];
};

static void hash_of(const struct forgery *forgery, unsigned char h[32])
{
	unsigned char wide[64];
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(&state, forgery->hash_R, 32);
	crypto_hash_sha512_update(&state, forgery->hash_A, 32);
	crypto_hash_sha512_update(&state, (const unsigned char *)forgery->message,
				  strlen(forgery->message));
	crypto_hash_sha512_final(&state, wide);
	crypto_core_ed25519_scalar_reduce(h, wide);
}

// Finds a message for which the hash has that residue, and makes S = r + ha.
static void finish(struct forgery *forgery)
{
	unsigned char h[32], product[32];
	int i = 0;

	do {
		snprintf(forgery->message, sizeof(forgery->message), "message %d", i++);
		hash_of(forgery, h);
	} while (forgery->residue >= 0 && (h[0] & 7) != forgery->residue);
	crypto_core_ed25519_scalar_mul(product, h, forgery->a);
	crypto_core_ed25519_scalar_add(forgery->S, forgery->r, product);
}

static void set_points(struct forgery *forgery, const unsigned char *A, const unsigned char *R)
{
	memcpy(forgery->A, A, 32);
	memcpy(forgery->R, R, 32);
	memcpy(forgery->hash_A, A, 32);
	memcpy(forgery->hash_R, R, 32);
}

// aB and rB, each with `times` the point of order 8 added.
static struct forgery forge(int a_times, int r_times, int residue)
{
	struct forgery forgery = {.residue = residue};
	unsigned char A[32], R[32];

	crypto_core_ed25519_scalar_random(forgery.a);
	crypto_core_ed25519_scalar_random(forgery.r);
	assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(A, forgery.a), 0);
	assert_int_equal(crypto_scalarmult_ed25519_base_noclamp(R, forgery.r), 0);
	for (int i = 0; i < a_times; i++)
		assert_int_equal(crypto_core_ed25519_add(A, A, order_8), 0);
	for (int i = 0; i < r_times; i++)
		assert_int_equal(crypto_core_ed25519_add(R, R, order_8), 0);
	set_points(&forgery, A, R);
	finish(&forgery);
	return forgery;
}

// The same with a point of small order in the place of A (and of R).
static struct forgery forge_small(const unsigned char *A, const unsigned char *R, int residue)
{
	struct forgery forgery = forge(0, 0, -1);

	if (A)
		memset(forgery.a, 0, 32);
	if (R)
		memset(forgery.r, 0, 32);
	set_points(&forgery, A ? A : forgery.A, R ? R : forgery.R);
	forgery.residue = residue;
	finish(&forgery);
	return forgery;
}

static void add_order(unsigned char scalar[32], int times)
{
	static const unsigned char order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
						0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
						0,    0,    0,	  0,	0,    0,    0,	  0,
						0,    0,    0,	  0,	0,    0,    0,	  0x10};

	while (times-- > 0) {
		unsigned carry = 0;

		for (size_t i = 0; i < 32; i++) {
			carry += (unsigned)scalar[i] + order[i];
			scalar[i] = (unsigned char)carry;
			carry >>= 8;
		}
	}
}

// By libsodium alone, which does not ask where the key lies.
static bool adds_up(const struct forgery *forgery)
{
	unsigned char raw[64];

	memcpy(raw, forgery->R, 32);
	memcpy(raw + 32, forgery->S, 32);
	return crypto_sign_verify_detached(raw, (const unsigned char *)forgery->message,
					   strlen(forgery->message), forgery->A) == 0;
}

static bool is_taken(const struct forgery *forgery)
{
	struct sim_key made = {0};
	unsigned char raw[64];
	struct key *key;
	char sig[129];
	bool taken;

	memcpy(made.public, forgery->A, 32);
	memcpy(raw, forgery->R, 32);
	memcpy(raw + 32, forgery->S, 32);
	hex_write(raw, sizeof(raw), sig);
	key = parse(sim_key_json(&made));
	taken = sig_check(key, sig, forgery->message, strlen(forgery->message));
	key_free(key);
	return taken;
}

// The classes of Chalkias, Garillot and Nikolaenko ("Taming the many EdDSAs", 2020). Everybody who verifies here, server,
// fetcher and loader, verifies with this one function; none of these passes, also those that other verifiers take.
static void signatures_that_verifiers_disagree_about_are_refused(void **state)
{
	struct forgery cases[14];

	(void)state;
	assert_true(sodium_init() >= 0);
	// The plain one is taken, so what follows is refused for what it is.
	cases[0] = forge(0, 0, -1);
	assert_true(is_taken(&cases[0]));
	cases[0] = forge_small(order_8, neutral, 0); // both of small order, and S = 0
	cases[1] = forge_small(order_8, NULL, 0);    // a key of small order: it signs anything
	cases[2] = forge_small(NULL, neutral, -1);   // R of small order under a good key
	cases[3] = forge(1, 7, 1);		     // both mixed; the parts of small order cancel
	cases[4] = forge(1, 7, 2);		     // they cancel only when multiplied by 8
	cases[5] = forge(1, 0, 1);		     // a mixed key alone
	cases[6] = forge(1, 0, 0);		     // where its small part vanishes in the product
	cases[7] = forge(0, 1, -1);		     // a mixed R under a good key
	cases[8] = forge(0, 0, -1);		     // S is not reduced
	add_order(cases[8].S, 1);
	cases[9] = forge(0, 0, -1); // far from it
	add_order(cases[9].S, 14);
	cases[10] = forge_small(NULL, neutral_unreduced, -1); // R not reduced, hashed as it is sent
	cases[11] = cases[10];				      // hashed as it would be reduced
	memcpy(cases[11].hash_R, neutral, 32);
	finish(&cases[11]);
	cases[12] = forge_small(neutral_unreduced, NULL, -1); // a key that is not reduced
	cases[13] = cases[12];
	memcpy(cases[13].hash_A, neutral, 32);
	finish(&cases[13]);
	// Two of them are sound forgeries: only what is asked of a key (keys/key.c) keeps them out.
	assert_true(adds_up(&cases[3]) && adds_up(&cases[6]));
	assert_false(adds_up(&cases[4]) || adds_up(&cases[5]));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		if (is_taken(&cases[i]))
			fail_msg("case %zu is taken", i);
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
		cmocka_unit_test(signatures_that_verifiers_disagree_about_are_refused),
		cmocka_unit_test(an_ecdsa_signature_verifies_whatever_the_key_is_written_as),
		cmocka_unit_test(an_rsa_pss_signature_verifies_with_any_salt_length),
		cmocka_unit_test(an_unusable_key_verifies_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
