// SPDX-License-Identifier: Apache-2.0
// Program and attach types: what the signed manifest's hook is to the kernel, and how libbpf is kept from deciding it by the
// name of a section (A81).
#pragma once

#include <stdbool.h>

#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include "base/fault.h"
#include "bpf/manifest.h"

struct progtype {
	enum bpf_prog_type program;
	enum bpf_attach_type attach;
};

// `probe` counts only with HOOK_PROBE, and must not be NULL then.
struct progtype progtype_of(enum hook hook, const struct manifest_program *probe);

// Makes libbpf call `prepare` before it loads a program of any section that we support. Once in a process; later calls do
// nothing. Never undone: libbpf 1.1 frees its table of handlers twice when the last one is removed. FAULT_OTHER.
int progtype_register(libbpf_prog_prepare_load_fn_t prepare, struct fault *why) MUST_CHECK;

// After progtype_register: whether libbpf will call `prepare` for a program in this section, and the section is not that of
// another kind of program than the manifest's. `probe` NULL with HOOK_PROBE: of any kind. (A section that only libbpf knows
// would be loaded without the gate, and fentry without BTF crashes libbpf 1.1.)
bool progtype_allows_section(enum hook hook, const struct manifest_program *probe,
			     const char *section);
