// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_build.h"

#include "base/file.h"
#include "base/owned.h"
#include "bpf/pack.h"
#include "bpf/show.h"

int cmd_build(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const char *manifest, *output;
	struct sha256 sha256;

	if (cli_need(cli, "--manifest", &manifest, why) ||
	    cli_need(cli, "--output", &output, why) ||
	    pack_build(manifest, cli_value(cli, "--object-dir"), &data, &survey, why) ||
	    sha256_of(data.data, data.len, &sha256, why) ||
	    file_replace(output, data.data, data.len, 0644, why) ||
	    show_survey(cli, survey, data.len, &sha256, why) ||
	    show_document(survey, data.len, &sha256, &document, why) ||
	    json_put_text(document, "file", output, why))
		return -1;
	cli_say(cli, "wrote %s", output);
	cli_say(cli, "next: bpfseal bundle add %s --dir DIR --role ROLE", output);
	return cli_document(cli, "bpfseal.build/1", HAND_OVER(document), why);
}
