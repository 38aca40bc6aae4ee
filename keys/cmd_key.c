// SPDX-License-Identifier: Apache-2.0
#include "keys/cmd_key.h"

#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/ceremony.h"
#include "keys/keyfile.h"

static int cost_of(const struct cli *cli, enum keyfile_cost *out, struct fault *why)
{
	const char *text = cli_value(cli, "--kdf");

	*out = KEYFILE_MODERATE;
	return text ? keyfile_cost_read(text, out, why) : 0;
}

// The new passphrase, or NULL with --no-passphrase.
static int new_passphrase(const struct cli *cli, struct passphrase_source *source, const char *path,
			  struct passphrase **out, struct fault *why)
{
	*out = NULL;
	if (!cli_has(cli, "--no-passphrase"))
		return passphrase_ask_new(source, path, out, why);
	if (cli_has(cli, "--kdf"))
		return fault_set(why, FAULT_USAGE, "--kdf has no effect with --no-passphrase");
	return 0;
}

static int refuse_existing(const char *path, struct fault *why)
{
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
		return 0;
	fault_set(why, FAULT_USAGE, "%s exists already and is never overwritten", path);
	return fault_fix(why, "give another name, or move the old key away yourself");
}

// The public half first: a run that is cut off leaves no secret that nobody can name.
static int pair_write(const struct secret_key *key, const char *path, const char *pub_path,
		      const struct passphrase *passphrase, enum keyfile_cost cost,
		      struct fault *why)
{
	OWNED(json_drop) struct json *object = NULL;
	OWNED(bytes_drop) struct bytes text = {0};

	if (secret_key_public_json(key, &object, why) != 0 ||
	    json_write(object, false, &text, why) != 0 ||
	    file_create(pub_path, text.data, text.len, 0644, why) != 0)
		return -1;
	if (secret_key_write_cost(key, path, passphrase, cost, false, why) == 0)
		return 0;
	unlink(pub_path);
	return -1;
}

static int key_document(const struct cli *cli, const char *path, const char *id,
			struct json *object, struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();

	cli_say(cli, "key id %s", id);
	if (json_put(document, "key", json_keep(object), why) != 0 ||
	    json_put_text(document, "file", path, why) != 0 ||
	    json_put_text(document, "id", id, why) != 0)
		return -1;
	*out = HAND_OVER(document);
	return 0;
}

int cmd_key_new(struct cli *cli, struct fault *why)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	OWNED(passphrase_drop) struct passphrase *passphrase = NULL;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(bytes_drop) struct bytes pub_path = {0};
	OWNED(json_drop) struct json *object = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const char *path = cli_arg(cli, 0);
	enum keyfile_cost cost;

	if (bytes_format(&pub_path, why, "%s.pub", path) != 0 || cost_of(cli, &cost, why) != 0 ||
	    refuse_existing(path, why) != 0 || refuse_existing(bytes_text(&pub_path), why) != 0 ||
	    passphrase_source_of(cli, &source, why) != 0 ||
	    new_passphrase(cli, source, path, &passphrase, why) != 0 ||
	    secret_key_new(&key, why) != 0 ||
	    pair_write(key, path, bytes_text(&pub_path), passphrase, cost, why) != 0 ||
	    secret_key_public_json(key, &object, why) != 0)
		return -1;
	cli_say(cli, "secret key %s (%s)", path, passphrase ? "locked" : "NOT locked");
	cli_say(cli, "public key %s", bytes_text(&pub_path));
	if (key_document(cli, path, secret_key_id(key), object, &document, why) != 0 ||
	    json_put_text(document, "public_file", bytes_text(&pub_path), why) != 0 ||
	    json_put_bool(document, "locked", passphrase != NULL, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.key/1", HAND_OVER(document), why);
}

static int show_secret(struct cli *cli, const char *path, struct fault *why)
{
	OWNED(json_drop) struct json *object = NULL;
	OWNED(json_drop) struct json *document = NULL;
	struct keyfile_head head;

	if (keyfile_peek(path, &head, why) != 0 ||
	    keyfile_public_json(head.public_key, &object, why) != 0)
		return -1;
	if (head.locked)
		cli_say(cli,
			"secret key, ed25519, locked (argon2id, %" PRIu32 " passes, %" PRIu64
			" MiB)",
			head.passes, head.memory >> 20);
	else
		cli_say(cli, "secret key, ed25519, NOT locked");
	if (key_document(cli, path, head.id, object, &document, why) != 0 ||
	    json_put_bool(document, "secret", true, why) != 0 ||
	    json_put_bool(document, "locked", head.locked, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.key/1", HAND_OVER(document), why);
}

static int show_public(struct cli *cli, const char *path, struct fault *why)
{
	OWNED(public_key_drop) struct public_key key = {0};
	OWNED(json_drop) struct json *document = NULL;

	if (public_key_read(path, &key, why) != 0)
		return -1;
	cli_say(cli, "public key, %s", json_text(json_member(key.object, "keytype")));
	if (key_document(cli, path, key.id, key.object, &document, why) != 0 ||
	    json_put_bool(document, "secret", false, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.key/1", HAND_OVER(document), why);
}

int cmd_key_show(struct cli *cli, struct fault *why)
{
	const char *path = cli_arg(cli, 0);

	if (keyfile_is_at(path))
		return show_secret(cli, path, why);
	return show_public(cli, path, why);
}

int cmd_key_passwd(struct cli *cli, struct fault *why)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	OWNED(passphrase_drop) struct passphrase *passphrase = NULL;
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	OWNED(json_drop) struct json *object = NULL;
	OWNED(json_drop) struct json *document = NULL;
	const char *path = cli_arg(cli, 0);
	enum keyfile_cost cost;

	if (cost_of(cli, &cost, why) != 0 || passphrase_source_of(cli, &source, why) != 0 ||
	    secret_key_open_from(source, path, &key, why) != 0 ||
	    new_passphrase(cli, source, path, &passphrase, why) != 0 ||
	    secret_key_write_cost(key, path, passphrase, cost, true, why) != 0 ||
	    secret_key_public_json(key, &object, why) != 0)
		return -1;
	cli_say(cli, "secret key %s (%s)", path, passphrase ? "locked anew" : "NOT locked");
	if (key_document(cli, path, secret_key_id(key), object, &document, why) != 0 ||
	    json_put_bool(document, "locked", passphrase != NULL, why) != 0)
		return -1;
	return cli_document(cli, "bpfseal.key/1", HAND_OVER(document), why);
}
