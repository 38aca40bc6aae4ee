// SPDX-License-Identifier: Apache-2.0
// Read requests: files, status, bundles, metrics. Each fills the exchange's answer.
#pragma once

#include <stdbool.h>

#include "repod/route.h"

void lookup_metadata(struct exchange *exchange);
void lookup_target(struct exchange *exchange);
void lookup_blob(struct exchange *exchange);
void lookup_status(struct exchange *exchange);
void lookup_bundles(struct exchange *exchange);
void lookup_metrics(struct exchange *exchange);

// Whether an If-None-Match header names this entity tag (RFC 9110 13.1.2).
bool lookup_has(const char *if_none_match, const char *etag);
