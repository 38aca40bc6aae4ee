// SPDX-License-Identifier: Apache-2.0
// Preloaded into the loader: what the kernel took for the BPF_PROG_LOAD calls of the programs of one name, which is the
// verifier and the JIT and little else. At exit, on stderr: "loads COUNT CPU_MS WALL_MS". LOADS_OF names the programs; it
// is read before main, which empties the environment.
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/bpf.h>

static char name[BPF_OBJ_NAME_LEN];
static pid_t self;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // programs are loaded side by side
static unsigned count;
static double cpu_ms, wall_ms;

static double now_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

__attribute__((constructor)) static void begin(void)
{
	const char *of = getenv("LOADS_OF");

	if (of)
		strncpy(name, of, sizeof(name) - 1);
	self = getpid();
}

// The library makes all its calls of bpf(2) by this one.
long syscall(long number, ...)
{
	static long (*real)(long, ...);
	const union bpf_attr *attr;
	double cpu, wall;
	va_list list;
	long args[6], result;
	int saved;

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	if (!real)
		*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	attr = (const union bpf_attr *)args[1];
	if (number != SYS_bpf || args[0] != BPF_PROG_LOAD ||
	    strncmp(attr->prog_name, name, sizeof(name)) != 0)
		return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	cpu = now_ms(CLOCK_THREAD_CPUTIME_ID);
	wall = now_ms(CLOCK_MONOTONIC);
	result = real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
	saved = errno;
	cpu = now_ms(CLOCK_THREAD_CPUTIME_ID) - cpu;
	wall = now_ms(CLOCK_MONOTONIC) - wall;
	pthread_mutex_lock(&lock);
	cpu_ms += cpu;
	wall_ms += wall;
	count++;
	pthread_mutex_unlock(&lock);
	errno = saved;
	return result;
}

__attribute__((destructor)) static void end(void)
{
	if (count && getpid() == self)
		fprintf(stderr, "loads %u %.3f %.3f\n", count, cpu_ms, wall_ms);
}
