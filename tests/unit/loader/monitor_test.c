// SPDX-License-Identifier: Apache-2.0
// What a watcher says from one look to the next; no kernel is asked.
#include "loader/monitor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct stage {
	struct monitor *monitor;
	struct plan_chain chain;
	struct json *record;
	char said[256]; // "found link_detached 7, gone x"
	int64_t after_ms;
	int64_t now;
};

static void listen_to(void *ctx, const struct news *news)
{
	struct stage *stage = ctx;
	size_t used = strlen(stage->said);

	snprintf(stage->said + used, sizeof(stage->said) - used, "%s%s", used ? ", " : "",
		 news_kind_name(news->kind));
	used = strlen(stage->said);
	if (news->code)
		snprintf(stage->said + used, sizeof(stage->said) - used, " %s", news->code);
	used = strlen(stage->said);
	if (news->program)
		snprintf(stage->said + used, sizeof(stage->said) - used, " %u", news->program);
	stage->after_ms = news->after_ms;
}

static int up(void **state)
{
	static struct stage stage;
	struct fault why = {0};
	const char *text = "{\"generation\":1,\"members\":[{}]}";

	memset(&stage, 0, sizeof(stage));
	assert_int_equal(json_parse(text, strlen(text), "record", &stage.record, &why), 0);
	stage.chain = (struct plan_chain){.iface = "eth0", .was = "eth0", .record = stage.record};
	stage.chain.truth = (struct truth){.attached = true, .iface_index = 3, .root_id = 9};
	stage.monitor = monitor_new("/sys/fs/bpf/bpfseal", &stage.chain, 1, &why);
	assert_non_null(stage.monitor);
	*state = &stage;
	return 0;
}

static int down(void **state)
{
	struct stage *stage = *state;
	size_t room = 0;

	monitor_free(stage->monitor, NULL, &room);
	findings_drop(&stage->chain.damage);
	json_free(stage->record);
	return 0;
}

static void damaged(struct stage *stage, const char *code, uint32_t program, const char *text)
{
	struct fault why = {0};

	assert_int_equal(findings_add(&stage->chain.damage, "eth0", HOOK_XDP, program, &why, code,
				      "%s", text),
			 0);
}

static void noted(struct stage *stage, const char *code, enum finding_weight weight)
{
	damaged(stage, code, 0, "");
	stage->chain.damage.list[stage->chain.damage.count - 1].weight = weight;
}

static void whole(struct stage *stage)
{
	findings_drop(&stage->chain.damage);
}

// What one look at the chain as it is now makes it say.
static const char *says(struct stage *stage)
{
	const struct monitor_listener listener = {
		.tell = listen_to, .ctx = stage, .now_ms = stage->now};
	struct fault why = {0};

	stage->said[0] = '\0';
	assert_int_equal(monitor_judge(stage->monitor, &stage->chain, &listener, &why), 0);
	return stage->said;
}

static void a_finding_is_told_once_and_its_end_once(void **state)
{
	struct stage *stage = *state;

	assert_string_equal(says(stage), "");
	damaged(stage, "link_replaced", 7, "program 7");
	assert_string_equal(says(stage), "found link_replaced 7");
	assert_string_equal(says(stage), "");
	assert_true(stage->monitor->broken);
	whole(stage);
	assert_string_equal(says(stage), "gone link_replaced 7");
	assert_string_equal(says(stage), "");
	assert_false(stage->monitor->broken);
}

static void another_program_in_the_same_place_is_another_finding(void **state)
{
	struct stage *stage = *state;

	damaged(stage, "link_replaced", 7, "program 7");
	says(stage);
	whole(stage);
	damaged(stage, "link_replaced", 8, "program 8");
	assert_string_equal(says(stage), "found link_replaced 8, gone link_replaced 7");
}

static void findings_of_one_look_are_told_apart(void **state)
{
	struct stage *stage = *state;

	damaged(stage, "pin_missing", 0, "place 1");
	damaged(stage, "pin_missing", 0, "place 2");
	assert_string_equal(says(stage), "found pin_missing, found pin_missing");
	whole(stage);
	damaged(stage, "pin_missing", 0, "place 2");
	assert_string_equal(says(stage), "gone pin_missing");
}

static void what_is_mended_is_told_with_the_time_that_it_took(void **state)
{
	struct stage *stage = *state;

	stage->now = 1000;
	damaged(stage, "link_detached", 0, "");
	says(stage);
	snprintf(stage->monitor->how, sizeof(stage->monitor->how), "attached");
	stage->now = 1200;
	// It did not help: nothing is said of mending yet.
	assert_string_equal(says(stage), "");
	whole(stage);
	stage->now = 1300;
	assert_string_equal(says(stage), "gone link_detached, mended");
	assert_int_equal(stage->after_ms, 300);
	assert_string_equal(says(stage), "");
}

static void what_is_no_damage_is_nothing_to_mend(void **state)
{
	struct stage *stage = *state;

	noted(stage, "foreign_after", FINDING_NOTE);
	noted(stage, "foreign_before", FINDING_BEYOND);
	assert_string_equal(says(stage), "found foreign_after, found foreign_before");
	assert_false(stage->monitor->broken);
	// Its counters are told as they grow, and mending would not undo them.
	damaged(stage, "fell_through", 0, "5 packets");
	assert_string_equal(says(stage), "");
	assert_false(stage->monitor->broken);
}

static void a_program_before_ours_on_a_tcx_hook_is_something_to_mend(void **state)
{
	struct stage *stage = *state;

	stage->chain.truth.by = TRUTH_BY_TCX;
	stage->chain.truth.before.count = 1;
	noted(stage, "foreign_before", FINDING_BEYOND);
	says(stage);
	assert_true(stage->monitor->broken);
	// Where nothing of ours was applied it is the hook's owner.
	stage->chain.record = NULL;
	says(stage);
	assert_false(stage->monitor->broken);
}

static void to_come_back_is_no_attack(void **state)
{
	struct stage *stage = *state;

	noted(stage, "interface_missing", FINDING_BEYOND);
	stage->chain.truth.iface_index = 0;
	assert_string_equal(says(stage), "found interface_missing");
	assert_false(stage->monitor->broken);
	whole(stage);
	stage->chain.truth.iface_index = 4;
	damaged(stage, "link_detached", 0, "");
	assert_string_equal(says(stage), "found link_detached, gone interface_missing");
	assert_true(stage->monitor->returned);
	assert_string_equal(says(stage), "");
	assert_true(stage->monitor->returned);
	whole(stage);
	says(stage);
	assert_false(stage->monitor->returned);
	damaged(stage, "link_detached", 0, "");
	says(stage);
	assert_false(stage->monitor->returned);
}

static void falls_are_told_at_once_and_then_every_ten_seconds(void **state)
{
	struct stage *stage = *state;
	struct monitor_listener listener = {.tell = listen_to, .ctx = stage};

	stage->monitor->fell = 5;
	monitor_tell_falls(stage->monitor, &listener);
	assert_string_equal(stage->said, "found fell_through");
	monitor_tell_falls(stage->monitor, &listener);
	stage->monitor->fell = 3;
	listener.now_ms = 9999;
	monitor_tell_falls(stage->monitor, &listener);
	assert_string_equal(stage->said, "found fell_through");
	assert_int_equal(stage->monitor->fell, 3);
	listener.now_ms = 10000;
	monitor_tell_falls(stage->monitor, &listener);
	assert_string_equal(stage->said, "found fell_through, found fell_through");
	assert_int_equal(stage->monitor->fell, 0);
}

// Where the kernel has no more notices to give, or a descriptor could not be had.
static void who_cannot_hear_has_to_look_each_time(void **state)
{
	struct stage *stage = *state;

	monitor_glance(stage->monitor, 5);
	assert_false(stage->monitor->suspect);
	stage->monitor->deaf = true;
	monitor_glance(stage->monitor, 7);
	assert_true(stage->monitor->suspect);
	assert_int_equal(stage->monitor->suspect_since, 7);
	monitor_glance(stage->monitor, 9);
	assert_int_equal(stage->monitor->suspect_since, 7);
	says(stage);
	assert_false(stage->monitor->suspect);
}

static void drift_is_told_with_the_rest(void **state)
{
	struct stage *stage = *state;
	struct fault why = {0};

	assert_int_equal(findings_add(&stage->monitor->drift, "eth0", HOOK_XDP, 0, &why,
				      "drift_from_config", "place 1"),
			 0);
	stage->monitor->drift.list[0].weight = FINDING_BEYOND;
	assert_string_equal(says(stage), "found drift_from_config");
	assert_false(stage->monitor->broken);
	findings_drop(&stage->monitor->drift);
	assert_string_equal(says(stage), "gone drift_from_config");
}

static void a_ward_follows_its_pins_and_not_a_name(void **state)
{
	struct stage *stage = *state;
	struct plan_chain renamed = {.iface = "wan0", .was = "eth0"};
	struct plan_chain other = {.iface = "eth0", .was = ""};

	assert_true(monitor_is_of(stage->monitor, &stage->chain));
	assert_true(monitor_is_of(stage->monitor, &renamed));
	assert_false(monitor_is_of(stage->monitor, &other));
	renamed.hook = HOOK_TC_EGRESS;
	assert_false(monitor_is_of(stage->monitor, &renamed));
}

#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_STAGE(a_finding_is_told_once_and_its_end_once),
		ON_STAGE(another_program_in_the_same_place_is_another_finding),
		ON_STAGE(findings_of_one_look_are_told_apart),
		ON_STAGE(what_is_mended_is_told_with_the_time_that_it_took),
		ON_STAGE(what_is_no_damage_is_nothing_to_mend),
		ON_STAGE(a_program_before_ours_on_a_tcx_hook_is_something_to_mend),
		ON_STAGE(to_come_back_is_no_attack),
		ON_STAGE(falls_are_told_at_once_and_then_every_ten_seconds),
		ON_STAGE(who_cannot_hear_has_to_look_each_time),
		ON_STAGE(drift_is_told_with_the_rest),
		ON_STAGE(a_ward_follows_its_pins_and_not_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
