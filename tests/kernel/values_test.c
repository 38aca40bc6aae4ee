// SPDX-License-Identifier: Apache-2.0
// The admin's values in a running chain: globals, maps, what of them needs a load and what does not, what stays over a
// change and what is shared.
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/apply.h"
#include "loader/bpffs.h"
#include "loader/change.h"
#include "loader/finding.h"
#include "loader/record.h"
#include "tests/kernel/world.h"

#define PASS 2
#define DROP 1

// "seal0" and, with a second pair of interfaces, "seal1".
#define OTHER_IFACE "seal1"

static bool ready;

static int up(void **state)
{
	static const char *const manifests[] = {"count.json", "../tests/kernel/knobs.json",
						"../tests/kernel/knobs2.json", NULL};

	if (ready)
		world_up(state, manifests);
	return 0;
}

#define KNOBS(more) "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\"" more "}]"

static enum plan_action action(struct stock *stock)
{
	OWNED(plan_drop) struct plan *plan = planned(stock);

	assert_int_equal(plan->count, 1);
	return plan->chains[0].action;
}

// The whole sentence of the only change that is planned, "" for none.
static void plans_change(struct stock *stock, const char *sentence)
{
	OWNED(plan_drop) struct plan *plan = planned(stock);
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault why = {0};

	for (size_t i = 0; i < json_count(plan->chains[0].changes); i++) {
		if (i)
			assert_int_equal(bytes_append_text(&text, "; ", &why), 0);
		assert_int_equal(change_text(json_item(plan->chains[0].changes, i), &text, &why),
				 0);
	}
	assert_string_equal(bytes_text(&text), sentence);
}

static void refused(struct stock *stock, const char *chain, const char *cause, const char *where,
		    const char *fix)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	stock_configure(stock, chain);
	if (!stock_plan(stock, STOCK_NOW, &plan, &why))
		fail_msg("taken: %s", chain);
	assert_int_equal(why.code, FAULT_CONFIG);
	if ((!strstr(why.cause, cause) && !strstr(why.text, cause)) || !strstr(why.where, where) ||
	    strcmp(why.fix, fix) != 0) {
		fault_print(&why, stderr);
		fail_msg("not as \"%s\" at %s", cause, where);
	}
}

static struct truth the_truth(const struct stock *stock)
{
	struct truth truth;
	struct fault why = {0};

	if (truth_read(stock->ground->tree, GROUND_IFACE, HOOK_XDP, &truth, &why))
		fail_msg("%s", why.text);
	return truth;
}

// Sends one packet; the way is what the program saw: limit, level, tuned[0], nets[gateway].
static void sees(struct stock *stock, int verdict, const char *way)
{
	char got[GROUND_WAY];

	assert_int_equal(ground_run(stock->ground, got), verdict);
	assert_string_equal(got, way);
}

static int pinned_in(const struct stock *stock, const char *iface, enum hook hook, const char *map)
{
	char place[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX];
	struct fault why = {0};
	int fd = -1;

	if (bpffs_place(stock->ground->tree, iface, hook, place, &why) ||
	    bpffs_join(place, "maps", maps, &why) ||
	    bpffs_join(maps, "corp:net:knobs", dir, &why) || bpffs_get(dir, map, &fd, &why))
		fail_msg("%s", why.text);
	return fd;
}

static int pinned(const struct stock *stock, const char *map)
{
	return pinned_in(stock, GROUND_IFACE, HOOK_XDP, map);
}

// A section of variables of the running program: its pin ends in its definition.
static int section(const struct stock *stock, const char *begin)
{
	char dir[BPFFS_PATH_MAX], plain[128];
	OWNED(drop_fd) int dirfd = -1;
	struct fault why = {0};
	OWNED(names_drop) struct names names = {0};
	int fd = -1;

	snprintf(dir, sizeof(dir), "%s/seal0/xdp/maps/corp:net:knobs", stock->ground->tree);
	if (dir_open(dir, &dirfd, &why) || names_list(dirfd, &names, &why))
		fail_msg("%s", why.text);
	for (size_t i = 0; i < names.count; i++) {
		bpffs_name_read(names.name[i], plain, sizeof(plain));
		if (!strncmp(plain, begin, strlen(begin)))
			fd = pinned(stock, plain);
	}
	assert_true(fd >= 0);
	return fd;
}

static uint64_t together(const struct stock *stock, const char *iface, enum hook hook,
			 uint32_t slot)
{
	OWNED(drop_fd) int fd = pinned_in(stock, iface, hook, "together");
	uint64_t count = 0;

	assert_int_equal(bpf_map_lookup_elem(fd, &slot, &count), 0);
	return count;
}

// How often key 1 was learned, or -1.
static int64_t learned(const struct stock *stock, uint32_t key)
{
	OWNED(drop_fd) int fd = pinned(stock, "learned");
	uint32_t times = 0;

	return bpf_map_lookup_elem(fd, &key, &times) ? -1 : (int64_t)times;
}

static const struct map_report *foretold(const struct plan *plan, size_t chain, const char *map)
{
	const struct maps_report *report = &plan->chains[chain].maps[0];

	for (size_t i = 0; i < report->count; i++)
		if (!strcmp(report->maps[i].name, map))
			return &report->maps[i];
	fail_msg("nothing is foretold of %s", map);
	return NULL;
}

// ---- globals ----

static void globals_are_set_before_the_first_packet(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(""));
	sees(stock, PASS, "100 5 0 255");
	applies(stock, KNOBS(",\"globals\":{\"limit\":200,\"level\":7,\"verdict\":\"XDP_DROP\","
			     "\"uplink\":\"02:00:00:00:00:01\"}"));
	sees(stock, DROP, "200 7 0 255");
}

static void a_constant_is_a_load_and_a_variable_is_not(void **state)
{
	struct stock *stock = the_stock(state);
	struct truth before, after;

	applies(stock, KNOBS(",\"globals\":{\"limit\":10,\"level\":7}"));
	before = the_truth(stock);
	stock_configure(stock, KNOBS(",\"globals\":{\"limit\":10,\"level\":8}"));
	assert_int_equal(action(stock), PLAN_VALUES);
	plans_change(stock, "place 1 (net/knobs): level 7 -> 8");
	applied(stock);
	after = the_truth(stock);
	assert_int_equal(after.generation, before.generation);
	assert_int_equal(after.members[0].program.id, before.members[0].program.id);
	sees(stock, PASS, "10 8 0 255");
	stock_configure(stock, KNOBS(",\"globals\":{\"limit\":11,\"level\":8}"));
	assert_int_equal(action(stock), PLAN_CHANGE);
	plans_change(stock, "place 1 (net/knobs): limit 10 -> 11");
	applied(stock);
	assert_int_equal(the_truth(stock).generation, before.generation + 1);
	sees(stock, PASS, "11 8 0 255");
	assert_int_equal(action(stock), PLAN_KEEP);
}

static void a_global_that_is_taken_out_gets_its_own_value_back(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(",\"globals\":{\"limit\":10,\"level\":7}"));
	stock_configure(stock, KNOBS(",\"globals\":{\"limit\":10}"));
	assert_int_equal(action(stock), PLAN_VALUES);
	plans_change(stock, "place 1 (net/knobs): level 7 -> 5");
	applied(stock);
	sees(stock, PASS, "10 5 0 255");
	stock_configure(stock, KNOBS(""));
	assert_int_equal(action(stock), PLAN_CHANGE);
	plans_change(stock, "place 1 (net/knobs): limit 10 -> (its own)");
	applied(stock);
	sees(stock, PASS, "100 5 0 255");
}

static void a_global_that_does_not_fit_is_refused_with_its_place(void **state)
{
	struct stock *stock = the_stock(state);

	// The list begins in column 69 of the only line of the test's node.json.
	refused(stock, "\n" KNOBS(",\n\"globals\":{\n\"limti\":1}"), "limti", "node.json:4:1",
		"did you mean \"limit\"?");
	refused(stock, "\n" KNOBS(",\n\"globals\":{\n\"folded\":1}"), "folded", "node.json:4:1",
		"there are packets, level, limit, verdict, uplink, gateway");
	refused(stock, "\n" KNOBS(",\n\"globals\":{\n\"limit\":4294967296}"), "does not fit __u32",
		"node.json:4:1", "");
	refused(stock, "\n" KNOBS(",\n\"globals\":{\n\"gateway\":1}"), "an IPv4 address",
		"node.json:4:1", "");
	refused(stock, "\n" KNOBS(",\n\"globals\":{\"verdict\":\n\"XDP_DORP\"}"),
		"is not a name of enum xdp_action", "node.json:3:12", "did you mean \"XDP_DROP\"?");
	refused(stock, "\n" KNOBS(",\n\"globals\":{\"uplink\":[1,2,3,4,5,\n 300]}"),
		"[5]: 300 does not fit", "node.json:4:2", "");
	assert_false(the_truth(stock).linked);
}

static void a_variable_set_by_hand_is_put_back_where_it_is_the_admins(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t nine = 9;
	int fd;

	applies(stock, KNOBS(",\"globals\":{\"level\":7}"));
	fd = section(stock, ".data:");
	assert_int_equal(bpf_map_update_elem(fd, &(uint32_t){0}, &nine, BPF_ANY), 0);
	close(fd);
	sees(stock, PASS, "100 9 0 255");
	plans_change(stock, "place 1 (net/knobs): level 9 -> 7");
	applied(stock);
	sees(stock, PASS, "100 7 0 255");
}

// ---- values without a load ----

static void values_of_a_config_map_change_in_place(void **state)
{
	struct stock *stock = the_stock(state);
	struct truth before;

	applies(stock,
		KNOBS(",\"maps\":{\"tuned\":[{\"key\":0,\"value\":1},{\"key\":3,\"value\":9}],"
		      "\"nets\":[{\"key\":\"0.0.0.0/0\",\"value\":4}]}"));
	sees(stock, PASS, "100 5 1 4");
	before = the_truth(stock);
	stock_configure(stock, KNOBS(",\"maps\":{\"tuned\":[{\"key\":0,\"value\":2}],"
				     "\"nets\":[{\"key\":\"0.0.0.0/1\",\"value\":6}]}"));
	assert_int_equal(action(stock), PLAN_VALUES);
	plans_change(stock, "place 1 (net/knobs): tuned[3] 9 -> (none); "
			    "place 1 (net/knobs): tuned[0] 1 -> 2; "
			    "place 1 (net/knobs): nets[0.0.0.0/0] 4 -> (none); "
			    "place 1 (net/knobs): nets[0.0.0.0/1] (none) -> 6");
	applied(stock);
	sees(stock, PASS, "100 5 2 6");
	assert_int_equal(the_truth(stock).generation, before.generation);
	assert_int_equal(the_truth(stock).members[0].program.id, before.members[0].program.id);
	assert_int_equal(action(stock), PLAN_KEEP);
	// Another order of the same values is no change.
	applies(stock, KNOBS(",\"maps\":{\"nets\":[{\"key\":\"0.0.0.0/1\",\"value\":6}],"
			     "\"tuned\":[{\"key\":0,\"value\":2}]}"));
	assert_int_equal(the_truth(stock).generation, before.generation);
}

static void what_was_put_into_a_config_map_by_hand_goes_with_the_next_apply(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t one = 1, seven = 7;

	applies(stock, KNOBS(",\"maps\":{\"tuned\":[{\"key\":0,\"value\":2}]}"));
	{
		OWNED(drop_fd) int fd = pinned(stock, "tuned");

		assert_int_equal(bpf_map_update_elem(fd, &one, &seven, BPF_ANY), 0);
		assert_int_equal(bpf_map_update_elem(fd, &(uint32_t){0}, &seven, BPF_ANY), 0);
	}
	sees(stock, PASS, "100 5 7 255");
	plans_change(stock, "place 1 (net/knobs): tuned[1] 7 -> (none); "
			    "place 1 (net/knobs): tuned[0] 7 -> 2");
	applied(stock);
	sees(stock, PASS, "100 5 2 255");
	assert_int_equal(action(stock), PLAN_KEEP);
}

static void what_was_set_by_hand_and_then_written_down_is_recorded(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(json_drop) struct json *record = NULL;
	const struct json *member;
	struct fault why = {0};
	uint32_t seven = 7;

	applies(stock, KNOBS(",\"maps\":{\"tuned\":[{\"key\":0,\"value\":2}]}"));
	{
		OWNED(drop_fd) int fd = pinned(stock, "tuned");

		assert_int_equal(bpf_map_update_elem(fd, &(uint32_t){0}, &seven, BPF_ANY), 0);
	}
	stock_configure(stock, KNOBS(",\"maps\":{\"tuned\":[{\"key\":0,\"value\":7}]}"));
	assert_int_equal(action(stock), PLAN_VALUES);
	plans_change(stock, "");
	applied(stock);
	assert_int_equal(action(stock), PLAN_KEEP);
	assert_int_equal(record_load(stock->loader_dirfd, stock->ground->tree, &record, &why), 0);
	member = json_item(json_member(record_chain(record, GROUND_IFACE, "xdp"), "members"), 0);
	assert_true(record_fits_use(member, &stock->node->interfaces[0].chain[HOOK_XDP][0]));
}

static void
a_state_map_takes_what_changes_in_the_file_and_keeps_what_the_program_wrote(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(",\"maps\":{\"learned\":[{\"key\":1,\"value\":100}]}"));
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(learned(stock, 1), 101);
	assert_int_equal(action(stock), PLAN_KEEP);
	stock_configure(stock, KNOBS(",\"maps\":{\"learned\":[{\"key\":1,\"value\":100},"
				     "{\"key\":2,\"value\":5}]}"));
	plans_change(stock, "place 1 (net/knobs): learned[2] (none) -> 5");
	applied(stock);
	assert_int_equal(learned(stock, 1), 101);
	assert_int_equal(learned(stock, 2), 5);
	// A load of the same values does not begin anew either.
	applies(stock, KNOBS(",\"globals\":{\"limit\":1},\"maps\":{\"learned\":"
			     "[{\"key\":1,\"value\":100},{\"key\":2,\"value\":6}]}"));
	assert_int_equal(learned(stock, 1), 101);
	assert_int_equal(learned(stock, 2), 6);
	// What leaves the file stays in the map: it is the program's now.
	applies(stock, KNOBS(",\"globals\":{\"limit\":1}"));
	assert_int_equal(learned(stock, 2), 6);
}

static void when_one_value_fails_none_is_written(void **state)
{
	struct stock *stock = the_stock(state);
	struct truth before;
	struct fault why = {0};

	applies(stock, KNOBS(",\"maps\":{\"learned\":[{\"key\":20,\"value\":1}]}"));
	before = the_truth(stock);
	{
		OWNED(drop_fd) int fd = pinned(stock, "learned");

		// The program has filled it meanwhile: 8 entries, one of them the admin's.
		for (uint32_t key = 30; key < 37; key++)
			assert_int_equal(bpf_map_update_elem(fd, &key, &key, BPF_ANY), 0);
	}
	stock_configure(stock, KNOBS(",\"globals\":{\"level\":9},\"maps\":{\"learned\":"
				     "[{\"key\":20,\"value\":2},{\"key\":21,\"value\":2}]}"));
	assert_int_equal(stock_apply(stock, STOCK_NOW, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.text, "the values of xdp on " GROUND_IFACE));
	assert_non_null(strstr(why.cause, "map learned cannot be written: "
					  "the map is full: it takes 8 entries"));
	assert_non_null(strstr(why.fix, "put back"));
	assert_int_equal(learned(stock, 20), 1);
	assert_int_equal(learned(stock, 21), -1);
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(the_truth(stock).generation, before.generation);
	// The record says what is so: the same is planned again.
	assert_int_equal(action(stock), PLAN_VALUES);
}

static void
a_value_that_does_not_fit_is_refused_with_its_place_before_anything_is_made(void **state)
{
	struct stock *stock = the_stock(state);

	refused(stock, "\n" KNOBS(",\n\"maps\":{\n\"tunde\":[]}"), "no map tunde", "node.json:4:1",
		"did you mean \"tuned\"?");
	refused(stock, "\n" KNOBS(",\n\"maps\":{\"tuned\":[\n{\"key\":0,\n\"value\":-1}]}"),
		"-1 does not fit __u32", "node.json:5:1", "");
	refused(stock, "\n" KNOBS(",\n\"maps\":{\"tuned\":[\n{\"key\":4,\"value\":1}]}"),
		"4 is not between 0 and 3", "node.json:4:2", "");
	refused(stock,
		"\n" KNOBS(",\n\"maps\":{\"flows\":[{\"key\":{\"src\":\"10.0.0.1\",\n\"prot\":1},"
			   "\"value\":1}]}"),
		"flow has no field \"prot\"", "node.json:4:1", "did you mean \"port\"?");
	refused(stock,
		"\n" KNOBS(",\n\"maps\":{\"nets\":[\n{\"key\":\"10.0.0.1/8\",\"value\":1}]}"),
		"has bits behind its length", "node.json:4:2", "did you mean \"10.0.0.0/8\"?");
	refused(stock,
		"\n" KNOBS(",\n\"maps\":{\"nets\":[{\"key\":\"10.0.0.0/8\",\"value\":1},\n"
			   "{\"key\":{\"prefixlen\":8,\"addr\":10},\"value\":2}]}"),
		"occurs twice", "node.json:4:2", "");
	refused(stock,
		"\n" KNOBS(
			",\n\"maps\":{\"learned\":[{\"key\":0,\"value\":1},{\"key\":1,\"value\":1},"
			"{\"key\":2,\"value\":1},{\"key\":3,\"value\":1},{\"key\":4,\"value\":1},"
			"{\"key\":5,\"value\":1},{\"key\":6,\"value\":1},{\"key\":7,\"value\":1},"
			"{\"key\":8,\"value\":1}]}"),
		"takes 8 entries, not 9", "node.json:3:9", "");
	assert_false(the_truth(stock).linked);
	assert_int_equal(the_truth(stock).generation, 0);
}

// ---- what stays ----

static void an_unchanged_definition_keeps_its_contents_over_an_upgrade(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;

	applies(stock, KNOBS(""));
	sees(stock, PASS, "100 5 0 255");
	stock_configure(stock, "[{\"use\":\"net/knobs\",\"version\":\"2.0.0\"}]");
	plan = planned(stock);
	assert_int_equal(foretold(plan, 0, "learned")->fate, MAP_KEPT);
	assert_int_equal(foretold(plan, 0, "hits")->fate, MAP_KEPT);
	assert_int_equal(foretold(plan, 0, "together")->fate, MAP_KEPT);
	assert_true(foretold(plan, 0, "together")->shared);
	assert_int_equal(foretold(plan, 0, ".data")->fate, MAP_KEPT);
	// 32 entries instead of 16; and a variable more in .bss.
	assert_int_equal(foretold(plan, 0, "flows")->fate, MAP_LOST);
	assert_int_equal(foretold(plan, 0, ".bss")->fate, MAP_LOST);
	assert_int_equal(foretold(plan, 0, "tuned")->fate, MAP_REFILLED);
	applied(stock);
	assert_int_equal(learned(stock, 1), 1);
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(learned(stock, 1), 2);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_XDP, 0), 2);
}

static uint64_t packets(const struct stock *stock)
{
	OWNED(drop_fd) int fd = section(stock, ".bss:");
	uint64_t image[16] = {0};

	assert_int_equal(bpf_map_lookup_elem(fd, &(uint32_t){0}, image), 0);
	// `mine` and `packets` in whichever order: `mine` grows by 12 a packet.
	return image[0] < image[1] ? image[0] : image[1];
}

static void variables_count_on_when_a_neighbour_comes_goes_or_moves(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(""));
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(packets(stock), 1);
	applies(stock, "[{\"use\":\"net/count\",\"version\":\"1.0.0\"},"
		       "{\"use\":\"net/knobs\",\"version\":\"1.0.0\"}]");
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(packets(stock), 2);
	assert_int_equal(learned(stock, 1), 2);
	applies(stock, "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\"},"
		       "{\"use\":\"net/count\",\"version\":\"1.0.0\"}]");
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(packets(stock), 3);
	assert_int_equal(learned(stock, 1), 3);
}

static void the_second_of_a_name_keeps_its_own_when_the_first_goes(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, "[{\"use\":\"net/knobs\",\"version\":\"1.0.0\",\"globals\":{\"verdict\":"
		       "\"XDP_DROP\"}},{\"use\":\"net/knobs\",\"version\":\"1.0.0\"}]");
	sees(stock, DROP, "100 5 0 255");
	assert_int_equal(learned(stock, 1), 1);
	// Both are the same program: which one stays is told by the order, and its maps are the first's.
	applies(stock, KNOBS(""));
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(learned(stock, 1), 2);
}

static void second_interface(void)
{
	ground_sh("ip link add " OTHER_IFACE " type veth peer name peer1");
	ground_sh("ip link set " OTHER_IFACE " up && ip link set peer1 up");
}

static void a_program_that_moves_to_another_interface_takes_its_maps_along(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	OWNED(drop_fd) int fd = -1;
	uint32_t one = 1, times = 0;

	second_interface();
	applies(stock, KNOBS(""));
	sees(stock, PASS, "100 5 0 255");
	stock_interfaces(stock, "\"" OTHER_IFACE "\":{\"xdp\":" KNOBS("") "}");
	plan = planned(stock);
	assert_int_equal(plan->count, 2);
	for (size_t i = 0; i < 2; i++)
		if (plan->chains[i].action == PLAN_LOAD)
			assert_int_equal(foretold(plan, i, "learned")->fate, MAP_KEPT);
	applied(stock);
	fd = pinned_in(stock, OTHER_IFACE, HOOK_XDP, "learned");
	assert_int_equal(bpf_map_lookup_elem(fd, &one, &times), 0);
	assert_int_equal(times, 1);
	assert_int_equal(together(stock, OTHER_IFACE, HOOK_XDP, 0), 1);
	assert_int_equal(the_truth(stock).generation, 0);
	ground_sh("test ! -e %s/" GROUND_IFACE "/shared", stock->ground->tree);
	ground_sh("test -e %s/" OTHER_IFACE "/shared", stock->ground->tree);
	ground_sh("ip link del " OTHER_IFACE);
}

static void a_copy_on_another_interface_counts_for_itself(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(drop_fd) int fd = -1;
	uint32_t one = 1, times = 0;

	second_interface();
	applies(stock, KNOBS(""));
	sees(stock, PASS, "100 5 0 255");
	stock_interfaces(stock, "\"" GROUND_IFACE "\":{\"xdp\":" KNOBS(
					"") "},\"" OTHER_IFACE "\":{\"xdp\":" KNOBS("") "}");
	applied(stock);
	fd = pinned_in(stock, OTHER_IFACE, HOOK_XDP, "learned");
	assert_true(bpf_map_lookup_elem(fd, &one, &times) < 0);
	assert_int_equal(together(stock, OTHER_IFACE, HOOK_XDP, 0), 0);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_XDP, 0), 1);
	ground_sh("ip link del " OTHER_IFACE);
}

// ---- shared ----

#define BOTH(version, xdp_more, tc_more)                                                 \
	"\"" GROUND_IFACE "\":{\"xdp\":[{\"use\":\"net/knobs\",\"version\":\"" version   \
	"\"" xdp_more "}],\"tc_ingress\":[{\"use\":\"net/knobs\",\"version\":\"" version \
	"\"" tc_more "}]}"

static uint32_t id_of(int fd)
{
	struct bpf_map_info info;
	struct fault why = {0};

	assert_int_equal(sys_map(fd, &info, &why), 0);
	close(fd);
	return info.id;
}

static void are_shared(const struct stock *stock)
{
	assert_int_equal(id_of(pinned_in(stock, GROUND_IFACE, HOOK_XDP, "together")),
			 id_of(pinned_in(stock, GROUND_IFACE, HOOK_TC_INGRESS, "together")));
	assert_int_not_equal(id_of(pinned_in(stock, GROUND_IFACE, HOOK_XDP, "hits")),
			     id_of(pinned_in(stock, GROUND_IFACE, HOOK_TC_INGRESS, "hits")));
}

static void a_shared_map_is_one_for_both_hooks_and_stays_it(void **state)
{
	struct stock *stock = the_stock(state);
	uint32_t id;

	stock_interfaces(stock, BOTH("1.0.0", "", ""));
	applied(stock);
	are_shared(stock);
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_TC_INGRESS, 0), 1);
	id = id_of(pinned(stock, "together"));
	// One of them is loaded anew, then both in another version: it is the same map all the time.
	stock_interfaces(stock, BOTH("1.0.0", ",\"globals\":{\"limit\":7}", ""));
	applied(stock);
	are_shared(stock);
	stock_interfaces(stock, BOTH("2.0.0", "", ""));
	applied(stock);
	are_shared(stock);
	assert_int_equal(id_of(pinned(stock, "together")), id);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_TC_INGRESS, 0), 1);
	// One hook goes: the other keeps it. Both go: it goes.
	stock_interfaces(stock, "\"" GROUND_IFACE "\":{\"xdp\":" KNOBS("") "}");
	applied(stock);
	assert_int_equal(id_of(pinned(stock, "together")), id);
	stock_interfaces(stock, "");
	applied(stock);
	ground_sh("test ! -e %s/" GROUND_IFACE "/shared", stock->ground->tree);
}

// The same bundle, with another word about one map.
static void add_variant(struct stock *stock, const char *edit)
{
	char path[128];

	ground_sh("sed '%s' %s/tests/kernel/knobs.json >%s/variant.json", edit, TEST_SOURCE_DIR,
		  stock->ground->root);
	snprintf(path, sizeof(path), "../../../../../../../../..%s/variant.json",
		 stock->ground->root);
	stock_add(stock, path);
	stock_publish(stock, STOCK_NOW + STOCK_LIFE);
}

#define VERSION3 "s/\"1.0.0\"/\"3.0.0\"/; "

static void the_values_of_a_shared_config_map_are_those_of_one_and_strange_to_none(void **state)
{
	struct stock *stock = the_stock(state);
	uint64_t nine = 9;

	add_variant(stock, VERSION3 "s/\"counter\", \"shared\"/\"config\", \"shared\"/");
	stock_interfaces(stock, BOTH("3.0.0",
				     ",\"maps\":{\"together\":[{\"key\":2,\"value\":20},"
				     "{\"key\":3,\"value\":30}]}",
				     ""));
	applied(stock);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_TC_INGRESS, 3), 30);
	{
		// The other program's doing: not for this one to undo.
		OWNED(drop_fd) int fd = pinned(stock, "together");

		assert_int_equal(bpf_map_update_elem(fd, &(uint32_t){1}, &nine, BPF_ANY), 0);
	}
	stock_interfaces(stock,
			 BOTH("3.0.0", ",\"maps\":{\"together\":[{\"key\":3,\"value\":31}]}", ""));
	applied(stock);
	are_shared(stock);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_TC_INGRESS, 3), 31);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_TC_INGRESS, 2), 0);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_TC_INGRESS, 1), 9);
	// The values move to the other program's place in the file.
	stock_interfaces(stock,
			 BOTH("3.0.0", "", ",\"maps\":{\"together\":[{\"key\":3,\"value\":31}]}"));
	applied(stock);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_XDP, 3), 31);
}

static void a_map_that_becomes_shared_keeps_its_contents_and_one_that_ceases_does_not(void **state)
{
	struct stock *stock = the_stock(state);

	add_variant(stock, VERSION3 "s/, \"shared\": true//");
	applies(stock, "[{\"use\":\"net/knobs\",\"version\":\"3.0.0\"}]");
	sees(stock, PASS, "100 5 0 255");
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_XDP, 0), 1);
	stock_interfaces(stock, BOTH("1.0.0", "", ""));
	applied(stock);
	are_shared(stock);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_TC_INGRESS, 0), 1);
	stock_interfaces(stock, BOTH("3.0.0", "", ""));
	applied(stock);
	assert_int_not_equal(id_of(pinned_in(stock, GROUND_IFACE, HOOK_XDP, "together")),
			     id_of(pinned_in(stock, GROUND_IFACE, HOOK_TC_INGRESS, "together")));
}

static void values_of_a_shared_map_stand_at_one_of_its_programs(void **state)
{
	struct stock *stock = the_stock(state);
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	stock_interfaces(stock, BOTH("1.0.0", ",\"maps\":{\"together\":[{\"key\":3,\"value\":30}]}",
				     ",\n\"maps\":{\"together\":[{\"key\":3,\"value\":31}]}"));
	assert_int_equal(stock_plan(stock, STOCK_NOW, &plan, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.text, "share map together"));
	assert_non_null(strstr(why.where, "node.json:2:9"));
	stock_interfaces(stock,
			 BOTH("1.0.0", "", ",\"maps\":{\"together\":[{\"key\":3,\"value\":31}]}"));
	applied(stock);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_XDP, 3), 31);
}

// ---- going back ----

static void rolled_back(struct stock *stock, int64_t now, enum plan_action action)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};

	assert_int_equal(stock_rollback(stock, now, NULL, &plan, &why), 0);
	assert_int_equal(plan->chains[0].action, action);
	assert_int_equal(stock_run(stock, plan, &why), 0);
}

static void values_alone_are_rolled_back_without_a_load(void **state)
{
	struct stock *stock = the_stock(state);
	struct truth before;
	struct fault why = {0};

	applies(stock, KNOBS(",\"globals\":{\"level\":7},\"maps\":{\"learned\":[{\"key\":20,"
			     "\"value\":1}]}"));
	before = the_truth(stock);
	applies(stock, KNOBS(",\"globals\":{\"level\":8},\"maps\":{\"learned\":[{\"key\":20,"
			     "\"value\":2}]}"));
	sees(stock, PASS, "100 8 0 255");
	// Also while nothing new can be admitted.
	rolled_back(stock, STOCK_NOW + STOCK_LIFE + 1, PLAN_VALUES);
	sees(stock, PASS, "100 7 0 255");
	assert_int_equal(learned(stock, 20), 1);
	assert_int_equal(the_truth(stock).generation, before.generation);
	assert_int_equal(the_truth(stock).members[0].program.id, before.members[0].program.id);
	// It is held, and the values are held with it.
	applied(stock);
	sees(stock, PASS, "100 7 0 255");
	assert_int_equal(action(stock), PLAN_KEEP);
	assert_int_equal(stock_resume(stock, STOCK_NOW, &why), 0);
	sees(stock, PASS, "100 8 0 255");
	assert_int_equal(learned(stock, 20), 2);
	assert_int_equal(the_truth(stock).generation, before.generation);
}

static void a_rollback_of_a_constant_is_a_load(void **state)
{
	struct stock *stock = the_stock(state);
	struct truth before;

	applies(stock, KNOBS(",\"globals\":{\"limit\":7}"));
	before = the_truth(stock);
	applies(stock, KNOBS(",\"globals\":{\"limit\":8}"));
	rolled_back(stock, STOCK_NOW, PLAN_CHANGE);
	sees(stock, PASS, "7 5 0 255");
	assert_int_equal(the_truth(stock).generation, before.generation + 2);
}

// ---- crashes ----

static void what_a_crash_left_of_a_shared_map_is_swept_away(void **state)
{
	struct stock *stock = the_stock(state);

	applies(stock, KNOBS(""));
	ground_sh("bpftool map create %s/" GROUND_IFACE
		  "/shared/corp:net:knobs/left:0123456789abcdef type array key 4 value 4 entries 1 "
		  "name left",
		  stock->ground->tree);
	applied(stock);
	ground_sh("test ! -e %s/" GROUND_IFACE "/shared/corp:net:knobs/left:0123456789abcdef",
		  stock->ground->tree);
	assert_int_equal(together(stock, GROUND_IFACE, HOOK_XDP, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, up, world_down)
		TEST(globals_are_set_before_the_first_packet),
		TEST(a_constant_is_a_load_and_a_variable_is_not),
		TEST(a_global_that_is_taken_out_gets_its_own_value_back),
		TEST(a_global_that_does_not_fit_is_refused_with_its_place),
		TEST(a_variable_set_by_hand_is_put_back_where_it_is_the_admins),
		TEST(values_of_a_config_map_change_in_place),
		TEST(what_was_put_into_a_config_map_by_hand_goes_with_the_next_apply),
		TEST(what_was_set_by_hand_and_then_written_down_is_recorded),
		TEST(a_state_map_takes_what_changes_in_the_file_and_keeps_what_the_program_wrote),
		TEST(when_one_value_fails_none_is_written),
		TEST(a_value_that_does_not_fit_is_refused_with_its_place_before_anything_is_made),
		TEST(an_unchanged_definition_keeps_its_contents_over_an_upgrade),
		TEST(variables_count_on_when_a_neighbour_comes_goes_or_moves),
		TEST(the_second_of_a_name_keeps_its_own_when_the_first_goes),
		TEST(values_alone_are_rolled_back_without_a_load),
		TEST(a_rollback_of_a_constant_is_a_load),
		TEST(a_program_that_moves_to_another_interface_takes_its_maps_along),
		TEST(a_copy_on_another_interface_counts_for_itself),
		TEST(a_shared_map_is_one_for_both_hooks_and_stays_it),
		TEST(the_values_of_a_shared_config_map_are_those_of_one_and_strange_to_none),
		TEST(a_map_that_becomes_shared_keeps_its_contents_and_one_that_ceases_does_not),
		TEST(values_of_a_shared_map_stand_at_one_of_its_programs),
		TEST(what_a_crash_left_of_a_shared_map_is_swept_away),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
