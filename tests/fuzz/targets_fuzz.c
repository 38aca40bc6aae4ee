// SPDX-License-Identifier: Apache-2.0
// keys/targets in a trusted set, and the search through its delegations. First line: one character, '1' the rest is
// signed here and named by a snapshot (else it is the whole file); then the path to look for. Rest: the role.
#include "base/owned.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/scene.h"

#define LOOKS_MAX 64

// Whoever a path is delegated to has somebody to sign for him, and the walk ends.
static void look_up(const struct targets *targets, const char *path)
{
	struct delegate delegate;
	struct target target;
	size_t at = 0, steps = 0;

	if (targets_find(targets, path, &target))
		HOLDS(!strcmp(target.path, path) && target.length >= 0);
	while (targets_delegate(targets, path, &at, &delegate)) {
		HOLDS(delegate.name[0] && targets_authority(targets, delegate.name));
		HOLDS(targets_authority(targets, delegate.name)->threshold >= 1);
		HOLDS(++steps <= targets->delegation_count + 1);
	}
}

static void check_files(const struct targets *targets, const struct json *body)
{
	struct targets_walk walk = {0};
	struct target target;
	struct fault why = {0};
	size_t count = 0;

	while (targets_next(targets, &walk, &target)) {
		// An empty file may be what is signed; none has these bytes.
		HOLDS(target_check(&target, "no file says this", 17, &why) != 0);
		HOLDS(json_member(targets->files, target.path));
		if (count++ < LOOKS_MAX)
			look_up(targets, target.path);
	}
	HOLDS(count == json_count(json_member(body, "targets")));
}

static void check_accepted(const struct targets *targets, const struct json *body, int64_t version,
			   const char *path)
{
	static const unsigned char nobody[32];

	HOLDS(targets->role->version == version && targets->role->expires > SIM_NOW);
	HOLDS(scene_says(targets->role, body));
	check_files(targets, body);
	look_up(targets, path);
	(void)targets_knows_key(targets, nobody);
	HOLDS(!targets_authority(targets, "targets") || targets->bins);
}

static void name_it(struct trust *trust, int64_t version)
{
	OWNED(bytes_drop) struct bytes timestamp = {0};
	OWNED(bytes_drop) struct bytes snapshot = {0};
	bool changed;

	scene_parent("timestamp", "snapshot.json", 2, &timestamp);
	scene_parent("snapshot", "targets.json", version, &snapshot);
	MUST(trust_root_end(trust, &must));
	MUST(trust_timestamp(trust, timestamp.data, timestamp.len, &changed, &must));
	MUST(trust_snapshot(trust, snapshot.data, snapshot.len, &must));
}

static void offer(const struct bytes *file, const struct json *body, const char *path)
{
	OWNED(trust_drop) struct trust *trust = scene_trust();
	const struct targets *targets = NULL;
	int64_t version = json_int(json_member(body, "version"));
	struct fault why = {0};

	if (version < 1 || version > ROLE_INT_MAX)
		version = 1;
	name_it(trust, version);
	if (trust_targets(trust, NULL, "targets", file->data, file->len, &targets, &why)) {
		fuzz_refused(&why);
		HOLDS(!trust_targets_count(trust) && !trust_held(trust, NULL, "targets"));
		return;
	}
	HOLDS(trust_held(trust, NULL, "targets") == targets && trust_targets_count(trust) == 1);
	check_accepted(targets, body, version, path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	OWNED(drop_heap) char *line = fuzz_line(&input);
	const char *path = line[0] ? line + 1 : line;
	OWNED(bytes_drop) struct bytes file = {0};
	OWNED(json_drop) struct json *body = NULL;

	path_matches(path, SIM_TARGET);
	HOLDS(path_matches(path, path) || strpbrk(path, "*?"));
	if (line[0] == '1' && scene_sign_input("targets", input.at, input.left, &body, &file)) {
		offer(&file, body, path);
		return 0;
	}
	file.len = 0;
	MUST(bytes_append(&file, input.at, input.left, &must));
	offer(&file, scene_body("targets"), path);
	return 0;
}
