// SPDX-License-Identifier: Apache-2.0
#include "loader/edit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "base/owned.h"
#include "bpf/decode.h"
#include "loader/bpffs.h"
#include "loader/cell.h"
#include "loader/section.h"

static void edit_drop(struct edit *edit)
{
	free(edit->key);
	free(edit->data);
	json_free(edit->json_key);
	json_free(edit->from);
	json_free(edit->to);
	*edit = (struct edit){0};
}

void edits_drop(struct edits *edits)
{
	for (size_t i = 0; i < edits->count; i++)
		edit_drop(&edits->list[i]);
	for (size_t i = 0; i < edits->fd_count; i++)
		drop_fd(&edits->fds[i]);
	free(edits->list);
	free(edits->fds);
	*edits = (struct edits){0};
}

static int edits_add(struct edits *edits, const struct edit *edit, struct fault *why)
{
	struct edit *grown = reallocarray(edits->list, edits->count + 1, sizeof(*grown));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	edits->list = grown;
	edits->list[edits->count++] = *edit;
	return 0;
}

static int edits_keep_fd(struct edits *edits, int fd, struct fault *why)
{
	OWNED(drop_fd) int owned = fd;
	int *grown = reallocarray(edits->fds, edits->fd_count + 1, sizeof(*grown));

	if (!grown)
		return fault_set(why, FAULT_OTHER, "out of memory");
	edits->fds = grown;
	edits->fds[edits->fd_count++] = HAND_OVER_FD(owned);
	return 0;
}

int edits_join(struct edits *all, struct edits *more, size_t place, struct fault *why)
{
	for (size_t i = 0; i < more->fd_count; i++)
		if (edits_keep_fd(all, HAND_OVER_FD(more->fds[i]), why))
			return -1;
	for (size_t i = 0; i < more->count; i++) {
		more->list[i].place = place;
		if (edits_add(all, &more->list[i], why))
			return -1;
		more->list[i] = (struct edit){0};
	}
	edits_drop(more);
	return 0;
}

static unsigned char *bytes_of(const void *data, size_t len)
{
	unsigned char *copy = malloc(len + 1);

	if (copy)
		memcpy(copy, data, len);
	return copy;
}

// ---- finding ----

// One map or section on its way.
struct finding_edits {
	const struct edits_source *source;
	struct values old;     // what the record says was written
	struct values lent;    // what another program says of a map that is shared
	struct cell_keys keys; // of a trie: what it really holds
	struct edits *out;
	bool *rebuild;
	struct fault *why;
};

static void finding_drop(struct finding_edits *finding)
{
	values_drop(&finding->old);
	values_drop(&finding->lent);
	cell_keys_drop(&finding->keys);
}

// Recorded values that do not fit the types of the current object belong to maps that were not kept: they are left out.
static int read_values(const struct finding_edits *finding, const struct json *maps,
		       const struct json *globals, struct values *out)
{
	const struct member member = {.name = (char[]){"the record"},
				      .version = (char[]){""},
				      .maps = (struct json *)(uintptr_t)maps,
				      .globals = (struct json *)(uintptr_t)globals,
				      .object_fd = -1};
	struct fault ignored = {0};

	if (values_make(finding->source->meaning, &member, NULL, out, &ignored) &&
	    ignored.code == FAULT_OTHER) {
		*finding->why = ignored;
		return -1;
	}
	return 0;
}

static bool is_wanted(const struct finding_edits *finding, const char *map)
{
	const struct edits_source *source = finding->source;

	return !source->wants || source->wants(source->ctx, map);
}

static int open_pin(const struct finding_edits *finding, const char *name, int *out)
{
	OWNED(drop_fd) int fd = -1;

	*out = -1;
	if (bpffs_get(finding->source->dir, name, &fd, finding->why)) {
		if (finding->why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(finding->why);
		*finding->rebuild = true;
		return 0;
	}
	*out = fd;
	return edits_keep_fd(finding->out, HAND_OVER_FD(fd), finding->why);
}

static int add_entry(const struct finding_edits *finding, const struct meaning_map *map,
		     const struct cell *cell, bool found, const struct value *value)
{
	struct edit edit = {.fd = cell->fd};
	struct fault *why = finding->why;

	snprintf(edit.map, sizeof(edit.map), "%s", map->name);
	edit.key = bytes_of(cell->key, cell->info.key_size);
	edit.data = value ? bytes_of(value->data, value->len) : NULL;
	edit.to = value ? json_keep(value->json_value) : NULL;
	if (!edit.key || (value && !edit.data)) {
		edit_drop(&edit);
		return fault_set(why, FAULT_OTHER, "out of memory");
	}
	if (decode_value(&map->key, cell->key, &edit.json_key, why) ||
	    (found && decode_value(&map->value, cell->data, &edit.from, why)) ||
	    edits_add(finding->out, &edit, why)) {
		edit_drop(&edit);
		return -1;
	}
	return 0;
}

static int read_cell(const struct finding_edits *finding, struct cell *cell, bool *found)
{
	if (cell_read(cell, found, finding->why))
		return -1;
	*found &= !cell_is_trie(cell) || cell_keys_has(&finding->keys, cell->key);
	return 0;
}

// A value of node.json that the kernel does not have. `old` (NULL: none) is the value that was written before; where it is the
// same and the kernel has another, the program has changed it since, and that stays.
static int find_set(const struct finding_edits *finding, const struct meaning_map *map,
		    struct cell *cell, const struct value *value, const struct value *old)
{
	bool found;

	if (old && !memcmp(old->data, value->data, value->len))
		return 0;
	cell_set_key(cell, value->key);
	if (read_cell(finding, cell, &found))
		return -1;
	if (found && cell_has(cell, value->data))
		return 0;
	return add_entry(finding, map, cell, found, value);
}

static int find_clear(const struct finding_edits *finding, const struct meaning_map *map,
		      struct cell *cell)
{
	bool found;

	if (read_cell(finding, cell, &found))
		return -1;
	if (!found || (cell_is_array(cell) && cell_is_zero(cell)))
		return 0;
	return add_entry(finding, map, cell, found, NULL);
}

// Everything in it that the admin does not name.
static int find_strangers(const struct finding_edits *finding, const struct meaning_map *map,
			  struct cell *cell, const struct value *first, size_t count)
{
	struct cell_walk walk = {0};
	bool more;

	for (;;) {
		if (cell_next(cell, &walk, &more, finding->why))
			return -1;
		if (!more)
			return 0;
		if (!values_find(first, count, cell->key) && find_clear(finding, map, cell))
			return -1;
	}
}

static int find_dropped(const struct finding_edits *finding, const struct meaning_map *map,
			struct cell *cell, const struct value *first, size_t count)
{
	const struct value *old, *lent;
	size_t old_count = values_of(&finding->old, map->name, &old);
	size_t lent_count = values_of(&finding->lent, map->name, &lent);

	for (size_t i = 0; i < old_count; i++) {
		if (values_find(first, count, old[i].key) ||
		    values_find(lent, lent_count, old[i].key))
			continue;
		cell_set_key(cell, old[i].key);
		if (find_clear(finding, map, cell))
			return -1;
	}
	return 0;
}

static bool same_values(const struct value *a, size_t a_count, const struct value *b,
			size_t b_count)
{
	if (a_count != b_count)
		return false;
	for (size_t i = 0; i < a_count; i++)
		if (a[i].len != b[i].len || memcmp(a[i].data, b[i].data, a[i].len) != 0)
			return false;
	return true;
}

static int find_in_cells(struct finding_edits *finding, const struct meaning_map *map,
			 struct cell *cell)
{
	const struct value *first, *old;
	size_t count = values_of(finding->source->values, map->name, &first);
	size_t old_count = values_of(&finding->old, map->name, &old);
	bool config = meaning_is_admins(map, count || old_count);

	cell_keys_drop(&finding->keys);
	if (cell_is_trie(cell) && cell_keys_read(cell, &finding->keys, finding->why))
		return -1;
	// Those that go come first: they make room.
	if (config && (map->shared ? find_dropped(finding, map, cell, first, count)
				   : find_strangers(finding, map, cell, first, count)))
		return -1;
	for (size_t i = 0; i < count; i++)
		if (find_set(finding, map, cell, &first[i],
			     config ? NULL : values_find(old, old_count, first[i].key)))
			return -1;
	return 0;
}

static int find_in_map(struct finding_edits *finding, const struct meaning_map *map)
{
	OWNED(cell_drop) struct cell cell = {.fd = -1};
	const struct value *first, *old;
	size_t count = values_of(finding->source->values, map->name, &first);
	size_t old_count = values_of(&finding->old, map->name, &old);
	int fd;

	if (!count && !old_count && !meaning_is_admins(map, false))
		return 0;
	if (open_pin(finding, map->name, &fd) || fd < 0)
		return fd < 0 && finding->why->code == FAULT_NONE ? 0 : -1;
	if (cell_make(fd, &cell, finding->why))
		return -1;
	// A map of another shape is not ours to write to; one without keys cannot be compared.
	if (cell.info.key_size != map->key.size || cell.info.value_size != map->value.size)
		*finding->rebuild = true;
	else if (!map->key.size)
		*finding->rebuild |= !same_values(first, count, old, old_count);
	else if (find_in_cells(finding, map, &cell))
		return fault_within(finding->why, "cannot compare map %s", map->name);
	return 0;
}

// ---- variables ----

static const struct value *variable_in(const struct values *values, const char *section,
				       const char *name)
{
	const struct value *first;
	size_t count = values_of(values, section, &first);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(first[i].variable, name))
			return &first[i];
	return NULL;
}

static int add_variable(const struct finding_edits *finding, const struct meaning_variable *at,
			int fd, const unsigned char *now, const unsigned char *next)
{
	struct edit edit = {.fd = fd, .offset = at->at.offset, .len = at->at.size};
	struct fault *why = finding->why;

	snprintf(edit.map, sizeof(edit.map), "%.63s", at->at.section);
	snprintf(edit.variable, sizeof(edit.variable), "%.63s", at->at.name);
	edit.data = bytes_of(next, at->at.size);
	if (!edit.data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (decode_value(&at->codec, now, &edit.from, why) ||
	    decode_value(&at->codec, next, &edit.to, why) || edits_add(finding->out, &edit, why)) {
		edit_drop(&edit);
		return -1;
	}
	return 0;
}

// One that the admin names; or a config one that he named: what its author gave it comes back.
static int find_variable(const struct finding_edits *finding, const struct manifest_global *said,
			 const struct cell *cell)
{
	struct bpf_map *map;
	const struct value *want, *old;
	struct meaning_variable at;
	const unsigned char *begin, *next;
	size_t size = 0;
	bool config;

	if (meaning_variable(finding->source->meaning, said->name, &at, finding->why))
		return -1;
	want = variable_in(finding->source->values, said->section, said->name);
	old = variable_in(&finding->old, said->section, said->name);
	config = !strcmp(said->purpose, "config");
	if (!want && (!old || !config))
		return 0;
	map = (struct bpf_map *)(uintptr_t)at.map; // libbpf's signature
	begin = bpf_map__initial_value(map, &size);
	if (!want && (!begin || size < at.at.offset + at.at.size))
		return 0;
	next = want ? want->data : begin + at.at.offset;
	if (!config && old && !memcmp(old->data, next, want->len))
		return 0;
	if (cell->info.value_size < at.at.offset + at.at.size) {
		*finding->rebuild = true;
		return 0;
	}
	if (!memcmp(cell->data + at.at.offset, next, at.at.size))
		return 0;
	return add_variable(finding, &at, cell->fd, cell->data + at.at.offset, next);
}

static int find_in_section(const struct finding_edits *finding, const struct bpf_map *map)
{
	const struct meaning *meaning = finding->source->meaning;
	OWNED(cell_drop) struct cell cell = {.fd = -1};
	const char *section = meaning_section(map);
	char pin[SECTION_PIN_MAX];
	const struct value *first, *old;
	size_t count = values_of(finding->source->values, section, &first);
	size_t old_count = values_of(&finding->old, section, &old);
	bool found;
	int fd;

	if (!count && !old_count)
		return 0;
	if (!section_is_kept(section)) {
		*finding->rebuild |= !same_values(first, count, old, old_count);
		return 0;
	}
	if (section_pin(meaning->object, map, pin, finding->why) || open_pin(finding, pin, &fd) ||
	    fd < 0)
		return finding->why->code == FAULT_NONE ? 0 : -1;
	if (cell_make(fd, &cell, finding->why) || cell_read(&cell, &found, finding->why))
		return -1;
	for (size_t i = 0; i < meaning->manifest->global_count; i++) {
		const struct manifest_global *said = &meaning->manifest->globals[i];

		if (!strcmp(said->object, meaning->file) && !strcmp(said->section, section) &&
		    find_variable(finding, said, &cell))
			return -1;
	}
	return 0;
}

int edits_find(const struct edits_source *source, struct edits *out, bool *rebuild,
	       struct fault *why)
{
	OWNED(edits_drop) struct edits edits = {0};
	OWNED(finding_drop)
	struct finding_edits finding = {
		.source = source, .out = &edits, .rebuild = rebuild, .why = why};
	const struct bpf_map *map;

	*rebuild = false;
	if (read_values(&finding, json_member(source->recorded, "maps"),
			json_member(source->recorded, "globals"), &finding.old) ||
	    read_values(&finding, source->lent, NULL, &finding.lent))
		return -1;
	bpf_object__for_each_map(map, object_bpf(source->meaning->object))
	{
		const struct meaning_map meant = meaning_of(source->meaning, map);
		bool section = meaning_is_section(map);
		const char *name = section ? meaning_section(map) : meant.name;

		if (!name || !is_wanted(&finding, name))
			continue;
		if (section ? find_in_section(&finding, map) : find_in_map(&finding, &meant))
			return -1;
	}
	*out = edits;
	edits = (struct edits){0};
	return 0;
}

// ---- writing ----

// What stood in the place of an edit.
struct undo {
	unsigned char *data;
	bool had;
};

static int write_variable(const struct edit *edit, struct undo *undo, struct fault *why)
{
	OWNED(cell_drop) struct cell cell = {.fd = -1};
	bool found;

	if (cell_make(edit->fd, &cell, why) || cell_read(&cell, &found, why))
		return -1;
	undo->data = bytes_of(cell.data + edit->offset, edit->len);
	undo->had = true;
	if (!undo->data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return cell_poke(edit->fd, edit->offset, edit->data, edit->len, why);
}

static int write_entry(const struct edit *edit, struct undo *undo, struct fault *why)
{
	OWNED(cell_drop) struct cell cell = {.fd = -1};

	if (cell_make(edit->fd, &cell, why))
		return -1;
	cell_set_key(&cell, edit->key);
	if (cell_read(&cell, &undo->had, why))
		return -1;
	undo->had &= !cell_is_trie(&cell) || edit->from;
	undo->data = bytes_of(cell.data, cell_len(&cell));
	if (!undo->data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (!edit->data)
		return cell_clear(&cell, why);
	cell_set_value(&cell, edit->data);
	return cell_write(&cell, why);
}

static int put_back(const struct edit *edit, const struct undo *undo, struct fault *why)
{
	OWNED(cell_drop) struct cell cell = {.fd = -1};

	if (edit->variable[0])
		return cell_poke(edit->fd, edit->offset, undo->data, edit->len, why);
	if (cell_make(edit->fd, &cell, why))
		return -1;
	cell_set_key(&cell, edit->key);
	if (!undo->had)
		return cell_clear(&cell, why);
	memcpy(cell.data, undo->data, cell_len(&cell));
	return cell_write(&cell, why);
}

static int put_all_back(const struct edits *edits, const struct undo *undos, size_t count,
			struct fault *why)
{
	size_t failed = 0;

	while (count-- > 0) {
		struct fault ignored = {0};

		failed += put_back(&edits->list[count], &undos[count], &ignored) != 0;
	}
	return failed ? fault_fix(why,
				  "%zu values that were written before it could not be put back: "
				  "'bpfseal apply' when the cause is gone",
				  failed)
		      : fault_fix(why, "nothing has changed: what was written before it has been "
				       "put back");
}

int edits_write(const struct edits *edits, struct fault *why)
{
	struct undo *undos = calloc(edits->count + 1, sizeof(*undos));
	size_t done = 0;
	int bad = 0;

	if (!undos)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (; done < edits->count && !bad; done++) {
		const struct edit *edit = &edits->list[done];

		bad = edit->variable[0] ? write_variable(edit, &undos[done], why)
					: write_entry(edit, &undos[done], why);
		if (bad)
			fault_within(why, "%s %s cannot be written",
				     edit->variable[0] ? "global" : "map",
				     edit->variable[0] ? edit->variable : edit->map);
	}
	if (bad)
		put_all_back(edits, undos, done - 1, why);
	for (size_t i = 0; i < done; i++)
		free(undos[i].data);
	free(undos);
	return bad ? -1 : 0;
}
