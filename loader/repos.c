// SPDX-License-Identifier: Apache-2.0
#include "loader/repos.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/denied.h"
#include "loader/fetched.h"

static void repo_drop(struct repo *repo)
{
	source_free(repo->source);
	source_free(repo->kept);
	deny_free(repo->deny);
	*repo = (struct repo){0};
}

int repos_open(const struct admit_places *places, struct repos *out, struct fault *why)
{
	*out = (struct repos){.places = places,
			      .fetched = {.store_dirfd = -1, .copies_dirfd = places->objects_dirfd},
			      .copies = {.dirfd = places->objects_dirfd}};
	out->list = calloc(places->node->repository_count + 1, sizeof(*out->list));
	if (!out->list)
		return fault_set(why, FAULT_OTHER, "out of memory");
	// A store without blobs that we can read is an empty one: whoever owns it may not keep us from our own copies.
	if (places->store_dirfd >= 0 &&
	    dir_open_at(places->store_dirfd, "blobs", &out->fetched.store_dirfd, why))
		fault_clear(why);
	return 0;
}

void repos_drop(struct repos *repos)
{
	batch_drop(&repos->copies);
	for (size_t i = 0; i < repos->count; i++)
		repo_drop(&repos->list[i]);
	free(repos->list);
	drop_fd(&repos->fetched.store_dirfd);
}

// ---- files ----

int repos_keep(struct repos *repos, const struct sha256 *digest, const struct bytes *bytes,
	       struct fault *why)
{
	char name[SHA256_HEX];

	sha256_hex(digest, name);
	return batch_store(&repos->copies, name, bytes->data, bytes->len, 0400, why);
}

int repos_lack(struct fault *why)
{
	return why->fix[0]
		       ? -1
		       : fault_fix(why, "run 'bpfseal sync': it fetches what node.json asks for");
}

int repos_read(const struct repos *repos, const struct target *target, size_t max,
	       struct bytes *bytes, struct fault *why)
{
	if (!target->has_sha256)
		return fault_set(why, FAULT_DIGEST, "%s is signed without a SHA-256", target->path);
	if (target->length < 0 || (uint64_t)target->length > max)
		return fault_set(why, FAULT_TOO_LARGE, "%s is larger than the limit", target->path);
	if (fetched_read(&repos->fetched, &target->sha256, (uint64_t)target->length, bytes, why)) {
		fault_within(why, "cannot read %s from the store", target->path);
		return repos_lack(why);
	}
	return target_check(target, bytes->data, bytes->len, why);
}

int repos_index(struct repos *repos, struct source *source, const char *name, struct index **out,
		struct fault *why)
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
	if (repos_read(repos, target, INDEX_MAX, &bytes, why)) {
		source_lacks(source);
		return -1;
	}
	if (index_parse(bytes.data, bytes.len, &index, why) ||
	    repos_keep(repos, &target->sha256, &bytes, why))
		return -1;
	if (strcmp(index->name, name))
		return fault_set(why, FAULT_FORMAT, "%s is the index of %s", path, index->name);
	*out = HAND_OVER(index);
	return 0;
}

// ---- verification ----

// The deny list that the verified metadata names is kept before anything is admitted; where it names none, the one that
// was kept still holds (loader/denied.h).
static int load_denied(const struct repos *repos, struct repo *repo, struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	const struct target *target;

	if (source_find(repo->source, DENY_PATH, &target, why)) {
		if (why->code != FAULT_UNTRUSTED)
			return -1;
		fault_clear(why);
		return denied_load(repos->places->trust_dirfd, repo->name, &repo->deny, why);
	}
	if (repos_read(repos, target, DENY_MAX, &bytes, why) ||
	    deny_parse(bytes.data, bytes.len, &repo->deny, why))
		return -1;
	return denied_keep(repos->places->trust_dirfd, repo->name, &bytes, why);
}

static struct source_places source_places(const struct repos *repos, const char *name)
{
	return (struct source_places){.root = repos->places->root,
				      .name = name,
				      .store_dirfd = repos->places->store_dirfd,
				      .trust_dirfd = repos->places->trust_dirfd,
				      .now = repos->places->now};
}

int repos_find(struct repos *repos, const char *name, struct repo **out, struct fault *why)
{
	const struct node_repository *repository = node_repository(repos->places->node, name);

	for (size_t i = 0; i < repos->count; i++) {
		if (!strcmp(repos->list[i].name, name)) {
			*out = &repos->list[i];
			return 0;
		}
	}
	if (!repository)
		return fault_set(why, FAULT_CONFIG, "node.json names no repository %s", name);
	*out = &repos->list[repos->count++];
	**out = (struct repo){.name = repository->name};
	return 0;
}

int repos_verified(struct repos *repos, const char *name, struct repo **out, struct fault *why)
{
	const struct source_places places = source_places(repos, name);
	struct repo *repo;

	if (repos_find(repos, name, &repo, why))
		return -1;
	*out = repo;
	if (!repo->tried &&
	    (source_open(&places, &repo->source, why) || load_denied(repos, repo, why))) {
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

void repos_verify_all(struct repos *repos)
{
	const struct node *node = repos->places->node;

	for (size_t i = 0; i < node->repository_count; i++) {
		struct repo *repo;
		struct fault later = {0};

		if (repos_verified(repos, node->repositories[i].name, &repo, &later))
			fault_clear(&later);
	}
}

int repos_kept(struct repos *repos, struct repo *repo, struct source **out, struct fault *why)
{
	const struct source_places places = source_places(repos, repo->name);

	if (!repo->kept && source_open_kept(&places, &repo->kept, why))
		return -1;
	*out = repo->kept;
	return 0;
}

int repos_settle(struct repos *repos, struct fault *why)
{
	if (batch_settle(&repos->copies, why))
		return fault_within(why, "cannot keep what was admitted");
	for (size_t i = 0; i < repos->count; i++) {
		const struct repo *repo = &repos->list[i];

		if (repo->source && source_settle(repo->source, why))
			return fault_within(why, "cannot keep the metadata of %s", repo->name);
	}
	return 0;
}
