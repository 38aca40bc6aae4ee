// SPDX-License-Identifier: Apache-2.0
#include "bpf/bits.h"

static bool host_is_little(void)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

bool bits_is_word(size_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

void bits_put_bytes(unsigned char *at, size_t size, bool big, uint64_t number)
{
	bool little = host_is_little() && !big;

	for (size_t i = 0; i < size; i++)
		at[little ? i : size - 1 - i] = (unsigned char)(number >> (8 * i));
}

uint64_t bits_get_bytes(const unsigned char *at, size_t size, bool big)
{
	bool little = host_is_little() && !big;
	uint64_t number = 0;

	for (size_t i = 0; i < size; i++)
		number |= (uint64_t)at[little ? i : size - 1 - i] << (8 * i);
	return number;
}

// BTF counts the bits of a bitfield as the machine lays them out: from the lowest bit of a byte where it is little
// endian, from the highest where it is big.
static size_t bit_place(size_t offset, size_t width, size_t bit, unsigned *shift)
{
	size_t place = host_is_little() ? offset + bit : offset + width - 1 - bit;

	*shift = (unsigned)(host_is_little() ? place % 8 : 7 - place % 8);
	return place / 8;
}

void bits_put(unsigned char *bytes, size_t offset, size_t width, uint64_t number)
{
	for (size_t bit = 0; bit < width; bit++) {
		unsigned shift;
		size_t byte = bit_place(offset, width, bit, &shift);

		if (number >> bit & 1)
			bytes[byte] |= (unsigned char)(1u << shift);
	}
}

uint64_t bits_get(const unsigned char *bytes, size_t offset, size_t width)
{
	uint64_t number = 0;

	for (size_t bit = 0; bit < width; bit++) {
		unsigned shift;
		size_t byte = bit_place(offset, width, bit, &shift);

		number |= (uint64_t)(bytes[byte] >> shift & 1) << bit;
	}
	return number;
}

uint64_t bits_mask(size_t bits)
{
	return bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
}

int64_t bits_extend_sign(uint64_t number, size_t bits)
{
	if (bits < 64 && number >> (bits - 1) & 1)
		number |= ~bits_mask(bits);
	return (int64_t)number;
}
