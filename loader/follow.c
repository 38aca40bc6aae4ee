// SPDX-License-Identifier: Apache-2.0
#include "loader/follow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "loader/bpffs.h"
#include "loader/chain.h"

// No interface has a name with a colon.
#define ON_ITS_WAY "moving:"

static bool has_moved(const struct plan_chain *chain)
{
	return chain->was[0] && strcmp(chain->was, chain->iface) != 0;
}

// Once for all hooks of an interface; they stand side by side in a plan.
static bool is_first(const struct plan *plan, size_t index)
{
	return !index || strcmp(plan->chains[index - 1].iface, plan->chains[index].iface) != 0;
}

static int move(const char *from, const char *to, struct fault *why)
{
	// Moved on already, where a crash came between.
	if (rename(from, to) && errno != ENOENT)
		return fault_errno(why, FAULT_KERNEL, "cannot move the pins %s to %s", from, to);
	return 0;
}

static int paths(const struct plan_chain *chain, const char *tree, char middle[BPFFS_PATH_MAX],
		 char to[BPFFS_PATH_MAX], struct fault *why)
{
	char name[sizeof(ON_ITS_WAY) + sizeof(chain->iface)];

	snprintf(name, sizeof(name), ON_ITS_WAY "%s", chain->iface);
	return bpffs_join(tree, name, middle, why) || bpffs_join(tree, chain->iface, to, why) ? -1
											      : 0;
}

// Out of the way first, all of them: two interfaces may have swapped their names.
static int move_out(const struct plan_chain *chain, const char *tree, struct fault *why)
{
	char from[BPFFS_PATH_MAX], middle[BPFFS_PATH_MAX], to[BPFFS_PATH_MAX];

	if (bpffs_join(tree, chain->was, from, why) || paths(chain, tree, middle, to, why))
		return -1;
	return move(from, middle, why);
}

static int move_in(const struct plan_chain *chain, const char *tree, struct fault *why)
{
	char middle[BPFFS_PATH_MAX], to[BPFFS_PATH_MAX], place[BPFFS_PATH_MAX];

	for (int hook = 0; hook < HOOK_COUNT; hook++)
		if (bpffs_place(tree, chain->iface, (enum hook)hook, place, why) ||
		    (access(place, F_OK) == 0 && chain_remove(place, why)))
			return -1;
	if (paths(chain, tree, middle, to, why) || bpffs_remove(to, why))
		return -1;
	return move(middle, to, why);
}

int follow_pins(const struct plan *plan, const char *tree, struct fault *why)
{
	for (size_t i = 0; i < plan->count; i++)
		if (has_moved(&plan->chains[i]) && is_first(plan, i) &&
		    move_out(&plan->chains[i], tree, why))
			return -1;
	for (size_t i = 0; i < plan->count; i++)
		if (has_moved(&plan->chains[i]) && is_first(plan, i) &&
		    move_in(&plan->chains[i], tree, why))
			return -1;
	return 0;
}
