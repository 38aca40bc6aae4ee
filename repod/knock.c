// SPDX-License-Identifier: Apache-2.0
#include "repod/knock.h"

enum knock knock_check(const struct knock_headers *headers, const char *method, const char *path,
		       const struct release *release, struct catalog *catalog, int64_t now,
		       struct httpsig_claim *claim, struct fault *why)
{
	const unsigned char *key;
	bool fresh;

	if (httpsig_parse(headers->content_digest, headers->signature_input, headers->signature,
			  claim, why))
		return KNOCK_UNSIGNED;
	key = release_knows(release, claim->key_id);
	if (!key) {
		fault_set(why, FAULT_UNTRUSTED, "key %.16s... is no publisher's", claim->key_id);
		fault_fix(why, "publish the role that delegates to this key first, with a key that "
			       "is known already");
		return KNOCK_STRANGER;
	}
	if (httpsig_check(claim, method, path, key, now, why))
		return KNOCK_UNSIGNED;
	// Only a good signature is worth remembering: nobody else can fill the table. The created time may lie a
	// window ahead of us, so a nonce lives for two.
	if (catalog_nonce(catalog, claim->nonce, now, now - INT64_C(2) * HTTPSIG_WINDOW_S - 1,
			  &fresh, why))
		return KNOCK_FAILED;
	if (!fresh) {
		fault_set(why, FAULT_SIGNATURE, "this very request was sent before");
		return KNOCK_UNSIGNED;
	}
	return KNOCK_ADMITTED;
}
