// SPDX-License-Identifier: Apache-2.0
#include "bpf/cmd_stage.h"

#include <string.h>

#include "base/owned.h"
#include "bpf/index.h"
#include "bpf/intake.h"
#include "bpf/place.h"
#include "bpf/stage.h"

static void say_next_of(const struct cli *cli, const struct stage_place *place,
			const struct stage *stage)
{
	struct stage_place at = *place;

	at.role = stage->role;
	if (strcmp(stage->role, stage->index_role) == 0) {
		place_say_next(cli, &at);
		return;
	}
	// Hash bins: the two paths belong to two of them.
	cli_say(cli, "next: bpfseal sign %s/metadata/%s.json %s/metadata/%s.json --key KEY",
		place->dir, stage->role, place->dir, stage->index_role);
}

static int read_channel(const struct cli *cli, const char **channel, struct fault *why)
{
	*channel = cli_value(cli, "--channel");
	return *channel ? index_channel_check(*channel, FAULT_USAGE, why) : 0;
}

static int stage_document(struct cli *cli, const char *schema, const struct stage *stage,
			  const char *role, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *roles = json_make_array();
	char hex[SHA256_HEX];

	sha256_hex(&stage->sha256, hex);
	if (json_put(document, "roles", roles, why) ||
	    json_add(roles, json_make_text(stage->role), why) ||
	    (strcmp(stage->role, stage->index_role) != 0 &&
	     json_add(roles, json_make_text(stage->index_role), why)))
		return -1;
	if (json_put_text(document, "target", stage->path, why) ||
	    json_put_text(document, "index", stage->index_path, why) ||
	    json_put_text(document, "sha256", hex, why) ||
	    json_put_text(document, "role", role, why) ||
	    json_put_bool(document, "changed", stage->changed, why))
		return -1;
	return cli_document(cli, schema, HAND_OVER(document), why);
}

// ---- add ----

int cmd_add(struct cli *cli, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(survey_drop) struct survey *survey = NULL;
	OWNED(stage_drop) struct stage stage = {0};
	struct policy widest = policy_widest();
	struct stage_place place;
	struct sha256 sha256;
	const char *channel;

	if (place_read(cli, &place, why) || read_channel(cli, &channel, why))
		return -1;
	// What no node would take is not worth a signature.
	if (intake_bundle(cli_arg(cli, 0), &data, &sha256, &survey, why) ||
	    survey_check(survey, &widest, why))
		return -1;
	if (stage_add(&place, channel, &data, survey, &stage, why))
		return place_refuse(why);
	cli_say(cli,
		stage.changed ? "added %s and %s to the draft of %s"
			      : "%s and %s are in the draft of %s already",
		stage.path, stage.index_path, place.role);
	say_next_of(cli, &place, &stage);
	return stage_document(cli, "bpfseal.add/1", &stage, place.role, why);
}

// ---- promote, withdraw ----

int cmd_promote(struct cli *cli, struct fault *why)
{
	OWNED(stage_drop) struct stage stage = {0};
	struct stage_place place;
	const char *channel;

	if (cli_need(cli, "--channel", &channel, why) || place_read(cli, &place, why) ||
	    read_channel(cli, &channel, why))
		return -1;
	if (stage_promote(&place, cli_arg(cli, 0), cli_arg(cli, 1), channel, &stage, why))
		return place_refuse(why);
	cli_say(cli,
		stage.changed ? "%s %s goes to %s in the draft of %s"
			      : "%s %s is in %s already in the draft of %s",
		cli_arg(cli, 0), cli_arg(cli, 1), channel, place.role);
	say_next_of(cli, &place, &stage);
	return stage_document(cli, "bpfseal.promote/1", &stage, place.role, why);
}

int cmd_withdraw(struct cli *cli, struct fault *why)
{
	OWNED(stage_drop) struct stage stage = {0};
	struct stage_place place;

	if (place_read(cli, &place, why))
		return -1;
	if (stage_withdraw(&place, cli_arg(cli, 0), cli_arg(cli, 1), &stage, why))
		return place_refuse(why);
	cli_say(cli, "took %s out of %s and of the draft of %s", stage.path, stage.index_path,
		place.role);
	cli_say(cli, "a node that asks for a pattern moves to the best version that remains; one "
		     "that asks for exactly this keeps it: 'bpfseal deny add' takes it out of the "
		     "kernel");
	say_next_of(cli, &place, &stage);
	return stage_document(cli, "bpfseal.withdraw/1", &stage, place.role, why);
}
