// SPDX-License-Identifier: Apache-2.0
#include "keys/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"

struct visit {
	const struct targets *delegator;
	char role[ROLE_NAME_MAX + 1];
};

// Roles still to be visited, the next one last, and those that were.
struct search {
	const char *path;
	struct visit *pending;
	size_t pending_count, pending_room;
	const struct targets **visited;
	size_t visited_count, roles_max;
};

static void search_drop(struct search *search)
{
	free(search->pending);
	free(search->visited);
}

static int push(struct search *search, const struct targets *delegator, const char *role,
		struct fault *why)
{
	if (search->pending_count == search->pending_room) {
		size_t room = 2 * search->pending_room + 8;
		struct visit *more = reallocarray(search->pending, room, sizeof(*more));

		if (!more)
			return fault_set(why, FAULT_OTHER, "out of memory");
		search->pending = more;
		search->pending_room = room;
	}
	search->pending[search->pending_count].delegator = delegator;
	snprintf(search->pending[search->pending_count++].role, ROLE_NAME_MAX + 1, "%s", role);
	return 0;
}

static bool is_visited(const struct search *search, const char *role)
{
	for (size_t i = 0; i < search->visited_count; i++)
		if (strcmp(search->visited[i]->name, role) == 0)
			return true;
	return false;
}

// Adds the roles that the path is delegated to, the first one on top. A terminating one cuts off what comes after
// it, beside it and further up (TUF 5.6.7.2.1).
static int push_delegates(struct search *search, const struct targets *targets, struct fault *why)
{
	struct delegate delegate = {0};
	size_t first = search->pending_count, at = 0, last;

	while (!delegate.terminating && targets_delegate(targets, search->path, &at, &delegate))
		if (push(search, targets, delegate.name, why))
			return -1;
	last = search->pending_count;
	if (delegate.terminating) {
		memmove(search->pending, search->pending + first,
			(last - first) * sizeof(*search->pending));
		last -= first;
		first = 0;
		search->pending_count = last;
	}
	for (; first + 1 < last; first++, last--) {
		struct visit swapped = search->pending[first];

		search->pending[first] = search->pending[last - 1];
		search->pending[last - 1] = swapped;
	}
	return 0;
}

// Visits roles until one lists the path. Cycles end because no role is visited twice, fans because of the limit.
static int run(struct search *search, search_load *load, void *ctx, struct target *out,
	       struct fault *why)
{
	while (search->pending_count && search->visited_count <= search->roles_max) {
		struct visit visit = search->pending[--search->pending_count];
		const struct targets *targets;

		if (is_visited(search, visit.role))
			continue;
		if (load(ctx, visit.delegator, visit.role, &targets, why))
			return -1;
		if (targets_find(targets, search->path, out))
			return 0;
		search->visited[search->visited_count++] = targets;
		if (push_delegates(search, targets, why))
			return -1;
	}
	if (search->pending_count)
		return fault_set(why, FAULT_TOO_LARGE,
				 "target \"%s\" is not among the first %zu roles", search->path,
				 search->visited_count);
	return fault_set(why, FAULT_UNTRUSTED, "no trusted role names target \"%s\"", search->path);
}

int search_run(const char *path, unsigned roles_max, search_load *load, void *ctx,
	       struct target *out, struct fault *why)
{
	OWNED(search_drop) struct search search = {.path = path, .roles_max = roles_max};

	search.visited = calloc((size_t)roles_max + 1, sizeof(*search.visited));
	if (!search.visited)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (push(&search, NULL, "targets", why))
		return -1;
	return run(&search, load, ctx, out, why);
}
