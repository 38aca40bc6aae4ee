// SPDX-License-Identifier: Apache-2.0
// A request becomes an answer; no HTTP library in sight. Paths are decoded once, segment by segment, and held against
// a fixed table (A55); files are found by name in the catalogue and opened by digest.
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

// What the routes work with; all borrowed. `catalog` and `shelf` belong to the thread that opens exchanges.
struct route {
	struct publish *publish;
	struct catalog *catalog;
	struct shelf *shelf;
	struct metrics *metrics;
	int64_t (*clock)(void);
};

// As received: nothing decoded, nothing believed.
struct request {
	const char *method, *target; // "GET", "/api/v1/bundles?limit=5"
	const char *if_none_match;   // NULL: absent
	const char *content_length;  // the first one
	unsigned content_lengths;    // how many
	bool has_transfer_encoding;
	bool has_odd_header; // a name that is none
	struct knock_headers knock;
};

// To be called with the name of every header field, for the three members above that count.
void request_note(struct request *request, const char *name);

enum caching { CACHE_NEVER, CACHE_ASK, CACHE_FOREVER };

struct answer {
	unsigned status;
	const char *type; // constant text, NULL without a body
	// The body: the first of these that is there.
	struct shelf_item *item;
	int fd; // -1: none
	uint64_t fd_len;
	struct bytes body;
	char etag[SHA256_HEX]; // "" none
	enum caching caching;
	const char *allow; // constant text, with 405
	bool close; // the connection is not to be used again: what follows on it cannot be told apart
};

// One request on its way. route_open never fails but for want of memory (NULL).
struct exchange;
struct exchange *route_open(const struct route *route, const struct request *request);
void exchange_free(struct exchange *exchange);

// Bytes of a body still to come: the caller reads them (for a refused request too, so that its sender gets to read
// why), passes them on and then finishes. 0: it can finish at once.
uint64_t exchange_expects(const struct exchange *exchange);
void exchange_add(struct exchange *exchange, const void *data, size_t len);
// Finishing waits for the disk, the signer, or a publication: not for a thread that serves others.
bool exchange_is_slow(const struct exchange *exchange);
// To be called once, by any thread. The answer lives as long as the exchange; its parts may be taken out.
struct answer *exchange_finish(struct exchange *exchange);
