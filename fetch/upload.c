// SPDX-License-Identifier: Apache-2.0
#include "fetch/upload.h"

#include <string.h>

#include "base/owned.h"
#include "keys/httpsig.h"

#define ANSWER_MAX DOWNLOAD_ERROR_MAX

// ---- refusals ----

// The server's own code for it, where it is one that a refusal of an upload can have; else by the status.
static enum fault_code code_of(long status, const char *name)
{
	static const enum fault_code told[] = {
		FAULT_FORMAT,  FAULT_SIGNATURE, FAULT_DIGEST, FAULT_UNTRUSTED, FAULT_TOO_LARGE,
		FAULT_EXPIRED, FAULT_ROLLBACK,	FAULT_CLOCK,  FAULT_POLICY,    FAULT_BUSY,
	};

	for (size_t i = 0; name && i < sizeof(told) / sizeof(*told); i++)
		if (!strcmp(name, fault_name(told[i])))
			return told[i];
	if (status == 401 || status == 403)
		return FAULT_UNTRUSTED;
	if (status == 409)
		return FAULT_POLICY;
	if (status == 413)
		return FAULT_TOO_LARGE;
	return FAULT_NETWORK;
}

// application/problem+json, or whatever stands in its place: words of a stranger, shown escaped and cut.
static int problem(const char *what, const struct download_answer *answer, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	struct fault ignored = {0};
	const char *detail = NULL, *title = NULL, *code = NULL;
	char safe[FAULT_TEXT_MAX / 2];

	if (!json_parse(answer->body.data, answer->body.len, "answer", &document, &ignored)) {
		detail = json_text(json_member(document, "detail"));
		title = json_text(json_member(document, "title"));
		code = json_text(json_member(document, "code"));
	}
	if (!detail)
		detail = title ? title : "it gives no reason";
	fault_set(why, code_of(answer->status, code), "%s (status %ld)",
		  text_safe(detail, safe, sizeof(safe)), answer->status);
	if (answer->status == 401)
		fault_fix(why, "compare this machine's clock with the server's");
	if (answer->status == 403)
		fault_fix(why, "publish with a key that the root or a delegation names");
	return fault_within(why, "the repository refuses %s", what);
}

// ---- requests ----

static int path_of(const struct upload *upload, const char *below, struct bytes *out,
		   struct fault *why)
{
	return bytes_format(out, why, "%s/%s", download_base_path(upload->download), below);
}

static int send_signed(const struct upload *upload, const char *method, const char *below,
		       const struct bytes *body, const char *type, struct download_answer *answer,
		       struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};
	char digest[HTTPSIG_HEADER_MAX + 32], input[HTTPSIG_HEADER_MAX + 32];
	char signature[HTTPSIG_HEADER_MAX + 32], content[64];
	const char *headers[] = {content, digest, input, signature, NULL};
	struct httpsig_headers made;
	struct sha256 hash;

	if (path_of(upload, below, &path, why) || sha256_of(body->data, body->len, &hash, why) ||
	    httpsig_sign(upload->key, method, bytes_text(&path), &hash, upload->clock(), &made,
			 why))
		return -1;
	snprintf(content, sizeof(content), "Content-Type: %s", type);
	snprintf(digest, sizeof(digest), "Content-Digest: %s", made.content_digest);
	snprintf(input, sizeof(input), "Signature-Input: %s", made.signature_input);
	snprintf(signature, sizeof(signature), "Signature: %s", made.signature);
	struct download_request request = {
		.method = method,
		.path = below,
		.headers = headers,
		.body = body->data,
		.body_len = body->len,
		.max = ANSWER_MAX,
	};
	return download_ask(upload->download, &request, answer, why);
}

static int blob_path(const struct sha256 *digest, struct bytes *out, struct fault *why)
{
	char hex[SHA256_HEX];

	sha256_hex(digest, hex);
	return bytes_format(out, why, "api/v1/blobs/sha256/%s", hex);
}

int upload_has_blob(const struct upload *upload, const struct sha256 *digest, bool *out,
		    struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};
	OWNED(download_answer_drop) struct download_answer answer = {0};

	if (blob_path(digest, &path, why))
		return -1;
	struct download_request request = {
		.method = "HEAD", .path = bytes_text(&path), .max = ANSWER_MAX};
	if (download_ask(upload->download, &request, &answer, why))
		return -1;
	if (answer.status != 200 && answer.status != 404)
		return problem("to say which blobs it has", &answer, why);
	*out = answer.status == 200;
	return 0;
}

int upload_blob(const struct upload *upload, const struct sha256 *digest, const struct bytes *data,
		struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};
	OWNED(download_answer_drop) struct download_answer answer = {0};

	if (blob_path(digest, &path, why) || send_signed(upload, "PUT", bytes_text(&path), data,
							 "application/octet-stream", &answer, why))
		return -1;
	return answer.status == 200 || answer.status == 201 ? 0 : problem("a file", &answer, why);
}

int upload_metadata(const struct upload *upload, const char *quoted_role, const struct bytes *data,
		    struct json **answer_out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};
	OWNED(download_answer_drop) struct download_answer answer = {0};
	struct fault ignored = {0};

	*answer_out = NULL;
	if (bytes_format(&path, why, "api/v1/metadata/%s", quoted_role) ||
	    send_signed(upload, "POST", bytes_text(&path), data, "application/json", &answer, why))
		return -1;
	if (answer.status != 200 && answer.status != 201)
		return problem("metadata", &answer, why);
	if (json_parse(answer.body.data, answer.body.len, "answer", answer_out, &ignored))
		*answer_out = NULL;
	return 0;
}

int upload_batch(const struct upload *upload, const struct json *roles, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(bytes_drop) struct bytes body = {0};
	OWNED(download_answer_drop) struct download_answer answer = {0};

	if (json_put(document, "roles", json_keep(roles), why) ||
	    json_write(document, false, &body, why) ||
	    send_signed(upload, "POST", "api/v1/metadata", &body, "application/json", &answer, why))
		return -1;
	return answer.status == 200 || answer.status == 201 ? 0 : problem("metadata", &answer, why);
}
