// SPDX-License-Identifier: Apache-2.0
#include "tests/kernel/stock.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "bpf/bundle.h"
#include "bpf/custom.h"
#include "bpf/deny.h"
#include "bpf/index.h"
#include "bpf/pack.h"
#include "keys/pin.h"
#include "keys/signing.h"
#include "loader/apply.h"
#include "loader/decide.h"
#include "loader/fallback.h"
#include "loader/restore.h"
#include "loader/rollback.h"
#include "loader/scan.h"

#define MUST(call)                                 \
	do {                                       \
		struct fault why = {0};            \
		if (call) {                        \
			fault_print(&why, stderr); \
			fail_msg("%s", #call);     \
		}                                  \
	} while (0)

static struct json *stock_root(const struct stock *stock)
{
	static const char *const roles[] = {"root", "targets", "snapshot", "timestamp"};
	struct json *root = NULL, *signed_part = NULL, *key = NULL, *keys = json_make_object(),
		    *all = json_make_object();
	const char *id = secret_key_id(stock->key);

	MUST(signing_new("root", 1, STOCK_NOW + 400 * STOCK_LIFE, &root, &why));
	MUST(signing_part(root, "signed", &signed_part, &why));
	MUST(secret_key_public_json(stock->key, &key, &why));
	MUST(json_put(keys, id, key, &why));
	for (size_t i = 0; i < 4; i++) {
		struct json *role = json_make_object(), *ids = json_make_array();

		MUST(json_add(ids, json_make_text(id), &why));
		MUST(json_put(role, "keyids", ids, &why));
		MUST(json_put_int(role, "threshold", 1, &why));
		MUST(json_put(all, roles[i], role, &why));
	}
	MUST(json_put(signed_part, "keys", keys, &why));
	MUST(json_put(signed_part, "roles", all, &why));
	MUST(json_put_bool(signed_part, "consistent_snapshot", true, &why));
	return root;
}

static void stock_sign(const struct stock *stock, struct json *document, struct bytes *out)
{
	MUST(signing_sign(document, stock->key, &why));
	MUST(signing_write(document, out, &why));
}

static int stock_dir(const struct ground *ground, const char *path)
{
	char whole[256];
	int fd = -1;

	snprintf(whole, sizeof(whole), "%s%s", ground->root, path);
	MUST(dir_make(whole, 0755, &fd, &why));
	return fd;
}

void stock_up(struct stock *stock, const struct ground *ground)
{
	OWNED(json_drop) struct json *root = NULL;
	struct pin pin = {.url = (char[]){"https://repo.test"},
			  .class = (char[]){"private"},
			  .pinned_at = STOCK_NOW};

	memset(stock, 0, sizeof(*stock));
	stock->ground = ground;
	ground_sh("chmod 755 %s", ground->root);
	stock->store_dirfd = stock_dir(ground, "/var/lib/bpfseal/store");
	close(stock_dir(ground, "/var/lib/bpfseal/store/blobs"));
	close(stock_dir(ground, "/var/lib/bpfseal/store/repo/" STOCK_REPO "/sets"));
	stock->loader_dirfd = stock_dir(ground, "/var/lib/bpfseal-loader");
	stock->trust_dirfd = stock_dir(ground, "/var/lib/bpfseal-loader/trust");
	stock->objects_dirfd = stock_dir(ground, "/var/lib/bpfseal-loader/objects");
	close(stock_dir(ground, "/etc/bpfseal/trust"));
	MUST(secret_key_new(&stock->key, &why));
	root = stock_root(stock);
	stock_sign(stock, root, &stock->root);
	MUST(pin_fingerprint(stock->root.data, stock->root.len, &pin.fingerprint, &why));
	MUST(pin_write(ground->root, STOCK_REPO, &pin, stock->root.data, stock->root.len, &why));
	MUST(signing_new_targets(1, STOCK_NOW + 30 * STOCK_LIFE, &stock->targets, &why));
}

void stock_down(struct stock *stock)
{
	secret_key_free(stock->key);
	json_free(stock->targets);
	bytes_drop(&stock->root);
	drop_fd(&stock->store_dirfd);
	drop_fd(&stock->loader_dirfd);
	drop_fd(&stock->trust_dirfd);
	drop_fd(&stock->objects_dirfd);
	node_free(stock->node);
}

static void stock_blob(const struct stock *stock, const void *data, size_t len)
{
	OWNED(drop_fd) int fd = -1;
	struct sha256 digest;
	char name[SHA256_HEX];

	MUST(sha256_of(data, len, &digest, &why));
	sha256_hex(&digest, name);
	MUST(dir_open_at(stock->store_dirfd, "blobs", &fd, &why));
	MUST(file_store_at(fd, name, data, len, 0644, &why));
}

static void stock_target(struct stock *stock, const char *path, const struct bytes *data,
			 struct json *custom)
{
	struct sha256 digest;

	MUST(sha256_of(data->data, data->len, &digest, &why));
	MUST(signing_set_target(stock->targets, path, (int64_t)data->len, &digest, custom, &why));
}

// One version beside those that the index has already.
static void stock_index(struct stock *stock, const struct manifest *manifest, const char *path,
			const struct bytes *bundle)
{
	OWNED(index_drop) struct index *index = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(drop_heap) char *file = NULL;
	char kept[256], name[128];
	struct sha256 digest;
	struct fault ignored = {0};

	snprintf(name, sizeof(name), "%s/%s", manifest->publisher, manifest->name);
	snprintf(kept, sizeof(kept), "%s/%s.index", stock->ground->root, manifest->name);
	if (file_read(kept, INDEX_MAX, &data, &ignored) == 0)
		MUST(index_parse(data.data, data.len, &index, &why));
	else
		MUST(index_new(name, &index, &why));
	bytes_drop(&data);
	MUST(sha256_of(bundle->data, bundle->len, &digest, &why));
	MUST(index_add(index, manifest->version, path, &digest, "released", &why));
	MUST(index_write(index, &data, &why));
	MUST(file_replace(kept, data.data, data.len, 0644, &why));
	MUST(index_path(name, &file, &why));
	stock_blob(stock, data.data, data.len);
	stock_target(stock, file, &data, NULL);
}

void stock_add(struct stock *stock, const char *manifest)
{
	OWNED(bytes_drop) struct bytes packed = {0};
	OWNED(bundle_drop) struct bundle *bundle = NULL;
	OWNED(drop_heap) char *path = NULL;
	struct json *custom = json_make_object(), *ours = NULL;
	struct survey *survey = NULL;
	char source[512];

	snprintf(source, sizeof(source), TEST_SOURCE_DIR "/bpf/%s", manifest);
	MUST(pack_build(source, TEST_BPF_DIR, &packed, &survey, &why));
	survey_free(survey);
	MUST(bundle_read(packed.data, packed.len, &bundle, &why));
	for (size_t i = 0; i < bundle->member_count; i++)
		stock_blob(stock, bundle->members[i].data.data, bundle->members[i].data.len);
	MUST(bundle_custom(bundle, &ours, &why));
	MUST(json_put(custom, "bpfseal", ours, &why));
	MUST(bundle_target_path(bundle->manifest, &path, &why));
	stock_target(stock, path, &packed, custom);
	stock_index(stock, bundle->manifest, path, &packed);
}

void stock_withdraw(struct stock *stock, const char *version)
{
	OWNED(index_drop) struct index *index = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	char kept[256];

	snprintf(kept, sizeof(kept), "%s/count.index", stock->ground->root);
	MUST(file_read(kept, INDEX_MAX, &data, &why));
	MUST(index_parse(data.data, data.len, &index, &why));
	MUST(index_remove(index, version, &why));
	bytes_drop(&data);
	MUST(index_write(index, &data, &why));
	stock_blob(stock, data.data, data.len);
	stock_target(stock, "net/count/index.json", &data, NULL);
}

void stock_deny(struct stock *stock, const struct sha256 *digest)
{
	OWNED(deny_drop) struct deny *deny = NULL;
	OWNED(bytes_drop) struct bytes text = {0};

	MUST(deny_new(&deny, &why));
	if (digest)
		MUST(deny_add(deny, digest, "leaks", STOCK_NOW, &why));
	MUST(deny_write(deny, &text, &why));
	stock_blob(stock, text.data, text.len);
	stock_target(stock, DENY_PATH, &text, NULL);
}

static void stock_file(const struct stock *stock, int dirfd, const char *name,
		       struct json *document, struct bytes *out)
{
	stock_sign(stock, document, out);
	MUST(file_replace_at(dirfd, name, out->data, out->len, 0644, &why));
}

void stock_publish(struct stock *stock, int64_t expires)
{
	OWNED(json_drop) struct json *snapshot = NULL;
	OWNED(json_drop) struct json *timestamp = NULL;
	OWNED(bytes_drop) struct bytes targets = {0};
	OWNED(bytes_drop) struct bytes snapshot_bytes = {0};
	OWNED(bytes_drop) struct bytes timestamp_bytes = {0};
	OWNED(drop_fd) int fd = -1;
	struct json *part;
	char path[128], name[64];

	stock->version++;
	snprintf(path, sizeof(path), "/var/lib/bpfseal/store/repo/" STOCK_REPO "/sets/%012" PRId64,
		 stock->version);
	fd = stock_dir(stock->ground, path);
	MUST(file_replace_at(fd, "1.root.json", stock->root.data, stock->root.len, 0644, &why));
	MUST(signing_part(stock->targets, "signed", &part, &why));
	MUST(json_put_int(part, "version", stock->version, &why));
	MUST(signing_clear(stock->targets, &why));
	snprintf(name, sizeof(name), "%" PRId64 ".targets.json", stock->version);
	stock_file(stock, fd, name, stock->targets, &targets);
	MUST(signing_new_snapshot(stock->version, STOCK_NOW + 20 * STOCK_LIFE, &snapshot, &why));
	MUST(signing_set_meta(snapshot, "targets.json", stock->version, targets.data, targets.len,
			      &why));
	snprintf(name, sizeof(name), "%" PRId64 ".snapshot.json", stock->version);
	stock_file(stock, fd, name, snapshot, &snapshot_bytes);
	MUST(signing_new_timestamp(stock->version, expires, &timestamp, &why));
	MUST(signing_set_meta(timestamp, "snapshot.json", stock->version, snapshot_bytes.data,
			      snapshot_bytes.len, &why));
	stock_file(stock, fd, "timestamp.json", timestamp, &timestamp_bytes);
	snprintf(path, sizeof(path), "sets/%012" PRId64, stock->version);
	stock_point(stock, path);
}

void stock_point(struct stock *stock, const char *target)
{
	ground_sh("ln -sfn %s %s/var/lib/bpfseal/store/repo/" STOCK_REPO "/current", target,
		  stock->ground->root);
}

void stock_damage(struct stock *stock, const struct sha256 *digest)
{
	OWNED(drop_fd) int fd = -1;
	char path[256], name[SHA256_HEX];

	sha256_hex(digest, name);
	snprintf(path, sizeof(path), "%s/var/lib/bpfseal/store/blobs/%s", stock->ground->root,
		 name);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "\xff", 1, 100), 1);
}

void stock_configure(struct stock *stock, const char *chain)
{
	OWNED(bytes_drop) struct bytes text = {0};

	MUST(bytes_format(&text, &why, "\"" GROUND_IFACE "\":{\"xdp\":%s}", chain));
	stock_interfaces(stock, bytes_text(&text));
}

void stock_interfaces(struct stock *stock, const char *interfaces)
{
	OWNED(bytes_drop) struct bytes text = {0};

	node_free(stock->node);
	stock->node = NULL;
	MUST(bytes_format(&text, &why,
			  "{\"repositories\":{\"" STOCK_REPO "\":{\"url\":\"https://repo.test\"}},"
			  "\"interfaces\":{%s},\"policy\":{\"helpers\":[\"base\",\"time\"]}}",
			  interfaces));
	MUST(node_parse(text.data, text.len, "node.json", &stock->node, &why));
}

struct plan_places stock_plan_places(const struct stock *stock)
{
	return (struct plan_places){.node = stock->node,
				    .tree = stock->ground->tree,
				    .loader_dirfd = stock->loader_dirfd};
}

struct admit_places stock_admit_places(const struct stock *stock, int64_t now)
{
	return (struct admit_places){.root = stock->ground->root,
				     .store_dirfd = stock->store_dirfd,
				     .trust_dirfd = stock->trust_dirfd,
				     .objects_dirfd = stock->objects_dirfd,
				     .now = now,
				     .node = stock->node};
}

static int plan_with(struct stock *stock, int64_t now, bool resume, struct admit **admit,
		     struct plan **out, struct fault *why)
{
	const struct admit_places at = stock_admit_places(stock, now);
	struct plan_places places = stock_plan_places(stock);

	places.resume = resume;
	if (scan_all(&places, out, why) || admit_new(&at, admit, why))
		return -1;
	return decide_all(*out, &places, *admit, why);
}

int stock_plan(struct stock *stock, int64_t now, struct plan **out, struct fault *why)
{
	OWNED(admit_drop) struct admit *admit = NULL;

	return plan_with(stock, now, false, &admit, out, why);
}

enum fault_code stock_restore(struct stock *stock, int64_t now, struct plan **out)
{
	const struct plan_places places = stock_plan_places(stock);
	struct restore_copies copies = {.objects_dirfd = stock->objects_dirfd,
					.trust_dirfd = stock->trust_dirfd};
	OWNED(admit_drop) struct admit *admit = NULL;
	struct fault why = {0};

	assert_int_equal(plan_with(stock, now, false, &admit, out, &why), -1);
	copies.admit = admit;
	fallback_plan(*out, &places, &copies);
	return why.code;
}

int stock_rollback(struct stock *stock, int64_t now, const char *iface, struct plan **out,
		   struct fault *why)
{
	const struct admit_places at = stock_admit_places(stock, now);
	const struct plan_places places = stock_plan_places(stock);
	struct restore_copies copies = {.objects_dirfd = stock->objects_dirfd,
					.trust_dirfd = stock->trust_dirfd};
	OWNED(admit_drop) struct admit *admit = NULL;

	if (scan_all(&places, out, why) || admit_new(&at, &admit, why))
		return -1;
	copies.admit = admit;
	return rollback_plan(*out, &places, &copies, iface, now, why);
}

static int64_t no_ticks(void)
{
	return 0;
}

int stock_run(struct stock *stock, struct plan *plan, struct fault *why)
{
	const struct apply_places places = {.node = stock->node,
					    .tree = stock->ground->tree,
					    .loader_dirfd = stock->loader_dirfd,
					    .logs_dirfd = stock->ground->logs_dirfd,
					    .logs_path = stock->ground->logs,
					    .now = STOCK_NOW,
					    .ticks_us = no_ticks};
	OWNED(apply_drop) struct apply apply = {0};

	return apply_plan(&places, plan, &apply, why);
}

int stock_resume(struct stock *stock, int64_t now, struct fault *why)
{
	OWNED(admit_drop) struct admit *admit = NULL;
	OWNED(plan_drop) struct plan *plan = NULL;

	return plan_with(stock, now, true, &admit, &plan, why) || stock_run(stock, plan, why) ? -1
											      : 0;
}

int stock_apply(struct stock *stock, int64_t now, struct fault *why)
{
	OWNED(plan_drop) struct plan *plan = NULL;

	return stock_plan(stock, now, &plan, why) || stock_run(stock, plan, why) ? -1 : 0;
}
