// SPDX-License-Identifier: Apache-2.0
// bpf/traffic: packets of a capture or a list of digits: every one that is taken fits what a kernel is given, and as many
// as fit are there.
#include "bpf/traffic.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(traffic_drop) struct traffic traffic = {.count = 0};
	struct fault why = {0};
	int failed = traffic_add_file(&traffic, "dir/packets", data, len, &why);

	if (failed)
		fuzz_refused(&why);
	else
		HOLDS(traffic.count);
	HOLDS(traffic.count <= TRAFFIC_MAX);
	HOLDS(!traffic.left_out || traffic.count == TRAFFIC_MAX);
	for (size_t i = 0; i < traffic.count; i++) {
		const struct traffic_packet *packet = &traffic.list[i];

		HOLDS(!strncmp(packet->name, "packets", 7));
		HOLDS(packet->data.len >= TRAFFIC_PACKET_MIN);
		HOLDS(packet->data.len <= TRAFFIC_PACKET_MAX);
	}
	return 0;
}
