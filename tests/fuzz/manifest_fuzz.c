// SPDX-License-Identifier: Apache-2.0
// bpf/manifest: what a bundle claims, by machine or by hand: names that become paths are plain, and what was read and
// written again is the same.
#include "bpf/manifest.h"
#include "bpf/manifestreader.h"

#include "base/owned.h"
#include "tests/fuzz/fuzz.h"

static void check_names(const struct manifest *manifest, bool source)
{
	HOLDS(name_is_plain(manifest->publisher, 64) && name_is_plain(manifest->name, 64));
	MUST(version_check(manifest->version, &must));
	HOLDS(manifest->program_count && manifest->program_count <= MANIFEST_PROGRAMS_MAX);
	HOLDS(manifest->map_count <= MANIFEST_MAPS_MAX);
	for (size_t i = 0; i < manifest->program_count; i++) {
		const struct manifest_program *program = &manifest->programs[i];

		HOLDS(name_is_plain(program->object, 64) && !strchr(program->entry, '/'));
		HOLDS(source ? !*program->source || name_is_plain(program->source, 64)
			     : !*program->source);
		HOLDS((program->next_map != NULL) == (program->linkage == LINK_OWN_MAP));
		HOLDS(program->continue_count <= VERDICTS_CONTINUE_MAX);
		HOLDS(source || manifest_file(manifest, program->object));
	}
	for (size_t i = 0; i < manifest->map_count; i++)
		HOLDS(manifest->maps[i].name[0] && !strpbrk(manifest->maps[i].name, "/."));
	for (size_t i = 0; i < manifest->file_count; i++) {
		HOLDS(name_is_plain(manifest->files[i].name, 64));
		HOLDS(strcmp(manifest->files[i].name, MANIFEST_NAME) != 0);
		HOLDS(!i || strcmp(manifest->files[i - 1].name, manifest->files[i].name) < 0);
	}
}

static void write_again(const struct manifest *manifest)
{
	OWNED(manifest_drop) struct manifest *again = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes second = {0};
	struct fault why = {0};

	MUST(manifest_write(manifest, &text, &must));
	// Written out, one that was just short enough may be too long.
	if (manifest_parse(text.data, text.len, "written", &again, &why)) {
		HOLDS(why.code == FAULT_TOO_LARGE);
		return;
	}
	MUST(manifest_write(again, &second, &must));
	HOLDS(text.len == second.len && !memcmp(text.data, second.data, text.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(manifest_drop) struct manifest *source = NULL;
	struct fault why = {0};

	if (manifest_parse(data, len, MANIFEST_NAME, &manifest, &why)) {
		fuzz_refused(&why);
		HOLDS(!manifest);
	} else {
		check_names(manifest, false);
		write_again(manifest);
	}
	fault_clear(&why);
	if (manifest_parse_source(data, len, "source.json", &source, &why)) {
		fuzz_refused(&why);
		return 0;
	}
	check_names(source, true);
	HOLDS(!source->file_count);
	return 0;
}
