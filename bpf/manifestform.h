// SPDX-License-Identifier: Apache-2.0
// The schema of manifest.json: its members and their types. Whether values agree with each other is checked in
// manifestreader.c.
#pragma once

#include "bpf/schema.h"

#define MANIFEST_SCHEMA "bpfseal.bundle/1"

// For a bundle's manifest and for the draft that a person writes for `bundle build`, which may lack some members.
extern const struct schema manifest_form;
// By enum linkage; ends with NULL.
extern const char *const manifest_linkages[];
