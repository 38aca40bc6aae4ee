// SPDX-License-Identifier: Apache-2.0
// How old what a node knows of its repositories is (A23), and for how long it is good: who withholds a repository hides what
// it has taken back, and shows only in this.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/expiry.h"
#include "loader/exposition.h"

// The fetcher has heard nothing of a repository for so long: as sync warns of it.
#define FRESHNESS_OLD_S INT64_C(86400)
// What expires within this time is told beforehand; what lives shorter, in the last quarter of its life.
#define FRESHNESS_SOON_S (INT64_C(7) * 86400)

enum freshness_state {
	FRESHNESS_GOOD,
	FRESHNESS_SOON,	   // the first of its roles expires soon
	FRESHNESS_OLD,	   // not refreshed for a day
	FRESHNESS_EXPIRED, // nothing new of it is admitted
	FRESHNESS_NEVER,   // nothing of it was ever verified here
};

struct freshness {
	const char *repository; // borrowed from the node
	int64_t now;
	int64_t refreshed_at; // by the fetcher, who says so himself; 0: not known
	// Of what we verified and keep; none: nothing is kept.
	struct expiry roles[EXPIRY_COUNT];
	size_t role_count;
	struct expiry first; // the one that presses: expires soon, or before all others
};
struct freshness_list {
	struct freshness *list;
	size_t count;
};
void freshness_drop(struct freshness_list *freshness);

// All repositories of a node. `store_dirfd` may be -1. Verifies nothing: it reads what was noted when it was verified.
int freshness_read(const struct node *node, int store_dirfd, int trust_dirfd, int64_t now,
		   struct freshness_list *out, struct fault *why) MUST_CHECK;
enum freshness_state freshness_state(const struct freshness *freshness);
const char *freshness_state_name(enum freshness_state state);

// "role" is the one that presses. A list of {"name","state","refreshed_at","age_s","expires","expires_in_s","role"}.
// `*out` is yours.
int freshness_json(const struct freshness_list *freshness, struct json **out, struct fault *why)
	MUST_CHECK;
// A table, and a warning for each that is not good.
int freshness_print(const struct freshness_list *freshness, const struct cli *cli,
		    struct fault *why) MUST_CHECK;
int freshness_gauges(const struct freshness_list *freshness, struct exposition *exposition,
		     struct fault *why) MUST_CHECK;

// "40 s", "12 min", "5 h 20 min", "3 d 4 h".
#define FRESHNESS_SPAN_MAX 32
void freshness_span(int64_t seconds, char out[static FRESHNESS_SPAN_MAX]);
