// SPDX-License-Identifier: Apache-2.0
#include "bpf/version.h"

#include <stdint.h>
#include <string.h>

#define VERSION_NUMBERS 3

// Reads one number without leading zeros, below 2^31. A second spelling of the same version would be a second
// name for it, and "immutable by name and version" would not hold.
static const char *number_read(const char *text, uint32_t *out)
{
	uint64_t number = 0;
	const char *at = text;

	while (*at >= '0' && *at <= '9' && at - text < 10) {
		number = number * 10 + (uint64_t)(*at - '0');
		at++;
	}
	if (at == text || number > INT32_MAX || (text[0] == '0' && at - text > 1))
		return NULL;
	*out = (uint32_t)number;
	return at;
}

// The numbers up to the end or to a "*" in the place of the next one: how many there are, or -1.
static int numbers_read(const char *text, uint32_t numbers[VERSION_NUMBERS], bool *star)
{
	int count = 0;

	*star = false;
	for (;;) {
		if (strcmp(text, "*") == 0) {
			*star = true;
			return count;
		}
		text = number_read(text, &numbers[count]);
		if (!text)
			return -1;
		count++;
		if (*text == '\0')
			return count;
		if (*text++ != '.' || count == VERSION_NUMBERS)
			return -1;
	}
}

static bool version_read(const char *version, uint32_t numbers[VERSION_NUMBERS])
{
	bool star;

	return numbers_read(version, numbers, &star) == VERSION_NUMBERS && !star;
}

int version_check(const char *version, struct fault *why)
{
	uint32_t numbers[VERSION_NUMBERS];

	if (!version_read(version, numbers))
		return fault_set(why, FAULT_FORMAT,
				 "'%.40s' is not a version: three plain numbers, like 1.4.2",
				 version);
	return 0;
}

int version_pattern_check(const char *pattern, struct fault *why)
{
	uint32_t numbers[VERSION_NUMBERS];
	bool star;
	int count = numbers_read(pattern, numbers, &star);

	if (count < 0 || (count < VERSION_NUMBERS && !star))
		return fault_set(
			why, FAULT_CONFIG,
			"'%.40s' is neither a version (1.4.2) nor a pattern (1.4.*, 1.*, *)",
			pattern);
	return 0;
}

int version_compare(const char *a, const char *b)
{
	uint32_t left[VERSION_NUMBERS], right[VERSION_NUMBERS];

	// What is no version stands below every version, so it never wins.
	if (!version_read(a, left) || !version_read(b, right))
		return (int)version_read(a, left) - (int)version_read(b, right);
	for (int i = 0; i < VERSION_NUMBERS; i++) {
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	}
	return 0;
}

bool version_matches(const char *version, const char *pattern)
{
	uint32_t numbers[VERSION_NUMBERS], wanted[VERSION_NUMBERS];
	bool star;
	int count = numbers_read(pattern, wanted, &star);

	if (count < 0 || (count < VERSION_NUMBERS && !star) || !version_read(version, numbers))
		return false;
	return memcmp(numbers, wanted, (size_t)count * sizeof numbers[0]) == 0;
}
