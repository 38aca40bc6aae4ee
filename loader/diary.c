// SPDX-License-Identifier: Apache-2.0
#include "loader/diary.h"

#include "base/audit.h"
#include "base/owned.h"

#define AUDIT_FILE "audit.log"

void diary_drop(struct diary *diary)
{
	for (int i = 0; i < DIARY_EVENTS; i++)
		json_free(HAND_OVER(diary->lists[i]));
}

static int put_findings(struct json *line, const struct findings *findings, struct fault *why)
{
	struct json *list = json_make_array();

	if (json_put(line, "findings", list, why))
		return -1;
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		struct json *made = json_make_object();

		if (json_add(list, made, why) || json_put_text(made, "code", finding->code, why) ||
		    json_put_int(made, "program_id", finding->program, why))
			return -1;
	}
	return 0;
}

int diary_add(struct diary *diary, enum diary_event event, const char *iface, enum hook hook,
	      const char *what, const struct findings *findings, struct fault *why)
{
	OWNED(json_drop) struct json *line = json_make_object();

	if (!diary->lists[event])
		diary->lists[event] = json_make_array();
	if (!line || !diary->lists[event])
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_text(line, "interface", iface, why) ||
	    json_put_text(line, "hook", hook_name(hook), why) ||
	    json_put_text(line, "what", what, why) || put_findings(line, findings, why))
		return -1;
	return json_add(diary->lists[event], HAND_OVER(line), why);
}

static int write_one(struct json *list, const char *event, int dirfd, int64_t now,
		     struct fault *why)
{
	OWNED(json_drop) struct json *mine = list;
	OWNED(json_drop) struct json *details = json_make_object();

	if (!details)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put(details, "chains", HAND_OVER(mine), why))
		return -1;
	return audit_append(dirfd, AUDIT_FILE, now, event, HAND_OVER(details), why);
}

int diary_write(struct diary *diary, int dirfd, int64_t now, struct fault *why)
{
	static const char *const names[] = {
		[DIARY_MENDED] = "watch", [DIARY_ALARM] = "alarm", [DIARY_EVICTED] = "evict"};
	struct fault first = {0};

	for (int i = 0; i < DIARY_EVENTS; i++) {
		if (!diary->lists[i])
			continue;
		if (write_one(HAND_OVER(diary->lists[i]), names[i], dirfd, now, why) &&
		    first.code == FAULT_NONE)
			first = *why;
		fault_clear(why);
	}
	*why = first;
	return first.code == FAULT_NONE ? 0 : -1;
}
