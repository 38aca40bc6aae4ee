// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/finding.h"

// A chain of two on interface 7 where all is well.
static struct truth sound(void)
{
	struct truth truth = {.by = TRUTH_BY_XDP,
			      .linked = true,
			      .attached = true,
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
	truth.attached = false;
	FINDS(truth, "link_detached");
	truth = sound();
	truth.linked = truth.attached = false;
	FINDS(truth, "link_detached");
	truth = sound();
	truth.link.ifindex = 8; // the interface was made anew under the same name
	truth.attached = false;
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
	truth.before = (struct truth_others){1, {{.kind = "tcx", .program_id = 5}}};
	FINDS(truth, "foreign_before");
	truth = sound();
	truth.after = (struct truth_others){1, {{.kind = "flower", .pref = 9}}};
	FINDS(truth, "foreign_after");
	truth = sound();
	truth.doubled = true;
	FINDS(truth, "attached_twice");
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

static void what_apply_cannot_mend_is_no_damage_and_a_note_is_no_finding(void **state)
{
	struct truth truth = sound();
	struct findings list = {0};
	struct fault why = {0};

	(void)state;
	truth.before = (struct truth_others){1, {{.kind = "tcx", .program_id = 5}}};
	truth.after = (struct truth_others){
		1, {{.kind = "bpf", .program_id = 6, .pref = 10, .handle = 2, .name = "theirs"}}};
	assert_int_equal(findings_damage(&list, "eth0", HOOK_TC_INGRESS, &truth, NULL, &why), 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(findings_count(&list, FINDING_BROKEN), 0);
	assert_int_equal(findings_count(&list, FINDING_BEYOND), 1);
	assert_non_null(strstr(list.list[0].text, "TCX program 5"));
	assert_non_null(strstr(list.list[1].text,
			       "clsact bpf filter, pref 10, handle 0x2, program 6, \"theirs\""));
	findings_drop(&list);
}

static void more_programs_than_the_list_holds_are_still_counted(void **state)
{
	struct truth truth = sound();
	struct findings list = {0};
	struct fault why = {0};

	(void)state;
	truth.before.count = TRUTH_OTHERS_MAX + 3;
	assert_int_equal(findings_damage(&list, "eth0", HOOK_TC_INGRESS, &truth, NULL, &why), 0);
	assert_int_equal(list.count, TRUTH_OTHERS_MAX);
	findings_drop(&list);
}

static struct json *parsed(const char *text)
{
	struct json *json = NULL;
	struct fault why = {0};

	if (json_parse(text, strlen(text), "test", &json, &why))
		fail_msg("%s", why.text);
	return json;
}

// Whether the record fits a line of the file that says these values.
static bool fits_values(const struct json *recorded, struct node_use *use, const char *object)
{
	OWNED(json_drop) struct json *json = parsed(object);
	bool fits;

	use->object = json;
	fits = record_fits_use(recorded, use);
	use->object = NULL;
	return fits;
}

static void a_recorded_member_fits_its_values_in_whatever_order(void **state)
{
	OWNED(json_drop)
	struct json *recorded =
		parsed("{\"name\":\"net/a\",\"version\":\"1.2.3\",\"from\":\"corp\","
		       "\"entry\":\"a\",\"maps\":{\"m\":[{\"key\":1,\"value\":2},{\"key\":{"
		       "\"a\":1,\"b\":2},\"value\":3}]},\"globals\":{\"g\":1}}");
	struct node_use use = {
		.use = (char[]){"net/a"}, .version = (char[]){"1.2.*"}, .from = (char[]){"corp"}};

	(void)state;
	assert_true(
		fits_values(recorded, &use,
			    "{\"maps\":{\"//\":\"why\",\"n\":[],\"m\":[{\"value\":3,\"//\":\"x\","
			    "\"key\":{\"b\":2,\"a\":1}},{\"key\":1,\"value\":2}]},"
			    "\"globals\":{\"//\":\"y\",\"g\":1}}"));
	assert_false(fits_values(recorded, &use,
				 "{\"maps\":{\"m\":[{\"key\":1,\"value\":2},{\"key\":{\"a\":1,"
				 "\"b\":2},\"value\":4}]},\"globals\":{\"g\":1}}"));
	assert_false(fits_values(recorded, &use,
				 "{\"maps\":{\"m\":[{\"key\":1,\"value\":2}]},\"globals\":{"
				 "\"g\":1}}"));
	assert_false(fits_values(recorded, &use, "{\"globals\":{\"g\":1}}"));
	assert_false(fits_values(recorded, &use,
				 "{\"maps\":{\"m\":[{\"key\":1,\"value\":2},{\"key\":{\"a\":1,"
				 "\"b\":2},\"value\":3}],\"o\":[{\"key\":1,\"value\":2}]},"
				 "\"globals\":{\"g\":1}}"));
	assert_false(fits_values(recorded, &use,
				 "{\"maps\":{\"m\":[{\"key\":1,\"value\":2},{\"key\":{\"a\":1,"
				 "\"b\":2},\"value\":3}]},\"globals\":{\"g\":2}}"));
	assert_false(fits_values(recorded, &use,
				 "{\"maps\":{\"m\":[{\"key\":1,\"value\":2},{\"key\":{\"a\":1,"
				 "\"b\":2},\"value\":3}]}}"));
}

static void a_recorded_member_fits_its_line_of_the_file(void **state)
{
	OWNED(json_drop)
	struct json *recorded = parsed("{\"name\":\"net/a\",\"version\":\"1.2.3\",\"from\":"
				       "\"corp\",\"entry\":\"a\",\"maps\":{}}");
	struct node_use use = {
		.use = (char[]){"net/a"}, .version = (char[]){"1.2.*"}, .from = (char[]){"corp"}};

	(void)state;
	assert_true(record_fits_use(recorded, &use));
	use.version = (char[]){"1.3.*"};
	assert_false(record_fits_use(recorded, &use));
	use.version = (char[]){"*"};
	use.program = (char[]){"b"};
	assert_false(record_fits_use(recorded, &use));
	use.program = NULL;
	assert_true(record_fits_use(recorded, &use));
	use.from = (char[]){"other"};
	assert_false(record_fits_use(recorded, &use));
}

static const char *drift(const char *record, const char *chain)
{
	OWNED(json_drop) struct json *recorded = parsed(record);
	OWNED(findings_drop) struct findings list = {0};
	OWNED(node_drop) struct node *node = NULL;
	struct truth truth = sound();
	struct fault why = {0};
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"repositories\":{\"corp\":{\"url\":\"https://repo.test\"}},"
		 "\"interfaces\":{\"eth0\":{\"xdp\":%s}}}",
		 chain);
	assert_int_equal(node_parse(text, strlen(text), "node.json", &node, &why), 0);
	assert_int_equal(findings_drift(&list, "eth0", HOOK_XDP, &node->interfaces[0], &truth,
					recorded, &why),
			 0);
	return list.count ? list.list[0].code : "";
}

#define MEMBER(name, place)                                                           \
	"{\"name\":\"" name                                                           \
	"\",\"version\":\"1.0.0\",\"from\":\"corp\",\"entry\":\"e\",\"place\":" place \
	",\"maps\":{}}"
#define LINE(name, place, how)                                                            \
	"{\"name\":\"" name "\",\"version\":\"1.0.0\",\"from\":\"corp\",\"place\":" place \
	",\"on_denied\":\"" how "\",\"reason\":\"leaks\"}"
#define USE(name) "{\"use\":\"" name "\",\"version\":\"1.*\"}"

static void what_was_denied_is_no_drift(void **state)
{
	(void)state;
	assert_string_equal(
		drift("{\"members\":[" MEMBER("net/a", "0") "," MEMBER(
			      "net/c", "2") "],\"denied\":[" LINE("net/b", "1", "remove") "]}",
		      "[" USE("net/a") "," USE("net/b") "," USE("net/c") "]"),
		"");
	// Another program asked for in its place is.
	assert_string_equal(
		drift("{\"members\":[" MEMBER("net/a", "0") "," MEMBER(
			      "net/c", "2") "],\"denied\":[" LINE("net/b", "1", "remove") "]}",
		      "[" USE("net/a") "," USE("net/d") "," USE("net/c") "]"),
		"drift_from_config");
	assert_string_equal(
		drift("{\"members\":[" MEMBER("net/a", "0") "," MEMBER(
			      "net/c", "2") "],\"denied\":[" LINE("net/b", "1", "remove") "]}",
		      "[" USE("net/a") "," USE("net/c") "]"),
		"drift_from_config");
	assert_string_equal(
		drift("{\"members\":[" MEMBER("net/a", "0") "," MEMBER(
			      "net/b", "1") "],\"denied\":[" LINE("net/b", "1",
								  "keep-and-alarm") "]}",
		      "[" USE("net/a") "," USE("net/b") "]"),
		"");
}

static void every_denial_is_found(void **state)
{
	OWNED(json_drop)
	struct json *record = parsed("{\"members\":[" MEMBER("net/a", "0") "],\"denied\":[" LINE(
		"net/b", "1", "remove") "," LINE("net/c", "2", "drop") "]}");
	OWNED(findings_drop) struct findings list = {0};
	OWNED(drop_fd) int fd = -1;
	char dir[] = "/tmp/bpfseal-finding-XXXXXX";
	struct fault why = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(dir_open(dir, &fd, &why), 0);
	// No list is kept there: the lines of the record are all there is.
	assert_int_equal(findings_denied(&list, "eth0", HOOK_XDP, record, fd, &why), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(list.list[0].code, "denied");
	assert_non_null(strstr(list.list[0].text, "net/b 1.0.0"));
	assert_non_null(strstr(list.list[0].text, "goes on without it"));
	assert_non_null(strstr(list.list[1].text, "dropped"));
	assert_non_null(strstr(list.list[1].text, "leaks"));
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sound_chain_has_no_findings),
		cmocka_unit_test(each_damage_has_its_code),
		cmocka_unit_test(what_apply_cannot_mend_is_no_damage_and_a_note_is_no_finding),
		cmocka_unit_test(more_programs_than_the_list_holds_are_still_counted),
		cmocka_unit_test(a_recorded_member_fits_its_line_of_the_file),
		cmocka_unit_test(a_recorded_member_fits_its_values_in_whatever_order),
		cmocka_unit_test(what_was_denied_is_no_drift),
		cmocka_unit_test(every_denial_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
