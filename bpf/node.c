// SPDX-License-Identifier: Apache-2.0
#include "bpf/node.h"

#include <ctype.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/index.h"
#include "bpf/nodeform.h"
#include "bpf/pattern.h"
#include "bpf/policyfile.h"
#include "bpf/schema.h"

// ---- reading what has the form (nodeform.h) ----

// From here on every key is known and every value of its type; what is left is what one value says about another.
struct reader {
	struct schema_source source;
	struct node *node;
	struct fault *why;
};

// A copy of an optional text: NULL when it is not there.
static int text_take(struct reader *reader, const struct json *object, const char *key, char **out)
{
	const char *text = json_text(json_member(object, key));

	return text ? text_copy(text, out, reader->why) : 0;
}

static bool word_is(const struct json *object, const char *key, const char *word)
{
	const char *text = json_text(json_member(object, key));

	return text && !strcmp(text, word);
}

// The place of a member, behind a refusal that was just made.
static int at_member(struct reader *reader, const struct json *object, const char *key)
{
	char where[FAULT_TEXT_MAX];

	schema_where(&reader->source, object, key, 0, where);
	return fault_where(reader->why, "%s", where);
}

static int repository_take(struct reader *reader, const char *name, const struct json *object,
			   struct node_repository *repository)
{
	if (text_copy(name, &repository->name, reader->why) ||
	    text_take(reader, object, "url", &repository->url) ||
	    text_take(reader, object, "ca", &repository->ca))
		return -1;
	repository->is_public = word_is(object, "class", "public");
	if (repository->is_public) {
		fault_set(reader->why, FAULT_CONFIG,
			  "repositories.%s.class: a node in secure mode reads private repositories "
			  "only",
			  name);
		at_member(reader, object, "class");
		return fault_fix(reader->why,
				 "have the security team inspect what it publishes and "
				 "sign it in a repository of its own");
	}
	if (repository->ca && strncmp(repository->url, "https://", 8) != 0) {
		fault_set(reader->why, FAULT_CONFIG,
			  "repositories.%s.ca: certificates go with an https url only", name);
		return at_member(reader, object, "ca");
	}
	return 0;
}

static int repositories_take(struct reader *reader, const struct json *object)
{
	struct node *node = reader->node;
	struct json_walk walk = {0};

	if (rows_make(json_count(object), sizeof(*node->repositories), &node->repositories,
		      reader->why))
		return -1;
	while (object && json_next(object, &walk)) {
		if (!strcmp(walk.key, "//"))
			continue;
		if (repository_take(reader, walk.key, walk.value,
				    &node->repositories[node->repository_count++]))
			return -1;
	}
	return 0;
}

// "interfaces.eth0.xdp[1].from", for the sentences of this half.
struct use_at {
	char list[64]; // "interfaces.eth0.xdp", "probes"
	size_t index;
};

static int refuse_from(struct reader *reader, const struct json *object, const struct use_at *at,
		       const char *from)
{
	const char *names[NODE_REPOSITORIES_MAX + 1] = {NULL}, *near;

	for (size_t i = 0; i < reader->node->repository_count && i < NODE_REPOSITORIES_MAX; i++)
		names[i] = reader->node->repositories[i].name;
	near = json_nearest(from, names);
	fault_set(reader->why, FAULT_CONFIG, "%s[%zu].from: there is no repository \"%s\"%s%s%s",
		  at->list, at->index, from, near ? ": did you mean \"" : "", near ? near : "",
		  near ? "\"?" : "");
	return at_member(reader, object, "from");
}

static int from_take(struct reader *reader, const struct json *object, const struct use_at *at,
		     struct node_use *use)
{
	const struct node *node = reader->node;
	const char *from = json_text(json_member(object, "from"));

	if (!from && node->repository_count != 1) {
		fault_set(reader->why, FAULT_CONFIG,
			  "%s[%zu]: \"from\" is missing, and there is %s repository", at->list,
			  at->index, node->repository_count ? "more than one" : "no");
		return fault_where(reader->why, "%s", use->where);
	}
	from = from ? from : node->repositories[0].name;
	if (!node_repository(node, from))
		return refuse_from(reader, object, at, from);
	return text_copy(from, &use->from, reader->why);
}

static int entries_take(struct reader *reader, const struct json *maps, struct node_use *use)
{
	struct json_walk walk = {0};
	size_t count = 0;

	while (maps && json_next(maps, &walk))
		count += json_is(walk.value, JSON_KIND_ARRAY) ? json_count(walk.value) : 0;
	if (rows_make(count, sizeof(*use->entries), &use->entries, reader->why))
		return -1;
	walk = (struct json_walk){0};
	while (maps && json_next(maps, &walk)) {
		struct schema_items items;

		if (!json_is(walk.value, JSON_KIND_ARRAY))
			continue;
		schema_items_begin(&items, &reader->source, walk.value);
		for (size_t i = 0; i < json_count(walk.value); i++, schema_items_next(&items)) {
			struct node_map_entry *entry = &use->entries[use->entry_count++];
			const struct json *item = json_item(walk.value, i);

			entry->map = walk.key;
			entry->key = json_member(item, "key");
			entry->value = json_member(item, "value");
			schema_items_where(&items, entry->where);
		}
	}
	return 0;
}

const char *node_on_denied_name(enum node_on_denied on_denied)
{
	return node_denied_words[on_denied];
}

static int channel_take(struct reader *reader, const struct json *object, struct node_use *use)
{
	const char *channel = json_text(json_member(object, "channel"));

	return text_copy(channel ? channel : INDEX_RELEASED, &use->channel, reader->why);
}

static int use_take(struct reader *reader, const struct json *object, const struct use_at *at,
		    struct node_use *use)
{
	if (text_take(reader, object, "use", &use->use) ||
	    text_take(reader, object, "version", &use->version) ||
	    text_take(reader, object, "program", &use->program) ||
	    channel_take(reader, object, use) || from_take(reader, object, at, use))
		return -1;
	use->object = object;
	return entries_take(reader, json_member(object, "maps"), use);
}

static int chain_take(struct reader *reader, const struct json *object, enum hook hook,
		      const char *key, struct node_interface *interface)
{
	const struct json *list = json_member(object, key);
	struct use_at at = {.index = 0};
	struct schema_items items;
	size_t count = json_count(list);

	if (hook == HOOK_PROBE)
		snprintf(at.list, sizeof(at.list), "%s", key);
	else
		snprintf(at.list, sizeof(at.list), "interfaces.%s.%s", interface->name, key);
	if (rows_make(count, sizeof(**interface->chain), &interface->chain[hook], reader->why))
		return -1;
	if (count)
		schema_items_begin(&items, &reader->source, list);
	for (; at.index < count; at.index++, schema_items_next(&items)) {
		struct node_use *use = &interface->chain[hook][at.index];

		interface->chain_count[hook]++;
		schema_items_where(&items, use->where);
		if (use_take(reader, json_item(list, at.index), &at, use))
			return -1;
	}
	return 0;
}

static int interface_take(struct reader *reader, const char *name, const struct json *object,
			  struct node_interface *interface)
{
	size_t mode = schema_word(json_member(object, "xdp_mode"), node_xdp_mode_words);

	interface->is_pattern = pattern_is(name);
	interface->xdp_offload = mode == NODE_XDP_OFFLOAD;
	interface->xdp_generic_ok = mode == NODE_XDP_GENERIC || mode == NODE_XDP_EITHER;
	interface->xdp_native_ok = mode == NODE_XDP_NATIVE || mode == NODE_XDP_EITHER;
	interface->tc_attach = (enum node_tc_attach)schema_word(json_member(object, "tc_attach"),
								node_tc_attach_words);
	interface->on_denied = (enum node_on_denied)schema_word(json_member(object, "on_denied"),
								node_denied_words);
	if (text_copy(name, &interface->name, reader->why))
		return -1;
	for (int hook = 0; hook < HOOK_PROBE; hook++)
		if (chain_take(reader, object, (enum hook)hook, hook_name((enum hook)hook),
			       interface))
			return -1;
	return 0;
}

// Probes alone belong to no interface: they stand under a name that none can have, so that whoever walks over what the
// node uses meets them too.
static int probes_take(struct reader *reader, const struct json *root)
{
	struct node_interface *interface = &reader->node->interfaces[reader->node->interface_count];

	if (!json_count(json_member(root, "probes")))
		return 0;
	reader->node->interface_count++;
	schema_where(&reader->source, root, "probes", 0, interface->where);
	if (text_copy(NODE_PROBES, &interface->name, reader->why))
		return -1;
	return chain_take(reader, root, HOOK_PROBE, "probes", interface);
}

// Which of two patterns holds must not hang on their order in the file.
static int patterns_check(struct reader *reader, const struct json *object)
{
	const struct node *node = reader->node;

	for (size_t i = 0; i < node->interface_count; i++) {
		const struct node_interface *one = &node->interfaces[i];

		for (size_t k = 0; one->is_pattern && k < i; k++) {
			const struct node_interface *other = &node->interfaces[k];

			if (!other->is_pattern || strlen(other->name) != strlen(one->name) ||
			    !pattern_meets(one->name, other->name))
				continue;
			fault_set(
				reader->why, FAULT_CONFIG,
				"interfaces.%s: \"%s\" could match the same interface, and neither "
				"is longer",
				one->name, other->name);
			at_member(reader, object, one->name);
			return fault_fix(reader->why,
					 "name the interface, or make one of the patterns longer");
		}
	}
	return 0;
}

static int interfaces_take(struct reader *reader, const struct json *object)
{
	struct node *node = reader->node;
	struct json_walk walk = {0};

	if (rows_make(json_count(object) + 1, sizeof(*node->interfaces), &node->interfaces,
		      reader->why))
		return -1;
	while (object && json_next(object, &walk)) {
		struct node_interface *interface = &node->interfaces[node->interface_count];

		if (!strcmp(walk.key, "//"))
			continue;
		node->interface_count++;
		schema_where(&reader->source, object, walk.key, 0, interface->where);
		if (interface_take(reader, walk.key, walk.value, interface))
			return -1;
	}
	return patterns_check(reader, object);
}

// The JSON reader stops at two things without saying where: a number that is no integer, and brackets too deep. Finds
// the first of them, so that the admin need not.
static void find_odd(const char *text, size_t len, unsigned *line, unsigned *column)
{
	unsigned depth = 0;
	bool in_string = false;
	size_t start = 0;

	*line = *column = 1;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		else if (!in_string && (c == '[' || c == '{') && ++depth > JSON_DEPTH_MAX)
			return;
		else if (!in_string && (c == ']' || c == '}'))
			depth--;
		// Outside texts these letters stand in true and false as well, but only a number has a digit before them.
		else if (!in_string && i && strchr(".eE", c) && isdigit((unsigned char)text[i - 1]))
			return;
		if (i < len && text[i] == '\n') {
			++*line;
			start = i + 1;
		}
		*column = (unsigned)(i + 1 - start) + 1;
	}
}

static int document_parse(const void *data, size_t len, const char *file, struct json **out,
			  struct fault *why)
{
	unsigned line, column;

	if (!json_parse(data, len, file, out, why))
		return 0;
	if (why->code == FAULT_OTHER)
		return -1;
	why->code = FAULT_CONFIG;
	if (strstr(why->text, ": too big"))
		fault_fix(why, "a number above 9223372036854775807 is written as a text of 0x and "
			       "hexadecimal digits");
	if (!why->where[0]) {
		find_odd(data, len, &line, &column);
		fault_where(why, "%s:%u:%u", file, line, column);
	}
	return -1;
}

int node_parse(const void *data, size_t len, const char *file, struct node **out, struct fault *why)
{
	OWNED(node_drop) struct node *node = calloc(1, sizeof(*node));
	struct reader reader = {.node = node, .why = why};
	const struct json *root;

	if (!node)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (document_parse(data, len, file, &node->document, why) ||
	    bytes_append(&node->text, data, len, why) || text_copy(file, &node->file, why))
		return -1;
	root = node->document;
	reader.source =
		(struct schema_source){.file = file, .text = data, .len = len, .root = root};
	node->policy = policy_default();
	if (schema_check(&node_form, &reader.source, why) ||
	    policyfile_take(json_member(root, "policy"), &node->policy, why) ||
	    watchrule_take(json_member(root, "watch"), &reader.source, &node->watch, why) ||
	    repositories_take(&reader, json_member(root, "repositories")) ||
	    interfaces_take(&reader, json_member(root, "interfaces")) || probes_take(&reader, root))
		return -1;
	*out = HAND_OVER(node);
	return 0;
}

// ---- the file ----

// An absolute path of the file: of ours below --root, of the admin's as given from the current directory.
static int file_path(const char *root, const char *path, char **out, struct fault *why)
{
	OWNED(drop_heap) char *here = NULL;

	if (!path)
		return path_under(root, NODE_FILE, out, why);
	if (path[0] == '/')
		return text_copy(path, out, why);
	here = getcwd(NULL, 0);
	if (!here)
		return fault_errno(why, FAULT_OTHER, "cannot tell the current directory");
	if (asprintf(out, "%s/%s", here, path) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	return 0;
}

static bool is_below(const char *root, const char *path)
{
	size_t len = root ? strlen(root) : 0;

	while (len && root[len - 1] == '/')
		len--;
	return len && !strncmp(root, path, len) && path[len] == '/';
}

// Every refusal of the admin's own file is one of configuration, also that it is not there or too large.
static int refuse_file(const char *path, struct fault *why)
{
	bool is_absent = why->code == FAULT_NOT_FOUND;

	if (why->code != FAULT_NOT_FOUND && why->code != FAULT_TOO_LARGE)
		return -1;
	fault_within(why, is_absent ? "%s is not there" : "%s is too large", path);
	why->code = FAULT_CONFIG;
	return is_absent ? fault_fix(why, "write it; bpfseal-node.json(5) shows one") : -1;
}

int node_load(const char *root, const char *path, struct node **out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(drop_heap) char *file = NULL;

	if (file_path(root, path, &file, why))
		return -1;
	// Before the first byte is read (A96): who may write this file, or any directory above it, decides what runs.
	if (path_check_owner(is_below(root, file) ? root : NULL, file, why) ||
	    file_read(file, NODE_FILE_MAX, &text, why))
		return refuse_file(file, why);
	return node_parse(text.data, text.len, file, out, why);
}

static void use_free(struct node_use *use)
{
	free(use->use);
	free(use->version);
	free(use->channel);
	free(use->from);
	free(use->program);
	free(use->entries);
}

static void interface_free(struct node_interface *interface)
{
	for (int hook = 0; hook < HOOK_COUNT; hook++) {
		for (size_t i = 0; i < interface->chain_count[hook]; i++)
			use_free(&interface->chain[hook][i]);
		free(interface->chain[hook]);
	}
	free(interface->name);
}

void node_free(struct node *node)
{
	if (!node)
		return;
	for (size_t i = 0; i < node->repository_count; i++) {
		free(node->repositories[i].name);
		free(node->repositories[i].url);
		free(node->repositories[i].ca);
	}
	for (size_t i = 0; i < node->interface_count; i++)
		interface_free(&node->interfaces[i]);
	free(node->repositories);
	free(node->interfaces);
	json_free(node->document);
	bytes_drop(&node->text);
	free(node->file);
	free(node);
}

void node_where(const struct node *node, const struct json *parent, const char *key, size_t index,
		char where[static FAULT_TEXT_MAX])
{
	const struct schema_source source = {.file = node->file,
					     .text = bytes_text(&node->text),
					     .len = node->text.len,
					     .root = node->document};

	schema_where(&source, parent, key, index, where);
}

// The kernel's own rule (dev_valid_name), and no bytes that a terminal or a path would trip over.
bool node_is_interface_name(const char *text)
{
	size_t len = strlen(text);
	bool is_fine =
		len >= 1 && len < IFNAMSIZ && strcmp(text, ".") != 0 && strcmp(text, "..") != 0;

	for (size_t i = 0; i < len; i++)
		is_fine = is_fine && isgraph((unsigned char)text[i]) && !strchr("/:", text[i]);
	return is_fine;
}

const struct node_repository *node_repository(const struct node *node, const char *name)
{
	for (size_t i = 0; i < node->repository_count; i++)
		if (!strcmp(node->repositories[i].name, name))
			return &node->repositories[i];
	return NULL;
}

const struct node_interface *node_interface(const struct node *node, const char *iface)
{
	const struct node_interface *best = NULL;

	for (size_t i = 0; i < node->interface_count; i++) {
		const struct node_interface *interface = &node->interfaces[i];

		if (!strcmp(interface->name, iface))
			return interface;
		if (interface->is_pattern && pattern_matches(interface->name, iface) &&
		    (!best || strlen(interface->name) > strlen(best->name)))
			best = interface;
	}
	return best;
}

int node_schema(struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *schema = json_make_object();
	OWNED(json_drop) struct json *form = NULL;
	struct json_walk walk = {0};

	if (json_put_text(schema, "$schema", "https://json-schema.org/draft/2020-12/schema", why) ||
	    json_put_text(schema, "title", "bpfseal node.json", why) ||
	    json_put_text(schema, "description",
			  "What runs on this node. In every object \"//\" is a comment.", why) ||
	    schema_write(&node_form, &form, why))
		return -1;
	while (json_next(form, &walk))
		if (json_put(schema, walk.key, json_keep(walk.value), why))
			return -1;
	*out = HAND_OVER(schema);
	return 0;
}
