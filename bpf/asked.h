// SPDX-License-Identifier: Apache-2.0
// The types that an object's CO-RE relocations refer to, read from the records in .BTF.ext.
#pragma once

#include <stddef.h>

#include "bpf/inspection.h"

// Fills inspection->types from that section; `types` has room for INSPECT_TYPES_MAX. Records that cannot be read are no refusal,
// since libbpf decides about them at load time: then inspection->types_unclear says that the list is incomplete.
void asked_scan(const void *section, size_t len, struct inspection *inspection);
