// SPDX-License-Identifier: Apache-2.0
// The broker: a process of one thread that lends the threaded server its workers (base/worker), so that archives and
// objects are only ever parsed by a child with nothing but memory.
#pragma once

#include "base/fault.h"
#include "bpf/bundle.h"
#include "bpf/inspect.h"

// The broker's side: serves one channel until it closes. The caller has shut the jail before.
int broker_serve(int fd, struct fault *why) MUST_CHECK;

// The server's side. Faults are those of bundle_read and inspect_object, or FAULT_OTHER when the broker is gone.
int broker_bundle(int fd, const void *data, size_t len, struct bundle **out, struct fault *why)
	MUST_CHECK;
int broker_inspect(int fd, const void *object, size_t len, struct inspection **out,
		   struct fault *why) MUST_CHECK;
