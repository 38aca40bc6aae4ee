// SPDX-License-Identifier: Apache-2.0
#include "loader/anchor.h"

#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "base/owned.h"
#include "loader/bpffs.h"
#include "loader/embedded.h"
#include "loader/object.h"
#include "loader/sys.h"

void anchor_drop(struct anchor *root)
{
	drop_fd(&root->program_fd);
	drop_fd(&root->array_fd);
	drop_fd(&root->fell_fd);
}

int32_t anchor_verdict(enum hook hook, _Bool drop)
{
	if (hook == HOOK_XDP)
		return drop ? XDP_DROP : XDP_PASS;
	return drop ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

// Whether a program takes several buffers the kernel does not tell; so a root that does has a pin that others have not.
#define FRAGS "frags"

static int anchor_open_frags(const char *dir, struct anchor *root, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	root->frags = bpffs_get(dir, FRAGS, &fd, why) == 0;
	if (root->frags)
		return 0;
	if (why->code != FAULT_NOT_FOUND)
		return -1;
	fault_clear(why);
	return 0;
}

// The maps that the code of our roots names. A copy of a root, which has the same tag, can jump through an array of its
// maker's and have ours bound to it: it stands behind these then.
#define ROOT_MAPS 3

static int anchor_check_map(const struct anchor *root, int map_fd, const char *dir,
			    struct fault *why)
{
	uint32_t at;

	if (sys_program_map_at(root->program_fd, map_fd, &at, why))
		return -1;
	// One beside it that it does not work with would show whatever somebody wrote there.
	return at < ROOT_MAPS ? 0
			      : fault_set(why, FAULT_NOT_FOUND,
					  "%s has a map that is not its root's", dir);
}

static int anchor_open_array(const char *dir, struct anchor *root, struct fault *why)
{
	return bpffs_get(dir, "array", &root->array_fd, why) ||
			       sys_map_check(root->array_fd, BPF_MAP_TYPE_PROG_ARRAY,
					     sizeof(uint32_t), why) ||
			       anchor_check_map(root, root->array_fd, dir, why)
		       ? -1
		       : 0;
}

static int anchor_open(const char *dir, struct anchor *out, struct fault *why)
{
	OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
	OWNED(drop_fd) int verdict_fd = -1;
	struct sys_program about;
	uint32_t zero = 0;

	if (bpffs_get(dir, "prog", &root.program_fd, why) ||
	    bpffs_get(dir, "fell", &root.fell_fd, why) ||
	    bpffs_get(dir, "verdict", &verdict_fd, why) || anchor_open_frags(dir, &root, why) ||
	    sys_program(root.program_fd, &about, why) ||
	    sys_map_check(root.fell_fd, BPF_MAP_TYPE_ARRAY, sizeof(uint64_t), why) ||
	    sys_map_check(verdict_fd, BPF_MAP_TYPE_ARRAY, sizeof(root.verdict), why))
		return -1;
	if (bpf_map_lookup_elem(verdict_fd, &zero, &root.verdict))
		return fault_errno(why, FAULT_KERNEL, "cannot read the verdict of %s", dir);
	root.on_card = about.card != 0;
	// On a card it works with none of these.
	if (!root.on_card && (anchor_open_array(dir, &root, why) ||
			      anchor_check_map(&root, root.fell_fd, dir, why) ||
			      anchor_check_map(&root, verdict_fd, dir, why)))
		return -1;
	root.program_id = about.id;
	memcpy(root.tag, about.tag, sizeof(root.tag));
	*out = root;
	root = (struct anchor)ANCHOR_NONE;
	return 0;
}

static int anchor_set_verdict(struct object *object, int32_t verdict, struct fault *why)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object_bpf(object), ".rodata");
	size_t size = 0;

	// `verdict` is all that our roots have there; anchor_open() reads it back the same way.
	if (!map || !bpf_map__initial_value(map, &size) || size != sizeof(verdict) ||
	    bpf_map__set_initial_value(map, &verdict, sizeof(verdict)))
		return fault_set(why, FAULT_OTHER, "the embedded root has an odd shape");
	return 0;
}

static int anchor_pin_map(struct object *object, const char *map_name, const char *dir,
			  const char *name, struct fault *why)
{
	const struct bpf_map *map = bpf_object__find_map_by_name(object_bpf(object), map_name);

	if (!map)
		return fault_set(why, FAULT_OTHER, "the embedded root has no map %s", map_name);
	return bpffs_put(object_map_fd(object, map), dir, name, why);
}

// Our embedded root, loaded; nothing is pinned.
static int anchor_make(const struct anchor_kind *kind, struct object **out, struct fault *why)
{
	bool xdp = kind->hook == HOOK_XDP;
	const unsigned char *start = xdp ? embedded_root_xdp_start : embedded_root_tc_start;
	const unsigned char *end = xdp ? embedded_root_xdp_end : embedded_root_tc_end;
	const struct object_source source = {.data = start,
					     .len = (size_t)(end - start),
					     .entry = "bpfseal_root",
					     .hook = kind->hook,
					     .frags = kind->frags,
					     .label = "the root program",
					     .logs_dirfd = -1};
	OWNED(object_drop) struct object *object = NULL;

	if (object_open(&source, &object, why) || anchor_set_verdict(object, kind->verdict, why) ||
	    object_load(object, NULL, why))
		return -1;
	*out = HAND_OVER(object);
	return 0;
}

int anchor_tag(enum hook hook, char tag[static SYS_TAG_HEX], struct fault *why)
{
	const struct anchor_kind kind = {.hook = hook, .verdict = anchor_verdict(hook, false)};
	OWNED(object_drop) struct object *object = NULL;
	struct sys_program about;

	if (anchor_make(&kind, &object, why) || sys_program(object_program_fd(object), &about, why))
		return -1;
	memcpy(tag, about.tag, SYS_TAG_HEX);
	return 0;
}

int anchor_tags_get(struct anchor_tags *tags, enum hook hook, const char **out, struct fault *why)
{
	char *tag = tags->tags[hook == HOOK_XDP ? 0 : 1];

	if (!tag[0] && anchor_tag(hook, tag, why))
		return -1;
	*out = tag;
	return 0;
}

static int anchor_load(const struct anchor_kind *kind, const char *dir, struct fault *why)
{
	OWNED(object_drop) struct object *object = NULL;

	if (anchor_make(kind, &object, why) || bpffs_make_dir(dir, why))
		return -1;
	if (kind->frags && anchor_pin_map(object, "fell", dir, FRAGS, why))
		return -1;
	if (anchor_pin_map(object, "root_array", dir, "array", why) ||
	    anchor_pin_map(object, "fell", dir, "fell", why) ||
	    anchor_pin_map(object, ".rodata", dir, "verdict", why))
		return -1;
	return bpffs_put(object_program_fd(object), dir, "prog", why);
}

int anchor_build(const char *place, const struct anchor_kind *kind, uint32_t number,
		 struct anchor *out, struct fault *why)
{
	char dir[BPFFS_PATH_MAX];

	if (bpffs_join_number(place, "root", number, dir, why) || anchor_load(kind, dir, why) ||
	    anchor_open(dir, out, why))
		return -1;
	out->number = number;
	return 0;
}

// A map in the host of one value, as an embedded root has them.
static int pin_value(const char *dir, const char *name, const void *value, uint32_t size,
		     struct fault *why)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE);
	OWNED(drop_fd)
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bpfseal_root", sizeof(uint32_t), size, 1,
				&opts);
	uint32_t zero = 0;

	if (fd < 0 || bpf_map_update_elem(fd, &zero, value, BPF_ANY))
		return fault_errno(why, FAULT_KERNEL, "cannot make a map of the root");
	return bpffs_put(fd, dir, name, why);
}

int anchor_pin_card(const char *place, int program_fd, int32_t verdict, uint32_t number,
		    struct anchor *out, struct fault *why)
{
	const uint64_t none = 0;
	char dir[BPFFS_PATH_MAX];

	if (bpffs_join_number(place, "root", number, dir, why) || bpffs_make_dir(dir, why) ||
	    pin_value(dir, "fell", &none, sizeof(none), why) ||
	    pin_value(dir, "verdict", &verdict, sizeof(verdict), why) ||
	    bpffs_put(program_fd, dir, "prog", why) || anchor_open(dir, out, why))
		return -1;
	out->number = number;
	return 0;
}

int anchor_at(const char *place, uint32_t number, struct anchor *out, struct fault *why)
{
	char dir[BPFFS_PATH_MAX];

	if (bpffs_join_number(place, "root", number, dir, why) || anchor_open(dir, out, why))
		return -1;
	out->number = number;
	return 0;
}

int anchor_free_number(const char *place, uint32_t *out, struct fault *why)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	size_t count = 0;

	if (bpffs_numbers(place, "root", &numbers, &count, why))
		return -1;
	*out = count ? numbers[count - 1] + 1 : 1;
	return 0;
}

static int anchor_seek(const char *place, uint32_t program_id, struct anchor *out,
		       struct fault *why)
{
	OWNED(drop_heap) uint32_t *numbers = NULL;
	size_t count = 0;

	if (bpffs_numbers(place, "root", &numbers, &count, why))
		return -1;
	while (count--) {
		OWNED(anchor_drop) struct anchor root = ANCHOR_NONE;
		char dir[BPFFS_PATH_MAX];

		if (bpffs_join_number(place, "root", numbers[count], dir, why))
			return -1;
		if (anchor_open(dir, &root, why)) {
			fault_clear(why); // half built, or damaged: as good as none
			continue;
		}
		if (program_id && root.program_id != program_id)
			continue;
		root.number = numbers[count];
		*out = root;
		root = (struct anchor)ANCHOR_NONE;
		return 0;
	}
	return fault_set(why, FAULT_NOT_FOUND, "no root program is pinned in %s", place);
}

int anchor_find(const char *place, uint32_t program_id, struct anchor *out, struct fault *why)
{
	return program_id ? anchor_seek(place, program_id, out, why)
			  : fault_set(why, FAULT_NOT_FOUND, "the link runs no program");
}

int anchor_newest(const char *place, struct anchor *out, struct fault *why)
{
	return anchor_seek(place, 0, out, why);
}

int anchor_fell(const struct anchor *root, uint64_t *count, struct fault *why)
{
	uint32_t zero = 0;

	*count = 0;
	if (bpf_map_lookup_elem(root->fell_fd, &zero, count))
		return fault_errno(why, FAULT_KERNEL, "cannot read the fall-through counter");
	return 0;
}
