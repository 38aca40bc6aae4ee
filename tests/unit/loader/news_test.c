// SPDX-License-Identifier: Apache-2.0
#include "loader/news.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"

// An hour after a start at 2027-01-15T08:00:00Z.
static const struct moment now = {
	.wall_ms = INT64_C(1800003600500), .steady_ms = 1, .boot_ms = 3600500};
static const struct sys_program who = {.id = 7,
				       .name = "evil",
				       .tag = "0123456789abcdef",
				       .uid = 1000,
				       .loaded_ns = UINT64_C(60000000000)};
static const struct news found = {.kind = NEWS_FOUND,
				  .iface = "eth0",
				  .hook = HOOK_TC_INGRESS,
				  .code = "foreign_before",
				  .weight = FINDING_BEYOND,
				  .program = 7,
				  .text = "program 7"};

static void a_line_says_where_what_and_who(void **state)
{
	char line[512];

	(void)state;
	news_line(&found, NULL, &now, line, sizeof(line));
	assert_string_equal(line, "tc_ingress on eth0: foreign_before: program 7");
	news_line(&found, &who, &now, line, sizeof(line));
	assert_string_equal(line, "tc_ingress on eth0: foreign_before: program 7 (program 7: name "
				  "\"evil\", tag 0123456789abcdef, loaded by uid 1000 at "
				  "2027-01-15T08:01:00Z)");
	news_line(&(struct news){.kind = NEWS_MENDED,
				 .iface = "eth0",
				 .hook = HOOK_XDP,
				 .text = "switched",
				 .after_ms = 12},
		  NULL, &now, line, sizeof(line));
	assert_string_equal(line, "xdp on eth0: mended after 12 ms: switched");
	news_line(&(struct news){.kind = NEWS_ENDED, .text = "the end"}, NULL, &now, line,
		  sizeof(line));
	assert_string_equal(line, "the end");
	// Cut, not overrun.
	news_line(&found, &who, &now, line, 24);
	assert_int_equal(strlen(line), 23);
}

static void a_document_has_the_program_as_far_as_it_may_be_known(void **state)
{
	OWNED(json_drop) struct json *nameless = NULL;
	OWNED(json_drop) struct json *named = NULL;
	const struct json *program;
	struct fault why = {0};

	(void)state;
	assert_int_equal(news_document(&found, NULL, &now, &nameless, &why), 0);
	assert_string_equal(json_text(json_member(nameless, "event")), "found");
	assert_string_equal(json_text(json_member(nameless, "code")), "foreign_before");
	assert_string_equal(json_text(json_member(nameless, "interface")), "eth0");
	assert_string_equal(json_text(json_member(nameless, "hook")), "tc_ingress");
	assert_string_equal(json_text(json_member(nameless, "time")), "2027-01-15T09:00:00Z");
	assert_int_equal(json_int(json_member(nameless, "time_ms")), now.wall_ms);
	assert_false(json_bool(json_member(nameless, "ok")));
	assert_int_equal(json_count(json_member(nameless, "program")), 1);
	assert_int_equal(json_int(json_member(json_member(nameless, "program"), "id")), 7);
	assert_int_equal(news_document(&found, &who, &now, &named, &why), 0);
	program = json_member(named, "program");
	assert_string_equal(json_text(json_member(program, "name")), "evil");
	assert_string_equal(json_text(json_member(program, "tag")), "0123456789abcdef");
	assert_int_equal(json_int(json_member(program, "uid")), 1000);
	assert_string_equal(json_text(json_member(program, "loaded_at")), "2027-01-15T08:01:00Z");
}

static void bad_news_are_not_ok(void **state)
{
	static const struct {
		enum news_kind kind;
		enum finding_weight weight;
		bool ok;
	} all[] = {
		{NEWS_WATCHING, 0, true}, {NEWS_FOUND, FINDING_BROKEN, false},
		{NEWS_GONE, 0, true},	  {NEWS_FOUND, FINDING_BEYOND, false},
		{NEWS_MENDED, 0, true},	  {NEWS_FOUND, FINDING_NOTE, true},
		{NEWS_FAILED, 0, false},  {NEWS_ALARM, 0, false},
		{NEWS_EVICTED, 0, true},  {NEWS_TROUBLE, 0, false},
		{NEWS_ENDED, 0, true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		const struct news news = {.kind = all[i].kind, .weight = all[i].weight};
		OWNED(json_drop) struct json *document = NULL;
		struct fault why = {0};

		assert_int_equal(news_document(&news, NULL, &now, &document, &why), 0);
		assert_int_equal(json_bool(json_member(document, "ok")), all[i].ok);
	}
}

static void an_alarm_says_for_how_long(void **state)
{
	const struct news alarm = {.kind = NEWS_ALARM, .iface = "eth0", .pause_ms = 10000};
	OWNED(json_drop) struct json *document = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(news_document(&alarm, NULL, &now, &document, &why), 0);
	assert_int_equal(json_int(json_member(document, "pause_ms")), 10000);
	assert_null(json_member(document, "after_ms"));
	assert_null(json_member(document, "program"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_says_where_what_and_who),
		cmocka_unit_test(a_document_has_the_program_as_far_as_it_may_be_known),
		cmocka_unit_test(bad_news_are_not_ok),
		cmocka_unit_test(an_alarm_says_for_how_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
