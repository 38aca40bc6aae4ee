// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct world *world_up(void **state, const char *const *manifests)
{
	static struct world world;

	ground_up(&world.ground);
	stock_up(&world.stock, &world.ground);
	for (; *manifests; manifests++)
		stock_add(&world.stock, *manifests);
	stock_publish(&world.stock, STOCK_NOW + STOCK_LIFE);
	*state = &world;
	return &world;
}

int world_down(void **state)
{
	struct world *world = *state;

	if (!world)
		return 0;
	stock_down(&world->stock);
	ground_down(&world->ground);
	return 0;
}

struct world *the_world(void **state)
{
	if (!*state)
		skip();
	return *state;
}

struct stock *the_stock(void **state)
{
	return &the_world(state)->stock;
}

void must(int bad, const struct fault *why)
{
	if (!bad)
		return;
	fault_print(why, stderr);
	fail_msg("refused");
}

void applied(struct stock *stock)
{
	struct fault why = {0};

	must(stock_apply(stock, STOCK_NOW, &why), &why);
}

struct plan *planned(struct stock *stock)
{
	struct plan *plan = NULL;
	struct fault why = {0};

	must(stock_plan(stock, STOCK_NOW, &plan, &why), &why);
	return plan;
}

static int64_t no_ticks(void)
{
	return 0;
}

struct mend_places world_mends(const struct world *world, struct anchor_tags *tags, int64_t now)
{
	const struct stock *stock = &world->stock;

	return (struct mend_places){.root = world->ground.root,
				    .node = stock->node,
				    .tree = world->ground.tree,
				    .store_dirfd = stock->store_dirfd,
				    .loader_dirfd = stock->loader_dirfd,
				    .trust_dirfd = stock->trust_dirfd,
				    .objects_dirfd = stock->objects_dirfd,
				    .logs_dirfd = world->ground.logs_dirfd,
				    .logs_path = world->ground.logs,
				    .tags = tags,
				    .now = now,
				    .ticks_us = no_ticks};
}

void applies(struct stock *stock, const char *chain)
{
	stock_configure(stock, chain);
	applied(stock);
}
