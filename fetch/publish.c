// SPDX-License-Identifier: Apache-2.0
#include "fetch/publish.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/bundle.h"
#include "fetch/folder.h"
#include "keys/local.h"

// What the server is asked for: the caps of every client of the field.
#define PUBLISH_METADATA_MAX 5000000
// What one submission may have; text inside a text grows by its quotes and line ends.
#define BATCH_MAX 3000000

struct job {
	const struct publish_options *options;
	struct folder folder;
	struct json *snapshot; // the server's, NULL: it has none yet
	struct json *steps;
};

static void job_drop(struct job *job)
{
	folder_drop(&job->folder);
	json_free(job->snapshot);
	json_free(job->steps);
}

static void say(const struct job *job, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(const struct job *job, const char *format, ...)
{
	char line[FAULT_TEXT_MAX];
	va_list arguments;

	if (!job->options->say)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	job->options->say(job->options->ctx, line);
}

static int add_step(struct job *job, const char *kind, const char *name, int64_t version,
		    const char *sha256, const char *state, struct fault *why)
{
	OWNED(json_drop) struct json *step = json_make_object();

	if (!step)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_text(step, "kind", kind, why) || json_put_text(step, "name", name, why) ||
	    (version && json_put_int(step, "version", version, why)) ||
	    (sha256 && json_put_text(step, "sha256", sha256, why)) ||
	    json_put_text(step, "state", state, why))
		return -1;
	return json_add(job->steps, HAND_OVER(step), why);
}

// ---- what the server has ----

// *found false: it is not there.
static int get_document(const struct job *job, const char *file, struct json **out, bool *found,
			struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};
	OWNED(bytes_drop) struct bytes data = {0};

	*found = false;
	if (bytes_format(&path, why, "metadata/%s", file))
		return -1;
	if (download_get(job->options->upload.download, bytes_text(&path), PUBLISH_METADATA_MAX,
			 &data, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	*found = true;
	return json_parse(data.data, data.len, file, out, why);
}

static const struct json *meta_of(const struct json *document)
{
	return json_member(json_member(document, "signed"), "meta");
}

static int64_t meta_version(const struct json *document, const char *file)
{
	return json_int(json_member(json_member(meta_of(document), file), "version"));
}

static int ask_snapshot(struct job *job, struct fault *why)
{
	OWNED(json_drop) struct json *timestamp = NULL;
	char file[64];
	bool found;

	if (get_document(job, "timestamp.json", &timestamp, &found, why))
		return -1;
	if (!found)
		return 0;
	snprintf(file, sizeof(file), "%" PRId64 ".snapshot.json",
		 meta_version(timestamp, "snapshot.json"));
	if (get_document(job, file, &job->snapshot, &found, why))
		return -1;
	return found ? 0 : fault_set(why, FAULT_NETWORK, "the repository lacks its own %s", file);
}

// The server's version of a role, 0 when it has none; and the document, NULL then.
static int ask_role(const struct job *job, const struct paper *paper, int64_t *version,
		    struct json **document, struct fault *why)
{
	OWNED(bytes_drop) struct bytes entry = {0};
	OWNED(drop_heap) char *file = NULL;
	bool found;

	*document = NULL;
	// A snapshot names roles as they are; a file and a URL name them quoted.
	if (bytes_format(&entry, why, "%s.json", paper->role))
		return -1;
	*version = meta_version(job->snapshot, bytes_text(&entry));
	if (*version < 1) {
		*version = 0;
		return 0;
	}
	if (role_file(paper->role, *version, &file, why))
		return -1;
	return get_document(job, file, document, &found, why);
}

static int refuse_draft(const struct job *job, const struct paper *paper, struct fault *why)
{
	fault_set(why, FAULT_USAGE, "%s version %" PRId64 " carries no signature", paper->role,
		  paper->version);
	return fault_fix(why, "sign it: bpfseal sign %s/metadata/%s.json --key KEY",
			 job->folder.dir, paper->quoted);
}

// ---- roots ----

static int send_paper(struct job *job, const struct paper *paper, struct fault *why)
{
	const char *role = paper->role;
	OWNED(json_drop) struct json *answer = NULL;

	if (!paper->is_signed)
		return refuse_draft(job, paper, why);
	say(job, "submitting %s version %" PRId64, role, paper->version);
	if (upload_metadata(&job->options->upload, paper->quoted, &paper->data, &answer, why))
		return fault_within(why, "%s version %" PRId64 " was not published", role,
				    paper->version);
	return 0;
}

static int has_root(const struct job *job, int64_t version, bool *found, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	char file[64];

	snprintf(file, sizeof(file), "%" PRId64 ".root.json", version);
	return get_document(job, file, &document, found, why);
}

static int send_root(struct job *job, int64_t version, struct fault *why)
{
	OWNED(paper_drop) struct paper paper = {0};
	bool is_newest = version == job->folder.root.version;

	if (!is_newest && folder_root(&job->folder, version, &paper, why))
		return -1;
	if (send_paper(job, is_newest ? &job->folder.root : &paper, why))
		return -1;
	return add_step(job, "root", "root", version, NULL, "sent", why);
}

// Roots form a chain: each missing one is sent, the oldest first.
static int send_roots(struct job *job, struct fault *why)
{
	const struct paper *newest = &job->folder.root;
	int64_t last = newest->version, first;
	bool found = false;

	// The next root may lie open for weeks until enough keys have signed it; the rest need not wait for it.
	if (!newest->is_signed && last > 1) {
		if (add_step(job, "root", "root", last, NULL, "draft", why))
			return -1;
		last--;
	}
	for (first = last + 1; first > 1 && !found; first -= !found)
		if (has_root(job, first - 1, &found, why))
			return -1;
	if (first > last)
		return add_step(job, "root", "root", last, NULL, "present", why);
	for (int64_t version = first; version <= last; version++)
		if (send_root(job, version, why))
			return -1;
	return 0;
}

// ---- blobs ----

static int send_blob(struct job *job, const char *path, const struct json *target,
		     struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	const struct json *hashes;
	const char *hex;
	struct sha256 digest;
	int64_t length;
	bool has;

	if (json_need_int(target, "length", 0, BUNDLE_MAX, &length, why) ||
	    json_need_object(target, "hashes", &hashes, why) ||
	    json_need_text(hashes, "sha256", &hex, why))
		return fault_within(why, "the target %s cannot be published", path);
	if (sha256_read(hex, &digest))
		return fault_set(why, FAULT_FORMAT, "the target %s has a malformed SHA-256", path);
	if (upload_has_blob(&job->options->upload, &digest, &has, why))
		return -1;
	if (has)
		return add_step(job, "blob", path, 0, hex, "present", why);
	if (folder_target(&job->folder, path, length, &digest, BUNDLE_MAX, &data, why))
		return -1;
	say(job, "uploading %s (%zu bytes)", path, data.len);
	if (upload_blob(&job->options->upload, &digest, &data, why))
		return fault_within(why, "%s was not uploaded", path);
	return add_step(job, "blob", path, 0, hex, "sent", why);
}

static const struct json *targets_of(const struct json *document)
{
	return json_member(json_member(document, "signed"), "targets");
}

// `before` is the same role as the server has it: what it lists with the same digest is on the server already.
static int send_blobs(struct job *job, const struct paper *paper, const struct json *before,
		      struct fault *why)
{
	struct json_walk walk = {0};

	while (json_next(json_member(paper_signed(paper), "targets"), &walk)) {
		const struct json *old = json_member(targets_of(before), walk.key);

		if (old && json_same(json_member(old, "hashes"), json_member(walk.value, "hashes")))
			continue;
		if (send_blob(job, walk.key, walk.value, why))
			return -1;
	}
	return 0;
}

// ---- roles ----

static int check_order(const struct paper *paper, int64_t version, const struct json *before,
		       struct fault *why)
{
	if (paper->version < version) {
		fault_set(why, FAULT_ROLLBACK,
			  "the repository has %s version %" PRId64 ", here is version %" PRId64,
			  paper->role, version, paper->version);
		return fault_fix(why, "fetch the newer ceremony directory of whoever published it");
	}
	if (paper->version == version && before &&
	    !json_same(json_member(before, "signed"), paper_signed(paper))) {
		fault_set(why, FAULT_POLICY,
			  "%s version %" PRId64 " was published before with other contents",
			  paper->role, version);
		return fault_fix(why, "make the change in a new version");
	}
	return 0;
}

// What one role needs, decided for all before anything is sent.
struct errand {
	const struct paper *paper;
	struct json *before;
	bool send, draft;
};

static void errands_free(struct errand *errands, size_t count)
{
	for (size_t i = 0; i < count; i++)
		json_free(errands[i].before);
	free(errands);
}

// Nothing to send but drafts: somebody forgot to sign.
static int check_drafts(const struct job *job, const struct errand *errands, struct fault *why)
{
	const struct paper *draft = NULL;

	for (size_t i = 0; i < job->folder.count; i++) {
		if (errands[i].send)
			return 0;
		if (errands[i].draft && !draft)
			draft = errands[i].paper;
	}
	return draft ? refuse_draft(job, draft, why) : 0;
}

static int plan(const struct job *job, struct errand *errands, struct fault *why)
{
	for (size_t i = 0; i < job->folder.count; i++) {
		struct errand *errand = &errands[i];
		int64_t version;

		errand->paper = &job->folder.roles[i];
		if (errand->paper->is_published)
			continue;
		if (ask_role(job, errand->paper, &version, &errand->before, why) ||
		    check_order(errand->paper, version, errand->before, why))
			return -1;
		// A delegate's draft may lie open while the delegation itself is published.
		errand->draft = errand->paper->version > version && !errand->paper->is_signed;
		errand->send = errand->paper->version > version && !errand->draft;
	}
	return check_drafts(job, errands, why);
}

static int batch_add(struct json *batch, const struct paper *paper, struct fault *why)
{
	struct json *entry = json_make_object();

	if (json_add(batch, entry, why) || json_put_text(entry, "role", paper->role, why))
		return -1;
	return json_put_text(entry, "document", bytes_text(&paper->data), why);
}

// From `*at` on, as many roles as one submission takes; `*at` is then the first that is left.
static int send_batch(struct job *job, const struct errand *errands, size_t *at, struct fault *why)
{
	OWNED(json_drop) struct json *batch = json_make_array();
	size_t len = 0, first = *at;

	for (; *at < job->folder.count; (*at)++) {
		const struct paper *paper = errands[*at].paper;

		if (!errands[*at].send)
			continue;
		if (json_count(batch) && len + paper->data.len > BATCH_MAX)
			break;
		len += paper->data.len;
		if (batch_add(batch, paper, why))
			return -1;
	}
	say(job, "submitting %zu roles", json_count(batch));
	if (upload_batch(&job->options->upload, batch, why))
		return fault_within(why, "%zu roles were not published, %s the first",
				    json_count(batch), errands[first].paper->role);
	return 0;
}

// Several at once: a delegate and its bins, or a key that changes in both, may only hold together.
static int send_roles(struct job *job, const struct errand *errands, struct fault *why)
{
	size_t count = 0, one = 0, at = 0;

	for (size_t i = 0; i < job->folder.count; i++) {
		if (!errands[i].send)
			continue;
		count++;
		one = i;
	}
	if (count == 1)
		return send_paper(job, errands[one].paper, why);
	for (size_t sent = 0; sent < count;) {
		while (!errands[at].send)
			at++;
		size_t from = at;

		if (send_batch(job, errands, &at, why))
			return -1;
		for (; from < at; from++)
			sent += errands[from].send;
	}
	return 0;
}

static int carry_out(struct job *job, const struct errand *errands, struct fault *why)
{
	// All files first: no role is ever accepted before what it names is there.
	for (size_t i = 0; i < job->folder.count; i++)
		if (errands[i].send && send_blobs(job, errands[i].paper, errands[i].before, why))
			return -1;
	if (send_roles(job, errands, why))
		return -1;
	for (size_t i = 0; i < job->folder.count; i++) {
		const struct paper *paper = errands[i].paper;
		const char *state = errands[i].send    ? "sent"
				    : errands[i].draft ? "draft"
						       : "present";

		if (add_step(job, "role", paper->role, paper->version, NULL, state, why))
			return -1;
	}
	return 0;
}

static int publish(struct job *job, struct fault *why)
{
	struct folder_known known = {.memo = job->options->memo};
	struct errand *errands;
	int rc;

	if (folder_open(job->options->dir, &job->folder, why) || ask_snapshot(job, why))
		return -1;
	known.published = meta_of(job->snapshot);
	if (folder_roles(&job->folder, &known, why))
		return -1;
	memo_save(known.memo);
	errands = calloc(job->folder.count, sizeof(*errands));
	if (!errands)
		return fault_set(why, FAULT_OTHER, "out of memory");
	rc = plan(job, errands, why);
	if (!rc)
		rc = send_roots(job, why);
	if (!rc)
		rc = carry_out(job, errands, why);
	errands_free(errands, job->folder.count);
	return rc;
}

int publish_run(const struct publish_options *options, struct json **document, struct fault *why)
{
	OWNED(job_drop) struct job job = {.options = options, .steps = json_make_array()};
	OWNED(json_drop) struct json *made = json_make_object();
	struct fault ignored = {0};
	int rc;

	*document = NULL;
	if (!job.steps || !made)
		return fault_set(why, FAULT_OTHER, "out of memory");
	rc = publish(&job, why);
	if (json_put_bool(made, "ok", rc == 0, &ignored) ||
	    json_put(made, "steps", HAND_OVER(job.steps), &ignored))
		return rc ? -1 : fault_set(why, FAULT_OTHER, "out of memory");
	*document = HAND_OVER(made);
	return rc;
}
