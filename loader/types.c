// SPDX-License-Identifier: Apache-2.0
#include "loader/types.h"

#include <dirent.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "loader/sys.h"

#define KERNEL_BTF_DIR	"/sys/kernel/btf"
#define KERNEL_BTF_NAME "vmlinux"
#define BUCKETS		(1u << 15)

// How much of a type is needed. What stands behind a pointer is never looked into: a field behind one is another record of
// its own. That there is a struct or a union counts, and its size.
enum need { NEED_NONE, NEED_BEHIND, NEED_WHOLE };

struct types {
	struct btf *kernel; // NULL: not read yet
	uint32_t count;	    // the first number that is none of its types
	uint32_t *first,
		*next; // types by the essence of their name: heads, and from one to another; 0: no more
	unsigned char *need; // of each type, for the object at hand
	uint32_t *number;    // of each type, in the part
	uint32_t *taken, taken_count;
	uint32_t *open, open_count; // those whose own types have yet to be taken
};

// The kinds of questions of which the answer is in the types that are taken. The others: the number of a type
// (BPF_CORE_TYPE_ID_TARGET), and a match in everything that it leads to (BPF_CORE_TYPE_MATCHES).
#define ANSWERED                                                                                 \
	(1u << BPF_CORE_FIELD_BYTE_OFFSET | 1u << BPF_CORE_FIELD_BYTE_SIZE |                     \
	 1u << BPF_CORE_FIELD_EXISTS | 1u << BPF_CORE_FIELD_SIGNED |                             \
	 1u << BPF_CORE_FIELD_LSHIFT_U64 | 1u << BPF_CORE_FIELD_RSHIFT_U64 |                     \
	 1u << BPF_CORE_TYPE_EXISTS | 1u << BPF_CORE_TYPE_SIZE | 1u << BPF_CORE_ENUMVAL_EXISTS | \
	 1u << BPF_CORE_ENUMVAL_VALUE)

struct types *types_new(void)
{
	return calloc(1, sizeof(struct types));
}

void types_free(struct types *types)
{
	if (!types)
		return;
	btf__free(types->kernel);
	free(types->first);
	free(types->next);
	free(types->need);
	free(types->number);
	free(types->taken);
	free(types->open);
	free(types);
}

bool types_fit(const struct inspection *inspection)
{
	for (size_t i = 0; i < inspection->type_count; i++)
		if (inspection->types[i].kinds & ~ANSWERED)
			return false;
	return inspection->type_count && !inspection->types_unclear;
}

// ---- the kernel's own, by name ----

// libbpf's rule: "name___flavour" is a "name", for the last three underscores that have something on both sides.
static size_t essence(const char *name)
{
	size_t len = strlen(name);

	for (size_t at = len >= 5 ? len - 5 : 0; len >= 5; at--) {
		if (name[at] != '_' && !strncmp(name + at + 1, "___", 3) && name[at + 4] != '_')
			return at + 1;
		if (!at)
			break;
	}
	return len;
}

static uint32_t bucket(const char *name, size_t len)
{
	uint32_t hash = 2166136261u; // FNV-1a

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ (unsigned char)name[i]) * 16777619u;
	return hash % BUCKETS;
}

// libbpf's rule for what may stand for what.
static unsigned class_of(const struct btf_type *type)
{
	unsigned kind = btf_kind(type);

	return kind == BTF_KIND_ENUM64 ? BTF_KIND_ENUM : kind;
}

// Functions and variables have names too, most of all by far; no record asks for them.
static bool is_asked_kind(const struct btf_type *type)
{
	switch (class_of(type)) {
	case BTF_KIND_INT:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case BTF_KIND_FWD:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_FLOAT:
		return true;
	default:
		return false;
	}
}

static int types_room(struct types *types, struct fault *why)
{
	types->first = calloc(BUCKETS, sizeof(*types->first));
	types->next = calloc(types->count, sizeof(*types->next));
	types->need = calloc(types->count, sizeof(*types->need));
	types->number = calloc(types->count, sizeof(*types->number));
	types->taken = calloc(types->count, sizeof(*types->taken));
	// A type is opened again at most once: when it was behind a pointer before.
	types->open = calloc(types->count, 2 * sizeof(*types->open));
	if (!types->first || !types->next || !types->need || !types->number || !types->taken ||
	    !types->open)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return 0;
}

static int types_read(struct types *types, struct fault *why)
{
	if (types->kernel)
		return types->open ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
	types->kernel = btf__load_vmlinux_btf();
	if (!types->kernel)
		return fault_errno(why, FAULT_KERNEL, "cannot read the kernel's BTF");
	types->count = btf__type_cnt(types->kernel);
	if (types_room(types, why))
		return -1;
	for (uint32_t id = 1; id < types->count; id++) {
		const struct btf_type *type = btf__type_by_id(types->kernel, id);
		const char *name;
		uint32_t at;

		if (!type->name_off || !is_asked_kind(type))
			continue;
		name = btf__name_by_offset(types->kernel, type->name_off);
		at = bucket(name, essence(name));
		types->next[id] = types->first[at];
		types->first[at] = id;
	}
	return 0;
}

// ---- a part of them ----

static void take(struct types *types, uint32_t id, enum need need)
{
	if (!id || id >= types->count || types->need[id] >= need)
		return;
	if (types->need[id] == NEED_NONE)
		types->taken[types->taken_count++] = id;
	types->need[id] = (unsigned char)need;
	types->open[types->open_count++] = id;
}

static bool is_composite(const struct btf_type *type)
{
	return btf_kind(type) == BTF_KIND_STRUCT || btf_kind(type) == BTF_KIND_UNION;
}

// Every place in a type where the number of another stands.
typedef void number_visit(void *ctx, uint32_t *number);

static void each_number(struct btf_type *type, number_visit *visit, void *ctx)
{
	switch (btf_kind(type)) {
	case BTF_KIND_PTR:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_VOLATILE:
	case BTF_KIND_CONST:
	case BTF_KIND_RESTRICT:
	case BTF_KIND_TYPE_TAG:
		visit(ctx, &type->type);
		return;
	case BTF_KIND_ARRAY:
		visit(ctx, &btf_array(type)->type);
		visit(ctx, &btf_array(type)->index_type);
		return;
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		for (unsigned i = 0; i < btf_vlen(type); i++)
			visit(ctx, &btf_members(type)[i].type);
		return;
	case BTF_KIND_FUNC_PROTO:
		visit(ctx, &type->type);
		for (unsigned i = 0; i < btf_vlen(type); i++)
			visit(ctx, &btf_params(type)[i].type);
		return;
	default:
		return;
	}
}

struct taking {
	struct types *types;
	enum need need;
};

static void take_number(void *ctx, uint32_t *number)
{
	const struct taking *taking = ctx;

	take(taking->types, *number, taking->need);
}

// What a type consists of, and what that consists of, until nothing is left.
static void take_rest(struct types *types)
{
	while (types->open_count) {
		uint32_t id = types->open[--types->open_count];
		struct btf_type *type =
			(struct btf_type *)(uintptr_t)btf__type_by_id(types->kernel, id);
		struct taking taking = {.types = types, .need = types->need[id]};

		if (is_composite(type) && taking.need == NEED_BEHIND)
			continue;
		if (btf_kind(type) == BTF_KIND_PTR || btf_kind(type) == BTF_KIND_FUNC_PROTO)
			taking.need = NEED_BEHIND;
		each_number(type, take_number, &taking);
	}
}

// Every type of the kernel that may stand for one of the object's. Whether there is any.
static bool take_named(struct types *types, const struct btf *local, const struct btf_type *wanted)
{
	const char *name = btf__name_by_offset(local, wanted->name_off);
	size_t len = name ? essence(name) : 0;
	bool found = false;

	if (!len)
		return false;
	for (uint32_t id = types->first[bucket(name, len)]; id; id = types->next[id]) {
		const struct btf_type *type = btf__type_by_id(types->kernel, id);
		const char *other = btf__name_by_offset(types->kernel, type->name_off);

		if (class_of(type) != class_of(wanted) || essence(other) != len ||
		    strncmp(other, name, len) != 0)
			continue;
		take(types, id, NEED_WHOLE);
		found = true;
	}
	return found;
}

// How large a pointer is the library takes from the size of one of these.
static void take_long(struct types *types)
{
	static const char *const names[] = {"long int", "long unsigned int"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint32_t id = types->first[bucket(names[i], strlen(names[i]))];

		for (; id; id = types->next[id]) {
			const struct btf_type *type = btf__type_by_id(types->kernel, id);

			if (btf_kind(type) == BTF_KIND_INT &&
			    !strcmp(btf__name_by_offset(types->kernel, type->name_off), names[i]))
				take(types, id, NEED_WHOLE);
		}
	}
}

// Whether a module may have types that the kernel itself has not.
static bool modules_have_types(void)
{
	bool have = false;
	DIR *dir = opendir(KERNEL_BTF_DIR);
	struct dirent *entry;

	if (!dir)
		return true;
	while (!have && (entry = readdir(dir)))
		have = entry->d_name[0] != '.' && strcmp(entry->d_name, KERNEL_BTF_NAME) != 0;
	closedir(dir);
	return have;
}

static int take_asked(struct types *types, const struct btf *local,
		      const struct inspect_type *asked, size_t count, struct fault *why)
{
	for (size_t i = 0; i < count; i++) {
		const struct btf_type *wanted = btf__type_by_id(local, asked[i].id);

		if (!wanted || (!take_named(types, local, wanted) && modules_have_types()))
			return fault_set(why, FAULT_NOT_FOUND,
					 "it asks for a type that the kernel itself has not");
	}
	take_rest(types);
	return 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;

	return (left > right) - (left < right);
}

static void renumber(void *ctx, uint32_t *number)
{
	const struct types *types = ctx;

	if (*number)
		*number = types->number[*number];
}

// In the order in which the kernel has them: where several have one name, the library takes them in that order.
static int copy_taken(struct types *types, struct btf *part, struct fault *why)
{
	qsort(types->taken, types->taken_count, sizeof(*types->taken), by_number);
	for (uint32_t i = 0; i < types->taken_count; i++) {
		uint32_t id = types->taken[i];
		const struct btf_type *type = btf__type_by_id(types->kernel, id);
		const char *name = btf__name_by_offset(types->kernel, type->name_off);
		int made;

		if (types->need[id] == NEED_WHOLE || !is_composite(type))
			made = btf__add_type(part, types->kernel, type);
		else if (btf_kind(type) == BTF_KIND_STRUCT)
			made = btf__add_struct(part, name, type->size);
		else
			made = btf__add_union(part, name, type->size);
		if (made < 0)
			return fault_set(why, FAULT_OTHER, "libbpf does not copy a type");
		types->number[id] = (uint32_t)made;
	}
	for (uint32_t id = 1; id < btf__type_cnt(part); id++)
		each_number((struct btf_type *)(uintptr_t)btf__type_by_id(part, id), renumber,
			    types);
	return 0;
}

static void types_forget(struct types *types)
{
	for (uint32_t i = 0; i < types->taken_count; i++)
		types->need[types->taken[i]] = NEED_NONE;
	types->taken_count = types->open_count = 0;
}

int types_write(struct types *types, const struct btf *local, const struct inspect_type *asked,
		size_t count, int fd, struct fault *why)
{
	OWNED(drop_btf) struct btf *part = NULL;
	const void *raw;
	uint32_t len;

	if (types_read(types, why))
		return -1;
	part = btf__new_empty();
	if (!part)
		return fault_set(why, FAULT_OTHER, "out of memory");
	types_forget(types);
	take_long(types);
	if (take_asked(types, local, asked, count, why) || copy_taken(types, part, why))
		return -1;
	raw = btf__raw_data(part, &len);
	if (!raw)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return file_write_all(fd, raw, len, why);
}

int types_reserve(char path[static TYPES_PATH_MAX])
{
	OWNED(drop_fd) int fd = memfd_create("bpfseal-types", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	snprintf(path, TYPES_PATH_MAX, "/proc/self/fd/%d", fd);
	// Where there is no /proc, the library reads all of them itself.
	return access(path, R_OK) ? -1 : HAND_OVER_FD(fd);
}
