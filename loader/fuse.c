// SPDX-License-Identifier: Apache-2.0
#include "loader/fuse.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/hook.h"

#define INSNS_MAX 1000000 // BPF_COMPLEXITY_LIMIT_INSNS: more the kernel does not even read

// The program that calls the others, while it is written.
struct caller {
	struct bpf_insn *insns;
	size_t count;
};

static struct bpf_insn *put(struct caller *caller, uint8_t code, uint8_t dst, uint8_t src)
{
	struct bpf_insn *insn = &caller->insns[caller->count++];

	*insn = (struct bpf_insn){.code = code};
	insn->dst_reg = (unsigned)dst & 0xfu;
	insn->src_reg = (unsigned)src & 0xfu;
	return insn;
}

// Of one part: where the context is, the call, the verdicts that skip the exit.
static size_t caller_room(const struct fuse_part *part)
{
	return 2 + part->continue_count + 1;
}

static void call_part(struct caller *caller, const struct fuse_part *part, bool last, size_t start)
{
	struct bpf_insn *call;

	put(caller, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6);
	call = put(caller, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL);
	call->imm = (int32_t)(start - caller->count);
	// 32-bit compares: a verdict is an int, and the upper half of r0 is whatever the program left there.
	for (size_t i = 0; !last && i < part->continue_count; i++) {
		struct bpf_insn *jump = put(caller, BPF_JMP32 | BPF_JEQ | BPF_K, BPF_REG_0, 0);

		jump->imm = part->continue_on[i];
		jump->off = (int16_t)(part->continue_count - i);
	}
	put(caller, BPF_JMP | BPF_EXIT, 0, 0);
}

static int check(const struct fuse_part *parts, size_t count, size_t *total, struct fault *why)
{
	*total = 1;
	for (size_t i = 0; i < count; i++) {
		if (!parts[i].code->count || parts[i].code->count > INSNS_MAX)
			return fault_set(why, FAULT_FORMAT, "a program of %zu instructions",
					 parts[i].code->count);
		if (i + 1 < count && (parts[i].continue_count == 0 ||
				      parts[i].continue_count > VERDICTS_CONTINUE_MAX))
			return fault_set(why, FAULT_FORMAT,
					 "a chained program needs 1 to %d verdicts that go on",
					 VERDICTS_CONTINUE_MAX);
		*total += caller_room(&parts[i]) + parts[i].code->count;
		if (*total > INSNS_MAX)
			return fault_set(why, FAULT_TOO_LARGE,
					 "the programs together have more than %d instructions",
					 INSNS_MAX);
	}
	return 0;
}

static void fuse(const struct fuse_part *parts, size_t count, struct code *made)
{
	struct caller caller = {.insns = made->insns};
	size_t start = 1;

	for (size_t i = 0; i < count; i++)
		start += caller_room(&parts[i]) - (i + 1 == count ? parts[i].continue_count : 0);
	made->count = start;
	put(&caller, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1);
	for (size_t i = 0; i < count; i++) {
		const struct code *code = parts[i].code;

		call_part(&caller, &parts[i], i + 1 == count, made->count);
		// All jumps and calls within it are relative: it is the same wherever it stands.
		memcpy(made->insns + made->count, code->insns, code->count * sizeof(*code->insns));
		made->count += code->count;
	}
}

int fuse_parts(const struct fuse_part *parts, size_t count, struct code *out, struct fault *why)
{
	OWNED(code_drop) struct code made = {0};
	size_t total;

	if (!count)
		return fault_set(why, FAULT_FORMAT, "there is nothing to join");
	if (check(parts, count, &total, why))
		return -1;
	made.insns = calloc(total, sizeof(*made.insns));
	if (!made.insns)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (count > 1) {
		fuse(parts, count, &made);
	} else {
		// Nothing but itself: its whole stack stays its own.
		made.count = parts->code->count;
		memcpy(made.insns, parts->code->insns, made.count * sizeof(*made.insns));
	}
	*out = made;
	made = (struct code){0};
	return 0;
}
