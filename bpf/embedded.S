// SPDX-License-Identifier: Apache-2.0
// Text travels inside the program: what it writes is of its own version, and there is no file of ours to look for.
	.section .rodata

	.macro text_file name, path
	.global embedded_\name\()_start, embedded_\name\()_end
embedded_\name\()_start:
	.incbin "\path"
embedded_\name\()_end:
	.byte 0
	.endm

	text_file program, "bpf/boilerplate/program.bpf.c.in"
	text_file manifest, "bpf/boilerplate/manifest.json.in"
	text_file test, "bpf/boilerplate/test.c.in"
	text_file makefile, "bpf/boilerplate/Makefile.in"
	text_file chain_h, "bpf/chain.h"
	text_file packet_h, "bpf/packet.h"

	.section .note.GNU-stack, "", @progbits
