// SPDX-License-Identifier: Apache-2.0
// `bundle build`: from a source manifest and compiled objects to a bundle's bytes.
#pragma once

#include "base/bytes.h"
#include "base/fault.h"
#include "bpf/survey.h"

// Reads the source manifest at `manifest_path` and its objects from `object_dir` (NULL: beside the manifest), inspects
// them, completes the manifest's maps from them, packs, reads the result as a node would and holds it against the widest
// policy. `*survey` is of the packed bytes.
int pack_build(const char *manifest_path, const char *object_dir, struct bytes *out,
	       struct survey **survey, struct fault *why) MUST_CHECK;
