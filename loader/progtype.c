// SPDX-License-Identifier: Apache-2.0
#include "loader/progtype.h"

#include <errno.h>
#include <string.h>

#include "loader/sys.h"

// Every section prefix that libbpf 1.1 itself would load as XDP, TC or a kind of probe that we support. A program in any other
// section that libbpf knows would bypass our handler, and with it the gate; object.c notices that and refuses. Chain programs
// are registered as XDP whatever their hook, and so are unknown sections: object.c sets the real type afterwards. Probes keep
// their own types, because bpf/claims.c asks libbpf for the type of a section as well.
static const struct {
	const char *prefix;
	enum bpf_prog_type type;
} sections[] = {
	{NULL, BPF_PROG_TYPE_XDP}, // the fallback, for sections that nobody knows ("xdp-root")
	{"xdp+", BPF_PROG_TYPE_XDP},
	{"xdp.frags+", BPF_PROG_TYPE_XDP},
	{"tc+", BPF_PROG_TYPE_XDP},
	{"classifier+", BPF_PROG_TYPE_XDP},
	{"tcx/ingress", BPF_PROG_TYPE_XDP},
	{"tcx/egress", BPF_PROG_TYPE_XDP},
	{"action+", BPF_PROG_TYPE_XDP},
	{"tp+", BPF_PROG_TYPE_TRACEPOINT},
	{"tracepoint+", BPF_PROG_TYPE_TRACEPOINT},
	{"raw_tp+", BPF_PROG_TYPE_RAW_TRACEPOINT},
	{"raw_tracepoint+", BPF_PROG_TYPE_RAW_TRACEPOINT},
	{"kprobe+", BPF_PROG_TYPE_KPROBE},
	{"kretprobe+", BPF_PROG_TYPE_KPROBE},
	{"tp_btf+", BPF_PROG_TYPE_TRACING},
	{"fentry+", BPF_PROG_TYPE_TRACING},
	{"fexit+", BPF_PROG_TYPE_TRACING},
};

// The fallback is registered first: libbpf takes only one, so EBUSY tells that this process has registered before.
int progtype_register(libbpf_prog_prepare_load_fn_t prepare, struct fault *why)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare);

	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		int id = libbpf_register_prog_handler(sections[i].prefix, sections[i].type, 0,
						      &opts);

		if (id == -EBUSY && !sections[i].prefix)
			return 0;
		if (id < 0)
			return fault_set(why, FAULT_OTHER, "libbpf refuses our program handler: %s",
					 strerror(-id));
	}
	return 0;
}

static const struct progtype probes[PROBE_KINDS] = {
	[PROBE_TRACEPOINT] = {BPF_PROG_TYPE_TRACEPOINT, 0},
	[PROBE_RAW_TRACEPOINT] = {BPF_PROG_TYPE_RAW_TRACEPOINT, 0},
	[PROBE_TP_BTF] = {BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP},
	[PROBE_KPROBE] = {BPF_PROG_TYPE_KPROBE, 0},
	[PROBE_KRETPROBE] = {BPF_PROG_TYPE_KPROBE, 0},
	[PROBE_FENTRY] = {BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY},
	[PROBE_FEXIT] = {BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT},
};

struct progtype progtype_of(enum hook hook, const struct manifest_program *probe)
{
	if (hook == HOOK_PROBE)
		return probes[probe->probe];
	// One attach type for all XDP programs: a PROG_ARRAY refuses to mix them.
	return (struct progtype){.program = sys_program_type(hook),
				 .attach = hook == HOOK_XDP ? BPF_XDP : (enum bpf_attach_type)0};
}

bool progtype_allows_section(enum hook hook, const struct manifest_program *probe,
			     const char *section)
{
	enum bpf_attach_type attach;
	enum bpf_prog_type type;

	if (libbpf_prog_type_by_name(section, &type, &attach))
		return false;
	if (hook != HOOK_PROBE)
		return type == BPF_PROG_TYPE_XDP;
	return !probe || type == probes[probe->probe].program;
}
