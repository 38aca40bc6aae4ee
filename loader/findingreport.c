// SPDX-License-Identifier: Apache-2.0
#include "loader/findingreport.h"

#include "loader/news.h"

// The program that a finding is about, as far as it may be known.
static int put_program(struct json *made, const struct finding *finding,
		       const struct report_who *who, struct fault *why)
{
	struct sys_program program;
	struct json *named = NULL;

	if (!finding->program || !who)
		return 0;
	return news_program(finding->program,
			    namer_ask(who->namer, finding->program, &program) ? &program : NULL,
			    &who->now, &named, why) ||
			       json_put(made, "program", named, why)
		       ? -1
		       : 0;
}

int findings_json(const struct findings *findings, const struct report_who *who, struct json *list,
		  struct fault *why)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		struct json *made = json_make_object();

		if (json_add(list, made, why) || json_put_text(made, "code", finding->code, why) ||
		    json_put_text(made, "interface", finding->iface, why) ||
		    json_put_text(made, "hook", hook_name(finding->hook), why) ||
		    json_put_bool(made, "note", finding->weight == FINDING_NOTE, why) ||
		    json_put_text(made, "text", finding->text, why) ||
		    put_program(made, finding, who, why))
			return -1;
	}
	return 0;
}

void findings_print(const struct cli *cli, const struct findings *findings,
		    const struct report_who *who)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		struct sys_program program;
		char name[NEWS_PROGRAM_MAX] = "";

		if (finding->program && who && namer_ask(who->namer, finding->program, &program))
			news_name(&program, &who->now, name);
		cli_say(cli, "%s on %s: %s: %s%s", hook_name(finding->hook), finding->iface,
			finding->code, finding->text, name);
	}
}
