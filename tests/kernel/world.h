// SPDX-License-Identifier: Apache-2.0
// A node of one test: interfaces and a tree of pins, and a store whose bundles are signed.
#pragma once

#include "loader/bpffs.h"
#include "loader/mend.h"
#include "tests/kernel/stock.h"

struct world {
	struct ground ground;
	struct stock stock;
	char place[BPFFS_PATH_MAX]; // of the hook that the test is about; "" where it is about none
};

// For cmocka's setup: makes the world, with the bundles of these manifests (up to NULL) published until STOCK_NOW +
// STOCK_LIFE, and leaves it in *state. One at a time.
struct world *world_up(void **state, const char *const *manifests);
// cmocka's teardown: takes back what the setup left in *state; NULL is fine.
int world_down(void **state);
// Fails the test, with the refusal as people would read it.
void must(int bad, const struct fault *why);
// `bpfseal apply` at STOCK_NOW, which has to work.
void applied(struct stock *stock);
// The plan of `bpfseal plan` at STOCK_NOW, which has to work; the caller's.
struct plan *planned(struct stock *stock);
// The parameters of a repair.
struct mend_places world_mends(const struct world *world, struct anchor_tags *tags, int64_t now);
// As applied(), with this chain in node.json.
void applies(struct stock *stock, const char *chain);
// The world of the test, and its stock. Where the setup could not make one, the test is skipped here.
struct world *the_world(void **state);
struct stock *the_stock(void **state);
