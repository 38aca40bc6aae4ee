// SPDX-License-Identifier: Apache-2.0
#include "loader/exposition.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct exposition_family {
	const char *name, *help; // ours: they outlive it
	enum exposition_type type;
	struct bytes samples;
};

void exposition_drop(struct exposition *exposition)
{
	for (size_t i = 0; i < exposition->count; i++)
		bytes_drop(&exposition->families[i].samples);
	free(exposition->families);
	*exposition = (struct exposition){0};
}

static int family_of(struct exposition *exposition, const char *name, enum exposition_type type,
		     const char *help, struct exposition_family **out, struct fault *why)
{
	struct exposition_family *grown;

	for (size_t i = 0; i < exposition->count; i++) {
		if (!strcmp(exposition->families[i].name, name)) {
			*out = &exposition->families[i];
			return 0;
		}
	}
	grown = reallocarray(exposition->families, exposition->count + 1, sizeof(*grown));
	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	exposition->families = grown;
	*out = &grown[exposition->count++];
	**out = (struct exposition_family){.name = name, .help = help, .type = type};
	return 0;
}

// What would speak to the terminal of whoever reads it there.
static _Bool is_control(char c)
{
	return (unsigned char)c < ' ' || c == 0x7f;
}

// Label values come from bundles and maps: an unescaped quote or newline would end the label and let its author add samples
// of his own.
static int append_escaped(const char *text, struct bytes *out, struct fault *why)
{
	for (; *text; text++) {
		const char *escape = *text == '\\'	 ? "\\\\"
				     : *text == '"'	 ? "\\\""
				     : *text == '\n'	 ? "\\n"
				     : is_control(*text) ? "?"
							 : NULL;

		if (escape ? bytes_append_text(out, escape, why) : bytes_append(out, text, 1, why))
			return -1;
	}
	return 0;
}

static int append_labels(const struct exposition_label *labels, struct bytes *out,
			 struct fault *why)
{
	size_t count = 0;

	for (; labels->name; labels++) {
		if (!labels->value || !*labels->value)
			continue;
		if (bytes_format(out, why, "%s%s=\"", count++ ? "," : "{", labels->name) ||
		    append_escaped(labels->value, out, why) || bytes_append_text(out, "\"", why))
			return -1;
	}
	return count ? bytes_append_text(out, "}", why) : 0;
}

int exposition_add(struct exposition *exposition, const char *name, enum exposition_type type,
		   const char *help, const struct exposition_label *labels, const char *number,
		   struct fault *why)
{
	struct exposition_family *family;

	if (family_of(exposition, name, type, help, &family, why) ||
	    bytes_append_text(&family->samples, name, why) ||
	    append_labels(labels, &family->samples, why))
		return -1;
	return bytes_format(&family->samples, why, " %s\n", number);
}

int exposition_add_int(struct exposition *exposition, const char *name, enum exposition_type type,
		       const char *help, const struct exposition_label *labels, uint64_t number,
		       struct fault *why)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, number);
	return exposition_add(exposition, name, type, help, labels, text, why);
}

int exposition_write(const struct exposition *exposition, struct bytes *out, struct fault *why)
{
	for (size_t i = 0; i < exposition->count; i++) {
		const struct exposition_family *family = &exposition->families[i];

		if (bytes_format(out, why, "# HELP %s %s\n# TYPE %s %s\n", family->name,
				 family->help, family->name,
				 family->type == EXPOSITION_COUNTER ? "counter" : "gauge") ||
		    bytes_append(out, family->samples.data, family->samples.len, why))
			return -1;
	}
	return 0;
}
