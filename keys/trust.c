// SPDX-License-Identifier: Apache-2.0
#include "keys/trust.h"

#include <inttypes.h>
#include <search.h>
#include <string.h>

#include "base/owned.h"

// "For this delegator, this role is these bytes." Several edges may lead to one role.
struct edge {
	const struct targets *delegator; // NULL: the root
	const char *role;
	const struct targets *targets;
};

enum step {
	STEP_ROOT,
	STEP_TIMESTAMP, // the roots have ended
	STEP_SNAPSHOT,	// the timestamp is today's
	STEP_TARGETS,	// so is the snapshot
};

struct trust {
	int64_t now;
	enum step step;
	struct root *root;
	struct timestamp *timestamp; // recalled until step > STEP_TIMESTAMP
	struct snapshot *snapshot;   // recalled until step > STEP_SNAPSHOT
	struct targets **held;
	size_t held_count;
	void *edges; // a search tree of struct edge
};

static int check_step(const struct trust *trust, enum step wanted, struct fault *why)
{
	if (trust->step == wanted)
		return 0;
	return fault_set(why, FAULT_OTHER, "metadata was offered out of order");
}

// ---- root ----

// Parses a root and checks that it is signed by the keys that it names itself.
static int open_root(const void *data, size_t len, const struct root *signed_by, struct root **out,
		     struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;
	OWNED(root_drop) struct root *root = NULL;

	if (role_parse("root", data, len, &role, why))
		return -1;
	// The old keys are asked first: until they have spoken, what the file says of keys is a stranger's word.
	if (signed_by && role_check(role, "root", &signed_by->roles[ROOT_ROOT], why))
		return fault_within(why, "the new root is not signed by the trusted root's keys");
	if (root_parse(role, &root, why))
		return fault_within(why, "root metadata is malformed");
	(void)HAND_OVER(role);
	if (role_check(root->role, "root", &root->roles[ROOT_ROOT], why))
		return fault_within(why, "the root is not signed by its own keys");
	*out = HAND_OVER(root);
	return 0;
}

int trust_new(const void *root, size_t len, int64_t now, struct trust **out, struct fault *why)
{
	OWNED(trust_drop) struct trust *trust = calloc(1, sizeof(*trust));

	if (!trust)
		return fault_set(why, FAULT_OTHER, "out of memory");
	trust->now = now;
	if (open_root(root, len, NULL, &trust->root, why))
		return -1;
	*out = HAND_OVER(trust);
	return 0;
}

void trust_free(struct trust *trust)
{
	if (!trust)
		return;
	tdestroy(trust->edges, free);
	for (size_t i = 0; i < trust->held_count; i++)
		targets_free(trust->held[i]);
	free(trust->held);
	snapshot_free(trust->snapshot);
	timestamp_free(trust->timestamp);
	root_free(trust->root);
	free(trust);
}

int trust_root(struct trust *trust, const void *data, size_t len, struct fault *why)
{
	OWNED(root_drop) struct root *root = NULL;

	if (check_step(trust, STEP_ROOT, why) || open_root(data, len, trust->root, &root, why) ||
	    role_version(root->role, "root", trust->root->role->version + 1, why))
		return -1;
	root_free(trust->root);
	trust->root = HAND_OVER(root);
	return 0;
}

int trust_root_end(struct trust *trust, struct fault *why)
{
	if (check_step(trust, STEP_ROOT, why) ||
	    role_fresh(trust->root->role, "root", trust->now, why))
		return -1;
	trust->step = STEP_TIMESTAMP;
	return 0;
}

// ---- timestamp ----

static int open_timestamp(const struct trust *trust, const void *data, size_t len,
			  struct timestamp **out, struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;

	if (role_parse("timestamp", data, len, &role, why) ||
	    role_check(role, "timestamp", &trust->root->roles[ROOT_TIMESTAMP], why))
		return -1;
	if (timestamp_parse(role, out, why))
		return fault_within(why, "timestamp metadata is malformed");
	(void)HAND_OVER(role);
	return 0;
}

int trust_recall_timestamp(struct trust *trust, const void *data, size_t len, struct fault *why)
{
	OWNED(timestamp_drop) struct timestamp *timestamp = NULL;

	if (check_step(trust, STEP_TIMESTAMP, why) ||
	    open_timestamp(trust, data, len, &timestamp, why))
		return -1;
	timestamp_free(trust->timestamp);
	trust->timestamp = HAND_OVER(timestamp);
	return 0;
}

// TUF 5.4.3: neither its own version nor that of the snapshot it names may go down.
static int check_timestamp_rollback(const struct timestamp *next, const struct timestamp *trusted,
				    struct fault *why)
{
	if (next->role->version < trusted->role->version)
		return fault_set(why, FAULT_ROLLBACK,
				 "timestamp %" PRId64 " is older than trusted %" PRId64,
				 next->role->version, trusted->role->version);
	if (next->role->version > trusted->role->version &&
	    next->snapshot.version < trusted->snapshot.version)
		return fault_set(
			why, FAULT_ROLLBACK,
			"timestamp %" PRId64 " names snapshot %" PRId64 ", trusted is %" PRId64,
			next->role->version, next->snapshot.version, trusted->snapshot.version);
	return 0;
}

int trust_timestamp(struct trust *trust, const void *data, size_t len, bool *changed,
		    struct fault *why)
{
	OWNED(timestamp_drop) struct timestamp *next = NULL;
	struct timestamp *kept = trust->timestamp;
	bool is_new;

	if (check_step(trust, STEP_TIMESTAMP, why) || open_timestamp(trust, data, len, &next, why))
		return -1;
	if (kept && check_timestamp_rollback(next, kept, why))
		return -1;
	// The same version with other content is not followed: the first one seen stands (TUF 5.4.3.1).
	is_new = !kept || next->role->version > kept->role->version;
	if (role_fresh(is_new ? next->role : kept->role, "timestamp", trust->now, why))
		return -1;
	if (is_new) {
		timestamp_free(kept);
		trust->timestamp = HAND_OVER(next);
	}
	*changed = is_new;
	trust->step = STEP_SNAPSHOT;
	return 0;
}

// ---- snapshot ----

static int open_snapshot(const struct trust *trust, const void *data, size_t len,
			 struct snapshot **out, struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;

	if (role_parse("snapshot", data, len, &role, why) ||
	    role_check(role, "snapshot", &trust->root->roles[ROOT_SNAPSHOT], why))
		return -1;
	if (snapshot_parse(role, out, why))
		return fault_within(why, "snapshot metadata is malformed");
	(void)HAND_OVER(role);
	return 0;
}

// Is it, byte for byte, the snapshot that today's timestamp names, and not expired?
static bool is_current(const struct trust *trust, const struct snapshot *snapshot)
{
	const struct role_meta *named = &trust->timestamp->snapshot;
	const struct bytes *raw = &snapshot->role->raw;
	struct fault ignored = {0};

	return snapshot->role->version == named->version && snapshot->role->expires > trust->now &&
	       role_meta_check(named, "snapshot", raw->data, raw->len, &ignored) == 0;
}

int trust_recall_snapshot(struct trust *trust, const void *data, size_t len, bool *current,
			  struct fault *why)
{
	OWNED(snapshot_drop) struct snapshot *snapshot = NULL;

	if (check_step(trust, STEP_SNAPSHOT, why) ||
	    open_snapshot(trust, data, len, &snapshot, why))
		return -1;
	// A kept snapshot is normally older than what the timestamp names, so its digest proves nothing. It still
	// is what we trusted last, and the fresh one will be held against it (TUF 5.5.5).
	*current = is_current(trust, snapshot);
	snapshot_free(trust->snapshot);
	trust->snapshot = HAND_OVER(snapshot);
	if (*current)
		trust->step = STEP_TARGETS;
	return 0;
}

int trust_snapshot(struct trust *trust, const void *data, size_t len, struct fault *why)
{
	OWNED(snapshot_drop) struct snapshot *next = NULL;

	if (check_step(trust, STEP_SNAPSHOT, why) ||
	    role_meta_check(&trust->timestamp->snapshot, "snapshot", data, len, why) ||
	    open_snapshot(trust, data, len, &next, why) ||
	    role_version(next->role, "snapshot", trust->timestamp->snapshot.version, why))
		return -1;
	if (trust->snapshot && snapshot_succeeds(next, trust->snapshot, why))
		return -1;
	if (role_fresh(next->role, "snapshot", trust->now, why))
		return -1;
	snapshot_free(trust->snapshot);
	trust->snapshot = HAND_OVER(next);
	trust->step = STEP_TARGETS;
	return 0;
}

// ---- targets ----

static int edge_order(const void *a, const void *b)
{
	const struct edge *left = a, *right = b;

	if (left->delegator != right->delegator)
		return (uintptr_t)left->delegator < (uintptr_t)right->delegator ? -1 : 1;
	return strcmp(left->role, right->role);
}

const struct targets *trust_held(const struct trust *trust, const struct targets *delegator,
				 const char *role)
{
	struct edge wanted = {.delegator = delegator, .role = role};
	const struct edge *const *found = tfind(&wanted, &trust->edges, edge_order);

	return found ? (*found)->targets : NULL;
}

// The same role in the same bytes, verified for another delegator before. Without this, two roles that delegate to
// each other would be held again and again (A14).
static struct targets *find_same(const struct trust *trust, const struct targets *targets)
{
	const struct bytes *raw = &targets->role->raw;

	for (size_t i = 0; i < trust->held_count; i++) {
		const struct bytes *have = &trust->held[i]->role->raw;

		if (have->len == raw->len && strcmp(trust->held[i]->name, targets->name) == 0 &&
		    memcmp(have->data, raw->data, raw->len) == 0)
			return trust->held[i];
	}
	return NULL;
}

static int hold(struct trust *trust, struct targets *targets, struct fault *why)
{
	struct targets **more;

	// Grows whenever the count is one less than a power of two: 0, 1, 3, 7 ...
	if ((trust->held_count & (trust->held_count + 1)) == 0) {
		more = realloc(trust->held, (2 * trust->held_count + 2) * sizeof(*more));
		if (!more)
			return fault_set(why, FAULT_OTHER, "out of memory");
		trust->held = more;
	}
	trust->held[trust->held_count++] = targets;
	return 0;
}

static int add_edge(struct trust *trust, const struct targets *delegator,
		    const struct targets *targets, struct fault *why)
{
	struct edge *edge = malloc(sizeof(*edge));
	struct edge **at;

	if (!edge)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*edge = (struct edge){delegator, targets->name, targets};
	at = tsearch(edge, &trust->edges, edge_order);
	if (at && *at == edge)
		return 0;
	free(edge);
	if (!at)
		return fault_set(why, FAULT_OTHER, "out of memory");
	(*at)->targets = targets;
	return 0;
}

static int accept_targets(struct trust *trust, const struct targets *delegator,
			  struct targets **fresh, const struct targets **out, struct fault *why)
{
	struct targets *same = find_same(trust, *fresh);

	if (!same) {
		if (hold(trust, *fresh, why))
			return -1;
		same = HAND_OVER(*fresh);
	}
	if (add_edge(trust, delegator, same, why))
		return -1;
	*out = same;
	return 0;
}

// Who must have signed it, and which file the snapshot names.
struct terms {
	const struct authority *authority;
	const struct role_meta *meta;
};

// Refuses before a byte of the file is looked at.
static int find_terms(const struct trust *trust, const struct targets *delegator, const char *role,
		      struct terms *out, struct fault *why)
{
	if (check_step(trust, STEP_TARGETS, why))
		return -1;
	out->meta = snapshot_find(trust->snapshot, role);
	if (!out->meta)
		return fault_set(why, FAULT_UNTRUSTED, "the snapshot does not list role \"%s\"",
				 role);
	out->authority =
		delegator ? targets_authority(delegator, role) : &trust->root->roles[ROOT_TARGETS];
	if (!out->authority || (!delegator && strcmp(role, "targets") != 0))
		return fault_set(why, FAULT_UNTRUSTED, "no trusted role delegates to \"%s\"", role);
	return 0;
}

// Takes over the envelope when it is what the terms ask for.
static int open_targets(const struct trust *trust, const char *role, const struct terms *terms,
			struct role **envelope, struct targets **out, struct fault *why)
{
	OWNED(targets_drop) struct targets *fresh = NULL;

	if (role_check(*envelope, role, terms->authority, why))
		return -1;
	if (targets_parse(role, *envelope, &fresh, why))
		return fault_within(why, "metadata of role \"%s\" is malformed", role);
	(void)HAND_OVER(*envelope);
	if (role_version(fresh->role, role, terms->meta->version, why) ||
	    role_fresh(fresh->role, role, trust->now, why))
		return -1;
	*out = HAND_OVER(fresh);
	return 0;
}

int trust_targets(struct trust *trust, const struct targets *delegator, const char *role,
		  const void *data, size_t len, const struct targets **out, struct fault *why)
{
	OWNED(targets_drop) struct targets *fresh = NULL;
	OWNED(role_drop) struct role *envelope = NULL;
	struct terms terms;

	if (find_terms(trust, delegator, role, &terms, why) ||
	    role_meta_check(terms.meta, role, data, len, why) ||
	    role_parse(role, data, len, &envelope, why) ||
	    open_targets(trust, role, &terms, &envelope, &fresh, why))
		return -1;
	return accept_targets(trust, delegator, &fresh, out, why);
}

int trust_take_targets(struct trust *trust, const struct targets *delegator, const char *role,
		       struct bytes *data, const struct targets **out, struct fault *why)
{
	OWNED(targets_drop) struct targets *fresh = NULL;
	OWNED(role_drop) struct role *envelope = NULL;
	OWNED(bytes_drop) struct bytes mine = {0};
	struct terms terms;

	bytes_move(&mine, data);
	if (find_terms(trust, delegator, role, &terms, why) ||
	    role_meta_check(terms.meta, role, mine.data, mine.len, why) ||
	    role_take(role, &mine, &envelope, why) ||
	    open_targets(trust, role, &terms, &envelope, &fresh, why))
		return -1;
	return accept_targets(trust, delegator, &fresh, out, why);
}

void trust_forget_last(struct trust *trust)
{
	struct targets *last = trust->held_count ? trust->held[trust->held_count - 1] : NULL;

	if (last && !last->bins && !last->delegation_count)
		targets_forget(last);
}

// ---- what is trusted ----

const struct root *trust_root_now(const struct trust *trust)
{
	return trust->root;
}

const struct timestamp *trust_timestamp_now(const struct trust *trust)
{
	return trust->step > STEP_TIMESTAMP ? trust->timestamp : NULL;
}

const struct snapshot *trust_snapshot_now(const struct trust *trust)
{
	return trust->step > STEP_SNAPSHOT ? trust->snapshot : NULL;
}

size_t trust_targets_count(const struct trust *trust)
{
	return trust->held_count;
}

const struct targets *trust_targets_at(const struct trust *trust, size_t index)
{
	return index < trust->held_count ? trust->held[index] : NULL;
}
