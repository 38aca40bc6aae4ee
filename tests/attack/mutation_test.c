// SPDX-License-Identifier: Apache-2.0
// A01, A26: one byte changed somewhere in a complete repository. Either the client refuses, or what it accepted says,
// canonically, exactly what was signed.
#include "tests/attack/attack.h"

#include "keys/canon.h"

// A few in every `make check`, as many as BPFSEAL_MUTATIONS says in `make check-long`.
static unsigned rounds(void)
{
	const char *asked = getenv("BPFSEAL_MUTATIONS");

	return asked ? (unsigned)strtoul(asked, NULL, 10) : 2000;
}

// A small generator of our own, so that every machine sees the same changes.
static uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static void canonical_of(const struct bytes *file, struct bytes *out)
{
	OWNED(json_drop) struct json *document = NULL;
	struct fault why = {0};

	assert_int_equal(json_parse(file->data, file->len, "file", &document, &why), 0);
	assert_int_equal(canon_write(json_member(document, "signed"), out, &why), 0);
}

// What was accepted is compared with what was signed; a target file has no canonical form and must be equal.
static void assert_means_the_same(const struct sim_file *file, const struct bytes *original)
{
	OWNED(bytes_drop) struct bytes before = {0};
	OWNED(bytes_drop) struct bytes after = {0};

	assert_non_null(strstr(file->name, ".json"));
	canonical_of(original, &before);
	canonical_of(&file->data, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
}

static void mutate_once(struct sim *sim, uint32_t *seed, unsigned *refused)
{
	OWNED(bytes_drop) struct bytes original = {0};
	struct sim_file *file = sim->served;
	struct fault why = {0};
	size_t count = 0, at;

	for (const struct sim_file *each = sim->served; each; each = each->next)
		count++;
	for (size_t skip = next_random(seed) % count; skip; skip--)
		file = file->next;
	assert_int_equal(bytes_append(&original, file->data.data, file->data.len, &why), 0);
	at = next_random(seed) % file->data.len;
	file->data.data[at] ^= (unsigned char)(1 + next_random(seed) % 255);
	// A node that knows nothing but root 1, so that every file is asked for.
	sim_forget(sim, "timestamp");
	sim_forget(sim, "snapshot");
	sim_forget(sim, "targets");
	sim_forget(sim, "net");
	if (sim_install(sim, SIM_TARGET, &why))
		(*refused)++;
	else
		assert_means_the_same(file, &original);
	sim_requests_clear(sim);
	bytes_move(&file->data, &original);
}

// Three keys, two needed: so one signature may break and the file is still good, which is where a mistake would hide.
static struct sim *whole_repository(bool hashes)
{
	static const char *const roles[] = {"timestamp", "snapshot", "targets"};
	struct sim *sim = sim_new();
	struct sim_role old = *sim_role(sim, "root");

	sim->hashes = hashes;
	for (size_t i = 0; i < 3; i++)
		sim_rotate(sim, roles[i], 3, 2);
	sim_rotate(sim, "root", 3, 2);
	sim_publish_root(sim, &old);
	for (struct sim_role *role = sim->roles; role; role = role->next)
		if (role != sim->roles)
			sim_set_text(role->body, "x-note", "line one\nline \"two\" \\ \xc3\xa9");
	sim_publish(sim);
	// Only what this version consists of is served.
	sim_withdraw(sim, "1.snapshot.json");
	return sim;
}

static void run_rounds(bool hashes, uint32_t seed)
{
	struct sim *sim = whole_repository(hashes);
	OWNED(bytes_drop) struct bytes root = {0};
	unsigned refused = 0;
	struct fault why = {0};

	assert_int_equal(bytes_append(&root, sim_kept_bytes(sim, "root")->data,
				      sim_kept_bytes(sim, "root")->len, &why),
			 0);
	for (unsigned i = 0; i < rounds(); i++) {
		struct bytes *kept;

		mutate_once(sim, &seed, &refused);
		kept = sim_kept_bytes(sim, "root");
		kept->len = 0;
		assert_int_equal(bytes_append(kept, root.data, root.len, &why), 0);
	}
	// The repository itself is whole again and good, so the refusals above were not for another reason.
	assert_accepted(sim);
	// Nearly every change hits something signed; a few hit a signature that is not needed or a blank.
	assert_true(refused > rounds() / 2);
	sim_free(sim);
}

static void no_changed_byte_is_accepted_where_only_signatures_protect(void **state)
{
	(void)state;
	run_rounds(false, 20261123);
}

static void no_changed_byte_is_accepted_where_digests_protect_too(void **state)
{
	(void)state;
	run_rounds(true, 3112602);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_changed_byte_is_accepted_where_only_signatures_protect),
		cmocka_unit_test(no_changed_byte_is_accepted_where_digests_protect_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
