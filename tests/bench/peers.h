// SPDX-License-Identifier: Apache-2.0
// What hops are compared with, written instruction by instruction: the body of tests/bench/hops.bpf.c N times, without any
// loader of ours.
#pragma once

#include <stddef.h>

#define PEERS_MAX 33

enum peer_kind {
	PEER_FUSED,    // all bodies in one program
	PEER_CONSTANT, // a program each, tail calls through a constant slot
	PEER_VARIABLE, // a program each, tail calls through an index that the compiler does not know
};

struct peer {
	int program_fds[PEERS_MAX], array_fds[PEERS_MAX];
	size_t count;
};

// Loads N of a kind; program_fds[0] is the first that a packet meets. Exits where the kernel refuses.
void peer_load(enum peer_kind kind, size_t count, struct peer *out);
void peer_drop(struct peer *peer);
