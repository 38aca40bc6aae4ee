// SPDX-License-Identifier: Apache-2.0
// The options of `repod serve`, validated once.
#pragma once

#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"

// Upper bounds of the lifetimes: they limit how long a stolen online key, or a mirror that withholds updates, can keep nodes
// on old metadata.
#define CONFIG_SNAPSHOT_MAX_S  (INT64_C(30) * 86400)
#define CONFIG_TIMESTAMP_MAX_S (INT64_C(7) * 86400)

struct config {
	char *state;	    // DIR_REPOD below --root
	char *signer;	    // DIR_SIGNER below --root
	const char *listen; // "127.0.0.1:8080"
	int64_t snapshot_s, timestamp_s;
	int ready_fd; // -1: none
	unsigned connections_max, per_address_max;
};

#define CONFIG_OPTIONS                                                                       \
	{"--listen", "ADDR:PORT", "where to listen (127.0.0.1:8080; port 0: any)", false},   \
		{"--snapshot-expires", "TIME", "life of a snapshot (7d)", false},            \
		{"--timestamp-expires", "TIME", "life of a timestamp (1d)", false},          \
		{"--connections", "N", "connections at once (2048)", false},                 \
		{"--connections-per-address", "N", "of them from one address (512)", false}, \
	{                                                                                    \
		"--ready-fd", "N", "write the address to descriptor N when serving", false   \
	}

int config_read(const struct cli *cli, struct config *out, struct fault *why) MUST_CHECK;
void config_drop(struct config *config);
