// SPDX-License-Identifier: Apache-2.0
// The internals of an exchange (one request and its answer), for the files that make answers: lookup, delivery, route. All
// others use route.h.
#pragma once

#include "base/bytes.h"
#include "base/json.h"
#include "repod/blob.h"
#include "repod/route.h"

#define TARGET_MAX   2048 // bytes of a request target: path and query
#define SEGMENTS_MAX 16
#define SEGMENT_MAX  RELEASE_ROLE_MAX

#define TYPE_JSON  "application/json"
#define TYPE_BYTES "application/octet-stream"

struct path {
	char segments[SEGMENTS_MAX][SEGMENT_MAX];
	size_t count;
};

struct exchange {
	const struct route *route;
	struct answer answer;
	uint64_t length; // of the body that was announced
	struct path path;
	char raw[TARGET_MAX]; // the path as received, since request signatures cover it
	const char *query;
	// A request with a body, once it was admitted: exactly one of the two.
	struct upload *upload;
	bool is_metadata;
	struct bytes body;
	struct digest *digest;
	struct sha256 wanted; // the blob's name
	struct httpsig_claim claim;
	struct fault refused; // while the body was coming
};

// Makes the answer a problem document (RFC 9457); if memory is out, only the status.
void exchange_refuse(struct exchange *exchange, unsigned status, const struct fault *refusal);
void exchange_refuse_text(struct exchange *exchange, unsigned status, enum fault_code code,
			  const char *text);
// 500 for an internal error: the reason goes to the log, not to the client.
void exchange_fail(struct exchange *exchange, const struct fault *why);
// 200 with this document; NULL means that memory is out.
void exchange_json(struct exchange *exchange, const struct json *document);
