// SPDX-License-Identifier: Apache-2.0
#include "loader/fit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bpf/jumps.h"
#include "bpf/node.h"

#define NAMED_MAX 4 // members that a sum names

bool fit_jumps(const struct member *member)
{
	return member->program->linkage == LINK_CHAIN || member->program->linkage == LINK_OWN_MAP;
}

bool fit_has_frags(const struct member *member)
{
	return strncmp(member->section, "xdp.frags", strlen("xdp.frags")) == 0;
}

// ---- order ----

static int check_order(const struct member *members, size_t count, struct fault *why)
{
	for (size_t i = 0; i + 1 < count; i++)
		if (members[i].program->linkage == LINK_TERMINAL)
			return fault_set(why, FAULT_CONFIG,
					 "%s is a terminal program: it can only be the last",
					 members[i].name);
	return 0;
}

// ---- kinds ----

// A program of ours, that stands in for a denied one, is loaded as the others are.
static bool is_ours(const struct member *member)
{
	return !member->section[0];
}

// The kernel takes programs into one array only when they agree on frags (commit 4540aed51b12).
static int check_frags(const struct member *members, size_t count, struct fault *why)
{
	const struct member *with = NULL, *without = NULL;

	for (size_t i = 0; i < count && !(with && without); i++) {
		const struct member **which = fit_has_frags(&members[i]) ? &with : &without;

		if (!*which && !is_ours(&members[i]))
			*which = &members[i];
	}
	if (!with || !without)
		return 0;
	fault_set(why, FAULT_CONFIG,
		  "%s takes packets in several buffers (SEC(\"xdp.frags\")) and %s does not: no "
		  "chain can hold both",
		  with->name, without->name);
	return fault_fix(why, "build all programs of the chain with SEC(\"xdp.frags\"), or none");
}

// Where in the kernel a section says that a program is to stand; "" where it leaves that open.
static const char *place_of(const struct member *member)
{
	static const char *const places[] = {"devmap", "cpumap", "ingress", "egress"};
	const char *slash = strchr(member->section, '/');

	for (size_t i = 0; slash && i < sizeof(places) / sizeof(*places); i++)
		if (strcmp(slash + 1, places[i]) == 0)
			return places[i];
	return "";
}

// Programs for different attach points cannot be in one chain: "xdp" differs from "xdp/devmap" and "xdp/cpumap"; "tc" fits
// ingress and egress.
static bool same_place(const struct member *a, const struct member *b)
{
	const char *one = place_of(a), *other = place_of(b);

	return is_ours(a) || is_ours(b) || strcmp(one, other) == 0 ||
	       (a->program->hook != HOOK_XDP && (!*one || !*other));
}

static int refuse_places(const struct member *a, const struct member *b, struct fault *why)
{
	fault_set(why, FAULT_CONFIG,
		  "%s is built for \"%s\" and %s for \"%s\": no chain can hold both", a->name,
		  a->section, b->name, b->section);
	return fault_fix(why, "take one of them out, or build it anew for this hook");
}

static int check_places(const struct member *members, size_t count, struct fault *why)
{
	for (size_t i = 1; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (!same_place(&members[k], &members[i]))
				return refuse_places(&members[k], &members[i], why);
	return 0;
}

// ---- jumps ----

// A sum in words: "1 to enter it + 2 by net/a itself".
struct sum {
	char text[256];
	unsigned total, named, others;
};

static void sum_say(struct sum *sum, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void sum_say(struct sum *sum, const char *format, ...)
{
	size_t used = strlen(sum->text);
	va_list args;

	used += (size_t)snprintf(sum->text + used, sizeof(sum->text) - used, "%s",
				 used ? " + " : "");
	if (used >= sizeof(sum->text))
		return;
	va_start(args, format);
	vsnprintf(sum->text + used, sizeof(sum->text) - used, format, args);
	va_end(args);
}

// What it spends besides the one jump to the next place.
static unsigned own_jumps(const struct member *member)
{
	if (!fit_jumps(member))
		return member->jumps_most;
	return member->jumps_most ? member->jumps_most - 1 : 0;
}

static void sum_member(struct sum *sum, const struct member *member)
{
	unsigned own = own_jumps(member);

	// Each at most the limit: no number of members can overflow it.
	sum->total += own > NODE_CHAIN_MAX ? NODE_CHAIN_MAX + 1 : own;
	if (!own)
		return;
	if (sum->named++ < NAMED_MAX)
		sum_say(sum, "%u by %.40s itself", own, member->name);
	else
		sum->others += own;
}

static int refuse_endless(const struct member *member, struct fault *why)
{
	fault_set(why, FAULT_CONFIG,
		  "%s makes tail calls in a loop, or in a number that cannot be determined: it may "
		  "use all "
		  "%d that the kernel follows",
		  member->name, NODE_CHAIN_MAX);
	return fault_fix(why,
			 fit_jumps(member)
				 ? "take its own tail calls out of the loop"
				 : "let it stand last, or take its tail calls out of the loop");
}

static int check_jumps(const struct member *members, size_t count, struct fault *why)
{
	bool last_jumps = count && fit_jumps(&members[count - 1]);
	struct sum sum = {.total = (unsigned)count};

	sum_say(&sum, "1 to enter it");
	if (count > 1)
		sum_say(&sum, "%zu from place to place", count - 1);
	for (size_t i = 0; i < count; i++) {
		bool goes_on = i + 1 < count || last_jumps;

		if (members[i].jumps_most != JUMPS_ENDLESS)
			sum_member(&sum, &members[i]);
		else if (goes_on)
			return refuse_endless(&members[i], why);
	}
	if (sum.others)
		sum_say(&sum, "%u by others", sum.others);
	if (last_jumps)
		sum_say(&sum, "1 behind the last, which jumps by itself");
	sum.total += last_jumps;
	if (sum.total <= NODE_CHAIN_MAX)
		return 0;
	fault_set(why, FAULT_CONFIG, "%s = %u", sum.text, sum.total);
	fault_within(why, "a chain of %zu programs can make %u jumps; the kernel follows %d", count,
		     sum.total, NODE_CHAIN_MAX);
	return fault_fix(why, "take programs out, or join some into one");
}

int fit_check(const struct member *members, size_t count, struct fault *why)
{
	if (count && members[0].program->hook == HOOK_PROBE)
		return 0; // nobody jumps
	if (check_order(members, count, why) || check_frags(members, count, why) ||
	    check_places(members, count, why))
		return -1;
	return check_jumps(members, count, why);
}
