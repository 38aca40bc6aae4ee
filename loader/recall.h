// SPDX-License-Identifier: Apache-2.0
// What the confined inspection said of an object before, beside our copy of the object. Nobody but the loader's own user
// can write there, and whoever is that user needs no lie about an object any more. It is asked only for the digest of
// bytes that were verified in this run, holds only for the very code that said it, to the byte (base/build), and is
// held against today's manifest and policy like a fresh one. What is lost or damaged is found out anew.
#pragma once

#include "base/batch.h"
#include "base/digest.h"
#include "bpf/inspection.h"

#define RECALL_SUFFIX ".seen"

struct recall {
	int dirfd; // our copies; borrowed
	bool works;
	struct sha256 build;
};

// Nothing is recalled or noted where the code has no name.
void recall_init(struct recall *recall, int objects_dirfd);

// NULL: it has to be inspected.
struct inspection *recall_get(const struct recall *recall, const struct sha256 *object);
// With `batch`, which is of the same directory. At best: what cannot be noted is inspected again.
void recall_put(const struct recall *recall, const struct sha256 *object,
		const struct inspection *inspection, struct batch *batch);
