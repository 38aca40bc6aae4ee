// SPDX-License-Identifier: Apache-2.0
#include "fetch/download.h"

#include <curl/curl.h>
#include <dirent.h>
#include <string.h>
#include <strings.h>

#include "base/owned.h"
#include "keys/pin.h"

struct download {
	CURL *curl;
	char *base;	 // ends with a slash
	char *base_path; // "" or "/some/where"
	struct download_limits limits;
	uint64_t
		spent_ms; // by all requests so far: curl's own measure, so that no clock is read here
	char error[CURL_ERROR_SIZE];
};

// What the callbacks of one request write into.
struct transfer {
	struct download *download;
	struct bytes *body;
	size_t start; // length of *body before the answer
	size_t max;
	size_t header_len;
	bool body_over, headers_over, no_memory;
	struct fault why;
};

struct download_limits download_limits_default(void)
{
	return (struct download_limits){
		.connect_ms = 10 * 1000,
		.base_ms = 30 * 1000,
		.rate_plan = 32 * 1024,
		.rate_min = 1024,
		.rate_window_s = 30,
		.budget_ms = 15 * 60 * 1000,
	};
}

// ---- what curl calls ----

static bool is_success(long status)
{
	return status >= 200 && status <= 299;
}

static long status_of(CURL *curl)
{
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

// curl 7.88 enforces MAXFILESIZE only where the server announces a length (A06, A46), so the count is kept here.
static size_t on_body(char *data, size_t one, size_t len, void *ctx)
{
	struct transfer *transfer = ctx;
	size_t max = transfer->max;

	(void)one;
	if (!is_success(status_of(transfer->download->curl)) && max > DOWNLOAD_ERROR_MAX)
		max = DOWNLOAD_ERROR_MAX;
	if (len > max - (transfer->body->len - transfer->start)) {
		transfer->body_over = true;
		return CURL_WRITEFUNC_ERROR;
	}
	if (bytes_append(transfer->body, data, len, &transfer->why)) {
		transfer->no_memory = true;
		return CURL_WRITEFUNC_ERROR;
	}
	return len;
}

static size_t on_header(char *data, size_t one, size_t len, void *ctx)
{
	struct transfer *transfer = ctx;

	(void)data;
	(void)one;
	transfer->header_len += len;
	if (transfer->header_len > DOWNLOAD_HEADERS_MAX) {
		transfer->headers_over = true;
		return CURL_WRITEFUNC_ERROR;
	}
	return len;
}

static int on_progress(void *ctx, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
		       curl_off_t up)
{
	const struct download *download = ctx;

	(void)down_total;
	(void)down;
	(void)up_total;
	(void)up;
	return download->limits.stopped && download->limits.stopped();
}

// ---- the door ----

static bool is_hash_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && !strcmp(name + 8, ".0");
}

bool download_is_hashed(const char *dir)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry = stream ? readdir(stream) : NULL;

	while (entry && !is_hash_name(entry->d_name))
		entry = readdir(stream);
	if (stream)
		closedir(stream);
	return entry != NULL;
}

// Where curl is built with a directory of certificates and it is hashed, the one that is needed is looked up there. The
// bundle beside it holds the same ones, and would be parsed whole by every process that connects.
static CURLcode leave_bundle(CURL *curl)
{
	char *dir = NULL;
	CURLcode rc = curl_easy_getinfo(curl, CURLINFO_CAPATH, &dir);

	if (rc || !dir || !download_is_hashed(dir))
		return CURLE_OK;
	rc = curl_easy_setopt(curl, CURLOPT_CAPATH, dir);
	return rc ? rc : curl_easy_setopt(curl, CURLOPT_CAINFO, NULL);
}

static CURLcode set_transport(CURL *curl, const struct download *download, const char *ca_file)
{
	bool tls = !strncasecmp(download->base, "https:", 6);
	CURLcode rc = CURLE_OK;

	// Only the scheme of the base: no redirect, no file://, no downgrade (A41).
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "https");
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	// No proxy, whatever the environment once said (A44).
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_PROXY, "");
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
	// One small parser: HTTP/1.1, and no decoder of compressed bodies (A46).
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_HTTP09_ALLOWED, 0L);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	if (!tls)
		return rc;
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (!ca_file)
		return rc ? rc : leave_bundle(curl);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file);
	// Debian's curl has a CA directory built in: left alone, the system's CAs would count beside the admin's.
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	return rc;
}

static CURLcode set_limits(CURL *curl, struct download *download)
{
	const struct download_limits *limits = &download->limits;
	CURLcode rc = CURLE_OK;

	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)limits->rate_min);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)limits->rate_window_s);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_XFERINFODATA, download);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, download->error);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_USERAGENT, "bpfseal");
	return rc;
}

// Splits "https://host/some/where/" for those who sign request paths.
static int set_base(struct download *download, const char *base, struct fault *why)
{
	size_t len = strlen(base);
	const char *host, *path;

	while (len && base[len - 1] == '/')
		len--;
	if (asprintf(&download->base, "%.*s/", (int)len, base) < 0) {
		download->base = NULL;
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	host = strstr(download->base, "://");
	path = host ? strchr(host + 3, '/') : NULL;
	if (!path)
		return fault_set(why, FAULT_CONFIG, "%s is not the URL of a repository", base);
	if (text_copy(path, &download->base_path, why))
		return -1;
	download->base_path[strlen(path) - 1] = '\0';
	return 0;
}

int download_new(const char *base, const char *ca_file, const struct download_limits *limits,
		 struct download **out, struct fault *why)
{
	OWNED(download_drop) struct download *download = NULL;
	CURLcode rc;

	if (pin_url_check(base, why))
		return -1;
	download = calloc(1, sizeof(*download));
	if (!download)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(HAND_OVER(download));
		return fault_set(why, FAULT_OTHER, "cannot set up curl");
	}
	download->limits = *limits;
	if (set_base(download, base, why))
		return -1;
	download->curl = curl_easy_init();
	if (!download->curl)
		return fault_set(why, FAULT_OTHER, "cannot set up curl");
	rc = set_transport(download->curl, download, ca_file);
	rc = rc ? rc : set_limits(download->curl, download);
	if (rc)
		return fault_set(why, FAULT_OTHER, "cannot set up curl: %s",
				 curl_easy_strerror(rc));
	*out = HAND_OVER(download);
	return 0;
}

void download_free(struct download *download)
{
	if (!download)
		return;
	curl_easy_cleanup(download->curl);
	curl_global_cleanup();
	free(download->base);
	free(download->base_path);
	free(download);
}

const char *download_base_path(const struct download *download)
{
	return download->base_path;
}

const char *download_base(const struct download *download)
{
	return download->base;
}

// ---- one request ----

static void drop_list(struct curl_slist **list)
{
	curl_slist_free_all(*list);
	*list = NULL;
}

static int list_add(struct curl_slist **list, const char *line, struct fault *why)
{
	struct curl_slist *grown = curl_slist_append(*list, line);

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*list = grown;
	return 0;
}

static int set_headers(CURL *curl, const struct download_request *request, struct curl_slist **list,
		       struct fault *why)
{
	for (const char *const *line = request->headers; line && *line; line++)
		if (list_add(list, *line, why))
			return -1;
	// Nothing is announced: no Accept-Encoding, no Referer, and no content type that we did not mean.
	if (curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *list))
		return fault_set(why, FAULT_OTHER, "cannot set the headers of a request");
	return 0;
}

static CURLcode set_method(CURL *curl, const struct download_request *request)
{
	CURLcode rc = curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, NULL);

	if (!strcmp(request->method, "HEAD"))
		return rc ? rc : curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
	if (!strcmp(request->method, "GET"))
		return rc;
	rc = rc ? rc
		: curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
				   (curl_off_t)request->body_len);
	rc = rc ? rc
		: curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
	rc = rc ? rc : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
	return rc;
}

// The deadline of this request: what its bytes need, and never past the budget of the whole door.
static int deadline_of(const struct download *download, const struct download_request *request,
		       uint64_t *out_ms, struct fault *why)
{
	const struct download_limits *limits = &download->limits;
	uint64_t bytes = (uint64_t)request->max + request->body_len;
	uint64_t deadline = limits->base_ms + bytes * 1000 / limits->rate_plan;
	uint64_t left;

	if (download->spent_ms >= limits->budget_ms)
		return fault_set(why, FAULT_NETWORK, "%s has used up its %llu s", download->base,
				 (unsigned long long)(limits->budget_ms / 1000));
	left = limits->budget_ms - download->spent_ms;
	*out_ms = deadline < left ? deadline : left;
	return 0;
}

static int perform(struct download *download, const struct download_request *request,
		   struct transfer *transfer, CURLcode *rc, struct fault *why)
{
	OWNED(bytes_drop) struct bytes url = {0};
	OWNED(drop_list) struct curl_slist *headers = NULL;
	CURL *curl = download->curl;
	// The length that a HEAD announces is of a body that does not come. 0: no limit.
	curl_off_t announced_max = strcmp(request->method, "HEAD") ? (curl_off_t)request->max : 0;
	curl_off_t took_us = 0;
	uint64_t deadline_ms;

	if (deadline_of(download, request, &deadline_ms, why) ||
	    bytes_format(&url, why, "%s%s", download->base, request->path) ||
	    set_headers(curl, request, &headers, why))
		return -1;
	*rc = set_method(curl, request);
	*rc = *rc ? *rc : curl_easy_setopt(curl, CURLOPT_URL, bytes_text(&url));
	*rc = *rc ? *rc : curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)deadline_ms);
	*rc = *rc ? *rc : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	*rc = *rc ? *rc : curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
	*rc = *rc ? *rc : curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	*rc = *rc ? *rc : curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
	*rc = *rc ? *rc : curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, announced_max);
	download->error[0] = '\0';
	*rc = *rc ? *rc : curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &took_us);
	download->spent_ms += (uint64_t)took_us / 1000;
	// What is freed or leaves its scope here must not be reached by the next request.
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, NULL);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, NULL);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, NULL);
	return 0;
}

// What OpenSSL found wrong with the server's certificate (X509_V_ERR_*, a stable list), as curl hands it on.
enum verify_result {
	NOT_YET_VALID = 9,
	HAS_EXPIRED = 10,
	SELF_SIGNED = 18,
	UNVERIFIED_LEAF = 21, // and between them: the issuer is not known here
};

// Who has to do what about a connection that TLS did not let come about.
static int advise(CURL *curl, CURLcode rc, struct fault *why)
{
	long result = 0;

	if (rc == CURLE_SSL_CACERT_BADFILE)
		return fault_fix(
			why, "\"ca\" of the repository in node.json, or --ca, names a file with "
			     "CA certificates in PEM that this user may read");
	if (rc != CURLE_PEER_FAILED_VERIFICATION)
		return -1;
	curl_easy_getinfo(curl, CURLINFO_SSL_VERIFYRESULT, &result);
	if (result == NOT_YET_VALID || result == HAS_EXPIRED)
		return fault_fix(why, "the server needs a certificate that is valid today, or this "
				      "machine the right time; until then what runs stays");
	if (result >= SELF_SIGNED && result <= UNVERIFIED_LEAF)
		return fault_fix(why,
				 "name the CA that signed the server's certificate: \"ca\" of the "
				 "repository in node.json, or --ca");
	return fault_fix(why, "ask for the server by a name that its certificate is for");
}

// An answer that could not be had whole.
static int transfer_fault(const struct transfer *transfer, const struct download_request *request,
			  CURLcode rc, struct fault *why)
{
	const struct download *download = transfer->download;
	const char *reason = download->error[0] ? download->error : curl_easy_strerror(rc);

	if (transfer->no_memory) {
		*why = transfer->why;
		return -1;
	}
	if (transfer->headers_over)
		return fault_set(
			why, FAULT_NETWORK, "%s %s%s: the answer has more than %d bytes of headers",
			request->method, download->base, request->path, DOWNLOAD_HEADERS_MAX);
	if (transfer->body_over || rc == CURLE_FILESIZE_EXCEEDED)
		return fault_set(why, FAULT_TOO_LARGE, "%s%s is larger than the %zu bytes allowed",
				 download->base, request->path, request->max);
	if (rc == CURLE_ABORTED_BY_CALLBACK)
		reason = "told to stop";
	fault_set(why, rc == CURLE_SSL_CACERT_BADFILE ? FAULT_CONFIG : FAULT_NETWORK, "%s %s%s: %s",
		  request->method, download->base, request->path, reason);
	return advise(download->curl, rc, why);
}

static int ask(struct download *download, const struct download_request *request,
	       struct bytes *body, long *status, struct fault *why)
{
	struct transfer transfer = {
		.download = download, .body = body, .start = body->len, .max = request->max};
	CURLcode rc;

	*status = 0;
	if (perform(download, request, &transfer, &rc, why))
		return -1;
	*status = status_of(download->curl);
	// An error page that is too long is still that error; its words are cut.
	if (rc && *status >= 400 && (transfer.body_over || rc == CURLE_FILESIZE_EXCEEDED))
		rc = CURLE_OK;
	if (rc)
		return transfer_fault(&transfer, request, rc, why);
	return 0;
}

int download_ask(struct download *download, const struct download_request *request,
		 struct download_answer *out, struct fault *why)
{
	return ask(download, request, &out->body, &out->status, why);
}

static int status_fault(const struct download *download, const char *path, long status,
			struct fault *why)
{
	if (status == 404 || status == 403)
		return fault_set(why, FAULT_NOT_FOUND, "%s%s is not there (status %ld)",
				 download->base, path, status);
	if (status >= 300 && status <= 399)
		return fault_set(why, FAULT_NETWORK,
				 "GET %s%s: status %ld, and redirects are not followed",
				 download->base, path, status);
	return fault_set(why, FAULT_NETWORK, "GET %s%s: status %ld", download->base, path, status);
}

int download_get(struct download *download, const char *path, size_t max, struct bytes *out,
		 struct fault *why)
{
	OWNED(bytes_drop) struct bytes body = {0};
	struct download_request request = {.method = "GET", .path = path, .max = max};
	long status;

	if (ask(download, &request, &body, &status, why))
		return -1;
	// 206, 204 and their like would be parts or nothing: only 200 is the whole file (A48).
	if (status != 200)
		return status_fault(download, path, status, why);
	if (out->len)
		return bytes_append(out, body.data, body.len, why);
	bytes_move(out, &body);
	return 0;
}

// ---- quoting ----

static bool is_odd_segment(const char *segment, size_t len)
{
	return len == 0 || (len == 1 && segment[0] == '.') ||
	       (len == 2 && segment[0] == '.' && segment[1] == '.');
}

static int quote_segment(const char *segment, size_t len, struct bytes *out, struct fault *why)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789._~-";

	for (size_t i = 0; i < len; i++) {
		unsigned char byte = (unsigned char)segment[i];
		int rc = strchr(plain, byte) ? bytes_append(out, &byte, 1, why)
					     : bytes_format(out, why, "%%%02X", byte);

		if (rc)
			return -1;
	}
	return 0;
}

int download_quote(const char *path, struct bytes *out, struct fault *why)
{
	const char *at = path;

	for (;;) {
		size_t len = strcspn(at, "/");

		if (is_odd_segment(at, len))
			return fault_set(why, FAULT_FORMAT,
					 "the path \"%s\" has a segment that no URL may have",
					 path);
		if (quote_segment(at, len, out, why))
			return -1;
		if (!at[len])
			return 0;
		if (bytes_append(out, "/", 1, why))
			return -1;
		at += len + 1;
	}
}
