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

#include "base/owned.h"
#include "keys/ceremony.h"
#include "keys/describe.h"
#include "keys/signing.h"
#include "keys/sigstatus.h"
#include "tests/unit/keys/ceremonydir.h"

#define EXPIRES INT64_C(1795430000)
#define PEOPLE	5

// A ceremony directory, five people with a key each, and the server's key.
struct place {
	char dir[CEREMONYDIR_MAX];
	char root_file[128];
	struct secret_key *keys[PEOPLE];
	struct secret_key *online;
};

static void public_of(const struct secret_key *key, struct public_key *out)
{
	struct fault why = {0};

	assert_int_equal(secret_key_public_json(key, &out->object, &why), 0);
	memcpy(out->id, secret_key_id(key), sizeof(out->id));
}

static void add(struct holder *holder, const struct secret_key *key)
{
	OWNED(public_key_drop) struct public_key pub = {0};
	struct fault why = {0};

	public_of(key, &pub);
	assert_int_equal(holder_add(holder, &pub, &why), 0);
}

static struct holder holder_in(struct json *document, const char *role)
{
	struct holder holder;
	struct fault why = {0};

	assert_int_equal(holder_of_root(document, role, &holder, &why), 0);
	return holder;
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct fault why = {0};

	assert_non_null(place);
	ceremonydir_make(place->dir);
	snprintf(place->root_file, sizeof(place->root_file), "%s/metadata/root.json", place->dir);
	for (size_t i = 0; i < PEOPLE; i++)
		assert_int_equal(secret_key_new(&place->keys[i], &why), 0);
	assert_int_equal(secret_key_new(&place->online, &why), 0);
	*state = place;
	return 0;
}

static int place_clear(void **state)
{
	struct place *place = *state;

	ceremonydir_remove(place->dir);
	for (size_t i = 0; i < PEOPLE; i++)
		secret_key_free(place->keys[i]);
	secret_key_free(place->online);
	free(place);
	return 0;
}

// Root: 2 of the first three; targets: 1 of the fourth; the server for the rest. Saved as a draft.
static void root_begin(const struct place *place)
{
	OWNED(json_drop) struct json *document = NULL;
	struct holder holder;
	struct fault why = {0};

	assert_int_equal(ceremony_new_root(EXPIRES, "private", &document, &why), 0);
	holder = holder_in(document, "root");
	for (size_t i = 0; i < 3; i++)
		add(&holder, place->keys[i]);
	assert_int_equal(holder_threshold(&holder, 2, &why), 0);
	holder = holder_in(document, "targets");
	add(&holder, place->keys[3]);
	holder = holder_in(document, "snapshot");
	add(&holder, place->online);
	holder = holder_in(document, "timestamp");
	add(&holder, place->online);
	assert_int_equal(ceremony_sweep(document, &why), 0);
	assert_int_equal(draft_save(place->dir, "root", document, &why), 0);
}

static void sign(const struct place *place, const char *role, const struct secret_key *key)
{
	OWNED(json_drop) struct json *document = NULL;
	struct fault why = {0};

	assert_int_equal(draft_read(place->dir, role, &document, &why), 0);
	assert_int_equal(signing_sign(document, key, &why), 0);
	assert_int_equal(draft_save(place->dir, role, document, &why), 0);
}

static struct sigstatus *root_standing(const struct place *place)
{
	struct sigstatus *sigstatus = NULL;
	struct fault why = {0};

	assert_int_equal(sigstatus_open(place->root_file, NULL, NULL, &sigstatus, &why), 0);
	return sigstatus;
}

static int64_t version_of(const struct json *document)
{
	return json_int(json_member(json_member(document, "signed"), "version"));
}

// The root's next version, opened for a change. `in_place` as expected.
static struct json *root_open(const struct place *place, bool in_place)
{
	struct json *document = NULL;
	struct fault why = {0};
	bool was;

	assert_int_equal(ceremony_open_root(place->dir, EXPIRES, &document, &was, &why), 0);
	assert_int_equal(was, in_place);
	return document;
}

static void root_save(const struct place *place, struct json *document)
{
	struct fault why = {0};

	assert_int_equal(ceremony_sweep(document, &why), 0);
	assert_int_equal(draft_save(place->dir, "root", document, &why), 0);
}

// ---- signatures that are missing ----

static void a_first_root_needs_its_own_threshold(void **state)
{
	const struct place *place = *state;
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;

	root_begin(place);
	sign(place, "root", place->keys[0]);
	sigstatus = root_standing(place);
	assert_int_equal(sigstatus->approver_count, 1);
	assert_int_equal(sigstatus->approvers[0].met, 1);
	assert_int_equal(sigstatus->approvers[0].authority->threshold, 2);
	assert_false(sigstatus_met(sigstatus));
	sigstatus_drop(&sigstatus);
	sign(place, "root", place->keys[2]);
	sigstatus = root_standing(place);
	assert_true(sigstatus_met(sigstatus));
}

static void a_next_root_needs_the_old_threshold_and_the_new(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	struct fault why = {0};
	struct holder holder;

	root_begin(place);
	sign(place, "root", place->keys[0]);
	sign(place, "root", place->keys[1]);
	document = root_open(place, false);
	assert_int_equal(version_of(document), 2);
	holder = holder_in(document, "root");
	assert_int_equal(holder_remove(&holder, secret_key_id(place->keys[0]), &why), 0);
	add(&holder, place->keys[4]);
	root_save(place, document);
	sign(place, "root", place->keys[1]);
	sign(place, "root", place->keys[4]);
	sigstatus = root_standing(place);
	assert_int_equal(sigstatus->approver_count, 2);
	assert_int_equal(sigstatus->approvers[0].met, 2); // itself
	assert_int_equal(sigstatus->approvers[1].met, 1); // the one before
	assert_false(sigstatus_met(sigstatus));
	sigstatus_drop(&sigstatus);
	// The key that goes may and must be able to sign what removes it.
	sign(place, "root", place->keys[0]);
	sigstatus = root_standing(place);
	assert_true(sigstatus_met(sigstatus));
}

static void a_root_without_the_one_before_it_is_never_complete(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	char path[128];

	root_begin(place);
	sign(place, "root", place->keys[0]);
	sign(place, "root", place->keys[1]);
	document = root_open(place, false);
	root_save(place, document);
	sign(place, "root", place->keys[0]);
	sign(place, "root", place->keys[1]);
	snprintf(path, sizeof(path), "%s/metadata/1.root.json", place->dir);
	assert_int_equal(unlink(path), 0);
	sigstatus = root_standing(place);
	assert_false(sigstatus->known);
	assert_false(sigstatus_met(sigstatus));
	assert_string_equal(sigstatus->missing, "1.root.json");
}

static void a_root_that_lacks_signatures_keeps_its_version_when_changed(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;

	root_begin(place);
	document = root_open(place, false); // no signature at all: nothing is lost
	assert_int_equal(version_of(document), 1);
	json_drop(&document);
	sign(place, "root", place->keys[0]);
	document = root_open(place, true);
	assert_int_equal(version_of(document), 1);
	assert_int_equal(json_count(json_member(document, "signatures")), 0);
}

static void only_listed_keys_may_sign(void **state)
{
	const struct place *place = *state;
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	const struct secret_key *key = place->keys[3];

	root_begin(place);
	sigstatus = root_standing(place);
	assert_true(sigstatus_lists(sigstatus, secret_key_id(place->keys[0]),
				    secret_key_public(place->keys[0])));
	assert_false(sigstatus_lists(sigstatus, secret_key_id(key), secret_key_public(key)));
	// Another's id does not help.
	assert_false(
		sigstatus_lists(sigstatus, secret_key_id(place->keys[0]), secret_key_public(key)));
}

// ---- what may not be saved ----

static void a_threshold_out_of_reach_is_refused(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;
	struct holder holder;
	struct fault why = {0};

	root_begin(place);
	document = root_open(place, false);
	holder = holder_in(document, "root");
	assert_int_equal(holder_threshold(&holder, 4, &why), 0);
	assert_int_equal(ceremony_sweep(document, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
}

static void the_last_key_of_a_role_cannot_go(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;
	struct holder holder;
	struct fault why = {0};

	root_begin(place);
	document = root_open(place, false);
	holder = holder_in(document, "targets");
	assert_int_equal(holder_remove(&holder, secret_key_id(place->keys[3]), &why), 0);
	assert_int_equal(ceremony_sweep(document, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
}

static void an_online_key_speaks_for_no_offline_role(void **state)
{
	static const char *const offline[] = {"root", "targets"};
	const struct place *place = *state;

	root_begin(place);
	for (size_t i = 0; i < 2; i++) {
		OWNED(json_drop) struct json *document = root_open(place, false);
		struct holder holder = holder_in(document, offline[i]);
		struct fault why = {0};

		add(&holder, place->online);
		assert_int_equal(ceremony_sweep(document, &why), -1);
		assert_int_equal(why.code, FAULT_POLICY);
	}
}

static void a_key_is_listed_once(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;
	OWNED(public_key_drop) struct public_key pub = {0};
	struct holder holder;
	struct fault why = {0};

	root_begin(place);
	document = root_open(place, false);
	holder = holder_in(document, "root");
	public_of(place->keys[0], &pub);
	assert_int_equal(holder_add(&holder, &pub, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_int_equal(json_count(json_member(holder.role, "keyids")), 3);
}

static void a_key_object_goes_with_its_last_role(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;
	const struct json *keys;
	struct holder holder;
	struct fault why = {0};

	root_begin(place);
	document = root_open(place, false);
	holder = holder_in(document, "root");
	assert_int_equal(holder_remove(&holder, secret_key_id(place->keys[0]), &why), 0);
	holder = holder_in(document, "snapshot");
	assert_int_equal(holder_remove(&holder, secret_key_id(place->online), &why), 0);
	add(&holder, place->keys[4]);
	assert_int_equal(ceremony_sweep(document, &why), 0);
	keys = json_member(json_member(document, "signed"), "keys");
	assert_null(json_member(keys, secret_key_id(place->keys[0])));
	// Still the key of timestamp.
	assert_non_null(json_member(keys, secret_key_id(place->online)));
}

// ---- delegations ----

static int delegate(struct json *document, const char *name, const char *pattern,
		    struct holder *holder, struct fault *why)
{
	const char *const paths[] = {pattern};
	const struct delegation delegation = {.name = name, .paths = paths, .path_count = 1};

	return delegation_put(document, &delegation, holder, why);
}

static void names_and_patterns_of_delegations_are_plain(void **state)
{
	static const struct {
		const char *name, *pattern;
	} bad[] = {{"root", "a/*"},   {"targets", "a/*"}, {"", "a/*"},	   {"../x", "a/*"},
		   {"7.net", "a/*"},  {"net/a", "a/*"},	  {"net", ""},	   {"net", "/a"},
		   {"net", "a/"},     {"net", "a//b"},	  {"net", "../a"}, {"net", "a/./b"},
		   {"net", "a/[bc]"}, {"net", "a\\b"},	  {"net", "a b"}};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(signing_new_targets(1, EXPIRES, &document, &why), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct holder holder;

		fault_clear(&why);
		assert_int_equal(delegate(document, bad[i].name, bad[i].pattern, &holder, &why),
				 -1);
		assert_int_equal(why.code, FAULT_USAGE);
	}
	assert_null(json_member(json_member(document, "signed"), "delegations"));
}

static void a_delegated_role_is_judged_by_its_delegation(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *targets = NULL;
	OWNED(json_drop) struct json *net = NULL;
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	struct holder holder;
	struct fault why = {0};
	char path[128];

	root_begin(place);
	assert_int_equal(signing_new_targets(1, EXPIRES, &targets, &why), 0);
	assert_int_equal(signing_new_targets(1, EXPIRES, &net, &why), 0);
	assert_int_equal(delegate(targets, "net", "net/*/*", &holder, &why), 0);
	add(&holder, place->keys[4]);
	assert_int_equal(ceremony_sweep(targets, &why), 0);
	assert_int_equal(draft_save(place->dir, "targets", targets, &why), 0);
	assert_int_equal(draft_save(place->dir, "net", net, &why), 0);
	sign(place, "net", place->keys[4]);
	snprintf(path, sizeof(path), "%s/metadata/net.json", place->dir);
	assert_int_equal(sigstatus_open(path, NULL, NULL, &sigstatus, &why), 0);
	assert_string_equal(sigstatus->role, "net");
	assert_true(sigstatus_met(sigstatus));
	assert_false(sigstatus_lists(sigstatus, secret_key_id(place->keys[3]),
				     secret_key_public(place->keys[3])));
}

static void a_role_that_nobody_delegates_to_is_untrusted(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *targets = NULL;
	struct sigstatus *sigstatus = NULL;
	struct fault why = {0};
	char path[128];

	assert_int_equal(signing_new_targets(1, EXPIRES, &targets, &why), 0);
	assert_int_equal(draft_save(place->dir, "targets", targets, &why), 0);
	assert_int_equal(draft_save(place->dir, "stray", targets, &why), 0);
	snprintf(path, sizeof(path), "%s/metadata/stray.json", place->dir);
	assert_int_equal(sigstatus_open(path, NULL, NULL, &sigstatus, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	assert_null(sigstatus);
}

static void a_delegation_put_again_replaces_its_paths_and_keys(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *targets = NULL;
	const struct json *roles;
	struct holder holder;
	struct fault why = {0};

	assert_int_equal(signing_new_targets(1, EXPIRES, &targets, &why), 0);
	assert_int_equal(delegate(targets, "net", "net/*/*", &holder, &why), 0);
	add(&holder, place->keys[0]);
	assert_int_equal(delegate(targets, "net", "net/count/*", &holder, &why), 0);
	add(&holder, place->keys[1]);
	assert_int_equal(ceremony_sweep(targets, &why), 0);
	roles = json_member(json_member(json_member(targets, "signed"), "delegations"), "roles");
	assert_int_equal(json_count(roles), 1);
	assert_int_equal(json_count(json_member(json_item(roles, 0), "paths")), 1);
	assert_int_equal(json_count(json_member(json_item(roles, 0), "keyids")), 1);
	assert_int_equal(holder_of_delegation(targets, "net", &holder, &why), 0);
	assert_int_equal(json_count(holder.keys), 1);
	assert_true(holder_lists(&holder, secret_key_id(place->keys[1])));
}

// ---- in words ----

static struct json *parsed(const char *text)
{
	struct json *json = NULL;
	struct fault why = {0};

	assert_int_equal(json_parse(text, strlen(text), "test", &json, &why), 0);
	return json;
}

static void says(const char *now, const char *before, const char *const *expected)
{
	OWNED(json_drop) struct json *body = parsed(now);
	OWNED(json_drop) struct json *was = before ? parsed(before) : NULL;
	OWNED(json_drop) struct json *lines = NULL;
	struct fault why = {0};
	size_t i = 0;

	assert_int_equal(describe_change(body, was, &lines, &why), 0);
	for (; expected[i]; i++) {
		assert_true(i < json_count(lines));
		assert_string_equal(json_text(json_item(lines, i)), expected[i]);
	}
	assert_int_equal(json_count(lines), i);
}

#define TARGET(length, hash) "{\"length\":" length ",\"hashes\":{\"sha256\":\"" hash "\"}}"

static void targets_that_come_go_and_change_are_named(void **state)
{
	static const char *const expected[] = {"~ target a: 2 bytes, sha256 bb, was aa",
					       "+ target c: 3 bytes, sha256 cc", "- target b",
					       NULL};

	(void)state;
	says("{\"_type\":\"targets\",\"version\":2,\"targets\":{\"a\":" TARGET(
		     "2", "bb") ",\"c\":" TARGET("3", "cc") "}}",
	     "{\"_type\":\"targets\",\"version\":1,\"targets\":{\"a\":" TARGET(
		     "1", "aa") ",\"b\":" TARGET("1", "aa") "}}",
	     expected);
}

static void a_target_whose_details_alone_change_is_named(void **state)
{
	static const char *const expected[] = {
		"~ target a: same sha256 aa, other length, digest or details", NULL};

	(void)state;
	says("{\"targets\":{\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"aa\"},\"custom\":{}}}}",
	     "{\"targets\":{\"a\":" TARGET("1", "aa") "}}", expected);
}

static void keys_and_thresholds_that_change_are_named(void **state)
{
	static const char *const expected[] = {
		"~ key k1 now stands for another public key or scheme",
		"+ key k3 (ed25519)",
		"- key k2",
		"+ root may be signed by key k3",
		"- root may no longer be signed by key k2",
		"~ root needs 1 of 2 keys, before 2 of 2",
		NULL};

	(void)state;
	says("{\"keys\":{\"k1\":{\"keytype\":\"rsa\"},\"k3\":{\"keytype\":\"ed25519\"}},"
	     "\"roles\":{\"root\":{\"keyids\":[\"k1\",\"k3\"],\"threshold\":1}}}",
	     "{\"keys\":{\"k1\":{\"keytype\":\"ed25519\"},\"k2\":{\"keytype\":\"ed25519\"}},"
	     "\"roles\":{\"root\":{\"keyids\":[\"k1\",\"k2\"],\"threshold\":2}}}",
	     expected);
}

static void a_member_without_words_of_its_own_is_named_too(void **state)
{
	static const char *const expected[] = {"~ x-bpfseal-class \"public\"", "+ new [1]", "- old",
					       NULL};

	(void)state;
	says("{\"version\":2,\"x-bpfseal-class\":\"public\",\"new\":[1]}",
	     "{\"version\":1,\"x-bpfseal-class\":\"private\",\"old\":1}", expected);
}

static void a_moved_delegation_is_named(void **state)
{
	static const char *const expected[] = {"~ the delegations are searched in another order",
					       NULL};

	(void)state;
	says("{\"delegations\":{\"keys\":{},\"roles\":[{\"name\":\"b\"},{\"name\":\"a\"}]}}",
	     "{\"delegations\":{\"keys\":{},\"roles\":[{\"name\":\"a\"},{\"name\":\"b\"}]}}",
	     expected);
}

static void delegations_are_described_with_their_paths(void **state)
{
	static const char *const expected[] = {"+ delegation net may be signed by key k",
					       "+ delegation net needs 1 of 1 keys",
					       "+ delegation net: paths net/*/*",
					       "+ delegation net ends the search for its paths",
					       "- delegation old",
					       NULL};

	(void)state;
	says("{\"delegations\":{\"keys\":{},\"roles\":[{\"name\":\"net\",\"keyids\":[\"k\"],"
	     "\"threshold\":1,\"paths\":[\"net/*/*\"],\"terminating\":true}]}}",
	     "{\"delegations\":{\"keys\":{},\"roles\":[{\"name\":\"old\",\"keyids\":[],"
	     "\"threshold\":1,\"paths\":[]}]}}",
	     expected);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_first_root_needs_its_own_threshold),
		TEST(a_next_root_needs_the_old_threshold_and_the_new),
		TEST(a_root_without_the_one_before_it_is_never_complete),
		TEST(a_root_that_lacks_signatures_keeps_its_version_when_changed),
		TEST(only_listed_keys_may_sign),
		TEST(a_threshold_out_of_reach_is_refused),
		TEST(the_last_key_of_a_role_cannot_go),
		TEST(an_online_key_speaks_for_no_offline_role),
		TEST(a_key_is_listed_once),
		TEST(a_key_object_goes_with_its_last_role),
		cmocka_unit_test(names_and_patterns_of_delegations_are_plain),
		TEST(a_delegated_role_is_judged_by_its_delegation),
		TEST(a_role_that_nobody_delegates_to_is_untrusted),
		TEST(a_delegation_put_again_replaces_its_paths_and_keys),
		cmocka_unit_test(targets_that_come_go_and_change_are_named),
		cmocka_unit_test(a_target_whose_details_alone_change_is_named),
		cmocka_unit_test(keys_and_thresholds_that_change_are_named),
		cmocka_unit_test(a_member_without_words_of_its_own_is_named_too),
		cmocka_unit_test(a_moved_delegation_is_named),
		cmocka_unit_test(delegations_are_described_with_their_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
