// SPDX-License-Identifier: Apache-2.0
// Extracts the reason of a refusal from the kernel verifier's log. The log quotes the program's source: untrusted text, to be
// escaped on output.
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct verifier_word {
	char reason[256]; // its last message; "" without one
	char source[160]; // the source line that was verified last; "" without BTF
	char place[160]; // "count.bpf.c:41", the place of that line; "" if the kernel does not tell
	bool is_cut;	 // the log was full before the verifier was done: all of the above is ""
};

// `log` is what the kernel wrote into `room` bytes: a whole log, the end of a longer one, or, of kernels before 6.4, its
// beginning.
void verifier_read(const char *log, size_t room, struct verifier_word *out);
