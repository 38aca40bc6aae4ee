// SPDX-License-Identifier: Apache-2.0
#include <linux/bpf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bpf/policy.h"

static struct manifest_program program = {.object = (char *)"a.bpf.o", .entry = (char *)"a"};
static struct manifest manifest = {.programs = &program, .program_count = 1};

// The widest word that a node.json can say.
static struct policy all_groups(void)
{
	struct policy policy = policy_default();

	for (int i = 0; i < HELPER_GROUPS; i++)
		policy.groups[i] = true;
	return policy;
}

static void refused(const struct policy *policy, const struct inspection *inspection,
		    const char *rule)
{
	struct fault why = {0};

	assert_int_equal(policy_check(policy, inspection, &manifest, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	assert_int_equal(strncmp(why.text, rule, strlen(rule)), 0);
}

static void allowed(const struct policy *policy, const struct inspection *inspection)
{
	struct fault why = {0};

	assert_int_equal(policy_check(policy, inspection, &manifest, &why), 0);
}

static void an_empty_policy_allows_map_lookups_and_refuses_redirects(void **state)
{
	struct policy policy = policy_default();
	struct inspection inspection = {0};

	(void)state;
	inspection.helpers[BPF_FUNC_map_lookup_elem] = true;
	inspection.helpers[BPF_FUNC_tail_call] = true;
	allowed(&policy, &inspection);
	inspection.helpers[BPF_FUNC_redirect] = true;
	refused(&policy, &inspection, "helpers");
	policy.groups[HELPERS_REDIRECT] = true;
	allowed(&policy, &inspection);
}

static void the_tracing_helpers_are_never_granted(void **state)
{
	static const uint32_t never[] = {
		BPF_FUNC_probe_write_user,
		BPF_FUNC_override_return,
		BPF_FUNC_send_signal,
		BPF_FUNC_send_signal_thread,
		BPF_FUNC_sys_bpf,
		BPF_FUNC_sys_close,
		BPF_FUNC_copy_from_user,
		BPF_FUNC_copy_from_user_task,
		BPF_FUNC_probe_read,
		BPF_FUNC_probe_read_str,
		BPF_FUNC_probe_read_user,
		BPF_FUNC_probe_read_user_str,
		BPF_FUNC_trace_printk,
		BPF_FUNC_trace_vprintk,
		BPF_FUNC_d_path,
		BPF_FUNC_kallsyms_lookup_name,
		BPF_FUNC_perf_event_read,
		BPF_FUNC_perf_event_read_value,
		BPF_FUNC_perf_prog_read_value,
	};
	struct policy node = all_groups(), widest = policy_widest();

	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		struct inspection inspection = {0};

		inspection.helpers[never[i]] = true;
		assert_int_equal(helper_group(never[i]), -1);
		refused(&node, &inspection, "helpers");
		refused(&widest, &inspection, "helpers");
	}
}

static void what_reads_the_kernel_is_for_probes_only(void **state)
{
	static const uint32_t reading[] = {BPF_FUNC_probe_read_kernel,
					   BPF_FUNC_probe_read_kernel_str,
					   BPF_FUNC_get_current_task, BPF_FUNC_get_current_task_btf,
					   BPF_FUNC_get_current_comm};
	struct policy node = all_groups(), narrow = policy_default();
	struct fault why = {0};

	(void)state;
	for (size_t i = 0; i < sizeof reading / sizeof *reading; i++) {
		assert_int_equal(policy_check_helper(&node, HOOK_XDP, reading[i], &why), -1);
		assert_int_equal(policy_check_helper(&node, HOOK_TC_EGRESS, reading[i], &why), -1);
		assert_int_equal(policy_check_helper(&narrow, HOOK_PROBE, reading[i], &why), -1);
		assert_int_equal(policy_check_helper(&node, HOOK_PROBE, reading[i], &why), 0);
	}
}

static void every_helper_number_is_in_a_group_or_refused(void **state)
{
	struct policy policy = all_groups();
	struct fault why;
	unsigned granted = 0;

	(void)state;
	for (uint32_t id = 0; id < 1000; id++) {
		why = (struct fault){0};
		if (!policy_check_helper(&policy, HOOK_PROBE, id, &why)) {
			granted++;
			// Nothing is granted that has no name.
			assert_non_null(helper_name(id));
			assert_in_range(helper_group(id), 0, HELPER_GROUPS - 1);
			continue;
		}
		assert_int_equal(why.code, FAULT_POLICY);
		assert_int_equal(helper_group(id), -1);
	}
	assert_in_range(granted, 117, 147);
	assert_string_equal(helper_name(BPF_FUNC_tail_call), "tail_call");
	assert_null(helper_name(0));
	assert_null(helper_name(UINT32_MAX));
}

static void a_call_of_no_known_helper_is_refused(void **state)
{
	struct policy policy = policy_widest();
	struct inspection inspection = {.helper_unknown = true};

	(void)state;
	refused(&policy, &inspection, "helpers");
}

static void a_kernel_function_needs_its_name_in_the_policy(void **state)
{
	struct policy policy = all_groups(), widest = policy_widest();
	struct inspection inspection = {.kfuncs = {"bpf_xdp_ct_lookup"}, .kfunc_count = 1};

	(void)state;
	refused(&policy, &inspection, "kernel");
	allowed(&widest, &inspection);
	strcpy(policy.kfuncs[policy.kfunc_count++], "bpf_xdp_ct_lookup");
	allowed(&policy, &inspection);
	// By number it could be anything.
	strcpy(inspection.kfuncs[0], "#77");
	strcpy(policy.kfuncs[0], "#77");
	refused(&policy, &inspection, "kernel");
	refused(&widest, &inspection, "kernel");
}

static void one_helper_can_be_allowed_by_name_without_its_group(void **state)
{
	struct policy policy = policy_default();
	struct inspection inspection = {0};
	struct fault why = {0};
	uint32_t id = 0;

	(void)state;
	assert_int_equal(helper_parse("bpf_redirect_map", &id, &why), 0);
	assert_int_equal(id, BPF_FUNC_redirect_map);
	policy.helpers[id] = true;
	inspection.helpers[BPF_FUNC_redirect_map] = true;
	allowed(&policy, &inspection);
	inspection.helpers[BPF_FUNC_redirect] = true;
	refused(&policy, &inspection, "helpers");
	assert_int_equal(helper_parse("bpf_redirect_mop", &id, &why), -1);
	assert_non_null(strstr(why.text, "did you mean bpf_redirect_map"));
}

// Whoever sets the bit anyway, by whatever way, gains nothing: the group is asked first.
static void a_helper_that_is_never_granted_is_refused_by_name_as_well(void **state)
{
	struct policy policy = all_groups();
	unsigned never = 0;

	(void)state;
	memset(policy.helpers, true, sizeof(policy.helpers));
	for (uint32_t id = 1; id < INSPECT_HELPERS_MAX; id++) {
		struct inspection inspection = {0};
		struct fault why = {0};
		uint32_t parsed;
		char name[80];

		if (helper_group(id) >= 0)
			continue;
		never++;
		inspection.helpers[id] = true;
		refused(&policy, &inspection, "helpers");
		if (!helper_name(id))
			continue;
		snprintf(name, sizeof(name), "bpf_%s", helper_name(id));
		assert_int_equal(helper_parse(name, &parsed, &why), -1);
		assert_int_equal(why.code, FAULT_CONFIG);
		assert_non_null(strstr(why.text, "can never be allowed"));
	}
	assert_true(never > 100);
}

static void kernel_functions_that_do_the_same_are_never_granted(void **state)
{
	static const char *const never[] = {
		"bpf_send_signal_task",
		"bpf_probe_read_user_dynptr",
		"bpf_probe_read_kernel_str_dynptr",
		"bpf_copy_from_user_str",
		"bpf_copy_from_user_task_dynptr",
		"bpf_override_return",
		"bpf_sys_bpf",
		"bpf_sys_close",
		"bpf_probe_write_user",
		"bpf_kallsyms_lookup_name",
		"bpf_task_work_schedule_signal_impl",
		"crash_kexec",
		"bpf_throw",
	};
	struct policy widest = policy_widest();

	(void)state;
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		struct inspection inspection = {.kfunc_count = 1};

		strcpy(inspection.kfuncs[0], never[i]);
		strcpy(widest.kfuncs[0], never[i]);
		widest.kfunc_count = 1;
		assert_true(policy_kfunc_is_never(never[i]));
		refused(&widest, &inspection, "kernel");
	}
	assert_false(policy_kfunc_is_never("bpf_xdp_metadata_rx_hash"));
	assert_false(policy_kfunc_is_never("bpf_skb_ct_lookup"));
}

static struct inspect_map map_of(uint32_t type, uint32_t value_size, uint32_t max_entries)
{
	return (struct inspect_map){.name = "m",
				    .type = type,
				    .key_size = 4,
				    .value_size = value_size,
				    .max_entries = max_entries};
}

static struct json *parsed(const char *text)
{
	struct json *json = NULL;
	struct fault why = {0};

	assert_int_equal(json_parse(text, strlen(text), "test", &json, &why), 0);
	return json;
}

static void only_a_licence_of_the_list_is_allowed(void **state)
{
	OWNED(json_drop) struct json *list = parsed("[\"GPL\",\"Dual BSD/GPL\"]");
	struct policy policy = policy_default();
	struct inspection inspection = {.license = "Proprietary"};

	(void)state;
	allowed(&policy, &inspection);
	policy.licenses = list;
	refused(&policy, &inspection, "license");
	strcpy(inspection.license, "GPL v2");
	refused(&policy, &inspection, "license");
	strcpy(inspection.license, "Dual BSD/GPL");
	allowed(&policy, &inspection);
}

static int stands(const struct policy *policy, const char *use, const char *interface,
		  const char *rule)
{
	struct fault why = {0};
	int result = policy_check_place(policy, use, interface, &why);

	if (result) {
		assert_int_equal(why.code, FAULT_POLICY);
		assert_int_equal(strncmp(why.text, rule, strlen(rule)), 0);
	}
	return result;
}

static void a_publisher_that_is_not_named_is_refused(void **state)
{
	OWNED(json_drop) struct json *list = parsed("[\"net\",\"sec/ids-*\"]");
	struct policy policy = policy_default();
	struct inspection inspection = {0};

	(void)state;
	assert_int_equal(stands(&policy, "any/thing", "eth0", ""), 0);
	policy.publishers = list;
	assert_int_equal(stands(&policy, "net/count", "eth0", ""), 0);
	assert_int_equal(stands(&policy, "sec/ids-1", "eth0", ""), 0);
	assert_int_equal(stands(&policy, "sec/other", "eth0", "publishers"), -1);
	assert_int_equal(stands(&policy, "network/count", "eth0", "publishers"), -1);
	manifest.publisher = (char *)"net";
	manifest.name = (char *)"count";
	allowed(&policy, &inspection);
	manifest.publisher = (char *)"nets";
	refused(&policy, &inspection, "publishers");
	manifest.publisher = manifest.name = NULL;
}

static void a_bundle_stands_only_where_the_policy_lets_it(void **state)
{
	OWNED(json_drop)
	struct json *table = parsed("{\"//\":\"by rack\",\"eth0\":[\"sec/ids\"],"
				    "\"eth*\":[\"net\"],\"lo\":[]}");
	struct policy policy = policy_default();
	struct inspection inspection = {0};

	(void)state;
	assert_int_equal(stands(&policy, "a/b", "wlan0", ""), 0);
	policy.interfaces = table;
	assert_int_equal(stands(&policy, "net/count", "eth0", ""), 0);
	assert_int_equal(stands(&policy, "net/count", "eth7", ""), 0);
	assert_int_equal(stands(&policy, "sec/ids", "eth0", ""), 0);
	assert_int_equal(stands(&policy, "sec/ids", "eth1", "interfaces"), -1);
	assert_int_equal(stands(&policy, "net/count", "lo", "interfaces"), -1);
	assert_int_equal(stands(&policy, "net/count", "wlan0", "interfaces"), -1);
	// The rule of a bundle alone: is there any place for it?
	manifest.publisher = (char *)"sec";
	manifest.name = (char *)"ids";
	allowed(&policy, &inspection);
	manifest.name = (char *)"other";
	refused(&policy, &inspection, "interfaces");
	// Probes watch the kernel, wherever packets come from.
	assert_int_equal(stands(&policy, "sec/other", NULL, ""), 0);
	program.hook = HOOK_PROBE;
	program.target = (char *)"tcp_connect";
	policy.probes_any = true;
	allowed(&policy, &inspection);
	program.hook = HOOK_XDP;
	manifest.publisher = manifest.name = NULL;
}

static void only_the_map_types_of_the_list_are_allowed(void **state)
{
	struct policy policy = policy_default();
	struct inspect_map map = map_of(BPF_MAP_TYPE_HASH, 8, 1);
	struct inspection inspection = {.maps = &map, .map_count = 1};

	(void)state;
	policy.map_types_only = true;
	refused(&policy, &inspection, "map types");
	policy.map_types[BPF_MAP_TYPE_HASH] = true;
	allowed(&policy, &inspection);
	map.type = BPF_MAP_TYPE_ARRAY;
	refused(&policy, &inspection, "map types");
	// A program's own globals are no choice of its author.
	map.internal = true;
	allowed(&policy, &inspection);
	// What can never be granted is not granted by a bit.
	map = map_of(BPF_MAP_TYPE_SOCKMAP, 8, 1);
	policy.map_types[BPF_MAP_TYPE_SOCKMAP] = true;
	refused(&policy, &inspection, "map types");
}

static void the_maps_of_all_programs_have_a_limit_of_their_own(void **state)
{
	struct policy policy = policy_default();
	struct inspect_map map = map_of(BPF_MAP_TYPE_ARRAY, 8, 1000);
	struct inspection inspection = {.maps = &map, .map_count = 1};
	struct fault why = {0};

	(void)state;
	assert_int_equal(policy.map_bytes_total, UINT64_C(1) << 30);
	policy.map_bytes_total = 16000;
	allowed(&policy, &inspection);
	assert_int_equal(policy_check_total(&policy, 16000, &why), 0);
	assert_int_equal(policy_check_total(&policy, 16001, &why), -1);
	assert_int_equal(why.code, FAULT_POLICY);
	policy.map_bytes_total = 15999;
	refused(&policy, &inspection, "node memory");
}

static void a_hook_that_is_not_allowed_is_refused(void **state)
{
	struct policy policy = policy_default();
	struct inspection inspection = {0};

	(void)state;
	policy.xdp = false;
	refused(&policy, &inspection, "programs");
	program.hook = HOOK_TC_EGRESS;
	allowed(&policy, &inspection);
	policy.tc = false;
	refused(&policy, &inspection, "programs");
	program.hook = HOOK_XDP;
}

static void more_instructions_than_allowed_are_refused(void **state)
{
	struct policy policy = policy_default();
	struct inspection inspection = {.insns = 101};

	(void)state;
	policy.insns_max = 100;
	refused(&policy, &inspection, "instructions");
	policy.insns_max = 101;
	allowed(&policy, &inspection);
}

static void only_maps_for_packets_are_allowed(void **state)
{
	static const uint32_t never[] = {0,
					 BPF_MAP_TYPE_STACK_TRACE,
					 BPF_MAP_TYPE_CGROUP_ARRAY,
					 BPF_MAP_TYPE_SOCKMAP,
					 BPF_MAP_TYPE_STRUCT_OPS,
					 BPF_MAP_TYPE_TASK_STORAGE,
					 BPF_MAP_TYPE_USER_RINGBUF,
					 33,
					 UINT32_MAX};
	struct policy policy = policy_widest();
	struct inspect_map map = map_of(BPF_MAP_TYPE_LPM_TRIE, 8, 1);
	struct inspection inspection = {.maps = &map, .map_count = 1};

	(void)state;
	allowed(&policy, &inspection);
	for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
		map = map_of(never[i], 8, 1);
		refused(&policy, &inspection, "map types");
	}
}

// Collections of programs that own a next-program map all ask for it; the loader takes no notice (chain_test).
static void a_map_that_asks_to_be_pinned_by_name_is_allowed(void **state)
{
	struct policy policy = policy_widest();
	struct inspect_map map = map_of(BPF_MAP_TYPE_ARRAY, 8, 1);
	struct inspection inspection = {.maps = &map, .map_count = 1};

	(void)state;
	map.pinned_by_name = true;
	allowed(&policy, &inspection);
}

static void a_map_that_can_be_mapped_is_allowed_and_unknown_flags_are_not(void **state)
{
	struct policy policy = policy_widest();
	struct inspect_map map = map_of(BPF_MAP_TYPE_ARRAY, 8, 1);
	struct inspection inspection = {.maps = &map, .map_count = 1};

	(void)state;
	map.flags = BPF_F_MMAPABLE;
	allowed(&policy, &inspection);
	map.flags = 1u << 30;
	refused(&policy, &inspection, "map flags");
}

static void map_memory_is_counted_for_every_cpu(void **state)
{
	struct policy policy = policy_default();
	struct inspect_map map = map_of(BPF_MAP_TYPE_PERCPU_ARRAY, 12, 1000);
	struct inspection inspection = {.maps = &map, .map_count = 1};

	(void)state;
	assert_int_equal(policy_map_bytes(&map, 4), (8 + 16) * 1000 * 4);
	policy.cpus = 4;
	policy.map_bytes_max = 96000;
	allowed(&policy, &inspection);
	policy.map_bytes_max = 95999;
	refused(&policy, &inspection, "map memory");
	map.type = BPF_MAP_TYPE_ARRAY;
	allowed(&policy, &inspection);
}

// Numbers that Linux 6.18 told of maps with 2 CPUs. A little less than it takes may be counted, for the table itself.
static void map_memory_is_what_the_kernel_takes(void **state)
{
	static const struct {
		uint32_t type, key_size, value_size, entries;
		uint64_t taken;
	} told[] = {
		{BPF_MAP_TYPE_HASH, 4, 1, 4194304, 335545360},
		{BPF_MAP_TYPE_HASH, 4, 1, 262144, 20972560},
		{BPF_MAP_TYPE_LRU_HASH, 4, 1, 262144, 20972416},
		{BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 262144, 25166720},
		{BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 262144, 25166720},
	};
	struct policy policy = policy_default();
	struct inspect_map map = map_of(BPF_MAP_TYPE_HASH, 1, 4194304);
	struct inspection inspection = {.maps = &map, .map_count = 1};

	(void)state;
	for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
		struct inspect_map one = {.type = told[i].type,
					  .key_size = told[i].key_size,
					  .value_size = told[i].value_size,
					  .max_entries = told[i].entries};
		uint64_t counted = policy_map_bytes(&one, 2);

		assert_in_range(counted, told[i].taken - told[i].taken / 100,
				told[i].taken + told[i].taken / 10);
	}
	// Keys and values alone would be the 64 MiB that are allowed; the kernel takes 320.
	refused(&policy, &inspection, "map memory");
	map.max_entries = (64u << 20) / 80;
	allowed(&policy, &inspection);
	map.max_entries++;
	refused(&policy, &inspection, "map memory");
	// A fork of the trie is counted with every entry.
	map = map_of(BPF_MAP_TYPE_LPM_TRIE, 1, 1000);
	map.key_size = 8;
	assert_int_equal(policy_map_bytes(&map, 2), 128 * 1000);
	// An array has no more than its values.
	map = map_of(BPF_MAP_TYPE_ARRAY, 8, 1000);
	assert_int_equal(policy_map_bytes(&map, 2), 16 * 1000);
}

static void map_memory_that_overflows_is_refused(void **state)
{
	struct policy policy = policy_widest();
	struct inspect_map maps[2] = {
		map_of(BPF_MAP_TYPE_PERCPU_HASH, UINT32_MAX, UINT32_MAX),
		map_of(BPF_MAP_TYPE_HASH, UINT32_MAX, UINT32_MAX),
	};
	struct inspection inspection = {.maps = maps, .map_count = 1};

	(void)state;
	policy.cpus = 4096;
	assert_int_equal(policy_map_bytes(&maps[0], 4096), UINT64_MAX);
	refused(&policy, &inspection, "map memory");
}

static void a_ring_buffer_counts_its_bytes(void **state)
{
	struct inspect_map map = {.type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096};

	(void)state;
	assert_int_equal(policy_map_bytes(&map, 8), 4096);
}

static void a_group_name_that_is_wrong_gets_the_nearest(void **state)
{
	enum helper_group group = HELPERS_SOCKET;
	struct fault why = {0};

	(void)state;
	assert_int_equal(helper_group_parse("redirect", &group, &why), 0);
	assert_int_equal(group, HELPERS_REDIRECT);
	assert_int_equal(helper_group_parse("redirct", &group, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.text, "did you mean redirect"));
	assert_int_equal(helper_group_parse("tracking", &group, &why), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_policy_allows_map_lookups_and_refuses_redirects),
		cmocka_unit_test(the_tracing_helpers_are_never_granted),
		cmocka_unit_test(what_reads_the_kernel_is_for_probes_only),
		cmocka_unit_test(every_helper_number_is_in_a_group_or_refused),
		cmocka_unit_test(a_call_of_no_known_helper_is_refused),
		cmocka_unit_test(a_kernel_function_needs_its_name_in_the_policy),
		cmocka_unit_test(one_helper_can_be_allowed_by_name_without_its_group),
		cmocka_unit_test(a_helper_that_is_never_granted_is_refused_by_name_as_well),
		cmocka_unit_test(kernel_functions_that_do_the_same_are_never_granted),
		cmocka_unit_test(only_a_licence_of_the_list_is_allowed),
		cmocka_unit_test(a_publisher_that_is_not_named_is_refused),
		cmocka_unit_test(a_bundle_stands_only_where_the_policy_lets_it),
		cmocka_unit_test(only_the_map_types_of_the_list_are_allowed),
		cmocka_unit_test(the_maps_of_all_programs_have_a_limit_of_their_own),
		cmocka_unit_test(a_hook_that_is_not_allowed_is_refused),
		cmocka_unit_test(more_instructions_than_allowed_are_refused),
		cmocka_unit_test(only_maps_for_packets_are_allowed),
		cmocka_unit_test(a_map_that_asks_to_be_pinned_by_name_is_allowed),
		cmocka_unit_test(a_map_that_can_be_mapped_is_allowed_and_unknown_flags_are_not),
		cmocka_unit_test(map_memory_is_counted_for_every_cpu),
		cmocka_unit_test(map_memory_is_what_the_kernel_takes),
		cmocka_unit_test(map_memory_that_overflows_is_refused),
		cmocka_unit_test(a_ring_buffer_counts_its_bytes),
		cmocka_unit_test(a_group_name_that_is_wrong_gets_the_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
