// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/brief.h"

static void write_one(const char *policy_name, struct bytes *out)
{
	struct bundle_member members[2] = {
		{.name = (char *)"manifest.json",
		 .data = {.data = (unsigned char *)"{}", .len = 2}},
		{.name = (char *)"a.bpf.o", .data = {.data = (unsigned char *)"object", .len = 6}}};
	const struct bundle bundle = {.members = members, .member_count = 2};
	struct bytes policy = {.data = (unsigned char *)"{}", .len = policy_name ? 2 : 0};
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	struct fault why = {0};

	assert_int_equal(traffic_add_ours(&traffic, &why), 0);
	assert_int_equal(brief_write(&bundle, policy_name, &policy, &traffic, out, &why), 0);
}

static void what_was_handed_over_arrives(void **state)
{
	OWNED(bytes_drop) struct bytes frame = {0};
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	struct sha256 sha256;
	struct fault why = {0};

	(void)state;
	write_one("node.json", &frame);
	assert_int_equal(brief_read(frame.data, frame.len, &brief, &why), 0);
	assert_string_equal(brief.policy_name, "node.json");
	assert_int_equal(brief.policy.len, 2);
	assert_int_equal(brief.member_count, 2);
	assert_string_equal(brief.members[1].name, "a.bpf.o");
	assert_string_equal(bytes_text(&brief.members[1].data), "object");
	assert_int_equal(sha256_of("object", 6, &sha256, &why), 0);
	assert_true(sha256_equal(&brief.members[1].sha256, &sha256));
	assert_int_equal(brief.traffic.count, 8);
	assert_string_equal(brief.traffic.list[0].name, "IPv4 TCP SYN");
}

static void no_policy_is_no_policy(void **state)
{
	OWNED(bytes_drop) struct bytes frame = {0};
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	struct fault why = {0};

	(void)state;
	write_one(NULL, &frame);
	assert_int_equal(brief_read(frame.data, frame.len, &brief, &why), 0);
	assert_null(brief.policy_name);
}

static void cut_short_or_with_more_behind_it_is_none(void **state)
{
	OWNED(bytes_drop) struct bytes frame = {0};
	struct fault why = {0};

	(void)state;
	write_one("node.json", &frame);
	for (size_t len = 0; len < frame.len; len++) {
		OWNED(brief_drop) struct brief brief = {.member_count = 0};

		assert_int_equal(brief_read(frame.data, len, &brief, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
	}
	OWNED(brief_drop) struct brief longer = {.member_count = 0};

	assert_int_equal(bytes_append(&frame, "x", 1, &why), 0);
	assert_int_equal(brief_read(frame.data, frame.len, &longer, &why), -1);
}

static void another_version_is_not_talked_to(void **state)
{
	OWNED(bytes_drop) struct bytes frame = {0};
	OWNED(brief_drop) struct brief brief = {.member_count = 0};
	struct fault why = {0};

	(void)state;
	write_one(NULL, &frame);
	frame.data[0] ^= 1;
	assert_int_equal(brief_read(frame.data, frame.len, &brief, &why), -1);
	assert_non_null(strstr(why.text, "no trial"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_handed_over_arrives),
		cmocka_unit_test(no_policy_is_no_policy),
		cmocka_unit_test(cut_short_or_with_more_behind_it_is_none),
		cmocka_unit_test(another_version_is_not_talked_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
