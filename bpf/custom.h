// SPDX-License-Identifier: Apache-2.0
// What a target's signed metadata says about the bundle behind it: its path and its members. Apart from bundle.h, so that
// the loader, which reads unpacked members by it, has no archive library in it.
#pragma once

#include <stdint.h>

#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "bpf/manifest.h"

struct bundle;

// custom.bpfseal of a bundle's target: {"name","version","members":{NAME:{"sha256","length"}}}. Made from an unpacked
// bundle; compared by publisher and node. Where `custom` is taken, the target's whole custom will do as well.
int bundle_custom(const struct bundle *bundle, struct json **out, struct fault *why) MUST_CHECK;
// "net/count/1.0.0.bundle". Yours.
int bundle_target_path(const struct manifest *manifest, char **out, struct fault *why) MUST_CHECK;
// Holds a bundle against its target path and custom: name, version and every member. FAULT_DIGEST on a difference.
int bundle_check_custom(const struct bundle *bundle, const char *path, const struct json *custom,
			struct fault *why) MUST_CHECK;

// The members a target's custom signs, for those who work from unpacked files: calls each(name, sha256, length).
int custom_members(const struct json *custom,
		   int (*each)(void *ctx, const char *name, const struct sha256 *sha256,
			       uint64_t length, struct fault *why),
		   void *ctx, struct fault *why) MUST_CHECK;
