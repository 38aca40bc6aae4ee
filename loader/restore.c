// SPDX-License-Identifier: Apache-2.0
#include "loader/restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "bpf/manifestreader.h"
#include "loader/admit.h"
#include "loader/denied.h"
#include "loader/finding.h"
#include "loader/record.h"
#include "loader/standin.h"
#include "loader/sys.h"

struct restore restore_of(const struct plan_chain *chain, const struct plan_places *places,
			  const struct restore_copies *copies)
{
	return (struct restore){.objects_dirfd = copies->objects_dirfd,
				.trust_dirfd = copies->trust_dirfd,
				.admit = copies->admit,
				.node = places->node,
				.interface = chain->interface,
				.iface = chain->iface,
				.hook = chain->hook,
				.record = chain->like};
}

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

static int restore_member(const struct restore *restore, const struct json *record,
			  struct member *out, struct fault *why)
{
	const struct policy *policy = &restore->node->policy;
	int objects_dirfd = restore->objects_dirfd;
	OWNED(member_drop) struct member member = {.object_fd = -1};
	OWNED(bytes_drop) struct bytes manifest = {0};
	OWNED(bytes_drop) struct bytes object = {0};
	OWNED(drop_fd) int manifest_fd = -1;
	const char *name, *version, *from, *entry, *hex;
	const struct manifest_file *file;
	const struct json *maps, *globals = json_member(record, "globals");

	if (json_need_text(record, "name", &name, why) ||
	    json_need_text(record, "version", &version, why) ||
	    json_need_text(record, "from", &from, why) ||
	    json_need_text(record, "entry", &entry, why) ||
	    json_need_object(record, "maps", &maps, why) ||
	    need_digest(record, "bundle", &hex, &member.bundle, why) ||
	    text_copy(name, &member.name, why) || text_copy(version, &member.version, why) ||
	    text_copy(from, &member.from, why) || json_clone(maps, &member.maps, why) ||
	    (globals && json_clone(globals, &member.globals, why)) ||
	    restore_file(objects_dirfd, record, "manifest", MANIFEST_MAX, &member.manifest_sha256,
			 &manifest_fd, &manifest, why) ||
	    manifest_parse(manifest.data, manifest.len, name, &member.manifest, why) ||
	    member_choose(&member, restore->hook, entry, why) ||
	    restore_file(objects_dirfd, record, "object", INSPECT_OBJECT_MAX, &member.object,
			 &member.object_fd, &object, why))
		return -1;
	file = manifest_file(member.manifest, member.program->object);
	if (!file || !sha256_equal(&file->sha256, &member.object))
		return fault_set(why, FAULT_DIGEST, "the record of %s and its manifest differ",
				 name);
	if (admit_object(restore->admit, policy, &member, why))
		return -1;
	*out = member;
	member = (struct member){.object_fd = -1};
	return 0;
}

static enum node_on_denied on_denied(const struct restore *restore)
{
	enum node_on_denied said =
		restore->interface ? restore->interface->on_denied : NODE_DENIED_REMOVE;

	// "keep-and-alarm" keeps a denied program that is loaded; it never loads one again.
	return said == NODE_DENIED_KEEP && !restore->runs ? NODE_DENIED_REMOVE : said;
}

int restore_has_denied(const struct restore *restore, bool *out, struct fault *why)
{
	const struct json *records = json_member(restore->record, "members");

	*out = false;
	for (size_t i = 0; i < json_count(records) && !*out; i++) {
		OWNED(deny_drop) struct deny *list = NULL;
		const struct deny_entry *entry;

		if (denied_member(restore->trust_dirfd, json_item(records, i), &list, &entry, why))
			return -1;
		*out = entry && on_denied(restore) != NODE_DENIED_KEEP;
	}
	return 0;
}

// A member of which only the names are known, for a line in "denied".
static int restore_note(const struct restore *restore, size_t index, const struct deny_entry *entry,
			struct json *denied, struct fault *why)
{
	const struct json *record = json_item(json_member(restore->record, "members"), index);
	OWNED(member_drop) struct member names = {.object_fd = -1};
	const char *name, *version, *from;

	names.place = record_place(restore->record, index);
	if (denied_at(denied, names.place))
		return 0;
	if (json_need_text(record, "name", &name, why) ||
	    json_need_text(record, "version", &version, why) ||
	    json_need_text(record, "from", &from, why) || text_copy(name, &names.name, why) ||
	    text_copy(version, &names.version, why) || text_copy(from, &names.from, why))
		return -1;
	return denied_note(denied, &names, entry, on_denied(restore), why);
}

// Whether the policy of today allows this publisher's program on this interface. Not asked while a chain only loses a denied
// member: the others run already, and a rule that one of them breaks must not keep the denied one in the kernel.
static int restore_may_stand(const struct restore *restore, const struct json *record,
			     struct fault *why)
{
	const char *name;

	if (restore->runs)
		return 0;
	if (json_need_text(record, "name", &name, why))
		return -1;
	return policy_check_place(&restore->node->policy, name,
				  restore->hook == HOOK_PROBE ? NULL : restore->iface, why);
}

// One place of the record: itself, a stand-in, or nothing (then *made is false).
static int restore_place(const struct restore *restore, size_t index, struct json *denied,
			 struct member *out, bool *made, struct fault *why)
{
	const struct json *record = json_item(json_member(restore->record, "members"), index);
	size_t place = record_place(restore->record, index);
	OWNED(deny_drop) struct deny *list = NULL;
	const struct deny_entry *entry;
	enum node_on_denied how = on_denied(restore);

	*made = true;
	if (standin_is(record))
		return standin_member(restore->hook, place, out, why);
	if (denied_member(restore->trust_dirfd, record, &list, &entry, why) ||
	    (entry && restore_note(restore, index, entry, denied, why)))
		return -1;
	if (entry && how == NODE_DENIED_DROP)
		return standin_member(restore->hook, place, out, why);
	*made = !entry || how == NODE_DENIED_KEEP;
	if (*made && !restore->runs && admit_recorded(restore->admit, record, why))
		return -1;
	if (*made && restore_may_stand(restore, record, why))
		return -1;
	if (*made && restore_member(restore, record, out, why)) {
		// What breaks today's policy goes with the denied one: it must not keep that where it is.
		if (!restore->runs || why->code != FAULT_POLICY)
			return -1;
		fault_clear(why);
		*made = false;
	}
	out->place = place;
	return 0;
}

// What is denied already keeps its line, but a line "keep-and-alarm" of what no longer runs is written anew.
static int restore_lines(const struct restore *restore, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *lines = json_make_array();
	const struct json *old = json_member(restore->record, "denied");
	const char *keep = node_on_denied_name(NODE_DENIED_KEEP);

	for (size_t i = 0; i < json_count(old); i++) {
		const struct json *line = json_item(old, i);
		const char *how = json_text(json_member(line, "on_denied"));

		if (how && !strcmp(how, keep) && on_denied(restore) != NODE_DENIED_KEEP)
			continue;
		if (json_add(lines, json_keep(line), why))
			return -1;
	}
	if (!lines)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*out = HAND_OVER(lines);
	return 0;
}

int restore_members(const struct restore *restore, struct member **out, size_t *count,
		    struct json **denied, struct fault *why)
{
	size_t recorded = json_count(json_member(restore->record, "members")), made_count = 0;
	OWNED(json_drop) struct json *lines = NULL;
	struct member *members;

	if (!restore->runs && !restore->unasked &&
	    (!restore->interface ||
	     !record_fits(restore->record, restore->interface, restore->hook)))
		return fault_set(why, FAULT_UNTRUSTED,
				 "what ran here is not what node.json asks for");
	if (restore_lines(restore, &lines, why))
		return -1;
	members = calloc(recorded + 1, sizeof(*members));
	if (!members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < recorded; i++) {
		bool made;

		members[made_count].object_fd = -1;
		if (restore_place(restore, i, lines, &members[made_count], &made, why)) {
			members_free(members, made_count);
			return fault_within(why, "our copy of place %zu cannot be restored", i + 1);
		}
		made_count += made;
	}
	*out = members;
	*count = made_count;
	*denied = HAND_OVER(lines);
	return 0;
}
