// SPDX-License-Identifier: Apache-2.0
#include "bpf/helper.h"

#include <linux/bpf.h>
#include <stddef.h>

// The header's own list, so that no number is ever typed here. Newer headers hand over a number as well.
#define HELPER_ROW(name, ...) [BPF_FUNC_##name] = #name
static const char *const names[] = {__BPF_FUNC_MAPPER(HELPER_ROW)};

const char *helper_name(uint32_t id)
{
	// Number 0 ("unspec") is no helper.
	return id && id < sizeof names / sizeof *names ? names[id] : NULL;
}
