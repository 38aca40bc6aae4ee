// SPDX-License-Identifier: Apache-2.0
// The files that `bundle new` writes, linked into this program (embedded.S): templates, and the headers as they are.
#pragma once

extern const unsigned char embedded_program_start[], embedded_program_end[];
extern const unsigned char embedded_manifest_start[], embedded_manifest_end[];
extern const unsigned char embedded_test_start[], embedded_test_end[];
extern const unsigned char embedded_makefile_start[], embedded_makefile_end[];
extern const unsigned char embedded_chain_h_start[], embedded_chain_h_end[];
extern const unsigned char embedded_packet_h_start[], embedded_packet_h_end[];
