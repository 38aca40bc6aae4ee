// SPDX-License-Identifier: Apache-2.0
// Names with wildcards: `*` stands for any characters, also none, and `?` for exactly one.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PATTERN_MAX 15 // as long as an interface's name

bool pattern_is(const char *text);
bool pattern_matches(const char *pattern, const char *name);
// Whether one name of 1 to PATTERN_MAX characters could match both. Neither is longer than that.
bool pattern_meets(const char *a, const char *b);
