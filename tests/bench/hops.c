// SPDX-License-Identifier: Apache-2.0
// What a hop of the chain costs: nanoseconds of BPF_PROG_TEST_RUN through the root of chains that the loader built, beside
// peers in the same run. Then what a switch costs. Prints tables; decides nothing.
//   hops [BUILDS [RUNS]]: so many times each chain is built anew (its images then lie elsewhere), and measured each time
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>

#include "base/owned.h"
#include "loader/anchor.h"
#include "loader/bpffs.h"
#include "tests/bench/peers.h"
#include "tests/kernel/ground.h"

#define REPEAT	   50000
#define LENGTHS	   6
#define SAMPLES	   4096
#define SWITCHES   200
#define SWITCH_LEN 30

static const size_t lengths[LENGTHS] = {1, 2, 4, 8, 16, 32};

// One row of the table: a way to stand in a chain.
struct way {
	const char *label, *entry;
	enum linkage linkage;
	enum peer_kind peer;	  // where there is no entry
	double budget8, budget32; // ns a hop; 0: none
	const char *iface;
};

static const struct way ways[] = {
	{.label = "fused: one program", .peer = PEER_FUSED},
	{.label = "plain tail calls, constant slot", .peer = PEER_CONSTANT},
	{.label = "plain tail calls, variable index", .peer = PEER_VARIABLE},
	{"with bpf/chain.h", "hop_chain", LINK_CHAIN, 0, 1.5, 3, "way0"},
	{"unmodified", "hop_wrap", LINK_WRAP, 0, 0, 4, "way1"},
	{"with a map of its own", "hop_own", LINK_OWN_MAP, 0, 0, 0, "way2"},
	{"unmodified, tail calls of its own", "hop_called", LINK_WRAP, 0, 0, 0, "way3"},
	{"with bpf/chain.h, counting", "hop_count_chain", LINK_CHAIN, 0, 0, 0, "way4"},
	{"unmodified, counting", "hop_count_wrap", LINK_WRAP, 0, 0, 0, "way5"},
};
#define WAYS (sizeof(ways) / sizeof(*ways))

struct series {
	double values[SAMPLES];
	size_t count;
};

static void series_add(struct series *series, double value)
{
	if (series->count < SAMPLES)
		series->values[series->count++] = value;
}

static int number_order(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double series_at(struct series *series, double part)
{
	if (!series->count)
		return 0;
	qsort(series->values, series->count, sizeof(double), number_order);
	return series->values[(size_t)(part * (double)(series->count - 1) + 0.5)];
}

static void die(const struct fault *why)
{
	fault_print(why, stderr);
	exit(1);
}

// ---- hops ----

static double run_once(int program_fd)
{
	unsigned char in[64] = {0};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = in, .data_size_in = sizeof(in),
		    .repeat = REPEAT);

	if (bpf_prog_test_run_opts(program_fd, &opts) || opts.retval != 2) {
		fprintf(stderr, "a run went wrong: verdict %u, %s\n", opts.retval, strerror(errno));
		exit(1);
	}
	return opts.duration;
}

static void apply(const struct ground *ground, const char *iface, const struct member *members,
		  size_t count)
{
	struct chain_spec spec = ground_spec(ground, members, count);
	OWNED(chain_drop) struct chain *chain = NULL;
	struct fault why = {0};

	spec.iface = iface;
	if (chain_build(&spec, &chain, &why) || chain_commit(chain, &why) ||
	    chain_settle(chain, &why))
		die(&why);
}

static int root_of(const struct ground *ground, const char *iface)
{
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	struct fault why = {0};
	char place[BPFFS_PATH_MAX];
	int fd;

	if (bpffs_place(ground->tree, iface, HOOK_XDP, place, &why) ||
	    anchor_newest(place, &root, &why))
		die(&why);
	fd = root.program_fd;
	root.program_fd = -1;
	return fd;
}

static int chain_of(const struct ground *ground, const struct way *way, size_t count)
{
	struct member members[PEERS_MAX];

	for (size_t i = 0; i < count; i++)
		members[i] = ground_member("bench/hop", "hops.bpf.o", way->entry, HOOK_XDP,
					   way->linkage, NULL);
	apply(ground, way->iface, members, count);
	for (size_t i = 0; i < count; i++)
		member_drop(&members[i]);
	return root_of(ground, way->iface);
}

// All ways at one length, their runs taking turns.
static void measure(const struct ground *ground, size_t count, size_t runs, struct series *out)
{
	struct peer peers[WAYS] = {0};
	int fds[WAYS];

	for (size_t i = 0; i < WAYS; i++) {
		if (ways[i].entry)
			fds[i] = chain_of(ground, &ways[i], count);
		else
			peer_load(ways[i].peer, count, &peers[i]);
		if (!ways[i].entry)
			fds[i] = peers[i].program_fds[0];
	}
	for (size_t run = 0; run < runs; run++)
		for (size_t i = 0; i < WAYS; i++)
			series_add(&out[i], run_once(fds[i]));
	for (size_t i = 0; i < WAYS; i++)
		if (ways[i].entry)
			drop_fd(&fds[i]);
		else
			peer_drop(&peers[i]);
}

static void print_budget(double have, double want)
{
	if (want > 0)
		printf(" %s %.1f", have <= want ? "<=" : "OVER", want);
}

static void print_hops(double ns[WAYS][LENGTHS])
{
	printf("\n%-36s", "ns a hop: (N - 1 program) / (N - 1)");
	for (size_t k = 1; k < LENGTHS; k++)
		printf(" %7zu", lengths[k]);
	printf("   over fused at 32\n");
	for (size_t i = 0; i < WAYS; i++) {
		double hops[LENGTHS] = {0};

		for (size_t k = 1; k < LENGTHS; k++)
			hops[k] = (ns[i][k] - ns[i][0]) / (double)(lengths[k] - 1);
		printf("%-36s", ways[i].label);
		for (size_t k = 1; k < LENGTHS; k++)
			printf(" %7.2f", hops[k]);
		printf("   %7.2f ", (ns[i][LENGTHS - 1] - ns[0][LENGTHS - 1]) / 31);
		print_budget(hops[3], ways[i].budget8);
		print_budget(hops[LENGTHS - 1], ways[i].budget32);
		printf("\n");
	}
	printf("\n%-36s", "a variable index / ours, whole way");
	for (size_t k = 0; k < LENGTHS; k++)
		printf("%s%5.1fx", k ? "  " : " ", ns[2][k] / ns[4][k]);
	printf("   (unmodified)\n");
}

static void bench_hops(const struct ground *ground, size_t builds, size_t runs)
{
	static struct series series[LENGTHS][WAYS];
	double ns[WAYS][LENGTHS];

	for (size_t i = 0; i < WAYS; i++)
		if (ways[i].iface)
			ground_sh("ip link add %s type veth peer name %sp && ip link set %s up",
				  ways[i].iface, ways[i].iface, ways[i].iface);
	for (size_t build = 0; build < builds; build++)
		for (size_t k = 0; k < LENGTHS; k++)
			measure(ground, lengths[k], runs, series[k]);
	printf("%-36s", "ns a packet, medians; N programs:");
	for (size_t k = 0; k < LENGTHS; k++)
		printf(" %6zu", lengths[k]);
	printf("   (%zu builds, %zu runs of %d each)\n", builds, runs, REPEAT);
	for (size_t i = 0; i < WAYS; i++) {
		printf("%-36s", ways[i].label);
		for (size_t k = 0; k < LENGTHS; k++) {
			ns[i][k] = series_at(&series[k][i], 0.5);
			printf(" %6.0f", ns[i][k]);
		}
		printf("\n");
	}
	print_hops(ns);
}

// ---- the switch ----

static double microseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

// The linker gives us the loader's calls of this one: in a commit its last is the write of the root's slot.
int __real_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags);
static double last_write_us;

int __wrap_bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	double start = microseconds();
	int result = __real_bpf_map_update_elem(fd, key, value, flags);
	int saved = errno;

	last_write_us = microseconds() - start;
	errno = saved;
	return result;
}

static void bench_switch(const struct ground *ground)
{
	static struct series write, commit, whole;
	struct member members[SWITCH_LEN];

	for (size_t i = 0; i < SWITCH_LEN; i++)
		members[i] = ground_member("bench/hop", "hops.bpf.o", "hop_wrap", HOOK_XDP,
					   LINK_WRAP, NULL);
	ground_apply(ground, members, SWITCH_LEN);
	for (size_t i = 0; i < SWITCHES; i++) {
		struct chain_spec spec = ground_spec(ground, members, SWITCH_LEN);
		OWNED(chain_drop) struct chain *chain = NULL;
		double start = microseconds(), built;
		struct fault why = {0};

		if (chain_build(&spec, &chain, &why))
			die(&why);
		built = microseconds();
		if (chain_commit(chain, &why))
			die(&why);
		series_add(&write, last_write_us);
		series_add(&commit, microseconds() - built);
		if (chain_settle(chain, &why))
			die(&why);
		series_add(&whole, (microseconds() - start) / 1e3);
	}
	printf("\n%-36s %9s %9s   (%d switches of %d programs)\n", "the switch", "median", "p99",
	       SWITCHES, SWITCH_LEN);
	printf("%-36s %9.1f %9.1f us", "the slot is written", series_at(&write, 0.5),
	       series_at(&write, 0.99));
	print_budget(series_at(&write, 0.5), 50);
	printf("\n%-36s %9.1f %9.1f us\n", "commit: look again, write", series_at(&commit, 0.5),
	       series_at(&commit, 0.99));
	printf("%-36s %9.1f %9.1f ms\n", "all: build, commit, settle", series_at(&whole, 0.5),
	       series_at(&whole, 0.99));
	for (size_t i = 0; i < SWITCH_LEN; i++)
		member_drop(&members[i]);
}

int main(int argc, char **argv)
{
	struct ground ground;

	if (!ground_ready())
		return 77;
	ground_up(&ground);
	bench_hops(&ground, argc > 1 ? strtoul(argv[1], NULL, 10) : 5,
		   argc > 2 ? strtoul(argv[2], NULL, 10) : 9);
	bench_switch(&ground);
	ground_down(&ground);
	return 0;
}
