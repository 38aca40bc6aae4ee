// SPDX-License-Identifier: Apache-2.0
// The events that `watch` reports, each as a line or as a JSON document.
#pragma once

#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"
#include "loader/finding.h"
#include "loader/moment.h"
#include "loader/namer.h"

enum news_kind {
	NEWS_WATCHING, // it has started
	NEWS_FOUND,    // a new finding
	NEWS_GONE,     // a finding that no longer holds
	NEWS_MENDED,   // a chain was repaired
	NEWS_FAILED,   // a repair failed
	NEWS_ALARM,    // a chain is removed again and again: repairs pause (backoff.h)
	NEWS_EVICTED,  // a foreign program was detached
	NEWS_TROUBLE,  // an error of the watcher itself
	NEWS_ENDED,
};
const char *news_kind_name(enum news_kind kind); // "watching", "found", "gone", ...

struct news {
	enum news_kind kind;
	const char *iface; // NULL: concerns no chain
	enum hook hook;
	const char *code; // of a finding; else NULL
	enum finding_weight weight;
	uint32_t program; // id of the foreign program; 0: none
	const char *text;
	int64_t after_ms; // since the damage was first seen
	int64_t pause_ms; // of an alarm
};

// The line for people, without the time. `who`: what is known of the program, or NULL. `room`: size of `out`.
void news_line(const struct news *news, const struct sys_program *who, const struct moment *now,
	       char *out, size_t room);
// The document, without "schema". `*out` is the caller's.
int news_document(const struct news *news, const struct sys_program *who, const struct moment *now,
		  struct json **out, struct fault *why) MUST_CHECK;
// Prints it on stdout, as a document with --json, else as a line; alarms on stderr as well. Asks the namer about the program.
int news_tell(const struct news *news, const struct cli *cli, struct namer *namer,
	      const struct moment *now, struct fault *why) MUST_CHECK;

// " (program 7: name ..., tag ..., loaded by uid 0 at ...)"
#define NEWS_PROGRAM_MAX 160
void news_name(const struct sys_program *who, const struct moment *now,
	       char out[static NEWS_PROGRAM_MAX]);
// {"id","name","tag","uid","loaded_at"} as far as known; NULL `who`: only the id.
int news_program(uint32_t id, const struct sys_program *who, const struct moment *now,
		 struct json **out, struct fault *why) MUST_CHECK;
