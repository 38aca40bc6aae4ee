// SPDX-License-Identifier: Apache-2.0
// Integers in host or network byte order, and bitfields.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether an integer type of this size exists: 1, 2, 4 or 8 bytes.
bool bits_is_word(size_t size);

// Reads and writes `size` bytes, at most 8; `big`: network order.
void bits_put_bytes(unsigned char *at, size_t size, bool big, uint64_t number);
uint64_t bits_get_bytes(const unsigned char *at, size_t size, bool big);

// `width` bits starting at bit `offset`, numbered as BTF numbers the bits of a bitfield. The bytes must be zero before a put.
void bits_put(unsigned char *bytes, size_t offset, size_t width, uint64_t number);
uint64_t bits_get(const unsigned char *bytes, size_t offset, size_t width);

uint64_t bits_mask(size_t bits);
int64_t bits_extend_sign(uint64_t number, size_t bits);
