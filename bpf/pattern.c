// SPDX-License-Identifier: Apache-2.0
#include "bpf/pattern.h"

#include <assert.h>
#include <string.h>

bool pattern_is(const char *text)
{
	return strpbrk(text, "*?") != NULL;
}

// Goes back to the last `*` only: what an earlier one could take, the last one can. So no pattern takes longer than the
// product of both lengths.
bool pattern_matches(const char *pattern, const char *name)
{
	const char *star = NULL, *from = NULL;

	while (*name) {
		if (*pattern == '*') {
			star = pattern++;
			from = name;
		} else if (*pattern == '?' || *pattern == *name) {
			pattern++;
			name++;
		} else if (star) {
			pattern = star + 1;
			name = ++from;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

// ---- two of them ----

#define NEVER (2 * PATTERN_MAX + 1) // longer than any name

// At [i][j]: the length of the shortest name that both match from these places on.
struct meeting {
	const char *a, *b;
	unsigned shortest[PATTERN_MAX + 2][PATTERN_MAX + 2];
};

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static bool is_alike(char a, char b)
{
	return a && b && a != '*' && b != '*' && (a == b || a == '?' || b == '?');
}

// A star takes nothing more, or what the other one has there: a character, or a star that is still to take its own.
static unsigned meeting_at(const struct meeting *meeting, size_t i, size_t j)
{
	char a = meeting->a[i], b = meeting->b[j];
	unsigned best = a || b ? NEVER : 0;
	unsigned next_a = a ? meeting->shortest[i + 1][j] : NEVER;
	unsigned next_b = b ? meeting->shortest[i][j + 1] : NEVER;

	if (a == '*')
		best = least(best, least(next_a, next_b + (b != '*')));
	if (b == '*')
		best = least(best, least(next_b, next_a + (a != '*')));
	if (is_alike(a, b))
		best = least(best, meeting->shortest[i + 1][j + 1] + 1);
	return least(best, NEVER);
}

bool pattern_meets(const char *a, const char *b)
{
	struct meeting meeting = {.a = a, .b = b};
	size_t a_len = strlen(a), b_len = strlen(b);

	assert(a_len <= PATTERN_MAX && b_len <= PATTERN_MAX);
	for (size_t i = a_len + 1; i-- > 0;)
		for (size_t j = b_len + 1; j-- > 0;)
			meeting.shortest[i][j] = meeting_at(&meeting, i, j);
	return meeting.shortest[0][0] <= PATTERN_MAX;
}
