// SPDX-License-Identifier: Apache-2.0
#include "fetch/source.h"

#include <stdbool.h>

#include "base/json.h"
#include "base/owned.h"

static int source_fetch(void *ctx, const char *file, size_t max, struct bytes *out,
			struct fault *why)
{
	const struct source *source = ctx;
	OWNED(bytes_drop) struct bytes path = {0};

	if (!source->download)
		return fault_set(why, FAULT_NETWORK, "no repository to ask for %s", file);
	// `file` comes quoted from the client: it is a URL path as it stands.
	if (bytes_format(&path, why, "%s%s", source->prefix, file))
		return -1;
	return download_get(source->download, bytes_text(&path), max, out, why);
}

static int source_load(void *ctx, const char *role, struct bytes *out, struct fault *why)
{
	struct source *source = ctx;

	return local_load(&source->local, role, out, why);
}

static int source_keep(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		       struct fault *why)
{
	struct source *source = ctx;

	return local_keep(&source->local, role, version, data, len, why);
}

struct client_io source_io(struct source *source)
{
	return (struct client_io){
		.ctx = source,
		.fetch = source_fetch,
		.load = source_load,
		.keep = source_keep,
	};
}

int source_target(struct download *download, const char *prefix, const struct target *target,
		  bool consistent, size_t max, struct bytes *out, struct fault *why)
{
	OWNED(drop_heap) char *file = NULL;
	OWNED(bytes_drop) struct bytes path = {0};
	OWNED(bytes_drop) struct bytes data = {0};

	if (target->length < 0 || (uint64_t)target->length > max)
		return fault_set(why, FAULT_TOO_LARGE,
				 "%s is signed with %lld bytes; %zu is the limit", target->path,
				 (long long)target->length, max);
	if (target_file(target, consistent, &file, why) || bytes_append_text(&path, prefix, why) ||
	    download_quote(file, &path, why))
		return -1;
	if (download_get(download, bytes_text(&path), (size_t)target->length, &data, why))
		return fault_within(why, "cannot fetch %s", target->path);
	if (target_check(target, data.data, data.len, why))
		return fault_within(why, "%s is not what was signed", target->path);
	return bytes_append(out, data.data, data.len, why);
}

int source_is_consistent(struct source *source, bool *out, struct fault *why)
{
	OWNED(bytes_drop) struct bytes root = {0};
	OWNED(json_drop) struct json *document = NULL;

	if (local_load(&source->local, "root", &root, why) ||
	    json_parse(root.data, root.len, "root.json", &document, why))
		return -1;
	*out = json_bool(json_member(json_member(document, "signed"), "consistent_snapshot"));
	return 0;
}
