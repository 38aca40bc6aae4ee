// SPDX-License-Identifier: Apache-2.0
#include "loader/admit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/batch.h"
#include "base/file.h"
#include "base/owned.h"
#include "bpf/chain.h"
#include "bpf/claims.h"
#include "bpf/custom.h"
#include "bpf/index.h"
#include "bpf/inspect.h"
#include "bpf/manifestreader.h"
#include "bpf/policy.h"
#include "keys/client.h"
#include "loader/background.h"
#include "loader/denied.h"
#include "loader/fetched.h"
#include "loader/muster.h"
#include "loader/offload.h"
#include "loader/recall.h"
#include "loader/source.h"
#include "loader/types.h"

struct repo {
	const char *name; // of node.json
	bool tried;
	struct fault refused; // why there is no source, once tried
	struct source *source, *kept;
	struct deny *deny;
};

static void repo_drop(struct repo *repo)
{
	source_free(repo->source);
	source_free(repo->kept);
	deny_free(repo->deny);
	*repo = (struct repo){0};
}

struct admit {
	struct admit_places places;
	int blobs_dirfd;
	struct repo *repos;
	size_t repo_count;
	struct recall recall;
	struct seen seen;
	struct muster muster; // of the members that are pending
	struct batch copies;  // of what was admitted
	struct batch notes;   // of what was seen in it
	struct background keeping;
};

int admit_new(const struct admit_places *places, struct admit **out, struct fault *why)
{
	OWNED(admit_drop) struct admit *admit = calloc(1, sizeof(*admit));

	if (!admit)
		return fault_set(why, FAULT_OTHER, "out of memory");
	admit->places = *places;
	admit->blobs_dirfd = -1;
	admit->copies.dirfd = admit->notes.dirfd = places->objects_dirfd;
	recall_init(&admit->recall, places->objects_dirfd);
	admit->repos = calloc(places->node->repository_count + 1, sizeof(*admit->repos));
	if (!admit->repos)
		return fault_set(why, FAULT_OTHER, "out of memory");
	// A store without blobs that we can read is an empty one: whoever owns it may not keep us from our own copies.
	if (places->store_dirfd >= 0 &&
	    dir_open_at(places->store_dirfd, "blobs", &admit->blobs_dirfd, why))
		fault_clear(why);
	*out = HAND_OVER(admit);
	return 0;
}

void admit_free(struct admit *admit)
{
	struct fault unasked = {0};

	if (!admit)
		return;
	if (admit_kept(admit, &unasked))
		fault_clear(&unasked);
	admit_note(admit);
	batch_drop(&admit->copies);
	muster_drop(&admit->muster);
	seen_drop(&admit->seen);
	for (size_t i = 0; i < admit->repo_count; i++)
		repo_drop(&admit->repos[i]);
	free(admit->repos);
	drop_fd(&admit->blobs_dirfd);
	free(admit);
}

// ---- blobs ----

static struct fetched admit_fetched(const struct admit *admit)
{
	return (struct fetched){.store_dirfd = admit->blobs_dirfd,
				.copies_dirfd = admit->places.objects_dirfd};
}

static int admit_keep(struct admit *admit, const struct sha256 *digest, const struct bytes *bytes,
		      struct fault *why)
{
	char name[SHA256_HEX];

	sha256_hex(digest, name);
	return batch_store(&admit->copies, name, bytes->data, bytes->len, 0400, why);
}

// What the store lacks, or holds otherwise, a sync brings: as after an edit of node.json that none has seen yet.
static int store_lacks(struct fault *why)
{
	return why->fix[0]
		       ? -1
		       : fault_fix(why, "run 'bpfseal sync': it fetches what node.json asks for");
}

static int admit_target(const struct admit *admit, const struct target *target, size_t max,
			struct bytes *bytes, struct fault *why)
{
	const struct fetched fetched = admit_fetched(admit);

	if (!target->has_sha256)
		return fault_set(why, FAULT_DIGEST, "%s is signed without a SHA-256", target->path);
	if (target->length < 0 || (uint64_t)target->length > max)
		return fault_set(why, FAULT_TOO_LARGE, "%s is larger than the limit", target->path);
	if (fetched_read(&fetched, &target->sha256, (uint64_t)target->length, bytes, why)) {
		fault_within(why, "cannot read %s from the store", target->path);
		return store_lacks(why);
	}
	return target_check(target, bytes->data, bytes->len, why);
}

// ---- repositories ----

// The deny list that the verified metadata names is kept before anything is admitted; where it names none, the one that
// was kept still holds (loader/denied.h).
static int admit_denied(const struct admit *admit, struct repo *repo, struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	const struct target *target;

	if (source_find(repo->source, DENY_PATH, &target, why)) {
		if (why->code != FAULT_UNTRUSTED)
			return -1;
		fault_clear(why);
		return denied_load(admit->places.trust_dirfd, repo->name, &repo->deny, why);
	}
	if (admit_target(admit, target, DENY_MAX, &bytes, why) ||
	    deny_parse(bytes.data, bytes.len, &repo->deny, why))
		return -1;
	return denied_keep(admit->places.trust_dirfd, repo->name, &bytes, why);
}

static struct source_places admit_source(const struct admit *admit, const char *name)
{
	return (struct source_places){.root = admit->places.root,
				      .name = name,
				      .store_dirfd = admit->places.store_dirfd,
				      .trust_dirfd = admit->places.trust_dirfd,
				      .now = admit->places.now};
}

static int repo_find(struct admit *admit, const char *name, struct repo **out, struct fault *why)
{
	const struct node_repository *repository = node_repository(admit->places.node, name);

	for (size_t i = 0; i < admit->repo_count; i++) {
		if (!strcmp(admit->repos[i].name, name)) {
			*out = &admit->repos[i];
			return 0;
		}
	}
	if (!repository)
		return fault_set(why, FAULT_CONFIG, "node.json names no repository %s", name);
	*out = &admit->repos[admit->repo_count++];
	**out = (struct repo){.name = repository->name};
	return 0;
}

// The verified metadata of a repository: once for each command.
static int admit_repo(struct admit *admit, const char *name, struct repo **out, struct fault *why)
{
	const struct source_places places = admit_source(admit, name);
	struct repo *repo;

	if (repo_find(admit, name, &repo, why))
		return -1;
	*out = repo;
	if (!repo->tried &&
	    (source_open(&places, &repo->source, why) || admit_denied(admit, repo, why))) {
		source_free(HAND_OVER(repo->source));
		fault_within(why, "repository %s is not usable", name);
		repo->refused = *why;
	}
	repo->tried = true;
	if (repo->source)
		return 0;
	*why = repo->refused;
	return -1;
}

// Copies first: metadata that names what we do not have would be kept for nothing.
static int admit_make_durable(void *ctx, struct fault *why)
{
	struct admit *admit = ctx;

	if (batch_settle(&admit->copies, why))
		return fault_within(why, "cannot keep what was admitted");
	for (size_t i = 0; i < admit->repo_count; i++) {
		const struct repo *repo = &admit->repos[i];

		if (repo->source && source_settle(repo->source, why))
			return fault_within(why, "cannot keep the metadata of %s", repo->name);
	}
	return 0;
}

int admit_settle(struct admit *admit, bool beside, struct fault *why)
{
	if (!beside) {
		if (admit_make_durable(admit, why))
			return -1;
		admit_note(admit);
		return 0;
	}
	background_start(&admit->keeping, admit_make_durable, admit);
	return 0;
}

int admit_kept(struct admit *admit, struct fault *why)
{
	return background_wait(&admit->keeping, why);
}

void admit_note(struct admit *admit)
{
	struct fault lost = {0};

	if (batch_settle(&admit->notes, &lost))
		fault_clear(&lost);
}

void admit_deny(struct admit *admit)
{
	const struct node *node = admit->places.node;

	for (size_t i = 0; i < node->repository_count; i++) {
		struct repo *repo;
		struct fault later = {0};

		if (admit_repo(admit, node->repositories[i].name, &repo, &later))
			fault_clear(&later);
	}
}

// ---- which version ----

// What a use of node.json means. `index` is NULL where the repository signs none for this name.
struct choice {
	char *version;
	struct index *index;
	const struct index_version *listed;
};

static void choice_drop(struct choice *choice)
{
	free(choice->version);
	index_free(choice->index);
}

// The index is kept beside the objects: after a reboot in an outage it still says what is withdrawn.
static int admit_index(struct admit *admit, struct source *source, const char *name,
		       struct index **out, struct fault *why)
{
	OWNED(index_drop) struct index *index = NULL;
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(drop_heap) char *path = NULL;
	const struct target *target;

	*out = NULL;
	if (index_path(name, &path, why))
		return -1;
	if (source_find(source, path, &target, why))
		return fault_forgive(why, FAULT_UNTRUSTED);
	if (admit_target(admit, target, INDEX_MAX, &bytes, why)) {
		source_lacks(source);
		return -1;
	}
	if (index_parse(bytes.data, bytes.len, &index, why) ||
	    admit_keep(admit, &target->sha256, &bytes, why))
		return -1;
	if (strcmp(index->name, name))
		return fault_set(why, FAULT_FORMAT, "%s is the index of %s", path, index->name);
	*out = HAND_OVER(index);
	return 0;
}

// Versions come from the signed index, and from nothing that a server or the fetcher says. Where there is one, an exact
// version has to be in it as well: it is how a publisher withdraws.
static int admit_version(struct admit *admit, struct source *source, const struct node_use *use,
			 struct choice *out, struct fault *why)
{
	if (admit_index(admit, source, use->use, &out->index, why))
		return -1;
	if (out->index) {
		if (index_pick(out->index, use->version, use->channel, &out->listed, why))
			return -1;
		return text_copy(out->listed->version, &out->version, why);
	}
	if (version_check(use->version, why))
		return index_missing(use->use, why);
	return text_copy(use->version, &out->version, why);
}

// The bundle that a use means. The index and the target are signed apart, perhaps by two roles: they have to agree.
static int admit_choose(struct admit *admit, struct source *source, const struct node_use *use,
			struct member *member, const struct target **out, struct fault *why)
{
	OWNED(choice_drop) struct choice choice = {0};
	OWNED(drop_heap) char *path = NULL;

	if (admit_version(admit, source, use, &choice, why))
		return -1;
	member->version = HAND_OVER(choice.version);
	if (asprintf(&path, "%s/%s.bundle", use->use, member->version) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (source_find(source, path, out, why))
		return -1;
	if (!(*out)->has_sha256)
		return fault_set(why, FAULT_DIGEST, "%s is signed without a SHA-256", path);
	if (choice.listed && !sha256_equal(&choice.listed->sha256, &(*out)->sha256))
		return fault_set(why, FAULT_UNTRUSTED,
				 "%s and its index are signed with two digests", path);
	member->bundle = (*out)->sha256;
	return 0;
}

// ---- members ----

struct wanted {
	const char *name;
	struct sha256 sha256;
	uint64_t len;
	bool found;
};

static int wanted_each(void *ctx, const char *name, const struct sha256 *sha256, uint64_t length,
		       struct fault *why)
{
	struct wanted *wanted = ctx;

	(void)why;
	if (!strcmp(name, wanted->name)) {
		wanted->sha256 = *sha256;
		wanted->len = length;
		wanted->found = true;
	}
	return 0;
}

// What the bundle's own target metadata signs for one file of it.
static int admit_wanted(const struct target *target, const char *name, struct wanted *wanted,
			struct fault *why)
{
	*wanted = (struct wanted){.name = name};
	if (!target->custom)
		return fault_set(why, FAULT_FORMAT, "%s is signed without its members",
				 target->path);
	if (custom_members(target->custom, wanted_each, wanted, why))
		return -1;
	if (!wanted->found)
		return fault_set(why, FAULT_UNTRUSTED, "%s has no signed member %s", target->path,
				 name);
	return 0;
}

static int refuse_file(const struct target *target, const struct wanted *wanted, struct fault *why)
{
	fault_within(why, "cannot read %s of %s from the store", wanted->name, target->path);
	return store_lacks(why);
}

static int admit_manifest(struct admit *admit, const struct target *target, struct member *member,
			  struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(drop_heap) char *path = NULL;
	const struct fetched fetched = admit_fetched(admit);
	struct wanted wanted;

	if (admit_wanted(target, MANIFEST_NAME, &wanted, why))
		return -1;
	if (fetched_read(&fetched, &wanted.sha256, wanted.len, &bytes, why))
		return refuse_file(target, &wanted, why);
	if (manifest_parse(bytes.data, bytes.len, target->path, &member->manifest, why) ||
	    bundle_target_path(member->manifest, &path, why))
		return -1;
	// Signed as one bundle, it may not call itself another.
	if (strcmp(path, target->path))
		return fault_set(why, FAULT_FORMAT, "%s calls itself %s", target->path, path);
	member->manifest_sha256 = wanted.sha256;
	return admit_keep(admit, &wanted.sha256, &bytes, why);
}

static int admit_program(const struct admit *admit, const struct target *target,
			 const struct wanted *wanted, struct member *member, struct fault *why)
{
	const char *name = member->program->object;
	const struct manifest_file *file = manifest_file(member->manifest, name);
	const struct fetched fetched = admit_fetched(admit);

	if (fetched_seal(&fetched, &wanted->sha256, wanted->len, &member->object_fd, why))
		return refuse_file(target, wanted, why);
	if (!file || !sha256_equal(&file->sha256, &wanted->sha256) || file->size != wanted->len)
		return fault_set(why, FAULT_DIGEST,
				 "the manifest of %s and its signed metadata differ about %s",
				 target->path, name);
	member->pending = true;
	return 0;
}

// What the chain has to know of the program's own tail calls. That it is there, claims_check has seen.
static void admit_jumps(const struct inspection *inspection, struct member *member)
{
	const struct manifest_program *said = member->program;
	const struct inspect_program *program = inspection_program(inspection, said->entry);
	const char *next = said->linkage == LINK_OWN_MAP ? said->next_map : CHAIN_NEXT_MAP;
	struct inspect_ways ways;

	if (!program)
		return;
	snprintf(member->section, sizeof(member->section), "%s", program->section);
	member->jumps_most = program->jumps_most;
	if (said->linkage != LINK_OWN_MAP && said->linkage != LINK_CHAIN)
		return;
	ways = inspection_ways(inspection, program, next);
	member->falls = (struct fall_ways){.counted = ways.through, .uncounted = ways.unknown};
}

static int admit_asked(const struct inspection *inspection, struct member *member,
		       struct fault *why)
{
	if (!types_fit(inspection))
		return 0;
	member->asked = calloc(inspection->type_count, sizeof(*member->asked));
	if (!member->asked)
		return fault_set(why, FAULT_OTHER, "out of memory");
	memcpy(member->asked, inspection->types, inspection->type_count * sizeof(*member->asked));
	member->asked_count = inspection->type_count;
	return 0;
}

static int admit_inspected(const struct policy *policy, const struct inspection *inspection,
			   struct member *member, struct fault *why)
{
	if (claims_check(inspection, member->manifest, member->program->object, why) ||
	    policy_check(policy, inspection, member->manifest, why))
		return -1;
	member->map_bytes = policy_object_bytes(inspection, policy->cpus);
	member->starts = inspection_starts(inspection);
	admit_jumps(inspection, member);
	offload_why_not(inspection, member->manifest, member->program, member->no_offload);
	return admit_asked(inspection, member, why);
}

static int refuse_member(const struct member *member, struct fault *why)
{
	return fault_within(why, "%s %s is not admitted", member->name, member->version);
}

static int inspect_member(struct admit *admit, const struct member *member, struct inspection **out,
			  struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};

	*out = admit ? seen_get(&admit->seen, &member->object) : NULL;
	if (*out)
		return 0;
	if (admit)
		*out = recall_get(&admit->recall, &member->object);
	if (!*out && (file_read_fd(member->object_fd, INSPECT_OBJECT_MAX, &bytes, why) ||
		      inspect_object(bytes.data, bytes.len, out, why)))
		return -1;
	if (admit)
		seen_put(&admit->seen, &member->object, *out);
	return 0;
}

int admit_object(struct admit *admit, const struct policy *policy, struct member *member,
		 struct fault *why)
{
	OWNED(inspection_drop) struct inspection *inspection = NULL;

	if (inspect_member(admit, member, &inspection, why) ||
	    admit_inspected(policy, inspection, member, why))
		return refuse_member(member, why);
	return 0;
}

static int refuse_use(const struct node_use *use, struct fault *why)
{
	fault_within(why, "%s %s cannot be used", use->use, use->version);
	return use->where[0] && !why->where[0] ? fault_where(why, "%s", use->where) : -1;
}

// What was let in is kept, and what was seen in it.
static int admit_one(struct admit *admit, struct muster_object *object, struct member *member,
		     struct fault *why)
{
	if (!object->inspection)
		*why = object->refused;
	if (!object->inspection ||
	    admit_inspected(&admit->places.node->policy, object->inspection, member, why))
		return refuse_member(member, why);
	if (admit_keep(admit, &object->digest, &object->bytes, why))
		return -1;
	if (!object->recalled)
		recall_put(&admit->recall, &object->digest, object->inspection, &admit->notes);
	object->recalled = true;
	member->pending = false;
	return 0;
}

int admit_members(struct admit *admit, const struct node_use *uses, struct member *members,
		  size_t count, size_t *place, struct fault *why)
{
	OWNED(muster_drop) struct muster muster = admit->muster;

	admit->muster = (struct muster){0};
	*place = 0;
	if (muster_call(&admit->recall, &admit->seen, members, count, &muster, why))
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (!members[i].pending)
			continue;
		*place = members[i].place;
		if (admit_one(admit, muster_find(&muster, &members[i].object), &members[i], why))
			return refuse_use(&uses[members[i].place], why);
	}
	return 0;
}

static int admit_globals(const struct node_use *use, struct member *member, struct fault *why)
{
	const struct json *globals = json_member(use->object, "globals");
	struct json_walk walk = {0};

	if (!globals)
		return 0;
	member->globals = json_make_object();
	while (json_next(globals, &walk))
		if (strcmp(walk.key, "//") &&
		    json_put(member->globals, walk.key, json_keep(walk.value), why))
			return -1;
	return 0;
}

// A map that is named with no values is named all the same: it has to be there, and to be empty.
static int admit_maps(const struct node_use *use, struct member *member, struct fault *why)
{
	struct json_walk walk = {0};

	member->maps = json_make_object();
	if (!member->maps)
		return fault_set(why, FAULT_OTHER, "out of memory");
	while (json_next(json_member(use->object, "maps"), &walk))
		if (json_is(walk.value, JSON_KIND_ARRAY) &&
		    json_put(member->maps, walk.key, json_make_array(), why))
			return -1;
	return 0;
}

int admit_values(const struct node_use *use, struct member *member, struct fault *why)
{
	if (admit_globals(use, member, why) || admit_maps(use, member, why))
		return -1;
	for (size_t i = 0; i < use->entry_count; i++) {
		const struct node_map_entry *entry = &use->entries[i];
		OWNED(json_drop) struct json *pair = json_make_object();
		struct json *list = (struct json *)(uintptr_t)json_member(member->maps, entry->map);

		if (!pair)
			return fault_set(why, FAULT_OTHER, "out of memory");
		if (json_put(pair, "key", json_keep(entry->key), why) ||
		    json_put(pair, "value", json_keep(entry->value), why) ||
		    json_add(list, HAND_OVER(pair), why))
			return -1;
	}
	return 0;
}

// What is denied by its digest is not opened: what made it be denied may be what opening it does.
static int admit_bundle(struct admit *admit, const struct node_use *use, enum hook hook,
			bool denied_too, struct member *member, const struct deny_entry **denied,
			struct fault *why)
{
	const struct target *target;
	struct repo *repo = NULL;
	struct wanted wanted;

	if (admit_repo(admit, use->from, &repo, why) ||
	    admit_choose(admit, repo->source, use, member, &target, why))
		return -1;
	*denied = deny_find(repo->deny, &member->bundle);
	if (*denied && !denied_too)
		return 0;
	if (admit_manifest(admit, target, member, why) ||
	    member_choose(member, hook, use->program, why) ||
	    admit_wanted(target, member->program->object, &wanted, why))
		return -1;
	member->object = wanted.sha256;
	if (!*denied)
		*denied = deny_find(repo->deny, &member->object);
	if (*denied && !denied_too)
		return 0;
	if (admit_program(admit, target, &wanted, member, why))
		return -1;
	// Of what is denied the caller decides; it is looked at only if it shall stay.
	return *denied ? 0
		       : muster_enter(&admit->recall, &admit->seen, member, &admit->muster, why);
}

int admit_use(struct admit *admit, const struct node_use *use, enum hook hook, bool denied_too,
	      struct member *out, const struct deny_entry **denied, struct fault *why)
{
	OWNED(member_drop) struct member member = {.object_fd = -1};

	*denied = NULL;
	if (text_copy(use->use, &member.name, why) || text_copy(use->from, &member.from, why) ||
	    admit_values(use, &member, why))
		return -1;
	if (admit_bundle(admit, use, hook, denied_too, &member, denied, why))
		return refuse_use(use, why);
	*out = member;
	member = (struct member){.object_fd = -1};
	return 0;
}

// ---- what ran here before ----

static int recorded_digest(const struct json *recorded, const char *key, struct sha256 *out,
			   struct fault *why)
{
	const char *hex;

	if (json_need_text(recorded, key, &hex, why))
		return -1;
	return sha256_read(hex, out)
		       ? fault_set(why, FAULT_FORMAT, "the record's %s is no digest", key)
		       : 0;
}

struct known {
	struct sha256 manifest, object;
	bool has_manifest, has_object;
};

static int known_each(void *ctx, const char *name, const struct sha256 *sha256, uint64_t length,
		      struct fault *why)
{
	struct known *known = ctx;

	(void)length, (void)why;
	if (!strcmp(name, MANIFEST_NAME))
		known->has_manifest = sha256_equal(sha256, &known->manifest);
	else if (sha256_equal(sha256, &known->object))
		known->has_object = true;
	return 0;
}

static int recorded_members(const struct target *target, const struct json *recorded,
			    struct fault *why)
{
	struct known known = {0};

	if (recorded_digest(recorded, "manifest", &known.manifest, why) ||
	    recorded_digest(recorded, "object", &known.object, why))
		return -1;
	if (!target->custom || custom_members(target->custom, known_each, &known, why) ||
	    !known.has_manifest || !known.has_object)
		return fault_set(why, FAULT_UNTRUSTED, "%s is signed with other members",
				 target->path);
	return 0;
}

// Whether this source names a recorded member, to the byte.
static int vouch(struct admit *admit, struct source *source, const struct json *recorded,
		 struct fault *why)
{
	OWNED(index_drop) struct index *index = NULL;
	OWNED(drop_heap) char *path = NULL;
	const struct index_version *listed = NULL;
	const struct target *target;
	const char *name, *version;
	struct sha256 bundle;

	if (json_need_text(recorded, "name", &name, why) ||
	    json_need_text(recorded, "version", &version, why) ||
	    recorded_digest(recorded, "bundle", &bundle, why) || version_check(version, why) ||
	    admit_index(admit, source, name, &index, why) ||
	    (index && index_pick(index, version, INDEX_RELEASED, &listed, why)))
		return -1;
	if (asprintf(&path, "%s/%s.bundle", name, version) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (source_find(source, path, &target, why))
		return -1;
	if (!target->has_sha256 || !sha256_equal(&target->sha256, &bundle) ||
	    (listed && !sha256_equal(&listed->sha256, &bundle)))
		return fault_set(why, FAULT_UNTRUSTED, "%s is signed with another digest", path);
	return recorded_members(target, recorded, why);
}

static int vouch_kept(struct admit *admit, struct repo *repo, const struct json *recorded,
		      struct fault *why)
{
	const struct source_places places = admit_source(admit, repo->name);

	if (!repo->kept && source_open_kept(&places, &repo->kept, why))
		return -1;
	return vouch(admit, repo->kept, recorded, why);
}

bool admit_is_store_fault(enum fault_code code)
{
	switch (code) {
	case FAULT_EXPIRED:
	case FAULT_CLOCK:
	case FAULT_NOT_FOUND:
	case FAULT_ROLLBACK:
	case FAULT_DIGEST:
	case FAULT_FORMAT:
	case FAULT_TOO_LARGE:
	case FAULT_SIGNATURE:
	case FAULT_NETWORK:
	case FAULT_OTHER:
		return true;
	default:
		return false;
	}
}

int admit_recorded(struct admit *admit, const struct json *recorded, struct fault *why)
{
	struct repo *repo;
	const char *from;

	if (json_need_text(recorded, "from", &from, why))
		return -1;
	if (admit_repo(admit, from, &repo, why) == 0 &&
	    vouch(admit, repo->source, recorded, why) == 0)
		return 0;
	if (!admit_is_store_fault(why->code))
		return -1;
	fault_clear(why);
	return vouch_kept(admit, repo, recorded, why);
}

int admit_recorded_kept(struct admit *admit, const struct json *recorded, struct fault *why)
{
	struct repo *repo;
	const char *from;

	if (json_need_text(recorded, "from", &from, why) || repo_find(admit, from, &repo, why))
		return -1;
	return vouch_kept(admit, repo, recorded, why);
}
