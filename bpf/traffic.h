// SPDX-License-Identifier: Apache-2.0
// The packets that a program is tried with: ours, or those of a capture or a list of the author's. Pure.
#pragma once

#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"

#define TRAFFIC_MAX	   64
#define TRAFFIC_NAME_MAX   64
#define TRAFFIC_PACKET_MIN 14	      // an Ethernet header: the kernel runs no program on less
#define TRAFFIC_PACKET_MAX 9216	      // a jumbo frame
#define TRAFFIC_FILE_MAX   (8u << 20) // bytes of a file of packets

struct traffic_packet {
	char name[TRAFFIC_NAME_MAX];
	struct bytes data; // an Ethernet frame
};

// {0} is none.
struct traffic {
	struct traffic_packet list[TRAFFIC_MAX];
	size_t count;
	size_t left_out; // read, and too many
};
void traffic_drop(struct traffic *traffic);

int traffic_add(struct traffic *traffic, const char *name, const void *data, size_t len,
		struct fault *why) MUST_CHECK;
// TCP, UDP, IPv6, ARP, a VLAN tag, a bare header, a short and a full frame.
int traffic_add_ours(struct traffic *traffic, struct fault *why) MUST_CHECK;
// The frames of a file: a capture (pcap, Ethernet, either byte order), or text with one frame in hexadecimal digits on a
// line, where blanks and what follows '#' do not count. FAULT_FORMAT naming the place. `name` names them.
int traffic_add_file(struct traffic *traffic, const char *name, const void *data, size_t len,
		     struct fault *why) MUST_CHECK;
