// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/ceremony.h"
#include "keys/keyfile.h"
#include "keys/report.h"
#include "keys/signing.h"
#include "keys/standing.h"

#define FILES_MAX 64
#define KEYS_MAX  PASSPHRASE_LINES_MAX

// ---- sign ----

// Everything that one run signs: first looked at, then signed, then written.
struct session {
	size_t file_count, key_count;
	struct standing *files[FILES_MAX];
	struct json *documents[FILES_MAX];
	struct secret_key *keys[KEYS_MAX];
};

static void session_drop(struct session *session)
{
	for (size_t i = 0; i < session->file_count; i++) {
		standing_free(session->files[i]);
		json_free(session->documents[i]);
	}
	for (size_t i = 0; i < session->key_count; i++)
		secret_key_free(session->keys[i]);
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

static int session_open_file(const struct cli *cli, struct session *session, struct json *list,
			     struct fault *why)
{
	const char *path = cli_arg(cli, session->file_count);
	struct standing **standing = &session->files[session->file_count];
	struct json *entry = json_make_object();

	if (json_add(list, entry, why) != 0 || standing_open(path, NULL, NULL, standing, why) != 0)
		return -1;
	session->file_count++;
	if (check_expiry(cli, path, (*standing)->file, why) != 0)
		return -1;
	return report_changes(cli, path, *standing, entry, why);
}

// A key that the role does not list would only make noise; where nobody can tell (no root beside it) it is said.
static int check_listed(const struct cli *cli, const struct session *session, const char *id,
			const unsigned char public_key[32], const char *name, struct fault *why)
{
	for (size_t i = 0; i < session->file_count; i++) {
		const struct standing *standing = session->files[i];

		if (standing->judge_count == 0) {
			cli_note(cli, "warning: %s is not beside %s: who may sign it is not known",
				 standing->missing, cli_arg(cli, i));
			continue;
		}
		if (standing_lists(standing, id, public_key))
			continue;
		fault_set(why, FAULT_UNTRUSTED, "key %s (%s) may not sign %s", id, name,
			  cli_arg(cli, i));
		if (!standing->known)
			return fault_fix(why, "put %s beside it if that one lists the key",
					 standing->missing);
		return fault_fix(why, "see who may: bpfseal verify %s", cli_arg(cli, i));
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
		for (size_t j = 0; j < session->file_count; j++)
			if (session->files[j]->judge_count > 0 &&
			    !standing_lists(session->files[j], secret_key_id(*key),
					    secret_key_public(*key)))
				return fault_set(why, FAULT_UNTRUSTED, "key %s may not sign %s",
						 secret_key_id(*key), cli_arg(cli, j));
	}
	return 0;
}

// All signatures are made before the first file is written.
static int session_sign(struct session *session, struct fault *why)
{
	for (size_t i = 0; i < session->file_count; i++) {
		if (json_clone(session->files[i]->file->document, &session->documents[i], why) != 0)
			return -1;
		for (size_t j = 0; j < session->key_count; j++)
			if (signing_sign(session->documents[i], session->keys[j], why) != 0)
				return -1;
	}
	return 0;
}

static int session_write(const struct cli *cli, struct session *session, struct json *list,
			 struct fault *why)
{
	for (size_t i = 0; i < session->file_count; i++) {
		OWNED(standing_drop) struct standing *now = NULL;
		OWNED(bytes_drop) struct bytes text = {0};
		const char *path = cli_arg(cli, i);

		if (signing_write(session->documents[i], &text, why) != 0 ||
		    file_replace(path, text.data, text.len, 0644, why) != 0)
			return -1;
		if (standing_open(path, NULL, NULL, &now, why) != 0 ||
		    report_standing(cli, path, now, (struct json *)json_item(list, i), why) != 0)
			return fault_within(why, "%s is signed, and then could not be read", path);
	}
	return 0;
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

int cmd_sign(struct cli *cli, struct fault *why)
{
	OWNED(session_drop) struct session session = {0};
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *list = json_make_array(), *keys;

	if (json_put(document, "files", list, why) != 0 || sign_count(cli, why) != 0)
		return -1;
	while (session.file_count < cli_arg_count(cli))
		if (session_open_file(cli, &session, list, why) != 0)
			return -1;
	keys = json_make_array();
	if (json_put(document, "keys", keys, why) != 0 || check_keys(cli, &session, why) != 0 ||
	    session_open_keys(cli, &session, why) != 0 || session_sign(&session, why) != 0)
		return -1;
	for (size_t i = 0; i < session.key_count; i++) {
		cli_say(cli, "signed with key %s", secret_key_id(session.keys[i]));
		if (json_add(keys, json_make_text(secret_key_id(session.keys[i])), why) != 0)
			return -1;
	}
	if (session_write(cli, &session, list, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.sign/1", HAND_OVER(document), why);
}

// ---- verify ----

static int refuse_unmet(const struct standing *standing, const char *path, struct fault *why)
{
	for (size_t i = 0; i < standing->judge_count; i++) {
		const struct judge *judge = &standing->judges[i];

		if ((int64_t)judge->met < judge->authority->threshold)
			return fault_set(
				why, FAULT_SIGNATURE,
				"%s has %zu of the %" PRId64 " signatures that %s asks for", path,
				judge->met, judge->authority->threshold, judge->name);
	}
	return fault_set(why, FAULT_UNTRUSTED, "%s is not there, so %s cannot be verified",
			 standing->missing, path);
}

static bool same_body(const struct role *a, const struct role *b)
{
	return json_same(a->body, b->body);
}

// From the trusted root up to the file, version by version (TUF 5.3); the steps between lie beside the file.
static int verify_chain(const char *path, const char *trusted_path, struct fault *why)
{
	OWNED(root_drop) struct root *trusted = NULL;
	OWNED(root_drop) struct root *last = NULL;

	if (standing_root(trusted_path, &trusted, why) != 0 || standing_root(path, &last, why) != 0)
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
		if (standing_beside(path, name, &step, why) != 0 ||
		    standing_root(step, &next, why) != 0 ||
		    standing_follows(next, trusted, why) != 0)
			return -1;
		root_free(trusted);
		trusted = HAND_OVER(next);
	}
	return standing_follows(last, trusted, why);
}

// A root is judged by itself and the one before it, and by the trusted one if that was given.
static int verify_root(struct cli *cli, const char *path, struct json *entry, struct fault *why)
{
	OWNED(standing_drop) struct standing *standing = NULL;
	const char *trusted = cli_value(cli, "--root");

	if (standing_open(path, NULL, NULL, &standing, why) != 0 ||
	    report_standing(cli, path, standing, entry, why) != 0)
		return -1;
	if (trusted && verify_chain(path, trusted, why) != 0)
		return -1;
	if (!standing_met(standing) && !(trusted && !standing->known))
		return refuse_unmet(standing, path, why);
	return role_fresh(standing->file, path, cli_now(cli), why);
}

// The files that say who may sign have to be good themselves: the root by its own keys, the delegator by the root.
static int verify_above(const char *root, const struct standing *standing, const char *targets,
			struct fault *why)
{
	OWNED(standing_drop) struct standing *above = NULL;
	OWNED(root_drop) struct root *trusted = NULL;

	if (standing_root(root, &trusted, why) != 0)
		return -1;
	if (!standing->delegator)
		return 0;
	if (standing_open(targets, root, NULL, &above, why) != 0)
		return -1;
	return standing_met(above) ? 0 : refuse_unmet(above, targets, why);
}

static int path_or_beside(const char *given, const char *path, const char *name, char **out,
			  struct fault *why)
{
	return given ? text_copy(given, out, why) : standing_beside(path, name, out, why);
}

static int verify_other(struct cli *cli, const char *path, struct json *entry, struct fault *why)
{
	OWNED(standing_drop) struct standing *standing = NULL;
	OWNED(drop_heap) char *root = NULL;
	OWNED(drop_heap) char *targets = NULL;

	if (path_or_beside(cli_value(cli, "--root"), path, "root.json", &root, why) != 0 ||
	    path_or_beside(cli_value(cli, "--targets"), path, "targets.json", &targets, why) != 0 ||
	    standing_open(path, root, targets, &standing, why) != 0 ||
	    report_standing(cli, path, standing, entry, why) != 0)
		return -1;
	if (!standing_met(standing))
		return refuse_unmet(standing, path, why);
	if (verify_above(root, standing, targets, why) != 0)
		return fault_within(why, "%s rests on files that are not good themselves", path);
	return role_fresh(standing->file, path, cli_now(cli), why);
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
