// SPDX-License-Identifier: Apache-2.0
// Requests of publishers: uploads of blobs and submissions of signed metadata. No body is accepted before the request's
// signature is (repod/knock.h).
#pragma once

#include <stddef.h>

#include "repod/route.h"

// On the request's head: either accepts the body (the answer has no status yet) or fills the answer.
void delivery_blob(struct exchange *exchange, const struct request *request);
void delivery_metadata(struct exchange *exchange, const struct request *request);
// A piece of the body. After a refusal it is discarded.
void delivery_add(struct exchange *exchange, const void *data, size_t len);
// After the whole body: makes the answer. Blocks on the disk or the signer.
void delivery_finish(struct exchange *exchange);
