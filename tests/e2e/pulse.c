// SPDX-License-Identifier: Apache-2.0
// The control of tests with deadlines: does every so often a little of what the product does, and says when the machine let
// it wait, so that a promise in seconds is judged by the product's time and not by its neighbours'.
//     pulse FILE     for as long as it lives, a line FROM TO LOST WHAT for each beat that took longer than it should, in
//                    milliseconds. WHAT is "processor" (a rest, then a fixed piece of work), "kernel" (a grace period and a lock,
//                    as each change of a hook has some) or "disk" (FILE made durable, as the audit log is).
#include <fcntl.h>
#include <linux/membarrier.h>
#include <net/if.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define REST_NS	  10000000
#define STEPS	  400000 // of work: about half a millisecond
#define MS	  1000000
#define WORK_LATE (3 * MS)  // what a timer and a shared cache cost on a machine that keeps up
#define WAIT_LATE (60 * MS) // what the kernel and a disk take there

static int64_t ns_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void rest(void)
{
	nanosleep(&(struct timespec){.tv_nsec = REST_NS}, NULL);
}

// Where it took longer than `due`, and by more than is usual: one line, written at once.
static void tell(int64_t took, int64_t due, int64_t usual, const char *what)
{
	const int64_t end = ns_of(CLOCK_REALTIME) / MS, lost = took - due;
	char line[128];
	int len;

	if (lost <= usual)
		return;
	len = snprintf(line, sizeof(line), "%lld %lld %lld %s\n", (long long)(end - took / MS),
		       (long long)end, (long long)(lost / MS), what);
	if (write(STDOUT_FILENO, line, (size_t)len) < 0)
		_exit(1);
}

static void work(void)
{
	for (volatile unsigned i = 0; i < STEPS; i++)
		;
}

// The quickest of some is what the work takes when nobody disturbs.
static int64_t best_of_work(void)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < 40; i++) {
		const int64_t start = ns_of(CLOCK_MONOTONIC);
		int64_t took;

		work();
		took = ns_of(CLOCK_MONOTONIC) - start;
		best = took < best ? took : best;
	}
	return best;
}

static void feel_processor(void)
{
	const int64_t best = best_of_work();

	for (;;) {
		const int64_t start = ns_of(CLOCK_MONOTONIC);

		rest();
		work();
		tell(ns_of(CLOCK_MONOTONIC) - start, REST_NS + best, WORK_LATE, "processor");
	}
}

// Whoever changes a hook waits for all who may look at the old one, and for the lock under which interfaces are changed.
static void feel_kernel(void)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq loopback = {.ifr_name = "lo"};

	for (;;) {
		const int64_t start = ns_of(CLOCK_MONOTONIC);

		// Not everywhere is the first one given; nor has the loopback an address everywhere, but the lock is taken for it.
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
		ioctl(fd, SIOCGIFADDR, &loopback);
		tell(ns_of(CLOCK_MONOTONIC) - start, 0, WAIT_LATE, "kernel");
		rest();
	}
}

static void feel_disk(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	for (;;) {
		const int64_t start = ns_of(CLOCK_MONOTONIC);

		if (fd < 0 || pwrite(fd, "x", 1, 0) != 1 || fsync(fd))
			_exit(1);
		tell(ns_of(CLOCK_MONOTONIC) - start, 0, WAIT_LATE, "disk");
		rest();
		rest();
	}
}

int main(int argc, char **argv)
{
	const pid_t parent = getpid();

	if (argc != 2) {
		fputs("usage: pulse FILE\n", stderr);
		return 2;
	}
	for (int which = 0; which < 2; which++) {
		if (fork() != 0)
			continue;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		if (which == 0)
			feel_kernel();
		feel_disk(argv[1]);
	}
	feel_processor();
	return 0;
}
