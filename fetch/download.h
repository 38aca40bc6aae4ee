// SPDX-License-Identifier: Apache-2.0
// HTTP transfers from and to one repository, with limits on time and size; verifies nothing. The only user of libcurl.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/fault.h"

// Header bytes of one answer (A45), and of an error page that nobody but a person reads.
#define DOWNLOAD_HEADERS_MAX 65536
#define DOWNLOAD_ERROR_MAX   16384

// How long a repository may take (A07). A request may last base_ms plus its size cap divided by rate_plan; all requests of
// one struct download together may last budget_ms.
struct download_limits {
	unsigned connect_ms;
	unsigned base_ms;
	unsigned rate_plan; // bytes a second that the deadline allows for
	unsigned rate_min;  // bytes a second, averaged over rate_window_s; less gives up
	unsigned rate_window_s;
	uint64_t budget_ms;
	bool (*stopped)(void); // asked while waiting: true gives up. NULL: never
};
struct download_limits download_limits_default(void);

struct download;

// A client for everything below `base` ("https://repo.example", with or without a trailing slash). The URL must pass
// pin_url_check. `ca_file` replaces the system's CA certificates; NULL keeps them. Does not connect yet.
int download_new(const char *base, const char *ca_file, const struct download_limits *limits,
		 struct download **out, struct fault *why) MUST_CHECK;
void download_free(struct download *download);
static inline void download_drop(struct download **download)
{
	download_free(*download);
	*download = NULL;
}

// True when the directory holds a certificate under the name that TLS looks it up by: eight hex digits and ".0".
bool download_is_hashed(const char *dir) MUST_CHECK;

// GET of `path` below the base, already quoted for a URL. A body of more than `max` bytes is FAULT_TOO_LARGE. 404 is
// FAULT_NOT_FOUND, and so is 403, which object stores return for a missing object. Everything else is FAULT_NETWORK. Appends
// to `out`, which is unchanged after a refusal.
int download_get(struct download *download, const char *path, size_t max, struct bytes *out,
		 struct fault *why) MUST_CHECK;

// Any other request, for publishing. `headers` is NULL-terminated ("Name: value").
struct download_request {
	const char *method; // "HEAD", "PUT", "POST"
	const char *path;   // quoted, below the base
	const char *const *headers;
	const void *body;
	size_t body_len;
	size_t max; // of the answer
};
struct download_answer {
	long status;
	struct bytes body;
};
static inline void download_answer_drop(struct download_answer *answer)
{
	bytes_drop(&answer->body);
}
// 0 whenever there is a complete answer, whatever its status. `*out` starts as {0} and is the caller's.
int download_ask(struct download *download, const struct download_request *request,
		 struct download_answer *out, struct fault *why) MUST_CHECK;

// The path part of the base URL, without a slash at its end: "" or "/some/where". Borrowed.
const char *download_base_path(const struct download *download);
// The base URL, with a slash at its end. Borrowed.
const char *download_base(const struct download *download);

// Percent-encodes a relative path, segment by segment: all but [A-Za-z0-9._~-] becomes %XX. A path that is absolute or has an
// empty, "." or ".." segment is FAULT_FORMAT: servers and caches would normalize it differently.
int download_quote(const char *path, struct bytes *out, struct fault *why) MUST_CHECK;
