// SPDX-License-Identifier: Apache-2.0
#include "fetch/outcome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/owned.h"
#include "base/table.h"

int outcome_new(struct outcome **out, struct fault *why)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
}

void outcome_free(struct outcome *outcome)
{
	if (!outcome)
		return;
	for (size_t i = 0; i < outcome->repository_count; i++) {
		free(outcome->repositories[i].name);
		free(outcome->repositories[i].url);
	}
	for (size_t i = 0; i < outcome->use_count; i++) {
		free(outcome->uses[i].use);
		free(outcome->uses[i].wanted);
		free(outcome->uses[i].channel);
		free(outcome->uses[i].from);
		free(outcome->uses[i].version);
	}
	free(outcome->repositories);
	free(outcome->uses);
	free(outcome);
}

int outcome_add_repository(struct outcome *outcome, const char *name, const char *url,
			   struct fault *why)
{
	struct outcome_repository *grown =
		realloc(outcome->repositories, (outcome->repository_count + 1) * sizeof(*grown));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	outcome->repositories = grown;
	grown[outcome->repository_count] = (struct outcome_repository){0};
	// Counted before it is filled: outcome_free() then finds whatever was copied.
	struct outcome_repository *made = &grown[outcome->repository_count++];
	if (text_copy(name, &made->name, why))
		return -1;
	return text_copy(url, &made->url, why);
}

int outcome_add_use(struct outcome *outcome, const char *use, const char *wanted,
		    const char *channel, const char *from, struct fault *why)
{
	struct outcome_use *grown;

	for (size_t i = 0; i < outcome->use_count; i++) {
		const struct outcome_use *known = &outcome->uses[i];

		if (!strcmp(known->use, use) && !strcmp(known->wanted, wanted) &&
		    !strcmp(known->channel, channel) && !strcmp(known->from, from))
			return 0;
	}
	grown = realloc(outcome->uses, (outcome->use_count + 1) * sizeof(*grown));
	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	outcome->uses = grown;
	grown[outcome->use_count] = (struct outcome_use){0};
	struct outcome_use *made = &grown[outcome->use_count++];
	if (text_copy(use, &made->use, why) || text_copy(wanted, &made->wanted, why) ||
	    text_copy(channel, &made->channel, why))
		return -1;
	return text_copy(from, &made->from, why);
}

void outcome_fault(struct outcome *outcome, const struct fault *fault)
{
	if (outcome->first.code == FAULT_NONE)
		outcome->first = *fault;
}

static const char *state_name(enum outcome_state state)
{
	static const char *const names[] = {[OUTCOME_REFUSED] = "refused",
					    [OUTCOME_PRESENT] = "present",
					    [OUTCOME_NEW] = "new"};

	return names[state];
}

bool outcome_is_news(const struct outcome *outcome)
{
	bool news = outcome->first.code != FAULT_NONE;

	for (size_t i = 0; i < outcome->repository_count; i++)
		news = news || outcome->repositories[i].state != OUTCOME_PRESENT;
	for (size_t i = 0; i < outcome->use_count; i++)
		news = news || outcome->uses[i].state != OUTCOME_PRESENT;
	return news;
}

// ---- JSON ----

static int put_refusal(struct json *object, const struct fault *fault, struct fault *why)
{
	if (fault->code == FAULT_NONE)
		return 0;
	if (json_put_text(object, "code", fault_name(fault->code), why) ||
	    json_put_text(object, "error", fault->text, why))
		return -1;
	return fault->cause[0] ? json_put_text(object, "cause", fault->cause, why) : 0;
}

static int put_role(struct json *object, const char *role, int64_t version, int64_t expires,
		    struct fault *why)
{
	OWNED(json_drop) struct json *entry = NULL;
	char text[CLOCK_TEXT_LEN];

	if (!version)
		return 0;
	entry = json_make_object();
	if (!entry)
		return fault_set(why, FAULT_OTHER, "out of memory");
	clock_write(expires, text);
	if (json_put_int(entry, "version", version, why) ||
	    json_put_text(entry, "expires", text, why))
		return -1;
	return json_put(object, role, HAND_OVER(entry), why);
}

static int put_roles(struct json *object, const struct client_versions *versions, struct fault *why)
{
	OWNED(json_drop) struct json *roles = json_make_object();

	if (!roles)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (put_role(roles, "root", versions->root, versions->root_expires, why) ||
	    put_role(roles, "timestamp", versions->timestamp, versions->timestamp_expires, why) ||
	    put_role(roles, "snapshot", versions->snapshot, versions->snapshot_expires, why) ||
	    put_role(roles, "targets", versions->targets, versions->targets_expires, why))
		return -1;
	return json_put(object, "versions", HAND_OVER(roles), why);
}

// A clock that was set back is refused for itself, and makes nothing younger.
static int64_t age_of(const struct outcome *outcome, const struct outcome_repository *repository)
{
	int64_t age = outcome->now - repository->refreshed_at;

	return age > 0 ? age : 0;
}

static int put_age(struct json *object, const struct outcome *outcome,
		   const struct outcome_repository *repository, struct fault *why)
{
	char text[CLOCK_TEXT_LEN];

	if (!repository->refreshed_at)
		return 0;
	clock_write(repository->refreshed_at, text);
	if (json_put_text(object, "refreshed_at", text, why))
		return -1;
	return json_put_int(object, "age_s", age_of(outcome, repository), why);
}

static int add_repository(struct json *list, const struct outcome *outcome,
			  const struct outcome_repository *repository, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();

	if (!entry)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_text(entry, "name", repository->name, why) ||
	    json_put_text(entry, "url", repository->url, why) ||
	    json_put_text(entry, "state", state_name(repository->state), why) ||
	    json_put_bool(entry, "held_back", repository->is_held, why) ||
	    put_age(entry, outcome, repository, why) ||
	    put_roles(entry, &repository->versions, why) ||
	    put_refusal(entry, &repository->fault, why))
		return -1;
	return json_add(list, HAND_OVER(entry), why);
}

static int add_use(struct json *list, const struct outcome_use *use, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();

	if (!entry)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_text(entry, "use", use->use, why) ||
	    json_put_text(entry, "wanted", use->wanted, why) ||
	    json_put_text(entry, "channel", use->channel, why) ||
	    json_put_text(entry, "from", use->from, why) ||
	    json_put_text(entry, "state", state_name(use->state), why) ||
	    (use->version && json_put_text(entry, "version", use->version, why)) ||
	    (use->sha256[0] && json_put_text(entry, "sha256", use->sha256, why)) ||
	    put_refusal(entry, &use->fault, why))
		return -1;
	return json_add(list, HAND_OVER(entry), why);
}

int outcome_document(const struct outcome *outcome, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(json_drop) struct json *repositories = json_make_array();
	OWNED(json_drop) struct json *uses = json_make_array();

	if (!document || !repositories || !uses)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < outcome->repository_count; i++)
		if (add_repository(repositories, outcome, &outcome->repositories[i], why))
			return -1;
	for (size_t i = 0; i < outcome->use_count; i++)
		if (add_use(uses, &outcome->uses[i], why))
			return -1;
	if (json_put_bool(document, "ok", outcome->first.code == FAULT_NONE, why) ||
	    json_put(document, "repositories", HAND_OVER(repositories), why) ||
	    json_put(document, "uses", HAND_OVER(uses), why))
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

// ---- tables ----

static void number_cell(int64_t number, char cell[static 24])
{
	cell[0] = '\0';
	if (number)
		snprintf(cell, 24, "%" PRId64, number);
}

// The nearest reason: whoever first knew it.
static const char *reason(const struct fault *fault)
{
	return fault->cause[0] ? fault->cause : fault->text;
}

static int print_repositories(const struct outcome *outcome, const struct cli *cli,
			      struct fault *why)
{
	static const char *const columns[] = {"REPOSITORY", ">ROOT", ">TIMESTAMP", ">SNAPSHOT",
					      ">TARGETS",   "STATE", "WHY",	   NULL};
	OWNED(table_drop) struct table *table = NULL;

	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < outcome->repository_count; i++) {
		const struct outcome_repository *it = &outcome->repositories[i];
		char root[24], timestamp[24], snapshot[24], targets[24];
		const char *cells[] = {
			it->name,	   root,
			timestamp,	   snapshot,
			targets,	   it->is_held ? "held back" : state_name(it->state),
			reason(&it->fault)};

		number_cell(it->versions.root, root);
		number_cell(it->versions.timestamp, timestamp);
		number_cell(it->versions.snapshot, snapshot);
		number_cell(it->versions.targets, targets);
		if (table_row(table, cells, why))
			return -1;
	}
	table_print(table, cli);
	return 0;
}

static void warn_of_age(const struct outcome *outcome, const struct cli *cli)
{
	for (size_t i = 0; i < outcome->repository_count; i++) {
		const struct outcome_repository *it = &outcome->repositories[i];
		int64_t age = age_of(outcome, it);
		char text[CLOCK_TEXT_LEN];

		if (it->state != OUTCOME_REFUSED)
			continue;
		if (!it->refreshed_at) {
			cli_note(cli, "warning: %s was never refreshed on this node", it->name);
		} else if (age >= OUTCOME_OLD_S) {
			clock_write(it->refreshed_at, text);
			cli_note(cli, "warning: %s was last refreshed %" PRId64 " hours ago, at %s",
				 it->name, age / 3600, text);
		}
	}
}

int outcome_print(const struct outcome *outcome, const struct cli *cli, struct fault *why)
{
	static const char *const columns[] = {"USE",   "WANTED", "VERSION", "FROM",
					      "STATE", "SHA256", "WHY",	    NULL};
	OWNED(table_drop) struct table *table = NULL;

	warn_of_age(outcome, cli);
	if (print_repositories(outcome, cli, why))
		return -1;
	if (!outcome->use_count)
		return 0;
	cli_say(cli, "%s", "");
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < outcome->use_count; i++) {
		const struct outcome_use *it = &outcome->uses[i];
		const char *cells[] = {
			it->use,    it->wanted,	       it->version, it->from, state_name(it->state),
			it->sha256, reason(&it->fault)};

		if (table_row(table, cells, why))
			return -1;
	}
	table_print(table, cli);
	return 0;
}

// The command ends with the first refusal; what came of the same cause is not said again.
static bool is_said(const struct outcome *outcome, const struct fault *fault)
{
	return !strcmp(reason(fault), reason(&outcome->first));
}

void outcome_print_changes(const struct outcome *outcome, const struct cli *cli)
{
	warn_of_age(outcome, cli);
	for (size_t i = 0; i < outcome->repository_count; i++) {
		const struct outcome_repository *it = &outcome->repositories[i];

		if ((it->state == OUTCOME_REFUSED || it->is_held) && !is_said(outcome, &it->fault))
			cli_note(cli, "warning: repository %s is %s: %s", it->name,
				 it->is_held ? "held back" : "refused", reason(&it->fault));
		if (it->state == OUTCOME_NEW)
			cli_say(cli,
				"repository %s: root %" PRId64 ", timestamp %" PRId64
				", snapshot %" PRId64 ", targets %" PRId64,
				it->name, it->versions.root, it->versions.timestamp,
				it->versions.snapshot, it->versions.targets);
	}
	for (size_t i = 0; i < outcome->use_count; i++) {
		const struct outcome_use *it = &outcome->uses[i];

		if (it->state == OUTCOME_REFUSED && !is_said(outcome, &it->fault))
			cli_note(cli, "warning: %s %s is refused: %s", it->use, it->wanted,
				 reason(&it->fault));
		if (it->state == OUTCOME_NEW)
			cli_say(cli, "%s %s came from %s, sha256 %s", it->use, it->version,
				it->from, it->sha256);
	}
}
