// SPDX-License-Identifier: Apache-2.0
#include "base/cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/file.h"
#include "base/journal.h"
#include "base/owned.h"

#define VERSION "0.1.0"

// What every command understands besides its own options.
static const struct cli_option common_options[] = {
	{"--json", NULL, "print one JSON document instead of text", false},
	{"--root", "DIR", "work below DIR instead of /", false},
	{"--quiet", NULL, "print nothing but errors", false},
	{"--help", NULL, "print this help", false},
	{NULL, NULL, NULL, false},
};

struct given {
	const char *option;
	const char *value;
};

struct cli {
	const struct cli_program *program;
	const struct cli_command *command;
	struct given *given;
	size_t given_count;
	const char **args;
	size_t arg_count;
	int64_t now;
	bool json, document_done;
};

// ---- help ----

static void print_options(const struct cli_option *options)
{
	for (; options && options->name; options++) {
		char left[64];

		snprintf(left, sizeof(left), "%s%s%s", options->name, options->value ? " " : "",
			 options->value ? options->value : "");
		printf("  %-26s %s%s\n", left, options->help,
		       options->repeats ? " (may be repeated)" : "");
	}
}

static void print_command_help(const struct cli_command *command)
{
	printf("usage: bpfseal %s%s%s%s\n\n%s\n", command->name,
	       command->options ? " [OPTION]..." : "", command->args && *command->args ? " " : "",
	       command->args ? command->args : "", command->summary);
	if (command->options && command->options->name) {
		printf("\noptions:\n");
		print_options(command->options);
	}
	printf("\noptions of every command:\n");
	print_options(common_options);
}

static void print_program_help(const struct cli_program *program)
{
	printf("%s: %s\n\ncommands:\n", program->name, program->summary);
	for (const struct cli_command *command = program->commands; command->name; command++)
		printf("  %-20s %s\n", command->name, command->summary);
	printf("\n'bpfseal COMMAND --help' tells the options of a command.\n"
	       "exit status: 0 done, 1 other failure, 2 usage, 3 not trusted, 4 stale, 5 config or "
	       "policy,\n"
	       "6 network, 7 kernel refused, 8 drift or pending change\n");
}

// What comes after a first word that several commands share: "get", "set" and "delete" after "map". NULL: none.
static const char *second_word(const struct cli_command *command, const char *first)
{
	size_t len = strlen(first);

	return !strncmp(command->name, first, len) && command->name[len] == ' '
		       ? command->name + len + 1
		       : NULL;
}

static bool is_first_word(const struct cli_program *program, const char *word)
{
	for (const struct cli_command *command = program->commands; command->name; command++)
		if (second_word(command, word))
			return true;
	return false;
}

static void print_family_help(const struct cli_program *program, const char *first)
{
	printf("commands:\n");
	for (const struct cli_command *command = program->commands; command->name; command++)
		if (second_word(command, first) || !strcmp(command->name, first))
			printf("  %-20s %s\n", command->name, command->summary);
	printf("\n'bpfseal COMMAND --help' tells the options of a command.\n");
}

// ---- parsing ----

// How many words of argv the command's name takes; 0: it is another command.
static int name_words(const char *name, int argc, char **argv)
{
	OWNED(drop_heap) char *copy = strdup(name);
	char *save = NULL, *word = copy ? strtok_r(copy, " ", &save) : NULL;
	int words = 0;

	for (; word; word = strtok_r(NULL, " ", &save), words++)
		if (words >= argc || strcmp(argv[words], word))
			return 0;
	return words;
}

static const struct cli_command *find_command(const struct cli_program *program, int argc,
					      char **argv, int *words)
{
	const struct cli_command *best = NULL;

	*words = 0;
	for (const struct cli_command *command = program->commands; command->name; command++) {
		int taken = name_words(command->name, argc, argv);

		if (taken > *words) {
			best = command;
			*words = taken;
		}
	}
	return best;
}

static const struct cli_option *find_in(const struct cli_option *options, const char *name,
					size_t len)
{
	for (; options && options->name; options++)
		if (strlen(options->name) == len && !strncmp(options->name, name, len))
			return options;
	return NULL;
}

static int unknown_option(const struct cli *cli, const char *word, struct fault *why)
{
	const char *names[64];
	const char *near;
	size_t count = 0;

	for (const struct cli_option *o = cli->command->options; o && o->name && count < 58; o++)
		names[count++] = o->name;
	for (const struct cli_option *o = common_options; o->name; o++)
		names[count++] = o->name;
	names[count] = NULL;
	near = json_nearest(word, names);
	fault_set(why, FAULT_USAGE, "unknown option %.64s of '%s'", word, cli->command->name);
	return near ? fault_fix(why, "did you mean %s?", near)
		    : fault_fix(why, "see 'bpfseal %s --help'", cli->command->name);
}

// Takes one option, and its value from behind '=' or from the next word. Returns how many words, or -1.
static int take_option(struct cli *cli, int argc, char **argv, struct fault *why)
{
	const char *equals = strchr(argv[0], '=');
	size_t len = equals ? (size_t)(equals - argv[0]) : strlen(argv[0]);
	const struct cli_option *option = find_in(cli->command->options, argv[0], len);
	const char *value = equals ? equals + 1 : NULL;
	int words = 1;

	if (!option)
		option = find_in(common_options, argv[0], len);
	if (!option)
		return unknown_option(cli, argv[0], why);
	if (!option->value && value)
		return fault_set(why, FAULT_USAGE, "%s takes no value", option->name);
	if (option->value && !value) {
		if (argc < 2)
			return fault_set(why, FAULT_USAGE, "%s needs a value %s", option->name,
					 option->value);
		value = argv[1];
		words = 2;
	}
	if (!option->repeats && option->value && cli_has(cli, option->name))
		return fault_set(why, FAULT_USAGE, "%s is given twice", option->name);
	cli->given[cli->given_count++] = (struct given){option->name, value};
	return words;
}

static bool is_digit(char letter)
{
	return letter >= '0' && letter <= '9';
}

// A negative number is a word: no option begins with a digit.
static int parse_words(struct cli *cli, int argc, char **argv, struct fault *why)
{
	bool only_args = false;

	for (int i = 0; i < argc;) {
		int words = 1;

		if (!only_args && !strcmp(argv[i], "--"))
			only_args = true;
		else if (!only_args && argv[i][0] == '-' && argv[i][1] && !is_digit(argv[i][1]))
			words = take_option(cli, argc - i, argv + i, why);
		else
			cli->args[cli->arg_count++] = argv[i];
		if (words < 0)
			return -1;
		i += words;
	}
	return 0;
}

static int check_args(const struct cli *cli, struct fault *why)
{
	const struct cli_command *command = cli->command;

	if (cli->arg_count >= command->min_args && cli->arg_count <= command->max_args)
		return 0;
	fault_set(why, FAULT_USAGE, "'%s' takes %s%s", command->name,
		  command->args && *command->args ? command->args : "no words",
		  cli->arg_count < command->min_args ? ", and not all of it was given" : "");
	return fault_fix(why, "see 'bpfseal %s --help'", command->name);
}

// ---- the end of a command ----

static int error_member(const struct fault *why, struct json *error, struct fault *own)
{
	if (json_put_text(error, "code", fault_name(why->code), own) ||
	    json_put_text(error, "message", why->text, own))
		return -1;
	if (why->cause[0] && json_put_text(error, "cause", why->cause, own))
		return -1;
	if (why->where[0] && json_put_text(error, "where", why->where, own))
		return -1;
	if (why->fix[0] && json_put_text(error, "fix", why->fix, own))
		return -1;
	return json_put_int(error, "exit_status", fault_exit_status(why->code), own);
}

static void print_error_document(const struct fault *why)
{
	OWNED(json_drop) struct json *document = json_make_object();
	struct json *error = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};
	struct fault own = {0};

	if (!document || !error || error_member(why, error, &own)) {
		json_free(error);
		return;
	}
	if (json_put_text(document, "schema", "bpfseal.error/1", &own) ||
	    json_put_bool(document, "ok", false, &own) ||
	    json_put(document, "error", error, &own) || json_write(document, false, &text, &own))
		return;
	fputs(bytes_text(&text), stdout);
}

static int finish(const struct cli *cli, struct fault *why)
{
	if (cli->program->asks_nobody && why->code == FAULT_NOT_FOUND)
		why->code = FAULT_USAGE;
	fflush(stdout);
	fault_print(why, stderr);
	if (cli_json(cli) && !cli->document_done)
		print_error_document(why);
	return fault_exit_status(why->code);
}

// A call whose words are off is told in the form that it asked for.
static bool asks_for_json(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--json"))
			return true;
	return false;
}

static int run(struct cli *cli, int argc, char **argv, struct fault *why)
{
	cli->json = asks_for_json(argc, argv);
	if (parse_words(cli, argc, argv, why))
		return -1;
	if (cli_has(cli, "--help")) {
		print_command_help(cli->command);
		return 0;
	}
	if (check_args(cli, why))
		return -1;
	if (cli->command->run(cli, why))
		return -1;
	// A full disk or a closed pipe behind stdout must not look like success.
	if (fflush(stdout) || ferror(stdout))
		return fault_errno(why, FAULT_OTHER, "cannot write to standard output");
	return 0;
}

static int no_command(const struct cli_program *program, int argc, char **argv)
{
	struct fault why = {0};
	const char *names[65];
	size_t count = 0;

	for (const struct cli_command *c = program->commands; c->name && count < 64; c++)
		names[count++] = c->name;
	names[count] = NULL;
	if (argc < 2) {
		fault_set(&why, FAULT_USAGE, "%s: no command given", program->name);
	} else if (argc == 2 && is_first_word(program, argv[1])) {
		fault_set(&why, FAULT_USAGE, "'bpfseal %.64s' needs one more word", argv[1]);
		fault_fix(&why, "see 'bpfseal %.64s --help'", argv[1]);
	} else {
		char asked[128];
		const char *near;

		snprintf(asked, sizeof(asked), "%.60s%s%.60s", argv[1], argc > 2 ? " " : "",
			 argc > 2 ? argv[2] : "");
		near = json_nearest(asked, names);
		if (!near)
			near = json_nearest(argv[1], names);
		fault_set(&why, FAULT_USAGE, "unknown command '%s'",
			  is_first_word(program, argv[1]) ? asked : argv[1]);
		if (near)
			fault_fix(&why, "did you mean 'bpfseal %s'?", near);
	}
	if (!why.fix[0] && argc > 1)
		fault_fix(&why, "see 'bpfseal%s%.64s --help'",
			  is_first_word(program, argv[1]) ? " " : "",
			  is_first_word(program, argv[1]) ? argv[1] : "");
	if (!why.fix[0])
		fault_fix(&why, "see '%s --help'", program->name);
	fault_print(&why, stderr);
	return fault_exit_status(why.code);
}

int cli_main(const struct cli_program *program, int argc, char **argv)
{
	OWNED(drop_heap) struct given *given = NULL;
	OWNED(drop_heap) const char **args = NULL;
	struct cli cli = {.program = program, .now = (int64_t)time(NULL)};
	struct fault why = {0};
	int words = 0;

	if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "help"))) {
		print_program_help(program);
		return 0;
	}
	if (argc >= 2 && !strcmp(argv[1], "--version")) {
		printf("%s %s\n", program->name, VERSION);
		return 0;
	}
	if (argc >= 3 && (!strcmp(argv[2], "--help") || !strcmp(argv[2], "help")) &&
	    is_first_word(program, argv[1])) {
		print_family_help(program, argv[1]);
		return 0;
	}
	cli.command = argc >= 2 ? find_command(program, argc - 1, argv + 1, &words) : NULL;
	if (!cli.command)
		return no_command(program, argc, argv);
	cli.given = given = calloc((size_t)argc, sizeof(*given));
	cli.args = args = calloc((size_t)argc, sizeof(*args));
	if (!given || !args) {
		fault_set(&why, FAULT_OTHER, "out of memory");
		fault_print(&why, stderr);
		return fault_exit_status(why.code);
	}
	if (run(&cli, argc - 1 - words, argv + 1 + words, &why))
		return finish(&cli, &why);
	return 0;
}

// ---- what the command was given ----

size_t cli_arg_count(const struct cli *cli)
{
	return cli->arg_count;
}

const char *cli_arg(const struct cli *cli, size_t index)
{
	return index < cli->arg_count ? cli->args[index] : NULL;
}

bool cli_has(const struct cli *cli, const char *option)
{
	return cli_value_count(cli, option) > 0;
}

size_t cli_value_count(const struct cli *cli, const char *option)
{
	size_t count = 0;

	for (size_t i = 0; i < cli->given_count; i++)
		count += !strcmp(cli->given[i].option, option);
	return count;
}

const char *cli_value_at(const struct cli *cli, const char *option, size_t index)
{
	for (size_t i = 0; i < cli->given_count; i++)
		if (!strcmp(cli->given[i].option, option) && index-- == 0)
			return cli->given[i].value;
	return NULL;
}

const char *cli_value(const struct cli *cli, const char *option)
{
	size_t count = cli_value_count(cli, option);

	return count ? cli_value_at(cli, option, count - 1) : NULL;
}

int cli_need(const struct cli *cli, const char *option, const char **out, struct fault *why)
{
	*out = cli_value(cli, option);
	if (*out)
		return 0;
	fault_set(why, FAULT_USAGE, "'%s' needs %s", cli->command->name, option);
	return fault_fix(why, "see 'bpfseal %s --help'", cli->command->name);
}

static int read_number(const char *text, int64_t min, int64_t max, int64_t *out)
{
	char *end = NULL;
	long long number;

	if (text[0] != '-' && (text[0] < '0' || text[0] > '9'))
		return -1;
	errno = 0;
	number = strtoll(text, &end, 10);
	if (errno || *end || number < min || number > max)
		return -1;
	*out = number;
	return 0;
}

int cli_number(const struct cli *cli, const char *option, int64_t min, int64_t max,
	       int64_t fallback, int64_t *out, struct fault *why)
{
	const char *text = cli_value(cli, option);

	*out = fallback;
	if (text && read_number(text, min, max, out))
		return fault_set(why, FAULT_USAGE,
				 "%s is \"%.32s\", not a number from %" PRId64 " to %" PRId64,
				 option, text, min, max);
	return 0;
}

int cli_duration(const struct cli *cli, const char *option, int64_t fallback_s, int64_t *out_s,
		 struct fault *why)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	const char *text = cli_value(cli, option);
	char digits[16];
	size_t len;

	*out_s = fallback_s;
	if (!text)
		return 0;
	len = strlen(text);
	for (size_t i = 0; len >= 2 && len < sizeof(digits) && i < sizeof(units) / sizeof(*units);
	     i++) {
		int64_t count;

		if (text[len - 1] != units[i].letter)
			continue;
		memcpy(digits, text, len - 1);
		digits[len - 1] = '\0';
		// 100 years: far past any expiry, far from overflow.
		if (read_number(digits, 1, 3153600000 / units[i].seconds, &count))
			break;
		*out_s = count * units[i].seconds;
		return 0;
	}
	return fault_set(why, FAULT_USAGE, "%s is \"%.32s\", not a time such as 90s, 15m, 12h, 30d",
			 option, text);
}

bool cli_json(const struct cli *cli)
{
	return cli->json;
}

bool cli_quiet(const struct cli *cli)
{
	return cli_has(cli, "--quiet");
}

const char *cli_root(const struct cli *cli)
{
	return cli_value(cli, "--root");
}

int cli_path(const struct cli *cli, const char *path, char **out, struct fault *why)
{
	return path_under(cli_root(cli), path, out, why);
}

int64_t cli_now(const struct cli *cli)
{
	return cli->now;
}

// ---- printing ----

static void say(FILE *to, const char *format, va_list arguments)
{
	OWNED(drop_heap) char *line = NULL;
	OWNED(drop_heap) char *safe = NULL;
	int len = vasprintf(&line, format, arguments);

	if (len < 0) {
		line = NULL;
		return;
	}
	safe = malloc(8 * (size_t)len + 1);
	if (safe)
		fprintf(to, "%s%s\n", journal_priority(to, line),
			text_safe(line, safe, 8 * (size_t)len + 1));
}

void cli_say(const struct cli *cli, const char *format, ...)
{
	va_list arguments;

	if (cli_json(cli) || cli_quiet(cli))
		return;
	va_start(arguments, format);
	say(stdout, format, arguments);
	va_end(arguments);
}

void cli_note(const struct cli *cli, const char *format, ...)
{
	va_list arguments;

	if (cli_quiet(cli))
		return;
	// What was said before on stdout comes first, also when both are one file.
	fflush(stdout);
	va_start(arguments, format);
	say(stderr, format, arguments);
	va_end(arguments);
}

int cli_document(const struct cli *cli, const char *schema, struct json *document,
		 struct fault *why)
{
	OWNED(json_drop) struct json *mine = document;
	OWNED(json_drop) struct json *whole = json_make_object();
	OWNED(bytes_drop) struct bytes text = {0};
	struct json_walk walk = {0};

	if (!mine || !whole)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (!cli_json(cli))
		return 0;
	if (json_put_text(whole, "schema", schema, why) || json_put_bool(whole, "ok", true, why))
		return -1;
	while (json_next(mine, &walk))
		if (json_put(whole, walk.key, json_keep(walk.value), why))
			return -1;
	if (json_write(whole, false, &text, why))
		return -1;
	fputs(bytes_text(&text), stdout);
	return 0;
}

void cli_document_done(struct cli *cli)
{
	cli->document_done = true;
}
