// SPDX-License-Identifier: Apache-2.0
#include "loader/source.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/local.h"
#include "keys/pin.h"
#include "loader/denied.h"
#include "loader/expiry.h"

// The name of the file that says from which pin the kept metadata descends.
#define PIN_FILE   "pin"
#define SET_DIGITS 12

// A role that was verified in this run.
struct staged {
	char *role;
	int64_t version;
	struct bytes data;
};

struct source {
	int set_dirfd, trust_dirfd; // set_dirfd -1: only what we kept
	struct local local;
	struct client_io io;
	struct client *client;
	struct staged *staged;
	size_t staged_count;
	int64_t now;   // of the run
	bool partial;  // something that this state names cannot be had
	int64_t floor; // what the clock floor is to be raised to; 0: nothing
};

// The time at which something was trusted. Made durable with what was trusted, before anything is done by it; and where
// nothing is kept of it, at the end.
static int source_raise(struct source *source, struct fault *why)
{
	int64_t floor = source->floor;

	source->floor = 0;
	return floor ? local_clock_raise(source->trust_dirfd, floor, why) : 0;
}

void source_free(struct source *source)
{
	struct fault unasked = {0};

	if (!source)
		return;
	if (source_raise(source, &unasked))
		fault_clear(&unasked);
	client_free(source->client);
	for (size_t i = 0; i < source->staged_count; i++) {
		free(source->staged[i].role);
		bytes_drop(&source->staged[i].data);
	}
	free(source->staged);
	drop_fd(&source->set_dirfd);
	drop_fd(&source->trust_dirfd);
	free(source);
}

static void source_drop(struct source **source)
{
	source_free(*source);
	*source = NULL;
}

// ---- the two doors ----

static int set_fetch(void *ctx, const char *file, size_t max, struct bytes *out, struct fault *why)
{
	const struct source *source = ctx;

	return file_read_at(source->set_dirfd, file, max, out, why);
}

// The loader's own state is its only witness: no file that it has not verified before, and no newer root.
static int kept_fetch(void *ctx, const char *file, size_t max, struct bytes *out, struct fault *why)
{
	struct source *source = ctx;

	(void)max;
	if (!strcmp(file, "timestamp.json"))
		return local_load(&source->local, "timestamp", out, why);
	return fault_set(why, FAULT_NOT_FOUND, "%s is not among what we keep", file);
}

static int kept_load(void *ctx, const char *role, struct bytes *out, struct fault *why)
{
	struct source *source = ctx;

	return local_load(&source->local, role, out, why);
}

static int kept_none(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		     struct fault *why)
{
	(void)ctx, (void)role, (void)version, (void)data, (void)len, (void)why;
	return 0;
}

// Roots are kept at once (TUF 5.3.8): a key that one takes away must not count again. The rest waits for source_settle.
static int kept_stage(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		      struct fault *why)
{
	struct source *source = ctx;
	struct staged *grown, made = {.version = version};

	if (!strcmp(role, "root"))
		return local_keep(&source->local, role, version, data, len, why);
	grown = reallocarray(source->staged, source->staged_count + 1, sizeof(*grown));
	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	source->staged = grown;
	if (text_copy(role, &made.role, why) || bytes_append(&made.data, data, len, why)) {
		free(made.role);
		return -1;
	}
	source->staged[source->staged_count++] = made;
	return 0;
}

int source_find(struct source *source, const char *path, const struct target **out,
		struct fault *why)
{
	if (client_find(source->client, path, out, why) == 0)
		return 0;
	// That nobody names it is an answer; all else is something missing.
	if (why->code != FAULT_UNTRUSTED)
		source->partial = true;
	return -1;
}

void source_lacks(struct source *source)
{
	source->partial = true;
}

int source_settle(struct source *source, struct fault *why)
{
	if (source_raise(source, why))
		return -1;
	if (source->partial)
		return 0;
	for (size_t i = 0; i < source->staged_count; i++) {
		const struct staged *staged = &source->staged[i];

		if (local_keep(&source->local, staged->role, staged->version, staged->data.data,
			       staged->data.len, why))
			return -1;
	}
	return expiry_keep(source->trust_dirfd, source->client, source->now, why);
}

// ---- what the fetcher left ----

static int no_set(const char *name, struct fault *why)
{
	fault_set(why, FAULT_NOT_FOUND, "nothing has been fetched from %s yet", name);
	return fault_fix(why, "run 'bpfseal sync' first");
}

// The link's text is read and checked, never followed: it may only name a set beside it.
static int set_open(const struct source_places *places, int *out, struct fault *why)
{
	OWNED(drop_fd) int repos = -1;
	OWNED(drop_fd) int repo = -1;
	OWNED(drop_fd) int sets = -1;
	char text[64];
	ssize_t len;

	if (places->store_dirfd < 0 || dir_open_at(places->store_dirfd, "repo", &repos, why) ||
	    dir_open_at(repos, places->name, &repo, why) || dir_open_at(repo, "sets", &sets, why))
		return no_set(places->name, why);
	len = readlinkat(repo, "current", text, sizeof(text) - 1);
	if (len < 0)
		return no_set(places->name, why);
	text[len] = '\0';
	if (strncmp(text, "sets/", 5) || strlen(text + 5) != SET_DIGITS ||
	    strspn(text + 5, "0123456789") != SET_DIGITS)
		return fault_set(why, FAULT_FORMAT, "the store's link of %s has an odd form",
				 places->name);
	return dir_open_at(sets, text + 5, out, why);
}

// ---- what we keep ----

// Kept metadata descends from the pin it was begun with. After the admin has pinned another root, it is begun anew:
// the record goes first, so that a crash in between begins anew as well. The clock floor stays.
static int kept_begin(int dirfd, const struct bytes *root_json, const char *fingerprint,
		      struct fault *why)
{
	struct local local = {.dirfd = dirfd, .roots_dirfd = -1, .mode = 0600};
	OWNED(names_drop) struct names names = {0};

	// Another root, another publisher: its list could never be lifted by the new one.
	if (file_remove_at(dirfd, PIN_FILE, why) || file_remove_at(dirfd, DENIED_FILE, why) ||
	    file_remove_at(dirfd, EXPIRY_FILE, why) || names_list(dirfd, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		size_t len = strlen(names.name[i]);

		if (len > 5 && !strcmp(names.name[i] + len - 5, ".json") &&
		    file_remove_at(dirfd, names.name[i], why))
			return -1;
	}
	if (local_keep(&local, "root", 0, root_json->data, root_json->len, why))
		return -1;
	return file_replace_at(dirfd, PIN_FILE, fingerprint, strlen(fingerprint), 0600, why);
}

// The root that the admin pinned, and its fingerprint as it stands in PIN_FILE.
static int pinned(const struct source_places *places, struct bytes *root_json,
		  char fingerprint[static PIN_FINGERPRINT_LEN], struct fault *why)
{
	struct sha256 digest;

	if (pin_load(places->root, places->name, root_json, why) ||
	    pin_fingerprint(root_json->data, root_json->len, &digest, why))
		return -1;
	pin_fingerprint_write(&digest, fingerprint);
	return 0;
}

static int kept_open(const struct source_places *places, int *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes root_json = {0};
	OWNED(bytes_drop) struct bytes kept = {0};
	OWNED(drop_fd) int dirfd = -1;
	char fingerprint[PIN_FINGERPRINT_LEN];

	if (pinned(places, &root_json, fingerprint, why) ||
	    dir_make_at(places->trust_dirfd, places->name, 0700, &dirfd, why))
		return -1;
	if (file_read_at(dirfd, PIN_FILE, sizeof(fingerprint), &kept, why) &&
	    fault_forgive(why, FAULT_NOT_FOUND))
		return -1;
	if (strcmp(bytes_text(&kept), fingerprint) &&
	    kept_begin(dirfd, &root_json, fingerprint, why))
		return -1;
	*out = HAND_OVER_FD(dirfd);
	return 0;
}

// Secure mode takes private repositories only; it is enough that one side calls it public.
static int check_class(const struct source_places *places, const struct client *client,
		       struct fault *why)
{
	OWNED(drop_heap) char *url = NULL;
	OWNED(drop_heap) char *class = NULL;

	if (pin_url(places->root, places->name, &url, &class, why))
		return -1;
	if (!strcmp(client_class(client), "public") || !strcmp(class, "public"))
		return fault_set(why, FAULT_POLICY, "%s is a public repository", places->name);
	return 0;
}

static int source_new(struct source **out, struct fault *why)
{
	struct source *source = calloc(1, sizeof(*source));

	if (!source)
		return fault_set(why, FAULT_OTHER, "out of memory");
	source->set_dirfd = source->trust_dirfd = -1;
	source->local = (struct local){.dirfd = -1, .roots_dirfd = -1, .mode = 0600};
	*out = source;
	return 0;
}

static int source_verify(struct source *source, const struct source_places *places, int64_t now,
			 struct fault *why)
{
	struct client_limits limits = client_limits_default();

	source->local.dirfd = source->trust_dirfd;
	if (client_new(&source->io, &limits, now, &source->client, why) ||
	    client_refresh(source->client, why))
		return -1;
	return check_class(places, source->client, why);
}

int source_open(const struct source_places *places, struct source **out, struct fault *why)
{
	OWNED(source_drop) struct source *source = NULL;

	if (source_new(&source, why))
		return -1;
	source->now = places->now;
	source->io = (struct client_io){
		.ctx = source, .fetch = set_fetch, .load = kept_load, .keep = kept_stage};
	if (kept_open(places, &source->trust_dirfd, why) ||
	    local_clock_check(source->trust_dirfd, places->now, why) ||
	    set_open(places, &source->set_dirfd, why) ||
	    source_verify(source, places, places->now, why))
		return -1;
	source->floor = places->now;
	*out = HAND_OVER(source);
	return 0;
}

// The directory of what we keep, if it descends from today's pin. Nothing is changed.
static int kept_look(const struct source_places *places, int *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes root_json = {0};
	OWNED(bytes_drop) struct bytes kept = {0};
	OWNED(drop_fd) int dirfd = -1;
	char fingerprint[PIN_FINGERPRINT_LEN];

	if (pinned(places, &root_json, fingerprint, why) ||
	    dir_open_at(places->trust_dirfd, places->name, &dirfd, why) ||
	    file_read_at(dirfd, PIN_FILE, sizeof(fingerprint), &kept, why))
		return -1;
	if (strcmp(bytes_text(&kept), fingerprint))
		return fault_set(why, FAULT_UNTRUSTED, "another root of %s is pinned by now",
				 places->name);
	*out = HAND_OVER_FD(dirfd);
	return 0;
}

int source_open_kept(const struct source_places *places, struct source **out, struct fault *why)
{
	OWNED(source_drop) struct source *source = NULL;

	if (source_new(&source, why))
		return -1;
	source->io = (struct client_io){
		.ctx = source, .fetch = kept_fetch, .load = kept_load, .keep = kept_none};
	// Each of these files was fresh when it was kept. No later time than the first is asked about: the clock floor
	// goes on with every new timestamp, past the expiry of a role that did not change.
	if (kept_look(places, &source->trust_dirfd, why) || source_verify(source, places, 0, why))
		return -1;
	*out = HAND_OVER(source);
	return 0;
}

int source_look(const struct source_places *places, struct client_versions *out, struct fault *why)
{
	OWNED(source_drop) struct source *source = NULL;

	if (source_new(&source, why))
		return -1;
	source->io = (struct client_io){
		.ctx = source, .fetch = set_fetch, .load = kept_load, .keep = kept_none};
	if (kept_look(places, &source->trust_dirfd, why) ||
	    local_clock_check(source->trust_dirfd, places->now, why) ||
	    set_open(places, &source->set_dirfd, why) ||
	    source_verify(source, places, places->now, why))
		return -1;
	client_versions(source->client, out);
	return 0;
}
