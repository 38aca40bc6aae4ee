// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/owned.h"
#include "keys/passphrase.h"

// ---- files and descriptors ----

static void fd_text(int fd, char text[static 12])
{
	snprintf(text, 12, "%d", fd);
}

// A pipe that holds the text and then ends.
static int pipe_of(const char *text)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
	close(ends[1]);
	return ends[0];
}

static struct passphrase_source *source_on(int fd)
{
	struct passphrase_source *source = NULL;
	struct fault why = {0};
	static char text[12];
	const struct passphrase_ways ways = {.fd = text, .terminal = "/nonexistent"};

	fd_text(fd, text);
	assert_int_equal(passphrase_source_new(&ways, &source, &why), 0);
	return source;
}

static void expect(struct passphrase_source *source, const char *text)
{
	OWNED(passphrase_drop) struct passphrase *passphrase = NULL;
	struct fault why = {0};

	assert_int_equal(passphrase_ask(source, "test-key", &passphrase, &why), 0);
	assert_string_equal(passphrase->text, text);
	assert_int_equal(passphrase->len, strlen(text));
}

static void one_line_serves_all_keys(void **state)
{
	OWNED(drop_fd) int fd = pipe_of("one for all\n");
	OWNED(passphrase_source_drop) struct passphrase_source *source = source_on(fd);

	(void)state;
	expect(source, "one for all");
	expect(source, "one for all");
	expect(source, "one for all");
}

static void several_lines_go_to_the_keys_in_order(void **state)
{
	OWNED(drop_fd) int fd = pipe_of("first\nsecond\nthird"); // the last without a newline
	OWNED(passphrase_source_drop) struct passphrase_source *source = source_on(fd);
	struct passphrase *more = NULL;
	struct fault why = {0};

	(void)state;
	expect(source, "first");
	expect(source, "second");
	expect(source, "third");
	assert_int_equal(passphrase_ask(source, "test-key", &more, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_null(more);
}

static void the_new_passphrase_is_never_the_old_line(void **state)
{
	OWNED(drop_fd) int fd = pipe_of("old\n");
	OWNED(passphrase_source_drop) struct passphrase_source *source = source_on(fd);
	struct passphrase *fresh = NULL;
	struct fault why = {0};

	(void)state;
	expect(source, "old");
	assert_int_equal(passphrase_ask_new(source, "test-key", &fresh, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_null(fresh);
}

static void old_and_new_stand_on_two_lines(void **state)
{
	OWNED(drop_fd) int fd = pipe_of("old\nnew\n");
	OWNED(passphrase_source_drop) struct passphrase_source *source = source_on(fd);
	OWNED(passphrase_drop) struct passphrase *fresh = NULL;
	struct fault why = {0};

	(void)state;
	expect(source, "old");
	assert_int_equal(passphrase_ask_new(source, "test-key", &fresh, &why), 0);
	assert_string_equal(fresh->text, "new");
}

static void refused_new(const char *text)
{
	OWNED(drop_fd) int fd = pipe_of(text);
	OWNED(passphrase_source_drop) struct passphrase_source *source = source_on(fd);
	struct passphrase *fresh = NULL;
	struct fault why = {0};

	assert_int_equal(passphrase_ask_new(source, "test-key", &fresh, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_null(fresh);
}

static void an_empty_new_passphrase_is_refused(void **state)
{
	(void)state;
	refused_new("\n");
	refused_new("");
}

static void a_passphrase_that_is_too_long_is_refused(void **state)
{
	char text[PASSPHRASE_MAX + 3];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 2] = '\n';
	text[sizeof(text) - 1] = '\0';
	refused_new(text);
}

static void more_lines_than_keys_can_be_are_refused(void **state)
{
	char text[2 * PASSPHRASE_LINES_MAX + 3] = "";

	(void)state;
	for (size_t i = 0; i < PASSPHRASE_LINES_MAX + 1; i++)
		memcpy(text + 2 * i, "a\n", 3);
	refused_new(text);
}

static void the_longest_passphrase_fits_on_every_line(void **state)
{
	static char text[PASSPHRASE_LINES_MAX * (PASSPHRASE_MAX + 1) + 1];
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	char path[] = "/tmp/passphrase_test.XXXXXX";
	OWNED(drop_fd) int fd = mkstemp(path);

	(void)state;
	memset(text, 'y', sizeof(text) - 1);
	for (size_t i = 1; i < PASSPHRASE_LINES_MAX; i++)
		text[i * (PASSPHRASE_MAX + 1) - 1] = '\n';
	text[sizeof(text) - 2] = '\0'; // the last line ends without a newline
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	unlink(path);
	source = source_on(fd);
	for (size_t i = 0; i < PASSPHRASE_LINES_MAX; i++) {
		OWNED(passphrase_drop) struct passphrase *one = NULL;
		struct fault why = {0};

		assert_int_equal(passphrase_ask(source, "test-key", &one, &why), 0);
		assert_int_equal(one->len, PASSPHRASE_MAX);
	}
}

static void both_ways_at_once_are_refused(void **state)
{
	const struct passphrase_ways ways = {.fd = "5", .file = "x", .terminal = "/nonexistent"};
	struct passphrase_source *source = NULL;
	struct fault why = {0};

	(void)state;
	assert_int_equal(passphrase_source_new(&ways, &source, &why), -1);
	assert_int_equal(why.code, FAULT_USAGE);
	assert_null(source);
}

static void ask_refused(const struct passphrase_ways *ways, struct fault *why)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	struct passphrase *passphrase = NULL;

	assert_int_equal(passphrase_source_new(ways, &source, why), 0);
	assert_int_equal(passphrase_ask(source, "test-key", &passphrase, why), -1);
	assert_int_equal(why->code, FAULT_USAGE);
	assert_null(passphrase);
}

static void without_any_way_the_fix_names_them_all(void **state)
{
	const struct passphrase_ways ways = {.terminal = "/nonexistent"};
	struct fault why = {0};

	(void)state;
	ask_refused(&ways, &why);
	assert_non_null(strstr(why.fix, "--passphrase-fd"));
	assert_non_null(strstr(why.fix, "--passphrase-file"));
	assert_non_null(strstr(why.fix, "CREDENTIALS_DIRECTORY"));
	assert_non_null(strstr(why.fix, "terminal"));
}

static void a_descriptor_that_is_none_is_refused(void **state)
{
	static const char *const words[] = {"", "x", "-1", "1x", "99999", "999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct passphrase_ways ways = {.fd = words[i], .terminal = "/nonexistent"};
		struct fault why = {0};

		ask_refused(&ways, &why);
	}
}

static void a_missing_file_does_not_fall_back_to_the_terminal(void **state)
{
	const struct passphrase_ways ways = {.file = "/nonexistent/pass", .terminal = "/dev/null"};
	struct fault why = {0};

	(void)state;
	ask_refused(&ways, &why);
}

static void the_credential_of_a_service_is_used(void **state)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	char dir[] = "/tmp/passphrase_test.XXXXXX", path[64];
	struct fault why = {0};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/bpfseal.passphrase", dir);
	assert_int_equal(file_create(path, "from systemd\n", 13, 0400, &why), 0);
	const struct passphrase_ways ways = {.directory = dir, .terminal = "/nonexistent"};

	assert_int_equal(passphrase_source_new(&ways, &source, &why), 0);
	expect(source, "from systemd");
	unlink(path);
	rmdir(dir);
}

// ---- a terminal ----

// What the child does on its terminal: asks for a new passphrase and answers with the text and its exit status.
static int child_ask(int answer, const char *terminal)
{
	OWNED(passphrase_source_drop) struct passphrase_source *source = NULL;
	OWNED(passphrase_drop) struct passphrase *passphrase = NULL;
	const struct passphrase_ways ways = {.terminal = terminal};
	struct fault why = {0};

	if (passphrase_source_new(&ways, &source, &why) != 0)
		return 100;
	if (passphrase_ask_new(source, "test-key", &passphrase, &why) != 0)
		return why.code == FAULT_USAGE ? 2 : 101;
	return file_write_all(answer, passphrase->text, passphrase->len, &why) == 0 ? 0 : 102;
}

struct seat {
	int terminal; // our end
	int answer;
	pid_t child;
};

static void seat_take(struct seat *seat)
{
	char name[64];
	int ends[2];

	seat->terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(seat->terminal >= 0);
	assert_int_equal(grantpt(seat->terminal), 0);
	assert_int_equal(unlockpt(seat->terminal), 0);
	assert_int_equal(ptsname_r(seat->terminal, name, sizeof(name)), 0);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	seat->child = fork();
	assert_true(seat->child >= 0);
	if (seat->child == 0) {
		setsid();
		OWNED(drop_fd) int own = open(name, O_RDWR); // becomes the controlling terminal

		_exit(own < 0 ? 103 : child_ask(ends[1], name));
	}
	close(ends[1]);
	seat->answer = ends[0];
}

// Everything the terminal shows until `word` does.
static void shown_until(const struct seat *seat, const char *word, char *all, size_t room)
{
	size_t len = strlen(all);

	while (!strstr(all, word)) {
		ssize_t got;

		assert_true(len + 1 < room);
		got = read(seat->terminal, all + len, room - 1 - len);
		assert_true(got > 0);
		len += (size_t)got;
		all[len] = '\0';
	}
}

static void type(const struct seat *seat, const char *text)
{
	assert_int_equal(write(seat->terminal, text, strlen(text)), (ssize_t)strlen(text));
}

static int seat_leave(struct seat *seat)
{
	int status = 0;

	assert_int_equal(waitpid(seat->child, &status, 0), seat->child);
	return status;
}

static void seat_clear(struct seat *seat)
{
	close(seat->terminal);
	close(seat->answer);
}

static bool echo_is_on(const struct seat *seat)
{
	struct termios now;

	assert_int_equal(tcgetattr(seat->terminal, &now), 0);
	return (now.c_lflag & ECHO) != 0;
}

static void a_terminal_is_asked_twice_and_shows_nothing(void **state)
{
	char all[1024] = "", answer[64] = "";
	struct seat seat;
	int status;

	(void)state;
	seat_take(&seat);
	shown_until(&seat, "New passphrase for test-key: ", all, sizeof(all));
	assert_false(echo_is_on(&seat));
	type(&seat, "swordfish\n");
	shown_until(&seat, "Once more for test-key: ", all, sizeof(all));
	type(&seat, "swordfish\n");
	status = seat_leave(&seat);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_int_equal(read(seat.answer, answer, sizeof(answer) - 1), 9);
	assert_string_equal(answer, "swordfish");
	assert_null(strstr(all, "swordfish"));
	assert_true(echo_is_on(&seat));
	seat_clear(&seat);
}

static void two_answers_that_differ_are_refused(void **state)
{
	char all[1024] = "";
	struct seat seat;
	int status;

	(void)state;
	seat_take(&seat);
	shown_until(&seat, "New passphrase for test-key: ", all, sizeof(all));
	type(&seat, "swordfish\n");
	shown_until(&seat, "Once more for test-key: ", all, sizeof(all));
	type(&seat, "swordfisch\n");
	status = seat_leave(&seat);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 2);
	assert_true(echo_is_on(&seat));
	seat_clear(&seat);
}

static void a_signal_leaves_the_echo_on(void **state)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};

	(void)state;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		char all[1024] = "";
		struct seat seat;
		int status;

		seat_take(&seat);
		shown_until(&seat, "New passphrase for test-key: ", all, sizeof(all));
		assert_false(echo_is_on(&seat));
		assert_int_equal(kill(seat.child, signals[i]), 0);
		status = seat_leave(&seat);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), signals[i]);
		assert_true(echo_is_on(&seat));
		seat_clear(&seat);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_serves_all_keys),
		cmocka_unit_test(several_lines_go_to_the_keys_in_order),
		cmocka_unit_test(the_new_passphrase_is_never_the_old_line),
		cmocka_unit_test(old_and_new_stand_on_two_lines),
		cmocka_unit_test(an_empty_new_passphrase_is_refused),
		cmocka_unit_test(a_passphrase_that_is_too_long_is_refused),
		cmocka_unit_test(more_lines_than_keys_can_be_are_refused),
		cmocka_unit_test(the_longest_passphrase_fits_on_every_line),
		cmocka_unit_test(both_ways_at_once_are_refused),
		cmocka_unit_test(without_any_way_the_fix_names_them_all),
		cmocka_unit_test(a_descriptor_that_is_none_is_refused),
		cmocka_unit_test(a_missing_file_does_not_fall_back_to_the_terminal),
		cmocka_unit_test(the_credential_of_a_service_is_used),
		cmocka_unit_test(a_terminal_is_asked_twice_and_shows_nothing),
		cmocka_unit_test(two_answers_that_differ_are_refused),
		cmocka_unit_test(a_signal_leaves_the_echo_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
