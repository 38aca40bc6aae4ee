// SPDX-License-Identifier: Apache-2.0
// HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530): how a publisher shows, on each request, that it
// holds its signing key. One fixed profile: components "@method" "@path" "content-digest", parameters created, nonce,
// keyid, alg="ed25519", label sig1. It admits a request; it grants nothing that signed metadata does not.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"
#include "keys/keyfile.h"

#define HTTPSIG_HEADER_MAX 512
#define HTTPSIG_NONCE_MAX  64
// A request is good for this long around the server's clock; nonces are remembered for twice as long.
#define HTTPSIG_WINDOW_S 300

// The three header values to send.
struct httpsig_headers {
	char content_digest[HTTPSIG_HEADER_MAX];
	char signature_input[HTTPSIG_HEADER_MAX];
	char signature[HTTPSIG_HEADER_MAX];
};

int httpsig_sign(const struct secret_key *key, const char *method, const char *path,
		 const struct sha256 *body, int64_t now, struct httpsig_headers *out,
		 struct fault *why) MUST_CHECK;

// What a received signature claims, parsed strictly and not yet believed.
struct httpsig_claim {
	char key_id[65];
	char nonce[HTTPSIG_NONCE_MAX];
	int64_t created;
	struct sha256 body; // from Content-Digest: the server still has to hash what it received
	unsigned char signature[64];
	// The signature parameters as received: they are part of what is signed (RFC 9421, 2.5).
	char parameters[HTTPSIG_HEADER_MAX];
};

// FAULT_SIGNATURE on anything that is not exactly the profile. Header values may be NULL (absent).
int httpsig_parse(const char *content_digest, const char *signature_input, const char *signature,
		  struct httpsig_claim *out, struct fault *why) MUST_CHECK;
// True verdict: the signature is by `public_key` over this method, path, body digest; created lies in the window.
// The caller keeps the nonces (replay) and decides whether the key may knock.
int httpsig_check(const struct httpsig_claim *claim, const char *method, const char *path,
		  const unsigned char public_key[32], int64_t now, struct fault *why) MUST_CHECK;
