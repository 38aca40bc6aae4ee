// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

int world_down(void **state)
{
	struct world *world = *state;

	if (!world)
		return 0;
	stock_down(&world->stock);
	ground_down(&world->ground);
	return 0;
}

struct stock *the_stock(void **state)
{
	if (!*state)
		skip();
	return &((struct world *)*state)->stock;
}
