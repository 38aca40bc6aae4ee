// SPDX-License-Identifier: Apache-2.0
// The pinned root of a repository: <trust dir>/NAME/{root.json,pin.json}, put there by the admin and by nobody else.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/json.h"

#define PIN_TRUST_DIR "/etc/bpfseal/trust"

// The fingerprint of a root file: SHA-256 over the canonical form of its `signed` part.
int pin_fingerprint(const void *root, size_t len, struct sha256 *out, struct fault *why) MUST_CHECK;
// 16 groups of 4 hex digits with '-' between; reading takes them with or without '-', upper or lower case.
#define PIN_FINGERPRINT_LEN 80
void pin_fingerprint_write(const struct sha256 *fingerprint, char text[static PIN_FINGERPRINT_LEN]);
int pin_fingerprint_read(const char *text, struct sha256 *out, struct fault *why) MUST_CHECK;

// Reads the pinned root of NAME below `root` (--root, may be NULL): owner and modes checked, bytes held against the
// recorded fingerprint. FAULT_UNTRUSTED when nothing is pinned, with the command that pins.
int pin_load(const char *root, const char *name, struct bytes *root_json, struct fault *why)
	MUST_CHECK;
// The URL and the class ("private", "public", "") recorded beside it. Yours.
int pin_url(const char *root, const char *name, char **url, char **class, struct fault *why)
	MUST_CHECK;

// True verdict on a repository's URL: https anywhere; http only to this machine itself (127.0.0.0/8, ::1, localhost), for
// development and tests. No user, query or fragment. FAULT_CONFIG says what is off. For node.json's reader as well.
int pin_url_check(const char *url, struct fault *why) MUST_CHECK;

// The record beside the pinned root: who pinned what, and when.
struct pin {
	char *url;
	char *class; // the admin's word: "private", "public", or "" when nothing was said
	struct sha256 fingerprint;
	int64_t pinned_at; // seconds since 1970
	int64_t uid;
};
void pin_drop(struct pin *pin);

// The same checks as pin_load. FAULT_UNTRUSTED when nothing is pinned under this name.
int pin_read(const char *root, const char *name, struct pin *out, struct fault *why) MUST_CHECK;
// Pins: the root first, the record last, each durable; without the record nothing is pinned. Judges nothing.
int pin_write(const char *root, const char *name, const struct pin *pin, const void *root_json,
	      size_t len, struct fault *why) MUST_CHECK;
// Removes a pin, the record first. FAULT_UNTRUSTED when nothing is pinned under this name.
int pin_remove(const char *root, const char *name, struct fault *why) MUST_CHECK;
// The names that are pinned, sorted; free with names_free. No directory yet: none.
int pin_list(const char *root, char ***names, size_t *count, struct fault *why) MUST_CHECK;
