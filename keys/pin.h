// SPDX-License-Identifier: Apache-2.0
// The pinned root of a repository: <trust dir>/NAME/{root.json,pin.json}. Only the admin writes it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/json.h"

#define PIN_TRUST_DIR "/etc/bpfseal/trust"

// The fingerprint of a root file: SHA-256 over the canonical form of its `signed` part.
int pin_fingerprint(const void *root, size_t len, struct sha256 *out, struct fault *why) MUST_CHECK;
// As text: 16 groups of 4 hexadecimal digits with '-' between. Reading accepts it without '-' and in upper case as well.
#define PIN_FINGERPRINT_LEN 80
void pin_fingerprint_write(const struct sha256 *fingerprint, char text[static PIN_FINGERPRINT_LEN]);
int pin_fingerprint_read(const char *text, struct sha256 *out, struct fault *why) MUST_CHECK;

// Reads the pinned root of NAME. `root`: the option --root, or NULL. Checks owner and modes, and the root against the recorded
// fingerprint. FAULT_UNTRUSTED, naming the command that pins, if nothing is pinned.
int pin_load(const char *root, const char *name, struct bytes *root_json, struct fault *why)
	MUST_CHECK;
// The recorded URL and class ("private", "public" or ""), the caller's. FAULT_UNTRUSTED likewise.
int pin_url(const char *root, const char *name, char **url, char **class, struct fault *why)
	MUST_CHECK;

// Checks the URL of a repository: https, or http to this machine itself (127.0.0.0/8, ::1, localhost) for development
// and tests; no user, query or fragment. FAULT_CONFIG. node.json is checked by it as well.
int pin_url_check(const char *url, struct fault *why) MUST_CHECK;

// The record beside the pinned root (pin.json).
struct pin {
	char *url;
	char *class; // as the admin said: "private", "public", or "" if not said
	struct sha256 fingerprint;
	int64_t pinned_at; // seconds since 1970
	int64_t uid;
};
void pin_drop(struct pin *pin);

// Reads the record, with the checks of pin_load. `out` is the caller's (pin_drop). FAULT_UNTRUSTED likewise.
int pin_read(const char *root, const char *name, struct pin *out, struct fault *why) MUST_CHECK;
// Pins a root: writes the root first and the record last, each durably; without the record nothing is pinned. Verifies nothing.
int pin_write(const char *root, const char *name, const struct pin *pin, const void *root_json,
	      size_t len, struct fault *why) MUST_CHECK;
// Removes a pin, the record first. FAULT_UNTRUSTED if nothing is pinned under this name.
int pin_remove(const char *root, const char *name, struct fault *why) MUST_CHECK;
// The pinned names, sorted; none if the directory does not exist. Replaces what `out` had.
int pin_list(const char *root, struct names *out, struct fault *why) MUST_CHECK;
