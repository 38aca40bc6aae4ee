// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/deny.h"

#define A "1111111111111111111111111111111111111111111111111111111111111111"
#define B "2222222222222222222222222222222222222222222222222222222222222222"
#define ENTRY(hex, reason) \
	"{\"sha256\":\"" hex "\",\"reason\":\"" reason "\",\"since\":\"2026-01-02T03:04:05Z\"}"
#define LIST(entries) "{\"schema\":\"bpfseal.deny/1\",\"denied\":[" entries "]}"

static struct sha256 digest(const char *hex)
{
	struct sha256 sha256;

	assert_int_equal(sha256_read(hex, &sha256), 0);
	return sha256;
}

static void refused(const char *text, enum fault_code code, const char *said)
{
	struct deny *deny = NULL;
	struct fault why = {0};

	assert_int_equal(deny_parse(text, strlen(text), &deny, &why), -1);
	assert_null(deny);
	assert_int_equal(why.code, code);
	if (!strstr(why.text, said) && !strstr(why.cause, said))
		fail_msg("%s / %s, not %s", why.text, why.cause, said);
}

static void a_list_says_which_digests_and_why(void **state)
{
	OWNED(deny_drop) struct deny *deny = NULL;
	const char *text = LIST(ENTRY(A, "drops mail") "," ENTRY(B, "leaks"));
	struct sha256 a = digest(A), b = digest(B), other = {{9}};
	struct fault why = {0};

	(void)state;
	assert_int_equal(deny_parse(text, strlen(text), &deny, &why), 0);
	assert_int_equal(deny->count, 2);
	assert_string_equal(deny_find(deny, &a)->reason, "drops mail");
	assert_int_equal(deny_find(deny, &b)->since, 1767323045);
	assert_null(deny_find(deny, &other));
}

static void what_is_written_reads_back_and_is_in_order(void **state)
{
	OWNED(deny_drop) struct deny *deny = NULL;
	OWNED(deny_drop) struct deny *again = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct sha256 a = digest(A), b = digest(B);
	struct fault why = {0};

	(void)state;
	assert_int_equal(deny_new(&deny, &why), 0);
	assert_int_equal(deny_add(deny, &b, "second", 20, &why), 0);
	assert_int_equal(deny_add(deny, &a, "first", 10, &why), 0);
	assert_int_equal(deny_add(deny, &b, "told better", 30, &why), 0);
	assert_int_equal(deny_write(deny, &text, &why), 0);
	assert_int_equal(deny_parse(text.data, text.len, &again, &why), 0);
	assert_int_equal(again->count, 2);
	assert_string_equal(again->entries[0].reason, "first");
	assert_string_equal(again->entries[1].reason, "told better");
	assert_int_equal(again->entries[1].since, 20);
	assert_int_equal(deny_remove(again, &a, &why), 0);
	assert_int_equal(again->count, 1);
	assert_null(deny_find(again, &a));
	assert_non_null(deny_find(again, &b));
	assert_int_equal(deny_remove(again, &a, &why), -1);
	assert_int_equal(why.code, FAULT_NOT_FOUND);
}

static void what_is_not_exactly_a_list_is_refused(void **state)
{
	(void)state;
	refused("[]", FAULT_FORMAT, "not a JSON object");
	refused("{\"schema\":\"bpfseal.deny/2\",\"denied\":[]}", FAULT_FORMAT, "schema");
	refused("{\"schema\":\"bpfseal.deny/1\"}", FAULT_FORMAT, "denied");
	refused("{\"schema\":\"bpfseal.deny/1\",\"denied\":[],\"allowed\":[]}", FAULT_FORMAT,
		"allowed");
	refused(LIST("7"), FAULT_FORMAT, "not an object");
	refused(LIST(ENTRY("12", "short")), FAULT_FORMAT, "digest");
	refused(LIST(ENTRY(A, "")), FAULT_FORMAT, "reason");
	refused(LIST(ENTRY(A, "two\\nlines")), FAULT_FORMAT, "one line");
	refused(LIST("{\"sha256\":\"" A "\",\"reason\":\"r\",\"since\":\"yesterday\"}"),
		FAULT_FORMAT, "yesterday");
	refused(LIST("{\"sha256\":\"" A "\",\"reason\":\"r\",\"since\":\"2026-01-02T03:04:05Z\","
		     "\"until\":\"x\"}"),
		FAULT_FORMAT, "until");
	refused(LIST(ENTRY(A, "r") "," ENTRY(A, "r")), FAULT_FORMAT, "twice");
	refused(LIST(ENTRY(B, "r") "," ENTRY(A, "r")), FAULT_FORMAT, "order");
}

static void a_list_has_a_limit_and_the_longest_one_fits(void **state)
{
	OWNED(deny_drop) struct deny *deny = NULL;
	OWNED(deny_drop) struct deny *again = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct sha256 sha256 = {{0}};
	char reason[DENY_REASON_MAX + 2];
	struct fault why = {0};

	(void)state;
	memset(reason, '"', sizeof(reason)); // the longest there are in JSON
	reason[DENY_REASON_MAX] = '\0';
	assert_int_equal(deny_new(&deny, &why), 0);
	for (unsigned i = 0; i < DENY_ENTRIES_MAX; i++) {
		memcpy(&sha256, &i, sizeof(i));
		assert_int_equal(deny_add(deny, &sha256, reason, 1, &why), 0);
	}
	memset(&sha256, 0xff, sizeof(sha256));
	assert_int_equal(deny_add(deny, &sha256, reason, 1, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
	assert_int_equal(deny->count, DENY_ENTRIES_MAX);
	assert_int_equal(deny_write(deny, &text, &why), 0);
	assert_in_range(text.len, 1, DENY_MAX);
	assert_int_equal(deny_parse(text.data, text.len, &again, &why), 0);
	reason[DENY_REASON_MAX] = 'x';
	reason[DENY_REASON_MAX + 1] = '\0';
	assert_int_equal(deny_remove(deny, &deny->entries[0].sha256, &why), 0);
	assert_int_equal(deny_add(deny, &sha256, reason, 1, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_list_says_which_digests_and_why),
		cmocka_unit_test(what_is_written_reads_back_and_is_in_order),
		cmocka_unit_test(what_is_not_exactly_a_list_is_refused),
		cmocka_unit_test(a_list_has_a_limit_and_the_longest_one_fits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
