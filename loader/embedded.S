// SPDX-License-Identifier: Apache-2.0
// Our own kernel objects travel inside the loader: they cannot be swapped without swapping the loader itself.
	.section .rodata

	.macro bpf_object name, folder
	.global embedded_\name\()_start, embedded_\name\()_end
	.balign 16
embedded_\name\()_start:
	.incbin "\folder/\name\().bpf.o"
embedded_\name\()_end:
	.byte 0
	.endm

	bpf_object root_xdp, BPFDIR
	bpf_object root_tc, BPFDIR
	bpf_object end_xdp, BPFDIR
	bpf_object end_tc, BPFDIR
	bpf_object drop_xdp, BPFDIR
	bpf_object drop_tc, BPFDIR

	.section .note.GNU-stack, "", @progbits
