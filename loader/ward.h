// SPDX-License-Identifier: Apache-2.0
// One chain under watch: what is held for it, what it looked like when all was well, what has been told about it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"
#include "loader/attach.h"
#include "loader/bell.h"
#include "loader/bpffs.h"
#include "loader/fight.h"
#include "loader/finding.h"
#include "loader/keeper.h"
#include "loader/news.h"
#include "loader/plan.h"
#include "loader/sight.h"

struct ward {
	char iface[64]; // as it is called now
	char was[64];	// as its pins are
	enum hook hook;
	char place[BPFFS_PATH_MAX];
	uint32_t tag; // of its directories at the bell
	struct keeper *keeper;
	uint32_t kept_index; // of the interface that it stood on when it was opened
	struct sight sight;
	bool has_sight;
	bool deaf; // its pins do not ring, or it could not be settled: it is looked at whole each time
	struct fight fight;
	struct findings known; // what has been told and still holds
	bool broken;	       // it is not as it was applied, or somebody stands before it
	int64_t broken_since;
	bool apart; // it has come, and not all that came with it could be welcomed: it is by itself
	bool returned;	      // its interface has come back: to attach it again is no fight
	char how[ATTACH_HOW]; // what was done to mend it, until it is told
	uint64_t fell;	      // packets that fell through and were not told yet
	size_t fell_place;
	int64_t fell_told;     // when
	uint64_t fell_counted; // all that were, of this root and generation
	uint32_t counted_root, counted_generation;
	uint64_t others;       // programs of others that were judged for eviction already
	struct findings drift; // from node.json, as of the last time that everything was read
	bool suspect;
	int64_t suspect_since; // 0: not known
	bool judged;	       // in this turn
	bool fought;	       // likewise, and it was not counted yet
};

struct ward *ward_new(const char *tree, const struct plan_chain *chain, uint32_t tag,
		      struct fault *why);
// Whether it is this chain's, under whatever name its interface goes by now.
bool ward_is_of(const struct ward *ward, const struct plan_chain *chain);
void ward_free(struct ward *ward, struct bell *bell, size_t *room);

// Where to tell. `tell` must not keep what it gets.
struct ward_ear {
	void (*tell)(void *ctx, const struct news *news);
	void *ctx;
	int64_t now_ms; // steady
};

// To be looked at whole, for something that was seen now.
void ward_suspect(struct ward *ward, int64_t now_ms);
// The cheap look. Makes it a suspect where something changed; counts what fell through.
void ward_glance(struct ward *ward, int64_t now_ms);
// After plan_see(): tells what is new and what is no more.
int ward_judge(struct ward *ward, const struct plan_chain *chain, const struct ward_ear *ear,
	       struct fault *why) MUST_CHECK;
// Tells packets that fell through, not more often than every ten seconds.
void ward_tell_falls(struct ward *ward, const struct ward_ear *ear);
// Of a chain that is sound: holds its pins, listens to its directories, remembers how it looks. Takes from `*room`. What
// could be done is done also behind a refusal; the rest is tried again at each look.
int ward_settle(struct ward *ward, const struct plan_chain *chain, struct bell *bell, size_t *room,
		struct fault *why) MUST_CHECK;
// Lets go of what is held, as before a chain is rebuilt, or attached anew.
void ward_let_go(struct ward *ward, size_t *room);

// What is held, if it is of the generation that was applied last: others may have applied another since.
const struct keeper *ward_keeper(const struct ward *ward, const struct plan_chain *chain);
// Whether a chain's damage is something to mend, and not only to tell.
bool ward_is_broken(const struct plan_chain *chain);
