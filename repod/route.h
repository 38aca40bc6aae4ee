// SPDX-License-Identifier: Apache-2.0
// Maps a request to an answer, without any HTTP library. Paths are decoded once, segment by segment, and matched against a
// fixed table (A55); files are looked up by name in the catalogue and opened by digest.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"
#include "repod/catalog.h"
#include "repod/knock.h"
#include "repod/metrics.h"
#include "repod/publish.h"
#include "repod/shelf.h"

// What the routes use; all borrowed. `catalog` and `shelf` are used only by the thread that opens exchanges.
struct route {
	struct publish *publish;
	struct catalog *catalog;
	struct shelf *shelf;
	struct metrics *metrics;
	int64_t (*clock)(void);
};

// A request as received: nothing is decoded or trusted.
struct request {
	const char *method, *target; // "GET", "/api/v1/bundles?limit=5"
	const char *if_none_match;   // NULL: absent
	const char *content_length;  // the first one
	unsigned content_lengths;    // how many
	bool has_transfer_encoding;
	bool has_odd_header; // a malformed field name
	struct knock_headers knock;
};

// To be called with the name of every header field; fills the three members above.
void request_note(struct request *request, const char *name);

enum caching { CACHE_NEVER, CACHE_ASK, CACHE_FOREVER };

struct answer {
	unsigned status;
	const char *type; // constant text, NULL without a body
	// The body: the first of these that is set.
	struct shelf_item *item;
	int fd; // -1: none
	uint64_t fd_len;
	struct bytes body;
	char etag[SHA256_HEX]; // "" none
	enum caching caching;
	const char *allow; // constant text, with 405
	bool close;	   // close the connection: where the next request starts cannot be told
};

// One request and its answer. route_open returns NULL only when memory is out.
struct exchange;
struct exchange *route_open(const struct route *route, const struct request *request);
void exchange_free(struct exchange *exchange);

// The number of body bytes to expect. The caller reads them (also for a refused request, so that the client gets the answer),
// passes them to exchange_add and then calls exchange_finish. 0: it can finish at once.
uint64_t exchange_expects(const struct exchange *exchange);
void exchange_add(struct exchange *exchange, const void *data, size_t len);
// Whether exchange_finish may block on the disk, the signer or a publication: then not on the thread that serves connections.
bool exchange_is_slow(const struct exchange *exchange);
// To be called once, by any thread. The answer lives as long as the exchange; the caller may take its parts.
struct answer *exchange_finish(struct exchange *exchange);
