// SPDX-License-Identifier: Apache-2.0
#include "bpf/spot.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void write_way(const struct spot *spot, bool items, char *out, size_t room)
{
	size_t used;

	if (!spot->up) {
		out[0] = '\0';
		return;
	}
	write_way(spot->up, items, out, room);
	used = strlen(out);
	if (spot->key)
		snprintf(out + used, room - used, "%s%.64s", used ? "." : "", spot->key);
	else if (items)
		snprintf(out + used, room - used, "[%zu]", spot->index);
}

void spot_write(const struct spot *spot, char *out, size_t room)
{
	write_way(spot, true, out, room);
}

void spot_write_fields(const struct spot *spot, char *out, size_t room)
{
	write_way(spot, false, out, room);
}

struct spot_place spot_place(const struct spot *spot)
{
	for (; spot->up; spot = spot->up) {
		if (spot->key ? json_member(spot->parent, spot->key) != NULL
			      : json_item(spot->parent, spot->index) != NULL)
			return (struct spot_place){spot->parent, spot->key, spot->index};
	}
	return (struct spot_place){0};
}

int spot_refuse(const struct spot *spot, struct fault *why, const char *format, ...)
{
	char text[FAULT_TEXT_MAX / 2], path[FAULT_TEXT_MAX / 2 - 8];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	spot_write(spot, path, sizeof(path));
	return fault_set(why, FAULT_CONFIG, "%s%s%s", path, path[0] ? ": " : "", text);
}
