// SPDX-License-Identifier: Apache-2.0
#include "repod/release.h"

#include <string.h>

#include "base/owned.h"
#include "keys/canon.h"
#include "keys/keyfile.h"
#include "keys/snapshot.h"
#include "repod/vouch.h"

// ---- names ----

bool release_unquote(const char *quoted, char *out, size_t room)
{
	size_t at = 0;

	for (; *quoted; quoted++) {
		unsigned char byte = (unsigned char)*quoted;

		if (byte == '%') {
			char hex[3] = {quoted[1], quoted[1] ? quoted[2] : '\0', '\0'};
			// Our hex reader takes lower case only; RFC 3986 takes both.
			for (int i = 0; i < 2; i++)
				if (hex[i] >= 'A' && hex[i] <= 'F')
					hex[i] = (char)(hex[i] - 'A' + 'a');
			if (hex_read(hex, &byte, 1) || !byte)
				return false;
			quoted += 2;
		}
		if (at + 1 >= room)
			return false;
		out[at++] = (char)byte;
	}
	out[at] = '\0';
	return true;
}

bool release_file_split(const char *file, int64_t *version, char role[static RELEASE_ROLE_MAX])
{
	size_t len = strlen(file), digits;

	if (len <= 5 || len >= RELEASE_ROLE_MAX || strcmp(file + len - 5, ".json") != 0)
		return false;
	*version = 0;
	if (strcmp(file, "timestamp.json") == 0) {
		snprintf(role, RELEASE_ROLE_MAX, "timestamp");
		return true;
	}
	digits = strspn(file, "0123456789");
	if (!digits || digits > 16 || file[0] == '0' || file[digits] != '.' ||
	    len - 5 <= digits + 1)
		return false;
	*version = strtoll(file, NULL, 10);
	memcpy(role, file + digits + 1, len - 5 - digits - 1);
	role[len - 5 - digits - 1] = '\0';
	return true;
}

// ---- making ----

void release_free(struct release *release)
{
	if (!release || __atomic_sub_fetch(&release->references, 1, __ATOMIC_ACQ_REL))
		return;
	for (size_t i = 0; i < release->role_count; i++)
		free(release->roles[i].name);
	free(release->roles);
	free(release->keys);
	bytes_drop(&release->root);
	bytes_drop(&release->timestamp);
	bytes_drop(&release->snapshot);
	free(release);
}

struct release *release_keep(struct release *release)
{
	__atomic_add_fetch(&release->references, 1, __ATOMIC_RELAXED);
	return release;
}

static int add_key(struct release *release, const char *id, const unsigned char key[32],
		   struct fault *why)
{
	struct release_key *more;

	if (strlen(id) != 64 || release_knows(release, id))
		return 0;
	more = reallocarray(release->keys, release->key_count + 1, sizeof(*more));
	if (!more)
		return fault_set(why, FAULT_OTHER, "out of memory");
	release->keys = more;
	memcpy(more[release->key_count].id, id, 65);
	memcpy(more[release->key_count++].key, key, 32);
	return 0;
}

static int own_id(const unsigned char key[32], char hex[static SHA256_HEX], struct fault *why)
{
	OWNED(json_drop) struct json *object = NULL;
	OWNED(bytes_drop) struct bytes canon = {0};
	struct sha256 id;

	if (keyfile_public_json(key, &object, why) || canon_write(object, &canon, why) ||
	    sha256_of(canon.data, canon.len, &id, why))
		return -1;
	sha256_hex(&id, hex);
	return 0;
}

// Which of the keys that a document lists belong to publishers is the client's verdict, not ours.
static int add_keys(struct release *release, const struct client *client, const struct json *keys,
		    struct fault *why)
{
	struct json_walk walk = {0};

	while (json_next(keys, &walk)) {
		const char *type = json_text(json_member(walk.value, "keytype"));
		const char *hex =
			json_text(json_member(json_member(walk.value, "keyval"), "public"));
		unsigned char key[32];
		char id[SHA256_HEX];

		if (!type || strcmp(type, "ed25519") != 0 || !hex || hex_read(hex, key, 32) ||
		    !client_knows_publisher(client, key))
			continue;
		if (own_id(key, id, why) || add_key(release, id, key, why) ||
		    add_key(release, walk.key, key, why))
			return -1;
	}
	return 0;
}

static int take_top(void *ctx, const char *role, int64_t version, const void *data, size_t len,
		    struct fault *why)
{
	struct release *release = ctx;

	(void)version;
	if (strcmp(role, "root") == 0)
		return bytes_append(&release->root, data, len, why);
	if (strcmp(role, "snapshot") == 0)
		return bytes_append(&release->snapshot, data, len, why);
	if (strcmp(role, "timestamp") != 0)
		return 0;
	if (sha256_of(data, len, &release->timestamp_sha256, why))
		return -1;
	return bytes_append(&release->timestamp, data, len, why);
}

static int add_role(struct release *release, const struct snapshot_entry *entry, struct fault *why)
{
	struct release_role *role = &release->roles[release->role_count];
	size_t len = strlen(entry->file);

	if (len <= 5)
		return fault_set(why, FAULT_FORMAT, "the snapshot lists \"%s\"", entry->file);
	role->name = strndup(entry->file, len - 5);
	if (!role->name)
		return fault_set(why, FAULT_OTHER, "out of memory");
	release->role_count++;
	role->version = entry->meta.version;
	role->meta = entry->meta;
	return 0;
}

static int role_order(const void *a, const void *b)
{
	const struct release_role *left = a, *right = b;

	return strcmp(left->name, right->name);
}

static int take_snapshot(struct release *release, struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;
	OWNED(snapshot_drop) struct snapshot *snapshot = NULL;

	if (!release->snapshot.len)
		return 0;
	if (role_parse("snapshot", release->snapshot.data, release->snapshot.len, &role, why) ||
	    snapshot_parse(role, &snapshot, why))
		return -1;
	(void)HAND_OVER(role);
	release->roles = calloc(snapshot->count + 1, sizeof(*release->roles));
	if (!release->roles)
		return fault_set(why, FAULT_OTHER, "out of memory");
	for (size_t i = 0; i < snapshot->count; i++)
		if (add_role(release, &snapshot->entries[i], why))
			return -1;
	qsort(release->roles, release->role_count, sizeof(*release->roles), role_order);
	return 0;
}

static struct release_role *find_role(const struct release *release, const char *name)
{
	struct release_role wanted = {.name = (char *)name};

	return release->role_count ? bsearch(&wanted, release->roles, release->role_count,
					     sizeof(wanted), role_order)
				   : NULL;
}

static int take_targets(struct release *release, const struct client *client, struct fault *why)
{
	const struct targets *targets;

	for (size_t i = 0; (targets = client_targets(client, i)); i++) {
		const struct json *delegations = json_member(targets->role->body, "delegations");
		struct release_role *role = find_role(release, targets->name);

		if (role) {
			release->checked += !role->verified;
			role->verified = true;
			role->leaf = !targets->bins && !targets->delegation_count;
		}
		if (add_keys(release, client, json_member(delegations, "keys"), why))
			return -1;
	}
	return 0;
}

// What was passed over is as it was. It has no delegations, so no keys either.
static void take_vouched(struct release *release, const struct vouch *vouch)
{
	for (size_t i = 0; i < release->role_count; i++) {
		struct release_role *role = &release->roles[i];

		if (!role->verified && vouch_used(vouch, role->name))
			role->verified = role->leaf = true;
	}
}

static int take_root_keys(struct release *release, const struct client *client, struct fault *why)
{
	OWNED(json_drop) struct json *document = NULL;

	if (json_parse(release->root.data, release->root.len, "root", &document, why))
		return -1;
	return add_keys(release, client, json_member(json_member(document, "signed"), "keys"), why);
}

int release_new(const struct client *client, const struct vouch *vouch, struct release **out,
		struct fault *why)
{
	OWNED(release_drop) struct release *release = calloc(1, sizeof(*release));

	if (!release)
		return fault_set(why, FAULT_OTHER, "out of memory");
	release->references = 1;
	client_versions(client, &release->versions);
	if (client_roles(client, take_top, release, why) || take_root_keys(release, client, why) ||
	    take_snapshot(release, why) || take_targets(release, client, why))
		return -1;
	if (vouch)
		take_vouched(release, vouch);
	*out = HAND_OVER(release);
	return 0;
}

// ---- questions ----

const struct release_role *release_role(const struct release *release, const char *role)
{
	return find_role(release, role);
}

bool release_shows(const struct release *release, const char *role, int64_t version)
{
	const struct release_role *listed;

	if (strcmp(role, "timestamp") == 0)
		return version == 0 && release->versions.timestamp > 0;
	if (version < 1)
		return false;
	if (strcmp(role, "root") == 0)
		return version <= release->versions.root;
	if (strcmp(role, "snapshot") == 0)
		return version <= release->versions.snapshot;
	listed = release_role(release, role);
	return listed && version <= listed->version;
}

const unsigned char *release_knows(const struct release *release, const char *key_id)
{
	for (size_t i = 0; i < release->key_count; i++)
		if (strcmp(release->keys[i].id, key_id) == 0)
			return release->keys[i].key;
	return NULL;
}

int release_meta(const struct release *release, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *snapshot = NULL;
	const struct json *body, *meta;

	if (!release->snapshot.len) {
		*out = json_make_object();
		return *out ? 0 : fault_set(why, FAULT_OTHER, "out of memory");
	}
	if (json_parse(release->snapshot.data, release->snapshot.len, "snapshot", &snapshot, why) ||
	    json_need_object(snapshot, "signed", &body, why) ||
	    json_need_object(body, "meta", &meta, why))
		return -1;
	return json_clone(meta, out, why);
}
