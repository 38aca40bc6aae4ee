// SPDX-License-Identifier: Apache-2.0
// Secret keys on disk (Argon2id + XChaCha20-Poly1305 over the seed) and in locked, wiped memory.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cli.h"
#include "base/fault.h"
#include "keys/passphrase.h"

struct secret_key; // lives in sodium_malloc memory

// Opens a key file. If it is locked the passphrase is read from one of the channels of keys/passphrase.h (--passphrase-fd,
// --passphrase-file, the credential bpfseal.passphrase, the terminal). `*out` is the caller's.
int secret_key_open(const struct cli *cli, const char *path, struct secret_key **out,
		    struct fault *why) MUST_CHECK;
// Opens a key file that is not locked (`--no-passphrase`), as the server's online key is. `*out` is the caller's.
int secret_key_open_plain(int dirfd, const char *name, struct secret_key **out, struct fault *why)
	MUST_CHECK;
void secret_key_free(struct secret_key *key);
static inline void secret_key_drop(struct secret_key **key)
{
	secret_key_free(*key);
	*key = NULL;
}

const char *secret_key_id(const struct secret_key *key);	      // TUF key id, hex
const unsigned char *secret_key_public(const struct secret_key *key); // 32 bytes

// Signs with Ed25519. The signature is verified with the public key before it is returned.
int secret_key_sign(const struct secret_key *key, const void *data, size_t len,
		    unsigned char signature[64], struct fault *why) MUST_CHECK;

// A new random key. `*out` is the caller's.
int secret_key_new(struct secret_key **out, struct fault *why) MUST_CHECK;
// Its TUF key object {"keytype","scheme","keyval":{"public"}}, the caller's.
int secret_key_public_json(const struct secret_key *key, struct json **pub_json, struct fault *why)
	MUST_CHECK;
// Writes the key file `path`, mode 0600; it must not exist. With `passphrase` NULL it is not locked.
int secret_key_write(const struct secret_key *key, const char *path, const char *passphrase,
		     size_t passphrase_len, struct fault *why) MUST_CHECK;

// The file. Numbers are big endian; the first 128 bytes are the associated data of the seal, so no field of them can be
// changed without the seal breaking. An unlocked file holds the bare seed and is 160 bytes long, a locked one 176.
//
//	  0   8  "bpfskey1"
//	  8   1  algorithm: 1 = ed25519
//	  9   1  key derivation: 0 = none (unlocked), 1 = argon2id 1.3
//	 10   2  zero
//	 12   4  argon2id passes
//	 16   8  argon2id memory, bytes
//	 24  16  salt
//	 40  24  nonce
//	 64  32  public key
//	 96  32  key id (TUF 4.2)
//	128      seed (32), or XChaCha20-Poly1305 of the seed (48)
#define KEYFILE_HEAD	 128
#define KEYFILE_UNLOCKED (KEYFILE_HEAD + 32)
#define KEYFILE_LOCKED	 (KEYFILE_HEAD + 48)
// What a file may ask of the key derivation. Without the upper bounds a forged key file takes all memory or days
// before it is refused; the lower ones are libsodium's "interactive".
#define KEYFILE_PASSES_MIN 1
#define KEYFILE_PASSES_MAX 8
#define KEYFILE_MEMORY_MIN (UINT64_C(64) << 20)
#define KEYFILE_MEMORY_MAX (UINT64_C(1) << 30)

// The memory that one guess of the passphrase takes: 64 MiB, 256 MiB (the default), 1 GiB.
enum keyfile_cost { KEYFILE_INTERACTIVE, KEYFILE_MODERATE, KEYFILE_SENSITIVE };
int keyfile_cost_read(const char *text, enum keyfile_cost *out, struct fault *why) MUST_CHECK;

// As secret_key_write, with a given cost. With `replace` the file must exist, and is replaced atomically.
int secret_key_write_cost(const struct secret_key *key, const char *path,
			  const struct passphrase *passphrase, enum keyfile_cost cost, bool replace,
			  struct fault *why) MUST_CHECK;
// As secret_key_open, for a command that opens several keys from one source of passphrases.
int secret_key_open_from(struct passphrase_source *source, const char *path,
			 struct secret_key **out, struct fault *why) MUST_CHECK;

// The unencrypted head of a key file, for `key show`. It is authenticated only when the file is opened.
struct keyfile_head {
	bool locked;
	uint32_t passes;
	uint64_t memory;
	unsigned char public_key[32];
	char id[65];
};
int keyfile_peek(const char *path, struct keyfile_head *out, struct fault *why) MUST_CHECK;
// Whether the file begins like a secret key file. Reads only the first bytes, since a secret must not get into unlocked memory.
bool keyfile_is_at(const char *path);
// The TUF key object of an ed25519 key, and its id.
int keyfile_public_json(const unsigned char public_key[32], struct json **out, struct fault *why)
	MUST_CHECK;

// The options that secret_key_open understands, for a command's table.
#define KEYFILE_OPTIONS                                                                         \
	{"--passphrase-fd", "N", "read passphrases from descriptor N, one a line for each key", \
	 false},                                                                                \
	{                                                                                       \
		"--passphrase-file", "FILE",                                                    \
			"read passphrases from FILE, one a line for each key", false            \
	}
