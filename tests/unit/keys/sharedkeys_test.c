// SPDX-License-Identifier: Apache-2.0
#include "keys/sharedkeys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/pin.h"
#include "tests/sim/sim.h"

// Two repositories of their own, "corp" pinned on a node.
struct place {
	char root[64];
	struct sim *corp, *lab;
};

static void change_keys(struct sim *sim, int from)
{
	static const char *const roles[] = {"root", "timestamp", "snapshot", "targets"};

	for (int i = 0; i < from; i++)
		(void)sim_key_new(sim);
	for (size_t i = 0; i < 4; i++)
		sim_rotate(sim, roles[i], 3, 2);
}

static struct root *root_of(struct sim *sim)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(role_drop) struct role *role = NULL;
	struct fault why = {0};
	struct root *root = NULL;

	sim_sign(sim_role(sim, "root"), &data);
	assert_int_equal(role_parse("root", data.data, data.len, &role, &why), 0);
	assert_int_equal(root_parse(role, &root, &why), 0);
	(void)HAND_OVER(role);
	return root;
}

static void pin(const struct place *place, const char *name, struct sim *sim)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(pin_drop) struct pin made = {.pinned_at = SIM_NOW};
	struct fault why = {0};

	sim_sign(sim_role(sim, "root"), &data);
	assert_int_equal(text_copy("https://repo.example", &made.url, &why), 0);
	assert_int_equal(text_copy("", &made.class, &why), 0);
	assert_int_equal(pin_fingerprint(data.data, data.len, &made.fingerprint, &why), 0);
	assert_int_equal(pin_write(place->root, name, &made, data.data, data.len, &why), 0);
}

static int start(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	snprintf(place->root, sizeof(place->root), "/tmp/sharedkeys_test.XXXXXX");
	assert_non_null(mkdtemp(place->root));
	place->corp = sim_new();
	place->lab = sim_new();
	change_keys(place->corp, 0);
	change_keys(place->lab, 20);
	pin(place, "corp", place->corp);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;
	char command[96];

	snprintf(command, sizeof(command), "rm -rf '%s'", place->root);
	assert_int_equal(system(command), 0);
	sim_free(place->corp);
	sim_free(place->lab);
	free(place);
	return 0;
}

// Puts a key of one repository, under a name of its own, into the place of the first of another's role.
static void lend(struct sim *to, const char *role, const struct sim_key *key, const char *id)
{
	struct json *root = sim_role(to, "root")->body;
	struct json *authority = sim_at(root, "roles", role, NULL), *ids = json_make_array();
	struct fault why = {0};

	assert_int_equal(json_put(sim_at(root, "keys", NULL), id, sim_key_json(key), &why), 0);
	for (size_t i = 1; i < json_count(json_member(authority, "keyids")); i++)
		assert_int_equal(json_add(ids,
					  json_keep(json_item(json_member(authority, "keyids"), i)),
					  &why),
				 0);
	assert_int_equal(json_add(ids, json_make_text(id), &why), 0);
	assert_int_equal(json_put(authority, "keyids", ids, &why), 0);
}

static int write_down(void *ctx, const struct sharedkeys *found, struct fault *why)
{
	return bytes_format(ctx, why, "%s %s %zu%s; ", found->name, root_role_name(found->role),
			    found->count, found->enough ? " enough" : "");
}

static void assert_kin(const struct place *place, struct sim *sim, const char *name,
		       const char *expected)
{
	OWNED(root_drop) struct root *root = root_of(sim);
	OWNED(bytes_drop) struct bytes told = {0};
	struct fault why = {0};

	assert_int_equal(sharedkeys_walk(place->root, name, root, write_down, &told, &why), 0);
	assert_string_equal(bytes_text(&told), expected);
}

static void repositories_with_keys_of_their_own_are_no_kin(void **state)
{
	const struct place *place = *state;

	assert_kin(place, place->lab, "lab", "");
}

static void one_shared_key_of_two_needed_is_told_and_not_enough(void **state)
{
	const struct place *place = *state;

	lend(place->lab, "timestamp", &sim_role(place->corp, "timestamp")->keys[1], "x");
	assert_kin(place, place->lab, "lab", "corp timestamp 1; ");
}

static void as_many_shared_keys_as_a_threshold_are_enough(void **state)
{
	const struct place *place = *state;
	const struct sim_key *keys = sim_role(place->corp, "targets")->keys;

	lend(place->lab, "targets", &keys[0], "one-name");
	lend(place->lab, "targets", &keys[1], "another-name");
	assert_kin(place, place->lab, "lab", "corp targets 2 enough; ");
}

// With the lower of the two thresholds it passes in one of the repositories already.
static void the_lower_threshold_of_the_two_decides(void **state)
{
	const struct place *place = *state;

	lend(place->lab, "root", &sim_role(place->corp, "root")->keys[2], "x");
	sim_set_int(sim_at(sim_role(place->lab, "root")->body, "roles", "root", NULL), "threshold",
		    1);
	assert_kin(place, place->lab, "lab", "corp root 1 enough; ");
}

static void one_key_under_two_names_is_one(void **state)
{
	const struct place *place = *state;
	const struct sim_key *key = &sim_role(place->corp, "snapshot")->keys[0];

	lend(place->lab, "snapshot", key, "x");
	lend(place->lab, "snapshot", key, "y");
	assert_kin(place, place->lab, "lab", "corp snapshot 1; ");
}

// A file says of what type it is: a targets key of the one does nothing as a timestamp key of the other.
static void a_key_of_another_role_is_no_shared_key(void **state)
{
	const struct place *place = *state;

	lend(place->lab, "timestamp", &sim_role(place->corp, "targets")->keys[0], "x");
	assert_kin(place, place->lab, "lab", "");
}

static void one_repository_under_two_names_is_no_kin_of_itself(void **state)
{
	const struct place *place = *state;

	assert_kin(place, place->corp, "mirror", "");
	assert_kin(place, place->corp, "corp", "");
}

static void a_later_root_of_the_same_repository_is_kin(void **state)
{
	const struct place *place = *state;

	sim_bump(sim_role(place->corp, "root"));
	assert_kin(place, place->corp, "mirror",
		   "corp root 3 enough; corp timestamp 3 enough; corp snapshot 3 enough; "
		   "corp targets 3 enough; ");
	assert_kin(place, place->corp, "corp", "");
}

static void a_damaged_pin_is_passed_over(void **state)
{
	const struct place *place = *state;
	char path[160];
	FILE *file;

	lend(place->lab, "timestamp", &sim_role(place->corp, "timestamp")->keys[1], "x");
	snprintf(path, sizeof(path), "%s" PIN_TRUST_DIR "/corp/root.json", place->root);
	file = fopen(path, "ae");
	assert_non_null(file);
	fputs("{", file);
	fclose(file);
	assert_kin(place, place->lab, "lab", "");
}

static int refuse(void *ctx, const struct sharedkeys *found, struct fault *why)
{
	(void)found;
	++*(int *)ctx;
	return fault_set(why, FAULT_POLICY, "no");
}

static void the_first_refusal_ends_the_walk(void **state)
{
	const struct place *place = *state;
	OWNED(root_drop) struct root *root = NULL;
	struct fault why = {0};
	int calls = 0;

	sim_bump(sim_role(place->corp, "root"));
	root = root_of(place->corp);
	assert_int_equal(sharedkeys_walk(place->root, "mirror", root, refuse, &calls, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(calls, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(repositories_with_keys_of_their_own_are_no_kin),
		TEST(one_shared_key_of_two_needed_is_told_and_not_enough),
		TEST(as_many_shared_keys_as_a_threshold_are_enough),
		TEST(the_lower_threshold_of_the_two_decides),
		TEST(one_key_under_two_names_is_one),
		TEST(a_key_of_another_role_is_no_shared_key),
		TEST(one_repository_under_two_names_is_no_kin_of_itself),
		TEST(a_later_root_of_the_same_repository_is_kin),
		TEST(a_damaged_pin_is_passed_over),
		TEST(the_first_refusal_ends_the_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
