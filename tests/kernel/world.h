// SPDX-License-Identifier: Apache-2.0
// A node of one test: interfaces and a tree of pins, and a store whose bundles are signed.
#pragma once

#include "tests/kernel/stock.h"

struct world {
	struct ground ground;
	struct stock stock;
};

// cmocka's teardown: takes back what the setup left in *state; NULL is fine.
int world_down(void **state);
// Fails the test, with the refusal as people would read it.
void must(int bad, const struct fault *why);
// `bpfseal apply` at STOCK_NOW, which has to work.
void applied(struct stock *stock);
// The stock of the test. Where the setup could not make a world, the test is skipped here.
struct stock *the_stock(void **state);
