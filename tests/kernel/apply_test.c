// SPDX-License-Identifier: Apache-2.0
// From a signed store to a chain in the kernel: what the loader admits, what it refuses, and what stays.
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/audit.h"
#include "base/file.h"
#include "base/owned.h"
#include "bpf/deny.h"
#include "keys/signing.h"
#include "loader/bpffs.h"
#include "loader/finding.h"
#include "loader/record.h"
#include "loader/scan.h"
#include "loader/source.h"
#include "loader/unload.h"
#include "tests/kernel/rival.h"
#include "tests/kernel/world.h"

#define PASS 2

static const char counted[] = "[{\"use\":\"net/count\",\"version\":\"1.0.0\"}]";

static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", NULL};

	if (ready)
		stock_configure(&world_up(state, manifests)->stock, counted);
	return 0;
}

static void refused(struct stock *stock, int64_t now, enum fault_code code)
{
	struct fault why = {0};

	assert_int_equal(stock_apply(stock, now, &why), -1);
	if (why.code != code) {
		fault_print(&why, stderr);
		fail_msg("refused as %s, not %s", fault_name(why.code), fault_name(code));
	}
}

static struct truth the_truth(const struct stock *stock)
{
	struct truth truth;
	struct fault why = {0};

	if (truth_read(stock->ground->tree, GROUND_IFACE, HOOK_XDP, &truth, &why))
		fail_msg("%s", why.text);
	return truth;
}

static bool runs(const struct stock *stock)
{
	struct truth truth = the_truth(stock);

	return truth.linked && truth.entered && truth.link.program_id == truth.root_id;
}

static enum plan_action action(struct stock *stock)
{
	OWNED(plan_drop) struct plan *plan = planned(stock);

	assert_int_equal(plan->count, 1);
	return plan->chains[0].action;
}

// ---- the straight way ----

static void a_signed_chain_is_applied_once_and_then_there_is_nothing_to_do(void **state)
{
	struct stock *stock = the_stock(state);
	uint64_t records = 0;
	struct fault why = {0};
	char way[GROUND_WAY];

	assert_int_equal(action(stock), PLAN_LOAD);
	applied(stock);
	assert_true(runs(stock));
	assert_int_equal(ground_run(stock->ground, way), PASS);
	assert_int_equal(action(stock), PLAN_KEEP);
	applied(stock);
	assert_int_equal(the_truth(stock).generation, 1);
	assert_int_equal(audit_check(stock->loader_dirfd, "audit.log", &records, &why), 0);
	assert_int_equal(records, 1);
}

// What was seen in an object when it came in is asked again, and by other rules.
static void what_was_seen_before_is_held_against_todays_policy(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(names_drop) struct names kept = {0};
	struct fault why = {0};
	size_t seen = 0;

	applied(stock);
	assert_int_equal(names_list(stock->objects_dirfd, &kept, &why), 0);
	for (size_t i = 0; i < kept.count; i++)
		seen += strstr(kept.name[i], ".seen") != NULL;
	assert_true(seen > 0);
	assert_int_equal(action(stock), PLAN_KEEP);
	stock->node->policy.insns_max = 1;
	refused(stock, STOCK_NOW, FAULT_POLICY);
	assert_true(runs(stock));
}

static void a_pattern_takes_the_highest_version_of_the_signed_index(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	stock_add(stock, "count2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	stock_configure(stock, "[{\"use\":\"net/count\",\"version\":\"*\"}]");
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), 0);
	assert_int_equal(plan->chains[0].action, PLAN_CHANGE);
	assert_string_not_equal(plan->chains[0].members[0].version, "1.0.0");
	assert_string_equal(plan->chains[0].maps[0].maps[0].name, "counts");
	assert_int_equal(plan->chains[0].maps[0].maps[0].fate, MAP_KEPT);
	assert_int_equal(stock_run(stock, plan, &why), 0);
	assert_int_equal(the_truth(stock).generation, 2);
}

static void another_value_in_node_json_is_written_and_nothing_is_loaded(void **state)
{
	struct stock *stock = the_stock(state);
	struct truth before, after;

	stock_add(stock, "allow.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock_configure(stock,
			"[{\"use\":\"net/allow\",\"version\":\"1.0.0\",\"maps\":{\"allow_v4\":"
			"[{\"key\":\"192.0.2.1\",\"value\":1}]}}]");
	applied(stock);
	assert_int_equal(action(stock), PLAN_KEEP);
	stock_configure(stock,
			"[{\"use\":\"net/allow\",\"version\":\"1.0.0\",\"maps\":{\"allow_v4\":"
			"[{\"key\":\"192.0.2.2\",\"value\":1}]}}]");
	assert_int_equal(action(stock), PLAN_VALUES);
	before = the_truth(stock);
	applied(stock);
	after = the_truth(stock);
	assert_int_equal(after.generation, before.generation);
	assert_int_equal(after.members[0].program.id, before.members[0].program.id);
	assert_int_equal(action(stock), PLAN_KEEP);
}

static void a_chain_that_node_json_no_longer_names_is_removed(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	stock_configure(stock, "[]");
	assert_int_equal(action(stock), PLAN_REMOVE);
	applied(stock);
	assert_int_equal(the_truth(stock).iface_program, 0);
	assert_false(the_truth(stock).linked);
}

// What a reboot does to the kernel.
static void reboot(struct stock *stock)
{
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};

	assert_int_equal(bpffs_place(stock->ground->tree, GROUND_IFACE, HOOK_XDP, place, &why), 0);
	assert_int_equal(chain_remove(place, &why), 0);
}

// ---- what is not admitted ----

// As if it had never been admitted.
static void forget_copies(const struct stock *stock)
{
	ground_sh("rm -f %s/var/lib/bpfseal-loader/objects/*", stock->ground->root);
}

static void a_changed_object_in_the_store_is_refused_and_the_chain_stays(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	applied(stock);
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), 0);
	forget_copies(stock);
	stock_damage(stock, &plan->chains[0].members[0].object);
	refused(stock, STOCK_NOW, FAULT_DIGEST);
	assert_true(runs(stock));
}

static void what_the_store_has_lost_is_read_from_our_own_copy(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	applied(stock);
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), 0);
	stock_damage(stock, &plan->chains[0].members[0].object);
	reboot(stock);
	applied(stock);
	assert_true(runs(stock));
	ground_sh("rm %s/var/lib/bpfseal/store/blobs/*", stock->ground->root);
	reboot(stock);
	applied(stock);
	assert_true(runs(stock));
}

static void a_changed_manifest_in_the_store_is_refused(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), 0);
	forget_copies(stock);
	stock_damage(stock, &plan->chains[0].members[0].manifest_sha256);
	refused(stock, STOCK_NOW, FAULT_DIGEST);
	assert_false(the_truth(stock).linked);
}

static void an_old_but_signed_set_is_a_rollback(void **state)
{
	struct stock *stock = the_stock(state);

	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	stock_point(stock, "sets/000000000001");
	refused(stock, STOCK_NOW, FAULT_ROLLBACK);
	assert_true(runs(stock));
}

static void a_link_out_of_the_store_is_not_followed(void **state)
{
	struct stock *stock = the_stock(state);

	stock_point(stock, "../../../../../etc");
	refused(stock, STOCK_NOW, FAULT_FORMAT);
	stock_point(stock, "sets/../sets/01");
	refused(stock, STOCK_NOW, FAULT_FORMAT);
}

static void without_a_pin_nothing_is_admitted(void **state)
{
	struct stock *stock = the_stock(state);

	ground_sh("rm -r %s/etc/bpfseal/trust/" STOCK_REPO, stock->ground->root);
	refused(stock, STOCK_NOW, FAULT_UNTRUSTED);
}

static void metadata_signed_under_another_root_is_refused(void **state)
{
	struct stock *stock = the_stock(state);
	struct secret_key *other = NULL, *mine = stock->key;
	struct fault why = {0};

	assert_int_equal(secret_key_new(&other, &why), 0);
	stock->key = other;
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock->key = mine;
	secret_key_free(other);
	refused(stock, STOCK_NOW, FAULT_SIGNATURE);
}

static void a_name_that_no_role_vouches_for_is_refused(void **state)
{
	struct stock *stock = the_stock(state);

	stock_configure(stock, "[{\"use\":\"net/other\",\"version\":\"1.0.0\"}]");
	refused(stock, STOCK_NOW, FAULT_UNTRUSTED);
}

static void an_exact_version_that_the_index_has_withdrawn_is_refused(void **state)
{
	struct stock *stock = the_stock(state);

	stock_withdraw(stock, "1.0.0");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	refused(stock, STOCK_NOW, FAULT_UNTRUSTED);
	assert_false(the_truth(stock).linked);
}

static void without_an_index_an_exact_version_is_admitted(void **state)
{
	struct stock *stock = the_stock(state);
	struct fault why = {0};

	assert_int_equal(signing_drop_target(stock->targets, "net/count/index.json", &why), 0);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	assert_true(runs(stock));
}

static void a_clock_before_the_last_trusted_time_is_refused(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	refused(stock, STOCK_NOW - 3600, FAULT_CLOCK);
	assert_true(runs(stock));
}

// Rewrites the object's blob as fast as it can: whole, damaged, whole, ...
static bool rewrite(struct rival_board *board, const void *path)
{
	int fd = open(path, O_RDWR);
	char good, bad = 0x55;

	if (fd < 0 || pread(fd, &good, 1, 200) != 1)
		return false;
	bad = (char)(good ^ bad);
	while (!atomic_load(&board->over))
		if (pwrite(fd, &bad, 1, 200) != 1 || pwrite(fd, &good, 1, 200) != 1)
			return false;
	return true;
}

static void a_blob_rewritten_during_the_load_never_reaches_the_kernel(void **state)
{
	struct stock *stock = the_stock(state);
	struct sys_program program;
	char hex[SHA256_HEX], tag[SYS_TAG_HEX], path[256];
	OWNED(plan_drop) struct plan *first = NULL;
	struct fault why = {0};
	unsigned taken = 0;
	struct rival attacker;

	applied(stock);
	program = the_truth(stock).members[0].program;
	memcpy(tag, program.tag, sizeof(tag));
	assert_int_equal(stock_plan(stock, STOCK_NOW, &first, &why), 0);
	sha256_hex(&first->chains[0].members[0].object, hex);
	snprintf(path, sizeof(path), "%s/var/lib/bpfseal/store/blobs/%s", stock->ground->root, hex);
	rival_start(&attacker, rewrite, path);
	for (int i = 0; i < 100; i++) {
		OWNED(plan_drop) struct plan *plan = NULL;

		forget_copies(stock);
		fault_clear(&why);
		if (stock_plan(stock, STOCK_NOW, &plan, &why)) {
			assert_int_equal(why.code, FAULT_DIGEST);
			continue;
		}
		plan->chains[0].action = PLAN_CHANGE;
		assert_int_equal(stock_run(stock, plan, &why), 0);
		assert_string_equal(the_truth(stock).members[0].program.tag, tag);
		taken++;
	}
	rival_stop(&attacker);
	print_message("%u of 100 admitted, the others refused as damaged\n", taken);
}

// ---- outage and reboot ----

static void stale_metadata_loads_nothing_and_keeps_what_runs(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	refused(stock, STOCK_NOW + 2 * STOCK_LIFE, FAULT_EXPIRED);
	assert_true(runs(stock));
}

#define STALE (STOCK_NOW + 2 * STOCK_LIFE)

// Plans from our copies, and does it: whether the chain runs then.
static bool comes_back(struct stock *stock, int64_t now, enum fault_code refused)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	assert_int_equal(stock_restore(stock, now, &plan), refused);
	assert_int_equal(stock_run(stock, plan, &why), 0);
	return runs(stock);
}

// Why it does not.
static void stays_away(struct stock *stock, int64_t now, enum fault_code refused,
		       enum fault_code lost)
{
	OWNED(plan_drop) struct plan *plan = NULL;

	assert_int_equal(stock_restore(stock, now, &plan), refused);
	if (plan->chains[0].lost.code != lost)
		fail_msg("lost as %s, not %s: %s", fault_name(plan->chains[0].lost.code),
			 fault_name(lost), plan->chains[0].lost.text);
	assert_false(plan_is_pending(plan));
	assert_false(the_truth(stock).linked);
}

static void after_a_reboot_in_an_outage_the_same_digests_come_back(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};
	char tag[SYS_TAG_HEX];

	applied(stock);
	memcpy(tag, the_truth(stock).members[0].program.tag, sizeof(tag));
	reboot(stock);
	// Not even the store is needed.
	ground_sh("rm -r %s/var/lib/bpfseal/store/blobs", stock->ground->root);
	assert_int_equal(stock_restore(stock, STALE, &plan), FAULT_EXPIRED);
	assert_int_equal(plan->chains[0].action, PLAN_REPAIR);
	assert_int_equal(stock_run(stock, plan, &why), 0);
	assert_true(runs(stock));
	assert_string_equal(the_truth(stock).members[0].program.tag, tag);
}

static void a_damaged_copy_of_ours_is_not_restored(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	reboot(stock);
	// The index stays whole: it still vouches.
	ground_sh("for f in $(grep -L bpfseal.index %s/var/lib/bpfseal-loader/objects/*); do "
		  "chmod 600 $f; printf x | dd of=$f bs=1 seek=300 conv=notrunc 2>/dev/null; done; "
		  "rm -r %s/var/lib/bpfseal/store/blobs",
		  stock->ground->root, stock->ground->root);
	stays_away(stock, STALE, FAULT_EXPIRED, FAULT_DIGEST);
}

static void what_the_admin_no_longer_asks_for_is_not_restored(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	reboot(stock);
	stock_configure(stock, "[{\"use\":\"net/other\",\"version\":\"1.0.0\"}]");
	stays_away(stock, STALE, FAULT_EXPIRED, FAULT_UNTRUSTED);
}

// The newest state that we have verified names it no more; then the attacker withholds until that has expired.
static void what_the_verified_metadata_no_longer_names_is_not_restored(void **state)
{
	struct stock *stock = the_stock(state);
	struct fault why = {0};

	applied(stock);
	assert_int_equal(signing_drop_target(stock->targets, "net/count/1.0.0.bundle", &why), 0);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	refused(stock, STOCK_NOW, FAULT_UNTRUSTED);
	assert_true(runs(stock));
	reboot(stock);
	stays_away(stock, STOCK_NOW, FAULT_UNTRUSTED, FAULT_UNTRUSTED);
	stays_away(stock, STALE, FAULT_EXPIRED, FAULT_UNTRUSTED);
	ground_sh("rm -r %s/var/lib/bpfseal/store/repo", stock->ground->root);
	stays_away(stock, STOCK_NOW, FAULT_NOT_FOUND, FAULT_UNTRUSTED);
}

static void what_the_index_has_withdrawn_is_not_restored(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	stock_withdraw(stock, "1.0.0");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	refused(stock, STOCK_NOW, FAULT_UNTRUSTED);
	reboot(stock);
	ground_sh("rm -r %s/var/lib/bpfseal/store/*", stock->ground->root);
	stays_away(stock, STALE, FAULT_NOT_FOUND, FAULT_UNTRUSTED);
}

static void what_is_signed_with_another_digest_by_now_is_not_restored(void **state)
{
	struct stock *stock = the_stock(state);
	struct sha256 other = {{1}};
	struct fault why = {0};

	applied(stock);
	assert_int_equal(signing_drop_target(stock->targets, "net/count/index.json", &why), 0);
	assert_int_equal(signing_set_target(stock->targets, "net/count/1.0.0.bundle", 100, &other,
					    NULL, &why),
			 0);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	refused(stock, STOCK_NOW, FAULT_FORMAT);
	reboot(stock);
	stays_away(stock, STALE, FAULT_EXPIRED, FAULT_UNTRUSTED);
}

static void without_its_pin_nothing_is_restored(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	reboot(stock);
	ground_sh("rm -r %s/etc/bpfseal/trust/" STOCK_REPO, stock->ground->root);
	stays_away(stock, STALE, FAULT_UNTRUSTED, FAULT_UNTRUSTED);
}

static void under_another_pin_nothing_is_restored(void **state)
{
	struct stock *stock = the_stock(state);
	struct fault why = {0};
	struct source *source = NULL;

	applied(stock);
	reboot(stock);
	ground_sh("printf 0000 >%s/var/lib/bpfseal-loader/trust/" STOCK_REPO "/pin",
		  stock->ground->root);
	const struct source_places places = {.root = stock->ground->root,
					     .name = STOCK_REPO,
					     .store_dirfd = -1,
					     .trust_dirfd = stock->trust_dirfd};
	assert_int_equal(source_open_kept(&places, &source, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	// And the store's refusal has begun anew by then: nothing of what was kept is left.
	stays_away(stock, STALE, FAULT_EXPIRED, FAULT_NOT_FOUND);
}

// ---- the store's owner ----

static void whatever_the_store_lacks_the_chain_comes_back(void **state)
{
	struct stock *stock = the_stock(state);
	static const struct {
		const char *how;
		enum fault_code code;
	} ways[] = {
		{"rm current", FAULT_NOT_FOUND},
		{"ln -s nowhere current", FAULT_FORMAT},
		{"rm -r sets", FAULT_NOT_FOUND},
		{"echo {} >current/timestamp.json", FAULT_FORMAT},
		{"rm current/timestamp.json", FAULT_NOT_FOUND},
		{"head -c 99999 /dev/zero >current/timestamp.json", FAULT_TOO_LARGE},
		{"ln -sfn sets/000000000001 current", FAULT_ROLLBACK},
		{"sed -i 's/[0-9a-f]\\{128\\}/'$(printf %%128s | tr ' ' 0)'/' "
		 "current/timestamp.json",
		 FAULT_SIGNATURE},
		{"rm -r ../../*", FAULT_NOT_FOUND},
	};

	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	ground_sh("cp -a %s/var/lib/bpfseal/store %s/good", stock->ground->root,
		  stock->ground->root);
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		reboot(stock);
		ground_sh("cd %s/var/lib/bpfseal/store/repo/" STOCK_REPO " && rm -f x && "
			  "case '%zu' in 1) rm current;; esac && %s",
			  stock->ground->root, i, ways[i].how);
		assert_true(comes_back(stock, STOCK_NOW, ways[i].code));
		ground_sh("cd %s/var/lib/bpfseal/store && rm -rf * && cp -a %s/good/* .",
			  stock->ground->root, stock->ground->root);
		applied(stock);
	}
}

// It shows a new snapshot and keeps back what that names: that must not cost us the state that we had.
static void half_of_a_new_state_is_as_if_none_of_it_were_there(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	stock_add(stock, "count2.json"); // another index
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	ground_sh("rm -r %s/var/lib/bpfseal/store/blobs", stock->ground->root);
	refused(stock, STOCK_NOW, FAULT_NOT_FOUND);
	reboot(stock);
	assert_true(comes_back(stock, STOCK_NOW, FAULT_NOT_FOUND));
	reboot(stock);
	ground_sh("rm -r %s/var/lib/bpfseal/store/repo", stock->ground->root);
	assert_true(comes_back(stock, STALE, FAULT_NOT_FOUND));
}

static void a_sound_chain_is_not_touched_by_a_store_that_is_gone(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	applied(stock);
	ground_sh("rm -r %s/var/lib/bpfseal/store/*", stock->ground->root);
	assert_int_equal(stock_restore(stock, STALE, &plan), FAULT_NOT_FOUND);
	assert_false(plan_is_pending(plan));
	assert_int_equal(plan->chains[0].lost.code, FAULT_NONE);
	assert_int_equal(the_truth(stock).generation, 1);
}

// ---- what is denied ----

// The object that runs goes on the deny list.
static void denied(struct stock *stock)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), 0);
	stock_deny(stock, &plan->chains[0].members[0].object);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
}

static void a_denied_chain_of_one_goes_and_stays_gone(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	denied(stock);
	assert_int_equal(action(stock), PLAN_REMOVE);
	applied(stock);
	assert_false(the_truth(stock).linked);
	assert_int_equal(action(stock), PLAN_KEEP);
	applied(stock);
	stock_deny(stock, NULL);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applied(stock);
	assert_true(runs(stock));
}

static void what_was_denied_before_it_ran_is_refused(void **state)
{
	struct stock *stock = the_stock(state);

	denied(stock);
	refused(stock, STOCK_NOW, FAULT_POLICY);
	assert_false(the_truth(stock).linked);
}

static void a_list_that_is_no_longer_named_still_holds(void **state)
{
	struct stock *stock = the_stock(state);
	struct fault why = {0};

	denied(stock);
	refused(stock, STOCK_NOW, FAULT_POLICY);
	assert_int_equal(signing_drop_target(stock->targets, DENY_PATH, &why), 0);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	refused(stock, STOCK_NOW, FAULT_POLICY);
}

static void what_is_denied_is_not_restored_in_an_outage(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *seen = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	applied(stock);
	denied(stock);
	// The list has been seen, and nothing was done yet.
	assert_int_equal(stock_plan(stock, STOCK_NOW, &seen, &why), 0);
	reboot(stock);
	assert_int_equal(stock_restore(stock, STALE, &plan), FAULT_EXPIRED);
	assert_int_equal(plan->chains[0].count, 0);
	assert_int_equal(json_count(plan->chains[0].denied), 1);
	assert_int_equal(stock_run(stock, plan, &why), 0);
	assert_false(the_truth(stock).linked);
}

static void what_is_denied_goes_also_when_nothing_can_be_admitted(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	applied(stock);
	denied(stock);
	stock_configure(stock, "[{\"use\":\"net/other\",\"version\":\"1.0.0\"}]");
	assert_int_equal(stock_restore(stock, STOCK_NOW, &plan), FAULT_UNTRUSTED);
	assert_int_equal(plan->chains[0].action, PLAN_REMOVE);
	assert_int_equal(stock_run(stock, plan, &why), 0);
	assert_false(the_truth(stock).linked);
}

// A policy that forbids its neighbour by now must not keep the denied one in the kernel.
static void what_is_denied_goes_also_when_the_policy_forbids_its_neighbour(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	stock_add(stock, "allow.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	stock_configure(stock, "[{\"use\":\"net/allow\",\"version\":\"1.0.0\"},"
			       "{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	applied(stock);
	denied(stock); // the first, net/allow
	stock->node->policy.insns_max = 3;
	assert_int_equal(stock_restore(stock, STOCK_NOW, &plan), FAULT_POLICY);
	assert_int_equal(plan->chains[0].action, PLAN_REMOVE);
	assert_int_equal(stock_run(stock, plan, &why), 0);
	assert_false(the_truth(stock).linked);
}

static void nothing_is_taken_out_of_a_chain_without_a_denial(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	applied(stock);
	stock_configure(stock, "[{\"use\":\"net/other\",\"version\":\"1.0.0\"}]");
	assert_int_equal(stock_restore(stock, STOCK_NOW, &plan), FAULT_UNTRUSTED);
	assert_false(plan_is_pending(plan));
	assert_true(runs(stock));
}

// ---- what is withdrawn ----

static size_t unsigned_now(struct stock *stock)
{
	const struct plan_places places = stock_plan_places(stock);
	const struct admit_places at = {.root = stock->ground->root,
					.store_dirfd = -1,
					.trust_dirfd = stock->trust_dirfd,
					.objects_dirfd = stock->objects_dirfd,
					.now = STALE,
					.node = stock->node};
	OWNED(findings_drop) struct findings list = {0};
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	if (scan_all(&places, &plan, &why) || admit_new(&at, &admit, &why) ||
	    findings_unsigned(&list, GROUND_IFACE, HOOK_XDP, &plan->chains[0].truth,
			      plan->chains[0].record, admit, &why))
		fail_msg("%s", why.text);
	for (size_t i = 0; i < list.count; i++)
		assert_string_equal(list.list[i].code, "no_longer_signed");
	return list.count;
}

static void what_runs_and_is_withdrawn_is_found(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	assert_int_equal(unsigned_now(stock), 0);
	stock_withdraw(stock, "1.0.0");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	assert_int_equal(unsigned_now(stock), 0); // nothing is verified by looking
	refused(stock, STOCK_NOW, FAULT_UNTRUSTED);
	assert_int_equal(unsigned_now(stock), 1);
	reboot(stock);
	assert_int_equal(unsigned_now(stock), 0);
}

static void what_runs_and_is_signed_no_more_is_found(void **state)
{
	struct stock *stock = the_stock(state);
	struct fault why = {0};

	applied(stock);
	assert_int_equal(signing_drop_target(stock->targets, "net/count/index.json", &why), 0);
	assert_int_equal(signing_drop_target(stock->targets, "net/count/1.0.0.bundle", &why), 0);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	refused(stock, STOCK_NOW, FAULT_UNTRUSTED);
	assert_int_equal(unsigned_now(stock), 1);
}

static void what_runs_and_has_lost_its_pin_is_found(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	ground_sh("rm -r %s/etc/bpfseal/trust/" STOCK_REPO, stock->ground->root);
	assert_int_equal(unsigned_now(stock), 1);
}

// ---- damage and records ----

static void a_detached_link_is_found_and_repaired(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};
	char path[BPFFS_PATH_MAX];

	applied(stock);
	snprintf(path, sizeof(path), "%s/" GROUND_IFACE "/xdp/link", stock->ground->tree);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), 0);
	assert_int_equal(plan->chains[0].action, PLAN_REPAIR);
	assert_int_equal(plan->chains[0].damage.count, 1);
	assert_string_equal(plan->chains[0].damage.list[0].code, "link_detached");
	assert_int_equal(stock_run(stock, plan, &why), 0);
	assert_true(runs(stock));
	assert_int_equal(action(stock), PLAN_KEEP);
}

static void a_crash_between_switch_and_record_is_mended(void **state)
{
	struct stock *stock = the_stock(state);

	applied(stock);
	// As a crash would have left it: the switch is done, the record still waits under its first name.
	ground_sh("mv %s/var/lib/bpfseal-loader/active.json "
		  "%s/var/lib/bpfseal-loader/next.json",
		  stock->ground->root, stock->ground->root);
	assert_int_equal(action(stock), PLAN_KEEP);
	applied(stock);
	ground_sh("test -e %s/var/lib/bpfseal-loader/active.json", stock->ground->root);
	ground_sh("test ! -e %s/var/lib/bpfseal-loader/next.json", stock->ground->root);
	assert_int_equal(the_truth(stock).generation, 1);
}

static void an_unload_with_a_damaged_log_takes_out_every_chain_and_its_record(void **state)
{
	struct stock *stock = the_stock(state);
	struct node nothing = {0};
	const struct plan_places places = {
		.node = &nothing, .tree = stock->ground->tree, .loader_dirfd = stock->loader_dirfd};
	const struct unload_places unload = {
		.tree = stock->ground->tree, .loader_dirfd = stock->loader_dirfd, .now = STOCK_NOW};
	struct member other =
		ground_member("t/1", "flows.bpf.o", "flow1", HOOK_TC_INGRESS, LINK_WRAP, NULL);
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(json_drop) struct json *record = NULL;
	struct fault why = {0};
	struct truth truth;
	size_t removed;

	applied(stock);
	ground_apply(stock->ground, &other, 1);
	ground_sh("echo damaged >>%s/var/lib/bpfseal-loader/audit.log", stock->ground->root);
	assert_int_equal(scan_all(&places, &plan, &why), 0);
	assert_int_equal(plan->count, 2);
	assert_int_equal(unload_chains(&unload, plan, NULL, &removed, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_non_null(strstr(why.text, "audit"));
	assert_int_equal(removed, 2);
	assert_false(the_truth(stock).linked);
	assert_int_equal(truth_read(stock->ground->tree, GROUND_IFACE, HOOK_TC_INGRESS, &truth,
				    &(struct fault){0}),
			 0);
	assert_false(truth.linked);
	assert_int_equal(
		record_load(stock->loader_dirfd, stock->ground->tree, &record, &(struct fault){0}),
		0);
	assert_null(record_chain(record, GROUND_IFACE, "xdp"));
	member_drop(&other);
}

static void drift_from_the_file_is_told_without_any_metadata(void **state)
{
	struct stock *stock = the_stock(state);
	const struct plan_places places = stock_plan_places(stock);
	OWNED(findings_drop) struct findings drift = {0};
	OWNED(plan_drop) struct plan *plan = NULL;
	const struct plan_chain *chain;
	struct fault why = {0};

	applied(stock);
	assert_int_equal(scan_all(&places, &plan, &why), 0);
	chain = &plan->chains[0];
	assert_int_equal(findings_drift(&drift, chain->iface, chain->hook, chain->interface,
					&chain->truth, chain->record, &why),
			 0);
	assert_int_equal(drift.count, 0);
	assert_int_equal(findings_drift(&drift, chain->iface, chain->hook, NULL, &chain->truth,
					chain->record, &why),
			 0);
	assert_int_equal(drift.count, 1);
	assert_string_equal(drift.list[0].code, "drift_from_config");
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, world_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(a_signed_chain_is_applied_once_and_then_there_is_nothing_to_do),
		IN_WORLD(what_was_seen_before_is_held_against_todays_policy),
		IN_WORLD(a_pattern_takes_the_highest_version_of_the_signed_index),
		IN_WORLD(another_value_in_node_json_is_written_and_nothing_is_loaded),
		IN_WORLD(a_chain_that_node_json_no_longer_names_is_removed),
		IN_WORLD(a_changed_object_in_the_store_is_refused_and_the_chain_stays),
		IN_WORLD(what_the_store_has_lost_is_read_from_our_own_copy),
		IN_WORLD(a_changed_manifest_in_the_store_is_refused),
		IN_WORLD(an_old_but_signed_set_is_a_rollback),
		IN_WORLD(a_link_out_of_the_store_is_not_followed),
		IN_WORLD(without_a_pin_nothing_is_admitted),
		IN_WORLD(metadata_signed_under_another_root_is_refused),
		IN_WORLD(a_name_that_no_role_vouches_for_is_refused),
		IN_WORLD(an_exact_version_that_the_index_has_withdrawn_is_refused),
		IN_WORLD(without_an_index_an_exact_version_is_admitted),
		IN_WORLD(a_clock_before_the_last_trusted_time_is_refused),
		IN_WORLD(a_blob_rewritten_during_the_load_never_reaches_the_kernel),
		IN_WORLD(stale_metadata_loads_nothing_and_keeps_what_runs),
		IN_WORLD(after_a_reboot_in_an_outage_the_same_digests_come_back),
		IN_WORLD(a_damaged_copy_of_ours_is_not_restored),
		IN_WORLD(what_the_admin_no_longer_asks_for_is_not_restored),
		IN_WORLD(what_the_verified_metadata_no_longer_names_is_not_restored),
		IN_WORLD(what_the_index_has_withdrawn_is_not_restored),
		IN_WORLD(what_is_signed_with_another_digest_by_now_is_not_restored),
		IN_WORLD(without_its_pin_nothing_is_restored),
		IN_WORLD(under_another_pin_nothing_is_restored),
		IN_WORLD(whatever_the_store_lacks_the_chain_comes_back),
		IN_WORLD(half_of_a_new_state_is_as_if_none_of_it_were_there),
		IN_WORLD(a_sound_chain_is_not_touched_by_a_store_that_is_gone),
		IN_WORLD(a_denied_chain_of_one_goes_and_stays_gone),
		IN_WORLD(what_was_denied_before_it_ran_is_refused),
		IN_WORLD(a_list_that_is_no_longer_named_still_holds),
		IN_WORLD(what_is_denied_is_not_restored_in_an_outage),
		IN_WORLD(what_is_denied_goes_also_when_nothing_can_be_admitted),
		IN_WORLD(what_is_denied_goes_also_when_the_policy_forbids_its_neighbour),
		IN_WORLD(nothing_is_taken_out_of_a_chain_without_a_denial),
		IN_WORLD(what_runs_and_is_withdrawn_is_found),
		IN_WORLD(what_runs_and_is_signed_no_more_is_found),
		IN_WORLD(what_runs_and_has_lost_its_pin_is_found),
		IN_WORLD(a_detached_link_is_found_and_repaired),
		IN_WORLD(a_crash_between_switch_and_record_is_mended),
		IN_WORLD(an_unload_with_a_damaged_log_takes_out_every_chain_and_its_record),
		IN_WORLD(drift_from_the_file_is_told_without_any_metadata),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
