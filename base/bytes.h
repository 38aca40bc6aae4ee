// SPDX-License-Identifier: Apache-2.0
// A growing byte buffer. It is always followed by a NUL, so text can be read in place.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/owned.h"

// {0} is the empty run. `len` does not count the NUL behind it.
struct bytes {
	unsigned char *data;
	size_t len;
	size_t room;
};

// Frees the memory and leaves the empty run: OWNED(bytes_drop) struct bytes b = {0};
void bytes_drop(struct bytes *bytes);

// Makes room for `more` bytes behind `len` and for the NUL: who writes them there in place adds to `len` and ends with a NUL.
// On a refusal (no memory) the run is as it was.
int bytes_reserve(struct bytes *bytes, size_t more, struct fault *why) MUST_CHECK;

// Appends a copy. On a refusal (no memory) the run is as it was.
int bytes_append(struct bytes *bytes, const void *data, size_t len, struct fault *why) MUST_CHECK;
int bytes_append_text(struct bytes *bytes, const char *text, struct fault *why) MUST_CHECK;
int bytes_format(struct bytes *bytes, struct fault *why, const char *format, ...) MUST_CHECK
	__attribute__((format(printf, 3, 4)));

// Moves the buffer to a new owner: *to is dropped first, *from is left empty.
void bytes_move(struct bytes *to, struct bytes *from);

// The run as text: "" when empty, never NULL. Borrowed.
const char *bytes_text(const struct bytes *bytes);

// Lower-case hexadecimal. `hex` must hold 2 * len + 1 bytes.
void hex_write(const void *data, size_t len, char *hex);

// Exactly 2 * len lower-case digits and nothing else, or -1 (A18: no spaces, no upper case, no short form).
int hex_read(const char *hex, void *data, size_t len) MUST_CHECK;

// A copy of a NUL-terminated text; `*out` is the caller's. Refuses only when memory is out.
int text_copy(const char *text, char **out, struct fault *why) MUST_CHECK;

// Zeroed memory for `count` elements of `size` bytes, the caller's; NULL for a count of 0. `rows` is the address of the pointer.
int rows_make(size_t count, size_t size, void *rows, struct fault *why) MUST_CHECK;

// True when the whole text is 1..max characters of [a-z0-9._-] and starts with a letter or a digit: the
// strict alphabet of every name that becomes part of a path.
_Bool name_is_plain(const char *name, size_t max);
// True when the whole text is a C identifier of 1..max characters. Names of programs and maps are: they are looked up as
// symbols, and become names of files on bpffs, where the kernel allows no dot.
_Bool name_is_identifier(const char *name, size_t max);

// True when the whole text is strict UTF-8 (RFC 3629), as every text in JSON is.
_Bool text_is_utf8(const char *text);

// Writes text so that a terminal or a log may show it: control bytes, DEL and anything that is not valid
// UTF-8 become \xNN, bidirectional controls \u{NNNN}. Cuts at `room` - 1. Returns `out`.
char *text_safe(const char *text, char *out, size_t room);
