// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/trust.h"
#include "tests/sim/sim.h"

static int open_sim(void **state)
{
	*state = sim_new();
	return 0;
}

static int close_sim(void **state)
{
	sim_free(*state);
	return 0;
}

static struct trust *start(struct sim *sim)
{
	struct bytes *root = sim_kept_bytes(sim, "root");
	struct trust *trust = NULL;
	struct fault why = {0};

	assert_int_equal(trust_new(root->data, root->len, sim->now, &trust, &why), 0);
	return trust;
}

static void assert_no(int result, const struct fault *why, enum fault_code code)
{
	assert_int_equal(result, -1);
	assert_string_equal(fault_name(why->code), fault_name(code));
}

static void roles_are_accepted_in_their_order(void **state)
{
	struct sim *sim = *state;
	OWNED(trust_drop) struct trust *trust = start(sim);
	struct bytes *timestamp = sim_served(sim, "timestamp.json");
	struct bytes *snapshot = sim_served(sim, "1.snapshot.json");
	struct bytes *targets = sim_served(sim, "1.targets.json");
	struct bytes *net = sim_served(sim, "1.net.json");
	const struct targets *top, *delegated;
	struct fault why = {0};
	bool changed;

	assert_null(trust_timestamp_now(trust));
	assert_int_equal(trust_root_end(trust, &why), 0);
	assert_int_equal(trust_timestamp(trust, timestamp->data, timestamp->len, &changed, &why),
			 0);
	assert_true(changed);
	assert_null(trust_snapshot_now(trust));
	assert_int_equal(trust_snapshot(trust, snapshot->data, snapshot->len, &why), 0);
	assert_int_equal(
		trust_targets(trust, NULL, "targets", targets->data, targets->len, &top, &why), 0);
	assert_int_equal(trust_targets(trust, top, "net", net->data, net->len, &delegated, &why),
			 0);
	assert_ptr_equal(trust_held(trust, NULL, "targets"), top);
	assert_ptr_equal(trust_held(trust, top, "net"), delegated);
	assert_null(trust_held(trust, NULL, "net"));
	assert_int_equal(trust_targets_count(trust), 2);
}

static void a_role_out_of_order_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(trust_drop) struct trust *trust = start(sim);
	struct bytes *root = sim_kept_bytes(sim, "root");
	struct bytes *timestamp = sim_served(sim, "timestamp.json");
	struct bytes *snapshot = sim_served(sim, "1.snapshot.json");
	struct bytes *targets = sim_served(sim, "1.targets.json");
	const struct targets *top;
	struct fault why = {0};
	bool flag;

	assert_no(trust_timestamp(trust, timestamp->data, timestamp->len, &flag, &why), &why,
		  FAULT_OTHER);
	assert_no(trust_recall_timestamp(trust, timestamp->data, timestamp->len, &why), &why,
		  FAULT_OTHER);
	assert_int_equal(trust_root_end(trust, &why), 0);
	assert_no(trust_root_end(trust, &why), &why, FAULT_OTHER);
	assert_no(trust_root(trust, root->data, root->len, &why), &why, FAULT_OTHER);
	assert_no(trust_snapshot(trust, snapshot->data, snapshot->len, &why), &why, FAULT_OTHER);
	assert_no(trust_recall_snapshot(trust, snapshot->data, snapshot->len, &flag, &why), &why,
		  FAULT_OTHER);
	assert_int_equal(trust_timestamp(trust, timestamp->data, timestamp->len, &flag, &why), 0);
	assert_no(trust_timestamp(trust, timestamp->data, timestamp->len, &flag, &why), &why,
		  FAULT_OTHER);
	assert_no(trust_targets(trust, NULL, "targets", targets->data, targets->len, &top, &why),
		  &why, FAULT_OTHER);
}

static void a_recalled_snapshot_is_current_only_byte_for_byte(void **state)
{
	struct sim *sim = *state;
	struct fault why = {0};
	bool changed, current;

	sim->hashes = true;
	sim_publish(sim);
	for (int blank = 0; blank < 2; blank++) {
		OWNED(trust_drop) struct trust *trust = start(sim);
		OWNED(bytes_drop) struct bytes kept = {0};
		struct bytes *timestamp = sim_served(sim, "timestamp.json");
		struct bytes *snapshot = sim_served(sim, "2.snapshot.json");

		assert_int_equal(bytes_append(&kept, snapshot->data, snapshot->len, &why), 0);
		if (blank)
			assert_int_equal(bytes_append(&kept, " ", 1, &why), 0);
		assert_int_equal(trust_root_end(trust, &why), 0);
		assert_int_equal(
			trust_timestamp(trust, timestamp->data, timestamp->len, &changed, &why), 0);
		assert_int_equal(trust_recall_snapshot(trust, kept.data, kept.len, &current, &why),
				 0);
		assert_int_equal(current, !blank);
		assert_int_equal(trust_snapshot_now(trust) != NULL, !blank);
	}
}

static void a_recalled_file_of_other_keys_changes_nothing(void **state)
{
	struct sim *sim = *state;
	OWNED(trust_drop) struct trust *trust = start(sim);
	OWNED(bytes_drop) struct bytes forged = {0};
	struct bytes *timestamp = sim_served(sim, "timestamp.json");
	struct sim_role *role = sim_role(sim, "timestamp");
	struct sim_key own = role->keys[0];
	struct fault why = {0};
	bool changed;

	role->keys[0] = sim_key_new(sim);
	sim_set_int(role->body, "version", 999);
	sim_sign(role, &forged);
	role->keys[0] = own;
	assert_int_equal(trust_root_end(trust, &why), 0);
	assert_no(trust_recall_timestamp(trust, forged.data, forged.len, &why), &why,
		  FAULT_SIGNATURE);
	assert_int_equal(trust_timestamp(trust, timestamp->data, timestamp->len, &changed, &why),
			 0);
	assert_true(changed);
}

static void a_refused_root_leaves_the_old_one(void **state)
{
	struct sim *sim = *state;
	OWNED(trust_drop) struct trust *trust = start(sim);
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	sim_set_int(sim_role(sim, "root")->body, "version", 3);
	sim_sign(sim_role(sim, "root"), &data);
	assert_no(trust_root(trust, data.data, data.len, &why), &why, FAULT_UNTRUSTED);
	assert_int_equal(trust_root_now(trust)->role->version, 1);
	assert_int_equal(trust_root_end(trust, &why), 0);
}

static void a_role_nobody_delegates_to_is_refused(void **state)
{
	struct sim *sim = *state;
	OWNED(trust_drop) struct trust *trust = start(sim);
	struct bytes *timestamp = sim_served(sim, "timestamp.json");
	struct bytes *snapshot = sim_served(sim, "1.snapshot.json");
	struct bytes *targets = sim_served(sim, "1.targets.json");
	struct bytes *net = sim_served(sim, "1.net.json");
	const struct targets *top, *out = NULL;
	struct fault why = {0};
	bool changed;

	assert_int_equal(trust_root_end(trust, &why), 0);
	assert_int_equal(trust_timestamp(trust, timestamp->data, timestamp->len, &changed, &why),
			 0);
	assert_int_equal(trust_snapshot(trust, snapshot->data, snapshot->len, &why), 0);
	assert_int_equal(
		trust_targets(trust, NULL, "targets", targets->data, targets->len, &top, &why), 0);
	assert_no(trust_targets(trust, NULL, "net", net->data, net->len, &out, &why), &why,
		  FAULT_UNTRUSTED);
	assert_no(trust_targets(trust, top, "targets", targets->data, targets->len, &out, &why),
		  &why, FAULT_UNTRUSTED);
	assert_no(trust_targets(trust, top, "other", net->data, net->len, &out, &why), &why,
		  FAULT_UNTRUSTED);
	assert_null(out);
}

// A copy of a served file, to be given away.
static struct bytes copy_of(const struct bytes *data)
{
	struct bytes copy = {0};
	struct fault why = {0};

	assert_int_equal(bytes_append(&copy, data->data, data->len, &why), 0);
	return copy;
}

static void what_is_given_away_is_judged_as_what_is_lent(void **state)
{
	struct sim *sim = *state;
	OWNED(trust_drop) struct trust *trust = start(sim);
	struct bytes *timestamp = sim_served(sim, "timestamp.json");
	struct bytes *snapshot = sim_served(sim, "1.snapshot.json");
	struct bytes *targets = sim_served(sim, "1.targets.json");
	struct bytes data = copy_of(targets);
	const struct targets *top = NULL, *same = NULL;
	struct fault why = {0};
	bool changed;

	// Out of order: refused, gone, and nothing is held.
	assert_no(trust_take_targets(trust, NULL, "targets", &data, &top, &why), &why, FAULT_OTHER);
	assert_null(data.data);
	assert_int_equal(trust_root_end(trust, &why), 0);
	assert_int_equal(trust_timestamp(trust, timestamp->data, timestamp->len, &changed, &why),
			 0);
	assert_int_equal(trust_snapshot(trust, snapshot->data, snapshot->len, &why), 0);
	// Another role's file under this name, and one that is not JSON.
	data = copy_of(sim_served(sim, "1.net.json"));
	assert_no(trust_take_targets(trust, NULL, "targets", &data, &top, &why), &why,
		  sim->hashes ? FAULT_DIGEST : FAULT_SIGNATURE);
	data = copy_of(&(struct bytes){.data = (unsigned char *)"{", .len = 1});
	assert_int_equal(trust_take_targets(trust, NULL, "targets", &data, &top, &why), -1);
	assert_null(data.data);
	assert_null(top);
	assert_int_equal(trust_targets_count(trust), 0);
	assert_null(trust_held(trust, NULL, "targets"));

	data = copy_of(targets);
	assert_int_equal(trust_take_targets(trust, NULL, "targets", &data, &top, &why), 0);
	assert_null(data.data);
	assert_int_equal(top->role->raw.len, targets->len);
	assert_memory_equal(top->role->raw.data, targets->data, targets->len);
	assert_ptr_equal(trust_held(trust, NULL, "targets"), top);
	// The same bytes again are held once.
	data = copy_of(targets);
	assert_int_equal(trust_take_targets(trust, NULL, "targets", &data, &same, &why), 0);
	assert_ptr_equal(same, top);
	assert_int_equal(trust_targets_count(trust), 1);
}

static void the_class_of_a_root_is_private_unless_it_says_public(void **state)
{
	static const char *const words[] = {"private", "public", "Public", ""};
	struct sim *sim = *state;
	OWNED(trust_drop) struct trust *plain = start(sim);

	assert_string_equal(trust_root_now(plain)->class, "private");
	for (size_t i = 0; i < 4; i++) {
		OWNED(trust_drop) struct trust *trust = NULL;
		OWNED(bytes_drop) struct bytes data = {0};
		struct fault why = {0};

		sim_set_text(sim_role(sim, "root")->body, "x-bpfseal-class", words[i]);
		sim_sign(sim_role(sim, "root"), &data);
		assert_int_equal(trust_new(data.data, data.len, sim->now, &trust, &why),
				 i < 2 ? 0 : -1);
		if (i < 2)
			assert_string_equal(trust_root_now(trust)->class, words[i]);
		else
			assert_int_equal(why.code, FAULT_FORMAT);
	}
}

#define WITH_SIM(test) cmocka_unit_test_setup_teardown(test, open_sim, close_sim)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_SIM(roles_are_accepted_in_their_order),
		WITH_SIM(a_role_out_of_order_is_refused),
		WITH_SIM(a_recalled_snapshot_is_current_only_byte_for_byte),
		WITH_SIM(a_recalled_file_of_other_keys_changes_nothing),
		WITH_SIM(a_refused_root_leaves_the_old_one),
		WITH_SIM(a_role_nobody_delegates_to_is_refused),
		WITH_SIM(what_is_given_away_is_judged_as_what_is_lent),
		WITH_SIM(the_class_of_a_root_is_private_unless_it_says_public),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
