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

// Asks the kernel for the map's sizes and allocates the buffers. `map_fd` must outlive the cell. FAULT_KERNEL, FAULT_OTHER.
int cell_make(int map_fd, struct cell *out, struct fault *why) MUST_CHECK;
void cell_drop(struct cell *cell);
size_t cell_len(const struct cell *cell); // bytes of `data`: the values of all CPUs

// Copy a key into the cell; a value, for every CPU.
void cell_set_key(struct cell *cell, const void *key);
void cell_set_value(struct cell *cell, const void *value);
// Whether every CPU has this value; whether all values are zero.
bool cell_has(const struct cell *cell, const void *value);
bool cell_is_zero(const struct cell *cell);

// Reads the value under `key` into `data`. `*found` is false when there is none, which is no refusal. A trie also finds the
// longest matching prefix: whether exactly this key is there, cell_keys_has tells.
int cell_read(struct cell *cell, bool *found, struct fault *why) MUST_CHECK;
// Writes `data` under `key`.
int cell_write(const struct cell *cell, struct fault *why) MUST_CHECK;
// Whether it is a kind of array: entries cannot be deleted, only zeroed.
bool cell_is_array(const struct cell *cell);
// Deletes the entry under `key`; in an array zeroes it. Absent is fine.
int cell_clear(struct cell *cell, struct fault *why) MUST_CHECK;

// Iterates over the keys. If the map changes meanwhile a key may be seen twice or not at all, but the iteration ends: it takes
// at most max_entries steps.
//     struct cell_walk walk = {0};
//     while (!(bad = cell_next(cell, &walk, &more, why)) && more) ... cell->key
struct cell_walk {
	uint32_t steps;
};
int cell_next(struct cell *cell, struct cell_walk *walk, bool *more, struct fault *why) MUST_CHECK;

// A snapshot of all keys, for maps whose lookup does not compare whole keys (tries).
struct cell_keys {
	unsigned char *list;
	size_t count, len;
};
void cell_keys_drop(struct cell_keys *keys);
int cell_keys_read(struct cell *cell, struct cell_keys *out, struct fault *why) MUST_CHECK;
bool cell_keys_has(const struct cell_keys *keys, const void *key);
// Whether it is an LPM trie, where a lookup finds shorter prefixes as well.
bool cell_is_trie(const struct cell *cell);

// Writes one global variable into the memory-mapped section, with a single store where the machine can (1, 2, 4, 8 aligned
// bytes). The rest of the section is not touched: programs may be writing it.
int cell_poke(int map_fd, size_t offset, const void *data, size_t len, struct fault *why)
	MUST_CHECK;
