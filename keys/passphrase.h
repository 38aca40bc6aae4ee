// SPDX-License-Identifier: Apache-2.0
// Passphrases: where they come from, and the locked memory they live in. Never from argv or the environment, which
// every process of the machine may read (A95).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cli.h"
#include "base/fault.h"

// Longest passphrase in bytes: nobody types more, and a terminal's line cannot hold more than 4095.
#define PASSPHRASE_MAX 1023
// Most lines that a file or descriptor may give: one for each key of a large ceremony.
#define PASSPHRASE_LINES_MAX 32

// One passphrase in locked memory that is wiped when it is given back.
struct passphrase {
	size_t len;
	char text[PASSPHRASE_MAX + 1];
};

int passphrase_new(struct passphrase **out, struct fault *why) MUST_CHECK;
void passphrase_free(struct passphrase *passphrase);
static inline void passphrase_drop(struct passphrase **passphrase)
{
	passphrase_free(*passphrase);
	*passphrase = NULL;
}

// The channels, in the order in which they are tried. Nothing is read before the first passphrase is needed.
struct passphrase_ways {
	const char *fd;	       // --passphrase-fd: a decimal number, or NULL
	const char *file;      // --passphrase-file, or NULL
	const char *directory; // $CREDENTIALS_DIRECTORY, or NULL: the file bpfseal.passphrase in it
	const char *terminal;  // "/dev/tty"
};

// A source is read once for a whole command: one line for each locked key, in order; a single line serves them all.
struct passphrase_source;
int passphrase_source_new(const struct passphrase_ways *ways, struct passphrase_source **out,
			  struct fault *why) MUST_CHECK;
// The ways that a command's options and environment name.
int passphrase_source_of(const struct cli *cli, struct passphrase_source **out, struct fault *why)
	MUST_CHECK;
void passphrase_source_free(struct passphrase_source *source);
static inline void passphrase_source_drop(struct passphrase_source **source)
{
	passphrase_source_free(*source);
	*source = NULL;
}

// The passphrase that opens `what`. FAULT_USAGE naming the ways when there is none and no terminal.
int passphrase_ask(struct passphrase_source *source, const char *what, struct passphrase **out,
		   struct fault *why) MUST_CHECK;
// A new one for `what`, asked twice on a terminal; an empty one is refused. After passphrase_ask from the same file or
// descriptor it is the next line and must be there: an old passphrase never becomes the new one by accident.
int passphrase_ask_new(struct passphrase_source *source, const char *what, struct passphrase **out,
		       struct fault *why) MUST_CHECK;
// True when a person sits there: a wrong passphrase may be asked for again.
bool passphrase_is_asked(const struct passphrase_source *source);
