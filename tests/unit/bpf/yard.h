// SPDX-License-Identifier: Apache-2.0
// A directory of an author's own: sources written, headers written, thrown away at the end.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"

struct yard {
	char dir[64];
};

static inline void yard_begin(struct yard *yard)
{
	snprintf(yard->dir, sizeof(yard->dir), "/tmp/bpfseal-yard-XXXXXX");
	assert_non_null(mkdtemp(yard->dir));
}

static inline void yard_end(struct yard *yard)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", yard->dir);
	assert_int_equal(system(command), 0);
}

// "sub/name" makes the directory too.
static inline void yard_write(const struct yard *yard, const char *name, const char *text)
{
	struct fault why = {0};
	char path[256];
	const char *slash = strrchr(name, '/');

	if (slash) {
		snprintf(path, sizeof(path), "%s/%.*s", yard->dir, (int)(slash - name), name);
		mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/%s", yard->dir, name);
	if (file_replace(path, text, strlen(text), 0600, &why))
		fail_msg("%s", why.text);
}

// A program that is whole, reads a header of its own and nothing else, so that it compiles fast.
#define YARD_SOURCE                                                     \
	"#include \"verdict.h\"\n"                                      \
	"struct xdp_md;\n"                                              \
	"__attribute__((section(\"xdp\"), used))\n"                     \
	"int pass(struct xdp_md *ctx) { (void)ctx; return VERDICT; }\n" \
	"char LICENSE[] __attribute__((section(\"license\"), used)) = \"GPL\";\n"
#define YARD_HEADER "#define VERDICT 2\n"
