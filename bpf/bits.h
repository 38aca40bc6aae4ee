// SPDX-License-Identifier: Apache-2.0
// Integers as the machine, or the network, lays out their bytes and bits.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Whether so many bytes are an integer of the machine.
bool bits_is_word(size_t size);

// `size` bytes, at most 8; `big`: in network order.
void bits_put_bytes(unsigned char *at, size_t size, bool big, uint64_t number);
uint64_t bits_get_bytes(const unsigned char *at, size_t size, bool big);

// `width` bits from bit `offset` on, counted as BTF counts the bits of a bitfield. Bytes were zero before a put.
void bits_put(unsigned char *bytes, size_t offset, size_t width, uint64_t number);
uint64_t bits_get(const unsigned char *bytes, size_t offset, size_t width);

uint64_t bits_mask(size_t bits);
int64_t bits_extend_sign(uint64_t number, size_t bits);
