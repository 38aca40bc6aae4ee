// SPDX-License-Identifier: Apache-2.0
#include "repod/route.h"

#include <string.h>
#include <strings.h>

#include "repod/delivery.h"
#include "repod/exchange.h"
#include "repod/lookup.h"

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
	{{"metadata"}, 1, 2, 2, VERB_GET | VERB_HEAD, "GET, HEAD", false, lookup_metadata, NULL},
	{{"targets"},
	 1,
	 2,
	 SEGMENTS_MAX,
	 VERB_GET | VERB_HEAD,
	 "GET, HEAD",
	 false,
	 lookup_target,
	 NULL},
	{{"api", "v1", "blobs", "sha256"},
	 4,
	 5,
	 5,
	 VERB_HEAD | VERB_PUT,
	 "HEAD, PUT",
	 false,
	 lookup_blob,
	 delivery_blob},
	{{"api", "v1", "metadata"}, 3, 3, 4, VERB_POST, "POST", false, NULL, delivery_metadata},
	{{"api", "v1", "status"},
	 3,
	 3,
	 3,
	 VERB_GET | VERB_HEAD,
	 "GET, HEAD",
	 false,
	 lookup_status,
	 NULL},
	{{"api", "v1", "bundles"},
	 3,
	 3,
	 3,
	 VERB_GET | VERB_HEAD,
	 "GET, HEAD",
	 true,
	 lookup_bundles,
	 NULL},
	{{"metrics"}, 1, 1, 1, VERB_GET | VERB_HEAD, "GET, HEAD", false, lookup_metrics, NULL},
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

// Names of roles and targets are texts in JSON: what is not UTF-8 names nothing.
static bool segment_is_name(const char *segment)
{
	return segment_is_plain(segment) && text_is_utf8(segment);
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
		    !segment_is_name(path->segments[path->count]))
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
		exchange_refuse_text(exchange, 400, FAULT_FORMAT,
				     "a header field has a name that is none");
		return false;
	}
	if (request->has_transfer_encoding) {
		exchange_refuse_text(exchange, verb & (VERB_PUT | VERB_POST) ? 411 : 400,
				     FAULT_FORMAT, "bodies are taken with a Content-Length only");
		return false;
	}
	if (request->content_lengths > 1 || digits > 18 ||
	    (digits && strspn(request->content_length, "0123456789") != digits)) {
		exchange_refuse_text(exchange, 400, FAULT_FORMAT,
				     "the Content-Length is not one number");
		return false;
	}
	if (digits)
		exchange->length = strtoull(request->content_length, NULL, 10);
	if (exchange->length && !(verb & (VERB_PUT | VERB_POST))) {
		exchange_refuse_text(exchange, 400, FAULT_FORMAT, "this method takes no body");
		return false;
	}
	exchange->answer.close = false;
	return true;
}

// ---- an exchange ----

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
		exchange_refuse_text(exchange, 405, FAULT_USAGE,
				     "this path does not allow that method");
		answer->allow = place->allow;
		return;
	}
	if (!place->takes_query && strchr(request->target, '?')) {
		exchange_refuse_text(exchange, 400, FAULT_FORMAT, "this path takes no query");
		return;
	}
	if (verb & (VERB_PUT | VERB_POST)) {
		place->write(exchange, request);
		return;
	}
	place->read(exchange);
	// The body stays: it is not sent, but the Content-Length must be that of the 200 (RFC 9110 8.6).
	if (answer->status == 200 && lookup_has(request->if_none_match, answer->etag))
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
		exchange_refuse_text(exchange, 400, FAULT_FORMAT, "the path is not a plain one");
		return exchange;
	}
	place = find_place(&exchange->path);
	if (place)
		run_place(exchange, request, place, verb);
	else
		exchange_refuse_text(exchange, 404, FAULT_NOT_FOUND, "there is nothing here");
	return exchange;
}

uint64_t exchange_expects(const struct exchange *exchange)
{
	// A body that is too large is not read at all.
	return exchange->answer.close ? 0 : exchange->length;
}

bool exchange_is_slow(const struct exchange *exchange)
{
	return !exchange->answer.status;
}

void exchange_add(struct exchange *exchange, const void *data, size_t len)
{
	delivery_add(exchange, data, len);
}

struct answer *exchange_finish(struct exchange *exchange)
{
	if (!exchange->answer.status)
		delivery_finish(exchange);
	return &exchange->answer;
}
