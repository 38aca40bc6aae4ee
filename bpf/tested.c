// SPDX-License-Identifier: Apache-2.0
#include "bpf/tested.h"

#include <stdio.h>
#include <string.h>

// What releases and machines are made of ("6.1.0-49-amd64", "5.15.0+deb~rc1"): it is shown, and never a path.
static int check_name(const char *key, const char *text, size_t room, struct fault *why)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				  "._+~-");

	if (!len || text[len] || len >= room)
		return fault_set(why, FAULT_FORMAT,
				 "\"%s\" is '%.80s', not 1 to %zu of letters, digits and ._+~-",
				 key, text, room - 1);
	return 0;
}

static int compare(const struct tested_kernel *a, const struct tested_kernel *b)
{
	int kernel = strcmp(a->kernel, b->kernel);

	return kernel ? kernel : strcmp(a->machine, b->machine);
}

int tested_add(struct tested *tested, const char *kernel, const char *machine, struct fault *why)
{
	struct tested_kernel one = {0};
	size_t at = 0;

	if (check_name("kernel", kernel, sizeof(one.kernel), why) ||
	    check_name("machine", machine, sizeof(one.machine), why))
		return -1;
	snprintf(one.kernel, sizeof(one.kernel), "%s", kernel);
	snprintf(one.machine, sizeof(one.machine), "%s", machine);
	while (at < tested->count && compare(&tested->list[at], &one) < 0)
		at++;
	if (at < tested->count && !compare(&tested->list[at], &one))
		return 0;
	if (tested->count == TESTED_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "\"tested\" has more than %d kernels",
				 TESTED_MAX);
	memmove(&tested->list[at + 1], &tested->list[at],
		(tested->count - at) * sizeof(*tested->list));
	tested->list[at] = one;
	tested->count++;
	return 0;
}

int tested_read(const struct json *list, bool sorted, struct tested *out, struct fault *why)
{
	static const char *const allowed[] = {"kernel", "machine", NULL};

	*out = (struct tested){0};
	if (!json_is(list, JSON_KIND_ARRAY))
		return fault_set(why, FAULT_FORMAT, "\"tested\" is not a list");
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *item = json_item(list, i);
		const char *kernel, *machine;

		if (!json_is(item, JSON_KIND_OBJECT))
			return fault_set(why, FAULT_FORMAT,
					 "entry %zu of \"tested\" is not an object", i + 1);
		if (json_only(item, allowed, why) || json_need_text(item, "kernel", &kernel, why) ||
		    json_need_text(item, "machine", &machine, why) ||
		    tested_add(out, kernel, machine, why))
			return -1;
		// One spelling: what was added is the last of as many.
		if (sorted && (out->count != i + 1 || strcmp(out->list[i].kernel, kernel) != 0 ||
			       strcmp(out->list[i].machine, machine) != 0))
			return fault_set(why, FAULT_FORMAT,
					 "entry %zu of \"tested\" is out of order or occurs twice",
					 i + 1);
	}
	return 0;
}

int tested_put(const struct tested *tested, struct json *root, struct fault *why)
{
	struct json *list;

	if (!tested->count)
		return 0;
	list = json_make_array();
	if (json_put(root, "tested", list, why))
		return -1;
	for (size_t i = 0; i < tested->count; i++) {
		struct json *one = json_make_object();

		if (json_add(list, one, why) ||
		    json_put_text(one, "kernel", tested->list[i].kernel, why) ||
		    json_put_text(one, "machine", tested->list[i].machine, why))
			return -1;
	}
	return 0;
}
