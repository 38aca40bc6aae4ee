// SPDX-License-Identifier: Apache-2.0
// bpf/custom: a target's custom that is found to describe a bundle names each of its members with its own length and
// digest, and no other.
#include "bpf/custom.h"

#include "base/owned.h"
#include "bpf/bundle.h"
#include "tests/fuzz/fuzz.h"

#define PATH "net/count/1.0.0.bundle"

static struct bundle_member members[] = {
	{.name = (char *)(uintptr_t) "a.bpf.o", .data = {(unsigned char *)(uintptr_t) "abc", 3, 0}},
	{.name = (char *)(uintptr_t) "b.bpf.o", .data = {(unsigned char *)(uintptr_t) "", 0, 0}},
};
static struct manifest manifest = {
	.publisher = (char *)(uintptr_t) "net",
	.name = (char *)(uintptr_t) "count",
	.version = (char *)(uintptr_t) "1.0.0",
};
static const struct bundle bundle = {&manifest, members, 2};

// How often the custom names a member of the bundle by its name, length and digest in so many words.
static int count_member(void *ctx, const char *name, const struct sha256 *sha256, uint64_t length,
			struct fault *why)
{
	size_t *found = ctx;

	(void)why;
	HOLDS(name_is_plain(name, BUNDLE_NAME_MAX) && length <= BUNDLE_UNPACKED_MAX);
	for (size_t i = 0; i < 2; i++)
		*found += !strcmp(members[i].name, name) && members[i].data.len == length &&
			  !memcmp(sha256->byte, members[i].sha256.byte, SHA256_SIZE);
	return 0;
}

static void check_own(void)
{
	OWNED(json_drop) struct json *own = NULL;

	MUST(bundle_custom(&bundle, &own, &must));
	MUST(bundle_check_custom(&bundle, PATH, own, &must));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(json_drop) struct json *custom = NULL;
	const struct json *ours;
	struct fault why = {0};
	size_t found = 0;

	for (size_t i = 0; i < 2; i++)
		MUST(sha256_of(members[i].data.data, members[i].data.len, &members[i].sha256,
			       &must));
	check_own();
	if (json_parse(data, len, "custom", &custom, &why))
		return 0;
	if (custom_members(custom, count_member, &found, &why))
		fuzz_refused(&why);
	fault_clear(&why);
	if (bundle_check_custom(&bundle, PATH, custom, &why)) {
		fuzz_refused(&why);
		return 0;
	}
	ours = json_member(custom, "bpfseal") ? json_member(custom, "bpfseal") : custom;
	HOLDS(found == 2 && json_count(json_member(ours, "members")) == 2);
	HOLDS(!strcmp(json_text(json_member(ours, "name")), "net/count"));
	HOLDS(!strcmp(json_text(json_member(ours, "version")), "1.0.0"));
	return 0;
}
