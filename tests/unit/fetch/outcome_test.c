// SPDX-License-Identifier: Apache-2.0
#include "fetch/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"

static void make(struct outcome **out)
{
	struct fault why = {0};

	assert_int_equal(outcome_new(out, &why), 0);
	assert_int_equal(outcome_add_repository(*out, "corp", "https://repo.example", &why), 0);
	assert_int_equal(outcome_add_use(*out, "net/count", "1.*", "released", "corp", &why), 0);
	(*out)->repositories[0].state = OUTCOME_PRESENT;
	(*out)->uses[0].state = OUTCOME_PRESENT;
}

static void the_same_use_on_two_interfaces_is_listed_once(void **state)
{
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct fault why = {0};

	(void)state;
	make(&outcome);
	assert_int_equal(outcome_add_use(outcome, "net/count", "1.*", "released", "corp", &why), 0);
	assert_int_equal(outcome->use_count, 1);
	assert_int_equal(outcome_add_use(outcome, "net/count", "1.0.0", "released", "corp", &why),
			 0);
	assert_int_equal(outcome->use_count, 2);
}

static void the_first_refusal_is_the_one_that_counts(void **state)
{
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct fault first = {.code = FAULT_DIGEST}, second = {.code = FAULT_NETWORK};

	(void)state;
	make(&outcome);
	outcome_fault(outcome, &first);
	outcome_fault(outcome, &second);
	assert_int_equal(outcome->first.code, FAULT_DIGEST);
}

static void only_a_change_or_a_refusal_is_news(void **state)
{
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct fault refusal = {.code = FAULT_NETWORK};

	(void)state;
	make(&outcome);
	assert_false(outcome_is_news(outcome));
	outcome->uses[0].state = OUTCOME_NEW;
	assert_true(outcome_is_news(outcome));
	outcome->uses[0].state = OUTCOME_PRESENT;
	outcome_fault(outcome, &refusal);
	assert_true(outcome_is_news(outcome));
}

static void the_document_names_state_version_digest_and_refusal(void **state)
{
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	OWNED(json_drop) struct json *document = NULL;
	struct fault why = {0};
	const struct json *use, *repository;

	(void)state;
	make(&outcome);
	outcome->repositories[0].versions.timestamp = 7;
	outcome->uses[0].state = OUTCOME_REFUSED;
	fault_set(&outcome->uses[0].fault, FAULT_DIGEST, "not what was signed");
	outcome_fault(outcome, &outcome->uses[0].fault);
	assert_int_equal(outcome_document(outcome, &document, &why), 0);
	assert_false(json_bool(json_member(document, "ok")));
	use = json_item(json_member(document, "uses"), 0);
	assert_string_equal(json_text(json_member(use, "state")), "refused");
	assert_string_equal(json_text(json_member(use, "code")), fault_name(FAULT_DIGEST));
	assert_string_equal(json_text(json_member(use, "error")), "not what was signed");
	assert_null(json_member(use, "sha256"));
	repository = json_item(json_member(document, "repositories"), 0);
	assert_int_equal(
		json_int(json_member(json_member(json_member(repository, "versions"), "timestamp"),
				     "version")),
		7);
	assert_null(json_member(json_member(repository, "versions"), "root"));
	assert_null(json_member(repository, "refreshed_at"));
}

// A23: who withholds a repository hides what it takes back; how long that has been so must show.
static void the_document_tells_how_long_ago_a_repository_was_refreshed(void **state)
{
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const struct json *repository;
	struct fault why = {0};

	(void)state;
	make(&outcome);
	outcome->now = 1800000000;
	outcome->repositories[0].state = OUTCOME_REFUSED;
	outcome->repositories[0].refreshed_at = 1800000000 - 7200;
	assert_int_equal(outcome_document(outcome, &document, &why), 0);
	repository = json_item(json_member(document, "repositories"), 0);
	assert_string_equal(json_text(json_member(repository, "refreshed_at")),
			    "2027-01-15T06:00:00Z");
	assert_int_equal(json_int(json_member(repository, "age_s")), 7200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_use_on_two_interfaces_is_listed_once),
		cmocka_unit_test(the_first_refusal_is_the_one_that_counts),
		cmocka_unit_test(only_a_change_or_a_refusal_is_news),
		cmocka_unit_test(the_document_names_state_version_digest_and_refusal),
		cmocka_unit_test(the_document_tells_how_long_ago_a_repository_was_refreshed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
