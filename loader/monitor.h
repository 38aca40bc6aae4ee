// SPDX-License-Identifier: Apache-2.0
// One chain under watch: the descriptors that are held for it, its state when it was sound, and what has been reported.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/fault.h"
#include "loader/attach.h"
#include "loader/backoff.h"
#include "loader/bpffs.h"
#include "loader/finding.h"
#include "loader/keeper.h"
#include "loader/news.h"
#include "loader/plan.h"
#include "loader/sight.h"
#include "loader/wakeup.h"

struct monitor {
	char iface[64]; // its interface's name now
	char was[64];	// the name under which it is pinned
	enum hook hook;
	char place[BPFFS_PATH_MAX];
	dev_t stands_on; // its directory when it was sound: another one under this name sends no event
	ino_t stands_at; // 0: not known
	uint32_t tag;	 // of its directories' events (wakeup.h)
	struct keeper *keeper;
	uint32_t kept_index; // of the interface that it was attached to when the keeper was opened
	struct sight sight;
	bool has_sight;
	bool deaf; // no events for its pins, or monitor_settle failed: it gets the full check each time
	struct backoff backoff;
	struct findings known; // those that were reported and still hold
	bool broken;	       // it is not as it was applied, or a foreign program is before it
	int64_t broken_since;
	bool apart; // a new interface, to be loaded alone, because loading it together with others failed
	bool returned; // its interface has come back: attaching it again is no repair (backoff.h)
	char how[ATTACH_HOW]; // how it was repaired, until that is reported
	uint64_t fell;	      // packets that fell through and were not reported yet
	size_t fell_place;
	int64_t fell_told;     // when some were reported last
	uint64_t fell_counted; // the total for this root and generation
	uint32_t counted_root, counted_generation;
	uint64_t others;       // evict_others() of the foreign programs that eviction was tried on
	struct findings drift; // from node.json, as of the last watchstate_read
	bool suspect;	       // something may have changed: it is due for the full check
	int64_t suspect_since; // steady ms; 0: not known
	bool judged;	       // in this turn
	bool tried;	       // a repair was tried in this turn, not yet counted by backoff_note
};

struct monitor *monitor_new(const char *tree, const struct plan_chain *chain, uint32_t tag,
			    struct fault *why);
// Whether it belongs to this chain, also after its interface was renamed.
bool monitor_is_of(const struct monitor *monitor, const struct plan_chain *chain);
void monitor_free(struct monitor *monitor, struct wakeup *wakeup, size_t *room);

// Where to report. `tell` must not keep its argument.
struct monitor_listener {
	void (*tell)(void *ctx, const struct news *news);
	void *ctx;
	int64_t now_ms; // steady
};

// Marks it as due for the full check, because of something seen at `now_ms`.
void monitor_suspect(struct monitor *monitor, int64_t now_ms);
// The cheap check (sight.h). Makes it a suspect if something changed; counts packets that fell through.
void monitor_glance(struct monitor *monitor, int64_t now_ms);
// After scan_chain(), which read the chain: reports findings that are new or no longer hold.
int monitor_judge(struct monitor *monitor, const struct plan_chain *chain,
		  const struct monitor_listener *listener, struct fault *why) MUST_CHECK;
// Reports packets that fell through, at most every ten seconds.
void monitor_tell_falls(struct monitor *monitor, const struct monitor_listener *listener);
// For a sound chain: opens its pins (keeper), watches its directories (wakeup), stores its state (sight). Reduces
// `*room` by the descriptors opened. What it holds of a chain that is not applied any more it closes. After a refusal
// what succeeded stays, and the rest is tried again at each check.
int monitor_settle(struct monitor *monitor, const struct plan_chain *chain, struct wakeup *wakeup,
		   size_t *room, struct fault *why) MUST_CHECK;
// Closes what is held, before a chain is rebuilt or attached again.
void monitor_let_go(struct monitor *monitor, size_t *room);

// Its keeper, if that is of the recorded generation; NULL if another command has applied a new one since. Borrowed.
const struct keeper *monitor_keeper(const struct monitor *monitor, const struct plan_chain *chain);
