// SPDX-License-Identifier: Apache-2.0
// A node's store as a fetcher leaves it, and the pin that an admin made: signed on the spot with one test key.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/json.h"
#include "bpf/node.h"
#include "keys/keyfile.h"
#include "loader/admit.h"
#include "loader/plan.h"
#include "tests/kernel/ground.h"

#define STOCK_NOW  INT64_C(1800000000)
#define STOCK_LIFE INT64_C(86400)
#define STOCK_REPO "corp"

struct stock {
	const struct ground *ground;
	struct secret_key *key;
	struct json *targets; // the draft of all that was added
	struct bytes root;
	int64_t version; // of the last set
	int store_dirfd, loader_dirfd, trust_dirfd, objects_dirfd;
	struct node *node;
};

void stock_up(struct stock *stock, const struct ground *ground);
void stock_down(struct stock *stock);
// Builds a bundle from a source manifest of ours (TEST_SOURCE_DIR/bpf/<manifest>), puts its members into the store.
void stock_add(struct stock *stock, const char *manifest);
// Puts a deny list into the store, of this digest or (NULL) of nothing.
void stock_deny(struct stock *stock, const struct sha256 *digest);
// Puts the index of net/count into the store as if `version` of it had been withdrawn; its target stays signed.
void stock_withdraw(struct stock *stock, const char *version);
// Signs and writes the next set; `expires` is of the timestamp.
void stock_publish(struct stock *stock, int64_t expires);
// Points `current` at whatever.
void stock_point(struct stock *stock, const char *target);
// The blob of a digest, one byte changed.
void stock_damage(struct stock *stock, const struct sha256 *digest);
// node.json with this list as the XDP chain of GROUND_IFACE.
void stock_configure(struct stock *stock, const char *chain);
// node.json with these interfaces: what stands in the braces.
void stock_interfaces(struct stock *stock, const char *interfaces);

// The parameters of a plan, and of an admission at a time.
struct plan_places stock_plan_places(const struct stock *stock);
struct admit_places stock_admit_places(const struct stock *stock, int64_t now);

// The way of `bpfseal plan` and `bpfseal apply` at a time. -1 with *why as they would say it.
int stock_plan(struct stock *stock, int64_t now, struct plan **out, struct fault *why) MUST_CHECK;
// A plan that is refused, with the code that is returned, and then made from our own copies.
enum fault_code stock_restore(struct stock *stock, int64_t now, struct plan **out);
// The way of `bpfseal rollback [iface]`, up to its plan.
int stock_rollback(struct stock *stock, int64_t now, const char *iface, struct plan **out,
		   struct fault *why) MUST_CHECK;
// And of `bpfseal apply --resume`.
int stock_resume(struct stock *stock, int64_t now, struct fault *why) MUST_CHECK;
int stock_apply(struct stock *stock, int64_t now, struct fault *why) MUST_CHECK;
int stock_run(struct stock *stock, struct plan *plan, struct fault *why) MUST_CHECK;
