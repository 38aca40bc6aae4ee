// SPDX-License-Identifier: Apache-2.0
// The listening socket, opened before privileges are dropped.
#pragma once

#include "base/fault.h"

#define LISTENER_NAME_LEN 80

// Listens on "127.0.0.1:8080", "[::1]:0", "0.0.0.0:80": numeric only, port 0 is any free port. `name` gets the actual address.
// `*out` is the caller's.
int listener_open(const char *address, int *out, char name[static LISTENER_NAME_LEN],
		  struct fault *why) MUST_CHECK;
