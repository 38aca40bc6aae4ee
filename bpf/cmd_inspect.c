// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_inspect.h"

#include "base/owned.h"
#include "bpf/intake.h"
#include "bpf/show.h"

int cmd_inspect(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = NULL;
	struct sha256 sha256;

	if (intake_bundle(cli_arg(cli, 0), &data, &sha256, &survey, why) ||
	    show_survey(cli, survey, data.len, &sha256, why) ||
	    show_document(survey, data.len, &sha256, &document, why))
		return -1;
	return cli_document(cli, "bpfseal.inspection/1", HAND_OVER(document), why);
}
