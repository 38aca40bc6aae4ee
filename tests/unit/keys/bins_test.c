// SPDX-License-Identifier: Apache-2.0
#include "keys/bins.h"

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
#include "keys/describe.h"
#include "keys/keyfile.h"
#include "keys/role.h"
#include "keys/signing.h"
#include "keys/sigstatus.h"
#include "keys/targets.h"
#include "tests/unit/keys/ceremonydir.h"

#define EXPIRES INT64_C(1900000000)

// A delegation of targets to "net" by one test key.
struct place {
	char dir[CEREMONYDIR_MAX];
	struct secret_key *key;
	struct json *targets;
	struct holder net;
};

static int place_make(void **state)
{
	static const char *const paths[] = {"net/*/*"};
	const struct delegation delegation = {"net", paths, 1, false};
	struct place *place = calloc(1, sizeof(*place));
	struct public_key pub = {0};
	struct fault why = {0};

	assert_non_null(place);
	ceremonydir_make(place->dir);
	assert_int_equal(secret_key_new(&place->key, &why), 0);
	assert_int_equal(signing_new_targets(1, EXPIRES, &place->targets, &why), 0);
	assert_int_equal(delegation_put(place->targets, &delegation, &place->net, &why), 0);
	assert_int_equal(secret_key_public_json(place->key, &pub.object, &why), 0);
	snprintf(pub.id, sizeof(pub.id), "%s", secret_key_id(place->key));
	assert_int_equal(holder_add(&place->net, &pub, &why), 0);
	public_key_drop(&pub);
	assert_int_equal(draft_save(place->dir, "targets", place->targets, &why), 0);
	*state = place;
	return 0;
}

static int place_clear(void **state)
{
	struct place *place = *state;

	ceremonydir_remove(place->dir);
	json_free(place->targets);
	secret_key_free(place->key);
	free(place);
	return 0;
}

static void save(const struct place *place, unsigned bits, size_t wanted)
{
	struct fault why = {0};
	size_t count;

	assert_int_equal(bins_save(place->dir, "net", bits, &place->net, EXPIRES, &count, &why), 0);
	assert_int_equal(count, wanted);
}

static struct json *draft(const struct place *place, const char *role)
{
	struct json *document = NULL;
	struct fault why = {0};

	assert_int_equal(draft_read(place->dir, role, &document, &why), 0);
	return document;
}

static int64_t version(const struct place *place, const char *role)
{
	OWNED(json_drop) struct json *document = draft(place, role);

	return json_int(json_member(json_member(document, "signed"), "version"));
}

static void sign(const struct place *place, const char *role)
{
	OWNED(json_drop) struct json *document = draft(place, role);
	struct fault why = {0};

	assert_int_equal(signing_sign(document, place->key, &why), 0);
	assert_int_equal(draft_save(place->dir, role, document, &why), 0);
}

static void their_number_is_a_power_of_two(void **state)
{
	static const int64_t bad[] = {-2, 0, 1, 3, 100, 255, 257, 16384, INT64_MAX, INT64_MIN};
	struct fault why = {0};
	unsigned bits;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(bins_bits(bad[i], &bits, &why), -1);
		assert_int_equal(why.code, FAULT_USAGE);
	}
	fault_clear(&why);
	for (unsigned wanted = 1; wanted <= 13; wanted++) {
		assert_int_equal(bins_bits(INT64_C(1) << wanted, &bits, &why), 0);
		assert_int_equal(bits, wanted);
	}
}

// What the verdict code reads is what the ceremony wrote: each path goes to one bin, the one that we route it to.
static void every_path_has_one_bin_and_the_client_finds_the_same(void **state)
{
	const struct place *place = *state;
	static const unsigned sizes[] = {1, 3, 4, 6, 8, 13};
	struct fault why = {0};

	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		OWNED(json_drop) struct json *document = NULL;
		OWNED(bytes_drop) struct bytes text = {0};
		OWNED(targets_drop) struct targets *targets = NULL;
		struct role *role = NULL;

		assert_int_equal(signing_new_targets(1, EXPIRES, &document, &why), 0);
		assert_int_equal(bins_put(document, "net", sizes[s], &place->net, &why), 0);
		assert_int_equal(bins_of(document, "net"), sizes[s]);
		assert_int_equal(bins_of(document, "other"), 0);
		assert_int_equal(signing_write(document, &text, &why), 0);
		assert_int_equal(role_parse("net", text.data, text.len, &role, &why), 0);
		assert_int_equal(targets_parse("net", role, &targets, &why), 0);
		for (int i = 0; i < 200; i++) {
			struct delegate delegate;
			const char *bin;
			char path[32];
			size_t at = 0;

			snprintf(path, sizeof(path), "net/b/%d.bundle", i);
			assert_int_equal(bins_route(document, path, &bin, &why), 0);
			assert_true(targets_delegate(targets, path, &at, &delegate));
			assert_string_equal(delegate.name, bin);
			assert_false(targets_delegate(targets, path, &at, &delegate));
		}
	}
}

static void a_document_without_bins_routes_nowhere(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};
	const char *bin = "?";

	assert_int_equal(bins_route(place->targets, "net/a/1.bundle", &bin, &why), 0);
	assert_null(bin);
	assert_int_equal(bins_of(place->targets, "net"), 0);
}

static void all_bins_have_a_draft_and_are_judged_by_the_delegate(void **state)
{
	const struct place *place = *state;
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	struct fault why = {0};
	char path[128];

	save(place, 4, 17);
	sign(place, "net-f");
	snprintf(path, sizeof(path), "%s/metadata/net-f.json", place->dir);
	assert_int_equal(sigstatus_open(path, NULL, NULL, &sigstatus, &why), 0);
	assert_string_equal(sigstatus->role, "net-f");
	assert_string_equal(sigstatus->delegator->name, "net");
	assert_true(sigstatus_met(sigstatus));
}

static void the_same_call_again_changes_nothing(void **state)
{
	const struct place *place = *state;

	save(place, 3, 9);
	sign(place, "net");
	sign(place, "net-5");
	save(place, 3, 0);
	assert_int_equal(version(place, "net"), 1);
	assert_int_equal(version(place, "net-5"), 1);
}

static void a_missing_draft_is_made_by_the_same_call(void **state)
{
	const struct place *place = *state;
	char path[128];

	save(place, 3, 9);
	snprintf(path, sizeof(path), "%s/metadata/net-7.json", place->dir);
	assert_int_equal(unlink(path), 0);
	save(place, 3, 1);
	assert_int_equal(version(place, "net-7"), 1);
}

static void other_signers_open_every_bin_anew(void **state)
{
	struct place *place = *state;
	struct fault why = {0};

	save(place, 3, 9);
	sign(place, "net");
	sign(place, "net-5");
	assert_int_equal(holder_threshold(&place->net, 2, &why), 0);
	save(place, 3, 9);
	assert_int_equal(version(place, "net"), 2);
	assert_int_equal(version(place, "net-5"), 2);
	assert_int_equal(version(place, "net-4"), 1);
}

static void another_number_of_bins_is_refused(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};
	size_t count;

	save(place, 3, 9);
	assert_int_equal(bins_save(place->dir, "net", 4, &place->net, EXPIRES, &count, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(version(place, "net"), 1);
}

static void a_role_with_targets_of_its_own_is_not_split(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *net = NULL;
	struct sha256 digest = {{0}};
	struct fault why = {0};
	size_t count;

	assert_int_equal(signing_new_targets(1, EXPIRES, &net, &why), 0);
	assert_int_equal(signing_set_target(net, "net/a/x", 1, &digest, NULL, &why), 0);
	assert_int_equal(draft_save(place->dir, "net", net, &why), 0);
	assert_int_equal(bins_save(place->dir, "net", 4, &place->net, EXPIRES, &count, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
}

static void renewing_takes_the_bins_along(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};
	size_t count;

	save(place, 1, 3);
	sign(place, "net");
	sign(place, "net-0");
	sign(place, "net-1");
	assert_int_equal(bins_renew(place->dir, "net", EXPIRES + 5, &count, &why), 0);
	assert_int_equal(count, 3);
	assert_int_equal(version(place, "net"), 2);
	assert_int_equal(version(place, "net-0"), 2);
	assert_int_equal(version(place, "net-1"), 2);
}

// 256 bins in 1024 lines would be signed unread; but a bin that differs must not hide among them.
static void they_are_described_in_a_few_words_unless_one_differs(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *document = NULL;
	OWNED(json_drop) struct json *lines = NULL;
	OWNED(json_drop) struct json *more = NULL;
	const struct json *body, *roles;
	struct fault why = {0};

	assert_int_equal(signing_new_targets(1, EXPIRES, &document, &why), 0);
	assert_int_equal(bins_put(document, "net", 8, &place->net, &why), 0);
	body = json_member(document, "signed");
	assert_int_equal(describe_change(body, NULL, &lines, &why), 0);
	assert_int_equal(json_count(lines), 4);
	roles = json_member(json_member(body, "delegations"), "roles");
	assert_int_equal(json_put_int((struct json *)json_item(roles, 77), "threshold", 2, &why),
			 0);
	assert_int_equal(describe_change(body, NULL, &more, &why), 0);
	assert_true(json_count(more) > 256);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(their_number_is_a_power_of_two),
		TEST(every_path_has_one_bin_and_the_client_finds_the_same),
		TEST(a_document_without_bins_routes_nowhere),
		TEST(all_bins_have_a_draft_and_are_judged_by_the_delegate),
		TEST(the_same_call_again_changes_nothing),
		TEST(a_missing_draft_is_made_by_the_same_call),
		TEST(other_signers_open_every_bin_anew),
		TEST(another_number_of_bins_is_refused),
		TEST(a_role_with_targets_of_its_own_is_not_split),
		TEST(they_are_described_in_a_few_words_unless_one_differs),
		TEST(renewing_takes_the_bins_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
