// SPDX-License-Identifier: Apache-2.0
#include "loader/cmd_metrics.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "loader/answer.h"
#include "loader/gauge.h"
#include "loader/record.h"
#include "loader/session.h"

static int print_text(const struct running_places *places, const struct freshness_list *freshness,
		      struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (gauge_text(places, freshness, &text, why))
		return -1;
	return file_write_all(STDOUT_FILENO, text.data, text.len, why);
}

// To whom stands at the other end of standard input. What is told is made before a byte of the request is read, as who asks
// is anybody: by then this process has no capability any more. What fails is told there in no word.
static int answer_text(const struct running_places *places, const struct freshness_list *freshness,
		       struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault refused = {0};
	enum answer_status status;
	bool head, failed = gauge_text(places, freshness, &text, &refused) != 0;

	signal(SIGPIPE, SIG_IGN);
	if (jail_lose_caps(why) || answer_read(STDIN_FILENO, &status, &head, why))
		return -1;
	failed &= status == ANSWER_OK;
	if (answer_write(STDOUT_FILENO, failed ? ANSWER_FAILED : status, head, &text, why))
		return -1;
	if (failed)
		*why = refused;
	return failed ? -1 : 0;
}

int run_metrics(struct cli *cli, struct fault *why)
{
	const char *output = cli_value(cli, "--output");
	OWNED(session_drop) struct session session = SESSION_CLOSED;
	OWNED(json_drop) struct json *record = NULL;
	OWNED(freshness_drop) struct freshness_list freshness = {0};
	struct running_places places;
	struct fault config = {0};
	struct json *document;

	if (cli_has(cli, "--http") && (output || cli_json(cli)))
		return fault_set(why, FAULT_USAGE, "--http goes with neither --output nor --json");
	if ((output && path_parent(output, &session.output_path, why)) ||
	    session_open(&session, cli, 0, why) ||
	    record_load(session.loader_dirfd, session.tree, &record, why))
		return -1;
	// What is wrong with node.json is for those to tell who need more of it.
	if (!node_load(cli_root(cli), NULL, &session.node, &config) &&
	    freshness_read(session.node, session.store_dirfd, session.trust_dirfd, session.now,
			   &freshness, why))
		return -1;
	places = (struct running_places){
		.tree = session.tree, .record = record, .objects_dirfd = session.objects_dirfd};
	if (cli_has(cli, "--http"))
		return answer_text(&places, &freshness, why);
	if (!output)
		return print_text(&places, &freshness, why);
	if (gauge_store(&places, &freshness, output, why)) {
		// The directory that the caller named; no network is to blame.
		if (why->code == FAULT_NOT_FOUND)
			why->code = FAULT_USAGE;
		return -1;
	}
	cli_say(cli, "wrote %s", output);
	document = json_make_object();
	if (document && json_put_text(document, "file", output, why)) {
		json_free(document);
		return -1;
	}
	return cli_document(cli, "bpfseal.metrics/1", document, why);
}
