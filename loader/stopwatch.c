// SPDX-License-Identifier: Apache-2.0
#include "loader/stopwatch.h"

#include <stdlib.h>

#include <bpf/bpf.h>

#define PROBE_REPEAT 1000

int stopwatch_run(int fd, const struct bytes *packet, int repeat, uint32_t *verdict, uint32_t *ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet->data,
		    .data_size_in = (__u32)packet->len, .repeat = repeat);

	if (bpf_prog_test_run_opts(fd, &opts))
		return -1;
	*verdict = opts.retval;
	*ns = opts.duration;
	return 0;
}

static int by_size(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

int stopwatch_median(int fd, const struct bytes *packet, uint32_t round_ns, int *repeat,
		     uint32_t *ns)
{
	uint32_t each[STOPWATCH_ROUNDS], verdict, once;

	if (!*repeat) {
		if (stopwatch_run(fd, packet, PROBE_REPEAT, &verdict, &once))
			return -1;
		*repeat = (int)(round_ns / (once ? once : 1));
		*repeat = *repeat < PROBE_REPEAT ? PROBE_REPEAT : *repeat;
	}
	for (size_t i = 0; i < STOPWATCH_ROUNDS; i++)
		if (stopwatch_run(fd, packet, *repeat, &verdict, &each[i]))
			return -1;
	qsort(each, STOPWATCH_ROUNDS, sizeof(*each), by_size);
	*ns = each[STOPWATCH_ROUNDS / 2];
	return 0;
}
