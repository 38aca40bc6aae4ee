// SPDX-License-Identifier: Apache-2.0
// One refresh, one thing wrong in it: what is refused, what is kept, what is not even asked for. And what looks odd but is
// no reason to refuse.
#include "tests/attack/attack.h"

#include "keys/local.h"

static const char *const all_roles[] = {"root", "timestamp", "snapshot", "targets", "net"};
#define ROLES 5

// The next version of everything, which the node would take.
static void prepare_next(struct sim *sim)
{
	sim_bump(sim_role(sim, "targets"));
	sim_bump(sim_role(sim, "net"));
	sim_publish_root(sim, NULL);
	sim_publish(sim);
}

// The roles before `index` were verified and are kept in their new version; it and those behind it are as they were.
static void assert_refused_at(struct sim *sim, enum fault_code code, size_t index)
{
	int64_t kept[ROLES];

	for (size_t i = 0; i < ROLES; i++)
		kept[i] = i < index ? 2 : 1;
	assert_refused_keeping(sim, code, kept[0], kept[1], kept[2], kept[3], kept[4]);
}

// The file that serves version 2 of a role.
static void file_of(const char *role, char file[64])
{
	snprintf(file, 64, "%s%s.json", strcmp(role, "timestamp") == 0 ? "" : "2.", role);
}

// One scene for each role.
static void with_each_role(void **state, void (*attack)(struct sim *sim, const char *role),
			   enum fault_code code)
{
	for (size_t i = 0; i < ROLES; i++) {
		prepare_next(*state);
		attack(*state, all_roles[i]);
		assert_refused_at(*state, code, i);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

// ---- what a role lacks ----

static void serve_unsigned(struct sim *sim, const char *role)
{
	sim_role(sim, role)->key_count = 0;
	sim_serve(sim, role);
}

static void an_unsigned_role_is_refused(void **state)
{
	with_each_role(state, serve_unsigned, FAULT_SIGNATURE);
}

static void serve_nothing(struct sim *sim, const char *role)
{
	char file[64];

	file_of(role, file);
	sim_withdraw(sim, file);
}

// (That a next root is missing is no refusal: it ends the chain.)
static void a_missing_file_is_refused_and_its_parents_are_kept(void **state)
{
	for (size_t i = 1; i < ROLES; i++) {
		prepare_next(*state);
		serve_nothing(*state, all_roles[i]);
		assert_refused_at(*state, FAULT_NOT_FOUND, i);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

static void drop_member(struct sim *sim, const char *role, const char *member)
{
	json_remove(sim_role(sim, role)->body, member);
	sim_serve(sim, role);
}

static void serve_without_expiry(struct sim *sim, const char *role)
{
	drop_member(sim, role, "expires");
}

static void serve_without_type(struct sim *sim, const char *role)
{
	drop_member(sim, role, "_type");
}

static void serve_without_specification(struct sim *sim, const char *role)
{
	drop_member(sim, role, "spec_version");
}

static void a_role_without_a_version_is_refused(void **state)
{
	// The simulator names a file by its version, so this one is named here.
	for (size_t i = 0; i < ROLES; i++) {
		OWNED(bytes_drop) struct bytes data = {0};
		struct sim *sim = *state;
		char file[64];

		prepare_next(sim);
		json_remove(sim_role(sim, all_roles[i])->body, "version");
		sim_sign(sim_role(sim, all_roles[i]), &data);
		file_of(all_roles[i], file);
		sim_serve_raw(sim, file, data.data, data.len);
		assert_refused_at(sim, FAULT_FORMAT, i);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

static void a_role_without_an_expiry_is_refused(void **state)
{
	with_each_role(state, serve_without_expiry, FAULT_FORMAT);
}

static void a_role_without_a_type_is_refused(void **state)
{
	with_each_role(state, serve_without_type, FAULT_FORMAT);
}

static void a_role_without_a_specification_is_refused(void **state)
{
	with_each_role(state, serve_without_specification, FAULT_FORMAT);
}

// ---- what a role says wrongly ----

static void a_specification_of_another_kind_is_refused(void **state)
{
	static const char *const versions[] = {"2.0.0",	  "0.9.9",  "1",      "1.",  "1.0.", "1.x",
					       "1.0.0.0", " 1.0.0", "1.0.0 ", "one", ""};

	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		size_t at = i % ROLES;

		prepare_next(*state);
		sim_set_text(sim_role(*state, all_roles[at])->body, "spec_version", versions[i]);
		sim_serve(*state, all_roles[at]);
		assert_refused_at(*state, FAULT_FORMAT, at);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

static void a_specification_of_two_parts_is_taken(void **state)
{
	struct sim *sim = *state;

	for (struct sim_role *role = sim->roles; role; role = role->next)
		sim_set_text(role->body, "spec_version", "1.0");
	prepare_next(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "net"), 2);
}

static void an_expiry_in_another_form_is_refused(void **state)
{
	static const char *const times[] = {"2030-01-01T00:00:00",	"2030-01-01T00:00:00+00:00",
					    "2030-01-01 00:00:00Z",	"2030-13-01T00:00:00Z",
					    "2030-01-01T00:00:00.000Z", "never"};

	for (size_t i = 0; i < sizeof(times) / sizeof(*times); i++) {
		size_t at = i % ROLES;

		prepare_next(*state);
		sim_set_text(sim_role(*state, all_roles[at])->body, "expires", times[i]);
		sim_serve(*state, all_roles[at]);
		assert_refused_at(*state, FAULT_FORMAT, at);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

// Its name, or the role above it, says 2; the file says 3.
static void a_role_of_another_version_than_its_name_is_refused(void **state)
{
	static const size_t roles[] = {0, 2, 3, 4};

	for (size_t i = 0; i < 4; i++) {
		const char *role = all_roles[roles[i]];
		OWNED(bytes_drop) struct bytes data = {0};
		char file[64];

		prepare_next(*state);
		sim_set_int(sim_role(*state, role)->body, "version", 3);
		sim_sign(sim_role(*state, role), &data);
		file_of(role, file);
		sim_serve_raw(*state, file, data.data, data.len);
		assert_refused_at(*state, FAULT_UNTRUSTED, roles[i]);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

// Each of the five, validly signed by its own keys, in the place of each other.
static void a_role_in_the_place_of_another_is_refused(void **state)
{
	for (size_t i = 0; i < ROLES * ROLES; i++) {
		const char *role = all_roles[i / ROLES], *other = all_roles[i % ROLES];
		OWNED(bytes_drop) struct bytes data = {0};
		struct fault why = {0};
		char file[64];

		// targets and net are of one type; between them the keys decide.
		if (role == other)
			continue;
		prepare_next(*state);
		sim_sign(sim_role(*state, other), &data);
		file_of(role, file);
		sim_serve_raw(*state, file, data.data, data.len);
		assert_int_equal(sim_install(*state, SIM_TARGET, &why), -1);
		assert_code(&why, FAULT_SIGNATURE);
		assert_int_equal(sim_kept(*state, role), 1);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

static void a_digest_or_length_that_the_role_above_did_not_sign_is_refused(void **state)
{
	static const size_t roles[] = {2, 3, 4};

	for (size_t i = 0; i < 3; i++) {
		struct sim *sim = *state;
		const char *role = all_roles[roles[i]];

		sim->hashes = true;
		sim_set_text(sim_role(sim, role)->body, "x-note", "one");
		prepare_next(sim);
		// As long, then longer.
		sim_set_text(sim_role(sim, role)->body, "x-note", "two");
		sim_serve(sim, role);
		assert_refused_at(sim, FAULT_DIGEST, roles[i]);
		sim_set_text(sim_role(sim, role)->body, "x-note", "and a half");
		sim_serve(sim, role);
		assert_refused_at(sim, FAULT_TOO_LARGE, roles[i]);
		sim_set_text(sim_role(sim, role)->body, "x-note", "one");
		sim_serve(sim, role);
		assert_accepted(sim);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

// ---- what looks odd and is fine ----

static void what_is_kept_is_what_was_served_byte_for_byte(void **state)
{
	struct sim *sim = *state;

	prepare_next(sim);
	for (size_t i = 0; i < ROLES; i++) {
		struct fault why = {0};
		char file[64];

		file_of(all_roles[i], file);
		assert_int_equal(bytes_append_text(sim_served(sim, file), " \n\t\r\n ", &why), 0);
	}
	assert_accepted(sim);
	for (size_t i = 0; i < ROLES; i++) {
		const struct bytes *kept = sim_kept_bytes(sim, all_roles[i]), *served;
		char file[64];

		file_of(all_roles[i], file);
		served = sim_served(sim, file);
		assert_int_equal(kept->len, served->len);
		assert_memory_equal(kept->data, served->data, kept->len);
	}
	// And is trusted again as it is.
	assert_accepted(sim);
}

static void members_that_we_do_not_know_are_signed_with_the_rest(void **state)
{
	struct sim *sim = *state;
	struct json *root = sim_role(sim, "root")->body, *targets = sim_role(sim, "targets")->body;
	const char *key = sim_role(sim, "timestamp")->keys[0].id;
	struct fault why = {0};

	for (struct sim_role *role = sim->roles; role; role = role->next)
		assert_int_equal(json_put(role->body, "x-unknown", json_make_null(), &why), 0);
	sim_set_text(sim_at(root, "keys", key, NULL), "x-owner", "somebody");
	sim_set_text(sim_at(root, "roles", "timestamp", NULL), "x-online", "a token");
	sim_set_text(sim_at(targets, "delegations", NULL), "x-note", "one below");
	sim_set_text((struct json *)(uintptr_t)json_item(
			     sim_at(targets, "delegations", "roles", NULL), 0),
		     "x-note", "a delegation");
	prepare_next(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "net"), 2);
	// Changed behind the signature such a member spoils it as any other would.
	sim_bump(sim_role(sim, "timestamp"));
	sim_serve(sim, "timestamp");
	char *at = strstr((char *)sim_served(sim, "timestamp.json")->data, "x-unknown");

	assert_non_null(at);
	at[2] = 'U';
	assert_refused(sim, FAULT_SIGNATURE);
}

static void digest_names_of_old_clients_in_a_key_mean_nothing(void **state)
{
	struct sim *sim = *state;

	sim_set_text(sim_at(sim_role(sim, "root")->body, "keys",
			    sim_role(sim, "timestamp")->keys[0].id, NULL),
		     "keyid_hash_algorithms", "md5");
	prepare_next(sim);
	assert_accepted(sim);
}

// A11. The specification lets ids be computed, and no repository in use is held to it: an id is a name. What the root
// says of a name decides, and a name is never proof of a key.
static void a_key_id_is_only_a_name(void **state)
{
	struct sim *sim = *state;
	struct json *root = sim_role(sim, "root")->body;
	struct sim_role *timestamp = sim_role(sim, "timestamp");
	struct sim_key own = timestamp->keys[0], stranger = sim_key_new(sim);
	struct json *ids = sim_at(root, "roles", "timestamp", NULL), *list = json_make_array();
	struct fault why = {0};

	// A name that is nobody's digest.
	strcpy(timestamp->keys[0].id, "the-token-in-the-safe");
	assert_int_equal(json_put(sim_at(root, "keys", NULL), timestamp->keys[0].id,
				  sim_key_json(&own), &why),
			 0);
	assert_int_equal(json_put(ids, "keyids", list, &why), 0);
	assert_int_equal(json_add(list, json_make_text(timestamp->keys[0].id), &why), 0);
	prepare_next(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "timestamp"), 2);
	// Another key that signs under that name is not the one that the root means by it.
	strcpy(stranger.id, timestamp->keys[0].id);
	timestamp->keys[0] = stranger;
	sim_publish(sim);
	assert_refused(sim, FAULT_SIGNATURE);
	// The digest of the right key, as a name that the root does not list, counts for nothing either.
	timestamp->keys[0] = own;
	sim_publish(sim);
	assert_refused(sim, FAULT_SIGNATURE);
}

// ---- what an earlier run kept ----

static void an_expired_root_that_was_kept_still_begins_the_chain(void **state)
{
	struct sim *sim = *state;

	for (struct sim_role *role = sim->roles; role; role = role->next)
		sim_set_time(role, SIM_NOW + 9 * SIM_DAY);
	prepare_next(sim);
	sim->now = SIM_NOW + 5 * SIM_DAY; // root 1 expired four days ago
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "root"), 2);
}

static void a_fresh_timestamp_follows_one_that_expired_here(void **state)
{
	struct sim *sim = *state;

	sim->now = SIM_NOW + 5 * SIM_DAY;
	assert_refused(sim, FAULT_EXPIRED);
	for (struct sim_role *role = sim->roles; role; role = role->next)
		sim_set_time(role, SIM_NOW + 9 * SIM_DAY);
	prepare_next(sim);
	assert_accepted(sim);
	assert_int_equal(sim_kept(sim, "timestamp"), 2);
}

static void a_first_root_without_a_version_asks_for_nothing(void **state)
{
	struct sim *sim = *state;
	struct sim_role *root = sim_role(sim, "root");
	struct bytes *kept = sim_kept_bytes(sim, "root");
	OWNED(bytes_drop) struct bytes data = {0};
	struct fault why = {0};

	json_remove(root->body, "version");
	sim_sign(root, &data);
	kept->len = 0;
	assert_int_equal(bytes_append(kept, data.data, data.len, &why), 0);
	assert_refused(sim, FAULT_FORMAT);
	assert_string_equal(sim_requests(sim), "");
}

// A kept file that rots is as if it were not there; a root that rots is not, for nothing could stand in its place.
static void kept_files_that_were_damaged_are_asked_for_again(void **state)
{
	for (size_t i = 0; i < ROLES; i++) {
		struct bytes *kept = sim_kept_bytes(*state, all_roles[i]);

		kept->data[kept->len / 2] ^= 1;
		if (i == 0)
			assert_refused(*state, FAULT_SIGNATURE);
		else
			assert_accepted(*state);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

// After every refusal above a good repository is taken at once: nothing that was refused stands in its way (A09).
static void after_a_refusal_the_good_files_are_taken(void **state)
{
	struct sim *sim = *state;

	for (size_t i = 1; i < ROLES; i++) {
		struct sim_role *role = sim_role(sim, all_roles[i]);
		struct sim_key own = role->keys[0];
		struct fault why = {0};

		sim_bump(sim_role(sim, "targets"));
		sim_bump(sim_role(sim, "net"));
		role->keys[0] = sim_key_new(sim);
		sim_publish(sim);
		assert_int_equal(sim_install(sim, SIM_TARGET, &why), -1);
		assert_code(&why, FAULT_SIGNATURE);
		role->keys[0] = own;
		sim_serve(sim, all_roles[i]);
		assert_accepted(sim);
		assert_int_equal(sim_kept(sim, all_roles[i]), sim_version(role));
	}
}

// ---- targets ----

static void other_bytes_than_the_signed_ones_are_refused(void **state)
{
	static const char *const contents[] = {"", "the counter, version 1.0.1",
					       "the counter, version 1.0.0 and more"};
	struct sim *sim = *state;
	char hex[SHA256_HEX], file[128];
	struct sha256 digest;
	struct fault why = {0};

	assert_int_equal(sha256_of(SIM_CONTENT, strlen(SIM_CONTENT), &digest, &why), 0);
	sha256_hex(&digest, hex);
	snprintf(file, sizeof(file), "net/count/%s.1.0.0.bundle", hex);
	assert_non_null(sim_served(sim, file));
	for (size_t i = 0; i < 3; i++) {
		sim_serve_raw(sim, file, contents[i], strlen(contents[i]));
		assert_refused(sim, i == 2 ? FAULT_TOO_LARGE : FAULT_DIGEST);
	}
	sim_serve_raw(sim, file, SIM_CONTENT, strlen(SIM_CONTENT));
	assert_accepted(sim);
}

static void a_threshold_past_all_reason_is_refused_or_never_met(void **state)
{
	static const struct {
		int64_t threshold;
		enum fault_code code;
	} cases[] = {{2, FAULT_SIGNATURE},
		     {1025, FAULT_SIGNATURE},
		     {(INT64_C(1) << 53) - 1, FAULT_SIGNATURE},
		     {INT64_C(1) << 53, FAULT_FORMAT},
		     {INT64_MAX, FAULT_FORMAT}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sim *sim = *state;

		sim_set_int(sim_at(sim_role(sim, "root")->body, "roles", "timestamp", NULL),
			    "threshold", cases[i].threshold);
		prepare_next(sim);
		// One that can be written is a root's right to ask for, and then nobody can sign.
		if (cases[i].code == FAULT_SIGNATURE)
			assert_refused_keeping(sim, FAULT_SIGNATURE, 2, 1, 1, 1, 1);
		else
			assert_refused(sim, cases[i].code);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

// The same for a delegation, where the delegator is not trusted either.
static void a_delegation_with_a_threshold_past_all_reason_trusts_nobody(void **state)
{
	static const int64_t thresholds[] = {INT64_MIN, -1, 0, 2, (INT64_C(1) << 53) - 1,
					     INT64_MAX};

	for (size_t i = 0; i < sizeof(thresholds) / sizeof(*thresholds); i++) {
		struct sim *sim = *state;
		bool is_number = thresholds[i] > 0 && thresholds[i] < INT64_C(1) << 53;

		sim_set_int(
			(struct json *)(uintptr_t)json_item(sim_at(sim_role(sim, "targets")->body,
								   "delegations", "roles", NULL),
							    0),
			"threshold", thresholds[i]);
		prepare_next(sim);
		assert_refused_at(sim, is_number ? FAULT_SIGNATURE : FAULT_FORMAT,
				  is_number ? 4 : 3);
		scene_close(state);
		assert_int_equal(scene_open(state), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(an_unsigned_role_is_refused),
		SCENE(a_missing_file_is_refused_and_its_parents_are_kept),
		SCENE(a_role_without_a_version_is_refused),
		SCENE(a_role_without_an_expiry_is_refused),
		SCENE(a_role_without_a_type_is_refused),
		SCENE(a_role_without_a_specification_is_refused),
		SCENE(a_specification_of_another_kind_is_refused),
		SCENE(a_specification_of_two_parts_is_taken),
		SCENE(an_expiry_in_another_form_is_refused),
		SCENE(a_role_of_another_version_than_its_name_is_refused),
		SCENE(a_role_in_the_place_of_another_is_refused),
		SCENE(a_digest_or_length_that_the_role_above_did_not_sign_is_refused),
		SCENE(what_is_kept_is_what_was_served_byte_for_byte),
		SCENE(members_that_we_do_not_know_are_signed_with_the_rest),
		SCENE(digest_names_of_old_clients_in_a_key_mean_nothing),
		SCENE(a_key_id_is_only_a_name),
		SCENE(an_expired_root_that_was_kept_still_begins_the_chain),
		SCENE(a_fresh_timestamp_follows_one_that_expired_here),
		SCENE(a_first_root_without_a_version_asks_for_nothing),
		SCENE(kept_files_that_were_damaged_are_asked_for_again),
		SCENE(after_a_refusal_the_good_files_are_taken),
		SCENE(other_bytes_than_the_signed_ones_are_refused),
		SCENE(a_threshold_past_all_reason_is_refused_or_never_met),
		SCENE(a_delegation_with_a_threshold_past_all_reason_trusts_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
