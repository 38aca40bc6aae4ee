// SPDX-License-Identifier: Apache-2.0
// What keeps a probe from its event is told with what mends it.
#include "loader/probelink.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <seccomp.h>

#include <cmocka.h>

static const struct probelink_event tracepoint = {
	.kind = PROBE_TRACEPOINT, .target = "sched/sched_process_fork", .tracepoint_id = 1};

// From here on perf_event_open(2) fails so in this process.
static void no_event(int error)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

	assert_non_null(filter);
	assert_int_equal(seccomp_rule_add(filter, SCMP_ACT_ERRNO((uint32_t)error),
					  SCMP_SYS(perf_event_open), 0),
			 0);
	assert_int_equal(seccomp_load(filter), 0);
	seccomp_release(filter);
}

// Kernels of Debian say EACCES to CAP_PERFMON while kernel.perf_event_paranoid is 3, which it is there by default.
static void a_kernel_that_keeps_its_events_is_told_by_the_sysctl(void **state)
{
	struct fault why = {0};
	int fd = -1;

	(void)state;
	no_event(EACCES);
	assert_int_equal(probelink_make(&tracepoint, -1, &fd, &why), -1);
	assert_int_equal(why.code, FAULT_KERNEL);
	assert_non_null(strstr(why.text, "tracepoint sched/sched_process_fork"));
	assert_non_null(strstr(why.text, "kernel.perf_event_paranoid"));
	assert_non_null(strstr(why.fix, "sysctl -w kernel.perf_event_paranoid=2"));
	assert_int_equal(fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_kernel_that_keeps_its_events_is_told_by_the_sysctl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
