// SPDX-License-Identifier: Apache-2.0
#include "keys/request.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/owned.h"
#include "keys/canon.h"
#include "keys/local.h"
#include "keys/sig.h"
#include "keys/signing.h"

void request_drop(struct request *request)
{
	fileset_free(request->fileset);
	json_free(request->document);
	*request = (struct request){0};
}

// ---- making ----

int request_begin(struct json **document, struct fault *why)
{
	OWNED(json_drop) struct json *made = json_make_object();

	if (json_put_text(made, "schema", REQUEST_SCHEMA, why) != 0 ||
	    json_put(made, "sign", json_make_array(), why) != 0 ||
	    json_put(made, "files", json_make_object(), why) != 0)
		return -1;
	*document = HAND_OVER(made);
	return 0;
}

// Once, however many drafts need it.
static int include(struct json *files, const struct fileset *fileset, const char *file,
		   struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct json *document;

	if (json_member(files, file))
		return 0;
	if (fileset_read(fileset, file, &data, why) != 0 ||
	    json_parse(data.data, data.len, file, &document, why) != 0)
		return -1;
	return json_put(files, file, document, why);
}

static int include_above(struct json *files, struct fileset *fileset,
			 const struct sigstatus *sigstatus, struct fault *why)
{
	const struct delegator *by = sigstatus->delegator;
	char name[40];

	if (sigstatus->self) {
		snprintf(name, sizeof(name), "%" PRId64 ".root.json", sigstatus->file->version - 1);
		return sigstatus->file->version > 1 ? include(files, fileset, name, why) : 0;
	}
	if (include(files, fileset, "root.json", why) != 0)
		return -1;
	while (by) {
		OWNED(sigstatus_drop) struct sigstatus *above = NULL;

		if (include(files, fileset, by->file, why) != 0 ||
		    sigstatus_open_in(fileset, by->file, NULL, &above, why) != 0)
			return -1;
		by = above->delegator;
	}
	return 0;
}

static int include_before(struct json *files, const struct fileset *fileset,
			  const struct sigstatus *sigstatus, struct fault *why)
{
	OWNED(role_drop) struct role *before = NULL;
	OWNED(drop_heap) char *file = NULL;

	if (sigstatus_before(fileset, sigstatus->role, sigstatus->file->version, &before, why) != 0)
		return -1;
	if (!before)
		return 0;
	if (role_header(before, json_text(json_member(sigstatus->file->body, "_type")), why) != 0 ||
	    role_file(sigstatus->role, before->version, &file, why) != 0)
		return -1;
	return include(files, fileset, file, why);
}

int request_add(struct json *document, struct fileset *fileset, const char *file, struct fault *why)
{
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	struct json *files, *sign = (struct json *)json_member(document, "sign");

	if (signing_part(document, "files", &files, why) != 0 ||
	    sigstatus_open_in(fileset, file, NULL, &sigstatus, why) != 0)
		return -1;
	if (!sigstatus->known)
		return fault_set(why, FAULT_UNTRUSTED,
				 "%s is not beside %s: nobody could tell who may sign it",
				 sigstatus->missing, file);
	if (include(files, fileset, file, why) != 0 ||
	    include_above(files, fileset, sigstatus, why) != 0 ||
	    include_before(files, fileset, sigstatus, why) != 0)
		return -1;
	return json_add(sign, json_make_text(file), why);
}

// ---- reading ----

bool request_is(const void *data, size_t len)
{
	OWNED(json_drop) struct json *document = NULL;
	struct fault ignored = {0};

	return json_parse(data, len, "request", &document, &ignored) == 0 &&
	       json_member(document, "schema") != NULL;
}

static bool is_listed(const void *ctx, const char *file)
{
	const struct json *sign = ctx;

	for (size_t i = 0; i < json_count(sign); i++)
		if (strcmp(json_text(json_item(sign, i)), file) == 0)
			return true;
	return false;
}

static int read_shape(struct request *request, struct fault *why)
{
	static const char *const members[] = {"schema", "sign", "files", NULL};
	struct json_walk walk = {0};
	const char *schema;

	if (json_only(request->document, members, why) != 0 ||
	    json_need_text(request->document, "schema", &schema, why) != 0 ||
	    json_need_array(request->document, "sign", &request->sign, why) != 0 ||
	    json_need_object(request->document, "files", &request->files, why) != 0)
		return -1;
	if (strcmp(schema, REQUEST_SCHEMA) != 0 || json_count(request->sign) == 0)
		return fault_set(why, FAULT_FORMAT, "nothing is asked to be signed");
	// The names become file names again when the request is merged.
	while (json_next(request->files, &walk))
		if (strchr(walk.key, '/') || walk.key[0] == '.')
			return fault_set(why, FAULT_FORMAT, "\"%.80s\" is no name of a file",
					 walk.key);
	for (size_t i = 0; i < json_count(request->sign); i++) {
		const char *file = json_text(json_item(request->sign, i));

		if (!file || !json_member(request->files, file))
			return fault_set(why, FAULT_FORMAT, "draft %zu is not in it", i + 1);
	}
	return 0;
}

static int check_one(struct request *request, const char *file, struct fault *why)
{
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;

	if (sigstatus_open_in(request->fileset, file, NULL, &sigstatus, why) != 0)
		return -1;
	if (!sigstatus->known)
		return fault_set(why, FAULT_UNTRUSTED, "it has no %s, which says who may sign %s",
				 sigstatus->missing, file);
	if (!sigstatus->self)
		return sigstatus_above(request->fileset, sigstatus, NULL, is_listed, request->sign,
				       why);
	// The next root: the one before it must hold by itself.
	return sigstatus->by ? role_check(sigstatus->by->role, "the root before it",
					  &sigstatus->by->roles[ROOT_ROOT], why)
			     : 0;
}

int request_open(const void *data, size_t len, const char *label, struct request *out,
		 struct fault *why)
{
	OWNED(request_drop) struct request request = {0};

	if (json_parse(data, len, label, &request.document, why) != 0 ||
	    read_shape(&request, why) != 0 ||
	    fileset_of_files(request.files, label, &request.fileset, why) != 0)
		return fault_within(why, "%s cannot be read as a request", label);
	for (size_t i = 0; i < json_count(request.sign); i++)
		if (check_one(&request, json_text(json_item(request.sign, i)), why) != 0)
			return fault_within(why, "the parts of the request disagree");
	*out = request;
	request = (struct request){0};
	return 0;
}

// ---- merging ----

static const struct key *key_of(const struct sigstatus *sigstatus, const char *id)
{
	for (size_t i = 0; i < sigstatus->approver_count; i++) {
		const struct authority *authority = sigstatus->approvers[i].authority;

		for (size_t j = 0; j < authority->count; j++)
			if (strcmp(authority->signers[j].id, id) == 0)
				return authority->signers[j].key;
	}
	return NULL;
}

static bool has_signature(const struct json *signatures, const char *id)
{
	for (size_t i = 0; i < json_count(signatures); i++) {
		const char *has = json_text(json_member(json_item(signatures, i), "keyid"));

		if (has && strcmp(has, id) == 0)
			return true;
	}
	return false;
}

static int merge_one(const struct json *signature, const struct sigstatus *sigstatus,
		     const struct bytes *body, struct json *signatures, size_t *added,
		     struct fault *why)
{
	const char *id, *sig;
	const struct key *key;

	if (json_need_text(signature, "keyid", &id, why) != 0 ||
	    json_need_text(signature, "sig", &sig, why) != 0)
		return -1;
	key = key_of(sigstatus, id);
	if (!key || !sig_check(key, sig, body->data, body->len))
		return fault_set(why, FAULT_SIGNATURE,
				 "the request holds a signature of key %.80s that does not count",
				 id);
	if (has_signature(signatures, id))
		return 0;
	(*added)++;
	return json_add(signatures, json_keep(signature), why);
}

int request_merge(const struct request *request, const char *file,
		  const struct sigstatus *sigstatus, struct json **out, size_t *added,
		  struct fault *why)
{
	const struct json *theirs = json_member(request->files, file), *body, *signatures;
	OWNED(bytes_drop) struct bytes ours = {0};
	OWNED(bytes_drop) struct bytes canon = {0};
	OWNED(json_drop) struct json *document = NULL;

	if (json_need_object(theirs, "signed", &body, why) != 0 ||
	    json_need_array(theirs, "signatures", &signatures, why) != 0 ||
	    canon_write(body, &canon, why) != 0 ||
	    canon_write(sigstatus->file->body, &ours, why) != 0)
		return -1;
	if (canon.len != ours.len || memcmp(canon.data, ours.data, ours.len) != 0) {
		fault_set(why, FAULT_DIGEST, "%s is not what the request was made of", file);
		return fault_fix(why, "make a new request from the draft as it is now");
	}
	if (json_clone(sigstatus->file->document, &document, why) != 0)
		return -1;
	for (size_t i = 0; i < json_count(signatures); i++)
		if (merge_one(json_item(signatures, i), sigstatus, &ours,
			      (struct json *)json_member(document, "signatures"), added, why) != 0)
			return -1;
	*out = HAND_OVER(document);
	return 0;
}
