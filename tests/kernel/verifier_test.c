// SPDX-License-Identifier: Apache-2.0
// What is said of a program that the verifier refuses, and how long it may work on one.
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "tests/kernel/ground.h"

#define PASS 2

static struct member ordinary(const char *name, const char *entry)
{
	return ground_member(name, "marks.bpf.o", entry, HOOK_XDP, LINK_WRAP, NULL);
}

static double seconds_of(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double now(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

// On a processor, all threads of this process.
static double worked(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void refused(const struct ground *ground, const struct member *members, size_t count,
		    struct fault *why)
{
	struct chain_spec spec = ground_spec(ground, members, count);
	OWNED(chain_drop) struct chain *chain = NULL;

	assert_int_equal(chain_build(&spec, &chain, why), -1);
	assert_int_equal(why->code, FAULT_KERNEL);
}

// Everything that stands in our tree.
static void listed(const struct ground *ground, char *out, size_t room)
{
	char command[256];
	size_t used = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "cd %s && find . | sort", ground->tree);
	pipe = popen(command, "r");
	assert_non_null(pipe);
	used = fread(out, 1, room - 1, pipe);
	out[used] = '\0';
	assert_int_equal(pclose(pipe), 0);
}

static void a_refusal_names_the_reason_the_line_and_the_log(void **state)
{
	struct ground *ground = the_ground(state);
	struct member member = ordinary("t/i", "mark_invalid");
	OWNED(bytes_drop) struct bytes log = {0};
	struct fault why = {0};
	char path[256], left[4096];

	refused(ground, &member, 1, &why);
	assert_string_equal(why.text, "place 1 of xdp on " GROUND_IFACE " cannot be built");
	assert_non_null(strstr(why.cause, "the kernel's verifier refuses t.i.1.0.0: "
					  "R1 offset is outside of the packet"));
	assert_non_null(strstr(why.where, "return data[100] ? XDP_PASS : XDP_DROP;"));
	// Kernels before 6.9 do not name the file.
	if (strncmp(why.where, "return", 6) != 0)
		assert_int_equal(strncmp(why.where, "marks.bpf.c:", 12), 0);
	snprintf(path, sizeof(path), "%s/t.i.1.0.0.log", ground->logs);
	assert_non_null(strstr(why.fix, path));
	assert_int_equal(file_read(path, 1 << 20, &log, &why), 0);
	assert_non_null(strstr(bytes_text(&log), "invalid access to packet, off=100"));
	// Where nothing was, nothing is.
	listed(ground, left, sizeof(left));
	assert_string_equal(left, ".\n");
	member_drop(&member);
}

// A80: the verifier would work on it for seconds, and on saying why not for half a minute.
static void a_program_that_takes_too_long_is_stopped(const struct ground *ground, const char *entry)
{
	struct member old[] = {ordinary("t/a", "mark1"), ordinary("t/b", "mark2")};
	struct member members[] = {
		ordinary("t/1", "mark1"),
		ordinary("t/2", "mark2"),
		ordinary("t/3", "mark3"),
		ordinary("t/4", "mark4"),
		ground_member("t/bomb", "bombs.bpf.o", entry, HOOK_XDP, LINK_WRAP, NULL),
		ordinary("t/6", "mark1")};
	char before[4096], after[4096], way[GROUND_WAY], limit[32];
	struct sigaction old_action, action;
	struct fault why = {0};
	double start, spent;

	ground_apply(ground, old, 2);
	listed(ground, before, sizeof(before));
	assert_int_equal(sigaction(SIGALRM, NULL, &old_action), 0);
	start = now();
	spent = worked();
	refused(ground, members, 6, &why);
	start = now() - start;
	spent = worked() - spent;
	print_message("%s: stopped after %.2f s, of which %.2f on a processor: %s\n", entry, start,
		      spent, why.cause);
	snprintf(limit, sizeof(limit), "longer than %u s", ground->policy.verifier_seconds_max);
	assert_non_null(strstr(why.cause, limit));
	assert_non_null(strstr(why.fix, "verifier_seconds_max"));
	assert_true(start >= ground->policy.verifier_seconds_max);
	// By the processor's time: on a busy machine a second lasts longer than its work, and never the other way round.
	assert_true(spent < ground->policy.verifier_seconds_max + 0.9);
	assert_true(start < 60 * (ground->policy.verifier_seconds_max + 0.9));
	listed(ground, after, sizeof(after));
	assert_string_equal(after, before);
	assert_int_equal(sigaction(SIGALRM, NULL, &action), 0);
	assert_true(action.sa_handler == old_action.sa_handler);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1 2");
	// And the same process goes on.
	ground_apply(ground, members, 4);
	assert_int_equal(ground_run(ground, way), PASS);
	assert_string_equal(way, "1 2 3 4");
	for (size_t i = 0; i < 6; i++)
		member_drop(&members[i]);
	member_drop(&old[0]);
	member_drop(&old[1]);
}

static void the_verifier_is_stopped_when_it_takes_too_long(void **state)
{
	struct ground *ground = the_ground(state);

	ground->policy.verifier_seconds_max = 1;
	a_program_that_takes_too_long_is_stopped(ground, "bomb_dear");
}

// Sewn to its wrapper it was stopped; called by it, it would take as long again.
static void a_program_that_took_too_long_is_not_tried_in_another_form(void **state)
{
	struct ground *ground = the_ground(state);

	ground->policy.verifier_seconds_max = 1;
	a_program_that_takes_too_long_is_stopped(ground, "bomb_small");
}

static void it_is_stopped_as_well_while_it_says_why(void **state)
{
	struct ground *ground = the_ground(state);

	// On an idle machine it refuses after 0.6 s and would say why for 3 s more.
	ground->policy.verifier_seconds_max = 2;
	a_program_that_takes_too_long_is_stopped(ground, "bomb_cheap");
}

// Within the limit it says by itself that it gives up.
static void with_time_enough_the_verifier_gives_the_reason(void **state)
{
	struct ground *ground = the_ground(state);
	struct member member =
		ground_member("t/bomb", "bombs.bpf.o", "bomb_cheap", HOOK_XDP, LINK_WRAP, NULL);
	struct fault why = {0};

	ground->policy.verifier_seconds_max = 60;
	refused(ground, &member, 1, &why);
	assert_non_null(strstr(why.cause, "BPF program is too large"));
	// Of a log of many megabytes the end is kept.
	member_drop(&member);
}

static void of_a_log_without_end_the_end_is_kept(void **state)
{
	struct ground *ground = the_ground(state);
	struct member member =
		ground_member("t/long", "bombs.bpf.o", "bomb_long", HOOK_XDP, LINK_WRAP, NULL);
	struct fault why = {0};

	refused(ground, &member, 1, &why);
	assert_non_null(strstr(why.cause, "outside of the packet"));
	assert_non_null(strstr(why.where, "return data[100]"));
	assert_non_null(strstr(why.fix, "the end of the log is"));
	ground_sh("test $(stat -c %%s %s/t.long.1.0.0.log) -ge 262000", ground->logs);
	member_drop(&member);
}

// A signal that comes for another reason must not be taken for the deadline, nor a blocked one hide it.
static void a_thread_that_blocks_the_signal_is_stopped_as_well(void **state)
{
	struct ground *ground = the_ground(state);
	sigset_t alarm, was;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	assert_int_equal(sigprocmask(SIG_BLOCK, &alarm, NULL), 0);
	ground->policy.verifier_seconds_max = 1;
	a_program_that_takes_too_long_is_stopped(ground, "bomb_dear");
	assert_int_equal(sigprocmask(SIG_UNBLOCK, &alarm, &was), 0);
	assert_true(sigismember(&was, SIGALRM));
}

#define ON_GROUND(test) cmocka_unit_test_setup_teardown(test, ground_setup, ground_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_GROUND(a_refusal_names_the_reason_the_line_and_the_log),
		ON_GROUND(the_verifier_is_stopped_when_it_takes_too_long),
		ON_GROUND(a_program_that_took_too_long_is_not_tried_in_another_form),
		ON_GROUND(it_is_stopped_as_well_while_it_says_why),
		ON_GROUND(with_time_enough_the_verifier_gives_the_reason),
		ON_GROUND(of_a_log_without_end_the_end_is_kept),
		ON_GROUND(a_thread_that_blocks_the_signal_is_stopped_as_well),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
