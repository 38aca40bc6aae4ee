// SPDX-License-Identifier: Apache-2.0
#include "keys/pin.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/canon.h"

#define ROOT_FILE    "root.json"
#define RECORD_FILE  "pin.json"
#define SCHEMA	     "bpfseal.pin/1"
#define NAME_MAX_LEN 64
// What every client of the field takes for a root file.
#define ROOT_MAX   512000
#define RECORD_MAX 8192
#define URL_MAX	   1024

// ---- the fingerprint ----

int pin_fingerprint(const void *root, size_t len, struct sha256 *out, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	OWNED(bytes_drop) struct bytes canon = {0};
	const struct json *part;

	if (len > ROOT_MAX)
		return fault_set(why, FAULT_TOO_LARGE, "a root file has at most %d bytes",
				 ROOT_MAX);
	if (json_parse(root, len, ROOT_FILE, &document, why) != 0 ||
	    json_need_object(document, "signed", &part, why) != 0 ||
	    canon_write(part, &canon, why) != 0)
		return -1;
	return sha256_of(canon.data, canon.len, out, why);
}

void pin_fingerprint_write(const struct sha256 *fingerprint, char text[static PIN_FINGERPRINT_LEN])
{
	static const char digits[] = "0123456789ABCDEF";
	char *at = text;

	for (size_t i = 0; i < SHA256_SIZE; i++) {
		if (i > 0 && i % 2 == 0)
			*at++ = '-';
		*at++ = digits[fingerprint->byte[i] >> 4];
		*at++ = digits[fingerprint->byte[i] & 15];
	}
	*at = '\0';
}

int pin_fingerprint_read(const char *text, struct sha256 *out, struct fault *why)
{
	char hex[SHA256_HEX];
	const char *at = text;
	size_t count = 0;

	for (; *at && count < SHA256_HEX - 1; at++) {
		bool joins = count % 4 == 0 && count > 0 && at[-1] != '-' && at[1] != '\0';
		char c = *at;

		if (c == '-' && joins)
			continue;
		if (c >= 'A' && c <= 'F')
			c = (char)(c - 'A' + 'a');
		hex[count++] = c;
		if (c == '-')
			break;
	}
	hex[count] = '\0';
	// Nothing may stand behind the last digit.
	if (*at || sha256_read(hex, out) != 0)
		return fault_set(why, FAULT_USAGE,
				 "a fingerprint is 64 hexadecimal digits, in groups of 4 with '-' "
				 "between or without");
	return 0;
}

// ---- the URL ----

static int url_refuse(const char *url, const char *what, struct fault *why)
{
	fault_set(why, FAULT_CONFIG, "the repository URL %.200s %s", url, what);
	return fault_fix(why, "use https://HOST[:PORT][/PATH], or http:// to 127.0.0.1, [::1] or "
			      "localhost on this machine");
}

// The characters of RFC 3986 but those of a user ('@'), a query and a fragment.
static bool url_is_plain(const char *url)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
		"-._~:/[]!$&'()*+,;=%";

	return url[strspn(url, allowed)] == '\0';
}

static bool path_is_plain(const char *path)
{
	for (const char *part = path; *part;) {
		size_t len;

		part++; // behind the '/'
		len = strcspn(part, "/");
		if (memchr(part, '[', len) || memchr(part, ']', len) || memchr(part, '%', len))
			return false;
		if ((len == 1 && part[0] == '.') || (len == 2 && strncmp(part, "..", 2) == 0))
			return false;
		part += len;
	}
	return true;
}

static bool port_is_plain(const char *port, size_t len)
{
	long number = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (port[i] < '0' || port[i] > '9')
			return false;
		number = number * 10 + (port[i] - '0');
	}
	return number >= 1 && number <= 65535;
}

// Cuts the host out of an authority ("[::1]:80", "host:80"); false when it is none.
static bool host_cut(const char *authority, size_t len, char host[static 256], bool *six)
{
	const char *start = authority, *end = authority + len, *stop;

	*six = len > 0 && authority[0] == '[';
	stop = memchr(authority, *six ? ']' : ':', len);
	if (*six && !stop)
		return false;
	if (*six)
		start++;
	if (!stop)
		stop = end;
	if (stop == start || stop - start > 253)
		return false;
	memcpy(host, start, (size_t)(stop - start));
	host[stop - start] = '\0';
	if (*six)
		stop++;
	return stop == end || (*stop == ':' && port_is_plain(stop + 1, (size_t)(end - stop - 1)));
}

static bool host_is_plain(const char *host, bool six)
{
	static const char allowed[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-";
	struct in6_addr address;

	if (six)
		return inet_pton(AF_INET6, host, &address) == 1;
	return host[strspn(host, allowed)] == '\0';
}

// Only what is written out is believed: "127.1" or a name that happens to resolve to this machine is not loopback.
static bool host_is_loopback(const char *host, bool six)
{
	struct in6_addr address6;
	struct in_addr address;

	if (six)
		return inet_pton(AF_INET6, host, &address6) == 1 && IN6_IS_ADDR_LOOPBACK(&address6);
	if (inet_pton(AF_INET, host, &address) == 1)
		return ntohl(address.s_addr) >> 24 == 127;
	return strcmp(host, "localhost") == 0;
}

int pin_url_check(const char *url, struct fault *why)
{
	const char *rest = url;
	char host[256];
	size_t len;
	bool six, tls;

	if (strlen(url) > URL_MAX || !url_is_plain(url))
		return url_refuse(url, "holds what a repository's address does not", why);
	tls = strncmp(url, "https://", 8) == 0;
	if (!tls && strncmp(url, "http://", 7) != 0)
		return url_refuse(url, "is neither https:// nor http://", why);
	rest += tls ? 8 : 7;
	len = strcspn(rest, "/");
	if (!host_cut(rest, len, host, &six) || !host_is_plain(host, six))
		return url_refuse(url, "names no host", why);
	if (!path_is_plain(rest + len))
		return url_refuse(url, "has a path that is not plain", why);
	if (!tls && !host_is_loopback(host, six))
		return url_refuse(url,
				  "is http to another machine: anybody between could withhold "
				  "or watch",
				  why);
	return 0;
}

// ---- the files ----

void pin_drop(struct pin *pin)
{
	drop_heap(&pin->url);
	drop_heap(&pin->class);
}

static bool class_is_known(const char *class)
{
	return strcmp(class, "private") == 0 || strcmp(class, "public") == 0;
}

static int name_check(const char *name, struct fault *why)
{
	if (!name_is_plain(name, NAME_MAX_LEN))
		return fault_set(why, FAULT_CONFIG,
				 "\"%.80s\" is not a repository name (a-z, 0-9, '.', '_', '-')",
				 name);
	return 0;
}

static int pin_path(const char *root, const char *name, char **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};

	if (name_check(name, why) != 0 || bytes_format(&path, why, PIN_TRUST_DIR "/%s", name) != 0)
		return -1;
	return path_under(root, bytes_text(&path), out, why);
}

static int not_pinned(const char *name, struct fault *why)
{
	fault_set(why, FAULT_UNTRUSTED, "no root is pinned for the repository %s", name);
	return fault_fix(
		why, "bpfseal trust add %s --url URL --root-json FILE --fingerprint FINGERPRINT",
		name);
}

// The pin's directory; nobody but root (or the person whose tree it is) may write there or above (A96).
static int pin_open(const char *root, const char *name, int *out, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;

	if (pin_path(root, name, &path, why) != 0)
		return -1;
	if (path_check_owner(root, path, why) == 0 && dir_open(path, out, why) == 0)
		return 0;
	return why->code == FAULT_NOT_FOUND ? not_pinned(name, why) : -1;
}

// Owner and mode are looked at on the very descriptor that is read.
static int checked_read(int dirfd, const char *file, const char *name, size_t max,
			struct bytes *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (file_open_at(dirfd, file, &fd, why) != 0)
		return why->code == FAULT_NOT_FOUND ? not_pinned(name, why) : -1;
	if (file_check_owner(fd, file, why) != 0 || file_read_fd(fd, max, out, why) != 0)
		return fault_within(why, "the pin of %s cannot be used", name);
	return 0;
}

static int record_parse(const struct json *record, struct pin *out, struct fault *why)
{
	static const char *const members[] = {"schema",	   "url", "class", "fingerprint",
					      "pinned_at", "uid", NULL};
	const char *schema, *url, *class, *fingerprint, *at;

	if (json_only(record, members, why) != 0 ||
	    json_need_text(record, "schema", &schema, why) != 0 ||
	    json_need_text(record, "url", &url, why) != 0 ||
	    json_need_text(record, "class", &class, why) != 0 ||
	    json_need_text(record, "fingerprint", &fingerprint, why) != 0 ||
	    json_need_text(record, "pinned_at", &at, why) != 0 ||
	    json_need_int(record, "uid", 0, UINT32_MAX, &out->uid, why) != 0)
		return -1;
	if (strcmp(schema, SCHEMA) != 0)
		return fault_set(why, FAULT_FORMAT, "the pin's record is not " SCHEMA);
	if (*class && !class_is_known(class))
		return fault_set(why, FAULT_FORMAT, "the pinned class is not known");
	if (pin_fingerprint_read(fingerprint, &out->fingerprint, why) != 0)
		return fault_set(why, FAULT_FORMAT, "the pinned fingerprint cannot be read");
	if (pin_url_check(url, why) != 0 || clock_parse(at, &out->pinned_at, why) != 0 ||
	    text_copy(url, &out->url, why) != 0)
		return -1;
	return text_copy(class, &out->class, why);
}

static int record_read(int dirfd, const char *name, struct pin *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *record = NULL;
	OWNED(pin_drop) struct pin pin = {0};

	if (checked_read(dirfd, RECORD_FILE, name, RECORD_MAX, &text, why) != 0)
		return -1;
	if (json_parse(text.data, text.len, RECORD_FILE, &record, why) != 0 ||
	    record_parse(record, &pin, why) != 0)
		return fault_within(why, "the pin of %s is damaged", name);
	*out = pin;
	pin = (struct pin){0};
	return 0;
}

int pin_read(const char *root, const char *name, struct pin *out, struct fault *why)
{
	OWNED(drop_fd) int dirfd = -1;

	if (pin_open(root, name, &dirfd, why) != 0)
		return -1;
	return record_read(dirfd, name, out, why);
}

int pin_load(const char *root, const char *name, struct bytes *root_json, struct fault *why)
{
	OWNED(drop_fd) int dirfd = -1;
	OWNED(pin_drop) struct pin pin = {0};
	OWNED(bytes_drop) struct bytes text = {0};
	struct sha256 fingerprint;

	if (pin_open(root, name, &dirfd, why) != 0 || record_read(dirfd, name, &pin, why) != 0 ||
	    checked_read(dirfd, ROOT_FILE, name, ROOT_MAX, &text, why) != 0)
		return -1;
	if (pin_fingerprint(text.data, text.len, &fingerprint, why) != 0)
		return fault_within(why, "the pinned root of %s is damaged", name);
	if (!sha256_equal(&fingerprint, &pin.fingerprint)) {
		fault_set(why, FAULT_UNTRUSTED,
			  "the pinned root of %s is not the one whose fingerprint was recorded",
			  name);
		return fault_fix(why, "find out who changed it; then trust remove and trust add");
	}
	bytes_move(root_json, &text);
	return 0;
}

int pin_url(const char *root, const char *name, char **url, char **class, struct fault *why)
{
	OWNED(pin_drop) struct pin pin = {0};

	if (pin_read(root, name, &pin, why) != 0)
		return -1;
	*url = HAND_OVER(pin.url);
	*class = HAND_OVER(pin.class);
	return 0;
}

static int record_write(const struct pin *pin, struct bytes *out, struct fault *why)
{
	OWNED(json_drop) struct json *record = json_make_object();
	char fingerprint[PIN_FINGERPRINT_LEN], at[CLOCK_TEXT_LEN];

	pin_fingerprint_write(&pin->fingerprint, fingerprint);
	clock_write(pin->pinned_at, at);
	if (json_put_text(record, "schema", SCHEMA, why) != 0 ||
	    json_put_text(record, "url", pin->url, why) != 0 ||
	    json_put_text(record, "class", pin->class, why) != 0 ||
	    json_put_text(record, "fingerprint", fingerprint, why) != 0 ||
	    json_put_text(record, "pinned_at", at, why) != 0 ||
	    json_put_int(record, "uid", pin->uid, why) != 0)
		return -1;
	return json_write(record, true, out, why);
}

int pin_write(const char *root, const char *name, const struct pin *pin, const void *root_json,
	      size_t len, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	OWNED(drop_fd) int dirfd = -1;
	OWNED(bytes_drop) struct bytes record = {0};

	if (pin_path(root, name, &path, why) != 0 || record_write(pin, &record, why) != 0 ||
	    dir_make(path, 0755, &dirfd, why) != 0 ||
	    file_replace_at(dirfd, ROOT_FILE, root_json, len, 0644, why) != 0)
		return -1;
	return file_replace_at(dirfd, RECORD_FILE, record.data, record.len, 0644, why);
}

int pin_remove(const char *root, const char *name, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	OWNED(drop_fd) int dirfd = -1;

	if (pin_path(root, name, &path, why) != 0)
		return -1;
	if (dir_open(path, &dirfd, why) != 0)
		return why->code == FAULT_NOT_FOUND ? not_pinned(name, why) : -1;
	if (file_remove_at(dirfd, RECORD_FILE, why) != 0 ||
	    file_remove_at(dirfd, ROOT_FILE, why) != 0)
		return -1;
	if (rmdir(path) != 0)
		return fault_errno(why, FAULT_OTHER, "cannot remove the directory %s", path);
	return 0;
}

// Keeps the names that have a record.
static void keep_pinned(int dirfd, struct names *names)
{
	size_t kept = 0;

	for (size_t i = 0; i < names->count; i++) {
		char path[NAME_MAX_LEN + sizeof(RECORD_FILE) + 2];
		char *name = names->name[i];

		snprintf(path, sizeof(path), "%.64s/" RECORD_FILE, name);
		if (name_is_plain(name, NAME_MAX_LEN) && faccessat(dirfd, path, F_OK, 0) == 0)
			names->name[kept++] = name;
		else
			free(name);
	}
	names->count = kept;
}

int pin_list(const char *root, struct names *out, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	OWNED(drop_fd) int dirfd = -1;

	names_drop(out);
	if (path_under(root, PIN_TRUST_DIR, &path, why) != 0)
		return -1;
	if (dir_open(path, &dirfd, why) != 0)
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (names_list(dirfd, out, why) != 0)
		return -1;
	keep_pinned(dirfd, out);
	return 0;
}
