// SPDX-License-Identifier: Apache-2.0
// Our own kernel objects, linked into this program (embedded.S): roots, terminals, droppers.
#pragma once

extern const unsigned char embedded_root_xdp_start[], embedded_root_xdp_end[];
extern const unsigned char embedded_root_tc_start[], embedded_root_tc_end[];
extern const unsigned char embedded_end_xdp_start[], embedded_end_xdp_end[];
extern const unsigned char embedded_end_tc_start[], embedded_end_tc_end[];
extern const unsigned char embedded_drop_xdp_start[], embedded_drop_xdp_end[];
extern const unsigned char embedded_drop_tc_start[], embedded_drop_tc_end[];
