// SPDX-License-Identifier: Apache-2.0
#include "bpf/tryout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/owned.h"
#include "base/table.h"
#include "bpf/brief.h"

#define LOADER	      "bpfseal-loader"
#define SCHEMA	      "bpfseal.trial/1"
#define ANSWER_MAX    (8u << 20) // 16 programs on 64 packets, and a verifier's log
#define NOT_INSTALLED 127

static int start(struct tryout *tryout, struct fault *why)
{
	const char *args[] = {LOADER, "trial", "--json", tryout->must ? "--load" : NULL, NULL};

	return tryout->wanted ? sibling_start(args, &tryout->loader, why) : 0;
}

int tryout_start(const struct cli *cli, struct tryout *out, struct fault *why)
{
	out->must = cli_has(cli, "--load");
	out->wanted = !cli_has(cli, "--no-load");
	if (out->must && !out->wanted)
		return fault_set(why, FAULT_USAGE, "--load and --no-load exclude each other");
	return start(out, why);
}

int tryout_must(struct tryout *out, struct fault *why)
{
	out->must = out->wanted = true;
	return start(out, why);
}

int tryout_skip(const struct cli *cli, const char *reason, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();

	cli_say(cli, "not run: %s", reason);
	if (json_put_bool(document, "ran", false, why) ||
	    json_put_text(document, "why", reason, why))
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

// ---- for people ----

static void number_of(const struct json *object, const char *key, char *out, size_t room)
{
	const struct json *number = json_member(object, key);

	out[0] = '\0';
	if (json_is(number, JSON_KIND_INT))
		snprintf(out, room, "%" PRId64, json_int(number));
}

static void say_form(const struct cli *cli, const struct json *program, const char *key,
		     const char *words)
{
	const struct json *form = json_member(program, key);

	if (form)
		cli_say(cli,
			"  %-10s %" PRId64 " instructions, %" PRId64
			" looked at by the verifier, %" PRId64 " bytes of machine code, loaded in "
			"%" PRId64 " us",
			words, json_int(json_member(form, "instructions")),
			json_int(json_member(form, "verified_instructions")),
			json_int(json_member(form, "machine_bytes")),
			json_int(json_member(form, "load_us")));
}

static int table_packet(struct table *table, const struct json *run, struct fault *why)
{
	const struct json *goes_on = json_member(run, "goes_on");
	char bytes[24], ns[24], chained[24], verdict[96];

	number_of(run, "bytes", bytes, sizeof(bytes));
	number_of(run, "ns", ns, sizeof(ns));
	number_of(run, "chained_ns", chained, sizeof(chained));
	number_of(run, "verdict", verdict, sizeof(verdict));
	if (json_member(run, "error"))
		snprintf(verdict, sizeof(verdict), "not run: %.80s",
			 json_member_text(run, "error"));
	else if (!verdict[0])
		snprintf(verdict, sizeof(verdict), "%.80s", json_member_text(run, "verdict"));

	const char *const cells[] = {json_member_text(run, "packet"),
				     bytes,
				     verdict,
				     !goes_on		  ? ""
				     : json_bool(goes_on) ? "yes"
							  : "no",
				     ns,
				     chained};

	return table_row(table, cells, why);
}

static int say_program(const struct cli *cli, const struct json *program, struct fault *why)
{
	static const char *const columns[] = {"PACKET", ">BYTES",	"VERDICT", "GOES-ON",
					      ">NS",	">NS-IN-CHAIN", NULL};
	const struct json *runs = json_member(program, "packets");
	OWNED(table_drop) struct table *table = NULL;

	cli_say(cli, "%s", "");
	cli_say(cli, "%s (%s, %s)", json_member_text(program, "program"),
		json_member_text(program, "hook"),
		*json_member_text(program, "attach") ? json_member_text(program, "attach")
						     : json_member_text(program, "linkage"));
	say_form(cli, program, "alone", "alone");
	say_form(cli, program, "chained", "in a chain");
	if (*json_member_text(program, "values"))
		cli_say(cli, "  maps       as %s says", json_member_text(program, "values"));
	if (!json_count(runs))
		return 0;
	cli_say(cli, "  of the times below an empty program takes %" PRId64 " ns",
		json_int(json_member(program, "empty_ns")));
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < json_count(runs); i++)
		if (table_packet(table, json_item(runs, i), why))
			return -1;
	table_print(table, cli);
	return 0;
}

static int say_document(const struct cli *cli, const struct json *document, struct fault *why)
{
	const struct json *programs = json_member(document, "programs");

	if (!json_bool(json_member(document, "ran"))) {
		cli_say(cli, "not run: %s", json_member_text(document, "why"));
		return 0;
	}
	cli_say(cli, "%s", "");
	cli_say(cli, "kernel %s, %s", json_member_text(document, "kernel"),
		json_member_text(document, "machine"));
	for (size_t i = 0; i < json_count(programs); i++)
		if (say_program(cli, json_item(programs, i), why))
			return -1;
	return 0;
}

// ---- the answer ----

static enum fault_code code_of(const char *name)
{
	for (int code = FAULT_NONE + 1; code < FAULT_CODES; code++)
		if (!strcmp(fault_name((enum fault_code)code), name))
			return (enum fault_code)code;
	return FAULT_OTHER;
}

// What the loader refused, as our own refusal.
static int refuse_as(const struct json *refused, struct fault *why)
{
	const char *cause = json_member_text(refused, "cause"),
		   *where = json_member_text(refused, "where");
	const char *fix = json_member_text(refused, "fix");

	fault_set(why, code_of(json_member_text(refused, "code")), "%s",
		  *cause ? cause : json_member_text(refused, "message"));
	if (*cause)
		fault_within(why, "%s", json_member_text(refused, "message"));
	if (*where)
		fault_where(why, "%s", where);
	return *fix ? fault_fix(why, "%s", fix) : -1;
}

static int read_answer(const struct bytes *answer, int status, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct fault ignored = {0};
	const char *schema;

	if (json_parse(answer->data, answer->len, LOADER, &document, &ignored) ||
	    json_need_text(document, "schema", &schema, &ignored))
		return fault_set(why, FAULT_OTHER, LOADER " ended with status %d and no answer",
				 status);
	if (json_is(json_member(document, "error"), JSON_KIND_OBJECT))
		return refuse_as(json_member(document, "error"), why);
	if (strcmp(schema, SCHEMA) != 0) {
		fault_set(why, FAULT_OTHER, LOADER " answers with %.40s, not " SCHEMA, schema);
		return fault_fix(why, "install programs of one version");
	}
	*out = HAND_OVER(document);
	return 0;
}

int tryout_run(const struct cli *cli, struct tryout *tryout, const struct bundle *bundle,
	       const char *policy_name, const struct bytes *policy, const struct traffic *traffic,
	       struct json **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes brief = {0};
	OWNED(bytes_drop) struct bytes answer = {0};
	int status;

	if (!tryout->wanted)
		return tryout_skip(cli, "--no-load", out, why);
	if (brief_write(bundle, policy_name, policy, traffic, &brief, why) ||
	    sibling_ask(&tryout->loader, &brief, ANSWER_MAX, &answer, &status, why))
		return -1;
	if (status == NOT_INSTALLED && !tryout->must)
		return tryout_skip(cli, LOADER " is not installed beside this program", out, why);
	if (status == NOT_INSTALLED)
		return fault_set(why, FAULT_KERNEL, LOADER " is not installed beside this program");
	if (read_answer(&answer, status, out, why) || say_document(cli, *out, why))
		return -1;
	return json_member(*out, "refused") ? refuse_as(json_member(*out, "refused"), why) : 0;
}
