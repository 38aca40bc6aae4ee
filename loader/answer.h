// SPDX-License-Identifier: Apache-2.0
// One HTTP request, on a connection that somebody else has accepted (systemd, from a loopback port) and handed over as
// standard input and output. Who asks is anybody on this machine: nothing of the request counts but its first line, and
// which machine it asks for.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/fault.h"

#define ANSWER_REQUEST_MAX 8192 // bytes of a request line and its headers
#define ANSWER_SECONDS	   5	// for a whole request, and for whom to take the answer

// What is asked for: a status that is not 200 has no body to be made.
enum answer_status {
	ANSWER_OK = 200,
	ANSWER_BAD = 400,
	ANSWER_NOT_FOUND = 404,
	ANSWER_METHOD = 405,
	ANSWER_ELSEWHERE = 421,
	ANSWER_FAILED = 500,
};

// Of a request up to its empty line. `head`: the asker wants no body. A name in Host that is not this machine's own is
// somebody else's: a page in a browser here that has its name point at 127.0.0.1 would read along (DNS rebinding).
enum answer_status answer_judge(const char *request, size_t len, bool *head);

// Reads one from `fd`. An asker who is slow, sends too much or goes away is FAULT_NETWORK.
int answer_read(int fd, enum answer_status *status, bool *head, struct fault *why) MUST_CHECK;

// Writes the answer; `body` counts for ANSWER_OK.
int answer_write(int fd, enum answer_status status, bool head, const struct bytes *body,
		 struct fault *why) MUST_CHECK;
