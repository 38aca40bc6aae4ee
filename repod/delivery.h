// SPDX-License-Identifier: Apache-2.0
// What publishers send: blobs and signed metadata. Nothing is read from somebody who was not let in.
#pragma once

#include <stddef.h>

#include "repod/route.h"

// Head of a request: either lets the body come (the answer has no status yet) or fills the answer.
void delivery_blob(struct exchange *exchange, const struct request *request);
void delivery_metadata(struct exchange *exchange, const struct request *request);
// A piece of the body. After a refusal it is read and forgotten.
void delivery_add(struct exchange *exchange, const void *data, size_t len);
// The whole body is there. Waits for the disk or the signer.
void delivery_finish(struct exchange *exchange);
