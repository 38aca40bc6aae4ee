// SPDX-License-Identifier: Apache-2.0
#include "base/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_COLUMNS_MAX 16

struct table {
	const char *const *columns;
	size_t column_count;
	char **cells;
	size_t cell_count;
};

int table_new(const char *const *columns, struct table **out, struct fault *why)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return fault_set(why, FAULT_OTHER, "out of memory");
	table->columns = columns;
	while (columns[table->column_count] && table->column_count < TABLE_COLUMNS_MAX)
		table->column_count++;
	*out = table;
	return 0;
}

int table_row(struct table *table, const char *const *cells, struct fault *why)
{
	size_t count = table->cell_count + table->column_count;
	char **grown = realloc(table->cells, count * sizeof(*grown));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	table->cells = grown;
	for (size_t i = 0; i < table->column_count; i++) {
		const char *text = cells[i] && cells[i][0] ? cells[i] : "-";
		size_t room = 8 * strlen(text) + 1;
		char *safe = malloc(room);

		if (!safe)
			return fault_set(why, FAULT_OTHER, "out of memory");
		grown[table->cell_count++] = text_safe(text, safe, room);
	}
	return 0;
}

// Columns on a screen, not bytes: continuation bytes of UTF-8 take none.
static int screen_width(const char *text)
{
	int width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

static void print_cell(const char *text, int width, bool right, bool last)
{
	int pad = width - screen_width(text);

	if (right)
		printf("%*s%s", pad, "", text);
	else
		printf("%s%*s", text, last ? 0 : pad, "");
	fputs(last ? "\n" : "  ", stdout);
}

void table_print(const struct table *table, const struct cli *cli)
{
	int width[TABLE_COLUMNS_MAX];
	size_t columns = table->column_count;

	if (cli_json(cli) || cli_quiet(cli))
		return;
	for (size_t i = 0; i < columns; i++)
		width[i] = screen_width(table->columns[i] + (table->columns[i][0] == '>'));
	for (size_t i = 0; i < table->cell_count; i++)
		if (screen_width(table->cells[i]) > width[i % columns])
			width[i % columns] = screen_width(table->cells[i]);
	for (size_t i = 0; i < columns; i++) {
		bool right = table->columns[i][0] == '>';

		print_cell(table->columns[i] + right, width[i], right, i + 1 == columns);
	}
	for (size_t i = 0; i < table->cell_count; i++)
		print_cell(table->cells[i], width[i % columns],
			   table->columns[i % columns][0] == '>', (i + 1) % columns == 0);
}

void table_free(struct table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}
