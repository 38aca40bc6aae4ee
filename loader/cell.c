// SPDX-License-Identifier: Apache-2.0
#include "loader/cell.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/owned.h"
#include "bpf/maptype.h"
#include "loader/sys.h"

int cell_make(int map_fd, struct cell *out, struct fault *why)
{
	OWNED(cell_drop) struct cell cell = {.fd = map_fd, .cpus = 1};
	int cpus;

	if (sys_map(map_fd, &cell.info, why))
		return -1;
	cell.step = cell.info.value_size;
	if (map_type_is_percpu(cell.info.type)) {
		cpus = libbpf_num_possible_cpus();
		if (cpus < 1)
			return fault_set(why, FAULT_KERNEL, "cannot count the processors");
		cell.cpus = (size_t)cpus;
		cell.step = (cell.step + 7) & ~(size_t)7;
	}
	cell.key = calloc(1, cell.info.key_size + 1);
	cell.data = calloc(cell.cpus, cell.step + 1);
	if (!cell.key || !cell.data)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*out = cell;
	cell = (struct cell){0};
	return 0;
}

void cell_drop(struct cell *cell)
{
	free(cell->key);
	free(cell->data);
	*cell = (struct cell){.fd = -1};
}

size_t cell_len(const struct cell *cell)
{
	return cell->cpus * cell->step;
}

void cell_set_key(struct cell *cell, const void *key)
{
	memcpy(cell->key, key, cell->info.key_size);
}

void cell_set_value(struct cell *cell, const void *value)
{
	memset(cell->data, 0, cell_len(cell));
	for (size_t i = 0; i < cell->cpus; i++)
		memcpy(cell->data + i * cell->step, value, cell->info.value_size);
}

bool cell_has(const struct cell *cell, const void *value)
{
	for (size_t i = 0; i < cell->cpus; i++)
		if (memcmp(cell->data + i * cell->step, value, cell->info.value_size) != 0)
			return false;
	return true;
}

bool cell_is_zero(const struct cell *cell)
{
	for (size_t i = 0; i < cell_len(cell); i++)
		if (cell->data[i])
			return false;
	return true;
}

int cell_read(struct cell *cell, bool *found, struct fault *why)
{
	*found = !bpf_map_lookup_elem(cell->fd, cell->key, cell->data);
	if (*found || errno == ENOENT)
		return 0;
	return fault_errno(why, FAULT_KERNEL, "the kernel does not show an entry of map %s",
			   cell->info.name);
}

int cell_write(const struct cell *cell, struct fault *why)
{
	if (!bpf_map_update_elem(cell->fd, cell->key, cell->data, BPF_ANY))
		return 0;
	if (errno == E2BIG || errno == ENOSPC)
		return fault_set(why, FAULT_CONFIG, "the map is full: it takes %u entries",
				 cell->info.max_entries);
	return fault_errno(why, FAULT_KERNEL, "the kernel refuses the value");
}

bool cell_is_array(const struct cell *cell)
{
	return cell->info.type == BPF_MAP_TYPE_ARRAY ||
	       cell->info.type == BPF_MAP_TYPE_PERCPU_ARRAY;
}

int cell_clear(struct cell *cell, struct fault *why)
{
	if (cell_is_array(cell)) {
		memset(cell->data, 0, cell_len(cell));
		return cell_write(cell, why);
	}
	if (!bpf_map_delete_elem(cell->fd, cell->key) || errno == ENOENT)
		return 0;
	return fault_errno(why, FAULT_KERNEL, "the kernel does not delete the entry");
}

int cell_next(struct cell *cell, struct cell_walk *walk, bool *more, struct fault *why)
{
	unsigned char *next;

	*more = false;
	if (walk->steps >= cell->info.max_entries)
		return 0;
	next = calloc(1, cell->info.key_size + 1);
	if (!next)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (bpf_map_get_next_key(cell->fd, walk->steps ? cell->key : NULL, next)) {
		int error = errno;

		free(next);
		errno = error;
		return error == ENOENT
			       ? 0
			       : fault_errno(why, FAULT_KERNEL, "the kernel does not list map %s",
					     cell->info.name);
	}
	free(cell->key);
	cell->key = next;
	walk->steps++;
	*more = true;
	return 0;
}

bool cell_is_trie(const struct cell *cell)
{
	return cell->info.type == BPF_MAP_TYPE_LPM_TRIE;
}

void cell_keys_drop(struct cell_keys *keys)
{
	free(keys->list);
	*keys = (struct cell_keys){0};
}

static int compare_keys(const void *a, const void *b, void *len)
{
	return memcmp(a, b, *(const size_t *)len);
}

int cell_keys_read(struct cell *cell, struct cell_keys *out, struct fault *why)
{
	OWNED(cell_keys_drop) struct cell_keys keys = {.len = cell->info.key_size};
	struct cell_walk walk = {0};
	size_t room = 0;
	bool more;

	for (;;) {
		if (cell_next(cell, &walk, &more, why))
			return -1;
		if (!more)
			break;
		if (keys.count == room) {
			unsigned char *grown;

			room = room ? 2 * room : 64;
			grown = reallocarray(keys.list, room, keys.len);
			if (!grown)
				return fault_set(why, FAULT_OTHER, "out of memory");
			keys.list = grown;
		}
		memcpy(keys.list + keys.count++ * keys.len, cell->key, keys.len);
	}
	if (keys.count)
		qsort_r(keys.list, keys.count, keys.len, compare_keys, &keys.len);
	*out = keys;
	keys = (struct cell_keys){0};
	return 0;
}

bool cell_keys_has(const struct cell_keys *keys, const void *key)
{
	size_t low = 0, high = keys->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(keys->list + middle * keys->len, key, keys->len);

		if (!order)
			return true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

// An aligned number changes at once; the rest byte by byte.
static void store(unsigned char *at, const void *data, size_t len)
{
	uint16_t two;
	uint32_t four;
	uint64_t eight;

	if (len == 2 && (uintptr_t)at % 2 == 0) {
		memcpy(&two, data, 2);
		__atomic_store_n((uint16_t *)(void *)at, two, __ATOMIC_RELEASE);
	} else if (len == 4 && (uintptr_t)at % 4 == 0) {
		memcpy(&four, data, 4);
		__atomic_store_n((uint32_t *)(void *)at, four, __ATOMIC_RELEASE);
	} else if (len == 8 && (uintptr_t)at % 8 == 0) {
		memcpy(&eight, data, 8);
		__atomic_store_n((uint64_t *)(void *)at, eight, __ATOMIC_RELEASE);
	} else {
		memcpy(at, data, len);
	}
}

// Not by an update of the one entry: that would put back what programs have written to the other variables since it was read.
int cell_poke(int map_fd, size_t offset, const void *data, size_t len, struct fault *why)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room;
	struct bpf_map_info info;
	unsigned char *memory;

	if (sys_map(map_fd, &info, why))
		return -1;
	if (offset > info.value_size || len > info.value_size - offset)
		return fault_set(why, FAULT_OTHER, "a variable lies outside its section");
	room = (info.value_size + page - 1) / page * page;
	memory = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
	if (memory == MAP_FAILED)
		return fault_errno(why, FAULT_KERNEL, "the kernel refuses to map %s for writing",
				   info.name);
	store(memory + offset, data, len);
	munmap(memory, room);
	return 0;
}
