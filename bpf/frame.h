// SPDX-License-Identifier: Apache-2.0
// The encoding of a worker's answer: a sequence of numbers and length-prefixed byte strings. The reader assumes that the worker
// was compromised by what it parsed: every length is checked against what is left.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"

int frame_put_number(struct bytes *frame, uint64_t number, struct fault *why) MUST_CHECK;
int frame_put_block(struct bytes *frame, const void *data, size_t len, struct fault *why)
	MUST_CHECK;
int frame_put_text(struct bytes *frame, const char *text, struct fault *why) MUST_CHECK;

// The unread rest. Starts as {data, len}.
struct frame {
	const unsigned char *at;
	size_t left;
};

// FAULT_FORMAT when it is missing or more than `max`.
int frame_get_number(struct frame *frame, uint64_t max, uint64_t *out, struct fault *why)
	MUST_CHECK;
// Borrowed from the frame.
int frame_get_block(struct frame *frame, size_t max, const void **out, size_t *len,
		    struct fault *why) MUST_CHECK;
// A text without NUL inside, shorter than `room`.
int frame_get_text(struct frame *frame, char *out, size_t room, struct fault *why) MUST_CHECK;
// FAULT_FORMAT unless everything was read.
int frame_end(const struct frame *frame, struct fault *why) MUST_CHECK;
