// SPDX-License-Identifier: Apache-2.0
#include "fetch/sync.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "base/program.h"
#include "bpf/bundle.h"
#include "bpf/deny.h"
#include "bpf/index.h"
#include "bpf/node.h"
#include "fetch/set.h"
#include "fetch/source.h"
#include "fetch/store.h"
#include "fetch/sweep.h"
#include "fetch/trusted.h"
#include "fetch/unpack.h"
#include "keys/client.h"
#include "keys/local.h"
#include "keys/pin.h"

// What a whole pass shares.
struct run {
	const struct sync_options *options;
	const struct node *node;
	const struct store *store;
	struct outcome *outcome;
	bool changed; // something new stands in the store
};

// What the work on one repository shares.
struct visit {
	struct run *run;
	const struct node_repository *repository;
	struct outcome_repository *result;
	struct download *download;
	struct source source;
	struct client *client;
	bool consistent;
	bool withheld; // something that the new metadata names could not be had
};

static void say(const struct run *run, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(const struct run *run, const char *format, ...)
{
	char line[FAULT_TEXT_MAX];
	va_list arguments;

	if (!run->options->say)
		return;
	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	run->options->say(run->options->ctx, line);
}

// ---- one use ----

// A target's bytes: from the store if they are there, from the network if not.
static int target_bytes(struct visit *visit, const struct target *target, size_t max,
			struct bytes *out, bool *fresh, struct fault *why)
{
	*fresh = false;
	if (!target->has_sha256)
		return fault_set(why, FAULT_DIGEST, "%s is signed without a SHA-256", target->path);
	if (!store_read(visit->run->store, &target->sha256, max, out, why))
		return target_check(target, out->data, out->len, why);
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_clear(why);
	say(visit->run, "%s: fetching %s (%lld bytes)", visit->repository->name, target->path,
	    (long long)target->length);
	*fresh = true;
	return source_target(visit->download, "targets/", target, visit->consistent, max, out, why);
}

// `*out` is NULL where no role names an index of this name.
static int read_index(struct visit *visit, const char *use, struct index **out, struct fault *why)
{
	OWNED(drop_heap) char *path = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(index_drop) struct index *index = NULL;
	const struct target *target;
	bool fresh;

	*out = NULL;
	if (index_path(use, &path, why))
		return -1;
	if (client_find(visit->client, path, &target, why))
		return fault_forgive(why, FAULT_UNTRUSTED);
	if (target_bytes(visit, target, INDEX_MAX, &data, &fresh, why) ||
	    index_parse(data.data, data.len, &index, why))
		return -1;
	// A signed index of another name would let one publisher's role speak for a bundle of its neighbour.
	if (strcmp(index->name, use))
		return fault_set(why, FAULT_UNTRUSTED, "%s is the index of %s", path, index->name);
	if (fresh) {
		visit->run->changed = true;
		if (store_keep(visit->run->store, &target->sha256, data.data, data.len, why))
			return -1;
	}
	*out = HAND_OVER(index);
	return 0;
}

// The version that a use means. Where there is a signed index an exact one has to be listed as well; where there is none
// (then `*listed` is NULL) it is its own word.
static int pick(struct visit *visit, struct outcome_use *use, struct index **index,
		const struct index_version **listed, struct fault *why)
{
	*listed = NULL;
	if (read_index(visit, use->use, index, why))
		return -1;
	if (*index) {
		if (index_pick(*index, use->wanted, use->channel, listed, why))
			return -1;
		return text_copy((*listed)->version, &use->version, why);
	}
	if (version_check(use->wanted, why))
		return index_missing(use->use, why);
	return text_copy(use->wanted, &use->version, why);
}

static int resolve(struct visit *visit, struct outcome_use *use, const struct target **out,
		   struct fault *why)
{
	OWNED(index_drop) struct index *index = NULL;
	OWNED(bytes_drop) struct bytes path = {0};
	const struct index_version *listed;

	if (pick(visit, use, &index, &listed, why) ||
	    bytes_format(&path, why, "%s/%s.bundle", use->use, use->version) ||
	    client_find(visit->client, bytes_text(&path), out, why))
		return -1;
	if (listed && (!(*out)->has_sha256 || !sha256_equal(&(*out)->sha256, &listed->sha256)))
		return fault_set(why, FAULT_DIGEST, "%s and its index are signed with two digests",
				 bytes_text(&path));
	return 0;
}

static int fetch_bundle(struct visit *visit, const struct target *target, struct outcome_use *use,
			struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	bool fresh, unpacked;

	if (target_bytes(visit, target, BUNDLE_MAX, &data, &fresh, why))
		return -1;
	if (unpack_is_done(visit->run->store, target, &unpacked, why))
		return -1;
	use->state = fresh ? OUTCOME_NEW : OUTCOME_PRESENT;
	if (!fresh && unpacked)
		return 0;
	// Members first, the bundle last: where the bundle is, its members were.
	visit->run->changed = true;
	if (unpack_bundle(visit->run->store, target, &data, why))
		return -1;
	return store_keep(visit->run->store, &target->sha256, data.data, data.len, why);
}

static int sync_use(struct visit *visit, struct outcome_use *use, struct fault *why)
{
	const struct target *target = NULL;

	if (resolve(visit, use, &target, why))
		return -1;
	if (target->has_sha256)
		sha256_hex(&target->sha256, use->sha256);
	return fetch_bundle(visit, target, use, why);
}

// The deny list, where the trusted metadata names one: first of all, and without it nothing. A new state whose list
// cannot be had is not made current, so that nobody who withholds the list alone gets anything newer run. (That a role
// which had one does not vanish is the snapshot's rule, TUF 5.5.5; the loader keeps the last list that it has seen.)
static int sync_deny(struct visit *visit, struct fault *why)
{
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(deny_drop) struct deny *deny = NULL;
	const struct target *target;
	bool fresh;

	if (client_find(visit->client, DENY_PATH, &target, why)) {
		if (why->code != FAULT_UNTRUSTED)
			return fault_within(why, "the deny list cannot be had");
		fault_clear(why);
		return 0;
	}
	if (target_bytes(visit, target, DENY_MAX, &data, &fresh, why) ||
	    deny_parse(data.data, data.len, &deny, why))
		return fault_within(why, "the deny list cannot be had");
	if (!fresh)
		return 0;
	visit->run->changed = true;
	return store_keep(visit->run->store, &target->sha256, data.data, data.len, why);
}

static void sync_uses(struct visit *visit)
{
	struct outcome *outcome = visit->run->outcome;

	for (size_t i = 0; i < outcome->use_count; i++) {
		struct outcome_use *use = &outcome->uses[i];

		if (strcmp(use->from, visit->repository->name) ||
		    !sync_use(visit, use, &use->fault))
			continue;
		use->state = OUTCOME_REFUSED;
		// FAULT_OTHER is our own disk or memory, not the publisher's doing (A66, A67).
		if (use->fault.code == FAULT_NETWORK || use->fault.code == FAULT_NOT_FOUND ||
		    use->fault.code == FAULT_OTHER)
			visit->withheld = true;
		fault_within(&use->fault, "%s %s from %s is refused", use->use, use->wanted,
			     use->from);
		outcome_fault(outcome, &use->fault);
	}
}

// ---- one repository ----

// Secure mode reads private repositories only. Three may say "public": node.json, the pin, the signed root; one is enough.
static int check_class(const struct visit *visit, const char *pin_class, const char *root_class,
		       struct fault *why)
{
	if (!visit->repository->is_public && strcmp(pin_class, "public") &&
	    strcmp(root_class, "public"))
		return 0;
	fault_set(why, FAULT_POLICY, "repository %s is public; only private ones are read",
		  visit->repository->name);
	return fault_fix(why, "import what you need from it into a repository of your own");
}

static int ca_path(const struct visit *visit, char **out, struct fault *why)
{
	const struct sync_options *options = visit->run->options;
	const char *ca = visit->repository->ca;
	const char *slash = options->config ? strrchr(options->config, '/') : NULL;

	*out = NULL;
	if (!ca)
		return 0;
	if (ca[0] == '/')
		return path_under(options->root, ca, out, why);
	OWNED(bytes_drop) struct bytes path = {0};
	if (options->config) {
		int dir_len = slash ? (int)(slash - options->config) + 1 : 0;

		if (bytes_format(&path, why, "%.*s%s", dir_len, options->config, ca))
			return -1;
		return text_copy(bytes_text(&path), out, why);
	}
	if (bytes_format(&path, why, "%s/%s", DIR_CONFIG, ca))
		return -1;
	return path_under(options->root, bytes_text(&path), out, why);
}

static int set_add_role(void *ctx, const char *role, int64_t version, const void *data, size_t len,
			struct fault *why)
{
	void **both = ctx;
	const struct visit *visit = both[0];
	OWNED(drop_heap) char *file = NULL;
	bool versioned = visit->consistent && strcmp(role, "timestamp");

	if (!strcmp(role, "root"))
		return 0; // all roots are added from where they are kept
	if (role_file(role, versioned ? version : 0, &file, why))
		return -1;
	return set_add(both[1], file, data, len, why);
}

static int make_current(struct visit *visit, int repo_dirfd, const struct trusted *trusted,
			struct fault *why)
{
	OWNED(set_drop) struct set *set = NULL;
	bool switched;

	if (set_new(&set, why))
		return -1;
	void *both[] = {visit, set};
	if (trusted_roots(trusted, set, why) ||
	    client_roles(visit->client, set_add_role, both, why) ||
	    set_switch(set, repo_dirfd, &switched, why))
		return -1;
	visit->result->state = switched ? OUTCOME_NEW : OUTCOME_PRESENT;
	visit->run->changed = visit->run->changed || switched;
	return 0;
}

// Everything after the refresh.
static int follow_metadata(struct visit *visit, int repo_dirfd, const struct trusted *trusted,
			   const char *pin_class, struct fault *why)
{
	client_versions(visit->client, &visit->result->versions);
	if (check_class(visit, pin_class, client_class(visit->client), why) ||
	    local_clock_raise(trusted->dirfd, visit->run->options->now, why))
		return -1;
	visit->result->refreshed_at = visit->run->options->now;
	if (source_is_consistent(&visit->source, &visit->consistent, why) || sync_deny(visit, why))
		return -1;
	sync_uses(visit);
	visit->result->state = OUTCOME_PRESENT;
	// While something that the new metadata names cannot be had, the set before it stays current: the loader could
	// do nothing with the new one, and with the old one it still can.
	visit->result->is_held = visit->withheld;
	return visit->withheld ? 0 : make_current(visit, repo_dirfd, trusted, why);
}

static int refresh(struct visit *visit, const struct trusted *trusted, const char *pin_class,
		   struct fault *why)
{
	const struct client_limits limits = client_limits_default();
	OWNED(drop_heap) char *ca = NULL;

	if (ca_path(visit, &ca, why) ||
	    download_new(visit->repository->url, ca, &visit->run->options->limits, &visit->download,
			 why))
		return -1;
	visit->source = (struct source){
		.download = visit->download,
		.prefix = "metadata/",
		.local = {.dirfd = trusted->dirfd,
			  .roots_dirfd = trusted->roots_dirfd,
			  .mode = STORE_META_MODE},
	};
	struct client_io io = source_io(&visit->source);
	if (client_new(&io, &limits, visit->run->options->now, &visit->client, why)) {
		fault_within(why, "the trusted metadata of %s is damaged", visit->repository->name);
		// Never repaired by itself: beginning anew would be trust on a second first use (A76).
		return fault_fix(why,
				 "find out what changed it; then remove repo/%s of the store "
				 "and sync again",
				 visit->repository->name);
	}
	if (check_class(visit, pin_class, client_class(visit->client), why))
		return -1;
	say(visit->run, "%s: refreshing metadata from %s", visit->repository->name,
	    visit->repository->url);
	return client_refresh(visit->client, why);
}

static int visit_repository(struct visit *visit, struct fault *why)
{
	const char *root = visit->run->options->root, *name = visit->repository->name;
	OWNED(trusted_drop) struct trusted trusted = {.dirfd = -1, .roots_dirfd = -1};
	OWNED(bytes_drop) struct bytes pinned = {0};
	OWNED(drop_heap) char *url = NULL;
	OWNED(drop_heap) char *class = NULL;
	OWNED(drop_fd) int repo_dirfd = -1;

	// Without a pin there is nothing to trust, and so nobody to talk to (A24).
	if (pin_load(root, name, &pinned, why) || pin_url(root, name, &url, &class, why) ||
	    store_repository(visit->run->store, name, &repo_dirfd, why) ||
	    trusted_open(repo_dirfd, &pinned, &trusted, why) ||
	    local_clock_read(trusted.dirfd, &visit->result->refreshed_at, why) ||
	    local_clock_check(trusted.dirfd, visit->run->options->now, why) ||
	    refresh(visit, &trusted, class ? class : "", why))
		return -1;
	return follow_metadata(visit, repo_dirfd, &trusted, class ? class : "", why);
}

// A repository that cannot be refreshed answers for none of its uses.
static void refuse_uses(const struct visit *visit)
{
	struct outcome *outcome = visit->run->outcome;

	for (size_t i = 0; i < outcome->use_count; i++) {
		struct outcome_use *use = &outcome->uses[i];

		if (strcmp(use->from, visit->repository->name) || use->fault.code != FAULT_NONE)
			continue;
		use->state = OUTCOME_REFUSED;
		use->fault = visit->result->fault;
	}
}

static void sync_repository(struct run *run, size_t index)
{
	struct visit visit = {
		.run = run,
		.repository = &run->node->repositories[index],
		.result = &run->outcome->repositories[index],
	};

	if (visit_repository(&visit, &visit.result->fault)) {
		visit.result->state = OUTCOME_REFUSED;
		fault_within(&visit.result->fault, "repository %s is not refreshed",
			     visit.repository->name);
		outcome_fault(run->outcome, &visit.result->fault);
		refuse_uses(&visit);
	}
	client_free(visit.client);
	download_free(visit.download);
}

// ---- the pass ----

static int list_uses(const struct node *node, struct outcome *outcome, struct fault *why)
{
	for (size_t i = 0; i < node->interface_count; i++)
		for (size_t hook = 0; hook < HOOK_COUNT; hook++) {
			const struct node_interface *interface = &node->interfaces[i];

			for (size_t j = 0; j < interface->chain_count[hook]; j++) {
				const struct node_use *use = &interface->chain[hook][j];

				if (outcome_add_use(outcome, use->use, use->version, use->channel,
						    use->from, why))
					return -1;
			}
		}
	return 0;
}

static int list_all(const struct node *node, struct outcome *outcome, struct fault *why)
{
	for (size_t i = 0; i < node->repository_count; i++)
		if (outcome_add_repository(outcome, node->repositories[i].name,
					   node->repositories[i].url, why))
			return -1;
	return list_uses(node, outcome, why);
}

static bool is_stopped(const struct sync_options *options)
{
	return options->limits.stopped && options->limits.stopped();
}

int sync_run(const struct sync_options *options, struct outcome **out, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;
	OWNED(drop_heap) char *path = NULL;
	OWNED(store_drop) struct store *store = NULL;
	OWNED(outcome_drop) struct outcome *outcome = NULL;
	struct fault sweep_fault = {0};
	size_t removed = 0;

	if (node_load(options->root, options->config, &node, why) ||
	    path_under(options->root, DIR_STORE, &path, why) ||
	    store_open(path, options->lock_wait_ms, &store, why) || outcome_new(&outcome, why) ||
	    list_all(node, outcome, why))
		return -1;
	struct sync_options mine = *options;
	// Whoever held the lock may have trusted a later time than the one we came with.
	if (mine.clock)
		mine.now = mine.clock();
	outcome->now = mine.now;
	struct run run = {.options = &mine, .node = node, .store = store, .outcome = outcome};
	for (size_t i = 0; i < node->repository_count && !is_stopped(options); i++)
		sync_repository(&run, i);
	// A poll that brought nothing new leaves nothing to sweep, and stays cheap.
	if (run.changed && sweep_run(store, &removed, &sweep_fault))
		outcome_fault(outcome, &sweep_fault);
	if (removed)
		say(&run, "removed %zu blobs that nothing names any more", removed);
	*out = HAND_OVER(outcome);
	return 0;
}

uint64_t sync_wait_ms(int64_t every_s, uint64_t pass, uint64_t host, uint64_t random)
{
	uint64_t every = (uint64_t)every_s * 1000;
	uint64_t tenth = every / 10 + 1;

	if (pass == 0)
		return 0;
	if (pass == 1)
		return host % every + random % tenth;
	return every - every / 20 + random % tenth;
}
