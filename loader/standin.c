// SPDX-License-Identifier: Apache-2.0
#include "loader/standin.h"

#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "loader/embedded.h"
#include "loader/sys.h"

#define VERSION "1.0.0"
#define ENTRY	"bpfseal_drop"

// In the middle of a chain it is wrapped like any other; its verdict is none of those that go on.
static int make_manifest(enum hook hook, struct manifest **out, struct fault *why)
{
	OWNED(manifest_drop) struct manifest *manifest = calloc(1, sizeof(*manifest));
	struct manifest_program *program = calloc(1, sizeof(*program));

	if (!manifest || !program) {
		free(program);
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	manifest->programs = program;
	manifest->program_count = 1;
	program->hook = hook;
	program->linkage = LINK_WRAP;
	program->continue_count = verdicts_default(hook, program->continue_on);
	if (text_copy(ENTRY, &program->entry, why) ||
	    text_copy("drop.bpf.o", &program->object, why))
		return -1;
	*out = HAND_OVER(manifest);
	return 0;
}

int standin_member(enum hook hook, size_t place, struct member *out, struct fault *why)
{
	bool xdp = hook == HOOK_XDP;
	const unsigned char *start = xdp ? embedded_drop_xdp_start : embedded_drop_tc_start;
	const unsigned char *end = xdp ? embedded_drop_xdp_end : embedded_drop_tc_end;
	OWNED(member_drop) struct member member = {.object_fd = -1, .place = place};

	member.maps = json_make_object();
	if (!member.maps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (text_copy(STANDIN_NAME, &member.name, why) ||
	    text_copy(VERSION, &member.version, why) || text_copy("", &member.from, why) ||
	    make_manifest(hook, &member.manifest, why) ||
	    sha256_of(start, (size_t)(end - start), &member.object, why) ||
	    sys_sealed(start, (size_t)(end - start), STANDIN_NAME, &member.object_fd, why))
		return -1;
	member.program = &member.manifest->programs[0];
	*out = member;
	member = (struct member){.object_fd = -1};
	return 0;
}

bool standin_is(const struct json *recorded)
{
	const char *name = json_text(json_member(recorded, "name"));
	const char *from = json_text(json_member(recorded, "from"));

	return name && from && !from[0] && !strcmp(name, STANDIN_NAME);
}
