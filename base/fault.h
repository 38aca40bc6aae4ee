// SPDX-License-Identifier: Apache-2.0
// A refusal (error): a code for programs, a message for people, the place of the cause and how to fix it.
#pragma once

#include <stdarg.h>
#include <stdio.h>

#define MUST_CHECK __attribute__((warn_unused_result))

// Why something was refused. The order is not an interface; names are.
enum fault_code {
	FAULT_NONE,
	FAULT_OTHER,	 // I/O, memory, a defect of ours
	FAULT_BUSY,	 // another process holds the lock
	FAULT_USAGE,	 // wrong arguments, or a prompt is needed and there is no terminal
	FAULT_FORMAT,	 // malformed: not the document it claims to be
	FAULT_SIGNATURE, // too few valid signatures of distinct trusted keys
	FAULT_DIGEST,	 // bytes do not match the digest or length that was signed
	FAULT_UNTRUSTED, // not signed by a trusted role (no pinned root, other fingerprint, no such target)
	FAULT_TOO_LARGE, // more bytes, items or depth than the limit
	FAULT_EXPIRED,	 // metadata past its expiry
	FAULT_ROLLBACK,	 // older than what was trusted before
	FAULT_CLOCK,	 // the clock is behind a time that was already trusted
	FAULT_CONFIG,	 // the admin's configuration is invalid
	FAULT_POLICY,	 // valid and signed, but not allowed here
	FAULT_NETWORK,	 // the repository cannot be reached, is slow, or answers nonsense
	FAULT_NOT_FOUND, // the repository, or a directory, has no such file
	FAULT_KERNEL,	 // the kernel refused: verifier, capability, busy hook
	FAULT_DRIFT,	 // the kernel differs from what was applied, or a change is pending
	FAULT_CODES,
};

#define FAULT_TEXT_MAX 512

// Lives on the caller's stack, starts as `struct fault why = {0}`, is never NULL. `text` is the message of the
// outermost caller, `cause` that of the function where the error was found.
struct fault {
	enum fault_code code;
	char text[FAULT_TEXT_MAX];
	char cause[FAULT_TEXT_MAX];
	char where[FAULT_TEXT_MAX];
	char fix[FAULT_TEXT_MAX];
};

// Fills an empty fault (overwrites a filled one: the last refusal is the one reported). Returns -1, so a
// refusal is `return fault_set(why, ...)`.
int fault_set(struct fault *why, enum fault_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// As fault_set, and adds what errno says. Use right after the failed call.
int fault_errno(struct fault *why, enum fault_code code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

// Adds a caller's context: its message becomes the text; the text so far is put in front of the cause.
// Returns -1.
int fault_within(struct fault *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

// The place ("file:line:column") and the advice; both return -1 and may follow any of the above.
int fault_where(struct fault *why, const char *format, ...) __attribute__((format(printf, 2, 3)));
int fault_fix(struct fault *why, const char *format, ...) __attribute__((format(printf, 2, 3)));

// Empties it, for a caller that has handled the refusal and continues.
void fault_clear(struct fault *why);
// For a caller to whom refusals of this code are fine (a file that may be absent): then 0 and an empty *why, else -1.
int fault_forgive(struct fault *why, enum fault_code code) MUST_CHECK;
// For a caller that continues behind a refusal and reports the first of several: copies *why to *first if that is empty, and
// empties *why.
void fault_first(struct fault *first, struct fault *why);

// The name of a code as it stands in JSON ("rollback"), and its exit status (bpfseal(1)).
const char *fault_name(enum fault_code code);
int fault_exit_status(enum fault_code code);

// Prints the `error:` line and, indented below it, cause, where and fix, each escaped for a terminal.
void fault_print(const struct fault *why, FILE *to);
