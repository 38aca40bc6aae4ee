// SPDX-License-Identifier: Apache-2.0
// A reader of the Prometheus text format, strict where a scraper is: families in one piece with their type before them,
// names, escapes, numbers, and no series twice.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// False with what is wrong, and in which line.
bool promtext_is_valid(const char *text, char *complaint, size_t room);
