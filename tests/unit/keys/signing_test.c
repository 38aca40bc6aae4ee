// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "keys/role.h"
#include "keys/signing.h"
#include "tests/unit/keys/ceremonydir.h"

#define EXPIRES INT64_C(1795430000)

struct place {
	char dir[CEREMONYDIR_MAX];
	struct secret_key *key;
};

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};

	assert_non_null(place);
	ceremonydir_make(place->dir);
	assert_int_equal(secret_key_new(&place->key, &why), 0);
	*state = place;
	return 0;
}

static int place_clear(void **state)
{
	struct place *place = *state;

	ceremonydir_remove(place->dir);
	secret_key_free(place->key);
	free(place);
	return 0;
}

static struct json *targets_of(int64_t version)
{
	struct json *document = NULL;
	struct fault why = {0};

	assert_int_equal(signing_new_targets(version, EXPIRES, &document, &why), 0);
	return document;
}

// How often the verdict code counts this key in the document as it is written.
static size_t signed_by(const struct json *document, const struct secret_key *key)
{
	OWNED(role_drop) struct role *role = NULL;
	OWNED(keyring_drop) struct keyring *ring = NULL;
	OWNED(authority_drop) struct authority authority = {0};
	OWNED(json_drop) struct json *keys = json_make_object();
	OWNED(json_drop) struct json *lists = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};
	struct json *object = NULL, *ids = json_make_array();
	struct fault why = {0};
	size_t met = 0;

	assert_int_equal(secret_key_public_json(key, &object, &why), 0);
	assert_int_equal(json_put(keys, secret_key_id(key), object, &why), 0);
	assert_int_equal(json_put(lists, "keyids", ids, &why), 0);
	assert_int_equal(json_add(ids, json_make_text(secret_key_id(key)), &why), 0);
	assert_int_equal(json_put_int(lists, "threshold", 1, &why), 0);
	assert_int_equal(keyring_parse(keys, &ring, &why), 0);
	assert_int_equal(authority_parse(lists, ring, &authority, &why), 0);
	assert_int_equal(signing_write(document, &text, &why), 0);
	assert_int_equal(role_parse("test", text.data, text.len, &role, &why), 0);
	assert_int_equal(role_count(role, &authority, &met, &why), 0);
	return met;
}

static size_t signature_count(const struct json *document)
{
	return json_count(json_member(document, "signatures"));
}

static int64_t version_of(const struct json *document)
{
	return json_int(json_member(json_member(document, "signed"), "version"));
}

static void a_signature_counts_after_writing_and_reading(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = targets_of(1);
	struct fault why = {0};

	assert_int_equal(signed_by(document, place->key), 0);
	assert_int_equal(signing_sign(document, place->key, &why), 0);
	assert_int_equal(signed_by(document, place->key), 1);
}

static void a_long_document_holds_its_signed_part_in_canonical_form(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = targets_of(1);
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes canonical = {0};
	struct sha256 digest = {0};
	struct fault why = {0};

	for (unsigned i = 0; i < 400; i++) {
		char path[32];

		snprintf(path, sizeof(path), "net/%03u\\\"\xc3\xa9", i * 7 % 400);
		assert_int_equal(signing_set_target(document, path, i, &digest, NULL, &why), 0);
	}
	assert_int_equal(signing_sign(document, place->key, &why), 0);
	assert_int_equal(signing_write(document, &text, &why), 0);
	assert_int_equal(canon_write(json_member(document, "signed"), &canonical, &why), 0);
	assert_non_null(memmem(text.data, text.len, canonical.data, canonical.len));
	assert_int_equal(signed_by(document, place->key), 1);
}

static void the_same_key_signs_once_and_others_stay(void **state)
{
	const struct place *place = *state;
	OWNED(secret_key_drop) struct secret_key *other = NULL;
	OWNED(json_drop) struct json *document = targets_of(1);
	struct fault why = {0};

	assert_int_equal(secret_key_new(&other, &why), 0);
	assert_int_equal(signing_sign(document, place->key, &why), 0);
	assert_int_equal(signing_sign(document, other, &why), 0);
	assert_int_equal(signing_sign(document, place->key, &why), 0);
	assert_int_equal(signature_count(document), 2);
	assert_int_equal(signed_by(document, place->key), 1);
	assert_int_equal(signed_by(document, other), 1);
}

static void a_new_target_takes_the_signatures_away(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = targets_of(1);
	const struct json *target;
	struct sha256 digest;
	struct fault why = {0};
	char hex[SHA256_HEX];

	assert_int_equal(sha256_of("x", 1, &digest, &why), 0);
	sha256_hex(&digest, hex);
	assert_int_equal(signing_sign(document, place->key, &why), 0);
	assert_int_equal(signing_set_target(document, "net/count/1.0.0.bundle", 1, &digest,
					    json_make_object(), &why),
			 0);
	assert_int_equal(signature_count(document), 0);
	target = json_member(json_member(json_member(document, "signed"), "targets"),
			     "net/count/1.0.0.bundle");
	assert_int_equal(json_int(json_member(target, "length")), 1);
	assert_string_equal(json_text(json_member(json_member(target, "hashes"), "sha256")), hex);
	assert_true(json_is(json_member(target, "custom"), JSON_KIND_OBJECT));
}

static void a_target_of_a_document_without_targets_is_refused(void **state)
{
	OWNED(json_drop) struct json *document = NULL;
	struct sha256 digest = {{0}};
	struct fault why = {0};

	(void)state;
	assert_int_equal(signing_new_snapshot(1, EXPIRES, &document, &why), 0);
	assert_int_equal(signing_set_target(document, "a", 1, &digest, json_make_object(), &why),
			 -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

static void a_target_taken_out_takes_the_signatures_along(void **state)
{
	OWNED(json_drop) struct json *document = NULL;
	struct sha256 digest = {{1}};
	struct fault why = {0};

	(void)state;
	assert_int_equal(signing_new_targets(1, 2000000000, &document, &why), 0);
	assert_int_equal(signing_set_target(document, "a/b", 1, &digest, NULL, &why), 0);
	assert_int_equal(json_put(document, "signatures", json_make_text("signed"), &why), 0);
	assert_int_equal(signing_drop_target(document, "a/c", &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_string_equal(json_text(json_member(document, "signatures")), "signed");
	assert_int_equal(signing_drop_target(document, "a/b", &why), 0);
	assert_int_equal(json_count(json_member(document, "signatures")), 0);
	assert_int_equal(json_count(json_member(json_member(document, "signed"), "targets")), 0);
}

static void meta_without_bytes_has_no_length(void **state)
{
	OWNED(json_drop) struct json *document = NULL;
	const struct json *meta;
	struct fault why = {0};

	(void)state;
	assert_int_equal(signing_new_timestamp(3, EXPIRES, &document, &why), 0);
	assert_int_equal(signing_set_meta(document, "snapshot.json", 7, "abc", 3, &why), 0);
	meta = json_member(json_member(json_member(document, "signed"), "meta"), "snapshot.json");
	assert_int_equal(json_int(json_member(meta, "version")), 7);
	assert_int_equal(json_int(json_member(meta, "length")), 3);
	assert_non_null(json_member(json_member(meta, "hashes"), "sha256"));
	assert_int_equal(signing_set_meta(document, "snapshot.json", 8, NULL, 0, &why), 0);
	meta = json_member(json_member(json_member(document, "signed"), "meta"), "snapshot.json");
	assert_int_equal(json_int(json_member(meta, "version")), 8);
	assert_null(json_member(meta, "length"));
	assert_null(json_member(meta, "hashes"));
}

static bool exists(const struct place *place, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/metadata/%s", place->dir, name);
	return access(path, F_OK) == 0;
}

static void an_unsigned_draft_is_changed_in_place(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = targets_of(1);
	OWNED(json_drop) struct json *again = NULL;
	struct fault why = {0};

	assert_int_equal(draft_save(place->dir, "net", document, &why), 0);
	assert_int_equal(draft_open(place->dir, "net", EXPIRES + 60, &again, &why), 0);
	assert_int_equal(version_of(again), 1);
	assert_string_equal(json_text(json_member(json_member(again, "signed"), "expires")),
			    "2026-11-23T10:34:20Z");
	assert_false(exists(place, "1.net.json"));
}

static void a_signed_draft_is_kept_and_the_next_version_opened(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = targets_of(4);
	OWNED(json_drop) struct json *again = NULL;
	OWNED(json_drop) struct json *kept = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};
	char path[160];

	assert_int_equal(signing_sign(document, place->key, &why), 0);
	assert_int_equal(draft_save(place->dir, "net", document, &why), 0);
	assert_int_equal(draft_open(place->dir, "net", EXPIRES, &again, &why), 0);
	assert_int_equal(version_of(again), 5);
	assert_int_equal(signature_count(again), 0);
	snprintf(path, sizeof(path), "%s/metadata/4.net.json", place->dir);
	assert_int_equal(file_read(path, 10000, &text, &why), 0);
	assert_int_equal(json_parse(text.data, text.len, "4.net.json", &kept, &why), 0);
	assert_int_equal(signed_by(kept, place->key), 1);
	// The file itself changes only when the draft is saved.
	json_drop(&kept);
	assert_int_equal(draft_read(place->dir, "net", &kept, &why), 0);
	assert_int_equal(version_of(kept), 4);
}

static void a_role_without_a_draft_is_not_found(void **state)
{
	const struct place *place = *state;
	struct json *document = NULL;
	struct fault why = {0};

	assert_int_equal(draft_open(place->dir, "net", EXPIRES, &document, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_null(document);
}

static void a_role_name_cannot_leave_the_directory(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = targets_of(1);
	struct fault why = {0};

	assert_int_equal(draft_save(place->dir, "../up", document, &why), 0);
	assert_true(exists(place, "..%2Fup.json"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_signature_counts_after_writing_and_reading),
		TEST(a_long_document_holds_its_signed_part_in_canonical_form),
		TEST(the_same_key_signs_once_and_others_stay),
		TEST(a_new_target_takes_the_signatures_away),
		cmocka_unit_test(a_target_of_a_document_without_targets_is_refused),
		cmocka_unit_test(a_target_taken_out_takes_the_signatures_along),
		cmocka_unit_test(meta_without_bytes_has_no_length),
		TEST(an_unsigned_draft_is_changed_in_place),
		TEST(a_signed_draft_is_kept_and_the_next_version_opened),
		TEST(a_role_without_a_draft_is_not_found),
		TEST(a_role_name_cannot_leave_the_directory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
