// SPDX-License-Identifier: Apache-2.0
#include "repod/lookup.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "repod/exchange.h"

// Larger files are served from the disk.
#define SHELVED_MAX  ((size_t)4 << 20)
#define BUNDLES_MAX  1000 // a page of the list
#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"

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

bool lookup_has(const char *if_none_match, const char *etag)
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
		exchange_fail(exchange, &why);
}

static int shelve_metadata(const struct route *route, const char *file, struct shelf_item **out,
			   struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	struct sha256 digest;
	char etag[SHA256_HEX];

	if (file_read_at(publish_metadata_dir(route->publish), file, COMMITTED_FILE_MAX, &data,
			 why) ||
	    sha256_of(data.data, data.len, &digest, why))
		return -1;
	sha256_hex(&digest, etag);
	return shelf_put(route->shelf, file, etag, &data, out, why);
}

void lookup_metadata(struct exchange *exchange)
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
		exchange_refuse_text(exchange, 404, FAULT_NOT_FOUND,
				     "there is no such metadata file");
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
			exchange_refuse_text(exchange, 404, FAULT_NOT_FOUND,
					     "there is no such metadata file");
			return;
		}
	}
	if (!item) {
		exchange_fail(exchange, &why);
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

void lookup_target(struct exchange *exchange)
{
	OWNED(bytes_drop) struct bytes path = {0};
	struct sha256 digest;
	struct fault why = {0};
	bool has = false;

	if (split_target(&exchange->path, &path, &digest) &&
	    catalog_has_target(exchange->route->catalog, bytes_text(&path), &digest, &has, &why)) {
		exchange_fail(exchange, &why);
		return;
	}
	if (!has) {
		exchange_refuse_text(exchange, 404, FAULT_NOT_FOUND,
				     "no such target was published");
		return;
	}
	if (open_target(exchange, &digest, &why))
		exchange_fail(exchange, &why);
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

void lookup_status(struct exchange *exchange)
{
	OWNED(release_drop) struct release *release = publish_release(exchange->route->publish);
	OWNED(json_drop) struct json *document = json_make_object();
	struct fault why = {0};

	if (json_put_text(document, "schema", "bpfseal.repod/1", &why) ||
	    put_versions(document, release, &why))
		exchange_fail(exchange, &why);
	else
		exchange_json(exchange, document);
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

void lookup_bundles(struct exchange *exchange)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct page page = {.list = json_make_array()};
	char after[512] = "";
	int64_t limit = 100;
	struct fault why = {0};

	if (json_put_text(document, "schema", "bpfseal.bundles/1", &why)) {
		json_free(page.list);
		exchange_fail(exchange, &why);
		return;
	}
	if (json_put(document, "bundles", page.list, &why)) {
		exchange_fail(exchange, &why);
		return;
	}
	if (!read_page(exchange->query, after, sizeof(after), &limit)) {
		exchange_refuse_text(
			exchange, 400, FAULT_FORMAT,
			"the query is after=PATH and limit=N (1 to 1000), nothing else");
		return;
	}
	if (catalog_bundles(exchange->route->catalog, after, limit, add_bundle, &page, &why) ||
	    json_put(document, "next",
		     page.count == limit ? json_make_text(page.last) : json_make_null(), &why))
		exchange_fail(exchange, &why);
	else
		exchange_json(exchange, document);
}

void lookup_metrics(struct exchange *exchange)
{
	const struct route *route = exchange->route;
	OWNED(release_drop) struct release *release = publish_release(route->publish);
	struct answer *answer = &exchange->answer;
	struct fault why = {0};

	answer->status = 200;
	answer->type = TYPE_METRICS;
	if (metrics_write(route->metrics, release, route->clock(), &answer->body, &why))
		exchange_fail(exchange, &why);
}

void lookup_blob(struct exchange *exchange)
{
	struct answer *answer = &exchange->answer;
	struct fault ignored = {0};
	struct sha256 digest;

	if (sha256_read(exchange->path.segments[4], &digest) ||
	    blob_open(publish_blobs_dir(exchange->route->publish), &digest, &answer->fd,
		      &answer->fd_len, &ignored)) {
		exchange_refuse_text(exchange, 404, FAULT_NOT_FOUND, "there is no such blob");
		return;
	}
	answer->status = 200;
	answer->type = TYPE_BYTES;
}
