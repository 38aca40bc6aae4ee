// SPDX-License-Identifier: Apache-2.0
// bpf/frame, bundle_decode, inspect_decode: a worker's answer, from a worker that has been taken over. First byte: 0 an
// inspection; 1 a bundle; 2 a bundle whose manifest tells the truth about members made of the rest.
#include "base/owned.h"
#include "bpf/bundle.h"
#include "bpf/frame.h"
#include "bpf/inspect.h"
#include "tests/fuzz/fuzz.h"

static void decode_inspection(const uint8_t *data, size_t len)
{
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	OWNED(inspection_drop) struct inspection *again = NULL;
	OWNED(bytes_drop) struct bytes answer = {0};
	struct fault why = {0};

	if (inspect_decode(data, len, &inspection, &why)) {
		fuzz_refused(&why);
		return;
	}
	HOLDS(inspection->program_count <= INSPECT_PROGRAMS_MAX);
	HOLDS(inspection->map_count <= INSPECT_MAPS_MAX);
	HOLDS(inspection->kfunc_count <= INSPECT_KFUNCS_MAX);
	HOLDS(inspection->jump_count <= INSPECT_JUMPS_MAX);
	for (size_t i = 0; i < inspection->program_count; i++) {
		struct inspect_ways ways =
			inspection_ways(inspection, &inspection->programs[i], "next");

		HOLDS(ways.through + ways.unknown <= inspection->jump_count + 1);
	}
	MUST(inspection_write(inspection, &answer, &must));
	HOLDS(answer.len == len);
	MUST(inspect_decode(answer.data, answer.len, &again, &must));
}

static void put_member(struct bytes *frame, const char *name, const void *data, size_t len)
{
	MUST(frame_put_text(frame, name, &must));
	MUST(frame_put_block(frame, data, len, &must));
}

static void decode_bundle(const uint8_t *data, size_t len)
{
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	OWNED(bytes_drop) struct bytes answer = {0};
	struct fault why = {0};

	if (bundle_decode(data, len, &bundle, &why)) {
		fuzz_refused(&why);
		HOLDS(!bundle);
		return;
	}
	HOLDS(bundle->member_count == bundle->manifest->file_count + 1);
	MUST(frame_put_number(&answer, bundle->member_count, &must));
	for (size_t i = 0; i < bundle->member_count; i++) {
		const struct bundle_member *member = &bundle->members[i];

		put_member(&answer, member->name, member->data.data, member->data.len);
		HOLDS(name_is_plain(member->name, BUNDLE_NAME_MAX));
		HOLDS(!i || !strcmp(bundle->manifest->files[i - 1].name, member->name));
	}
	HOLDS(answer.len == len && !memcmp(answer.data, data, len));
}

// The next member: a line that is its name, a byte that is its length, its bytes.
static void take_member(struct fuzz_input *input, struct manifest_file *file, struct bytes *frame)
{
	size_t len;

	file->name = fuzz_line(input);
	len = fuzz_byte(input);
	if (len > input->left)
		len = input->left;
	file->size = len;
	MUST(sha256_of(input->at, len, &file->sha256, &must));
	put_member(frame, file->name, input->at, len);
	input->at += len;
	input->left -= len;
}

// Members of any name in any order, which the manifest lists as they are; then up to one byte of it all is changed.
static void build_bundle(struct fuzz_input *input)
{
	static char publisher[] = "net", name[] = "count", version[] = "1.0.0", none[] = "";
	static char entry[] = "count", object[] = "a", license[] = "GPL-2.0-only";
	struct manifest_program program = {
		.object = object, .entry = entry, .continue_on = {2}, .continue_count = 1};
	struct manifest_file files[7] = {0};
	struct manifest manifest = {.publisher = publisher,
				    .name = name,
				    .version = version,
				    .description = none,
				    .license = license,
				    .programs = &program,
				    .program_count = 1,
				    .files = files,
				    .compiler = none,
				    .source_sha256 = none};
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes members = {0};
	OWNED(bytes_drop) struct bytes answer = {0};
	size_t place = fuzz_number(input, 2);
	uint8_t change = fuzz_byte(input);
	struct fault why = {0};

	manifest.file_count = fuzz_byte(input) % 8;
	for (size_t i = 0; i < manifest.file_count; i++)
		take_member(input, &files[i], &members);
	MUST(frame_put_number(&answer, manifest.file_count + 1, &must));
	// A name that is not UTF-8 cannot stand in a manifest.
	if (manifest_write(&manifest, &text, &why) == 0) {
		put_member(&answer, MANIFEST_NAME, text.data, text.len);
		MUST(bytes_append(&answer, members.data, members.len, &must));
		answer.data[place % answer.len] ^= change;
		decode_bundle(answer.data, answer.len);
	}
	for (size_t i = 0; i < manifest.file_count; i++)
		free(files[i].name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};

	switch (fuzz_byte(&input) % 3) {
	case 0:
		decode_inspection(input.at, input.left);
		break;
	case 1:
		decode_bundle(input.at, input.left);
		break;
	default:
		build_bundle(&input);
	}
	return 0;
}
