// SPDX-License-Identifier: Apache-2.0
// The walk through the delegations, one graph a test: which roles are asked for, in which order, and which are not. A role
// that was asked for without need tells the repository what a node looks for, and lets it slow the node down (A14).
#include "tests/attack/attack.h"

#define ANY  "*"
#define EVER false
#define LAST true // terminating

// Each line: who delegates to whom, which paths, and whether nothing else is searched behind it.
struct edge {
	const char *from, *to, *paths;
	bool terminating;
};

struct graph {
	const char *sentence;
	struct edge edges[6];
	const char *asked; // roles, in the order in which they must be asked for
};

static const struct graph graphs[] = {
	{"one_delegation_is_followed", {{"targets", "A", ANY, EVER}}, "A"},
	{"two_delegations_are_followed_in_their_order",
	 {{"targets", "A", ANY, EVER}, {"targets", "B", ANY, EVER}},
	 "A B"},
	{"what_the_last_one_delegates_to_comes_last",
	 {{"targets", "A", ANY, EVER}, {"targets", "B", ANY, EVER}, {"B", "C", ANY, EVER}},
	 "A B C"},
	{"what_the_first_one_delegates_to_comes_before_its_sibling",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"A", "C", ANY, EVER},
	  {"A", "D", ANY, EVER}},
	 "A C D B"},
	{"three_levels_deep_comes_before_the_sibling",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"A", "C", ANY, EVER},
	  {"C", "D", ANY, EVER}},
	 "A C D B"},
	{"a_terminating_delegation_ends_the_search_beside_and_above_it",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"A", "C", ANY, LAST},
	  {"A", "D", ANY, EVER}},
	 "A C"},
	{"below_a_terminating_delegation_the_search_goes_on",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"A", "C", ANY, LAST},
	  {"C", "D", ANY, EVER}},
	 "A C D"},
	{"a_branch_that_does_not_match_is_not_followed",
	 {{"targets", "A", "*.py", EVER}, {"targets", "B", ANY, EVER}, {"A", "C", ANY, EVER}},
	 "B"},
	{"an_inner_branch_that_does_not_match_is_not_followed",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"A", "C", "*.py", EVER},
	  {"C", "D", ANY, EVER}},
	 "A B"},
	{"a_cycle_ends_where_it_began",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"B", "C", ANY, EVER},
	  {"C", "D", ANY, EVER},
	  {"D", "B", ANY, EVER}},
	 "A B C D"},
	{"a_shared_role_is_reached_by_the_first_who_delegates_to_it",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"B", "C", ANY, EVER},
	  {"A", "C", ANY, EVER}},
	 "A C B"},
	{"a_shared_role_is_reached_by_the_one_whose_paths_match",
	 {{"targets", "A", ANY, EVER},
	  {"targets", "B", ANY, EVER},
	  {"B", "C", ANY, EVER},
	  {"A", "C", "*.py", EVER}},
	 "A B C"},
};

struct lookup {
	const char *sentence;
	const char *path, *role; // NULL: it must not be found
	const char *asked;
};

// What lists what; some of it where no delegation leads to it.
static const struct {
	const char *role, *path;
} listed[] = {
	{"targets", "targetfile"},    {"A", "README.md"},	    {"A", "releases/README.md"},
	{"A", "foo-1.tgz"},	      {"A", "foo-alpha.tgz"},	    {"C", "releases/x/x_v1"},
	{"D", "releases/y/y_v1.zip"}, {"D", "releases/z/z_v1.zip"},
};

static const struct edge tree[] = {
	{"targets", "A", "*.doc *.md foo-?.tgz", EVER},
	{"targets", "B", "releases/*/*", EVER},
	{"B", "C", "releases/x/*", EVER},
	{"B", "D", "releases/y/*.zip", EVER},
};

static const struct lookup lookups[] = {
	{"what_targets_lists_needs_no_delegation", "targetfile", "targets", ""},
	{"a_star_matches_within_a_segment", "README.md", "A", "A"},
	{"a_path_of_three_segments_is_followed_to_its_role", "releases/x/x_v1", "C", "B C"},
	{"each_pattern_on_the_way_has_to_match", "releases/y/y_v1.zip", "D", "B D"},
	{"a_role_cannot_list_what_its_own_delegator_was_not_given", "releases/z/z_v1.zip", NULL,
	 "B"},
	{"a_star_does_not_match_a_slash", "releases/README.md", NULL, ""},
	{"a_question_mark_matches_one_character", "foo-1.tgz", "A", "A"},
	{"a_question_mark_does_not_match_several", "foo-alpha.tgz", NULL, ""},
	{"letters_match_in_their_own_case_only", "README.MD", NULL, ""},
};

// ---- running them ----

static void delegate(struct sim *sim, const struct edge *edge)
{
	char patterns[64], *save = NULL;
	const struct json *roles;
	struct fault why = {0};
	struct json *paths;

	snprintf(patterns, sizeof(patterns), "%s", edge->paths);
	sim_delegate(sim, edge->from, edge->to, strtok_r(patterns, " ", &save), edge->terminating);
	roles = sim_at(sim_role(sim, edge->from)->body, "delegations", "roles", NULL);
	paths = sim_at((struct json *)json_item(roles, json_count(roles) - 1), "paths", NULL);
	for (char *more; (more = strtok_r(NULL, " ", &save));)
		assert_int_equal(json_add(paths, json_make_text(more), &why), 0);
}

// The search for `path` by a node that has nothing of these roles yet: what it asks for behind the four of a refresh.
static int search(struct sim *sim, const char *path, const char *asked, char role[64],
		  struct fault *why)
{
	OWNED(client_drop) struct client *client = NULL;
	struct client_io io = sim_io(sim);
	char wanted[256] = "", names[64], *save = NULL;
	const struct target *target;
	int failed;

	sim_bump(sim_role(sim, "targets"));
	sim_publish(sim);
	assert_int_equal(client_new(&io, &sim->limits, sim->now, &client, why), 0);
	assert_int_equal(client_refresh(client, why), 0);
	sim_requests_clear(sim);
	failed = client_find(client, path, &target, why);
	snprintf(names, sizeof(names), "%s", asked);
	for (char *name = strtok_r(names, " ", &save); name; name = strtok_r(NULL, " ", &save)) {
		char file[32];

		snprintf(file, sizeof(file), "1.%s.json ", name);
		strncat(wanted, file, sizeof(wanted) - strlen(wanted) - 1);
		// Verified and kept, whether or not it had what was looked for.
		assert_int_equal(sim_kept(sim, name), 1);
	}
	assert_string_equal(sim_requests(sim), wanted);
	if (!failed)
		snprintf(role, 64, "%s", target->role);
	return failed;
}

static void walk(void **state)
{
	const struct graph *graph = *state;
	struct fault why = {0};
	char role[64];

	*state = NULL;
	assert_int_equal(scene_open(state), 0);
	for (size_t i = 0; i < 6 && graph->edges[i].from; i++)
		delegate(*state, &graph->edges[i]);
	assert_int_equal(search(*state, "missing", graph->asked, role, &why), -1);
	assert_code(&why, FAULT_UNTRUSTED);
	scene_close(state);
}

static void look_up(void **state)
{
	const struct lookup *lookup = *state;
	struct fault why = {0};
	char role[64];
	int failed;

	*state = NULL;
	assert_int_equal(scene_open(state), 0);
	for (size_t i = 0; i < sizeof(tree) / sizeof(*tree); i++)
		delegate(*state, &tree[i]);
	for (size_t i = 0; i < sizeof(listed) / sizeof(*listed); i++)
		sim_target(*state, listed[i].role, listed[i].path, "content");
	failed = search(*state, lookup->path, lookup->asked, role, &why);
	if (lookup->role) {
		assert_int_equal(failed, 0);
		assert_string_equal(role, lookup->role);
	} else {
		assert_int_equal(failed, -1);
		assert_code(&why, FAULT_UNTRUSTED);
	}
	scene_close(state);
}

#define COUNT(list) (sizeof(list) / sizeof(*(list)))

int main(void)
{
	struct CMUnitTest tests[COUNT(graphs) + COUNT(lookups)] = {0};

	for (size_t i = 0; i < COUNT(graphs); i++)
		tests[i] = (struct CMUnitTest){graphs[i].sentence, walk, NULL, NULL,
					       (void *)(uintptr_t)&graphs[i]};
	for (size_t i = 0; i < COUNT(lookups); i++)
		tests[COUNT(graphs) + i] = (struct CMUnitTest){
			lookups[i].sentence, look_up, NULL, NULL, (void *)(uintptr_t)&lookups[i]};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
