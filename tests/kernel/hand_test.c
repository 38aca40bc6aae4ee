// SPDX-License-Identifier: Apache-2.0
// Running maps by hand: found by name, shown, set, taken away; and what of them becomes a metric.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/gauge.h"
#include "loader/peek.h"
#include "loader/poke.h"
#include "loader/record.h"
#include "tests/kernel/promtext.h"
#include "tests/kernel/world.h"

#define PASS 2

static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", "../tests/kernel/knobs.json", NULL};

	if (ready)
		world_up(state, manifests);
	return 0;
}

#define KNOBS(more) "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\"" more "}]"

static void packet(struct stock *stock)
{
	char way[GROUND_WAY];

	assert_int_equal(ground_run(stock->ground, way), PASS);
}

// One map that is looked at, with everything it stands on.
struct look {
	struct json *record;
	struct running running;
	struct peek peek;
};

static void look_drop(struct look *look)
{
	peek_drop(&look->peek);
	running_drop(&look->running);
	json_free(look->record);
}

static struct running_places places_of(const struct stock *stock, struct json **record)
{
	struct fault why = {0};

	if (record_load(stock->loader_dirfd, stock->ground->tree, record, &why))
		fail_msg("%s", why.text);
	return (struct running_places){.tree = stock->ground->tree,
				       .record = *record,
				       .objects_dirfd = stock->objects_dirfd};
}

static int look_at(const struct stock *stock, const struct running_query *query, const char *map,
		   struct look *out, struct fault *why)
{
	struct running_places places = places_of(stock, &out->record);

	out->peek = (struct peek){.fd = -1};
	return running_find(&places, query, &out->running, why) ||
			       running_open(&places, &out->running, why) ||
			       peek_open(&out->running, map, &out->peek, why)
		       ? -1
		       : 0;
}

static void looks(const struct stock *stock, const char *map, struct look *out)
{
	const struct running_query query = {.use = "net/knobs"};
	struct fault why = {0};

	if (look_at(stock, &query, map, out, &why)) {
		fault_print(&why, stderr);
		fail_msg("cannot look at %s", map);
	}
}

static struct json *json_of(const char *text)
{
	struct json *json = NULL;
	struct fault why = {0};

	if (json_parse(text, strlen(text), "test", &json, &why))
		fail_msg("%s", why.text);
	return json;
}

// What `map get` tells, as text; `key` NULL: all of it.
static void shows(const struct stock *stock, const char *map, const char *key, const char *want)
{
	OWNED(look_drop) struct look look = {0};
	OWNED(json_drop) struct json *entries = NULL;
	OWNED(json_drop) struct json *json_key = key ? json_of(key) : NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	looks(stock, map, &look);
	if (peek_entries(&look.running, &look.peek, json_key, false, &entries, &why))
		fail_msg("%s: %s", why.text, why.cause);
	assert_int_equal(json_write(entries, false, &text, &why), 0);
	text.data[text.len - 1] = '\0';
	assert_string_equal(bytes_text(&text), want);
}

static int try_poke(const struct stock *stock, const char *map, const char *key, const char *value,
		    int cpu, bool force, struct poked *out, struct fault *why)
{
	OWNED(look_drop) struct look look = {0};
	OWNED(json_drop) struct json *json_key = json_of(key);
	OWNED(json_drop) struct json *json_value = value ? json_of(value) : NULL;
	const struct poke todo = {.key = json_key, .value = json_value, .cpu = cpu, .force = force};

	looks(stock, map, &look);
	return poke(&look.running, &look.peek, &todo, out, why);
}

static void pokes(const struct stock *stock, const char *map, const char *key, const char *value)
{
	OWNED(poked_drop) struct poked poked = {0};
	struct fault why = {0};

	if (try_poke(stock, map, key, value, POKE_ALL_CPUS, false, &poked, &why)) {
		fault_print(&why, stderr);
		fail_msg("not set");
	}
}

static void refuses(const struct stock *stock, const char *map, const char *key, const char *value,
		    int cpu, enum fault_code code, const char *words)
{
	OWNED(poked_drop) struct poked poked = {0};
	struct fault why = {0};

	assert_int_equal(try_poke(stock, map, key, value, cpu, false, &poked, &why), -1);
	if (why.code != code || (!strstr(why.text, words) && !strstr(why.cause, words))) {
		fault_print(&why, stderr);
		fail_msg("not refused with \"%s\"", words);
	}
}

// ---- finding ----

static void a_program_is_found_by_its_name_alone_when_it_runs_once(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(look_drop) struct look look = {0};

	applies(stock, KNOBS(""));
	looks(stock, "tuned", &look);
	assert_string_equal(look.running.iface, GROUND_IFACE);
	assert_int_equal(look.running.place, 1);
}

static void of_several_one_has_to_be_said(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(look_drop) struct look none = {0};
	OWNED(look_drop) struct look second = {0};
	OWNED(look_drop) struct look other = {0};
	struct running_query query = {.use = "net/knobs"};
	struct fault why = {0};

	stock_interfaces(
		stock,
		"\"" GROUND_IFACE "\":{\"xdp\":[{\"use\":\"net/knobs\",\"version\":\"1.0.0\"},"
		"{\"use\":\"net/knobs\",\"version\":\"1.0.0\"}],\"tc_ingress\":" KNOBS("") "}");
	applied(stock);
	assert_int_equal(look_at(stock, &query, "tuned", &none, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.text,
			       "runs more than once: xdp on seal0, place 1; xdp on seal0, "
			       "place 2; tc_ingress on seal0, place 1"));
	query.place = 2;
	assert_int_equal(look_at(stock, &query, "tuned", &second, &why), 0);
	assert_non_null(strstr(second.running.dir, "corp:net:knobs:2"));
	query = (struct running_query){.use = "net/knobs", .hook = "tc_ingress"};
	assert_int_equal(look_at(stock, &query, "tuned", &other, &why), 0);
	assert_int_equal(other.running.hook, HOOK_TC_INGRESS);
}

static void what_does_not_run_offers_the_nearest(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(look_drop) struct look none = {0};
	OWNED(look_drop) struct look map = {0};
	struct running_query query = {.use = "net/konbs"};
	struct fault why = {0};

	applies(stock, KNOBS(""));
	assert_int_equal(look_at(stock, &query, "tuned", &none, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_string_equal(why.fix, "did you mean \"net/knobs\"?");
	query.use = "net/knobs";
	assert_int_equal(look_at(stock, &query, "tunde", &map, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_string_equal(why.fix, "did you mean \"tuned\"?");
}

// ---- showing ----

static void every_map_is_shown_as_node_json_would_write_it(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(",\"globals\":{\"gateway\":\"10.1.2.3\"},\"maps\":{\"nets\":"
			     "[{\"key\":\"10.0.0.0/8\",\"value\":4},{\"key\":\"10.1.0.0/16\","
			     "\"value\":5}]}"));
	packet(stock);
	shows(stock, "flows", NULL,
	      "[{\"key\":{\"src\":\"10.1.2.3\",\"port\":443,\"mac\":\"00:00:00:00:00:00\"},"
	      "\"value\":{\"packets\":1,\"bytes\":64}}]");
	shows(stock, "learned", "1", "[{\"key\":1,\"value\":1}]");
	shows(stock, "hits", NULL, "[{\"key\":0,\"value\":1},{\"key\":1,\"value\":0}]");
	// A trie tells the prefix that decides.
	shows(stock, "nets", "\"10.1.2.3\"", "[{\"key\":\"10.1.0.0/16\",\"value\":5}]");
	shows(stock, "nets", "\"10.2.0.0/16\"", "[{\"key\":\"10.0.0.0/8\",\"value\":4}]");
}

static void variables_are_shown_by_their_names(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(",\"globals\":{\"gateway\":\"10.1.2.3\",\"limit\":7}"));
	packet(stock);
	shows(stock, ".rodata", "\"limit\"", "[{\"key\":\"limit\",\"value\":7}]");
	shows(stock, ".rodata", "\"gateway\"", "[{\"key\":\"gateway\",\"value\":\"10.1.2.3\"}]");
	shows(stock, ".rodata", "\"verdict\"", "[{\"key\":\"verdict\",\"value\":\"XDP_PASS\"}]");
	shows(stock, ".rodata", "\"uplink\"",
	      "[{\"key\":\"uplink\",\"value\":\"02:00:00:00:00:00\"}]");
	shows(stock, ".data", "\"level\"", "[{\"key\":\"level\",\"value\":5}]");
	shows(stock, ".bss", NULL, "[{\"key\":\"packets\",\"value\":1}]");
}

// ---- setting ----

static void what_is_set_is_seen_by_the_next_packet(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(poked_drop) struct poked poked = {0};
	struct fault why = {0};
	char way[GROUND_WAY];

	applies(stock, KNOBS(",\"maps\":{\"tuned\":[{\"key\":0,\"value\":2}]}"));
	assert_int_equal(try_poke(stock, "tuned", "0", "9", POKE_ALL_CPUS, false, &poked, &why), 0);
	assert_int_equal(json_int(poked.was), 2);
	assert_int_equal(json_int(poked.said), 2);
	assert_true(poked.config);
	pokes(stock, "nets", "\"0.0.0.0/0\"", "6");
	pokes(stock, ".data", "\"level\"", "8");
	assert_int_equal(ground_run(stock->ground, way), PASS);
	assert_string_equal(way, "100 8 9 6");
	pokes(stock, "nets", "\"0.0.0.0/0\"", NULL);
	assert_int_equal(ground_run(stock->ground, way), PASS);
	assert_string_equal(way, "100 8 9 255");
}

static void what_is_the_programs_own_is_set_only_by_force(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(poked_drop) struct poked poked = {0};
	struct fault why = {0};

	applies(stock, KNOBS(""));
	packet(stock);
	refuses(stock, "learned", "1", "7", POKE_ALL_CPUS, FAULT_POLICY, "its purpose is state");
	refuses(stock, "hits", "0", "0", POKE_ALL_CPUS, FAULT_POLICY, "its purpose is counter");
	refuses(stock, ".bss", "\"packets\"", "0", POKE_ALL_CPUS, FAULT_POLICY, "counter");
	assert_int_equal(try_poke(stock, "hits", "0", "0", POKE_ALL_CPUS, true, &poked, &why), 0);
	assert_int_equal(json_int(poked.was), 1);
	assert_false(poked.config);
	shows(stock, "hits", "0", "[{\"key\":0,\"value\":0}]");
}

static void one_cpu_of_a_map_can_be_set(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(poked_drop) struct poked poked = {0};
	OWNED(poked_drop) struct poked again = {0};
	struct fault why = {0};
	int cpus = libbpf_num_possible_cpus();
	char want[64];

	applies(stock, KNOBS(""));
	assert_int_equal(try_poke(stock, "hits", "1", "5", POKE_ALL_CPUS, true, &poked, &why), 0);
	snprintf(want, sizeof(want), "[{\"key\":1,\"value\":%d}]", 5 * cpus);
	shows(stock, "hits", "1", want);
	assert_int_equal(try_poke(stock, "hits", "1", "7", 0, true, &again, &why), 0);
	snprintf(want, sizeof(want), "[{\"key\":1,\"value\":%d}]", 5 * cpus + 2);
	shows(stock, "hits", "1", want);
	refuses(stock, "tuned", "0", "7", 0, FAULT_CONFIG, "one value for all CPUs");
}

static void what_cannot_be_set_is_refused(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(""));
	refuses(stock, ".rodata", "\"limit\"", "7", POKE_ALL_CPUS, FAULT_CONFIG,
		"section .rodata holds constants");
	refuses(stock, ".data", "\"packets\"", "7", POKE_ALL_CPUS, FAULT_CONFIG,
		"section .data has no variable packets");
	refuses(stock, ".data", "\"level\"", NULL, POKE_ALL_CPUS, FAULT_CONFIG,
		"cannot be taken away");
	refuses(stock, ".data", "7", "7", POKE_ALL_CPUS, FAULT_CONFIG, "goes by its name");
	refuses(stock, "tuned", "0", "-1", POKE_ALL_CPUS, FAULT_CONFIG, "-1 does not fit __u32");
	refuses(stock, "tuned", "\"x\"", "1", POKE_ALL_CPUS, FAULT_CONFIG, "no key of map tuned");
	refuses(stock, "tuned", "0", NULL, POKE_ALL_CPUS, FAULT_CONFIG, "keeps all of its entries");
	refuses(stock, "nets", "\"10.0.0.0/8\"", NULL, POKE_ALL_CPUS, FAULT_CONFIG, "no such key");
	// A trie's lookup would find the shorter one.
	pokes(stock, "nets", "\"0.0.0.0/0\"", "1");
	refuses(stock, "nets", "\"10.0.0.0/8\"", NULL, POKE_ALL_CPUS, FAULT_CONFIG, "no such key");
}

// ---- metrics ----

// The whole text, checked against the format.
static void metrics(const struct stock *stock, struct bytes *out)
{
	OWNED(json_drop) struct json *record = NULL;
	const struct running_places places = places_of(stock, &record);
	struct fault why = {0};
	char complaint[256];

	bytes_drop(out);
	if (gauge_text(&places, NULL, out, &why))
		fail_msg("%s: %s", why.text, why.cause);
	if (!promtext_is_valid(bytes_text(out), complaint, sizeof(complaint)))
		fail_msg("%s", complaint);
}

static void has(const struct bytes *text, const char *line)
{
	if (!strstr(bytes_text(text), line))
		fail_msg("no \"%s\" in\n%s", line, bytes_text(text));
}

static void has_not(const struct bytes *text, const char *line)
{
	if (strstr(bytes_text(text), line))
		fail_msg("\"%s\" in\n%s", line, bytes_text(text));
}

static void counters_of_the_specification_are_metrics(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(bytes_drop) struct bytes text = {0};

	applies(stock, "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\",\"globals\":{\"gateway\":"
		       "\"10.1.2.3\"}},{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	packet(stock);
	packet(stock);
	metrics(stock, &text);
	has(&text, "# TYPE bpfseal_map_count_total counter\n");
	has(&text, "bpfseal_map_count_total{interface=\"seal0\",hook=\"xdp\",use=\"net/knobs\","
		   "map=\"hits\",key=\"0\",unit=\"packets\"} 2\n");
	has(&text,
	    "bpfseal_map_count_total{interface=\"seal0\",hook=\"xdp\",use=\"net/knobs\","
	    "map=\"flows\",key=\"{\\\"src\\\":\\\"10.1.2.3\\\",\\\"port\\\":443,\\\"mac\\\":"
	    "\\\"00:00:00:00:00:00\\\"}\",field=\"packets\",unit=\"packets and bytes\"} 2\n");
	has(&text, "map=\".bss\",key=\"packets\",unit=\"packets\"} 2\n");
	// One for the interface, whatever the hook.
	has(&text, "bpfseal_map_count_total{interface=\"seal0\",use=\"net/knobs\",map=\"together\","
		   "key=\"0\"} 2\n");
	has(&text, "use=\"net/count\",map=\"counts\"");
	// State is nobody's metric, and an array's unused entries say nothing.
	has_not(&text, "learned");
	has_not(&text, "map=\"hits\",key=\"1\"");
	has(&text, "bpfseal_chain_programs{interface=\"seal0\",hook=\"xdp\"} 2\n");
	has(&text, "bpfseal_chain_generation{interface=\"seal0\",hook=\"xdp\"} 1\n");
	has(&text, "bpfseal_chain_findings{interface=\"seal0\",hook=\"xdp\"} 0\n");
	has(&text, "bpfseal_chain_fell_through_total{interface=\"seal0\",hook=\"xdp\",place="
		   "\"root\"} 0\n");
	has(&text, "bpfseal_program_info{interface=\"seal0\",hook=\"xdp\",place=\"2\",use="
		   "\"net/count\",version=\"1.0.0\",from=\"corp\",entry=\"count\"");
	has(&text, "bpfseal_unreadable_members 0\n");
}

static void a_counter_keeps_its_series_over_an_upgrade(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(bytes_drop) struct bytes text = {0};

	stock_add(stock, "../tests/kernel/knobs2.json");
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
	applies(stock, KNOBS(""));
	packet(stock);
	applies(stock, "[{\"use\":\"net/knobs\",\"version\":\"2.0.0\"}]");
	packet(stock);
	metrics(stock, &text);
	has(&text, "bpfseal_map_count_total{interface=\"seal0\",hook=\"xdp\",use=\"net/knobs\","
		   "map=\"hits\",key=\"0\",unit=\"packets\"} 2\n");
	has(&text, "version=\"2.0.0\"");
}

static void two_of_a_name_are_told_apart(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(bytes_drop) struct bytes text = {0};

	applies(stock, "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\"},"
		       "{\"use\":\"net/knobs\",\"version\":\"1.0.0\"}]");
	packet(stock);
	metrics(stock, &text);
	has(&text, "use=\"net/knobs\",member=\"corp:net:knobs\",map=\"hits\"");
	has(&text, "use=\"net/knobs\",member=\"corp:net:knobs:2\",map=\"hits\"");
}

static void what_a_label_holds_cannot_leave_it(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *record = NULL;
	OWNED(json_drop) struct json *odd = NULL;
	struct running_places places;
	struct fault why = {0};
	char complaint[256];

	applies(stock, KNOBS(""));
	places = places_of(stock, &record);
	assert_int_equal(json_clone(places.record, &odd, &why), 0);
	assert_int_equal(json_put_text((struct json *)(uintptr_t)json_item(
					       json_member(json_item(json_member(odd, "chains"), 0),
							   "members"),
					       0),
				       "version", "1\"} 5\nbpfseal_forged{a=\"\\", &why),
			 0);
	places.record = odd;
	assert_int_equal(gauge_text(&places, NULL, &text, &why), 0);
	if (!promtext_is_valid(bytes_text(&text), complaint, sizeof(complaint)))
		fail_msg("%s", complaint);
	has(&text, "version=\"1\\\"} 5\\nbpfseal_forged{a=\\\"\\\\\"");
	has_not(&text, "\nbpfseal_forged");
}

static void a_map_of_many_keys_is_cut_and_says_so(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(look_drop) struct look look = {0};
	const struct running_query query = {.use = "net/count"};
	struct fault why = {0};

	applies(stock, "[{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	assert_int_equal(look_at(stock, &query, "counts", &look, &why), 0);
	// 256 protocols of two fields each.
	for (uint32_t key = 0; key < 256; key++) {
		cell_set_key(&look.peek.cell, &key);
		memset(look.peek.cell.data, 1, cell_len(&look.peek.cell));
		assert_int_equal(cell_write(&look.peek.cell, &why), 0);
	}
	metrics(stock, &text);
	has(&text, "bpfseal_map_series_left_out{interface=\"seal0\",hook=\"xdp\",use=\"net/count\","
		   "map=\"counts\"} 256\n");
	has(&text, "key=\"127\",field=\"bytes\"");
	has_not(&text, "key=\"128\"");
}

static void a_damaged_copy_hides_no_other_program(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(look_drop) struct look look = {0};
	const struct running_query query = {.use = "net/count"};
	struct fault why = {0};

	applies(stock, "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\"},"
		       "{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	packet(stock);
	assert_int_equal(look_at(stock, &query, "counts", &look, &why), 0);
	ground_sh("rm %s/var/lib/bpfseal-loader/objects/%s", stock->ground->root,
		  json_text(json_member(look.running.recorded, "object")));
	metrics(stock, &text);
	has(&text, "bpfseal_unreadable_members 1\n");
	has(&text, "use=\"net/knobs\",map=\"hits\"");
	has(&text, "bpfseal_chain_programs{interface=\"seal0\",hook=\"xdp\"} 2\n");
}

static void the_file_is_replaced_whole_and_can_be_read_by_all(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(json_drop) struct json *record = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	struct running_places places;
	struct fault why = {0};
	char path[128];

	applies(stock, KNOBS(""));
	places = places_of(stock, &record);
	snprintf(path, sizeof(path), "%s/metrics.prom", stock->ground->root);
	assert_int_equal(gauge_store(&places, NULL, path, &why), 0);
	assert_int_equal(gauge_store(&places, NULL, path, &why), 0);
	assert_int_equal(file_read(path, 1 << 20, &text, &why), 0);
	has(&text, "bpfseal_chain_programs");
	ground_sh("test $(stat -c %%a %s) = 644", path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, world_down)
		TEST(a_program_is_found_by_its_name_alone_when_it_runs_once),
		TEST(of_several_one_has_to_be_said),
		TEST(what_does_not_run_offers_the_nearest),
		TEST(every_map_is_shown_as_node_json_would_write_it),
		TEST(variables_are_shown_by_their_names),
		TEST(what_is_set_is_seen_by_the_next_packet),
		TEST(what_is_the_programs_own_is_set_only_by_force),
		TEST(one_cpu_of_a_map_can_be_set),
		TEST(what_cannot_be_set_is_refused),
		TEST(counters_of_the_specification_are_metrics),
		TEST(a_counter_keeps_its_series_over_an_upgrade),
		TEST(two_of_a_name_are_told_apart),
		TEST(what_a_label_holds_cannot_leave_it),
		TEST(a_map_of_many_keys_is_cut_and_says_so),
		TEST(a_damaged_copy_hides_no_other_program),
		TEST(the_file_is_replaced_whole_and_can_be_read_by_all),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
