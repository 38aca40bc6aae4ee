// SPDX-License-Identifier: Apache-2.0
#include "bpf/probe.h"

#include <stdbool.h>
#include <string.h>

static const char *const kinds[PROBE_KINDS] = {
	[PROBE_TRACEPOINT] = "tracepoint", [PROBE_RAW_TRACEPOINT] = "raw_tracepoint",
	[PROBE_TP_BTF] = "tp_btf",	   [PROBE_KPROBE] = "kprobe",
	[PROBE_KRETPROBE] = "kretprobe",   [PROBE_FENTRY] = "fentry",
	[PROBE_FEXIT] = "fexit",
};

const char *probe_kind_name(enum probe_kind kind)
{
	return kind < PROBE_KINDS ? kinds[kind] : "?";
}

int probe_kind_parse(const char *name, enum probe_kind *out, struct fault *why)
{
	for (size_t i = 0; i < PROBE_KINDS; i++) {
		if (strcmp(name, kinds[i]) == 0) {
			*out = (enum probe_kind)i;
			return 0;
		}
	}
	fault_set(why, FAULT_FORMAT, "there is no kind of probe '%.40s'", name);
	return fault_fix(why, "the kinds are tracepoint, raw_tracepoint, tp_btf, kprobe, "
			      "kretprobe, fentry and fexit");
}

static bool is_word(const char *text, size_t len)
{
	static const char letters[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

	return len > 0 && len < PROBE_TARGET_MAX && strspn(text, letters) >= len;
}

int probe_check_target(enum probe_kind kind, const char *target, struct fault *why)
{
	const char *slash = strchr(target, '/');

	if (kind != PROBE_TRACEPOINT)
		return is_word(target, strlen(target))
			       ? 0
			       : fault_set(why, FAULT_FORMAT, "'%.140s' is not the name of a %s",
					   target,
					   kind == PROBE_RAW_TRACEPOINT || kind == PROBE_TP_BTF
						   ? "tracepoint"
						   : "function");
	if (slash && is_word(target, (size_t)(slash - target)) &&
	    is_word(slash + 1, strlen(slash + 1)))
		return 0;
	fault_set(why, FAULT_FORMAT, "'%.140s' is not a tracepoint", target);
	return fault_fix(why, "write its category and name, as in \"sched/sched_process_exec\"");
}
