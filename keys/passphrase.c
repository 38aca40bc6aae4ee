// SPDX-License-Identifier: Apache-2.0
#include "keys/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>

#include "base/file.h"
#include "base/owned.h"

#define CREDENTIAL_NAME "bpfseal.passphrase"
// How often a prompt looks for a pending signal.
#define PROMPT_TICK_MS 100

enum source_kind { SOURCE_LINES, SOURCE_TERMINAL };

// Lines are kept one behind the other, each with its NUL, in locked memory.
struct passphrase_source {
	struct passphrase_ways ways;
	bool opened;
	enum source_kind kind;
	char *lines;
	size_t count;
	size_t taken;
};

#define LINES_ROOM (PASSPHRASE_LINES_MAX * (size_t)(PASSPHRASE_MAX + 1))

int passphrase_new(struct passphrase **out, struct fault *why)
{
	struct passphrase *passphrase;

	if (sodium_init() < 0)
		return fault_set(why, FAULT_OTHER, "the random number source does not answer");
	passphrase = sodium_malloc(sizeof(*passphrase));
	if (!passphrase)
		return fault_set(why, FAULT_OTHER, "no locked memory for a passphrase");
	memset(passphrase, 0, sizeof(*passphrase));
	*out = passphrase;
	return 0;
}

void passphrase_free(struct passphrase *passphrase)
{
	sodium_free(passphrase); // wipes first; takes NULL
}

int passphrase_source_new(const struct passphrase_ways *ways, struct passphrase_source **out,
			  struct fault *why)
{
	struct passphrase_source *source;

	if (ways->fd && ways->file)
		return fault_set(why, FAULT_USAGE,
				 "--passphrase-fd and --passphrase-file cannot stand together");
	source = calloc(1, sizeof(*source));
	if (!source)
		return fault_set(why, FAULT_OTHER, "out of memory");
	source->ways = *ways;
	*out = source;
	return 0;
}

int passphrase_source_of(const struct cli *cli, struct passphrase_source **out, struct fault *why)
{
	const struct passphrase_ways ways = {
		.fd = cli_value(cli, "--passphrase-fd"),
		.file = cli_value(cli, "--passphrase-file"),
		.directory = getenv("CREDENTIALS_DIRECTORY"),
		.terminal = "/dev/tty",
	};

	return passphrase_source_new(&ways, out, why);
}

void passphrase_source_free(struct passphrase_source *source)
{
	if (!source)
		return;
	sodium_free(source->lines);
	free(source);
}

bool passphrase_is_asked(const struct passphrase_source *source)
{
	return source->opened && source->kind == SOURCE_TERMINAL;
}

// "0".."65535" and nothing else, or -1.
static int fd_number(const char *text)
{
	int fd = 0;

	if (!*text || strlen(text) > 5)
		return -1;
	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '9')
			return -1;
		fd = fd * 10 + (*at - '0');
	}
	return fd;
}

// Splits what stands in `lines` (len bytes) at the newlines, in place; an end without a newline is a line too.
static int lines_split(struct passphrase_source *source, size_t len, const char *name,
		       struct fault *why)
{
	size_t start = 0;

	source->count = 0;
	if (len > 0 && source->lines[len - 1] != '\n')
		source->lines[len++] = '\n';
	for (size_t i = 0; i < len; i++) {
		if (source->lines[i] == '\0')
			return fault_set(why, FAULT_USAGE, "%s holds a NUL byte", name);
		if (source->lines[i] != '\n')
			continue;
		if (i - start > PASSPHRASE_MAX)
			return fault_set(why, FAULT_USAGE, "a passphrase in %s is too long", name);
		if (++source->count > PASSPHRASE_LINES_MAX)
			return fault_set(why, FAULT_USAGE, "%s holds more than %d lines", name,
					 PASSPHRASE_LINES_MAX);
		source->lines[i] = '\0';
		start = i + 1;
	}
	if (source->count == 0)
		return fault_set(why, FAULT_USAGE, "%s holds no passphrase", name);
	return 0;
}

// Reads to the end straight into locked memory: no copy stays in a stdio or heap buffer.
static int lines_read(struct passphrase_source *source, int fd, const char *name, struct fault *why)
{
	size_t len = 0;
	ssize_t got;

	if (sodium_init() < 0)
		return fault_set(why, FAULT_OTHER, "the random number source does not answer");
	source->lines = sodium_malloc(LINES_ROOM + 1);
	if (!source->lines)
		return fault_set(why, FAULT_OTHER, "no locked memory for passphrases");
	while (len < LINES_ROOM) {
		got = read(fd, source->lines + len, LINES_ROOM - len);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return fault_errno(why, FAULT_USAGE, "cannot read a passphrase from %s",
					   name);
		if (got == 0)
			break;
		len += (size_t)got;
	}
	if (len == LINES_ROOM)
		return fault_set(why, FAULT_USAGE, "%s is too long for passphrases", name);
	source->kind = SOURCE_LINES;
	return lines_split(source, len, name, why);
}

static int source_open_path(struct passphrase_source *source, const char *path, struct fault *why)
{
	OWNED(drop_fd) int fd = -1;

	// A process that may not be dumped cannot open its own /dev/fd/N, which is what a shell's <(...) gives.
	if (strncmp(path, "/dev/fd/", 8) == 0 && fd_number(path + 8) >= 0)
		return lines_read(source, fd_number(path + 8), path, why);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return fault_errno(why, FAULT_USAGE, "cannot open the passphrase file %s", path);
	return lines_read(source, fd, path, why);
}

static int no_way(struct fault *why)
{
	fault_set(why, FAULT_USAGE, "a passphrase is needed and there is no terminal to ask on");
	return fault_fix(why, "use one of: --passphrase-fd N, --passphrase-file FILE, "
			      "$CREDENTIALS_DIRECTORY/" CREDENTIAL_NAME ", a terminal");
}

// The credential of a service, when there is one. Sets `*found`.
static int source_open_credential(struct passphrase_source *source, bool *found, struct fault *why)
{
	OWNED(drop_fd) int dir = -1;
	OWNED(drop_fd) int fd = -1;

	*found = false;
	if (!source->ways.directory)
		return 0;
	dir = open(source->ways.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = dir < 0 ? -1 : openat(dir, CREDENTIAL_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return 0;
	*found = true;
	return lines_read(source, fd, "the credential " CREDENTIAL_NAME, why);
}

static int source_open(struct passphrase_source *source, struct fault *why)
{
	OWNED(drop_fd) int terminal = -1;
	bool found = false;

	if (source->opened)
		return 0;
	if (source->ways.fd) {
		int fd = fd_number(source->ways.fd);

		if (fd < 0)
			return fault_set(why, FAULT_USAGE, "--passphrase-fd %s is not a descriptor",
					 source->ways.fd);
		if (lines_read(source, fd, "--passphrase-fd", why) != 0)
			return -1;
	} else if (source->ways.file) {
		if (source_open_path(source, source->ways.file, why) != 0)
			return -1;
	} else {
		if (source_open_credential(source, &found, why) != 0)
			return -1;
		if (!found) {
			terminal = open(source->ways.terminal, O_RDWR | O_CLOEXEC | O_NOCTTY);
			if (terminal < 0)
				return no_way(why);
			source->kind = SOURCE_TERMINAL;
		}
	}
	source->opened = true;
	return 0;
}

// The terminal while its echo is off. Signals that end or stop the process are held back, so that it is always ours
// to put the echo back first; no handler and no global is needed.
struct prompt {
	int fd;
	struct termios before;
	sigset_t held, mask;
	bool quiet;
};

static void prompt_shut(struct prompt *prompt)
{
	if (prompt->quiet) {
		tcsetattr(prompt->fd, TCSAFLUSH, &prompt->before);
		// A pending signal strikes here, with the terminal as it was.
		sigprocmask(SIG_SETMASK, &prompt->mask, NULL);
	}
	prompt->quiet = false;
	drop_fd(&prompt->fd);
}

static int prompt_hush(struct prompt *prompt, struct fault *why)
{
	struct termios silent;

	sigemptyset(&prompt->held);
	sigaddset(&prompt->held, SIGINT);
	sigaddset(&prompt->held, SIGTERM);
	sigaddset(&prompt->held, SIGHUP);
	sigaddset(&prompt->held, SIGQUIT);
	sigaddset(&prompt->held, SIGTSTP);
	sigprocmask(SIG_BLOCK, &prompt->held, &prompt->mask);
	silent = prompt->before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
	if (tcsetattr(prompt->fd, TCSAFLUSH, &silent) != 0) {
		fault_errno(why, FAULT_USAGE, "the terminal's echo cannot be switched off");
		sigprocmask(SIG_SETMASK, &prompt->mask, NULL);
		return -1;
	}
	prompt->quiet = true;
	return 0;
}

static int prompt_open(const char *terminal, struct prompt *prompt, struct fault *why)
{
	prompt->fd = open(terminal, O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (prompt->fd < 0 || tcgetattr(prompt->fd, &prompt->before) != 0)
		return no_way(why);
	return prompt_hush(prompt, why);
}

// Lets a signal that came during the prompt do its work with the echo on. Comes back only after a stop (SIGTSTP): the
// terminal may have changed meanwhile, so it is looked at anew.
static int prompt_signal(struct prompt *prompt, struct fault *why)
{
	tcsetattr(prompt->fd, TCSAFLUSH, &prompt->before);
	prompt->quiet = false;
	sigprocmask(SIG_SETMASK, &prompt->mask, NULL);
	if (tcgetattr(prompt->fd, &prompt->before) != 0)
		return fault_errno(why, FAULT_USAGE, "the terminal was closed");
	return prompt_hush(prompt, why);
}

static bool prompt_signalled(const struct prompt *prompt)
{
	sigset_t pending;

	sigemptyset(&pending);
	sigpending(&pending);
	for (int number = 1; number < NSIG; number++)
		if (sigismember(&pending, number) == 1 && sigismember(&prompt->held, number) == 1)
			return true;
	return false;
}

// One line of the terminal into `out`, without its newline.
static int prompt_line(struct prompt *prompt, const char *words, struct passphrase *out,
		       struct fault *why)
{
	ssize_t got = -1;

	if (file_write_all(prompt->fd, words, strlen(words), why) != 0)
		return -1;
	while (got < 0) {
		struct pollfd ready = {.fd = prompt->fd, .events = POLLIN};
		int polled = poll(&ready, 1, PROMPT_TICK_MS);

		if (prompt_signalled(prompt)) {
			if (prompt_signal(prompt, why) != 0 ||
			    file_write_all(prompt->fd, words, strlen(words), why) != 0)
				return -1;
			continue;
		}
		if (polled < 0 && errno != EINTR)
			return fault_errno(why, FAULT_USAGE, "cannot wait for the terminal");
		if (polled <= 0)
			continue;
		got = read(prompt->fd, out->text, PASSPHRASE_MAX + 1);
		if (got < 0 && errno != EINTR && errno != EAGAIN)
			return fault_errno(why, FAULT_USAGE, "cannot read from the terminal");
	}
	if (file_write_all(prompt->fd, "\n", 1, why) != 0)
		return -1;
	if (got == 0)
		return fault_set(why, FAULT_USAGE, "no passphrase was given");
	if (got > PASSPHRASE_MAX)
		return fault_set(why, FAULT_USAGE, "the passphrase is longer than %d bytes",
				 PASSPHRASE_MAX);
	out->len = (size_t)got - (out->text[got - 1] == '\n');
	out->text[out->len] = '\0';
	return 0;
}

static int terminal_ask(const struct passphrase_source *source, const char *before,
			const char *what, struct passphrase **out, struct fault *why)
{
	OWNED(passphrase_drop) struct passphrase *answer = NULL;
	OWNED(prompt_shut) struct prompt prompt = {.fd = -1};
	char safe[200], words[300];

	if (passphrase_new(&answer, why) != 0)
		return -1;
	snprintf(words, sizeof(words), "%s %s: ", before, text_safe(what, safe, sizeof(safe)));
	if (prompt_open(source->ways.terminal, &prompt, why) != 0 ||
	    prompt_line(&prompt, words, answer, why) != 0)
		return -1;
	*out = HAND_OVER(answer);
	return 0;
}

// Line `index` of the file or descriptor.
static int line_take(const struct passphrase_source *source, size_t index, struct passphrase **out,
		     struct fault *why)
{
	OWNED(passphrase_drop) struct passphrase *answer = NULL;
	const char *line = source->lines;

	for (size_t i = 0; i < index; i++)
		line += strlen(line) + 1;
	if (passphrase_new(&answer, why) != 0)
		return -1;
	answer->len = strlen(line);
	memcpy(answer->text, line, answer->len + 1);
	*out = HAND_OVER(answer);
	return 0;
}

int passphrase_ask(struct passphrase_source *source, const char *what, struct passphrase **out,
		   struct fault *why)
{
	size_t index;

	if (source_open(source, why) != 0)
		return -1;
	if (source->kind == SOURCE_TERMINAL)
		return terminal_ask(source, "Passphrase of", what, out, why);
	index = source->count == 1 ? 0 : source->taken;
	if (index >= source->count)
		return fault_set(why, FAULT_USAGE,
				 "only %zu passphrases were given and %s needs another",
				 source->count, what);
	source->taken = index + 1;
	return line_take(source, index, out, why);
}

static int terminal_ask_new(const struct passphrase_source *source, const char *what,
			    struct passphrase **out, struct fault *why)
{
	OWNED(passphrase_drop) struct passphrase *first = NULL;
	OWNED(passphrase_drop) struct passphrase *again = NULL;

	if (terminal_ask(source, "New passphrase for", what, &first, why) != 0 ||
	    terminal_ask(source, "Once more for", what, &again, why) != 0)
		return -1;
	if (first->len != again->len || sodium_memcmp(first->text, again->text, first->len) != 0)
		return fault_set(why, FAULT_USAGE, "the two passphrases differ");
	*out = HAND_OVER(first);
	return 0;
}

static int source_ask_new(struct passphrase_source *source, const char *what,
			  struct passphrase **out, struct fault *why)
{
	if (source_open(source, why) != 0)
		return -1;
	if (source->kind == SOURCE_TERMINAL)
		return terminal_ask_new(source, what, out, why);
	if (source->taken >= source->count)
		return fault_set(why, FAULT_USAGE,
				 "the new passphrase for %s must stand on a line of its own", what);
	return line_take(source, source->taken++, out, why);
}

int passphrase_ask_new(struct passphrase_source *source, const char *what, struct passphrase **out,
		       struct fault *why)
{
	OWNED(passphrase_drop) struct passphrase *answer = NULL;

	if (source_ask_new(source, what, &answer, why) != 0)
		return -1;
	if (answer->len == 0) {
		fault_set(why, FAULT_USAGE, "an empty passphrase protects nothing");
		return fault_fix(why, "say --no-passphrase if the key is to lie there unlocked");
	}
	*out = HAND_OVER(answer);
	return 0;
}
