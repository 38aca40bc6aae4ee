// SPDX-License-Identifier: Apache-2.0
#include "loader/peek.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/decode.h"
#include "bpf/inspect.h"
#include "bpf/maptype.h"
#include "loader/bpffs.h"
#include "loader/member.h"
#include "loader/object.h"
#include "loader/record.h"
#include "loader/sys.h"

// One open map and what its bytes mean.
struct view {
	int fd;
	struct bpf_map_info info;
	const struct btf *btf; // NULL: no types, bytes are shown as hex
	uint32_t key_type, value_type;
	size_t cpus; // how many values stand under one key
};

static void view_drop(struct view *view)
{
	drop_fd(&view->fd);
}

// ---- finding it ----

// The first recorded member of a name.
static const struct json *find_member(const struct json *members, const char *use)
{
	for (size_t i = 0; i < json_count(members); i++) {
		const struct json *member = json_item(members, i);
		const char *name = json_text(json_member(member, "name"));

		if (name && !strcmp(name, use))
			return member;
	}
	return NULL;
}

static int open_pin(const struct peek *peek, const char *iface, enum hook hook,
		    const struct json *recorded, const char *map, struct view *view,
		    struct fault *why)
{
	char place[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], dir[BPFFS_PATH_MAX],
		key[MEMBER_LABEL_MAX];
	struct member member = {.object_fd = -1};
	const char *name, *from;

	if (json_need_text(recorded, "name", &name, why) ||
	    json_need_text(recorded, "from", &from, why))
		return -1;
	member.name = (char *)(uintptr_t)name;
	member.from = (char *)(uintptr_t)from;
	member_key(&member, 0, key);
	if (bpffs_place(peek->tree, iface, hook, place, why) ||
	    bpffs_join(place, "maps", maps, why) || bpffs_join(maps, key, dir, why))
		return -1;
	if (bpffs_get(dir, map, &view->fd, why)) {
		if (why->code == FAULT_NOT_FOUND)
			fault_set(why, FAULT_CONFIG, "%s has no map %s", name, map);
		return -1;
	}
	return sys_map(view->fd, &view->info, why);
}

// The object as we copied it when it was admitted. It is not loaded again: only its types are read.
static int open_types(const struct peek *peek, const struct json *member, enum hook hook,
		      const char *map, struct bytes *bytes, struct object **object,
		      struct view *view, struct fault *why)
{
	const struct bpf_map *found;
	struct object_source source;
	struct sha256 want, got;
	const char *hex, *entry;

	if (json_need_text(member, "object", &hex, why) ||
	    json_need_text(member, "entry", &entry, why))
		return -1;
	if (sha256_read(hex, &want))
		return fault_set(why, FAULT_FORMAT, "the record's object is no digest");
	if (file_read_at(peek->objects_dirfd, hex, INSPECT_OBJECT_MAX, bytes, why) ||
	    sha256_of(bytes->data, bytes->len, &got, why))
		return -1;
	if (!sha256_equal(&want, &got))
		return fault_set(why, FAULT_DIGEST, "our copy %s is damaged", hex);
	source = (struct object_source){
		.data = bytes->data,
		.len = bytes->len,
		.entry = entry,
		.hook = hook,
		.label = map,
		.logs_dirfd = -1,
	};
	if (object_open(&source, object, why))
		return -1;
	found = bpf_object__find_map_by_name(object_bpf(*object), map);
	view->btf = bpf_object__btf(object_bpf(*object));
	if (!found || !view->btf)
		return 0;
	view->key_type = bpf_map__btf_key_type_id(found);
	view->value_type = bpf_map__btf_value_type_id(found);
	return 0;
}

static bool is_per_cpu(uint32_t type)
{
	return type == BPF_MAP_TYPE_PERCPU_HASH || type == BPF_MAP_TYPE_PERCPU_ARRAY ||
	       type == BPF_MAP_TYPE_LRU_PERCPU_HASH;
}

// ---- reading it ----

// Adds integers wherever they stand in two values of one type; what is not a number stays as it is.
static int add_up(const struct json *a, const struct json *b, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *sum = NULL;
	struct json_walk walk = {0};

	if (json_is(a, JSON_KIND_INT)) {
		*out = json_make_int((int64_t)((uint64_t)json_int(a) + (uint64_t)json_int(b)));
		return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
	}
	if (json_is(a, JSON_KIND_OBJECT)) {
		sum = json_make_object();
		while (json_next(a, &walk)) {
			struct json *part;

			if (add_up(walk.value, json_member(b, walk.key), &part, why) ||
			    json_put(sum, walk.key, part, why))
				return -1;
		}
	} else if (json_is(a, JSON_KIND_ARRAY)) {
		sum = json_make_array();
		for (size_t i = 0; i < json_count(a); i++) {
			struct json *part;

			if (add_up(json_item(a, i), json_item(b, i), &part, why) ||
			    json_add(sum, part, why))
				return -1;
		}
	} else {
		return json_clone(a, out, why);
	}
	*out = HAND_OVER(sum);
	return 0;
}

// "value", and "per_cpu" where there are several.
static int put_values(const struct view *view, const unsigned char *data, struct json *entry,
		      struct fault *why)
{
	OWNED(json_drop) struct json *total = NULL;
	OWNED(json_drop) struct json *each = json_make_array();
	size_t step = (view->info.value_size + 7) & ~(size_t)7;
	const struct mapcodec codec = {
		.btf = view->btf, .type_id = view->value_type, .size = view->info.value_size};

	for (size_t cpu = 0; cpu < view->cpus; cpu++) {
		OWNED(json_drop) struct json *value = NULL;
		struct json *sum;

		if (decode_value(&codec, data + cpu * step, &value, why) ||
		    json_add(each, json_keep(value), why))
			return -1;
		if (total ? add_up(total, value, &sum, why) : json_clone(value, &sum, why))
			return -1;
		json_free(total);
		total = sum;
	}
	if (json_put(entry, "value", HAND_OVER(total), why))
		return -1;
	return is_per_cpu(view->info.type) ? json_put(entry, "per_cpu", HAND_OVER(each), why) : 0;
}

static int put_entry(const struct view *view, const void *key, const unsigned char *data,
		     struct json *entries, struct fault *why)
{
	OWNED(json_drop) struct json *entry = json_make_object();
	const struct mapcodec codec = {.btf = view->btf,
				       .type_id = view->key_type,
				       .size = view->info.key_size,
				       .prefix = view->info.type == BPF_MAP_TYPE_LPM_TRIE};
	struct json *shown = NULL;

	if (decode_value(&codec, key, &shown, why) || json_put(entry, "key", shown, why) ||
	    put_values(view, data, entry, why))
		return -1;
	return json_add(entries, HAND_OVER(entry), why);
}

// Walks the keys. A map that changes meanwhile may show a key twice or not at all, but the walk ends: it takes no more
// steps than the map has room.
static int read_entries(const struct view *view, struct json *entries, struct fault *why)
{
	size_t room = ((view->info.value_size + 7) & ~(size_t)7) * view->cpus;
	OWNED(drop_heap) unsigned char *key = calloc(1, view->info.key_size + 1);
	OWNED(drop_heap) unsigned char *next = calloc(1, view->info.key_size + 1);
	OWNED(drop_heap) unsigned char *data = calloc(1, room + 1);
	const void *from = NULL;

	if (!key || !next || !data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (uint32_t i = 0; i < view->info.max_entries; i++) {
		if (bpf_map_get_next_key(view->fd, from, next)) {
			if (errno == ENOENT)
				break;
			return fault_errno(why, FAULT_KERNEL, "the kernel does not list map %s",
					   view->info.name);
		}
		memcpy(key, next, view->info.key_size);
		from = key;
		if (bpf_map_lookup_elem(view->fd, key, data) == 0 &&
		    put_entry(view, key, data, entries, why))
			return -1;
	}
	return 0;
}

int peek_map(const struct peek *peek, const char *iface, enum hook hook, const char *use,
	     const char *map, struct json **out, struct fault *why)
{
	const struct json *chain = record_chain(peek->record, iface, hook_name(hook));
	const struct json *member = find_member(json_member(chain, "members"), use);
	OWNED(json_drop) struct json *document = json_make_object();
	OWNED(json_drop) struct json *entries = json_make_array();
	OWNED(object_drop) struct object *object = NULL;
	OWNED(bytes_drop) struct bytes bytes = {0};
	OWNED(view_drop) struct view view = {.fd = -1};
	const char *type;
	int cpus;

	if (!member)
		return fault_set(why, FAULT_CONFIG, "%s does not run on %s %s", use, iface,
				 hook_name(hook));
	if (open_pin(peek, iface, hook, member, map, &view, why))
		return -1;
	cpus = is_per_cpu(view.info.type) ? libbpf_num_possible_cpus() : 1;
	if (cpus < 1)
		return fault_set(why, FAULT_KERNEL, "cannot tell how many processors there are");
	view.cpus = (size_t)cpus;
	type = map_type_name(view.info.type);
	if (open_types(peek, member, hook, map, &bytes, &object, &view, why) ||
	    read_entries(&view, entries, why))
		return fault_within(why, "cannot read map %s of %s", map, use);
	if (json_put_text(document, "interface", iface, why) ||
	    json_put_text(document, "hook", hook_name(hook), why) ||
	    json_put_text(document, "use", use, why) || json_put_text(document, "map", map, why) ||
	    json_put_text(document, "type", type ? type : "unknown", why) ||
	    json_put(document, "entries", HAND_OVER(entries), why))
		return -1;
	*out = HAND_OVER(document);
	return 0;
}
