// SPDX-License-Identifier: Apache-2.0
// Times as TUF writes them: YYYY-MM-DDTHH:MM:SSZ, and nothing else (TUF 4.2).
#pragma once

#include <stdint.h>

#include "base/fault.h"

#define CLOCK_TEXT_LEN 21

int clock_parse(const char *text, int64_t *seconds, struct fault *why) MUST_CHECK;
void clock_write(int64_t seconds, char text[static CLOCK_TEXT_LEN]);
