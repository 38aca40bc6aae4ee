// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_verify.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/fileset.h"
#include "keys/report.h"
#include "keys/signing.h"
#include "keys/sigstatus.h"

static bool same_body(const struct role *a, const struct role *b)
{
	return json_same(a->body, b->body);
}

// From the trusted root up to the file, version by version (TUF 5.3); the steps between lie beside the file.
static int verify_chain(const char *path, const char *trusted_path, struct fault *why)
{
	OWNED(root_drop) struct root *trusted = NULL;
	OWNED(root_drop) struct root *last = NULL;

	if (sigstatus_root(trusted_path, &trusted, why) != 0 ||
	    sigstatus_root(path, &last, why) != 0)
		return -1;
	if (last->role->version < trusted->role->version)
		return fault_set(why, FAULT_ROLLBACK, "%s is older than the trusted root", path);
	if (last->role->version == trusted->role->version)
		return same_body(last->role, trusted->role)
			       ? 0
			       : fault_set(
					 why, FAULT_UNTRUSTED,
					 "%s has the trusted root's version and says other things",
					 path);
	while (trusted->role->version + 1 < last->role->version) {
		OWNED(drop_heap) char *step = NULL;
		OWNED(root_drop) struct root *next = NULL;
		char name[40];

		snprintf(name, sizeof(name), "%" PRId64 ".root.json", trusted->role->version + 1);
		if (sigstatus_beside(path, name, &step, why) != 0 ||
		    sigstatus_root(step, &next, why) != 0 ||
		    sigstatus_follows(next, trusted, why) != 0)
			return -1;
		root_free(trusted);
		trusted = HAND_OVER(next);
	}
	return sigstatus_follows(last, trusted, why);
}

// A root is judged by itself and the one before it, and by the trusted one if that was given.
static int verify_root(struct cli *cli, const char *path, struct json *entry, struct fault *why)
{
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	const char *trusted = cli_value(cli, "--root");

	if (sigstatus_open(path, NULL, NULL, &sigstatus, why) != 0 ||
	    report_sigstatus(cli, path, sigstatus, false, entry, why) != 0)
		return -1;
	if (trusted && verify_chain(path, trusted, why) != 0)
		return -1;
	if (!sigstatus_met(sigstatus) && !(trusted && !sigstatus->known))
		return sigstatus_refuse(sigstatus, path, why);
	return role_fresh(sigstatus->file, path, cli_now(cli), why);
}

static int verify_other(struct cli *cli, const char *path, struct json *entry, struct fault *why)
{
	OWNED(fileset_drop) struct fileset *fileset = NULL;
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	const char *root = cli_value(cli, "--root");

	if (fileset_of(path, cli_value(cli, "--targets"), &fileset, why) != 0 ||
	    sigstatus_open_in(fileset, fileset_file(path), root, &sigstatus, why) != 0 ||
	    report_sigstatus(cli, path, sigstatus, false, entry, why) != 0)
		return -1;
	if (!sigstatus_met(sigstatus))
		return sigstatus_refuse(sigstatus, path, why);
	if (sigstatus_above(fileset, sigstatus, root, NULL, NULL, why) != 0)
		return fault_within(why, "%s rests on files that are not good themselves", path);
	return role_fresh(sigstatus->file, path, cli_now(cli), why);
}

static int verify_file(struct cli *cli, const char *path, struct json *entry, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(role_drop) struct role *role = NULL;
	const char *type;

	if (file_read(path, SIGNING_FILE_MAX, &data, why) != 0 ||
	    role_parse(path, data.data, data.len, &role, why) != 0 ||
	    json_need_text(role->body, "_type", &type, why) != 0)
		return -1;
	if (strcmp(type, "root") == 0)
		return verify_root(cli, path, entry, why);
	return verify_other(cli, path, entry, why);
}

// All files are looked at; the first refusal is the one that the exit status tells.
int cmd_verify(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *list = json_make_array();
	struct fault first = {0};

	if (json_put(document, "files", list, why) != 0)
		return -1;
	for (size_t i = 0; i < cli_arg_count(cli); i++) {
		struct json *entry = json_make_object();
		struct fault now = {0};
		bool good;

		if (json_add(list, entry, why) != 0)
			return -1;
		good = verify_file(cli, cli_arg(cli, i), entry, &now) == 0;
		if (json_put_bool(entry, "verified", good, why) != 0)
			return -1;
		if (!good && json_put_text(entry, "refused", now.text, why) != 0)
			return -1;
		if (!good && first.code != FAULT_NONE)
			cli_note(cli, "also: %s", now.text);
		if (good)
			cli_say(cli, "  verified");
		else if (first.code == FAULT_NONE)
			first = now;
	}
	if (report_document(cli, "bpfseal.verify/1", first.code == FAULT_NONE, HAND_OVER(document),
			    why) != 0)
		return -1;
	if (first.code == FAULT_NONE)
		return 0;
	*why = first;
	return -1;
}
