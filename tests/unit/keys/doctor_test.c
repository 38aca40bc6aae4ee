// SPDX-License-Identifier: Apache-2.0
#include "keys/doctor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/owned.h"
#include "keys/bins.h"
#include "keys/ceremony.h"
#include "keys/keyfile.h"
#include "keys/signing.h"
#include "tests/unit/keys/ceremonydir.h"

#define NOW    INT64_C(1800000000)
#define DAY    CEREMONY_DAY
#define PEOPLE 6

// root: 2 of keys 0-2; targets: 1 of keys 3-4; snapshot and timestamp: the online key; net: 1 of key 5 and another.
struct place {
	char dir[CEREMONYDIR_MAX];
	struct secret_key *keys[PEOPLE], *spare, *online;
	struct json *root, *targets;
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

static struct holder root_role(const struct place *place, const char *role)
{
	struct holder holder;
	struct fault why = {0};

	assert_int_equal(holder_of_root(place->root, role, &holder, &why), 0);
	return holder;
}

static struct holder delegate(const struct place *place)
{
	static const char *const paths[] = {"net/*/*"};
	const struct delegation delegation = {"net", paths, 1, false};
	struct holder holder;
	struct fault why = {0};

	assert_int_equal(delegation_put(place->targets, &delegation, &holder, &why), 0);
	return holder;
}

static void save(const struct place *place)
{
	struct fault why = {0};

	assert_int_equal(draft_save(place->dir, "root", place->root, &why), 0);
	assert_int_equal(draft_save(place->dir, "targets", place->targets, &why), 0);
}

static void expire(struct json *document, int64_t at)
{
	struct json *body;
	struct fault why = {0};
	char text[CLOCK_TEXT_LEN];

	clock_write(at, text);
	assert_int_equal(signing_part(document, "signed", &body, &why), 0);
	assert_int_equal(json_put_text(body, "expires", text, &why), 0);
}

static int place_make(void **state)
{
	struct place *place = calloc(1, sizeof(*place));
	struct holder holder;
	struct fault why = {0};

	assert_non_null(place);
	ceremonydir_make(place->dir);
	for (size_t i = 0; i < PEOPLE; i++)
		assert_int_equal(secret_key_new(&place->keys[i], &why), 0);
	assert_int_equal(secret_key_new(&place->spare, &why), 0);
	assert_int_equal(secret_key_new(&place->online, &why), 0);
	assert_int_equal(ceremony_new_root(NOW + 365 * DAY, "private", &place->root, &why), 0);
	assert_int_equal(signing_new_targets(1, NOW + 91 * DAY, &place->targets, &why), 0);
	holder = root_role(place, "root");
	for (size_t i = 0; i < 3; i++)
		add(&holder, place->keys[i]);
	assert_int_equal(holder_threshold(&holder, 2, &why), 0);
	holder = root_role(place, "targets");
	add(&holder, place->keys[3]);
	add(&holder, place->keys[4]);
	holder = root_role(place, "snapshot");
	add(&holder, place->online);
	holder = root_role(place, "timestamp");
	add(&holder, place->online);
	holder = delegate(place);
	add(&holder, place->keys[5]);
	add(&holder, place->spare);
	assert_int_equal(signing_sign(place->root, place->keys[0], &why), 0);
	assert_int_equal(signing_sign(place->root, place->keys[1], &why), 0);
	assert_int_equal(signing_sign(place->targets, place->keys[3], &why), 0);
	save(place);
	*state = place;
	return 0;
}

static int place_clear(void **state)
{
	struct place *place = *state;

	ceremonydir_remove(place->dir);
	for (size_t i = 0; i < PEOPLE; i++)
		secret_key_free(place->keys[i]);
	secret_key_free(place->spare);
	secret_key_free(place->online);
	json_free(place->root);
	json_free(place->targets);
	free(place);
	return 0;
}

// Exactly one finding, of this grade, code and first role; "" none. Drafts are not counted.
static void expect(const struct place *place, int64_t now, const char *grade, const char *code,
		   const char *role, size_t roles)
{
	OWNED(json_drop) struct json *findings = NULL;
	const struct json *one = NULL;
	struct fault why = {0};
	size_t count = 0;
	bool due;

	assert_int_equal(doctor_examine(place->dir, now, &findings, &due, &why), 0);
	for (size_t i = 0; i < json_count(findings); i++) {
		const char *has = json_text(json_member(json_item(findings, i), "code"));

		if (strcmp(has, "draft") == 0 || strcmp(has, "signatures") == 0)
			continue;
		one = json_item(findings, i);
		count++;
	}
	assert_int_equal(count, *code ? 1 : 0);
	if (!one)
		return;
	assert_string_equal(json_text(json_member(one, "code")), code);
	assert_string_equal(json_text(json_member(one, "grade")), grade);
	assert_string_equal(json_text(json_item(json_member(one, "roles"), 0)), role);
	assert_int_equal(json_count(json_member(one, "roles")), roles);
	assert_int_equal(due, strcmp(grade, "due") == 0);
}

static void a_ceremony_in_order_has_no_finding(void **state)
{
	OWNED(json_drop) struct json *findings = NULL;
	const struct place *place = *state;
	struct fault why = {0};
	bool due = true;

	assert_int_equal(doctor_examine(place->dir, NOW, &findings, &due, &why), 0);
	assert_int_equal(json_count(findings), 0);
	assert_false(due);
}

static void a_root_is_told_of_at_90_30_and_7_days(void **state)
{
	const struct place *place = *state;
	int64_t at = NOW + 500 * DAY;

	expire(place->targets, at + 200 * DAY);
	expire(place->root, at);
	save(place);
	expect(place, at - 91 * DAY, "", "", "", 0);
	expect(place, at - 90 * DAY, "warning", "expires", "root", 1);
	expect(place, at - 30 * DAY, "warning", "expires", "root", 1);
	expect(place, at - 7 * DAY - 1, "warning", "expires", "root", 1);
	expect(place, at - 7 * DAY, "due", "expires", "root", 1);
	expect(place, at - 1, "due", "expires", "root", 1);
	expect(place, at, "due", "expired", "root", 1);
}

static void targets_are_told_of_as_well_and_their_first_mark_is_a_note(void **state)
{
	const struct place *place = *state;

	expect(place, NOW + 2 * DAY, "note", "expires", "targets", 1);
	expect(place, NOW + 61 * DAY, "warning", "expires", "targets", 1);
	expect(place, NOW + 84 * DAY, "due", "expires", "targets", 1);
	expect(place, NOW + 91 * DAY, "due", "expired", "targets", 1);
}

static const struct json *expiry_of(const struct json *findings, const char *role)
{
	for (size_t i = 0; i < json_count(findings); i++) {
		const struct json *one = json_item(findings, i), *roles = json_member(one, "roles");

		if (strcmp(json_text(json_member(one, "code")), "expires") == 0 &&
		    strcmp(json_text(json_item(roles, 0)), role) == 0)
			return one;
	}
	return NULL;
}

// To the second, and still two: another command helps, and only one of them is news.
static void a_root_and_targets_that_expire_together_are_two_findings(void **state)
{
	OWNED(json_drop) struct json *findings = NULL;
	const struct place *place = *state;
	const struct json *root, *targets;
	struct fault why = {0};
	bool due;

	expire(place->targets, NOW + 89 * DAY);
	expire(place->root, NOW + 89 * DAY);
	save(place);
	assert_int_equal(doctor_examine(place->dir, NOW, &findings, &due, &why), 0);
	root = expiry_of(findings, "root");
	targets = expiry_of(findings, "targets");
	assert_non_null(root);
	assert_non_null(targets);
	assert_string_equal(json_text(json_member(root, "grade")), "warning");
	assert_non_null(strstr(json_text(json_member(root, "fix")), "root rotate"));
	assert_int_equal(json_count(json_member(root, "roles")), 1);
	assert_string_equal(json_text(json_member(targets, "grade")), "note");
	assert_non_null(strstr(json_text(json_member(targets, "fix")), "renew targets"));
	assert_int_equal(json_count(json_member(targets, "roles")), 1);
}

static void bins_that_expire_together_are_one_finding(void **state)
{
	const struct place *place = *state;
	struct holder holder = delegate(place);
	struct fault why = {0};
	size_t count;

	add(&holder, place->keys[5]);
	add(&holder, place->spare);
	save(place);
	assert_int_equal(bins_save(place->dir, "net", 4, &holder, NOW + 5 * DAY, &count, &why), 0);
	expect(place, NOW, "due", "expires", "net", 17);
}

static void a_threshold_that_cannot_be_met_is_due(void **state)
{
	const struct place *place = *state;
	struct holder holder = root_role(place, "targets");
	struct fault why = {0};

	assert_int_equal(holder_threshold(&holder, 3, &why), 0);
	save(place);
	expect(place, NOW, "due", "threshold", "targets", 1);
}

static void one_key_under_two_ids_is_one_key(void **state)
{
	const struct place *place = *state;
	struct holder holder = root_role(place, "targets");
	struct public_key pub = {0};
	struct fault why = {0};

	assert_int_equal(holder_remove(&holder, secret_key_id(place->keys[4]), &why), 0);
	assert_int_equal(secret_key_public_json(place->keys[3], &pub.object, &why), 0);
	snprintf(pub.id, sizeof(pub.id), "another name");
	assert_int_equal(holder_add(&holder, &pub, &why), 0);
	public_key_drop(&pub);
	save(place);
	expect(place, NOW, "warning", "spare", "targets", 1);
}

static void a_root_that_one_key_can_replace_is_told_of(void **state)
{
	const struct place *place = *state;
	struct holder holder = root_role(place, "root");
	struct fault why = {0};

	assert_int_equal(holder_threshold(&holder, 1, &why), 0);
	save(place);
	expect(place, NOW, "warning", "single", "root", 1);
}

static void a_role_without_a_spare_key_is_told_of(void **state)
{
	const struct place *place = *state;
	struct holder holder = root_role(place, "root");
	struct fault why = {0};

	assert_int_equal(holder_threshold(&holder, 3, &why), 0);
	save(place);
	expect(place, NOW, "warning", "spare", "root", 1);
}

static void a_key_in_two_roles_is_told_of_and_names_both(void **state)
{
	const struct place *place = *state;
	struct holder holder = delegate(place);

	add(&holder, place->keys[0]);
	add(&holder, place->keys[5]);
	save(place);
	expect(place, NOW, "warning", "shared", "root", 2);
}

static void an_online_key_in_an_offline_role_is_due(void **state)
{
	const struct place *place = *state;
	struct holder holder = root_role(place, "targets");

	add(&holder, place->online);
	save(place);
	expect(place, NOW, "due", "online-key", "targets", 1);
}

static void missing_signatures_are_told_of(void **state)
{
	const struct place *place = *state;
	OWNED(json_drop) struct json *findings = NULL;
	struct fault why = {0};
	bool due;

	assert_int_equal(signing_clear(place->root, &why), 0);
	assert_int_equal(signing_clear(place->targets, &why), 0);
	assert_int_equal(signing_sign(place->root, place->keys[0], &why), 0);
	save(place);
	assert_int_equal(doctor_examine(place->dir, NOW, &findings, &due, &why), 0);
	assert_int_equal(json_count(findings), 2);
	assert_string_equal(json_text(json_member(json_item(findings, 0), "code")), "signatures");
	assert_string_equal(json_text(json_member(json_item(findings, 1), "code")), "draft");
	assert_false(due);
}

static void a_directory_without_a_root_is_refused(void **state)
{
	struct json *findings = NULL;
	struct fault why = {0};
	bool due;

	(void)state;
	assert_int_equal(doctor_examine("/nowhere", NOW, &findings, &due, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_null(findings);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_clear)
	const struct CMUnitTest tests[] = {
		TEST(a_ceremony_in_order_has_no_finding),
		TEST(a_root_is_told_of_at_90_30_and_7_days),
		TEST(targets_are_told_of_as_well_and_their_first_mark_is_a_note),
		TEST(a_root_and_targets_that_expire_together_are_two_findings),
		TEST(bins_that_expire_together_are_one_finding),
		TEST(a_threshold_that_cannot_be_met_is_due),
		TEST(one_key_under_two_ids_is_one_key),
		TEST(a_root_that_one_key_can_replace_is_told_of),
		TEST(a_role_without_a_spare_key_is_told_of),
		TEST(a_key_in_two_roles_is_told_of_and_names_both),
		TEST(an_online_key_in_an_offline_role_is_due),
		TEST(missing_signatures_are_told_of),
		cmocka_unit_test(a_directory_without_a_root_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
