// SPDX-License-Identifier: Apache-2.0
// `bundle build`: from a source manifest and compiled objects to a bundle's bytes.
#pragma once

#include "base/bytes.h"
#include "base/fault.h"
#include "bpf/survey.h"

// What `bundle build` was told.
struct pack_order {
	const char *manifest;	     // path of the source manifest
	const char *object_dir;	     // where the objects are: then nothing is compiled
	const char *clang;	     // NULL: "clang"
	const char *const *includes; // more directories of headers, absolute
	size_t include_count;
};

// The source manifest and its objects, not yet looked into.
struct packing;
void pack_free(struct packing *packing);
static inline void pack_drop(struct packing **packing)
{
	pack_free(*packing);
	*packing = NULL;
}

// Reads the source manifest, and each object from the object directory (else from beside the manifest). An object that has
// a source, or that is not there while its source is, is compiled; then compiler and digest of the sources go into the
// manifest, and one that says otherwise is refused. The one step that starts another program.
int pack_gather(const struct pack_order *order, struct packing **out, struct fault *why) MUST_CHECK;
// Inspects the objects, completes the manifest's maps from them, packs, reads the result as a node would and holds it
// against the widest policy. `*survey` is of the packed bytes.
int pack_finish(struct packing *packing, struct bytes *out, struct survey **survey,
		struct fault *why) MUST_CHECK;
// What was finished has been loaded by this kernel: to be finished again, with that in its manifest.
int pack_tested(struct packing *packing, const char *kernel, const char *machine, struct fault *why)
	MUST_CHECK;

// Both steps.
int pack_build(const char *manifest_path, const char *object_dir, struct bytes *out,
	       struct survey **survey, struct fault *why) MUST_CHECK;
