// SPDX-License-Identifier: Apache-2.0
// Where a watch reports: news to its caller, and records in the audit log.
#pragma once

#include <stdint.h>

#include "base/fault.h"
#include "loader/diary.h"
#include "loader/moment.h"
#include "loader/monitor.h"
#include "loader/news.h"

struct watchlog {
	void (*tell)(void *ctx, const struct news *news);
	void *ctx;
	struct moment (*moment)(void);
	int loader_dirfd;	      // of the audit log; borrowed
	struct diary diary;	      // records that are not written yet
	char trouble[FAULT_TEXT_MAX]; // reported last
};
void watchlog_drop(struct watchlog *log);

// Steady milliseconds, by the caller's clock.
int64_t watchlog_now_ms(const struct watchlog *log);
// Reports of a monitor as of now. Borrows the log.
struct monitor_listener watchlog_listener(const struct watchlog *log);
// A refusal in one line: its text and its cause.
void watchlog_sentence(const struct fault *why, char *out, size_t room);

// Reports an error of the watch itself, once until another one comes. Empties *why.
void watchlog_trouble(struct watchlog *log, struct fault *why);
// Reports what was done about a chain. `program`: the id of a foreign program, or 0.
void watchlog_tell(const struct watchlog *log, const struct monitor *monitor, enum news_kind kind,
		   uint32_t program, const char *text);
// Keeps a record about a chain, with the findings that hold, for watchlog_write.
void watchlog_note(struct watchlog *log, const struct monitor *monitor, enum diary_event event,
		   const char *what);
// Writes the records to the audit log. Failing to is reported as trouble, and stops no repair.
void watchlog_write(struct watchlog *log);
