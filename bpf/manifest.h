// SPDX-License-Identifier: Apache-2.0
// manifest.json: what a bundle claims to hold. `bundle build` fills it, everyone else checks it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "bpf/hook.h"
#include "bpf/notation.h"
#include "bpf/probe.h"
#include "bpf/tested.h"
#include "bpf/version.h"

#define MANIFEST_NAME	      "manifest.json"
#define MANIFEST_MAX	      65536 // bytes; 64 maps with descriptions are about 20 KiB
#define MANIFEST_PROGRAMS_MAX 16
#define MANIFEST_MAPS_MAX     64
#define MANIFEST_GLOBALS_MAX  128

// How a program goes on to the next one.
enum linkage {
	LINK_WRAP,     // knows nothing of chains; the loader puts a wrapper before it
	LINK_CHAIN,    // uses bpf/chain.h: jumps by itself through its map "bpfseal_next"
	LINK_OWN_MAP,  // L3AF style: jumps by itself through the map that next_map names
	LINK_TERMINAL, // may only stand last
};

struct manifest_program {
	char *object;	       // member name, "count.bpf.o"
	char *source;	       // what `bundle build` compiles it from; in a bundle always ""
	char *entry;	       // function name
	enum hook hook;	       // HOOK_PROBE: the file names the kind of probe as its hook
	enum probe_kind probe; // only with HOOK_PROBE
	char *target;	       // "attach", only with HOOK_PROBE, else NULL
	enum linkage linkage;
	char *next_map; // only with LINK_OWN_MAP, else NULL
	// The verdicts that go on to the next member; by default XDP_PASS, or TC_ACT_OK, TC_ACT_PIPE and TC_ACT_UNSPEC.
	int32_t continue_on[VERDICTS_CONTINUE_MAX];
	size_t continue_count;
};

struct manifest_map {
	char *name;
	char *object;
	char *type; // "hash", "array", "percpu_array", ...: the kernel's name in lower case
	uint32_t key_size, value_size, max_entries;
	char *key, *value;	  // type names from BTF ("u32", "struct rl_config"), or ""
	char *purpose;		  // "config" | "counter" | "gauge" | "state"
	char *unit, *description; // may be ""
	struct notations key_format, value_format; // how they are written where BTF is silent
	bool shared; // one map for all programs of the bundle on an interface, whatever their hook
};

// A global variable that an admin may set.
struct manifest_global {
	char *name;
	char *object;
	char *section; // ".rodata", ".data", ".bss", or one of these with a suffix
	char *type;    // from BTF
	uint32_t size;
	char *purpose; // as of a map
	char *unit, *description;
	struct notations format;
};

struct manifest_file {
	char *name; // member
	uint64_t size;
	struct sha256 sha256;
};

struct manifest {
	char *publisher, *name, *version; // "net", "count", "1.0.0"
	char *description, *license;
	struct manifest_program *programs;
	size_t program_count;
	struct manifest_map *maps;
	size_t map_count;
	struct manifest_global *globals; // a bundle from before there were any lists none
	size_t global_count;
	struct manifest_file *files; // every member but the manifest itself
	size_t file_count;
	char *compiler, *source_sha256; // provenance, may be ""
	struct tested tested;		// may be none
};

// Appends the manifest as indented JSON to `out`. manifest_parse (bpf/manifestreader.h) reads it back.
int manifest_write(const struct manifest *manifest, struct bytes *out, struct fault *why)
	MUST_CHECK;
// NULL is fine.
void manifest_free(struct manifest *manifest);
static inline void manifest_drop(struct manifest **manifest)
{
	manifest_free(*manifest);
	*manifest = NULL;
}
// Free what the struct owns, not the struct, and leave it zeroed.
void manifest_map_drop(struct manifest_map *map);
void manifest_global_drop(struct manifest_global *global);
// The entry of a map or global of one object, or of a file; NULL when the manifest does not list it. Borrowed.
const struct manifest_map *manifest_map(const struct manifest *manifest, const char *object,
					const char *name);
const struct manifest_global *manifest_global(const struct manifest *manifest, const char *object,
					      const char *name);
const struct manifest_file *manifest_file(const struct manifest *manifest, const char *name);
