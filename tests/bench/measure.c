// SPDX-License-Identifier: Apache-2.0
// What a command costs as a whole process: CPU time, wall time and peak memory, medians of several runs.
//   measure RUNS SECONDS PREPARE COMMAND...     prints "CPU_MS WALL_MS PEAK_KIB RUNS"
// PREPARE is a shell command before each run ("" for none), and is not measured. What the command prints is dropped. After SECONDS no further run begins,
// and a single one that lasts longer is ended: then the command has given up, and the exit status is 1.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 1000

extern char **environ;

static double seconds_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double milliseconds(const struct timeval *time)
{
	return (double)time->tv_sec * 1e3 + (double)time->tv_usec / 1e3;
}

static pid_t child;

static void on_alarm(int number)
{
	(void)number;
	kill(child, SIGKILL);
}

struct cost {
	double cpu_ms, wall_ms, peak_kib;
};

// posix_spawn shares our few pages until the exec: a fork's copy would count as the command's peak.
static int run_once(char **command, unsigned limit, struct cost *cost)
{
	double start = seconds_now();
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	int status;

	if (posix_spawn_file_actions_init(&actions) ||
	    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) ||
	    posix_spawnp(&child, command[0], &actions, NULL, command, environ))
		return -1;
	posix_spawn_file_actions_destroy(&actions);
	alarm(limit);
	if (wait4(child, &status, 0, &usage) != child || status != 0)
		return -1;
	alarm(0);
	cost->wall_ms = (seconds_now() - start) * 1e3;
	cost->cpu_ms = milliseconds(&usage.ru_utime) + milliseconds(&usage.ru_stime);
	cost->peak_kib = (double)usage.ru_maxrss;
	return 0;
}

static int number_order(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double median(double *numbers, size_t count)
{
	qsort(numbers, count, sizeof(*numbers), number_order);
	return numbers[count / 2];
}

int main(int argc, char **argv)
{
	static double cpu[RUNS_MAX], wall[RUNS_MAX], peak[RUNS_MAX];
	// wait4 has to come back when the alarm has rung: it does, as the child is dead then.
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	size_t runs, count = 0;
	double start = seconds_now();
	unsigned limit;

	if (argc < 5)
		return 2;
	runs = strtoul(argv[1], NULL, 10);
	limit = (unsigned)strtoul(argv[2], NULL, 10);
	sigaction(SIGALRM, &action, NULL);
	while (count < runs && count < RUNS_MAX && seconds_now() - start < limit) {
		struct cost cost;

		if ((argv[3][0] && system(argv[3]) != 0) || run_once(argv + 4, limit, &cost))
			return 1;
		cpu[count] = cost.cpu_ms;
		wall[count] = cost.wall_ms;
		peak[count++] = cost.peak_kib;
	}
	printf("%.1f %.1f %.0f %zu\n", median(cpu, count), median(wall, count), median(peak, count),
	       count);
	return 0;
}
