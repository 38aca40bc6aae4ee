// SPDX-License-Identifier: Apache-2.0
#include "keys/doctor.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/owned.h"
#include "keys/ceremony.h"
#include "keys/fileset.h"
#include "keys/local.h"
#include "keys/sigstatus.h"

enum grade { GRADE_NOTE, GRADE_WARNING, GRADE_DUE };

struct exam {
	struct fileset *fileset;
	struct root *root;
	int64_t now;
	struct json *findings;
	struct json *known; // what a finding says, and what helps -> its place in the list
	bool due;
};

static void exam_drop(struct exam *exam)
{
	root_free(exam->root);
	fileset_free(exam->fileset);
	json_free(exam->findings);
	json_free(exam->known);
}

static const char *grade_name(enum grade grade)
{
	static const char *const names[] = {"note", "warning", "due"};

	return names[grade];
}

// ---- findings ----

static int finding_new(struct exam *exam, enum grade grade, const char *code, const char *text,
		       const char *fix, const char *key, struct fault *why)
{
	struct json *finding = json_make_object();
	int64_t place = (int64_t)json_count(exam->findings);

	if (json_add(exam->findings, finding, why) != 0 ||
	    json_put_text(finding, "grade", grade_name(grade), why) != 0 ||
	    json_put_text(finding, "code", code, why) != 0 ||
	    json_put(finding, "roles", json_make_array(), why) != 0 ||
	    json_put_text(finding, "text", text, why) != 0)
		return -1;
	if (fix && json_put_text(finding, "fix", fix, why) != 0)
		return -1;
	exam->due = exam->due || grade == GRADE_DUE;
	return json_put_int(exam->known, key, place, why);
}

// 256 bins that expire together are one finding; a root that does so with them is another, with another way out.
static int found(struct exam *exam, enum grade grade, const char *code, const char *role,
		 const char *fix, struct fault *why, const char *format, ...)
	__attribute__((format(printf, 7, 8)));

static int found(struct exam *exam, enum grade grade, const char *code, const char *role,
		 const char *fix, struct fault *why, const char *format, ...)
{
	char text[FAULT_TEXT_MAX], key[2 * FAULT_TEXT_MAX];
	const struct json *finding;
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	snprintf(key, sizeof(key), "%s: %s; %s", grade_name(grade), text, fix ? fix : "");
	if (!json_member(exam->known, key) &&
	    finding_new(exam, grade, code, text, fix, key, why) != 0)
		return -1;
	finding = json_item(exam->findings, (size_t)json_int(json_member(exam->known, key)));
	return json_add((struct json *)json_member(finding, "roles"), json_make_text(role), why);
}

// ---- expiry ----

// Targets never live longer than 90 days, so that their first mark is no news.
static enum grade grade_of(int64_t left, bool is_root)
{
	if (left <= DOCTOR_DUE_DAYS * CEREMONY_DAY)
		return GRADE_DUE;
	if (left <= DOCTOR_SOON_DAYS * CEREMONY_DAY || is_root)
		return GRADE_WARNING;
	return GRADE_NOTE;
}

// `renewed` is the role whose renewal takes this one along.
static int examine_expiry(struct exam *exam, const struct sigstatus *sigstatus, const char *renewed,
			  struct fault *why)
{
	int64_t expires = sigstatus->file->expires, left = expires - exam->now;
	bool is_root = sigstatus->self != NULL;
	char when[CLOCK_TEXT_LEN], fix[256];

	if (left > DOCTOR_EARLY_DAYS * CEREMONY_DAY)
		return 0;
	clock_write(expires, when);
	if (is_root)
		snprintf(fix, sizeof(fix), "bpfseal root rotate, then sign and publish");
	else
		snprintf(fix, sizeof(fix), "bpfseal root renew %s, then sign and publish", renewed);
	if (left <= 0)
		return found(exam, GRADE_DUE, "expired", sigstatus->role, fix, why, "expired on %s",
			     when);
	return found(exam, grade_of(left, is_root), "expires", sigstatus->role, fix, why,
		     "expires in %" PRId64 " days, on %s", left / CEREMONY_DAY, when);
}

// ---- signatures ----

static int examine_signatures(struct exam *exam, const struct sigstatus *sigstatus,
			      struct fault *why)
{
	if (json_count(sigstatus->file->signatures) == 0)
		return found(exam, GRADE_NOTE, "draft", sigstatus->role, NULL, why,
			     "is a draft that nobody has signed");
	for (size_t i = 0; i < sigstatus->approver_count; i++) {
		const struct approver *approver = &sigstatus->approvers[i];

		if ((int64_t)approver->met < approver->authority->threshold)
			return found(exam, GRADE_WARNING, "signatures", sigstatus->role, NULL, why,
				     "has %zu of the %" PRId64 " signatures that %s asks for",
				     approver->met, approver->authority->threshold, approver->name);
	}
	return 0;
}

// ---- keys ----

static bool is_same(const struct key *a, const struct key *b)
{
	return a && b && sha256_equal(key_identity(a), key_identity(b));
}

// Keys that can sign, each counted once under however many ids.
static int64_t usable_keys(const struct authority *authority)
{
	int64_t count = 0;

	for (size_t i = 0; i < authority->count; i++) {
		const struct key *key = authority->signers[i].key;
		bool again = !key || key_scheme(key) == KEY_UNUSABLE;

		for (size_t j = 0; j < i && !again; j++)
			again = is_same(key, authority->signers[j].key);
		count += !again;
	}
	return count;
}

static bool has_key(const struct authority *authority, const struct key *key)
{
	for (size_t i = 0; i < authority->count; i++)
		if (is_same(authority->signers[i].key, key))
			return true;
	return false;
}

static int examine_online(struct exam *exam, const char *role, const struct authority *authority,
			  struct fault *why)
{
	for (size_t i = 0; i < authority->count; i++) {
		const struct signer *signer = &authority->signers[i];

		if (!has_key(&exam->root->roles[ROOT_SNAPSHOT], signer->key) &&
		    !has_key(&exam->root->roles[ROOT_TIMESTAMP], signer->key))
			continue;
		if (found(exam, GRADE_DUE, "online-key", role,
			  "replace it: bpfseal root add-key and rm-key", why,
			  "rests on key %s, which lies on the server: who steals that can publish",
			  signer->id) != 0)
			return -1;
	}
	return 0;
}

// A role whose keys are kept offline.
static int examine_keys(struct exam *exam, const char *role, const struct authority *authority,
			struct fault *why)
{
	int64_t count = usable_keys(authority), threshold = authority->threshold;

	if (examine_online(exam, role, authority, why) != 0)
		return -1;
	if (count < threshold)
		return found(exam, GRADE_DUE, "threshold", role,
			     "bpfseal root threshold, or add-key", why,
			     "needs %" PRId64 " signatures and has %" PRId64
			     " keys: nobody can sign it",
			     threshold, count);
	if (strcmp(role, "root") == 0 && threshold == 1 &&
	    found(exam, GRADE_WARNING, "single", role, "bpfseal root threshold 2 --role root", why,
		  "can be replaced by one key alone") != 0)
		return -1;
	if (count == threshold)
		return found(exam, GRADE_WARNING, "spare", role, "bpfseal root add-key", why,
			     "needs all of its %" PRId64 " keys: with one lost nobody can sign it",
			     count);
	return 0;
}

// What speaks for a role of one name, and is neither a server's nor a bin.
struct office {
	char *role;
	const struct authority *authority;
};

struct offices {
	struct office *list;
	struct authority *granted; // of the delegations
	size_t count, granted_count;
};

static void offices_drop(struct offices *offices)
{
	for (size_t i = 0; i < offices->count; i++)
		free(offices->list[i].role);
	for (size_t i = 0; i < offices->granted_count; i++)
		authority_drop(&offices->granted[i]);
	free(offices->list);
	free(offices->granted);
}

static int office_add(struct offices *offices, const char *role, const struct authority *authority,
		      struct fault *why)
{
	struct office *more =
		reallocarray(offices->list, offices->count + 1, sizeof(*offices->list));

	if (!more)
		return fault_set(why, FAULT_OTHER, "out of memory");
	offices->list = more;
	if (text_copy(role, &more[offices->count].role, why) != 0)
		return -1;
	more[offices->count++].authority = authority;
	return 0;
}

static int share(struct exam *exam, const struct office *a, const struct office *b,
		 struct fault *why)
{
	for (size_t i = 0; i < a->authority->count; i++) {
		const struct signer *signer = &a->authority->signers[i];

		if (!has_key(b->authority, signer->key))
			continue;
		if (found(exam, GRADE_WARNING, "shared", a->role, "give each role keys of its own",
			  why, "key %s signs for %s as well as for %s", signer->id, a->role,
			  b->role) != 0 ||
		    found(exam, GRADE_WARNING, "shared", b->role, "give each role keys of its own",
			  why, "key %s signs for %s as well as for %s", signer->id, a->role,
			  b->role) != 0)
			return -1;
	}
	return 0;
}

static int examine_shared(struct exam *exam, const struct offices *offices, struct fault *why)
{
	for (size_t i = 0; i < offices->count; i++)
		for (size_t j = 0; j < i; j++)
			if (share(exam, &offices->list[j], &offices->list[i], why) != 0)
				return -1;
	return 0;
}

// ---- who speaks for what ----

static int examine_delegation(struct exam *exam, const struct delegator *by,
			      const struct json *delegation, struct offices *offices,
			      struct fault *why)
{
	struct authority *granted = &offices->granted[offices->granted_count];
	const char *name;

	if (json_need_text(delegation, "name", &name, why) != 0 ||
	    authority_parse(delegation, by->ring, granted, why) != 0)
		return -1;
	offices->granted_count++;
	if (examine_keys(exam, name, granted, why) != 0)
		return -1;
	// A bin has its delegate's keys: one role in many files.
	return json_member(delegation, "path_hash_prefixes")
		       ? 0
		       : office_add(offices, name, granted, why);
}

static size_t delegations_count(const struct exam *exam)
{
	const struct delegator *by;
	size_t count = 0;

	for (size_t i = 0; (by = fileset_delegator(exam->fileset, i)); i++)
		count += json_count(by->roles);
	return count;
}

static int examine_offices(struct exam *exam, struct fault *why)
{
	OWNED(offices_drop) struct offices offices = {0};
	const struct authority *roles = exam->root->roles;
	const struct delegator *by;

	offices.granted = calloc(delegations_count(exam) + 1, sizeof(*offices.granted));
	if (!offices.granted)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (examine_keys(exam, "root", &roles[ROOT_ROOT], why) != 0 ||
	    examine_keys(exam, "targets", &roles[ROOT_TARGETS], why) != 0 ||
	    office_add(&offices, "root", &roles[ROOT_ROOT], why) != 0 ||
	    office_add(&offices, "targets", &roles[ROOT_TARGETS], why) != 0)
		return -1;
	for (size_t i = 0; (by = fileset_delegator(exam->fileset, i)); i++)
		for (size_t j = 0; j < json_count(by->roles); j++)
			if (examine_delegation(exam, by, json_item(by->roles, j), &offices, why) !=
			    0)
				return -1;
	return examine_shared(exam, &offices, why);
}

// ---- files ----

static int examine_file(struct exam *exam, const char *role, const char *renewed, struct fault *why)
{
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	OWNED(drop_heap) char *file = NULL;

	if (role_file(role, 0, &file, why) != 0)
		return -1;
	if (sigstatus_open_in(exam->fileset, file, NULL, &sigstatus, why) != 0) {
		// Delegated, and not kept here: another team's.
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		return 0;
	}
	if (examine_expiry(exam, sigstatus, renewed, why) != 0)
		return -1;
	return examine_signatures(exam, sigstatus, why);
}

static int examine_files(struct exam *exam, struct fault *why)
{
	const struct delegator *by;

	if (examine_file(exam, "root", "root", why) != 0 ||
	    examine_file(exam, "targets", "targets", why) != 0)
		return -1;
	for (size_t i = 0; (by = fileset_delegator(exam->fileset, i)); i++)
		for (size_t j = 0; j < json_count(by->roles); j++) {
			const struct json *one = json_item(by->roles, j);
			const char *name = json_text(json_member(one, "name"));
			bool is_bin = json_member(one, "path_hash_prefixes") != NULL;

			if (examine_file(exam, name, is_bin ? by->name : name, why) != 0)
				return -1;
		}
	return 0;
}

static int exam_open(const char *dir, struct exam *exam, struct fault *why)
{
	OWNED(bytes_drop) struct bytes path = {0};
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(role_drop) struct role *role = NULL;

	exam->findings = json_make_array();
	exam->known = json_make_object();
	if (!exam->findings || !exam->known)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (bytes_format(&path, why, "%s/metadata/root.json", dir) != 0 ||
	    fileset_of(bytes_text(&path), NULL, &exam->fileset, why) != 0 ||
	    fileset_read(exam->fileset, "root.json", &data, why) != 0)
		return fault_within(why, "%s is not a ceremony directory", dir);
	if (role_parse("root.json", data.data, data.len, &role, why) != 0 ||
	    root_parse(role, &exam->root, why) != 0)
		return -1;
	role = NULL; // the root has it now
	return fileset_walk(exam->fileset, why);
}

int doctor_examine(const char *dir, int64_t now, struct json **findings, bool *due,
		   struct fault *why)
{
	OWNED(exam_drop) struct exam exam = {.now = now};

	if (exam_open(dir, &exam, why) != 0 || examine_files(&exam, why) != 0 ||
	    examine_offices(&exam, why) != 0)
		return -1;
	*due = exam.due;
	*findings = HAND_OVER(exam.findings);
	return 0;
}
