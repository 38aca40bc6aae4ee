// SPDX-License-Identifier: Apache-2.0
// Versions of bundles, MAJOR.MINOR.PATCH, and the patterns by which a node asks for one.
#pragma once

#include <stdbool.h>

#include "base/fault.h"

#define VERSION_MAX 32 // 3 numbers below 2^31 and 2 dots

// Versions are MAJOR.MINOR.PATCH, decimal, no leading zeros, each below 2^31; compare as numbers.
int version_check(const char *version, struct fault *why) MUST_CHECK;
int version_compare(const char *a, const char *b);
// "1.4.2" matches itself, "1.4.*" and "1.*" and "*" match by prefix.
bool version_matches(const char *version, const char *pattern);
int version_pattern_check(const char *pattern, struct fault *why) MUST_CHECK;
