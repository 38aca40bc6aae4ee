// SPDX-License-Identifier: Apache-2.0
// What the kernel's verifier says of a program that it refuses, out of its log. The log quotes the program's own sources:
// it is somebody else's text.
#pragma once

struct verifier_word {
	char reason[256]; // its last sentence; "" where it has none
	char source[160]; // the line of the program's source that it looked at last; "" without BTF
	char place[160];  // "count.bpf.c:41" of that line, where the kernel names it; else ""
};

// Of a whole log or the end of one.
void verifier_read(const char *log, struct verifier_word *out);
