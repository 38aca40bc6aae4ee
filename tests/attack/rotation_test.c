// SPDX-License-Identifier: Apache-2.0
// Keys and thresholds that change, one history a test. Of ten keys each version names some, asks for so many, and is
// signed by some: only the last one may be at fault, and then everything before it is kept.
#include "tests/attack/attack.h"

#define KEYS 10

// A version of a role: "01234" are keys by their numbers.
struct version {
	const char *keys;
	int threshold;
	const char *signed_by;
};

struct history {
	const char *sentence;
	bool good; // the last one
	struct version versions[4];
};

static const struct history roots[] = {
	{"a_root_key_gives_way_to_another", true, {{"1", 1, "1"}, {"2", 1, "21"}, {"2", 1, "2"}}},
	{"signatures_that_nobody_asked_for_do_not_matter",
	 true,
	 {{"1", 1, "314"}, {"2", 1, "3214"}, {"2", 1, "324"}}},
	{"any_three_of_five_may_sign",
	 true,
	 {{"01234", 3, "024"}, {"01234", 3, "041"}, {"01234", 3, "013"}, {"01234", 3, "013"}}},
	{"one_of_five_keys_is_replaced", true, {{"01234", 3, "024"}, {"01345", 3, "041"}}},
	{"one_of_five_keys_is_replaced_and_signs_at_once",
	 true,
	 {{"01234", 3, "024"}, {"01345", 3, "0245"}, {"01345", 3, "045"}}},
	{"all_five_keys_are_replaced",
	 true,
	 {{"01234", 3, "024"}, {"56789", 3, "024567"}, {"56789", 3, "567"}}},
	{"the_threshold_rises", true, {{"123", 1, "1"}, {"123", 2, "12"}}},
	{"the_threshold_falls", true, {{"123", 2, "12"}, {"123", 1, "12"}, {"123", 1, "1"}}},
	{"the_threshold_rises_with_a_new_key", true, {{"1", 1, "1"}, {"12", 2, "12"}}},
	{"a_root_that_the_old_key_did_not_sign_is_refused",
	 false,
	 {{"1", 1, "1"}, {"2", 1, "234"}}},
	{"a_root_that_its_new_key_did_not_sign_is_refused",
	 false,
	 {{"1", 1, "1"}, {"2", 1, "134"}}},
	{"a_root_that_two_of_its_three_new_keys_signed_is_refused",
	 false,
	 {{"01234", 3, "024"}, {"01345", 3, "024"}}},
	{"a_root_that_two_of_the_three_old_keys_signed_is_refused",
	 false,
	 {{"01234", 3, "024"}, {"01345", 3, "045"}}},
	{"a_risen_threshold_holds_for_the_root_that_raises_it",
	 false,
	 {{"123", 1, "1"}, {"123", 2, "2"}}},
	{"a_falling_threshold_does_not_hold_yet_for_the_root_that_lowers_it",
	 false,
	 {{"123", 2, "12"}, {"123", 1, "1"}}},
};

static const struct history others[] = {
	{"its_key_gives_way_to_another", true, {{"2", 1, "2"}}},
	{"signatures_of_strangers_beside_its_own_do_not_matter", true, {{"1", 1, "314"}}},
	{"its_old_key_counts_no_more", false, {{"2", 1, "134"}}},
	{"two_of_three_and_one_that_was_dropped_are_two", false, {{"01345", 3, "024"}}},
	{"two_of_three_are_not_enough", false, {{"01345", 3, "04"}}},
	{"the_first_third_and_fifth_are_three", true, {{"01234", 3, "024"}}},
	{"the_order_of_signatures_does_not_matter", true, {{"01234", 3, "041"}}},
	{"the_first_second_and_fourth_are_three", true, {{"01234", 3, "013"}}},
	{"the_inner_ones_are_three", true, {{"01234", 3, "123"}}},
	{"the_last_ones_are_three", true, {{"01234", 3, "234"}}},
};

// ---- keys by their numbers ----

struct ring {
	struct sim_key keys[KEYS];
};

static void ring_make(struct sim *sim, struct ring *ring)
{
	for (size_t i = 0; i < KEYS; i++)
		ring->keys[i] = sim_key_new(sim);
}

// Names them and the threshold in an authority; `keys` is the object that holds all keys beside it.
static void grant(struct json *authority, struct json *keys, const struct ring *ring,
		  const struct version *version)
{
	struct json *ids = json_make_array();
	struct fault why = {0};

	assert_int_equal(json_put(authority, "keyids", ids, &why), 0);
	for (const char *at = version->keys; *at; at++) {
		const struct sim_key *key = &ring->keys[*at - '0'];

		assert_int_equal(json_put(keys, key->id, sim_key_json(key), &why), 0);
		assert_int_equal(json_add(ids, json_make_text(key->id), &why), 0);
	}
	sim_set_int(authority, "threshold", version->threshold);
}

static void let_sign(struct sim_role *role, const struct ring *ring, const struct version *version)
{
	role->key_count = strlen(version->signed_by);
	for (size_t i = 0; i < role->key_count; i++)
		role->keys[i] = ring->keys[version->signed_by[i] - '0'];
}

// ---- roots ----

static void rotate_root(struct sim *sim, const struct ring *ring, const struct version *version,
			int number)
{
	struct sim_role *root = sim_role(sim, "root");
	OWNED(bytes_drop) struct bytes data = {0};
	struct bytes *kept = sim_kept_bytes(sim, "root");
	struct fault why = {0};

	grant(sim_at(root->body, "roles", "root", NULL), sim_at(root->body, "keys", NULL), ring,
	      version);
	let_sign(root, ring, version);
	sim_set_int(root->body, "version", number);
	if (number > 1) {
		sim_serve(sim, "root");
		return;
	}
	// The first one is what the node begins with.
	sim_sign(root, &data);
	kept->len = 0;
	assert_int_equal(bytes_append(kept, data.data, data.len, &why), 0);
}

static void follow_roots(void **state)
{
	const struct history *history = *state;
	struct ring ring;
	int count = 0;

	*state = NULL;
	assert_int_equal(scene_open(state), 0);
	ring_make(*state, &ring);
	for (; count < 4 && history->versions[count].keys; count++)
		rotate_root(*state, &ring, &history->versions[count], count + 1);
	if (history->good) {
		assert_accepted(*state);
		assert_int_equal(sim_kept(*state, "root"), count);
	} else {
		assert_refused_keeping(*state, FAULT_SIGNATURE, count - 1, 1, 1, 1, 1);
	}
	scene_close(state);
}

// ---- the other roles ----

static void grant_role(struct sim *sim, const char *name, const struct ring *ring,
		       const struct version *version)
{
	struct json *body = sim_role(sim, "root")->body;
	const struct json *authority = sim_at(body, "roles", name, NULL);
	struct json *keys = sim_at(body, "keys", NULL);

	// A delegated role is the delegator's.
	if (!authority) {
		body = sim_role(sim, "targets")->body;
		authority = json_item(sim_at(body, "delegations", "roles", NULL), 0);
		keys = sim_at(body, "delegations", "keys", NULL);
		sim_bump(sim_role(sim, "targets"));
	}
	grant((struct json *)(uintptr_t)authority, keys, ring, version);
	sim_publish_root(sim, NULL);
}

static void follow_role(const char *name, const struct history *history)
{
	struct ring ring;
	void *state = NULL;
	struct fault why = {0};
	struct sim *sim;

	assert_int_equal(scene_open(&state), 0);
	sim = state;
	ring_make(sim, &ring);
	grant_role(sim, name, &ring, &history->versions[0]);
	let_sign(sim_role(sim, name), &ring, &history->versions[0]);
	if (strcmp(name, "targets") == 0 || strcmp(name, "net") == 0)
		sim_bump(sim_role(sim, name));
	sim_publish(sim);
	if (history->good) {
		assert_accepted(sim);
		assert_int_equal(sim_kept(sim, name), sim_version(sim_role(sim, name)));
	} else {
		assert_int_equal(sim_install(sim, SIM_TARGET, &why), -1);
		assert_code(&why, FAULT_SIGNATURE);
		// The refused one left no trace; the root that says who signs it is kept.
		assert_int_equal(sim_kept(sim, name), 1);
		assert_int_equal(sim_kept(sim, "root"), 2);
	}
	scene_close(&state);
}

static void follow_others(void **state)
{
	static const char *const names[] = {"timestamp", "snapshot", "targets", "net"};

	for (size_t i = 0; i < 4; i++)
		follow_role(names[i], *state);
}

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

int main(void)
{
	struct CMUnitTest tests[COUNT(roots) + COUNT(others)] = {0};

	for (size_t i = 0; i < COUNT(roots); i++)
		tests[i] = (struct CMUnitTest){roots[i].sentence, follow_roots, NULL, NULL,
					       (void *)(uintptr_t)&roots[i]};
	for (size_t i = 0; i < COUNT(others); i++)
		tests[COUNT(roots) + i] =
			(struct CMUnitTest){others[i].sentence, follow_others, NULL, NULL,
					    (void *)(uintptr_t)&others[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
