// SPDX-License-Identifier: Apache-2.0
#include "bpf/frame.h"

#include <string.h>

// Host byte order: writer and reader are one program.
int frame_put_number(struct bytes *frame, uint64_t number, struct fault *why)
{
	return bytes_append(frame, &number, sizeof number, why);
}

int frame_put_block(struct bytes *frame, const void *data, size_t len, struct fault *why)
{
	if (frame_put_number(frame, len, why))
		return -1;
	return bytes_append(frame, data, len, why);
}

int frame_put_text(struct bytes *frame, const char *text, struct fault *why)
{
	return frame_put_block(frame, text, strlen(text), why);
}

int frame_get_number(struct frame *frame, uint64_t max, uint64_t *out, struct fault *why)
{
	uint64_t number;

	if (frame->left < sizeof number)
		return fault_set(why, FAULT_FORMAT, "the worker's answer is cut short");
	memcpy(&number, frame->at, sizeof number);
	if (number > max)
		return fault_set(why, FAULT_FORMAT, "the worker's answer is out of bounds");
	frame->at += sizeof number;
	frame->left -= sizeof number;
	*out = number;
	return 0;
}

int frame_get_block(struct frame *frame, size_t max, const void **out, size_t *len,
		    struct fault *why)
{
	uint64_t number = 0;

	if (frame_get_number(frame, max, &number, why))
		return -1;
	if (number > frame->left)
		return fault_set(why, FAULT_FORMAT, "the worker's answer is cut short");
	*out = frame->at;
	*len = (size_t)number;
	frame->at += number;
	frame->left -= (size_t)number;
	return 0;
}

int frame_get_text(struct frame *frame, char *out, size_t room, struct fault *why)
{
	const void *text;
	size_t len;

	if (frame_get_block(frame, room - 1, &text, &len, why))
		return -1;
	if (memchr(text, 0, len))
		return fault_set(why, FAULT_FORMAT, "the worker's answer holds a broken text");
	memcpy(out, text, len);
	out[len] = '\0';
	return 0;
}

int frame_end(const struct frame *frame, struct fault *why)
{
	if (frame->left)
		return fault_set(why, FAULT_FORMAT, "the worker's answer has more than it should");
	return 0;
}
