// SPDX-License-Identifier: Apache-2.0
#include "loader/news.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/journal.h"
#include "base/owned.h"

const char *news_kind_name(enum news_kind kind)
{
	static const char *const names[] = {
		[NEWS_WATCHING] = "watching", [NEWS_FOUND] = "found",	  [NEWS_GONE] = "gone",
		[NEWS_MENDED] = "mended",     [NEWS_FAILED] = "failed",	  [NEWS_ALARM] = "alarm",
		[NEWS_EVICTED] = "evicted",   [NEWS_TROUBLE] = "trouble", [NEWS_ENDED] = "ended",
	};

	return names[kind];
}

// ---- for people ----

__attribute__((format(printf, 3, 4))) static void append(char *out, size_t room, const char *format,
							 ...)
{
	size_t used = strlen(out);
	va_list args;

	va_start(args, format);
	vsnprintf(out + used, room - used, format, args);
	va_end(args);
}

void news_name(const struct sys_program *who, const struct moment *now,
	       char out[static NEWS_PROGRAM_MAX])
{
	char loaded[CLOCK_TEXT_LEN];

	clock_write(moment_of(now, who->loaded_ns) / 1000, loaded);
	snprintf(out, NEWS_PROGRAM_MAX,
		 " (program %u: name \"%s\", tag %s, loaded by uid %u at %s)", who->id, who->name,
		 who->tag, who->uid, loaded);
}

void news_line(const struct news *news, const struct sys_program *who, const struct moment *now,
	       char *out, size_t room)
{
	char name[NEWS_PROGRAM_MAX] = "";

	out[0] = '\0';
	if (who)
		news_name(who, now, name);
	if (news->iface)
		append(out, room, "%s on %s: ", hook_name(news->hook), news->iface);
	if (news->kind == NEWS_GONE)
		append(out, room, "no more: ");
	if (news->kind == NEWS_MENDED)
		append(out, room, "mended after %" PRId64 " ms: ", news->after_ms);
	if (news->kind == NEWS_FAILED)
		append(out, room, "not mended: ");
	if (news->kind == NEWS_EVICTED)
		append(out, room, "evicted: ");
	append(out, room, "%s%s%s%s", news->code ? news->code : "", news->code ? ": " : "",
	       news->text ? news->text : "", name);
}

// ---- for programs ----

int news_program(uint32_t id, const struct sys_program *who, const struct moment *now,
		 struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *made = json_make_object();
	char loaded[CLOCK_TEXT_LEN];

	if (!made)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_int(made, "id", id, why))
		return -1;
	if (who) {
		clock_write(moment_of(now, who->loaded_ns) / 1000, loaded);
		if (json_put_text(made, "name", who->name, why) ||
		    json_put_text(made, "tag", who->tag, why) ||
		    json_put_int(made, "uid", who->uid, why) ||
		    json_put_text(made, "loaded_at", loaded, why))
			return -1;
	}
	*out = HAND_OVER(made);
	return 0;
}

static int put_finding(struct json *made, const struct news *news, const struct sys_program *who,
		       const struct moment *now, struct fault *why)
{
	struct json *program = NULL;

	if (news->code && (json_put_text(made, "code", news->code, why) ||
			   json_put_bool(made, "note", news->weight == FINDING_NOTE, why)))
		return -1;
	if (!news->program)
		return 0;
	return news_program(news->program, who, now, &program, why) ||
			       json_put(made, "program", program, why)
		       ? -1
		       : 0;
}

static bool is_bad(const struct news *news)
{
	switch (news->kind) {
	case NEWS_FOUND:
		return news->weight != FINDING_NOTE;
	case NEWS_FAILED:
	case NEWS_ALARM:
	case NEWS_TROUBLE:
		return true;
	default:
		return false;
	}
}

int news_document(const struct news *news, const struct sys_program *who, const struct moment *now,
		  struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *made = json_make_object();
	char when[CLOCK_TEXT_LEN];

	clock_write(now->wall_ms / 1000, when);
	if (!made)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_bool(made, "ok", !is_bad(news), why) ||
	    json_put_text(made, "time", when, why) ||
	    json_put_int(made, "time_ms", now->wall_ms, why) ||
	    json_put_text(made, "event", news_kind_name(news->kind), why) ||
	    json_put_text(made, "text", news->text ? news->text : "", why))
		return -1;
	if (news->iface && (json_put_text(made, "interface", news->iface, why) ||
			    json_put_text(made, "hook", hook_name(news->hook), why)))
		return -1;
	if (put_finding(made, news, who, now, why))
		return -1;
	if (news->kind == NEWS_MENDED && json_put_int(made, "after_ms", news->after_ms, why))
		return -1;
	if (news->kind == NEWS_ALARM && json_put_int(made, "pause_ms", news->pause_ms, why))
		return -1;
	*out = HAND_OVER(made);
	return 0;
}

int news_tell(const struct news *news, const struct cli *cli, struct namer *namer,
	      const struct moment *now, struct fault *why)
{
	struct json *document = NULL;
	struct sys_program who;
	bool known =
		news->program && news->kind != NEWS_GONE && namer_ask(namer, news->program, &who);
	bool is_alarm =
		news->kind == NEWS_ALARM || news->kind == NEWS_FAILED || news->kind == NEWS_TROUBLE;
	char line[1024], when[CLOCK_TEXT_LEN];

	news_line(news, known ? &who : NULL, now, line, sizeof(line));
	clock_write(now->wall_ms / 1000, when);
	// In the journal one line is enough, and its priority tells a finding from what is mended.
	if (!is_alarm || !journal_is(stderr))
		cli_say(cli, "%s%s %s", is_bad(news) ? journal_priority(stdout, "warning:") : "",
			when, line);
	if (is_alarm)
		cli_note(cli, "alarm: %s", line);
	if (cli_json(cli) && (news_document(news, known ? &who : NULL, now, &document, why) ||
			      cli_document(cli, "bpfseal.watch/1", document, why)))
		return -1;
	// Who reads along must not wait for a full buffer.
	fflush(stdout);
	return 0;
}
