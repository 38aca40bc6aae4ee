// SPDX-License-Identifier: Apache-2.0
// The HTTP/1.1 server, the only user of libmicrohttpd. One thread serves all connections, a second one runs requests that block
// on the disk or the signer; the caller's tick enforces deadlines.
#pragma once

#include "base/fault.h"
#include "repod/route.h"

struct http_setup {
	int listener; // taken over
	const struct route *route;
	struct metrics *metrics;
	unsigned connections_max, per_address_max;
};

struct http;
int http_start(const struct http_setup *setup, struct http **out, struct fault *why) MUST_CHECK;
// To be called a few times a second: closes connections whose request is past its deadline (A49). The library's own timeout is
// restarted by every byte received.
void http_tick(struct http *http);
// Finishes answers that are being written, closes the other connections, and frees everything.
void http_stop(struct http *http);
