// SPDX-License-Identifier: Apache-2.0
#include "keys/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/owned.h"
#include "keys/describe.h"
#include "keys/pin.h"

// Whose signatures could be the missing ones: the people to ask.
static int report_unsigned(const struct cli *cli, const struct role *file,
			   const struct approver *approver, bool told, struct json *entry,
			   struct fault *why)
{
	struct json *list = json_make_array();

	if (json_put(entry, "unsigned", list, why) != 0)
		return -1;
	for (size_t i = 0; i < approver->authority->count; i++) {
		struct signer *signer = &approver->authority->signers[i];
		const struct authority alone = {.signers = signer, .count = 1, .threshold = 1};
		size_t met;

		if (role_count(file, &alone, &met, why) != 0)
			return -1;
		if (met > 0)
			continue;
		if (told)
			cli_say(cli, "    not signed by %s", signer->id);
		if (json_add(list, json_make_text(signer->id), why) != 0)
			return -1;
	}
	return 0;
}

static int report_approver(const struct cli *cli, const struct role *file,
			   const struct approver *approver, bool brief, struct json *list,
			   struct fault *why)
{
	int64_t needed = approver->authority->threshold;
	int64_t lacking = (int64_t)approver->met < needed ? needed - (int64_t)approver->met : 0;
	struct json *entry = json_make_object();

	if (lacking > 0)
		cli_say(cli, "  %s: %zu of %" PRId64 " signatures, %" PRId64 " still missing",
			approver->name, approver->met, needed, lacking);
	else if (!brief)
		cli_say(cli, "  %s: %zu of %" PRId64 " signatures", approver->name, approver->met,
			needed);
	if (json_add(list, entry, why) != 0 ||
	    json_put_text(entry, "by", approver->name, why) != 0 ||
	    json_put_int(entry, "met", (int64_t)approver->met, why) != 0 ||
	    json_put_int(entry, "needed", needed, why) != 0 ||
	    report_unsigned(cli, file, approver, lacking > 0 && !brief, entry, why) != 0)
		return -1;
	return json_put_int(entry, "missing", lacking, why);
}

int report_sigstatus(const struct cli *cli, const char *path, const struct sigstatus *sigstatus,
		     bool brief, struct json *entry, struct fault *why)
{
	struct json *list = json_make_array();
	bool silent = brief && sigstatus_met(sigstatus);
	char expires[CLOCK_TEXT_LEN];

	if (json_put(entry, "signatures", list, why) != 0)
		return -1;
	clock_write(sigstatus->file->expires, expires);
	if (!silent)
		cli_say(cli, "%s: role %s, version %" PRId64 ", expires %s", path, sigstatus->role,
			sigstatus->file->version, expires);
	for (size_t i = 0; i < sigstatus->approver_count; i++)
		if (report_approver(cli, sigstatus->file, &sigstatus->approvers[i], brief, list,
				    why) != 0)
			return -1;
	if (!sigstatus->known)
		cli_say(cli, "  %s is not there: not all who must sign are known",
			sigstatus->missing);
	if (json_put_text(entry, "file", path, why) != 0 ||
	    json_put_text(entry, "role", sigstatus->role, why) != 0 ||
	    json_put_int(entry, "version", sigstatus->file->version, why) != 0 ||
	    json_put_text(entry, "expires", expires, why) != 0)
		return -1;
	return json_put_bool(entry, "complete", sigstatus_met(sigstatus), why);
}

// Enough of those who may sign today signed the version before as well.
static int is_sworn(const struct sigstatus *sigstatus, const struct role *before, bool *out,
		    struct fault *why)
{
	*out = sigstatus->approver_count > 0;
	for (size_t i = 0; i < sigstatus->approver_count; i++) {
		const struct authority *authority = sigstatus->approvers[i].authority;
		size_t met;

		if (role_count(before, authority, &met, why) != 0)
			return -1;
		*out = *out && (int64_t)met >= authority->threshold;
	}
	return 0;
}

// The version before, for comparing; NULL when there is none that may be believed.
static int before_of(const struct cli *cli, const char *path, const struct fileset *fileset,
		     const struct sigstatus *sigstatus, bool sworn, struct role **out,
		     struct fault *why)
{
	OWNED(role_drop) struct role *before = NULL;
	bool good = true;

	*out = NULL;
	if (sigstatus_before(fileset, sigstatus->role, sigstatus->file->version, &before, why) != 0)
		return -1;
	if (!before)
		return 0;
	if (role_header(before, json_text(json_member(sigstatus->file->body, "_type")), why) != 0)
		return fault_within(why, "the version of %s before this one is damaged", path);
	if (sworn && is_sworn(sigstatus, before, &good, why) != 0)
		return -1;
	if (!good) {
		cli_note(cli,
			 "warning: the version of %s before this one is not signed by those who "
			 "may sign today: all of it is shown as new",
			 path);
		return 0;
	}
	*out = HAND_OVER(before);
	return 0;
}

int report_changes(const struct cli *cli, const char *path, const struct fileset *fileset,
		   const struct sigstatus *sigstatus, bool brief, bool sworn, struct json *entry,
		   struct fault *why)
{
	OWNED(role_drop) struct role *before = NULL;
	OWNED(json_drop) struct json *lines = NULL;
	char expires[CLOCK_TEXT_LEN], was[64] = "the first that is known here";

	if (before_of(cli, path, fileset, sigstatus, sworn, &before, why) != 0 ||
	    describe_change(sigstatus->file->body, before ? before->body : NULL, &lines, why) != 0)
		return -1;
	if (before)
		snprintf(was, sizeof(was), "compared with version %" PRId64, before->version);
	clock_write(sigstatus->file->expires, expires);
	if (!brief || json_count(lines) > 0)
		cli_say(cli, "%s: role %s, version %" PRId64 " (%s), expires %s", path,
			sigstatus->role, sigstatus->file->version, was, expires);
	for (size_t i = 0; i < json_count(lines); i++)
		cli_say(cli, "  %s", json_text(json_item(lines, i)));
	if (!brief && json_count(lines) == 0)
		cli_say(cli, "  nothing but the version and the expiry");
	if (json_put(entry, "before", before ? json_make_int(before->version) : json_make_null(),
		     why) != 0)
		return -1;
	return json_put(entry, "changes", HAND_OVER(lines), why);
}

static int report_signers(const struct cli *cli, const char *role,
			  const struct authority *authority, struct json *roles, struct fault *why)
{
	struct json *entry = json_make_object(), *ids = json_make_array();

	if (json_put(entry, "keyids", ids, why) != 0 || json_put(roles, role, entry, why) != 0 ||
	    json_put_int(entry, "threshold", authority->threshold, why) != 0)
		return -1;
	cli_say(cli, "  %s: %" PRId64 " of %zu keys", role, authority->threshold, authority->count);
	for (size_t i = 0; i < authority->count; i++) {
		cli_say(cli, "    %s%s", authority->signers[i].id,
			authority->signers[i].key ? "" : " (no such key)");
		if (json_add(ids, json_make_text(authority->signers[i].id), why) != 0)
			return -1;
	}
	return 0;
}

int report_root(const struct cli *cli, const struct root *root, struct json *entry,
		struct fault *why)
{
	static const char *const names[ROOT_ROLES] = {[ROOT_ROOT] = "root",
						      [ROOT_TIMESTAMP] = "timestamp",
						      [ROOT_SNAPSHOT] = "snapshot",
						      [ROOT_TARGETS] = "targets"};
	char fingerprint[PIN_FINGERPRINT_LEN], expires[CLOCK_TEXT_LEN];
	struct json *roles = json_make_object();
	struct sha256 digest;

	if (json_put(entry, "roles", roles, why) != 0 ||
	    pin_fingerprint(root->role->raw.data, root->role->raw.len, &digest, why) != 0)
		return -1;
	pin_fingerprint_write(&digest, fingerprint);
	clock_write(root->role->expires, expires);
	cli_say(cli, "root version %" PRId64 ", class %s, expires %s", root->role->version,
		root->class, expires);
	for (size_t i = 0; i < ROOT_ROLES; i++)
		if (report_signers(cli, names[i], &root->roles[i], roles, why) != 0)
			return -1;
	cli_say(cli, "fingerprint %s", fingerprint);
	if (json_put_int(entry, "version", root->role->version, why) != 0 ||
	    json_put_text(entry, "class", root->class, why) != 0 ||
	    json_put_text(entry, "expires", expires, why) != 0)
		return -1;
	return json_put_text(entry, "fingerprint", fingerprint, why);
}

int report_document(struct cli *cli, const char *schema, bool ok, struct json *document,
		    struct fault *why)
{
	OWNED(json_drop) struct json *mine = document;

	if (json_put_bool(mine, "ok", ok, why) != 0 ||
	    cli_document(cli, schema, HAND_OVER(mine), why) != 0)
		return -1;
	cli_document_done(cli);
	return 0;
}
