// SPDX-License-Identifier: Apache-2.0
#include "loader/watchlog.h"

#include <stdio.h>
#include <string.h>

void watchlog_drop(struct watchlog *log)
{
	diary_drop(&log->diary);
}

int64_t watchlog_now_ms(const struct watchlog *log)
{
	return log->moment().steady_ms;
}

struct monitor_listener watchlog_listener(const struct watchlog *log)
{
	return (struct monitor_listener){
		.tell = log->tell, .ctx = log->ctx, .now_ms = watchlog_now_ms(log)};
}

void watchlog_sentence(const struct fault *why, char *out, size_t room)
{
	snprintf(out, room, "%.300s%s%.200s", why->text, why->cause[0] ? ": " : "", why->cause);
}

void watchlog_trouble(struct watchlog *log, struct fault *why)
{
	char text[FAULT_TEXT_MAX];
	const struct news news = {.kind = NEWS_TROUBLE, .text = text};

	watchlog_sentence(why, text, sizeof(text));
	fault_clear(why);
	if (!strcmp(text, log->trouble))
		return;
	memcpy(log->trouble, text, sizeof(text));
	log->tell(log->ctx, &news);
}

void watchlog_tell(const struct watchlog *log, const struct monitor *monitor, enum news_kind kind,
		   uint32_t program, const char *text)
{
	const struct news news = {.kind = kind,
				  .iface = monitor->iface,
				  .hook = monitor->hook,
				  .program = program,
				  .text = text,
				  .pause_ms =
					  backoff_wait_ms(&monitor->backoff, watchlog_now_ms(log))};

	log->tell(log->ctx, &news);
}

void watchlog_note(struct watchlog *log, const struct monitor *monitor, enum diary_event event,
		   const char *what)
{
	struct fault why = {0};

	if (diary_add(&log->diary, event, monitor->iface, monitor->hook, what, &monitor->known,
		      &why))
		watchlog_trouble(log, &why);
}

void watchlog_write(struct watchlog *log)
{
	struct fault why = {0};

	if (diary_write(&log->diary, log->loader_dirfd, log->moment().wall_ms / 1000, &why))
		watchlog_trouble(log, &why);
}
