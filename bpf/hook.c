// SPDX-License-Identifier: Apache-2.0
#include "bpf/hook.h"

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <string.h>

static const char *const hooks[HOOK_COUNT + 1] = {
	[HOOK_XDP] = "xdp",
	[HOOK_TC_INGRESS] = "tc_ingress",
	[HOOK_TC_EGRESS] = "tc_egress",
	[HOOK_PROBE] = "probe",
};

struct verdict {
	const char *name;
	int32_t value;
};

static const struct verdict xdp_verdicts[] = {
	{"XDP_ABORTED", XDP_ABORTED}, {"XDP_DROP", XDP_DROP},	      {"XDP_PASS", XDP_PASS},
	{"XDP_TX", XDP_TX},	      {"XDP_REDIRECT", XDP_REDIRECT}, {NULL, 0},
};

static const struct verdict tc_verdicts[] = {
	{"TC_ACT_UNSPEC", TC_ACT_UNSPEC},
	{"TC_ACT_OK", TC_ACT_OK},
	{"TC_ACT_RECLASSIFY", TC_ACT_RECLASSIFY},
	{"TC_ACT_SHOT", TC_ACT_SHOT},
	{"TC_ACT_PIPE", TC_ACT_PIPE},
	{"TC_ACT_STOLEN", TC_ACT_STOLEN},
	{"TC_ACT_QUEUED", TC_ACT_QUEUED},
	{"TC_ACT_REPEAT", TC_ACT_REPEAT},
	{"TC_ACT_REDIRECT", TC_ACT_REDIRECT},
	{"TC_ACT_TRAP", TC_ACT_TRAP},
	{NULL, 0},
};

static const struct verdict no_verdicts[] = {{NULL, 0}};

static const struct verdict *verdicts_of(enum hook hook)
{
	if (hook == HOOK_PROBE)
		return no_verdicts;
	return hook == HOOK_XDP ? xdp_verdicts : tc_verdicts;
}

const char *hook_name(enum hook hook)
{
	return hook < HOOK_COUNT ? hooks[hook] : "?";
}

int hook_parse(const char *name, enum hook *out, struct fault *why)
{
	for (int i = 0; i < HOOK_COUNT; i++) {
		if (strcmp(name, hooks[i]) == 0) {
			*out = (enum hook)i;
			return 0;
		}
	}
	fault_set(why, FAULT_FORMAT, "there is no hook '%.40s'", name);
	return fault_fix(why, "the hooks are xdp, tc_ingress, tc_egress and probe");
}

const char *verdict_name(enum hook hook, int32_t verdict)
{
	for (const struct verdict *v = verdicts_of(hook); v->name; v++) {
		if (v->value == verdict)
			return v->name;
	}
	return NULL;
}

int verdict_parse(enum hook hook, const char *name, int32_t *out, struct fault *why)
{
	for (const struct verdict *v = verdicts_of(hook); v->name; v++) {
		if (strcmp(v->name, name) == 0) {
			*out = v->value;
			return 0;
		}
	}
	return fault_set(why, FAULT_FORMAT, "'%.40s' is not a verdict of hook %s", name,
			 hook_name(hook));
}

size_t verdicts_default(enum hook hook, int32_t out[VERDICTS_CONTINUE_MAX])
{
	if (hook == HOOK_PROBE)
		return 0;
	if (hook == HOOK_XDP) {
		out[0] = XDP_PASS;
		return 1;
	}
	out[0] = TC_ACT_OK;
	out[1] = TC_ACT_PIPE;
	out[2] = TC_ACT_UNSPEC;
	return 3;
}
