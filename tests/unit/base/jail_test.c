// SPDX-License-Identifier: Apache-2.0
#include "base/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/worker.h"

// Runs one act in a child that has shut itself in; says how the child ended (exit status, or 128 + signal).
static int ending(enum jail_profile profile, int (*act)(void))
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		struct fault why = {0};

		_exit(jail_syscalls(profile, &why) ? 77 : act());
	}
	waitpid(child, &status, 0);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int act_inet_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? 1 : 0;
}

static int act_packet_socket(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0) < 0 ? 1 : 0;
}

static int act_exec(void)
{
	execl("/bin/true", "true", (char *)NULL);
	return 1;
}

__attribute__((unused)) static int act_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? 1 : 0;
}

static int act_bpf(void)
{
	return syscall(SYS_bpf, 99, NULL, 0) < 0 ? 1 : 0;
}

static int act_mount(void)
{
	return (int)syscall(SYS_mount, "a", "/nowhere", "tmpfs", 0, NULL) < 0 ? 1 : 0;
}

__attribute__((unused)) static int act_open(void)
{
	return open("/etc/passwd", O_RDONLY) < 0 ? 1 : 0;
}

static int act_write(void)
{
	return write(1, "", 0) == 0 ? 0 : 1;
}

#define KILLED (128 + SIGSYS)

static void each_profile_kills_what_it_has_no_use_for(void **state)
{
	(void)state;
	for (enum jail_profile profile = JAIL_NETWORK; profile <= JAIL_PURE; profile++) {
		assert_int_equal(ending(profile, act_write), 0);
		assert_int_equal(ending(profile, act_exec), KILLED);
		assert_int_equal(ending(profile, act_mount), KILLED);
		assert_int_equal(ending(profile, act_packet_socket), KILLED);
		assert_int_equal(ending(profile, act_bpf), profile == JAIL_KERNEL ? 1 : KILLED);
		assert_int_equal(ending(profile, act_inet_socket),
				 profile == JAIL_NETWORK ? 0 : KILLED);
#ifndef __SANITIZE_ADDRESS__
		assert_int_equal(ending(profile, act_ptrace), KILLED);
		assert_int_equal(ending(profile, act_open), profile == JAIL_PURE ? 1 : 0);
#endif
	}
}

// Onto what is there already; more than a message it cannot send.
static int act_send(void)
{
	struct msghdr message = {0};

	return sendmsg(-1, &message, 0) < 0 && errno == EBADF ? 0 : 1;
}

static int act_bpf_by_id(void)
{
	union bpf_attr attr = {.prog_id = UINT32_MAX};

	return syscall(SYS_bpf, BPF_PROG_GET_FD_BY_ID, &attr, sizeof(attr)) < 0 ? 1 : 0;
}

static int act_bpf_map(void)
{
	union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY};

	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr)) < 0 ? 1 : 0;
}

static int act_bpf_link_by_id(void)
{
	union bpf_attr attr = {.link_id = UINT32_MAX};

	return syscall(SYS_bpf, BPF_LINK_GET_FD_BY_ID, &attr, sizeof(attr)) < 0 ? 1 : 0;
}

__attribute__((unused)) static int act_kill(void)
{
	return kill(getpid(), 0);
}

__attribute__((unused)) static int act_memory(void)
{
	return mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED;
}

// It holds CAP_SYS_ADMIN: whatever else it could do must not be there.
static void who_names_programs_can_look_one_up_and_nothing_else(void **state)
{
	(void)state;
	assert_int_equal(ending(JAIL_NAMER, act_send), 0);
	assert_int_equal(ending(JAIL_NAMER, act_bpf_by_id), 1);
	assert_int_equal(ending(JAIL_NAMER, act_bpf), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_bpf_map), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_bpf_link_by_id), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_exec), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_mount), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_inet_socket), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_packet_socket), KILLED);
#ifndef __SANITIZE_ADDRESS__
	assert_int_equal(ending(JAIL_NAMER, act_open), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_write), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_ptrace), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_kill), KILLED);
	assert_int_equal(ending(JAIL_NAMER, act_memory), KILLED);
#endif
}

static void landlock_leaves_only_the_named_paths(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		const struct jail_path paths[] = {{"/usr", false, false},
						  {"/no/such/path", true, false}};
		struct fault why = {0};
		bool enforced = false;

		if (jail_paths(paths, 2, &enforced, &why))
			_exit(77);
		if (!enforced)
			_exit(0);
		_exit(open("/usr/bin/env", O_RDONLY) < 0 || open("/etc/passwd", O_RDONLY) >= 0 ||
		      open("/usr/written", O_WRONLY | O_CREAT, 0600) >= 0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

static void a_missing_user_is_a_refusal_with_the_remedy(void **state)
{
	struct fault why = {0};
	unsigned uid, gid;

	(void)state;
	assert_int_equal(jail_user("bpfseal-nobody-has-this", &uid, &gid, &why), -1);
	assert_int_equal(why.code, FAULT_CONFIG);
	assert_non_null(strstr(why.fix, "setup.sh"));
}

static void root_becomes_nobody_and_cannot_come_back(void **state)
{
	int status = 0;
	pid_t child;

	(void)state;
	if (geteuid() != 0) {
		print_message("# skipped: only root can become another user\n");
		skip();
	}
	child = fork();
	if (child == 0) {
		struct fault why = {0};

		if (jail_become("nobody", 0, &why))
			_exit(77);
		_exit(geteuid() == 0 || setuid(0) == 0 || open("/etc/shadow", O_RDONLY) >= 0);
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

static void a_closed_stdin_is_not_left_open_for_the_next_file(void **state)
{
	int status = 0;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct fault why = {0};

		close(0);
		setenv("LD_LIBRARY_PATH", "/evil", 1);
		if (jail_start(1, &why) || jail_start(0, &why) != -1)
			_exit(1);
		_exit(fcntl(0, F_GETFD) < 0 || getenv("LD_LIBRARY_PATH") || !getenv("PATH"));
	}
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
}

// ---- workers ----

static int job_upper(const void *input, size_t len, struct bytes *output, struct fault *why)
{
	const char *text = input;

	for (size_t i = 0; i < len; i++)
		if (bytes_format(output, why, "%c", text[i] & ~32))
			return -1;
	return 0;
}

static int job_refuse(const void *input, size_t len, struct bytes *output, struct fault *why)
{
	(void)output;
	return fault_set(why, FAULT_DIGEST, "%.*s is wrong", (int)len, (const char *)input);
}

static int job_crash(const void *input, size_t len, struct bytes *output, struct fault *why)
{
	(void)input, (void)len, (void)output, (void)why;
	abort();
}

static int job_connect(const void *input, size_t len, struct bytes *output, struct fault *why)
{
	(void)input, (void)len, (void)output, (void)why;
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int job_forever(const void *input, size_t len, struct bytes *output, struct fault *why)
{
	(void)input, (void)len, (void)output, (void)why;
	for (;;)
		sched_yield();
	return 0;
}

static int job_flood(const void *input, size_t len, struct bytes *output, struct fault *why)
{
	static const char zeros[4096];

	(void)input, (void)len;
	for (int i = 0; i < 512; i++)
		if (bytes_append(output, zeros, sizeof(zeros), why))
			return -1;
	return 0;
}

static const struct worker_limits limits = {
	.memory_max = 256 << 20, .seconds_max = 1, .output_max = 1 << 20};

static void a_worker_answers_or_refuses_across_the_pipe(void **state)
{
	OWNED(bytes_drop) struct bytes output = {0};
	struct fault why = {0};

	(void)state;
	assert_int_equal(worker_run(job_upper, "seal", 4, &limits, &output, &why), 0);
	assert_string_equal(bytes_text(&output), "SEAL");
	assert_int_equal(worker_run(job_refuse, "it", 2, &limits, &output, &why), -1);
	assert_int_equal(why.code, FAULT_DIGEST);
	assert_string_equal(why.text, "it is wrong");
}

// Its second is over by then, and it has been for long.
static void an_answer_is_one_however_late_it_is_asked_for(void **state)
{
	OWNED(bytes_drop) struct bytes output = {0};
	struct worker worker = WORKER_NONE;
	struct fault why = {0};

	(void)state;
	assert_int_equal(worker_start(job_upper, "seal", 4, &limits, &worker, &why), 0);
	while (!worker_is_over(&worker))
		usleep(10000);
	usleep(1100000);
	assert_int_equal(worker_finish(&worker, &output, &why), 0);
	assert_string_equal(bytes_text(&output), "SEAL");
	assert_int_equal(worker_start(job_forever, "x", 1, &limits, &worker, &why), 0);
	assert_int_equal(worker_finish(&worker, &output, &why), -1);
	assert_int_equal(why.code, FAULT_FORMAT);
}

static void a_worker_that_crashes_stalls_floods_or_reaches_out_is_a_refusal(void **state)
{
	worker_job *const jobs[] = {job_crash, job_connect, job_forever, job_flood};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		OWNED(bytes_drop) struct bytes output = {0};
		struct fault why = {0};

		assert_int_equal(worker_run(jobs[i], "x", 1, &limits, &output, &why), -1);
		assert_int_equal(why.code, FAULT_FORMAT);
		assert_int_equal(output.len, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_profile_kills_what_it_has_no_use_for),
		cmocka_unit_test(who_names_programs_can_look_one_up_and_nothing_else),
		cmocka_unit_test(landlock_leaves_only_the_named_paths),
		cmocka_unit_test(a_missing_user_is_a_refusal_with_the_remedy),
		cmocka_unit_test(root_becomes_nobody_and_cannot_come_back),
		cmocka_unit_test(a_closed_stdin_is_not_left_open_for_the_next_file),
		cmocka_unit_test(a_worker_answers_or_refuses_across_the_pipe),
		cmocka_unit_test(an_answer_is_one_however_late_it_is_asked_for),
		cmocka_unit_test(a_worker_that_crashes_stalls_floods_or_reaches_out_is_a_refusal),
	};

	return cmocka_run_group_tests_name("base/jail", tests, NULL, NULL);
}
