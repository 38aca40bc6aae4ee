// SPDX-License-Identifier: Apache-2.0
// The loader is killed in the middle of its work, again and again, under a flood: at every so manieth system call, and at any
// moment. Each time the old chain runs or the new one, whole; the next run takes over what it finds; no frame goes a third
// way; and at the end the kernel has not one program, map, link or BTF more than before.
//
// KILL_UPDATES asks for more than the few of every `make check`.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/finding.h"
#include "loader/record.h"
#include "loader/sweep.h"
#include "tests/kernel/flood_send.h"
#include "tests/kernel/flood_watch.h"
#include "tests/kernel/ledger.h"
#include "tests/kernel/stock.h"

#define MEMBERS_MIN 3
#define MEMBERS_MAX 7
#define MEMBERS	    5 // where the number of system calls matters
#define UID_FIRST   0x40000000u

struct world {
	struct ground ground;
	struct stock stock;
	struct flood_watch watch;
	struct flood_send send;
};

static bool ready;

static int up(void **state)
{
	static struct world world;

	if (!ready)
		return 0;
	memset(&world, 0, sizeof(world));
	ground_up(&world.ground);
	stock_up(&world.stock, &world.ground);
	stock_add(&world.stock, "../tests/kernel/flood.json");
	stock_publish(&world.stock, STOCK_NOW + STOCK_LIFE);
	*state = &world;
	return 0;
}

static int down(void **state)
{
	struct world *world = *state;

	if (!world)
		return 0;
	flood_send_stop(&world->send);
	flood_watch_down(&world->watch);
	stock_down(&world->stock);
	ground_down(&world->ground);
	return 0;
}

static void must(int bad, const struct fault *why)
{
	if (!bad)
		return;
	fault_print(why, stderr);
	fail_msg("refused");
}

static uint64_t chance(uint64_t *dice)
{
	*dice ^= *dice << 13;
	*dice ^= *dice >> 7;
	*dice ^= *dice << 17;
	return *dice;
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

// ---- plans ----

struct wish {
	unsigned ids[MEMBERS_MAX];
	size_t count;
};

static uint64_t way_of(const struct wish *wish)
{
	uint64_t way = 0;

	for (size_t i = 0; i < wish->count; i++)
		way = FLOOD_FOLD(way, wish->ids[i]);
	return way;
}

// Other ids, all three kinds: an id is its kind by what is left of it by 3. `count` 0: another length, too.
static struct wish wish_of(uint64_t *dice, size_t count)
{
	const size_t more = chance(dice) % (MEMBERS_MAX - MEMBERS_MIN + 1);
	struct wish wish = {.count = count ? count : MEMBERS_MIN + more};

	for (size_t i = 0; i < wish.count; i++)
		wish.ids[i] = (unsigned)(1 + chance(dice) % 1000);
	return wish;
}

static void configure(struct stock *stock, const struct wish *wish)
{
	static const char *const entries[] = {"wrapped", "jumping", "owning"};
	char text[4096] = "[";

	for (size_t i = 0; i < wish->count; i++)
		sprintf(text + strlen(text),
			"%s{\"use\":\"net/"
			"flood\",\"version\":\"1.0.0\",\"program\":\"%s\",\"maps\":"
			"{\"own_id\":[{\"key\":0,\"value\":%u}]}}",
			i ? "," : "", entries[wish->ids[i] % 3], wish->ids[i]);
	strcat(text, "]");
	stock_configure(stock, text);
}

// What runs, by the kernel and by the record that goes with it.
static struct wish running(const struct stock *stock)
{
	OWNED(json_drop) struct json *record = NULL;
	OWNED(findings_drop) struct findings damage = {0};
	const struct json *chain, *members;
	struct wish wish = {.count = 0};
	struct truth truth;
	struct fault why = {0};

	must(truth_read(stock->ground->tree, GROUND_IFACE, HOOK_XDP, &truth, &why), &why);
	must(record_load(stock->loader_dirfd, stock->ground->tree, &record, &why), &why);
	chain = record_chain(record, GROUND_IFACE, "xdp");
	members = json_member(chain, "members");
	must(findings_damage(&damage, GROUND_IFACE, HOOK_XDP, &truth, chain, &why), &why);
	if (damage.count)
		fail_msg("%s: %s", damage.list[0].code, damage.list[0].text);
	assert_int_equal(truth.generation, json_int(json_member(chain, "generation")));
	assert_in_range(json_count(members), 1, MEMBERS_MAX);
	wish.count = json_count(members);
	for (size_t i = 0; i < wish.count; i++) {
		const struct json *values =
			json_member(json_member(json_item(members, i), "maps"), "own_id");

		wish.ids[i] = (unsigned)json_int(json_member(json_item(values, 0), "value"));
	}
	return wish;
}

// ---- victims ----

struct strike {
	uint64_t call;	   // at this system call; 0: not so
	int64_t moment_us; // after so long; 0: not so
};

// What `bpfseal apply` and `bpfseal rollback` do, in a process of its own that signs with a uid of its own.
static void work(struct stock *stock, uint32_t uid, bool back)
{
	OWNED(plan_drop) struct plan *plan = NULL;
	struct fault why = {0};
	int bad;

	ledger_sign(uid);
	bad = back ? stock_rollback(stock, STOCK_NOW, NULL, &plan, &why)
		   : stock_plan(stock, STOCK_NOW, &plan, &why);
	if (bad || stock_run(stock, plan, &why) || sweep_run(stock->loader_dirfd, &why)) {
		fault_print(&why, stderr);
		_exit(1);
	}
	_exit(0);
}

static pid_t begin(struct stock *stock, uint32_t uid, bool back, bool traced)
{
	pid_t child = fork();

	assert_true(child >= 0);
	if (child)
		return child;
	if (traced && (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP)))
		_exit(2);
	work(stock, uid, back);
	return 0;
}

// Counts the child's system calls; before the one that is asked for it is killed.
static uint64_t step(pid_t child, uint64_t last, int *status)
{
	uint64_t stops = 0;

	assert_int_equal(waitpid(child, status, 0), child);
	assert_true(WIFSTOPPED(*status));
	assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD), 0);
	for (;;) {
		// A child that has been killed may be past this already.
		if (ptrace(PTRACE_SYSCALL, child, NULL, NULL))
			assert_int_equal(errno, ESRCH);
		assert_int_equal(waitpid(child, status, 0), child);
		if (!WIFSTOPPED(*status))
			return stops / 2;
		// Each call stops at its beginning and at its end: two instants.
		if (WSTOPSIG(*status) == (SIGTRAP | 0x80) && ++stops >= last && last)
			kill(child, SIGKILL);
	}
}

// Whether it was killed; it must have ended well otherwise.
static bool struck(struct stock *stock, uint32_t uid, bool back, const struct strike *strike)
{
	pid_t child = begin(stock, uid, back, strike->call);
	int status;

	if (strike->call) {
		step(child, strike->call, &status);
	} else {
		if (strike->moment_us)
			usleep((useconds_t)strike->moment_us);
		if (strike->moment_us)
			kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
	}
	if (WIFSIGNALED(status)) {
		assert_int_equal(WTERMSIG(status), SIGKILL);
		return true;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

// ---- the whole ----

struct score {
	unsigned killed, old, fresh;
};

// Everything below a directory of the tree, not counting itself.
static size_t pins(const char *path)
{
	char command[BPFFS_PATH_MAX + 32], text[32] = "";
	FILE *pipe;

	snprintf(command, sizeof(command), "find %s -mindepth 1 | wc -l", path);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	assert_non_null(fgets(text, sizeof(text), pipe));
	pclose(pipe);
	return strtoul(text, NULL, 10);
}

// Of what runs there is one root, one generation and a program each, and nothing beside.
static void nothing_beside(const struct stock *stock, const struct wish *wish, uint32_t uid)
{
	bool jumps = wish->ids[wish->count - 1] % 3 != 0;
	char place[BPFFS_PATH_MAX];
	struct fault why = {0};

	must(bpffs_place(stock->ground->tree, GROUND_IFACE, HOOK_XDP, place, &why), &why);
	ground_sh("test $(ls %s | grep -c gen-) = 1 && test $(ls %s | grep -c root-) = 1", place,
		  place);
	// The kernel lets go of programs a moment after their last user.
	for (int i = 0; i < 6000; i++) {
		if (ledger_programs_of(uid) == wish->count + 1 + jumps)
			return;
		usleep(10000);
	}
	fail_msg("%zu programs live, and %zu should", ledger_programs_of(uid),
		 wish->count + 1 + jumps);
}

static void one_update(struct world *world, uint32_t uid, struct wish *now, const struct wish *next,
		       const struct strike *strike, struct score *score)
{
	struct stock *stock = &world->stock;
	struct truth before, after;
	struct wish found;
	struct fault why = {0};

	configure(stock, next);
	flood_watch_allow(&world->watch, way_of(next));
	score->killed += struck(stock, uid, false, strike);
	found = running(stock);
	if (way_of(&found) != way_of(now) && way_of(&found) != way_of(next))
		fail_msg("what runs is neither the old chain nor the new one");
	score->old += way_of(&found) == way_of(now);
	score->fresh += way_of(&found) == way_of(next);
	must(truth_read(stock->ground->tree, GROUND_IFACE, HOOK_XDP, &before, &why), &why);
	assert_false(struck(stock, uid, false, &(struct strike){0}));
	must(truth_read(stock->ground->tree, GROUND_IFACE, HOOK_XDP, &after, &why), &why);
	// Where the new one was in already it is taken over as it is, and not built again.
	if (way_of(&found) == way_of(next))
		assert_int_equal(after.generation, before.generation);
	found = running(stock);
	assert_int_equal(way_of(&found), way_of(next));
	flood_watch_only(&world->watch, way_of(next));
	*now = *next;
}

// How many system calls one undisturbed run makes, and how long one takes under the flood.
static void measure(struct world *world, uint32_t uid, struct wish *now, uint64_t *dice,
		    uint64_t *calls, int64_t *us)
{
	struct wish next = wish_of(dice, MEMBERS);
	int64_t start;
	int status;

	configure(&world->stock, &next);
	*calls = step(begin(&world->stock, uid, false, true), 0, &status);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	flood_watch_only(&world->watch, way_of(&next));
	flood_send_start(&world->send, "peer0");
	*now = wish_of(dice, MEMBERS);
	configure(&world->stock, now);
	flood_watch_allow(&world->watch, way_of(now));
	start = now_us();
	assert_false(struck(&world->stock, uid, false, &(struct strike){0}));
	*us = now_us() - start;
}

static void killed_at_any_point_the_old_chain_runs_or_the_new_one(void **state)
{
	const char *asked = getenv("KILL_UPDATES");
	const unsigned updates = asked && *asked ? (unsigned)atoi(asked) : 40;
	struct world *world = *state;
	uint64_t dice = 0x2545f4914f6cdd1dull, calls, sent;
	uint32_t uid = UID_FIRST + (uint32_t)getpid();
	OWNED(ledger_drop) struct ledger before;
	char place[BPFFS_PATH_MAX];
	struct score score = {0};
	struct flood_tally tally;
	struct fault why = {0};
	struct wish now;
	int64_t us;

	if (!ready)
		skip();
	flood_watch_up(&world->watch, GROUND_IFACE, HOOK_XDP);
	ledger_take(&before);
	measure(world, uid, &now, &dice, &calls, &us);
	flood_watch_only(&world->watch, way_of(&now));
	for (unsigned i = 0; i < updates; i++) {
		// By turns: the instants one after the other, all over the run (all runs of one length make about as
		// many calls); and any moment.
		struct wish next = wish_of(&dice, i % 2 ? 0 : MEMBERS);
		struct strike strike = {.call = i % 2 ? 0 : 1 + i * 2 * calls / updates};

		if (i % 2)
			strike.moment_us = 1 + (int64_t)(chance(&dice) % (uint64_t)(2 * us));
		one_update(world, uid, &now, &next, &strike, &score);
		if (i % 10 == 9)
			nothing_beside(&world->stock, &now, uid);
	}
	sent = flood_send_stop(&world->send);
	tally = flood_watch_drain(&world->watch, sent);
	print_message(
		"%u updates of %llu system calls, %u killed, %u left the old chain and %u the "
		"new one; %llu frames sent, %llu seen, %llu misrouted, %llu astray\n",
		updates, (unsigned long long)calls, score.killed, score.old, score.fresh,
		(unsigned long long)sent, tally.seen, tally.misrouted, tally.astray);
	assert_true(score.killed >= updates / 2);
	assert_true(score.old > 0 && score.fresh > 0);
	assert_int_equal(tally.seen, sent);
	assert_int_equal(tally.misrouted, 0);
	assert_int_equal(tally.astray, 0);
	must(bpffs_place(world->ground.tree, GROUND_IFACE, HOOK_XDP, place, &why), &why);
	must(chain_remove(place, &why), &why);
	assert_int_equal(pins(world->ground.tree), 0);
	assert_int_equal(ledger_leaked(&before, uid), 0);
}

// The same on the way back, whose order of steps is its own.
static void a_rollback_killed_at_any_point_has_gone_back_or_not(void **state)
{
	const char *asked = getenv("KILL_UPDATES");
	const unsigned strikes = asked && *asked ? (unsigned)atoi(asked) / 4 : 12;
	struct world *world = *state;
	uint64_t dice = 0x853c49e6748fea9bull, calls;
	uint32_t uid = UID_FIRST + (uint32_t)getpid();
	struct wish first, second, found;
	struct stock *stock;
	int status;

	if (!ready)
		skip();
	stock = &world->stock;
	first = wish_of(&dice, MEMBERS);
	second = wish_of(&dice, MEMBERS);
	configure(stock, &first);
	assert_false(struck(stock, uid, false, &(struct strike){0}));
	configure(stock, &second);
	assert_false(struck(stock, uid, false, &(struct strike){0}));
	calls = step(begin(stock, uid, true, true), 0, &status);
	assert_true(WIFEXITED(status) && !WEXITSTATUS(status));
	for (unsigned i = 0; i < strikes; i++) {
		struct strike strike = {.call = 1 + i * 2 * calls / strikes};
		struct wish from = running(stock);

		struck(stock, uid, true, &strike);
		found = running(stock);
		if (way_of(&found) != way_of(&first) && way_of(&found) != way_of(&second))
			fail_msg("what runs is neither the one chain nor the other");
		// The timer comes by; what was gone back to stays, what was not is as it was.
		assert_false(struck(stock, uid, false, &(struct strike){0}));
		found = running(stock);
		if (way_of(&found) != way_of(&from))
			continue;
		// Not gone: the next rollback goes.
		assert_false(struck(stock, uid, true, &(struct strike){0}));
		found = running(stock);
		assert_int_not_equal(way_of(&found), way_of(&from));
	}
	nothing_beside(stock, &found, uid);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_WORLD(killed_at_any_point_the_old_chain_runs_or_the_new_one),
		IN_WORLD(a_rollback_killed_at_any_point_has_gone_back_or_not),
	};

	ready = ground_ready();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
