// SPDX-License-Identifier: Apache-2.0
// A table on stdout: columns in capitals, two spaces between, numbers to the right, '-' for nothing. Cells are escaped for
// a terminal.
#pragma once

#include "base/cli.h"
#include "base/fault.h"

struct table;
// `columns` ends with NULL and is borrowed; a leading '>' aligns a column to the right.
int table_new(const char *const *columns, struct table **out, struct fault *why) MUST_CHECK;
// As many cells as columns, which are copied; NULL or "" prints '-'.
int table_row(struct table *table, const char *const *cells, struct fault *why) MUST_CHECK;
// Prints nothing with --json or --quiet.
void table_print(const struct table *table, const struct cli *cli);
void table_free(struct table *table);
static inline void table_drop(struct table **table)
{
	table_free(*table);
	*table = NULL;
}
