// SPDX-License-Identifier: Apache-2.0
// The kernel's helper functions by number, as the kernel's own header lists them.
#pragma once

#include <stdint.h>

const char *helper_name(uint32_t id); // "tail_call", or NULL
