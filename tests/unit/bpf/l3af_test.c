// SPDX-License-Identifier: Apache-2.0
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/l3af.h"
#include "bpf/node.h"

static const struct l3af_order plain = {.file = "p.json",
					.publisher = "net",
					.repository = "corp",
					.url = "https://corp.example",
					.host = "edge-1"};

static int import_as(const char *text, const struct l3af_order *order, struct l3af_result *out,
		     struct fault *why)
{
	*why = (struct fault){0};
	return l3af_import(text, strlen(text), order, out, why);
}

static void refused(const char *text, const char *words, const char *where)
{
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	struct fault why;

	assert_int_equal(import_as(text, &plain, &result, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	if (!strstr(why.text, words) && !strstr(why.cause, words))
		fail_msg("'%s' is neither in '%s' nor in '%s'", words, why.text, why.cause);
	if (where)
		assert_string_equal(why.where, where);
}

// Imports and gives the finished file, which must pass the reader of node.json.
static struct json *imported(const char *text, const struct l3af_order *order,
			     struct l3af_result *result)
{
	OWNED(node_drop) struct node *node = NULL;
	struct json *document = NULL;
	struct fault why;

	if (import_as(text, order, result, &why) ||
	    node_parse(result->node.data, result->node.len, "out", &node, &why) ||
	    json_parse(result->node.data, result->node.len, "out", &document, &why))
		fail_msg("%s (%s) %s", why.text, why.cause, why.where);
	return document;
}

static const struct json *chain_of(const struct json *node, const char *iface, const char *hook)
{
	return json_member(json_member(json_member(node, "interfaces"), iface), hook);
}

static void same(const struct json *value, const char *expected)
{
	OWNED(json_drop) struct json *want = NULL;
	struct fault why = {0};

	assert_int_equal(json_parse(expected, strlen(expected), "want", &want, &why), 0);
	if (!json_same(value, want)) {
		OWNED(bytes_drop) struct bytes text = {0};

		assert_int_equal(json_write(value, false, &text, &why), 0);
		fail_msg("%s is not %s", bytes_text(&text), expected);
	}
}

// The note about a path, or NULL.
static const char *note_about(const struct l3af_result *result, const char *path)
{
	for (size_t i = 0; i < json_count(result->notes); i++) {
		const struct json *one = json_item(result->notes, i);

		if (!strcmp(json_text(json_member(one, "path")), path))
			return json_text(json_member(one, "text"));
	}
	return NULL;
}

static void noted(const struct l3af_result *result, const char *path, const char *words)
{
	const char *text = note_about(result, path);

	if (!text)
		fail_msg("nothing is said about %s", path);
	else if (!strstr(text, words))
		fail_msg("'%s' is not in '%s'", words, text);
}

static void a_whole_payload_becomes_a_node_json(void **state)
{
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(
		file_read(TEST_SOURCE_DIR "/tests/unit/bpf/l3af.json", L3AF_FILE_MAX, &text, &why),
		0);
	OWNED(json_drop) struct json *node = imported(bytes_text(&text), &plain, &result);

	// In the order of seq_id, not of the list.
	same(chain_of(node, "ens3", "xdp"),
	     "[{\"use\":\"net/ratelimit\",\"version\":\"1.4.0\",\"program\":\"rate\",\"maps\":"
	     "{\"rate_ports\":[{\"key\":8080,\"value\":1},{\"key\":8081,\"value\":1}],"
	     "\"rate_config\":[{\"key\":0,\"value\":200}]}},"
	     "{\"use\":\"net/connection-limit\",\"version\":\"*\",\"program\":\"_limit\",\"maps\":"
	     "{\"limit_max\":[{\"key\":0,\"value\":100}]}}]");
	same(chain_of(node, "ens3", "tc_ingress"), "[]");
	same(chain_of(node, "ens3", "tc_egress"),
	     "[{\"use\":\"net/flows\",\"version\":\"1.0.0\",\"program\":\"flows_out\"}]");
	same(json_member(node, "probes"),
	     "[{\"use\":\"net/connects\",\"version\":\"*\",\"program\":\"on_connect\"}]");
	same(json_member(node, "repositories"), "{\"corp\":{\"url\":\"https://corp.example\"}}");
}

static void each_thing_without_a_counterpart_is_named_with_its_place(void **state)
{
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};
	const struct json *one;

	(void)state;
	assert_int_equal(
		file_read(TEST_SOURCE_DIR "/tests/unit/bpf/l3af.json", L3AF_FILE_MAX, &text, &why),
		0);
	OWNED(json_drop) struct json *node = imported(bytes_text(&text), &plain, &result);

#define LIMIT "[0].bpf_programs.xdp_ingress[0]"
	assert_non_null(node);
	noted(&result, LIMIT ".cmd_start", "user space");
	noted(&result, LIMIT ".user_program_daemon", "user space");
	noted(&result, LIMIT ".cpu", "limits");
	noted(&result, LIMIT ".memory", "limits");
	noted(&result, LIMIT ".rules_file", "user space");
	noted(&result, LIMIT ".start_args", "user space");
	noted(&result, LIMIT ".ebpf_package_repo_url", "\"from\"");
	noted(&result, LIMIT ".version", "highest version");
	noted(&result, LIMIT ".monitor_maps[0]", "limit_drops");
	noted(&result, LIMIT ".monitor_maps[1].aggregator", "\"max-rate\" has no counterpart");
	// What the bundle's manifest will say, next-program map included.
	noted(&result, LIMIT, "\"next_map\": \"limit_next\"");
	noted(&result, LIMIT, "of limit.tar.gz");
	noted(&result, "[0].bpf_programs.xdp_ingress[1].name", "becomes ratelimit");
	noted(&result, "[0].bpf_programs.xdp_ingress[1].version", "becomes 1.4.0");
	noted(&result, "[0].bpf_programs.tc_ingress[0].admin_status", "left out");
	noted(&result, "[0].bpf_programs.tc_egress[0].colour", "is not known");
	noted(&result, "[0].bpf_programs.tc_egress[0].seqid", "was \"seq_id\" meant");
	noted(&result, "[0].bpf_programs.probes[0]", "a policy of \"probes\" that allows it");
	noted(&result, "[0].ipv4_address", "label");
	assert_int_equal(json_count(result.notes), 22);
	for (size_t i = 0; i < json_count(result.notes); i++) {
		one = json_item(result.notes, i);
		assert_memory_equal(json_text(json_member(one, "where")), "p.json:", 7);
	}
	// The third line of the limit's object.
	one = json_item(result.notes, 0);
	assert_string_equal(json_text(json_member(one, "where")), "p.json:5:5");
}

#define ENTRY(host, iface, programs) \
	"{\"host_name\":\"" host "\",\"iface\":\"" iface "\",\"bpf_programs\":{" programs "}}"
#define XDP(program) ENTRY("edge-1", "eth0", "\"xdp_ingress\":[" program "]")

static void one_entry_may_stand_without_a_list(void **state)
{
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	OWNED(json_drop)
	struct json *node =
		imported(XDP("{\"name\":\"a\",\"version\":\"v1.2.3\"}"), &plain, &result);

	(void)state;
	same(chain_of(node, "eth0", "xdp"), "[{\"use\":\"net/a\",\"version\":\"1.2.3\"}]");
	noted(&result, "bpf_programs.xdp_ingress[0].version", "becomes 1.2.3");
}

static void what_is_no_version_becomes_any(void **state)
{
	static const char *const versions[] = {
		"1.2.3.4", "1..2", "main", "1.2-rc1", "2147483648", "99999999999999999999", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(*versions); i++) {
		OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
		char text[256];

		snprintf(text, sizeof(text), XDP("{\"name\":\"a\",\"version\":\"%s\"}"),
			 versions[i]);
		OWNED(json_drop) struct json *node = imported(text, &plain, &result);

		same(chain_of(node, "eth0", "xdp"), "[{\"use\":\"net/a\",\"version\":\"*\"}]");
		noted(&result, "bpf_programs.xdp_ingress[0].version", "three numbers");
	}
}

static void equal_places_keep_their_order_and_are_told(void **state)
{
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	OWNED(json_drop)
	struct json *node = imported(XDP("{\"name\":\"b\",\"seq_id\":1,\"version\":\"1\"},"
					 "{\"name\":\"a\",\"seq_id\":1,\"version\":\"1\"}"),
				     &plain, &result);

	(void)state;
	same(chain_of(node, "eth0", "xdp"), "[{\"use\":\"net/b\",\"version\":\"1.0.0\"},"
					    "{\"use\":\"net/a\",\"version\":\"1.0.0\"}]");
	noted(&result, "bpf_programs.xdp_ingress[1].seq_id", "occurs twice");
}

static void another_host_is_told_or_left_out(void **state)
{
	static const char two[] =
		"[" ENTRY("edge-1", "eth0", "") "," ENTRY("edge-2", "eth0", "") "]";
	struct l3af_order chosen = plain;
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	OWNED(l3af_result_drop) struct l3af_result other = {.notes = NULL};
	OWNED(l3af_result_drop) struct l3af_result none = {.notes = NULL};
	struct fault why;

	(void)state;
	refused(two, "for edge-1 as well as for edge-2", "p.json:1:59");
	chosen.only_host = "edge-2";
	OWNED(json_drop) struct json *node = imported(two, &chosen, &result);

	assert_non_null(chain_of(node, "eth0", "xdp"));
	noted(&result, "[0].host_name", "left out");
	noted(&result, "[1].host_name", "this machine \"edge-1\"");
	chosen.only_host = "edge-3";
	assert_int_equal(import_as(two, &chosen, &none, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	chosen = plain;
	chosen.host = NULL;
	OWNED(json_drop)
	struct json *quiet = imported(ENTRY("edge-9", "eth0", ""), &chosen, &other);

	assert_non_null(quiet);
	assert_null(note_about(&other, "host_name"));
}

static void without_an_address_there_is_one_that_leads_nowhere(void **state)
{
	struct l3af_order order = plain;
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};

	(void)state;
	order.url = NULL;
	OWNED(json_drop) struct json *node = imported(XDP(""), &order, &result);

	same(json_member(node, "repositories"), "{\"corp\":{\"url\":\"https://corp.invalid\"}}");
	noted(&result, "", "no repository that could be trusted");
}

static void what_is_no_payload_is_refused_with_its_place(void **state)
{
	(void)state;
	refused("", "p.json", NULL);
	refused("[1, 2", "", NULL);
	refused("7", "neither a list nor an object", NULL);
	refused("[]", "says nothing", NULL);
	refused("[7]", "not an object", "p.json:1:2");
	refused("{\"hostname\":\"edge-1\",\"version\":\"2\"}", "restarts by", "p.json:1:2");
	refused("{\"iface\":\"eth0\",\"iface\":\"eth1\"}", "", NULL);
	refused("{\"iface\":7}", "iface: it is not a text", "p.json:1:2");
	refused("{\"iface\":\"eth0\"}", "no \"bpf_programs\"", NULL);
	refused("{\"bpf_programs\":{}}", "1 to 15 letters", NULL);
	refused(ENTRY("edge-1", "eth0", "\"xdp_ingress\":[\"a\"]"), "not an object", "p.json:1:69");
	refused(ENTRY("edge-1", "eth0", "\"xdp_ingress\":{}"), "not a list", NULL);
	refused(ENTRY("edge-1", "*", ""), "1 to 15 letters", NULL);
	refused(ENTRY("edge-1", "../../etc", ""), "1 to 15 letters", NULL);
	refused("[" ENTRY("edge-1", "eth0", "") "," ENTRY("edge-1", "eth0", "") "]", "occurs twice",
		NULL);
}

static void a_program_that_cannot_be_said_is_refused(void **state)
{
	(void)state;
	refused(XDP("{\"version\":\"1\"}"), "a program has a name", NULL);
	refused(XDP("{\"name\":\"a\",\"seq_id\":\"1\"}"), "seq_id: it is not an integer", NULL);
	refused(XDP("{\"name\":\"a\",\"entry_function_name\":\"a b\"}"), "named as in C", NULL);
	refused(XDP("{\"name\":\"a\",\"map_args\":[{\"name\":\"m-m\"}]}"), "named as in C", NULL);
	refused(XDP("{\"name\":\"a\",\"map_args\":[{\"name\":\"m\",\"args\":[{\"key\":1}]}]}"),
		"no \"value\"", NULL);
	refused(XDP("{\"name\":\"a\",\"map_args\":[{\"name\":\"m\",\"args\":[{\"key\":1.5,"
		    "\"value\":"
		    "1}]}]}"),
		"", NULL);
	refused(XDP("{\"name\":\"a\",\"cpu\":\"much\"}"), "cpu: it is not an integer", NULL);
}

static void more_programs_than_a_chain_takes_are_refused(void **state)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(bytes_append_text(&text,
					   "{\"iface\":\"eth0\",\"bpf_programs\":{"
					   "\"tc_egress\":[{\"name\":\"a\"}",
					   &why),
			 0);
	for (int i = 0; i < 33; i++)
		assert_int_equal(bytes_append_text(&text, ",{\"name\":\"a\"}", &why), 0);
	assert_int_equal(bytes_append_text(&text, "]}}", &why), 0);
	refused(bytes_text(&text), "no node.json can say", NULL);
}

static void letters_that_are_cut_in_half_do_no_harm(void **state)
{
	OWNED(l3af_result_drop) struct l3af_result result = {.notes = NULL};
	char key[200] = "", text[512];

	(void)state;
	for (size_t i = 0; i < 60; i++)
		strcat(key, "\xc3\xa4");
	snprintf(text, sizeof(text), XDP("{\"name\":\"a\",\"x%s\":1}"), key);
	OWNED(json_drop) struct json *node = imported(text, &plain, &result);

	assert_non_null(node);
	assert_true(json_count(result.notes) >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_payload_becomes_a_node_json),
		cmocka_unit_test(each_thing_without_a_counterpart_is_named_with_its_place),
		cmocka_unit_test(one_entry_may_stand_without_a_list),
		cmocka_unit_test(what_is_no_version_becomes_any),
		cmocka_unit_test(equal_places_keep_their_order_and_are_told),
		cmocka_unit_test(another_host_is_told_or_left_out),
		cmocka_unit_test(without_an_address_there_is_one_that_leads_nowhere),
		cmocka_unit_test(what_is_no_payload_is_refused_with_its_place),
		cmocka_unit_test(a_program_that_cannot_be_said_is_refused),
		cmocka_unit_test(more_programs_than_a_chain_takes_are_refused),
		cmocka_unit_test(letters_that_are_cut_in_half_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
