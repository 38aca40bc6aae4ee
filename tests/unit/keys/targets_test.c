// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "keys/role.h"
#include "keys/targets.h"

#define START                                                                 \
	"{\"signatures\":[],\"signed\":{\"_type\":\"targets\",\"version\":1," \
	"\"spec_version\":\"1.0.31\",\"expires\":\"2030-01-01T00:00:00Z\",\"targets\":"
#define END	   "}}"
#define ZEROS	   "0000000000000000000000000000000000000000000000000000000000000000"
#define FILE_ENTRY "{\"length\":3,\"hashes\":{\"sha256\":\"" ZEROS "\"}}"
#define BY	   "\"keyids\":[],\"threshold\":1"

static struct targets *parse(const char *text, struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;
	struct targets *targets = NULL;

	assert_int_equal(role_parse("test", text, strlen(text), &role, why), 0);
	if (targets_parse("test", role, &targets, why))
		return NULL;
	(void)HAND_OVER(role);
	return targets;
}

static struct targets *parse_good(const char *text)
{
	struct fault why = {0};
	struct targets *targets = parse(text, &why);

	if (!targets)
		fault_print(&why, stderr);
	assert_non_null(targets);
	return targets;
}

static void assert_malformed(const char *text)
{
	struct fault why = {0};

	assert_null(parse(text, &why));
	assert_int_equal(why.code, FAULT_FORMAT);
}

static void stars_and_question_marks_stay_within_a_segment(void **state)
{
	(void)state;
	assert_true(path_matches("*", "a"));
	assert_true(path_matches("*", ".hidden"));
	assert_false(path_matches("*", "a/b"));
	assert_true(path_matches("net/*/*", "net/count/1.0.0.bundle"));
	assert_false(path_matches("net/*/*", "net/count"));
	assert_false(path_matches("net/*/*", "net/count/a/b"));
	assert_false(path_matches("net/*/*", "NET/count/a"));
	assert_false(path_matches("net/*", "net"));
	assert_true(path_matches("net/*", "net/"));
	assert_true(path_matches("*.tgz", "foo.tgz"));
	assert_false(path_matches("*.tgz", "foo.tgz.exe"));
	assert_false(path_matches("*.tgz", "targets/foo.tgz"));
	assert_true(path_matches("foo-version-?.tgz", "foo-version-a.tgz"));
	assert_false(path_matches("foo-version-?.tgz", "foo-version-alpha.tgz"));
	assert_false(path_matches("a?b", "a/b"));
	assert_false(path_matches("foo?", "foo"));
	assert_true(path_matches("a?c", "a\xc3\xa9"
					"c"));
	assert_true(path_matches("a*b*c", "aXbYbZc"));
	assert_false(path_matches("a*b*c", "aXbYbZ"));
	assert_true(path_matches("**", "a"));
	assert_true(path_matches("", ""));
	assert_false(path_matches("", "a"));
	assert_false(path_matches("a", ""));
}

static void brackets_and_backslashes_are_only_themselves(void **state)
{
	(void)state;
	assert_true(path_matches("[ab]", "[ab]"));
	assert_false(path_matches("[ab]", "a"));
	assert_true(path_matches("a\\*", "a\\x"));
	assert_false(path_matches("a\\*", "a*"));
}

static void a_pattern_of_many_stars_is_matched_quickly(void **state)
{
	char pattern[101], path[2001];

	(void)state;
	memset(pattern, '*', 100);
	for (size_t i = 1; i < 100; i += 2)
		pattern[i] = 'a';
	pattern[99] = 'b';
	pattern[100] = '\0';
	memset(path, 'a', 2000);
	path[2000] = '\0';
	assert_false(path_matches(pattern, path));
}

static void a_file_is_found_by_its_exact_path(void **state)
{
	OWNED(targets_drop)
	struct targets *targets = parse_good(START "{\"a/b\":" FILE_ENTRY "}" END);
	struct targets_walk walk = {0};
	struct target target;
	char path[] = "a/b";

	(void)state;
	assert_true(targets_find(targets, path, &target));
	path[0] = 'x';
	assert_string_equal(target.path, "a/b");
	assert_string_equal(target.role, "test");
	assert_int_equal(target.length, 3);
	assert_true(target.has_sha256);
	assert_false(target.has_sha512);
	assert_null(target.custom);
	assert_false(targets_find(targets, "a", &target));
	assert_false(targets_find(targets, "", &target));
	assert_true(targets_next(targets, &walk, &target));
	assert_string_equal(target.path, "a/b");
	assert_false(targets_next(targets, &walk, &target));
}

static void malformed_files_refuse_the_role(void **state)
{
	(void)state;
	assert_malformed(START "[]" END);
	assert_malformed(START "{\"a\":{}}" END);
	assert_malformed(START "{\"a\":{\"length\":-1,\"hashes\":{\"sha256\":\"" ZEROS "\"}}}" END);
	assert_malformed(START "{\"a\":{\"length\":\"1\",\"hashes\":{\"sha256\":\"" ZEROS
			       "\"}}}" END);
	assert_malformed(START "{\"a\":{\"length\":1,\"hashes\":{}}}" END);
	assert_malformed(START "{\"a\":{\"length\":1,\"hashes\":{\"sha256\":7}}}" END);
	assert_malformed(START "{\"a\":{\"length\":1,\"hashes\":{\"sha256\":\"00\"}}}" END);
	assert_malformed(START "{\"\":" FILE_ENTRY "}" END);
	assert_malformed(START "{\"a\":{\"length\":1,\"custom\":7,\"hashes\":{\"sha256\":\"" ZEROS
			       "\"}}}" END);
}

static void delegations_are_walked_in_order_and_only_where_they_match(void **state)
{
	OWNED(targets_drop)
	struct targets *targets = parse_good(
		START "{},\"delegations\":{\"keys\":{},\"roles\":["
		      "{\"name\":\"z\",\"terminating\":false,\"paths\":[\"b/*\",\"a/*\"]," BY "},"
		      "{\"name\":\"none\",\"terminating\":false," BY "},"
		      "{\"name\":\"empty\",\"terminating\":true,\"paths\":[]," BY "},"
		      "{\"name\":\"last\",\"terminating\":true,\"paths\":[\"*/x\"]," BY "}"
		      "]}" END);
	struct delegate delegate;
	size_t at = 0;

	(void)state;
	assert_true(targets_delegate(targets, "a/x", &at, &delegate));
	assert_string_equal(delegate.name, "z");
	assert_false(delegate.terminating);
	assert_true(targets_delegate(targets, "a/x", &at, &delegate));
	assert_string_equal(delegate.name, "last");
	assert_true(delegate.terminating);
	assert_false(targets_delegate(targets, "a/x", &at, &delegate));
	at = 0;
	assert_false(targets_delegate(targets, "c/x/y", &at, &delegate));
	assert_non_null(targets_authority(targets, "none"));
	assert_null(targets_authority(targets, "nobody"));
}

static void a_path_goes_to_the_role_that_its_digest_names(void **state)
{
	char text[1024], hex[SHA256_HEX];
	OWNED(targets_drop) struct targets *targets = NULL;
	struct delegate delegate;
	struct sha256 digest;
	struct fault why = {0};
	size_t at = 0;

	(void)state;
	assert_int_equal(sha256_of("some/path", 9, &digest, &why), 0);
	sha256_hex(&digest, hex);
	snprintf(text, sizeof(text),
		 START
		 "{},\"delegations\":{\"keys\":{},\"roles\":["
		 "{\"name\":\"no\",\"terminating\":false,\"path_hash_prefixes\":[\"%c\"]," BY "},"
		 "{\"name\":\"yes\",\"terminating\":true,\"path_hash_prefixes\":[\"%.5s\"]," BY
		 "}]}" END,
		 hex[0] == '0' ? '1' : '0', hex);
	targets = parse_good(text);
	assert_true(targets_delegate(targets, "some/path", &at, &delegate));
	assert_string_equal(delegate.name, "yes");
	assert_true(delegate.terminating);
	assert_false(targets_delegate(targets, "some/path", &at, &delegate));
}

static void assert_bin(unsigned bits, const char *path, const char *name)
{
	char text[512];
	OWNED(targets_drop) struct targets *targets = NULL;
	struct delegate delegate;
	size_t at = 0;

	snprintf(text, sizeof(text),
		 START "{},\"delegations\":{\"keys\":{},\"succinct_roles\":{\"bit_length\":%u,"
		       "\"name_prefix\":\"bin\"," BY "}}" END,
		 bits);
	targets = parse_good(text);
	assert_true(targets_delegate(targets, path, &at, &delegate));
	assert_string_equal(delegate.name, name);
	assert_true(delegate.terminating);
	assert_false(targets_delegate(targets, path, &at, &delegate));
	assert_non_null(targets_authority(targets, name));
	assert_null(targets_authority(targets, "bin"));
	assert_null(targets_authority(targets, "bin-"));
	assert_null(targets_authority(targets, "bin-g"));
	assert_null(targets_authority(targets, "other-0"));
}

static void succinct_bins_are_named_by_the_first_bits(void **state)
{
	(void)state;
	// SHA-256 of "abc" is ba7816bf...
	assert_bin(1, "abc", "bin-1");
	assert_bin(2, "abc", "bin-2");
	assert_bin(4, "abc", "bin-b");
	assert_bin(5, "abc", "bin-17");
	assert_bin(8, "abc", "bin-ba");
	assert_bin(9, "abc", "bin-174");
	assert_bin(16, "abc", "bin-ba78");
	assert_bin(32, "abc", "bin-ba7816bf");
}

static void a_bin_beyond_the_last_one_does_not_exist(void **state)
{
	OWNED(targets_drop)
	struct targets *targets = parse_good(
		START "{},\"delegations\":{\"keys\":{},\"succinct_roles\":{\"bit_length\":5,"
		      "\"name_prefix\":\"bin\"," BY "}}" END);

	(void)state;
	assert_non_null(targets_authority(targets, "bin-1f"));
	assert_null(targets_authority(targets, "bin-20"));
	assert_null(targets_authority(targets, "bin-1F"));
	assert_null(targets_authority(targets, "bin-f"));
	assert_null(targets_authority(targets, "bin-0x"));
}

static void malformed_delegations_refuse_the_role(void **state)
{
#define ROLES(roles) START "{},\"delegations\":{\"keys\":{},\"roles\":" roles "}" END
#define BINS(bins)   START "{},\"delegations\":{\"keys\":{},\"succinct_roles\":" bins "}" END
	(void)state;
	assert_malformed(START "{},\"delegations\":7" END);
	assert_malformed(START "{},\"delegations\":{\"keys\":{}}" END);
	assert_malformed(START "{},\"delegations\":{\"roles\":[]}" END);
	assert_malformed(ROLES("{}"));
	assert_malformed(ROLES("[7]"));
	assert_malformed(ROLES("[{\"terminating\":true," BY "}]"));
	assert_malformed(ROLES("[{\"name\":\"a\"," BY "}]"));
	assert_malformed(ROLES("[{\"name\":\"a\",\"terminating\":1," BY "}]"));
	assert_malformed(ROLES("[{\"name\":\"a\",\"terminating\":true}]"));
	assert_malformed(ROLES("[{\"name\":\"a\",\"terminating\":true,\"paths\":[7]," BY "}]"));
	assert_malformed(ROLES("[{\"name\":\"a\",\"terminating\":true,\"paths\":[],"
			       "\"path_hash_prefixes\":[]," BY "}]"));
	assert_malformed(ROLES("[{\"name\":\"a\",\"terminating\":true,\"keyids\":[],"
			       "\"threshold\":0}]"));
	assert_malformed(BINS("{\"bit_length\":0,\"name_prefix\":\"b\"," BY "}"));
	assert_malformed(BINS("{\"bit_length\":33,\"name_prefix\":\"b\"," BY "}"));
	assert_malformed(BINS("{\"bit_length\":8,\"name_prefix\":\"\"," BY "}"));
	assert_malformed(START "{},\"delegations\":{\"keys\":{},\"roles\":[],"
			       "\"succinct_roles\":{\"bit_length\":8,\"name_prefix\":\"b\"," BY
			       "}}" END);
}

static void the_length_and_every_known_digest_must_match(void **state)
{
	struct target target = {.path = "a", .length = 3, .has_sha256 = true};
	struct fault why = {0};

	(void)state;
	assert_int_equal(sha256_of("abc", 3, &target.sha256, &why), 0);
	assert_int_equal(target_check(&target, "abc", 3, &why), 0);
	assert_int_equal(target_check(&target, "abd", 3, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_int_equal(target_check(&target, "abc", 2, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	target.has_sha512 = true;
	assert_int_equal(target_check(&target, "abc", 3, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_and_question_marks_stay_within_a_segment),
		cmocka_unit_test(brackets_and_backslashes_are_only_themselves),
		cmocka_unit_test(a_pattern_of_many_stars_is_matched_quickly),
		cmocka_unit_test(a_file_is_found_by_its_exact_path),
		cmocka_unit_test(malformed_files_refuse_the_role),
		cmocka_unit_test(delegations_are_walked_in_order_and_only_where_they_match),
		cmocka_unit_test(a_path_goes_to_the_role_that_its_digest_names),
		cmocka_unit_test(succinct_bins_are_named_by_the_first_bits),
		cmocka_unit_test(a_bin_beyond_the_last_one_does_not_exist),
		cmocka_unit_test(malformed_delegations_refuse_the_role),
		cmocka_unit_test(the_length_and_every_known_digest_must_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
