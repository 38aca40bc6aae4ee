// SPDX-License-Identifier: Apache-2.0
// A repository and a node in memory. Change one field, publish or serve it, and see what the client says and keeps.
// Signs with libsodium itself, so that the code under test never vouches for its own test data.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/json.h"
#include "keys/client.h"

#define SIM_NOW	     INT64_C(1800000000) // 2027-01-15T08:00:00Z
#define SIM_LIFE     INT64_C(86400)	 // every role is made to expire this much after SIM_NOW
#define SIM_KEYS_MAX 16
#define SIM_DAY	     INT64_C(86400)

// A signing key for tests, made from a counter: the same run makes the same keys.
struct sim_key {
	unsigned char public[32], secret[64];
	char id[65];
};

// A role as its owner has it before it is signed. Change `body` and `keys` at will.
struct sim_role {
	char name[64];
	struct json *body;
	struct sim_key keys[SIM_KEYS_MAX];
	size_t key_count;
	struct sim_role *next;
};

struct sim_file {
	char *name;
	struct bytes data;
	struct sim_file *next;
};

struct sim {
	struct sim_role *roles;	 // root, timestamp, snapshot, targets, then delegated ones
	struct sim_file *served; // what the repository answers with
	struct sim_file *kept;	 // what the node keeps, by role name
	bool consistent;	 // numbered files
	bool hashes;		 // snapshot and timestamp state lengths and digests
	unsigned char counter;	 // of keys
	int64_t now;
	struct client_limits limits;
	struct bytes log;	// files asked for, one blank behind each
	size_t largest_answer;	// bytes handed over for one request
	enum fault_code outage; // when set, every request is refused with it
};

// One ed25519 key a role, threshold 1; role "net" with delegation net/*/* and the target SIM_TARGET; everything
// published in version 1; the node has root 1 and nothing else.
#define SIM_TARGET  "net/count/1.0.0.bundle"
#define SIM_CONTENT "the counter, version 1.0.0"
struct sim *sim_new(void);
void sim_free(struct sim *sim);

struct sim_role *sim_role(struct sim *sim, const char *name);
struct sim_key sim_key_new(struct sim *sim);
struct json *sim_key_json(const struct sim_key *key);
// The value below `root` along the keys, which end with NULL; for editing.
struct json *sim_at(struct json *root, ...) __attribute__((sentinel));
// Sets an integer or a text below `object`.
void sim_set_int(struct json *object, const char *key, int64_t number);
void sim_set_text(struct json *object, const char *key, const char *text);
void sim_set_time(struct sim_role *role, int64_t expires);
int64_t sim_version(const struct sim_role *role);
void sim_bump(struct sim_role *role);

// Makes `count` new keys the keys of a top-level role in the root, with this threshold, and signs with them.
void sim_rotate(struct sim *sim, const char *role, size_t count, int64_t threshold);
// A new role (or, when it is there, one more delegation to it with its own keys) below `delegator`.
struct sim_role *sim_delegate(struct sim *sim, const char *delegator, const char *name,
			      const char *pattern, bool terminating);
void sim_target(struct sim *sim, const char *role, const char *path, const char *content);

// Signs a role with its keys and writes it; the bytes are yours.
void sim_sign(const struct sim_role *role, struct bytes *out);
// Signs and serves one role under its own version, parents unchanged.
void sim_serve(struct sim *sim, const char *role);
// Serves these very bytes.
void sim_serve_raw(struct sim *sim, const char *file, const void *data, size_t len);
void sim_withdraw(struct sim *sim, const char *file);
struct bytes *sim_served(struct sim *sim, const char *file); // NULL when there is none
// Signs and serves all targets roles, then snapshot and timestamp made from them, each one version up.
void sim_publish(struct sim *sim);
// The next root: version up, signed by these keys and by `old` (may be NULL: only by the role's own).
void sim_publish_root(struct sim *sim, const struct sim_role *old);

// The doors of the client, on this repository and this node.
struct client_io sim_io(struct sim *sim);
int sim_refresh(struct sim *sim, struct fault *why) MUST_CHECK;
// A whole run: refresh, every role, this target and its content.
int sim_install(struct sim *sim, const char *path, struct fault *why) MUST_CHECK;
// The version the node has kept of a role, 0 for none.
int64_t sim_kept(struct sim *sim, const char *role);
struct bytes *sim_kept_bytes(struct sim *sim, const char *role);
void sim_forget(struct sim *sim, const char *role);
// A digest of all that the node keeps.
struct sha256 sim_state(const struct sim *sim);
// The files asked for since the last call, e.g. "2.root.json timestamp.json ". Borrowed until the next call.
const char *sim_requests(struct sim *sim);
void sim_requests_clear(struct sim *sim);
