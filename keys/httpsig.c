// SPDX-License-Identifier: Apache-2.0
#include "keys/httpsig.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/owned.h"

#define COMPONENTS   "(\"@method\" \"@path\" \"content-digest\")"
#define LABEL	     "sig1="
#define DIGEST_LABEL "sha-256="
#define BASE64	     "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
// A nonce of ours is 16 random bytes; one that is shorter could be guessed or met twice.
#define NONCE_BYTES 16
#define NONCE_MIN   16
// Seconds since 1970 that fit 15 digits, the most that a structured field's integer has (RFC 8941 3.3.1).
#define CREATED_DIGITS 15
// A path on the wire; what is longer no server of ours has.
#define PATH_MAX_LEN 2048

// Method and path become lines of what is signed: a line break in one could pose as another component.
static int request_check(const char *method, const char *path, struct fault *why)
{
	size_t len = strlen(method);

	if (len == 0 || len > 16 || strspn(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != len)
		return fault_set(why, FAULT_SIGNATURE, "the method cannot be signed");
	len = strlen(path);
	if (path[0] != '/' || len > PATH_MAX_LEN)
		return fault_set(why, FAULT_SIGNATURE, "the path cannot be signed");
	for (size_t i = 0; i < len; i++)
		if (path[i] <= ' ' || path[i] >= 127 || path[i] == '?' || path[i] == '#')
			return fault_set(why, FAULT_SIGNATURE, "the path cannot be signed");
	return 0;
}

// The signature base (RFC 9421 2.5): one line for each component, the parameters last, no newline behind them.
static int base_write(const char *method, const char *path, const struct sha256 *body,
		      const char *parameters, struct bytes *out, struct fault *why)
{
	char base64[sodium_base64_ENCODED_LEN(SHA256_SIZE, sodium_base64_VARIANT_ORIGINAL)];

	if (request_check(method, path, why) != 0)
		return -1;
	sodium_bin2base64(base64, sizeof(base64), body->byte, SHA256_SIZE,
			  sodium_base64_VARIANT_ORIGINAL);
	return bytes_format(out, why,
			    "\"@method\": %s\n\"@path\": %s\n\"content-digest\": " DIGEST_LABEL
			    ":%s:\n\"@signature-params\": %s",
			    method, path, base64, parameters);
}

static void digest_header(const struct sha256 *body, char out[static HTTPSIG_HEADER_MAX])
{
	char base64[sodium_base64_ENCODED_LEN(SHA256_SIZE, sodium_base64_VARIANT_ORIGINAL)];

	sodium_bin2base64(base64, sizeof(base64), body->byte, SHA256_SIZE,
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(out, HTTPSIG_HEADER_MAX, DIGEST_LABEL ":%s:", base64);
}

int httpsig_sign(const struct secret_key *key, const char *method, const char *path,
		 const struct sha256 *body, int64_t now, struct httpsig_headers *out,
		 struct fault *why)
{
	OWNED(bytes_drop) struct bytes base = {0};
	unsigned char nonce[NONCE_BYTES], signature[64];
	char hex[2 * NONCE_BYTES + 1], parameters[HTTPSIG_HEADER_MAX - sizeof(LABEL)];
	char base64[sodium_base64_ENCODED_LEN(64, sodium_base64_VARIANT_ORIGINAL)];

	if (sodium_init() < 0)
		return fault_set(why, FAULT_OTHER, "the random number source does not answer");
	randombytes_buf(nonce, sizeof(nonce));
	hex_write(nonce, sizeof(nonce), hex);
	snprintf(parameters, sizeof(parameters),
		 COMPONENTS ";created=%" PRId64 ";nonce=\"%s\";keyid=\"%s\";alg=\"ed25519\"", now,
		 hex, secret_key_id(key));
	if (base_write(method, path, body, parameters, &base, why) != 0 ||
	    secret_key_sign(key, base.data, base.len, signature, why) != 0)
		return -1;
	digest_header(body, out->content_digest);
	snprintf(out->signature_input, sizeof(out->signature_input), LABEL "%s", parameters);
	sodium_bin2base64(base64, sizeof(base64), signature, sizeof(signature),
			  sodium_base64_VARIANT_ORIGINAL);
	snprintf(out->signature, sizeof(out->signature), LABEL ":%s:", base64);
	return 0;
}

static int refuse(struct fault *why, const char *header)
{
	return fault_set(why, FAULT_SIGNATURE, "the %s header is not of our profile", header);
}

// Moves `*at` behind `word`; false when something else stands there.
static bool take_word(const char **at, const char *word)
{
	size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

// `label` ":" base64 ":" and the end of the text, exactly `len` bytes. One spelling only: padded, no white space.
static int binary_parse(const char *text, const char *label, unsigned char *out, size_t len)
{
	size_t got, text_len;
	const char *end;

	if (!take_word(&text, label) || !take_word(&text, ":"))
		return -1;
	text_len = strlen(text);
	// libsodium takes some bytes past ASCII for '/'.
	if (text_len == 0 || strspn(text, BASE64) != text_len - 1 || text[text_len - 1] != ':')
		return -1;
	if (sodium_base642bin(out, len, text, text_len - 1, NULL, &got, &end,
			      sodium_base64_VARIANT_ORIGINAL) != 0)
		return -1;
	return got == len && end == text + text_len - 1 ? 0 : -1;
}

// A run of characters of `alphabet`, min..max of them, into `out` with a NUL behind it.
static int run_parse(const char **at, const char *alphabet, size_t min, size_t max, char *out)
{
	size_t len = strspn(*at, alphabet);

	if (len < min || len > max)
		return -1;
	memcpy(out, *at, len);
	out[len] = '\0';
	*at += len;
	return 0;
}

// The parameters in the one order that the profile has; anything else is not ours.
static int parameters_parse(const char *text, struct httpsig_claim *out)
{
	char digits[CREATED_DIGITS + 1];
	const char *at = text;

	if (!take_word(&at, COMPONENTS ";created=") ||
	    run_parse(&at, "0123456789", 1, CREATED_DIGITS, digits) != 0 ||
	    !take_word(&at, ";nonce=\"") ||
	    run_parse(&at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
		      NONCE_MIN, HTTPSIG_NONCE_MAX - 1, out->nonce) != 0 ||
	    !take_word(&at, "\";keyid=\"") ||
	    run_parse(&at, "0123456789abcdef", 64, 64, out->key_id) != 0 ||
	    !take_word(&at, "\";alg=\"ed25519\"") || *at != '\0')
		return -1;
	if (digits[0] == '0' && digits[1] != '\0')
		return -1;
	out->created = strtoll(digits, NULL, 10);
	return 0;
}

int httpsig_parse(const char *content_digest, const char *signature_input, const char *signature,
		  struct httpsig_claim *out, struct fault *why)
{
	struct httpsig_claim claim = {0};
	const char *parameters = signature_input;

	if (!content_digest || !signature_input || !signature)
		return fault_set(why, FAULT_SIGNATURE, "the request is not signed");
	if (binary_parse(content_digest, DIGEST_LABEL, claim.body.byte, SHA256_SIZE) != 0)
		return refuse(why, "Content-Digest");
	if (!take_word(&parameters, LABEL) || strlen(parameters) >= sizeof(claim.parameters) ||
	    parameters_parse(parameters, &claim) != 0)
		return refuse(why, "Signature-Input");
	if (binary_parse(signature, LABEL, claim.signature, sizeof(claim.signature)) != 0)
		return refuse(why, "Signature");
	memcpy(claim.parameters, parameters, strlen(parameters) + 1);
	*out = claim;
	return 0;
}

int httpsig_check(const struct httpsig_claim *claim, const char *method, const char *path,
		  const unsigned char public_key[32], int64_t now, struct fault *why)
{
	OWNED(bytes_drop) struct bytes base = {0};
	int64_t off = claim->created > now ? claim->created - now : now - claim->created;

	if (base_write(method, path, &claim->body, claim->parameters, &base, why) != 0)
		return -1;
	if (sodium_init() < 0)
		return fault_set(why, FAULT_OTHER, "the random number source does not answer");
	if (crypto_sign_verify_detached(claim->signature, base.data, base.len, public_key) != 0)
		return fault_set(why, FAULT_SIGNATURE, "the request's signature is not valid");
	// After the signature: to strangers the clock says nothing.
	if (off > HTTPSIG_WINDOW_S) {
		fault_set(why, FAULT_SIGNATURE,
			  "the request was signed %" PRId64 " s away from the server's clock", off);
		return fault_fix(why, "set the clock, then send the request again");
	}
	return 0;
}
