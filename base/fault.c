// SPDX-License-Identifier: Apache-2.0
#include "base/fault.h"

#include "base/journal.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

// One row a code: its name in JSON and its exit status.
static const struct {
	const char *name;
	int exit_status;
} codes[FAULT_CODES] = {
	[FAULT_NONE] = {"none", 0},	      [FAULT_OTHER] = {"other", 1},
	[FAULT_BUSY] = {"busy", 1},	      [FAULT_USAGE] = {"usage", 2},
	[FAULT_FORMAT] = {"format", 3},	      [FAULT_SIGNATURE] = {"signature", 3},
	[FAULT_DIGEST] = {"digest", 3},	      [FAULT_UNTRUSTED] = {"untrusted", 3},
	[FAULT_TOO_LARGE] = {"too_large", 3}, [FAULT_EXPIRED] = {"expired", 4},
	[FAULT_ROLLBACK] = {"rollback", 4},   [FAULT_CLOCK] = {"clock", 4},
	[FAULT_CONFIG] = {"config", 5},	      [FAULT_POLICY] = {"policy", 5},
	[FAULT_NETWORK] = {"network", 6},     [FAULT_NOT_FOUND] = {"not_found", 6},
	[FAULT_KERNEL] = {"kernel", 7},	      [FAULT_DRIFT] = {"drift", 8},
};

static void fill(char *field, const char *format, va_list arguments)
{
	vsnprintf(field, FAULT_TEXT_MAX, format, arguments);
}

int fault_set(struct fault *why, enum fault_code code, const char *format, ...)
{
	va_list arguments;

	fault_clear(why);
	why->code = code;
	va_start(arguments, format);
	fill(why->text, format, arguments);
	va_end(arguments);
	return -1;
}

int fault_errno(struct fault *why, enum fault_code code, const char *format, ...)
{
	int number = errno;
	va_list arguments;
	size_t used;

	fault_clear(why);
	why->code = code;
	va_start(arguments, format);
	fill(why->text, format, arguments);
	va_end(arguments);
	used = strlen(why->text);
	snprintf(why->text + used, FAULT_TEXT_MAX - used, ": %s", strerror(number));
	return -1;
}

int fault_within(struct fault *why, const char *format, ...)
{
	// Zeroes behind the text: refusals travel whole from one process to another, and this stack may have seen a key.
	char inner[2 * FAULT_TEXT_MAX + 4] = "";
	va_list arguments;

	if (why->cause[0])
		snprintf(inner, sizeof(inner), "%s: %s", why->text, why->cause);
	else
		snprintf(inner, sizeof(inner), "%s", why->text);
	// A chain of places longer than the field loses its end; the text is always whole.
	inner[FAULT_TEXT_MAX - 1] = '\0';
	memcpy(why->cause, inner, FAULT_TEXT_MAX);
	va_start(arguments, format);
	fill(why->text, format, arguments);
	va_end(arguments);
	return -1;
}

int fault_where(struct fault *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fill(why->where, format, arguments);
	va_end(arguments);
	return -1;
}

int fault_fix(struct fault *why, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	fill(why->fix, format, arguments);
	va_end(arguments);
	return -1;
}

void fault_clear(struct fault *why)
{
	*why = (struct fault){0};
}

int fault_forgive(struct fault *why, enum fault_code code)
{
	if (why->code != code)
		return -1;
	fault_clear(why);
	return 0;
}

void fault_first(struct fault *first, struct fault *why)
{
	if (first->code == FAULT_NONE)
		*first = *why;
	fault_clear(why);
}

const char *fault_name(enum fault_code code)
{
	return code < FAULT_CODES ? codes[code].name : "other";
}

int fault_exit_status(enum fault_code code)
{
	return code < FAULT_CODES ? codes[code].exit_status : 1;
}

static void print_line(FILE *to, const char *label, const char *text)
{
	char safe[4 * FAULT_TEXT_MAX];

	if (text[0])
		fprintf(to, "%s%s: %s\n", journal_priority(to, "error:"), label,
			text_safe(text, safe, sizeof(safe)));
}

void fault_print(const struct fault *why, FILE *to)
{
	print_line(to, "error", why->text[0] ? why->text : fault_name(why->code));
	print_line(to, "  cause", why->cause);
	print_line(to, "  where", why->where);
	print_line(to, "  fix", why->fix);
}
