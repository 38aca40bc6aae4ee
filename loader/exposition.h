// SPDX-License-Identifier: Apache-2.0
// The Prometheus text format: samples are added in any order and written grouped by metric family, as the format demands.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"

enum exposition_type { EXPOSITION_COUNTER, EXPOSITION_GAUGE };

struct exposition_family;
struct exposition {
	struct exposition_family *families;
	size_t count;
};
void exposition_drop(struct exposition *exposition);

// A list of them ends with a NULL name. A label without a value is none.
struct exposition_label {
	const char *name, *value;
};

// Adds one sample. `name`, `help` and label names must be valid literals of ours; label values are escaped. `number` is a
// decimal number. A family's type and help are those of its first sample.
int exposition_add(struct exposition *exposition, const char *name, enum exposition_type type,
		   const char *help, const struct exposition_label *labels, const char *number,
		   struct fault *why) MUST_CHECK;
int exposition_add_int(struct exposition *exposition, const char *name, enum exposition_type type,
		       const char *help, const struct exposition_label *labels, uint64_t number,
		       struct fault *why) MUST_CHECK;

// Appends all families to `out`, in the order of their first samples.
int exposition_write(const struct exposition *exposition, struct bytes *out, struct fault *why)
	MUST_CHECK;
