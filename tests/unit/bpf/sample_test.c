// SPDX-License-Identifier: Apache-2.0
// The samples as bundles: what is written beside them in bpf/*.json packs, and a node with the default policy takes it.
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/chain.h"
#include "bpf/pack.h"
#include "bpf/policy.h"
#include "bpf/survey.h"

static struct survey *packed(const char *name)
{
	OWNED(bytes_drop) struct bytes bundle = {0};
	struct survey *survey = NULL;
	struct fault why = {0};
	char path[512];

	snprintf(path, sizeof(path), "%s/bpf/%s.json", TEST_SOURCE_DIR, name);
	if (pack_build(path, TEST_BPF_DIR, &bundle, &survey, &why))
		fail_msg("%s: %s (%s) %s", name, why.text, why.where, why.cause);
	return survey;
}

static const struct manifest_map *map_of(const struct survey *survey, const char *name)
{
	const struct manifest *manifest = survey->bundle->manifest;

	for (size_t i = 0; i < manifest->map_count; i++)
		if (!strcmp(manifest->maps[i].name, name))
			return &manifest->maps[i];
	fail_msg("there is no map %s", name);
	return NULL;
}

static void taken_by_default(const char *name, const char *bundle, const char *version,
			     enum linkage linkage)
{
	OWNED(survey_drop) struct survey *survey = packed(name);
	struct policy policy = policy_default();
	struct fault why = {0};

	if (survey_check(survey, &policy, &why))
		fail_msg("%s: %s", name, why.text);
	assert_string_equal(survey->bundle->manifest->publisher, "net");
	assert_string_equal(survey->bundle->manifest->name, bundle);
	assert_string_equal(survey->bundle->manifest->version, version);
	assert_int_equal(survey->bundle->manifest->program_count, 1);
	assert_int_equal(survey->bundle->manifest->programs[0].linkage, linkage);
}

static void each_sample_is_taken_by_the_default_policy(void **state)
{
	(void)state;
	taken_by_default("allow", "allow", "1.0.0", LINK_WRAP);
	taken_by_default("ratelimit", "ratelimit", "1.0.0", LINK_CHAIN);
	taken_by_default("count", "count", "1.0.0", LINK_WRAP);
	taken_by_default("count2", "count", "2.0.0", LINK_WRAP);
}

static void the_ratelimit_brings_the_map_of_the_chain(void **state)
{
	OWNED(survey_drop) struct survey *survey = packed("ratelimit");
	const struct manifest_map *next = map_of(survey, CHAIN_NEXT_MAP);

	(void)state;
	assert_string_equal(next->type, "prog_array");
	assert_int_equal(next->max_entries, 1);
}

// The upgrade keeps a map whose name, type and sizes are the same; so they must be.
static void both_counters_have_the_same_map(void **state)
{
	OWNED(survey_drop) struct survey *first = packed("count");
	OWNED(survey_drop) struct survey *second = packed("count2");
	const struct manifest_map *a = map_of(first, "counts"), *b = map_of(second, "counts");

	(void)state;
	assert_string_equal(a->type, b->type);
	assert_int_equal(a->key_size, b->key_size);
	assert_int_equal(a->value_size, b->value_size);
	assert_int_equal(a->max_entries, b->max_entries);
	assert_string_equal(a->value, b->value);
}

static void the_key_of_the_allow_list_is_known_to_be_an_address(void **state)
{
	OWNED(survey_drop) struct survey *survey = packed("allow");

	(void)state;
	assert_string_equal(map_of(survey, "allow_v4")->key, "__be32");
	assert_string_equal(map_of(survey, "allow_v4")->purpose, "config");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_sample_is_taken_by_the_default_policy),
		cmocka_unit_test(the_ratelimit_brings_the_map_of_the_chain),
		cmocka_unit_test(both_counters_have_the_same_map),
		cmocka_unit_test(the_key_of_the_allow_list_is_known_to_be_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
