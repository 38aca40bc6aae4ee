// SPDX-License-Identifier: Apache-2.0
// Passphrases: the channels they are read from, and the locked memory that holds them. Never argv or the environment, which
// other processes can read (A95).
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cli.h"
#include "base/fault.h"

// The longest passphrase, in bytes. A terminal's line holds at most 4095.
#define PASSPHRASE_MAX 1023
// The most lines that are read from a file or descriptor: one for each key of a large ceremony.
#define PASSPHRASE_LINES_MAX 32

// A passphrase in locked memory, which passphrase_free wipes.
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

// The channels, in the order in which they are tried. Borrowed. Nothing is read before the first passphrase is needed.
struct passphrase_ways {
	const char *fd;	       // --passphrase-fd: a decimal number, or NULL
	const char *file;      // --passphrase-file, or NULL
	const char *directory; // $CREDENTIALS_DIRECTORY, or NULL: the file bpfseal.passphrase in it
	const char *terminal;  // "/dev/tty"
};

// The channel that a command uses, read once: one line for each locked key, in the order of the keys; a single line serves all
// keys.
struct passphrase_source;
int passphrase_source_new(const struct passphrase_ways *ways, struct passphrase_source **out,
			  struct fault *why) MUST_CHECK;
// A source of the channels that the command's options and environment name.
int passphrase_source_of(const struct cli *cli, struct passphrase_source **out, struct fault *why)
	MUST_CHECK;
void passphrase_source_free(struct passphrase_source *source);
static inline void passphrase_source_drop(struct passphrase_source **source)
{
	passphrase_source_free(*source);
	*source = NULL;
}

// The passphrase of the key file `what`. `*out` is the caller's. FAULT_USAGE, naming the channels, if there is
// neither one nor a terminal.
int passphrase_ask(struct passphrase_source *source, const char *what, struct passphrase **out,
		   struct fault *why) MUST_CHECK;
// A new passphrase for `what`; on a terminal it is asked for twice. An empty one is refused. From a file or descriptor that
// passphrase_ask has read it is the next line, which must exist: the old passphrase never becomes the new one by accident.
int passphrase_ask_new(struct passphrase_source *source, const char *what, struct passphrase **out,
		       struct fault *why) MUST_CHECK;
// Whether passphrases are typed on a terminal: then a wrong one may be asked for again.
bool passphrase_is_asked(const struct passphrase_source *source);
