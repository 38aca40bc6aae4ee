// SPDX-License-Identifier: Apache-2.0
#include "repod/delivery.h"

#include "base/owned.h"
#include "bpf/bundle.h"
#include "repod/exchange.h"

static bool admit(struct exchange *exchange, const struct request *request)
{
	const struct route *route = exchange->route;
	OWNED(release_drop) struct release *release = publish_release(route->publish);
	struct fault why = {0};

	switch (knock_check(&request->knock, request->method, exchange->raw, release,
			    route->catalog, route->clock(), &exchange->claim, &why)) {
	case KNOCK_ADMITTED:
		return true;
	case KNOCK_UNSIGNED:
		exchange_refuse(exchange, 401, &why);
		break;
	case KNOCK_STRANGER:
		exchange_refuse(exchange, 403, &why);
		break;
	case KNOCK_FAILED:
		exchange_fail(exchange, &why);
		return false;
	}
	atomic_fetch_add(&route->metrics->knocks_refused, 1);
	return false;
}

// The body must be announced, and not be larger than what is wanted here.
static bool check_length(struct exchange *exchange, const struct request *request, uint64_t max)
{
	if (!request->content_lengths) {
		exchange_refuse_text(exchange, 411, FAULT_FORMAT, "a Content-Length is needed");
		return false;
	}
	if (exchange->length <= max)
		return true;
	exchange_refuse_text(exchange, 413, FAULT_TOO_LARGE,
			     "the body is larger than this server takes");
	exchange->answer.close = true;
	return false;
}

void delivery_blob(struct exchange *exchange, const struct request *request)
{
	struct fault why = {0};

	if (sha256_read(exchange->path.segments[4], &exchange->wanted)) {
		exchange_refuse_text(exchange, 400, FAULT_FORMAT, "that is no sha256 digest");
		return;
	}
	if (!check_length(exchange, request, BUNDLE_MAX) || !admit(exchange, request))
		return;
	if (!sha256_equal(&exchange->claim.body, &exchange->wanted)) {
		exchange_refuse_text(exchange, 400, FAULT_DIGEST,
				     "the Content-Digest is not the digest in the path");
		return;
	}
	if (upload_begin(publish_blobs_dir(exchange->route->publish), exchange->length,
			 &exchange->upload, &why))
		exchange_fail(exchange, &why);
}

void delivery_metadata(struct exchange *exchange, const struct request *request)
{
	struct fault why = {0};

	if (!check_length(exchange, request, COMMITTED_FILE_MAX) || !admit(exchange, request))
		return;
	if (digest_begin(&exchange->digest, &why)) {
		exchange_fail(exchange, &why);
		return;
	}
	exchange->is_metadata = true;
}

void delivery_add(struct exchange *exchange, const void *data, size_t len)
{
	struct fault *why = &exchange->refused;

	if (exchange->answer.status || why->code)
		return;
	if (exchange->upload && upload_add(exchange->upload, data, len, why))
		upload_drop(&exchange->upload);
	if (!exchange->is_metadata)
		return;
	if (len > COMMITTED_FILE_MAX - exchange->body.len)
		fault_set(why, FAULT_TOO_LARGE, "the body is larger than this server takes");
	else if (bytes_append(&exchange->body, data, len, why) == 0 &&
		 digest_add(exchange->digest, data, len, why) == 0)
		return;
	bytes_drop(&exchange->body);
}

static void finish_blob(struct exchange *exchange)
{
	struct metrics *metrics = exchange->route->metrics;
	struct fault why = {0};
	bool made = false;

	if (upload_keep(exchange->upload, &exchange->wanted, &made, &why)) {
		if (why.code == FAULT_DIGEST)
			exchange_refuse(exchange, 400, &why);
		else
			exchange_fail(exchange, &why);
		return;
	}
	exchange->answer.status = made ? 201 : 200;
	if (!made)
		return;
	atomic_fetch_add(&metrics->uploads, 1);
	atomic_fetch_add(&metrics->upload_bytes, exchange->length);
}

static int put_role(struct json *object, const char *role, const struct release *release,
		    struct fault *why)
{
	const struct release_role *listed = release_role(release, role);

	if (json_put_text(object, "role", role, why))
		return -1;
	return json_put_int(object, "version", listed ? listed->version : release->versions.root,
			    why);
}

// `role` or, when it is NULL, `batch` is what was sent.
static int write_commit(struct exchange *exchange, const char *role, const struct batch *batch,
			const struct release *release, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();

	if (json_put_text(document, "schema", "bpfseal.commit/1", why) ||
	    (role ? put_role(document, role, release, why)
		  : json_put_int(document, "roles", (int64_t)batch->count, why)) ||
	    json_put_int(document, "snapshot", release->versions.snapshot, why) ||
	    json_put_int(document, "timestamp", release->versions.timestamp, why))
		return -1;
	exchange_json(exchange, document);
	return 0;
}

static void refuse_submission(struct exchange *exchange, enum publish_outcome outcome,
			      const struct fault *why)
{
	struct metrics *metrics = exchange->route->metrics;

	switch (outcome) {
	case PUBLISH_CONFLICT:
		atomic_fetch_add(&metrics->conflicts, 1);
		exchange_refuse(exchange, 409, why);
		break;
	case PUBLISH_HELD:
		atomic_fetch_add(&metrics->refusals, 1);
		exchange_refuse(exchange, 503, why);
		break;
	case PUBLISH_FAILED:
		atomic_fetch_add(&metrics->failures, 1);
		exchange_fail(exchange, why);
		break;
	default:
		atomic_fetch_add(&metrics->refusals, 1);
		exchange_refuse(exchange, 422, why);
		break;
	}
}

static void finish_metadata(struct exchange *exchange)
{
	const struct route *route = exchange->route;
	const char *role = exchange->path.count > 3 ? exchange->path.segments[3] : NULL;
	OWNED(release_drop) struct release *release = NULL;
	OWNED(batch_drop) struct batch batch = {0};
	enum publish_outcome outcome;
	struct fault why = {0};
	struct sha256 have;
	int failed;

	if (digest_end(HAND_OVER(exchange->digest), &have, &why)) {
		exchange_fail(exchange, &why);
		return;
	}
	if (!sha256_equal(&have, &exchange->claim.body)) {
		exchange_refuse_text(exchange, 400, FAULT_DIGEST,
				     "the body is not what was signed");
		return;
	}
	if (!role && batch_parse(exchange->body.data, exchange->body.len, &batch, &why)) {
		refuse_submission(exchange, PUBLISH_REFUSED, &why);
		return;
	}
	failed =
		role ? publish_submit(route->publish, role, exchange->body.data, exchange->body.len,
				      exchange->claim.key_id, &outcome, &release, &why)
		     : publish_submit_all(route->publish, &batch, exchange->claim.key_id, &outcome,
					  &release, &why);
	if (failed) {
		refuse_submission(exchange, outcome, &why);
		return;
	}
	if (outcome == PUBLISH_DONE)
		atomic_fetch_add(&route->metrics->commits, 1);
	if (write_commit(exchange, role, &batch, release, &why))
		exchange_fail(exchange, &why);
}

void delivery_finish(struct exchange *exchange)
{
	if (exchange->refused.code == FAULT_TOO_LARGE)
		exchange_refuse(exchange, 413, &exchange->refused);
	else if (exchange->refused.code)
		exchange_fail(exchange, &exchange->refused);
	else if (exchange->upload)
		finish_blob(exchange);
	else
		finish_metadata(exchange);
}
