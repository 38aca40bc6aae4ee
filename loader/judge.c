// SPDX-License-Identifier: Apache-2.0
#include "loader/judge.h"

#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "bpf/manifestreader.h"
#include "bpf/policy.h"
#include "bpf/version.h"
#include "loader/offload.h"
#include "loader/record.h"

// One use of the file under judgement.
struct judged {
	const struct node_use *use;
	bool on_card; // where its interface has xdp_mode "offload"
	const char *interface;
	struct json *rules;
	struct fault *refused; // the first of all
	bool allowed;
};

static int judged_say(struct judged *judged, const char *rule, bool allowed,
		      const struct fault *reason, struct fault *why)
{
	struct json *entry = json_make_object();

	if (!allowed && judged->refused->code == FAULT_NONE) {
		*judged->refused = *reason;
		fault_within(judged->refused, "%s may not run on %s", judged->use->use,
			     judged->interface);
		fault_where(judged->refused, "%s", judged->use->where);
	}
	judged->allowed &= allowed;
	if (json_add(judged->rules, entry, why) || json_put_text(entry, "rule", rule, why) ||
	    json_put_bool(entry, "allowed", allowed, why))
		return -1;
	return allowed ? 0 : json_put_text(entry, "reason", reason->text, why);
}

static int read_copy(int dirfd, const struct json *recorded, const char *key, size_t max,
		     struct bytes *out, struct fault *why)
{
	struct sha256 wanted, got;
	const char *hex;

	if (json_need_text(recorded, key, &hex, why))
		return -1;
	if (sha256_read(hex, &wanted))
		return fault_set(why, FAULT_FORMAT, "the record's %s is no digest", key);
	if (file_read_at(dirfd, hex, max, out, why) || sha256_of(out->data, out->len, &got, why))
		return -1;
	return sha256_equal(&got, &wanted)
		       ? 0
		       : fault_set(why, FAULT_DIGEST, "our copy %s is damaged", hex);
}

static int read_copies(const struct judge_places *places, const struct json *recorded,
		       struct manifest **manifest, struct inspection **inspection,
		       struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes object = {0};

	if (read_copy(places->objects_dirfd, recorded, "manifest", MANIFEST_MAX, &text, why) ||
	    read_copy(places->objects_dirfd, recorded, "object", INSPECT_OBJECT_MAX, &object,
		      why) ||
	    manifest_parse(text.data, text.len, MANIFEST_NAME, manifest, why))
		return -1;
	return inspect_object(object.data, object.len, inspection, why);
}

static bool is_recorded(const struct json *recorded, const struct node_use *use)
{
	const char *name = json_text(json_member(recorded, "name"));
	const char *version = json_text(json_member(recorded, "version"));
	const char *from = json_text(json_member(recorded, "from"));

	return name && version && from && !strcmp(name, use->use) && !strcmp(from, use->from) &&
	       version_matches(version, use->version);
}

// The same place first; a program that only moved is known as well.
static const struct json *find_recorded(const struct json *record, const char *interface,
					enum hook hook, size_t place, const struct node_use *use)
{
	const struct json *here =
		record_member_at(record_chain(record, interface, hook_name(hook)), place);
	const struct json *chains = json_member(record, "chains");

	if (is_recorded(here, use))
		return here;
	for (size_t i = 0; i < json_count(chains); i++) {
		const struct json *members = json_member(json_item(chains, i), "members");

		for (size_t k = 0; k < json_count(members); k++)
			if (is_recorded(json_item(members, k), use))
				return json_item(members, k);
	}
	return NULL;
}

static int judge_card(struct judged *judged, const struct json *recorded,
		      const struct manifest *manifest, const struct inspection *inspection,
		      struct fault *why)
{
	const char *entry = json_text(json_member(recorded, "entry"));
	char bar[MEMBER_WHY_NOT_MAX] = "";
	struct fault reason = {0};

	for (size_t i = 0; entry && i < manifest->program_count; i++)
		if (!strcmp(manifest->programs[i].entry, entry))
			offload_why_not(inspection, manifest, &manifest->programs[i], bar);
	if (bar[0] && fault_set(&reason, FAULT_CONFIG, "card: no card takes it: %s", bar) &&
	    fault_fix(&reason, "\"xdp_mode\": \"native\" runs the chain in the driver"))
		return judged_say(judged, "card", false, &reason, why);
	return judged_say(judged, "card", true, &reason, why);
}

// A copy that cannot be read or is damaged is as good as none.
static int judge_copy(const struct judge_places *places, const struct json *recorded,
		      struct judged *judged, bool *known, struct fault *why)
{
	OWNED(manifest_drop) struct manifest *manifest = NULL;
	OWNED(inspection_drop) struct inspection *inspection = NULL;
	struct fault reason = {0};

	*known = false;
	if (!recorded || places->objects_dirfd < 0 ||
	    read_copies(places, recorded, &manifest, &inspection, &reason))
		return 0;
	*known = true;
	for (size_t i = 0; i < policy_rule_count(); i++) {
		bool failed;

		fault_clear(&reason);
		failed = policy_check_rule(i, &places->node->policy, inspection, manifest, &reason);
		if (judged_say(judged, policy_rule_name(i), !failed, &reason, why))
			return -1;
	}
	return judged->on_card ? judge_card(judged, recorded, manifest, inspection, why) : 0;
}

static int judge_place(const struct judge_places *places, struct judged *judged, enum hook hook,
		       struct fault *why)
{
	struct fault reason = {0};
	bool failed = policy_check_place(&places->node->policy, judged->use->use,
					 hook == HOOK_PROBE ? NULL : judged->interface, &reason);

	return judged_say(judged, "place", !failed, &reason, why);
}

static int judge_use(const struct judge_places *places, const struct node_interface *interface,
		     enum hook hook, size_t place, struct json *list, struct fault *refused,
		     struct fault *why)
{
	const struct node_use *use = &interface->chain[hook][place];
	const struct json *recorded =
		find_recorded(places->record, interface->name, hook, place, use);
	struct json *made = json_make_object();
	struct judged judged = {.use = use,
				.on_card = hook == HOOK_XDP && interface->xdp_offload,
				.interface = interface->name,
				.rules = json_make_array(),
				.refused = refused,
				.allowed = true};
	bool known;

	if (json_add(list, made, why)) {
		json_free(judged.rules);
		return -1;
	}
	if (json_put(made, "rules", judged.rules, why) ||
	    json_put_text(made, "interface", interface->name, why) ||
	    json_put_text(made, "hook", hook_name(hook), why) ||
	    json_put_int(made, "place", (int64_t)place + 1, why) ||
	    json_put_text(made, "use", use->use, why) ||
	    json_put_text(made, "version", use->version, why) ||
	    judge_place(places, &judged, hook, why) ||
	    judge_copy(places, recorded, &judged, &known, why))
		return -1;
	if (json_put_text(made, "known", known ? json_text(json_member(recorded, "version")) : "",
			  why))
		return -1;
	return json_put_text(made, "verdict",
			     !judged.allowed ? "refused"
			     : known	     ? "allowed"
					     : "unknown",
			     why);
}

int judge_uses(const struct judge_places *places, struct json **out, struct fault *refused,
	       struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < places->node->interface_count; i++) {
		const struct node_interface *interface = &places->node->interfaces[i];

		for (int hook = 0; hook < HOOK_COUNT; hook++)
			for (size_t k = 0; k < interface->chain_count[hook]; k++)
				if (judge_use(places, interface, (enum hook)hook, k, list, refused,
					      why))
					return -1;
	}
	*out = HAND_OVER(list);
	return 0;
}
