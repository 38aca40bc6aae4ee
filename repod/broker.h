// SPDX-License-Identifier: Apache-2.0
// The broker: a single-threaded process that forks workers (base/worker) for the multi-threaded server, which must not fork.
// Archives and objects are parsed only in these workers, which have no privileges and no file access.
#pragma once

#include "base/fault.h"
#include "bpf/bundle.h"
#include "bpf/inspect.h"

// The broker's side: serves one channel until it closes. The caller has entered the sandbox before.
int broker_serve(int fd, struct fault *why) MUST_CHECK;

// The server's side. Faults are those of bundle_read and inspect_object, or FAULT_OTHER when the broker is gone.
int broker_bundle(int fd, const void *data, size_t len, struct bundle **out, struct fault *why)
	MUST_CHECK;
int broker_inspect(int fd, const void *object, size_t len, struct inspection **out,
		   struct fault *why) MUST_CHECK;
