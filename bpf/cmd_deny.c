// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_deny.h"

#include "base/clock.h"
#include "base/owned.h"
#include "base/table.h"
#include "bpf/deny.h"
#include "bpf/intake.h"
#include "bpf/place.h"
#include "bpf/stage.h"

struct deny_edit {
	struct sha256 sha256;
	const char *reason; // NULL: off the list
	int64_t now;
};

static int edit_deny(void *ctx, struct deny *deny, struct fault *why)
{
	const struct deny_edit *edit = ctx;

	if (!edit->reason)
		return deny_remove(deny, &edit->sha256, why);
	if (!deny_add(deny, &edit->sha256, edit->reason, edit->now, why))
		return 0;
	if (why->code == FAULT_FORMAT)
		why->code = FAULT_USAGE;
	return -1;
}

// A digest, or a file (a bundle, an object) whose digest is meant.
static int read_digest(const char *word, struct sha256 *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};

	if (!sha256_read(word, out))
		return 0;
	return intake_file(word, BUNDLE_MAX, &data, why) || sha256_of(data.data, data.len, out, why)
		       ? -1
		       : 0;
}

static int change_deny(struct cli *cli, struct deny_edit *edit, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct stage_place place;
	char hex[SHA256_HEX];
	bool changed = false;

	if (place_read(cli, &place, why) || read_digest(cli_arg(cli, 0), &edit->sha256, why))
		return -1;
	if (stage_deny(&place, edit_deny, edit, &changed, why)) {
		bool no_draft = why->code == FAULT_NOT_FOUND && edit->reason;

		place_refuse(why);
		return no_draft ? fault_fix(why,
					    "bpfseal root delegate %s --dir %s --paths 'deny/*' "
					    "--key PUB",
					    place.role, place.dir)
				: -1;
	}
	sha256_hex(&edit->sha256, hex);
	cli_say(cli,
		edit->reason ? "%s: denied in the draft of %s"
			     : "%s: no longer denied in the draft of %s",
		hex, place.role);
	place_say_next(cli, &place);
	if (json_put_text(document, "target", DENY_PATH, why) ||
	    json_put_text(document, "sha256", hex, why) ||
	    json_put_text(document, "role", place.role, why) ||
	    json_put_bool(document, "changed", changed, why))
		return -1;
	return cli_document(cli, "bpfseal.deny-change/1", HAND_OVER(document), why);
}

int cmd_deny_add(struct cli *cli, struct fault *why)
{
	struct deny_edit edit = {.now = cli_now(cli)};

	return cli_need(cli, "--reason", &edit.reason, why) ? -1 : change_deny(cli, &edit, why);
}

int cmd_deny_remove(struct cli *cli, struct fault *why)
{
	struct deny_edit edit = {.now = cli_now(cli)};

	return change_deny(cli, &edit, why);
}

int cmd_deny_show(struct cli *cli, struct fault *why)
{
	static const char *const columns[] = {"SHA256", "SINCE", "REASON", NULL};
	OWNED(deny_drop) struct deny *deny = NULL;
	OWNED(table_drop) struct table *table = NULL;
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(json_drop) struct json *document = NULL;

	if (stage_deny_read(place_dir(cli), &deny, why) || table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < deny->count; i++) {
		const struct deny_entry *entry = &deny->entries[i];
		char hex[SHA256_HEX], time[CLOCK_TEXT_LEN];

		sha256_hex(&entry->sha256, hex);
		clock_write(entry->since, time);
		if (table_row(table, (const char *[]){hex, time, entry->reason}, why))
			return -1;
	}
	if (deny->count)
		table_print(table, cli);
	else
		cli_say(cli, "nothing is denied");
	if (deny_write(deny, &text, why) ||
	    json_parse(text.data, text.len, DENY_PATH, &document, why))
		return -1;
	return cli_document(cli, "bpfseal.deny/1", HAND_OVER(document), why);
}
