// SPDX-License-Identifier: Apache-2.0
// Our own BPF objects, linked into this program (embedded.S): root programs, the terminal programs that end a chain, and the
// programs that drop everything.
#pragma once

extern const unsigned char embedded_root_xdp_start[], embedded_root_xdp_end[];
extern const unsigned char embedded_root_tc_start[], embedded_root_tc_end[];
extern const unsigned char embedded_end_xdp_start[], embedded_end_xdp_end[];
extern const unsigned char embedded_end_tc_start[], embedded_end_tc_end[];
extern const unsigned char embedded_drop_xdp_start[], embedded_drop_xdp_end[];
extern const unsigned char embedded_drop_tc_start[], embedded_drop_tc_end[];
