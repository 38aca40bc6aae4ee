// SPDX-License-Identifier: Apache-2.0
#include "bpf/inspection.h"

#include <linux/bpf.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/frame.h"

void inspection_free(struct inspection *inspection)
{
	if (!inspection)
		return;
	free(inspection->programs);
	free(inspection->maps);
	free(inspection->jumps);
	free(inspection->globals);
	free(inspection->types);
	free(inspection);
}

const struct inspect_program *inspection_program(const struct inspection *inspection,
						 const char *name)
{
	for (size_t i = 0; i < inspection->program_count; i++)
		if (strcmp(inspection->programs[i].name, name) == 0)
			return &inspection->programs[i];
	return NULL;
}

struct inspect_ways inspection_ways(const struct inspection *inspection,
				    const struct inspect_program *program, const char *map)
{
	const struct inspect_map *wanted = inspection_map(inspection, map);
	uint32_t index = wanted ? (uint32_t)(wanted - inspection->maps) : UINT32_MAX;
	struct inspect_ways ways = {.unknown = program->jumps_unclear};

	for (size_t i = 0; i < inspection->jump_count; i++) {
		const struct inspect_jump *jump = &inspection->jumps[i];

		if (jump->program != (uint32_t)(program - inspection->programs))
			continue;
		if (jump->map == INSPECT_MAPS_MAX)
			ways.unknown++;
		else if (jump->map == index && jump->slot == UINT32_MAX)
			ways.unknown++;
		else if (jump->map == index && jump->slot == 0)
			ways.through++;
	}
	return ways;
}

bool inspection_starts(const struct inspection *inspection)
{
	static const char *const kfuncs[] = {"bpf_wq_", "bpf_task_work_", "bpf_timer_"};

	for (size_t i = 0; i < inspection->kfunc_count; i++)
		for (size_t k = 0; k < sizeof(kfuncs) / sizeof(*kfuncs); k++)
			if (!strncmp(inspection->kfuncs[i], kfuncs[k], strlen(kfuncs[k])))
				return true;
	return inspection->helpers[BPF_FUNC_timer_start];
}

const struct inspect_map *inspection_map(const struct inspection *inspection, const char *name)
{
	for (size_t i = 0; i < inspection->map_count; i++) {
		if (!inspection->maps[i].inner && strcmp(inspection->maps[i].name, name) == 0)
			return &inspection->maps[i];
	}
	return NULL;
}

const struct inspect_global *inspection_global(const struct inspection *inspection,
					       const char *name)
{
	for (size_t i = 0; i < inspection->global_count; i++) {
		if (strcmp(inspection->globals[i].name, name) == 0)
			return &inspection->globals[i];
	}
	return NULL;
}

// ---- into the frame ----

static int write_map(const struct inspect_map *map, struct bytes *answer, struct fault *why)
{
	if (frame_put_text(answer, map->name, why) || frame_put_text(answer, map->key, why) ||
	    frame_put_text(answer, map->value, why) || frame_put_number(answer, map->type, why) ||
	    frame_put_number(answer, map->key_size, why) ||
	    frame_put_number(answer, map->value_size, why) ||
	    frame_put_number(answer, map->max_entries, why) ||
	    frame_put_number(answer, map->flags, why) ||
	    frame_put_number(answer, map->pinned_by_name, why) ||
	    frame_put_number(answer, map->internal, why))
		return -1;
	return frame_put_number(answer, map->inner, why);
}

static int write_globals(const struct inspection *inspection, struct bytes *answer,
			 struct fault *why)
{
	if (frame_put_number(answer, inspection->global_count, why))
		return -1;
	for (size_t i = 0; i < inspection->global_count; i++) {
		const struct inspect_global *global = &inspection->globals[i];

		if (frame_put_text(answer, global->name, why) ||
		    frame_put_text(answer, global->section, why) ||
		    frame_put_text(answer, global->type, why) ||
		    frame_put_number(answer, global->size, why))
			return -1;
	}
	return 0;
}

static int write_lists(const struct inspection *inspection, struct bytes *answer, struct fault *why)
{
	if (frame_put_number(answer, inspection->program_count, why))
		return -1;
	for (size_t i = 0; i < inspection->program_count; i++) {
		const struct inspect_program *program = &inspection->programs[i];

		if (frame_put_text(answer, program->name, why) ||
		    frame_put_text(answer, program->section, why) ||
		    frame_put_number(answer, program->insns, why) ||
		    frame_put_number(answer, program->jumps_most, why) ||
		    frame_put_number(answer, program->jumps_unclear, why))
			return -1;
	}
	if (frame_put_number(answer, inspection->map_count, why))
		return -1;
	for (size_t i = 0; i < inspection->map_count; i++) {
		if (write_map(&inspection->maps[i], answer, why))
			return -1;
	}
	if (frame_put_number(answer, inspection->kfunc_count, why))
		return -1;
	for (size_t i = 0; i < inspection->kfunc_count; i++) {
		if (frame_put_text(answer, inspection->kfuncs[i], why))
			return -1;
	}
	return 0;
}

static int write_types(const struct inspection *inspection, struct bytes *answer, struct fault *why)
{
	if (frame_put_number(answer, inspection->type_count, why))
		return -1;
	for (size_t i = 0; i < inspection->type_count; i++)
		if (frame_put_number(answer, inspection->types[i].id, why) ||
		    frame_put_number(answer, inspection->types[i].kinds, why))
			return -1;
	return frame_put_number(answer, inspection->types_unclear, why);
}

static int write_jumps(const struct inspection *inspection, struct bytes *answer, struct fault *why)
{
	if (frame_put_number(answer, inspection->jump_count, why))
		return -1;
	for (size_t i = 0; i < inspection->jump_count; i++) {
		const struct inspect_jump *jump = &inspection->jumps[i];

		if (frame_put_number(answer, jump->program, why) ||
		    frame_put_number(answer, jump->map, why) ||
		    frame_put_number(answer, jump->slot, why) ||
		    frame_put_number(answer, jump->in_entry, why))
			return -1;
	}
	return 0;
}

int inspection_write(const struct inspection *inspection, struct bytes *answer, struct fault *why)
{
	unsigned char helpers[INSPECT_HELPERS_MAX];

	for (size_t i = 0; i < INSPECT_HELPERS_MAX; i++)
		helpers[i] = inspection->helpers[i];
	if (write_lists(inspection, answer, why) || write_globals(inspection, answer, why) ||
	    write_jumps(inspection, answer, why) || write_types(inspection, answer, why) ||
	    frame_put_block(answer, helpers, sizeof helpers, why) ||
	    frame_put_number(answer, inspection->insns, why) ||
	    frame_put_number(answer, inspection->helper_unknown, why) ||
	    frame_put_number(answer, inspection->has_btf, why) ||
	    frame_put_number(answer, inspection->tail_calls, why))
		return -1;
	return frame_put_text(answer, inspection->license, why);
}

// ---- out of the frame ----

static int read_u32(struct frame *frame, uint32_t *out, struct fault *why)
{
	uint64_t number;

	if (frame_get_number(frame, UINT32_MAX, &number, why))
		return -1;
	*out = (uint32_t)number;
	return 0;
}

static int read_flag(struct frame *frame, bool *out, struct fault *why)
{
	uint64_t number;

	if (frame_get_number(frame, 1, &number, why))
		return -1;
	*out = number == 1;
	return 0;
}

// A count, and room for as many rows.
static int read_count(struct frame *frame, size_t max, size_t size, void *rows, size_t *count,
		      struct fault *why)
{
	void *memory = NULL;
	uint64_t number;

	if (frame_get_number(frame, max, &number, why))
		return -1;
	if (number && !(memory = calloc(number, size)))
		return fault_set(why, FAULT_OTHER, "out of memory");
	*(void **)rows = memory;
	*count = (size_t)number;
	return 0;
}

static int read_program(struct frame *frame, struct inspect_program *program, struct fault *why)
{
	if (frame_get_text(frame, program->name, sizeof program->name, why) ||
	    frame_get_text(frame, program->section, sizeof program->section, why))
		return -1;
	if (read_u32(frame, &program->insns, why) || read_u32(frame, &program->jumps_most, why))
		return -1;
	return read_flag(frame, &program->jumps_unclear, why);
}

static int read_map(struct frame *frame, struct inspect_map *map, struct fault *why)
{
	if (frame_get_text(frame, map->name, sizeof map->name, why) ||
	    frame_get_text(frame, map->key, sizeof map->key, why) ||
	    frame_get_text(frame, map->value, sizeof map->value, why) ||
	    read_u32(frame, &map->type, why) || read_u32(frame, &map->key_size, why) ||
	    read_u32(frame, &map->value_size, why) || read_u32(frame, &map->max_entries, why) ||
	    read_u32(frame, &map->flags, why) || read_flag(frame, &map->pinned_by_name, why) ||
	    read_flag(frame, &map->internal, why))
		return -1;
	return read_flag(frame, &map->inner, why);
}

static int read_globals(struct frame *frame, struct inspection *inspection, struct fault *why)
{
	if (read_count(frame, INSPECT_GLOBALS_MAX, sizeof *inspection->globals,
		       &inspection->globals, &inspection->global_count, why))
		return -1;
	for (size_t i = 0; i < inspection->global_count; i++) {
		struct inspect_global *global = &inspection->globals[i];

		if (frame_get_text(frame, global->name, sizeof global->name, why) ||
		    frame_get_text(frame, global->section, sizeof global->section, why) ||
		    frame_get_text(frame, global->type, sizeof global->type, why) ||
		    read_u32(frame, &global->size, why))
			return -1;
	}
	return 0;
}

static int read_lists(struct frame *frame, struct inspection *inspection, struct fault *why)
{
	uint64_t kfuncs;

	if (read_count(frame, INSPECT_PROGRAMS_MAX, sizeof *inspection->programs,
		       &inspection->programs, &inspection->program_count, why))
		return -1;
	for (size_t i = 0; i < inspection->program_count; i++) {
		if (read_program(frame, &inspection->programs[i], why))
			return -1;
	}
	if (read_count(frame, INSPECT_MAPS_MAX, sizeof *inspection->maps, &inspection->maps,
		       &inspection->map_count, why))
		return -1;
	for (size_t i = 0; i < inspection->map_count; i++) {
		if (read_map(frame, &inspection->maps[i], why))
			return -1;
	}
	if (frame_get_number(frame, INSPECT_KFUNCS_MAX, &kfuncs, why))
		return -1;
	inspection->kfunc_count = (size_t)kfuncs;
	for (size_t i = 0; i < inspection->kfunc_count; i++) {
		if (frame_get_text(frame, inspection->kfuncs[i], sizeof inspection->kfuncs[i], why))
			return -1;
	}
	return 0;
}

static int read_types(struct frame *frame, struct inspection *inspection, struct fault *why)
{
	if (read_count(frame, INSPECT_TYPES_MAX, sizeof *inspection->types, &inspection->types,
		       &inspection->type_count, why))
		return -1;
	for (size_t i = 0; i < inspection->type_count; i++)
		if (read_u32(frame, &inspection->types[i].id, why) ||
		    read_u32(frame, &inspection->types[i].kinds, why))
			return -1;
	return read_flag(frame, &inspection->types_unclear, why);
}

static int read_jump(struct frame *frame, const struct inspection *inspection,
		     struct inspect_jump *jump, struct fault *why)
{
	uint64_t program, map;

	if (frame_get_number(frame, INSPECT_PROGRAMS_MAX, &program, why) ||
	    frame_get_number(frame, INSPECT_MAPS_MAX, &map, why) ||
	    read_u32(frame, &jump->slot, why) || read_flag(frame, &jump->in_entry, why))
		return -1;
	if (program >= inspection->program_count ||
	    (map >= inspection->map_count && map != INSPECT_MAPS_MAX))
		return fault_set(why, FAULT_FORMAT, "the worker's answer is out of bounds");
	jump->program = (uint32_t)program;
	jump->map = (uint32_t)map;
	return 0;
}

static int read_jumps(struct frame *frame, struct inspection *inspection, struct fault *why)
{
	if (read_count(frame, INSPECT_JUMPS_MAX, sizeof *inspection->jumps, &inspection->jumps,
		       &inspection->jump_count, why))
		return -1;
	for (size_t i = 0; i < inspection->jump_count; i++)
		if (read_jump(frame, inspection, &inspection->jumps[i], why))
			return -1;
	return 0;
}

int inspection_read(const void *answer, size_t len, struct inspection **out, struct fault *why)
{
	OWNED(inspection_drop) struct inspection *inspection = calloc(1, sizeof *inspection);
	struct frame frame = {answer, len};
	const void *block;
	const unsigned char *helpers;
	size_t helpers_len;

	if (!inspection)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (read_lists(&frame, inspection, why) || read_globals(&frame, inspection, why) ||
	    read_jumps(&frame, inspection, why) || read_types(&frame, inspection, why) ||
	    frame_get_block(&frame, INSPECT_HELPERS_MAX, &block, &helpers_len, why))
		return -1;
	if (helpers_len != INSPECT_HELPERS_MAX)
		return fault_set(why, FAULT_FORMAT, "the worker's answer is out of bounds");
	helpers = block;
	for (size_t i = 0; i < INSPECT_HELPERS_MAX; i++)
		inspection->helpers[i] = helpers[i] != 0;
	if (read_u32(&frame, &inspection->insns, why) ||
	    read_flag(&frame, &inspection->helper_unknown, why) ||
	    read_flag(&frame, &inspection->has_btf, why) ||
	    read_flag(&frame, &inspection->tail_calls, why) ||
	    frame_get_text(&frame, inspection->license, sizeof inspection->license, why) ||
	    frame_end(&frame, why))
		return -1;
	*out = HAND_OVER(inspection);
	return 0;
}
