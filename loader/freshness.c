// SPDX-License-Identifier: Apache-2.0
#include "loader/freshness.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/owned.h"
#include "base/table.h"
#include "keys/local.h"

void freshness_drop(struct freshness_list *freshness)
{
	free(freshness->list);
}

// What a clock may have been put right by since.
#define AHEAD_S 300

// The fetcher keeps the time of each refresh as its clock floor. A time to come is nobody's word.
static int64_t refreshed_at(int store_dirfd, const char *repository, int64_t now)
{
	OWNED(drop_fd) int repos = -1;
	OWNED(drop_fd) int repo = -1;
	OWNED(drop_fd) int trusted = -1;
	struct fault ignored = {0};
	int64_t time = 0;

	if (store_dirfd < 0 || dir_open_at(store_dirfd, "repo", &repos, &ignored) ||
	    dir_open_at(repos, repository, &repo, &ignored) ||
	    dir_open_at(repo, "trusted", &trusted, &ignored) ||
	    local_clock_read(trusted, &time, &ignored) || time > now + AHEAD_S)
		return 0;
	return time;
}

// What lives for a day and is renewed each half of it must not hide what lives for ninety and is forgotten.
static bool is_soon(const struct expiry *role, int64_t now)
{
	int64_t quarter = (role->expires - role->since) / 4;

	return role->expires - now < (quarter < FRESHNESS_SOON_S ? quarter : FRESHNESS_SOON_S);
}

static bool presses_more(const struct expiry *role, const struct expiry *than, int64_t now)
{
	bool expired = role->expires <= now, soon = is_soon(role, now);

	if (expired != (than->expires <= now))
		return expired;
	if (soon != is_soon(than, now))
		return soon;
	return role->expires < than->expires;
}

static void find_first(struct freshness *one)
{
	one->first = one->roles[0];
	for (size_t i = 1; i < one->role_count; i++)
		if (presses_more(&one->roles[i], &one->first, one->now))
			one->first = one->roles[i];
}

int freshness_read(const struct node *node, int store_dirfd, int trust_dirfd, int64_t now,
		   struct freshness_list *out, struct fault *why)
{
	OWNED(freshness_drop) struct freshness_list made = {0};

	made.list = calloc(node->repository_count + 1, sizeof(*made.list));
	if (!made.list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (; made.count < node->repository_count; made.count++) {
		struct freshness *one = &made.list[made.count];
		OWNED(drop_fd) int dirfd = -1;
		struct fault nothing = {0};

		one->repository = node->repositories[made.count].name;
		one->now = now;
		one->refreshed_at = refreshed_at(store_dirfd, one->repository, now);
		if (dir_open_at(trust_dirfd, one->repository, &dirfd, &nothing) ||
		    expiry_read(dirfd, one->roles, &one->role_count, &nothing))
			one->role_count = 0;
		find_first(one);
	}
	*out = made;
	made = (struct freshness_list){0};
	return 0;
}

// ---- what it means ----

enum freshness_state freshness_state(const struct freshness *freshness)
{
	if (!freshness->role_count)
		return FRESHNESS_NEVER;
	if (freshness->first.expires <= freshness->now)
		return FRESHNESS_EXPIRED;
	if (!freshness->refreshed_at || freshness->now - freshness->refreshed_at >= FRESHNESS_OLD_S)
		return FRESHNESS_OLD;
	return is_soon(&freshness->first, freshness->now) ? FRESHNESS_SOON : FRESHNESS_GOOD;
}

static const char *state_name(enum freshness_state state)
{
	static const char *const names[] = {
		[FRESHNESS_GOOD] = "good",	   [FRESHNESS_SOON] = "expires soon",
		[FRESHNESS_OLD] = "old",	   [FRESHNESS_EXPIRED] = "expired",
		[FRESHNESS_NEVER] = "nothing yet",
	};

	return names[state];
}

void freshness_span(int64_t seconds, char out[static FRESHNESS_SPAN_MAX])
{
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(out, FRESHNESS_SPAN_MAX, "%" PRId64 " s", seconds);
	else if (seconds < 7200)
		snprintf(out, FRESHNESS_SPAN_MAX, "%" PRId64 " min", seconds / 60);
	else if (seconds < 2 * 86400)
		snprintf(out, FRESHNESS_SPAN_MAX, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
			 seconds % 3600 / 60);
	else
		snprintf(out, FRESHNESS_SPAN_MAX, "%" PRId64 " d %" PRId64 " h", seconds / 86400,
			 seconds % 86400 / 3600);
}

// ---- telling it ----

static int put_time(struct json *out, const char *key, int64_t time, struct fault *why)
{
	char text[CLOCK_TEXT_LEN];

	clock_write(time, text);
	return json_put_text(out, key, text, why);
}

int freshness_json(const struct freshness_list *freshness, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *list = json_make_array();

	if (!list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < freshness->count; i++) {
		const struct freshness *one = &freshness->list[i];
		struct json *made = json_make_object();

		if (json_add(list, made, why) ||
		    json_put_text(made, "name", one->repository, why) ||
		    json_put_text(made, "state", state_name(freshness_state(one)), why))
			return -1;
		if (one->refreshed_at &&
		    (put_time(made, "refreshed_at", one->refreshed_at, why) ||
		     json_put_int(made, "age_s", one->now - one->refreshed_at, why)))
			return -1;
		if (one->role_count &&
		    (put_time(made, "expires", one->first.expires, why) ||
		     json_put_int(made, "expires_in_s", one->first.expires - one->now, why) ||
		     json_put_text(made, "role", one->first.role, why)))
			return -1;
	}
	*out = HAND_OVER(list);
	return 0;
}

static void warn(const struct freshness *one, const struct cli *cli)
{
	char span[FRESHNESS_SPAN_MAX];

	switch (freshness_state(one)) {
	case FRESHNESS_SOON:
		freshness_span(one->first.expires - one->now, span);
		cli_note(cli,
			 "warning: the %s of %s expires in %s: then nothing new of it is admitted",
			 one->first.role, one->repository, span);
		break;
	case FRESHNESS_EXPIRED:
		freshness_span(one->now - one->first.expires, span);
		cli_note(cli,
			 "warning: the %s of %s expired %s ago: what runs stays, nothing new of it "
			 "is admitted",
			 one->first.role, one->repository, span);
		break;
	case FRESHNESS_OLD:
		if (!one->refreshed_at) {
			cli_note(cli,
				 "warning: nothing here says when %s was last refreshed: what it "
				 "has taken back since is not known",
				 one->repository);
			break;
		}
		freshness_span(one->now - one->refreshed_at, span);
		cli_note(cli,
			 "warning: %s was last refreshed %s ago: what it has taken back since is "
			 "not known here",
			 one->repository, span);
		break;
	case FRESHNESS_NEVER:
		cli_note(cli, "warning: nothing of %s was ever verified here", one->repository);
		break;
	case FRESHNESS_GOOD:
		break;
	}
}

int freshness_print(const struct freshness_list *freshness, const struct cli *cli,
		    struct fault *why)
{
	static const char *const columns[] = {"REPOSITORY", "REFRESHED", "GOOD FOR", "UNTIL",
					      "ROLE",	    "STATE",	 NULL};
	OWNED(table_drop) struct table *table = NULL;

	if (!freshness->count)
		return 0;
	if (table_new(columns, &table, why))
		return -1;
	for (size_t i = 0; i < freshness->count; i++) {
		const struct freshness *one = &freshness->list[i];
		char age[FRESHNESS_SPAN_MAX + 4] = "", left[FRESHNESS_SPAN_MAX] = "";
		char until[CLOCK_TEXT_LEN] = "";

		if (one->refreshed_at) {
			freshness_span(one->now - one->refreshed_at, left);
			snprintf(age, sizeof(age), "%s ago", left);
			left[0] = '\0';
		}
		if (one->role_count) {
			freshness_span(one->first.expires - one->now, left);
			clock_write(one->first.expires, until);
		}
		if (table_row(table,
			      (const char *[]){one->repository, age, left, until, one->first.role,
					       state_name(freshness_state(one))},
			      why))
			return -1;
	}
	table_print(table, cli);
	for (size_t i = 0; i < freshness->count; i++)
		warn(&freshness->list[i], cli);
	return 0;
}

static int gauge(struct exposition *exposition, const char *name, const char *help,
		 const struct freshness *one, const char *role, int64_t number, struct fault *why)
{
	const struct exposition_label labels[] = {
		{"repository", one->repository}, {"role", role}, {NULL, NULL}};
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, number);
	return exposition_add(exposition, name, EXPOSITION_GAUGE, help, labels, text, why);
}

int freshness_gauges(const struct freshness_list *freshness, struct exposition *exposition,
		     struct fault *why)
{
	for (size_t i = 0; i < freshness->count; i++) {
		const struct freshness *one = &freshness->list[i];

		if (one->refreshed_at &&
		    gauge(exposition, "bpfseal_repository_refreshed_timestamp_seconds",
			  "When the fetcher last verified the repository's metadata as current.",
			  one, NULL, one->refreshed_at, why))
			return -1;
		for (size_t k = 0; k < one->role_count; k++)
			if (gauge(exposition, "bpfseal_repository_expires_timestamp_seconds",
				  "When a role of the metadata that the loader keeps expires; of "
				  "the "
				  "delegated ones, the first.",
				  one, one->roles[k].role, one->roles[k].expires, why))
				return -1;
	}
	return 0;
}
