// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/manifest.h"
#include "bpf/manifestreader.h"

#define DIGEST "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// A whole manifest, of which one piece at a time is exchanged.
#define PROGRAM "{\"object\":\"a.bpf.o\",\"entry\":\"count\",\"hook\":\"xdp\",\"linkage\":\"wrap\"}"
#define MAP                                                                              \
	"{\"name\":\"counts\",\"object\":\"a.bpf.o\",\"type\":\"array\",\"key_size\":4," \
	"\"value_size\":8,\"max_entries\":2,\"purpose\":\"counter\"}"
#define MEMBER "{\"name\":\"a.bpf.o\",\"size\":9,\"sha256\":\"" DIGEST "\"}"
#define HEAD(publisher, version)                                                               \
	"{\"schema\":\"bpfseal.bundle/1\",\"publisher\":\"" publisher "\",\"name\":\"count\"," \
	"\"version\":\"" version "\",\"description\":\"d\",\"license\":\"GPL-2.0-only\","
#define WHOLE(publisher, version, programs, maps, files) \
	HEAD(publisher, version)                         \
	"\"programs\":[" programs "],\"maps\":[" maps "],\"files\":[" files "]}"

static int parse(const char *text, struct fault *why)
{
	OWNED(manifest_drop) struct manifest *manifest = NULL;

	*why = (struct fault){0};
	return manifest_parse(text, strlen(text), "m.json", &manifest, why);
}

static void refused(const char *text, enum fault_code code)
{
	struct fault why;

	assert_int_equal(parse(text, &why), -1);
	assert_int_equal(why.code, code);
	assert_true(why.text[0] != '\0');
}

static void a_whole_manifest_is_read(void **state)
{
	const char *text = WHOLE("net", "1.2.3", PROGRAM, MAP, MEMBER);
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(manifest_parse(text, strlen(text), "m.json", &manifest, &why), 0);
	assert_string_equal(manifest->publisher, "net");
	assert_string_equal(manifest->version, "1.2.3");
	assert_int_equal(manifest->programs[0].linkage, LINK_WRAP);
	assert_int_equal(manifest->programs[0].continue_count, 1);
	assert_int_equal(manifest->programs[0].continue_on[0], 2);
	assert_int_equal(manifest->maps[0].value_size, 8);
	assert_string_equal(manifest->maps[0].unit, "");
	assert_int_equal(manifest_file(manifest, "a.bpf.o")->size, 9);
	assert_null(manifest_file(manifest, "b.bpf.o"));
}

static void what_is_written_reads_back_and_writes_the_same(void **state)
{
	const char *text = WHOLE("net", "1.2.3",
				 "{\"object\":\"a.bpf.o\",\"entry\":\"in\",\"hook\":\"tc_ingress\","
				 "\"linkage\":\"own_map\","
				 "\"next_map\":\"next\",\"continue_on\":[\"TC_ACT_OK\",-1]}",
				 MAP, MEMBER);
	OWNED(manifest_drop) struct manifest *first = NULL;
	OWNED(manifest_drop) struct manifest *second = NULL;
	OWNED(bytes_drop) struct bytes once = {0};
	OWNED(bytes_drop) struct bytes twice = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(manifest_parse(text, strlen(text), "m.json", &first, &why), 0);
	assert_int_equal(manifest_write(first, &once, &why), 0);
	assert_int_equal(manifest_parse(once.data, once.len, "m.json", &second, &why), 0);
	assert_int_equal(manifest_write(second, &twice, &why), 0);
	assert_string_equal(bytes_text(&once), bytes_text(&twice));
	assert_string_equal(second->programs[0].next_map, "next");
	assert_int_equal(second->programs[0].continue_count, 2);
	assert_int_equal(second->programs[0].continue_on[1], -1);
}

static void an_unknown_key_is_refused_with_its_place_and_the_nearest_name(void **state)
{
	struct fault why;

	(void)state;
	assert_int_equal(parse("{\n \"publischer\": \"net\"}", &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
	assert_non_null(strstr(why.text, "publisher"));
	assert_non_null(strstr(why.where, "m.json:2:"));
}

static void a_key_that_stands_twice_is_refused(void **state)
{
	(void)state;
	refused("{\"publisher\":\"net\",\"publisher\":\"lab\"}", FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP, MEMBER) "{}", FAULT_FORMAT);
}

static void a_name_that_is_no_plain_name_is_refused(void **state)
{
	(void)state;
	refused(WHOLE("../net", "1.2.3", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("Net", "1.2.3", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("", "1.2.3", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("net\\u001b[2J", "1.2.3", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP,
		      "{\"name\":\"../a\",\"size\":9,\"sha256\":\"" DIGEST "\"}"),
		FAULT_FORMAT);
}

static void a_version_with_another_spelling_is_refused(void **state)
{
	(void)state;
	refused(WHOLE("net", "1.2", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("net", "01.2.3", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3 ", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("net", "1.2.2147483648", PROGRAM, MAP, MEMBER), FAULT_FORMAT);
}

static void an_object_that_is_no_file_of_the_bundle_is_refused(void **state)
{
	(void)state;
	refused(WHOLE("net", "1.2.3", PROGRAM, "",
		      "{\"name\":\"b.bpf.o\",\"size\":9,\"sha256\":\"" DIGEST "\"}"),
		FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM,
		      "{\"name\":\"m\",\"object\":\"b.bpf.o\",\"type\":\"array\",\"key_size\":4,"
		      "\"value_size\":8,\"max_entries\":2,\"purpose\":\"state\"}",
		      MEMBER),
		FAULT_FORMAT);
}

static void a_file_that_stands_twice_or_is_the_manifest_is_refused(void **state)
{
	(void)state;
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP, MEMBER "," MEMBER), FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP,
		      MEMBER ",{\"name\":\"manifest.json\",\"size\":9,\"sha256\":\"" DIGEST "\"}"),
		FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP, ""), FAULT_FORMAT);
}

static void a_digest_that_nearly_parses_is_refused(void **state)
{
	(void)state;
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP,
		      "{\"name\":\"a.bpf.o\",\"size\":9,\"sha256\":\" " DIGEST "\"}"),
		FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP,
		      "{\"name\":\"a.bpf.o\",\"size\":9,\"sha256\":\"\"}"),
		FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP, "{\"name\":\"a.bpf.o\",\"size\":9}"),
		FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP,
		      "{\"name\":\"a.bpf.o\",\"size\":-1,\"sha256\":\"" DIGEST "\"}"),
		FAULT_FORMAT);
}

#define LINKED(rest)                                                                         \
	WHOLE("net", "1.2.3",                                                                \
	      "{\"object\":\"a.bpf.o\",\"entry\":\"count\",\"hook\":\"xdp\"," rest "}", MAP, \
	      MEMBER)

static void a_linkage_that_makes_no_sense_is_refused(void **state)
{
	struct fault why;

	(void)state;
	refused(LINKED("\"linkage\":\"magic\""), FAULT_FORMAT);
	refused(LINKED("\"linkage\":\"own_map\""), FAULT_FORMAT);
	refused(LINKED("\"linkage\":\"wrap\",\"next_map\":\"next\""), FAULT_FORMAT);
	refused(LINKED("\"linkage\":\"terminal\",\"continue_on\":[\"XDP_PASS\"]"), FAULT_FORMAT);
	refused(LINKED("\"linkage\":\"wrap\",\"continue_on\":[]"), FAULT_FORMAT);
	refused(LINKED("\"linkage\":\"wrap\",\"continue_on\":[\"TC_ACT_OK\"]"), FAULT_FORMAT);
	refused(LINKED("\"linkage\":\"wrap\",\"continue_on\":[5]"), FAULT_FORMAT);
	refused(LINKED("\"linkage\":\"wrap\",\"continue_on\":[2,\"XDP_PASS\"]"), FAULT_FORMAT);
	assert_int_equal(parse(LINKED("\"linkage\":\"terminal\""), &why), 0);
}

static void a_program_that_stands_twice_for_a_hook_is_refused(void **state)
{
	(void)state;
	refused(WHOLE("net", "1.2.3", PROGRAM "," PROGRAM, MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", PROGRAM, MAP "," MAP, MEMBER), FAULT_FORMAT);
	refused(WHOLE("net", "1.2.3", "", MAP, MEMBER), FAULT_FORMAT);
}

#define PROBE(rest) \
	WHOLE("net", "1.2.3", "{\"object\":\"a.bpf.o\",\"entry\":\"count\"," rest "}", MAP, MEMBER)

static void a_probe_names_its_event_and_nothing_of_a_chain(void **state)
{
	const char *good = PROBE("\"hook\":\"tracepoint\",\"attach\":\"sched/sched_switch\"");
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(bytes_drop) struct bytes written = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(manifest_parse(good, strlen(good), "m.json", &manifest, &why), 0);
	assert_int_equal(manifest->programs[0].hook, HOOK_PROBE);
	assert_int_equal(manifest->programs[0].probe, PROBE_TRACEPOINT);
	assert_string_equal(manifest->programs[0].target, "sched/sched_switch");
	assert_int_equal(manifest_write(manifest, &written, &why), 0);
	assert_int_equal(parse(bytes_text(&written), &why), 0);
	assert_int_equal(parse(PROBE("\"hook\":\"kprobe\",\"attach\":\"tcp_connect\""), &why), 0);
	refused(PROBE("\"hook\":\"tracepoint\""), FAULT_FORMAT);
	refused(PROBE("\"hook\":\"probe\",\"attach\":\"a/b\""), FAULT_FORMAT);
	refused(PROBE("\"hook\":\"tracepoint\",\"attach\":\"sched\""), FAULT_FORMAT);
	refused(PROBE("\"hook\":\"tracepoint\",\"attach\":\"../../etc/x\""), FAULT_FORMAT);
	refused(PROBE("\"hook\":\"kprobe\",\"attach\":\"a b\""), FAULT_FORMAT);
	refused(PROBE("\"hook\":\"kprobe\",\"attach\":\"x\",\"linkage\":\"wrap\""), FAULT_FORMAT);
	refused(PROBE("\"hook\":\"xdp\",\"attach\":\"x\",\"linkage\":\"wrap\""), FAULT_FORMAT);
	refused(PROBE("\"hook\":\"uprobe\",\"attach\":\"x\""), FAULT_FORMAT);
}

static void a_source_needs_neither_files_nor_sizes(void **state)
{
	const char *text = "{\"publisher\":\"net\",\"name\":\"count\",\"version\":\"1.0.0\","
			   "\"license\":\"GPL-2.0-only\",\"programs\":[{\"object\":\"a.bpf.o\","
			   "\"entry\":\"count\",\"hook\":\"tc_egress\"}],"
			   "\"maps\":[{\"name\":\"counts\",\"unit\":\"packets\"}]}";
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(manifest_parse_source(text, strlen(text), "s.json", &manifest, &why), 0);
	assert_int_equal(manifest->file_count, 0);
	assert_int_equal(manifest->programs[0].continue_count, 3);
	assert_string_equal(manifest->maps[0].purpose, "state");
	assert_string_equal(manifest->maps[0].object, "");
	assert_int_equal(parse(text, &why), -1);
}

static void a_manifest_past_the_cap_is_refused_unread(void **state)
{
	static char text[MANIFEST_MAX + 1];

	(void)state;
	memset(text, '[', sizeof text - 1);
	refused(text, FAULT_FORMAT);
	text[0] = ' ';

	OWNED(manifest_drop) struct manifest *manifest = NULL;
	struct fault why = {0};

	assert_int_equal(manifest_parse(text, sizeof text, "m.json", &manifest, &why), -1);
	assert_int_equal(why.code, FAULT_TOO_LARGE);
}

static void versions_compare_as_numbers(void **state)
{
	(void)state;
	assert_true(version_compare("1.9.0", "1.10.0") < 0);
	assert_true(version_compare("2.0.0", "1.99.99") > 0);
	assert_int_equal(version_compare("1.2.3", "1.2.3"), 0);
	assert_true(version_compare("junk", "0.0.0") < 0);
}

static void a_pattern_matches_whole_numbers_only(void **state)
{
	struct fault why = {0};

	(void)state;
	assert_true(version_matches("1.4.2", "1.4.*"));
	assert_true(version_matches("1.4.2", "1.*"));
	assert_true(version_matches("1.4.2", "*"));
	assert_true(version_matches("1.4.2", "1.4.2"));
	assert_false(version_matches("1.41.2", "1.4.*"));
	assert_false(version_matches("1.4.20", "1.4.2"));
	assert_false(version_matches("1.4", "1.4"));
	assert_int_equal(version_pattern_check("1.*", &why), 0);
	assert_int_equal(version_pattern_check("1.4", &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_int_equal(version_pattern_check("1.4*", &why), -1);
	assert_int_equal(version_pattern_check("1.2.3.*", &why), -1);
	assert_int_equal(version_pattern_check("", &why), -1);
}

static void a_source_names_what_it_is_compiled_from(void **state)
{
	const char *text = HEAD("net", "1.0.0") "\"programs\":[{\"source\":\"a.bpf.c\",\"entry\":"
						"\"count\",\"hook\":\"xdp\"}]}";
	const char *odd = HEAD("net", "1.0.0") "\"programs\":[{\"source\":\"a.bpf.o\",\"entry\":"
					       "\"count\",\"hook\":\"xdp\"}]}";
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(manifest_drop) struct manifest *none = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(manifest_parse_source(text, strlen(text), "s.json", &manifest, &why), 0);
	assert_string_equal(manifest->programs[0].source, "a.bpf.c");
	assert_string_equal(manifest->programs[0].object, "a.bpf.o");
	assert_int_equal(manifest_parse_source(odd, strlen(odd), "s.json", &none, &why), -1);
	assert_non_null(strstr(why.text, "does not end in .c"));
	assert_non_null(strstr(why.where, "s.json:1:"));
	// In a bundle there is nothing to compile.
	refused(WHOLE("net", "1.0.0",
		      "{\"object\":\"a.bpf.o\",\"source\":\"a.bpf.c\",\"entry\":\"count\","
		      "\"hook\":\"xdp\",\"linkage\":\"wrap\"}",
		      MAP, MEMBER),
		FAULT_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_manifest_is_read),
		cmocka_unit_test(what_is_written_reads_back_and_writes_the_same),
		cmocka_unit_test(an_unknown_key_is_refused_with_its_place_and_the_nearest_name),
		cmocka_unit_test(a_key_that_stands_twice_is_refused),
		cmocka_unit_test(a_name_that_is_no_plain_name_is_refused),
		cmocka_unit_test(a_version_with_another_spelling_is_refused),
		cmocka_unit_test(an_object_that_is_no_file_of_the_bundle_is_refused),
		cmocka_unit_test(a_file_that_stands_twice_or_is_the_manifest_is_refused),
		cmocka_unit_test(a_digest_that_nearly_parses_is_refused),
		cmocka_unit_test(a_linkage_that_makes_no_sense_is_refused),
		cmocka_unit_test(a_program_that_stands_twice_for_a_hook_is_refused),
		cmocka_unit_test(a_probe_names_its_event_and_nothing_of_a_chain),
		cmocka_unit_test(a_source_names_what_it_is_compiled_from),
		cmocka_unit_test(a_source_needs_neither_files_nor_sizes),
		cmocka_unit_test(a_manifest_past_the_cap_is_refused_unread),
		cmocka_unit_test(versions_compare_as_numbers),
		cmocka_unit_test(a_pattern_matches_whole_numbers_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
