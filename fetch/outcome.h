// SPDX-License-Identifier: Apache-2.0
// What one sync found: each repository, each bundle that the node uses, and why anything was refused.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cli.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"
#include "keys/client.h"

enum outcome_state {
	OUTCOME_REFUSED, // the initial state
	OUTCOME_PRESENT, // nothing new
	OUTCOME_NEW,
};

struct outcome_repository {
	char *name, *url;
	struct client_versions versions; // zero: not known
	int64_t refreshed_at;		 // when its metadata was last verified as current; 0: never
	bool is_held; // verified but not made current, because a file that it names could not be fetched
	enum outcome_state state;
	struct fault fault;
};

struct outcome_use {
	char *use, *wanted, *channel, *from;
	char *version; // NULL: not resolved
	char sha256[SHA256_HEX];
	enum outcome_state state;
	struct fault fault;
};

struct outcome {
	int64_t now; // of the pass
	struct outcome_repository *repositories;
	size_t repository_count;
	struct outcome_use *uses;
	size_t use_count;
	struct fault first; // the first refusal; FAULT_NONE when there was none
};

int outcome_new(struct outcome **out, struct fault *why) MUST_CHECK;
void outcome_free(struct outcome *outcome);
static inline void outcome_drop(struct outcome **outcome)
{
	outcome_free(*outcome);
	*outcome = NULL;
}

// Adds one, which invalidates pointers into the arrays. A use that is there already is not added twice.
int outcome_add_repository(struct outcome *outcome, const char *name, const char *url,
			   struct fault *why) MUST_CHECK;
int outcome_add_use(struct outcome *outcome, const char *use, const char *wanted,
		    const char *channel, const char *from, struct fault *why) MUST_CHECK;

// A repository that could not be refreshed for this long gets a warning (A23): withheld metadata hides withdrawals.
#define OUTCOME_OLD_S INT64_C(86400)

// Keeps the first refusal.
void outcome_fault(struct outcome *outcome, const struct fault *fault);

// Did anything change, or was anything refused?
bool outcome_is_news(const struct outcome *outcome);

// bpfseal.sync/1. `*out` is yours.
int outcome_document(const struct outcome *outcome, struct json **out, struct fault *why)
	MUST_CHECK;
int outcome_print(const struct outcome *outcome, const struct cli *cli, struct fault *why)
	MUST_CHECK;
// For a log: one line for each new item, one warning for each refused one, nothing for what did not change.
void outcome_print_changes(const struct outcome *outcome, const struct cli *cli);
