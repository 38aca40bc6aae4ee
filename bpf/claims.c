// SPDX-License-Identifier: Apache-2.0
#include "bpf/claims.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <string.h>

#include "base/json.h"
#include "base/owned.h"
#include "base/worker.h"
#include "bpf/chain.h"
#include "bpf/frame.h"
#include "bpf/inspect.h"
#include "bpf/layout.h"
#include "bpf/mapcodec.h"

#define NAMES_MAX 64 // looked through for one that is meant

// ---- programs, maps, variables: against what was found ----

static int check_next_map(const struct inspection *inspection,
			  const struct inspect_program *program, const char *name,
			  struct fault *why)
{
	const struct inspect_map *map = inspection_map(inspection, name);
	struct inspect_ways ways;

	if (!map || map->type != BPF_MAP_TYPE_PROG_ARRAY || !map->max_entries)
		return fault_set(
			why, FAULT_FORMAT,
			"program %s jumps through map %s, which is no prog_array of its object",
			program->name, name);
	// A next map that is declared and never used cuts the chain off behind the program.
	ways = inspection_ways(inspection, program, name);
	if (ways.through || ways.unknown)
		return 0;
	fault_set(why, FAULT_FORMAT,
		  "program %s is said to jump through map %s, and no path of it tail-calls slot 0 "
		  "of that map",
		  program->name, name);
	return fault_fix(why, "what stands behind it in a chain would be dead: end its paths with "
			      "the tail call, or let the manifest say \"wrap\"");
}

// An XDP program inside a devmap or a cpumap is called with what such a map hands it, not with what an interface does.
// (libbpf would say so by the attach type, but not in a process that has registered handlers of its own.)
static bool is_for_a_map(const char *section)
{
	const char *slash = strchr(section, '/');

	return slash && (strcmp(slash, "/devmap") == 0 || strcmp(slash, "/cpumap") == 0);
}

// By their names, for libbpf gives another answer in a process that has registered handlers of its own.
static bool is_of_other_hook(const char *section, enum hook hook)
{
	static const char *const xdp[] = {"xdp", "xdp.frags", NULL};
	static const char *const tc[] = {"tc", "tcx", "classifier", "action", NULL};

	for (const char *const *name = hook == HOOK_XDP ? tc : xdp; *name; name++) {
		size_t len = strlen(*name);

		if (!strncmp(section, *name, len) && (!section[len] || section[len] == '/'))
			return true;
	}
	return false;
}

// The manifest says what a program is, and a section that nobody knows does not contradict it. One that means a probe, an
// iterator or the like does, and so does the other hook, whose verdicts are other numbers.
static bool is_for_hook(const char *section, enum hook hook)
{
	enum bpf_attach_type attach;
	enum bpf_prog_type type;

	if (is_of_other_hook(section, hook))
		return false;
	if (libbpf_prog_type_by_name(section, &type, &attach))
		return true;
	return type == BPF_PROG_TYPE_XDP
		       ? !is_for_a_map(section)
		       : type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT;
}

// A section of that kind: unlike those of packets they are spelled in few ways, and libbpf knows them all.
static bool is_for_probe(const char *section, enum probe_kind kind)
{
	static const enum bpf_prog_type types[PROBE_KINDS] = {
		[PROBE_TRACEPOINT] = BPF_PROG_TYPE_TRACEPOINT,
		[PROBE_RAW_TRACEPOINT] = BPF_PROG_TYPE_RAW_TRACEPOINT,
		[PROBE_TP_BTF] = BPF_PROG_TYPE_TRACING,
		[PROBE_KPROBE] = BPF_PROG_TYPE_KPROBE,
		[PROBE_KRETPROBE] = BPF_PROG_TYPE_KPROBE,
		[PROBE_FENTRY] = BPF_PROG_TYPE_TRACING,
		[PROBE_FEXIT] = BPF_PROG_TYPE_TRACING,
	};
	enum bpf_attach_type attach;
	enum bpf_prog_type type;

	return libbpf_prog_type_by_name(section, &type, &attach) == 0 && type == types[kind];
}

static int check_probe(const struct inspect_program *found, const struct manifest_program *program,
		       struct fault *why)
{
	const char *kind = probe_kind_name(program->probe);

	if (is_for_probe(found->section, program->probe))
		return 0;
	fault_set(why, FAULT_FORMAT, "program %s is in section \"%s\", which is not for a %s",
		  program->entry, found->section, kind);
	return fault_fix(why, "build it with SEC(\"%s/%s\")", kind, program->target);
}

static int refuse_entry(const struct inspection *inspection, const struct manifest_program *program,
			struct fault *why)
{
	const char *names[NAMES_MAX + 1] = {NULL};
	const char *near;

	for (size_t i = 0; i < inspection->program_count && i < NAMES_MAX; i++)
		names[i] = inspection->programs[i].name;
	near = json_nearest(program->entry, names);
	fault_set(why, FAULT_FORMAT, "%s has no program %s", program->object, program->entry);
	if (near)
		return fault_fix(why, "did you mean \"%s\"?", near);
	return names[0] ? fault_fix(why, "\"entry\" is the name of its function, as %s", names[0])
			: fault_fix(why, "a program is a function with SEC(\"xdp\") or SEC(\"tc\") "
					 "before it");
}

static int check_program(const struct inspection *inspection,
			 const struct manifest_program *program, struct fault *why)
{
	const struct inspect_program *found = inspection_program(inspection, program->entry);

	if (!found)
		return refuse_entry(inspection, program, why);
	if (program->hook == HOOK_PROBE)
		return check_probe(found, program, why);
	if (!is_for_hook(found->section, program->hook)) {
		fault_set(why, FAULT_FORMAT,
			  "program %s is in section \"%s\", which is not for packets on %s",
			  program->entry, found->section, hook_name(program->hook));
		return fault_fix(why, "build it with SEC(\"%s\")",
				 program->hook == HOOK_XDP ? "xdp" : "tc");
	}
	if (program->linkage == LINK_OWN_MAP)
		return check_next_map(inspection, found, program->next_map, why);
	if (program->linkage == LINK_CHAIN)
		return check_next_map(inspection, found, CHAIN_NEXT_MAP, why);
	return 0;
}

static int check_map(const struct inspection *inspection, const struct manifest_map *said,
		     struct fault *why)
{
	const struct inspect_map *map = inspection_map(inspection, said->name);
	const char *type = map ? map_type_name(map->type) : NULL;

	if (!map || map->internal)
		return fault_set(why, FAULT_FORMAT, "%s has no map %s", said->object, said->name);
	if (strcmp(said->type, type ? type : "") != 0)
		return fault_set(why, FAULT_FORMAT, "map %s is of type %s, not %s", said->name,
				 type ? type : "unknown", said->type);
	if (map->key_size != said->key_size || map->value_size != said->value_size ||
	    map->max_entries != said->max_entries)
		return fault_set(why, FAULT_FORMAT,
				 "map %s has sizes %u/%u/%u, not %u/%u/%u as the manifest says",
				 said->name, map->key_size, map->value_size, map->max_entries,
				 said->key_size, said->value_size, said->max_entries);
	if (strcmp(map->key, said->key) != 0 || strcmp(map->value, said->value) != 0)
		return fault_set(why, FAULT_FORMAT,
				 "map %s has other key or value types than the manifest says",
				 said->name);
	if (said->shared && !map_type_is_data(map->type))
		return fault_set(why, FAULT_FORMAT, "map %s is of type %s, which cannot be shared",
				 said->name, type);
	// What another program keeps alive keeps the timer going, and the code that started it, when that was replaced.
	if (said->shared && inspection_starts(inspection)) {
		fault_set(why, FAULT_FORMAT,
			  "map %s is shared, and programs of its object start timers or the like",
			  said->name);
		return fault_fix(why, "share the maps of an object that starts none");
	}
	return 0;
}

// What is listed must be so. What is not listed cannot be set (bundles from before there were globals list none).
static int check_global(const struct inspection *inspection, const struct manifest_global *said,
			struct fault *why)
{
	const struct inspect_global *global = inspection_global(inspection, said->name);

	if (!global)
		return fault_set(why, FAULT_FORMAT, "%s has no global variable %s that can be set",
				 said->object, said->name);
	if (strcmp(global->section, said->section) != 0 || strcmp(global->type, said->type) != 0 ||
	    global->size != said->size)
		return fault_set(why, FAULT_FORMAT,
				 "global %s is %s of %u bytes in %s, not %s of %u in %s",
				 said->name, global->type, global->size, global->section,
				 said->type, said->size, said->section);
	return 0;
}

// Some authors leave the size to a loader of their own, which asks the machine first. (Of a perf event array libbpf does.)
static int check_room(const struct inspect_map *map, struct fault *why)
{
	if (map->max_entries || map->internal || map->type == BPF_MAP_TYPE_PERF_EVENT_ARRAY)
		return 0;
	fault_set(why, FAULT_FORMAT, "map %s has room for nothing: its max_entries is 0",
		  map->name);
	return fault_fix(why, "give it a size: no loader of its author's will");
}

int claims_check(const struct inspection *inspection, const struct manifest *manifest,
		 const char *object, struct fault *why)
{
	for (size_t i = 0; i < manifest->program_count; i++) {
		if (strcmp(manifest->programs[i].object, object) == 0 &&
		    check_program(inspection, &manifest->programs[i], why))
			return -1;
	}
	for (size_t i = 0; i < manifest->map_count; i++) {
		if (strcmp(manifest->maps[i].object, object) == 0 &&
		    check_map(inspection, &manifest->maps[i], why))
			return -1;
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		if (strcmp(manifest->globals[i].object, object) == 0 &&
		    check_global(inspection, &manifest->globals[i], why))
			return -1;
	}
	// The manifest is what people read before they trust: it may leave no map out.
	for (size_t i = 0; i < inspection->map_count; i++) {
		const struct inspect_map *map = &inspection->maps[i];

		if (check_room(map, why))
			return -1;
		if (!map->internal && !map->inner && !manifest_map(manifest, object, map->name))
			return fault_set(why, FAULT_FORMAT,
					 "%s has a map %s that the manifest does not name", object,
					 map->name);
	}
	return 0;
}

// ---- formats: against the types, in a worker ----

static void drop_object(struct bpf_object **object)
{
	if (*object)
		bpf_object__close(*object);
	*object = NULL;
}

enum format_of { FORMAT_KEY, FORMAT_VALUE, FORMAT_GLOBAL, FORMAT_KINDS };

static int put_format(const char *name, enum format_of of, const struct notations *said,
		      struct bytes *job, struct fault *why)
{
	OWNED(json_drop) struct json *json = NULL;
	OWNED(bytes_drop) struct bytes text = {0};

	if (!said->count)
		return 0;
	if (notations_write(said, &json, why) || json_write(json, false, &text, why) ||
	    frame_put_text(job, name, why) || frame_put_number(job, of, why))
		return -1;
	return frame_put_text(job, bytes_text(&text), why);
}

static int codec_of(struct bpf_object *object, enum format_of of, const char *name,
		    struct mapcodec *out, struct fault *why)
{
	struct layout_variable variable;
	struct layout_walk walk = {0};
	const struct bpf_map *map;

	out->btf = bpf_object__btf(object);
	while (of == FORMAT_GLOBAL && layout_next_variable(out->btf, &walk, &variable)) {
		if (strcmp(variable.name, name) != 0)
			continue;
		out->type_id = variable.type_id;
		out->size = variable.size;
		return 0;
	}
	map = of == FORMAT_GLOBAL ? NULL : bpf_object__find_map_by_name(object, name);
	if (!map)
		return fault_set(why, FAULT_FORMAT, "the object has no such name");
	out->type_id =
		of == FORMAT_KEY ? bpf_map__btf_key_type_id(map) : bpf_map__btf_value_type_id(map);
	out->size = of == FORMAT_KEY ? bpf_map__key_size(map) : bpf_map__value_size(map);
	return 0;
}

static int check_format(struct bpf_object *object, struct frame *frame, struct fault *why)
{
	static const char *const words[] = {"key_format", "value_format", "format"};
	OWNED(notations_drop) struct notations said = {0};
	OWNED(json_drop) struct json *json = NULL;
	struct mapcodec codec = {.said = &said};
	char name[64], text[8192];
	uint64_t of;

	if (frame_get_text(frame, name, sizeof name, why) ||
	    frame_get_number(frame, FORMAT_KINDS - 1, &of, why) ||
	    frame_get_text(frame, text, sizeof text, why) ||
	    json_parse(text, strlen(text), name, &json, why) || notations_read(json, &said, why))
		return -1;
	if (codec_of(object, (enum format_of)of, name, &codec, why) || mapcodec_check(&codec, why))
		return fault_within(why, "\"%s\" of %s cannot be", words[of], name);
	return 0;
}

static int formats_job(const void *input, size_t len, struct bytes *answer, struct fault *why)
{
	OWNED(drop_object) struct bpf_object *object = NULL;
	struct frame frame = {input, len};
	const void *data;
	size_t data_len;

	(void)answer;
	libbpf_set_print(NULL);
	if (frame_get_block(&frame, INSPECT_OBJECT_MAX, &data, &data_len, why) ||
	    shape_check(data, data_len, why))
		return -1;
	object = bpf_object__open_mem(data, data_len, NULL);
	if (!object)
		return fault_set(why, FAULT_FORMAT, "its programs or maps cannot be read");
	while (frame.left)
		if (check_format(object, &frame, why))
			return -1;
	return 0;
}

int claims_check_formats(const void *object, size_t len, const struct manifest *manifest,
			 const char *name, struct fault *why)
{
	OWNED(bytes_drop) struct bytes job = {0};
	OWNED(bytes_drop) struct bytes answer = {0};
	size_t nothing;

	if (frame_put_block(&job, object, len, why))
		return -1;
	nothing = job.len;
	for (size_t i = 0; i < manifest->map_count; i++) {
		const struct manifest_map *map = &manifest->maps[i];

		if (strcmp(map->object, name) == 0 &&
		    (put_format(map->name, FORMAT_KEY, &map->key_format, &job, why) ||
		     put_format(map->name, FORMAT_VALUE, &map->value_format, &job, why)))
			return -1;
	}
	for (size_t i = 0; i < manifest->global_count; i++) {
		const struct manifest_global *global = &manifest->globals[i];

		if (strcmp(global->object, name) == 0 &&
		    put_format(global->name, FORMAT_GLOBAL, &global->format, &job, why))
			return -1;
	}
	if (job.len == nothing ||
	    worker_run(formats_job, job.data, job.len, &inspect_limits, &answer, why) == 0)
		return 0;
	why->code = why->code == FAULT_CONFIG ? FAULT_FORMAT : why->code;
	return -1;
}
