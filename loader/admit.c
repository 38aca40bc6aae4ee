// SPDX-License-Identifier: Apache-2.0
#include "loader/admit.h"

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
#include "loader/fetched.h"
#include "loader/muster.h"
#include "loader/offload.h"
#include "loader/recall.h"
#include "loader/recorded.h"
#include "loader/repos.h"
#include "loader/source.h"
#include "loader/types.h"

struct admit {
	struct admit_places places;
	struct repos repos;
	struct recall recall;
	struct seen seen;
	struct muster muster; // of the members that are pending
	struct batch notes;   // of what was seen in it
	struct background keeping;
};

int admit_new(const struct admit_places *places, struct admit **out, struct fault *why)
{
	OWNED(admit_drop) struct admit *admit = calloc(1, sizeof(*admit));

	if (!admit)
		return fault_set(why, FAULT_OTHER, "out of memory");
	admit->places = *places;
	admit->notes.dirfd = places->objects_dirfd;
	if (repos_open(&admit->places, &admit->repos, why))
		return -1;
	recall_init(&admit->recall, places->objects_dirfd);
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
	muster_drop(&admit->muster);
	seen_drop(&admit->seen);
	repos_drop(&admit->repos);
	free(admit);
}

static int make_durable(void *ctx, struct fault *why)
{
	struct admit *admit = ctx;

	return repos_settle(&admit->repos, why);
}

int admit_settle(struct admit *admit, bool beside, struct fault *why)
{
	if (!beside) {
		if (make_durable(admit, why))
			return -1;
		admit_note(admit);
		return 0;
	}
	background_start(&admit->keeping, make_durable, admit);
	return 0;
}

int admit_kept(struct admit *admit, struct fault *why)
{
	return background_wait(&admit->keeping, why);
}

void admit_deny(struct admit *admit)
{
	repos_verify_all(&admit->repos);
}

void admit_note(struct admit *admit)
{
	struct fault lost = {0};

	if (batch_settle(&admit->notes, &lost))
		fault_clear(&lost);
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

// Versions come from the signed index, and from nothing that a server or the fetcher says. Where there is one, an exact
// version has to be in it as well: it is how a publisher withdraws.
static int admit_version(struct admit *admit, struct source *source, const struct node_use *use,
			 struct choice *out, struct fault *why)
{
	if (repos_index(&admit->repos, source, use->use, &out->index, why))
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
	return repos_lack(why);
}

static int admit_manifest(struct admit *admit, const struct target *target, struct member *member,
			  struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(drop_heap) char *path = NULL;
	struct wanted wanted;

	if (admit_wanted(target, MANIFEST_NAME, &wanted, why))
		return -1;
	if (fetched_read(&admit->repos.fetched, &wanted.sha256, wanted.len, &bytes, why))
		return refuse_file(target, &wanted, why);
	if (manifest_parse(bytes.data, bytes.len, target->path, &member->manifest, why) ||
	    bundle_target_path(member->manifest, &path, why))
		return -1;
	// Signed as one bundle, it may not call itself another.
	if (strcmp(path, target->path))
		return fault_set(why, FAULT_FORMAT, "%s calls itself %s", target->path, path);
	member->manifest_sha256 = wanted.sha256;
	return repos_keep(&admit->repos, &wanted.sha256, &bytes, why);
}

static int admit_program(const struct admit *admit, const struct target *target,
			 const struct wanted *wanted, struct member *member, struct fault *why)
{
	const char *name = member->program->object;
	const struct manifest_file *file = manifest_file(member->manifest, name);

	if (fetched_seal(&admit->repos.fetched, &wanted->sha256, wanted->len, &member->object_fd,
			 why))
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
	if (repos_keep(&admit->repos, &object->digest, &object->bytes, why))
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

// What is denied by its digest is not opened: what made it be denied may be what opening it does.
static int admit_bundle(struct admit *admit, const struct node_use *use, enum hook hook,
			bool denied_too, struct member *member, const struct deny_entry **denied,
			struct fault *why)
{
	const struct target *target;
	struct repo *repo = NULL;
	struct wanted wanted;

	if (repos_verified(&admit->repos, use->from, &repo, why) ||
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
	    member_take_values(&member, use, why))
		return -1;
	if (admit_bundle(admit, use, hook, denied_too, &member, denied, why))
		return refuse_use(use, why);
	*out = member;
	member = (struct member){.object_fd = -1};
	return 0;
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
	return recorded_check(&admit->repos, recorded, why);
}

int admit_recorded_kept(struct admit *admit, const struct json *recorded, struct fault *why)
{
	return recorded_check_kept(&admit->repos, recorded, why);
}
