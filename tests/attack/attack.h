// SPDX-License-Identifier: Apache-2.0
// What every attack on the metadata has in common: it is refused with its own code, and the node has kept exactly what
// it had verified before.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/owned.h"
#include "tests/sim/sim.h"

// Each test has a repository of its own and a node that has installed its version 1.
static inline int scene_open(void **state)
{
	struct sim *sim = sim_new();
	struct fault why = {0};

	*state = sim;
	if (sim_install(sim, SIM_TARGET, &why)) {
		fault_print(&why, stderr);
		return -1;
	}
	sim_requests_clear(sim);
	return 0;
}

static inline int scene_close(void **state)
{
	sim_free(*state);
	return 0;
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, scene_open, scene_close)

static inline void assert_accepted(struct sim *sim)
{
	struct fault why = {0};

	if (sim_install(sim, SIM_TARGET, &why))
		fault_print(&why, stderr);
	assert_int_equal(why.code, FAULT_NONE);
}

static inline void assert_code(const struct fault *why, enum fault_code code)
{
	if (why->code != code)
		fault_print(why, stderr);
	assert_string_equal(fault_name(why->code), fault_name(code));
}

// Refused as a whole: not one kept byte differs.
static inline void assert_refused(struct sim *sim, enum fault_code code)
{
	struct sha256 before = sim_state(sim), after;
	struct fault why = {0};

	assert_int_equal(sim_install(sim, SIM_TARGET, &why), -1);
	assert_code(&why, code);
	after = sim_state(sim);
	assert_true(sha256_equal(&before, &after));
}

// Refused at some role, with what was verified before it kept: the versions kept afterwards are these.
static inline void assert_refused_keeping(struct sim *sim, enum fault_code code, int64_t root,
					  int64_t timestamp, int64_t snapshot, int64_t targets,
					  int64_t net)
{
	struct fault why = {0};

	assert_int_equal(sim_install(sim, SIM_TARGET, &why), -1);
	assert_code(&why, code);
	assert_int_equal(sim_kept(sim, "root"), root);
	assert_int_equal(sim_kept(sim, "timestamp"), timestamp);
	assert_int_equal(sim_kept(sim, "snapshot"), snapshot);
	assert_int_equal(sim_kept(sim, "targets"), targets);
	assert_int_equal(sim_kept(sim, "net"), net);
}

// A copy of something served, to be served again later.
static inline void replay(struct sim *sim, const char *file, const struct bytes *old)
{
	sim_serve_raw(sim, file, old->data, old->len);
}

static inline void copy_served(struct sim *sim, const char *file, struct bytes *out)
{
	struct fault why = {0};
	struct bytes *served = sim_served(sim, file);

	assert_non_null(served);
	assert_int_equal(bytes_append(out, served->data, served->len, &why), 0);
}
