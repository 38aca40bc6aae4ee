// SPDX-License-Identifier: Apache-2.0
// Reading somebody else's configuration: members by type, refusals and notes that name their place in it.
#pragma once

#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"
#include "bpf/schema.h"

#define PAYLOAD_NOTES_MAX 1000 // each is looked for in the text, so that there is an end to it
#define PAYLOAD_PATH_MAX  256

// A document under the reader's eye, and what has been said about it.
struct payload {
	struct schema_source source;
	struct json *notes; // [{"where", "path", "text"}]
	size_t left_out;    // notes past the limit
	struct fault *why;
};

// One object of it, and where it stands: "[0].bpf_programs.xdp_ingress[1]", an item of a list or a member.
struct payload_item {
	const struct json *object;
	const struct json *list;
	size_t index;
	char path[PAYLOAD_PATH_MAX];
};

// FAULT_CONFIG about a member, or with key NULL about the object itself. Returns -1.
int payload_refuse(struct payload *payload, const struct payload_item *spot, const char *key,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));
// Something that is no refusal; -1 only when memory is out.
int payload_note(struct payload *payload, const struct payload_item *spot, const char *key,
		 const char *format, ...) __attribute__((format(printf, 4, 5))) MUST_CHECK;
// A note about each member that is not in the NULL-terminated list, with the nearest that is.
int payload_note_unknown(struct payload *payload, const struct payload_item *spot,
			 const char *const *known) MUST_CHECK;

// The member, or NULL when it is absent or null.
int payload_take(struct payload *payload, const struct payload_item *spot, const char *key,
		 enum json_kind kind, const struct json **out) MUST_CHECK;
// The same of a text; "" when it is absent.
int payload_text(struct payload *payload, const struct payload_item *spot, const char *key,
		 const char **out) MUST_CHECK;
// The object at `index` of `list`, which is the member `key` of `spot` (NULL: `spot` itself).
int payload_enter(struct payload *payload, const struct payload_item *spot, const char *key,
		  const struct json *list, size_t index, struct payload_item *out) MUST_CHECK;
