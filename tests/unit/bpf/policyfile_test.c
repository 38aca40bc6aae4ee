// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "bpf/node.h"
#include "bpf/policyfile.h"

#define FILE_NAME "node.json"

static struct node *accepted(const char *text)
{
	struct node *node = NULL;
	struct fault why = {0};

	if (node_parse(text, strlen(text), FILE_NAME, &node, &why))
		fail_msg("%s (%s)", why.text, why.where);
	return node;
}

static void refused(const char *text, const char *where, const char *sentence)
{
	struct node *node = NULL;
	struct fault why = {0};
	char place[64];

	snprintf(place, sizeof(place), FILE_NAME ":%s", where);
	assert_int_equal(node_parse(text, strlen(text), FILE_NAME, &node, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_string_equal(why.where, place);
	if (!strstr(why.text, sentence))
		fail_msg("\"%s\" does not say \"%s\"", why.text, sentence);
	assert_null(node);
}

static void every_rule_has_a_default_that_is_the_policys(void **state)
{
	OWNED(node_drop) struct node *node = accepted("{}");
	const struct policy plain = policy_default();

	(void)state;
	assert_memory_equal(&node->policy, &plain, sizeof(plain));
}

static void every_rule_can_be_said(void **state)
{
	OWNED(node_drop)
	struct node *node = accepted(
		"{\"policy\":{\"programs\":[\"xdp\"],\"helpers\":[\"time\",\"bpf_redirect_map\"],"
		"\"kfuncs\":[\"bpf_xdp_metadata_rx_hash\"],\"map_types\":[\"hash\",\"lpm_trie\"],"
		"\"map_bytes_max\":1000,\"map_bytes_total\":2000,\"insns_max\":500,"
		"\"verifier_seconds_max\":3,\"licenses\":[\"GPL\"],\"publishers\":[\"net\"],"
		"\"interfaces\":{\"eth*\":[\"net/*\"]},\"fall_through\":\"drop\"}}");
	const struct policy *policy = &node->policy;

	(void)state;
	assert_true(policy->xdp);
	assert_false(policy->tc);
	assert_true(policy->groups[HELPERS_TIME]);
	assert_false(policy->groups[HELPERS_BASE]);
	assert_true(policy->helpers[BPF_FUNC_redirect_map]);
	assert_false(policy->helpers[BPF_FUNC_redirect]);
	assert_string_equal(policy->kfuncs[0], "bpf_xdp_metadata_rx_hash");
	assert_true(policy_allows_map_type(policy, BPF_MAP_TYPE_LPM_TRIE));
	assert_false(policy_allows_map_type(policy, BPF_MAP_TYPE_ARRAY));
	assert_int_equal(policy->map_bytes_max, 1000);
	assert_int_equal(policy->map_bytes_total, 2000);
	assert_int_equal(policy->insns_max, 500);
	assert_int_equal(policy->verifier_seconds_max, 3);
	assert_int_equal(json_count(policy->licenses), 1);
	assert_int_equal(json_count(policy->publishers), 1);
	assert_int_equal(json_count(policy->interfaces), 1);
	assert_true(policy->on_fall_through_drop);
}

static void what_can_never_be_allowed_is_refused_where_it_stands(void **state)
{
	static const char *const never[] = {
		"bpf_probe_write_user",	  "bpf_override_return", "bpf_send_signal",
		"bpf_send_signal_thread", "bpf_sys_bpf",	 "bpf_probe_read_user",
		"bpf_trace_printk",	  "bpf_copy_from_user",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++) {
		char text[128];

		snprintf(text, sizeof(text), "{\"policy\":{\"helpers\":[\"base\",\n\"%s\"]}}",
			 never[i]);
		refused(text, "2:1", "can never be allowed");
	}
	refused("{\"policy\":{\"kfuncs\":[\"bpf_send_signal_task\"]}}", "1:22",
		"policy.kfuncs[0]: bpf_send_signal_task can never be allowed");
	refused("{\"policy\":{\"map_types\":[\"sockmap\"]}}", "1:25",
		"policy.map_types[0]: maps of type sockmap can never be allowed");
}

static void a_wrong_word_gets_the_nearest(void **state)
{
	(void)state;
	refused("{\"policy\":{\"helpers\":[\"bpf_redirect_mapp\"]}}", "1:23",
		"there is no helper 'bpf_redirect_mapp': did you mean bpf_redirect_map");
	refused("{\"policy\":{\"helpers\":[\"redirect_map\"]}}", "1:23",
		"did you mean bpf_redirect_map");
	refused("{\"policy\":{\"map_types\":[\"lpm_tree\"]}}", "1:25",
		"there is no type of maps 'lpm_tree': did you mean lpm_trie");
	refused("{\"policy\":{\"licences\":[\"GPL\"]}}", "1:12", "did you mean \"licenses\"?");
	refused("{\"policy\":{\"verifier_second_max\":5}}", "1:12",
		"did you mean \"verifier_seconds_max\"?");
	refused("{\"policy\":{\"verifier_seconds_max\":0}}", "1:12", "0 is not between 1 and 600");
}

static void patterns_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = {"", "Net", "net/", "/net", "net/a/b", "net/a?", "a b"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		char text[128];

		snprintf(text, sizeof(text), "{\"policy\":{\"publishers\":[\"%s\"]}}", bad[i]);
		refused(text, "1:26", "is not PUBLISHER or PUBLISHER/NAME");
	}
	refused("{\"policy\":{\"interfaces\":{\"eth0:1\":[]}}}", "1:26",
		"cannot be a network interface");
	refused("{\"policy\":{\"interfaces\":{\"eth0\":\"net\"}}}", "1:26", "expected an array");
	node_free(accepted("{\"policy\":{\"publishers\":[\"*\",\"net\",\"net/*\",\"*/count\"]}}"));
}

// Every rule of the form is told, and what is told of an empty file is what the help calls the default.
static void each_rule_tells_what_stands(void **state)
{
	static const char *const plain[] = {
		"xdp, tc",  "base",	  "none",  "none",
		NULL, // a long list
		"67108864", "1073741824", "65536", "5",	   "any", "any", "any", "pass",
	};
	OWNED(node_drop)
	struct node *node = accepted("{\"policy\":{\"interfaces\":{\"//\":\"x\",\"eth0\":[\"net\","
				     "\"sec/a\"],\"lo\":[]}}}");
	const struct policy policy = policy_default();
	struct fault why = {0};

	(void)state;
	assert_int_equal(policyfile_rule_count(), sizeof(plain) / sizeof(*plain));
	for (size_t i = 0; i < policyfile_rule_count(); i++) {
		OWNED(bytes_drop) struct bytes text = {0};

		assert_int_equal(policyfile_rule_text(i, &policy, &text, &why), 0);
		if (plain[i])
			assert_string_equal(bytes_text(&text), plain[i]);
		else
			assert_non_null(strstr(bytes_text(&text), "percpu_hash, "));
		if (strcmp(policyfile_rule_name(i), "interfaces"))
			continue;
		bytes_drop(&text);
		assert_int_equal(policyfile_rule_text(i, &node->policy, &text, &why), 0);
		assert_string_equal(bytes_text(&text), "eth0: net, sec/a; lo: none");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_rule_has_a_default_that_is_the_policys),
		cmocka_unit_test(every_rule_can_be_said),
		cmocka_unit_test(what_can_never_be_allowed_is_refused_where_it_stands),
		cmocka_unit_test(a_wrong_word_gets_the_nearest),
		cmocka_unit_test(patterns_that_are_none_are_refused),
		cmocka_unit_test(each_rule_tells_what_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
