// SPDX-License-Identifier: Apache-2.0
// HTTP/1.1 in and out. The door to libmicrohttpd: one thread serves all connections, a second one does what waits for
// the disk or the signer, and a tick from outside cuts what takes too long.
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
// To be called a few times a second: cuts connections whose request is past its deadline (A49). The library's own
// timeout starts anew with every byte that drips in.
void http_tick(struct http *http);
// Finishes what is being written, answers or closes the rest.
void http_stop(struct http *http);
