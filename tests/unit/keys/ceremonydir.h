// SPDX-License-Identifier: Apache-2.0
// A ceremony directory of a test: DIR/metadata, below /tmp.
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CEREMONYDIR_MAX 64

static inline void ceremonydir_make(char dir[static CEREMONYDIR_MAX])
{
	char metadata[CEREMONYDIR_MAX + 16];

	snprintf(dir, CEREMONYDIR_MAX, "/tmp/bpfseal-ceremony.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(metadata, sizeof(metadata), "%s/metadata", dir);
	assert_int_equal(mkdir(metadata, 0755), 0);
}

// With all that is in it.
static inline void ceremonydir_remove(const char *dir)
{
	char command[CEREMONYDIR_MAX + 16];

	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	assert_int_equal(system(command), 0);
}
