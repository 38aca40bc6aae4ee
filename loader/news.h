// SPDX-License-Identifier: Apache-2.0
// What a watcher has to say, one line or one JSON document at a time.
#pragma once

#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"
#include "loader/finding.h"
#include "loader/moment.h"
#include "loader/namer.h"

enum news_kind {
	NEWS_WATCHING, // it has begun
	NEWS_FOUND,    // a finding that was not there before
	NEWS_GONE,     // one that was there is no more
	NEWS_MENDED,   // a chain is whole again, by our hand
	NEWS_FAILED,   // and could not be made whole
	NEWS_ALARM,    // somebody keeps taking it off: a pause begins
	NEWS_EVICTED,  // a program of somebody else was taken off
	NEWS_TROUBLE,  // the watcher itself is hindered
	NEWS_ENDED,
};
const char *news_kind_name(enum news_kind kind); // "watching", "found", "gone", ...

struct news {
	enum news_kind kind;
	const char *iface; // NULL: of no chain
	enum hook hook;
	const char *code; // of a finding; NULL
	enum finding_weight weight;
	uint32_t program; // what stands there; 0: nothing
	const char *text;
	int64_t after_ms; // since it was seen first
	int64_t pause_ms; // of an alarm
};

// The line for people, without the time. `who` is what is known of the program, or NULL.
void news_line(const struct news *news, const struct sys_program *who, const struct moment *now,
	       char *out, size_t room);
// The document, without a schema.
int news_document(const struct news *news, const struct sys_program *who, const struct moment *now,
		  struct json **out, struct fault *why) MUST_CHECK;
// Both, where they belong: documents and lines on stdout, alarms also on stderr. Asks the namer.
int news_tell(const struct news *news, const struct cli *cli, struct namer *namer,
	      const struct moment *now, struct fault *why) MUST_CHECK;

// " (program 7: name ..., tag ..., loaded by uid 0 at ...)"
#define NEWS_PROGRAM_MAX 160
void news_name(const struct sys_program *who, const struct moment *now,
	       char out[static NEWS_PROGRAM_MAX]);
// {"id","name","tag","uid","loaded_at"} as far as known; NULL `who`: only the id.
int news_program(uint32_t id, const struct sys_program *who, const struct moment *now,
		 struct json **out, struct fault *why) MUST_CHECK;
