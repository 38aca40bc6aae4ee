// SPDX-License-Identifier: Apache-2.0
#include "repod/home.h"

#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/jail.h"
#include "base/owned.h"
#include "base/program.h"
#include "keys/keyfile.h"
#include "keys/local.h"
#include "keys/pin.h"
#include "keys/root.h"
#include "repod/catalog.h"
#include "repod/channel.h"
#include "repod/committed.h"
#include "repod/signer.h"

#define PUB_FILE   "online.pub"
#define PIN_RECORD "pin.json"
#define ROOT_MAX   512000

// ---- init ----

// A directory of one of our users. Parents that are missing can be read by everybody, as /var/lib is.
static int make_home(const char *path, const char *user, mode_t mode, struct fault *why)
{
	OWNED(drop_heap) char *parent = strdup(path);
	OWNED(drop_fd) int above = -1;
	OWNED(drop_fd) int fd = -1;
	unsigned uid, gid;
	char *slash = parent ? strrchr(parent, '/') : NULL;

	if (!slash)
		return fault_set(why, FAULT_OTHER, "out of memory");
	*slash = '\0';
	if (dir_make(parent, 0755, &above, why) || dir_make_at(above, slash + 1, mode, &fd, why))
		return -1;
	if (geteuid() != 0)
		return 0;
	if (jail_user(user, &uid, &gid, why))
		return -1;
	if (fchown(fd, uid, gid) || fchmod(fd, mode))
		return fault_errno(why, FAULT_OTHER, "cannot give %s to %s", path, user);
	return 0;
}

// In a child that has become the signer's user: makes the online key unless it is there, tells the public part.
static int make_key(int fd, void *ctx, struct fault *why)
{
	const char *dir = ctx;
	OWNED(bytes_drop) struct bytes path = {0}, text = {0};
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(json_drop) struct json *pub = NULL;
	OWNED(drop_fd) int home = -1;

	if (jail_become(USER_SIGNER, 0, why) || dir_open(dir, &home, why) ||
	    bytes_format(&path, why, "%s/%s", dir, SIGNER_KEY_FILE))
		return -1;
	if (secret_key_open_plain(home, SIGNER_KEY_FILE, &key, why)) {
		if (why->code != FAULT_NOT_FOUND)
			return -1;
		fault_clear(why);
		if (secret_key_new(&key, why) ||
		    secret_key_write(key, bytes_text(&path), NULL, 0, why))
			return -1;
	}
	if (secret_key_public_json(key, &pub, why) || json_write(pub, false, &text, why))
		return -1;
	return channel_send(fd, 1, text.data, text.len, why);
}

static int get_key(const char *dir, struct bytes *pub, struct fault *why)
{
	static const int nothing[] = {-1};
	struct child maker;
	bool open = false;
	uint32_t kind;
	int failed;

	if (child_start("key maker", make_key, (void *)dir, nothing, &maker, why))
		return -1;
	failed = channel_receive(maker.fd, 65536, &kind, pub, &open, why);
	child_end(&maker);
	if (!failed && !open)
		failed = fault_set(why, FAULT_OTHER, "the online key could not be made");
	return failed;
}

static int fill_home(const char *state, const struct bytes *pub, struct fault *why)
{
	static const char *const below[] = {STATE_METADATA, STATE_BLOBS, STATE_TRUST};
	OWNED(catalog_drop) struct catalog *catalog = NULL;
	OWNED(bytes_drop) struct bytes path = {0};
	OWNED(drop_fd) int home = -1;

	if (dir_open(state, &home, why))
		return -1;
	for (size_t i = 0; i < 3; i++) {
		OWNED(drop_fd) int fd = -1;

		if (dir_make_at(home, below[i], 0750, &fd, why))
			return -1;
	}
	if (file_replace_at(home, PUB_FILE, pub->data, pub->len, 0644, why) ||
	    bytes_format(&path, why, "%s/%s", state, CATALOG_FILE))
		return -1;
	return catalog_open(bytes_text(&path), true, &catalog, why);
}

int home_init(struct cli *cli, struct fault *why)
{
	OWNED(drop_heap) char *state = NULL;
	OWNED(drop_heap) char *signer = NULL;
	OWNED(bytes_drop) struct bytes pub = {0};
	struct json *document = json_make_object();

	if (cli_path(cli, DIR_REPOD, &state, why) || cli_path(cli, DIR_SIGNER, &signer, why) ||
	    make_home(state, USER_REPOD, 0750, why) || make_home(signer, USER_SIGNER, 0700, why) ||
	    get_key(signer, &pub, why) || jail_become(USER_REPOD, 0, why) ||
	    fill_home(state, &pub, why) || json_put_text(document, "state", state, why)) {
		json_free(document);
		return -1;
	}
	cli_say(cli, "%s is ready", state);
	cli_say(cli, "online key: %s/" PUB_FILE " (name it for snapshot and timestamp in the root)",
		state);
	cli_say(cli, "Next: bpfseal repod pin ROOT.json --fingerprint F");
	return cli_document(cli, "bpfseal.repod.init/1", document, why);
}

// ---- pin ----

static int open_root(const struct bytes *data, struct root **out, struct fault *why)
{
	OWNED(role_drop) struct role *role = NULL;

	if (role_parse("root", data->data, data->len, &role, why) || root_parse(role, out, why))
		return -1;
	(void)HAND_OVER(role);
	if (role_check((*out)->role, "root", &(*out)->roles[ROOT_ROOT], why))
		return fault_within(why, "the root is not signed by its own keys");
	if (!(*out)->consistent_snapshot)
		return fault_set(why, FAULT_POLICY,
				 "the root does not ask for consistent snapshots");
	return 0;
}

// No trust on first use: without the fingerprint it shows what it sees and stops.
static int check_fingerprint(const struct cli *cli, const struct bytes *root, struct fault *why)
{
	const char *text = cli_value(cli, "--fingerprint");
	char have_text[PIN_FINGERPRINT_LEN];
	struct sha256 have, wanted;

	if (pin_fingerprint(root->data, root->len, &have, why))
		return -1;
	pin_fingerprint_write(&have, have_text);
	if (!text) {
		fault_set(why, FAULT_UNTRUSTED, "nothing is pinned without a fingerprint");
		fault_where(why, "%s has %s", cli_arg(cli, 0), have_text);
		return fault_fix(why, "compare it with what the key holders say, then add "
				      "--fingerprint");
	}
	if (pin_fingerprint_read(text, &wanted, why))
		return -1;
	if (!sha256_equal(&have, &wanted)) {
		fault_set(why, FAULT_UNTRUSTED, "the root has another fingerprint");
		return fault_where(why, "%s has %s", cli_arg(cli, 0), have_text);
	}
	return 0;
}

static int check_free(int trust, const struct bytes *root, bool *same, struct fault *why)
{
	OWNED(bytes_drop) struct bytes have = {0};

	*same = false;
	if (file_read_at(trust, STATE_ROOT, ROOT_MAX, &have, why))
		return fault_forgive(why, FAULT_NOT_FOUND);
	*same = have.len == root->len && memcmp(have.data, root->data, root->len) == 0;
	if (*same)
		return 0;
	fault_set(why, FAULT_UNTRUSTED, "another root is pinned for this repository");
	return fault_fix(why, "newer roots are published, not pinned: bpfseal publish");
}

static int write_pin(const char *state, const struct bytes *root, int64_t version,
		     const char *fingerprint, struct fault *why)
{
	OWNED(drop_fd) int home = -1, metadata = -1, trust = -1;
	OWNED(json_drop) struct json *record = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(drop_heap) char *file = NULL;
	bool same;

	if (state_open(state, &home, why) || state_open_at(home, STATE_METADATA, &metadata, why) ||
	    state_open_at(home, STATE_TRUST, &trust, why))
		return -1;
	if (check_free(trust, root, &same, why) || role_file("root", version, &file, why))
		return -1;
	if (json_put_text(record, "schema", "bpfseal.pin/1", why) ||
	    json_put_text(record, "fingerprint", fingerprint, why) ||
	    json_write(record, true, &text, why) ||
	    file_store_at(metadata, file, root->data, root->len, 0440, why) ||
	    file_replace_at(trust, PIN_RECORD, text.data, text.len, 0440, why))
		return -1;
	// Last: from now on it is pinned.
	return same ? 0 : file_replace_at(trust, STATE_ROOT, root->data, root->len, 0440, why);
}

int home_pin(struct cli *cli, struct fault *why)
{
	OWNED(drop_heap) char *state = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	OWNED(root_drop) struct root *root = NULL;
	OWNED(json_drop) struct json *document = json_make_object();
	char text[PIN_FINGERPRINT_LEN];
	struct sha256 fingerprint;

	if (cli_path(cli, DIR_REPOD, &state, why) ||
	    file_read(cli_arg(cli, 0), ROOT_MAX, &data, why) || open_root(&data, &root, why) ||
	    check_fingerprint(cli, &data, why) ||
	    pin_fingerprint(data.data, data.len, &fingerprint, why))
		return -1;
	pin_fingerprint_write(&fingerprint, text);
	if (jail_become(USER_REPOD, 0, why) ||
	    write_pin(state, &data, root->role->version, text, why))
		return -1;
	cli_say(cli, "pinned root %" PRId64 "  %s", root->role->version, text);
	if (json_put_int(document, "version", root->role->version, why) ||
	    json_put_text(document, "fingerprint", text, why))
		return -1;
	return cli_document(cli, "bpfseal.repod.pin/1", HAND_OVER(document), why);
}
