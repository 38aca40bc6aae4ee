// SPDX-License-Identifier: Apache-2.0
// Which of its own types an object wants to find again among the kernel's (CO-RE), told from the records in .BTF.ext.
#pragma once

#include <stddef.h>

#include "bpf/inspection.h"

// Fills inspection->types from that section; `types` has room for INSPECT_TYPES_MAX. Records that cannot be read are not
// refused, the library that loads decides about them: inspection->types_unclear says that the list is not all.
void asked_scan(const void *section, size_t len, struct inspection *inspection);
