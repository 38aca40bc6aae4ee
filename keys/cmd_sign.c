// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_sign.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/ceremony.h"
#include "keys/cmd_request.h"
#include "keys/fileset.h"
#include "keys/keyfile.h"
#include "keys/report.h"
#include "keys/request.h"
#include "keys/signing.h"
#include "keys/sigstatus.h"

// The largest set of hash bins, and all that stands above it.
#define FILES_MAX 20000
#define KEYS_MAX  PASSPHRASE_LINES_MAX
// So many files that a page for each would hide what matters.
#define FILES_MANY 16
// Ids that are told of those who may sign.
#define IDS_MAX 256

// One file to be signed.
struct sheet {
	char *path;
	struct fileset *fileset; // the session's
	const char *file;	 // its name in it
	struct sigstatus *sigstatus;
	struct json *document; // with the new signatures
	struct json *entry;    // of the report, borrowed
};

// Everything that one run signs: first looked at, then signed, then written.
struct session {
	struct sheet *sheets;
	size_t count;
	struct fileset **filesets; // one a directory: what stands above many files is read once
	size_t fileset_count;
	struct request request; // or all of them in here
	struct secret_key *keys[KEYS_MAX];
	size_t key_count;
};

static void session_drop(struct session *session)
{
	for (size_t i = 0; i < session->count; i++) {
		sigstatus_free(session->sheets[i].sigstatus);
		json_free(session->sheets[i].document);
		free(session->sheets[i].path);
	}
	for (size_t i = 0; i < session->fileset_count; i++)
		fileset_free(session->filesets[i]);
	for (size_t i = 0; i < session->key_count; i++)
		secret_key_free(session->keys[i]);
	free(session->filesets);
	free(session->sheets);
	request_drop(&session->request);
}

// What a node would refuse later is better not signed now.
static int check_expiry(const struct cli *cli, const char *path, const struct role *file,
			struct fault *why)
{
	const char *type = json_text(json_member(file->body, "_type"));
	int64_t limit = cli_now(cli) + (CEREMONY_TARGETS_DAYS + 1) * CEREMONY_DAY;

	if (role_fresh(file, path, cli_now(cli), why) != 0)
		return -1;
	if (type && strcmp(type, "targets") == 0 && file->expires > limit) {
		fault_set(why, FAULT_POLICY,
			  "%s expires later than %d days from now: a stolen server could keep "
			  "nodes on it as long",
			  path, CEREMONY_TARGETS_DAYS);
		return fault_fix(why, "make the draft with --expires %dd or less",
				 CEREMONY_TARGETS_DAYS);
	}
	return 0;
}

// The fileset that `path` lies in; files of one directory mostly come together.
static int session_fileset(struct session *session, const char *path, struct fileset **out,
			   struct fault *why)
{
	struct fileset **more;

	for (size_t i = session->fileset_count; i-- > 0;) {
		if (!fileset_holds(session->filesets[i], path))
			continue;
		*out = session->filesets[i];
		return 0;
	}
	more = reallocarray(session->filesets, session->fileset_count + 1,
			    sizeof(struct fileset *));
	if (!more)
		return fault_set(why, FAULT_OTHER, "out of memory");
	session->filesets = more;
	if (fileset_of(path, NULL, out, why) != 0)
		return -1;
	more[session->fileset_count++] = *out;
	return 0;
}

static int session_open_file(const struct cli *cli, struct session *session,
			     struct fileset *fileset, const char *file, bool many,
			     struct json *list, struct fault *why)
{
	struct sheet *sheet = &session->sheets[session->count];
	struct json *entry = json_make_object();

	if (json_add(list, entry, why) != 0)
		return -1;
	*sheet = (struct sheet){.fileset = fileset, .file = file, .entry = entry};
	if (fileset_path(fileset, file, &sheet->path, why) != 0)
		return -1;
	session->count++;
	if (sigstatus_open_in(fileset, file, NULL, &sheet->sigstatus, why) != 0 ||
	    check_expiry(cli, sheet->path, sheet->sigstatus->file, why) != 0)
		return -1;
	return report_changes(cli, sheet->path, fileset, sheet->sigstatus, many,
			      session->request.document != NULL, entry, why);
}

// Whether the one argument is a request; it is opened then. Whoever carried it may have changed it.
static int session_open_request(const struct cli *cli, struct session *session, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(bytes_drop) struct bytes label = {0};
	const char *path = cli_arg(cli, 0);

	if (cli_arg_count(cli) != 1)
		return 0;
	if (file_read(path, REQUEST_MAX, &data, why) != 0)
		return -1;
	if (!request_is(data.data, data.len))
		return 0;
	if (bytes_format(&label, why, "%s: ", path) != 0)
		return -1;
	return request_open(data.data, data.len, bytes_text(&label), &session->request, why);
}

// The file's name and the fileset that it lies in.
static int session_find(const struct cli *cli, struct session *session, size_t index,
			struct fileset **fileset, const char **file, struct fault *why)
{
	if (session->request.document) {
		*file = json_text(json_item(session->request.sign, index));
		*fileset = session->request.fileset;
		return 0;
	}
	*file = fileset_file(cli_arg(cli, index));
	return session_fileset(session, cli_arg(cli, index), fileset, why);
}

static int session_open(const struct cli *cli, struct session *session, struct json *list,
			struct fault *why)
{
	size_t count = cli_arg_count(cli), same = 0;
	bool many;

	if (session_open_request(cli, session, why) != 0)
		return -1;
	if (session->request.document)
		count = json_count(session->request.sign);
	many = count > FILES_MANY;
	session->sheets = calloc(count, sizeof(*session->sheets));
	if (!session->sheets)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < count; i++) {
		struct fileset *fileset;
		const char *file;

		if (session_find(cli, session, i, &fileset, &file, why) != 0 ||
		    session_open_file(cli, session, fileset, file, many, list, why) != 0)
			return -1;
		same += json_count(json_member(session->sheets[i].entry, "changes")) == 0;
	}
	if (many && same > 0)
		cli_say(cli, "%zu files: nothing but the version and the expiry", same);
	return 0;
}

static int refuse_key(const struct sigstatus *sigstatus, struct fault *why)
{
	OWNED(bytes_drop) struct bytes ids = {0};
	struct fault ignored = {0};

	for (size_t i = 0; i < sigstatus->approver_count; i++)
		for (size_t j = 0;
		     j < sigstatus->approvers[i].authority->count && ids.len < IDS_MAX; j++)
			if (bytes_format(&ids, &ignored, "%s%s", ids.len ? ", " : "",
					 sigstatus->approvers[i].authority->signers[j].id))
				return -1;
	return fault_fix(why, "who may: %s%s", bytes_text(&ids), ids.len < IDS_MAX ? "" : ", ...");
}

// A key that the role does not list would only make noise; where nobody can tell (no root beside it) it is said.
static int check_listed(const struct cli *cli, const struct session *session, const char *id,
			const unsigned char public_key[32], const char *name, struct fault *why)
{
	size_t passed_over = 0;

	for (size_t i = 0; i < session->count; i++) {
		const struct sheet *sheet = &session->sheets[i];
		const struct sigstatus *sigstatus = sheet->sigstatus;

		if (sigstatus->approver_count == 0) {
			cli_note(cli, "warning: %s is not beside %s: who may sign it is not known",
				 sigstatus->missing, sheet->path);
			continue;
		}
		if (sigstatus_lists(sigstatus, id, public_key))
			continue;
		// A request goes round among the holders of all its keys: each signs what is his.
		if (session->request.document && ++passed_over < session->count) {
			if (session->count <= FILES_MANY)
				cli_note(cli, "note: %s is not for %s to sign", sheet->path, name);
			continue;
		}
		fault_set(why, FAULT_UNTRUSTED, "key %s (%s) may not sign %s", id, name,
			  sheet->path);
		if (!sigstatus->known)
			return fault_fix(why, "put %s beside it if that one lists the key",
					 sigstatus->missing);
		return refuse_key(sigstatus, why);
	}
	return 0;
}

static int check_keys(const struct cli *cli, const struct session *session, struct fault *why)
{
	for (size_t i = 0; i < cli_value_count(cli, "--key"); i++) {
		const char *name = cli_value_at(cli, "--key", i);
		struct keyfile_head head;

		if (keyfile_peek(name, &head, why) != 0 ||
		    check_listed(cli, session, head.id, head.public_key, name, why) != 0)
			return -1;
	}
	return 0;
}

// Where nobody can tell, it may.
static bool may_sign(const struct sheet *sheet, const struct secret_key *key)
{
	return sheet->sigstatus->approver_count == 0 ||
	       sigstatus_lists(sheet->sigstatus, secret_key_id(key), secret_key_public(key));
}

// What each file asks of a key: of a request one that is his is enough.
static int check_signs(const struct session *session, const struct secret_key *key,
		       struct fault *why)
{
	const struct sheet *refused = NULL;
	size_t count = 0;

	for (size_t i = 0; i < session->count; i++)
		if (may_sign(&session->sheets[i], key))
			count++;
		else
			refused = &session->sheets[i];
	if (!refused || (session->request.document && count > 0))
		return 0;
	return fault_set(why, FAULT_UNTRUSTED, "key %s may not sign %s", secret_key_id(key),
			 refused->path);
}

// The id in the head of a file is only a claim; asked again of the opened key.
static int session_open_keys(const struct cli *cli, struct session *session, struct fault *why)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	size_t count = cli_value_count(cli, "--key");

	if (passphrase_source_of(cli, &source, why) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		const char *name = cli_value_at(cli, "--key", i);
		struct secret_key **key = &session->keys[i];

		if (secret_key_open_from(source, name, key, why) != 0)
			return -1;
		session->key_count++;
		if (check_signs(session, *key, why) != 0)
			return -1;
	}
	return 0;
}

// All signatures are made before the first file is written.
static int session_sign(struct session *session, struct fault *why)
{
	for (size_t i = 0; i < session->count; i++) {
		struct sheet *sheet = &session->sheets[i];

		if (json_clone(sheet->sigstatus->file->document, &sheet->document, why) != 0)
			return -1;
		for (size_t j = 0; j < session->key_count; j++)
			if (may_sign(sheet, session->keys[j]) &&
			    signing_sign(sheet->document, session->keys[j], why) != 0)
				return -1;
	}
	return 0;
}

// Into its file, or into the request.
static int sheet_keep(const struct session *session, struct sheet *sheet, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (session->request.document)
		return json_put((struct json *)session->request.files, sheet->file,
				json_keep(sheet->document), why);
	if (signing_write(sheet->document, &text, why) != 0)
		return -1;
	return file_replace(sheet->path, text.data, text.len, 0644, why);
}

static int sheet_write(const struct cli *cli, const struct session *session, struct sheet *sheet,
		       bool many, bool *complete, struct fault *why)
{
	OWNED(sigstatus_drop) struct sigstatus *now = NULL;

	if (sheet_keep(session, sheet, why) != 0)
		return -1;
	if (sigstatus_open_in(sheet->fileset, sheet->file, NULL, &now, why) != 0 ||
	    report_sigstatus(cli, sheet->path, now, many, sheet->entry, why) != 0)
		return fault_within(why, "%s is signed, and then could not be read", sheet->path);
	*complete = sigstatus_met(now);
	return 0;
}

static int request_write(const struct cli *cli, const struct session *session, struct fault *why)
{
	const char *output = cli_value(cli, "--output");
	OWNED(bytes_drop) struct bytes text = {0};

	if (!output)
		output = cli_arg(cli, 0);
	if (json_write(session->request.document, true, &text, why) != 0 ||
	    file_replace(output, text.data, text.len, 0644, why) != 0)
		return -1;
	cli_say(cli, "next, where the drafts lie: bpfseal sign --merge %s --dir DIR", output);
	return 0;
}

static int session_write(const struct cli *cli, struct session *session, struct fault *why)
{
	bool many = session->count > FILES_MANY;
	size_t whole = 0;

	for (size_t i = 0; i < session->count; i++) {
		bool complete;

		if (sheet_write(cli, session, &session->sheets[i], many, &complete, why) != 0)
			return -1;
		whole += complete;
	}
	if (many)
		cli_say(cli, "%zu of %zu files have all their signatures", whole, session->count);
	return session->request.document ? request_write(cli, session, why) : 0;
}

static int sign_count(const struct cli *cli, struct fault *why)
{
	if (cli_arg_count(cli) > FILES_MAX)
		return fault_set(why, FAULT_USAGE, "more than %d files at once", FILES_MAX);
	if (cli_value_count(cli, "--key") > KEYS_MAX)
		return fault_set(why, FAULT_USAGE, "more than %d keys at once", KEYS_MAX);
	if (cli_value_count(cli, "--key") == 0)
		return fault_set(why, FAULT_USAGE, "with which key? --key FILE is missing");
	return 0;
}

static int session_run(const struct cli *cli, struct session *session, struct json *keys,
		       struct fault *why)
{
	if (check_keys(cli, session, why) != 0 || session_open_keys(cli, session, why) != 0 ||
	    session_sign(session, why) != 0)
		return -1;
	for (size_t i = 0; i < session->key_count; i++) {
		cli_say(cli, "signed with key %s", secret_key_id(session->keys[i]));
		if (json_add(keys, json_make_text(secret_key_id(session->keys[i])), why) != 0)
			return -1;
	}
	return session_write(cli, session, why);
}

int cmd_sign(struct cli *cli, struct fault *why)
{
	OWNED(session_drop) struct session session = {0};
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *list, *keys;

	if (cli_has(cli, "--request"))
		return cmd_request(cli, why);
	if (cli_has(cli, "--merge"))
		return cmd_merge(cli, why);
	list = json_make_array();
	if (json_put(document, "files", list, why) != 0 || sign_count(cli, why) != 0 ||
	    session_open(cli, &session, list, why) != 0)
		return -1;
	keys = json_make_array();
	if (json_put(document, "keys", keys, why) != 0 ||
	    session_run(cli, &session, keys, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.sign/1", HAND_OVER(document), why);
}
