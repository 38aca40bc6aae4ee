// SPDX-License-Identifier: Apache-2.0
#include "repod/route.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "bpf/bundle.h"
#include "keys/local.h"
#include "repod/blob.h"

#define TARGET_MAX   2048 // bytes of a request target: path and query
#define SEGMENTS_MAX 16
#define SEGMENT_MAX  RELEASE_ROLE_MAX
// Larger files are served from the disk.
#define SHELVED_MAX ((size_t)4 << 20)
#define BUNDLES_MAX 1000 // a page of the list

#define TYPE_JSON    "application/json"
#define TYPE_PROBLEM "application/problem+json"
#define TYPE_BYTES   "application/octet-stream"
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

struct path {
	char segments[SEGMENTS_MAX][SEGMENT_MAX];
	size_t count;
};

struct exchange {
	const struct route *route;
	struct answer answer;
	uint64_t length; // of the body that was announced
	struct path path;
	char raw[TARGET_MAX]; // the path as on the wire: that is what is signed
	const char *query;
	// A request with a body, once it was admitted: exactly one of the two.
	struct upload *upload;
	bool is_metadata;
	struct bytes body;
	struct digest *digest;
	struct sha256 wanted; // what the blob is called
	struct httpsig_claim claim;
	struct fault refused; // while the body was coming
};

// ---- answers ----

static const char *title_of(unsigned status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 409:
		return "Conflict";
	case 411:
		return "Length Required";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 422:
		return "Unprocessable Content";
	case 503:
		return "Service Unavailable";
	default:
		return "Internal Server Error";
	}
}

static int put_safe(struct json *object, const char *key, const char *text, struct fault *why)
{
	char safe[8 * 2 * FAULT_TEXT_MAX];

	if (!text[0])
		return 0;
	return json_put_text(object, key, text_safe(text, safe, sizeof(safe)), why);
}

// What was refused and why, in the one member that every client shows.
static int put_detail(struct json *problem, const struct fault *refusal, struct fault *why)
{
	char detail[2 * FAULT_TEXT_MAX + 4];

	snprintf(detail, sizeof(detail), "%s%s%s", refusal->text, refusal->cause[0] ? ": " : "",
		 refusal->cause);
	return put_safe(problem, "detail", detail, why);
}

static int write_problem(struct answer *answer, const struct fault *refusal, struct fault *why)
{
	OWNED(json_drop) struct json *problem = json_make_object();

	if (json_put_text(problem, "type", "about:blank", why) ||
	    json_put_text(problem, "title", title_of(answer->status), why) ||
	    json_put_int(problem, "status", answer->status, why) ||
	    put_detail(problem, refusal, why) ||
	    put_safe(problem, "where", refusal->where, why) ||
	    put_safe(problem, "fix", refusal->fix, why) ||
	    json_put_text(problem, "code", fault_name(refusal->code), why))
		return -1;
	return json_write(problem, false, &answer->body, why);
}

static void answer_reset(struct answer *answer)
{
	shelf_drop(&answer->item);
	drop_fd(&answer->fd);
	bytes_drop(&answer->body);
	*answer = (struct answer){.fd = -1, .close = answer->close};
}

// Makes the answer a refusal (RFC 9457). Without memory for the text the status says it alone.
static void refuse(struct exchange *exchange, unsigned status, const struct fault *refusal)
{
	struct answer *answer = &exchange->answer;
	struct fault ignored = {0};

	answer_reset(answer);
	answer->status = status;
	answer->type = TYPE_PROBLEM;
	if (write_problem(answer, refusal, &ignored))
		answer->body.len = 0;
}

static void refuse_text(struct exchange *exchange, unsigned status, enum fault_code code,
			const char *text)
{
	struct fault refusal = {0};

	fault_set(&refusal, code, "%s", text);
	refuse(exchange, status, &refusal);
}

// Our own trouble: what it is goes to the log, not to strangers.
static void fail(struct exchange *exchange, const struct fault *why)
{
	fault_print(why, stderr);
	if (why->code == FAULT_BUSY)
		refuse_text(exchange, 503, FAULT_BUSY, "the server is busy; try again");
	else
		refuse_text(exchange, 500, FAULT_OTHER, "the server has a fault; its log says more");
}

static void answer_json(struct exchange *exchange, const struct json *document)
{
	struct answer *answer = &exchange->answer;
	struct fault why = {0};

	answer->status = 200;
	answer->type = TYPE_JSON;
	answer->caching = CACHE_NEVER;
	if (!document || json_write(document, false, &answer->body, &why))
		refuse_text(exchange, 500, FAULT_OTHER, "out of memory");
}

// ---- conditional requests (RFC 9110 13.1.2) ----

// One element of If-None-Match; weakness does not matter for it.
static bool next_etag(const char **at, const char **start, size_t *len)
{
	const char *p = *at + strspn(*at, " \t,");
	const char *end;

	if (strncmp(p, "W/", 2) == 0)
		p += 2;
	if (*p != '"')
		return false;
	end = strchr(p + 1, '"');
	if (!end)
		return false;
	*start = p + 1;
	*len = (size_t)(end - p - 1);
	*at = end + 1;
	return true;
}

static bool has_it(const char *if_none_match, const char *etag)
{
	const char *at = if_none_match, *start;
	size_t len;

	if (!at || !etag[0])
		return false;
	if (strcmp(at, "*") == 0)
		return true;
	while (next_etag(&at, &start, &len))
		if (len == strlen(etag) && memcmp(start, etag, len) == 0)
			return true;
	return false;
}

static void set_file(struct answer *answer, const char *type, const char *etag,
		     enum caching caching)
{
	answer->status = 200;
	answer->type = type;
	answer->caching = caching;
	snprintf(answer->etag, sizeof(answer->etag), "%s", etag);
}

// ---- GET /metadata/... ----

static void get_timestamp(struct exchange *exchange, const struct release *release)
{
	struct answer *answer = &exchange->answer;
	struct fault why = {0};
	char etag[SHA256_HEX];

	sha256_hex(&release->timestamp_sha256, etag);
	set_file(answer, TYPE_JSON, etag, CACHE_ASK);
	if (bytes_append(&answer->body, release->timestamp.data, release->timestamp.len, &why))
		fail(exchange, &why);
}

static int shelve_metadata(const struct route *route, const char *file, struct shelf_item **out,
			   struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct sha256 digest;
	char etag[SHA256_HEX];

	if (file_read_at(publish_metadata_dir(route->publish), file, PUBLISH_BODY_MAX, &data,
			 why) ||
	    sha256_of(data.data, data.len, &digest, why))
		return -1;
	sha256_hex(&digest, etag);
	return shelf_put(route->shelf, file, etag, &data, out, why);
}

static void get_metadata(struct exchange *exchange)
{
	const struct route *route = exchange->route;
	OWNED(release_drop) struct release *release = publish_release(route->publish);
	OWNED(drop_heap) char *file = NULL;
	struct shelf_item *item = NULL;
	char role[RELEASE_ROLE_MAX];
	struct fault why = {0};
	int64_t version;

	// Only what was committed: a file that a crash left half way is nobody's yet.
	if (!release_file_split(exchange->path.segments[1], &version, role) ||
	    !release_shows(release, role, version)) {
		refuse_text(exchange, 404, FAULT_NOT_FOUND, "there is no such metadata file");
		return;
	}
	if (!version) {
		get_timestamp(exchange, release);
		return;
	}
	if (role_file(role, version, &file, &why) == 0) {
		item = shelf_find(route->shelf, file);
		if (!item && shelve_metadata(route, file, &item, &why) &&
		    why.code == FAULT_NOT_FOUND) {
			refuse_text(exchange, 404, FAULT_NOT_FOUND,
				    "there is no such metadata file");
			return;
		}
	}
	if (!item) {
		fail(exchange, &why);
		return;
	}
	set_file(&exchange->answer, TYPE_JSON, shelf_etag(item), CACHE_FOREVER);
	exchange->answer.item = item;
}

// ---- GET /targets/... ----

// "net/count/<sha256>.1.0.0.bundle" -> path "net/count/1.0.0.bundle" and the digest.
static bool split_target(const struct path *path, struct bytes *out, struct sha256 *digest)
{
	const char *last = path->segments[path->count - 1];
	struct fault ignored = {0};
	char hex[SHA256_HEX];

	if (strlen(last) < SHA256_HEX + 1 || last[SHA256_HEX - 1] != '.')
		return false;
	memcpy(hex, last, SHA256_HEX - 1);
	hex[SHA256_HEX - 1] = '\0';
	if (sha256_read(hex, digest))
		return false;
	for (size_t i = 1; i + 1 < path->count; i++)
		if (bytes_format(out, &ignored, "%s/", path->segments[i]))
			return false;
	return bytes_append_text(out, last + SHA256_HEX, &ignored) == 0;
}

static int open_target(struct exchange *exchange, const struct sha256 *digest, struct fault *why)
{
	const struct route *route = exchange->route;
	struct answer *answer = &exchange->answer;
	int blobs = publish_blobs_dir(route->publish);
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_fd) int fd = -1;
	char etag[SHA256_HEX];
	uint64_t len;

	sha256_hex(digest, etag);
	set_file(answer, TYPE_BYTES, etag, CACHE_FOREVER);
	answer->item = shelf_find(route->shelf, etag);
	if (answer->item)
		return 0;
	if (blob_open(blobs, digest, &fd, &len, why))
		return -1;
	if (len > SHELVED_MAX) {
		answer->fd = HAND_OVER_FD(fd);
		answer->fd_len = len;
		return 0;
	}
	if (blob_read(blobs, digest, SHELVED_MAX, &data, why))
		return -1;
	return shelf_put(route->shelf, etag, etag, &data, &answer->item, why);
}

static void get_target(struct exchange *exchange)
{
	OWNED(bytes_drop) struct bytes path = {0};
	struct sha256 digest;
	struct fault why = {0};
	bool has = false;

	if (split_target(&exchange->path, &path, &digest) &&
	    catalog_has_target(exchange->route->catalog, bytes_text(&path), &digest, &has, &why)) {
		fail(exchange, &why);
		return;
	}
	if (!has) {
		refuse_text(exchange, 404, FAULT_NOT_FOUND, "no such target was published");
		return;
	}
	if (open_target(exchange, &digest, &why))
		fail(exchange, &why);
}

// ---- GET /api/v1/status, bundles, /metrics ----

static int put_time(struct json *object, const char *key, int64_t seconds, struct fault *why)
{
	char text[CLOCK_TEXT_LEN];

	if (!seconds)
		return 0;
	clock_write(seconds, text);
	return json_put_text(object, key, text, why);
}

static int put_versions(struct json *document, const struct release *release, struct fault *why)
{
	struct json *versions = json_make_object(), *expires = json_make_object();
	const struct client_versions *v = &release->versions;

	if (json_put(document, "versions", versions, why)) {
		json_free(expires);
		return -1;
	}
	if (json_put(document, "expires", expires, why))
		return -1;
	for (size_t i = 0; i < release->role_count; i++)
		if (json_put_int(versions, release->roles[i].name, release->roles[i].version, why))
			return -1;
	// After the delegated roles: one that is called like a top-level role does not hide it.
	if (json_put_int(versions, "root", v->root, why) ||
	    json_put_int(versions, "timestamp", v->timestamp, why) ||
	    json_put_int(versions, "snapshot", v->snapshot, why) ||
	    json_put_int(versions, "targets", v->targets, why))
		return -1;
	if (put_time(expires, "root", v->root_expires, why) ||
	    put_time(expires, "timestamp", v->timestamp_expires, why) ||
	    put_time(expires, "snapshot", v->snapshot_expires, why))
		return -1;
	return put_time(expires, "targets", v->targets_expires, why);
}

static void get_status(struct exchange *exchange)
{
	OWNED(release_drop) struct release *release = publish_release(exchange->route->publish);
	OWNED(json_drop) struct json *document = json_make_object();
	struct fault why = {0};

	if (json_put_text(document, "schema", "bpfseal.repod/1", &why) ||
	    put_versions(document, release, &why))
		fail(exchange, &why);
	else
		answer_json(exchange, document);
}

struct page {
	struct json *list;
	char last[512];
	int64_t count;
};

static int add_bundle(void *ctx, const struct catalog_bundle *bundle, struct fault *why)
{
	struct page *page = ctx;
	struct json *row = json_make_object();
	char hex[SHA256_HEX], time[CLOCK_TEXT_LEN];

	if (json_add(page->list, row, why))
		return -1;
	sha256_hex(&bundle->sha256, hex);
	clock_write(bundle->committed_at, time);
	page->count++;
	snprintf(page->last, sizeof(page->last), "%s", bundle->path);
	if (json_put_text(row, "publisher", bundle->publisher, why) ||
	    json_put_text(row, "name", bundle->name, why) ||
	    json_put_text(row, "version", bundle->version, why) ||
	    json_put_text(row, "path", bundle->path, why) ||
	    json_put_text(row, "sha256", hex, why) ||
	    json_put_int(row, "length", bundle->length, why) ||
	    json_put_text(row, "role", bundle->role, why) ||
	    json_put_int(row, "role_version", bundle->role_version, why))
		return -1;
	return json_put_text(row, "committed_at", time, why);
}

// "after=net%2Fcount%2F1.0.0.bundle&limit=10", strictly: what is not understood is refused, not passed over.
static bool read_page(const char *query, char *after, size_t room, int64_t *limit)
{
	char copy[TARGET_MAX], *save = NULL;

	snprintf(copy, sizeof(copy), "%s", query);
	for (char *part = strtok_r(copy, "&", &save); part; part = strtok_r(NULL, "&", &save)) {
		if (strncmp(part, "after=", 6) == 0) {
			if (!release_unquote(part + 6, after, room))
				return false;
		} else if (strncmp(part, "limit=", 6) == 0) {
			size_t len = strlen(part + 6);

			if (!len || len > 4 || strspn(part + 6, "0123456789") != len)
				return false;
			*limit = strtoll(part + 6, NULL, 10);
		} else {
			return false;
		}
	}
	return *limit >= 1 && *limit <= BUNDLES_MAX;
}

static void get_bundles(struct exchange *exchange)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct page page = {.list = json_make_array()};
	char after[512] = "";
	int64_t limit = 100;
	struct fault why = {0};

	if (json_put_text(document, "schema", "bpfseal.bundles/1", &why)) {
		json_free(page.list);
		fail(exchange, &why);
		return;
	}
	if (json_put(document, "bundles", page.list, &why)) {
		fail(exchange, &why);
		return;
	}
	if (!read_page(exchange->query, after, sizeof(after), &limit)) {
		refuse_text(exchange, 400, FAULT_FORMAT,
			    "the query is after=PATH and limit=N (1 to 1000), nothing else");
		return;
	}
	if (catalog_bundles(exchange->route->catalog, after, limit, add_bundle, &page, &why) ||
	    json_put(document, "next",
		     page.count == limit ? json_make_text(page.last) : json_make_null(), &why))
		fail(exchange, &why);
	else
		answer_json(exchange, document);
}

static void get_metrics(struct exchange *exchange)
{
	const struct route *route = exchange->route;
	OWNED(release_drop) struct release *release = publish_release(route->publish);
	struct answer *answer = &exchange->answer;
	struct fault why = {0};

	answer->status = 200;
	answer->type = TYPE_METRICS;
	if (metrics_write(route->metrics, release, route->clock(), &answer->body, &why))
		fail(exchange, &why);
}

// ---- blobs and metadata: who knocks ----

static bool admit(struct exchange *exchange, const struct request *request)
{
	const struct route *route = exchange->route;
	OWNED(release_drop) struct release *release = publish_release(route->publish);
	struct fault why = {0};

	switch (knock_check(&request->knock, request->method, exchange->raw, release, route->catalog,
			    route->clock(), &exchange->claim, &why)) {
	case KNOCK_ADMITTED:
		return true;
	case KNOCK_UNSIGNED:
		refuse(exchange, 401, &why);
		break;
	case KNOCK_STRANGER:
		refuse(exchange, 403, &why);
		break;
	case KNOCK_FAILED:
		fail(exchange, &why);
		return false;
	}
	atomic_fetch_add(&route->metrics->knocks_refused, 1);
	return false;
}

// The body must be announced, and not be larger than what is wanted here.
static bool check_length(struct exchange *exchange, const struct request *request, uint64_t max)
{
	if (!request->content_lengths) {
		refuse_text(exchange, 411, FAULT_FORMAT, "a Content-Length is needed");
		return false;
	}
	if (exchange->length <= max)
		return true;
	refuse_text(exchange, 413, FAULT_TOO_LARGE, "the body is larger than this server takes");
	exchange->answer.close = true;
	return false;
}

static void head_blob(struct exchange *exchange)
{
	struct answer *answer = &exchange->answer;
	struct fault ignored = {0};
	struct sha256 digest;

	if (sha256_read(exchange->path.segments[4], &digest) ||
	    blob_open(publish_blobs_dir(exchange->route->publish), &digest, &answer->fd,
		      &answer->fd_len, &ignored)) {
		refuse_text(exchange, 404, FAULT_NOT_FOUND, "there is no such blob");
		return;
	}
	answer->status = 200;
	answer->type = TYPE_BYTES;
}

static void put_blob(struct exchange *exchange, const struct request *request)
{
	struct fault why = {0};

	if (sha256_read(exchange->path.segments[4], &exchange->wanted)) {
		refuse_text(exchange, 400, FAULT_FORMAT, "that is no sha256 digest");
		return;
	}
	if (!check_length(exchange, request, BUNDLE_MAX) || !admit(exchange, request))
		return;
	if (!sha256_equal(&exchange->claim.body, &exchange->wanted)) {
		refuse_text(exchange, 400, FAULT_DIGEST,
			    "the Content-Digest is not the digest in the path");
		return;
	}
	if (upload_begin(publish_blobs_dir(exchange->route->publish), exchange->length,
			 &exchange->upload, &why))
		fail(exchange, &why);
}

static void post_metadata(struct exchange *exchange, const struct request *request)
{
	struct fault why = {0};

	if (!check_length(exchange, request, PUBLISH_BODY_MAX) || !admit(exchange, request))
		return;
	if (digest_begin(&exchange->digest, &why)) {
		fail(exchange, &why);
		return;
	}
	exchange->is_metadata = true;
}

// ---- the table ----

enum verb { VERB_OTHER = 0, VERB_GET = 1, VERB_HEAD = 2, VERB_PUT = 4, VERB_POST = 8 };

struct place {
	const char *segments[4]; // what the path begins with
	size_t fixed;		 // how many of them
	size_t min, max;	 // segments of the whole path
	unsigned verbs;
	const char *allow;
	bool takes_query;
	void (*read)(struct exchange *exchange);
	void (*write)(struct exchange *exchange, const struct request *request);
};

static const struct place places[] = {
	{{"metadata"}, 1, 2, 2, VERB_GET | VERB_HEAD, "GET, HEAD", false, get_metadata, NULL},
	{{"targets"}, 1, 2, SEGMENTS_MAX, VERB_GET | VERB_HEAD, "GET, HEAD", false, get_target,
	 NULL},
	{{"api", "v1", "blobs", "sha256"}, 4, 5, 5, VERB_HEAD | VERB_PUT, "HEAD, PUT", false,
	 head_blob, put_blob},
	{{"api", "v1", "metadata"}, 3, 3, 4, VERB_POST, "POST", false, NULL, post_metadata},
	{{"api", "v1", "status"}, 3, 3, 3, VERB_GET | VERB_HEAD, "GET, HEAD", false, get_status,
	 NULL},
	{{"api", "v1", "bundles"}, 3, 3, 3, VERB_GET | VERB_HEAD, "GET, HEAD", true, get_bundles,
	 NULL},
	{{"metrics"}, 1, 1, 1, VERB_GET | VERB_HEAD, "GET, HEAD", false, get_metrics, NULL},
};

static unsigned verb_of(const char *method)
{
	static const struct {
		const char *name;
		unsigned verb;
	} verbs[] = {
		{"GET", VERB_GET}, {"HEAD", VERB_HEAD}, {"PUT", VERB_PUT}, {"POST", VERB_POST}};

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (strcmp(method, verbs[i].name) == 0)
			return verbs[i].verb;
	return VERB_OTHER;
}

static const struct place *find_place(const struct path *path)
{
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const struct place *place = &places[i];
		size_t same = 0;

		if (path->count < place->min || path->count > place->max)
			continue;
		while (same < place->fixed &&
		       strcmp(path->segments[same], place->segments[same]) == 0)
			same++;
		if (same == place->fixed)
			return place;
	}
	return NULL;
}

// Decoded once; what is still a trick after that is refused. Only a role's name may hold a '/', and it is quoted
// again before it becomes part of a file name.
static bool segment_is_plain(const char *segment)
{
	if (strcmp(segment, ".") == 0 || strcmp(segment, "..") == 0)
		return false;
	for (; *segment; segment++)
		if ((unsigned char)*segment < ' ' || *segment == 127 || *segment == '\\')
			return false;
	return true;
}

static bool read_path(const char *raw, struct path *path)
{
	char segment[3 * SEGMENT_MAX];

	path->count = 0;
	if (raw[0] != '/')
		return false;
	if (!raw[1])
		return true;
	while (*raw == '/') {
		size_t len = strcspn(++raw, "/");

		if (path->count == SEGMENTS_MAX || len >= sizeof(segment))
			return false;
		memcpy(segment, raw, len);
		segment[len] = '\0';
		if (!release_unquote(segment, path->segments[path->count], SEGMENT_MAX) ||
		    !segment_is_plain(path->segments[path->count]))
			return false;
		path->count++;
		raw += len;
	}
	return true;
}

static bool holds_slash(const struct path *path)
{
	bool is_role = (path->count == 2 && strcmp(path->segments[0], "metadata") == 0) ||
		       (path->count == 4 && strcmp(path->segments[2], "metadata") == 0);

	for (size_t i = 0; i < path->count; i++)
		if (strchr(path->segments[i], '/') && !(is_role && i + 1 == path->count))
			return true;
	return false;
}

// ---- framing (A51) ----

// RFC 9110 5.6.2: what a field name is made of. Seen in the library that serves us: a folded line becomes part of the
// *name* of the field above it ("Content-Length5"), and "Content-Length : 5" keeps its space. Both would hide a body.
static bool name_is_odd(const char *name)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789"
				    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	static const char *const framing[] = {"Content-Length", "Transfer-Encoding"};

	if (!name[0] || name[strspn(name, token)])
		return true;
	for (size_t i = 0; i < 2; i++) {
		size_t len = strlen(framing[i]);

		if (strncasecmp(name, framing[i], len) == 0 && name[len])
			return true;
	}
	return false;
}

void request_note(struct request *request, const char *name)
{
	request->content_lengths += strcasecmp(name, "Content-Length") == 0;
	request->has_transfer_encoding |= strcasecmp(name, "Transfer-Encoding") == 0;
	request->has_odd_header |= name_is_odd(name);
}

// A body that two readers could cut differently is the start of request smuggling: refused, and nothing that follows
// on the connection is read as a request.
static bool check_framing(struct exchange *exchange, const struct request *request, unsigned verb)
{
	size_t digits = request->content_length ? strlen(request->content_length) : 0;

	exchange->answer.close = true;
	if (request->has_odd_header) {
		refuse_text(exchange, 400, FAULT_FORMAT, "a header field has a name that is none");
		return false;
	}
	if (request->has_transfer_encoding) {
		refuse_text(exchange, verb & (VERB_PUT | VERB_POST) ? 411 : 400, FAULT_FORMAT,
			    "bodies are taken with a Content-Length only");
		return false;
	}
	if (request->content_lengths > 1 || digits > 18 ||
	    (digits && strspn(request->content_length, "0123456789") != digits)) {
		refuse_text(exchange, 400, FAULT_FORMAT, "the Content-Length is not one number");
		return false;
	}
	if (digits)
		exchange->length = strtoull(request->content_length, NULL, 10);
	if (exchange->length && !(verb & (VERB_PUT | VERB_POST))) {
		refuse_text(exchange, 400, FAULT_FORMAT, "this method takes no body");
		return false;
	}
	exchange->answer.close = false;
	return true;
}

// ---- an exchange ----

void exchange_free(struct exchange *exchange)
{
	if (!exchange)
		return;
	answer_reset(&exchange->answer);
	upload_drop(&exchange->upload);
	digest_drop(&exchange->digest);
	bytes_drop(&exchange->body);
	free(exchange);
}

// Cuts the target into path and query. They stay in `raw`.
static bool read_target(struct exchange *exchange, const char *target)
{
	size_t len = strlen(target);
	char *mark;

	if (len >= sizeof(exchange->raw))
		return false;
	memcpy(exchange->raw, target, len + 1);
	mark = strchr(exchange->raw, '?');
	exchange->query = mark ? mark + 1 : "";
	if (mark)
		*mark = '\0';
	return read_path(exchange->raw, &exchange->path) && !holds_slash(&exchange->path) &&
	       !strchr(target, '#');
}

static void run_place(struct exchange *exchange, const struct request *request,
		      const struct place *place, unsigned verb)
{
	struct answer *answer = &exchange->answer;

	if (!(place->verbs & verb)) {
		refuse_text(exchange, 405, FAULT_USAGE, "this place does not take that method");
		answer->allow = place->allow;
		return;
	}
	if (!place->takes_query && strchr(request->target, '?')) {
		refuse_text(exchange, 400, FAULT_FORMAT, "this place takes no query");
		return;
	}
	if (verb & (VERB_PUT | VERB_POST)) {
		place->write(exchange, request);
		return;
	}
	place->read(exchange);
	// The body stays: it is not sent, but the Content-Length must be that of the 200 (RFC 9110 8.6).
	if (answer->status == 200 && has_it(request->if_none_match, answer->etag))
		answer->status = 304;
}

struct exchange *route_open(const struct route *route, const struct request *request)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	unsigned verb = verb_of(request->method);
	const struct place *place;

	if (!exchange)
		return NULL;
	exchange->route = route;
	exchange->answer.fd = -1;
	if (!check_framing(exchange, request, verb))
		return exchange;
	if (!read_target(exchange, request->target)) {
		refuse_text(exchange, 400, FAULT_FORMAT, "the path is not a plain one");
		return exchange;
	}
	place = find_place(&exchange->path);
	if (place)
		run_place(exchange, request, place, verb);
	else
		refuse_text(exchange, 404, FAULT_NOT_FOUND, "there is nothing here");
	return exchange;
}

uint64_t exchange_expects(const struct exchange *exchange)
{
	// A body that is too large is not read at all.
	return exchange->answer.close ? 0 : exchange->length;
}

void exchange_add(struct exchange *exchange, const void *data, size_t len)
{
	struct fault *why = &exchange->refused;

	if (exchange->answer.status || why->code)
		return;
	if (exchange->upload && upload_add(exchange->upload, data, len, why))
		upload_drop(&exchange->upload);
	if (!exchange->is_metadata)
		return;
	if (len > PUBLISH_BODY_MAX - exchange->body.len)
		fault_set(why, FAULT_TOO_LARGE, "the body is larger than this server takes");
	else if (bytes_append(&exchange->body, data, len, why) == 0 &&
		 digest_add(exchange->digest, data, len, why) == 0)
		return;
	bytes_drop(&exchange->body);
}

bool exchange_is_slow(const struct exchange *exchange)
{
	return !exchange->answer.status;
}

static void finish_blob(struct exchange *exchange)
{
	struct metrics *metrics = exchange->route->metrics;
	struct fault why = {0};
	bool made = false;

	if (upload_keep(exchange->upload, &exchange->wanted, &made, &why)) {
		if (why.code == FAULT_DIGEST)
			refuse(exchange, 400, &why);
		else
			fail(exchange, &why);
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

// Of a batch: each role in its place.
static int put_roles(struct json *document, const struct batch *batch,
		     const struct release *release, struct fault *why)
{
	struct json *roles = json_make_array();

	if (json_put(document, "roles", roles, why))
		return -1;
	for (size_t i = 0; i < batch->count; i++) {
		struct json *entry = json_make_object();

		if (json_add(roles, entry, why) ||
		    put_role(entry, batch->list[i].role, release, why))
			return -1;
	}
	return 0;
}

// `role` or, when it is NULL, `batch` is what was sent.
static int write_commit(struct exchange *exchange, const char *role, const struct batch *batch,
			const struct release *release, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();

	if (json_put_text(document, "schema", "bpfseal.commit/1", why) ||
	    (role ? put_role(document, role, release, why)
		  : put_roles(document, batch, release, why)) ||
	    json_put_int(document, "snapshot", release->versions.snapshot, why) ||
	    json_put_int(document, "timestamp", release->versions.timestamp, why))
		return -1;
	answer_json(exchange, document);
	return 0;
}

static void refuse_submission(struct exchange *exchange, enum publish_outcome outcome,
			      const struct fault *why)
{
	struct metrics *metrics = exchange->route->metrics;

	switch (outcome) {
	case PUBLISH_CONFLICT:
		atomic_fetch_add(&metrics->conflicts, 1);
		refuse(exchange, 409, why);
		break;
	case PUBLISH_HELD:
		atomic_fetch_add(&metrics->refusals, 1);
		refuse(exchange, 503, why);
		break;
	case PUBLISH_FAILED:
		atomic_fetch_add(&metrics->failures, 1);
		fail(exchange, why);
		break;
	default:
		atomic_fetch_add(&metrics->refusals, 1);
		refuse(exchange, 422, why);
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
		fail(exchange, &why);
		return;
	}
	if (!sha256_equal(&have, &exchange->claim.body)) {
		refuse_text(exchange, 400, FAULT_DIGEST, "the body is not what was signed");
		return;
	}
	if (!role && batch_parse(exchange->body.data, exchange->body.len, &batch, &why)) {
		refuse_submission(exchange, PUBLISH_REFUSED, &why);
		return;
	}
	failed = role ? publish_submit(route->publish, role, exchange->body.data,
				       exchange->body.len, exchange->claim.key_id, &outcome,
				       &release, &why)
		      : publish_submit_all(route->publish, &batch, exchange->claim.key_id, &outcome,
					   &release, &why);
	if (failed) {
		refuse_submission(exchange, outcome, &why);
		return;
	}
	if (outcome == PUBLISH_DONE)
		atomic_fetch_add(&route->metrics->commits, 1);
	if (write_commit(exchange, role, &batch, release, &why))
		fail(exchange, &why);
}

struct answer *exchange_finish(struct exchange *exchange)
{
	if (exchange->answer.status)
		return &exchange->answer;
	if (exchange->refused.code == FAULT_TOO_LARGE)
		refuse(exchange, 413, &exchange->refused);
	else if (exchange->refused.code)
		fail(exchange, &exchange->refused);
	else if (exchange->upload)
		finish_blob(exchange);
	else
		finish_metadata(exchange);
	return &exchange->answer;
}
