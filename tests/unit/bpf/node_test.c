// SPDX-License-Identifier: Apache-2.0
#include "bpf/node.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"

#define FILE_NAME "/etc/bpfseal/node.json"

#define CORP "\"repositories\":{\"corp\":{\"url\":\"https://repo.corp.example\"}}"
// A file with one program on eth0, for tests that change one thing in it.
#define WITH_USE(members) "{" CORP ",\n\"interfaces\":{\"eth0\":{\"xdp\":[\n{" members "}]}}}"
#define USE		  "\"use\":\"net/count\",\"version\":\"1.0.0\""

static struct node *accepted(const char *text)
{
	struct fault why = {0};
	struct node *node = NULL;

	if (node_parse(text, strlen(text), FILE_NAME, &node, &why))
		fail_msg("%s\n%s (%s)", text, why.text, why.where);
	return node;
}

// Refused with FAULT_CONFIG, at "line:column", with a sentence that holds `said`, and with nothing given out.
static void refused(const char *text, const char *place, const char *said)
{
	struct fault why = {0};
	struct node *node = NULL;
	char where[FAULT_TEXT_MAX];

	if (!node_parse(text, strlen(text), FILE_NAME, &node, &why))
		fail_msg("accepted: %s", text);
	assert_null(node);
	assert_int_equal(why.code, FAULT_CONFIG);
	snprintf(where, sizeof(where), FILE_NAME ":%s", place);
	if (!strstr(why.text, said) || strcmp(why.where, where) != 0)
		fail_msg("%s\nsaid \"%s\" at %s, not \"%s\" at %s", text, why.text, why.where, said,
			 where);
}

static void an_empty_object_is_a_node_that_runs_nothing(void **state)
{
	OWNED(node_drop) struct node *node = accepted("{}");

	(void)state;
	assert_int_equal(node->repository_count, 0);
	assert_int_equal(node->interface_count, 0);
	assert_true(node->policy.xdp && node->policy.tc);
	assert_true(node->policy.groups[HELPERS_BASE]);
	assert_false(node->policy.groups[HELPERS_REDIRECT]);
	assert_false(node->policy.on_fall_through_drop);
}

static void everything_in_the_file_is_read(void **state)
{
	OWNED(node_drop)
	struct node *node = accepted(
		"{ \"//\": \"comment\", \"mode\": \"secure\",\n"
		"  \"repositories\": { \"//\": \"comment\",\n"
		"    \"corp\": { \"url\": \"https://repo.corp.example/base\", \"class\": "
		"\"private\", \"ca\": \"ca.pem\" },\n"
		"    \"lab\": { \"url\": \"http://127.0.0.1:8080\" } },\n"
		"  \"interfaces\": { \"//\": \"comment\",\n"
		"    \"eth0.100\": { \"xdp_mode\": \"native-or-generic\",\n"
		"      \"xdp\": [ { \"use\": \"net/a\", \"version\": \"1.4.*\", \"from\": \"lab\", "
		"\"program\": \"main_a\",\n"
		"        \"maps\": { \"//\": \"comment\", \"m\": [ { \"key\": 0, \"value\": [1, "
		"\"]\"] },\n"
		"          { \"key\": 1, \"value\": {} } ] } },\n"
		"        { \"use\": \"net/b\", \"version\": \"*\", \"from\": \"corp\" } ],\n"
		"      \"tc_egress\": [ { \"use\": \"ops/c\", \"version\": \"2.0.1\", \"from\": "
		"\"corp\" } ] },\n"
		"    \"eth1\": {} },\n"
		"  \"policy\": { \"programs\": [ \"tc\" ], \"helpers\": [ \"base\", \"output\" ], "
		"\"kfuncs\": [ \"bpf_one\" ],\n"
		"    \"map_bytes_max\": 4096, \"insns_max\": 99, \"fall_through\": \"drop\" } }\n");
	const struct node_interface *eth0 = &node->interfaces[0];
	const struct node_use *use = &eth0->chain[HOOK_XDP][0];

	(void)state;
	assert_int_equal(node->repository_count, 2);
	assert_string_equal(node_repository(node, "corp")->ca, "ca.pem");
	assert_null(node_repository(node, "lab")->ca);
	assert_null(node_repository(node, "none"));
	assert_int_equal(node->interface_count, 2);
	assert_string_equal(eth0->name, "eth0.100");
	assert_string_equal(eth0->where, FILE_NAME ":6:5");
	assert_true(eth0->xdp_generic_ok && eth0->xdp_native_ok);
	assert_int_equal(eth0->chain_count[HOOK_XDP], 2);
	assert_int_equal(eth0->chain_count[HOOK_TC_INGRESS], 0);
	assert_string_equal(eth0->chain[HOOK_TC_EGRESS][0].use, "ops/c");
	assert_string_equal(use->use, "net/a");
	assert_string_equal(use->version, "1.4.*");
	assert_string_equal(use->from, "lab");
	assert_string_equal(use->program, "main_a");
	assert_string_equal(use->where, FILE_NAME ":7:16");
	assert_int_equal(use->entry_count, 2);
	assert_string_equal(use->entries[0].map, "m");
	assert_int_equal(json_count(use->entries[0].value), 2);
	assert_string_equal(use->entries[0].where, FILE_NAME ":8:43");
	assert_int_equal(json_int(use->entries[1].key), 1);
	assert_string_equal(use->entries[1].where, FILE_NAME ":9:11");
	assert_string_equal(eth0->chain[HOOK_XDP][1].where, FILE_NAME ":10:9");
	assert_true(node->interfaces[1].xdp_native_ok && !node->interfaces[1].xdp_generic_ok);
	assert_true(!node->policy.xdp && node->policy.tc);
	assert_true(node->policy.groups[HELPERS_BASE] && node->policy.groups[HELPERS_OUTPUT]);
	assert_int_equal(node->policy.kfunc_count, 1);
	assert_string_equal(node->policy.kfuncs[0], "bpf_one");
	assert_int_equal(node->policy.map_bytes_max, 4096);
	assert_int_equal(node->policy.insns_max, 99);
	assert_true(node->policy.on_fall_through_drop);
}

static void channel_and_on_denied_have_their_defaults_and_words(void **state)
{
	OWNED(node_drop) struct node *plain = accepted(WITH_USE(USE));
	OWNED(node_drop) struct node *channel = accepted(WITH_USE(USE ",\"channel\":\"canary\""));
	OWNED(node_drop)
	struct node *drop = accepted("{\"interfaces\":{\"eth0\":{\"on_denied\":\"drop\"}}}");
	OWNED(node_drop)
	struct node *keep =
		accepted("{\"interfaces\":{\"eth0\":{\"on_denied\":\"keep-and-alarm\"}}}");

	(void)state;
	assert_string_equal(plain->interfaces[0].chain[HOOK_XDP][0].channel, "released");
	assert_int_equal(plain->interfaces[0].on_denied, NODE_DENIED_REMOVE);
	assert_string_equal(channel->interfaces[0].chain[HOOK_XDP][0].channel, "canary");
	assert_int_equal(drop->interfaces[0].on_denied, NODE_DENIED_DROP);
	assert_int_equal(keep->interfaces[0].on_denied, NODE_DENIED_KEEP);
	refused(WITH_USE(USE ",\"channel\":\"withdrawn\""), "3:38", "withdrawn");
	refused(WITH_USE(USE ",\"channel\":\"Beta\""), "3:38", "not a channel");
	refused("{\"interfaces\":{\"eth0\":{\"on_denied\":\"keep\"}}}", "1:24", "keep");
}

static void how_an_interface_is_attached_has_its_defaults_and_words(void **state)
{
	OWNED(node_drop)
	struct node *node =
		accepted("{\"interfaces\":{\"a\":{},"
			 "\"b\":{\"xdp_mode\":\"generic\",\"tc_attach\":\"tcx\"},"
			 "\"c\":{\"xdp_mode\":\"offload\",\"tc_attach\":\"clsact\"},"
			 "\"d\":{\"xdp_mode\":\"native-or-generic\",\"tc_attach\":\"auto\"}}}");
	const struct node_interface *at = node->interfaces;

	(void)state;
	assert_true(at[0].xdp_native_ok && !at[0].xdp_generic_ok && !at[0].xdp_offload);
	assert_int_equal(at[0].tc_attach, NODE_TC_AUTO);
	assert_true(!at[1].xdp_native_ok && at[1].xdp_generic_ok && !at[1].xdp_offload);
	assert_int_equal(at[1].tc_attach, NODE_TC_TCX);
	assert_true(!at[2].xdp_native_ok && !at[2].xdp_generic_ok && at[2].xdp_offload);
	assert_int_equal(at[2].tc_attach, NODE_TC_CLSACT);
	assert_true(at[3].xdp_native_ok && at[3].xdp_generic_ok && !at[3].xdp_offload);
	assert_int_equal(at[3].tc_attach, NODE_TC_AUTO);
	refused("{\"interfaces\":{\"a\":{\"tc_attach\":\"tc\"}}}", "1:21", "did you mean \"tcx\"?");
}

static const char *entry_of(const struct node *node, const char *iface)
{
	const struct node_interface *interface = node_interface(node, iface);

	return interface ? interface->name : "none";
}

static void a_name_wins_over_patterns_and_the_longest_pattern_over_others(void **state)
{
	OWNED(node_drop)
	struct node *node = accepted(
		"{\"interfaces\":{\"e*\":{},\"eth*\":{},\"eth10\":{},\"eth1?\":{},\"wg?\":{}}}");

	(void)state;
	assert_string_equal(entry_of(node, "eth10"), "eth10");
	assert_string_equal(entry_of(node, "eth11"), "eth1?");
	assert_string_equal(entry_of(node, "eth2"), "eth*");
	assert_string_equal(entry_of(node, "enp1s0"), "e*");
	assert_string_equal(entry_of(node, "wg0"), "wg?");
	assert_string_equal(entry_of(node, "wg10"), "none");
	assert_false(node->interfaces[2].is_pattern);
	assert_true(node->interfaces[3].is_pattern);
}

static void two_patterns_of_one_length_for_one_name_are_refused(void **state)
{
	OWNED(node_drop)
	struct node *fine = accepted("{\"interfaces\":{\"eth*\":{},\"eth??\":{},\"wlan*\":{},"
				     "\"wlp*\":{},\"*.1000\":{},\"*.2000\":{}}}");

	(void)state;
	assert_int_equal(fine->interface_count, 6);
	refused("{\"interfaces\":{\"eth*\":{},\"*.10\":{}}}", "1:26", "could match the same");
	refused("{\"interfaces\":{\"eth*\":{},\n\"eth?\":{}}}", "2:1",
		"interfaces.eth?: \"eth*\" could match the same interface, and neither is longer");
	refused("{\"interfaces\":{\"e*0\":{},\"*th\":{},\"*h0\":{}}}", "1:34",
		"could match the same");
}

static void the_only_repository_need_not_be_named(void **state)
{
	OWNED(node_drop) struct node *node = accepted(WITH_USE(USE));

	(void)state;
	assert_string_equal(node->interfaces[0].chain[HOOK_XDP][0].from, "corp");
	assert_null(node->interfaces[0].chain[HOOK_XDP][0].program);
}

static void an_unknown_key_is_refused_with_the_nearest_known_one(void **state)
{
	(void)state;
	refused("{\n \"interface\": {}}", "2:2",
		"interface: key \"interface\" is not known: did you mean \"interfaces\"?");
	refused(WITH_USE(USE ",\n \"form\":\"corp\""), "4:2",
		"interfaces.eth0.xdp[0].form: key \"form\" is not known: did you mean \"from\"?");
	refused("{\"interfaces\":{\"eth0\":{\"xdpp\":[]}}}", "1:24", "did you mean \"xdp\"?");
	refused("{\"policy\":{\"helper\":[]}}", "1:12", "did you mean \"helpers\"?");
	refused("{\"repositories\":{\"corp\":{\"url\":\"https://a\",\"token\":\"x\"}}}", "1:44",
		"repositories.corp.token: key \"token\" is not known");
	refused(WITH_USE(USE ",\"maps\":{\"m\":[{\"key\":0,\"value\":1,\"flags\":0}]}"), "3:70",
		"maps.m[0].flags: key \"flags\" is not known");
}

// A31: one typo for each key that the file knows.
static void a_typo_in_any_key_is_refused(void **state)
{
	static const char *const files[] = {
		"{\"repositoryes\":{}}",
		"{\"interfacs\":{}}",
		"{\"polici\":{}}",
		"{\"mod\":\"secure\"}",
		"{\"repositories\":{\"a\":{\"ulr\":\"https://a\"}}}",
		"{\"repositories\":{\"a\":{\"url\":\"https://a\",\"clas\":\"private\"}}}",
		"{\"repositories\":{\"a\":{\"url\":\"https://a\",\"cafile\":\"x\"}}}",
		"{\"interfaces\":{\"e\":{\"XDP\":[]}}}",
		"{\"interfaces\":{\"e\":{\"tc_ingres\":[]}}}",
		"{\"interfaces\":{\"e\":{\"tc-egress\":[]}}}",
		"{\"interfaces\":{\"e\":{\"xdp_modes\":\"native\"}}}",
		"{\"interfaces\":{\"e\":{\"tc_atach\":\"auto\"}}}",
		WITH_USE("\"uses\":\"a/b\",\"version\":\"*\""),
		WITH_USE("\"use\":\"a/b\",\"versoin\":\"*\""),
		WITH_USE(USE ",\"form\":\"corp\""),
		WITH_USE(USE ",\"programm\":\"a\""),
		WITH_USE(USE ",\"map\":{}"),
		WITH_USE(USE ",\"maps\":{\"m\":[{\"Key\":0,\"value\":0}]}"),
		WITH_USE(USE ",\"maps\":{\"m\":[{\"key\":0,\"val\":0}]}"),
		"{\"policy\":{\"program\":[]}}",
		"{\"policy\":{\"helpres\":[]}}",
		"{\"policy\":{\"kfunc\":[]}}",
		"{\"policy\":{\"map_bytes\":1}}",
		"{\"policy\":{\"insns\":1}}",
		"{\"policy\":{\"fallthrough\":\"pass\"}}",
		"{\"wacht\":{}}",
		"{\"watch\":{\"evicts\":[]}}",
		"{\"watch\":{\"name_foreigns\":true}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fault why = {0};
		struct node *node = NULL;

		assert_int_equal(node_parse(files[i], strlen(files[i]), FILE_NAME, &node, &why),
				 -1);
		assert_int_equal(why.code, FAULT_CONFIG);
		assert_non_null(strstr(why.text, "is not known"));
		assert_non_null(strstr(why.where, FILE_NAME ":"));
		assert_null(node);
	}
}

static void a_wrong_type_is_refused_where_it_stands(void **state)
{
	(void)state;
	refused("[]", "1:1", "expected an object");
	refused("{\"interfaces\":[]}", "1:2", "interfaces: expected an object");
	refused("{\"interfaces\":{\"eth0\":[]}}", "1:16", "interfaces.eth0: expected an object");
	refused("{\"interfaces\":{\"eth0\":{\"xdp\":{}}}}", "1:24",
		"interfaces.eth0.xdp: expected an array");
	refused("{\"interfaces\":{\"eth0\":{\"xdp\":[\n \"net/count\"]}}}", "2:2",
		"interfaces.eth0.xdp[0]: expected an object");
	refused(WITH_USE("\"use\":\"net/count\",\"version\":1"), "3:20",
		"xdp[0].version: expected a text");
	refused(WITH_USE("\"use\":null,\"version\":\"*\""), "3:2", "xdp[0].use: expected a text");
	refused(WITH_USE(USE ",\"maps\":[]"), "3:38", "xdp[0].maps: expected an object");
	refused(WITH_USE(USE ",\"maps\":{\"m\":{}}"), "3:46", "maps.m: expected an array");
	refused("{\"policy\":{\"insns_max\":\"9\"}}", "1:12",
		"policy.insns_max: expected an integer");
	refused("{\"policy\":{\"helpers\":[1]}}", "1:23", "policy.helpers[0]: expected a text");
	refused("{\"mode\":true}", "1:2", "mode: expected a text");
	refused("{\"//\":1}", "1:2", "a comment must be a text");
	refused("{\"interfaces\":{\"//\":[]}}", "1:16", "a comment must be a text");
}

static void a_missing_key_is_named(void **state)
{
	(void)state;
	refused(WITH_USE("\"use\":\"net/count\""), "3:1",
		"interfaces.eth0.xdp[0]: \"version\" is missing");
	refused(WITH_USE("\"version\":\"1.0.0\""), "3:1",
		"interfaces.eth0.xdp[0]: \"use\" is missing");
	refused("{\"repositories\":{\"corp\":{}}}", "1:18",
		"repositories.corp: \"url\" is missing");
	refused(WITH_USE(USE ",\"maps\":{\"m\":[{\"key\":0}]}"), "3:51",
		"maps.m[0]: \"value\" is missing");
}

static void a_key_that_stands_twice_is_refused(void **state)
{
	(void)state;
	struct fault why = {0};
	struct node *node = NULL;
	const char *text = "{\"interfaces\":{\n\"eth0\":{},\n\"eth0\":{}}}";

	assert_int_equal(node_parse(text, strlen(text), FILE_NAME, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.text, "duplicate"));
	assert_non_null(strstr(why.where, FILE_NAME ":3:"));
	assert_null(node);
}

static void what_is_not_json_is_refused_with_its_line(void **state)
{
	static const char *const files[] = {
		"{\"mode\":\"secure\"}\n\n x", "{\"mode\":\n\n \"secure\",}",
		"{\n\n'mode':\"secure\"}",     "{\n\n\"mode\":\"secure\"",
		"{\"mode\":\"secure\"}\n\n{}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct fault why = {0};
		struct node *node = NULL;

		assert_int_equal(node_parse(files[i], strlen(files[i]), FILE_NAME, &node, &why),
				 -1);
		assert_int_equal(why.code, FAULT_CONFIG);
		assert_non_null(strstr(why.where, FILE_NAME ":3:"));
		assert_null(node);
	}
	refused("", "1:1", "is empty");
}

static void numbers_that_are_not_integers_are_refused_where_they_stand(void **state)
{
	(void)state;
	refused("{\"policy\":\n {\"insns_max\": 1.5}}", "2:17", "not an integer");
	refused("{\"//\": \"1.5 or 2e3\",\"policy\":\n {\"insns_max\": 1e3}}", "2:17",
		"not an integer");
}

static void a_number_past_64_bits_is_told_how_it_is_written(void **state)
{
	static const char text[] = "{\n\"policy\":{\"insns_max\":18446744073709551615}}";
	struct fault why = {0};
	struct node *node = NULL;

	(void)state;
	assert_int_equal(node_parse(text, strlen(text), FILE_NAME, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.where, FILE_NAME ":2:"));
	assert_non_null(strstr(why.fix, "a text of 0x"));
}

static void brackets_too_deep_are_refused_where_they_are(void **state)
{
	char text[256] = "{\"//\":\n";

	(void)state;
	memset(text + strlen(text), '[', 100);
	refused(text, "2:32", "deeper than 32 levels");
}

static void numbers_past_their_range_are_refused(void **state)
{
	(void)state;
	refused("{\"policy\":{\"insns_max\":0}}", "1:12",
		"policy.insns_max: 0 is not between 1 and 65536");
	refused("{\"policy\":{\"insns_max\":65537}}", "1:12", "65537 is not between");
	refused("{\"policy\":{\"map_bytes_max\":-1}}", "1:12",
		"policy.map_bytes_max: -1 is not between");
	refused("{\"policy\":{\"map_bytes_max\":1099511627777}}", "1:12", "is not between");
}

static void a_word_that_is_not_known_offers_the_nearest(void **state)
{
	(void)state;
	refused("{\"policy\":{\"helpers\":[\"base\",\"redirekt\"]}}", "1:30",
		"policy.helpers[1]: there is no helper group 'redirekt': did you mean redirect");
	refused("{\"policy\":{\"programs\":[\"xpd\"]}}", "1:24", "did you mean \"xdp\"?");
	refused("{\"policy\":{\"fall_through\":\"dorp\"}}", "1:12", "did you mean \"drop\"?");
	refused("{\"interfaces\":{\"eth0\":{\"xdp_mode\":\"nativ\"}}}", "1:24",
		"interfaces.eth0.xdp_mode: value \"nativ\" is not known: did you mean \"native\"?");
	refused("{\"policy\":{\"helpers\":[\"base\",\"base\"]}}", "1:30",
		"\"base\" is listed twice here");
}

static void secure_is_the_only_mode(void **state)
{
	(void)state;
	refused("{\"mode\":\"insecure\"}", "1:2", "mode: value \"insecure\" is not known");
	refused("{\"mode\":\"\"}", "1:2", "mode: value \"\" is not known");
}

static void a_public_repository_is_refused(void **state)
{
	(void)state;
	refused("{\"repositories\":{\"corp\":{\"url\":\"https://a\",\n\"class\":\"public\"}}}",
		"2:1",
		"repositories.corp.class: a node in secure mode reads private repositories only");
}

static void a_version_must_be_a_version_or_a_pattern(void **state)
{
	static const char *const versions[] = {"1.4", "v1.4.0", "1.*.2",   "latest",   "01.0.0",
					       "",    "1.0.0 ", ">=1.0.0", "1.0.0-rc1"};

	(void)state;
	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), WITH_USE("\"use\":\"net/count\",\"version\":\"%s\""),
			 versions[i]);
		refused(text, "3:20", "interfaces.eth0.xdp[0].version: ");
	}
}

static void a_use_must_be_publisher_and_name(void **state)
{
	static const char *const uses[] = {"count",	   "net/",	 "/count",
					   "net/count/1",  "Net/count",	 "net/../count",
					   "net\\\\count", "net/.count", ""};

	(void)state;
	for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), WITH_USE("\"use\":\"%s\",\"version\":\"*\""), uses[i]);
		refused(text, "3:2", "interfaces.eth0.xdp[0].use: ");
	}
}

static void an_interface_must_be_a_name_that_the_kernel_takes(void **state)
{
	static const char *const names[] = {
		"", ".", "..", "a/b", "a b", "a:b", "a\\tb", "sixteen_letters_", "\xc3\xa4"};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text), "{\"interfaces\":{\"%s\":{}}}", names[i]);
		refused(text, "1:16", "cannot be a network interface");
	}
	node_free(accepted("{\"interfaces\":{\"fifteen_letters\":{},\"br-0@x\":{}}}"));
}

static void a_program_or_map_must_be_a_c_name(void **state)
{
	(void)state;
	refused(WITH_USE(USE ",\"program\":\"a-b\""), "3:38", "program: \"a-b\" is not a C name");
	refused(WITH_USE(USE ",\"maps\":{\".rodata\":[]}"), "3:46", "\".rodata\" is not a C name");
	refused(WITH_USE(USE ",\"maps\":{\"../up\":[]}"), "3:46", "is not a C name");
}

static void a_url_that_anybody_could_answer_is_refused(void **state)
{
	(void)state;
	refused("{\"repositories\":{\"corp\":{\"url\":\"http://repo.corp.example\"}}}", "1:26",
		"repositories.corp.url: ");
	refused("{\"repositories\":{\"corp\":{\"url\":\"ftp://a\"}}}", "1:26",
		"repositories.corp.url: ");
	refused("{\"repositories\":{\"corp\":{\"url\":\"https://me@a\"}}}", "1:26",
		"repositories.corp.url: ");
	refused("{\"repositories\":{\"corp\":{\"url\":\"\"}}}", "1:26", "repositories.corp.url: ");
}

static void a_ca_must_be_a_plain_path_and_goes_with_https(void **state)
{
#define CA(path) "{\"repositories\":{\"corp\":{\"url\":\"https://a\",\"ca\":\"" path "\"}}}"
	(void)state;
	refused(CA(""), "1:44", "repositories.corp.ca: ");
	refused(CA("../ca.pem"), "1:44", "without ..");
	refused(CA("a/.."), "1:44", "without ..");
	refused(CA("/etc/../ca.pem"), "1:44", "without ..");
	refused(CA("dir/"), "1:44", "is not the path");
	refused(CA("a\\nb"), "1:44", "is not the path");
	node_free(accepted(CA("/etc/ssl/ca..pem")));
	refused("{\"repositories\":{\"corp\":{\"url\":\"http://127.0.0.1\",\"ca\":\"a\"}}}", "1:51",
		"repositories.corp.ca: certificates go with an https url only");
}

static void a_repository_that_is_not_there_is_refused(void **state)
{
	(void)state;
	refused(WITH_USE(USE ",\"from\":\"crop\""), "3:38",
		"interfaces.eth0.xdp[0].from: there is no repository \"crop\": did you mean "
		"\"corp\"?");
	refused(WITH_USE(USE ",\"from\":\"elsewhere\""), "3:38",
		"there is no repository \"elsewhere\"");
	refused("{\"interfaces\":{\"eth0\":{\"xdp\":[{" USE "}]}}}", "1:31",
		"interfaces.eth0.xdp[0]: \"from\" is missing, and there is no repository");
	refused("{\"repositories\":{\"a\":{\"url\":\"https://a\"},\"b\":{\"url\":\"https://b\"}},\n"
		"\"interfaces\":{\"eth0\":{\"tc_egress\":[{" USE "}]}}}",
		"2:36",
		"interfaces.eth0.tc_egress[0]: \"from\" is missing, and there is more than one");
}

static void probes_alone_stand_beside_the_interfaces(void **state)
{
	struct node *node = accepted("{" CORP ",\n\"interfaces\":{\"eth0\":{\"xdp\":[{" USE
				     "}]}},\"probes\":[{" USE "},{" USE "}]}");

	(void)state;
	assert_int_equal(node->interface_count, 2);
	assert_string_equal(node->interfaces[1].name, NODE_PROBES);
	assert_int_equal(node->interfaces[1].chain_count[HOOK_PROBE], 2);
	assert_int_equal(node->interfaces[1].chain_count[HOOK_XDP], 0);
	assert_int_equal(node->interfaces[0].chain_count[HOOK_PROBE], 0);
	node_free(node);
	refused("{\"probes\":[{" USE "}]}", "1:12",
		"probes[0]: \"from\" is missing, and there is no repository");
	refused("{" CORP ",\"interfaces\":{\"eth0\":{\"probe\":[]}}}", "1:84", "probe");
}

static void a_chain_has_at_most_33_members(void **state)
{
	char text[8192] = "{" CORP ",\n\"interfaces\":{\"eth0\":{\"xdp\":[\n";
	char longer[8300];
	size_t used = strlen(text);

	(void)state;
	for (int i = 0; i < NODE_CHAIN_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s{" USE "}\n",
					 i ? "," : "");
	snprintf(longer, sizeof(longer), "%s,{" USE "}]}}}", text);
	snprintf(text + used, sizeof(text) - used, "]}}}");
	node_free(accepted(text));
	refused(longer, "36:2", "interfaces.eth0.xdp[33]: the array has 34 items; at most 33 fit");
}

static void an_allow_list_of_ten_thousand_knows_the_place_of_each_entry(void **state)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(node_drop) struct node *node = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(bytes_append_text(&text,
					   "{" CORP ",\"interfaces\":{\"eth0\":{\"xdp\":[{" USE
					   ",\"maps\":{\"m\":[\n",
					   &why),
			 0);
	for (int i = 0; i < 10000; i++)
		assert_int_equal(bytes_format(&text, &why, "%s{\"key\":%d,\"value\":\"}],\\\"\"}\n",
					      i ? "  ," : "   ", i),
				 0);
	assert_int_equal(bytes_append_text(&text, "]}}]}}}", &why), 0);
	node = accepted(bytes_text(&text));
	assert_int_equal(node->interfaces[0].chain[HOOK_XDP][0].entry_count, 10000);
	assert_string_equal(node->interfaces[0].chain[HOOK_XDP][0].entries[9999].where,
			    FILE_NAME ":10001:4");
}

static void the_words_of_the_file_are_those_of_the_policy(void **state)
{
	(void)state;
	for (int group = 0; group < HELPER_GROUPS; group++) {
		const char *name = helper_group_name((enum helper_group)group);
		char text[128];
		struct node *node;

		snprintf(text, sizeof(text), "{\"policy\":{\"helpers\":[\"%s\"]}}", name);
		node = accepted(text);
		for (int other = 0; other < HELPER_GROUPS; other++)
			assert_int_equal(node->policy.groups[other], other == group);
		node_free(node);
	}
}

static void the_example_is_a_good_file(void **state)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(node_drop) struct node *node = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(
		file_read(TEST_SOURCE_DIR "/bpf/node.example.json", NODE_FILE_MAX, &text, &why), 0);
	node = accepted(bytes_text(&text));
	assert_int_equal(node->interfaces[0].chain_count[HOOK_XDP], 3);
	assert_int_equal(node->interfaces[0].chain[HOOK_XDP][0].entry_count, 2);
}

// The example of the manual, and the mistake in it that the manual shows.
static void the_manual_shows_a_good_file_and_a_refusal_as_it_is(void **state)
{
	OWNED(bytes_drop) struct bytes page = {0};
	OWNED(node_drop) struct node *node = NULL;
	struct fault why = {0};
	char *example, *end, *mistake;

	(void)state;
	assert_int_equal(
		file_read(TEST_SOURCE_DIR "/bpf/bpfseal-node.json.5", NODE_FILE_MAX, &page, &why),
		0);
	example = strstr((char *)page.data, ".Bd -literal\n{");
	assert_non_null(example);
	example = strchr(example, '{');
	end = strstr(example, ".Ed");
	assert_non_null(end);
	*end = '\0';
	node = accepted(example);
	mistake = strstr(example, "\"version\": \"1.*\"");
	assert_non_null(mistake);
	memcpy(mistake, "\"versoin\"", 9);
	node_drop(&node);
	assert_int_equal(node_parse(example, strlen(example), FILE_NAME, &node, &why), -1);
	assert_non_null(strstr(end + 1, why.text));
	assert_non_null(strstr(end + 1, why.where));
}

static void the_schema_says_what_the_reader_says(void **state)
{
	OWNED(json_drop) struct json *schema = NULL;
	const struct json *top, *use, *xdp;
	struct fault why = {0};

	(void)state;
	assert_int_equal(node_schema(&schema, &why), 0);
	assert_string_equal(json_text(json_member(schema, "$schema")),
			    "https://json-schema.org/draft/2020-12/schema");
	top = json_member(schema, "properties");
	assert_false(json_bool(json_member(schema, "additionalProperties")));
	assert_int_equal(json_count(top), 7);
	use = json_member(json_member(top, "interfaces"), "patternProperties");
	use = json_member(use, "^[!-.0-9;-~]{1,15}$");
	xdp = json_member(json_member(use, "properties"), "xdp");
	assert_int_equal(json_int(json_member(xdp, "maxItems")), NODE_CHAIN_MAX);
	use = json_member(xdp, "items");
	assert_int_equal(json_count(json_member(use, "properties")), 8);
	assert_int_equal(json_count(json_member(use, "required")), 2);
}

static void globals_are_taken_with_their_places(void **state)
{
	OWNED(node_drop)
	struct node *node = accepted(WITH_USE(
		USE ",\n \"globals\":{\"//\":\"why\",\"limit\":200,\n  \"addr\":\"10.0.0.1\"}"));
	const struct node_use *use = &node->interfaces[0].chain[HOOK_XDP][0];
	const struct json *globals = json_member(use->object, "globals");
	char where[FAULT_TEXT_MAX];

	(void)state;
	assert_int_equal(json_int(json_member(globals, "limit")), 200);
	node_where(node, globals, "addr", 0, where);
	assert_string_equal(where, FILE_NAME ":5:3");
}

static void globals_have_names_and_any_value(void **state)
{
	(void)state;
	refused(WITH_USE(USE ",\n \"globals\":{\"a-b\":1}"), "4:13", "is not a C name");
	refused(WITH_USE(USE ",\n \"globals\":[]"), "4:2", "expected an object");
	refused(WITH_USE(USE ",\n \"global\":{}"), "4:2", "did you mean \"globals\"?");
}

// ---- the file itself ----

static int root_setup(void **state)
{
	char *root = strdup("/tmp/bpfseal-node-XXXXXX");
	int fd = -1;
	struct fault why = {0};
	char path[128];

	assert_non_null(mkdtemp(root));
	assert_int_equal(chmod(root, 0755), 0);
	snprintf(path, sizeof(path), "%s/etc/bpfseal", root);
	assert_int_equal(dir_make(path, 0755, &fd, &why), 0);
	close(fd);
	*state = root;
	return 0;
}

static int root_teardown(void **state)
{
	char path[128];
	static const char *const made[] = {"/etc/bpfseal/node.json", "/etc/bpfseal/link.json",
					   "/etc/bpfseal", "/etc", ""};

	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", (char *)*state, made[i]);
		remove(path);
	}
	free(*state);
	return 0;
}

static void put(const char *root, const char *text, char path[static 128])
{
	struct fault why = {0};

	snprintf(path, 128, "%s/etc/bpfseal/node.json", root);
	assert_int_equal(file_replace(path, text, strlen(text), 0644, &why), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static void the_file_is_found_below_the_root(void **state)
{
	OWNED(node_drop) struct node *node = NULL;
	struct fault why = {0};
	char path[128];

	put(*state, "{\"interfaces\":{\"eth7\":{}}}", path);
	if (node_load(*state, NULL, &node, &why))
		fail_msg("%s", why.text);
	assert_string_equal(node->interfaces[0].name, "eth7");
	node_free(node);
	assert_int_equal(node_load(NULL, path, &node, &why), 0);
	assert_string_equal(node->interfaces[0].name, "eth7");
}

static void a_file_that_is_not_there_is_a_matter_of_configuration(void **state)
{
	struct node *node = NULL;
	struct fault why = {0};

	assert_int_equal(node_load(*state, NULL, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.text, "node.json is not there"));
	assert_null(node);
}

// A96: each of these lets somebody else decide what runs.
static void a_file_that_others_may_write_is_refused_unread(void **state)
{
	struct node *node = NULL;
	struct fault why = {0};
	char path[128], link[128], dir[128];

	put(*state, "{}", path);
	assert_int_equal(chmod(path, 0646), 0);
	assert_int_equal(node_load(*state, NULL, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_int_equal(chmod(path, 0664), 0);
	assert_int_equal(node_load(*state, NULL, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_int_equal(chmod(path, 0644), 0);

	snprintf(dir, sizeof(dir), "%s/etc", (char *)*state);
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(node_load(*state, NULL, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_int_equal(chmod(dir, 0755), 0);

	snprintf(link, sizeof(link), "%s/etc/bpfseal/link.json", (char *)*state);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(node_load(NULL, link, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_null(node);
}

static void a_file_past_the_limit_is_refused(void **state)
{
	struct node *node = NULL;
	struct fault why = {0};
	char path[128];

	put(*state, "{}", path);
	assert_int_equal(truncate(path, NODE_FILE_MAX + 1), 0);
	assert_int_equal(node_load(*state, NULL, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_null(node);
}

#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, root_setup, root_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_object_is_a_node_that_runs_nothing),
		cmocka_unit_test(everything_in_the_file_is_read),
		cmocka_unit_test(channel_and_on_denied_have_their_defaults_and_words),
		cmocka_unit_test(how_an_interface_is_attached_has_its_defaults_and_words),
		cmocka_unit_test(a_name_wins_over_patterns_and_the_longest_pattern_over_others),
		cmocka_unit_test(two_patterns_of_one_length_for_one_name_are_refused),
		cmocka_unit_test(the_only_repository_need_not_be_named),
		cmocka_unit_test(an_unknown_key_is_refused_with_the_nearest_known_one),
		cmocka_unit_test(a_typo_in_any_key_is_refused),
		cmocka_unit_test(a_wrong_type_is_refused_where_it_stands),
		cmocka_unit_test(a_missing_key_is_named),
		cmocka_unit_test(a_key_that_stands_twice_is_refused),
		cmocka_unit_test(what_is_not_json_is_refused_with_its_line),
		cmocka_unit_test(numbers_that_are_not_integers_are_refused_where_they_stand),
		cmocka_unit_test(a_number_past_64_bits_is_told_how_it_is_written),
		cmocka_unit_test(brackets_too_deep_are_refused_where_they_are),
		cmocka_unit_test(numbers_past_their_range_are_refused),
		cmocka_unit_test(a_word_that_is_not_known_offers_the_nearest),
		cmocka_unit_test(secure_is_the_only_mode),
		cmocka_unit_test(a_public_repository_is_refused),
		cmocka_unit_test(a_version_must_be_a_version_or_a_pattern),
		cmocka_unit_test(a_use_must_be_publisher_and_name),
		cmocka_unit_test(an_interface_must_be_a_name_that_the_kernel_takes),
		cmocka_unit_test(a_program_or_map_must_be_a_c_name),
		cmocka_unit_test(a_url_that_anybody_could_answer_is_refused),
		cmocka_unit_test(a_ca_must_be_a_plain_path_and_goes_with_https),
		cmocka_unit_test(a_repository_that_is_not_there_is_refused),
		cmocka_unit_test(probes_alone_stand_beside_the_interfaces),
		cmocka_unit_test(a_chain_has_at_most_33_members),
		cmocka_unit_test(an_allow_list_of_ten_thousand_knows_the_place_of_each_entry),
		cmocka_unit_test(the_words_of_the_file_are_those_of_the_policy),
		cmocka_unit_test(the_example_is_a_good_file),
		cmocka_unit_test(the_manual_shows_a_good_file_and_a_refusal_as_it_is),
		cmocka_unit_test(the_schema_says_what_the_reader_says),
		cmocka_unit_test(globals_are_taken_with_their_places),
		cmocka_unit_test(globals_have_names_and_any_value),
		FILE_TEST(the_file_is_found_below_the_root),
		FILE_TEST(a_file_that_is_not_there_is_a_matter_of_configuration),
		FILE_TEST(a_file_that_others_may_write_is_refused_unread),
		FILE_TEST(a_file_past_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
