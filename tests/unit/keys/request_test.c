// SPDX-License-Identifier: Apache-2.0
#include "keys/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/ceremony.h"
#include "keys/keyfile.h"
#include "keys/signing.h"
#include "tests/unit/keys/ceremonydir.h"

#define EXPIRES INT64_C(1900000000)

// A root by key 0, targets by key 1 that delegate net to key 2; all signed, and a second, open version of net.
struct place {
	char dir[CEREMONYDIR_MAX];
	struct secret_key *keys[3];
	struct fileset *fileset;
	struct json *document; // the request for net
};

static void add(struct holder *holder, const struct secret_key *key)
{
	struct public_key pub = {0};
	struct fault why = {0};

	assert_int_equal(secret_key_public_json(key, &pub.object, &why), 0);
	snprintf(pub.id, sizeof(pub.id), "%s", secret_key_id(key));
	assert_int_equal(holder_add(holder, &pub, &why), 0);
	public_key_drop(&pub);
}

static void seal(const struct place *place, const char *role, struct json *document, size_t key)
{
	struct fault why = {0};

	assert_int_equal(signing_sign(document, place->keys[key], &why), 0);
	assert_int_equal(draft_save(place->dir, role, document, &why), 0);
	json_free(document);
}

static void make_root(const struct place *place)
{
	static const char *const roles[] = {"root", "targets", "snapshot", "timestamp"};
	static const size_t keys[] = {0, 1, 0, 0};
	struct json *root = NULL;
	struct fault why = {0};

	assert_int_equal(ceremony_new_root(EXPIRES, "private", &root, &why), 0);
	for (size_t i = 0; i < 4; i++) {
		struct holder holder;

		assert_int_equal(holder_of_root(root, roles[i], &holder, &why), 0);
		add(&holder, place->keys[keys[i]]);
	}
	seal(place, "root", root, 0);
}

static void make_targets(const struct place *place)
{
	static const char *const paths[] = {"net/*/*"};
	const struct delegation delegation = {"net", paths, 1, false};
	struct json *targets = NULL, *net = NULL;
	struct holder holder;
	struct fault why = {0};

	assert_int_equal(signing_new_targets(1, EXPIRES, &targets, &why), 0);
	assert_int_equal(delegation_put(targets, &delegation, &holder, &why), 0);
	add(&holder, place->keys[2]);
	seal(place, "targets", targets, 1);
	assert_int_equal(signing_new_targets(1, EXPIRES, &net, &why), 0);
	seal(place, "net", net, 2);
	assert_int_equal(draft_open(place->dir, "net", EXPIRES + 1, &net, &why), 0);
	assert_int_equal(draft_save(place->dir, "net", net, &why), 0);
	json_free(net);
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};
	char path[128];

	assert_non_null(place);
	ceremonydir_make(place->dir);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(secret_key_new(&place->keys[i], &why), 0);
	make_root(place);
	make_targets(place);
	snprintf(path, sizeof(path), "%s/metadata/net.json", place->dir);
	assert_int_equal(fileset_of(path, NULL, &place->fileset, &why), 0);
	assert_int_equal(request_begin(&place->document, &why), 0);
	assert_int_equal(request_add(place->document, place->fileset, "net.json", &why), 0);
	*state = place;
	return 0;
}

static int place_clear(void **state)
{
	struct place *place = *state;

	ceremonydir_remove(place->dir);
	for (size_t i = 0; i < 3; i++)
		secret_key_free(place->keys[i]);
	fileset_free(place->fileset);
	json_free(place->document);
	free(place);
	return 0;
}

static int open_it(const struct place *place, struct request *request, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	assert_int_equal(json_write(place->document, true, &text, why), 0);
	assert_true(request_is(text.data, text.len));
	return request_open(text.data, text.len, "", request, why);
}

static void expect_refusal(const struct place *place, enum fault_code code)
{
	struct request request = {0};
	struct fault why = {0};

	assert_int_equal(open_it(place, &request, &why), -1);
	assert_int_equal(why.code, code);
	assert_null(request.document);
}

// A part of the request's file, to be tampered with.
static struct json *body_of(const struct place *place, const char *file)
{
	const struct json *files = json_member(place->document, "files");

	return (struct json *)json_member(json_member(files, file), "signed");
}

static void a_request_carries_all_that_is_needed_and_no_more(void **state)
{
	const struct place *place = *state;
	const struct json *files = json_member(place->document, "files");
	OWNED(request_drop) struct request request = {0};
	struct fault why = {0};

	assert_int_equal(json_count(files), 4);
	assert_non_null(json_member(files, "root.json"));
	assert_non_null(json_member(files, "targets.json"));
	assert_non_null(json_member(files, "net.json"));
	assert_non_null(json_member(files, "1.net.json"));
	assert_int_equal(open_it(place, &request, &why), 0);
}

static void a_root_that_does_not_verify_refuses_the_request(void **state)
{
	struct fault why = {0};

	assert_int_equal(json_put_text(body_of(*state, "root.json"), "more", "x", &why), 0);
	expect_refusal(*state, FAULT_SIGNATURE);
}

static void a_delegator_that_was_changed_refuses_the_request(void **state)
{
	struct fault why = {0};

	assert_int_equal(json_put_text(body_of(*state, "targets.json"), "more", "x", &why), 0);
	expect_refusal(*state, FAULT_SIGNATURE);
}

static void a_draft_that_its_delegator_does_not_name_refuses_the_request(void **state)
{
	const struct place *place = *state;
	struct json *files = (struct json *)json_member(place->document, "files");
	struct json *sign = (struct json *)json_member(place->document, "sign");
	struct fault why = {0};

	assert_int_equal(
		json_put(files, "evil.json", json_keep(json_member(files, "net.json")), &why), 0);
	assert_int_equal(json_add(sign, json_make_text("evil.json"), &why), 0);
	expect_refusal(place, FAULT_UNTRUSTED);
}

static void a_part_that_is_missing_refuses_the_request(void **state)
{
	const struct place *place = *state;

	json_remove((struct json *)json_member(place->document, "files"), "targets.json");
	expect_refusal(place, FAULT_UNTRUSTED);
}

static void a_name_that_leaves_the_directory_refuses_the_request(void **state)
{
	const struct place *place = *state;
	struct json *files = (struct json *)json_member(place->document, "files");
	struct fault why = {0};

	assert_int_equal(
		json_put(files, "../net.json", json_keep(json_member(files, "net.json")), &why), 0);
	expect_refusal(place, FAULT_FORMAT);
}

static void merge(const struct place *place, enum fault_code code, size_t wanted)
{
	OWNED(request_drop) struct request request = {0};
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	OWNED(json_drop) struct json *merged = NULL;
	struct fault why = {0};
	size_t added = 0;

	assert_int_equal(open_it(place, &request, &why), 0);
	assert_int_equal(sigstatus_open_in(place->fileset, "net.json", NULL, &sigstatus, &why), 0);
	assert_int_equal(request_merge(&request, "net.json", sigstatus, &merged, &added, &why),
			 code == FAULT_NONE ? 0 : -1);
	assert_int_equal(why.code, code);
	if (code != FAULT_NONE) {
		assert_null(merged);
		return;
	}
	assert_int_equal(added, wanted);
	assert_int_equal(json_count(json_member(merged, "signatures")), wanted);
}

static struct json *asked(const struct place *place)
{
	return (struct json *)json_member(json_member(place->document, "files"), "net.json");
}

static void a_signature_comes_back(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	merge(place, FAULT_NONE, 0);
	assert_int_equal(signing_sign(asked(place), place->keys[2], &why), 0);
	merge(place, FAULT_NONE, 1);
}

static void a_signature_of_a_key_that_may_not_sign_does_not_come_back(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	assert_int_equal(signing_sign(asked(place), place->keys[1], &why), 0);
	merge(place, FAULT_SIGNATURE, 0);
}

static void a_draft_that_changed_meanwhile_takes_no_signature(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	assert_int_equal(json_put_int(body_of(place, "net.json"), "version", 3, &why), 0);
	assert_int_equal(signing_sign(asked(place), place->keys[2], &why), 0);
	merge(place, FAULT_DIGEST, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_request_carries_all_that_is_needed_and_no_more),
		TEST(a_root_that_does_not_verify_refuses_the_request),
		TEST(a_delegator_that_was_changed_refuses_the_request),
		TEST(a_draft_that_its_delegator_does_not_name_refuses_the_request),
		TEST(a_part_that_is_missing_refuses_the_request),
		TEST(a_name_that_leaves_the_directory_refuses_the_request),
		TEST(a_signature_comes_back),
		TEST(a_signature_of_a_key_that_may_not_sign_does_not_come_back),
		TEST(a_draft_that_changed_meanwhile_takes_no_signature),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
