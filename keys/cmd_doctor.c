// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_doctor.h"

#include <string.h>

#include "base/owned.h"
#include "keys/doctor.h"
#include "keys/report.h"

// The worst first; many roles by their first name and their number.
static void say_grade(const struct cli *cli, const struct json *findings, const char *grade)
{
	for (size_t i = 0; i < json_count(findings); i++) {
		const struct json *one = json_item(findings, i), *roles = json_member(one, "roles");
		const char *role = json_text(json_item(roles, 0));
		const char *text = json_text(json_member(one, "text"));
		const char *fix = json_text(json_member(one, "fix"));
		bool shared = strcmp(json_text(json_member(one, "code")), "shared") == 0;

		if (strcmp(json_text(json_member(one, "grade")), grade) != 0)
			continue;
		if (shared)
			cli_say(cli, "%s: %s", grade, text);
		else if (json_count(roles) == 1)
			cli_say(cli, "%s: %s %s", grade, role, text);
		else
			cli_say(cli, "%s: %s and %zu more: each %s", grade, role,
				json_count(roles) - 1, text);
		if (fix)
			cli_say(cli, "  fix: %s", fix);
	}
}

int cmd_doctor(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	const char *dir = cli_value(cli, "--dir") ? cli_value(cli, "--dir") : ".";
	struct json *findings = NULL;
	bool due;

	if (doctor_examine(dir, cli_now(cli), &findings, &due, why) != 0)
		return -1;
	say_grade(cli, findings, "due");
	say_grade(cli, findings, "warning");
	say_grade(cli, findings, "note");
	if (json_count(findings) == 0)
		cli_say(cli, "nothing needs attention");
	if (json_put(document, "findings", findings, why) != 0 ||
	    report_document(cli, "bpfseal.keys-doctor/1", !due, HAND_OVER(document), why) != 0)
		return -1;
	if (!due)
		return 0;
	return fault_set(why, FAULT_DRIFT, "something in %s is due within %d days, or broken", dir,
			 DOCTOR_DUE_DAYS);
}
