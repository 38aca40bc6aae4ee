// SPDX-License-Identifier: Apache-2.0
#include "repod/soundness.h"

#include <stdio.h>
#include <string.h>

#include "base/audit.h"
#include "base/file.h"
#include "base/owned.h"
#include "bpf/bundle.h"
#include "keys/role.h"
#include "keys/targets.h"
#include "repod/blob.h"
#include "repod/catalog.h"
#include "repod/committed.h"

// The sentences of one run stay readable.
#define FINDINGS_MAX 1000
// Beside a server that publishes without a pause the last look has to do.
#define LOOKS_MAX 5

struct look {
	int state, metadata, blobs;
	struct soundness *out;
	struct release *release;
	struct catalog *catalog;
	struct json *
		signed_paths; // "path sha256" of everything that committed roles list, with its role
};

static void drop_look(struct look *look)
{
	drop_fd(&look->state);
	drop_fd(&look->metadata);
	drop_fd(&look->blobs);
	if (look->release)
		release_free(look->release);
	catalog_free(look->catalog);
	json_free(look->signed_paths);
}

void soundness_drop(struct soundness *soundness)
{
	json_free(soundness->damage);
	json_free(soundness->notes);
	soundness->damage = soundness->notes = NULL;
}

static int tell(struct json *list, struct fault *why, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int tell(struct json *list, struct fault *why, const char *format, ...)
{
	char text[2 * FAULT_TEXT_MAX];
	va_list arguments;

	if (json_count(list) >= FINDINGS_MAX)
		return 0;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return json_add(list, json_make_text(text), why);
}

// A refusal becomes a finding.
static int tell_fault(struct json *list, const char *what, const struct fault *found,
		      struct fault *why)
{
	return tell(list, why, "%s: %s%s%s", what, found->text, found->cause[0] ? ": " : "",
		    found->cause);
}

// ---- metadata ----

static int look_at_verdict(struct look *look, int64_t now, struct fault *why)
{
	OWNED(bytes_drop) struct bytes root = {0};
	const struct client_versions *versions;
	struct fault found = {0};

	if (committed_root(look->state, &root, why))
		return -1;
	if (committed_release(look->metadata, &root, &look->release, &found))
		return tell_fault(look->out->damage, "metadata", &found, why);
	versions = &look->release->versions;
	look->out->timestamp = versions->timestamp;
	look->out->snapshot = versions->snapshot;
	look->out->expired = versions->timestamp && (versions->timestamp_expires <= now ||
						     versions->snapshot_expires <= now);
	return 0;
}

static int look_at_file(struct look *look, const char *name, struct fault *why)
{
	char plain[RELEASE_ROLE_MAX], role[RELEASE_ROLE_MAX];
	int64_t version;

	look->out->files++;
	if (strncmp(name, ".tmp-", 5) == 0)
		return tell(look->out->notes, why, "metadata/%s: an unfinished file", name);
	if (!release_unquote(name, plain, sizeof(plain)) ||
	    !release_file_split(plain, &version, role))
		return tell(look->out->notes, why, "metadata/%s: not a file of ours", name);
	if (look->release && !release_shows(look->release, role, version))
		return tell(look->out->notes, why, "metadata/%s: was never committed", name);
	return 0;
}

static int look_at_files(struct look *look, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (names_list(look->metadata, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (look_at_file(look, names.name[i], why))
			return -1;
	return 0;
}

// ---- blobs ----

static int look_at_blob(struct look *look, const char *name, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	struct fault found = {0};
	struct sha256 wanted, have;
	uint64_t len;

	if (strncmp(name, ".tmp-", 5) == 0)
		return tell(look->out->notes, why, "blobs/%s: an unfinished upload", name);
	look->out->blobs++;
	if (sha256_read(name, &wanted))
		return tell(look->out->notes, why, "blobs/%s: not a file of ours", name);
	if (file_open_at(look->blobs, name, &fd, &found) ||
	    sha256_of_fd(fd, BUNDLE_MAX, &have, &len, &found))
		return tell_fault(look->out->damage, name, &found, why);
	if (!sha256_equal(&have, &wanted))
		return tell(look->out->damage, why, "blobs/%s: damaged; upload it again", name);
	return 0;
}

static int look_at_blobs(struct look *look, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (names_list(look->blobs, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++)
		if (look_at_blob(look, names.name[i], why))
			return -1;
	return 0;
}

// ---- what is listed ----

static int row_key(const char *path, const struct sha256 *sha256, struct bytes *out,
		   struct fault *why)
{
	char hex[SHA256_HEX];

	sha256_hex(sha256, hex);
	return bytes_format(out, why, "%s %s", hex, path);
}

// One target of a committed version; `current` means that nodes may ask for it today.
static int look_at_target(struct look *look, const struct target *target, bool current,
			  struct fault *why)
{
	OWNED(bytes_drop) struct bytes key = {0};
	OWNED(drop_fd) int fd = -1;
	struct fault found = {0};
	uint64_t len;
	bool has;

	if (!target->has_sha256)
		return 0;
	if (row_key(target->path, &target->sha256, &key, why) ||
	    json_put_bool(look->signed_paths, bytes_text(&key), true, why))
		return -1;
	if (look->catalog &&
	    catalog_has_target(look->catalog, target->path, &target->sha256, &has, why))
		return -1;
	if (look->catalog && !has &&
	    tell(look->out->notes, why, "%s: not in the catalogue yet", target->path))
		return -1;
	if (!current)
		return 0;
	look->out->targets++;
	if (blob_open(look->blobs, &target->sha256, &fd, &len, &found))
		return tell(look->out->damage, why, "%s: its blob is missing; upload it again",
			    target->path);
	if (len != (uint64_t)target->length)
		return tell(look->out->damage, why, "%s: its blob has another length",
			    target->path);
	return 0;
}

static int look_at_role(struct look *look, const char *role, int64_t version, bool current,
			struct fault *why)
{
	OWNED(targets_drop) struct targets *targets = NULL;
	struct targets_walk walk = {0};
	struct fault found = {0};
	struct target target;

	if (committed_role(look->metadata, role, version, &targets, &found))
		return tell_fault(look->out->damage, role, &found, why);
	while (targets && targets_next(targets, &walk, &target))
		if (look_at_target(look, &target, current, why))
			return -1;
	return 0;
}

static int look_at_roles(struct look *look, struct fault *why)
{
	OWNED(names_drop) struct names names = {0};

	if (!look->release)
		return 0;
	if (names_list(look->metadata, &names, why))
		return -1;
	for (size_t i = 0; i < names.count; i++) {
		char plain[RELEASE_ROLE_MAX], role[RELEASE_ROLE_MAX];
		const struct release_role *listed;
		int64_t version;

		if (!release_unquote(names.name[i], plain, sizeof(plain)) ||
		    !release_file_split(plain, &version, role))
			continue;
		listed = release_role(look->release, role);
		if (listed && version <= listed->version &&
		    look_at_role(look, role, version, version == listed->version, why))
			return -1;
	}
	return 0;
}

// ---- the catalogue ----

static int open_catalog(struct look *look, const char *state, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};
	struct fault found = {0};

	if (bytes_format(&path, why, "%s/%s", state, CATALOG_FILE))
		return -1;
	if (catalog_open(bytes_text(&path), false, &look->catalog, &found) == 0 &&
	    catalog_check(look->catalog, &found) == 0)
		return 0;
	catalog_drop(&look->catalog);
	// It is only an index; the next start makes it anew.
	return tell_fault(look->out->notes, "catalogue", &found, why);
}

static int look_at_row(void *ctx, const struct catalog_target *target, struct fault *why)
{
	struct look *look = ctx;
	OWNED(bytes_drop) struct bytes key = {0};

	if (row_key(target->path, &target->sha256, &key, why))
		return -1;
	if (json_member(look->signed_paths, bytes_text(&key)))
		return 0;
	return tell(look->out->damage, why,
		    "catalogue: %s is listed, but no signed file lists it; remove " CATALOG_FILE
		    " and start the server, which makes it anew",
		    target->path);
}

static int look_at_audit(struct look *look, struct fault *why)
{
	struct fault found = {0};
	uint64_t records = 0;

	if (audit_check(look->state, STATE_AUDIT, &records, &found) &&
	    found.code != FAULT_NOT_FOUND)
		return tell_fault(look->out->damage, "audit log", &found, why);
	look->out->audit_records = (size_t)records;
	return 0;
}

// Is what we looked at still what is committed? A server at work may have moved on in the middle.
static int look_again(const struct look *look, bool *moved, struct fault *why)
{
	OWNED(bytes_drop) struct bytes root = {0};
	OWNED(release_drop) struct release *release = NULL;
	struct fault ignored = {0};

	if (committed_root(look->state, &root, why))
		return -1;
	*moved = look->release &&
		 committed_release(look->metadata, &root, &release, &ignored) == 0 &&
		 !sha256_equal(&release->timestamp_sha256, &look->release->timestamp_sha256);
	return 0;
}

static int look_once(const char *state, int64_t now, struct soundness *out, bool *moved,
		     struct fault *why)
{
	OWNED(drop_look)
	struct look look = {.state = -1, .metadata = -1, .blobs = -1, .out = out};

	*out = (struct soundness){.damage = json_make_array(), .notes = json_make_array()};
	look.signed_paths = json_make_object();
	if (!out->damage || !out->notes || !look.signed_paths)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (state_open(state, &look.state, why) ||
	    state_open_at(look.state, STATE_METADATA, &look.metadata, why) ||
	    state_open_at(look.state, STATE_BLOBS, &look.blobs, why))
		return -1;
	if (look_at_verdict(&look, now, why) || open_catalog(&look, state, why) ||
	    look_at_files(&look, why) || look_at_blobs(&look, why) || look_at_roles(&look, why))
		return -1;
	// Only where the signed files could be read can a row be told to be too many.
	if (look.catalog && look.release && catalog_targets(look.catalog, look_at_row, &look, why))
		return -1;
	if (look_at_audit(&look, why))
		return -1;
	return look_again(&look, moved, why);
}

int soundness_check(const char *state, int64_t now, struct soundness *out, struct fault *why)
{
	bool moved = true;

	*out = (struct soundness){0};
	for (int tries = 0; moved && tries < LOOKS_MAX; tries++) {
		soundness_drop(out);
		if (look_once(state, now, out, &moved, why))
			return -1;
	}
	return 0;
}
