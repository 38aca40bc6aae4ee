// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/flood_watch.h"

#include <errno.h>
#include <net/if.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/owned.h"
#include "loader/sys.h"
#include "tests/kernel/ground.h"

#define ATTACH_AFTER  (1u << 4)
#define LAST_PRIORITY 60000
#define DRAIN_STEPS   300 // of 10 ms

static void watch_load(struct flood_watch *watch, enum hook at)
{
	watch->object = ground_object("flood_see.bpf.o", "flood_see", at);
	watch->link_fd = -1;
	watch->legal_fd = ground_object_map(watch->object, "legal");
	watch->tally_fd = ground_object_map(watch->object, "tally");
}

void flood_watch_up(struct flood_watch *watch, const char *iface, enum hook hook)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = ATTACH_AFTER);
	const enum hook at = hook == HOOK_TC_EGRESS ? HOOK_TC_EGRESS : HOOK_TC_INGRESS;

	if (!sys_has_tcx(if_nametoindex(iface))) {
		flood_watch_up_clsact(watch, iface, at);
		return;
	}
	watch_load(watch, at);
	watch->link_fd =
		bpf_link_create(object_program_fd(watch->object), (int)if_nametoindex(iface),
				(enum bpf_attach_type)sys_attach_type(at), &opts);
	assert_true(watch->link_fd >= 0);
}

void flood_qdisc(const char *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)if_nametoindex(iface),
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	int error = bpf_tc_hook_create(&where);

	assert_true(error == 0 || error == -EEXIST);
}

// It goes with the interface.
void flood_watch_up_clsact(struct flood_watch *watch, const char *iface, enum hook hook)
{
	LIBBPF_OPTS(bpf_tc_hook, where, .ifindex = (int)if_nametoindex(iface),
		    .attach_point = hook == HOOK_TC_EGRESS ? BPF_TC_EGRESS : BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = LAST_PRIORITY);

	flood_qdisc(iface);
	watch_load(watch, hook);
	opts.prog_fd = object_program_fd(watch->object);
	assert_int_equal(bpf_tc_attach(&where, &opts), 0);
}

void flood_watch_down(struct flood_watch *watch)
{
	if (watch->object)
		drop_fd(&watch->link_fd);
	object_drop(&watch->object);
}

static void legal_put(const struct flood_watch *watch, uint32_t slot, uint64_t way)
{
	assert_int_equal(bpf_map_update_elem(watch->legal_fd, &slot, &way, BPF_ANY), 0);
}

// Never a moment in which what may still come is in neither slot: a reader looks at one after the other.
void flood_watch_allow(const struct flood_watch *watch, uint64_t way)
{
	legal_put(watch, 1, way);
}

void flood_watch_only(const struct flood_watch *watch, uint64_t way)
{
	legal_put(watch, 1, way);
	legal_put(watch, 0, way);
}

struct flood_tally flood_watch_tally(const struct flood_watch *watch)
{
	struct flood_tally tally;
	uint32_t zero = 0;

	assert_int_equal(bpf_map_lookup_elem(watch->tally_fd, &zero, &tally), 0);
	return tally;
}

struct flood_tally flood_watch_drain(const struct flood_watch *watch, uint64_t sent)
{
	struct flood_tally tally = flood_watch_tally(watch);

	for (int still = 0; still < DRAIN_STEPS && tally.seen < sent; still++) {
		const uint64_t before = tally.seen;

		usleep(10000);
		tally = flood_watch_tally(watch);
		if (tally.seen != before)
			still = 0;
	}
	return tally;
}
