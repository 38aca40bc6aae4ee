// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_request.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/report.h"
#include "keys/request.h"
#include "keys/signing.h"

// So many files that a page for each would hide what matters.
#define FILES_MANY 16

// ---- sign --request ----

static int gather(const struct cli *cli, struct json *document, struct fault *why)
{
	OWNED(fileset_drop) struct fileset *fileset = NULL;

	for (size_t i = 0; i < cli_arg_count(cli); i++) {
		const char *path = cli_arg(cli, i);

		if (!fileset && fileset_of(path, NULL, &fileset, why) != 0)
			return -1;
		if (!fileset_holds(fileset, path))
			return fault_set(why, FAULT_USAGE,
					 "the files of one request lie in one directory");
		if (request_add(document, fileset, fileset_file(path), why) != 0)
			return -1;
	}
	return 0;
}

int cmd_request(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	OWNED(json_drop) struct json *told = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(request_drop) struct request request = {0};
	const char *output;

	if (cli_need(cli, "--output", &output, why) != 0 || request_begin(&document, why) != 0 ||
	    gather(cli, document, why) != 0 || json_write(document, true, &text, why) != 0)
		return -1;
	// What the other machine would refuse is better not carried there.
	if (request_open(text.data, text.len, "", &request, why) != 0) {
		if (!*why->fix)
			fault_fix(why, "sign the files above it first, or ask for them in the same "
				       "request");
		return -1;
	}
	if (file_replace(output, text.data, text.len, 0644, why) != 0)
		return -1;
	cli_say(cli, "%s asks for signatures on %zu file%s", output, cli_arg_count(cli),
		cli_arg_count(cli) == 1 ? "" : "s");
	cli_say(cli, "next, on the machine that has the key: bpfseal sign %s --key KEY", output);
	if (json_put_text(told, "request", output, why) != 0 ||
	    json_put(told, "sign", json_keep(request.sign), why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.request-made/1", HAND_OVER(told), why);
}

// ---- sign --merge ----

// All is checked before the first file is written.
struct merger {
	struct request request;
	struct fileset *fileset;
	struct json **documents;
	size_t count, added;
};

static void merger_drop(struct merger *merger)
{
	for (size_t i = 0; i < merger->count; i++)
		json_free(merger->documents[i]);
	free(merger->documents);
	fileset_free(merger->fileset);
	request_drop(&merger->request);
}

static int merger_open(const struct cli *cli, struct merger *merger, struct fault *why)
{
	const char *dir = cli_value(cli, "--dir") ? cli_value(cli, "--dir") : ".";
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(bytes_drop) struct bytes path = {0};

	if (file_read(cli_arg(cli, 0), REQUEST_MAX, &data, why) != 0 ||
	    request_open(data.data, data.len, "", &merger->request, why) != 0 ||
	    bytes_format(&path, why, "%s/metadata/root.json", dir) != 0)
		return -1;
	merger->documents = calloc(json_count(merger->request.sign), sizeof(struct json *));
	if (!merger->documents)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return fileset_of(bytes_text(&path), NULL, &merger->fileset, why);
}

static int merger_check(struct merger *merger, struct fault *why)
{
	for (size_t i = 0; i < json_count(merger->request.sign); i++) {
		const char *file = json_text(json_item(merger->request.sign, i));
		OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;

		if (sigstatus_open_in(merger->fileset, file, NULL, &sigstatus, why) != 0 ||
		    request_merge(&merger->request, file, sigstatus,
				  &merger->documents[merger->count], &merger->added, why) != 0)
			return -1;
		merger->count++;
	}
	return 0;
}

static int merger_write(const struct cli *cli, struct merger *merger, struct json *list,
			struct fault *why)
{
	for (size_t i = 0; i < merger->count; i++) {
		const char *file = json_text(json_item(merger->request.sign, i));
		OWNED(sigstatus_drop) struct sigstatus *now = NULL;
		OWNED(bytes_drop) struct bytes text = {0};
		OWNED(drop_heap) char *path = NULL;
		struct json *entry = json_make_object();

		if (json_add(list, entry, why) != 0 ||
		    fileset_path(merger->fileset, file, &path, why) != 0 ||
		    signing_write(merger->documents[i], &text, why) != 0 ||
		    file_replace(path, text.data, text.len, 0644, why) != 0 ||
		    sigstatus_open_in(merger->fileset, file, NULL, &now, why) != 0 ||
		    report_sigstatus(cli, path, now, merger->count > FILES_MANY, entry, why) != 0)
			return -1;
	}
	return 0;
}

int cmd_merge(struct cli *cli, struct fault *why)
{
	OWNED(merger_drop) struct merger merger = {0};
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *list = json_make_array();

	if (json_put(document, "files", list, why) != 0)
		return -1;
	if (cli_arg_count(cli) != 1)
		return fault_set(why, FAULT_USAGE, "one request is merged at a time");
	if (merger_open(cli, &merger, why) != 0 || merger_check(&merger, why) != 0 ||
	    merger_write(cli, &merger, list, why) != 0)
		return -1;
	cli_say(cli, "%zu signature%s new", merger.added, merger.added == 1 ? " is" : "s are");
	if (json_put_int(document, "added", (int64_t)merger.added, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.merge/1", HAND_OVER(document), why);
}
