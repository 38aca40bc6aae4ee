// SPDX-License-Identifier: Apache-2.0
// keys/httpsig: headers that are taken have one spelling, and count only when the key signed exactly this request.
// Lines: Content-Digest, Signature-Input, Signature, method, path. Then two bytes: 1 mends the signature; clock drift.
#include "keys/httpsig.h"

#include <inttypes.h>
#include <sodium.h>

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

static unsigned char public_key[32], secret[64];

static void base64(const unsigned char *data, size_t len, char *out, size_t room)
{
	sodium_bin2base64(out, room, data, len, sodium_base64_VARIANT_ORIGINAL);
}

// What RFC 9421 2.5 says is signed, from the claim's fields and not from its text.
static char *base_of(const struct httpsig_claim *claim, const char *method, const char *path)
{
	char digest[64], *base;

	base64(claim->body.byte, SHA256_SIZE, digest, sizeof(digest));
	HOLDS(asprintf(&base,
		       "\"@method\": %s\n\"@path\": %s\n\"content-digest\": sha-256=:%s:\n"
		       "\"@signature-params\": (\"@method\" \"@path\" \"content-digest\");"
		       "created=%" PRId64 ";nonce=\"%s\";keyid=\"%s\";alg=\"ed25519\"",
		       method, path, digest, claim->created, claim->nonce, claim->key_id) > 0);
	return base;
}

// Written from what was understood, the headers are the very ones that came.
static void check_spelling(const struct httpsig_claim *claim, const char *const *headers)
{
	char text[128];
	char *parameters;

	snprintf(text, sizeof(text), "sha-256=:");
	base64(claim->body.byte, SHA256_SIZE, text + strlen(text), 64);
	HOLDS(!strncmp(headers[0], text, strlen(text)) && !strcmp(headers[0] + strlen(text), ":"));
	HOLDS(asprintf(&parameters,
		       "sig1=(\"@method\" \"@path\" \"content-digest\");created=%" PRId64
		       ";nonce=\"%s\";keyid=\"%s\";alg=\"ed25519\"",
		       claim->created, claim->nonce, claim->key_id) > 0);
	HOLDS(!strcmp(headers[1], parameters) && !strcmp(claim->parameters, parameters + 5));
	free(parameters);
	snprintf(text, sizeof(text), "sig1=:");
	base64(claim->signature, 64, text + strlen(text), 96);
	HOLDS(!strncmp(headers[2], text, strlen(text)) && !strcmp(headers[2] + strlen(text), ":"));
}

static void check_claim(struct httpsig_claim *claim, const char *method, const char *path,
			bool mend, int64_t drift)
{
	OWNED(drop_heap) char *base = base_of(claim, method, path);
	struct fault why = {0};
	bool is_good;

	if (mend)
		crypto_sign_detached(claim->signature, NULL, (unsigned char *)base, strlen(base),
				     secret);
	is_good = crypto_sign_verify_detached(claim->signature, (unsigned char *)base, strlen(base),
					      public_key) == 0 &&
		  drift >= -HTTPSIG_WINDOW_S && drift <= HTTPSIG_WINDOW_S;
	if (httpsig_check(claim, method, path, public_key, claim->created + drift, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_SIGNATURE);
		// Refused though signed: then it was the method or the path.
		HOLDS(!is_good || !*method || strlen(method) > 16 || path[0] != '/' ||
		      strlen(path) > 1024 || strpbrk(method, " \t\r\n:") ||
		      strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(method) ||
		      strpbrk(path, "?# \t\r\n") ||
		      path[strspn(
			      path,
			      "!\"$%&'()*+,-./0123456789:;<=>@"
			      "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~")]);
		return;
	}
	HOLDS(is_good && !strpbrk(method, "\r\n") && !strpbrk(path, "\r\n"));
}

static void take(struct fuzz_input *input, char *const *lines)
{
	const char *const headers[] = {lines[0], lines[1], lines[2]};
	bool mend = fuzz_byte(input) & 1;
	struct httpsig_claim claim;
	struct fault why = {0};

	if (httpsig_parse(headers[0], headers[1], headers[2], &claim, &why)) {
		fuzz_refused(&why);
		HOLDS(why.code == FAULT_SIGNATURE);
		return;
	}
	check_spelling(&claim, headers);
	check_claim(&claim, lines[3], lines[4], mend, (int16_t)fuzz_number(input, 2));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const unsigned char seed[32] = "the test key of httpsig's fuzzer";
	struct fuzz_input input = {data, len};
	char *lines[5];

	HOLDS(sodium_init() >= 0 && !crypto_sign_seed_keypair(public_key, secret, seed));
	for (size_t i = 0; i < 5; i++)
		lines[i] = fuzz_line(&input);
	take(&input, lines);
	for (size_t i = 0; i < 5; i++)
		free(lines[i]);
	return 0;
}
