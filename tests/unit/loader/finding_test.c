// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "loader/finding.h"

// A chain of two on interface 7 where all is well.
static struct truth sound(void)
{
	struct truth truth = {.linked = true,
			      .link = {.id = 1, .program_id = 10, .ifindex = 7},
			      .iface_index = 7,
			      .iface_program = 10,
			      .root_number = 1,
			      .root_id = 10,
			      .verdict = 2,
			      .slot = 20,
			      .generation = 1,
			      .entered = true,
			      .count = 2};

	truth.members[0] = (struct truth_member){.program = {.id = 20}, .slot = 20};
	truth.members[1] = (struct truth_member){.program = {.id = 21}, .slot = 21};
	return truth;
}

// The code of the only finding, or "" when there is none.
static const char *found(const struct truth *truth, struct findings *findings)
{
	struct fault why = {0};

	assert_int_equal(findings_damage(findings, "eth0", HOOK_XDP, truth, NULL, &why), 0);
	assert_true(findings->count <= 1);
	return findings->count ? findings->list[0].code : "";
}

#define FINDS(truth, code)                                           \
	do {                                                         \
		OWNED(findings_drop) struct findings list = {0};     \
		assert_string_equal(found(&(truth), &list), (code)); \
	} while (0)

static void a_sound_chain_has_no_findings(void **state)
{
	struct truth truth = sound();

	(void)state;
	FINDS(truth, "");
}

static void each_damage_has_its_code(void **state)
{
	struct truth truth = sound();

	(void)state;
	truth.link.ifindex = 0;
	FINDS(truth, "link_detached");
	truth = sound();
	truth.linked = false;
	FINDS(truth, "link_detached");
	truth = sound();
	truth.link.ifindex = 8; // the interface was made anew under the same name
	FINDS(truth, "link_detached");
	truth = sound();
	truth.link.program_id = 99;
	FINDS(truth, "link_replaced");
	truth = sound();
	truth.iface_index = 0;
	FINDS(truth, "interface_missing");
	truth = sound();
	truth.entered = false;
	FINDS(truth, "root_slot_changed");
	truth = sound();
	truth.before = 5;
	FINDS(truth, "foreign_before");
	truth = sound();
	truth.fell = 3;
	FINDS(truth, "fell_through");
	truth = sound();
	truth.members[0].fell = 1;
	FINDS(truth, "fell_through");
	truth = sound();
	truth.members[1].slot = 0;
	FINDS(truth, "slot_changed");
	truth = sound();
	truth.members[1].slot = 99;
	FINDS(truth, "slot_changed");
	truth = sound();
	truth.members[1].program.id = 0;
	FINDS(truth, "pin_missing");
	truth = sound();
	truth.has_end = true;
	truth.end_id = 30;
	truth.end_slot = 0;
	FINDS(truth, "slot_changed");
}

static struct json *parsed(const char *text)
{
	struct json *json = NULL;
	struct fault why = {0};

	if (json_parse(text, strlen(text), "test", &json, &why))
		fail_msg("%s", why.text);
	return json;
}

static void a_recorded_member_fits_its_line_of_the_file(void **state)
{
	OWNED(json_drop)
	struct json *recorded = parsed("{\"name\":\"net/a\",\"version\":\"1.2.3\",\"entry\":\"a\","
				       "\"maps\":{\"m\":[{\"key\":1,\"value\":2}]}}");
	OWNED(json_drop) struct json *values = parsed("[1,2,3]");
	struct node_map_entry entry = {
		.map = "m", .key = json_item(values, 0), .value = json_item(values, 1)};
	struct node_use use = {.use = (char[]){"net/a"},
			       .version = (char[]){"1.2.*"},
			       .entries = &entry,
			       .entry_count = 1};

	(void)state;
	assert_true(record_fits_use(recorded, &use));
	entry.value = json_item(values, 2);
	assert_false(record_fits_use(recorded, &use));
	entry.value = json_item(values, 1);
	use.entry_count = 0;
	assert_false(record_fits_use(recorded, &use));
	use.entry_count = 1;
	use.version = (char[]){"1.3.*"};
	assert_false(record_fits_use(recorded, &use));
	use.version = (char[]){"*"};
	use.program = (char[]){"b"};
	assert_false(record_fits_use(recorded, &use));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_chain_has_no_findings),
		cmocka_unit_test(each_damage_has_its_code),
		cmocka_unit_test(a_recorded_member_fits_its_line_of_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
