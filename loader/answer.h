// SPDX-License-Identifier: Apache-2.0
// One HTTP request on a connection that the service manager has accepted on a loopback port and passed as standard input
// and output. Any local user may connect: only the request line and the Host header are interpreted.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"

#define ANSWER_REQUEST_MAX 8192 // bytes of a request line and its headers
#define ANSWER_SECONDS	   5	// deadline for reading a request, and again for writing the answer

// The status of the answer. Only ANSWER_OK has a body.
enum answer_status {
	ANSWER_OK = 200,
	ANSWER_BAD = 400,
	ANSWER_NOT_FOUND = 404,
	ANSWER_METHOD = 405,
	ANSWER_ELSEWHERE = 421,
	ANSWER_FAILED = 500,
};

// The status for a request that was read up to its empty line. `*head`: the method is HEAD, so no body is sent. A Host that
// does not name this machine is ANSWER_ELSEWHERE: a web page whose name resolves to 127.0.0.1 would read along (DNS rebinding).
enum answer_status answer_judge(const char *request, size_t len, bool *head);

// Reads one request from `fd` and judges it. FAULT_NETWORK when the client is too slow, sends more than ANSWER_REQUEST_MAX or
// closes the connection.
int answer_read(int fd, enum answer_status *status, bool *head, struct fault *why) MUST_CHECK;

// Writes the answer to `fd`; `body` is used with ANSWER_OK only, else it may be NULL. FAULT_NETWORK.
int answer_write(int fd, enum answer_status status, bool head, const struct bytes *body,
		 struct fault *why) MUST_CHECK;
