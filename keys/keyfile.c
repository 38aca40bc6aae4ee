// SPDX-License-Identifier: Apache-2.0
#include "keys/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/canon.h"

_Static_assert(crypto_sign_SEEDBYTES == 32, "the file holds a seed of 32 bytes");
_Static_assert(crypto_sign_PUBLICKEYBYTES == 32, "the file holds a public key of 32 bytes");
_Static_assert(crypto_sign_BYTES == 64, "a signature has 64 bytes");
_Static_assert(crypto_pwhash_SALTBYTES == 16, "the file holds a salt of 16 bytes");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == 24, "the file holds 24 nonce bytes");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == 16, "a seal adds 16 bytes");

#define SEED_SIZE 32
#define TRIES	  3 // at a terminal

static const char magic[8] = {'b', 'p', 'f', 's', 'k', 'e', 'y', '1'};

enum {
	AT_ALGORITHM = 8,
	AT_KDF = 9,
	AT_ZERO = 10,
	AT_PASSES = 12,
	AT_MEMORY = 16,
	AT_SALT = 24,
	AT_NONCE = 40,
	AT_PUBLIC = 64,
	AT_ID = 96
};
enum { ALGORITHM_ED25519 = 1 };
enum { KDF_NONE = 0, KDF_ARGON2ID = 1 };

struct secret_key {
	unsigned char public_key[crypto_sign_PUBLICKEYBYTES];
	unsigned char secret[crypto_sign_SECRETKEYBYTES];
	char id[65];
};

// Locked memory that sodium_free wipes: for the file image, the seed and the derived key.
static void drop_locked(unsigned char **memory)
{
	sodium_free(*memory);
	*memory = NULL;
}

static int locked_new(size_t len, unsigned char **out, struct fault *why)
{
	if (sodium_init() < 0)
		return fault_set(why, FAULT_OTHER, "the random number source does not answer");
	*out = sodium_malloc(len);
	if (!*out)
		return fault_set(why, FAULT_OTHER, "no locked memory for a key");
	memset(*out, 0, len);
	return 0;
}

static void number_put(unsigned char *at, uint64_t number, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at[i] = (unsigned char)(number >> (8 * (len - 1 - i)));
}

static uint64_t number_get(const unsigned char *at, size_t len)
{
	uint64_t number = 0;

	for (size_t i = 0; i < len; i++)
		number = number << 8 | at[i];
	return number;
}

int keyfile_public_json(const unsigned char public_key[32], struct json **out, struct fault *why)
{
	OWNED(json_drop) struct json *key = json_make_object();
	struct json *value = json_make_object();
	char hex[65];

	hex_write(public_key, 32, hex);
	if (json_put(key, "keyval", value, why) != 0 ||
	    json_put_text(key, "keytype", "ed25519", why) != 0 ||
	    json_put_text(key, "scheme", "ed25519", why) != 0 ||
	    json_put_text(value, "public", hex, why) != 0)
		return -1;
	*out = HAND_OVER(key);
	return 0;
}

// TUF 4.2: the id is the SHA-256 of the canonical form of the public key object.
static int key_id(const unsigned char public_key[32], struct sha256 *out, struct fault *why)
{
	OWNED(json_drop) struct json *key = NULL;
	OWNED(bytes_drop) struct bytes canon = {0};

	if (keyfile_public_json(public_key, &key, why) != 0 || canon_write(key, &canon, why) != 0)
		return -1;
	return sha256_of(canon.data, canon.len, out, why);
}

// Both halves from the seed, and the id.
static int key_from_seed(const unsigned char *seed, struct secret_key **out, struct fault *why)
{
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	unsigned char *room = NULL;
	struct sha256 id;

	if (locked_new(sizeof(*key), &room, why) != 0)
		return -1;
	key = (struct secret_key *)(void *)room;
	if (crypto_sign_seed_keypair(key->public_key, key->secret, seed) != 0)
		return fault_set(why, FAULT_OTHER, "the key cannot be derived");
	if (key_id(key->public_key, &id, why) != 0)
		return -1;
	sha256_hex(&id, key->id);
	*out = HAND_OVER(key);
	return 0;
}

void secret_key_free(struct secret_key *key)
{
	sodium_free(key); // wipes first; takes NULL
}

const char *secret_key_id(const struct secret_key *key)
{
	return key->id;
}

const unsigned char *secret_key_public(const struct secret_key *key)
{
	return key->public_key;
}

int secret_key_new(struct secret_key **out, struct fault *why)
{
	OWNED(drop_locked) unsigned char *seed = NULL;

	if (locked_new(SEED_SIZE, &seed, why) != 0)
		return -1;
	randombytes_buf(seed, SEED_SIZE);
	return key_from_seed(seed, out, why);
}

int secret_key_public_json(const struct secret_key *key, struct json **pub_json, struct fault *why)
{
	return keyfile_public_json(key->public_key, pub_json, why);
}

int secret_key_sign(const struct secret_key *key, const void *data, size_t len,
		    unsigned char signature[64], struct fault *why)
{
	if (crypto_sign_detached(signature, NULL, data, len, key->secret) != 0)
		return fault_set(why, FAULT_OTHER, "the key does not sign");
	// A computing fault while signing can give the secret key away with the signature; nobody sees a wrong one.
	if (crypto_sign_verify_detached(signature, data, len, key->public_key) != 0) {
		sodium_memzero(signature, 64);
		return fault_set(why, FAULT_OTHER, "the signature just made is not valid");
	}
	return 0;
}

// The head's claims, each in its bounds. What it says is proven only by opening the seal.
static int head_parse(const unsigned char *head, size_t file_len, const char *name,
		      struct keyfile_head *out, struct fault *why)
{
	bool locked = head[AT_KDF] == KDF_ARGON2ID;
	unsigned char id[SHA256_SIZE];

	if (memcmp(head, magic, sizeof(magic)) != 0)
		return fault_set(why, FAULT_FORMAT, "%s is not a key file", name);
	if (head[AT_ALGORITHM] != ALGORITHM_ED25519 || head[AT_KDF] > KDF_ARGON2ID ||
	    number_get(head + AT_ZERO, 2) != 0)
		return fault_set(why, FAULT_FORMAT, "%s is of a kind that is not known here", name);
	if (file_len != (locked ? KEYFILE_LOCKED : KEYFILE_UNLOCKED))
		return fault_set(why, FAULT_FORMAT, "%s has the wrong length", name);
	out->locked = locked;
	out->passes = (uint32_t)number_get(head + AT_PASSES, 4);
	out->memory = number_get(head + AT_MEMORY, 8);
	if (locked && (out->passes < KEYFILE_PASSES_MIN || out->passes > KEYFILE_PASSES_MAX ||
		       out->memory < KEYFILE_MEMORY_MIN || out->memory > KEYFILE_MEMORY_MAX))
		return fault_set(
			why, FAULT_FORMAT,
			"%s asks for %u passes over %llu bytes, which no key file of ours does",
			name, out->passes, (unsigned long long)out->memory);
	memcpy(out->public_key, head + AT_PUBLIC, sizeof(out->public_key));
	memcpy(id, head + AT_ID, sizeof(id));
	hex_write(id, sizeof(id), out->id);
	return 0;
}

// The image of a file in locked memory (an unlocked one holds the seed itself), KEYFILE_LOCKED bytes of room.
static int image_read(int fd, const char *name, unsigned char **image, size_t *len,
		      struct fault *why)
{
	OWNED(drop_locked) unsigned char *room = NULL;
	size_t have = 0;
	ssize_t got = 1;

	if (locked_new(KEYFILE_LOCKED + 1, &room, why) != 0)
		return -1;
	while (have < KEYFILE_LOCKED + 1 && got != 0) {
		got = pread(fd, room + have, KEYFILE_LOCKED + 1 - have, (off_t)have);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(why, FAULT_OTHER, "cannot read the key file %s", name);
		have += (size_t)got;
	}
	if (have < KEYFILE_HEAD || memcmp(room, magic, sizeof(magic)) != 0)
		return fault_set(why, FAULT_FORMAT, "%s is not a key file", name);
	*len = have;
	*image = HAND_OVER(room);
	return 0;
}

// A key that others may read is no secret, and one that others may write is not ours (A96).
static int key_check_mode(int fd, const char *name, struct fault *why)
{
	struct stat stat;

	if (fstat(fd, &stat) != 0)
		return fault_errno(why, FAULT_OTHER, "cannot look at the key file %s", name);
	if (!S_ISREG(stat.st_mode))
		return fault_set(why, FAULT_FORMAT, "%s is not a regular file", name);
	if (stat.st_uid != 0 && stat.st_uid != geteuid())
		return fault_set(why, FAULT_CONFIG, "the key file %s belongs to another user",
				 name);
	if ((stat.st_mode & 077) != 0) {
		fault_set(why, FAULT_CONFIG, "the key file %s may be reached by others (mode %04o)",
			  name, (unsigned)(stat.st_mode & 07777));
		return fault_fix(why, "chmod 600 %s", name);
	}
	return 0;
}

// The key that the passphrase and the salt give: never kept, one for each file.
static int seal_key(const unsigned char *head, const struct keyfile_head *facts,
		    const char *passphrase, size_t passphrase_len, unsigned char **out,
		    struct fault *why)
{
	OWNED(drop_locked) unsigned char *key = NULL;

	if (locked_new(crypto_aead_xchacha20poly1305_ietf_KEYBYTES, &key, why) != 0)
		return -1;
	if (crypto_pwhash(key, crypto_aead_xchacha20poly1305_ietf_KEYBYTES, passphrase,
			  passphrase_len, head + AT_SALT, facts->passes, (size_t)facts->memory,
			  crypto_pwhash_ALG_ARGON2ID13) != 0)
		return fault_set(why, FAULT_OTHER,
				 "the key derivation needs %llu bytes of memory that are not there",
				 (unsigned long long)facts->memory);
	*out = HAND_OVER(key);
	return 0;
}

static int seed_unseal(const unsigned char *image, const struct keyfile_head *facts,
		       const struct passphrase *passphrase, const char *name, unsigned char *seed,
		       struct fault *why)
{
	OWNED(drop_locked) unsigned char *key = NULL;

	if (seal_key(image, facts, passphrase->text, passphrase->len, &key, why) != 0)
		return -1;
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(seed, NULL, NULL, image + KEYFILE_HEAD,
						       KEYFILE_LOCKED - KEYFILE_HEAD, image,
						       KEYFILE_HEAD, image + AT_NONCE, key) != 0)
		return fault_set(why, FAULT_USAGE,
				 "the passphrase does not open %s (or the file is damaged)", name);
	return 0;
}

// The head of an unlocked file is not sealed, so the seed itself has to vouch for it.
static int key_of_image(const unsigned char *seed, const struct keyfile_head *facts,
			const char *name, struct secret_key **out, struct fault *why)
{
	OWNED(secret_key_drop) struct secret_key *key = NULL;

	if (key_from_seed(seed, &key, why) != 0)
		return -1;
	if (sodium_memcmp(key->public_key, facts->public_key, sizeof(key->public_key)) != 0 ||
	    strcmp(key->id, facts->id) != 0)
		return fault_set(why, FAULT_FORMAT, "%s is damaged: its halves do not match", name);
	*out = HAND_OVER(key);
	return 0;
}

static int image_open_locked(struct passphrase_source *source, const unsigned char *image,
			     const struct keyfile_head *facts, const char *name,
			     struct secret_key **out, struct fault *why)
{
	OWNED(drop_locked) unsigned char *seed = NULL;

	if (locked_new(SEED_SIZE, &seed, why) != 0)
		return -1;
	for (int tries = 1;; tries++) {
		OWNED(passphrase_drop) struct passphrase *passphrase = NULL;

		if (passphrase_ask(source, name, &passphrase, why) != 0)
			return -1;
		if (seed_unseal(image, facts, passphrase, name, seed, why) == 0)
			break;
		if (tries == TRIES || !passphrase_is_asked(source) || why->code != FAULT_USAGE)
			return -1;
		fault_clear(why);
	}
	return key_of_image(seed, facts, name, out, why);
}

// `source` NULL: only an unlocked file will do.
static int key_open_fd(struct passphrase_source *source, int fd, const char *name,
		       struct secret_key **out, struct fault *why)
{
	OWNED(drop_locked) unsigned char *image = NULL;
	struct keyfile_head facts;
	size_t len;

	if (key_check_mode(fd, name, why) != 0 || image_read(fd, name, &image, &len, why) != 0 ||
	    head_parse(image, len, name, &facts, why) != 0)
		return -1;
	if (!facts.locked)
		return key_of_image(image + KEYFILE_HEAD, &facts, name, out, why);
	if (!source)
		return fault_set(
			why, FAULT_USAGE,
			"%s is locked with a passphrase, and there is no terminal to ask for it",
			name);
	return image_open_locked(source, image, &facts, name, out, why);
}

static int key_open_path(const char *path, int *out, struct fault *why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return fault_errno(why, errno == ENOENT ? FAULT_NOT_FOUND : FAULT_OTHER,
				   "cannot open the key file %s", path);
	*out = fd;
	return 0;
}

int secret_key_open_from(struct passphrase_source *source, const char *path,
			 struct secret_key **out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (key_open_path(path, &fd, why) != 0)
		return -1;
	return key_open_fd(source, fd, path, out, why);
}

int secret_key_open(const struct cli *cli, const char *path, struct secret_key **out,
		    struct fault *why)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;

	if (passphrase_source_of(cli, &source, why) != 0)
		return -1;
	return secret_key_open_from(source, path, out, why);
}

int secret_key_open_plain(int dirfd, const char *name, struct secret_key **out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	if (file_open_at(dirfd, name, &fd, why) != 0)
		return -1;
	return key_open_fd(NULL, fd, name, out, why);
}

int keyfile_cost_read(const char *text, enum keyfile_cost *out, struct fault *why)
{
	static const char *const names[] = {"interactive", "moderate", "sensitive"};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(text, names[i]) == 0) {
			*out = (enum keyfile_cost)i;
			return 0;
		}
	return fault_set(why, FAULT_USAGE, "--kdf is interactive, moderate or sensitive");
}

static void cost_numbers(enum keyfile_cost cost, struct keyfile_head *facts)
{
	static const struct {
		uint32_t passes;
		uint64_t memory;
	} costs[] = {
		[KEYFILE_INTERACTIVE] = {crypto_pwhash_argon2id_OPSLIMIT_INTERACTIVE,
					 crypto_pwhash_argon2id_MEMLIMIT_INTERACTIVE},
		[KEYFILE_MODERATE] = {crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
				      crypto_pwhash_argon2id_MEMLIMIT_MODERATE},
		[KEYFILE_SENSITIVE] = {crypto_pwhash_argon2id_OPSLIMIT_SENSITIVE,
				       crypto_pwhash_argon2id_MEMLIMIT_SENSITIVE},
	};

	facts->passes = costs[cost].passes;
	facts->memory = costs[cost].memory;
}

static int image_head(const struct secret_key *key, unsigned char *image, struct fault *why)
{
	unsigned char id[SHA256_SIZE];

	if (hex_read(key->id, id, sizeof(id)) != 0)
		return fault_set(why, FAULT_OTHER, "the key has no id");
	memcpy(image, magic, sizeof(magic));
	image[AT_ALGORITHM] = ALGORITHM_ED25519;
	memcpy(image + AT_PUBLIC, key->public_key, sizeof(key->public_key));
	memcpy(image + AT_ID, id, sizeof(id));
	return 0;
}

static int image_seal(unsigned char *image, const unsigned char *seed, enum keyfile_cost cost,
		      const char *passphrase, size_t passphrase_len, struct fault *why)
{
	OWNED(drop_locked) unsigned char *key = NULL;
	struct keyfile_head facts = {0};

	cost_numbers(cost, &facts);
	image[AT_KDF] = KDF_ARGON2ID;
	number_put(image + AT_PASSES, facts.passes, 4);
	number_put(image + AT_MEMORY, facts.memory, 8);
	randombytes_buf(image + AT_SALT, crypto_pwhash_SALTBYTES);
	randombytes_buf(image + AT_NONCE, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
	if (seal_key(image, &facts, passphrase, passphrase_len, &key, why) != 0)
		return -1;
	crypto_aead_xchacha20poly1305_ietf_encrypt(image + KEYFILE_HEAD, NULL, seed, SEED_SIZE,
						   image, KEYFILE_HEAD, NULL, image + AT_NONCE,
						   key);
	return 0;
}

static int key_write(const struct secret_key *key, const char *path, const char *passphrase,
		     size_t passphrase_len, enum keyfile_cost cost, bool replace, struct fault *why)
{
	OWNED(drop_locked) unsigned char *image = NULL;
	OWNED(drop_locked) unsigned char *seed = NULL;
	size_t len = passphrase ? KEYFILE_LOCKED : KEYFILE_UNLOCKED;

	if (locked_new(KEYFILE_LOCKED, &image, why) != 0 ||
	    locked_new(SEED_SIZE, &seed, why) != 0 || image_head(key, image, why) != 0)
		return -1;
	if (crypto_sign_ed25519_sk_to_seed(seed, key->secret) != 0)
		return fault_set(why, FAULT_OTHER, "the key has no seed");
	if (!passphrase)
		memcpy(image + KEYFILE_HEAD, seed, SEED_SIZE);
	else if (image_seal(image, seed, cost, passphrase, passphrase_len, why) != 0)
		return -1;
	if (replace)
		return file_replace(path, image, len, 0600, why);
	return file_create(path, image, len, 0600, why);
}

int secret_key_write(const struct secret_key *key, const char *path, const char *passphrase,
		     size_t passphrase_len, struct fault *why)
{
	return key_write(key, path, passphrase, passphrase_len, KEYFILE_MODERATE, false, why);
}

int secret_key_write_cost(const struct secret_key *key, const char *path,
			  const struct passphrase *passphrase, enum keyfile_cost cost, bool replace,
			  struct fault *why)
{
	return key_write(key, path, passphrase ? passphrase->text : NULL,
			 passphrase ? passphrase->len : 0, cost, replace, why);
}

bool keyfile_is_at(const char *path)
{
	OWNED(drop_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char start[sizeof(magic)] = {0};

	return fd >= 0 && pread(fd, start, sizeof(start), 0) == (ssize_t)sizeof(start) &&
	       memcmp(start, magic, sizeof(magic)) == 0;
}

int keyfile_peek(const char *path, struct keyfile_head *out, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;
	OWNED(drop_locked) unsigned char *image = NULL;
	size_t len;

	if (key_open_path(path, &fd, why) != 0 || image_read(fd, path, &image, &len, why) != 0)
		return -1;
	return head_parse(image, len, path, out, why);
}
