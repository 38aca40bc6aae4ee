// SPDX-License-Identifier: Apache-2.0
#include "loader/record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/entries.h"
#include "loader/mapid.h"
#include "loader/previous.h"
#include "loader/truth.h"

#define NEXT   RECORD_NEXT
#define SCHEMA "bpfseal.record/1"

int record_new(struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *record = json_make_object();

	if (!record)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_text(record, "schema", SCHEMA, why) ||
	    json_put(record, "chains", json_make_array(), why))
		return -1;
	*out = HAND_OVER(record);
	return 0;
}

int record_read(int dirfd, const char *name, struct json **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(json_drop) struct json *record = NULL;
	const struct json *chains;

	*out = NULL;
	if (file_read_at(dirfd, name, RECORD_FILE_MAX, &bytes, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	if (json_parse(bytes.data, bytes.len, name, &record, why) ||
	    json_need_array(record, "chains", &chains, why)) {
		fault_within(why, "the record of what was applied (%s) is damaged", name);
		return fault_fix(why,
				 "remove it from /var/lib/bpfseal-loader: 'bpfseal apply' takes "
				 "over what runs, and writes it anew");
	}
	*out = HAND_OVER(record);
	return 0;
}

static bool chain_is(const struct json *chain, const char *iface, const char *hook)
{
	const char *of_iface = json_text(json_member(chain, "interface"));
	const char *of_hook = json_text(json_member(chain, "hook"));

	return of_iface && of_hook && !strcmp(of_iface, iface) && !strcmp(of_hook, hook);
}

const struct json *record_chain(const struct json *record, const char *iface, const char *hook)
{
	const struct json *chains = json_member(record, "chains");

	for (size_t i = 0; i < json_count(chains); i++)
		if (chain_is(json_item(chains, i), iface, hook))
			return json_item(chains, i);
	return NULL;
}

// Records written before members could be left out have no "place": there the index is the place.
size_t record_place(const struct json *chain, size_t index)
{
	const struct json *place =
		json_member(json_item(json_member(chain, "members"), index), "place");

	return json_is(place, JSON_KIND_INT) ? (size_t)json_int(place) : index;
}

static const char *text_at(const struct json *members, size_t index, const char *key)
{
	const char *text = json_text(json_member(json_item(members, index), key));

	return text ? text : "";
}

void record_key(const struct json *chain, size_t index, char key[static MEMBER_LABEL_MAX])
{
	const struct json *members = json_member(chain, "members");
	struct member names[NODE_CHAIN_MAX] = {0};

	key[0] = '\0';
	if (index >= json_count(members) || index >= NODE_CHAIN_MAX)
		return;
	// Records from before it stood there are computed: their members had no siblings.
	if (*text_at(members, index, "key")) {
		snprintf(key, MEMBER_LABEL_MAX, "%s", text_at(members, index, "key"));
		return;
	}
	for (size_t i = 0; i <= index; i++) {
		// Borrowed, and only read.
		names[i].name = (char *)(uintptr_t)text_at(members, i, "name");
		names[i].from = (char *)(uintptr_t)text_at(members, i, "from");
	}
	member_key(names, index, key);
}

const struct json *record_member_at(const struct json *chain, size_t place)
{
	const struct json *members = json_member(chain, "members");

	for (size_t i = 0; i < json_count(members); i++)
		if (record_place(chain, i) == place)
			return json_item(members, i);
	return NULL;
}

int record_of_none(const char *iface, enum hook hook, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *made = json_make_object();

	if (json_put_text(made, "interface", iface, why) ||
	    json_put_text(made, "hook", hook_name(hook), why) ||
	    json_put_int(made, "generation", 0, why) ||
	    json_put(made, "members", json_make_array(), why))
		return -1;
	*out = HAND_OVER(made);
	return 0;
}

int record_set(struct json *record, const char *iface, const char *hook, struct json *chain,
	       struct fault *why)
{
	OWNED(json_drop) struct json *mine = chain;
	OWNED(json_drop) struct json *kept = json_make_array();
	const struct json *chains = json_member(record, "chains");

	if (!kept)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < json_count(chains); i++)
		if (!chain_is(json_item(chains, i), iface, hook) &&
		    json_add(kept, json_keep(json_item(chains, i)), why))
			return -1;
	if (mine && json_add(kept, HAND_OVER(mine), why))
		return -1;
	return json_put(record, "chains", HAND_OVER(kept), why);
}

// ---- after a crash ----

// Takes over from next.json the chains whose generation the kernel has entered.
static int record_mend(struct json *active, const struct json *next, const char *tree,
		       struct fault *why)
{
	const struct json *chains = json_member(next, "chains");

	for (size_t i = 0; i < json_count(chains); i++) {
		const struct json *chain = json_item(chains, i);
		const char *iface = json_text(json_member(chain, "interface"));
		const char *hook_text = json_text(json_member(chain, "hook"));
		int64_t generation = json_int(json_member(chain, "generation"));
		struct truth truth;
		enum hook hook;

		if (!iface || !hook_text || hook_parse(hook_text, &hook, why))
			return fault_set(why, FAULT_FORMAT, "%s is damaged", NEXT);
		if (truth_read(tree, iface, hook, &truth, why))
			return -1;
		if (truth.entered && truth.generation == generation &&
		    record_set(active, iface, hook_text, json_keep(chain), why))
			return -1;
	}
	return 0;
}

int record_load(int dirfd, const char *tree, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *active = NULL;
	OWNED(json_drop) struct json *next = NULL;

	if (record_read(dirfd, RECORD_ACTIVE, &active, why) || record_read(dirfd, NEXT, &next, why))
		return -1;
	if (!active && record_new(&active, why))
		return -1;
	if (next && record_mend(active, next, tree, why))
		return -1;
	*out = HAND_OVER(active);
	return 0;
}

// ---- writing ----

static int record_text(const struct json *record, struct bytes *out, struct fault *why)
{
	if (json_write(record, true, out, why))
		return -1;
	if (out->len > RECORD_FILE_MAX)
		return fault_set(why, FAULT_TOO_LARGE,
				 "the record of what is applied would have %zu bytes, past %u",
				 out->len, RECORD_FILE_MAX);
	return 0;
}

int record_write(int dirfd, const char *name, const struct json *record, struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};

	return record_text(record, &bytes, why) ||
			       file_replace_at(dirfd, name, bytes.data, bytes.len, 0600, why)
		       ? -1
		       : 0;
}

int record_store(struct batch *batch, const char *name, const struct json *record,
		 struct fault *why)
{
	OWNED(bytes_drop) struct bytes bytes = {0};

	return record_text(record, &bytes, why) ||
			       batch_store(batch, name, bytes.data, bytes.len, 0600, why)
		       ? -1
		       : 0;
}

int record_adopt(int dirfd, const struct json *record, struct fault *why)
{
	if (faccessat(dirfd, NEXT, F_OK, AT_SYMLINK_NOFOLLOW) && errno == ENOENT)
		return 0;
	return record_commit(dirfd, record, why);
}

int record_stage(int dirfd, const struct json *record, struct fault *why)
{
	return record_write(dirfd, NEXT, record, why);
}

// In this order: what was active is aside before it is replaced.
int record_prepare(struct batch *batch, const struct json *record, struct fault *why)
{
	if (previous_keep(batch, record, why))
		return fault_within(why, "cannot keep the previous record");
	return record_store(batch, RECORD_ACTIVE, record, why);
}

// That next is gone need not be durable: what it says is what active says, or the next plan writes another.
int record_settle(struct batch *batch, struct fault *why)
{
	if (batch_settle(batch, why))
		return -1;
	if (unlinkat(batch->dirfd, NEXT, 0) && errno != ENOENT)
		return fault_errno(why, FAULT_OTHER, "cannot remove %s", NEXT);
	return 0;
}

int record_commit(int dirfd, const struct json *record, struct fault *why)
{
	OWNED(batch_drop) struct batch batch = {.dirfd = dirfd};

	return record_prepare(&batch, record, why) || record_settle(&batch, why) ? -1 : 0;
}

static int put_digest(struct json *object, const char *key, const struct sha256 *digest,
		      struct fault *why)
{
	char hex[SHA256_HEX];

	sha256_hex(digest, hex);
	return json_put_text(object, key, hex, why);
}

// The maps that are pinned for it, by name, and which they are.
static int put_pins(struct json *made, const struct maps_report *maps, struct fault *why)
{
	OWNED(json_drop) struct json *ids = json_make_object();
	struct json *pins = json_make_array();

	if (json_put(made, "pins", pins, why))
		return -1;
	for (size_t i = 0; i < maps->count; i++)
		if (json_add(pins, json_make_text(maps->maps[i].pin), why) ||
		    json_put_int(ids, maps->maps[i].pin, maps->maps[i].id, why))
			return -1;
	return json_put(made, MAPID_KEY, HAND_OVER(ids), why);
}

int record_put_values(struct json *recorded, const struct member *member, struct fault *why)
{
	if (json_put(recorded, "maps", json_keep(member->maps), why))
		return -1;
	if (json_count(member->globals))
		return json_put(recorded, "globals", json_keep(member->globals), why);
	json_remove(recorded, "globals");
	return 0;
}

int record_of_member(const struct member *member, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *made = json_make_object();

	if (!made)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (json_put_text(made, "name", member->name, why) ||
	    json_put_text(made, "version", member->version, why) ||
	    json_put_text(made, "from", member->from, why) ||
	    json_put_text(made, "entry", member->program->entry, why) ||
	    json_put_int(made, "place", (int64_t)member->place, why) ||
	    put_digest(made, "bundle", &member->bundle, why) ||
	    put_digest(made, "object", &member->object, why) ||
	    put_digest(made, "manifest", &member->manifest_sha256, why) ||
	    record_put_values(made, member, why))
		return -1;
	*out = HAND_OVER(made);
	return 0;
}

// More than any node has is as good as the number itself, which JSON may not hold.
#define BYTES_MAX ((INT64_C(1) << 53) - 1)

static int64_t map_bytes(const struct member *member)
{
	return member->map_bytes < BYTES_MAX ? (int64_t)member->map_bytes : BYTES_MAX;
}

static int member_record(const struct chain_spec *spec, size_t index,
			 const struct chain_program *program, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *made = NULL;
	char key[MEMBER_LABEL_MAX];

	member_key(spec->members, index, key);
	if (record_of_member(&spec->members[index], &made, why) ||
	    json_put_text(made, "key", key, why) ||
	    json_put_text(made, "fell_counted", fall_ways_word(&program->falls), why) ||
	    (spec->members[index].starts && json_put_bool(made, "starts_timers", true, why)) ||
	    (program->probes && json_put_int(made, "probes", (int64_t)program->probes, why)) ||
	    put_pins(made, &program->maps, why) ||
	    json_put_int(made, "program_id", program->program.id, why) ||
	    json_put_int(made, "maps_used", program->program.map_count, why) ||
	    json_put_int(made, "map_bytes", map_bytes(&spec->members[index]), why) ||
	    json_put_text(made, "tag", program->program.tag, why))
		return -1;
	*out = HAND_OVER(made);
	return 0;
}

int record_of(const struct chain_spec *spec, const struct chain *chain, struct json **out,
	      struct fault *why)
{
	OWNED(json_drop) struct json *made = json_make_object();
	OWNED(json_drop) struct json *members = json_make_array();

	if (!made || !members)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < spec->count; i++) {
		struct json *member = NULL;

		if (member_record(spec, i, chain_program(chain, i), &member, why) ||
		    json_add(members, member, why))
			return -1;
	}
	if (json_put_text(made, "interface", spec->iface, why) ||
	    json_put_text(made, "hook", hook_name(spec->hook), why) ||
	    json_put_int(made, "generation", chain_generation(chain), why) ||
	    json_put(made, "members", HAND_OVER(members), why))
		return -1;
	*out = HAND_OVER(made);
	return 0;
}

static bool same_text(const struct json *object, const char *key, const char *text)
{
	const char *has = json_text(json_member(object, key));

	return has && !strcmp(has, text);
}

static bool same_digest(const struct json *object, const char *key, const struct sha256 *digest)
{
	char hex[SHA256_HEX];

	sha256_hex(digest, hex);
	return same_text(object, key, hex);
}

bool record_is_program(const struct json *recorded, const struct member *member)
{
	return same_text(recorded, "name", member->name) &&
	       same_text(recorded, "version", member->version) &&
	       same_text(recorded, "from", member->from) &&
	       same_text(recorded, "entry", member->program->entry) &&
	       same_digest(recorded, "bundle", &member->bundle) &&
	       same_digest(recorded, "object", &member->object) &&
	       json_is(json_member(recorded, "maps"), JSON_KIND_OBJECT);
}

int record_has_values(const struct json *recorded, const struct json *maps,
		      const struct json *globals, bool *out, struct fault *why)
{
	const struct json *was = json_member(recorded, "globals");
	struct json_walk walk = {0};
	size_t count = 0;

	if (entries_same(json_member(recorded, "maps"), maps, out, why))
		return -1;
	while (json_next(globals, &walk)) {
		const struct json *value = json_member(was, walk.key);

		if (!strcmp(walk.key, "//"))
			continue;
		count++;
		*out &= value && json_same(value, walk.value);
	}
	*out &= count == json_count(was);
	return 0;
}

bool record_is_member(const struct json *recorded, const struct member *member)
{
	struct fault ignored = {0};
	bool same;

	return record_is_program(recorded, member) &&
	       !record_has_values(recorded, member->maps, member->globals, &same, &ignored) && same;
}
