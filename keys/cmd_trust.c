// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_trust.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/table.h"
#include "keys/pin.h"
#include "keys/report.h"
#include "keys/sharedkeys.h"

// The name as a person types it: a wrong one is the call's fault, not the config's.
static int name_of(const struct cli *cli, const char **out, struct fault *why)
{
	*out = cli_arg(cli, 0);
	if (!name_is_plain(*out, 64))
		return fault_set(why, FAULT_USAGE,
				 "\"%.80s\" is not a repository name (a-z, 0-9, '.', '_', '-')",
				 *out);
	return 0;
}

// ---- trust add ----

// The admin may make a repository's class stricter than its root says, never laxer.
static int class_check(const char *class, const struct root *root, struct fault *why)
{
	if (!*class)
		return 0;
	if (strcmp(class, "private") != 0 && strcmp(class, "public") != 0)
		return fault_set(why, FAULT_USAGE, "--class is private or public");
	if (strcmp(class, "private") == 0 && strcmp(root->class, "public") == 0) {
		fault_set(why, FAULT_POLICY,
			  "the root calls its repository public; naming it "
			  "private would make that laxer");
		return fault_fix(why, "leave --class out, or ask its owners for a private root");
	}
	return 0;
}

// Without a fingerprint there is no trust on first use: what is seen is shown, and that was all.
static int show_and_stop(struct cli *cli, const struct root *root, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();

	if (report_root(cli, root, entry, why) != 0 ||
	    json_put_bool(entry, "pinned", false, why) != 0 ||
	    report_document(cli, "bpfseal.trust/1", false, HAND_OVER(entry), why) != 0)
		return -1;
	fault_set(why, FAULT_UNTRUSTED, "nothing is pinned: no fingerprint was given");
	return fault_fix(why, "get the fingerprint from the security team by another way, compare, "
			      "then give it with --fingerprint");
}

static int fingerprint_check(const char *text, const struct sha256 *seen, struct fault *why)
{
	char shown[PIN_FINGERPRINT_LEN];
	struct sha256 wanted;

	// What cannot be read is not the fingerprint either, and the answer is the same: exit status 3.
	if (pin_fingerprint_read(text, &wanted, why) == 0 && sha256_equal(&wanted, seen))
		return 0;
	pin_fingerprint_write(seen, shown);
	fault_set(why, FAULT_UNTRUSTED, "the root file has another fingerprint: %s", shown);
	return fault_fix(why, "do not pin it; ask where the file and the fingerprint came from");
}

// A pin is never replaced by another root in passing: that has to be said with two commands.
static int existing_check(const char *root_dir, const char *name, const struct sha256 *seen,
			  struct fault *why)
{
	OWNED(pin_drop) struct pin pin = {0};

	if (pin_read(root_dir, name, &pin, why) != 0)
		return fault_forgive(why, FAULT_UNTRUSTED);
	if (sha256_equal(&pin.fingerprint, seen))
		return 0;
	fault_set(why, FAULT_UNTRUSTED, "another root is pinned for %s", name);
	return fault_fix(why, "if the change is meant: bpfseal trust remove %s --yes, then add it",
			 name);
}

// A13: two repositories that one key speaks for are one, whatever they are called.
static int refuse_kin(void *ctx, const struct sharedkeys *found, struct fault *why)
{
	const struct cli *cli = ctx;
	const char *role = root_role_name(found->role);

	if (!found->enough) {
		cli_note(cli, "warning: %zu key%s of the role %s speak%s for %s too", found->count,
			 found->count == 1 ? "" : "s", role, found->count == 1 ? "s" : "",
			 found->name);
		return 0;
	}
	fault_set(why, FAULT_POLICY,
		  "the keys of its role %s speak for %s too: what one repository signs would pass "
		  "for the other's",
		  role, found->name);
	return fault_fix(why,
			 "ask for a root with keys of its own; if it is the same repository, "
			 "pin the very root that is pinned for %s",
			 found->name);
}

static int pin_make(const struct cli *cli, const char *url, const char *class,
		    const struct sha256 *fingerprint, struct pin *out, struct fault *why)
{
	out->fingerprint = *fingerprint;
	out->pinned_at = cli_now(cli);
	out->uid = getuid();
	if (text_copy(url, &out->url, why) != 0)
		return -1;
	return text_copy(class, &out->class, why);
}

static int pin_document(struct cli *cli, const char *name, const struct pin *pin,
			const struct root *root, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();

	cli_say(cli, "pinned %s: %s", name, pin->url);
	if (report_root(cli, root, entry, why) != 0 ||
	    json_put_bool(entry, "pinned", true, why) != 0 ||
	    json_put_text(entry, "name", name, why) != 0 ||
	    json_put_text(entry, "url", pin->url, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.trust/1", HAND_OVER(entry), why);
}

int cmd_trust_add(struct cli *cli, struct fault *why)
{
	OWNED(root_drop) struct root *root = NULL;
	OWNED(pin_drop) struct pin pin = {0};
	const char *name, *url, *file, *fingerprint = cli_value(cli, "--fingerprint");
	const char *class = cli_value(cli, "--class");
	const struct bytes *raw;
	struct sha256 seen;

	if (!class)
		class = "";
	if (name_of(cli, &name, why) != 0 || cli_need(cli, "--url", &url, why) != 0 ||
	    cli_need(cli, "--root-json", &file, why) != 0 || pin_url_check(url, why) != 0 ||
	    sigstatus_root(file, &root, why) != 0 || class_check(class, root, why) != 0)
		return -1;
	raw = &root->role->raw;
	if (pin_fingerprint(raw->data, raw->len, &seen, why) != 0)
		return -1;
	if (!fingerprint)
		return show_and_stop(cli, root, why);
	if (fingerprint_check(fingerprint, &seen, why) != 0 ||
	    existing_check(cli_root(cli), name, &seen, why) != 0 ||
	    sharedkeys_walk(cli_root(cli), name, root, refuse_kin, cli, why) != 0 ||
	    pin_make(cli, url, class, &seen, &pin, why) != 0)
		return -1;
	if (root->role->expires <= cli_now(cli))
		cli_note(cli, "warning: this root has expired; a newer one has to follow it");
	if (pin_write(cli_root(cli), name, &pin, raw->data, raw->len, why) != 0)
		return -1;
	return pin_document(cli, name, &pin, root, why);
}

// ---- trust show ----

// What the warnings beside the table are made from.
struct showing {
	const struct cli *cli;
	const char *name;
	struct json *shared; // of the entry
};

static int show_kin(void *ctx, const struct sharedkeys *found, struct fault *why)
{
	const struct showing *showing = ctx;
	const char *role = root_role_name(found->role);
	struct json *entry = json_make_object();

	cli_note(showing->cli, "warning: %s and %s share %zu key%s of the role %s%s", showing->name,
		 found->name, found->count, found->count == 1 ? "" : "s", role,
		 found->enough ? ": what one signs passes for the other's" : "");
	if (json_add(showing->shared, entry, why) != 0 ||
	    json_put_text(entry, "with", found->name, why) != 0 ||
	    json_put_text(entry, "role", role, why) != 0 ||
	    json_put_int(entry, "keys", (int64_t)found->count, why) != 0)
		return -1;
	return json_put_bool(entry, "enough", found->enough, why);
}

static int show_shared(const struct cli *cli, const char *name, const struct bytes *data,
		       struct json *entry, struct fault *why)
{
	struct showing showing = {cli, name, json_make_array()};
	OWNED(role_drop) struct role *role = NULL;
	OWNED(root_drop) struct root *root = NULL;

	if (json_put(entry, "shared_keys", showing.shared, why) != 0 ||
	    role_parse("root", data->data, data->len, &role, why) != 0 ||
	    root_parse(role, &root, why) != 0)
		return -1;
	(void)HAND_OVER(role);
	return sharedkeys_walk(cli_root(cli), name, root, show_kin, &showing, why);
}

// The pin with its root read and held against the record; a damaged one is told, not passed over.
static int show_one(const struct cli *cli, const char *name, struct table *table, struct json *list,
		    struct fault *why)
{
	OWNED(pin_drop) struct pin pin = {0};
	OWNED(bytes_drop) struct bytes root = {0};
	char fingerprint[PIN_FINGERPRINT_LEN], at[CLOCK_TEXT_LEN], uid[24];
	const char *row[6] = {name};
	struct json *entry = json_make_object();

	if (json_add(list, entry, why) != 0 || pin_load(cli_root(cli), name, &root, why) != 0 ||
	    pin_read(cli_root(cli), name, &pin, why) != 0)
		return -1;
	pin_fingerprint_write(&pin.fingerprint, fingerprint);
	clock_write(pin.pinned_at, at);
	snprintf(uid, sizeof(uid), "%" PRId64, pin.uid);
	row[1] = pin.url;
	row[2] = pin.class;
	row[3] = at;
	row[4] = uid;
	row[5] = fingerprint;
	if (table_row(table, row, why) != 0 || json_put_text(entry, "name", name, why) != 0 ||
	    json_put_text(entry, "url", pin.url, why) != 0 ||
	    json_put_text(entry, "class", pin.class, why) != 0 ||
	    json_put_text(entry, "pinned_at", at, why) != 0 ||
	    json_put_int(entry, "uid", pin.uid, why) != 0 ||
	    json_put_text(entry, "fingerprint", fingerprint, why) != 0)
		return -1;
	return show_shared(cli, name, &root, entry, why);
}

int cmd_trust_show(struct cli *cli, struct fault *why)
{
	static const char *const columns[] = {"NAME", "URL",	     "CLASS", "PINNED",
					      ">UID", "FINGERPRINT", NULL};
	OWNED(table_drop) struct table *table = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(names_drop) struct names names = {0};
	struct json *list = json_make_array();
	const char *name;

	if (json_put(document, "pins", list, why) != 0 || table_new(columns, &table, why) != 0)
		return -1;
	if (cli_arg_count(cli) == 1) {
		if (name_of(cli, &name, why) != 0 || show_one(cli, name, table, list, why) != 0)
			return -1;
	} else if (pin_list(cli_root(cli), &names, why) != 0) {
		return -1;
	}
	for (size_t i = 0; i < names.count; i++)
		if (show_one(cli, names.name[i], table, list, why) != 0)
			return -1;
	table_print(table, cli);
	return cli_document(cli, "bpfseal.trust/1", HAND_OVER(document), why);
}

// ---- trust test, trust remove ----

int cmd_trust_test(struct cli *cli, struct fault *why)
{
	OWNED(pin_drop) struct pin pin = {0};
	OWNED(root_drop) struct root *root = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	const char *name, *file = cli_arg(cli, 1);
	struct sha256 seen;

	if (name_of(cli, &name, why) != 0 || pin_read(cli_root(cli), name, &pin, why) != 0 ||
	    sigstatus_root(file, &root, why) != 0 ||
	    pin_fingerprint(root->role->raw.data, root->role->raw.len, &seen, why) != 0)
		return -1;
	if (!sha256_equal(&seen, &pin.fingerprint)) {
		char shown[PIN_FINGERPRINT_LEN];

		pin_fingerprint_write(&seen, shown);
		return fault_set(why, FAULT_UNTRUSTED,
				 "%s is not the root that is pinned for %s: its fingerprint is %s",
				 file, name, shown);
	}
	cli_say(cli, "%s is the root that is pinned for %s", file, name);
	if (json_put_text(document, "name", name, why) != 0 ||
	    json_put_text(document, "file", file, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.trust/1", HAND_OVER(document), why);
}

int cmd_trust_remove(struct cli *cli, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	const char *name;

	if (name_of(cli, &name, why) != 0)
		return -1;
	if (!cli_has(cli, "--yes")) {
		fault_set(why, FAULT_USAGE, "without its pin this node takes nothing more from %s",
			  name);
		return fault_fix(why, "if that is meant: bpfseal trust remove %s --yes", name);
	}
	if (pin_remove(cli_root(cli), name, why) != 0)
		return -1;
	cli_say(cli, "nothing is pinned for %s any more", name);
	if (json_put_text(document, "name", name, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.trust/1", HAND_OVER(document), why);
}
