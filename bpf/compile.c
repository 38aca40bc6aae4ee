// SPDX-License-Identifier: Apache-2.0
#include "bpf/compile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owned.h"
#include "base/worker.h"
#include "bpf/inspect.h"

#define WORDS_MAX	64
#define INCLUDE_MAX	8
#define RULE_MAX	(256u << 10) // bytes of the list of files that were read
#define INPUT_MAX	(16u << 20)  // of one of them: a vmlinux.h has about 4 MiB
#define VERSION_MAX_LEN 200	     // what a manifest takes as a line
// Where the child has the list of files that it read: behind its three standard descriptors.
#define RULE_FD 3

// The words of one call of the compiler. Those that were made are owned.
struct words {
	const char *list[WORDS_MAX + 1];
	char *made[WORDS_MAX];
	size_t count, made_count;
};

static void words_drop(struct words *words)
{
	for (size_t i = 0; i < words->made_count; i++)
		free(words->made[i]);
}

static void words_add(struct words *words, const char *word)
{
	if (words->count < WORDS_MAX)
		words->list[words->count++] = word;
}

static int words_make(struct words *words, struct fault *why, const char *front, const char *middle,
		      const char *back)
{
	char *word;

	if (words->made_count == WORDS_MAX || asprintf(&word, "%s%s%s", front, middle, back) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	words->made[words->made_count++] = word;
	words_add(words, word);
	return 0;
}

static const char *clang_of(const struct compile_place *place)
{
	return place->clang ? place->clang : "clang";
}

// Never the directory, the user or the time of the build in the object: file names are relative to the directory, and
// __DATE__ is an error. DWARF 5 would hold the digest of each header, so that a comment changed in one of the system's made
// another object of the same instructions; DWARF 4 has line numbers only.
static int words_compile(const struct compile_place *place, const char *source, struct words *words,
			 struct fault *why)
{
	static const char *const fixed[] = {"-O2",
					    "-g",
					    "-gdwarf-4",
					    "-target",
					    "bpf",
					    "-mcpu=v3",
					    "-Wall",
					    "-Werror=date-time",
					    "-fdebug-compilation-dir=.",
					    "-I."};
	struct utsname machine;
	char number[40];

	if (uname(&machine))
		return fault_errno(why, FAULT_OTHER, "cannot name this machine");
	words_add(words, clang_of(place));
	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++)
		words_add(words, fixed[i]);
	for (size_t i = 0; i < place->include_count; i++) {
		snprintf(number, sizeof(number), "=include-%zu", i + 1);
		if (words_make(words, why, "-I", place->includes[i], "") ||
		    words_make(words, why, "-ffile-prefix-map=", place->includes[i], number))
			return -1;
	}
	// The kernel's asm/ headers; behind all others, and the system's: not among the author's files.
	words_add(words, "-idirafter");
	if (words_make(words, why, "/usr/include/", machine.machine, "-linux-gnu"))
		return -1;
	words_add(words, "-MMD");
	words_add(words, "-MT");
	words_add(words, "rule");
	words_add(words, "-MF");
	words_add(words, "/proc/self/fd/3");
	words_add(words, "-c");
	words_add(words, source);
	words_add(words, "-o");
	words_add(words, "-");
	return 0;
}

static int memory_file(const char *name, int *out, struct fault *why)
{
	// Never one of the numbers that the child gives away.
	OWNED(drop_fd) int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd < 0)
		return fault_errno(why, FAULT_OTHER, "cannot make a memory file");
	*out = fcntl(fd, F_DUPFD_CLOEXEC, RULE_FD + 1);
	return *out < 0 ? fault_errno(why, FAULT_OTHER, "cannot keep a descriptor") : 0;
}

static void run_child(const struct words *words, const char *dir, int out_fd, int rule_fd)
{
	if (chdir(dir) || dup2(out_fd, STDOUT_FILENO) < 0 || dup2(rule_fd, RULE_FD) < 0)
		_exit(126);
	execvp(words->list[0], (char *const *)(uintptr_t)words->list);
	_exit(errno == ENOENT ? 127 : 126);
}

// What it writes to stdout and to the third descriptor. Its stderr is ours.
static int words_run(const struct words *words, const char *dir, size_t max, struct bytes *out,
		     struct bytes *rule, struct fault *why)
{
	OWNED(drop_fd) int out_fd = -1;
	OWNED(drop_fd) int rule_fd = -1;
	int status;
	pid_t child;

	if (memory_file("stdout", &out_fd, why) || memory_file("rule", &rule_fd, why))
		return -1;
	child = fork();
	if (child == 0)
		run_child(words, dir, out_fd, rule_fd);
	if (child < 0)
		return fault_errno(why, FAULT_OTHER, "cannot start the compiler");
	status = worker_reap(child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
		fault_set(why, FAULT_OTHER, "there is no compiler %s", words->list[0]);
		return fault_fix(why, "install Debian's package clang, or name one with --clang");
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return fault_set(why, FAULT_OTHER, "%s ended with %s %d", words->list[0],
				 WIFSIGNALED(status) ? "signal" : "status",
				 WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (file_read_fd(out_fd, max, out, why))
		return -1;
	return file_read_fd(rule_fd, RULE_MAX, rule, why);
}

// ---- what was read ----

void compile_inputs_drop(struct compile_inputs *inputs)
{
	for (size_t i = 0; i < inputs->count; i++)
		free(inputs->names[i]);
	inputs->count = 0;
}

static bool is_listable(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name < 0x20 || *name == 0x7f || *name == '\\')
			return false;
	return true;
}

// "./a/b.h" is "a/b.h"; what lies below an include directory goes by that one's number.
static int input_name(const struct compile_place *place, const char *path, char **out,
		      struct fault *why)
{
	if (!is_listable(path))
		return fault_set(why, FAULT_USAGE, "the name of a header cannot be listed: %s",
				 path);
	for (size_t i = 0; i < place->include_count; i++) {
		size_t len = strlen(place->includes[i]);

		if (strncmp(path, place->includes[i], len) != 0 || path[len] != '/')
			continue;
		if (asprintf(out, "include-%zu%s", i + 1, path + len) < 0)
			return fault_set(why, FAULT_OTHER, "out of memory");
		return 0;
	}
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return text_copy(path, out, why);
}

// In order of the names; one that is there already stays.
static int input_add(const struct compile_place *place, const char *path,
		     struct compile_inputs *inputs, struct fault *why)
{
	OWNED(drop_heap) char *name = NULL;
	OWNED(drop_heap) char *full = NULL;
	OWNED(bytes_drop) struct bytes data = {0};
	size_t at = 0;

	if (input_name(place, path, &name, why))
		return -1;
	while (at < inputs->count && strcmp(inputs->names[at], name) < 0)
		at++;
	if (at < inputs->count && !strcmp(inputs->names[at], name))
		return 0;
	if (inputs->count == COMPILE_INPUTS_MAX)
		return fault_set(why, FAULT_TOO_LARGE,
				 "a bundle is made of at most %d source files", COMPILE_INPUTS_MAX);
	if (asprintf(&full, "%s%s%s", path[0] == '/' ? "" : place->dir, path[0] == '/' ? "" : "/",
		     path) < 0)
		return fault_set(why, FAULT_OTHER, "out of memory");
	if (file_read(full, INPUT_MAX, &data, why))
		return -1;
	memmove(&inputs->names[at + 1], &inputs->names[at],
		(inputs->count - at) * sizeof(*inputs->names));
	memmove(&inputs->sha256[at + 1], &inputs->sha256[at],
		(inputs->count - at) * sizeof(*inputs->sha256));
	inputs->names[at] = HAND_OVER(name);
	inputs->count++;
	return sha256_of(data.data, data.len, &inputs->sha256[at], why);
}

// One word of a rule as make has it: a blank, '#' and a line's end behind a backslash, '$' doubled. Returns what is
// behind it; `word` is empty at the end.
static const char *rule_word(const char *at, char *word, size_t room)
{
	size_t len = 0;

	while (*at == ' ' || *at == '\n' || (*at == '\\' && at[1] == '\n'))
		at += *at == '\\' ? 2 : 1;
	while (*at && *at != ' ' && *at != '\n' && !(*at == '\\' && at[1] == '\n')) {
		if ((*at == '\\' && (at[1] == ' ' || at[1] == '#')) || (*at == '$' && at[1] == '$'))
			at++;
		if (len + 1 < room)
			word[len++] = *at;
		at++;
	}
	word[len] = '\0';
	return at;
}

static int read_rule(const struct compile_place *place, const char *rule,
		     struct compile_inputs *inputs, struct fault *why)
{
	char word[4096];
	const char *at = rule_word(rule, word, sizeof(word));

	if (strcmp(word, "rule:") != 0)
		return fault_set(why, FAULT_OTHER, "%s does not tell which files it read",
				 clang_of(place));
	for (at = rule_word(at, word, sizeof(word)); *word; at = rule_word(at, word, sizeof(word)))
		if (input_add(place, word, inputs, why))
			return -1;
	return 0;
}

int compile_inputs_digest(const struct compile_inputs *inputs, struct sha256 *out,
			  struct fault *why)
{
	OWNED(bytes_drop) struct bytes listing = {0};
	char hex[SHA256_HEX];

	for (size_t i = 0; i < inputs->count; i++) {
		sha256_hex(&inputs->sha256[i], hex);
		if (bytes_format(&listing, why, "%s  %s\n", hex, inputs->names[i]))
			return -1;
	}
	return sha256_of(listing.data, listing.len, out, why);
}

// ---- the compiler ----

int compile_source(const struct compile_place *place, const char *source, struct bytes *object,
		   struct compile_inputs *inputs, struct fault *why)
{
	OWNED(words_drop) struct words words = {.count = 0};
	OWNED(bytes_drop) struct bytes rule = {0};

	if (place->include_count > INCLUDE_MAX)
		return fault_set(why, FAULT_USAGE, "at most %d directories of headers",
				 INCLUDE_MAX);
	if (words_compile(place, source, &words, why))
		return -1;
	if (words_run(&words, place->dir, INSPECT_OBJECT_MAX, object, &rule, why))
		return fault_within(why, "%s does not compile", source);
	return read_rule(place, bytes_text(&rule), inputs, why);
}

int compile_version(const struct compile_place *place, char **out, struct fault *why)
{
	OWNED(words_drop) struct words words = {.count = 0};
	OWNED(bytes_drop) struct bytes text = {0};
	OWNED(bytes_drop) struct bytes rule = {0};
	size_t len;

	words_add(&words, clang_of(place));
	words_add(&words, "--version");
	if (words_run(&words, ".", RULE_MAX, &text, &rule, why))
		return -1;
	len = strcspn(bytes_text(&text), "\n");
	if (!len || len > VERSION_MAX_LEN)
		return fault_set(why, FAULT_OTHER, "%s does not tell its version", words.list[0]);
	text.data[len] = '\0';
	if (!is_listable(bytes_text(&text)))
		return fault_set(why, FAULT_OTHER, "%s does not tell its version", words.list[0]);
	return text_copy(bytes_text(&text), out, why);
}
