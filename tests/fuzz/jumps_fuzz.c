// SPDX-License-Identifier: Apache-2.0
// bpf/jumps, loader-side splice left out: code of any form. First byte: where the program begins. Then instructions, eight
// bytes each, as an object has them; loads of source 8 and above are of map 0, 1, ...
//
// What is said must hold on every path: a short random walk through the code, with what registers hold, may contradict
// nothing of it.
#include <linux/bpf.h>

#include "base/owned.h"
#include "bpf/jumps.h"
#include "tests/fuzz/fuzz.h"

#define INSNS_MAX 4096
#define STEPS_MAX 2000
#define DEPTH_MAX 8
#define LOAD_64	  (BPF_LD | BPF_DW | BPF_IMM)
#define NOTHING	  INT64_MIN // a register of which the walk knows nothing

struct code {
	struct bpf_insn insns[INSNS_MAX];
	int32_t maps[INSNS_MAX];
	size_t count;
};

// The machine that walks: a number, or the address of map N as MAP + N, or NOTHING.
#define MAP (INT64_C(1) << 40)
struct machine {
	int64_t registers[16];
	size_t at, depth, behind[DEPTH_MAX];
	int64_t kept[DEPTH_MAX][4];
	uint64_t choices, jumps;
};

static const struct jumps_site *site_at(const struct jumps *jumps, size_t insn)
{
	for (size_t i = 0; i < jumps->count; i++)
		if (jumps->sites[i].insn == insn)
			return &jumps->sites[i];
	return NULL;
}

static void check_site(const struct jumps *jumps, struct machine *machine)
{
	const struct jumps_site *site = site_at(jumps, machine->at);
	int64_t map = machine->registers[2], slot = machine->registers[3];

	HOLDS(site);
	HOLDS(site->in_entry || machine->depth);
	// NOTHING is anything: a claim about it would be one about all values.
	if (site->map != JUMPS_UNKNOWN)
		HOLDS(map == MAP + site->map);
	if (site->slot != JUMPS_UNKNOWN)
		HOLDS(slot == site->slot);
	machine->jumps++;
	HOLDS(jumps->most == JUMPS_ENDLESS || machine->jumps <= jumps->most);
}

static bool choose(struct machine *machine)
{
	machine->choices = machine->choices * 6364136223846793005u + 1442695040888963407u;
	return machine->choices >> 63;
}

static void clobber(struct machine *machine)
{
	for (int i = 0; i < 6; i++)
		machine->registers[i] = NOTHING;
}

static void run_alu(struct machine *machine, const struct bpf_insn *insn)
{
	int64_t *to = &machine->registers[insn->dst_reg & 15], from;

	from = BPF_SRC(insn->code) == BPF_K ? insn->imm : machine->registers[insn->src_reg & 15];
	if (BPF_OP(insn->code) != BPF_MOV || insn->off ||
	    (insn->src_reg > 9 && BPF_SRC(insn->code)))
		*to = NOTHING;
	else if (BPF_CLASS(insn->code) == BPF_ALU)
		*to = from >= 0 && from <= INT32_MAX ? from : NOTHING;
	else
		*to = from;
}

// Whether it goes on behind the call, or inside it.
static bool run_call(const struct jumps *jumps, struct machine *machine, const struct code *code)
{
	const struct bpf_insn *insn = &code->insns[machine->at];

	if (insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL) {
		if (machine->depth == DEPTH_MAX)
			return false;
		memcpy(machine->kept[machine->depth], &machine->registers[6],
		       sizeof(machine->kept[0]));
		machine->behind[machine->depth++] = machine->at + 1;
		for (int i = 6; i < 10; i++)
			machine->registers[i] = NOTHING;
		machine->at += (size_t)((int64_t)insn->imm + 1);
		return true;
	}
	if (insn->code == (BPF_JMP | BPF_CALL) && !insn->src_reg && insn->imm == BPF_FUNC_tail_call)
		check_site(jumps, machine);
	clobber(machine);
	machine->at++;
	return true;
}

static bool run_exit(struct machine *machine)
{
	if (!machine->depth)
		return false;
	machine->at = machine->behind[--machine->depth];
	clobber(machine);
	memcpy(&machine->registers[6], machine->kept[machine->depth], sizeof(machine->kept[0]));
	return true;
}

static bool run_jump(const struct jumps *jumps, struct machine *machine, const struct code *code)
{
	const struct bpf_insn *insn = &code->insns[machine->at];

	switch (BPF_OP(insn->code)) {
	case BPF_CALL:
		return run_call(jumps, machine, code);
	case BPF_EXIT:
		// Of the other class it is no instruction.
		return insn->code == (BPF_JMP | BPF_EXIT) && run_exit(machine);
	case BPF_JA:
		machine->at += (size_t)((BPF_CLASS(insn->code) == BPF_JMP32 ? (int64_t)insn->imm
									    : insn->off) +
					1);
		return true;
	default:
		machine->at += choose(machine) ? (size_t)((int64_t)insn->off + 1) : 1;
		return true;
	}
}

static void run_load(struct machine *machine, const struct code *code)
{
	const struct bpf_insn *insn = &code->insns[machine->at];
	int64_t value = NOTHING;

	if (insn->src_reg == 0 && code->insns[machine->at + 1].imm == 0)
		value = (uint32_t)insn->imm;
	else if (code->maps[machine->at] >= 0)
		value = MAP + code->maps[machine->at];
	machine->registers[insn->dst_reg & 15] = value;
	machine->at += 2;
}

static bool step(const struct jumps *jumps, struct machine *machine, const struct code *code)
{
	const struct bpf_insn *insn = &code->insns[machine->at];
	unsigned class = BPF_CLASS(insn->code);

	if (class == BPF_JMP || class == BPF_JMP32)
		return run_jump(jumps, machine, code);
	if (insn->code == LOAD_64) {
		run_load(machine, code);
		return true;
	}
	if (class == BPF_ALU || class == BPF_ALU64)
		run_alu(machine, insn);
	else if (class == BPF_LD)
		clobber(machine);
	else if (class == BPF_LDX)
		machine->registers[insn->dst_reg & 15] = NOTHING;
	else if (class == BPF_STX && BPF_MODE(insn->code) == BPF_ATOMIC)
		machine->registers[insn->dst_reg & 15] = machine->registers[insn->src_reg & 15] =
			machine->registers[0] = NOTHING;
	machine->at++;
	return true;
}

static void walk(const struct jumps *jumps, const struct code *code, size_t entry, uint64_t choices)
{
	struct machine machine = {.at = entry, .choices = choices};

	for (size_t i = 0; i < 16; i++)
		machine.registers[i] = NOTHING;
	for (size_t i = 0; i < STEPS_MAX && step(jumps, &machine, code); i++)
		HOLDS(machine.at < code->count); // else it would have been unclear
}

static void read_code(struct fuzz_input *input, struct code *code)
{
	for (code->count = 0; input->left >= 8 && code->count < INSNS_MAX; code->count++) {
		struct bpf_insn *insn = &code->insns[code->count];

		memcpy(insn, input->at, 8);
		input->at += 8;
		input->left -= 8;
		code->maps[code->count] = JUMPS_UNKNOWN;
		if (insn->code != LOAD_64 || insn->src_reg < 8)
			continue;
		code->maps[code->count] = insn->src_reg - 8;
		insn->src_reg = BPF_PSEUDO_MAP_FD;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct code code;
	struct fuzz_input input = {data, len};
	OWNED(jumps_drop) struct jumps jumps = {0};
	size_t entry = fuzz_byte(&input);

	read_code(&input, &code);
	MUST(jumps_find(code.insns, code.count, code.maps, entry, &jumps, &must));
	HOLDS(jumps.count <= code.count);
	for (size_t i = 0; i < jumps.count; i++) {
		HOLDS(jumps.sites[i].insn < code.count);
		HOLDS(!i || jumps.sites[i].insn > jumps.sites[i - 1].insn);
		HOLDS(jumps.sites[i].map >= JUMPS_UNKNOWN && jumps.sites[i].map < 8);
	}
	HOLDS(!jumps.unclear || jumps.most == JUMPS_ENDLESS);
	if (jumps.unclear)
		return 0;
	HOLDS(entry < code.count);
	HOLDS(jumps.count || !jumps.most);
	for (uint64_t i = 0; i < 16; i++)
		walk(&jumps, &code, entry, i * 0x9e3779b97f4a7c15u);
	return 0;
}
