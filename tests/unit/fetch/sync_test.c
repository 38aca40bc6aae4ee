// SPDX-License-Identifier: Apache-2.0
#include "fetch/sync.h"

#include "tests/unit/fetch/corp.h"

#include "base/owned.h"

#define STORE	"node/var/lib/bpfseal/store"
#define CURRENT STORE "/repo/corp/current"
#define SETS	STORE "/repo/corp/sets"

static int start(void **state)
{
	struct corp *corp = malloc(sizeof(*corp));

	corp_make(corp, "private");
	corp_use(corp, "1.0.0");
	*state = corp;
	return 0;
}

static int end(void **state)
{
	corp_end(*state);
	free(*state);
	return 0;
}

static void sync_at(struct corp *corp, int64_t now, struct outcome **out)
{
	struct sync_options options = {
		.root = place_path(&corp->place, "node"),
		.now = now,
		.limits = download_limits_default(),
	};

	MUST(sync_run(&options, out, &corp->why));
}

// One pass; asserts the first refusal, and the state of the only use.
static void sync_expect(struct corp *corp, enum fault_code code, enum outcome_state state)
{
	OWNED(outcome_drop) struct outcome *outcome = NULL;

	sync_at(corp, CORP_NOW, &outcome);
	if (outcome->first.code != code)
		fault_print(&outcome->first, stderr);
	assert_int_equal(outcome->first.code, code);
	assert_int_equal(outcome->use_count, 1);
	assert_int_equal(outcome->uses[0].state, state);
}

static struct sha256 text_digest(const char *text)
{
	struct sha256 digest;
	struct fault why = {0};

	MUST(sha256_of(text, strlen(text), &digest, &why));
	return digest;
}

static void a_first_sync_brings_the_bundle_its_members_and_the_set(void **state)
{
	struct corp *corp = *state;
	struct sha256 digest = corp_add(corp, "1.0.0", "object one", "object one");
	struct sha256 member = text_digest("object one");

	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	assert_true(corp_has_blob(corp, &digest));
	assert_true(corp_has_blob(corp, &member));
	assert_int_equal(place_count(&corp->place, STORE "/blobs"), 4); // and index, manifest
	assert_true(place_has(&corp->place, CURRENT "/1.root.json"));
	assert_true(place_has(&corp->place, CURRENT "/timestamp.json"));
	assert_true(place_has(&corp->place, CURRENT "/1.snapshot.json"));
	assert_true(place_has(&corp->place, CURRENT "/1.targets.json"));
	assert_true(place_has(&corp->place, CURRENT "/1.net.json"));
	assert_int_equal(place_count(&corp->place, CURRENT), 5);
}

static void what_is_there_is_not_asked_for_again(void **state)
{
	struct corp *corp = *state;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	unlink(place_path(&corp->place, "log"));
	sync_expect(corp, FAULT_NONE, OUTCOME_PRESENT);
	corp_expect_log(corp, "/metadata/2.root.json\n/metadata/timestamp.json\n");
	assert_int_equal(place_count(&corp->place, SETS), 1);
}

static void a_pattern_is_resolved_from_the_signed_index(void **state)
{
	struct corp *corp = *state;
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct sha256 old = corp_add(corp, "1.9.0", "object one", "object one");
	struct sha256 new = corp_add(corp, "1.10.0", "object two", "object two");

	corp_add(corp, "2.0.0", "object three", "object three");
	corp_publish(corp);
	corp_use(corp, "1.*");
	sync_at(corp, CORP_NOW, &outcome);
	assert_int_equal(outcome->first.code, FAULT_NONE);
	assert_string_equal(outcome->uses[0].version, "1.10.0");
	assert_true(corp_has_blob(corp, &new));
	assert_false(corp_has_blob(corp, &old));
}

// Names a deny list in the role's draft, and serves it or does not.
static struct sha256 deny_list(struct corp *corp, const char *text, bool served)
{
	struct bytes data = {0};
	struct sha256 digest = text_digest(text);
	char hex[SHA256_HEX], below[256];

	MUST(bytes_format(&data, &corp->why, "%s", text));
	sha256_hex(&digest, hex);
	mkdir(place_path(&corp->place, "www/targets/deny"), 0755);
	snprintf(below, sizeof(below), "www/targets/deny/%s.list.json", hex);
	if (served)
		corp_write(corp, below, &data);
	MUST(signing_set_target(corp->net, "deny/list.json", (int64_t)data.len, &digest, NULL,
				&corp->why));
	bytes_drop(&data);
	return digest;
}

#define NOBODY "{\"schema\":\"bpfseal.deny/1\",\"denied\":[]}"

static void the_deny_list_is_fetched_before_any_bundle(void **state)
{
	struct corp *corp = *state;
	struct sha256 list = deny_list(corp, NOBODY, true);

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	assert_true(corp_has_blob(corp, &list));
	sync_expect(corp, FAULT_NONE, OUTCOME_PRESENT);
	assert_true(corp_has_blob(corp, &list)); // the sweep leaves it
}

static void without_its_deny_list_a_new_state_is_not_made_current(void **state)
{
	struct corp *corp = *state;
	struct sha256 bundle;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	deny_list(corp, NOBODY, false);
	bundle = corp_add(corp, "1.1.0", "object two", "object two");
	corp_publish(corp);
	corp_use(corp, "1.1.0");
	sync_expect(corp, FAULT_NOT_FOUND, OUTCOME_REFUSED);
	assert_false(corp_has_blob(corp, &bundle));
	assert_true(place_has(&corp->place, CURRENT "/1.net.json"));
}

static void a_deny_list_that_is_none_is_refused(void **state)
{
	struct corp *corp = *state;

	deny_list(corp, "{\"schema\":\"bpfseal.deny/1\"}", true);
	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_expect(corp, FAULT_FORMAT, OUTCOME_REFUSED);
	assert_false(place_has(&corp->place, CURRENT));
}

static void a_pattern_takes_from_its_channel(void **state)
{
	struct corp *corp = *state;
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct sha256 tested = corp_add(corp, "1.1.0", "object two", "object two");

	corp_add(corp, "1.0.0", "object one", "object one");
	MUST(index_add(corp->index, "1.1.0", "net/count/1.1.0.bundle", &tested, "tested",
		       &corp->why));
	corp_publish(corp);
	corp_use(corp, "1.*");
	sync_at(corp, CORP_NOW, &outcome);
	assert_int_equal(outcome->first.code, FAULT_NONE);
	assert_string_equal(outcome->uses[0].version, "1.0.0");
	outcome_drop(&outcome);
	corp_use(corp, "1.*\",\"channel\":\"tested");
	sync_at(corp, CORP_NOW, &outcome);
	assert_int_equal(outcome->first.code, FAULT_NONE);
	assert_string_equal(outcome->uses[0].version, "1.1.0");
}

static void an_exact_version_has_to_be_listed_where_there_is_an_index(void **state)
{
	struct corp *corp = *state;
	struct sha256 digest = corp_add(corp, "1.0.0", "object one", "object one");

	// The target stays signed: the index alone takes it back.
	MUST(index_remove(corp->index, "1.0.0", &corp->why));
	corp_publish(corp);
	sync_expect(corp, FAULT_UNTRUSTED, OUTCOME_REFUSED);
	MUST(index_add(corp->index, "1.0.0", "net/count/1.0.0.bundle", &digest, "withdrawn",
		       &corp->why));
	corp_publish(corp);
	sync_expect(corp, FAULT_UNTRUSTED, OUTCOME_REFUSED);
	assert_false(corp_has_blob(corp, &digest));
	MUST(index_add(corp->index, "1.0.0", "net/count/1.0.0.bundle", &digest, "tested",
		       &corp->why));
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	assert_true(corp_has_blob(corp, &digest));
}

static void an_index_of_another_digest_is_refused(void **state)
{
	struct corp *corp = *state;
	struct sha256 other = text_digest("another bundle");

	corp_add(corp, "1.0.0", "object one", "object one");
	MUST(index_add(corp->index, "1.0.0", "net/count/1.0.0.bundle", &other, "released",
		       &corp->why));
	corp_publish(corp);
	sync_expect(corp, FAULT_DIGEST, OUTCOME_REFUSED);
}

static void without_an_index_an_exact_version_is_its_own_word(void **state)
{
	struct corp *corp = *state;
	struct sha256 digest = corp_add(corp, "1.0.0", "object one", "object one");

	index_free(corp->index);
	corp->index = NULL;
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	assert_true(corp_has_blob(corp, &digest));
	corp_use(corp, "1.*");
	sync_expect(corp, FAULT_UNTRUSTED, OUTCOME_REFUSED);
}

static void flip_last_byte(struct corp *corp, const char *version, const struct sha256 *digest)
{
	struct bytes data = {0};
	char below[256];

	corp_served_bundle(version, digest, below);
	MUST(file_read(place_path(&corp->place, below), 1 << 20, &data, &corp->why));
	data.data[data.len - 1] ^= 1;
	corp_write(corp, below, &data);
	bytes_drop(&data);
}

static void a_flipped_byte_is_refused_and_leaves_no_trace_while_others_sync(void **state)
{
	struct corp *corp = *state;
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct sha256 bad = corp_add(corp, "1.0.0", "object one", "object one");
	struct sha256 good = corp_add(corp, "1.1.0", "object two", "object two");
	struct sha256 bad_member = text_digest("object one");

	corp_publish(corp);
	flip_last_byte(corp, "1.0.0", &bad);
	corp_node(corp, corp->server.url,
		  "{\"use\":\"net/count\",\"version\":\"1.0.0\"},"
		  "{\"use\":\"net/count\",\"version\":\"1.1.0\"}");
	sync_at(corp, CORP_NOW, &outcome);
	assert_int_equal(outcome->first.code, FAULT_DIGEST);
	assert_int_equal(outcome->uses[0].state, OUTCOME_REFUSED);
	assert_int_equal(outcome->uses[1].state, OUTCOME_NEW);
	assert_false(corp_has_blob(corp, &bad));
	assert_false(corp_has_blob(corp, &bad_member));
	assert_true(corp_has_blob(corp, &good));
	assert_true(place_has(&corp->place, CURRENT "/1.net.json"));
}

static void members_that_nobody_signed_are_not_unpacked(void **state)
{
	struct corp *corp = *state;
	struct sha256 digest = corp_add(corp, "1.0.0", "object evil", "object one");

	corp_publish(corp);
	sync_expect(corp, FAULT_DIGEST, OUTCOME_REFUSED);
	assert_false(corp_has_blob(corp, &digest));
	assert_int_equal(place_count(&corp->place, STORE "/blobs"), 1); // the index
}

static void a_signed_file_that_is_no_bundle_is_refused(void **state)
{
	struct corp *corp = *state;
	struct bytes junk = {0}, whole = {0};
	struct sha256 digest;
	char below[256];

	corp_bundle_bytes(corp, "1.0.0", "object one", &whole);
	MUST(bytes_append_text(&junk, "this is no archive", &corp->why));
	digest = text_digest("this is no archive");
	corp_served_bundle("1.0.0", &digest, below);
	corp_write(corp, below, &junk);
	MUST(signing_set_target(corp->net, "net/count/1.0.0.bundle", (int64_t)junk.len, &digest,
				corp_custom(corp, &whole), &corp->why));
	MUST(index_add(corp->index, "1.0.0", "net/count/1.0.0.bundle", &digest, "released",
		       &corp->why));
	corp_publish(corp);
	sync_expect(corp, FAULT_FORMAT, OUTCOME_REFUSED);
	assert_int_equal(place_count(&corp->place, STORE "/blobs"), 1); // the index
	bytes_drop(&junk);
	bytes_drop(&whole);
}

static void a_bundle_of_an_unknown_version_is_not_trusted(void **state)
{
	struct corp *corp = *state;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	corp_use(corp, "3.0.0");
	sync_expect(corp, FAULT_UNTRUSTED, OUTCOME_REFUSED);
	corp_use(corp, "3.*");
	sync_expect(corp, FAULT_UNTRUSTED, OUTCOME_REFUSED);
}

static void a_replayed_timestamp_is_refused_and_the_set_stays(void **state)
{
	struct corp *corp = *state;
	struct bytes old = {0};

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	MUST(file_read(place_path(&corp->place, "www/metadata/timestamp.json"), 1 << 20, &old,
		       &corp->why));
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	corp_write(corp, "www/metadata/timestamp.json", &old);
	sync_expect(corp, FAULT_ROLLBACK, OUTCOME_REFUSED);
	assert_true(place_has(&corp->place, CURRENT "/2.snapshot.json"));
	bytes_drop(&old);
}

static void a_strangers_timestamp_is_refused(void **state)
{
	struct corp *corp = *state;
	struct secret_key *ours = corp->key;

	corp_add(corp, "1.0.0", "object one", "object one");
	MUST(secret_key_new(&corp->key, &corp->why));
	corp_publish(corp);
	sync_expect(corp, FAULT_SIGNATURE, OUTCOME_REFUSED);
	assert_false(place_has(&corp->place, CURRENT));
	assert_int_equal(place_count(&corp->place, STORE "/blobs"), 0);
	secret_key_free(corp->key);
	corp->key = ours;
}

static void without_a_pin_nobody_is_asked(void **state)
{
	struct corp *corp = *state;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	MUST(pin_remove(place_path(&corp->place, "node"), "corp", &corp->why));
	sync_expect(corp, FAULT_UNTRUSTED, OUTCOME_REFUSED);
	corp_expect_log(corp, "");
}

static void a_clock_before_the_last_trusted_time_stops_the_sync(void **state)
{
	struct corp *corp = *state;
	OWNED(outcome_drop) struct outcome *outcome = NULL;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	unlink(place_path(&corp->place, "log"));
	sync_at(corp, CORP_NOW - 3600, &outcome);
	assert_int_equal(outcome->first.code, FAULT_CLOCK);
	corp_expect_log(corp, "");
}

static void expired_metadata_is_stale(void **state)
{
	struct corp *corp = *state;
	OWNED(outcome_drop) struct outcome *outcome = NULL;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	sync_at(corp, CORP_NOW + CORP_LIFE + 1, &outcome);
	assert_int_equal(outcome->first.code, FAULT_EXPIRED);
	assert_true(place_has(&corp->place, CURRENT "/1.net.json"));
}

// A23
static void a_repository_that_cannot_be_refreshed_tells_when_it_was(void **state)
{
	struct corp *corp = *state;
	OWNED(outcome_drop) struct outcome *outcome = NULL;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_at(corp, CORP_NOW, &outcome);
	assert_int_equal(outcome->first.code, FAULT_NONE);
	assert_int_equal(outcome->repositories[0].refreshed_at, CORP_NOW);
	for (int64_t later = 1; later < 4; later++) {
		outcome_drop(&outcome);
		sync_at(corp, CORP_NOW + later * CORP_LIFE + 1, &outcome);
		assert_int_equal(outcome->first.code, FAULT_EXPIRED);
		assert_int_equal(outcome->repositories[0].refreshed_at, CORP_NOW);
		assert_int_equal(outcome->now, CORP_NOW + later * CORP_LIFE + 1);
	}
}

static void while_a_bundle_is_withheld_the_set_before_stays_current(void **state)
{
	struct corp *corp = *state;
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct sha256 first = corp_add(corp, "1.0.0", "object one", "object one"), second;
	char below[256];

	corp_use(corp, "1.*");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	second = corp_add(corp, "1.1.0", "object two", "object two");
	corp_publish(corp);
	corp_served_bundle("1.1.0", &second, below);
	MUST(unlink(place_path(&corp->place, below)));
	sync_at(corp, CORP_NOW, &outcome);
	assert_int_equal(outcome->first.code, FAULT_NOT_FOUND);
	assert_true(outcome->repositories[0].is_held);
	assert_true(place_has(&corp->place, CURRENT "/1.net.json"));
	assert_true(corp_has_blob(corp, &first));
}

static void a_dead_repository_changes_nothing(void **state)
{
	struct corp *corp = *state;
	struct sha256 digest = corp_add(corp, "1.0.0", "object one", "object one");

	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	corp_node(corp, "http://127.0.0.1:9", "{\"use\":\"net/count\",\"version\":\"1.0.0\"}");
	sync_expect(corp, FAULT_NETWORK, OUTCOME_REFUSED);
	assert_true(corp_has_blob(corp, &digest));
	assert_true(place_has(&corp->place, CURRENT "/1.net.json"));
}

static void damage(struct corp *corp, const struct sha256 *digest)
{
	char hex[SHA256_HEX], below[256];

	sha256_hex(digest, hex);
	snprintf(below, sizeof(below), STORE "/blobs/%s", hex);
	chmod(place_path(&corp->place, below), 0600);
	place_write(&corp->place, below, "rotten");
}

static void a_rotten_bundle_is_fetched_again(void **state)
{
	struct corp *corp = *state;
	struct sha256 digest = corp_add(corp, "1.0.0", "object one", "object one");

	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	damage(corp, &digest);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	sync_expect(corp, FAULT_NONE, OUTCOME_PRESENT);
}

static void a_rotten_member_is_unpacked_again_without_a_request(void **state)
{
	struct corp *corp = *state;
	struct sha256 member = text_digest("object one");

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	damage(corp, &member);
	unlink(place_path(&corp->place, "log"));
	sync_expect(corp, FAULT_NONE, OUTCOME_PRESENT);
	corp_expect_log(corp, "/metadata/2.root.json\n/metadata/timestamp.json\n");
	struct sha256 found;
	struct bytes data = {0};
	char hex[SHA256_HEX], below[256];
	sha256_hex(&member, hex);
	snprintf(below, sizeof(below), STORE "/blobs/%s", hex);
	MUST(file_read(place_path(&corp->place, below), 1 << 20, &data, &corp->why));
	MUST(sha256_of(data.data, data.len, &found, &corp->why));
	assert_true(sha256_equal(&found, &member));
	bytes_drop(&data);
}

static void what_two_sets_no_longer_name_is_swept(void **state)
{
	struct corp *corp = *state;
	struct sha256 first = corp_add(corp, "1.0.0", "object one", "object one");

	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	json_free(corp->net);
	index_free(corp->index);
	MUST(signing_new_targets(1, CORP_NOW + CORP_LIFE, &corp->net, &corp->why));
	MUST(index_new("net/count", &corp->index, &corp->why));
	struct sha256 second = corp_add(corp, "1.1.0", "object two", "object two");
	corp_use(corp, "1.1.0");
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_NEW);
	assert_true(corp_has_blob(corp, &first)); // the set before still names it
	corp_publish(corp);
	sync_expect(corp, FAULT_NONE, OUTCOME_PRESENT);
	assert_false(corp_has_blob(corp, &first));
	assert_true(corp_has_blob(corp, &second));
	assert_int_equal(place_count(&corp->place, SETS), 2);
}

static void a_public_root_is_refused_before_anybody_is_asked(void **state)
{
	struct corp corp;

	(void)state;
	corp_make(&corp, "public");
	corp_add(&corp, "1.0.0", "object one", "object one");
	corp_publish(&corp);
	corp_use(&corp, "1.0.0");
	sync_expect(&corp, FAULT_POLICY, OUTCOME_REFUSED);
	corp_expect_log(&corp, "");
	corp_end(&corp);
}

static void the_admins_word_can_make_a_repository_public(void **state)
{
	struct corp *corp = *state;

	corp_add(corp, "1.0.0", "object one", "object one");
	corp_publish(corp);
	corp_pin(corp, "public");
	sync_expect(corp, FAULT_POLICY, OUTCOME_REFUSED);
	corp_expect_log(corp, "");
}

static void a_broken_node_file_stops_before_anything(void **state)
{
	struct corp *corp = *state;
	struct outcome *outcome = NULL;
	struct sync_options options = {
		.root = place_path(&corp->place, "node"),
		.now = CORP_NOW,
		.limits = download_limits_default(),
	};

	place_write(&corp->place, "node/etc/bpfseal/node.json", "{\"repositoriez\":{}}");
	assert_int_equal(sync_run(&options, &outcome, &corp->why), -1);
	assert_int_equal(corp->why.code, FAULT_CONFIG);
	assert_null(outcome);
	corp_expect_log(corp, "");
}

static void waits_spread_a_fleet_and_stay_near_the_interval(void **state)
{
	(void)state;
	assert_int_equal(sync_wait_ms(60, 0, 12345, 99), 0);
	for (uint64_t host = 0; host < 200; host++) {
		uint64_t first = sync_wait_ms(60, 1, host * 7919, host);
		uint64_t later = sync_wait_ms(60, 2, host * 7919, host * 104729);

		assert_true(first <= 66000);
		assert_true(later >= 57000 && later <= 63001);
	}
	assert_int_not_equal(sync_wait_ms(60, 1, 1000, 0), sync_wait_ms(60, 1, 2000, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_first_sync_brings_the_bundle_its_members_and_the_set, start, end),
		cmocka_unit_test_setup_teardown(what_is_there_is_not_asked_for_again, start, end),
		cmocka_unit_test_setup_teardown(the_deny_list_is_fetched_before_any_bundle, start,
						end),
		cmocka_unit_test_setup_teardown(
			without_its_deny_list_a_new_state_is_not_made_current, start, end),
		cmocka_unit_test_setup_teardown(a_deny_list_that_is_none_is_refused, start, end),
		cmocka_unit_test_setup_teardown(a_pattern_takes_from_its_channel, start, end),
		cmocka_unit_test_setup_teardown(
			an_exact_version_has_to_be_listed_where_there_is_an_index, start, end),
		cmocka_unit_test_setup_teardown(an_index_of_another_digest_is_refused, start, end),
		cmocka_unit_test_setup_teardown(without_an_index_an_exact_version_is_its_own_word,
						start, end),
		cmocka_unit_test_setup_teardown(a_pattern_is_resolved_from_the_signed_index, start,
						end),
		cmocka_unit_test_setup_teardown(
			a_flipped_byte_is_refused_and_leaves_no_trace_while_others_sync, start,
			end),
		cmocka_unit_test_setup_teardown(members_that_nobody_signed_are_not_unpacked, start,
						end),
		cmocka_unit_test_setup_teardown(a_signed_file_that_is_no_bundle_is_refused, start,
						end),
		cmocka_unit_test_setup_teardown(a_bundle_of_an_unknown_version_is_not_trusted,
						start, end),
		cmocka_unit_test_setup_teardown(a_replayed_timestamp_is_refused_and_the_set_stays,
						start, end),
		cmocka_unit_test_setup_teardown(a_strangers_timestamp_is_refused, start, end),
		cmocka_unit_test_setup_teardown(without_a_pin_nobody_is_asked, start, end),
		cmocka_unit_test_setup_teardown(a_clock_before_the_last_trusted_time_stops_the_sync,
						start, end),
		cmocka_unit_test_setup_teardown(expired_metadata_is_stale, start, end),
		cmocka_unit_test_setup_teardown(
			a_repository_that_cannot_be_refreshed_tells_when_it_was, start, end),
		cmocka_unit_test_setup_teardown(
			while_a_bundle_is_withheld_the_set_before_stays_current, start, end),
		cmocka_unit_test_setup_teardown(a_dead_repository_changes_nothing, start, end),
		cmocka_unit_test_setup_teardown(a_rotten_bundle_is_fetched_again, start, end),
		cmocka_unit_test_setup_teardown(a_rotten_member_is_unpacked_again_without_a_request,
						start, end),
		cmocka_unit_test_setup_teardown(what_two_sets_no_longer_name_is_swept, start, end),
		cmocka_unit_test(a_public_root_is_refused_before_anybody_is_asked),
		cmocka_unit_test_setup_teardown(the_admins_word_can_make_a_repository_public, start,
						end),
		cmocka_unit_test_setup_teardown(a_broken_node_file_stops_before_anything, start,
						end),
		cmocka_unit_test(waits_spread_a_fleet_and_stay_near_the_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
