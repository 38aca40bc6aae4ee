// SPDX-License-Identifier: Apache-2.0
#include "loader/restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "loader/admit.h"
#include "loader/finding.h"
#include "loader/sys.h"

static int need_digest(const struct json *object, const char *key, const char **hex,
		       struct sha256 *out, struct fault *why)
{
	if (json_need_text(object, key, hex, why))
		return -1;
	return sha256_read(*hex, out)
		       ? fault_set(why, FAULT_FORMAT, "the record's %s is no digest", key)
		       : 0;
}

// One of our copies, into sealed memory, and held there against its digest (A70).
static int restore_file(int objects_dirfd, const struct json *record, const char *key, size_t max,
			struct sha256 *digest, int *fd, struct bytes *bytes, struct fault *why)
{
	OWNED(bytes_drop) struct bytes read = {0};
	OWNED(drop_fd) int sealed = -1;
	struct sha256 got;
	uint64_t len;
	const char *hex;

	if (need_digest(record, key, &hex, digest, why) ||
	    file_read_at(objects_dirfd, hex, max, &read, why) ||
	    sys_sealed(read.data, read.len, hex, &sealed, why) ||
	    sha256_of_fd(sealed, max, &got, &len, why) || file_read_fd(sealed, max, bytes, why))
		return -1;
	if (!sha256_equal(&got, digest))
		return fault_set(why, FAULT_DIGEST, "our copy %s is damaged", hex);
	*fd = HAND_OVER_FD(sealed);
	return 0;
}

static int restore_member(int objects_dirfd, const struct json *record, const struct policy *policy,
			  enum hook hook, struct member *out, struct fault *why)
{
	OWNED(member_drop) struct member member = {.object_fd = -1};
	OWNED(bytes_drop) struct bytes manifest = {0};
	OWNED(bytes_drop) struct bytes object = {0};
	OWNED(drop_fd) int manifest_fd = -1;
	const char *name, *version, *from, *entry, *hex;
	const struct json *maps;

	if (json_need_text(record, "name", &name, why) ||
	    json_need_text(record, "version", &version, why) ||
	    json_need_text(record, "from", &from, why) ||
	    json_need_text(record, "entry", &entry, why) ||
	    json_need_object(record, "maps", &maps, why) ||
	    need_digest(record, "bundle", &hex, &member.bundle, why) ||
	    text_copy(name, &member.name, why) || text_copy(version, &member.version, why) ||
	    text_copy(from, &member.from, why) || json_clone(maps, &member.maps, why) ||
	    restore_file(objects_dirfd, record, "manifest", MANIFEST_MAX, &member.manifest_sha256,
			 &manifest_fd, &manifest, why) ||
	    manifest_parse(manifest.data, manifest.len, name, &member.manifest, why) ||
	    member_choose(&member, hook, entry, why) ||
	    restore_file(objects_dirfd, record, "object", INSPECT_OBJECT_MAX, &member.object,
			 &member.object_fd, &object, why) ||
	    admit_object(policy, &member, why))
		return -1;
	*out = member;
	member = (struct member){.object_fd = -1};
	return 0;
}

int restore_members(int objects_dirfd, const struct json *chain, const struct node *node,
		    const struct node_interface *interface, enum hook hook, struct member **out,
		    size_t *count, struct fault *why)
{
	const struct json *records = json_member(chain, "members");
	size_t wanted = json_count(records);
	struct member *members;

	if (!wanted || wanted != interface->chain_count[hook])
		return fault_set(why, FAULT_UNTRUSTED,
				 "what ran on %s is not what node.json asks for", interface->name);
	for (size_t i = 0; i < wanted; i++)
		if (!record_fits_use(json_item(records, i), &interface->chain[hook][i]))
			return fault_set(
				why, FAULT_UNTRUSTED,
				"what ran in place %zu of %s is not what node.json asks for", i + 1,
				interface->name);
	members = calloc(wanted, sizeof(*members));
	if (!members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < wanted; i++)
		members[i].object_fd = -1;
	for (size_t i = 0; i < wanted; i++) {
		if (restore_member(objects_dirfd, json_item(records, i), &node->policy, hook,
				   &members[i], why)) {
			members_free(members, wanted);
			return fault_within(why, "our copy of place %zu of %s cannot be restored",
					    i + 1, interface->name);
		}
	}
	*out = members;
	*count = wanted;
	return 0;
}
