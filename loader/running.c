// SPDX-License-Identifier: Apache-2.0
#include "loader/running.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/inspect.h"
#include "bpf/manifestreader.h"
#include "loader/record.h"

#define NAMES_MAX 128 // offered when one is unknown

void running_drop(struct running *running)
{
	object_free(running->object);
	manifest_free(running->manifest);
	bytes_drop(&running->bytes);
	*running = (struct running){0};
}

// ---- finding it ----

int running_at(const struct running_places *places, const struct json *chain, size_t index,
	       struct running *out, struct fault *why)
{
	const struct json *recorded = json_item(json_member(chain, "members"), index);
	char place[BPFFS_PATH_MAX], maps[BPFFS_PATH_MAX], pins[MEMBER_LABEL_MAX];
	struct running running = {.recorded = recorded, .place = index + 1};
	const char *hook;

	record_key(chain, index, pins);
	if (json_need_text(chain, "interface", &running.iface, why) ||
	    json_need_text(chain, "hook", &hook, why) || hook_parse(hook, &running.hook, why) ||
	    json_need_text(recorded, "name", &running.use, why) ||
	    json_need_text(recorded, "version", &running.version, why) ||
	    bpffs_place(places->tree, running.iface, running.hook, place, why) ||
	    bpffs_join(place, "maps", maps, why) || bpffs_join(maps, pins, running.dir, why))
		return -1;
	*out = running;
	return 0;
}

static bool is_text(const char *want, const struct json *has)
{
	const char *text = json_text(has);

	return !want || (text && !strcmp(text, want));
}

// What was found so far, and what there is instead.
struct search {
	const struct running_query *query;
	const struct json *chain;
	size_t index, found;
	char all[FAULT_TEXT_MAX / 2];
	const char *names[NAMES_MAX + 1];
	size_t name_count;
};

static void search_chain(struct search *search, const struct json *chain)
{
	const struct running_query *query = search->query;
	const struct json *members = json_member(chain, "members");
	bool here = is_text(query->iface, json_member(chain, "interface")) &&
		    is_text(query->hook, json_member(chain, "hook"));

	for (size_t i = 0; i < json_count(members); i++) {
		const struct json *name = json_member(json_item(members, i), "name");
		size_t used = strlen(search->all);

		if (search->name_count < NAMES_MAX && json_text(name))
			search->names[search->name_count++] = json_text(name);
		if (!here || !is_text(query->use, name) || (query->place && query->place != i + 1))
			continue;
		snprintf(search->all + used, sizeof(search->all) - used, "%s%s on %s, place %zu",
			 used ? "; " : "", json_text(json_member(chain, "hook")),
			 json_text(json_member(chain, "interface")), i + 1);
		search->chain = chain;
		search->index = i;
		search->found++;
	}
}

int running_find(const struct running_places *places, const struct running_query *query,
		 struct running *out, struct fault *why)
{
	const struct json *chains = json_member(places->record, "chains");
	struct search search = {.query = query};
	const char *near;

	for (size_t i = 0; i < json_count(chains); i++)
		search_chain(&search, json_item(chains, i));
	if (search.found == 1)
		return running_at(places, search.chain, search.index, out, why);
	if (search.found) {
		fault_set(why, FAULT_CONFIG, "%s runs more than once: %s", query->use, search.all);
		return fault_fix(why, "say which with --interface, --hook and --place");
	}
	near = json_nearest(query->use, search.names);
	fault_set(why, FAULT_CONFIG, "%s does not run%s%s%s%s", query->use,
		  query->iface ? " on " : " here", query->iface ? query->iface : "",
		  query->hook ? " " : "", query->hook ? query->hook : "");
	return near && strcmp(near, query->use) ? fault_fix(why, "did you mean \"%s\"?", near) : -1;
}

// ---- what it means ----

static int read_copy(const struct running_places *places, const struct running *running,
		     const char *key, size_t max, struct bytes *out, struct fault *why)
{
	struct sha256 want, got;
	const char *hex;

	if (json_need_text(running->recorded, key, &hex, why))
		return -1;
	if (sha256_read(hex, &want))
		return fault_set(why, FAULT_FORMAT, "the record's %s is no digest", key);
	if (file_read_at(places->objects_dirfd, hex, max, out, why) ||
	    sha256_of(out->data, out->len, &got, why))
		return fault_within(why, "our copy of the %s of %s cannot be read", key,
				    running->use);
	if (!sha256_equal(&want, &got))
		return fault_set(why, FAULT_DIGEST, "our copy %s is damaged", hex);
	return 0;
}

// The object's name in the manifest: that of the program which runs.
static int find_file(struct running *running, const char *entry, struct fault *why)
{
	const struct manifest *manifest = running->manifest;

	for (size_t i = 0; i < manifest->program_count; i++) {
		const struct manifest_program *program = &manifest->programs[i];

		if (program->hook == running->hook && !strcmp(program->entry, entry)) {
			running->meaning.file = program->object;
			return 0;
		}
	}
	return fault_set(why, FAULT_FORMAT, "the manifest of %s has no program %s", running->use,
			 entry);
}

int running_open(const struct running_places *places, struct running *running, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	struct object_source source = {
		.hook = running->hook, .label = running->use, .logs_dirfd = -1};
	const char *entry;

	if (json_need_text(running->recorded, "entry", &entry, why) ||
	    read_copy(places, running, "manifest", MANIFEST_MAX, &text, why) ||
	    manifest_parse(text.data, text.len, running->use, &running->manifest, why) ||
	    find_file(running, entry, why) ||
	    read_copy(places, running, "object", INSPECT_OBJECT_MAX, &running->bytes, why))
		return -1;
	source.data = running->bytes.data;
	source.len = running->bytes.len;
	source.entry = entry;
	if (object_open(&source, &running->object, why))
		return -1;
	running->meaning.object = running->object;
	running->meaning.manifest = running->manifest;
	return 0;
}
