// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/denied.h"
#include "loader/standin.h"

#define A "1111111111111111111111111111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222222222222222222222222222"

struct trust {
	char dir[64];
	int fd;
};

static int up(void **state)
{
	struct trust *trust = calloc(1, sizeof(*trust));
	struct fault why = {0};
	int repo = -1;

	strcpy(trust->dir, "/tmp/bpfseal-denied-XXXXXX");
	assert_non_null(mkdtemp(trust->dir));
	assert_int_equal(dir_open(trust->dir, &trust->fd, &why), 0);
	assert_int_equal(dir_make_at(trust->fd, "corp", 0700, &repo, &why), 0);
	close(repo);
	*state = trust;
	return 0;
}

static int down(void **state)
{
	struct trust *trust = *state;

	unlinkat(trust->fd, "corp/" DENIED_FILE, 0);
	unlinkat(trust->fd, "corp", AT_REMOVEDIR);
	close(trust->fd);
	rmdir(trust->dir);
	free(trust);
	return 0;
}

static void keep(const struct trust *trust, const char *text)
{
	struct bytes bytes = {.data = (unsigned char *)(uintptr_t)text, .len = strlen(text)};
	struct fault why = {0};

	assert_int_equal(denied_keep(trust->fd, "corp", &bytes, &why), 0);
}

static struct json *parsed(const char *text)
{
	struct json *json = NULL;
	struct fault why = {0};

	assert_int_equal(json_parse(text, strlen(text), "record", &json, &why), 0);
	return json;
}

#define DENIES_A                                                                                 \
	"{\"schema\":\"bpfseal.deny/1\",\"denied\":[{\"sha256\":\"" A "\",\"reason\":\"leaks\"," \
	"\"since\":\"2026-01-02T03:04:05Z\"}]}"

static void a_repository_that_never_had_a_list_denies_nothing(void **state)
{
	struct trust *trust = *state;
	OWNED(deny_drop) struct deny *none = NULL;
	OWNED(deny_drop) struct deny *absent = NULL;
	struct fault why = {0};

	assert_int_equal(denied_load(trust->fd, "corp", &none, &why), 0);
	assert_int_equal(none->count, 0);
	assert_int_equal(denied_load(trust->fd, "lab", &absent, &why), 0);
	assert_int_equal(absent->count, 0);
}

static void a_member_is_denied_by_bundle_or_object_of_its_own_repository(void **state)
{
	struct trust *trust = *state;
	static const struct {
		const char *record;
		bool denied;
	} cases[] = {
		{"{\"name\":\"net/a\",\"from\":\"corp\",\"bundle\":\"" A "\",\"object\":\"" B "\"}",
		 true},
		{"{\"name\":\"net/a\",\"from\":\"corp\",\"bundle\":\"" B "\",\"object\":\"" A "\"}",
		 true},
		{"{\"name\":\"net/a\",\"from\":\"corp\",\"bundle\":\"" B "\",\"object\":\"" B "\"}",
		 false},
		{"{\"name\":\"net/a\",\"from\":\"lab\",\"bundle\":\"" A "\",\"object\":\"" A "\"}",
		 false},
		{"{\"name\":\"" STANDIN_NAME "\",\"from\":\"\",\"bundle\":\"" A "\",\"object\":\"" A
		 "\"}",
		 false},
	};

	keep(trust, DENIES_A);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		OWNED(json_drop) struct json *record = parsed(cases[i].record);
		OWNED(deny_drop) struct deny *list = NULL;
		const struct deny_entry *entry = NULL;
		struct fault why = {0};

		assert_int_equal(denied_member(trust->fd, record, &list, &entry, &why), 0);
		assert_int_equal(entry != NULL, cases[i].denied);
	}
}

static void a_damaged_list_is_not_taken_for_an_empty_one(void **state)
{
	struct trust *trust = *state;
	OWNED(deny_drop) struct deny *deny = NULL;
	struct fault why = {0};

	keep(trust, "{}");
	assert_int_equal(denied_load(trust->fd, "corp", &deny, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(deny);
}

static void a_chain_knows_what_it_runs_and_what_left_it(void **state)
{
	OWNED(json_drop)
	struct json *runs = parsed("{\"members\":[{\"bundle\":\"" B "\",\"object\":\"" A "\"}]}");
	OWNED(json_drop)
	struct json *left = parsed("{\"members\":[],\"denied\":[{\"sha256\":\"" A "\"}]}");
	struct deny_entry entry = {.since = 1};

	(void)state;
	assert_int_equal(sha256_read(A, &entry.sha256), 0);
	assert_true(denied_runs(runs, &entry) && denied_is_known(runs, &entry));
	assert_true(!denied_runs(left, &entry) && denied_is_known(left, &entry));
	assert_false(denied_is_known(NULL, &entry));
}

static void a_stand_in_is_a_member_that_never_goes_on(void **state)
{
	(void)state;
	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		OWNED(member_drop) struct member member = {.object_fd = -1};
		struct fault why = {0};

		assert_int_equal(standin_member((enum hook)hook, 3, &member, &why), 0);
		assert_int_equal(member.place, 3);
		assert_string_equal(member.from, "");
		assert_true(member.object_fd >= 0);
		assert_int_equal(member.program->hook, hook);
		for (size_t i = 0; i < member.program->continue_count; i++)
			assert_int_not_equal(member.program->continue_on[i],
					     hook == HOOK_XDP ? 1 : 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_repository_that_never_had_a_list_denies_nothing,
						up, down),
		cmocka_unit_test_setup_teardown(
			a_member_is_denied_by_bundle_or_object_of_its_own_repository, up, down),
		cmocka_unit_test_setup_teardown(a_damaged_list_is_not_taken_for_an_empty_one, up,
						down),
		cmocka_unit_test(a_chain_knows_what_it_runs_and_what_left_it),
		cmocka_unit_test(a_stand_in_is_a_member_that_never_goes_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
