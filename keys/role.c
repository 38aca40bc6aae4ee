// SPDX-License-Identifier: Apache-2.0
#include "keys/role.h"

#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "keys/sig.h"

// A root signed by a thousand people does not exist; a file made to keep us busy does (A29).
#define SIGNATURES_MAX 1024
#define KEY_IDS_MAX    1024

// ---- the envelope ----

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

// Two signatures under one key id: whoever counts entries would count a signer twice (A10, CVE-2020-15093).
// Such a file is refused as a whole, even where enough other signatures are good.
static int check_signatures(const struct json *signatures, struct fault *why)
{
	OWNED(drop_heap) const char **ids = NULL;
	size_t count = json_count(signatures);

	if (count > SIGNATURES_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "more than %d signatures", SIGNATURES_MAX);
	ids = calloc(count + 1, sizeof(*ids));
	if (!ids)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (json_need_text(json_item(signatures, i), "keyid", &ids[i], why))
			return fault_within(why, "signature %zu", i + 1);
	qsort(ids, count, sizeof(*ids), text_order);
	for (size_t i = 1; i < count; i++)
		if (strcmp(ids[i - 1], ids[i]) == 0)
			return fault_set(why, FAULT_FORMAT, "key id \"%.80s\" has two signatures",
					 ids[i]);
	return 0;
}

// All of role_parse but `raw`.
static int parse_envelope(const char *name, const void *data, size_t len, struct role **out,
			  struct fault *why)
{
	OWNED(role_drop) struct role *role = calloc(1, sizeof(*role));

	if (!role)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_parse(data, len, name, &role->document, why))
		return -1;
	if (json_need_object(role->document, "signed", &role->body, why) ||
	    json_need_array(role->document, "signatures", &role->signatures, why) ||
	    check_signatures(role->signatures, why))
		return fault_within(why, "%s is not signed metadata", name);
	*out = HAND_OVER(role);
	return 0;
}

int role_parse(const char *name, const void *data, size_t len, struct role **out, struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;

	if (parse_envelope(name, data, len, &role, why) || bytes_append(&role->raw, data, len, why))
		return -1;
	*out = HAND_OVER(role);
	return 0;
}

int role_take(const char *name, struct bytes *data, struct role **out, struct fault *why)
{
	if (parse_envelope(name, data->data, data->len, out, why))
		return -1;
	bytes_move(&(*out)->raw, data);
	return 0;
}

void role_free(struct role *role)
{
	if (!role)
		return;
	json_free(role->document);
	bytes_drop(&role->raw);
	free(role);
}

// ---- what it says of itself ----

static const char *digits_end(const char *text)
{
	return text + strspn(text, "0123456789");
}

// "1.<n>" or "1.<n>.<n>": the older form with two parts is still out there.
static bool is_spec_version(const char *text)
{
	const char *minor, *patch;

	if (strncmp(text, "1.", 2) != 0)
		return false;
	minor = digits_end(text + 2);
	if (minor == text + 2)
		return false;
	if (!*minor)
		return true;
	patch = digits_end(minor + 1);
	return *minor == '.' && patch > minor + 1 && !*patch;
}

int role_header(struct role *role, const char *type, struct fault *why)
{
	const char *have, *spec, *expires;

	if (json_need_text(role->body, "_type", &have, why))
		return -1;
	// A12: a file that is validly signed for one role must not pass for another.
	if (strcmp(have, type) != 0)
		return fault_set(why, FAULT_FORMAT, "\"_type\" says \"%.40s\", not \"%s\"", have,
				 type);
	if (json_need_text(role->body, "spec_version", &spec, why))
		return -1;
	if (!is_spec_version(spec))
		return fault_set(why, FAULT_FORMAT, "\"spec_version\" \"%.40s\" is not 1.x", spec);
	if (json_need_int(role->body, "version", 1, ROLE_INT_MAX, &role->version, why) ||
	    json_need_text(role->body, "expires", &expires, why))
		return -1;
	return clock_parse(expires, &role->expires, why);
}

int role_fresh(const struct role *role, const char *name, int64_t now, struct fault *why)
{
	char expires[CLOCK_TEXT_LEN], reference[CLOCK_TEXT_LEN];

	if (role->expires > now)
		return 0;
	clock_write(role->expires, expires);
	clock_write(now, reference);
	return fault_set(why, FAULT_EXPIRED, "%s %" PRId64 " expired at %s, now is %s", name,
			 role->version, expires, reference);
}

int role_version(const struct role *role, const char *name, int64_t wanted, struct fault *why)
{
	if (role->version == wanted)
		return 0;
	return fault_set(why, role->version < wanted ? FAULT_ROLLBACK : FAULT_UNTRUSTED,
			 "%s has version %" PRId64 ", but %" PRId64 " is the one to trust", name,
			 role->version, wanted);
}

// ---- who may sign ----

static int signer_order(const void *a, const void *b)
{
	const struct signer *left = a, *right = b;

	return strcmp(left->id, right->id);
}

static int read_signers(const struct json *ids, const struct keyring *ring, struct authority *out,
			struct fault *why)
{
	size_t count = json_count(ids), kept = 0;

	if (count > KEY_IDS_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "more than %d key ids", KEY_IDS_MAX);
	out->signers = calloc(count + 1, sizeof(*out->signers));
	if (!out->signers)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++) {
		const char *id = json_text(json_item(ids, i));

		if (!id)
			return fault_set(why, FAULT_FORMAT, "\"keyids\" holds what is not a text");
		out->signers[i] = (struct signer){id, keyring_find(ring, id)};
	}
	qsort(out->signers, count, sizeof(*out->signers), signer_order);
	for (size_t i = 0; i < count; i++)
		if (!kept || strcmp(out->signers[kept - 1].id, out->signers[i].id) != 0)
			out->signers[kept++] = out->signers[i];
	out->count = kept;
	return 0;
}

int authority_parse(const struct json *object, const struct keyring *ring, struct authority *out,
		    struct fault *why)
{
	OWNED(authority_drop) struct authority authority = {0};
	const struct json *ids;

	// A15: a threshold of 0 would make everything signed.
	if (json_need_array(object, "keyids", &ids, why) ||
	    json_need_int(object, "threshold", 1, ROLE_INT_MAX, &authority.threshold, why) ||
	    read_signers(ids, ring, &authority, why))
		return -1;
	*out = authority;
	authority.signers = NULL;
	return 0;
}

void authority_drop(struct authority *authority)
{
	free(authority->signers);
	*authority = (struct authority){0};
}

bool authority_has(const struct authority *authority, const unsigned char key[32])
{
	for (size_t i = 0; i < authority->count; i++) {
		const struct key *signer = authority->signers[i].key;

		if (signer && key_ed25519(signer) &&
		    memcmp(key_ed25519(signer), key, ED25519_PUBLIC_SIZE) == 0)
			return true;
	}
	return false;
}

static bool is_counted(const struct sha256 *counted, size_t count, const struct key *key)
{
	for (size_t i = 0; i < count; i++)
		if (sha256_equal(&counted[i], key_identity(key)))
			return true;
	return false;
}

// Counts key material, not signatures and not key ids: one key under two ids is one signer (A10, CVE-2020-6174).
static int count_keys(const struct json *signatures, const struct authority *authority,
		      const void *canonical, size_t len, size_t *met, struct fault *why)
{
	OWNED(drop_heap) struct sha256 *counted = calloc(authority->count + 1, sizeof(*counted));

	*met = 0;
	if (!counted)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < json_count(signatures); i++) {
		const struct json *entry = json_item(signatures, i);
		struct signer wanted = {.id = json_text(json_member(entry, "keyid"))};
		const char *sig = json_text(json_member(entry, "sig"));
		const struct signer *signer = bsearch(&wanted, authority->signers, authority->count,
						      sizeof(wanted), signer_order);

		// Unknown, unusable or malformed: does not count, and does not spoil the others either.
		if (!signer || !signer->key || !sig || is_counted(counted, *met, signer->key))
			continue;
		if (sig_check(signer->key, sig, canonical, len))
			counted[(*met)++] = *key_identity(signer->key);
	}
	return 0;
}

// The signed part where it came in, if it came in canonical form; else NULL. Where to look is a guess, and a wrong one
// costs nothing but the copy: what is returned has been compared with the tree byte by byte.
static const unsigned char *find_canonical(const struct role *role, size_t *len)
{
	static const char key[] = "\"signed\":";
	const unsigned char *at = memmem(role->raw.data, role->raw.len, key, strlen(key));

	if (!at)
		return NULL;
	at += strlen(key);
	*len = canon_match(role->body, at, role->raw.len - (size_t)(at - role->raw.data));
	return *len ? at : NULL;
}

int role_count(const struct role *role, const struct authority *authority, size_t *met,
	       struct fault *why)
{
	OWNED(bytes_drop) struct bytes written = {0};
	size_t len = 0;
	const unsigned char *canonical = find_canonical(role, &len);

	// A26: what is checked is what the very tree that is used is written as, unknown fields and all; never bytes
	// that merely came along with it.
	if (canonical)
		return count_keys(role->signatures, authority, canonical, len, met, why);
	if (canon_write(role->body, &written, why))
		return -1;
	return count_keys(role->signatures, authority, written.data, written.len, met, why);
}

int role_check(const struct role *role, const char *name, const struct authority *authority,
	       struct fault *why)
{
	size_t met;

	if (role_count(role, authority, &met, why))
		return -1;
	if ((int64_t)met >= authority->threshold)
		return 0;
	return fault_set(why, FAULT_SIGNATURE,
			 "%s is signed by %zu of the %" PRId64 " trusted keys it needs", name, met,
			 authority->threshold);
}

// ---- what one role says of another ----

int hashes_parse(const struct json *hashes, bool *has_sha256, struct sha256 *sha256,
		 bool *has_sha512, struct sha512 *sha512, struct fault *why)
{
	const struct json *short_one = json_member(hashes, "sha256");
	const struct json *long_one = json_member(hashes, "sha512");
	struct json_walk walk = {0};

	if (!json_count(hashes))
		return fault_set(why, FAULT_FORMAT, "\"hashes\" is empty");
	while (json_next(hashes, &walk))
		if (!json_text(walk.value))
			return fault_set(why, FAULT_FORMAT, "hash \"%.40s\" is not a text",
					 walk.key);
	// A18: a digest that is there but cannot be read is a refusal, never a check left out.
	if (short_one && sha256_read(json_text(short_one), sha256))
		return fault_set(why, FAULT_FORMAT, "\"sha256\" is not 64 hexadecimal digits");
	if (long_one && sha512_read(json_text(long_one), sha512))
		return fault_set(why, FAULT_FORMAT, "\"sha512\" is not 128 hexadecimal digits");
	*has_sha256 = short_one != NULL;
	*has_sha512 = long_one != NULL;
	return 0;
}

int role_meta_parse(const struct json *object, struct role_meta *out, struct fault *why)
{
	struct role_meta meta = {0};
	const struct json *hashes;

	if (json_need_int(object, "version", 1, ROLE_INT_MAX, &meta.version, why))
		return -1;
	meta.has_length = json_member(object, "length") != NULL;
	meta.has_hashes = json_member(object, "hashes") != NULL;
	if (meta.has_length && json_need_int(object, "length", 1, ROLE_INT_MAX, &meta.length, why))
		return -1;
	if (meta.has_hashes && (json_need_object(object, "hashes", &hashes, why) ||
				hashes_parse(hashes, &meta.has_sha256, &meta.sha256,
					     &meta.has_sha512, &meta.sha512, why)))
		return -1;
	*out = meta;
	return 0;
}

int role_meta_check(const struct role_meta *meta, const char *name, const void *data, size_t len,
		    struct fault *why)
{
	struct sha256 sha256;
	struct sha512 sha512;

	if (meta->has_length && (uint64_t)meta->length != len)
		return fault_set(why, FAULT_DIGEST, "%s has %zu bytes, signed are %" PRId64, name,
				 len, meta->length);
	if (meta->has_hashes && !meta->has_sha256 && !meta->has_sha512)
		return fault_set(why, FAULT_DIGEST, "%s has no digest of a kind that we know",
				 name);
	if (meta->has_sha256 && sha256_of(data, len, &sha256, why))
		return -1;
	if (meta->has_sha512 && sha512_of(data, len, &sha512, why))
		return -1;
	if ((meta->has_sha256 && !sha256_equal(&sha256, &meta->sha256)) ||
	    (meta->has_sha512 && !sha512_equal(&sha512, &meta->sha512)))
		return fault_set(why, FAULT_DIGEST, "%s does not have the digest that was signed",
				 name);
	return 0;
}
