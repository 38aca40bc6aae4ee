// SPDX-License-Identifier: Apache-2.0
// What the types of an object (.BTF) refer to, checked before libbpf follows it: libbpf 1.1 looks at no number before it uses
// it: it goes round a typedef of itself for ever, and divides by the size of a number, also in the process that loads (A79).
#pragma once

#include <stddef.h>

#include "base/fault.h"

// Types within types, pointers apart; the deepest of a kernel's own BTF has 33.
#define TYPEWEB_DEPTH_MAX 256

// Every name and every type that one refers to is there, none is part of itself, and numbers have a size. FAULT_FORMAT.
int typeweb_check(const void *section, size_t len, struct fault *why) MUST_CHECK;
