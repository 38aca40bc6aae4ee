// SPDX-License-Identifier: Apache-2.0
// A small repository in a directory, served by a child of the test, and a node that has pinned it. Its one key says
// in its role names that it is for tests: it holds every role.
#pragma once

#include "tests/unit/fetch/place.h"
#include "tests/unit/fetch/server.h"

#include "base/clock.h"
#include "base/json.h"
#include "bpf/bundle.h"
#include "bpf/index.h"
#include "keys/keyfile.h"
#include "keys/pin.h"
#include "keys/signing.h"

#define CORP_NOW  INT64_C(1800000000)
#define CORP_LIFE INT64_C(86400)

struct corp {
	struct place place; // www/ is served, node/ is the node's --root, log holds the requests
	struct server server;
	struct secret_key *key;
	struct json *net; // the delegated role's document
	struct index *index;
	int64_t version;
	struct fault why;
};

#define MUST(call) assert_int_equal((call), 0)

static inline void corp_write(struct corp *corp, const char *below, const struct bytes *data)
{
	MUST(file_replace(place_path(&corp->place, below), data->data, data->len, 0644,
			  &corp->why));
}

// ---- the server ----

static inline void corp_answer(int connection, const struct place *place, const char *path)
{
	struct bytes data = {0};
	struct fault why = {0};
	char below[2048], head[128];

	snprintf(below, sizeof(below), "www%s", path);
	if (file_read(place_path(place, below), 1 << 24, &data, &why)) {
		server_say(connection, "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno");
		return;
	}
	snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", data.len);
	server_say(connection, head);
	for (size_t at = 0; at < data.len;) {
		ssize_t sent = send(connection, data.data + at, data.len - at, MSG_NOSIGNAL);

		if (sent <= 0)
			break;
		at += (size_t)sent;
	}
	bytes_drop(&data);
}

static inline void corp_talk(int connection, void *ctx)
{
	const struct place *place = ctx;
	char head[8192], path[1024];

	while (server_hear(connection, head, sizeof(head))) {
		FILE *log = fopen(place_path(place, "log"), "ae");

		if (sscanf(head, "GET %1000s", path) != 1)
			return;
		if (log) {
			fprintf(log, "%s\n", path);
			fclose(log);
		}
		corp_answer(connection, place, path);
	}
}

// ---- metadata ----

static inline void corp_sign(struct corp *corp, struct json *document, const char *file)
{
	struct bytes text = {0};
	char below[256];

	MUST(signing_sign(document, corp->key, &corp->why));
	MUST(signing_write(document, &text, &corp->why));
	snprintf(below, sizeof(below), "www/metadata/%s", file);
	corp_write(corp, below, &text);
	bytes_drop(&text);
}

static inline void corp_root(struct corp *corp, const char *class, struct bytes *out)
{
	struct json *key = NULL, *document = NULL;
	struct bytes text = {0}, key_text = {0};
	const char *id = secret_key_id(corp->key);
	char expires[CLOCK_TEXT_LEN], role[160];

	clock_write(CORP_NOW + CORP_LIFE, expires);
	snprintf(role, sizeof(role), "{\"keyids\":[\"%s\"],\"threshold\":1}", id);
	MUST(secret_key_public_json(corp->key, &key, &corp->why));
	MUST(json_write(key, false, &key_text, &corp->why));
	MUST(bytes_format(
		&text, &corp->why,
		"{\"signatures\":[],\"signed\":{\"_type\":\"root\",\"spec_version\":"
		"\"1.0.31\",\"version\":1,\"expires\":\"%s\",\"consistent_snapshot\":true,"
		"\"x-bpfseal-class\":\"%s\",\"keys\":{\"%s\":%s},\"roles\":{\"root\":%s,"
		"\"timestamp\":%s,\"snapshot\":%s,\"targets\":%s}}}",
		expires, class, id, bytes_text(&key_text), role, role, role, role));
	MUST(json_parse(text.data, text.len, "root", &document, &corp->why));
	MUST(signing_sign(document, corp->key, &corp->why));
	MUST(signing_write(document, out, &corp->why));
	json_free(document);
	json_free(key);
	bytes_drop(&text);
	bytes_drop(&key_text);
}

static inline void corp_delegations(struct corp *corp, struct json *targets)
{
	struct json *key = NULL, *delegations = NULL, *inner = NULL;
	struct bytes text = {0}, key_text = {0};
	const char *id = secret_key_id(corp->key);

	MUST(secret_key_public_json(corp->key, &key, &corp->why));
	MUST(json_write(key, false, &key_text, &corp->why));
	MUST(bytes_format(
		&text, &corp->why,
		"{\"keys\":{\"%s\":%s},\"roles\":[{\"name\":\"net\",\"keyids\":[\"%s\"],"
		"\"threshold\":1,\"terminating\":true,\"paths\":[\"net/*/*\",\"deny/*\"]}]}",
		id, bytes_text(&key_text), id));
	MUST(json_parse(text.data, text.len, "delegations", &delegations, &corp->why));
	MUST(signing_part(targets, "signed", &inner, &corp->why));
	MUST(json_put(inner, "delegations", delegations, &corp->why));
	json_free(key);
	bytes_drop(&text);
	bytes_drop(&key_text);
}

static inline void corp_publish_index(struct corp *corp)
{
	struct bytes text = {0};
	struct sha256 digest;
	char hex[SHA256_HEX], below[256];

	MUST(index_write(corp->index, &text, &corp->why));
	MUST(sha256_of(text.data, text.len, &digest, &corp->why));
	sha256_hex(&digest, hex);
	snprintf(below, sizeof(below), "www/targets/net/count/%s.index.json", hex);
	corp_write(corp, below, &text);
	MUST(signing_set_target(corp->net, "net/count/index.json", (int64_t)text.len, &digest, NULL,
				&corp->why));
	bytes_drop(&text);
}

static inline void corp_set_version(struct corp *corp, struct json *document, int64_t version)
{
	struct json *inner = NULL;

	MUST(signing_part(document, "signed", &inner, &corp->why));
	MUST(json_put_int(inner, "version", version, &corp->why));
	MUST(signing_clear(document, &corp->why));
}

// Signs and serves everything, one version up.
static inline void corp_publish(struct corp *corp)
{
	struct json *targets = NULL, *snapshot = NULL, *timestamp = NULL;
	int64_t v = ++corp->version, expires = CORP_NOW + CORP_LIFE;
	char file[64];

	if (corp->index)
		corp_publish_index(corp);
	corp_set_version(corp, corp->net, v);
	snprintf(file, sizeof(file), "%lld.net.json", (long long)v);
	corp_sign(corp, corp->net, file);
	MUST(signing_new_targets(v, expires, &targets, &corp->why));
	corp_delegations(corp, targets);
	snprintf(file, sizeof(file), "%lld.targets.json", (long long)v);
	corp_sign(corp, targets, file);
	MUST(signing_new_snapshot(v, expires, &snapshot, &corp->why));
	MUST(signing_set_meta(snapshot, "targets.json", v, NULL, 0, &corp->why));
	MUST(signing_set_meta(snapshot, "net.json", v, NULL, 0, &corp->why));
	snprintf(file, sizeof(file), "%lld.snapshot.json", (long long)v);
	corp_sign(corp, snapshot, file);
	MUST(signing_new_timestamp(v, expires, &timestamp, &corp->why));
	MUST(signing_set_meta(timestamp, "snapshot.json", v, NULL, 0, &corp->why));
	corp_sign(corp, timestamp, "timestamp.json");
	json_free(targets);
	json_free(snapshot);
	json_free(timestamp);
}

// ---- bundles ----

static inline void corp_bundle_bytes(struct corp *corp, const char *version, const char *object,
				     struct bytes *out)
{
	struct manifest_program program = {
		.object = (char *)(uintptr_t) "count.bpf.o",
		.entry = (char *)(uintptr_t) "count",
		.hook = HOOK_XDP,
		.linkage = LINK_WRAP,
		.continue_on = {2},
		.continue_count = 1,
	};
	struct manifest manifest = {
		.publisher = (char *)(uintptr_t) "net",
		.name = (char *)(uintptr_t) "count",
		.version = (char *)(uintptr_t)version,
		.description = (char *)(uintptr_t) "for a test",
		.license = (char *)(uintptr_t) "GPL",
		.programs = &program,
		.program_count = 1,
		.compiler = (char *)(uintptr_t) "",
		.source_sha256 = (char *)(uintptr_t) "",
	};
	struct bundle_member member = {.name = (char *)(uintptr_t) "count.bpf.o"};

	MUST(bytes_append_text(&member.data, object, &corp->why));
	MUST(sha256_of(object, strlen(object), &member.sha256, &corp->why));
	MUST(bundle_write(&manifest, &member, 1, out, &corp->why));
	for (size_t i = 0; i < manifest.file_count; i++)
		free(manifest.files[i].name);
	free(manifest.files);
	bytes_drop(&member.data);
}

// The custom of a bundle, as its publisher signs it.
static inline struct json *corp_custom(struct corp *corp, const struct bytes *bundle_data)
{
	struct bundle *bundle = NULL;
	struct json *inner = NULL, *custom = json_make_object();

	MUST(bundle_read(bundle_data->data, bundle_data->len, &bundle, &corp->why));
	MUST(bundle_custom(bundle, &inner, &corp->why));
	MUST(json_put(custom, "bpfseal", inner, &corp->why));
	bundle_free(bundle);
	return custom;
}

static inline void corp_served_bundle(const char *version, const struct sha256 *digest,
				      char below[static 256])
{
	char hex[SHA256_HEX];

	sha256_hex(digest, hex);
	snprintf(below, 256, "www/targets/net/count/%s.%s.bundle", hex, version);
}

// Adds net/count VERSION with this object; `custom_of` is the object whose members are signed, usually the same.
static inline struct sha256 corp_add(struct corp *corp, const char *version, const char *object,
				     const char *custom_of)
{
	struct bytes data = {0}, other = {0};
	struct sha256 digest;
	char below[256], path[128];

	corp_bundle_bytes(corp, version, object, &data);
	corp_bundle_bytes(corp, version, custom_of, &other);
	MUST(sha256_of(data.data, data.len, &digest, &corp->why));
	corp_served_bundle(version, &digest, below);
	corp_write(corp, below, &data);
	snprintf(path, sizeof(path), "net/count/%s.bundle", version);
	MUST(signing_set_target(corp->net, path, (int64_t)data.len, &digest,
				corp_custom(corp, &other), &corp->why));
	MUST(index_add(corp->index, version, path, &digest, "released", &corp->why));
	bytes_drop(&data);
	bytes_drop(&other);
	return digest;
}

// ---- the node ----

static inline void corp_node(struct corp *corp, const char *url, const char *versions)
{
	char text[2048];

	snprintf(text, sizeof(text),
		 "{\"repositories\":{\"corp\":{\"url\":\"%s\"}},\"interfaces\":{\"eth0\":"
		 "{\"xdp\":[%s]}}}",
		 url, versions);
	place_write(&corp->place, "node/etc/bpfseal/node.json", text);
}

static inline void corp_use(struct corp *corp, const char *version)
{
	char use[128];

	snprintf(use, sizeof(use), "{\"use\":\"net/count\",\"version\":\"%s\"}", version);
	corp_node(corp, corp->server.url, use);
}

static inline void corp_pin(struct corp *corp, const char *class)
{
	struct pin pin = {.url = corp->server.url, .class = (char *)(uintptr_t) class};
	struct bytes root = {0};

	MUST(file_read(place_path(&corp->place, "www/metadata/1.root.json"), 1 << 20, &root,
		       &corp->why));
	MUST(pin_fingerprint(root.data, root.len, &pin.fingerprint, &corp->why));
	MUST(pin_write(place_path(&corp->place, "node"), "corp", &pin, root.data, root.len,
		       &corp->why));
	bytes_drop(&root);
}

static inline void corp_make(struct corp *corp, const char *class)
{
	static const char *const directories[] = {"www/metadata", "www/targets/net/count",
						  "node/etc/bpfseal", "node/var/lib/bpfseal/store"};
	struct bytes root = {0};

	*corp = (struct corp){0};
	place_make(&corp->place);
	for (size_t i = 0; i < sizeof(directories) / sizeof(*directories); i++) {
		int fd;

		MUST(dir_make(place_path(&corp->place, directories[i]), 0755, &fd, &corp->why));
		close(fd);
	}
	MUST(secret_key_new(&corp->key, &corp->why));
	corp_root(corp, class, &root);
	corp_write(corp, "www/metadata/1.root.json", &root);
	bytes_drop(&root);
	MUST(signing_new_targets(1, CORP_NOW + CORP_LIFE, &corp->net, &corp->why));
	MUST(index_new("net/count", &corp->index, &corp->why));
	server_start(&corp->server, corp_talk, &corp->place);
	corp_pin(corp, "private");
}

static inline void corp_end(struct corp *corp)
{
	server_stop(&corp->server);
	secret_key_free(corp->key);
	json_free(corp->net);
	index_free(corp->index);
	place_remove(&corp->place);
}

// The requests since the last call, one a line, without the digest before a bundle's name.
static inline void corp_expect_log(struct corp *corp, const char *expected)
{
	struct bytes log = {0};
	struct fault why = {0};

	if (file_read(place_path(&corp->place, "log"), 1 << 20, &log, &why))
		assert_int_equal(why.code, FAULT_NOT_FOUND);
	assert_string_equal(bytes_text(&log), expected);
	unlink(place_path(&corp->place, "log"));
	bytes_drop(&log);
}

static inline bool corp_has_blob(const struct corp *corp, const struct sha256 *digest)
{
	char hex[SHA256_HEX], below[256];

	sha256_hex(digest, hex);
	snprintf(below, sizeof(below), "node/var/lib/bpfseal/store/blobs/%s", hex);
	return place_has(&corp->place, below);
}
