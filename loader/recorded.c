// SPDX-License-Identifier: Apache-2.0
#include "loader/recorded.h"

#include <stdio.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/bundle.h"
#include "bpf/custom.h"
#include "bpf/index.h"

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
static int check(struct repos *repos, struct source *source, const struct json *recorded,
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
	    repos_index(repos, source, name, &index, why) ||
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

int recorded_check_kept(struct repos *repos, const struct json *recorded, struct fault *why)
{
	struct source *kept;
	struct repo *repo;
	const char *from;

	if (json_need_text(recorded, "from", &from, why) || repos_find(repos, from, &repo, why) ||
	    repos_kept(repos, repo, &kept, why))
		return -1;
	return check(repos, kept, recorded, why);
}

int recorded_check(struct repos *repos, const struct json *recorded, struct fault *why)
{
	struct repo *repo;
	const char *from;

	if (json_need_text(recorded, "from", &from, why))
		return -1;
	if (repos_verified(repos, from, &repo, why) == 0 &&
	    check(repos, repo->source, recorded, why) == 0)
		return 0;
	if (!admit_is_store_fault(why->code))
		return -1;
	fault_clear(why);
	return recorded_check_kept(repos, recorded, why);
}
