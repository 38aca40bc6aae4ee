// SPDX-License-Identifier: Apache-2.0
// keys/keyfile: an unlocked key file opens only when seed, public key and id belong together; a locked one never opens
// without its passphrase. First byte: 1 mends public key and id, so that the rest of the head is what decides.
#include "keys/keyfile.h"

#include <fcntl.h>
#include <sodium.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/owned.h"
#include "keys/canon.h"
#include "tests/fuzz/fuzz.h"

#define NAME	"key"
#define LEN_MAX 512

enum { AT_KDF = 9, AT_PUBLIC = 64, AT_ID = 96 };

static char place[] = "/tmp/keyfile-fuzz-XXXXXX", path[sizeof(place) + sizeof(NAME)];
static int place_fd = -1, file_fd = -1;

static void leave(void)
{
	unlink(path);
	rmdir(place);
}

static void settle(void)
{
	if (file_fd >= 0)
		return;
	HOLDS(sodium_init() >= 0 && mkdtemp(place));
	snprintf(path, sizeof(path), "%s/%s", place, NAME);
	atexit(leave);
	MUST(dir_open(place, &place_fd, &must));
	MUST(file_create_at(place_fd, NAME, "", 0, 0600, &must));
	file_fd = open(path, O_RDWR | O_CLOEXEC);
	HOLDS(file_fd >= 0);
}

static void id_of(const unsigned char *public, unsigned char *id)
{
	OWNED(json_drop) struct json *json = NULL;
	OWNED(bytes_drop) struct bytes canonical = {0};
	struct sha256 digest;

	MUST(keyfile_public_json(public, &json, &must));
	MUST(canon_write(json, &canonical, &must));
	MUST(sha256_of(canonical.data, canonical.len, &digest, &must));
	memcpy(id, digest.byte, SHA256_SIZE);
}

static void public_of(const unsigned char *seed, unsigned char *public)
{
	unsigned char secret[crypto_sign_SECRETKEYBYTES];

	crypto_sign_seed_keypair(public, secret, seed);
}

static void check_open(const unsigned char *file, size_t len, const struct secret_key *key)
{
	unsigned char public[32], id[32], signature[64];
	char hex[65];

	HOLDS(len == KEYFILE_UNLOCKED && file[AT_KDF] == 0);
	public_of(file + KEYFILE_HEAD, public);
	id_of(public, id);
	hex_write(id, sizeof(id), hex);
	HOLDS(!memcmp(public, file + AT_PUBLIC, 32) && !memcmp(public, secret_key_public(key), 32));
	HOLDS(!memcmp(id, file + AT_ID, 32) && !strcmp(hex, secret_key_id(key)));
	MUST(secret_key_sign(key, file, len, signature, &must));
	HOLDS(crypto_sign_verify_detached(signature, file, len, public) == 0);
}

static void open_file(const unsigned char *file, size_t len)
{
	OWNED(secret_key_drop) struct secret_key *key = NULL;
	struct keyfile_head head = {0};
	struct fault why = {0};
	bool has_head;

	HOLDS(ftruncate(file_fd, 0) == 0 && pwrite(file_fd, file, len, 0) == (ssize_t)len);
	has_head = keyfile_peek(path, &head, &why) == 0;
	if (!has_head)
		fuzz_refused(&why);
	HOLDS(!has_head || keyfile_is_at(path));
	HOLDS(!has_head || len == (head.locked ? KEYFILE_LOCKED : KEYFILE_UNLOCKED));
	HOLDS(!has_head || !head.locked ||
	      (head.memory <= KEYFILE_MEMORY_MAX && head.passes <= KEYFILE_PASSES_MAX));
	fault_clear(&why);
	if (secret_key_open_plain(place_fd, NAME, &key, &why)) {
		fuzz_refused(&why);
		return;
	}
	HOLDS(has_head);
	check_open(file, len, key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct fuzz_input input = {data, len};
	bool mend = fuzz_byte(&input) & 1;
	unsigned char file[LEN_MAX];

	settle();
	if (input.left > sizeof(file))
		return 0;
	if (input.left)
		memcpy(file, input.at, input.left);
	if (mend && input.left >= KEYFILE_HEAD + 32) {
		public_of(file + KEYFILE_HEAD, file + AT_PUBLIC);
		id_of(file + AT_PUBLIC, file + AT_ID);
	}
	open_file(file, input.left);
	return 0;
}
