// SPDX-License-Identifier: Apache-2.0
// The age and expiry of each repository's metadata (A23). An attacker who withholds new metadata hides withdrawals and
// denials; growing age is the only sign of it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/node.h"
#include "loader/expiry.h"
#include "loader/exposition.h"

// Not refreshed by the fetcher for this long: the threshold at which `sync` warns, too.
#define FRESHNESS_OLD_S INT64_C(86400)
// A role that expires within this time is reported; one with a shorter lifetime, in its last quarter.
#define FRESHNESS_SOON_S (INT64_C(7) * 86400)

enum freshness_state {
	FRESHNESS_GOOD,
	FRESHNESS_SOON,	   // the first of its roles expires soon
	FRESHNESS_OLD,	   // not refreshed for a day
	FRESHNESS_EXPIRED, // nothing new from it is admitted
	FRESHNESS_NEVER,   // none of its metadata was ever verified here
};

struct freshness {
	const char *repository; // borrowed from the node
	int64_t now;
	int64_t refreshed_at; // as the fetcher says, unverified; Unix time, s; 0: not known
	struct expiry roles[EXPIRY_COUNT]; // of the metadata that we verified and keep
	size_t role_count;		   // 0: nothing is kept
	struct expiry first;		   // the role that expires first, or soon
};
struct freshness_list {
	struct freshness *list;
	size_t count;
};
void freshness_drop(struct freshness_list *freshness);

// For all repositories of a node. `store_dirfd` may be -1. Verifies nothing: it reads what was stored at the last verification.
int freshness_read(const struct node *node, int store_dirfd, int trust_dirfd, int64_t now,
		   struct freshness_list *out, struct fault *why) MUST_CHECK;
enum freshness_state freshness_state(const struct freshness *freshness);

// [{"name","state","refreshed_at","age_s","expires","expires_in_s","role"}]; "role" is freshness->first. `*out` is the caller's.
int freshness_json(const struct freshness_list *freshness, struct json **out, struct fault *why)
	MUST_CHECK;
// A table, and a warning for each that is not good.
int freshness_print(const struct freshness_list *freshness, const struct cli *cli,
		    struct fault *why) MUST_CHECK;
// Adds the gauges of age and expiry for `metrics`.
int freshness_gauges(const struct freshness_list *freshness, struct exposition *exposition,
		     struct fault *why) MUST_CHECK;

// A duration for people: "40 s", "12 min", "5 h 20 min", "3 d 4 h".
#define FRESHNESS_SPAN_MAX 32
void freshness_span(int64_t seconds, char out[static FRESHNESS_SPAN_MAX]);
