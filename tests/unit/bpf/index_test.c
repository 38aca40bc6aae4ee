// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/index.h"

#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

static void add(struct index *index, const char *version, const char *channel)
{
	struct sha256 sha256 = {{1}};
	struct fault why = {0};
	char path[64];

	snprintf(path, sizeof path, "net/count/%s.bundle", version);
	assert_int_equal(index_add(index, version, path, &sha256, channel, &why), 0);
}

static struct index *filled(void)
{
	struct fault why = {0};
	struct index *index = NULL;

	assert_int_equal(index_new("net/count", &index, &why), 0);
	add(index, "1.10.0", "released");
	add(index, "1.9.0", "released");
	add(index, "1.11.0", "tested");
	add(index, "2.0.0", "released");
	return index;
}

static void the_highest_version_that_matches_is_taken(void **state)
{
	OWNED(index_drop) struct index *index = filled();
	const struct index_version *version = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(index_resolve(index, "1.*", "released", &version, &why), 0);
	assert_string_equal(version->version, "1.10.0");
	assert_int_equal(index_resolve(index, "*", "released", &version, &why), 0);
	assert_string_equal(version->path, "net/count/2.0.0.bundle");
	assert_int_equal(index_resolve(index, "1.9.0", "released", &version, &why), 0);
	assert_string_equal(version->version, "1.9.0");
}

static void what_is_not_released_is_not_taken(void **state)
{
	OWNED(index_drop) struct index *index = filled();
	const struct index_version *version = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(index_resolve(index, "1.11.0", "released", &version, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	assert_non_null(strstr(why.text, "released"));
	fault_clear(&why);
	assert_int_equal(index_resolve(index, "3.*", "released", &version, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	assert_string_equal(why.fix,
			    "its index lists 2.0.0, 1.11.0 (channel tested), 1.10.0, 1.9.0");
	assert_null(version);
}

static void a_channel_gets_what_is_in_it_or_released(void **state)
{
	OWNED(index_drop) struct index *index = filled();
	const struct index_version *version = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(index_resolve(index, "1.*", "tested", &version, &why), 0);
	assert_string_equal(version->version, "1.11.0");
	assert_int_equal(index_resolve(index, "*", "tested", &version, &why), 0);
	assert_string_equal(version->version, "2.0.0");
	assert_int_equal(index_resolve(index, "1.*", "canary", &version, &why), 0);
	assert_string_equal(version->version, "1.10.0");
	// An older index may name what was withdrawn: nobody asks for it by that word.
	add(index, "2.1.0", "withdrawn");
	assert_int_equal(index_resolve(index, "2.*", "withdrawn", &version, &why), 0);
	assert_string_equal(version->version, "2.0.0");
	assert_int_equal(index_channel_check("withdrawn", FAULT_CONFIG, &why), -1);
	assert_int_equal(index_channel_check("Canary!", FAULT_USAGE, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_int_equal(index_channel_check("canary", FAULT_USAGE, &why), 0);
}

static void a_version_taken_out_leaves_the_others_in_order(void **state)
{
	OWNED(index_drop) struct index *index = filled();
	const struct index_version *version = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(index_remove(index, "2.0.0", &why), 0);
	assert_int_equal(index_remove(index, "1.9.0", &why), 0);
	assert_int_equal(index->count, 2);
	assert_int_equal(index_resolve(index, "*", "released", &version, &why), 0);
	assert_string_equal(version->version, "1.10.0");
	assert_int_equal(index_remove(index, "2.0.0", &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

static void an_index_reads_back_as_it_was_written(void **state)
{
	OWNED(index_drop) struct index *index = filled();
	OWNED(index_drop) struct index *again = NULL;
	OWNED(bytes_drop) struct bytes once = {0};
	OWNED(bytes_drop) struct bytes twice = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(index_write(index, &once, &why), 0);
	assert_int_equal(index_parse(once.data, once.len, &again, &why), 0);
	assert_int_equal(again->count, 4);
	assert_int_equal(index_write(again, &twice, &why), 0);
	assert_string_equal(bytes_text(&once), bytes_text(&twice));
}

static void adding_a_version_again_replaces_it(void **state)
{
	OWNED(index_drop) struct index *index = filled();
	struct fault why = {0};
	const struct index_version *version = NULL;

	(void)state;
	add(index, "1.11.0", "released");
	assert_int_equal(index->count, 4);
	assert_int_equal(index_resolve(index, "1.*", "released", &version, &why), 0);
	assert_string_equal(version->version, "1.11.0");
}

static void refused(const char *text)
{
	OWNED(index_drop) struct index *index = NULL;
	struct fault why = {0};

	assert_int_equal(index_parse(text, strlen(text), &index, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_null(index);
}

#define VERSION(version, path)                                                          \
	"{\"version\":\"" version "\",\"path\":\"" path "\",\"sha256\":\"" DIGEST "\"," \
	"\"channel\":\"released\"}"
#define INDEX(name, versions) \
	"{\"schema\":\"bpfseal.index/1\",\"name\":\"" name "\",\"versions\":[" versions "]}"

static void an_index_cannot_lead_to_another_bundle(void **state)
{
	(void)state;
	refused(INDEX("net/count", VERSION("1.0.0", "net/allow/1.0.0.bundle")));
	refused(INDEX("net/count", VERSION("1.0.0", "net/count/0.9.0.bundle")));
	refused(INDEX("net/count", VERSION("1.0.0", "../count/1.0.0.bundle")));
	refused(INDEX("net/../count", ""));
	refused(INDEX("count", ""));
	refused(INDEX("a/b/c", ""));
}

static void a_version_that_stands_twice_or_out_of_order_is_refused(void **state)
{
	(void)state;
	refused(INDEX("net/count", VERSION("1.0.0", "net/count/1.0.0.bundle") "," VERSION(
					   "1.0.0", "net/count/1.0.0.bundle")));
	refused(INDEX("net/count", VERSION("1.0.1", "net/count/1.0.1.bundle") "," VERSION(
					   "1.0.0", "net/count/1.0.0.bundle")));
}

static void another_shape_is_refused(void **state)
{
	(void)state;
	refused("[]");
	refused("{}");
	refused("{\"schema\":\"bpfseal.index/2\",\"name\":\"net/count\",\"versions\":[]}");
	refused("{\"schema\":\"bpfseal.index/1\",\"name\":\"net/count\",\"versions\":[1]}");
	refused("{\"schema\":\"bpfseal.index/1\",\"name\":\"net/count\",\"versions\":[],\"x\":1}");
	refused(INDEX("net/count", "{\"version\":\"1.0.0\",\"path\":\"net/count/1.0.0.bundle\","
				   "\"sha256\":\"\",\"channel\":\"released\"}"));
}

static void an_exact_version_has_to_be_listed_in_a_channel_that_is_one(void **state)
{
	OWNED(index_drop) struct index *index = NULL;
	const struct index_version *found;
	const struct sha256 digest = {{1}};
	struct fault why = {0};

	(void)state;
	assert_int_equal(index_new("net/count", &index, &why), 0);
	assert_int_equal(
		index_add(index, "1.0.0", "net/count/1.0.0.bundle", &digest, "tested", &why), 0);
	assert_int_equal(index_pick(index, "1.0.0", INDEX_RELEASED, &found, &why), 0);
	assert_string_equal(found->version, "1.0.0");
	assert_int_equal(index_pick(index, "1.*", INDEX_RELEASED, &found, &why), -1);
	assert_int_equal(index_pick(index, "1.*", "tested", &found, &why), 0);
	assert_int_equal(index_pick(index, "1.0.1", INDEX_RELEASED, &found, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
	assert_int_equal(
		index_add(index, "1.0.0", "net/count/1.0.0.bundle", &digest, "withdrawn", &why), 0);
	assert_int_equal(index_pick(index, "1.0.0", "withdrawn", &found, &why), -1);
	assert_int_equal(why.code, FAULT_UNTRUSTED);
}

static void a_name_gives_the_path_of_its_index(void **state)
{
	OWNED(drop_heap) char *path = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(index_path("net/count", &path, &why), 0);
	assert_string_equal(path, "net/count/index.json");
	assert_int_equal(index_path("net", &path, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_highest_version_that_matches_is_taken),
		cmocka_unit_test(what_is_not_released_is_not_taken),
		cmocka_unit_test(a_channel_gets_what_is_in_it_or_released),
		cmocka_unit_test(a_version_taken_out_leaves_the_others_in_order),
		cmocka_unit_test(an_index_reads_back_as_it_was_written),
		cmocka_unit_test(adding_a_version_again_replaces_it),
		cmocka_unit_test(an_index_cannot_lead_to_another_bundle),
		cmocka_unit_test(a_version_that_stands_twice_or_out_of_order_is_refused),
		cmocka_unit_test(another_shape_is_refused),
		cmocka_unit_test(an_exact_version_has_to_be_listed_in_a_channel_that_is_one),
		cmocka_unit_test(a_name_gives_the_path_of_its_index),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
