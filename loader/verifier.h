// SPDX-License-Identifier: Apache-2.0
// Extracts the reason of a refusal from the kernel verifier's log. The log quotes the program's source: untrusted text, to be
// escaped on output.
#pragma once

struct verifier_word {
	char reason[256]; // its last message; "" without one
	char source[160]; // the source line that was verified last; "" without BTF
	char place[160]; // "count.bpf.c:41", the place of that line; "" if the kernel does not tell
};

// `log` is a whole log or the end of one.
void verifier_read(const char *log, struct verifier_word *out);
