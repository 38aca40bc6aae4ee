// SPDX-License-Identifier: Apache-2.0
#include "loader/previous.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/hold.h"
#include "loader/record.h"
#include "tests/unit/place.h"

#define MEMBER(name, version, at)                                                   \
	"{\"name\":\"net/" name "\",\"version\":\"" version "\",\"from\":\"corp\"," \
	"\"place\":" #at ",\"bundle\":\"b" version "\",\"object\":\"o" version      \
	"\",\"entry\":\"e\",\"maps\":{}}"
#define DENIED(name, version, at)                                                   \
	"{\"name\":\"net/" name "\",\"version\":\"" version "\",\"from\":\"corp\"," \
	"\"place\":" #at ",\"on_denied\":\"remove\"}"
#define CHAIN(iface, members, more)                                                            \
	"{\"interface\":\"" iface "\",\"hook\":\"xdp\",\"generation\":7,\"members\":[" members \
	"]" more "}"

static void commit(const struct place *place, const char *chains)
{
	OWNED(json_drop) struct json *record = NULL;
	struct fault why = {0};
	char text[4096];

	snprintf(text, sizeof(text), "{\"schema\":\"bpfseal.record/1\",\"chains\":[%s]}", chains);
	if (json_parse(text, strlen(text), "record", &record, &why) ||
	    record_commit(place->fd, record, &why))
		fail_msg("%s: %s", why.text, why.cause);
}

// What there is to go back to: "eth0 a 1.0.0, eth1 -".
static void back_to(const struct place *place, const char *iface, const char *expected)
{
	OWNED(json_drop) struct json *active = NULL;
	OWNED(json_drop) struct json *list = NULL;
	char text[1024] = "";
	struct fault why = {0};

	assert_int_equal(record_read(place->fd, RECORD_ACTIVE, &active, &why), 0);
	if (previous_last(place->fd, active, iface, &list, &why))
		snprintf(text, sizeof(text), "%s", why.text);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *chain = json_item(list, i);
		const struct json *members = json_member(chain, "members");

		assert_null(hold_of(chain));
		sprintf(text + strlen(text), "%s%s", i ? ", " : "",
			json_text(json_member(chain, "interface")));
		for (size_t k = 0; k < json_count(members); k++)
			sprintf(text + strlen(text), " %s %s",
				json_text(json_member(json_item(members, k), "name")) + 4,
				json_text(json_member(json_item(members, k), "version")));
		if (!json_count(members))
			strcat(text, " -");
	}
	assert_string_equal(text, expected);
}

#define NOTHING "there is no earlier plan of this node to go back to"

static void before_a_second_plan_there_is_nothing_to_go_back_to(void **state)
{
	back_to(*state, NULL, NOTHING);
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ""));
	back_to(*state, NULL, NOTHING);
	back_to(*state, "eth0", "there is no earlier plan of eth0 to go back to");
}

static void
the_plan_before_the_last_one_is_what_is_gone_back_to_and_both_change_places(void **state)
{
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ""));
	commit(*state, CHAIN("eth0", MEMBER("a", "2.0.0", 0), ""));
	back_to(*state, NULL, "eth0 a 1.0.0");
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ",\"held\":{\"since\":\"x\"}"));
	back_to(*state, NULL, "eth0 a 2.0.0");
	commit(*state, CHAIN("eth0", MEMBER("a", "2.0.0", 0), ""));
	back_to(*state, NULL, "eth0 a 1.0.0");
}

static void another_order_is_another_plan(void **state)
{
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0) "," MEMBER("b", "1.0.0", 1), ""));
	commit(*state, CHAIN("eth0", MEMBER("b", "1.0.0", 0) "," MEMBER("a", "1.0.0", 1), ""));
	back_to(*state, NULL, "eth0 a 1.0.0 b 1.0.0");
}

static void other_values_are_another_plan(void **state)
{
	static const char member[] = "{\"name\":\"net/a\",\"version\":\"1.0.0\",\"place\":0,"
				     "\"maps\":{\"m\":[{\"key\":0,\"value\":%d}]}}";
	char first[512], second[512], chain[1024];

	snprintf(first, sizeof(first), member, 1);
	snprintf(second, sizeof(second), member, 2);
	snprintf(chain, sizeof(chain), CHAIN("eth0", "%s", ""), first);
	commit(*state, chain);
	snprintf(chain, sizeof(chain), CHAIN("eth0", "%s", ""), second);
	commit(*state, chain);
	back_to(*state, NULL, "eth0 a 1.0.0");
}

static void a_chain_built_again_or_made_shorter_by_a_denial_is_nothing_to_go_back_to(void **state)
{
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ""));
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0) "," MEMBER("b", "1.0.0", 1), ""));
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0) "," MEMBER("b", "1.0.0", 1), ""));
	back_to(*state, NULL, "eth0 a 1.0.0");
	commit(*state,
	       CHAIN("eth0", MEMBER("a", "1.0.0", 0), ",\"denied\":[" DENIED("b", "1.0.0", 1) "]"));
	back_to(*state, NULL, "eth0 a 1.0.0");
}

// What changed three weeks ago somewhere else is left alone.
static void the_node_goes_back_by_one_change_and_an_interface_by_its_own_last_one(void **state)
{
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ""));
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0),
			     "") "," CHAIN("eth1", MEMBER("b", "1.0.0", 0), ""));
	back_to(*state, NULL, "eth1 -");
	commit(*state, CHAIN("eth0", MEMBER("a", "2.0.0", 0),
			     "") "," CHAIN("eth1", MEMBER("b", "2.0.0", 0), ""));
	back_to(*state, NULL, "eth0 a 1.0.0, eth1 b 1.0.0");
	commit(*state, CHAIN("eth0", MEMBER("a", "2.0.0", 0),
			     "") "," CHAIN("eth1", MEMBER("b", "3.0.0", 0), ""));
	back_to(*state, NULL, "eth1 b 2.0.0");
	back_to(*state, "eth0", "eth0 a 1.0.0");
	back_to(*state, "eth1", "eth1 b 2.0.0");
	back_to(*state, "eth2",
		"there is no earlier plan of eth2 to go back to: did you mean eth0");
}

static void a_chain_that_was_taken_out_can_come_back(void **state)
{
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ""));
	commit(*state, "");
	back_to(*state, NULL, "eth0 a 1.0.0");
}

// As after a crash between the two files: the commit is done again.
static void a_commit_done_twice_puts_aside_what_one_does(void **state)
{
	commit(*state, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ""));
	commit(*state, CHAIN("eth0", MEMBER("a", "2.0.0", 0), ""));
	commit(*state, CHAIN("eth0", MEMBER("a", "2.0.0", 0), ""));
	back_to(*state, NULL, "eth0 a 1.0.0");
}

static void a_damaged_file_costs_the_way_back_and_not_the_record(void **state)
{
	const struct place *place = *state;
	struct fault why = {0};

	commit(place, CHAIN("eth0", MEMBER("a", "1.0.0", 0), ""));
	assert_int_equal(file_replace_at(place->fd, "previous.json", "{", 1, 0600, &why), 0);
	commit(place, CHAIN("eth0", MEMBER("a", "2.0.0", 0), ""));
	back_to(place, NULL, "eth0 a 1.0.0");
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_PLACE(before_a_second_plan_there_is_nothing_to_go_back_to),
		IN_PLACE(
			the_plan_before_the_last_one_is_what_is_gone_back_to_and_both_change_places),
		IN_PLACE(another_order_is_another_plan),
		IN_PLACE(other_values_are_another_plan),
		IN_PLACE(a_chain_built_again_or_made_shorter_by_a_denial_is_nothing_to_go_back_to),
		IN_PLACE(the_node_goes_back_by_one_change_and_an_interface_by_its_own_last_one),
		IN_PLACE(a_chain_that_was_taken_out_can_come_back),
		IN_PLACE(a_commit_done_twice_puts_aside_what_one_does),
		IN_PLACE(a_damaged_file_costs_the_way_back_and_not_the_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
