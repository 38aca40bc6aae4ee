// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/peers.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/bpf.h>

#define INSNS_MAX (PEERS_MAX * 16)
#define PASS	  2
#define DROP	  1

struct text {
	struct bpf_insn insns[INSNS_MAX];
	size_t count;
};

static void put(struct text *text, uint8_t code, uint8_t dst, uint8_t src, int16_t off, int32_t imm)
{
	struct bpf_insn *insn = &text->insns[text->count++];

	*insn = (struct bpf_insn){.code = code, .off = off, .imm = imm};
	insn->dst_reg = dst & 0xfu;
	insn->src_reg = src & 0xfu;
}

// Drops a packet of less than 14 bytes; r6 is the context before and after.
static void put_body(struct text *text)
{
	put(text, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_6, 0, 0);
	put(text, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_6, 4, 0);
	put(text, BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, 14);
	put(text, BPF_JMP | BPF_JLE | BPF_X, BPF_REG_2, BPF_REG_3, 2, 0);
	put(text, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, DROP);
	put(text, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void put_jump(struct text *text, int array, int variable)
{
	put(text, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_1, BPF_REG_6, 0, 0);
	if (variable) // the number of the receive queue, which is 0
		put(text, BPF_LDX | BPF_MEM | BPF_W, BPF_REG_3, BPF_REG_6, 16, 0);
	put(text, BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_MAP_FD, 0, array);
	put(text, 0, 0, 0, 0, 0);
	if (!variable)
		put(text, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, 0);
	put(text, BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_tail_call);
}

static int load(struct text *text)
{
	LIBBPF_OPTS(bpf_prog_load_opts, opts, .expected_attach_type = BPF_XDP);
	int fd;

	put(text, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, PASS);
	put(text, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "peer", "GPL", text->insns, text->count, &opts);
	if (fd < 0) {
		perror("the kernel refuses a peer");
		exit(1);
	}
	return fd;
}

static int make_array(int first)
{
	int fd = bpf_map_create(BPF_MAP_TYPE_PROG_ARRAY, "peer", sizeof(uint32_t), sizeof(uint32_t),
				1, NULL);
	uint32_t zero = 0;

	if (fd < 0 || bpf_map_update_elem(fd, &zero, &first, BPF_ANY)) {
		perror("the kernel refuses a peer's array");
		exit(1);
	}
	return fd;
}

void peer_load(enum peer_kind kind, size_t count, struct peer *out)
{
	bool fused = kind == PEER_FUSED;

	out->count = fused ? 1 : count;
	for (size_t i = out->count; i-- > 0;) {
		struct text text = {.count = 0};

		put(&text, BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0);
		for (size_t k = 0; k < (fused ? count : 1); k++)
			put_body(&text);
		out->array_fds[i] = -1;
		if (i + 1 < out->count) {
			out->array_fds[i] = make_array(out->program_fds[i + 1]);
			put_jump(&text, out->array_fds[i], kind == PEER_VARIABLE);
		}
		out->program_fds[i] = load(&text);
	}
}

void peer_drop(struct peer *peer)
{
	for (size_t i = 0; i < peer->count; i++) {
		close(peer->program_fds[i]);
		if (peer->array_fds[i] >= 0)
			close(peer->array_fds[i]);
	}
	peer->count = 0;
}
