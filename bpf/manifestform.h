// SPDX-License-Identifier: Apache-2.0
// The form of manifest.json: which members it may have, and of what kind. Whether its values agree with each other is checked in manifestreader.c.
#pragma once

#include "bpf/schema.h"

#define MANIFEST_SCHEMA "bpfseal.bundle/1"

// Of a bundle's manifest, and of the draft that a person writes for `bundle build`, which lacks some of it.
extern const struct schema manifest_form;
// By enum linkage; ends with NULL.
extern const char *const manifest_linkages[];
