// SPDX-License-Identifier: Apache-2.0
#include "loader/fall.h"

#include <stdlib.h>

#include "base/owned.h"
#include "bpf/jumps.h"
#include "loader/splice.h"

#define LOAD_64	 (BPF_LD | BPF_DW | BPF_IMM)
#define NEXT_MAP 0 // as bpf/jumps knows the maps
#define ANY_MAP	 1

// What comes behind a jump: registers 0 to 5 are free there, as behind any call.
//
// The condition never holds, and the verifier sees that: it drops what is then dead. Without it the code behind would have
// no path to it, and the verifier refuses a program with such code.
#define PIECE_INSNS 7
#define COUNT_INSNS 4

static void piece_write(const struct fall *fall, struct bpf_insn piece[static PIECE_INSNS])
{
	piece[0] = (struct bpf_insn){.code = LOAD_64,
				     .dst_reg = BPF_REG_1,
				     .src_reg = BPF_PSEUDO_MAP_VALUE,
				     .imm = fall->fell_fd};
	piece[1] = (struct bpf_insn){.imm = (int32_t)fall->fell_offset};
	piece[2] = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2, .imm = 1};
	piece[3] = (struct bpf_insn){.code = BPF_STX | BPF_ATOMIC | BPF_DW,
				     .dst_reg = BPF_REG_1,
				     .src_reg = BPF_REG_2,
				     .imm = BPF_ADD};
	piece[4] = (struct bpf_insn){
		.code = BPF_JMP | BPF_JNE | BPF_K, .dst_reg = BPF_REG_2, .off = 2, .imm = 1};
	piece[5] = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = fall->verdict};
	piece[6] = (struct bpf_insn){.code = BPF_JMP | BPF_EXIT};
}

const char *fall_ways_word(const struct fall_ways *ways)
{
	return !ways->uncounted ? "all" : ways->counted ? "some" : "none";
}

static int find(int next_fd, const struct bpf_insn *insns, size_t count, struct jumps *out,
		struct fault *why)
{
	OWNED(drop_heap) int32_t *maps = calloc(count + 1, sizeof(*maps));

	if (!maps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++) {
		maps[i] = JUMPS_UNKNOWN;
		if (insns[i].code != LOAD_64)
			continue;
		if (insns[i].src_reg == BPF_PSEUDO_MAP_FD)
			maps[i] = insns[i].imm == next_fd ? NEXT_MAP : ANY_MAP;
		if (i + 1 < count)
			maps[++i] = JUMPS_UNKNOWN;
	}
	return jumps_find(insns, count, maps, 0, out, why);
}

// Whether a site goes to the next member: 1, 0, or -1 when that cannot be told.
static int goes_on(const struct jumps_site *site)
{
	if (site->map == ANY_MAP || site->slot > 0)
		return 0;
	return site->map == NEXT_MAP && site->slot == 0 ? 1 : -1;
}

static void count_sites(const struct jumps *jumps, const struct bpf_insn *piece,
			struct splice_piece *pieces, struct fall_ways *ways)
{
	size_t count = 0;

	*ways = (struct fall_ways){.uncounted = jumps->unclear};
	for (size_t i = 0; i < jumps->count; i++) {
		const struct jumps_site *site = &jumps->sites[i];
		int leads = goes_on(site);

		ways->uncounted += leads < 0;
		if (leads == 1)
			pieces[count++] = (struct splice_piece){
				.behind = site->insn,
				.insns = piece,
				.count = site->in_entry ? PIECE_INSNS : COUNT_INSNS};
	}
	ways->counted = count;
}

// The loads of old (LD_ABS, LD_IND): past a packet's end they end the program with 0, which on TC lets the packet by. Whoever
// sends a short packet would choose that nothing behind it in the chain sees it, and nobody would count it as a fall.
static int check_loads(const struct code *code, struct fault *why)
{
	for (size_t i = 0; i < code->count; i++) {
		const struct bpf_insn *insn = &code->insns[i];

		if (BPF_CLASS(insn->code) != BPF_LD ||
		    (BPF_MODE(insn->code) != BPF_ABS && BPF_MODE(insn->code) != BPF_IND))
			continue;
		fault_set(why, FAULT_FORMAT,
			  "it goes on by itself, and has a load (LD_ABS, LD_IND) that on a short "
			  "packet ends it with TC_ACT_OK, past all that follows");
		return fault_fix(why, "load with bpf_skb_load_bytes(), and say what a short packet "
				      "is to get");
	}
	return 0;
}

int fall_count(const struct fall *fall, int next_fd, struct code *code, struct fall_ways *ways,
	       struct fault *why)
{
	OWNED(jumps_drop) struct jumps jumps = {0};
	OWNED(drop_heap) struct splice_piece *pieces = NULL;
	struct bpf_insn piece[PIECE_INSNS];

	if (check_loads(code, why) || find(next_fd, code->insns, code->count, &jumps, why))
		return -1;
	pieces = calloc(jumps.count + 1, sizeof(*pieces));
	if (!pieces)
		return fault_set(why, FAULT_OTHER, "out of memory");
	piece_write(fall, piece);
	count_sites(&jumps, piece, pieces, ways);
	if (!ways->counted && !ways->uncounted)
		return fault_set(
			why, FAULT_FORMAT,
			"no path of it tail-calls slot 0 of %s: what follows would be dead",
			fall->next_map);
	if (!ways->counted)
		return 0;
	if (splice_code(code, pieces, ways->counted, why) == 0)
		return 0;
	// The program is fine, only too long to move its jumps: it runs as it is.
	if (why->code != FAULT_TOO_LARGE)
		return -1;
	fault_clear(why);
	ways->uncounted += ways->counted;
	ways->counted = 0;
	return 0;
}
