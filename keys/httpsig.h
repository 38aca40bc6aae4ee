// SPDX-License-Identifier: Apache-2.0
// HTTP Message Signatures (RFC 9421) with Content-Digest (RFC 9530), by which a publisher authenticates each request. One fixed
// profile: components "@method" "@path" "content-digest"; parameters created, nonce, keyid, alg="ed25519"; label sig1. A valid
// signature only admits a request; what it may change is decided by signed metadata.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"
#include "keys/keyfile.h"

#define HTTPSIG_HEADER_MAX 512
#define HTTPSIG_NONCE_MAX  64
// How far `created` may differ from the server's clock, in seconds. Nonces are remembered for twice as long.
#define HTTPSIG_WINDOW_S 300

// The three header values to send.
struct httpsig_headers {
	char content_digest[HTTPSIG_HEADER_MAX];
	char signature_input[HTTPSIG_HEADER_MAX];
	char signature[HTTPSIG_HEADER_MAX];
};

// Signs a request whose body has the digest `body`. `now`, seconds since 1970, becomes `created`; the nonce is random.
int httpsig_sign(const struct secret_key *key, const char *method, const char *path,
		 const struct sha256 *body, int64_t now, struct httpsig_headers *out,
		 struct fault *why) MUST_CHECK;

// A received signature, parsed but not verified.
struct httpsig_claim {
	char key_id[65];
	char nonce[HTTPSIG_NONCE_MAX];
	int64_t created;
	struct sha256 body; // from Content-Digest: the server still has to hash what it received
	unsigned char signature[64];
	// The signature parameters as received: they are part of what is signed (RFC 9421, 2.5).
	char parameters[HTTPSIG_HEADER_MAX];
};

// Parses header values; NULL is an absent header. FAULT_SIGNATURE for anything but the profile above.
int httpsig_parse(const char *content_digest, const char *signature_input, const char *signature,
		  struct httpsig_claim *out, struct fault *why) MUST_CHECK;
// FAULT_SIGNATURE unless `public_key` signed this method, path and body digest, and `created` is within the window
// around `now`. The caller has to refuse used nonces, to compare the body with its digest, and to decide which keys
// are admitted.
int httpsig_check(const struct httpsig_claim *claim, const char *method, const char *path,
		  const unsigned char public_key[32], int64_t now, struct fault *why) MUST_CHECK;
