// SPDX-License-Identifier: Apache-2.0
#include "bpf/l3af.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/owned.h"
#include "bpf/l3afmember.h"
#include "bpf/node.h"

// What one chain of a payload may list, enabled or not; far past what the kernel follows.
#define PROGRAMS_MAX 256
#define NO_URL	     "https://%s.invalid"

// The payload, and what comes out of it.
struct reader {
	struct payload payload;
	const struct l3af_order *order;
	struct json *interfaces, *probes; // of the node.json; borrowed
	struct l3afmember member;
};

void l3af_result_drop(struct l3af_result *result)
{
	bytes_drop(&result->node);
	json_free(result->notes);
	result->notes = NULL;
}

// ---- a chain ----

struct place {
	size_t index;
	int64_t seq;
};

static int by_seq(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->seq != right->seq)
		return left->seq < right->seq ? -1 : 1;
	return (left->index > right->index) - (left->index < right->index);
}

// The enabled ones, in the order of their seq_id.
static int sort_programs(struct reader *reader, const struct payload_item *programs,
			 const char *key, const struct json *list, struct place *places,
			 size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *seq;
		const char *status;
		struct payload_item program;

		if (payload_enter(&reader->payload, programs, key, list, i, &program) ||
		    payload_take(&reader->payload, &program, "seq_id", JSON_KIND_INT, &seq) ||
		    payload_text(&reader->payload, &program, "admin_status", &status))
			return -1;
		if (strcmp(status, "disabled") == 0) {
			if (payload_note(&reader->payload, &program, "admin_status",
					 "is disabled, and the program left out"))
				return -1;
			continue;
		}
		if (*status && strcmp(status, "enabled") != 0 &&
		    payload_note(&reader->payload, &program, "admin_status",
				 "is neither enabled nor disabled; taken as enabled"))
			return -1;
		places[(*count)++] = (struct place){i, json_int(seq)};
	}
	qsort(places, *count, sizeof(*places), by_seq);
	return 0;
}

static int add_programs(struct reader *reader, const struct payload_item *programs, const char *key,
			enum hook hook, struct json *chain)
{
	struct place places[PROGRAMS_MAX];
	const struct json *list;
	size_t count;

	if (payload_take(&reader->payload, programs, key, JSON_KIND_ARRAY, &list))
		return -1;
	if (json_count(list) > PROGRAMS_MAX)
		return payload_refuse(&reader->payload, programs, key,
				      "it lists %zu programs, more than %d", json_count(list),
				      PROGRAMS_MAX);
	if (sort_programs(reader, programs, key, list, places, &count))
		return -1;
	for (size_t i = 0; i < count; i++) {
		struct payload_item program;

		if (payload_enter(&reader->payload, programs, key, list, places[i].index, &program))
			return -1;
		if (i && hook != HOOK_PROBE && places[i].seq == places[i - 1].seq &&
		    payload_note(&reader->payload, &program, "seq_id",
				 "occurs twice: they go in the order in which they are listed"))
			return -1;
		if (l3afmember_add(&reader->member, &program, hook, chain))
			return -1;
	}
	return 0;
}

static int add_chain(struct reader *reader, const struct payload_item *programs, const char *key,
		     enum hook hook, struct json *interface)
{
	struct json *chain = json_make_array();

	if (json_put(interface, hook_name(hook), chain, reader->payload.why))
		return -1;
	return add_programs(reader, programs, key, hook, chain);
}

// ---- an interface of a host ----

static int add_interface(struct reader *reader, const struct payload_item *entry, const char *iface)
{
	static const char *const known[] = {"xdp_ingress", "tc_ingress", "tc_egress", "probes",
					    NULL};
	struct payload_item programs = {.object = NULL};
	struct json *interface;

	if (!*iface || strlen(iface) > 15 || strpbrk(iface, "/: \t\n*?["))
		return payload_refuse(
			&reader->payload, entry, *iface ? "iface" : NULL,
			"an interface has a name of 1 to 15 letters, and none of / : * ? [");
	if (json_member(reader->interfaces, iface))
		return payload_refuse(&reader->payload, entry, "iface", "%s occurs twice", iface);
	interface = json_make_object();
	if (json_put(reader->interfaces, iface, interface, reader->payload.why) ||
	    payload_take(&reader->payload, entry, "bpf_programs", JSON_KIND_OBJECT,
			 &programs.object))
		return -1;
	if (!programs.object)
		return payload_refuse(&reader->payload, entry, NULL,
				      "there is no \"bpf_programs\"");
	snprintf(programs.path, sizeof(programs.path), "%.200s%sbpf_programs", entry->path,
		 entry->path[0] ? "." : "");
	// l3afd leaves the mode to the kernel, which takes the driver's where it has one.
	if (json_put_text(interface, "xdp_mode", "native-or-generic", reader->payload.why) ||
	    add_chain(reader, &programs, "xdp_ingress", HOOK_XDP, interface) ||
	    add_chain(reader, &programs, "tc_ingress", HOOK_TC_INGRESS, interface) ||
	    add_chain(reader, &programs, "tc_egress", HOOK_TC_EGRESS, interface) ||
	    add_programs(reader, &programs, "probes", HOOK_PROBE, reader->probes))
		return -1;
	return payload_note_unknown(&reader->payload, &programs, known);
}

static int add_entry(struct reader *reader, const struct payload_item *entry,
		     const char **first_host)
{
	static const char *const known[] = {"host_name", "iface", "ipv4_address", "bpf_programs",
					    NULL};
	const struct l3af_order *order = reader->order;
	const char *host, *iface, *address;

	if (payload_text(&reader->payload, entry, "host_name", &host) ||
	    payload_text(&reader->payload, entry, "iface", &iface) ||
	    payload_text(&reader->payload, entry, "ipv4_address", &address))
		return -1;
	if (order->only_host && strcmp(order->only_host, host) != 0)
		return payload_note(&reader->payload, entry, "host_name",
				    "is %.64s, and this entry left out", host);
	if (*first_host && strcmp(*first_host, host) != 0) {
		payload_refuse(&reader->payload, entry, "host_name",
			       "the payload is for %.64s as well as for %.64s", *first_host, host);
		return fault_fix(reader->payload.why, "choose one with --host NAME");
	}
	if (!*first_host && order->host && strcmp(order->host, host) != 0 &&
	    payload_note(&reader->payload, entry, *host ? "host_name" : NULL,
			 "is \"%.64s\", and this machine \"%.64s\": a node.json has no host, so "
			 "see that "
			 "it gets to the right one",
			 host, order->host))
		return -1;
	*first_host = host;
	if (*address && payload_note(&reader->payload, entry, "ipv4_address",
				     "is a label of l3afd's metrics, and left out"))
		return -1;
	if (payload_note_unknown(&reader->payload, entry, known))
		return -1;
	return add_interface(reader, entry, iface);
}

static int add_entries(struct reader *reader, const struct json *root)
{
	const char *first_host = NULL;
	struct payload_item top = {.object = root};

	if (json_is(root, JSON_KIND_OBJECT)) {
		if (json_member(root, "hostname"))
			return payload_refuse(
				&reader->payload, &top, "hostname",
				"this is what l3afd restarts by, and no configuration");
		return add_entry(reader, &top, &first_host);
	}
	if (!json_is(root, JSON_KIND_ARRAY))
		return fault_set(reader->payload.why, FAULT_CONFIG,
				 "%s is no payload of l3afd: neither a list nor an object",
				 reader->order->file);
	for (size_t i = 0; i < json_count(root); i++) {
		struct payload_item entry;

		if (payload_enter(&reader->payload, &top, NULL, root, i, &entry) ||
		    add_entry(reader, &entry, &first_host))
			return -1;
	}
	if (!first_host)
		return fault_set(reader->payload.why, FAULT_CONFIG, "%s says nothing about %s",
				 reader->order->file,
				 reader->order->only_host ? reader->order->only_host : "any host");
	return 0;
}

// ---- the whole ----

static int make_node(struct reader *reader, struct json **out)
{
	const struct l3af_order *order = reader->order;
	OWNED(json_drop) struct json *node = json_make_object();
	struct json *repositories = json_make_object(), *repository = json_make_object();
	char url[160];

	reader->interfaces = json_make_object();
	reader->probes = json_make_array();
	snprintf(url, sizeof(url), NO_URL, order->repository);
	if (json_put_text(node, "//", "Made by 'bpfseal config import-l3af'.",
			  reader->payload.why) ||
	    json_put(node, "repositories", repositories, reader->payload.why) ||
	    json_put(repositories, order->repository, repository, reader->payload.why) ||
	    json_put_text(repository, "url", order->url ? order->url : url, reader->payload.why) ||
	    json_put(node, "interfaces", reader->interfaces, reader->payload.why) ||
	    json_put(node, "probes", reader->probes, reader->payload.why))
		return -1;
	*out = HAND_OVER(node);
	return 0;
}

static int note_url(struct reader *reader)
{
	struct json *one;

	if (reader->order->url)
		return 0;
	one = json_make_object();
	if (json_add(reader->payload.notes, one, reader->payload.why) ||
	    json_put_text(one, "where", reader->order->file, reader->payload.why) ||
	    json_put_text(one, "path", "", reader->payload.why))
		return -1;
	return json_put_text(one, "text",
			     "has no repository that could be trusted: put the address of yours in "
			     "\"repositories\", and pin its root with 'bpfseal trust add'",
			     reader->payload.why);
}

// What a refusal of the finished file says of the payload: that it asks for more than a node.json can say.
static int check_node(const struct bytes *text, struct fault *why)
{
	OWNED(node_drop) struct node *node = NULL;

	if (!node_parse(text->data, text->len, "the node.json", &node, why))
		return 0;
	return fault_within(why, "no node.json can say what this payload says");
}

int l3af_import(const void *data, size_t len, const struct l3af_order *order,
		struct l3af_result *out, struct fault *why)
{
	OWNED(json_drop) struct json *root = NULL;
	OWNED(json_drop) struct json *node = NULL;
	struct reader reader = {.order = order, .payload = {.why = why}};

	if (len > L3AF_FILE_MAX)
		return fault_set(why, FAULT_CONFIG, "%s has %zu bytes, more than %u", order->file,
				 len, L3AF_FILE_MAX);
	if (json_parse(data, len, order->file, &root, why)) {
		why->code = why->code == FAULT_OTHER ? FAULT_OTHER : FAULT_CONFIG;
		return -1;
	}
	reader.payload.source =
		(struct schema_source){.file = order->file, .text = data, .len = len, .root = root};
	out->notes = json_make_array();
	if (!out->notes)
		return fault_set(why, FAULT_OTHER, "out of memory");
	reader.payload.notes = out->notes;
	reader.member = (struct l3afmember){.payload = &reader.payload, .order = order};
	if (make_node(&reader, &node) || note_url(&reader) || add_entries(&reader, root) ||
	    json_write(node, true, &out->node, why))
		return -1;
	out->left_out = reader.payload.left_out;
	return check_node(&out->node, why);
}
