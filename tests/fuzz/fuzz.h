// SPDX-License-Identifier: Apache-2.0
// What every fuzz target has in common: its entry, a promise that must hold, and an input that is eaten from the front.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fault.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static inline _Noreturn void fuzz_broken(const char *promise, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, promise);
	abort();
}

// A promise of ours, never something about the input: when it breaks, the fuzzer keeps the input.
#define HOLDS(promise) ((promise) ? (void)0 : fuzz_broken(#promise, __FILE__, __LINE__))

// A call that no input may make fail; its last argument is &must.
#define MUST(call)                                              \
	do {                                                    \
		struct fault must = {0};                        \
		if ((call) != 0) {                              \
			fault_print(&must, stderr);             \
			fuzz_broken(#call, __FILE__, __LINE__); \
		}                                               \
	} while (0)

// Refusing must say why.
static inline void fuzz_refused(const struct fault *why)
{
	HOLDS(why->code != FAULT_NONE && why->code < FAULT_CODES && why->text[0]);
}

struct fuzz_input {
	const uint8_t *at;
	size_t left;
};

// The next byte, 0 when there is none.
static inline uint8_t fuzz_byte(struct fuzz_input *input)
{
	if (!input->left)
		return 0;
	input->left--;
	return *input->at++;
}

static inline uint64_t fuzz_number(struct fuzz_input *input, size_t bytes)
{
	uint64_t number = 0;

	while (bytes--)
		number = number << 8 | fuzz_byte(input);
	return number;
}

// The next line without its newline, cut at a NUL, as a text of its own so that reading past its end is seen. Yours.
static inline char *fuzz_line(struct fuzz_input *input)
{
	const uint8_t *newline = input->left ? memchr(input->at, '\n', input->left) : NULL;
	size_t len = newline ? (size_t)(newline - input->at) : input->left;
	char *line = strndup(input->left ? (const char *)input->at : "", len);

	HOLDS(line);
	input->at += len + (newline != NULL);
	input->left -= len + (newline != NULL);
	return line;
}
