// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/httpsig.h"

#define NOW  INT64_C(1795430000)
#define PATH "/api/v1/metadata/net"

struct sealed {
	struct secret_key *key;
	struct sha256 body;
	struct httpsig_headers headers;
};

static int sealed_make(void **state)
{
	struct sealed *sealed = calloc(1, sizeof(*sealed));
	struct fault why = {0};

	assert_non_null(sealed);
	assert_int_equal(secret_key_new(&sealed->key, &why), 0);
	assert_int_equal(sha256_of("body", 4, &sealed->body, &why), 0);
	assert_int_equal(
		httpsig_sign(sealed->key, "POST", PATH, &sealed->body, NOW, &sealed->headers, &why),
		0);
	*state = sealed;
	return 0;
}

static int sealed_clear(void **state)
{
	struct sealed *sealed = *state;

	secret_key_free(sealed->key);
	free(sealed);
	return 0;
}

static void claim_read(const struct sealed *sealed, struct httpsig_claim *claim)
{
	struct fault why = {0};

	assert_int_equal(httpsig_parse(sealed->headers.content_digest,
				       sealed->headers.signature_input, sealed->headers.signature,
				       claim, &why),
			 0);
}

static void refused(const struct httpsig_claim *claim, const char *method, const char *path,
		    const unsigned char *key, int64_t now)
{
	struct fault why = {0};

	assert_int_equal(httpsig_check(claim, method, path, key, now, &why), -1);
	assert_int_equal(why.code, FAULT_SIGNATURE);
}

static void a_signed_request_is_good_for_its_key(void **state)
{
	const struct sealed *sealed = *state;
	struct httpsig_claim claim;
	struct fault why = {0};

	claim_read(sealed, &claim);
	assert_string_equal(claim.key_id, secret_key_id(sealed->key));
	assert_int_equal(claim.created, NOW);
	assert_true(sha256_equal(&claim.body, &sealed->body));
	assert_int_equal(
		httpsig_check(&claim, "POST", PATH, secret_key_public(sealed->key), NOW, &why), 0);
}

static void another_method_path_key_or_body_is_refused(void **state)
{
	const struct sealed *sealed = *state;
	OWNED(secret_key_drop) struct secret_key *other = NULL;
	const unsigned char *key = secret_key_public(sealed->key);
	struct httpsig_claim claim;
	struct fault why = {0};

	assert_int_equal(secret_key_new(&other, &why), 0);
	claim_read(sealed, &claim);
	refused(&claim, "PUT", PATH, key, NOW);
	refused(&claim, "POST", "/api/v1/metadata/ne", key, NOW);
	refused(&claim, "POST", PATH, secret_key_public(other), NOW);
	claim.body.byte[0] ^= 1;
	refused(&claim, "POST", PATH, key, NOW);
}

static void the_window_ends_on_both_sides(void **state)
{
	const struct sealed *sealed = *state;
	const unsigned char *key = secret_key_public(sealed->key);
	struct httpsig_claim claim;
	struct fault why = {0};

	claim_read(sealed, &claim);
	assert_int_equal(httpsig_check(&claim, "POST", PATH, key, NOW + HTTPSIG_WINDOW_S, &why), 0);
	assert_int_equal(httpsig_check(&claim, "POST", PATH, key, NOW - HTTPSIG_WINDOW_S, &why), 0);
	refused(&claim, "POST", PATH, key, NOW + HTTPSIG_WINDOW_S + 1);
	refused(&claim, "POST", PATH, key, NOW - HTTPSIG_WINDOW_S - 1);
}

static void each_request_has_a_nonce_of_its_own(void **state)
{
	struct sealed *sealed = *state;
	struct httpsig_claim first, second;
	struct fault why = {0};

	claim_read(sealed, &first);
	assert_int_equal(
		httpsig_sign(sealed->key, "POST", PATH, &sealed->body, NOW, &sealed->headers, &why),
		0);
	claim_read(sealed, &second);
	assert_string_not_equal(first.nonce, second.nonce);
	assert_true(strlen(first.nonce) >= 16);
}

static void a_changed_nonce_time_or_key_id_breaks_the_signature(void **state)
{
	static const char *const words[] = {"created=1795430000", "nonce=\"", "keyid=\""};
	const struct sealed *sealed = *state;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct httpsig_headers changed = sealed->headers;
		char *at = strstr(changed.signature_input, words[i]) + strlen(words[i]);
		struct httpsig_claim claim;
		struct fault why = {0};

		if (i == 0)
			at--;
		*at = *at == '1' ? '2' : '1';
		assert_int_equal(httpsig_parse(changed.content_digest, changed.signature_input,
					       changed.signature, &claim, &why),
				 0);
		refused(&claim, "POST", PATH, secret_key_public(sealed->key), NOW);
	}
}

static void not_parsed(const char *digest, const char *input, const char *signature)
{
	struct httpsig_claim claim = {.created = 7};
	struct fault why = {0};

	assert_int_equal(httpsig_parse(digest, input, signature, &claim, &why), -1);
	assert_int_equal(why.code, FAULT_SIGNATURE);
	assert_int_equal(claim.created, 7);
}

static void an_absent_header_is_an_unsigned_request(void **state)
{
	const struct httpsig_headers *headers = &((struct sealed *)*state)->headers;

	not_parsed(NULL, headers->signature_input, headers->signature);
	not_parsed(headers->content_digest, NULL, headers->signature);
	not_parsed(headers->content_digest, headers->signature_input, NULL);
}

#define KEYID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define COVER "(\"@method\" \"@path\" \"content-digest\")"
#define NONCE "0123456789abcdef"

static void only_the_profile_is_parsed(void **state)
{
	static const char *const inputs[] = {
		"",
		"sig1=",
		"sig2=" COVER ";created=1;nonce=\"" NONCE "\";keyid=\"" KEYID "\";alg=\"ed25519\"",
		"sig1=();created=1;nonce=\"" NONCE "\";keyid=\"" KEYID "\";alg=\"ed25519\"",
		"sig1=(\"@method\" \"@path\");created=1;nonce=\"" NONCE "\";keyid=\"" KEYID
		"\";alg=\"ed25519\"",
		"sig1=" COVER ";nonce=\"" NONCE "\";created=1;keyid=\"" KEYID "\";alg=\"ed25519\"",
		"sig1=" COVER ";created=1;nonce=\"" NONCE "\";keyid=\"" KEYID "\";alg=\"hmac\"",
		"sig1=" COVER ";created=1;nonce=\"" NONCE "\";keyid=\"" KEYID
		"\";alg=\"ed25519\";tag=\"x\"",
		"sig1=" COVER ";created=1;nonce=\"short\";keyid=\"" KEYID "\";alg=\"ed25519\"",
		"sig1=" COVER ";created=-1;nonce=\"" NONCE "\";keyid=\"" KEYID "\";alg=\"ed25519\"",
		"sig1=" COVER ";created=01;nonce=\"" NONCE "\";keyid=\"" KEYID "\";alg=\"ed25519\"",
		"sig1=" COVER ";created=9999999999999999;nonce=\"" NONCE "\";keyid=\"" KEYID
		"\";alg=\"ed25519\"",
		"sig1=" COVER ";created=1;nonce=\"" NONCE "\\\"\";keyid=\"" KEYID
		"\";alg=\"ed25519\"",
		"sig1=" COVER ";created=1;nonce=\"" NONCE "\";keyid=\"ABCD\";alg=\"ed25519\"",
		" sig1=" COVER ";created=1;nonce=\"" NONCE "\";keyid=\"" KEYID "\";alg=\"ed25519\"",
	};
	const struct httpsig_headers *headers = &((struct sealed *)*state)->headers;

	for (size_t i = 0; i < sizeof(inputs) / sizeof(inputs[0]); i++)
		not_parsed(headers->content_digest, inputs[i], headers->signature);
}

static void a_signature_has_one_spelling(void **state)
{
	const struct httpsig_headers *headers = &((struct sealed *)*state)->headers;
	char text[HTTPSIG_HEADER_MAX + 16];
	size_t len = strlen(headers->signature);

	not_parsed(headers->content_digest, headers->signature_input, "");
	not_parsed(headers->content_digest, headers->signature_input, "sig1=::");
	not_parsed(headers->content_digest, headers->signature_input, "sig1=:");
	not_parsed(headers->content_digest, headers->signature_input, "sig1=:AAAA:");
	snprintf(text, sizeof(text), "%s, sig2=:AA==:", headers->signature);
	not_parsed(headers->content_digest, headers->signature_input, text);
	memcpy(text, headers->signature, len + 1);
	text[len - 2] = ':'; // the padding cut short
	text[len - 1] = '\0';
	not_parsed(headers->content_digest, headers->signature_input, text);
}

static void no_byte_but_those_of_base64_is_read_as_base64(void **state)
{
	static const char alphabet[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const struct httpsig_headers *headers = &((struct sealed *)*state)->headers;
	char text[HTTPSIG_HEADER_MAX];

	memcpy(text, headers->signature, strlen(headers->signature) + 1);
	for (int byte = 1; byte < 256; byte++) {
		if (strchr(alphabet, byte))
			continue;
		text[20] = (char)byte;
		not_parsed(headers->content_digest, headers->signature_input, text);
	}
}

static void a_body_digest_is_sha256_and_nothing_else(void **state)
{
	const struct httpsig_headers *headers = &((struct sealed *)*state)->headers;
	char text[HTTPSIG_HEADER_MAX + 16];

	not_parsed("sha-512=:AAAA:", headers->signature_input, headers->signature);
	not_parsed("sha-256=:AAAA:", headers->signature_input, headers->signature);
	snprintf(text, sizeof(text), "%s, md5=:AA==:", headers->content_digest);
	not_parsed(text, headers->signature_input, headers->signature);
}

static void a_path_with_a_line_break_cannot_be_signed(void **state)
{
	const struct sealed *sealed = *state;
	static const char *const paths[] = {"",	      "api",  "/a\n\"content-digest\": x",
					    "/a?b=c", "/a#b", "/a b"};
	struct httpsig_headers headers;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		struct fault why = {0};

		assert_int_equal(httpsig_sign(sealed->key, "PUT", paths[i], &sealed->body, NOW,
					      &headers, &why),
				 -1);
		assert_int_equal(why.code, FAULT_SIGNATURE);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, sealed_make, sealed_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_signed_request_is_good_for_its_key),
		TEST(another_method_path_key_or_body_is_refused),
		TEST(the_window_ends_on_both_sides),
		TEST(each_request_has_a_nonce_of_its_own),
		TEST(a_changed_nonce_time_or_key_id_breaks_the_signature),
		TEST(an_absent_header_is_an_unsigned_request),
		TEST(only_the_profile_is_parsed),
		TEST(a_signature_has_one_spelling),
		TEST(no_byte_but_those_of_base64_is_read_as_base64),
		TEST(a_body_digest_is_sha256_and_nothing_else),
		TEST(a_path_with_a_line_break_cannot_be_signed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
