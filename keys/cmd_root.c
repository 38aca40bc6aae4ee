// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_root.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/bins.h"
#include "keys/ceremony.h"
#include "keys/report.h"
#include "keys/signing.h"

#define ROOT_DAYS     365
#define ROOT_DAYS_MAX 3650
#define KEYS_MAX      32

static const char *dir_of(const struct cli *cli)
{
	const char *dir = cli_value(cli, "--dir");

	return dir ? dir : ".";
}

// When something that is made now ends: `option` or the default, at most `days_max`.
static int expiry_of(const struct cli *cli, const char *option, int64_t days, int64_t days_max,
		     int64_t *out, struct fault *why)
{
	int64_t seconds;

	if (cli_duration(cli, option, days * CEREMONY_DAY, &seconds, why) != 0)
		return -1;
	if (seconds > days_max * CEREMONY_DAY)
		return fault_set(why, FAULT_POLICY, "%s is longer than %" PRId64 " days", option,
				 days_max);
	*out = cli_now(cli) + seconds;
	return 0;
}

static int root_expiry(const struct cli *cli, int64_t *out, struct fault *why)
{
	return expiry_of(cli, "--expires", ROOT_DAYS, ROOT_DAYS_MAX, out, why);
}

static int targets_expiry(const struct cli *cli, const char *option, int64_t *out,
			  struct fault *why)
{
	return expiry_of(cli, option, CEREMONY_TARGETS_DAYS, CEREMONY_TARGETS_DAYS, out, why);
}

// Adds every key that `option` names.
static int holder_add_all(const struct cli *cli, const char *option, struct holder *holder,
			  struct fault *why)
{
	size_t count = cli_value_count(cli, option);

	if (count == 0) {
		fault_set(why, FAULT_USAGE, "%s is missing", option);
		return fault_fix(why, "give a public key file: %s FILE.pub", option);
	}
	for (size_t i = 0; i < count; i++) {
		const char *path = cli_value_at(cli, option, i);
		OWNED(public_key_drop) struct public_key key = {0};

		if (public_key_read(path, &key, why) != 0)
			return -1;
		if (holder_add(holder, &key, why) != 0)
			return fault_within(why, "%s %s", option, path);
	}
	return 0;
}

static int need_threshold(const struct cli *cli, const char *option, int64_t *out,
			  struct fault *why)
{
	const char *text;

	if (cli_need(cli, option, &text, why) != 0)
		return -1;
	return cli_number(cli, option, 1, KEYS_MAX, 1, out, why);
}

// The file's next step, said to the person and put into the document.
static int say_saved(struct cli *cli, const char *role, const struct json *document,
		     struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	const struct json *body = json_member(document, "signed");
	int64_t version = json_int(json_member(body, "version"));
	const char *expires = json_text(json_member(body, "expires"));

	cli_say(cli, "%s version %" PRId64 " (draft), expires %s", role, version, expires);
	cli_say(cli, "next: bpfseal sign %s/metadata/%s.json --key KEY", dir_of(cli), role);
	if (json_put_text(entry, "role", role, why) != 0 ||
	    json_put_int(entry, "version", version, why) != 0 ||
	    json_put_text(entry, "expires", expires, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.draft/1", HAND_OVER(entry), why);
}

// ---- root init ----

static int init_role(const struct cli *cli, struct json *document, const char *role,
		     struct fault *why)
{
	char key_option[32], threshold_option[32];
	struct holder holder;
	int64_t threshold = 1;
	bool online = strcmp(role, "snapshot") == 0 || strcmp(role, "timestamp") == 0;

	snprintf(key_option, sizeof(key_option), "--%s-key", role);
	snprintf(threshold_option, sizeof(threshold_option), "--%s-threshold", role);
	if (!online && need_threshold(cli, threshold_option, &threshold, why) != 0)
		return -1;
	if (holder_of_root(document, role, &holder, why) != 0 ||
	    holder_add_all(cli, key_option, &holder, why) != 0)
		return -1;
	return holder_threshold(&holder, threshold, why);
}

static int init_root(const struct cli *cli, struct json **out, struct fault *why)
{
	static const char *const roles[] = {"root", "targets", "snapshot", "timestamp", NULL};
	OWNED(json_drop) struct json *document = NULL;
	const char *class = cli_value(cli, "--class");
	int64_t expires;

	if (!class)
		class = "private";
	if (strcmp(class, "private") != 0 && strcmp(class, "public") != 0)
		return fault_set(why, FAULT_USAGE, "--class is private or public");
	if (root_expiry(cli, &expires, why) != 0 ||
	    ceremony_new_root(expires, class, &document, why) != 0)
		return -1;
	for (size_t i = 0; roles[i]; i++)
		if (init_role(cli, document, roles[i], why) != 0)
			return -1;
	if (ceremony_sweep(document, why) != 0)
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

static int document_create(int metadata, const char *file, const struct json *document,
			   struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};

	if (signing_write(document, &text, why) != 0)
		return -1;
	return file_create_at(metadata, file, text.data, text.len, 0644, why);
}

static int init_write(const char *dir, const struct json *root, const struct json *targets,
		      struct fault *why)
{
	OWNED(drop_fd) int top = -1;
	OWNED(drop_fd) int metadata = -1;
	OWNED(drop_fd) int files = -1;

	if (dir_make(dir, 0755, &top, why) != 0 ||
	    dir_make_at(top, "metadata", 0755, &metadata, why) != 0 ||
	    dir_make_at(top, "targets", 0755, &files, why) != 0 ||
	    document_create(metadata, "root.json", root, why) != 0)
		return -1;
	return document_create(metadata, "targets.json", targets, why);
}

// Both are allowed and both are weaker than they need be; who signs should have heard it.
static void warn_root(const struct cli *cli, const struct json *root)
{
	const struct json *roles = json_member(json_member(root, "signed"), "roles");

	if (json_int(json_member(json_member(roles, "root"), "threshold")) < 2)
		cli_note(cli, "warning: one key alone can replace the root; 2 of 3 is usual");
	if (ceremony_root_is_shared(root))
		cli_note(cli, "warning: a key speaks for root and for targets; keep them apart");
}

int cmd_root_init(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *root = NULL;
	OWNED(json_drop) struct json *targets = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	const char *dir = dir_of(cli);
	int64_t expires;

	if (targets_expiry(cli, "--targets-expires", &expires, why) != 0 ||
	    init_root(cli, &root, why) != 0 ||
	    signing_new_targets(1, expires, &targets, why) != 0 ||
	    init_write(dir, root, targets, why) != 0)
		return -1;
	warn_root(cli, root);
	cli_say(cli, "drafts %s/metadata/root.json and %s/metadata/targets.json", dir, dir);
	cli_say(cli,
		"next: bpfseal root delegate NAME --dir %s --paths PATTERN --key PUB "
		"--threshold N",
		dir);
	cli_say(cli, "      bpfseal sign %s/metadata/root.json --key KEY", dir);
	if (json_put_text(document, "dir", dir, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.draft/1", HAND_OVER(document), why);
}

// ---- changes ----

// A document opened for a change of one role, and where to put it back.
struct change {
	struct json *document;
	const char *file_role; // "root" or "targets"
	struct holder holder;
};

static void change_drop(struct change *change)
{
	json_drop(&change->document);
}

static bool is_top(const char *role)
{
	return strcmp(role, "root") == 0 || strcmp(role, "targets") == 0 ||
	       strcmp(role, "snapshot") == 0 || strcmp(role, "timestamp") == 0;
}

static int root_open(const struct cli *cli, struct json **out, struct fault *why)
{
	int64_t expires;
	bool in_place;

	if (root_expiry(cli, &expires, why) != 0 ||
	    ceremony_open_root(dir_of(cli), expires, out, &in_place, why) != 0)
		return -1;
	if (in_place)
		cli_note(cli, "this version of root had not all its signatures: it is changed in "
			      "place and has to be signed anew");
	return 0;
}

static int change_open(const struct cli *cli, const char *role, struct change *out,
		       struct fault *why)
{
	int64_t expires;

	if (is_top(role)) {
		out->file_role = "root";
		if (root_open(cli, &out->document, why) != 0)
			return -1;
		return holder_of_root(out->document, role, &out->holder, why);
	}
	out->file_role = "targets";
	if (targets_expiry(cli, "--targets-expires", &expires, why) != 0 ||
	    draft_open(dir_of(cli), "targets", expires, &out->document, why) != 0)
		return -1;
	return holder_of_delegation(out->document, role, &out->holder, why);
}

// A delegation may not rest on a key that lies on the server either. Without a root beside it nobody can know.
static int delegation_check_keys(const struct cli *cli, const struct holder *holder,
				 struct fault *why)
{
	OWNED(json_drop) struct json *root = NULL;

	if (draft_read(dir_of(cli), "root", &root, why) != 0)
		return fault_forgive(why, FAULT_NOT_FOUND);
	return ceremony_check_offline(root, holder, why);
}

// How many of those who sign a delegate from now on have signed what is there. By their ids alone: it is for a hint.
static size_t still_count(const struct json *document, const struct holder *holder)
{
	const struct json *signatures = json_member(document, "signatures");
	size_t count = 0;

	for (size_t i = 0; i < json_count(signatures); i++) {
		const char *id = json_text(json_member(json_item(signatures, i), "keyid"));

		count += id && holder_lists(holder, id);
	}
	return count;
}

// A signed file that does not reach the new threshold keeps its delegation from being published.
static void say_outgrown(const struct cli *cli, const char *role, const struct json *document,
			 const struct holder *holder)
{
	int64_t threshold = json_int(json_member(holder->role, "threshold"));

	if (json_count(json_member(document, "signatures")) &&
	    (int64_t)still_count(document, holder) < threshold)
		cli_say(cli,
			"next: bpfseal root renew %s --dir %s, and sign it too: %s.json has not "
			"enough signatures any more",
			role, dir_of(cli), role);
}

// The bins of a delegate rest on the same keys as itself: a key that leaves leaves all of them. `bits` 0: as many bins
// as there are, if any.
static int bins_follow(struct cli *cli, const char *role, unsigned bits,
		       const struct holder *holder, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	int64_t expires;
	size_t count;

	if (bits == 0) {
		if (draft_read(dir_of(cli), role, &document, why) != 0)
			return fault_forgive(why, FAULT_NOT_FOUND);
		bits = bins_of(document, role);
		if (bits == 0)
			say_outgrown(cli, role, document, holder);
	}
	if (bits == 0)
		return 0;
	if (targets_expiry(cli, "--targets-expires", &expires, why) != 0 ||
	    bins_save(dir_of(cli), role, bits, holder, expires, &count, why) != 0)
		return -1;
	if (count > 0)
		cli_say(cli, "%zu drafts: %s and its %u bins; each wants all its signatures again",
			count, role, 1u << bits);
	if (count > 0)
		cli_say(cli,
			"next: bpfseal sign %s/metadata/%s.json %s/metadata/%s-*.json "
			"--key KEY",
			dir_of(cli), role, dir_of(cli), role);
	return 0;
}

// `role` is the one that changed.
static int change_save(struct cli *cli, struct change *change, const char *role, unsigned bits,
		       struct fault *why)
{
	bool is_root = strcmp(change->file_role, "root") == 0;

	if (!is_root && delegation_check_keys(cli, &change->holder, why) != 0)
		return -1;
	if (ceremony_sweep(change->document, why) != 0)
		return -1;
	if (is_root)
		warn_root(cli, change->document);
	else if (holder_of_delegation(change->document, role, &change->holder, why) != 0 ||
		 bins_follow(cli, role, bits, &change->holder, why) != 0)
		return -1;
	if (draft_save(dir_of(cli), change->file_role, change->document, why) != 0)
		return -1;
	return say_saved(cli, change->file_role, change->document, why);
}

int cmd_root_add_key(struct cli *cli, struct fault *why)
{
	OWNED(change_drop) struct change change = {0};
	const char *role;

	if (cli_need(cli, "--role", &role, why) != 0 || change_open(cli, role, &change, why) != 0 ||
	    holder_add_all(cli, "--key", &change.holder, why) != 0)
		return -1;
	return change_save(cli, &change, role, 0, why);
}

// A lost key has no file any more: its id will do.
static int remove_one(struct holder *holder, const char *word, struct fault *why)
{
	OWNED(public_key_drop) struct public_key key = {0};

	if (holder_lists(holder, word))
		return holder_remove(holder, word, why);
	if (public_key_read(word, &key, why) != 0)
		return fault_within(why, "%.80s is neither a listed key id nor a public key file",
				    word);
	return holder_remove(holder, key.id, why);
}

int cmd_root_rm_key(struct cli *cli, struct fault *why)
{
	OWNED(change_drop) struct change change = {0};
	const char *role, *word;

	if (cli_need(cli, "--role", &role, why) != 0 || cli_need(cli, "--key", &word, why) != 0 ||
	    change_open(cli, role, &change, why) != 0)
		return -1;
	for (size_t i = 0; i < cli_value_count(cli, "--key"); i++)
		if (remove_one(&change.holder, cli_value_at(cli, "--key", i), why) != 0)
			return -1;
	return change_save(cli, &change, role, 0, why);
}

int cmd_root_threshold(struct cli *cli, struct fault *why)
{
	OWNED(change_drop) struct change change = {0};
	const char *role, *word = cli_arg(cli, 0);
	char *end;
	long threshold = strtol(word, &end, 10);

	if (*word < '1' || *word > '9' || *end || threshold > KEYS_MAX)
		return fault_set(why, FAULT_USAGE, "a threshold is a number from 1 to %d",
				 KEYS_MAX);
	if (cli_need(cli, "--role", &role, why) != 0 || change_open(cli, role, &change, why) != 0 ||
	    holder_threshold(&change.holder, threshold, why) != 0)
		return -1;
	return change_save(cli, &change, role, 0, why);
}

int cmd_root_rotate(struct cli *cli, struct fault *why)
{
	OWNED(change_drop) struct change change = {0};

	if (change_open(cli, "root", &change, why) != 0)
		return -1;
	return change_save(cli, &change, "root", 0, why);
}

// ---- root delegate ----

// The delegated role's own first draft, if there is none yet.
static int delegate_draft(const struct cli *cli, const char *name, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;
	int64_t expires;

	if (targets_expiry(cli, "--expires", &expires, why) != 0)
		return -1;
	if (draft_read(dir_of(cli), name, &document, why) == 0)
		return 0;
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_clear(why);
	if (signing_new_targets(1, expires, &document, why) != 0)
		return -1;
	return draft_save(dir_of(cli), name, document, why);
}

static int delegate_paths(const struct cli *cli, const char **paths, size_t room, size_t *count,
			  struct fault *why)
{
	*count = cli_value_count(cli, "--paths");
	if (*count > room)
		return fault_set(why, FAULT_USAGE, "more than %zu patterns", room);
	for (size_t i = 0; i < *count; i++)
		paths[i] = cli_value_at(cli, "--paths", i);
	return 0;
}

static int delegate_bins(const struct cli *cli, unsigned *bits, struct fault *why)
{
	int64_t count;

	*bits = 0;
	if (!cli_has(cli, "--bins"))
		return 0;
	if (cli_number(cli, "--bins", BINS_MIN, BINS_MAX, BINS_MIN, &count, why) != 0)
		return -1;
	return bins_bits(count, bits, why);
}

int cmd_root_delegate(struct cli *cli, struct fault *why)
{
	OWNED(change_drop) struct change change = {.file_role = "targets"};
	const char *paths[64];
	struct delegation delegation = {.name = cli_arg(cli, 0),
					.paths = paths,
					.terminating = cli_has(cli, "--terminating")};
	int64_t threshold, expires;
	unsigned bits;

	if (delegate_paths(cli, paths, 64, &delegation.path_count, why) != 0 ||
	    delegation_check(&delegation, why) != 0 || delegate_bins(cli, &bits, why) != 0 ||
	    need_threshold(cli, "--threshold", &threshold, why) != 0 ||
	    targets_expiry(cli, "--targets-expires", &expires, why) != 0 ||
	    draft_open(dir_of(cli), "targets", expires, &change.document, why) != 0 ||
	    delegation_put(change.document, &delegation, &change.holder, why) != 0 ||
	    holder_add_all(cli, "--key", &change.holder, why) != 0 ||
	    holder_threshold(&change.holder, threshold, why) != 0 ||
	    delegation_check_keys(cli, &change.holder, why) != 0 ||
	    ceremony_sweep(change.document, why) != 0 ||
	    holder_of_delegation(change.document, delegation.name, &change.holder, why) != 0 ||
	    (bits == 0 && delegate_draft(cli, delegation.name, why) != 0))
		return -1;
	return change_save(cli, &change, delegation.name, bits, why);
}

// ---- root renew ----

int cmd_root_renew(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	const char *role = cli_arg(cli, 0), *more;
	int64_t expires;
	size_t count;

	if (is_top(role) && strcmp(role, "targets") != 0) {
		fault_set(why, FAULT_USAGE, "%s is not a targets role", role);
		return fault_fix(why, "a root is renewed by: bpfseal root rotate");
	}
	if (targets_expiry(cli, "--expires", &expires, why) != 0 ||
	    bins_renew(dir_of(cli), role, expires, &count, why) != 0)
		return -1;
	more = count > 1 ? " and its bins" : "";
	cli_say(cli, "%s%s: the next version is a draft", role, more);
	if (count > 1)
		cli_say(cli,
			"next: bpfseal sign %s/metadata/%s.json %s/metadata/%s-*.json "
			"--key KEY",
			dir_of(cli), role, dir_of(cli), role);
	else
		cli_say(cli, "next: bpfseal sign %s/metadata/%s.json --key KEY", dir_of(cli), role);
	if (json_put_text(entry, "role", role, why) != 0 ||
	    json_put_int(entry, "drafts", (int64_t)count, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.draft/1", HAND_OVER(entry), why);
}

// ---- root show ----

int cmd_root_show(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	OWNED(sigstatus_drop) struct sigstatus *sigstatus = NULL;
	OWNED(bytes_drop) struct bytes path = {0};

	if (bytes_format(&path, why, "%s/metadata/root.json", dir_of(cli)) != 0 ||
	    sigstatus_open(bytes_text(&path), NULL, NULL, &sigstatus, why) != 0)
		return -1;
	if (!sigstatus->self)
		return fault_set(why, FAULT_FORMAT, "%s is not a root file", bytes_text(&path));
	if (report_root(cli, sigstatus->self, entry, why) != 0 ||
	    report_sigstatus(cli, bytes_text(&path), sigstatus, false, entry, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.root/1", HAND_OVER(entry), why);
}
