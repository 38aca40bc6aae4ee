// SPDX-License-Identifier: Apache-2.0
#include "repod/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/owned.h"

// Our longest request head is under 2 KiB (three signature headers); half of this is the read buffer of an upload.
// What does not fit is answered 431 or 414 (A50).
#define CONNECTION_MEMORY 16384
#define IDLE_S		  15	// between requests, and between any two bytes
#define HEAD_MS		  20000 // from the end of the last request to the end of the next one's head
#define REQUEST_MS	  30000 // from there to the end of the answer, plus the time for its bytes
#define RATE_MIN	  32768 // bytes a second that a reader or sender must keep up
// A request that was refused is still read to its end, so that its sender reads why, if it is not longer than this.
#define DRAIN_MAX (UINT64_C(32) << 20)

// One connection and the time by which it must have moved on.
struct line {
	int fd;
	int64_t deadline_ms;
	struct line *next, **link;
};

// One request.
struct turn {
	char *target;
	struct exchange *exchange;
	struct answer *answer; // once finished
	struct MHD_Connection *connection;
	struct turn *next; // in the queue of the writer
	bool queued;
};

struct http {
	struct http_setup setup;
	struct MHD_Daemon *daemon;
	pthread_mutex_t lines_lock;
	struct line *lines;
	// Turns that wait for the writer.
	pthread_t writer;
	pthread_mutex_t queue_lock;
	pthread_cond_t queue_moved;
	struct turn *first, **last;
	bool stopping, writer_runs;
};

static int64_t monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// ---- deadlines ----

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http *http = cls;
	struct line *line = *context;

	pthread_mutex_lock(&http->lines_lock);
	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);

		line = info ? calloc(1, sizeof(*line)) : NULL;
		if (line) {
			line->fd = info->connect_fd;
			line->deadline_ms = monotonic_ms() + HEAD_MS;
			line->link = &http->lines;
			line->next = http->lines;
			if (line->next)
				line->next->link = &line->next;
			http->lines = line;
			atomic_fetch_add(&http->setup.metrics->connections, 1);
		}
		*context = line;
	} else if (line) {
		// Still before the descriptor is closed: nobody else can have its number yet.
		*line->link = line->next;
		if (line->next)
			line->next->link = line->link;
		free(line);
		*context = NULL;
		atomic_fetch_sub(&http->setup.metrics->connections, 1);
	}
	pthread_mutex_unlock(&http->lines_lock);
}

// `in_ms` below 0: no deadline while the writer has it.
static void set_deadline(struct http *http, struct MHD_Connection *connection, int64_t in_ms)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct line *line = info ? info->socket_context : NULL;

	if (!line)
		return;
	pthread_mutex_lock(&http->lines_lock);
	line->deadline_ms = in_ms < 0 ? INT64_MAX : monotonic_ms() + in_ms;
	pthread_mutex_unlock(&http->lines_lock);
}

static int64_t time_for(uint64_t bytes)
{
	return REQUEST_MS + (int64_t)(bytes / RATE_MIN) * 1000;
}

void http_tick(struct http *http)
{
	int64_t now = monotonic_ms();

	pthread_mutex_lock(&http->lines_lock);
	for (struct line *line = http->lines; line; line = line->next) {
		if (line->deadline_ms > now)
			continue;
		// Not close: the number must stay taken until the library lets go of it.
		shutdown(line->fd, SHUT_RDWR);
		line->deadline_ms = INT64_MAX;
		atomic_fetch_add(&http->setup.metrics->deadlines, 1);
	}
	pthread_mutex_unlock(&http->lines_lock);
}

// ---- the writer ----

static struct turn *take_turn(struct http *http)
{
	struct turn *turn;

	pthread_mutex_lock(&http->queue_lock);
	while (!http->first && !http->stopping)
		pthread_cond_wait(&http->queue_moved, &http->queue_lock);
	turn = http->first;
	if (turn) {
		http->first = turn->next;
		if (!http->first)
			http->last = &http->first;
	}
	pthread_mutex_unlock(&http->queue_lock);
	return turn;
}

// Ends when it is told to stop and nothing is queued: what was accepted is finished.
static void *run_writer(void *ctx)
{
	struct http *http = ctx;
	struct turn *turn;

	while ((turn = take_turn(http))) {
		turn->answer = exchange_finish(turn->exchange);
		MHD_resume_connection(turn->connection);
	}
	return NULL;
}

static void give_turn(struct http *http, struct turn *turn)
{
	set_deadline(http, turn->connection, -1);
	MHD_suspend_connection(turn->connection);
	turn->queued = true;
	pthread_mutex_lock(&http->queue_lock);
	*http->last = turn;
	http->last = &turn->next;
	pthread_cond_signal(&http->queue_moved);
	pthread_mutex_unlock(&http->queue_lock);
}

// ---- answers ----

static void free_item(void *cls)
{
	struct shelf_item *item = cls;

	shelf_drop(&item);
}

static struct MHD_Response *make_body(struct answer *answer, uint64_t *len)
{
	struct MHD_Response *response;
	const struct bytes *shared;

	if (answer->item) {
		shared = shelf_bytes(answer->item);
		*len = shared->len;
		response = MHD_create_response_from_buffer_with_free_callback_cls(
			shared->len, shared->len ? shared->data : (unsigned char *)"", free_item,
			answer->item);
		if (response)
			answer->item = NULL;
		return response;
	}
	if (answer->fd >= 0) {
		*len = answer->fd_len;
		response = MHD_create_response_from_fd64(answer->fd_len, answer->fd);
		if (response)
			answer->fd = -1;
		return response;
	}
	*len = answer->body.len;
	if (!answer->body.len)
		return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
	response = MHD_create_response_from_buffer(answer->body.len, answer->body.data,
						   MHD_RESPMEM_MUST_FREE);
	if (response)
		answer->body = (struct bytes){0};
	return response;
}

static bool put_header(struct MHD_Response *response, const char *name, const char *value)
{
	return !value || MHD_add_response_header(response, name, value) == MHD_YES;
}

static bool put_headers(struct MHD_Response *response, const struct answer *answer)
{
	static const char *const caching[] = {
		[CACHE_NEVER] = "no-store",
		[CACHE_ASK] = "no-cache",
		[CACHE_FOREVER] = "public, max-age=31536000, immutable",
	};
	char etag[SHA256_HEX + 2];

	snprintf(etag, sizeof(etag), "\"%s\"", answer->etag);
	return put_header(response, "Content-Type", answer->type) &&
	       put_header(response, "ETag", answer->etag[0] ? etag : NULL) &&
	       put_header(response, "Cache-Control", caching[answer->caching]) &&
	       put_header(response, "Allow", answer->allow) &&
	       put_header(response, "X-Content-Type-Options", "nosniff") &&
	       put_header(response, "WWW-Authenticate",
			  answer->status == 401 ? "Signature" : NULL) &&
	       put_header(response, "Retry-After", answer->status == 503 ? "5" : NULL) &&
	       put_header(response, "Connection", answer->close ? "close" : NULL);
}

static enum MHD_Result send_answer(struct http *http, struct turn *turn)
{
	struct answer *answer = turn->answer;
	uint64_t len = 0;
	struct MHD_Response *response = make_body(answer, &len);
	enum MHD_Result result = MHD_NO;

	if (response && put_headers(response, answer))
		result = MHD_queue_response(turn->connection, answer->status, response);
	if (response)
		MHD_destroy_response(response);
	set_deadline(http, turn->connection, time_for(len));
	atomic_fetch_add(&http->setup.metrics->answers[answer->status / 100 % 6], 1);
	return result;
}

// ---- requests ----

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result note_header(void *cls, enum MHD_ValueKind kind, const char *name,
				   const char *value)
{
	(void)kind, (void)value;
	request_note(cls, name ? name : "");
	return MHD_YES;
}

static enum MHD_Result begin(struct http *http, struct turn *turn, const char *method)
{
	struct MHD_Connection *connection = turn->connection;
	struct request request = {
		.method = method,
		.target = turn->target,
		.if_none_match = header(connection, "If-None-Match"),
		.content_length = header(connection, "Content-Length"),
		.knock = {header(connection, "Content-Digest"),
			  header(connection, "Signature-Input"), header(connection, "Signature")},
	};

	MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, &request);
	turn->exchange = route_open(http->setup.route, &request);
	if (!turn->exchange)
		return MHD_NO;
	set_deadline(http, connection, time_for(exchange_expects(turn->exchange)));
	if (!exchange_is_slow(turn->exchange)) {
		turn->answer = exchange_finish(turn->exchange);
		// Answered on the first call the library closes the connection without reading the body: only
		// where that is wanted.
		if (turn->answer->close || exchange_expects(turn->exchange) > DRAIN_MAX) {
			turn->answer->close = true;
			return send_answer(http, turn);
		}
	}
	return MHD_YES;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *data,
				  size_t *len, void **context)
{
	struct http *http = cls;
	struct turn *turn = *context;

	(void)url, (void)version;
	if (!turn)
		return MHD_NO;
	turn->connection = connection;
	if (!turn->exchange)
		return begin(http, turn, method);
	if (*len) {
		exchange_add(turn->exchange, data, *len);
		*len = 0;
		return MHD_YES;
	}
	if (turn->answer)
		return send_answer(http, turn);
	// Called again before the writer is done: nothing to do yet.
	if (!turn->queued)
		give_turn(http, turn);
	return MHD_YES;
}

// The request target as it came; what is returned is the request's context from its first call on.
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct turn *turn = calloc(1, sizeof(*turn));

	(void)cls, (void)connection;
	if (!turn)
		return NULL;
	turn->target = strdup(target);
	if (!turn->target) {
		free(turn);
		return NULL;
	}
	return turn;
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **context,
			 enum MHD_RequestTerminationCode code)
{
	struct turn *turn = *context;

	(void)code;
	*context = NULL;
	set_deadline(cls, connection, HEAD_MS);
	if (!turn)
		return;
	exchange_free(turn->exchange);
	free(turn->target);
	free(turn);
}

// Targets stay as they are on the wire: we decode them ourselves, once.
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
	(void)cls, (void)connection;
	return strlen(text);
}

// ---- start and end ----

static struct MHD_Daemon *start_daemon(struct http *http)
{
	// Not TURBO: with it a silent connection was seen to burn a processor. No post processor anywhere (A52).
	return MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
		http, MHD_OPTION_LISTEN_SOCKET, http->setup.listener,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY,
		MHD_OPTION_CONNECTION_LIMIT, http->setup.connections_max,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, http->setup.per_address_max,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, http, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, http, MHD_OPTION_URI_LOG_CALLBACK, on_target, http,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, http, MHD_OPTION_END);
}

int http_start(const struct http_setup *setup, struct http **out, struct fault *why)
{
	struct http *http = calloc(1, sizeof(*http));

	if (!http)
		return fault_set(why, FAULT_OTHER, "out of memory");
	http->setup = *setup;
	http->last = &http->first;
	pthread_mutex_init(&http->lines_lock, NULL);
	pthread_mutex_init(&http->queue_lock, NULL);
	pthread_cond_init(&http->queue_moved, NULL);
	if (pthread_create(&http->writer, NULL, run_writer, http) == 0) {
		http->writer_runs = true;
		http->daemon = start_daemon(http);
	}
	if (!http->daemon) {
		http_stop(http);
		return fault_set(why, FAULT_OTHER, "the HTTP server does not start");
	}
	*out = http;
	return 0;
}

void http_stop(struct http *http)
{
	MHD_socket listener = MHD_INVALID_SOCKET;

	if (!http)
		return;
	// No new connections; then the writer finishes what it has, and nothing is suspended any more.
	if (http->daemon)
		listener = MHD_quiesce_daemon(http->daemon);
	pthread_mutex_lock(&http->queue_lock);
	http->stopping = true;
	pthread_cond_signal(&http->queue_moved);
	pthread_mutex_unlock(&http->queue_lock);
	if (http->writer_runs)
		pthread_join(http->writer, NULL);
	if (http->daemon)
		MHD_stop_daemon(http->daemon);
	if (listener != MHD_INVALID_SOCKET)
		close(listener);
	pthread_mutex_destroy(&http->lines_lock);
	pthread_mutex_destroy(&http->queue_lock);
	pthread_cond_destroy(&http->queue_moved);
	free(http);
}
