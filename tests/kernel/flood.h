// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// The frame of a flood and the way that it remembers: read by the senders, by every member of the chain under test and by
// the one who stands behind the chain and checks. For both sides.
#pragma once

#include <linux/types.h>

#define FLOOD_PORT  0xb9f5 // of UDP: what is not ours is neither marked nor checked
#define FLOOD_FLOWS 16

struct flood_frame {
	__u8 eth[14];
	__u8 ip[20];
	__u16 source, dest, length, checksum;
	__u16 reserved;
	__u32 flow;
	__u64 seq; // in its flow, from 0
	__u64 way; // 0, then each member folds its id into it
} __attribute__((packed));

// What the one behind the chain has seen.
struct flood_tally {
	__u64 seen;
	__u64 misrouted; // its way was none that was legal then
	__u64 astray;	 // not the next one of its flow: something is lost, doubled or late
	__u64 cpus;	 // a bit for each processor that one came through on
};

// FNV-1a, a word at a time: another order is another sum.
#define FLOOD_FOLD(way, id) (((way) ^ (id)) * 0x100000001b3ull)
