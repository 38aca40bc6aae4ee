// SPDX-License-Identifier: Apache-2.0
// One entry of a map in the kernel. A per-CPU map has one value for each possible CPU, at 8-byte strides.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#include "base/fault.h"

// A map and room for one of its entries.
struct cell {
	int fd; // borrowed
	struct bpf_map_info info;
	size_t cpus, step; // values under one key, and how far they are apart
	unsigned char *key, *data;
};

int cell_make(int map_fd, struct cell *out, struct fault *why) MUST_CHECK;
void cell_drop(struct cell *cell);
size_t cell_len(const struct cell *cell); // of all its data

// Takes over a key, and a value for every CPU.
void cell_set_key(struct cell *cell, const void *key);
void cell_set_value(struct cell *cell, const void *value);
// Whether this one value stands for every CPU; and whether all of it is zero.
bool cell_has(const struct cell *cell, const void *value);
bool cell_is_zero(const struct cell *cell);

// The value under `key` into `data`. *found is false when there is none, which is no refusal. A trie gives that of the
// nearest shorter prefix, too: ask cell_keys_has.
int cell_read(struct cell *cell, bool *found, struct fault *why) MUST_CHECK;
// Writes `data` under `key`.
int cell_write(const struct cell *cell, struct fault *why) MUST_CHECK;
// Whether its entries cannot be taken away, only be zero.
bool cell_is_array(const struct cell *cell);
// Takes the entry away, of an array makes it zero. Absent is fine.
int cell_clear(struct cell *cell, struct fault *why) MUST_CHECK;

// Walks the keys. A map that changes meanwhile may show a key twice or not at all, but the walk ends: it takes no more steps
// than the map has room.
//     struct cell_walk walk = {0};
//     while (!(bad = cell_next(cell, &walk, &more, why)) && more) ... cell->key
struct cell_walk {
	uint32_t steps;
};
int cell_next(struct cell *cell, struct cell_walk *walk, bool *more, struct fault *why) MUST_CHECK;

// All keys at one time, for maps whose lookup is not by the whole key.
struct cell_keys {
	unsigned char *list;
	size_t count, len;
};
void cell_keys_drop(struct cell_keys *keys);
int cell_keys_read(struct cell *cell, struct cell_keys *out, struct fault *why) MUST_CHECK;
bool cell_keys_has(const struct cell_keys *keys, const void *key);
// Whether a lookup finds more than was asked for.
bool cell_is_trie(const struct cell *cell);

// Some bytes of a section of variables, in place and at once where a machine can: programs write the others meanwhile.
int cell_poke(int map_fd, size_t offset, const void *data, size_t len, struct fault *why)
	MUST_CHECK;
