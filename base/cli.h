// SPDX-License-Identifier: Apache-2.0
// The command line that all programs share: commands, options, help, JSON, the error form, exit statuses.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "base/json.h"

// One option of one command. Options are long; `value` names the argument in the help, NULL is a flag.
struct cli_option {
	const char *name; // "--url"
	const char *value;
	const char *help;
	bool repeats; // may be given more than once
};

struct cli;

// One command, e.g. { "key new", "FILE", "make a signing key", options, run }. `run` returns 0, or -1 with *why
// filled; the exit status follows from the code. `min_args`/`max_args` count the words that are not options
// (SIZE_MAX: no limit).
struct cli_command {
	const char *name;
	const char *args;
	const char *summary;
	const struct cli_option *options; // ends with a NULL name; NULL: none
	size_t min_args, max_args;
	int (*run)(struct cli *cli, struct fault *why);
};

// A program: its name as people type it and its table of commands (ends with a NULL name).
struct cli_program {
	const char *name;
	const char *summary;
	const struct cli_command *commands;
	// It uses no network: FAULT_NOT_FOUND then concerns a file that the caller named, and exits with the usage status.
	bool asks_nobody;
};

// Parses argv, runs the command, prints a refusal (error form, or JSON with --json), returns the exit status.
// Options of every command: --json, --root DIR, --quiet, --help; of every program: --help, --version.
int cli_main(const struct cli_program *program, int argc, char **argv);

// What the command was given. Borrowed from argv.
size_t cli_arg_count(const struct cli *cli);
const char *cli_arg(const struct cli *cli, size_t index); // NULL past the end
bool cli_has(const struct cli *cli, const char *option);
const char *cli_value(const struct cli *cli,
		      const char *option); // NULL when absent; the last one given
size_t cli_value_count(const struct cli *cli, const char *option);
const char *cli_value_at(const struct cli *cli, const char *option, size_t index);
int cli_need(const struct cli *cli, const char *option, const char **out, struct fault *why)
	MUST_CHECK;
// A decimal number in a range; `fallback` when absent.
int cli_number(const struct cli *cli, const char *option, int64_t min, int64_t max,
	       int64_t fallback, int64_t *out, struct fault *why) MUST_CHECK;
// "90s", "15m", "12h", "30d" as seconds.
int cli_duration(const struct cli *cli, const char *option, int64_t fallback_s, int64_t *out_s,
		 struct fault *why) MUST_CHECK;
bool cli_json(const struct cli *cli);
bool cli_quiet(const struct cli *cli);
const char *cli_root(const struct cli *cli); // the --root directory, or NULL
// An absolute path of the installed layout, below --root if given. `*out` is the caller's.
int cli_path(const struct cli *cli, const char *path, char **out, struct fault *why) MUST_CHECK;
// The clock, read once by cli_main: the one reference time of the whole command.
int64_t cli_now(const struct cli *cli);

// One line on stdout, escaped for a terminal; silent with --json or --quiet.
void cli_say(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
// One line on stderr: progress and warnings; silent with --quiet.
void cli_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
// The one JSON document of a command; takes over `document`. Prints only with --json. Puts {"schema": schema}
// first and "ok" true unless the document has its own.
int cli_document(const struct cli *cli, const char *schema, struct json *document,
		 struct fault *why) MUST_CHECK;
// The command printed its own JSON document (or none is due) and still fails with `why`: suppresses the JSON
// error document. For `status`, whose findings are part of the document.
void cli_document_done(struct cli *cli);
